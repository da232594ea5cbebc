-- audit: detached months keep their seals verifiable, and a month that only pretends to be archived is found
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
-- a database of its own, since the test commits
DROP DATABASE IF EXISTS medrec_archive;
CREATE DATABASE medrec_archive;
\c medrec_archive
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS medrec CASCADE;
SELECT FROM medrec.migrate();
SET search_path = public, pg_catalog;
SET medrec.archive_min_age = 0;

-- seal everything so far, so that later events have seals of their own
CREATE PROCEDURE pg_temp.seal() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		PERFORM medrec.seal_audit();
		COMMIT;
		EXIT WHEN (SELECT max(end_xid) FROM medrec.audit_seal) > (SELECT max(xid) FROM medrec.audit_event);
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
CALL pg_temp.seal();

-- a past month, made with the guards disabled: current events get an older time and a new leaf
CREATE TABLE medrec.audit_event_2024_01 (LIKE medrec.audit_event INCLUDING DEFAULTS);
CREATE TRIGGER medrec_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.audit_event_2024_01
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only();
ALTER TABLE medrec.audit_event_2024_01 ENABLE ALWAYS TRIGGER medrec_append_only;
ALTER TABLE medrec.audit_event ATTACH PARTITION medrec.audit_event_2024_01
	FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2024-02-01 00:00:00+00');
CREATE PROCEDURE pg_temp.age(condition text) LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
	EXECUTE 'UPDATE medrec.audit_event SET logged_at = ''2024-01-15 12:00+00'' WHERE ' || condition;
	UPDATE medrec.audit_event AS x SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(x.era, x.xid, x.n))
		WHERE logged_at = '2024-01-15 12:00+00';
	ALTER TABLE medrec.audit_event ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row;
	ALTER TABLE medrec.audit_event_2024_01 ENABLE ALWAYS TRIGGER medrec_append_only;
END
$$;
INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'Archive', 1, 'other', 'ARC-' || g FROM generate_series(1, 5) AS g;
CALL pg_temp.age('new_values ->> ''patient_id'' LIKE ''ARC-%''');
CALL pg_temp.seal();
-- a seal that covers past and current events
INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'Archive', 1, 'other', 'ARD-' || g FROM generate_series(1, 6) AS g;
CALL pg_temp.age('new_values ->> ''patient_id'' IN (''ARD-1'', ''ARD-4'')');
CALL pg_temp.seal();

SELECT plan(22);
SELECT is(count(*), 7::bigint, 'the test has events in a past month') FROM medrec.audit_event_2024_01;
SELECT is(string_agg(kind || detail, ', '), NULL, 'the trail is intact before archiving') FROM medrec.verify_audit();
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Archive', 1, 'other', 'ARE-1');
CALL pg_temp.age('new_values ->> ''patient_id'' = ''ARE-1''');
SELECT throws_ok('SELECT medrec.archive_audit(''2025-01-01'')', '55000', NULL, 'a month with unsealed events is not archived');
CALL pg_temp.seal();
SET medrec.archive_min_age = '36500d';
SELECT throws_ok('SELECT medrec.archive_audit(''2025-01-01'')', '55000', 'medrec.audit_event_2024_01 is too recent to be archived', 'a month younger than medrec.archive_min_age is not archived');
SET medrec.archive_min_age = 0;
SELECT is(count(*), 0::bigint, 'a month that ends after the given time is not archived') FROM medrec.archive_audit('2024-01-31');
SELECT medrec.audit_checkpoint() AS checkpoint \gset
SELECT is(array_agg(partition || ' ' || events), '{"audit_event_2024_01 8"}', 'a past month is archived') FROM medrec.archive_audit('2025-01-01');
SELECT is(count(*), 0::bigint, 'archived events are not in audit_event') FROM medrec.audit_event WHERE logged_at < '2025-01-01';
SET ROLE medrec_auditor;
SELECT is(count(*), 8::bigint, 'an auditor reads archived events') FROM medrec_api.archived_audit_events;
SELECT is(count(*), 1::bigint, 'history reads archived events') FROM medrec.history('patient', (SELECT row_id FROM medrec_api.archived_audit_events WHERE new_values ->> 'patient_id' = 'ARC-1'));
SELECT ok(medrec.as_of('patient', (SELECT row_id FROM medrec_api.archived_audit_events WHERE new_values ->> 'patient_id' = 'ARC-1'), '2024-02-01') IS NOT NULL, 'as_of reads archived events');
RESET ROLE;
SELECT throws_ok('INSERT INTO medrec.audit_archived SELECT * FROM medrec.audit_archived', '42501', NULL, 'archived months refuse inserts');
SELECT is(string_agg(kind || detail, ', '), NULL, 'the trail verifies after archiving') FROM medrec.verify_audit();
SELECT is(string_agg(kind || detail, ', '), NULL, 'the trail verifies against an earlier checkpoint after archiving') FROM medrec.verify_audit(checkpoint => :'checkpoint');
SELECT is(string_agg(kind || detail, ', '), NULL, 'the trail verifies with an archived month named') FROM medrec.verify_audit(archive => 'medrec.audit_event_2024_01');
SELECT is(string_agg(kind || coalesce(detail, ''), ', '), NULL, 'the records agree with the remaining events after archiving') FROM medrec.verify_records();
SELECT is(count(*), 1::bigint, 'archiving leaves an event') FROM medrec.audit_event WHERE action = 'ARCHIVE' AND table_name = 'audit_event_2024_01';
SELECT throws_ok('DELETE FROM medrec.audit_event_2024_01', '42501', NULL, 'an archived month is append-only');
SELECT throws_ok('SELECT * FROM medrec.verify_audit(archive => ''medrec.patient'')', '42809', NULL, 'a table that is not an archived month is refused');
CALL pg_temp.seal();

BEGIN;
ALTER TABLE medrec.audit_event_2024_01 DISABLE TRIGGER ALL;
UPDATE medrec.audit_event_2024_01 SET account = 'x' WHERE new_values ->> 'patient_id' = 'ARC-2';
SELECT is(array_agg(DISTINCT kind), '{event_altered}', 'a changed archived event is found without naming the archive')
	FROM medrec.verify_audit() WHERE kind <> 'guard_missing';
ROLLBACK;
BEGIN;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
DELETE FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'ARD-2';
SELECT is(array_agg(DISTINCT kind), '{events_removed}', 'an event removed from a partly archived seal is found')
	FROM medrec.verify_audit() WHERE kind <> 'guard_missing';
ROLLBACK;
BEGIN;
-- a month that was only marked as archived
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
ALTER TABLE medrec.audit_archive DISABLE TRIGGER ALL;
ALTER TABLE medrec.audit_archive_seal DISABLE TRIGGER ALL;
DELETE FROM medrec.audit_event AS e USING (SELECT * FROM medrec.audit_seal ORDER BY seal LIMIT 1) AS s WHERE e.era = s.era AND e.xid < s.end_xid;
INSERT INTO medrec.audit_archive SELECT 'audit_event_2023_01', now() - interval '2 days', 'x', events, seal, seal, root FROM medrec.audit_seal ORDER BY seal LIMIT 1;
INSERT INTO medrec.audit_archive_seal SELECT seal, 'audit_event_2023_01', events FROM medrec.audit_seal ORDER BY seal LIMIT 1;
SELECT is(count(*), 1::bigint, 'a month that was only marked as archived is found')
	FROM medrec.verify_audit() WHERE kind = 'guard_missing' AND detail LIKE 'audit_event_2023_01 is recorded%';
ROLLBACK;
SELECT is(string_agg(kind || detail, ', '), NULL, 'the trail is intact at the end') FROM medrec.verify_audit();

SELECT * FROM finish();
\c postgres
DROP DATABASE medrec_archive;
