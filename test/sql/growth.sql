\i test/sql-setup.psql
SELECT plan(31);
-- Large tables are read by index: plans and pages, not times.

CREATE FUNCTION pg_temp.plan(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || command LOOP lines := lines || line || E'\n'; END LOOP;
	RETURN lines;
END
$$;
-- pages that a command touches
CREATE FUNCTION pg_temp.pages(command text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE command;				-- plans and caches are there
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || command INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::integer + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::integer;
END
$$;
CREATE FUNCTION pg_temp.as_role(role text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', role, true);
	EXECUTE 'SELECT pg_temp.plan($1)' INTO result USING command;
	PERFORM set_config('role', 'none', true);
	RETURN result;
END
$$;
GRANT EXECUTE ON FUNCTION pg_temp.plan(text) TO PUBLIC;

-- a past month, and the current one, with 30,000 events of 10,000 patients each
DO $$
DECLARE
	m timestamptz := date_trunc('month', now());
BEGIN
	CREATE TABLE medrec.audit_event_old (LIKE medrec.audit_event INCLUDING DEFAULTS);
	EXECUTE format('ALTER TABLE medrec.audit_event ATTACH PARTITION medrec.audit_event_old FOR VALUES FROM (%L) TO (%L)', m - interval '1 month', m);
END
$$;
ALTER TABLE medrec.audit_event DISABLE TRIGGER USER;
CREATE FUNCTION pg_temp.uuid(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT md5(n::text)::uuid';
INSERT INTO medrec.audit_event (xid, logged_at, transaction_at, statement_at, era, n, patient_id, action, table_name, row_id, new_values,
		account, role, session_role, effective_role, salt, leaf)
	SELECT 1000000 + m * 30000 + i, t, t, t, 1, 1, pg_temp.uuid(i % 10000), 'INSERT', 'diagnosis', pg_temp.uuid(1000000 + m * 30000 + i)::text,
		json_build_object('id', pg_temp.uuid(1000000 + m * 30000 + i), 'code', 'I10'), 'user' || i % 3000, 'r', 's', 'e', '\x00', '\x00'
	FROM generate_series(0, 1) AS m, generate_series(1, 30000) AS i,
		LATERAL (SELECT date_trunc('month', now()) + CASE m WHEN 0 THEN interval '-30000 minutes' ELSE interval '0' END + i * interval '1 second') AS v (t);
ALTER TABLE medrec.audit_event ENABLE TRIGGER USER;
SELECT count(brin_summarize_new_values(c.oid)) > 0 AS summarized FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam WHERE a.amname = 'brin' AND c.relkind = 'i' \gset
ANALYZE medrec.audit_event;
SELECT sum(pg_relation_size(inhrelid) / 8192)::integer AS trail FROM pg_inherits WHERE inhparent = 'medrec.audit_event'::regclass \gset
SELECT pg_temp.uuid(77) AS patient, pg_temp.uuid(1030077) AS row \gset

SELECT cmp_ok(:trail, '>', 1500, 'the test''s trail is long enough for a scan to be visible');
SELECT cmp_ok(pg_temp.pages(format('SELECT * FROM medrec.history(''diagnosis'', %L)', :'row')), '<', :trail / 5, 'history of a row does not scan the trail');
SELECT cmp_ok(pg_temp.pages(format('SELECT * FROM medrec.history(''patient'', %L)', :'patient')), '<', :trail / 3, 'history of a patient does not scan the trail');
SELECT cmp_ok(pg_temp.pages(format('SELECT medrec.as_of(''diagnosis'', %L, now())', :'row')), '<', :trail / 5, 'as_of does not scan the trail');
SELECT cmp_ok(pg_temp.pages(format('SELECT * FROM medrec.diff(''diagnosis'', %L, now() - interval ''1 day'')', :'row')), '<', :trail / 3, 'diff does not scan the trail');
SELECT cmp_ok(pg_temp.pages(format('SELECT medrec.audit_fhir(%L)', :'patient')), '<', :trail / 5, 'audit_fhir of a patient does not scan the trail');
SELECT cmp_ok(pg_temp.pages(format('SELECT * FROM medrec_api.audit_events WHERE patient_id = %L', :'patient')), '<', :trail / 5, 'audit_events of a patient does not scan the trail');
SELECT is(current_setting('enable_seqscan'), 'on', 'these functions leave the session''s settings unchanged');
SELECT is((SELECT count(*)::integer FROM medrec_api.audit_events WHERE patient_id = :'patient'), 6, 'history finds all of the patient''s events');
SELECT unalike(pg_temp.as_role('medrec_auditor', format('SELECT * FROM medrec_api.audit_events WHERE patient_id = %L', :'patient')),
	'%Seq Scan on audit_event_old%', 'audit_events finds all of the patient''s events as an auditor');
SELECT cmp_ok(pg_temp.pages('SELECT * FROM medrec_api.audit_events ORDER BY logged_at DESC LIMIT 50'), '<', 400, 'the newest 50 events are read by index');
SELECT cmp_ok(pg_temp.pages('SELECT * FROM medrec_api.audit_events WHERE logged_at >= now() - interval ''1 day'' - interval ''1 month'' AND logged_at < now() - interval ''1 month'''),
	'<', :trail / 5, 'the events of a day are read by index');

-- months that are over
SELECT is(medrec.index_audit(), 3, 'index_audit() indexes a past month');
SELECT is(medrec.index_audit(), 0, 'index_audit() indexes a month once');
SELECT is((SELECT count(*)::integer FROM pg_index WHERE indrelid = 'medrec.audit_event_old'::regclass), 5, 'a past month keeps the indexes of all months');
SELECT is((SELECT max(n)::integer FROM (SELECT count(*) AS n FROM pg_index AS i JOIN pg_inherits ON inhrelid = i.indrelid
	WHERE inhparent = 'medrec.audit_event'::regclass AND inhrelid <> 'medrec.audit_event_old'::regclass GROUP BY indrelid) AS c), 2, 'index_audit() indexes no current or future month');
SELECT throws_ok('SELECT medrec.index_audit(0)', '22023', NULL, 'index_audit() refuses less than one month');
ANALYZE medrec.audit_event_old;
SELECT matches(pg_temp.plan(format('SELECT * FROM medrec_api.audit_events WHERE patient_id = %L', :'patient')), 'audit_event_old_patient_idx', 'a patient''s events in a past month are read by index');
SELECT matches(pg_temp.plan('SELECT * FROM medrec_api.audit_events WHERE account = ''user7'' ORDER BY logged_at DESC LIMIT 50'), 'audit_event_old_account_idx', 'an account''s events in a past month are read by index');
SELECT matches(pg_temp.plan(format('SELECT * FROM medrec.audit_event WHERE row_id = %L', :'row')), 'audit_event_old_row_id_idx', 'a row''s events in a past month are read by index');
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('After', 1, 'male', 'AFTER');
SELECT is((SELECT count(*)::integer FROM medrec.audit_event WHERE action = 'INSERT' AND table_name = 'patient' AND new_values ->> 'patient_id' = 'AFTER'), 1, 'events are written after index_audit()');

-- lists of records, as a clinician
ALTER TABLE medrec.patient DISABLE TRIGGER USER;
ALTER TABLE medrec.diagnosis DISABLE TRIGGER USER;
INSERT INTO medrec.patient (id, name, age, gender, patient_id, created_at)
	SELECT pg_temp.uuid(i), md5(i::text), 40, 'female', 'P' || i, now() - i * interval '1 minute' FROM generate_series(1, 20000) AS i;
INSERT INTO medrec.diagnosis (patient_id, code, status, created_at)
	SELECT pg_temp.uuid(i), 'A' || i % 1000, CASE i % 100 WHEN 1 THEN 'review' ELSE 'valid' END, now() - i * interval '1 minute' FROM generate_series(1, 20000) AS i;
ALTER TABLE medrec.patient ENABLE TRIGGER USER;
ALTER TABLE medrec.diagnosis ENABLE TRIGGER USER;
ANALYZE medrec.patient, medrec.diagnosis;
CREATE FUNCTION pg_temp.clinician(command text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.as_role('medrec_clinician', command) $$;
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.patients ORDER BY name LIMIT 50'), 'patient_name_idx', 'patients by name are read by index');
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.patients ORDER BY created_at DESC LIMIT 50'), 'patient_created_at_idx', 'the newest patients are read by index');
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.diagnoses ORDER BY created_at DESC LIMIT 50'), 'diagnosis_created_at_idx', 'the newest diagnoses are read by index');
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.diagnoses WHERE code = ''A77'' ORDER BY created_at DESC LIMIT 50'), 'diagnosis_code_idx', 'the newest records of a code are read by index');
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.diagnoses WHERE status = ''review'' ORDER BY created_at DESC LIMIT 50'), 'diagnosis_status_idx', 'the newest records of a status are read by index');
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.diagnoses WHERE status IN (''review'', ''invalid'')'), 'diagnosis_status_idx', 'records of two statuses are read by index');
SELECT is((SELECT count(*)::integer FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
	WHERE i.indrelid = 'medrec.patient'::regclass AND a.attname IN ('last_visit', 'updated_at', 'version')), 0, 'no index contains last_visit');

-- many visible patients: planning asks how many they are, and not for each
INSERT INTO medrec.account (username, role) VALUES (session_user, 'clinician');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'large');
INSERT INTO medrec.care_team_member SELECT id, 1 FROM medrec.account WHERE username = session_user;
INSERT INTO medrec.care_team_patient (patient, team) SELECT pg_temp.uuid(i), 1 FROM generate_series(1, 5000) AS i;
SET LOCAL medrec.care_team_mode = on;
SET LOCAL track_functions = 'all';
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.patients WHERE patient_id = ''P77'''), 'patient_patient_id', 'a patient by number is read by index with care teams');
SELECT pg_temp.clinician('SELECT * FROM medrec_api.diagnoses') IS NOT NULL AS planned \gset
SELECT is(coalesce(pg_stat_get_xact_function_calls('medrec.visible_patients()'::regprocedure), 0), 0::bigint, 'planning with care teams does not list all visible patients');
UPDATE medrec.care_team_member SET team = team;
DELETE FROM medrec.care_team_patient WHERE patient NOT IN (SELECT pg_temp.uuid(i) FROM generate_series(1, 20) AS i);
SELECT matches(pg_temp.clinician('SELECT * FROM medrec_api.patients ORDER BY name'), 'visible_patients', 'a few visible patients are read by index');
SELECT * FROM finish();
ROLLBACK;
