\i test/sql-setup.psql
SELECT plan(47);

-- as PostgREST: a session of the authenticator, a role, an account; the first value, or the error
CREATE FUNCTION pg_temp.as_account(account text, command text, role text DEFAULT 'clinician') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_authorization', 'medrec_authenticator', true);
	PERFORM set_config('role', 'medrec_' || role, true), set_config('request.jwt.claims', json_build_object('sub', account)::text, true);
	BEGIN
		EXECUTE command INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.jwt.claims', '', true);
	RETURN result;
END
$$;

INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date) VALUES
	('Jürgen Müller', 40, 'male', 'MRN-0001', '1980-02-03'), ('Anna Muller-Smith', 40, 'female', 'MRN-0002', '1980-02-03'),
	('O''Connor, Séan', 40, 'male', 'MRN-0003', '1971-12-31'), ('José García Márquez', 40, 'male', 'X77', NULL),
	('Kirsten Andersen', 40, 'female', 'X78', '1990-05-06'), ('Иван Петров', 40, 'male', 'X79', NULL),
	('Li Wu', 40, 'female', 'X80', NULL), ('Smith, John', 40, 'male', 'mrn-low1', NULL),
	('Johanna Smyth', 40, 'female', 'X81', '1980-02-03'), ('100% Percent_Name', 40, 'other', 'X82', NULL);
CREATE FUNCTION pg_temp.find(q text, max integer DEFAULT 20) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(patient_id, ',') FROM medrec.search_patients(q, max)
$$;
CREATE FUNCTION pg_temp.how(q text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(patient_id || ' ' || matched, ', ') FROM medrec.search_patients(q)
$$;

-- by name
SELECT is(pg_temp.how('müller'), 'MRN-0002 words, MRN-0001 words', 'a family name is found, and one half of a double name');
SELECT is(pg_temp.find('MULLER'), 'MRN-0002,MRN-0001', 'case and accents are ignored');
SELECT is(pg_temp.find('jurgen muller'), 'MRN-0001', 'a query with two names finds the patient');
SELECT is(pg_temp.find('muller, jurgen'), 'MRN-0001', 'names are found in any order');
SELECT is(pg_temp.find('muller j'), 'MRN-0001', 'a name with an initial is found');
SELECT is(pg_temp.how('oconnor'), 'MRN-0003 words', 'a name is found with and without its apostrophe');
SELECT is(pg_temp.how('o''connor sean'), 'MRN-0003 words', 'a name is found with and without its accent');
SELECT is(pg_temp.find('o’connor'), 'MRN-0003', 'a name is found with a typographic apostrophe');
SELECT is(pg_temp.how('garc'), 'X77 beginnings', 'the beginning of a name is found');
SELECT is(pg_temp.how('dersen'), 'X78 parts', 'a part of a name is found');
SELECT is(pg_temp.find('ПЕТРОВ'), 'X79', 'a name in another script is found');
SELECT is(pg_temp.find('wu'), 'X80', 'a short name is found');
SELECT is(pg_temp.find('w'), 'X80', 'a single letter matches beginnings');
SELECT is(pg_temp.how('smith'), 'MRN-0002 words, mrn-low1 words, X81 slip', 'exact matches come before similar ones');
-- one slip each
SELECT is(pg_temp.how('anderson'), 'X78 slip', 'a name with a wrong letter is found');
SELECT is(pg_temp.how('andrsen'), 'X78 slip', 'a name with a missing letter is found');
SELECT is(pg_temp.how('annderssen'), NULL, 'a name with two errors is not found');
SELECT is(pg_temp.how('anderseen'), 'X78 slip', 'a name with an extra letter is found');
SELECT is(pg_temp.how('adnersen'), 'X78 slip', 'a name with two exchanged letters is found');
SELECT is(pg_temp.how('kirstn andrsen'), 'X78 slip', 'one error in each word is accepted');
SELECT is(pg_temp.how('li wo'), NULL, 'errors in short words are not accepted');
-- by number
SELECT is(pg_temp.how('X77'), 'X77 number', 'a record number is found');
SELECT is(pg_temp.how(' x77 '), 'X77 number', 'a record number is found in lower case and with spaces');
SELECT is(pg_temp.how('mrn-low1'), 'mrn-low1 number', 'a record number is found as written');
SELECT is(pg_temp.find('MRN-000'), 'MRN-0001,MRN-0002,MRN-0003', 'the beginning of a record number is found');
SELECT is(pg_temp.find('X7'), NULL, 'two characters of a record number find nobody');
-- by birth date
SELECT is(pg_temp.how('1971-12-31'), 'MRN-0003 birth_date', 'a birth date is found');
SELECT is(array[pg_temp.find('31.12.1971'), pg_temp.find('12/31/1971')], array['MRN-0003', 'MRN-0003'], 'a birth date is found in other notations');
SELECT is(pg_temp.find('muller 1980-02-03'), 'MRN-0002,MRN-0001', 'a name with a birth date is found');
SELECT is(pg_temp.find('muller 1971-12-31'), NULL, 'a name with another birth date is not found');
SELECT is(pg_temp.find('1971-02-30'), NULL, 'an impossible date finds nobody');
-- wildcards are no wildcards, and nothing breaks
SELECT is(pg_temp.find('%'), NULL, 'a percent sign finds nobody');
SELECT is(pg_temp.find('_____'), NULL, 'underscores find nobody');
SELECT is(pg_temp.find('mu%er'), NULL, 'underscores are not wildcards');
SELECT is(array[pg_temp.find(''), pg_temp.find('   '), pg_temp.find(NULL), pg_temp.find(E'\t\n')], array[NULL, NULL, NULL, NULL]::text[], 'an empty or null query finds nobody');
SELECT is(array[pg_temp.find(repeat('a', 1000000)), pg_temp.find(repeat('q ', 500000)), pg_temp.find(repeat('ü', 3000)), pg_temp.find(repeat('1980-02-03', 9999))],
	array[NULL, NULL, NULL, NULL]::text[], 'a million letters, words, or digits find nobody, and end');
SELECT is(pg_temp.find($$'; DROP TABLE medrec.patient; --$$), NULL, 'SQL in a query is treated as words');
SELECT is(pg_temp.find('smith', 1), 'MRN-0002', 'max limits the rows');
SELECT throws_ok('SELECT medrec.search_patients(''x'', 0)', '22023', NULL, 'max below 1 is refused');
SELECT throws_ok('SELECT medrec.search_patients(''x'', 101)', '22023', NULL, 'max above 100 is refused');

-- which roles find which patients
\set smiths 'SELECT string_agg(patient_id, \',\') FROM medrec_api.search_patients(\'smith\')'
INSERT INTO medrec.account (username, role) VALUES ('ann', 'clinician'), ('loner', 'clinician');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'ward 1');
INSERT INTO medrec.care_team_member (account, team) SELECT id, 1 FROM medrec.account WHERE username = 'ann';
INSERT INTO medrec.care_team_patient (patient, team) SELECT id, 1 FROM medrec.patient WHERE patient_id IN ('X81', 'X77', 'mrn-low1');
SELECT is(pg_temp.as_account('loner', :'smiths'), 'MRN-0002,mrn-low1,X81', 'without care teams a clinician finds all patients');
SET LOCAL medrec.care_team_mode = on;
SELECT is(array[pg_temp.as_account('ann', :'smiths'), pg_temp.as_account('loner', :'smiths'), pg_temp.as_account('cody', :'smiths', 'coder'),
	pg_temp.as_account('boss', :'smiths', 'admin'), pg_temp.as_account('aud', :'smiths', 'auditor'), pg_temp.as_account(NULL, :'smiths', 'anon')],
	array['mrn-low1,X81', NULL, 'MRN-0002,mrn-low1,X81', 'MRN-0002,mrn-low1,X81', '42501', '42501'], 'with care teams each role finds the patients it sees');
SELECT is(array[pg_temp.as_account('ann', 'SELECT string_agg(patient_id, '','') FROM medrec_api.search_patients(''1980-02-03'')'),
	pg_temp.as_account('ann', 'SELECT string_agg(patient_id, '','') FROM medrec_api.search_patients(''MRN-0001'')'),
	pg_temp.as_account('ann', 'SELECT string_agg(patient_id, '','') FROM medrec_api.search_patients(''mrn'')')],
	array['X81', NULL, NULL], 'with care teams birth date and number find visible patients only');

-- a number's letters are no name
SET LOCAL medrec.care_team_mode = off;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Zeno Zora', 50, 'male', 'ZO-1001'), ('Zoe Z', 50, 'male', 'ZO-1002');
SELECT is(pg_temp.how('ZO-100'), 'ZO-1001 number, ZO-1002 number', 'a patient found by the beginning of a number is returned once, and the letters of a number find nobody');
DELETE FROM medrec.patient WHERE patient_id LIKE 'ZO-%';
SET LOCAL medrec.care_team_mode = on;

-- hidden patients do not displace visible ones
INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'Aaron Smith', 50, 'male', 'H' || i FROM generate_series(1, 1500) AS i;
SELECT is(pg_temp.as_account('ann', :'smiths'), 'mrn-low1,X81', 'hidden patients do not displace visible ones');

-- with row level security, by index
INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT md5(i::text) || ' ' || md5((-i)::text), 50, 'male', 'F' || i FROM generate_series(1, 15000) AS i;
ANALYZE medrec.patient;
CREATE FUNCTION pg_temp.plan(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || command LOOP lines := lines || line || E'\n'; END LOOP;
	RETURN lines;
END
$$;
GRANT EXECUTE ON FUNCTION pg_temp.plan(text) TO PUBLIC;
SET LOCAL medrec.care_team_mode = off;
SELECT is((SELECT count(*)::integer FROM unnest(array['@=', '@^', '@~', '@%']) AS o WHERE pg_temp.as_account('ann',
	format('SELECT pg_temp.plan(''SELECT id FROM medrec_api.patients WHERE name OPERATOR(medrec.%s) ''''garcia''''''', o) || ')') LIKE '%patient_name_words_idx%'),
	4, 'each kind of name match uses the index');
SET LOCAL medrec.care_team_mode = on;
INSERT INTO medrec.care_team_patient (patient, team) SELECT id, 1 FROM medrec.patient WHERE patient_id LIKE 'F%' ON CONFLICT DO NOTHING;
SELECT matches(pg_temp.as_account('ann', 'SELECT pg_temp.plan(''SELECT id FROM medrec_api.patients WHERE name OPERATOR(medrec.@%) ''''garcia'''''')'),
	'patient_name_words_idx', 'each kind of name match uses the index before the row level security check');
SELECT * FROM finish();
ROLLBACK;
