\i test/sql-setup.psql
SELECT plan(28);

SELECT is(:steps::bigint, (SELECT count(*) FROM medrec.schema_migration), 'migrate() applies and records every step');
SELECT is_empty('SELECT * FROM medrec.migrate()', 'migrate() applies no step twice');
SELECT is((SELECT array_agg(version ORDER BY version) FROM medrec.schema_migration),
	(SELECT array_agg(version ORDER BY version) FROM medrec.migration_step()), 'all steps of the library are recorded');

-- the extension is code only
SELECT is_empty($$SELECT classid::regclass, pg_describe_object(classid, objid, 0) FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'medrec')
	AND classid NOT IN ('pg_proc'::regclass, 'pg_event_trigger'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass)$$,
	'no table, type or schema is a member of the extension');
SELECT throws_ok('DROP EXTENSION medrec', '2BP01', NULL, 'DROP EXTENSION is refused while the tables exist');
SAVEPOINT dropped;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P1');
SET LOCAL client_min_messages = error;
DROP EXTENSION medrec CASCADE;
SELECT is((SELECT count(*) FROM medrec.patient), 1::bigint, 'DROP EXTENSION ... CASCADE deletes no row');
CREATE EXTENSION medrec;
SELECT is((SELECT count(*) FROM medrec.migrate() WHERE version IS NULL AND name = 'repaired trigger medrec_validate on medrec.account'),
	1::bigint, 'migrate() restores the rules that CASCADE dropped');
ROLLBACK TO dropped;

-- code that somebody put into a schema of their own must not run with the rights of the role that migrates
CREATE ROLE migrate_test_other;
ALTER SCHEMA medrec OWNER TO migrate_test_other;
SELECT throws_ok('SELECT * FROM medrec.migrate()', '42501', NULL, 'migrate() refuses a schema medrec of another role');
ROLLBACK TO dropped;
CREATE ROLE migrate_test_other;
ALTER SCHEMA medrec_api OWNER TO migrate_test_other;
SELECT throws_ok('SELECT * FROM medrec.migrate()', '42501', NULL, 'migrate() refuses a schema medrec_api of another role');
ROLLBACK TO dropped;

-- a role that is not a superuser gets an error at once, even if it owns the extension and the schemas
CREATE ROLE migrate_test_owner CREATEROLE;
GRANT EXECUTE ON FUNCTION medrec.migrate(), medrec.migration_step() TO migrate_test_owner;
SELECT format('GRANT CREATE ON DATABASE %I TO migrate_test_owner', current_database()) \gexec
ALTER SCHEMA medrec OWNER TO migrate_test_owner;
ALTER SCHEMA medrec_api OWNER TO migrate_test_owner;
SET LOCAL ROLE migrate_test_owner;
SELECT throws_ok('SELECT * FROM medrec.migrate()', '42501', 'permission denied to run medrec.migrate()', 'migrate() refuses an owner who is not a superuser');
ROLLBACK TO dropped;

-- versions: of the library, and of the objects
SELECT is(medrec.version(), (SELECT extversion FROM pg_extension WHERE extname = 'medrec'), 'a new installation has one version');
SELECT is(obj_description('medrec_api'::regnamespace, 'pg_namespace'), E'medrec ' || medrec.version() ||
	E'\n\nPatients, diagnoses and treatments with codes checked against terminology releases.', 'the description over HTTP has the version');
CREATE FUNCTION pg_temp.health(r text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	h jsonb;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', r);
	h := medrec_api.health();
	RESET ROLE;
	RETURN (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(h) AS k);
END
$$;
CREATE ROLE migrate_test_demo;
GRANT medrec_clinician, medrec_coder TO migrate_test_demo;
SELECT is(pg_temp.health('medrec_anon'), 'status time', 'health without a token shows no version');
SELECT is(pg_temp.health(r), 'extension postgresql status time version warnings', 'health shows the version to ' || r)
	FROM unnest(ARRAY['medrec_clinician', 'medrec_coder', 'medrec_auditor', 'medrec_admin', 'migrate_test_demo']) AS r;
SET LOCAL client_min_messages = error;
UPDATE pg_extension SET extversion = '0.0' WHERE extname = 'medrec';
SELECT is(medrec_api.health() ->> 'extension', '0.0', 'health shows a different version of the objects');
ROLLBACK TO dropped;
COMMENT ON SCHEMA medrec_api IS 'medrecords of our clinic';
SELECT is((SELECT array_agg(name) FROM medrec.migrate()) || obj_description('medrec_api'::regnamespace, 'pg_namespace'), '{medrecords of our clinic}', 'a comment of the user is kept');
ROLLBACK TO dropped;

-- the seed's columns, exactly
SELECT is((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
	FROM pg_attribute AS a WHERE a.attrelid = 'medrec.patient'::regclass AND a.attnum BETWEEN 1 AND 6),
	'id uuid, name character varying(255), age integer, gender character varying(10), patient_id character varying(20), last_visit timestamp with time zone',
	'patient has the seed''s columns');
SELECT is((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
	FROM pg_attribute AS a WHERE a.attrelid = 'medrec.diagnosis'::regclass AND a.attnum BETWEEN 1 AND 9),
	'id uuid, patient_id uuid, code character varying(20), description text, code_system character varying(100), status character varying(10), validation_date timestamp with time zone, validated_by character varying(255), suggestions jsonb',
	'diagnosis has the seed''s columns, with room for a URI');
SELECT is((SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
	WHERE a.attrelid = 'medrec.account'::regclass AND a.attnum > 0),
	'id, username, email, role, password, first_name, last_name, is_active, last_login, date_joined', 'account has the seed''s columns');

-- nothing without a comment, nothing for everybody
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace, 'medrec_gate'::regnamespace)
	AND obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace)
	AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT c.oid::regclass, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
	AND col_description(c.oid, a.attnum) IS NULL$$, 'every column has a comment');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace)
	AND has_function_privilege('public', p.oid, 'EXECUTE')$$, 'no function is granted to everybody');
SELECT is_empty($$SELECT c.oid::regclass, x.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS x
	WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace) AND x.grantee = 0$$, 'no table is granted to everybody');

SELECT * FROM finish();
ROLLBACK;
