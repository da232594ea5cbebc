-- What is wrong with the rows of a request, row by row and field by field. The rows are stored for a trial, with the
-- caller's rights, and the trial is rolled back: so the rules are those of the tables, and nobody learns more than from
-- an INSERT of their own.

CREATE FUNCTION medrec.cell_fault(cell json, type oid, typmod integer)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	value text;
BEGIN
	IF type IN ('json'::regtype, 'jsonb'::regtype) THEN
		RETURN NULL;
	END IF;
	value := cell #>> '{}';
	-- one that is longer by spaces is cut, as an assignment does
	IF type IN ('varchar'::regtype, 'bpchar'::regtype) AND typmod > 4 AND substr(value, typmod - 3) ~ '[^ ]' THEN
		RETURN jsonb_build_object('code', 'too-long', 'text', format('must not be longer than %s characters', typmod - 4));
	END IF;
	EXECUTE format('SELECT $1::%s', format_type(type, NULL)) USING value;
	RETURN NULL;
EXCEPTION
	WHEN untranslatable_character OR character_not_in_repertoire THEN
		RETURN jsonb_build_object('code', 'value', 'text', 'must not hold control characters');
	WHEN numeric_value_out_of_range OR datetime_field_overflow THEN
		RETURN jsonb_build_object('code', 'value', 'text', 'is out of range');
	WHEN data_exception THEN
		RETURN jsonb_build_object('code', 'value', 'text', CASE type
			WHEN 'integer'::regtype THEN 'must be a whole number'
			WHEN 'bigint'::regtype THEN 'must be a whole number'
			WHEN 'uuid'::regtype THEN 'must be a UUID'
			WHEN 'date'::regtype THEN 'must be a date, such as 2026-01-31'
			WHEN 'timestamptz'::regtype THEN 'must be a time, such as 2026-01-31T12:00:00Z'
			WHEN 'boolean'::regtype THEN 'must be true or false'
			ELSE format('must be of type %s', format_type(type, NULL)) END);
END
$$;
COMMENT ON FUNCTION medrec.cell_fault(json, oid, integer) IS
'What keeps a JSON value from being stored in a column: {"code": "value" or "too-long", "text"}; null if nothing does. cell: the value; type, typmod: the column''s, as in pg_attribute. The text never repeats the value. No errors.';

CREATE FUNCTION medrec.error_faults(state text, detail text, table_name text, column_name text, constraint_name text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fields text[];
BEGIN
	IF state = '22023' AND detail LIKE '[{"field": %' THEN
		RETURN detail::jsonb;
	ELSIF state = '23502' THEN
		RETURN jsonb_build_array(jsonb_build_object('field', column_name, 'code', 'required', 'text', 'must not be null'));
	ELSIF state = '42501' THEN
		RETURN jsonb_build_array(jsonb_build_object('field', NULL, 'code', 'forbidden', 'text', 'must not be stored by this account'));
	ELSIF state NOT IN ('23503', '23505', '23514') THEN
		RETURN NULL;
	END IF;

	-- account_name holds the usernames as they are compared
	IF table_name = 'account_name' THEN
		fields := '{username}';
	ELSE
		SELECT array_agg(a.attname ORDER BY k.n) INTO fields
		FROM (SELECT i.indrelid AS relation, i.indkey::int2[] AS columns
			FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
			WHERE state = '23505' AND c.relname = constraint_name AND c.relnamespace = 'medrec'::regnamespace
			UNION ALL
			SELECT o.conrelid, o.conkey FROM pg_constraint AS o
			WHERE state <> '23505' AND o.conname = constraint_name AND o.connamespace = 'medrec'::regnamespace) AS t
		CROSS JOIN LATERAL unnest(t.columns) WITH ORDINALITY AS k (attnum, n)
		JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum = k.attnum;
	END IF;
	RETURN (SELECT jsonb_agg(jsonb_build_object('field', f,
		'code', CASE state WHEN '23503' THEN 'not-found' WHEN '23505' THEN 'duplicate' ELSE 'value' END,
		'text', CASE state WHEN '23503' THEN 'names a record that does not exist'
			WHEN '23505' THEN 'is taken already' ELSE format('violates the constraint %s', constraint_name) END))
		FROM unnest(COALESCE(fields, '{NULL}')) AS f);
END
$$;
COMMENT ON FUNCTION medrec.error_faults(text, text, text, text, text) IS
'The faults that an error of an INSERT or UPDATE means: an array of {"field", "code", "text"}; null for an error that is about something else. state, detail, table_name, column_name, constraint_name: as GET STACKED DIAGNOSTICS returns them. No errors.';

CREATE FUNCTION medrec.try_row(statement text, view regclass, single json, OUT faults jsonb, OUT stored jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bad text[] := '{}';
	state text;
	message text;
	detail text;
	table_name text;
	column_name text;
	constraint_name text;
BEGIN
	-- as it is, then without the values that its columns cannot hold
	FOR attempt IN 1 .. 2 LOOP
		BEGIN
			EXECUTE statement INTO stored USING json_build_array(single);
			IF attempt = 1 THEN
				RETURN;
			END IF;
			RAISE EXCEPTION USING ERRCODE = 'MDTRY';
		EXCEPTION WHEN data_exception OR integrity_constraint_violation OR insufficient_privilege OR SQLSTATE 'MDTRY' THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
				table_name = TABLE_NAME, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
		END;
		EXIT WHEN attempt = 2 OR state !~ '^22' OR detail LIKE '[{"field": %';

		SELECT jsonb_agg(jsonb_build_object('field', a.attname) || f.fault ORDER BY a.attnum), array_agg(a.attname::text)
		INTO faults, bad
		FROM pg_attribute AS a
		JOIN json_each(single) AS e ON e.key = a.attname
		CROSS JOIN LATERAL medrec.cell_fault(e.value, a.atttypid, a.atttypmod) AS f (fault)
		WHERE a.attrelid = view AND a.attnum > 0 AND NOT a.attisdropped AND f.fault IS NOT NULL;
		EXIT WHEN bad IS NULL;
		single := (SELECT json_object_agg(e.key, CASE WHEN e.key = ANY (bad) THEN NULL ELSE e.value END) FROM json_each(single) AS e);
	END LOOP;

	stored := '[null]';
	faults := COALESCE(faults, '[]') || COALESCE((
		SELECT jsonb_agg(f.fault) FROM jsonb_array_elements(
			medrec.error_faults(state, detail, table_name, column_name, constraint_name)) AS f (fault)
		WHERE (f.fault ->> 'field' = ANY (bad)) IS NOT TRUE), '[]');
	IF faults = '[]' THEN
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail;
	END IF;
END
$$;
COMMENT ON FUNCTION medrec.try_row(text, regclass, json) IS
'Tries a statement with a row and returns its faults, an array of {"field", "code", "text"}; without any the row stays stored. statement: takes the JSON array of rows as $1 and returns a JSON array; view: whose columns they are; single: the row. stored: what the statement returned, [null] for a row with faults. With the caller''s rights. Errors: those of the statement that are not about the row.';

CREATE FUNCTION medrec.try_rows(statement text, view regclass, rows json[], first integer, most integer,
	OUT faults jsonb, OUT stored jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	half integer := cardinality(rows) / 2;
	rest record;
BEGIN
	IF half = 0 THEN
		SELECT t.faults, t.stored INTO faults, stored FROM medrec.try_row(statement, view, rows[1]) AS t;
		faults := (SELECT COALESCE(jsonb_agg(jsonb_build_object('row', first) || f.fault), '[]') FROM jsonb_array_elements(faults) AS f (fault));
		RETURN;
	END IF;

	BEGIN
		EXECUTE statement INTO stored USING array_to_json(rows);
		faults := '[]';
		RETURN;
	EXCEPTION WHEN data_exception OR integrity_constraint_violation OR insufficient_privilege THEN
		NULL;
	END;

	SELECT t.faults, t.stored INTO faults, stored FROM medrec.try_rows(statement, view, rows[:half], first, most) AS t;
	IF jsonb_array_length(faults) < most THEN
		SELECT t.faults, t.stored INTO rest
		FROM medrec.try_rows(statement, view, rows[half + 1:], first + half, most - jsonb_array_length(faults)) AS t;
		faults := faults || rest.faults;
		stored := stored || rest.stored;
	END IF;
END
$$;
COMMENT ON FUNCTION medrec.try_rows(text, regclass, json[], integer, integer) IS
'Tries a statement with rows, halving them until the ones with faults are found; the others stay stored. first: number of the first row; most: after so many faults it ends. faults: as try_row(), each with its row. Other arguments and errors as there.';

CREATE FUNCTION medrec.key_faults(rows json, known text[], columns text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH named AS MATERIALIZED (
		SELECT COALESCE(columns, ARRAY(SELECT k FROM json_object_keys(
			CASE json_typeof(rows -> 0) WHEN 'object' THEN rows -> 0 ELSE '{}' END) AS k ORDER BY k COLLATE "C")) AS keys
	), odd AS MATERIALIZED (
		SELECT e.n, e.value FROM named, json_array_elements(rows) WITH ORDINALITY AS e (value, n)
		WHERE CASE WHEN json_typeof(e.value) <> 'object' THEN true
			WHEN columns IS NOT NULL THEN false
			ELSE ARRAY(SELECT k FROM json_object_keys(e.value) AS k ORDER BY k COLLATE "C") <> named.keys END
		LIMIT 100
	)
	SELECT COALESCE(jsonb_agg(jsonb_build_object('row', f.n,
		-- a key that looks like no name may be anything, also a value in the wrong place
		'field', CASE WHEN f.key ~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$' THEN f.key END, 'code', 'structure', 'text', f.text) ORDER BY f.n, f.key), '[]')
	FROM (
		SELECT 0 AS n, k AS key, 'is not a column' AS text FROM named, unnest(named.keys) AS k WHERE k <> ALL (known)
		UNION ALL
		SELECT o.n - 1, NULL, 'must be an object' FROM odd AS o WHERE json_typeof(o.value) <> 'object'
		UNION ALL
		SELECT o.n - 1, k, 'is missing: all rows have the keys of the first' FROM named, odd AS o, unnest(named.keys) AS k
		WHERE json_typeof(o.value) = 'object' AND o.value -> k IS NULL
		UNION ALL
		SELECT o.n - 1, k, 'is not in the first row: all rows have its keys' FROM named, odd AS o, json_object_keys(
			CASE json_typeof(o.value) WHEN 'object' THEN o.value ELSE '{}' END) AS k
		WHERE k <> ALL (named.keys)
		ORDER BY 1, 2 LIMIT 100) AS f
$$;
COMMENT ON FUNCTION medrec.key_faults(json, text[], text[]) IS
'Rows that are no objects, or have other keys than the first, and keys that are no columns: an array of {"row", "field", "code": "structure", "text"}, 100 at most. rows: a JSON array; known: the columns that there are; columns: those that the request names, whose keys then need not be the same in all rows. No errors.';

CREATE FUNCTION medrec.check_rows(view_name text, rows json, columns text[] DEFAULT NULL, missing_default boolean DEFAULT false,
	on_conflict text DEFAULT '', most_rows integer DEFAULT 10000)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	view regclass := to_regclass(format('medrec_api.%I', view_name));
	known text[] := ARRAY(SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = view AND a.attnum > 0 ORDER BY a.attnum);
	keys text[];
	statement text;
	defaults text;
	filled json;
	head json;
	item record;
	block json[] := '{}';
	first integer := 0;
	total integer;
	odd jsonb;
	faults jsonb := '[]';
	stored jsonb := '[]';
	tried record;
BEGIN
	IF view IS NULL THEN
		RAISE EXCEPTION 'there is no such view in medrec_api' USING ERRCODE = 'undefined_table';
	ELSIF json_typeof(rows) = 'object' THEN
		rows := json_build_array(rows);
	ELSIF json_typeof(rows) IS DISTINCT FROM 'array' THEN
		RAISE EXCEPTION 'invalid request: rows must be an array of objects' USING ERRCODE = 'invalid_parameter_value',
			DETAIL = '[{"field": "rows", "code": "structure", "text": "must be an array of objects"}]';
	END IF;
	total := json_array_length(rows);
	IF total > most_rows THEN
		RAISE EXCEPTION 'invalid request: rows must not have more than % elements', most_rows USING ERRCODE = 'invalid_parameter_value',
			DETAIL = format('[{"field": "rows", "code": "too-long", "text": "must not have more than %s elements"}]', most_rows);
	ELSIF NOT has_any_column_privilege(view, 'INSERT') THEN
		RAISE EXCEPTION 'permission denied for view %', view_name USING ERRCODE = 'insufficient_privilege';
	END IF;

	-- PostgreSQL reads no JSON with such a character; in its place comes another that no column takes
	IF position('\u0000' IN rows::text) > 0 THEN
		rows := replace(rows::text, '\u0000', '\u0001');
	END IF;
	odd := medrec.key_faults(rows, known, columns);
	head := rows -> 0;
	keys := ARRAY(SELECT k FROM unnest(known) AS k WHERE CASE WHEN columns IS NULL THEN head -> k IS NOT NULL ELSE k = ANY (columns) END);
	SELECT format('WITH s AS (INSERT INTO %s (%s) SELECT %2$s FROM json_populate_recordset(NULL::%1$s, $1) %3$s RETURNING *)'
		' SELECT COALESCE(jsonb_agg(to_jsonb(s.*)%4$s), ''[]'') FROM s', view, string_agg(format('%I', k), ', '), on_conflict,
		-- an id that medrec makes is made for this trial alone
		CASE WHEN 'id' = ANY (keys) THEN '' ELSE ' - ''id''' END)
	INTO statement FROM unnest(keys) AS k;
	IF missing_default THEN
		SELECT format('SELECT json_build_object(%s)', string_agg(format('%L, %s', a.attname, pg_get_expr(d.adbin, d.adrelid)), ', '))
		INTO defaults FROM pg_attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = view AND a.attname = ANY (keys);
	END IF;

	-- what this block stores is rolled back at its end
	BEGIN
		FOR item IN SELECT e.value, e.n::integer AS n FROM json_array_elements(rows) WITH ORDINALITY AS e (value, n) LOOP
			EXIT WHEN keys = '{}' OR jsonb_array_length(faults) >= 100;
			IF json_typeof(item.value) <> 'object' THEN
				item.value := '{}';
			END IF;
			IF defaults IS NOT NULL THEN
				EXECUTE defaults INTO filled;
				item.value := (SELECT json_object_agg(COALESCE(e.key, d.key), CASE WHEN e.key IS NULL THEN d.value ELSE e.value END)
					FROM json_each(item.value) AS e FULL JOIN json_each(filled) AS d ON d.key = e.key);
			END IF;
			block := array_append(block, item.value);
			IF cardinality(block) = 500 OR item.n = total THEN
				SELECT t.faults, t.stored INTO tried FROM medrec.try_rows(statement, view, block, first, 100 - jsonb_array_length(faults)) AS t;
				faults := faults || tried.faults;
				stored := stored || tried.stored;
				first := item.n;
				block := '{}';
			END IF;
		END LOOP;
		RAISE EXCEPTION USING ERRCODE = 'MDTRY';
	EXCEPTION WHEN SQLSTATE 'MDTRY' THEN
		NULL;
	END;

	faults := (SELECT COALESCE(jsonb_agg(f.fault ORDER BY f.fault -> 'row', f.part, f.n), '[]')
		FROM (SELECT o.fault, 1 AS part, o.n FROM jsonb_array_elements(odd) WITH ORDINALITY AS o (fault, n)
			UNION ALL
			SELECT t.fault, 2, t.n FROM jsonb_array_elements(faults) WITH ORDINALITY AS t (fault, n)
			WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(odd) AS o (fault)
				WHERE o.fault -> 'row' = t.fault -> 'row' AND o.fault -> 'field' IN (t.fault -> 'field', 'null'))
			ORDER BY 2, 3 LIMIT 100) AS f);
	RETURN jsonb_build_object('valid', faults = '[]', 'rows', stored, 'faults', faults);
END
$$;
COMMENT ON FUNCTION medrec.check_rows(text, json, text[], boolean, text, integer) IS
'What an INSERT of rows into a view of medrec_api would do, which it tries and rolls back: {"valid", "rows": as they would be stored, without an id that the rows do not name, null for one with faults; "faults": [{"row": from 0, "field", "code", "text"}]}. It ends at 100 faults; then the rows after the last one are not in "rows". view_name: patients, diagnoses, treatments, accounts or another; rows: an object or an array of objects; columns, missing_default: as PostgREST''s columns= and Prefer: missing=default; on_conflict: a clause ON CONFLICT; most_rows: the most rows. A record number of a patient whom the caller does not see is a duplicate, as it is for INSERT. Errors: 22023 rows are no array or too many, 42P01 no such view, 42501 without INSERT on it, 25006 in a read-only transaction.';

CREATE FUNCTION medrec.csv_rows(csv text)
RETURNS json
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH cell AS (
		-- each cell with what ends it; the row that it is in: how many lines have ended before it
		SELECT m.n, CASE WHEN m.part[1] LIKE '"%' THEN replace(substr(m.part[1], 2, length(m.part[1]) - 2), '""', '"')
				ELSE NULLIF(m.part[1], 'NULL') END AS value,
			count(*) FILTER (WHERE m.part[2] <> ',') OVER (ORDER BY m.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS line,
			m.part[1] = '' AS blank
		FROM regexp_matches(rtrim(csv, E'\r\n') || E'\n', '("(?:[^"]|"")*"|[^,\r\n"]*)(,|\r?\n|\r)', 'g') WITH ORDINALITY AS m (part, n)
	), line AS (
		SELECT c.line, array_agg(c.value ORDER BY c.n) AS cells FROM cell AS c GROUP BY c.line
		HAVING count(*) > 1 OR NOT bool_and(c.blank)
	), head AS (
		SELECT l.cells FROM line AS l ORDER BY l.line LIMIT 1
	)
	SELECT COALESCE(json_agg(o.object ORDER BY l.line), '[]')
	FROM line AS l, head AS h, LATERAL (
		SELECT json_object_agg(COALESCE(h.cells[i], ''), l.cells[i]) AS object
		FROM generate_series(1, greatest(cardinality(h.cells), cardinality(l.cells))) AS i) AS o
	WHERE l.line > (SELECT min(f.line) FROM line AS f)
$$;
COMMENT ON FUNCTION medrec.csv_rows(text) IS
'A CSV text with a header as a JSON array of objects, as PostgREST reads it: NULL without quotes is null, everything else a string. csv: the text. No errors.';

CREATE FUNCTION medrec.url_decoded(part text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT convert_from(string_agg(CASE WHEN p.n = 1 THEN convert_to(p.piece, 'UTF8')
			WHEN p.piece ~ '^[0-9A-Fa-f]{2}' THEN decode(left(p.piece, 2), 'hex') || convert_to(substr(p.piece, 3), 'UTF8')
			ELSE convert_to('%' || p.piece, 'UTF8') END, '' ORDER BY p.n), 'UTF8')
	FROM regexp_split_to_table(replace(part, '+', ' '), '%') WITH ORDINALITY AS p (piece, n)
$$;
COMMENT ON FUNCTION medrec.url_decoded(text) IS
'A part of a URL, with its %xx and + decoded. part: the text. Error: 22021 where that is no UTF-8.';

CREATE FUNCTION medrec.request_argument(arguments text, name text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT medrec.url_decoded(substr(a, length(name) + 2)) FROM regexp_split_to_table(arguments, '&') AS a
	WHERE starts_with(a, name || '=') LIMIT 1
$$;
COMMENT ON FUNCTION medrec.request_argument(text, text) IS
'An argument of a URL''s query, decoded; null where there is none. arguments: the query; name: the argument''s. Error: 22021 where it is no UTF-8.';

CREATE FUNCTION medrec.request_filter(view regclass, arguments text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	argument text;
	part text[];
	clauses text[] := '{}';
	operators constant jsonb := '{"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}';
BEGIN
	FOREACH argument IN ARRAY regexp_split_to_array(arguments, '&') LOOP
		-- what shapes the answer; and the condition on the version, which has its own status
		CONTINUE WHEN argument = '' OR argument ~ '^(select|columns|on_conflict|medrec_precondition)=';
		part := regexp_match(argument, '^([a-z_]+)=(not\.)?(eq|neq|lt|lte|gt|gte|is|in)\.(.*)$');
		IF part IS NULL OR NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = view AND a.attname = part[1] AND a.attnum > 0) THEN
			RETURN NULL;
		END IF;
		part[4] := medrec.url_decoded(part[4]);
		IF part[3] = 'is' THEN
			IF part[4] !~* '^(null|true|false|unknown)$' THEN
				RETURN NULL;
			END IF;
			argument := format('%I IS %s', part[1], part[4]);
		ELSIF part[3] = 'in' THEN
			IF part[4] !~ '^\([^"()\\]*\)$' THEN
				RETURN NULL;
			END IF;
			argument := format('%I IN (%s)', part[1], (SELECT string_agg(quote_literal(v), ', ')
				FROM regexp_split_to_table(substr(part[4], 2, length(part[4]) - 2), ',') AS v));
		ELSE
			argument := format('%I %s %L', part[1], operators ->> part[3], part[4]);
		END IF;
		clauses := clauses || CASE WHEN part[2] IS NULL THEN argument ELSE format('NOT (%s)', argument) END;
	END LOOP;
	RETURN NULLIF(array_to_string(clauses, ' AND '), '');
END
$$;
COMMENT ON FUNCTION medrec.request_filter(regclass, text) IS
'The filters of a request as a condition, where they are simple ones: columns with eq, neq, lt, lte, gt, gte, is and in, or not. and one of these; null otherwise. view: whose columns; arguments: the URL''s query. Error: 22021 where that is no UTF-8.';

CREATE FUNCTION medrec.check_change(view regclass, change json, filter text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known text[] := ARRAY(SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = view AND a.attnum > 0 ORDER BY a.attnum);
	odd jsonb;
	bad jsonb;
	keys text;
	tried record;
BEGIN
	IF position('\u0000' IN change::text) > 0 THEN
		change := replace(change::text, '\u0000', '\u0001');
	END IF;
	odd := medrec.key_faults(json_build_array(change), known);
	IF json_typeof(change) <> 'object' THEN
		RETURN odd;
	END IF;
	keys := (SELECT string_agg(format('%I', k), ', ') FROM json_object_keys(change) AS k WHERE k = ANY (known));
	IF keys IS NOT NULL AND filter IS NOT NULL THEN
		BEGIN
			SELECT t.faults INTO tried FROM medrec.try_row(format('WITH s AS (UPDATE %s SET (%s) ='
				' (SELECT %2$s FROM json_populate_recordset(NULL::%1$s, $1)) WHERE %3$s) SELECT ''[]''::jsonb', view, keys, filter), view, change) AS t;
			RAISE EXCEPTION USING ERRCODE = 'MDTRY';
		EXCEPTION WHEN SQLSTATE 'MDTRY' THEN
			bad := tried.faults;
		END;
	ELSE
		bad := (SELECT jsonb_agg(jsonb_build_object('field', a.attname) || f.fault ORDER BY a.attnum)
			FROM pg_attribute AS a JOIN json_each(change) AS e ON e.key = a.attname
			CROSS JOIN LATERAL medrec.cell_fault(e.value, a.atttypid, a.atttypmod) AS f (fault)
			WHERE a.attrelid = view AND a.attnum > 0 AND f.fault IS NOT NULL);
	END IF;
	RETURN odd || COALESCE(bad, '[]');
END
$$;
COMMENT ON FUNCTION medrec.check_change(regclass, json, text) IS
'The faults of an UPDATE of a view of medrec_api, which it tries and rolls back: an array of {"field", "code", "text"}. view: the view; change: an object of columns with their new values; filter: the condition; null for none that can be tried, then only the types and lengths of the values are checked. With the caller''s rights. Errors: those of the UPDATE that are not about its row.';

CREATE FUNCTION medrec.fault_answer(faults jsonb, what text, bulk boolean)
RETURNS json
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	code text := (SELECT CASE f ->> 'code' WHEN 'duplicate' THEN '23505' WHEN 'forbidden' THEN '42501' ELSE
			CASE WHEN f ->> 'code' = 'not-found' AND f ->> 'text' = 'names a record that does not exist' THEN '23503' ELSE '22023' END END
		FROM jsonb_array_elements(faults) WITH ORDINALITY AS e (f, n) ORDER BY n LIMIT 1);
	message text := (SELECT string_agg(concat(CASE WHEN bulk THEN format('row %s: ', f ->> 'row') END, f ->> 'field' || ' ', f ->> 'text'), '; ' ORDER BY n)
		FROM jsonb_array_elements(faults) WITH ORDINALITY AS e (f, n) WHERE n <= 10);
BEGIN
	PERFORM set_config('response.status', CASE WHEN code LIKE '23%' THEN '409' WHEN code = '42501' THEN '403' ELSE '400' END, true);
	RETURN jsonb_build_object('code', code, 'details', CASE WHEN bulk THEN faults ELSE (SELECT jsonb_agg(f - 'row') FROM jsonb_array_elements(faults) AS e (f)) END,
		'hint', NULL, 'message', format('invalid %s: %s%s', what, message,
			CASE WHEN jsonb_array_length(faults) > 10 THEN format('; and %s more', jsonb_array_length(faults) - 10) END));
END
$$;
COMMENT ON FUNCTION medrec.fault_answer(jsonb, text, boolean) IS
'An error as PostgREST''s, with faults as its details, and sets the status of the response after the first one: 409 for a duplicate or an unknown record, 403 for one that is not allowed, else 400. faults: an array of {"row", "field", "code", "text"}; what: "patient"; bulk: whether rows are named. No errors.';

CREATE FUNCTION medrec.conflict_clause(names text, keys text[], ignored boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('ON CONFLICT (%s) DO ', (SELECT string_agg(format('%I', n), ', ') FROM regexp_split_to_table(COALESCE(names, 'id'), ',') AS n))
		|| CASE WHEN ignored THEN 'NOTHING'
			ELSE (SELECT 'UPDATE SET ' || string_agg(format('%I = EXCLUDED.%1$I', k), ', ') FROM unnest(keys) AS k) END
$$;
COMMENT ON FUNCTION medrec.conflict_clause(text, text[], boolean) IS
'The clause ON CONFLICT of an upsert, as PostgREST writes it. names: the columns of on_conflict=, null for id; keys: the columns that are written; ignored: whether rows that exist are left alone. No errors.';

CREATE FUNCTION medrec.request_faults(view_name text, method text, arguments text, prefer text, content json)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	view regclass := format('medrec_api.%I', view_name);
	columns text[] := regexp_split_to_array(NULLIF(medrec.request_argument(arguments, 'columns'), ''), '\s*,\s*');
	missing_default boolean := prefer ~* 'missing\s*=\s*default';
	conflict text := '';
BEGIN
	IF method = 'PATCH' THEN
		-- columns that are named and not given become null, or their default
		IF columns IS NOT NULL THEN
			content := (SELECT json_object_agg(c, content -> c) FROM unnest(columns) AS c
				WHERE content -> c IS NOT NULL OR NOT missing_default OR NOT EXISTS (SELECT FROM pg_attribute AS a
					WHERE a.attrelid = view AND a.attname = c AND a.atthasdef));
		END IF;
		RETURN medrec.check_change(view, content, medrec.request_filter(view, arguments));
	END IF;
	IF method = 'PUT' OR prefer ~* 'resolution\s*=\s*(merge|ignore)-duplicates' THEN
		conflict := medrec.conflict_clause(NULLIF(medrec.request_argument(arguments, 'on_conflict'), ''),
			ARRAY(SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = view AND a.attnum > 0 AND a.attname IN (
				SELECT unnest(columns) UNION SELECT json_object_keys(CASE json_typeof(content) WHEN 'object' THEN content ELSE content -> 0 END)
				WHERE columns IS NULL)),
			COALESCE(method = 'POST' AND prefer ~* 'resolution\s*=\s*ignore', false));
	END IF;
	RETURN medrec.check_rows(view_name, content, columns, COALESCE(missing_default, false), conflict, 300000) -> 'faults';
END
$$;
COMMENT ON FUNCTION medrec.request_faults(text, text, text, text, json) IS
'The faults of a request that writes rows: an array of {"row", "field", "code", "text"}, without row for a PATCH. view_name: of medrec_api; method: POST, PUT or PATCH; arguments: the URL''s query; prefer: the header Prefer; content: the body. With the caller''s rights; nothing is stored. Errors: those of the statement that are not about its rows.';

CREATE FUNCTION medrec.visit_faults(visit jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	faults jsonb := '[]';
	patient jsonb;
	part text;
	tried record;
	state text;
	message text;
	detail text;
	table_name text;
	column_name text;
	constraint_name text;
BEGIN
	-- what this block stores is rolled back at its end
	BEGIN
		BEGIN
			patient := medrec.record_visit(visit) -> 'patient' -> 'id';
			RAISE EXCEPTION USING ERRCODE = 'MDTRY';
		EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		END;
		-- it is not what a visit looks like
		IF message LIKE 'invalid visit: %' AND detail LIKE '[{"field": %' THEN
			faults := detail;
			RAISE EXCEPTION USING ERRCODE = 'MDTRY';
		END IF;

		BEGIN
			patient := medrec.record_visit(jsonb_build_object('patient', visit -> 'patient')) -> 'patient' -> 'id';
		EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, table_name = TABLE_NAME,
				column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
			faults := CASE WHEN state = '22023' THEN medrec.error_faults(state, detail, table_name, column_name, constraint_name)
				WHEN state ~ '^22' THEN (SELECT jsonb_agg(jsonb_build_object('field', 'patient.' || a.attname) || c.fault ORDER BY a.attnum)
					FROM pg_attribute AS a JOIN jsonb_each(visit -> 'patient') AS e ON e.key = a.attname
					CROSS JOIN LATERAL medrec.cell_fault(e.value::json, a.atttypid, a.atttypmod) AS c (fault)
					WHERE a.attrelid = 'medrec_api.patients'::regclass AND a.attnum > 0 AND c.fault IS NOT NULL)
				ELSE (SELECT jsonb_agg(f || jsonb_build_object('field', 'patient.' || (f ->> 'field')))
					FROM jsonb_array_elements(medrec.error_faults(state, detail, table_name, column_name, constraint_name)) AS e (f)) END;
		END;
		FOREACH part IN ARRAY ARRAY['diagnoses', 'treatments'] LOOP
			CONTINUE WHEN jsonb_typeof(visit -> part) IS DISTINCT FROM 'array' OR visit -> part = '[]';
			SELECT t.faults INTO tried FROM medrec.try_rows(format('WITH s AS (INSERT INTO medrec_api.%I (patient_id, code, description, code_system, suggestions)'
				' SELECT patient_id, code, description, code_system, suggestions FROM json_populate_recordset(NULL::medrec_api.%1$I, $1)) SELECT ''[]''::jsonb', part),
				format('medrec_api.%I', part)::regclass,
				ARRAY(SELECT (r || jsonb_build_object('patient_id', patient))::json FROM jsonb_array_elements(visit -> part) AS e (r)), 0,
				100 - jsonb_array_length(COALESCE(faults, '[]'))) AS t;
			faults := COALESCE(faults, '[]') || (SELECT COALESCE(jsonb_agg(f - 'row' || jsonb_build_object('field', format('%s[%s].%s', part, f ->> 'row', f ->> 'field'))), '[]')
				FROM jsonb_array_elements(tried.faults) AS e (f)
				-- without a patient no record has one
				WHERE f ->> 'field' <> 'patient_id');
		END LOOP;
		RAISE EXCEPTION USING ERRCODE = 'MDTRY';
	EXCEPTION WHEN SQLSTATE 'MDTRY' THEN
		NULL;
	END;
	RETURN COALESCE(faults, '[]');
END
$$;
COMMENT ON FUNCTION medrec.visit_faults(jsonb) IS
'The faults of a visit, which it tries to record and rolls back: an array of {"field": such as diagnoses[2].code, "code", "text"}. visit: as for record_visit(). With the caller''s rights. Errors: those of record_visit() that are not about its rows.';

CREATE FUNCTION medrec.explain_request(body bytea)
RETURNS json
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	headers json := current_setting('request.headers', true);
	view_name text := headers ->> 'x-rows';
	content json;
	faults jsonb;
	bulk boolean := true;
BEGIN
	IF view_name IS NULL OR (view_name <> 'record_visit' AND to_regclass(format('medrec_api.%I', view_name)) IS NULL) THEN
		RAISE EXCEPTION 'nothing to explain' USING ERRCODE = 'PT404';
	END IF;
	-- whatever goes wrong here: then the request's own error is the answer. One that is about its Idempotency-Key is none of the rows'.
	BEGIN
		IF headers ->> 'x-key' <> '' THEN
			RAISE EXCEPTION 'nothing to explain';
		END IF;
		IF headers ->> 'x-type' ~* '^text/csv' THEN
			content := medrec.csv_rows(convert_from(body, 'UTF8'));
		ELSE
			content := convert_from(body, 'UTF8');
			bulk := json_typeof(content) = 'array' AND headers ->> 'x-method' = 'POST';
		END IF;
		IF view_name = 'record_visit' THEN
			bulk := false;
			faults := medrec.visit_faults((content -> 'visit')::jsonb);
		ELSE
			faults := medrec.request_faults(view_name, headers ->> 'x-method', COALESCE(headers ->> 'x-arguments', ''),
				headers ->> 'x-prefer', content);
		END IF;
	EXCEPTION WHEN OTHERS THEN
		faults := '[]';
	END;
	IF faults = '[]' THEN
		PERFORM set_config('response.status', '418', true);
		RETURN 'null';
	END IF;
	RETURN medrec.fault_answer(faults, CASE view_name WHEN 'patients' THEN 'patient' WHEN 'diagnoses' THEN 'diagnosis'
		WHEN 'treatments' THEN 'treatment' WHEN 'accounts' THEN 'account' WHEN 'record_visit' THEN 'visit' ELSE 'row' END, bulk);
END
$$;
COMMENT ON FUNCTION medrec.explain_request(bytea) IS
'For the gateway, which sends a body here after PostgREST has refused it: the error again, with every fault as an element of details ({"row", "field", "code", "text"}); status 418 if no fault is found. body: JSON or CSV. The headers X-Rows, X-Method, X-Arguments, X-Prefer and X-Type describe the request. With the caller''s rights; nothing is stored. Error: PT404 without these headers.';

REVOKE ALL ON FUNCTION medrec.cell_fault(json, oid, integer), medrec.error_faults(text, text, text, text, text),
	medrec.try_row(text, regclass, json), medrec.try_rows(text, regclass, json[], integer, integer),
	medrec.key_faults(json, text[], text[]), medrec.check_rows(text, json, text[], boolean, text, integer),
	medrec.csv_rows(text), medrec.url_decoded(text), medrec.request_argument(text, text), medrec.request_filter(regclass, text),
	medrec.check_change(regclass, json, text), medrec.fault_answer(jsonb, text, boolean), medrec.conflict_clause(text, text[], boolean),
	medrec.request_faults(text, text, text, text, json), medrec.visit_faults(jsonb), medrec.explain_request(bytea) FROM PUBLIC;
