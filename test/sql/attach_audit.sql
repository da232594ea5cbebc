-- attach_audit() and detach_audit(): a table of the user is audited like medrec's
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
SELECT is(medrec.attach_audit('app.visit', 'patient_id', '{pin}'), 4, 'attach_audit() makes four triggers');
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('DDL medrec_audit_insert on app.visit {"command":"CREATE TRIGGER"}'), ('DDL medrec_audit_update on app.visit {"command":"CREATE TRIGGER"}'),
	('DDL medrec_audit_delete on app.visit {"command":"CREATE TRIGGER"}'), ('DDL medrec_audit_truncate on app.visit {"command":"CREATE TRIGGER"}'),
	('DDL app.visit {"command":"ALTER TABLE","details":["ENABLE TRIGGER medrec_audit_insert","ENABLE TRIGGER medrec_audit_update","ENABLE TRIGGER medrec_audit_delete","ENABLE TRIGGER medrec_audit_truncate"]}')$$,
	'attach_audit() leaves events');
SELECT is(medrec.attach_audit('app.visit', 'patient_id', '{pin,pin}'), 0, 'a second attach_audit() returns 0');
SELECT is_empty('SELECT pg_temp.events()', 'a second attach_audit() leaves no events');
CREATE TABLE app.stay (id uuid PRIMARY KEY, patient_id uuid);
SELECT is(medrec.attach_audit('app.stay', patient => 'patient_id'), 4, 'attach_audit() accepts a patient column');
SELECT results_eq($$SELECT pg_temp.triggers('app.stay')$$, $$SELECT pg_temp.triggers('medrec.diagnosis')$$, 'the triggers are like those of medrec.diagnosis');
CREATE TABLE app.plain (a integer, b text, PRIMARY KEY (a, b));
SELECT is(medrec.attach_audit('app.plain'), 4, 'attach_audit() accepts a table without a patient');
SELECT results_eq($$SELECT pg_temp.triggers('app.plain')$$, $$SELECT pg_temp.triggers('medrec.code_release')$$, 'an attached table has the same triggers as medrec.code_release');
SELECT is(medrec.attach_audit('app.plain', withhold => NULL), 0, 'null columns to withhold are accepted');
SELECT is((SELECT count(*) FROM pg_temp.events()), 10::bigint, 'each attach_audit() leaves events');

-- writes
INSERT INTO app.visit VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'W1', 'secret', NULL);
UPDATE app.visit SET ward = 'W2', pin = 'other';
UPDATE app.visit SET ward = 'W2';
INSERT INTO app.plain VALUES (1, 'x');
SELECT results_eq('SELECT pg_temp.events()', $$VALUES
	('INSERT app.visit 01 0a {"id":"00000000-0000-4000-8000-000000000001","patient_id":"00000000-0000-4000-8000-00000000000a","ward":"W1","pin":"(withheld)","odd \\ ''=name":null}'),
	('UPDATE app.visit 01 0a {"ward":"W1","pin":"(withheld)"} {"ward":"W2","pin":"(withheld)"}'),
	('INSERT app.plain "] {"a":1,"b":"x"}')$$, 'changes of rows leave events with key and patient, and without withheld values');
SELECT is((SELECT count(DISTINCT coalesce(new_values ->> 'pin', '')) FROM medrec.audit_event WHERE table_name = 'app.visit' AND action IN ('INSERT', 'UPDATE')), 2::bigint, 'an event has the digest of a withheld value');
SELECT is((SELECT string_agg(concat_ws(' ', version, action, record ->> 'ward'), ', ' ORDER BY version) FROM medrec.history('app.visit', '00000000-0000-4000-8000-000000000001')), '1 INSERT W1, 2 UPDATE W2', 'history() returns the versions of a row');
SELECT is(medrec.as_of('app.visit', '00000000-0000-4000-8000-000000000001', clock_timestamp()) ->> 'ward', 'W2', 'as_of() returns the row');
SELECT is_empty('SELECT kind, table_name FROM medrec.verify_records()', 'verify_records() reports nothing');
SELECT is_empty($$SELECT kind, detail FROM medrec.verify_audit() WHERE kind <> 'not_sealed'$$, 'verify_audit() reports nothing');
SET LOCAL session_replication_role = replica;
DELETE FROM app.plain;
SET LOCAL session_replication_role = origin;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('DELETE app.plain "] {"a":1,"b":"x"}')$$, 'session_replication_role = replica does not disable the audit');
TRUNCATE app.plain;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('TRUNCATE app.plain')$$, 'TRUNCATE leaves an event');

-- changes with triggers disabled
ALTER TABLE app.visit DISABLE TRIGGER medrec_audit_update;
SELECT results_eq('SELECT pg_temp.events()', $$VALUES ('DDL app.visit {"command":"ALTER TABLE","details":["DISABLE TRIGGER medrec_audit_update"]}')$$, 'disabling a trigger leaves an event');
UPDATE app.visit SET pin = 'forged';
SELECT results_eq('SELECT kind, detail FROM medrec.verify_audit() WHERE kind <> ''not_sealed''', $$VALUES ('guard_missing', 'trigger medrec_audit_update on app.visit is disabled')$$, 'verify_audit() reports a disabled trigger');
SELECT results_eq('SELECT kind, table_name, detail FROM medrec.verify_records()', $$VALUES ('row_changed', 'app.visit', '"pin"')$$, 'verify_records() reports a changed row, even if the value is withheld');
SELECT is(medrec.attach_audit('app.visit', 'patient_id', '{pin}'), 1, 'attach_audit() enables a disabled trigger');
SELECT is_empty('SELECT kind, detail FROM medrec.verify_audit() WHERE kind <> ''not_sealed''', 'verify_audit() reports nothing after attach_audit()');
DELETE FROM app.visit;
CREATE TABLE app.older (id integer PRIMARY KEY, name text);
INSERT INTO app.older VALUES (1, 'a'), (2, 'b');
SELECT is(medrec.attach_audit('app.older'), 4, 'a table with rows can be attached');
UPDATE app.older SET name = 'c' WHERE id = 1;
SELECT is_empty($$SELECT * FROM medrec.verify_records() WHERE table_name = 'app.older'$$, 'existing rows need no earlier events');
SELECT count(*) AS x FROM pg_temp.events() \gset

-- attached with other columns
SELECT is(medrec.attach_audit('app.visit', 'patient_id', ARRAY['odd \ ''=name', 'pin']::name[]), 4, 'other columns replace the triggers');
SELECT is((SELECT count(*) FROM pg_temp.triggers('app.visit')), 4::bigint, 'after other columns there are still four triggers');
SELECT is(medrec.attach_audit('app.visit', 'patient_id', ARRAY['pin', 'odd \ ''=name']::name[]), 0, 'the order of columns makes no difference');
SELECT is((SELECT count(*) FROM pg_temp.events()), 5::bigint, 'replacing triggers leaves events');
INSERT INTO app.visit VALUES ('00000000-0000-4000-8000-000000000002', NULL, 'W1', NULL, 'secret');
SELECT ok((SELECT new_values ->> 'odd \ ''=name' LIKE '(withheld:%' FROM medrec.audit_event WHERE row_id = '00000000-0000-4000-8000-000000000002'), 'a column with an odd name is withheld');

-- columns that the audit names cannot be renamed
SELECT throws_ok('ALTER TABLE app.visit RENAME COLUMN pin TO code', '2BP01', 'cannot rename column "pin" of table "visit" because its audit uses it', 'a withheld column cannot be renamed');
SELECT throws_ok('ALTER TABLE app.visit RENAME COLUMN patient_id TO patient', '2BP01', NULL, 'the patient column cannot be renamed');
SELECT throws_ok('ALTER TABLE app.visit ALTER COLUMN patient_id TYPE text', '2BP01', NULL, 'the patient column keeps its type');
SELECT lives_ok('ALTER TABLE app.visit RENAME COLUMN ward TO unit; ALTER TABLE app.visit ALTER COLUMN pin TYPE varchar(9)', 'other changes of the table are allowed');

-- tables that cannot be audited
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
	('NULL', '42P01', 'there is no such table', 'null as a table is refused'),
	('1', '42P01', 'there is no such table', 'a dropped table is refused'),
	('''app.view''', '42809', 'app.view is not a table', 'a view is refused'),
	('''app.parted''', '42809', 'table app.parted cannot be audited', 'a partitioned table is refused'),
	('''app.part''', '42809', 'table app.part cannot be audited', 'a partition is refused'),
	('''app.parent''', '42809', 'table app.parent cannot be audited', 'a parent table is refused'),
	('''app.child''', '42809', 'table app.child cannot be audited', 'a child table is refused'),
	('''pg_temp.mine''', '42809', NULL, 'a temporary table is refused'),
	('''app.unlogged''', '42809', 'table app.unlogged cannot be audited', 'an unlogged table is refused'),
	('''medrec.audit_key''', '42809', 'table medrec.audit_key cannot be audited', 'the trail itself is refused'),
	('''app.keyless''', '55000', 'table app.keyless has no primary key', 'a table without a primary key is refused'),
	('''app.late''', '55000', 'table app.late has no primary key', 'a deferrable primary key is refused'),
	('''app.linked'', ''person''', '42703', 'column "person" of table app.linked does not exist', 'an unknown patient column is refused'),
	('''app.linked'', ''ctid''', '42703', 'column "ctid" of table app.linked does not exist', 'a system column is refused'),
	('''app.linked'', ''number''', '42804', 'column "number" of table app.linked is not of type uuid', 'a numeric patient column is refused'),
	('''app.linked'', withhold => ''{none}''', '42703', 'column "none" of table app.linked does not exist', 'an unknown column to withhold is refused'),
	('''app.linked'', withhold => ''{id}''', '22023', 'column "id" of table app.linked cannot be withheld', 'withholding a key column is refused'),
	('''app.linked'', ''patient'', ''{patient}''', '22023', 'column "patient" of table app.linked cannot be withheld', 'withholding the patient column is refused'),
	('''app.linked'', withhold => ''{NULL}''', '22004', 'columns to withhold must not be null', 'a null column is refused'),
	('''app.taken''', '42710', 'trigger "medrec_audit_delete" of table app.taken conflicts with the audit', 'another trigger of the name is refused'),
	('''app.twice''', '42710', 'trigger "own" of table app.twice conflicts with the audit', 'another auditing trigger is refused'),
	('''medrec.patient''', '55000', 'table medrec.patient is audited in another way', 'changing the audit of medrec''s own table is refused'),
	('''medrec.token_revoked''', '55000', 'table medrec.token_revoked is audited in another way', 'a partly audited table of medrec is refused')
) AS c (arguments, code, message, what);
SELECT is(medrec.attach_audit('medrec.patient', 'id'), 0, 'attach_audit() of medrec''s own table as it is returns 0');
SELECT is(medrec.attach_audit('app.linked', 'patient'), 4, 'a patient column of a domain over uuid is accepted');
SELECT throws_ok('SELECT medrec.detach_audit(''medrec.patient'')', '2BP01', 'cannot end the audit of table medrec.patient because medrec requires it', 'detaching medrec''s own table is refused');
CREATE TRIGGER t AFTER TRUNCATE ON pg_temp.mine FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=id');
SELECT throws_ok('TRUNCATE pg_temp.mine', '39P01', 'function medrec.audit() does not audit temporary tables', 'a temporary table with a trigger of the user''s is refused');

-- detached
SELECT count(*) AS x FROM pg_temp.events() \gset
SELECT is(medrec.detach_audit('app.visit'), 4, 'detach_audit() drops four triggers');
SELECT results_eq('SELECT * FROM pg_temp.events() ORDER BY 1', $$SELECT 'DDL medrec_audit_' || e || ' on app.visit {"command":"DROP TRIGGER","details":["trigger"]}' FROM unnest('{delete,insert,truncate,update}'::text[]) AS e$$, 'detach_audit() leaves events');
SELECT is(medrec.detach_audit('app.visit'), 0, 'a second detach_audit() returns 0');
UPDATE app.visit SET unit = 'W9';
SELECT is_empty('SELECT pg_temp.events()', 'rows leave no events after detach_audit()');
SELECT is((SELECT count(*) FROM medrec.history('app.visit', '00000000-0000-4000-8000-000000000001')), 3::bigint, 'history() still returns earlier events');
DROP TABLE app.older;
SELECT is((SELECT count(*) FROM pg_temp.events()), 4::bigint, 'dropping an audited table leaves events');

-- rights
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
SELECT throws_ok('SELECT medrec.attach_audit(''app.fresh'')', '42501', 'must be owner of table app.fresh', 'an administrator who does not own the table may not attach it');
SELECT throws_ok('SELECT medrec.detach_audit(''app.stay'')', '42501', 'must be owner of table app.stay', 'an administrator who does not own the table may not detach it');
SELECT throws_ok('SELECT medrec.attach_audit(''medrec.patient'')', '42501', 'must be owner of table medrec.patient', 'an administrator may not attach medrec''s own table');
SELECT throws_ok('CREATE TRIGGER forged AFTER TRUNCATE ON medrec.patient FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit()', '42501', NULL, 'an administrator may not create the trigger by hand');
SELECT throws_ok('CREATE TABLE medrec.forged (id integer PRIMARY KEY)', '42501', NULL, 'an administrator may not create a table in schema medrec');
SET LOCAL ROLE app_other;
SELECT throws_ok('SELECT medrec.attach_audit(''app.plain'')', '42501', 'permission denied for function attach_audit', 'an owner who is not an administrator may not attach the table');
SELECT throws_ok('SELECT medrec.detach_audit(''app.plain'')', '42501', 'permission denied for function detach_audit', 'an owner who is not an administrator may not detach the table');
SET LOCAL ROLE app_owner;
SELECT is(medrec.attach_audit('app.fresh'), 4, 'an administrator who owns the table attaches it');
INSERT INTO app.fresh VALUES (1);
SELECT is(medrec.detach_audit('app.fresh') || ' ' || medrec.detach_audit('app.stay'), '4 4', 'an administrator who owns the table detaches it');
RESET ROLE;
SELECT is((SELECT effective_role FROM medrec.audit_event WHERE table_name = 'app.fresh' AND action = 'INSERT'), 'app_owner', 'the events have the role that did it');
SELECT is_empty($$SELECT DISTINCT kind, detail FROM medrec.verify_audit() WHERE kind <> 'not_sealed'$$, 'the trail verifies at the end');

SELECT * FROM finish();
ROLLBACK;
