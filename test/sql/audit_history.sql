-- audit: a random life of 10,000 changes, and every state of it made again
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
-- a database of its own: each change of the patient is committed in a transaction
DROP DATABASE IF EXISTS medrec_history;
CREATE DATABASE medrec_history;
\c medrec_history
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS medrec CASCADE;
SELECT FROM medrec.migrate();
SET search_path = public, pg_catalog;

-- the table's rows, after each change of the patient
CREATE TEMP TABLE life (seq serial, table_name text, row_id text, at timestamptz, action text, record jsonb);
CREATE INDEX ON life (table_name, row_id);
CREATE TEMP TABLE cast_of (id uuid, mrn text, alive boolean DEFAULT false);
SELECT setseed(0.42) \g /dev/null
INSERT INTO cast_of SELECT gen_random_uuid(), 'LIFE-' || g FROM generate_series(1, 20) AS g;

CREATE PROCEDURE pg_temp.live(changes integer) LANGUAGE plpgsql AS $$
DECLARE
	words text[] := ARRAY['plain', 'with "quotes"', E'back\\slash', E'two\nlines', 'ünïcödé 😀', '{"json": [1]}', '', NULL];
	p record;
	d record;
	what integer;
BEGIN
	FOR i IN 1 .. changes LOOP
		SELECT * INTO p FROM cast_of ORDER BY random() LIMIT 1;
		what := (random() * 100)::integer;
		IF NOT p.alive THEN
			INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES (p.id, 'Born ' || i, i % 100, 'other', p.mrn);
			UPDATE cast_of SET alive = true WHERE id = p.id;
			INSERT INTO life (table_name, row_id, at, action, record)
				SELECT 'patient', p.id, clock_timestamp(), 'INSERT', to_jsonb(x) FROM medrec.patient AS x WHERE id = p.id;
		ELSIF what < 40 THEN
			UPDATE medrec.patient SET name = coalesce(nullif(replace(words[1 + i % 8], E'\n', ' '), ''), 'x') || i,
				birth_date = CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN date '1950-01-01' + i END
				WHERE id = p.id;
			INSERT INTO life (table_name, row_id, at, action, record)
				SELECT 'patient', p.id, clock_timestamp(), 'UPDATE', to_jsonb(x) FROM medrec.patient AS x WHERE id = p.id;
		ELSIF what < 48 THEN
			INSERT INTO medrec.diagnosis (patient_id, code, description) VALUES (p.id, 'E11.9', words[1 + i % 8]) RETURNING id INTO d;
			INSERT INTO life (table_name, row_id, at, action, record)
				SELECT 'diagnosis', x.id, clock_timestamp(), 'INSERT', to_jsonb(x) FROM medrec.diagnosis AS x WHERE id = d.id;
		ELSIF what < 94 THEN
			SELECT id INTO d FROM medrec.diagnosis WHERE patient_id = p.id ORDER BY random() LIMIT 1;
			CONTINUE WHEN NOT FOUND;
			UPDATE medrec.diagnosis SET description = words[1 + i % 8], code = CASE WHEN i % 5 = 0 THEN 'Z99.9' ELSE code END
				WHERE id = d.id;
			INSERT INTO life (table_name, row_id, at, action, record)
				SELECT 'diagnosis', x.id, clock_timestamp(), 'UPDATE', to_jsonb(x) FROM medrec.diagnosis AS x WHERE id = d.id;
		ELSIF what < 98 THEN
			SELECT id INTO d FROM medrec.diagnosis WHERE patient_id = p.id ORDER BY random() LIMIT 1;
			CONTINUE WHEN NOT FOUND;
			DELETE FROM medrec.diagnosis WHERE id = d.id;
			INSERT INTO life (table_name, row_id, at, action) VALUES ('diagnosis', d.id, clock_timestamp(), 'DELETE');
		ELSE
			FOR d IN DELETE FROM medrec.diagnosis WHERE patient_id = p.id RETURNING id LOOP
				INSERT INTO life (table_name, row_id, at, action) VALUES ('diagnosis', d.id, clock_timestamp(), 'DELETE');
			END LOOP;
			DELETE FROM medrec.patient WHERE id = p.id;
			UPDATE cast_of SET alive = false WHERE id = p.id;
			INSERT INTO life (table_name, row_id, at, action) VALUES ('patient', p.id, clock_timestamp(), 'DELETE');
		END IF;
		-- some changes share a transaction
		IF i % 3 > 0 THEN
			COMMIT;
		END IF;
	END LOOP;
	COMMIT;
END
$$;
CALL pg_temp.live(10000);
ANALYZE medrec.audit_event;

-- the same text for the same instant
CREATE FUNCTION pg_temp.same(jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(key, CASE WHEN key ~ '(_at|_visit|_date)$' AND key <> 'birth_date' AND value <> 'null'
		THEN to_jsonb((value #>> '{}')::timestamptz) ELSE value END) FROM jsonb_each($1) $$;
CREATE TEMP TABLE history AS
	SELECT l.table_name, l.row_id, h.version, h.action, h.record::jsonb AS record
	FROM (SELECT DISTINCT table_name, row_id FROM life) AS l, medrec.history(l.table_name, l.row_id) AS h;

SELECT plan(13);
SELECT cmp_ok(count(*), '>=', 9000::bigint, 'the test''s patient had all its changes') FROM life;
SELECT is((SELECT count(*) FROM history), (SELECT count(*) FROM life), 'history has as many versions as there were changes');
SELECT is(count(*), 0::bigint, 'history has every version as it was stored')
	FROM (SELECT *, row_number() OVER (PARTITION BY table_name, row_id ORDER BY seq) AS version FROM life) AS l
	FULL JOIN history AS h USING (table_name, row_id, version)
	WHERE l.action IS DISTINCT FROM h.action
		OR pg_temp.same(l.record) IS DISTINCT FROM pg_temp.same(h.record);
SELECT is(count(*), 0::bigint, 'as_of returns every tenth state of a patient and states in between')
	FROM (SELECT *, lead(at) OVER (PARTITION BY table_name, row_id ORDER BY seq) AS next FROM life) AS l
	WHERE seq % 50 = 0 AND pg_temp.same(record)
		IS DISTINCT FROM pg_temp.same(medrec.as_of(table_name, row_id, at)::jsonb);
SELECT is(medrec.as_of('patient', (SELECT id::text FROM cast_of LIMIT 1), '2000-01-01')::text, NULL, 'as_of before the row existed is null');
SELECT is(pg_temp.same(medrec.as_of('patients', p.id::text, 'infinity')::jsonb), pg_temp.same(to_jsonb(p)),
		'as_of infinity is the current row with last_visit')
	FROM medrec.patient AS p WHERE patient_id LIKE 'LIFE-%' AND EXISTS (SELECT FROM medrec.diagnosis WHERE patient_id = p.id)
	ORDER BY patient_id LIMIT 1;
SELECT is(count(*), 0::bigint, 'as_of infinity is the current row for every patient')
	FROM medrec.patient AS p WHERE patient_id LIKE 'LIFE-%'
		AND pg_temp.same(medrec.as_of('patient', p.id::text, 'infinity')::jsonb) IS DISTINCT FROM pg_temp.same(to_jsonb(p));
SELECT is(count(*), 0::bigint, 'history accepts a schema-qualified table name')
	FROM medrec.diagnosis AS d JOIN cast_of AS c ON c.id = d.patient_id
	WHERE d.id::text LIKE 'a%'
		AND pg_temp.same(medrec.as_of('medrec.diagnosis', d.id::text, 'infinity')::jsonb) IS DISTINCT FROM pg_temp.same(to_jsonb(d));

-- diff
SELECT p.id AS pid, clock_timestamp() AS t0 FROM medrec.patient AS p WHERE patient_id LIKE 'LIFE-%' ORDER BY patient_id LIMIT 1 \gset
UPDATE medrec.patient SET name = 'Changed', gender = 'female' WHERE id = :'pid';
SELECT is(array_agg(column_name || ' ' || new_value ORDER BY column_name) FILTER (WHERE column_name IN ('name', 'gender')),
	'{"gender \"female\"","name \"Changed\""}', 'diff names the changed columns') FROM medrec.diff('patient', :'pid', :'t0');
SELECT is(count(*), 0::bigint, 'diff returns nothing if nothing changed') FROM medrec.diff('patient', :'pid', clock_timestamp());
SELECT is(array_agg(column_name) @> '{id,name,age}' AND bool_and(old_value IS NULL), true, 'diff returns all columns of a new row')
	FROM medrec.diff('patient', :'pid', '2000-01-01');

SELECT is(count(*), 0::bigint, 'an unknown id has no history') FROM medrec.history('patient', 'nobody''s');
SET ROLE medrec_clinician;
SELECT throws_ok('SELECT * FROM medrec.history(''patient'', ''x'')', '42501', NULL, 'a clinician may not call history');
RESET ROLE;

SELECT * FROM finish();
\c postgres
DROP DATABASE medrec_history;
