\i test/sql-setup.psql
-- what a superuser does to hide who they are, or that they were there
SELECT plan(20);
SELECT session_user AS me \gset
CREATE FUNCTION pg_temp.kinds() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM medrec.verify_audit() $$;

-- another's identity
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'other', 'C1');
SET SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL request.jwt.claims = '{"sub": "ann", "jti": "1"}';
SET LOCAL request.headers = '{"x-real-ip": "192.0.2.7"}';
SET LOCAL ROLE medrec_clinician;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('B', 1, 'other', 'C2');
RESET SESSION AUTHORIZATION;
SELECT is(concat_ws(' ', e.account, e.session_role, e.client_addr), 'ann medrec_authenticator 192.0.2.7', 'a superuser becomes another by what the session says')
	FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT is(e.login_role, :'me', 'but the event names who logged in') FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT is(e.socket_addr, coalesce(host(inet_client_addr()), '[local]'), 'and from where') FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT is((e.backend_pid, e.backend_start), (SELECT (pid, backend_start) FROM pg_stat_activity WHERE pid = pg_backend_pid()), 'and the process')
	FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT matches(convert_from(medrec.audit_canonical(era, xid, n), 'UTF8'), '^medrec-audit-2;', 'the leaf covers it') FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'C2';
SELECT is(pg_temp.kinds(), NULL, 'and the trail is intact');

-- an event of before
SAVEPOINT a;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET login_role = NULL, login_identity = NULL, socket_addr = NULL, backend_pid = NULL, backend_start = NULL WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'event_altered'), 1, 'who empties these columns is found');
UPDATE medrec.audit_event SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(era, xid, n)) WHERE new_values ->> 'patient_id' = 'C1';
SELECT matches(convert_from(medrec.audit_canonical(era, xid, n), 'UTF8'), '^medrec-audit-1;7:patient;', 'an event without them has the text that 0.1 gave it') FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'event_altered'), 0, 'and verifies');
ROLLBACK TO a;
SAVEPOINT b;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET backend_pid = backend_pid + 1 WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'event_altered'), 1, 'a changed process is found');
ROLLBACK TO b;

-- a password's hash
INSERT INTO medrec.account (username, role, password) VALUES ('ann', 'clinician', 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb1w='), ('bob', 'clinician', 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb1w=');
SELECT is(count(DISTINCT new_values ->> 'password')::integer, 2, 'equal values do not show') FROM medrec.audit_event WHERE table_name = 'account';
SELECT is(string_agg(kind, ', '), NULL, 'rows agree with their events') FROM medrec.verify_records();
SAVEPOINT c;
SET LOCAL session_replication_role = replica;
ALTER TABLE medrec.account DISABLE TRIGGER ALL;
UPDATE medrec.account SET password = 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb2w=' WHERE username = 'ann';
SELECT is(string_agg(concat_ws(' ', kind, detail), ', '), 'row_changed "password"', 'a hash that was swapped behind the triggers is found') FROM medrec.verify_records();
ALTER TABLE medrec.account ENABLE ALWAYS TRIGGER medrec_audit_update;
UPDATE medrec.account SET password = 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb3w=' WHERE username = 'ann';
SELECT is(string_agg(kind, ', '), 'history_gap', 'also when it has been overwritten since') FROM medrec.verify_records();
ROLLBACK TO c;
SAVEPOINT d;
ALTER TABLE medrec.audit_key DISABLE TRIGGER ALL;
DELETE FROM medrec.audit_key;
SELECT is(string_agg(DISTINCT kind, ', '), 'key_missing', 'who takes the key away is found') FROM medrec.verify_records();
ROLLBACK TO d;

-- nothing is sealed
SAVEPOINT e;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET logged_at = logged_at - interval '2 hours' WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 1, 'events that wait for a seal for hours are a finding');
SET LOCAL medrec.seal_max_age = '3h';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 0, 'not those that wait for less than the setting says');
UPDATE medrec.audit_event SET logged_at = clock_timestamp() + interval '1 minute';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 0, 'nor those of a clock that is a minute ahead');
UPDATE medrec.audit_event SET logged_at = clock_timestamp() + interval '1 day' WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 1, 'an event that is dated ahead, so as never to wait too long, is a finding');
UPDATE medrec.audit_event SET logged_at = 'infinity';
SELECT matches((SELECT detail FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 'the newest of infinity, which is still to come', 'so is one without an end, and the finding says why');
ROLLBACK TO e;
ROLLBACK;
