-- The same codes and terms for medrec and its peers. Variable: dir.
CREATE SCHEMA bench;
CREATE TABLE bench.codes_in (code_system text, code text, billable boolean, first_day integer, end_day integer, display text, short_display text);
CREATE TABLE bench.terms_in (code_system text, code text, kind text, term text);
CREATE TABLE bench.query (system text, set text, query text, code text, truth text, typing boolean);
\set file :dir '/codes.tsv'
COPY bench.codes_in FROM :'file';
\set file :dir '/terms.tsv'
COPY bench.terms_in FROM :'file';
\set file :dir '/queries.tsv'
\set copy 'COPY bench.query FROM ' :'file' ' WITH (HEADER)'
:copy;
UPDATE bench.query SET query = nullif(query, ''), code = nullif(code, '');
ALTER TABLE bench.query ADD id integer GENERATED ALWAYS AS IDENTITY;

-- medrec
INSERT INTO medrec.code_release (code_system, version, content, effective_from, format, sha256, rows, loaded_by)
SELECT code_system, 'bench', 'codes', '1980-01-01', 'bench', sha256(''), count(*), 'bench' FROM bench.codes_in GROUP BY code_system;
INSERT INTO medrec.code (code_system, code, valid_from, valid_to, billable, display, short_display)
SELECT code_system, code, coalesce('2000-01-01'::date + first_day, '1980-01-01'), '2000-01-01'::date + end_day, billable, display,
	nullif(short_display, display)
FROM bench.codes_in
WHERE end_day IS NULL OR end_day > coalesce(first_day, -10000)
ON CONFLICT DO NOTHING;
INSERT INTO medrec.code_term (code_system, code, kind, term) SELECT code_system, code, kind, term FROM bench.terms_in;

-- The peers: a row for each different term of a code, current codes only. A trigram index works best on the words
-- without text in brackets (which may be omitted in a query), full-text search on all of them.
CREATE EXTENSION pg_trgm;
CREATE TABLE bench.term AS
SELECT DISTINCT ON (code_system, code, lower(plain)) code_system, code, lower(plain) AS term, to_tsvector('english', whole) AS words
FROM (
	SELECT code_system, code, display AS whole, display AS plain FROM bench.codes_in
		WHERE end_day IS NULL OR '2000-01-01'::date + end_day > '2025-01-01'
	UNION ALL
	SELECT code_system, code, short_display, short_display FROM bench.codes_in
		WHERE short_display IS NOT NULL AND (end_day IS NULL OR '2000-01-01'::date + end_day > '2025-01-01')
	UNION ALL
	SELECT code_system, code, term, btrim(regexp_replace(regexp_replace(term, '\s*\([^)]*\)', '', 'g'), '\s+', ' ', 'g')) FROM bench.terms_in
) AS t
WHERE plain <> ''
ORDER BY code_system, code, lower(plain), length(whole) DESC;
SET maintenance_work_mem = '512MB';
CREATE INDEX term_words_idx ON bench.term USING gin (words) WITH (fastupdate = off);
-- one trigram index per system: a query is about one of them
SELECT format('CREATE INDEX %I ON bench.term USING gist (term gist_trgm_ops (siglen = 256)) WHERE code_system = %L', 'term_gist_' || code_system, code_system),
	format('CREATE INDEX %I ON bench.term USING gin (term gin_trgm_ops) WITH (fastupdate = off) WHERE code_system = %L', 'term_gin_' || code_system, code_system)
FROM (SELECT DISTINCT code_system FROM bench.term) AS s \gexec
CREATE INDEX codes_gist ON bench.codes_in USING gist (code gist_trgm_ops (siglen = 256));
VACUUM ANALYZE;
