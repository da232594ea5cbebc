-- Functions for applications: who asks, what there is, what was done.

CREATE FUNCTION medrec.whoami()
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- only PostgREST's claims are believed
	claims json := CASE WHEN session_user = 'medrec_authenticator' THEN NULLIF(current_setting('request.jwt.claims', true), '') END;
BEGIN
	RETURN jsonb_build_object(
		'account', CASE WHEN session_user = 'medrec_authenticator' THEN claims ->> 'sub' ELSE session_user END,
		'role', current_user,
		'token_expires', to_timestamp((claims ->> 'exp')::double precision),
		'rights', (SELECT COALESCE(jsonb_object_agg(r.name, r.rights), '{}')
			FROM (SELECT c.relname AS name, to_jsonb(array_remove(ARRAY[
					CASE WHEN has_any_column_privilege(c.oid, 'SELECT') THEN 'read' END,
					CASE WHEN has_any_column_privilege(c.oid, 'INSERT') THEN 'create' END,
					CASE WHEN has_any_column_privilege(c.oid, 'UPDATE') THEN 'change' END,
					CASE WHEN has_table_privilege(c.oid, 'DELETE') THEN 'delete' END], NULL)) AS rights
				FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('medrec_api') AND c.relkind IN ('v', 'r')) AS r
			WHERE r.rights <> '[]'),
		'functions', (SELECT COALESCE(jsonb_agg(DISTINCT p.proname), '[]')
			FROM pg_proc AS p
			WHERE p.pronamespace = to_regnamespace('medrec_api') AND p.prokind = 'f' AND has_function_privilege(p.oid, 'EXECUTE')
				-- neither computed fields nor what is not to be called
				AND obj_description(p.oid, 'pg_proc') !~ '^(\(|Computed field)'));
END
$$;
COMMENT ON FUNCTION medrec.whoami() IS
'Who asks, and what they may do: {"account": null without a token, "role", "token_expires": null without a token, "rights": by view of medrec_api an array of read, create, change, delete; "functions": names of those in medrec_api}. Row level security may hide rows all the same. No arguments, no errors.';

CREATE FUNCTION medrec.status_counts(OUT table_name text, OUT status text, OUT count bigint, OUT exact boolean)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- who sees every row may be told what the planner estimates
	sees_all boolean := NOT row_security_active('medrec.diagnosis') OR current_setting('medrec.care_team_mode', true) IS DISTINCT FROM 'on'
		OR pg_has_role('medrec_coder', 'USAGE') OR pg_has_role('medrec_admin', 'USAGE');
	estimate bigint;
BEGIN
	FOREACH table_name IN ARRAY ARRAY['diagnosis', 'treatment'] LOOP
		estimate := (SELECT c.reltuples FROM pg_class AS c WHERE c.oid = format('medrec.%I', table_name)::regclass);
		exact := true;
		FOR status, count IN EXECUTE format('SELECT t.status, count(*) FROM medrec.%I AS t WHERE t.status <> ''valid'' GROUP BY t.status ORDER BY t.status', table_name) LOOP
			estimate := estimate - count;
			RETURN NEXT;
		END LOOP;
		status := 'valid';
		exact := NOT sees_all OR estimate < 100000;
		IF exact THEN
			EXECUTE format('SELECT count(*) FROM medrec.%I AS t WHERE t.status = ''valid''', table_name) INTO count;
		ELSE
			count := estimate;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION medrec.status_counts() IS
'How many diagnoses and treatments have which status, of those that the caller sees. exact: false for the valid ones of a large table, from 100000 on, of which every row is seen: their number is estimated from the table''s statistics. No arguments. With the caller''s rights. Error: 42501 without them.';

CREATE FUNCTION medrec.code_edits(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT rule text, OUT of_code text, OUT age_min integer, OUT age_max integer, OUT other_from text, OUT other_to text, OUT text text,
	OUT valid_from date, OUT valid_to date)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	system text := (SELECT s.name FROM medrec.code_systems() AS s
		WHERE lower(s.name) = lower(btrim(code_system)) OR s.uri = btrim(code_system) OR regexp_replace(btrim(code_system), '^urn:oid:', '') = s.oid);
	codes text[] := ARRAY[medrec.normalize_code(code_system, code)];
BEGIN
	BEGIN
		codes := codes || ARRAY(SELECT a.code::text FROM medrec.ancestors(code_system, code, on_date) AS a);
	EXCEPTION WHEN feature_not_supported THEN
		NULL;
	END;
	RETURN QUERY SELECT r.rule::text, r.code::text, r.age_min::integer, r.age_max::integer, r.other_from::text, r.other_to::text, r.text,
			r.valid_from, r.valid_to
		FROM medrec.code_rule AS r
		WHERE r.code_system = system AND r.code = ANY (codes) AND (r.code = codes[1] OR r.rule = 'excludes1')
			AND r.valid_from <= on_date AND (r.valid_to > on_date) IS NOT FALSE
		ORDER BY array_position(codes, r.code::text), r.rule, r.other_from, r.id;
END
$$;
COMMENT ON FUNCTION medrec.code_edits(text, text, date) IS
'The coding edits that apply to a code on a day: rules of its own, and excludes1 notes of the codes above it. rule: as in code_rule; of_code: whose rule it is; age_min, age_max: years; other_from, other_to: the codes that it excludes; text: of the note. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: the day. Errors: 22023 unknown system or malformed code, 42501 without rights on code_rule.';

CREATE FUNCTION medrec.code_neighbours(code_system text, code text, on_date date DEFAULT CURRENT_DATE, OUT parents jsonb, OUT children jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT COALESCE(jsonb_agg(jsonb_build_object('code', a.code, 'display', a.display, 'billable', a.billable)), '[]') INTO parents
	FROM medrec.ancestors(code_system, code, on_date) AS a WHERE a.level = 1;
	SELECT COALESCE(jsonb_agg(jsonb_build_object('code', d.code, 'display', d.display, 'billable', d.billable)), '[]') INTO children
	FROM medrec.descendants(code_system, code, on_date) AS d WHERE d.level = 1;
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END
$$;
COMMENT ON FUNCTION medrec.code_neighbours(text, text, date) IS
'The codes next above and next below a code, as arrays of {"code", "display", "billable"}; null where the codes of the system have no hierarchy. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: the day. Errors: 22023 unknown system or malformed code.';

CREATE FUNCTION medrec.patient_history(patient uuid, before timestamptz DEFAULT NULL, max integer DEFAULT 100,
	OUT logged_at timestamptz, OUT action text, OUT table_name text, OUT row_id text, OUT account text, OUT role text, OUT reason text,
	OUT old_values json, OUT new_values json)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_patient_history';
COMMENT ON FUNCTION medrec.patient_history(uuid, timestamptz, integer) IS
'What was done to a patient and to their diagnoses and treatments, the newest first, for whoever sees the patient: when, by whom, why, and which columns changed; nothing of the connection. patient: patient.id; before: only earlier events, the logged_at of the last one for the next page; max: the most events, 1 to 1000. Errors: PT404 for a patient whom the caller does not see, 22023 for a bad max, 42501 without rights on patients.';

CREATE FUNCTION medrec.table_sizes(OUT table_name text, OUT rows bigint, OUT dead_rows bigint, OUT bytes bigint, OUT table_bytes bigint,
	OUT index_bytes bigint, OUT partitions integer)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.relname, sum(greatest(p.reltuples, 0))::bigint, sum(pg_stat_get_dead_tuples(p.oid))::bigint,
		sum(pg_total_relation_size(p.oid))::bigint, sum(pg_table_size(p.oid))::bigint, sum(pg_indexes_size(p.oid))::bigint,
		count(*) FILTER (WHERE p.oid <> c.oid)::integer
	FROM pg_class AS c
	CROSS JOIN LATERAL (SELECT t.relid FROM pg_partition_tree(c.oid) AS t UNION SELECT c.oid) AS t
	JOIN pg_class AS p ON p.oid = t.relid
	WHERE c.relnamespace = to_regnamespace('medrec') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	GROUP BY c.oid, c.relname
	ORDER BY 4 DESC, 1
$$;
COMMENT ON FUNCTION medrec.table_sizes() IS
'How large medrec''s tables are: rows, as the last ANALYZE or VACUUM estimated; rows that wait for VACUUM; bytes in all, of the table with what is stored apart, and of its indexes; and the number of partitions, which are included. The largest first. No arguments, no errors.';

CREATE FUNCTION medrec.upload_release(OUT id integer, OUT code_system varchar, OUT version varchar, OUT content varchar,
	OUT effective_from date, OUT effective_to date, OUT format varchar, OUT source varchar,
	OUT sha256 bytea, OUT rows integer, OUT loaded_at timestamptz, OUT loaded_by varchar)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	headers json := current_setting('request.headers', true);
	arguments text := COALESCE(headers ->> 'x-arguments', '');
	day date;
BEGIN
	IF COALESCE(headers ->> 'x-file', '') = '' THEN
		RAISE EXCEPTION 'there is no uploaded file' USING ERRCODE = 'PT404', HINT = 'PUT a file to /api/releases/<code system>/<version>?effective_from=<date>.';
	END IF;
	BEGIN
		day := medrec.request_argument(arguments, 'effective_from');
	EXCEPTION WHEN data_exception THEN
		NULL;
	END;
	IF day IS NULL THEN
		RAISE EXCEPTION 'effective_from must be a date' USING ERRCODE = 'invalid_parameter_value',
			DETAIL = '[{"field": "effective_from", "code": "required", "text": "must be a date"}]', HINT = 'For instance ?effective_from=2025-10-01.';
	END IF;
	SELECT r.* INTO id, code_system, version, content, effective_from, effective_to, format, source, sha256, rows, loaded_at, loaded_by
	FROM medrec.load_release_file(headers ->> 'x-release-system', headers ->> 'x-release-version', day, headers ->> 'x-file',
		COALESCE(medrec.request_argument(arguments, 'format'), 'auto'), medrec.request_argument(arguments, 'source')) AS r;
END
$$;
COMMENT ON FUNCTION medrec.upload_release() IS
'For the gateway, which has received a file: loads it as a release and returns its row of code_release. The headers X-Release-System, X-Release-Version, X-File and X-Arguments (effective_from, format, source) describe it. Errors: as for load_release_file; PT404 without a file.';

REVOKE ALL ON FUNCTION medrec.upload_release(), medrec.whoami(), medrec.status_counts(), medrec.code_edits(text, text, date), medrec.code_neighbours(text, text, date),
	medrec.patient_history(uuid, timestamptz, integer), medrec.table_sizes() FROM PUBLIC;
