-- audit: what leaves an event, what is in it, and that nothing removes it
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS medrec CASCADE;
SELECT FROM medrec.migrate();
SET search_path = public, pg_catalog;
SET LOCAL medrec.reason = '';
SELECT plan(61);

-- the events of this transaction since the last look
CREATE TEMP TABLE seen (n integer) ON COMMIT DROP;
-- migrate() has made keys, whose events come first
INSERT INTO seen SELECT coalesce(max(e.n), 0) FROM medrec.audit_event AS e WHERE e.xid = pg_current_xact_id()::text::bigint;
SELECT s.n AS before FROM seen AS s \gset
CREATE FUNCTION pg_temp.events() RETURNS SETOF medrec.audit_event LANGUAGE plpgsql AS $$
DECLARE
	last integer := (SELECT s.n FROM seen AS s);
BEGIN
	UPDATE seen SET n = (SELECT coalesce(max(e.n), 0) FROM medrec.audit_event AS e
		WHERE e.xid = pg_current_xact_id()::text::bigint);
	RETURN QUERY SELECT * FROM medrec.audit_event AS e
		WHERE e.xid = pg_current_xact_id()::text::bigint AND e.n > last ORDER BY e.n;
END
$$;
CREATE FUNCTION pg_temp.actions() RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(action || ' ' || table_name, ', ' ORDER BY n) FROM pg_temp.events() $$;
-- an instant as events have it
CREATE FUNCTION pg_temp.utc(timestamptz) RETURNS text LANGUAGE sql AS
	$$ SELECT to_jsonb($1 AT TIME ZONE 'UTC') #>> '{}' || '+00:00' $$;
CREATE FUNCTION pg_temp.id(text) RETURNS uuid LANGUAGE sql AS
	$$ SELECT id FROM medrec.patient WHERE patient_id = $1 $$;

-- INSERT
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES
	('Ada "the first"', 45, 'female', 'AUD-1'), (E'Bo\\b', 50, 'male', 'AUD-2'), ('Cy', 5, 'other', 'AUD-3');
CREATE TEMP TABLE e ON COMMIT DROP AS SELECT * FROM pg_temp.events();
SELECT is(count(*), 3::bigint, 'an INSERT of three rows leaves three events') FROM e;
SELECT is(array_agg(n - :before ORDER BY n), '{1,2,3}', 'events are numbered consecutively') FROM e;
SELECT is(array_agg(DISTINCT row_id), (SELECT array_agg(DISTINCT id::text) FROM medrec.patient WHERE patient_id LIKE 'AUD-%'),
	'each event of an INSERT has the row''s id') FROM e;
SELECT ok(bool_and(patient_id::text = row_id), 'each event of an INSERT has the patient''s id') FROM e;
SELECT ok(bool_and(old_values IS NULL), 'an INSERT has no old values') FROM e;
SELECT is((SELECT array_agg(key) FROM e, json_object_keys(new_values) AS key WHERE new_values ->> 'patient_id' = 'AUD-1'),
	(SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = 'medrec.patient'::regclass AND attnum > 0 AND NOT attisdropped),
	'an INSERT''s event has the whole row by column names');
SELECT is(new_values ->> 'name', 'Ada "the first"', 'an event has text as it was stored')
	FROM e WHERE new_values ->> 'patient_id' = 'AUD-1';
SELECT is(new_values ->> 'name', E'Bo\\b', 'an event keeps backslashes')
	FROM e WHERE new_values ->> 'patient_id' = 'AUD-2';
SELECT ok(bool_and((new_values ->> 'created_at')::timestamptz = p.created_at), 'an event has times to the microsecond')
	FROM e JOIN medrec.patient AS p ON p.id = e.patient_id;
SELECT ok(bool_and(new_values ->> 'created_at' = pg_temp.utc(p.created_at)), 'an event has times in UTC')
	FROM e JOIN medrec.patient AS p ON p.id = e.patient_id;
SELECT ok(bool_and(transaction_at = now()), 'an event has the transaction time') FROM e;
SELECT ok(bool_and(statement_at BETWEEN now() AND logged_at AND logged_at <= clock_timestamp()), 'an event has statement and clock time') FROM e;
SELECT is((SELECT max(era) FROM e), (SELECT max(era) FROM medrec.audit_era), 'an event has the current era');
SELECT ok(bool_and(octet_length(salt) = 16 AND octet_length(leaf) = 32), 'an event has salt and leaf') FROM e;
SELECT is(count(DISTINCT salt), 3::bigint, 'each event has its own salt') FROM e;

-- independent of the session's settings
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL extra_float_digits = -5;
UPDATE medrec.patient SET birth_date = '1980-02-29' WHERE patient_id = 'AUD-1';
SELECT is(new_values ->> 'birth_date', '1980-02-29', 'dates in events are ISO whatever DateStyle is') FROM pg_temp.events();
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
SET LOCAL extra_float_digits = 1;

-- UPDATE
UPDATE medrec.patient SET name = 'Ada' WHERE patient_id = 'AUD-1';
TRUNCATE e;
INSERT INTO e SELECT * FROM pg_temp.events();
SELECT is(count(*), 1::bigint, 'an UPDATE of one row leaves one event') FROM e;
SELECT is(old_values ->> 'name' || ' > ' || (new_values ->> 'name'), 'Ada "the first" > Ada', 'an UPDATE''s event has old and new values') FROM e;
SELECT ok(old_values ->> 'age' IS NULL AND new_values ->> 'gender' IS NULL, 'an UPDATE''s event has only changed columns') FROM e;
SELECT is((new_values ->> 'version')::int - (old_values ->> 'version')::int, 1, 'an UPDATE''s event has the changed version') FROM e;
UPDATE medrec.patient SET name = name || '!' WHERE patient_id LIKE 'AUD-%';
SELECT is(count(*), 3::bigint, 'an UPDATE of three rows leaves three events') FROM pg_temp.events();
UPDATE medrec.patient SET name = name WHERE false;
SELECT is(pg_temp.actions(), NULL, 'an UPDATE of no row leaves no event');

-- diagnosis and treatment, and changes of the patient
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'E11.9' FROM medrec.patient WHERE patient_id IN ('AUD-1', 'AUD-2');
TRUNCATE e;
INSERT INTO e SELECT * FROM pg_temp.events();
SELECT is(string_agg(action || ' ' || table_name, ', '), 'INSERT diagnosis, INSERT diagnosis',
	'a diagnosis leaves one event, and the moved last_visit none') FROM e;
SELECT ok(bool_and(e.patient_id = d.patient_id AND e.row_id = d.id::text), 'an event of a diagnosis has its row and patient')
	FROM e JOIN medrec.diagnosis AS d ON d.id::text = e.row_id;
SELECT is(new_values -> 'suggestions' #>> '{}', d.suggestions::text, 'an event embeds jsonb')
	FROM e JOIN medrec.diagnosis AS d ON d.id::text = e.row_id LIMIT 1;
INSERT INTO medrec.treatment (patient_id, code) VALUES (pg_temp.id('AUD-1'), '99213');
SELECT is(pg_temp.actions(), 'INSERT treatment', 'a treatment leaves an event');
DELETE FROM medrec.diagnosis WHERE patient_id = pg_temp.id('AUD-2');
TRUNCATE e;
INSERT INTO e SELECT * FROM pg_temp.events();
SELECT is(string_agg(action || ' ' || table_name, ', '), 'DELETE diagnosis', 'a DELETE leaves an event') FROM e;
SELECT ok(new_values IS NULL AND old_values ->> 'code' = 'E11.9', 'a DELETE''s event has the row as it was') FROM e;
SELECT is(patient_id, pg_temp.id('AUD-2'), 'a DELETE''s event has the patient') FROM e;
DELETE FROM medrec.diagnosis WHERE false;
SELECT is(pg_temp.actions(), NULL, 'a DELETE of no row leaves no event');

-- a row that gets another patient is in both trails
DO $$
BEGIN
	UPDATE medrec.treatment SET patient_id = pg_temp.id('AUD-3') WHERE patient_id = pg_temp.id('AUD-1');
EXCEPTION WHEN invalid_parameter_value THEN
	-- where medrec.validate() refuses it, the trigger alone is tried below
	NULL;
END
$$;
SELECT ok(pg_temp.actions() IS NULL OR (SELECT count(DISTINCT patient_id) FROM medrec.audit_event
		WHERE xid = pg_current_xact_id()::text::bigint AND table_name = 'treatment' AND action <> 'UPDATE') = 2,
	'moving a treatment to another patient leaves an event in both trails');

-- accounts: that a password changed, never the password
INSERT INTO medrec.account (username, password) VALUES ('audited', '$2a$10$abcdefghijklmnopqrstuv');
SELECT matches(new_values ->> 'password', '^\(withheld:[0-9a-f]{32}\)$', 'a password''s hash is withheld on INSERT') FROM pg_temp.events();
UPDATE medrec.account SET password = '$2a$10$vutsrqponmlkjihgfedcba' WHERE username = 'audited';
SELECT matches(new_values::text, '^{"password":"\(withheld:[0-9a-f]{32}\)"}$', 'a password hash is withheld on UPDATE') FROM pg_temp.events();
UPDATE medrec.account SET email = 'a@example.org' WHERE username = 'audited';
SELECT is(new_values::text, '{"email":"a@example.org","version":2}', 'an unchanged password is not in the event') FROM pg_temp.events();
UPDATE medrec.account SET email = email WHERE username = 'audited';
SELECT is(pg_temp.actions(), NULL, 'an UPDATE that leaves a row byte for byte as it was leaves no event');
DELETE FROM medrec.account WHERE username = 'audited';
SELECT ok(old_values ->> 'password' LIKE '(withheld:%' AND table_name = 'account', 'a password hash is withheld on DELETE') FROM pg_temp.events();
SELECT is(count(*), 0::bigint, 'no password hash is anywhere in the trail')
	FROM medrec.audit_event WHERE concat(old_values, new_values) LIKE '%$2a$10$%';

-- TRUNCATE
TRUNCATE medrec.treatment;
SELECT is(pg_temp.actions(), 'TRUNCATE treatment', 'TRUNCATE leaves an event');

-- COPY, MERGE, ON CONFLICT, CTE
COPY medrec.patient (name, age, gender, patient_id) FROM stdin;
Di	30	female	AUD-4
Ed	31	male	AUD-5
\.
SELECT is(pg_temp.actions(), 'INSERT patient, INSERT patient', 'COPY leaves events');
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Ed2', 31, 'male', 'AUD-5'), ('Fi', 3, 'male', 'AUD-6')
	ON CONFLICT (patient_id) DO UPDATE SET name = excluded.name;
SELECT is(pg_temp.actions(), 'UPDATE patient, INSERT patient', 'ON CONFLICT DO UPDATE leaves events of what it did');
MERGE INTO medrec.patient AS p USING (VALUES ('AUD-6', 4), ('AUD-7', 5)) AS v (id, age) ON p.patient_id = v.id
	WHEN MATCHED THEN UPDATE SET age = v.age
	WHEN NOT MATCHED THEN INSERT (name, age, gender, patient_id) VALUES ('Gu', v.age, 'other', v.id);
SELECT is(pg_temp.actions(), 'UPDATE patient, INSERT patient', 'MERGE leaves events of what it did');
WITH gone AS (DELETE FROM medrec.patient WHERE patient_id = 'AUD-7' RETURNING *)
	INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT name, age, gender, 'AUD-8' FROM gone;
SELECT is((SELECT array_agg(a ORDER BY a) FROM regexp_split_to_table(pg_temp.actions(), ', ') AS a),
	'{"DELETE patient","INSERT patient"}', 'data-modifying CTEs leave events');

-- rolled back: no event, and the number stays unused
SAVEPOINT s;
DELETE FROM medrec.patient WHERE patient_id = 'AUD-8';
ROLLBACK TO s;
UPDATE medrec.patient SET age = 6 WHERE patient_id = 'AUD-8';
SELECT is((SELECT string_agg(action, ',') FROM medrec.audit_event AS x, seen
		WHERE xid = pg_current_xact_id()::text::bigint AND x.n > seen.n), 'UPDATE', 'a rolled back change leaves no event');
SELECT is(min(x.n) - min(seen.n), 2, 'an event number of a rolled back change is not used again')
	FROM medrec.audit_event AS x, seen WHERE xid = pg_current_xact_id()::text::bigint AND x.n > seen.n;
SELECT FROM pg_temp.events();

-- only a role that may drop triggers can disable the audit
SET LOCAL session_replication_role = replica;
UPDATE medrec.patient SET age = 7 WHERE patient_id = 'AUD-8';
SET LOCAL session_replication_role = origin;
SELECT is(pg_temp.actions(), 'UPDATE patient', 'session_replication_role = replica does not disable the audit');

-- columns that users add and drop
ALTER TABLE medrec.patient ADD COLUMN "note ""x""" text DEFAULT 'new', ADD COLUMN weight numeric;
UPDATE medrec.patient SET weight = 70.50, "note ""x""" = NULL WHERE patient_id = 'AUD-8';
SELECT ok(new_values ->> 'weight' = '70.50' AND old_values ->> 'note "x"' = 'new',
	'a user''s own columns are recorded with all digits') FROM pg_temp.events() WHERE action = 'UPDATE';
ALTER TABLE medrec.patient DROP COLUMN weight;
UPDATE medrec.patient SET age = 8 WHERE patient_id = 'AUD-8';
SELECT is(new_values ->> 'age', '8', 'a dropped column of the user is not recorded any more') FROM pg_temp.events() WHERE action = 'UPDATE';

-- append-only, even for the superuser
SELECT throws_ok('UPDATE medrec.audit_event SET reason = ''x''', '42501', NULL, 'UPDATE of the trail is refused');
SELECT throws_ok('UPDATE medrec.audit_event SET reason = ''x'' WHERE false', '42501', NULL, 'UPDATE of no row of the trail is refused');
SELECT throws_ok('DELETE FROM medrec.audit_event', '42501', NULL, 'DELETE from the trail is refused');
SELECT throws_ok('TRUNCATE medrec.audit_event', '42501', NULL, 'TRUNCATE of the trail is refused');
SELECT throws_ok('INSERT INTO medrec.audit_event SELECT * FROM medrec.audit_event', '42501', NULL, 'INSERT into the trail is refused');
SELECT tableoid::regclass AS month FROM medrec.audit_event LIMIT 1 \gset
SELECT throws_ok('DELETE FROM ' || :'month', '42501', NULL, 'DELETE from a month of the trail is refused');
SELECT throws_ok('TRUNCATE ' || :'month', '42501', NULL, 'TRUNCATE of a month of the trail is refused');
SELECT throws_ok('DELETE FROM medrec.audit_seal', '42501', NULL, 'DELETE of a seal is refused');
SET LOCAL session_replication_role = replica;
SELECT throws_ok('DELETE FROM medrec.audit_event', '42501', NULL, 'DELETE is refused with session_replication_role = replica');
SET LOCAL session_replication_role = origin;

-- who may read
SELECT ok(NOT has_table_privilege(r, 'medrec.audit_event', 'INSERT, UPDATE, DELETE, TRUNCATE'), r || ' may not write to the trail')
	FROM (VALUES ('medrec_admin')) AS v (r);
SET LOCAL ROLE medrec_auditor;
SELECT cmp_ok((SELECT count(new_values) FROM medrec_api.audit_events), '>', 0::bigint, 'an auditor reads the whole trail');
RESET ROLE;
SET LOCAL ROLE medrec_admin;
SELECT lives_ok('SELECT logged_at, action, account, row_id FROM medrec.audit_event', 'an administrator reads who did what');
SELECT throws_ok('SELECT new_values FROM medrec.audit_event', '42501', NULL, 'an administrator does not read the content of events');
RESET ROLE;
SET LOCAL ROLE medrec_clinician;
SELECT throws_ok('SELECT FROM medrec_api.audit_events', '42501', NULL, 'a clinician does not read the trail');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
