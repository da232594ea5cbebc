\i test/sql-setup.psql
SELECT plan(46);

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
		result := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.jwt.claims', '', true);
	RETURN result;
END
$$;
-- each command for each account
CREATE FUNCTION pg_temp.each(account text, VARIADIC commands text[]) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(pg_temp.as_account(account, c) ORDER BY n) FROM unnest(commands) WITH ORDINALITY AS u (c, n)
$$;

INSERT INTO medrec.account (username, role) VALUES ('ann', 'clinician'), ('bob', 'clinician'), ('loner', 'clinician'), ('cody', 'coder');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'ward 1'), (2, 'ward 2'), (3, 'night');
INSERT INTO medrec.care_team_member (account, team)
	SELECT a.id, t FROM medrec.account AS a, (VALUES ('ann', 1), ('ann', 3), ('bob', 2)) AS v (u, t) WHERE a.username = u;
INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES
	('00000000-0000-4000-8000-00000000000a', 'Ann''s', 30, 'female', 'PA'), ('00000000-0000-4000-8000-00000000000b', 'Bob''s', 40, 'male', 'PB'),
	('00000000-0000-4000-8000-00000000000c', 'Both''s', 50, 'male', 'PC'), ('00000000-0000-4000-8000-00000000000d', 'Nobody''s', 60, 'male', 'PD');
INSERT INTO medrec.care_team_patient (patient, team) VALUES
	('00000000-0000-4000-8000-00000000000a', 1), ('00000000-0000-4000-8000-00000000000b', 2),
	('00000000-0000-4000-8000-00000000000c', 2), ('00000000-0000-4000-8000-00000000000c', 3);
INSERT INTO medrec.diagnosis (id, patient_id, code) SELECT ('0000000d' || substring(id::text FROM 9))::uuid, id, 'E11.9' FROM medrec.patient;
INSERT INTO medrec.treatment (id, patient_id, code) SELECT ('0000000e' || substring(id::text FROM 9))::uuid, id, '99213' FROM medrec.patient;

\set patients 'SELECT string_agg(patient_id, \',\' ORDER BY patient_id) FROM medrec_api.patients'
\set diagnoses 'SELECT string_agg(right(patient_id::text, 1), \',\' ORDER BY id) FROM medrec_api.diagnoses'
\set treatments 'SELECT string_agg(right(patient_id::text, 1), \',\' ORDER BY id) FROM medrec_api.treatments'

-- off: all
SELECT is(pg_temp.each('ann', :'patients', :'diagnoses', :'treatments'), '{"PA,PB,PC,PD","a,b,c,d","a,b,c,d"}', 'with care teams off a clinician sees all patients');
SELECT is(pg_temp.as_account('cody', :'patients', 'auditor'), '42501 permission denied for view patients', 'an auditor sees no record');

SET LOCAL medrec.care_team_mode = on;
SELECT is(pg_temp.each('ann', :'patients', :'diagnoses', :'treatments'), '{"PA,PC","a,c","a,c"}', 'a clinician sees the patients of both their teams, and the records of these patients');
SELECT is(pg_temp.each('bob', :'patients', :'diagnoses', :'treatments'), '{"PB,PC","b,c","b,c"}', 'a clinician does not see the patients of another team');
SELECT is(pg_temp.each('loner', :'patients', :'diagnoses', :'treatments'), '{NULL,NULL,NULL}', 'a clinician without a team sees no patient');
SELECT is(pg_temp.each('nobody', :'patients', :'diagnoses', :'treatments'), '{NULL,NULL,NULL}', 'an unknown account sees no patient');
SELECT is(pg_temp.each(NULL, :'patients', :'diagnoses', :'treatments'), '{NULL,NULL,NULL}', 'a request without an account sees no patient');
SELECT is(pg_temp.each('medrec_authenticator', :'patients'), '{NULL}', 'an account named like the authenticator sees no patient');
SELECT is(pg_temp.as_account('cody', :'patients', 'coder'), 'PA,PB,PC,PD', 'a coder sees all patients');

-- nothing of another team by any way
\set other '00000000-0000-4000-8000-00000000000b'
\set none '00000000-0000-4000-8000-0000000000ff'
SELECT is(pg_temp.each('ann',
	'SELECT count(*) FROM medrec_api.patients', 'SELECT count(*) FROM medrec.diagnosis',
	format('SELECT count(*) FROM medrec_api.patients WHERE id = %L', :'other'),
	format('SELECT count(*) FROM medrec_api.patients AS p JOIN medrec_api.diagnoses AS d ON d.patient_id = p.id WHERE p.id = %L', :'other'),
	format('SELECT medrec_api.current_age(p) FROM medrec_api.patients AS p WHERE id = %L', :'other')),
	'{2,2,0,0,NULL}', 'a hidden patient is not found by count, id, join or computed field');
SELECT is(pg_temp.each('ann',
	format('UPDATE medrec_api.patients SET name = ''x'' WHERE id = %L RETURNING 1', :'other'),
	format('UPDATE medrec_api.diagnoses SET code = ''I10'' WHERE patient_id = %L RETURNING 1', :'other'),
	'UPDATE medrec.treatment SET description = ''x'' WHERE right(patient_id::text, 1) = ''b'' RETURNING 1'),
	'{NULL,NULL,NULL}', 'a hidden row cannot be changed');
-- the same error for a patient of another team and for one who does not exist
SELECT is(pg_temp.each('ann',
	format('INSERT INTO medrec_api.diagnoses (patient_id, code) VALUES (%L, ''I10'')', :'other'),
	format('INSERT INTO medrec_api.diagnoses (patient_id, code) VALUES (%L, ''I10'')', :'none'),
	format('INSERT INTO medrec.treatment (patient_id, code) VALUES (%L, ''99213'')', :'other'),
	format('UPDATE medrec_api.diagnoses SET patient_id = %L WHERE right(patient_id::text, 1) = ''a''', :'other'),
	format('UPDATE medrec_api.diagnoses SET patient_id = %L WHERE right(patient_id::text, 1) = ''a''', :'none'),
	format('SELECT medrec.create_diagnosis(%L, ''I10'')', :'other'),
	format('SELECT medrec.create_treatment(%L, ''99213'')', :'none')),
	array_fill('42501 the patient does not exist or is not in your care'::text, '{7}'), 'a record of a hidden patient is refused like one of an unknown patient');
SELECT is(pg_temp.each('ann',
	format('SELECT medrec_api.record_visit(%L)', '{"patient":{"id":"00000000-0000-4000-8000-00000000000b"},"diagnoses":[{"code":"I10"}]}'),
	format('SELECT medrec_api.record_visit(%L)', '{"patient":{"id":"00000000-0000-4000-8000-0000000000ff"},"diagnoses":[{"code":"I10"}]}'),
	format('SELECT medrec_api.record_visit(%L)', '{"patient":{"patient_id":"PB"}}'),
	format('SELECT medrec_api.record_visit(%L)', '{"patient":{"patient_id":"PZ"}}')),
	array_fill('PT404 patient not found'::text, '{4}'), 'a visit of a hidden patient fails as not found');
SELECT is(pg_temp.each('ann',
	'SELECT medrec_api.confirm(''0000000d-0000-4000-8000-00000000000b''::uuid)', 'SELECT medrec_api.confirm(''0000000d-0000-4000-8000-0000000000ff''::uuid)',
	'SELECT medrec_api.reject(''0000000e-0000-4000-8000-00000000000b''::uuid)',
	'SELECT medrec_api.accept_suggestion(''0000000d-0000-4000-8000-00000000000b'', ''I10'')',
	'SELECT medrec_api.add_suggestions(''0000000d-0000-4000-8000-00000000000b'', ''[]'')'),
	array_fill('PT404 record not found'::text, '{5}'), 'a decision on a hidden record fails as not found');
-- an upsert reveals that the number is taken, as a plain INSERT does, and nothing else
SELECT is(pg_temp.each('ann',
	'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''n'', 1, ''male'', ''PB'') ON CONFLICT DO NOTHING RETURNING name',
	'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''n'', 1, ''male'', ''PB'')'),
	'{NULL,"23505 duplicate key value violates unique constraint \"patient_patient_id_key\""}', 'an insert reveals only that a patient_id is taken');
SELECT matches(pg_temp.as_account('ann', 'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''n'', 1, ''male'', ''PB'')
	ON CONFLICT (patient_id) DO UPDATE SET name = ''taken'' RETURNING name'), '^42501', 'an upsert cannot change a hidden patient');
SELECT is((SELECT name FROM medrec.patient WHERE patient_id = 'PB'), 'Bob''s', 'a refused upsert leaves the hidden patient unchanged');
-- functions of the caller in a filter see no row that the policy hides
CREATE FUNCTION pg_temp.peek(varchar) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
	$$BEGIN IF $1 = 'Bob''s' THEN RAISE EXCEPTION 'seen'; END IF; RETURN true; END$$;
SELECT is(pg_temp.as_account('ann', 'SELECT count(*) FROM medrec_api.patients WHERE pg_temp.peek(name)'), '2', 'a cheap function of the user is not evaluated on hidden rows');
SELECT is(pg_temp.as_account('ann', 'SELECT count(*) FROM medrec.patient WHERE 1 / (CASE WHEN name = ''Bob''''s'' THEN 0 ELSE 1 END) = 1'), '2', 'an expression does not fail on hidden rows');
SELECT is(pg_temp.as_account('ann', 'SELECT count(*) FROM pg_stats WHERE schemaname = ''medrec'' AND tablename IN (''patient'', ''diagnosis'', ''treatment'')'), '0', 'the statistics of the tables are hidden');

-- a new patient belongs to the teams of its creator
SELECT is(pg_temp.as_account('ann', 'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''new'', 1, ''male'', ''PN1''), (''new'', 1, ''male'', ''PN2'') RETURNING name'), 'new', 'a clinician creates patients and sees them');
SELECT is(pg_temp.as_account('ann', 'SELECT medrec_api.record_visit(''{"patient":{"name":"v","age":1,"gender":"male","patient_id":"PN3"},"diagnoses":[{"code":"I10"}]}'') -> ''patient'' ->> ''name'''), 'v', 'a clinician creates a patient by a visit');
SELECT is(pg_temp.as_account('ann', :'patients') || ' ' || pg_temp.as_account('bob', :'patients'), 'PA,PC,PN1,PN2,PN3 PB,PC', 'a new patient belongs to its creator''s teams and to no other');
SELECT results_eq('SELECT array_agg(team ORDER BY team) FROM medrec.care_team_patient GROUP BY patient HAVING patient IN (SELECT id FROM medrec.patient WHERE patient_id = ''PN1'')', 'VALUES (''{1,3}''::integer[])', 'a new patient belongs to all teams of its creator');
SELECT is(pg_temp.as_account('loner', 'INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES (''new'', 1, ''male'', ''PN9'')'), '42501 the patient does not exist or is not in your care', 'a clinician without a team cannot create patients');
-- the client may choose the id, but not an existing one
SELECT is((SELECT array_agg(left(r, 5)) FROM unnest(pg_temp.each('ann',
	format('INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES (%L, ''mine'', 1, ''male'', ''PX'') ON CONFLICT (id) DO UPDATE SET name = ''mine'' RETURNING name', :'other'),
	format('INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES (%L, ''mine'', 1, ''male'', ''PX'') ON CONFLICT (id) DO NOTHING RETURNING name', :'other'),
	format('INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES (%L, ''mine'', 1, ''male'', ''PX'')', :'other'),
	format('SELECT name FROM medrec_api.patients WHERE id = %L', :'other'))) AS r), '{42501,42501,42501,NULL}', 'an INSERT with the id of a hidden patient does not open it');
SELECT is(pg_temp.each('ann', 'INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES (''00000000-0000-4000-8000-0000000000f1'', ''mine'', 1, ''male'', ''PX'') RETURNING name',
	'DELETE FROM medrec_api.patients WHERE patient_id = ''PX'''), '{mine,"42501 permission denied for view patients"}', 'an INSERT with a new id creates a patient');

-- a clinician does not manage team membership
SELECT is((SELECT array_agg(DISTINCT left(r, 5)) FROM unnest(pg_temp.each('ann', 'TABLE medrec.care_team_member', 'INSERT INTO medrec.care_team_member VALUES (1, 2)',
	'INSERT INTO medrec.care_team_patient VALUES (''00000000-0000-4000-8000-00000000000b'', 1)', 'TABLE medrec.break_glass', 'DELETE FROM medrec.care_team', 'TABLE medrec_api.care_teams')) AS r), '{42501}', 'a clinician may neither read nor write the teams');
UPDATE medrec.account SET is_active = false WHERE username = 'ann';
SELECT is(pg_temp.as_account('ann', :'patients'), NULL, 'an inactive account sees nothing');
UPDATE medrec.account SET is_active = true WHERE username = 'ann';

-- breaking the glass
SELECT is((SELECT array_agg(left(r, 5)) FROM unnest(pg_temp.each('ann', 'SELECT medrec_api.break_glass(''PB'', '''')', 'SELECT medrec_api.break_glass(''PB'', ''          '')',
	format('SELECT medrec_api.break_glass(''PB'', %L)', repeat('x', 2001)), 'SELECT medrec_api.break_glass(''PZ'', ''emergency, unconscious'')', 'SELECT medrec_api.break_glass(NULL, NULL)::text')) AS r),
	'{22023,22023,22023,PT404,NULL}', 'break_glass requires a reason and a patient');
-- white space of all kinds, zero-width characters, format characters, fillers
SELECT is((SELECT array_agg(DISTINCT left(pg_temp.as_account('ann', format('SELECT medrec_api.break_glass(''PB'', %L)', repeat(c, 20) || 'nine char')), 5)) FROM unnest(ARRAY[E'\u00a0', E'\u00ad', E'\u034f', E'\u115f', E'\u180e',
	E'\u2003', E'\u200b', E'\u200d', E'\u202e', E'\u2060', E'\u2800', E'\u3000', E'\u3164', E'\ufe0f', E'\ufeff', E'\uffa0', U&'\+0e0061', U&'\+01d173', E'\n', E'\t']) AS c), '{22023}', 'a reason of invisible characters is refused');
SELECT is(pg_temp.as_account('ann', format('SELECT medrec_api.break_glass(''PB'', %L) ->> ''patient''', 'неотложно!')), '00000000-0000-4000-8000-00000000000b', 'a reason of ten letters in any alphabet is accepted');
SELECT throws_ok(format('SET LOCAL medrec.reason = %L', E'\u200b \u3164'), '22023', NULL, 'medrec.reason must not consist of invisible characters');
SELECT lives_ok('SET LOCAL medrec.reason = ''''', 'medrec.reason may be empty');
DELETE FROM medrec.break_glass;
SELECT is((SELECT array_agg(left(pg_temp.as_account(a, 'SELECT medrec_api.break_glass(''PB'', ''emergency, unconscious'')', r), 5)) FROM (VALUES ('cody', 'coder'), ('root', 'admin'), ('x', 'auditor'), ('x', 'anon'), ('nobody', 'clinician'), (NULL, 'clinician')) AS v (a, r)),
	array_fill('42501'::text, '{6}'), 'only a clinician''s account can break the glass');
SELECT is(pg_temp.as_account('ann', 'SELECT medrec_api.break_glass(''PB'', ''emergency, unconscious'') ->> ''patient'''), :'other', 'break_glass finds a patient by number');
-- test/t/break_glass.pl, which can commit, tests that the patient is then open to the account alone, and for how long
SELECT ok(pg_temp.as_account('ann', :'patients') LIKE 'PA,PC,%' AND pg_temp.as_account('ann', :'treatments') = 'a,c', 'a patient is not open before the break_glass event is committed');
SELECT is(pg_temp.as_account('loner', format('SELECT medrec_api.break_glass(%L, ''emergency, unconscious'') ->> ''patient''', upper(:'other'))), :'other', 'break_glass finds a patient by id');
SELECT is((SELECT concat_ws('|', action, account, patient_id, reason, new_values ->> 'reason') FROM medrec.audit_event WHERE table_name = 'break_glass' AND account = 'ann' AND new_values ->> 'reason' ~ '^emer'),
	'INSERT|ann|00000000-0000-4000-8000-00000000000b|emergency, unconscious|emergency, unconscious', 'the audit trail has who broke the glass, for whom and why');
SET LOCAL medrec.break_glass_time = '2min';
SELECT clock_timestamp() AS began \gset
SELECT is(pg_temp.as_account('loner', 'SELECT medrec_api.break_glass(''PB'', ''emergency, unconscious'') ->> ''patient'''), :'other', 'a patient can be opened again');
SELECT ok((SELECT expires_at BETWEEN timestamptz :'began' + interval '120 s' AND clock_timestamp() + interval '120 s' FROM medrec.break_glass ORDER BY id DESC LIMIT 1), 'break_glass opens a patient for medrec.break_glass_time');

-- a plain SQL session: the account is the session's user, whatever it claims
CREATE ROLE bob LOGIN IN ROLE medrec_clinician;
CREATE FUNCTION pg_temp.sql_session(account text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_authorization', account, true), set_config('request.jwt.claims', '{"sub":"ann","role":"medrec_admin"}', true);
	BEGIN
		EXECUTE command INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.jwt.claims', '', true);
	RETURN result;
END
$$;
SELECT is(pg_temp.sql_session('bob', :'patients'), 'PB,PC', 'forged claims open no patient');
SELECT is(pg_temp.sql_session('bob', 'INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (''n'', 1, ''male'', ''PS'') RETURNING 1'), '1', 'a SQL session creates a patient in its own teams');
SELECT is((SELECT concat_ws('|', e.account, e.session_role, e.role) FROM medrec.audit_event AS e JOIN medrec.patient AS p ON p.id = e.patient_id AND e.table_name = 'patient' WHERE p.patient_id = 'PS'), 'bob|bob', 'the audit trail names the session''s user, not a forged account');
SELECT is(left(pg_temp.sql_session('bob', 'SET medrec.care_team_mode = off'), 5) || left(pg_temp.sql_session('bob', 'SELECT set_config(''medrec.care_team_mode'', ''off'', true)'), 5)
	|| left(pg_temp.sql_session('bob', 'ALTER ROLE bob SET medrec.care_team_mode = off'), 5) || left(pg_temp.sql_session('bob', 'SET medrec.break_glass_time = 600000'), 5), '42501425014250142501', 'users cannot set medrec.care_team_mode');
SELECT ok(pg_temp.sql_session('bob', :'patients') = 'PB,PC,PS', 'medrec.care_team_mode is still on');

SELECT finish();
ROLLBACK;
