\i test/sql-setup.psql
-- Who may set created_at, last_visit and the source of a suggestion.
SELECT plan(22);

CREATE ROLE import_loader IN ROLE medrec_clinician, medrec_import;
CREATE ROLE import_clinician IN ROLE medrec_clinician;
CREATE FUNCTION pg_temp.made(role name, id text, created timestamptz, visit timestamptz) RETURNS medrec.patient LANGUAGE plpgsql AS $$
DECLARE
	r medrec.patient;
BEGIN
	IF role IS NOT NULL THEN EXECUTE format('SET LOCAL ROLE %I', role); END IF;
	INSERT INTO medrec.patient (name, age, gender, patient_id, created_at, last_visit) VALUES ('A', 1, 'male', id, created, visit) RETURNING * INTO r;
	RESET ROLE;
	RETURN r;
END$$;
CREATE FUNCTION pg_temp.moved(role name, number text, visit timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
	r timestamptz;
BEGIN
	IF role IS NOT NULL THEN EXECUTE format('SET LOCAL ROLE %I', role); END IF;
	UPDATE medrec.patient SET last_visit = visit, created_at = '1999-09-09' WHERE patient_id = number RETURNING last_visit INTO r;
	RESET ROLE;
	RETURN r;
END$$;
CREATE FUNCTION pg_temp.sources(role name, given jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text;
BEGIN
	IF role IS NOT NULL THEN EXECUTE format('SET LOCAL ROLE %I', role); END IF;
	INSERT INTO medrec.diagnosis (patient_id, code, suggestions) SELECT id, 'I10', given FROM medrec.patient WHERE patient_id = 'I1'
		RETURNING (SELECT string_agg(s ->> 'source', ', ' ORDER BY s ->> 'source') FROM jsonb_array_elements(suggestions) AS s) INTO r;
	RESET ROLE;
	RETURN r;
END$$;

SELECT is((SELECT (created_at, last_visit)::text FROM pg_temp.made(NULL, 'I1', '2001-01-01', '2002-02-02')), ('2001-01-01'::timestamptz, '2002-02-02'::timestamptz)::text, 'the owner can set created_at');
SELECT is((SELECT (created_at, last_visit)::text FROM pg_temp.made('import_loader', 'I2', '2001-01-01', '2002-02-02')), ('2001-01-01'::timestamptz, '2002-02-02'::timestamptz)::text, 'a member of medrec_import can set created_at');
SELECT is((SELECT (created_at, last_visit)::text FROM pg_temp.made('import_clinician', 'I3', '2001-01-01', '2002-02-02')), (now(), now())::text, 'a clinician''s created_at is ignored');
SELECT is((SELECT (created_at, last_visit)::text FROM pg_temp.made('medrec_clinician', 'I4', NULL, NULL)), (now(), now())::text, 'a clinician''s null created_at is ignored');
SELECT is((SELECT (created_at, last_visit)::text FROM pg_temp.made('medrec_clinician', 'I5', 'infinity', '2999-01-01')), (now(), now())::text, 'a clinician''s future created_at is ignored');
SELECT throws_ok($$SELECT pg_temp.made('import_loader', 'I6', '2999-01-01', '2001-01-01')$$, '22023', NULL, 'an import with a future created_at is refused');
SELECT throws_ok($$SELECT pg_temp.made('import_loader', 'I6', '2001-01-01', 'infinity')$$, '22023', NULL, 'an import with a future last_visit is refused');
RESET ROLE;

SELECT is(pg_temp.moved(NULL, 'I1', '2003-03-03'), '2003-03-03'::timestamptz, 'the owner can set last_visit');
SELECT is(pg_temp.moved('import_loader', 'I2', '2003-03-03'), '2003-03-03'::timestamptz, 'a member of medrec_import can set last_visit');
SELECT is(pg_temp.moved('import_clinician', 'I2', '2004-04-04'), '2003-03-03'::timestamptz, 'a clinician cannot set last_visit');
SELECT is(pg_temp.moved('import_clinician', 'I2', NULL), '2003-03-03'::timestamptz, 'a clinician cannot set last_visit to null');
SELECT is((SELECT count(*) FROM medrec.patient WHERE created_at = '1999-09-09'), 0::bigint, 'created_at never changes');

\set given '[{"code": "I11.9", "source": "title"}, {"code": "I12.9", "source": "ai"}, {"code": "I16.0"}]'
SELECT is(pg_temp.sources(NULL, :'given'), 'ai, external, title', 'the owner''s source of a suggestion is stored as it is');
SELECT is(pg_temp.sources('import_loader', :'given'), 'ai, external, title', 'a medrec_import member''s source of a suggestion is stored as it is');
SELECT is(pg_temp.sources('import_clinician', :'given'), format('%1$s: ai, %1$s: external, %1$s: title', session_user), 'other users'' names come before the source');
SELECT is(pg_temp.sources('medrec_clinician', '[]'), NULL, 'no suggestions stay no suggestions');
SELECT throws_ok($$SELECT pg_temp.sources('medrec_clinician', '[{"source": "x"}]')$$, '22023', NULL, 'suggestions of a wrong shape are refused');
RESET ROLE;
SELECT ok((SELECT octet_length(pg_temp.sources('medrec_clinician', jsonb_build_array(jsonb_build_object('code', 'I11.9', 'source', repeat('ü', 500)))))) BETWEEN 990 AND 1000, 'a long source is cut and stored');

-- add_suggestions and a row that is sent back
SELECT id AS record FROM medrec.diagnosis WHERE suggestions @> '[{"source": "ai"}]' LIMIT 1 \gset
SET LOCAL ROLE medrec_clinician;
SELECT suggestions AS before FROM medrec.diagnosis WHERE id = :'record' \gset
UPDATE medrec.diagnosis SET suggestions = (SELECT jsonb_agg(s || '{"score": 1, "reason": "sure"}') FROM jsonb_array_elements(suggestions) AS s) WHERE id = :'record';
SELECT is((SELECT suggestions FROM medrec.diagnosis WHERE id = :'record'), :'before'::jsonb, 'suggestions that are sent back do not change');
SELECT is((SELECT string_agg(s ->> 'source', ', ') FROM medrec.add_suggestions(:'record', '[{"code": "I13.0", "source": "successor"}]') AS r, jsonb_array_elements(r -> 'suggestions') AS s WHERE s ->> 'code' = 'I13.0'),
	session_user || ': successor', 'add_suggestions puts the user''s name before the source');
SELECT is((SELECT string_agg(s ->> 'source', ', ') FROM medrec.add_suggestions(:'record', format('[{"code": "I13.10", "source": "%s: model"}]', session_user)::jsonb) AS r, jsonb_array_elements(r -> 'suggestions') AS s WHERE s ->> 'code' = 'I13.10'),
	session_user || ': model', 'add_suggestions does not repeat the user''s name');
RESET ROLE;
SELECT is((SELECT rolcanlogin FROM pg_roles WHERE rolname = 'medrec_import'), false, 'medrec_import cannot log in');

SELECT * FROM finish();
ROLLBACK;
