\i test/sql-setup.psql
-- how a superuser may try to hide their identity or presence
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
SELECT is(concat_ws(' ', e.account, e.session_role, e.client_addr), 'ann medrec_authenticator 192.0.2.7', 'a superuser changes the identity that the session reports')
	FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT is(e.login_role, :'me', 'an event has the role that logged in') FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT is(e.socket_addr, coalesce(host(inet_client_addr()), '[local]'), 'an event has the address it came from') FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT is((e.backend_pid, e.backend_start), (SELECT (pid, backend_start) FROM pg_stat_activity WHERE pid = pg_backend_pid()), 'an event has the server process')
	FROM medrec.audit_event AS e WHERE new_values ->> 'patient_id' = 'C2';
SELECT matches(convert_from(medrec.audit_canonical(era, xid, n), 'UTF8'), '^medrec-audit-2;', 'the leaf covers the connection''s columns') FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'C2';
SELECT is(pg_temp.kinds(), NULL, 'the trail verifies with the connection''s columns');

-- an event of 0.1
SAVEPOINT a;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET login_role = NULL, login_identity = NULL, socket_addr = NULL, backend_pid = NULL, backend_start = NULL WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'event_altered'), 1, 'emptying the connection''s columns is found');
UPDATE medrec.audit_event SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(era, xid, n)) WHERE new_values ->> 'patient_id' = 'C1';
SELECT matches(convert_from(medrec.audit_canonical(era, xid, n), 'UTF8'), '^medrec-audit-1;7:patient;', 'an event without the connection''s columns has the canonical text of 0.1') FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'event_altered'), 0, 'an event without the connection''s columns verifies');
ROLLBACK TO a;
SAVEPOINT b;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET backend_pid = backend_pid + 1 WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'event_altered'), 1, 'a changed process is found');
ROLLBACK TO b;

-- a password's hash
INSERT INTO medrec.account (username, role, password) VALUES ('ann', 'clinician', 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb1w='), ('bob', 'clinician', 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb1w=');
SELECT is(count(DISTINCT new_values ->> 'password')::integer, 2, 'equal withheld values have different digests') FROM medrec.audit_event WHERE table_name = 'account';
SELECT is(string_agg(kind, ', '), NULL, 'rows with withheld values agree with their events') FROM medrec.verify_records();
SAVEPOINT c;
SET LOCAL session_replication_role = replica;
ALTER TABLE medrec.account DISABLE TRIGGER ALL;
UPDATE medrec.account SET password = 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb2w=' WHERE username = 'ann';
SELECT is(string_agg(concat_ws(' ', kind, detail), ', '), 'row_changed "password"', 'a password hash swapped with triggers disabled is found') FROM medrec.verify_records();
ALTER TABLE medrec.account ENABLE ALWAYS TRIGGER medrec_audit_update;
UPDATE medrec.account SET password = 'pbkdf2_sha256$1000$c2FsdA$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb3w=' WHERE username = 'ann';
SELECT is(string_agg(kind, ', '), 'history_gap', 'a swapped password hash is found after it was overwritten') FROM medrec.verify_records();
ROLLBACK TO c;
SAVEPOINT d;
ALTER TABLE medrec.audit_key DISABLE TRIGGER ALL;
DELETE FROM medrec.audit_key;
SELECT is(string_agg(DISTINCT kind, ', '), 'key_missing', 'a removed audit key is found') FROM medrec.verify_records();
ROLLBACK TO d;

-- nothing is sealed
SAVEPOINT e;
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET logged_at = logged_at - interval '2 hours' WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 1, 'events without a seal for hours are reported');
SET LOCAL medrec.seal_max_age = '3h';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 0, 'events without a seal for less than medrec.seal_max_age are not reported');
UPDATE medrec.audit_event SET logged_at = clock_timestamp() + interval '1 minute';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 0, 'events dated a minute ahead are not reported');
UPDATE medrec.audit_event SET logged_at = clock_timestamp() + interval '1 day' WHERE new_values ->> 'patient_id' = 'C1';
SELECT is((SELECT count(*)::integer FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 1, 'an event dated a day ahead is reported');
UPDATE medrec.audit_event SET logged_at = 'infinity';
SELECT matches((SELECT detail FROM medrec.verify_audit() WHERE kind = 'not_sealed'), 'the newest of infinity, which is in the future', 'an event dated infinity is reported, with the reason');
ROLLBACK TO e;
ROLLBACK;
