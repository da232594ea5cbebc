-- From 0.1 to 0.2: the extension's own functions. What migrate() made is changed by a step in sql/migrations.
-- "make" appends the steps of this version.

-- audit

CREATE FUNCTION medrec.index_audit(months integer DEFAULT 1)
RETURNS integer
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_index_audit';
COMMENT ON FUNCTION medrec.index_audit(integer) IS
'Makes B-tree indexes by row, patient and account on months of the audit trail that are over and have none yet, the newest first, and returns how many it made. months: at most so many months in this call. Blocks no writer and no reader; takes some ten seconds for a million events. The sealing worker calls it, else a timer. Errors: 22023 for less than 1 month, 55P03 when a transaction of the old month still runs, 25006 on a standby.';
REVOKE ALL ON FUNCTION medrec.index_audit(integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION medrec.audit_fhir(patient uuid DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
	max integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
	IF max IS NULL OR max < 0 OR max > 10000 THEN
		RAISE EXCEPTION 'max must be between 0 and 10000' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN (SELECT jsonb_build_object('resourceType', 'Bundle', 'type', 'collection', 'total', count(*),
		'entry', coalesce(jsonb_agg(jsonb_build_object('resource', jsonb_strip_nulls(jsonb_build_object(
			'resourceType', 'AuditEvent',
			'id', format('%s-%s-%s', e.era, e.xid, e.n),
			'type', jsonb_build_object('system', 'http://dicom.nema.org/resources/ontology/DCM', 'code',
				CASE WHEN e.action IN ('DDL', 'ARCHIVE') THEN '110100' ELSE '110110' END,
				'display', CASE WHEN e.action IN ('DDL', 'ARCHIVE') THEN 'Application Activity' ELSE 'Patient Record' END),
			'subtype', jsonb_build_array(jsonb_build_object('system', 'http://hl7.org/fhir/restful-interaction', 'code',
				CASE e.action WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' WHEN 'DELETE' THEN 'delete' WHEN 'TRUNCATE' THEN 'delete' ELSE 'operation' END)),
			'action', CASE e.action WHEN 'INSERT' THEN 'C' WHEN 'UPDATE' THEN 'U' WHEN 'DELETE' THEN 'D' WHEN 'TRUNCATE' THEN 'D' ELSE 'E' END,
			'recorded', to_char(e.logged_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
			'outcome', '0',
			'purposeOfEvent', CASE WHEN e.reason IS NOT NULL THEN jsonb_build_array(jsonb_build_object('text', e.reason)) END,
			'agent', jsonb_build_array(jsonb_build_object(
				'who', jsonb_build_object('identifier', jsonb_build_object('value', coalesce(e.account, e.session_role))),
				'altId', e.session_role,
				'name', e.account,
				'requestor', true,
				'role', jsonb_build_array(jsonb_build_object('text', e.role)),
				'policy', CASE WHEN e.jti IS NOT NULL THEN jsonb_build_array('urn:jti:' || e.jti) END,
				'network', CASE WHEN e.client_addr IS NOT NULL THEN jsonb_build_object('address', e.client_addr, 'type', '2') END)),
			'source', jsonb_build_object('site', current_database(), 'observer', jsonb_build_object('display', coalesce(e.application_name, 'medrec')),
				'type', jsonb_build_array(jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/security-source-type', 'code', '3'))),
			'entity', CASE WHEN e.patient_id IS NOT NULL THEN jsonb_build_array(jsonb_build_object(
				'what', jsonb_build_object('reference', 'Patient/' || e.patient_id),
				'type', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/audit-entity-type', 'code', '1'),
				'role', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/object-role', 'code', '1')))
				ELSE '[]'::jsonb END || jsonb_build_array(jsonb_build_object(
				'what', jsonb_build_object('identifier', jsonb_build_object('system', 'urn:medrec:' || e.table_name, 'value', coalesce(e.row_id, e.table_name))),
				'type', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/audit-entity-type', 'code', '2'),
				'role', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/object-role', 'code', '4'),
				'detail', (SELECT jsonb_agg(jsonb_build_object('type', d.type, 'valueString', d.value))
					FROM (VALUES ('transaction', e.xid::text), ('request', e.request_id), ('method', e.method), ('path', e.path),
						('columns', (SELECT string_agg(k.key, ',') FROM json_object_keys(e.new_values) AS k (key) WHERE e.action = 'UPDATE')),
						('leaf', encode(e.leaf, 'hex'))) AS d (type, value) WHERE d.value IS NOT NULL)))
			))) ORDER BY e.logged_at, e.era, e.xid, e.n), '[]'::jsonb))
	FROM (SELECT * FROM medrec.audit_event AS a
		WHERE a.xid > 0 AND (patient IS NULL OR a.patient_id = patient) AND (since IS NULL OR a.logged_at >= since)
			AND (until IS NULL OR a.logged_at < until)
		ORDER BY a.logged_at DESC, a.era DESC, a.xid DESC, a.n DESC LIMIT max) AS e);
END
$$;

-- records

-- terminology

-- access

CREATE FUNCTION medrec.visible_patients_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_visible_patients_support';
COMMENT ON FUNCTION medrec.visible_patients_support(internal) IS
'The planner''s helper for medrec.visible_patients(): what it costs to read by index for each of them. Not to be called.';
REVOKE ALL ON FUNCTION medrec.visible_patients_support(internal) FROM PUBLIC;
CREATE OR REPLACE FUNCTION medrec.visible_patients()
RETURNS uuid[]
LANGUAGE c VOLATILE PARALLEL SAFE SUPPORT medrec.visible_patients_support
AS 'MODULE_PATHNAME', 'medrec_visible_patients';

-- patient search

CREATE FUNCTION medrec.name_has_words(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_words';
COMMENT ON FUNCTION medrec.name_has_words(text, text) IS
'Whether each word of the query is a word of the name, case and accents aside; false for a query without words. Operator @=. Words of the query that have a digit are passed over, and those after the eighth. No errors.';

CREATE FUNCTION medrec.name_has_beginnings(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_beginnings';
COMMENT ON FUNCTION medrec.name_has_beginnings(text, text) IS
'Whether each word of the query begins a word of the name. Operator @^. As name_has_words() otherwise. No errors.';

CREATE FUNCTION medrec.name_has_parts(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_parts';
COMMENT ON FUNCTION medrec.name_has_parts(text, text) IS
'Whether each word of the query stands in a word of the name: at its beginning, or anywhere from three letters on. Operator @~. As name_has_words() otherwise. No errors.';

CREATE FUNCTION medrec.name_resembles(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_resembles';
COMMENT ON FUNCTION medrec.name_resembles(text, text) IS
'Whether each word of the query begins a word of the name, or is one of four letters or more but for a slip: a letter too many, missing or wrong, or two neighbours exchanged. Operator @%. As name_has_words() otherwise. No errors.';

CREATE OPERATOR medrec.@= (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_words, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@^ (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_beginnings, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@~ (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_parts, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@% (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_resembles, RESTRICT = matchingsel);
COMMENT ON OPERATOR medrec.@= (text, text) IS 'medrec.name_has_words(): a name has the words of a query.';
COMMENT ON OPERATOR medrec.@^ (text, text) IS 'medrec.name_has_beginnings(): a name has words that begin as those of a query.';
COMMENT ON OPERATOR medrec.@~ (text, text) IS 'medrec.name_has_parts(): a name has words in which those of a query stand.';
COMMENT ON OPERATOR medrec.@% (text, text) IS 'medrec.name_resembles(): a name has the words of a query but for slips.';

CREATE FUNCTION medrec.name_compare(text, text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_compare';
COMMENT ON FUNCTION medrec.name_compare(text, text) IS 'For operator class medrec.name_ops: the order of its keys. Not to be called.';

CREATE FUNCTION medrec.name_keys(text, internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_keys';
COMMENT ON FUNCTION medrec.name_keys(text, internal, internal) IS 'For operator class medrec.name_ops: the keys of a name. Not to be called.';

CREATE FUNCTION medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_query_keys';
COMMENT ON FUNCTION medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal) IS
'For operator class medrec.name_ops: the keys of a query. Not to be called.';

CREATE FUNCTION medrec.name_compare_partial(text, text, smallint, internal)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_compare_partial';
COMMENT ON FUNCTION medrec.name_compare_partial(text, text, smallint, internal) IS
'For operator class medrec.name_ops: whether a key begins as that of a query. Not to be called.';

CREATE FUNCTION medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal)
RETURNS "char"
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_consistent';
COMMENT ON FUNCTION medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal) IS
'For operator class medrec.name_ops: whether a name with these keys may be found. Not to be called.';

CREATE OPERATOR CLASS medrec.name_ops FOR TYPE text USING gin AS
	OPERATOR 1 medrec.@= (text, text),
	OPERATOR 2 medrec.@^ (text, text),
	OPERATOR 3 medrec.@~ (text, text),
	OPERATOR 4 medrec.@% (text, text),
	FUNCTION 1 medrec.name_compare(text, text),
	FUNCTION 2 medrec.name_keys(text, internal, internal),
	FUNCTION 3 medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal),
	FUNCTION 5 medrec.name_compare_partial(text, text, smallint, internal),
	FUNCTION 6 medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal),
	STORAGE text;
COMMENT ON OPERATOR CLASS medrec.name_ops USING gin IS
'Names of people: finds them by words, beginnings, parts, and with a slip, without regard to case and accents.';

CREATE FUNCTION medrec.name_count_words(query text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_count_words';
COMMENT ON FUNCTION medrec.name_count_words(text) IS
'How many words of a query for patients are looked for in names: those without a digit, the first eight of them. No errors.';

CREATE FUNCTION medrec.name_query_date(query text)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_query_date';
COMMENT ON FUNCTION medrec.name_query_date(text) IS
'The first date in a query for patients, written 1980-02-03, 03.02.1980 (day first) or 02/03/1980 (month first); null where there is none. No errors.';

CREATE FUNCTION medrec.search_patients(q text, max integer DEFAULT 20,
	OUT id uuid, OUT name text, OUT age integer, OUT gender text, OUT patient_id text, OUT birth_date date,
	OUT last_visit timestamptz, OUT matched text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number text := left(btrim(q), 21);
	words integer := medrec.name_count_words(q);
	born date := medrec.name_query_date(q);
	left_over integer := max;
	n integer;
BEGIN
	IF max IS NULL OR max < 1 OR max > 100 THEN
		RAISE EXCEPTION 'max must be between 1 and 100' USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- the record number: whole, else its beginning
	IF length(number) BETWEEN 1 AND 20 THEN
		RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'number'
		FROM medrec.patient AS p WHERE p.patient_id IN (number, upper(number)) ORDER BY p.patient_id = number DESC LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		IF n > 0 THEN
			RETURN;
		END IF;
		IF born IS NULL AND length(number) >= 3 AND number ~ '^[!-~]*[0-9][!-~]*$' THEN
			RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'number'
			FROM medrec.patient AS p
			WHERE (p.patient_id ~>=~ number AND p.patient_id ~<~ (number || E'\x7f'))
				OR (p.patient_id ~>=~ upper(number) AND p.patient_id ~<~ (upper(number) || E'\x7f'))
			ORDER BY p.patient_id::text USING ~<~ LIMIT left_over;
			GET DIAGNOSTICS n = ROW_COUNT;
			left_over := left_over - n;
		END IF;
	END IF;

	IF words = 0 THEN
		IF born IS NOT NULL AND left_over > 0 THEN
			RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'birth_date'
			FROM medrec.patient AS p WHERE p.birth_date = born ORDER BY p.name, p.patient_id LIMIT left_over;
		END IF;
		RETURN;
	END IF;

	-- the name, each way only where those before have not found enough; of very many the first 500 that come are sorted
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'words'
		FROM (SELECT * FROM medrec.patient AS p WHERE p.name OPERATOR(medrec.@=) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'beginnings'
		FROM (SELECT * FROM medrec.patient AS p WHERE p.name OPERATOR(medrec.@^) q AND NOT p.name OPERATOR(medrec.@=) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'parts'
		FROM (SELECT * FROM medrec.patient AS p WHERE p.name OPERATOR(medrec.@~) q AND NOT p.name OPERATOR(medrec.@^) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'slip'
		FROM (SELECT * FROM medrec.patient AS p WHERE p.name OPERATOR(medrec.@%) q AND NOT p.name OPERATOR(medrec.@~) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
	END IF;
END
$$;
COMMENT ON FUNCTION medrec.search_patients(text, integer) IS
'Patients whom the caller may see, the best matches first. q: a record number or, from three characters on, its beginning; a birth date (1980-02-03, 03.02.1980 or, month first, 02/03/1980); words of a name, in any order, without regard to case and accents, whole or their beginnings, from three letters on any part, from four letters on with one slip in each; or a name and a birth date. max: at most so many, 1 to 100. matched: number, birth_date, words, beginnings, parts or slip. A null or empty q finds nobody. With the caller''s rights on patients. Errors: 22023 for a bad max, 42501 without rights.';

REVOKE ALL ON FUNCTION
	medrec.name_has_words(text, text),
	medrec.name_has_beginnings(text, text),
	medrec.name_has_parts(text, text),
	medrec.name_resembles(text, text),
	medrec.name_compare(text, text),
	medrec.name_keys(text, internal, internal),
	medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal),
	medrec.name_compare_partial(text, text, smallint, internal),
	medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal),
	medrec.name_count_words(text),
	medrec.name_query_date(text),
	medrec.search_patients(text, integer)
	FROM PUBLIC;

-- migrate
