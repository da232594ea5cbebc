\i test/sql-setup.psql
SELECT plan(26);

-- as PostgREST: a session of the authenticator, a role, an account; the result, or the error
CREATE FUNCTION pg_temp.as_account(account text, command text, role text DEFAULT 'clinician') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_authorization', 'medrec_authenticator', true);
	PERFORM set_config('role', 'medrec_' || role, true), set_config('request.jwt.claims', json_build_object('sub', account)::text, true);
	BEGIN
		EXECUTE command INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.jwt.claims', '', true);
	RETURN result;
END
$$;
-- row, field and code of each fault
CREATE FUNCTION pg_temp.short(faults jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', f ->> 'row', COALESCE(f ->> 'field', '-'), f ->> 'code'), ', ' ORDER BY n) FROM jsonb_array_elements(faults) WITH ORDINALITY AS e (f, n)
$$;
CREATE FUNCTION pg_temp.checked(view_name text, rows json) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.short(medrec.check_rows(view_name, rows) -> 'faults')
$$;

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E119|1|Type 2 diabetes mellitus without complications', 'I10|1|Essential (primary) hypertension')) \gset
INSERT INTO medrec.account (username, role) VALUES ('ann', 'clinician'), ('bob', 'clinician'), ('cody', 'coder');
INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 1, 'male', 'PA'), ('00000000-0000-4000-8000-00000000000b', 'B', 1, 'male', 'PB');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'ward');
INSERT INTO medrec.care_team_member (account, team) SELECT id, 1 FROM medrec.account WHERE username = 'ann';
SELECT count(*) AS events FROM medrec.audit_event \gset

SELECT is(pg_temp.checked('patients', '[{"name": "A", "age": 1, "gender": "male", "patient_id": "P1"}]'), NULL, 'a good row has no fault');
SELECT is(pg_temp.checked('patients', '{"name": " ", "age": 1.5, "gender": "x", "patient_id": "PA"}'), '0 age value, 0 name required, 0 gender value', 'a value of a wrong type does not hide the other faults');
SELECT is(pg_temp.checked('patients', '{"name": "A", "age": 1, "gender": "male", "patient_id": "PA"}'), '0 patient_id duplicate', 'a duplicate is a fault of its column');
SELECT is(pg_temp.checked('patients', '[{"name": "A", "age": 1, "gender": "male", "patient_id": "P1"}, {"name": "B", "age": 1, "gender": "male", "patient_id": "P1"}]'),
	'1 patient_id duplicate', 'of two rows with one number the second is a duplicate');
SELECT is(pg_temp.checked('diagnoses', '[{"patient_id": "00000000-0000-4000-8000-0000000000ff", "code": "I10"}, {"patient_id": null, "code": ""}, {"patient_id": "x", "code": "012345678901234567890"}]'),
	'0 patient_id not-found, 1 patient_id required, 1 code required, 2 patient_id value, 2 code too-long', 'the faults of coded records are named by row and column');
SELECT is(pg_temp.checked('diagnoses', '{"patient_id": "00000000-0000-4000-8000-00000000000a", "code": "I10                                    "}'), NULL, 'spaces beyond the length are no fault');
SELECT is(pg_temp.checked('patients', '[{"nmae": 1, "name": "A", "age": 1, "gender": "male", "patient_id": "P1"}, {"name": "A"}, 7, null]'),
	'0 nmae structure, 1 age structure, 1 gender structure, 1 nmae structure, 1 patient_id structure, 2 - structure, 3 - structure', 'rows of another shape are faults');
SELECT is(pg_temp.checked('patients', '{"name": "A\u0000", "age": 1, "gender": "male", "patient_id": "P1"}'), '0 name value', 'a character that PostgreSQL cannot store is a fault of its column');
SELECT is(pg_temp.checked('accounts', '[{"username": "Ann", "email": "no address", "role": "x"}, {"username": "ANN", "email": "", "role": "coder"}]'),
	'0 email value, 0 role value, 1 username duplicate', 'a username that looks like another one is a duplicate of its column');
SELECT is(pg_temp.checked('patients', '[]'), NULL, 'no row has no fault');
SELECT is(pg_temp.checked('patients', '[{"birth_date": null}]'), '0 name required, 0 patient_id required, 0 age required, 0 gender required', 'what a row leaves out is a fault where it is required');
SELECT is(jsonb_array_length(medrec.check_rows('patients', (SELECT json_agg(json_build_object('name', 'A', 'age', -1, 'gender', 'x', 'patient_id', i)) FROM generate_series(1, 2000) AS i)) -> 'faults'),
	100, 'a hundred faults end the check');
SELECT is(medrec.check_rows('patients', (SELECT json_agg(json_build_object('name', 'A', 'age', CASE WHEN i IN (777, 1999) THEN -1 ELSE 1 END, 'gender', 'male', 'patient_id', i)) FROM generate_series(1, 2000) AS i)) #> '{faults,1,row}',
	'1998', 'bad rows are found among thousands of good ones');
SELECT is((SELECT string_agg(r ->> 'status', ',') FROM jsonb_array_elements(medrec.check_rows('diagnoses',
	'[{"patient_id": "00000000-0000-4000-8000-00000000000a", "code": "e119"}, {"patient_id": "00000000-0000-4000-8000-00000000000a", "code": "Z99"}]') -> 'rows') AS r), 'valid,invalid',
	'the rows come back as they would be stored');

SELECT is((SELECT count(*) FROM medrec.patient), 2::bigint, 'a check stores no row');
SELECT is((SELECT count(*) FROM medrec.audit_event), :events::bigint, 'a check leaves no event');

SELECT throws_ok($$SELECT medrec.check_rows('patients', '3')$$, '22023', NULL, 'what is no array of rows is refused');
SELECT throws_ok($$SELECT medrec.check_rows('patients', (SELECT json_agg('{}'::json) FROM generate_series(1, 10001)))$$, '22023', NULL, 'too many rows are refused');
SELECT throws_ok($$SELECT medrec.check_rows('patients"; --', '[]')$$, '42P01', NULL, 'a view that does not exist is refused');

-- the caller's rights
SET LOCAL medrec.care_team_mode = on;
\set number '\'[{"name": "A", "age": 1, "gender": "male", "patient_id": "PB"}]\''
SELECT is(pg_temp.short((pg_temp.as_account('ann', format('SELECT medrec_api.check_patients(rows => %L)', :number))::jsonb) -> 'faults'), '0 patient_id duplicate',
	'the number of a hidden patient is a duplicate');
SELECT alike(pg_temp.as_account('ann', 'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''A'', 1, ''male'', ''PB'')'), '23505%', 'which is what the INSERT says, too');
SELECT is(pg_temp.short((pg_temp.as_account('ann', $$SELECT medrec_api.check_diagnoses(rows => '[{"patient_id": "00000000-0000-4000-8000-00000000000b", "code": "I10"}]')$$)::jsonb) -> 'faults'), '0 - forbidden',
	'a diagnosis of a hidden patient is refused as the INSERT refuses it');
SELECT alike(pg_temp.as_account('ann', $$INSERT INTO medrec_api.diagnoses (patient_id, code) VALUES ('00000000-0000-4000-8000-00000000000b', 'I10')$$), '42501%', 'and the INSERT refuses it by 42501');
SELECT alike(pg_temp.as_account('cody', format('SELECT medrec_api.check_patients(rows => %L)', :number), 'coder'), '42501%', 'who may not create patients may not check them');
SELECT alike(pg_temp.as_account('cody', format('SELECT medrec.check_rows(''patients'', %L)', :number), 'coder'), '42501%', 'not by the function underneath, either');
SELECT alike(pg_temp.as_account('ann', 'SELECT medrec_api.explain(''{}'')'), 'PT404%', 'without a refused request there is nothing to explain');

SELECT * FROM finish();
ROLLBACK;
