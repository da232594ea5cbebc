-- Processor time of one backend, in interleaved rounds of which the lowest counts: for a machine with other load.
-- bench/audit/run runs it; it needs schema.sql and a role that may read /proc with pg_read_file().
\set QUIET 1
\pset pager off
SET client_min_messages = warning;
SET plan_cache_mode = auto;

-- Microseconds of this backend. The kernel updates them on a context switch, so this causes one.
CREATE FUNCTION pg_temp.cpu() RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.0003);
	RETURN split_part(pg_read_file('/proc/' || pg_backend_pid() || '/schedstat'), ' ', 1)::numeric / 1000;
END
$$;

CREATE TEMP TABLE workload (place int, name text, statements int, rows int, sync text, variants text[], prepared bool, request text, statement text);
INSERT INTO workload VALUES
(1, 'single row, many in a transaction', 500, 1, NULL, '{none,medrec,plpgsql_row,plpgsql_statement}', false, NULL, $$
	INSERT INTO bench.t_VARIANT (patient_id, code, description)
	VALUES (gen_random_uuid(), 'E11.9', 'Type 2 diabetes mellitus without complications')$$),
(2, 'single row, a transaction each, asynchronous commit', 500, 1, 'off', '{none,medrec,plpgsql_row,plpgsql_statement}', false, NULL, $$
	INSERT INTO bench.t_VARIANT (patient_id, code, description)
	VALUES (gen_random_uuid(), 'E11.9', 'Type 2 diabetes mellitus without complications')$$),
(3, '1,000 rows', 2, 1000, NULL, '{none,medrec,plpgsql_row,plpgsql_statement}', false, NULL, $$
	INSERT INTO bench.t_VARIANT (patient_id, code, description)
	SELECT gen_random_uuid(), 'E11.9', 'Type 2 diabetes mellitus without complications' FROM generate_series(1, 1000)$$),
-- the statements of PostgREST, prepared as there, with fsync, from its own role; each request has another id
(4, 'PostgREST-shaped write, fsync', 100, 1, 'on', '{none,medrec,plpgsql_row}', true, $$
	SELECT set_config('search_path', '"bench", "public"', true), set_config('role', 'medrec_clinician', true), set_config('request.jwt.claims', '{"role":"medrec_clinician","sub":"drhouse","exp":1893456000}', true), set_config('request.method', 'POST', true), set_config('request.path', '/diagnoses', true), set_config('request.headers', '{"host":"localhost","x-request-id":"' || $1 || '","user-agent":"bench","accept":"*/*","content-type":"application/json"}', true), set_config('request.cookies', '{}', true)$$, $$
	WITH pgrst_source AS (WITH pgrst_payload AS (SELECT '{"patient_id":"8c61c6b8-f2d3-4a00-8466-6fceed1445b7","code":"E11.9","description":"Type 2 diabetes mellitus without complications"}'::json AS json_data), pgrst_body AS (SELECT CASE WHEN json_typeof(json_data) = 'array' THEN json_data ELSE json_build_array(json_data) END AS val FROM pgrst_payload) INSERT INTO "bench"."t_VARIANT" ("code", "description", "patient_id") SELECT "code", "description", "patient_id" FROM json_to_recordset((SELECT val FROM pgrst_body)) AS _ ("code" text, "description" text, "patient_id" uuid) RETURNING "bench"."t_VARIANT".*) SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, array[]::text[] AS header, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status FROM (SELECT "t_VARIANT".* FROM "pgrst_source" AS "t_VARIANT") _postgrest_t$$);

CREATE TEMP TABLE measured (place int, round int, variant text, us numeric);
DO $$
DECLARE
	w record;
	v text;
	statement text;
	before numeric;
BEGIN
	FOR w IN SELECT * FROM workload ORDER BY place LOOP
		PERFORM set_config('synchronous_commit', coalesce(w.sync, 'off'), false);
		FOREACH v IN ARRAY w.variants LOOP
			EXECUTE format('TRUNCATE bench.t_%s', v);
			IF w.prepared THEN
				EXECUTE format('PREPARE write_%s AS %s', v, replace(w.statement, 'VARIANT', v));
			END IF;
		END LOOP;
		COMMIT;
		FOR round IN 1 .. 30 LOOP
			FOREACH v IN ARRAY w.variants LOOP
				statement := CASE WHEN w.prepared THEN 'EXECUTE write_' || v ELSE replace(w.statement, 'VARIANT', v) END;
				before := pg_temp.cpu();
				IF w.request IS NOT NULL THEN
					SET SESSION AUTHORIZATION medrec_authenticator;
				END IF;
				FOR i IN 1 .. w.statements LOOP
					IF w.request IS NOT NULL THEN
						EXECUTE w.request USING format('%s-%s', round, i);
					END IF;
					EXECUTE statement;
					IF w.sync IS NOT NULL THEN
						COMMIT;
					END IF;
				END LOOP;
				RESET SESSION AUTHORIZATION;
				INSERT INTO measured VALUES (w.place, round, v, (pg_temp.cpu() - before) / w.statements / w.rows);
				COMMIT;
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;

\echo
\echo 'Processor time of the writing backend, us a row, 30 interleaved rounds; ratios to the table without an audit'
SELECT w.name AS "workload", m.variant AS "audit", round(min(m.us), 1) AS "least",
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY m.us)::numeric, 1) AS "median",
	round(min(m.us) / min(min(m.us)) FILTER (WHERE m.variant = 'none') OVER (PARTITION BY w.place), 2) AS "least x",
	round(percentile_cont(0.5) WITHIN GROUP (ORDER BY m.us / n.us)::numeric, 2) AS "median x",
	round(percentile_cont(0.25) WITHIN GROUP (ORDER BY m.us / n.us)::numeric, 2) || ' to ' ||
	round(percentile_cont(0.75) WITHIN GROUP (ORDER BY m.us / n.us)::numeric, 2) AS "quartiles"
FROM measured AS m JOIN workload AS w USING (place) JOIN measured AS n ON n.place = m.place AND n.round = m.round AND n.variant = 'none'
GROUP BY w.place, w.name, m.variant ORDER BY w.place, min(m.us);
