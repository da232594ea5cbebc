-- what the answer to a request says of a record: versions of accounts, entity tags, preconditions, lines of CSV, keys of requests
\i test/sql-setup.psql
SELECT plan(40);

INSERT INTO medrec.patient (id, name, age, gender, patient_id, last_visit) VALUES ('00000000-0000-4000-8000-000000000001', 'Ann', 40, 'other', 'AN1', '2020-01-01 00:00:00+00');

-- versions of accounts
INSERT INTO medrec.account (username, version) VALUES ('answers', 7);
SELECT is((SELECT version FROM medrec.account WHERE username = 'answers'), 1, 'a new account has version 1, whatever its client says');
UPDATE medrec.account SET email = 'a@example.org' WHERE username = 'answers';
SELECT is((SELECT version FROM medrec.account WHERE username = 'answers'), 2, 'a change of an account raises its version');
UPDATE medrec.account SET last_login = now(), password = '$2a$04$' || repeat('x', 53) WHERE username = 'answers';
SELECT is((SELECT version FROM medrec.account WHERE username = 'answers'), 2, 'a login and a password do not raise the version of an account');
UPDATE medrec.account SET last_login = NULL, first_name = 'A' WHERE username = 'answers';
SELECT is((SELECT version FROM medrec.account WHERE username = 'answers'), 3, 'a change beside a login raises the version of an account');
SELECT throws_ok($$UPDATE medrec.account SET first_name = 'B', version = 2 WHERE username = 'answers'$$, 'PT409', NULL, 'an UPDATE of an account that names an old version is refused');
SELECT lives_ok($$UPDATE medrec.account SET first_name = 'B', version = 3 WHERE username = 'answers'$$, 'an UPDATE of an account that names its version is accepted');
SELECT throws_ok($$INSERT INTO medrec.account (username, version) VALUES ('answers', 3) ON CONFLICT (username) DO UPDATE SET email = 'b@example.org', version = excluded.version$$, 'PT409', NULL, 'an upsert of an account that names an old version is refused');

-- a request of PostgREST's: its settings, and what it would answer
CREATE FUNCTION pg_temp.ask(command text, headers json, method text DEFAULT 'GET', path text DEFAULT '/patients', who text DEFAULT 'medrec_clinician') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_authorization', 'medrec_authenticator', true), set_config('role', who, true),
		set_config('request.headers', headers::text, true), set_config('request.method', method, true), set_config('request.path', path, true),
		set_config('request.jwt.claims', '{"sub":"ann"}', true), set_config('response.headers', '', true), set_config('response.status', '', true);
	BEGIN
		EXECUTE command INTO result;
		result := concat_ws(' ', nullif(current_setting('response.status'), ''), nullif(current_setting('response.headers'), ''), result);
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.headers', '', true), set_config('request.jwt.claims', '', true);
	RETURN coalesce(result, '');
END
$$;
\set one 'SELECT FROM medrec_api.patients WHERE medrec_api.medrec_precondition(patients)'
\set tag '[{"ETag":"\\"1-631152000000000\\""}]'

SELECT is(pg_temp.ask(:'one', '{}'), :'tag', 'a read of one record has its version and last visit as entity tag');
SELECT is(pg_temp.ask(:'one', json_build_object('if-none-match', h)), '304 ' || :'tag', 'the record is not sent again to who has it: ' || h)
FROM unnest(ARRAY['"1-631152000000000"', 'W/"1-631152000000000"', '"x", "1-631152000000000"', '*']) AS h;
SELECT is(pg_temp.ask(:'one', json_build_object('if-none-match', h)), :'tag', 'the record is sent to who has another one: ' || h)
FROM unnest(ARRAY['"1"', '"1-0"', '"2-631152000000000"', '"', ',,', '"1-631152000000000']) AS h WHERE h <> '"1-631152000000000';
SELECT is(pg_temp.ask(:'one', json_build_object('if-match', h), 'PATCH'), '', 'the version is the one of If-Match: ' || h)
FROM unnest(ARRAY['"1"', '"1-5"', '1', 'W/"1"', '"7", "1"', '*']) AS h;
SELECT is(pg_temp.ask(:'one', json_build_object('if-match', h), 'PATCH'), 'PT412', 'the version is not the one of If-Match: ' || h)
FROM unnest(ARRAY['"2"', '"11"', '"-1"', '""', 'W/', ',']) AS h;
SELECT is(pg_temp.ask(:'one', '{"x-version": "2"}', 'PATCH'), 'PT409', 'a whole record that names another version is refused');
SELECT is(pg_temp.ask('SELECT FROM medrec_api.codes WHERE medrec_api.medrec_precondition(codes) LIMIT 1', '{"if-none-match": "\"1\""}'), '', 'a row without a version has no entity tag');

-- the row that is written is told of only where the gateway asks for it, and where it is the one that was sent
\set insert 'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''B'', 1, ''other'', ''AN2'') RETURNING NULL'
SELECT is(pg_temp.ask(:'insert', '{}', 'POST'), '', 'a row has no Location where the gateway does not ask for it');
SELECT is(pg_temp.ask(replace(:'insert', 'AN2', 'AN3'), '{"x-single": "1"}', 'POST', '/diagnoses'), '', 'a row of another table than the one that was sent to has no Location');
SELECT matches(pg_temp.ask(replace(:'insert', 'AN2', 'AN4'), '{"x-single": "1"}', 'POST'), '^\[{"ETag":"\\"1-\d+\\""},{"Location":"/patients/[0-9a-f-]{36}/"}\]$', 'a new row has a Location where the gateway asks for it');

-- in other sessions the settings are not looked at
SET LOCAL request.headers = '{"if-match": "\"9\"", "x-single": "1"}';
SELECT is((SELECT count(*) FROM medrec_api.patients WHERE medrec_api.medrec_precondition(patients) AND medrec_api.medrec_counted(patients)), 4::bigint, 'an SQL session is not bound by headers that it sets');
SELECT is(medrec.acting_account(), NULL, 'an SQL session is no account of a request');

-- lines of CSV
SELECT is(medrec.csv_line(r), line, 'CSV: ' || what) FROM (VALUES
	(ROW('=1'::text, '+1'::varchar, '-1'::bpchar, '@x'::name, E'\t1'::text, E'\n'::text), E'(\'=1,\'+1,\'-1,\'@x,"\'\t1","\'\n")', 'no text is a formula'),
	(ROW(-1, -1.5::numeric, '-1'::json, NULL::text, ''::text, true), '(-1,-1.5,-1,,"",t)', 'numbers, a null and an empty text are as they are'),
	(ROW('a "b", c\'::text, '{"a": "=1"}'::jsonb, ARRAY['=1'], 'a=1'::text), '("a ""b"", c\","{""a"": ""=1""}",{=1},a=1)', 'quotes are doubled, backslashes are not')) AS v (r, line, what);
SELECT is(medrec.csv_line(ROW()), '()', 'CSV: a row without columns');
SELECT * FROM finish();
ROLLBACK;
