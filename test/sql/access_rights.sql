\i test/sql-setup.psql
SELECT plan(36);

-- a plain SQL session of a hostile member of a role; the first value, or the error
CREATE ROLE mallory_anon LOGIN IN ROLE medrec_anon;
CREATE ROLE mallory_clinician LOGIN IN ROLE medrec_clinician;
CREATE ROLE mallory_coder LOGIN IN ROLE medrec_coder;
CREATE ROLE mallory_auditor LOGIN IN ROLE medrec_auditor;
CREATE ROLE mallory_admin LOGIN IN ROLE medrec_admin;
CREATE FUNCTION pg_temp.mallory(role text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM pg_catalog.set_config('session_authorization', CASE WHEN role OPERATOR(pg_catalog.=) 'gateway' THEN 'medrec_authenticator'
		ELSE pg_catalog.concat('mallory_', role) END, true);
	PERFORM pg_catalog.set_config('role', 'medrec_anon', true) WHERE role OPERATOR(pg_catalog.=) 'gateway';
	BEGIN
		EXECUTE command INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM pg_catalog.set_config('session_authorization', 'postgres', true);
	RETURN result;
END
$$;
-- the outcomes of a command in all five roles: SQLSTATE, or ok
CREATE FUNCTION pg_temp.all_roles(command text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT CASE WHEN r ~ '^[0-9A-Z]{5} ' THEN left(r, 5) ELSE 'ok' END, ',')
	FROM unnest('{anon,clinician,coder,auditor,admin}'::text[]) AS role, pg_temp.mallory(role, command) AS r
$$;

-- the catalogs
\set schemas '(\'medrec\'::regnamespace, \'medrec_api\'::regnamespace, \'medrec_gate\'::regnamespace)'
SELECT is_empty('SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ' || :'schemas' || '
	AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault(''f'', proowner))) WHERE grantee = 0)', 'PUBLIC may execute no function');
SELECT is_empty('SELECT oid::regclass FROM pg_class WHERE relnamespace IN ' || :'schemas' || '
	AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0)', 'PUBLIC may read no table');
SELECT is_empty('SELECT oid::regnamespace FROM pg_namespace WHERE oid IN ' || :'schemas' || '
	AND EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = 0)', 'PUBLIC may not use the schemas');
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE oid IN ('medrec.account'::regclass, 'medrec.patient'::regclass, 'medrec.diagnosis'::regclass, 'medrec.treatment'::regclass)
	AND NOT (relrowsecurity AND relforcerowsecurity)$$, 'row level security is on and forced on the record tables');
SELECT is_empty('SELECT oid::regclass FROM pg_class WHERE relkind = ''v'' AND relnamespace = ''medrec_api''::regnamespace
	AND NOT coalesce(reloptions @> ''{security_invoker=true}'', false)', 'every view runs with its caller''s rights');
SELECT results_eq('SELECT string_agg(oid::regprocedure::text, '' '' ORDER BY oid::regprocedure::text) FROM pg_proc WHERE prosecdef AND pronamespace IN ' || :'schemas',
	$$VALUES ('medrec_api.break_glass(text,text) medrec_api.change_password(text,text) medrec_api.login(text,text) medrec_api.logout() medrec_api.revoke_tokens(text) medrec_api.set_password(text,text) medrec_gate.account_changed() medrec_gate.last_admin() medrec_gate.pre_config() medrec_gate.pre_request()')$$,
	'only these functions run with another role''s rights');
SELECT is_empty('SELECT oid::regprocedure FROM pg_proc WHERE prosecdef AND pronamespace IN ' || :'schemas' || '
	AND NOT (proowner = ''medrec_gatekeeper''::regrole AND proconfig @> ''{"search_path=pg_catalog, pg_temp"}'')', 'functions with other rights belong to the gatekeeper, with a fixed search_path');
SELECT is_empty($$SELECT member::regrole FROM pg_auth_members WHERE roleid = 'medrec_gatekeeper'::regrole$$, 'the gatekeeper role has no members');
SELECT is((SELECT concat_ws(',', rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolbypassrls, rolreplication) FROM pg_roles WHERE rolname = 'medrec_gatekeeper'), 'f,f,f,f,f,f', 'the gatekeeper role has no attributes');
SELECT is((SELECT concat_ws(',', rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolbypassrls, rolreplication, rolpassword IS NULL) FROM pg_authid WHERE rolname = 'medrec_authenticator'), 'f,f,f,f,f,f,t', 'the authenticator has no rights of its own and no password');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c, unnest('{medrec_anon,medrec_authenticator}'::regrole[]) AS r
	WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace) AND has_any_column_privilege(r, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') AND c.relkind IN ('r', 'p', 'v')$$, 'the anonymous role and the authenticator may use no table');
SELECT results_eq($$SELECT string_agg(oid::regprocedure::text, ' ' ORDER BY oid::regprocedure::text) FROM pg_proc WHERE pronamespace IN $$ || :'schemas' || $$ AND has_function_privilege('medrec_anon', oid, 'EXECUTE')$$,
	$$VALUES ('medrec.health_warnings() medrec.version() medrec.wrong_arguments() medrec_api.health() medrec_api.login(json) medrec_api.login(text,text) medrec_gate.pre_request()')$$, 'the anonymous role may call only login and health');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'medrec_api'::regnamespace AND proname <> 'current_age' AND pronargs > 0
	GROUP BY proname HAVING NOT bool_or(proargtypes IN ('114', '3802'))$$, 'every endpoint with arguments has a variant for wrong arguments');
SELECT is(has_table_privilege('medrec_admin', 'medrec.account', 'SELECT')::text || has_column_privilege('medrec_admin', 'medrec.account', 'password', 'SELECT, INSERT, UPDATE')::text, 'falsefalse', 'an administrator may neither read nor write a password hash');

-- nobody may read keys, hashes and counts
SELECT is(pg_temp.all_roles('TABLE medrec.jwt_key'), '42501', 'no role may read the keys');
SELECT is(pg_temp.all_roles('SELECT medrec.jwt_key_set()') || pg_temp.all_roles('SELECT medrec_gate.pre_config()') || pg_temp.all_roles('SELECT medrec.rotate_jwt_key()'), '425014250142501', 'no role may read the keys by a function');
SELECT is(pg_temp.all_roles('SELECT password FROM medrec.account') || pg_temp.all_roles('TABLE medrec.account_login') || pg_temp.all_roles('TABLE medrec.token_revoked'), '425014250142501', 'no role may read hashes, counts of failed attempts or token numbers');
SELECT is(pg_temp.all_roles('SELECT medrec.login(''a'', ''b'')') || pg_temp.all_roles('SELECT medrec.set_password(''a'', ''b'')') || pg_temp.all_roles('SELECT medrec.check_request()'), '425014250142501', 'no role may call the functions behind the endpoints');
SELECT is(pg_temp.all_roles('SET ROLE medrec_gatekeeper') || pg_temp.all_roles('ALTER FUNCTION medrec_api.login(text, text) SET search_path = public'), '4250142501', 'no role can become the gatekeeper or change its functions');

-- beyond the tables
SELECT is(pg_temp.all_roles('COPY (SELECT 1) TO PROGRAM ''id'''), '42501', 'no role can run a program');
SELECT is(pg_temp.all_roles('COPY (SELECT 1) TO ''/tmp/x''') || pg_temp.all_roles('SELECT pg_read_file(''PG_VERSION'')') || pg_temp.all_roles('SELECT lo_import(''/etc/passwd'')') || pg_temp.all_roles('SELECT lo_export(1, ''/tmp/x'')'), '42501425014250142501', 'no role can read or write a file');
SELECT is(pg_temp.all_roles('CREATE TABLE medrec.x ()') || pg_temp.all_roles('CREATE VIEW medrec_api.x AS SELECT 1') || pg_temp.all_roles('CREATE FUNCTION medrec_gate.x() RETURNS integer LANGUAGE sql RETURN 1') || pg_temp.all_roles('CREATE TABLE public.x ()'), '42501425014250142501', 'no role can create objects in medrec''s schemas or in public');
SELECT is(pg_temp.all_roles('CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE c AS ''medrec'', ''medrec_login''') || pg_temp.all_roles('LOAD ''/tmp/x.so''') || pg_temp.all_roles('ALTER TABLE medrec.patient DISABLE ROW LEVEL SECURITY')
	|| pg_temp.all_roles('DROP POLICY medrec_read ON medrec.patient') || pg_temp.all_roles('SET session_replication_role = replica'), '4250142501425014250142501', 'no role can load C or disable a policy or trigger');
SELECT is(pg_temp.all_roles('SET medrec.' || g || ' = ' || v), '42501', 'medrec.' || g || ' is set by superusers only')
	FROM (VALUES ('care_team_mode', 'off'), ('outside_accounts', 'on'), ('token_lifetime', '99'), ('password_cost', '4')) AS s (g, v);
SELECT is(pg_temp.all_roles('SELECT set_config(''medrec.outside_accounts'', ''on'', false)'), '42501', 'users cannot set these by set_config');

-- look-alikes: every object that a function with other rights names, created before it in the search_path
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO PUBLIC;
INSERT INTO medrec.account (username, role) VALUES ('victim', 'clinician'), ('mallory_clinician', 'clinician'), ('mallory_admin', 'admin');
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('V', 1, 'male', 'PV');
SET LOCAL medrec.password_cost = 4;
CREATE FUNCTION evil.caught() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'caught as %', current_user; END $$;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.caught(); END $$;
CREATE FUNCTION evil.crypt(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.caught(); END $$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.caught(); END $$;
CREATE FUNCTION evil.statement_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.caught(); END $$;
CREATE FUNCTION evil.max(integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.caught(); END $$;
CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.caught(); END $$;
DO $$
DECLARE
	t text;
	o text;
BEGIN
	FOREACH t IN ARRAY '{text,varchar,integer,uuid,boolean,timestamptz,name,oid}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION evil.trap(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS %2$L', t, 'BEGIN RETURN evil.caught(); END');
		FOREACH o IN ARRAY '{=,<>,<,<=,>,>=}'::text[] LOOP
			EXECUTE format('CREATE OPERATOR evil.%2$s (LEFTARG = %1$s, RIGHTARG = %1$s, FUNCTION = evil.trap)', t, o);
		END LOOP;
	END LOOP;
END $$;
CREATE TEMP TABLE account (id integer, username text, password text, role text, is_active boolean, email text);
CREATE TEMP TABLE jwt_key (kid text, key bytea);
CREATE TEMP TABLE pg_proc (oid oid);
CREATE TEMP TABLE pg_extension (oid oid);
CREATE TEMP TABLE patient (id uuid, patient_id text);
GRANT ALL ON pg_temp.account, pg_temp.jwt_key, pg_temp.pg_proc, pg_temp.pg_extension, pg_temp.patient TO PUBLIC;
CREATE FUNCTION pg_temp.trapped(role text, command text) RETURNS text LANGUAGE sql SET search_path = pg_temp, evil, pg_catalog AS $$ SELECT pg_temp.mallory($1, $2) $$;
SELECT matches(pg_temp.trapped('clinician', 'SELECT lower(''A''::text)'), 'caught as mallory_clinician', 'look-alike functions catch unqualified calls');
SELECT matches(pg_temp.trapped('clinician', 'SELECT 1 WHERE ''a''::text = ''a''::text'), 'caught as mallory_clinician', 'look-alike operators catch unqualified use');
SELECT is((SELECT array_agg(left(pg_temp.trapped(r, c), 10)) FROM (VALUES
	('gateway', 'SELECT medrec_api.login(''victim'', ''x'') ->> ''code'''),
	('anon', 'SELECT medrec_api.login(''victim'', ''x'') ->> ''code'''),
	('clinician', 'SELECT medrec_api.break_glass(''PV'', ''a good reason'') IS NOT NULL'),
	('clinician', 'SELECT medrec_api.change_password(''x'', ''a long password'') ->> ''code'''),
	('admin', 'SELECT medrec_api.set_password(''victim'', ''a long password'')'),
	('admin', 'SELECT medrec_api.revoke_tokens(''victim'')'),
	('clinician', 'SELECT medrec_api.logout()'),
	('anon', 'SELECT medrec_gate.pre_request()')) AS v (r, c)),
	'{28P01,"42501 perm",true,"42501 perm",NULL,NULL,"PT401 the ","PT401 the "}', 'look-alikes are never called with another role''s rights');
SELECT is(pg_temp.mallory('gateway', 'SELECT medrec_api.login(''victim'', ''a long password'') ->> ''role'''), 'clinician', 'functions with other rights give their usual results beside look-alikes');

-- also not by code that runs with the caller's rights, or as the owner on the caller's behalf: triggers, policies, functions
INSERT INTO medrec.care_team (id, name) VALUES (1, 'w');
INSERT INTO medrec.care_team_member SELECT id, 1 FROM medrec.account WHERE username = 'mallory_clinician';
SET LOCAL medrec.care_team_mode = on;
SELECT is(pg_temp.trapped('clinician', 'INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (''t'', 1, ''male'', ''PT'') RETURNING name'), 't', 'a patient is created without calling look-alikes');
SELECT is((SELECT array_agg(left(pg_temp.trapped('clinician', c), 5)) FROM (VALUES
	('SELECT (medrec.create_patient(''t'', 1, ''male'', ''PT2'')).name'),
	('SELECT medrec_api.record_visit(''{"patient":{"patient_id":"PT"},"diagnoses":[{"code":"I10"}]}'') -> ''diagnoses'' -> 0 ->> ''code'''),
	('SELECT result FROM medrec_api.validate_code(''ICD-10-CM'', ''I10'', ''Hypertension'')'),
	('SELECT count(*) FROM medrec_api.suggest(''ICD-10-CM'', ''I1O'')'),
	('SELECT count(*) FROM medrec_api.diagnoses')) AS v (c)), '{t,I10,pendi,0,1}', 'other functions work without calling look-alikes');
SET LOCAL medrec.care_team_mode = off;

-- claims that a plain SQL session sets are ignored
SELECT set_config('request.jwt.claims', '{"sub":"victim","role":"medrec_clinician","jti":"1"}', true) \g /dev/null
SELECT is(left(pg_temp.mallory('clinician', 'SELECT medrec_api.logout()'), 5) || (SELECT count(*) FROM medrec.token_revoked), 'PT4010', 'logout with forged claims is refused');
SELECT is(pg_temp.mallory('clinician', 'SELECT medrec_api.break_glass(''PV'', ''a good reason'') IS NOT NULL') || (SELECT string_agg(DISTINCT a.username, ',') FROM medrec.break_glass AS b JOIN medrec.account AS a ON a.id = b.account), 'truemallory_clinician', 'break_glass with forged claims names the session''s user');
SELECT set_config('request.jwt.claims', '', true) \g /dev/null

SELECT finish();
ROLLBACK;
