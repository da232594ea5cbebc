-- Search for patients: by name, number, birth date. The operators are leakproof, so row
-- level security lets them use the index; they reveal nothing about hidden rows.

CREATE FUNCTION medrec.name_has_words(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_words';
COMMENT ON FUNCTION medrec.name_has_words(text, text) IS
'Whether each word of the query is a word of the name, ignoring case and accents; false for a query without words. Operator @=. Words of the query with a digit are ignored, and so are those after the eighth. No errors.';

CREATE FUNCTION medrec.name_has_beginnings(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_beginnings';
COMMENT ON FUNCTION medrec.name_has_beginnings(text, text) IS
'Whether each word of the query begins a word of the name. Operator @^. Otherwise like name_has_words(). No errors.';

CREATE FUNCTION medrec.name_has_parts(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_parts';
COMMENT ON FUNCTION medrec.name_has_parts(text, text) IS
'Whether each word of the query is in a word of the name: at its beginning, or anywhere from three letters on. Operator @~. Otherwise like name_has_words(). No errors.';

CREATE FUNCTION medrec.name_resembles(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_resembles';
COMMENT ON FUNCTION medrec.name_resembles(text, text) IS
'Whether each word of the query begins a word of the name, or has four letters or more and differs from one by one error: a letter too many, missing or wrong, or two neighbours exchanged. Operator @%. Otherwise like name_has_words(). No errors.';

CREATE OPERATOR medrec.@= (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_words, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@^ (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_beginnings, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@~ (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_parts, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@% (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_resembles, RESTRICT = matchingsel);
COMMENT ON OPERATOR medrec.@= (text, text) IS 'medrec.name_has_words(): a name has the words of a query.';
COMMENT ON OPERATOR medrec.@^ (text, text) IS 'medrec.name_has_beginnings(): a name has words that begin with those of a query.';
COMMENT ON OPERATOR medrec.@~ (text, text) IS 'medrec.name_has_parts(): a name has words that contain those of a query.';
COMMENT ON OPERATOR medrec.@% (text, text) IS 'medrec.name_resembles(): a name has the words of a query, with up to one error each.';

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
'For operator class medrec.name_ops: whether a key begins with that of a query. Not to be called.';

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
'Names of people: finds them by words, beginnings, parts, and with an error, ignoring case and accents.';

CREATE FUNCTION medrec.name_count_words(query text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_count_words';
COMMENT ON FUNCTION medrec.name_count_words(text) IS
'How many words of a query for patients are searched in names: the first eight words without a digit. No errors.';

CREATE FUNCTION medrec.name_query_date(query text)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_query_date';
COMMENT ON FUNCTION medrec.name_query_date(text) IS
'The first date in a query for patients, written 1980-02-03, 03.02.1980 (day first) or 02/03/1980 (month first); null if there is none. No errors.';

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
		FROM ONLY medrec.patient AS p WHERE p.patient_id IN (number, upper(number)) ORDER BY p.patient_id = number DESC LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		IF n > 0 THEN
			RETURN;
		END IF;
		IF born IS NULL AND length(number) >= 3 AND number ~ '^[!-~]*[0-9][!-~]*$' THEN
			RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'number'
			FROM ONLY medrec.patient AS p
			WHERE (p.patient_id ~>=~ number AND p.patient_id ~<~ (number || E'\x7f'))
				OR (p.patient_id ~>=~ upper(number) AND p.patient_id ~<~ (upper(number) || E'\x7f'))
			ORDER BY p.patient_id::text USING ~<~ LIMIT left_over;
			GET DIAGNOSTICS n = ROW_COUNT;
			IF n > 0 THEN
				RETURN;
			END IF;
		END IF;
	END IF;

	IF words = 0 THEN
		IF born IS NOT NULL AND left_over > 0 THEN
			RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'birth_date'
			FROM ONLY medrec.patient AS p WHERE p.birth_date = born ORDER BY p.name, p.patient_id LIMIT left_over;
		END IF;
		RETURN;
	END IF;

	-- the name, each way only if those before have not found enough; of very many only the first 500 found are sorted
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'words'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@=) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'beginnings'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@^) q AND NOT p.name OPERATOR(medrec.@=) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'parts'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@~) q AND NOT p.name OPERATOR(medrec.@^) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'slip'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@%) q AND NOT p.name OPERATOR(medrec.@~) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
	END IF;
END
$$;
COMMENT ON FUNCTION medrec.search_patients(text, integer) IS
'Patients that the caller may see, the best matches first. q: a record number or, from three characters on, its beginning; a birth date (1980-02-03, 03.02.1980 or, month first, 02/03/1980); words of a name, in any order, ignoring case and accents, whole or their beginnings, from three letters on any part, from four letters on with one error in each; or a name and a birth date. max: the most rows, 1 to 100. matched: number, birth_date, words, beginnings, parts or slip. A null or empty q finds nobody. With the caller''s rights on patients. Errors: 22023 for a bad max, 42501 without rights.';

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
