\i test/sql-setup.psql
SELECT plan(17);

SELECT is(:steps::bigint, (SELECT count(*) FROM medrec.schema_migration), 'migrate() has taken every step and recorded it');
SELECT is_empty('SELECT * FROM medrec.migrate()', 'a second time it does nothing');
SELECT is((SELECT array_agg(version ORDER BY version) FROM medrec.schema_migration),
	(SELECT array_agg(version ORDER BY version) FROM medrec.migration_step()), 'the steps are numbered alike');

-- the extension is code only
SELECT is_empty($$SELECT classid::regclass, pg_describe_object(classid, objid, 0) FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'medrec')
	AND classid NOT IN ('pg_proc'::regclass, 'pg_event_trigger'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass)$$,
	'no table, type or schema is a member of the extension');
SELECT throws_ok('DROP EXTENSION medrec', '2BP01', NULL, 'DROP EXTENSION is refused while tables stand');
SAVEPOINT dropped;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P1');
SET LOCAL client_min_messages = error;
DROP EXTENSION medrec CASCADE;
SELECT is((SELECT count(*) FROM medrec.patient), 1::bigint, 'and with CASCADE no row is lost');
CREATE EXTENSION medrec;
SELECT throws_ok('SELECT * FROM medrec.migrate()', '55000', 'table "medrec.account" has lost its trigger "medrec_validate"',
	'tables that CASCADE has left without rules are not passed for migrated');
ROLLBACK TO dropped;

-- what somebody has put into a schema of his own must not run as whoever migrates
CREATE ROLE migrate_test_other;
ALTER SCHEMA medrec OWNER TO migrate_test_other;
SELECT throws_ok('SELECT * FROM medrec.migrate()', '42501', NULL, 'a schema of somebody else''s is refused');
ROLLBACK TO dropped;
CREATE ROLE migrate_test_other;
ALTER SCHEMA medrec_api OWNER TO migrate_test_other;
SELECT throws_ok('SELECT * FROM medrec.migrate()', '42501', NULL, 'the API''s as well');
ROLLBACK TO dropped;

-- the seed's columns, to the letter
SELECT is((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
	FROM pg_attribute AS a WHERE a.attrelid = 'medrec.patient'::regclass AND a.attnum BETWEEN 1 AND 6),
	'id uuid, name character varying(255), age integer, gender character varying(10), patient_id character varying(20), last_visit timestamp with time zone',
	'patient has the seed''s columns');
SELECT is((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
	FROM pg_attribute AS a WHERE a.attrelid = 'medrec.diagnosis'::regclass AND a.attnum BETWEEN 1 AND 9),
	'id uuid, patient_id uuid, code character varying(20), description text, code_system character varying(100), status character varying(10), validation_date timestamp with time zone, validated_by character varying(255), suggestions jsonb',
	'diagnosis has the seed''s columns, but for the room that a URI needs');
SELECT is((SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
	WHERE a.attrelid = 'medrec.account'::regclass AND a.attnum > 0),
	'id, username, email, role, password, first_name, last_name, is_active, last_login, date_joined', 'account has the seed''s columns');

-- nothing without a comment, nothing for everybody
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace)
	AND obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace)
	AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT c.oid::regclass, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
	AND c.relname <> 'schema_migration' AND col_description(c.oid, a.attnum) IS NULL$$, 'every column has a comment');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace)
	AND has_function_privilege('public', p.oid, 'EXECUTE')$$, 'no function is granted to everybody');
SELECT is_empty($$SELECT c.oid::regclass, x.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS x
	WHERE c.relnamespace IN ('medrec'::regnamespace, 'medrec_api'::regnamespace) AND x.grantee = 0$$, 'no table is granted to everybody');

SELECT * FROM finish();
ROLLBACK;
