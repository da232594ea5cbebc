-- The addresses that the gateway lets through, as maps of nginx, read from the schema that PostgREST exposes: run by
-- "gateway/medrec api". Whoever adds a view or a function to medrec_api runs it again (doc/operations.md).
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog, pg_temp;

-- names that nginx's map could not hold stay out
CREATE TEMPORARY VIEW relation AS
SELECT c.oid, c.relname AS name
FROM pg_class AS c
WHERE c.relnamespace = 'medrec_api'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relname ~ '^\w{1,63}$';

-- A function that changes something is called by POST only. One that takes a row of a view is a column of it (a computed
-- field or relationship), and no address.
CREATE TEMPORARY VIEW function AS
SELECT p.proname AS name, bool_or(p.provolatile = 'v') FILTER (WHERE NOT t.computed AND NOT t.refusal) AS volatile, bool_and(t.computed) AS computed
FROM pg_proc AS p
CROSS JOIN LATERAL (
	SELECT EXISTS (SELECT FROM relation AS r JOIN pg_type AS y ON y.typrelid = r.oid WHERE y.oid = p.proargtypes[0]) AS computed,
		p.prosrc = '' AND pg_get_function_sqlbody(p.oid) LIKE '%medrec.wrong_arguments()%' AS refusal
) AS t
-- the gateway's own questions
WHERE p.proname NOT IN ('explain', 'upload_allowed', 'upload_release') AND p.pronamespace = 'medrec_api'::regnamespace AND p.prokind = 'f' AND p.proname ~ '^\w{1,63}$'
GROUP BY p.proname;

\echo '# Written by "gateway/medrec api" from the schema medrec_api; not for editing.'
\echo 'map $uri $what {'
\echo '	default "";'
\echo '	/api/ root;'
SELECT format(E'\t/api/%1$s %2$s;\n\t/api/%1$s/ %2$s;', path, kind)
FROM (
	SELECT name AS path, 'rows' AS kind FROM relation
	UNION ALL
	SELECT 'rpc/' || name, CASE WHEN volatile THEN 'call' ELSE 'ask' END FROM function WHERE NOT computed
) AS a
ORDER BY path;
\echo '}'

-- What may be embedded: relations and computed relationships; the five
-- aggregates take nothing in their parentheses. PostgREST looks long for what another name may have meant, and tells it.
\echo 'map $args $unknown_embed {'
\echo '	default "";'
SELECT format(E'\t"~(?:^|&)select=(?:[^&]*?(?:[,(:.]|%%2[Cc]|%%28|%%3[Aa]))??(?!(?:%s)(?:!|%%21|\\(|%%28)|(?:count|sum|avg|min|max)(?:\\(\\)|%%28%%29))'
	'(?:[^,(:.!&%%]|%%(?!2[CcEe18]|3[Aa])..)++(?:(?:!|%%21)(?:[^,(:.!&%%]|%%(?!2[CcEe18]|3[Aa])..)++)*+(?:\\(|%%28)" 1;', string_agg(name, '|' ORDER BY name))
FROM (
	SELECT name FROM relation
	UNION SELECT name FROM function WHERE computed
) AS n;
\echo '}'
