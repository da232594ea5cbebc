-- a table of the user's own is audited as medrec's are: attach_audit(), detach_audit()
\i test/sql-setup.psql
SELECT plan(78);
SET LOCAL client_min_messages = error;
CREATE SCHEMA app;
CREATE TABLE app.visit (id uuid PRIMARY KEY, patient_id uuid, ward text, pin text, "odd \ '=name" text);
INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 1, 'male', 'P1');

-- events of this transaction since the last look
CREATE TABLE app.seen AS SELECT 0 AS n;
CREATE FUNCTION pg_temp.events() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	last integer;
BEGIN
	SELECT n INTO last FROM app.seen;
	UPDATE app.seen SET n = (SELECT max(e.n) FROM medrec.audit_event AS e WHERE e.xid = pg_current_xact_id()::text::bigint);
	RETURN QUERY SELECT concat_ws(' ', e.action, e.table_name, right(e.row_id, 2), right(e.patient_id::text, 2),
			regexp_replace(e.old_values::text, 'withheld:[0-9a-f]{32}', 'withheld'), regexp_replace(e.new_values::text, 'withheld:[0-9a-f]{32}', 'withheld'))
		FROM medrec.audit_event AS e WHERE e.xid = pg_current_xact_id()::text::bigint AND e.n > last ORDER BY e.n;
END
$$;
CREATE FUNCTION pg_temp.triggers(relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT replace(pg_get_triggerdef(oid), ' ON ' || relation, ' ON it') || ' ' || tgenabled::text FROM pg_trigger WHERE tgrelid = relation AND tgname LIKE 'medrec_audit%' ORDER BY 1
$$;
SELECT count(*) AS x FROM pg_temp.events() \gset

-- attached
SELECT is(medrec.attach_audit('app.visit', 'patient_id', '{pin}'), 4, 'four triggers are made');
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('DDL medrec_audit_insert on app.visit {"command":"CREATE TRIGGER"}'), ('DDL medrec_audit_update on app.visit {"command":"CREATE TRIGGER"}'),
	('DDL medrec_audit_delete on app.visit {"command":"CREATE TRIGGER"}'), ('DDL medrec_audit_truncate on app.visit {"command":"CREATE TRIGGER"}'),
	('DDL app.visit {"command":"ALTER TABLE","details":["ENABLE TRIGGER medrec_audit_insert","ENABLE TRIGGER medrec_audit_update","ENABLE TRIGGER medrec_audit_delete","ENABLE TRIGGER medrec_audit_truncate"]}')$$,
	'which leaves events');
SELECT is(medrec.attach_audit('app.visit', 'patient_id', '{pin,pin}'), 0, 'the second time there is nothing to do');
SELECT is_empty('SELECT pg_temp.events()', 'which leaves none');
CREATE TABLE app.stay (id uuid PRIMARY KEY, patient_id uuid);
SELECT is(medrec.attach_audit('app.stay', patient => 'patient_id'), 4, 'a table with a patient');
SELECT results_eq($$SELECT pg_temp.triggers('app.stay')$$, $$SELECT pg_temp.triggers('medrec.diagnosis')$$, 'has the triggers that medrec.diagnosis has');
CREATE TABLE app.plain (a integer, b text, PRIMARY KEY (a, b));
SELECT is(medrec.attach_audit('app.plain'), 4, 'a table without one');
SELECT results_eq($$SELECT pg_temp.triggers('app.plain')$$, $$SELECT pg_temp.triggers('medrec.code_release')$$, 'has the triggers that medrec.code_release has');
SELECT is(medrec.attach_audit('app.plain', withhold => NULL), 0, 'no columns to withhold are none');
SELECT is((SELECT count(*) FROM pg_temp.events()), 10::bigint, 'each leaves its events');

-- written to
INSERT INTO app.visit VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'W1', 'secret', NULL);
UPDATE app.visit SET ward = 'W2', pin = 'other';
UPDATE app.visit SET ward = 'W2';
INSERT INTO app.plain VALUES (1, 'x');
SELECT results_eq('SELECT pg_temp.events()', $$VALUES
	('INSERT app.visit 01 0a {"id":"00000000-0000-4000-8000-000000000001","patient_id":"00000000-0000-4000-8000-00000000000a","ward":"W1","pin":"(withheld)","odd \\ ''=name":null}'),
	('UPDATE app.visit 01 0a {"ward":"W1","pin":"(withheld)"} {"ward":"W2","pin":"(withheld)"}'),
	('INSERT app.plain "] {"a":1,"b":"x"}')$$, 'rows leave events with key and patient, and without what is withheld');
SELECT is((SELECT count(DISTINCT coalesce(new_values ->> 'pin', '')) FROM medrec.audit_event WHERE table_name = 'app.visit' AND action IN ('INSERT', 'UPDATE')), 2::bigint, 'but with its digest');
SELECT is((SELECT string_agg(concat_ws(' ', version, action, record ->> 'ward'), ', ' ORDER BY version) FROM medrec.history('app.visit', '00000000-0000-4000-8000-000000000001')), '1 INSERT W1, 2 UPDATE W2', 'history() tells a row''s past');
SELECT is(medrec.as_of('app.visit', '00000000-0000-4000-8000-000000000001', clock_timestamp()) ->> 'ward', 'W2', 'as_of() gives the row');
SELECT is_empty('SELECT kind, table_name FROM medrec.verify_records()', 'verify_records() finds nothing');
SELECT is_empty($$SELECT kind, detail FROM medrec.verify_audit() WHERE kind <> 'not_sealed'$$, 'nor does verify_audit()');
SET LOCAL session_replication_role = replica;
DELETE FROM app.plain;
SET LOCAL session_replication_role = origin;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('DELETE app.plain "] {"a":1,"b":"x"}')$$, 'session_replication_role does not silence it');
TRUNCATE app.plain;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('TRUNCATE app.plain')$$, 'nor is TRUNCATE missed');

-- past the audit
ALTER TABLE app.visit DISABLE TRIGGER medrec_audit_update;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('DDL app.visit {"command":"ALTER TABLE","details":["DISABLE TRIGGER medrec_audit_update"]}')$$, 'who disables a trigger leaves an event');
UPDATE app.visit SET pin = 'forged';
SELECT results_eq('SELECT kind, detail FROM medrec.verify_audit() WHERE kind <> ''not_sealed''', $$VALUES ('guard_missing', 'trigger medrec_audit_update on app.visit is disabled')$$, 'verify_audit() finds the trigger');
SELECT results_eq('SELECT kind, table_name, detail FROM medrec.verify_records()', $$VALUES ('row_changed', 'app.visit', '"pin"')$$, 'verify_records() finds the row, even by a value that is withheld');
SELECT is(medrec.attach_audit('app.visit', 'patient_id', '{pin}'), 1, 'attaching again wakes it');
SELECT is_empty('SELECT kind, detail FROM medrec.verify_audit() WHERE kind <> ''not_sealed''', 'and verify_audit() is content');
DELETE FROM app.visit;
CREATE TABLE app.older (id integer PRIMARY KEY, name text);
INSERT INTO app.older VALUES (1, 'a'), (2, 'b');
SELECT is(medrec.attach_audit('app.older'), 4, 'a table that has rows');
UPDATE app.older SET name = 'c' WHERE id = 1;
SELECT is_empty($$SELECT * FROM medrec.verify_records() WHERE table_name = 'app.older'$$, 'its rows need no events from before');
SELECT count(*) AS x FROM pg_temp.events() \gset

-- attached in another way
SELECT is(medrec.attach_audit('app.visit', 'patient_id', ARRAY['odd \ ''=name', 'pin']::name[]), 4, 'other columns replace the triggers');
SELECT is((SELECT count(*) FROM pg_temp.triggers('app.visit')), 4::bigint, 'there are still four');
SELECT is(medrec.attach_audit('app.visit', 'patient_id', ARRAY['pin', 'odd \ ''=name']::name[]), 0, 'the order of columns is no difference');
SELECT is((SELECT count(*) FROM pg_temp.events()), 5::bigint, 'which leaves events too');
INSERT INTO app.visit VALUES ('00000000-0000-4000-8000-000000000002', NULL, 'W1', NULL, 'secret');
SELECT ok((SELECT new_values ->> 'odd \ ''=name' LIKE '(withheld:%' FROM medrec.audit_event WHERE row_id = '00000000-0000-4000-8000-000000000002'), 'a column is withheld whatever its name');

-- what the audit names keeps its name
SELECT throws_ok('ALTER TABLE app.visit RENAME COLUMN pin TO code', '2BP01', 'cannot rename column "pin" of table "visit" because its audit names it', 'a column that is withheld is not renamed');
SELECT throws_ok('ALTER TABLE app.visit RENAME COLUMN patient_id TO patient', '2BP01', NULL, 'nor the patient''s');
SELECT throws_ok('ALTER TABLE app.visit ALTER COLUMN patient_id TYPE text', '2BP01', NULL, 'which keeps its type');
SELECT lives_ok('ALTER TABLE app.visit RENAME COLUMN ward TO unit; ALTER TABLE app.visit ALTER COLUMN pin TYPE varchar(9)', 'other changes are free');

-- what cannot be audited
CREATE VIEW app.view AS SELECT 1 AS id;
CREATE TABLE app.parted (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE app.part PARTITION OF app.parted DEFAULT;
CREATE TABLE app.parent (id integer PRIMARY KEY);
CREATE TABLE app.child (PRIMARY KEY (id)) INHERITS (app.parent);
CREATE TEMP TABLE mine (id uuid PRIMARY KEY);
CREATE UNLOGGED TABLE app.unlogged (id integer PRIMARY KEY);
CREATE TABLE app.keyless (id integer UNIQUE);
CREATE TABLE app.late (id integer PRIMARY KEY DEFERRABLE);
CREATE DOMAIN app.ref AS uuid;
CREATE DOMAIN app.patient_ref AS app.ref;
CREATE TABLE app.linked (id integer PRIMARY KEY, patient app.patient_ref, number integer);
CREATE TABLE app.taken (id integer PRIMARY KEY);
CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER medrec_audit_delete AFTER DELETE ON app.taken FOR EACH STATEMENT EXECUTE FUNCTION app.f();
CREATE TABLE app.twice (id integer PRIMARY KEY);
CREATE TRIGGER own AFTER TRUNCATE ON app.twice FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit();
SELECT throws_ok(format('SELECT medrec.attach_audit(%s)', c.arguments), c.code, c.message, c.what) FROM (VALUES
	('NULL', '42P01', 'there is no such table', 'no table'),
	('1', '42P01', 'there is no such table', 'a table that is gone'),
	('''app.view''', '42809', 'app.view is not a table', 'a view'),
	('''app.parted''', '42809', 'table app.parted cannot be audited', 'a partitioned table'),
	('''app.part''', '42809', 'table app.part cannot be audited', 'a partition'),
	('''app.parent''', '42809', 'table app.parent cannot be audited', 'a parent'),
	('''app.child''', '42809', 'table app.child cannot be audited', 'a child'),
	('''pg_temp.mine''', '42809', NULL, 'a temporary table'),
	('''app.unlogged''', '42809', 'table app.unlogged cannot be audited', 'an unlogged table'),
	('''medrec.audit_key''', '42809', 'table medrec.audit_key cannot be audited', 'the trail itself'),
	('''app.keyless''', '55000', 'table app.keyless has no primary key', 'a table without a primary key'),
	('''app.late''', '55000', 'table app.late has no primary key', 'a deferrable key'),
	('''app.linked'', ''person''', '42703', 'column "person" of table app.linked does not exist', 'no such column'),
	('''app.linked'', ''ctid''', '42703', 'column "ctid" of table app.linked does not exist', 'a system column'),
	('''app.linked'', ''number''', '42804', 'column "number" of table app.linked is not of type uuid', 'a patient that is a number'),
	('''app.linked'', withhold => ''{none}''', '42703', 'column "none" of table app.linked does not exist', 'no such column to withhold'),
	('''app.linked'', withhold => ''{id}''', '22023', 'column "id" of table app.linked cannot be withheld', 'a key that is to be withheld'),
	('''app.linked'', ''patient'', ''{patient}''', '22023', 'column "patient" of table app.linked cannot be withheld', 'a patient that is to be withheld'),
	('''app.linked'', withhold => ''{NULL}''', '22004', 'columns to withhold must not be null', 'a null column'),
	('''app.taken''', '42710', 'trigger "medrec_audit_delete" of table app.taken is in the way', 'another trigger of the name'),
	('''app.twice''', '42710', 'trigger "own" of table app.twice is in the way', 'another trigger that audits'),
	('''medrec.patient''', '55000', 'table medrec.patient is audited in another way', 'one of medrec''s own, in another way'),
	('''medrec.token_revoked''', '55000', 'table medrec.token_revoked is audited in another way', 'and one that is audited in part')
) AS c (arguments, code, message, what);
SELECT is(medrec.attach_audit('medrec.patient', 'id'), 0, 'one of medrec''s own, as it is');
SELECT is(medrec.attach_audit('app.linked', 'patient'), 4, 'a patient of a domain of uuid');
SELECT throws_ok('SELECT medrec.detach_audit(''medrec.patient'')', '2BP01', 'cannot end the audit of table medrec.patient because medrec requires it', 'medrec''s own tables stay audited');
CREATE TRIGGER t AFTER TRUNCATE ON pg_temp.mine FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=id');
SELECT throws_ok('TRUNCATE pg_temp.mine', '39P01', 'function medrec.audit() does not audit temporary tables', 'a temporary table leaves no events by a trigger of one''s own either');

-- detached
SELECT count(*) AS x FROM pg_temp.events() \gset
SELECT is(medrec.detach_audit('app.visit'), 4, 'four triggers are dropped');
SELECT results_eq('SELECT * FROM pg_temp.events() ORDER BY 1', $$SELECT 'DDL medrec_audit_' || e || ' on app.visit {"command":"DROP TRIGGER","details":["trigger"]}' FROM unnest('{delete,insert,truncate,update}'::text[]) AS e$$, 'which leaves events');
SELECT is(medrec.detach_audit('app.visit'), 0, 'the second time there is nothing to do');
UPDATE app.visit SET unit = 'W9';
SELECT is_empty('SELECT pg_temp.events()', 'rows leave no events any more');
SELECT is((SELECT count(*) FROM medrec.history('app.visit', '00000000-0000-4000-8000-000000000001')), 3::bigint, 'history() still tells those there are');
DROP TABLE app.older;
SELECT is((SELECT count(*) FROM pg_temp.events()), 4::bigint, 'dropping a table that is audited leaves events');

-- whose it is
CREATE ROLE app_owner IN ROLE medrec_admin;
CREATE ROLE app_admin IN ROLE medrec_admin;
CREATE ROLE app_other;
GRANT USAGE, CREATE ON SCHEMA app TO app_owner, app_admin, app_other;
GRANT USAGE ON SCHEMA medrec TO app_other;
ALTER TABLE app.stay OWNER TO app_owner;
ALTER TABLE app.plain OWNER TO app_other;
CREATE TABLE app.fresh (id integer PRIMARY KEY);
ALTER TABLE app.fresh OWNER TO app_owner;
SET LOCAL ROLE app_admin;
SELECT throws_ok('SELECT medrec.attach_audit(''app.fresh'')', '42501', 'must be owner of table app.fresh', 'an administrator who does not own the table');
SELECT throws_ok('SELECT medrec.detach_audit(''app.stay'')', '42501', 'must be owner of table app.stay', 'detaches it no more than that');
SELECT throws_ok('SELECT medrec.attach_audit(''medrec.patient'')', '42501', 'must be owner of table medrec.patient', 'nor one of medrec''s');
SELECT throws_ok('CREATE TRIGGER forged AFTER TRUNCATE ON medrec.patient FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit()', '42501', NULL, 'nor makes the trigger there');
SELECT throws_ok('CREATE TABLE medrec.forged (id integer PRIMARY KEY)', '42501', NULL, 'or a table whose events would have a name like medrec''s');
SET LOCAL ROLE app_other;
SELECT throws_ok('SELECT medrec.attach_audit(''app.plain'')', '42501', 'permission denied for function attach_audit', 'an owner who is no administrator');
SELECT throws_ok('SELECT medrec.detach_audit(''app.plain'')', '42501', 'permission denied for function detach_audit', 'has not the function to detach it');
SET LOCAL ROLE app_owner;
SELECT is(medrec.attach_audit('app.fresh'), 4, 'an administrator who owns the table');
INSERT INTO app.fresh VALUES (1);
SELECT is(medrec.detach_audit('app.fresh') || ' ' || medrec.detach_audit('app.stay'), '4 4', 'and detaches it');
RESET ROLE;
SELECT is((SELECT effective_role FROM medrec.audit_event WHERE table_name = 'app.fresh' AND action = 'INSERT'), 'app_owner', 'the events say who it was');
SELECT is_empty($$SELECT DISTINCT kind, detail FROM medrec.verify_audit() WHERE kind <> 'not_sealed'$$, 'the trail stays sound');

SELECT * FROM finish();
ROLLBACK;
