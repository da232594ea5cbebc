-- medrec's tables and columns cannot be dropped, renamed or moved by accident
\i test/sql-setup.psql
SELECT plan(49);
SET LOCAL client_min_messages = error;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P1');

-- tries a command: its SQLSTATE, or "done"; rolled back whatever it was
CREATE FUNCTION pg_temp.attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RAISE EXCEPTION 'done' USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN 'done';
	WHEN OTHERS THEN RETURN SQLSTATE;
END
$$;
CREATE TEMP VIEW own AS SELECT c.relname AS t, a.attname AS c FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;

-- every table and column that migrate() makes; names listed here are missing from src/base/guard.c
SELECT is((SELECT count(DISTINCT t) >= 27 FROM own), true, 'all of medrec''s tables exist');
SELECT is_empty($$SELECT t, c FROM own WHERE pg_temp.attempt(format('ALTER TABLE medrec.%I RENAME COLUMN %I TO other_name', t, c)) <> '2BP01'$$, 'no column of medrec can be renamed');
SELECT is_empty($$SELECT t, c FROM own WHERE pg_temp.attempt(format('ALTER TABLE medrec.%I DROP COLUMN %I CASCADE', t, c)) NOT IN ('2BP01', '42P16')$$, 'no column of medrec can be dropped');
SELECT is_empty($$SELECT DISTINCT t FROM own WHERE pg_temp.attempt(format('DROP TABLE medrec.%I CASCADE', t)) <> '2BP01'$$, 'no table of medrec can be dropped');
SELECT is_empty($$SELECT DISTINCT t FROM own WHERE pg_temp.attempt(format('ALTER TABLE medrec.%I RENAME TO other_name', t)) <> '2BP01'$$, 'no table of medrec can be renamed');
SELECT is_empty($$SELECT DISTINCT t FROM own WHERE pg_temp.attempt(format('ALTER TABLE medrec.%I SET SCHEMA public', t)) <> '2BP01'$$, 'no table of medrec can be moved');

-- by other ways
CREATE TABLE public.parent (name varchar(255) NOT NULL);
-- 18 itself refuses a change of the parent's column, with 55000
SELECT is(CASE WHEN a.code = '55000' AND c LIKE '%TABLE public.parent ALTER COLUMN%' THEN '2BP01' ELSE a.code END, '2BP01', c) FROM unnest(ARRAY[
	'ALTER SCHEMA medrec RENAME TO other_name',
	'ALTER INDEX medrec.patient RENAME TO other_name',
	'ALTER VIEW medrec.patient RENAME COLUMN name TO other_name',
	'ALTER MATERIALIZED VIEW medrec.patient RENAME COLUMN name TO other_name',
	'ALTER FOREIGN TABLE medrec.patient RENAME COLUMN name TO other_name',
	'SET LOCAL search_path = medrec; ALTER TABLE patient RENAME name TO other_name',
	'SET LOCAL search_path = medrec; ALTER TABLE patient SET SCHEMA public',
	'SET LOCAL search_path = medrec; ALTER TABLE patient RENAME TO other_name',
	'ALTER TABLE IF EXISTS medrec.audit_event RENAME COLUMN leaf TO other_name',
	'SET LOCAL session_replication_role = replica; ALTER TABLE medrec.patient RENAME COLUMN name TO other_name',
	'ALTER TABLE medrec.patient INHERIT public.parent; ALTER TABLE public.parent RENAME COLUMN name TO other_name',
	'DROP VIEW medrec_api.patients CASCADE; ALTER TABLE medrec.patient DROP CONSTRAINT patient_age_check, ALTER COLUMN age TYPE text',
	'DROP VIEW medrec_api.patients CASCADE; ALTER TABLE medrec.patient DROP CONSTRAINT patient_age_check, ALTER COLUMN age TYPE bigint',
	'DROP VIEW medrec_api.patients CASCADE; ALTER TABLE medrec.patient INHERIT public.parent; ALTER TABLE medrec.patient DROP CONSTRAINT patient_name_check; DROP INDEX medrec.patient_name_words_idx; ALTER TABLE public.parent ALTER COLUMN name TYPE integer USING 1',
	'CREATE ROLE guard_owner; ALTER TABLE medrec.patient OWNER TO guard_owner; DROP OWNED BY guard_owner CASCADE']) AS c (c), LATERAL (SELECT pg_temp.attempt(c) AS code) AS a;

-- what stays allowed
CREATE TABLE public.patient (name text, age integer);
CREATE SCHEMA other;
SELECT is(pg_temp.attempt(c), 'done', c) FROM unnest(ARRAY[
	'ALTER TABLE medrec.patient ADD COLUMN ward text; ALTER TABLE medrec.patient ALTER COLUMN ward TYPE integer USING 1; ALTER TABLE medrec.patient RENAME COLUMN ward TO room; ALTER TABLE medrec.patient DROP COLUMN room',
	'DROP VIEW medrec_api.patients CASCADE; ALTER TABLE medrec.patient ALTER COLUMN name TYPE text, ALTER COLUMN patient_id TYPE varchar(64)',
	'CREATE TABLE medrec.own (name text); ALTER TABLE medrec.own RENAME COLUMN name TO title; ALTER TABLE medrec.own RENAME TO mine; ALTER TABLE medrec.mine SET SCHEMA public; DROP TABLE public.mine',
	'ALTER TABLE public.patient RENAME COLUMN name TO title; ALTER TABLE public.patient ALTER COLUMN age TYPE text; ALTER TABLE public.patient DROP COLUMN age',
	'ALTER TABLE public.patient SET SCHEMA other', 'ALTER TABLE public.patient RENAME TO diagnosis', 'DROP TABLE public.patient',
	'SET LOCAL search_path = public; ALTER TABLE patient SET SCHEMA other',
	'CREATE TEMP TABLE patient (name text); ALTER TABLE pg_temp.patient RENAME COLUMN name TO title; DROP TABLE pg_temp.patient',
	'ALTER TABLE medrec.patient RENAME CONSTRAINT patient_age_check TO own_check',
	'ALTER INDEX medrec.diagnosis_patient_id_idx RENAME TO own_idx',
	'ALTER TABLE medrec.patient ALTER COLUMN age SET STATISTICS 500',
	'ALTER SCHEMA other RENAME TO another',
	'DROP EXTENSION medrec CASCADE', 'DROP EXTENSION medrec CASCADE; DROP TABLE medrec.patient CASCADE', 'DROP SCHEMA medrec CASCADE; DROP SCHEMA medrec_api CASCADE']) AS c;

SELECT throws_like('ALTER TABLE medrec.patient RENAME COLUMN name TO full_name', 'cannot rename column "name" of table "medrec.patient" because medrec requires it', 'the guard''s error says what is wrong');
SELECT throws_ok('SELECT medrec.allow_ddl()', NULL, NULL, 'no role may call the guard''s function');
SELECT lives_ok('INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (''B'', 1, ''male'', ''P2'')', 'a patient can be stored after all this');

-- rights given and taken by names without a schema leave events as well
SAVEPOINT rights;
CREATE ROLE medrec_test_reader;
SELECT n AS before FROM medrec.audit_event WHERE xid = pg_current_xact_id()::text::bigint ORDER BY n DESC LIMIT 1 \gset
SET LOCAL search_path = medrec, public;
GRANT SELECT (name) ON patient TO medrec_test_reader;
GRANT EXECUTE ON FUNCTION confirm(uuid) TO medrec_test_reader;
REVOKE ALL ON patient FROM medrec_test_reader;
CREATE FUNCTION public.own() RETURNS integer LANGUAGE sql AS 'SELECT 1';
GRANT EXECUTE ON FUNCTION own() TO medrec_test_reader;
SET LOCAL search_path = public, pg_catalog;
SELECT is((SELECT string_agg((new_values ->> 'command') || ' ' || table_name, ', ' ORDER BY n) FROM medrec.audit_event WHERE xid = pg_current_xact_id()::text::bigint AND n > :'before'),
	'GRANT patient, GRANT confirm, REVOKE patient', 'GRANT and REVOKE of names without a schema leave events, those on other objects none');
-- the caller's search_path does not mislead the trigger
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.differs(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.differs);
CREATE OPERATOR hostile.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.differs);
SELECT n AS before FROM medrec.audit_event WHERE xid = pg_current_xact_id()::text::bigint ORDER BY n DESC LIMIT 1 \gset
SET LOCAL search_path = hostile, pg_catalog;
ALTER TABLE medrec.patient ADD COLUMN own text;
ALTER TABLE medrec.patient DROP COLUMN own;
SET LOCAL search_path = public, pg_catalog;
SELECT is((SELECT count(*) FROM medrec.audit_event WHERE xid = pg_current_xact_id()::text::bigint AND n > :'before' AND action = 'DDL' AND table_name LIKE '%patient%'), 3::bigint,
	'operators in the caller''s search_path do not change these events');
ROLLBACK TO rights;

-- DROP EXTENSION of other extensions is nothing to medrec
SAVEPOINT extension;
CREATE ROLE medrec_test_owner;
SELECT format('GRANT CREATE ON DATABASE %I TO medrec_test_owner', current_database()) \gexec
CREATE SCHEMA owned AUTHORIZATION medrec_test_owner;
SET LOCAL ROLE medrec_test_owner;
CREATE EXTENSION citext SCHEMA owned;
SELECT lives_ok('DROP EXTENSION citext', 'a role without access to medrec can drop its own extension');
RESET ROLE;
-- what is recorded about other tables, and restored
CREATE TABLE public.own_records ("schlüssel" integer PRIMARY KEY);
CREATE TRIGGER own_audit AFTER DELETE ON public.own_records REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('withhold=schlüssel', 'patient=a\b');
DROP EXTENSION medrec CASCADE;
SELECT is((SELECT arguments FROM medrec.audit_attached), ARRAY['withhold=schlüssel', 'patient=a\b'], 'arguments of triggers are recorded unchanged');
CREATE EXTENSION medrec;
CREATE TRIGGER sooner AFTER TRUNCATE ON public.own_records FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit();
SELECT FROM medrec.migrate();
SELECT is((SELECT count(*) FROM pg_policy WHERE polrelid = 'medrec.patient'::regclass AND polname = 'medrec_read_care'), 1::bigint,
	'migrate() restores what was lost, even if another table is audited again already');
ROLLBACK TO extension;

-- a superuser may disable it
ALTER EVENT TRIGGER medrec_allow_ddl DISABLE;
ALTER EVENT TRIGGER medrec_allow_drop DISABLE;
SELECT is(pg_temp.attempt('ALTER TABLE medrec.patient RENAME COLUMN name TO other_name; DROP TABLE medrec.break_glass CASCADE'), 'done', 'the disabled guard refuses nothing');

-- and a step of migrate(), which may
ALTER EVENT TRIGGER medrec_allow_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER medrec_allow_drop ENABLE ALWAYS;
SAVEPOINT step;
CREATE OR REPLACE FUNCTION medrec.migration_step(OUT version integer, OUT name text, OUT script text) RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ VALUES (30000, 'a later one', 'ALTER TABLE medrec.code_note RENAME COLUMN note TO words; DROP TABLE medrec.break_glass') $$;
SELECT is((SELECT array_agg(name) FROM medrec.migrate()), '{a later one}', 'a step of migrate() may drop and rename');
ROLLBACK TO step;
CREATE OR REPLACE FUNCTION medrec.migration_step(OUT version integer, OUT name text, OUT script text) RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ VALUES (30000, 'a broken one', 'ALTER TABLE medrec.code_note RENAME COLUMN note TO words; SELECT 1 / 0') $$;
SELECT throws_ok('SELECT medrec.migrate()', '22012', NULL, 'a failing step of migrate() raises its error');
SELECT is(pg_temp.attempt('ALTER TABLE medrec.patient RENAME COLUMN name TO other_name'), '2BP01', 'a failing step does not leave the guard disabled');

SELECT * FROM finish();
ROLLBACK;
