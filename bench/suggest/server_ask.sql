-- A function per method: the ten best codes for a query, best first.

CREATE FUNCTION bench.ask_medrec(q bench.query) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN ARRAY(SELECT s.code FROM medrec.suggest(q.system, q.code, q.query, 10, '2025-01-01',
		CASE WHEN q.typing THEN '{"typing": true}'::jsonb END) AS s);
END
$$;

-- codes for trigrams: nearest codes when there is no text
CREATE FUNCTION bench.near_codes(q bench.query) RETURNS text[] LANGUAGE sql STABLE
RETURN ARRAY(SELECT c.code FROM bench.codes_in AS c WHERE c.code_system = q.system ORDER BY c.code <-> q.code LIMIT 10);

-- The rows that an index finds, one for each code, the better half by the code if one is given.
CREATE FUNCTION bench.nearest(q bench.query, find text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
	result text[];
BEGIN
	IF q.query IS NULL THEN
		RETURN bench.near_codes(q);
	END IF;
	EXECUTE format('SELECT ARRAY(SELECT code FROM (%s) AS t GROUP BY code ORDER BY min(distance) + CASE WHEN $2 IS NULL THEN 0 ELSE code <-> $2 END, code LIMIT 10)',
		format(find, q.system)) INTO result USING lower(q.query), q.code;
	RETURN result;
END
$$;

-- GiST, nearest neighbours
CREATE FUNCTION bench.ask_gist_similarity(q bench.query) RETURNS text[] LANGUAGE sql STABLE
RETURN bench.nearest(q, 'SELECT code, term <-> $1 AS distance FROM bench.term WHERE code_system = %L ORDER BY term <-> $1 LIMIT 30');
CREATE FUNCTION bench.ask_gist_word(q bench.query) RETURNS text[] LANGUAGE sql STABLE
RETURN bench.nearest(q, 'SELECT code, $1 <<-> term AS distance FROM bench.term WHERE code_system = %L ORDER BY $1 <<-> term LIMIT 30');

-- GIN, all above a threshold (pg_trgm.similarity_threshold and word_similarity_threshold of the session)
CREATE FUNCTION bench.ask_gin_similarity(q bench.query) RETURNS text[] LANGUAGE sql STABLE
RETURN bench.nearest(q, 'SELECT code, 1 - similarity(term, $1) AS distance FROM bench.term WHERE code_system = %L AND term %% $1 ORDER BY 2 LIMIT 30');
CREATE FUNCTION bench.ask_gin_word(q bench.query) RETURNS text[] LANGUAGE sql STABLE
RETURN bench.nearest(q, 'SELECT code, 1 - word_similarity($1, term) AS distance FROM bench.term WHERE code_system = %L AND $1 <%% term ORDER BY 2 LIMIT 30');

-- Full text: all words, prefixes while typing; any of the words if too few rows have all.
CREATE FUNCTION bench.ask_fulltext(q bench.query) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
	lexemes text[];
	all_words tsquery;
	any_word tsquery;
	result text[];
BEGIN
	IF q.query IS NULL THEN
		RETURN '{}';
	END IF;
	IF q.typing THEN
		SELECT array_agg(quote_literal(w) || ':*') INTO lexemes FROM regexp_split_to_table(lower(q.query), '[^[:alnum:]]+') AS w WHERE w <> '';
	ELSE
		SELECT array_agg(quote_literal(l)) INTO lexemes FROM unnest(tsvector_to_array(to_tsvector('english', q.query))) AS l;
	END IF;
	IF lexemes IS NULL THEN
		RETURN '{}';
	END IF;
	all_words := array_to_string(lexemes, ' & ')::tsquery;
	any_word := array_to_string(lexemes, ' | ')::tsquery;
	result := ARRAY(SELECT t.code FROM bench.term AS t WHERE t.code_system = q.system AND t.words @@ all_words
		GROUP BY t.code ORDER BY max(ts_rank(t.words, all_words, 2)) DESC, t.code LIMIT 10);
	IF cardinality(result) < 10 THEN
		result := result || ARRAY(SELECT t.code FROM bench.term AS t
			WHERE t.code_system = q.system AND t.words @@ any_word AND NOT t.code = ANY (result)
			GROUP BY t.code ORDER BY max(ts_rank(t.words, any_word, 2)) DESC, t.code LIMIT 10 - cardinality(result));
	END IF;
	RETURN result;
END
$$;

CREATE UNLOGGED TABLE bench.answer (method text, id integer, codes text[], ms float8);

CREATE UNLOGGED TABLE bench.cost (method text, set text, n bigint, cpu_ms numeric);

-- processor time of this backend so far, in milliseconds
CREATE FUNCTION bench.cpu_ms() RETURNS numeric LANGUAGE sql
RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::numeric / 1e6;

-- runs all queries of a set (or the first few) with one method
CREATE FUNCTION bench.run(method text, questions text, most integer DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	q bench.query;
	start timestamptz;
	codes text[];
	asked bigint := 0;
	before numeric := bench.cpu_ms();
BEGIN
	FOR q IN SELECT * FROM bench.query WHERE set = questions ORDER BY id LIMIT most LOOP
		start := clock_timestamp();
		EXECUTE format('SELECT bench.%I($1)', 'ask_' || method) INTO codes USING q;
		INSERT INTO bench.answer VALUES (method, q.id, codes, extract(epoch FROM clock_timestamp() - start) * 1000);
		asked := asked + 1;
	END LOOP;
	INSERT INTO bench.cost VALUES (method, questions, asked, bench.cpu_ms() - before);
END
$$;

CREATE VIEW bench.score AS
SELECT a.method, q.set, count(*) AS n, 100.0 * avg((a.codes[1] = q.truth)::int) AS hit1,
	100.0 * avg((q.truth = ANY (a.codes[:5]))::int) AS hit5, 100.0 * avg((q.truth = ANY (a.codes[:10]))::int) AS hit10,
	100.0 * avg((SELECT coalesce(bool_or(starts_with(c, q.truth) OR starts_with(q.truth, c)), false)::int FROM unnest(a.codes[:5]) AS c)) AS compatible5,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY a.ms) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY a.ms) AS p99,
	avg(a.ms) AS mean
FROM bench.answer AS a JOIN bench.query AS q USING (id)
GROUP BY a.method, q.set;
