\i test/sql-setup.psql
SELECT plan(24);

-- rows of a user's table that inherits from medrec's are not shown; the table leaves an event, and is found
INSERT INTO medrec.account (username, role) VALUES ('ann', 'clinician');
INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES ('00000000-0000-4000-8000-00000000000a', 'Real', 30, 'female', 'R1');
INSERT INTO medrec.diagnosis (patient_id, code) VALUES ('00000000-0000-4000-8000-00000000000a', 'E11.9');
CREATE SCHEMA elsewhere;
CREATE FUNCTION pg_temp.events() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', table_name, new_values ->> 'command', new_values ->> 'details') FROM medrec.audit_event WHERE action = 'DDL' AND xid = pg_current_xact_id()::text::bigint AND n > coalesce(current_setting('test.n', true), '0')::integer ORDER BY n
$$;
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$ SELECT set_config('test.n', (SELECT max(n) FROM medrec.audit_event)::text, true) $$;
SELECT pg_temp.forget() AS x \gset

CREATE TABLE elsewhere.made_up () INHERITS (medrec.diagnosis);
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('elsewhere.made_up CREATE TABLE ["INHERITS diagnosis"]')$$, 'CREATE TABLE ... INHERITS leaves an event in any schema');
CREATE TABLE elsewhere.people (LIKE medrec.patient INCLUDING ALL);
CREATE TABLE elsewhere.accounts (LIKE medrec.account INCLUDING ALL);
SELECT results_eq('SELECT count(*) FROM pg_temp.events()', 'VALUES (1::bigint)', 'other tables leave no event');
SELECT pg_temp.forget() AS x \gset
ALTER TABLE elsewhere.people INHERIT medrec.patient;
ALTER TABLE elsewhere.accounts INHERIT medrec.account;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('elsewhere.people ALTER TABLE ["INHERIT patient"]'), ('elsewhere.accounts ALTER TABLE ["INHERIT account"]')$$, 'ALTER TABLE ... INHERIT leaves an event');
SELECT pg_temp.forget() AS x \gset
CREATE SCHEMA hidden CREATE TABLE x () INHERITS (medrec.treatment);
CREATE TEMP TABLE t () INHERITS (medrec.treatment);
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('hidden.x CREATE TABLE ["INHERITS treatment"]'), ('pg_temp.t CREATE TABLE ["INHERITS treatment"]')$$, 'CREATE SCHEMA with a child table, and a temporary child table, leave an event');

-- rows of theirs
INSERT INTO elsewhere.people (id, name, age, gender, patient_id, birth_date) VALUES ('00000000-0000-4000-8000-0000000000ff', 'Ghost', 40, 'male', 'G1', '1980-01-01');
INSERT INTO elsewhere.made_up (patient_id, code, status, code_system) SELECT p, 'I10', 'valid', 'ICD-10-CM' FROM (VALUES ('00000000-0000-4000-8000-00000000000a'::uuid), ('00000000-0000-4000-8000-0000000000ff')) AS v (p);
INSERT INTO elsewhere.accounts (id, username, role, password, is_active, date_joined, first_name, last_name, email)
	SELECT 999, 'ghost', 'admin', password, true, now(), '', '', 'g@example.org' FROM medrec.account WHERE username = 'ann';
INSERT INTO hidden.x (patient_id, code, status, code_system) VALUES ('00000000-0000-4000-8000-00000000000a', '99213', 'valid', 'CPT');
SELECT is((SELECT count(*) FROM medrec.patient), 2::bigint, 'a query of a table shows its child''s rows');
SELECT is((SELECT string_agg(name, ',') FROM medrec_api.patients), 'Real', 'the view patients does not show a child''s rows');
SELECT is((SELECT string_agg(code, ',') FROM medrec_api.diagnoses), 'E11.9', 'the view diagnoses does not show a child''s rows');
SELECT is((SELECT count(*) FROM medrec_api.treatments), 0::bigint, 'the view treatments does not show a child''s rows');
SELECT is((SELECT string_agg(username, ',') FROM medrec_api.accounts), 'ann', 'the view accounts does not show a child''s rows');
SELECT is((SELECT count(*) FROM medrec.search_patients('Ghost')) + (SELECT count(*) FROM medrec.search_patients('G1')) + (SELECT count(*) FROM medrec.search_patients('1980-01-01')), 0::bigint, 'search_patients does not find a child''s rows');
SELECT throws_ok('SELECT medrec.record_visit(''{"patient":{"patient_id":"G1"}}'')', NULL, NULL, 'record_visit does not find a child''s patient');
SELECT set_config('session_authorization', 'medrec_authenticator', true) AS x \gset
SET LOCAL ROLE medrec_anon;
SELECT medrec_api.login('ghost', 'x') ->> 'code' AS refused \gset
SELECT set_config('session_authorization', 'postgres', true) AS x \gset
SELECT is(:'refused'::text, '28P01', 'a child''s account cannot log in');
SELECT is((SELECT count(*) FROM information_schema.views AS v JOIN pg_class AS c ON c.oid = format('%I.%I', v.table_schema, v.table_name)::regclass
	WHERE v.table_schema = 'medrec_api' AND pg_get_viewdef(c.oid) ~ '(FROM|JOIN) medrec\.' AND pg_get_viewdef(c.oid) !~ 'medrec\.(audit_event|audit_archived|code_systems\()'), 0::bigint, 'no view but that of the audit trail reads child tables');

-- views are unchanged
SELECT is((SELECT count(*) FROM information_schema.views WHERE table_schema = 'medrec_api' AND table_name IN ('patients', 'diagnoses', 'treatments', 'accounts', 'care_teams', 'care_team_members', 'care_team_patients') AND is_updatable = 'YES' AND is_insertable_into = 'YES'), 7::bigint, 'the views stay updatable');
SELECT is((SELECT array_agg(DISTINCT reloptions::text) FROM pg_class WHERE relnamespace = 'medrec_api'::regnamespace AND relkind = 'v'), '{"{security_invoker=true}"}', 'the views run with their caller''s rights');
SELECT is((SELECT string_agg(attrelid::regclass || '.' || attname, ', ') FROM pg_attribute WHERE attrelid IN ('medrec_api.patients'::regclass, 'medrec_api.diagnoses'::regclass) AND attnum > 0 AND col_description(attrelid, attnum) IS NULL), NULL, 'the views'' columns have comments');
UPDATE medrec_api.diagnoses SET description = 'changed';
DELETE FROM medrec_api.treatments;
SELECT is((SELECT count(*) FROM elsewhere.made_up WHERE description = 'changed') + (SELECT 1 - count(*) FROM hidden.x), 0::bigint, 'an UPDATE through a view does not change a child''s rows');

-- found
SELECT results_eq('SELECT detail FROM medrec.verify_audit() WHERE kind = ''child_table'' ORDER BY detail COLLATE "C"',
	$$VALUES ('elsewhere.accounts inherits from medrec.account'), ('elsewhere.made_up inherits from medrec.diagnosis'), ('elsewhere.people inherits from medrec.patient'), ('hidden.x inherits from medrec.treatment'), ('t inherits from medrec.treatment')$$, 'verify_audit() reports child tables');
SELECT results_eq('SELECT table_name, detail FROM medrec.verify_records() WHERE kind = ''child_table'' AND detail !~ ''pg_temp'' ORDER BY detail COLLATE "C"',
	$$VALUES ('account', 'elsewhere.accounts'), ('diagnosis', 'elsewhere.made_up'), ('patient', 'elsewhere.people'), ('treatment', 'hidden.x')$$, 'verify_records() reports child tables');
SELECT pg_temp.forget() AS x \gset
ALTER TABLE elsewhere.people NO INHERIT medrec.patient;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('elsewhere.people ALTER TABLE ["NO INHERIT patient"]')$$, 'NO INHERIT leaves an event');
DROP TABLE elsewhere.made_up, elsewhere.accounts, hidden.x, t;
SELECT is((SELECT count(*) FROM medrec.verify_audit() WHERE kind = 'child_table') + (SELECT count(*) FROM medrec.verify_records() WHERE kind = 'child_table'), 0::bigint, 'nothing is reported once the child tables are gone');

-- new tables and procedures in medrec's schemas
SELECT pg_temp.forget() AS x \gset
CREATE TABLE medrec.mine (a integer);
CREATE TABLE medrec.copied AS SELECT 1 AS a;
SELECT 1 AS a INTO medrec_api.selected;
CREATE MATERIALIZED VIEW medrec_api.kept AS SELECT 1 AS a;
CREATE PROCEDURE medrec_api.do_it() LANGUAGE sql AS 'SELECT 1';
ALTER PROCEDURE medrec_api.do_it() SECURITY DEFINER;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('mine CREATE TABLE'), ('copied CREATE TABLE AS'), ('medrec_api.selected SELECT INTO'), ('medrec_api.kept CREATE MATERIALIZED VIEW'),
	('medrec_api.do_it() CREATE PROCEDURE'), ('medrec_api.do_it() ALTER PROCEDURE')$$, 'every object created in medrec''s schemas leaves an event');
SELECT pg_temp.forget() AS x \gset
CREATE TEMP TABLE other (a integer);
CREATE TABLE elsewhere.other AS SELECT 1 AS a;
SELECT is_empty('SELECT pg_temp.events()', 'objects created elsewhere leave no event');
SELECT ok((SELECT evtenabled = 'A' FROM pg_event_trigger WHERE evtname = 'medrec_audit_ddl'), 'the event trigger is ENABLE ALWAYS');

SELECT finish();
ROLLBACK;
