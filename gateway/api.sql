-- The addresses that the gateway lets through, as maps of nginx, read from the schema that PostgREST exposes: run by
-- "gateway/medrec api". Whoever adds a view or a function to medrec_api runs it again (doc/operations.md).
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog, pg_temp;

-- Names that nginx's map could not hold stay out. A view that nobody may write to but its owner is a list.
CREATE TEMPORARY VIEW relation AS
SELECT c.oid, c.relname AS name, EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND a.grantee <> c.relowner)
	OR EXISTS (SELECT FROM pg_attribute AS t CROSS JOIN LATERAL aclexplode(t.attacl) AS a WHERE t.attrelid = c.oid AND a.privilege_type IN ('INSERT', 'UPDATE') AND a.grantee <> c.relowner) AS written
FROM pg_class AS c
WHERE c.relnamespace = 'medrec_api'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relname ~ '^\w{1,63}$';

-- A view with an id has an address for each row, /patients/<id>: a UUID, a number, or what an audit event is called.
CREATE TEMPORARY VIEW key AS
SELECT r.oid, r.name, r.written, k.shape, k.filter
FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attname = 'id' AND a.attnum > 0
JOIN (VALUES ('uuid'::regtype, '(?<row_id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})', 'id=eq.$row_id'),
	-- up to 2147483647
	('integer', '(?<row_number>1?\d{1,9}|2(?:0\d|1[0-3])\d{7}|214[0-6]\d{6}|2147[0-3]\d{5}|21474[0-7]\d{4}|214748[0-2]\d{3}|2147483[0-5]\d\d|21474836[0-3]\d|214748364[0-7])', 'id=eq.$row_number'),
	('bigint', '(?<row_long>\d{1,18})', 'id=eq.$row_long'),
	('text', '(?<row_era>\d{1,9})-(?<row_xid>\d{1,18})-(?<row_n>\d{1,9})', 'era=eq.$row_era&xid=eq.$row_xid&n=eq.$row_n')
) AS k (type, shape, filter) ON k.type = a.atttypid
WHERE k.type <> 'text'::regtype OR 3 = (SELECT count(*) FROM pg_attribute AS e WHERE e.attrelid = r.oid AND e.attname IN ('era', 'xid', 'n'));

-- A function that changes something is called by POST only. One that takes a row of a view is a column of it (a computed
-- field or relationship), and no address.
CREATE TEMPORARY VIEW function AS
SELECT p.proname AS name, bool_or(p.provolatile = 'v') FILTER (WHERE NOT t.computed AND NOT t.refusal) AS volatile, bool_and(t.computed) AS computed
FROM pg_proc AS p
CROSS JOIN LATERAL (
	SELECT EXISTS (SELECT FROM unnest(p.proargtypes) AS a (type) WHERE a.type = 'anyelement'::regtype) OR EXISTS (SELECT FROM relation AS r JOIN pg_type AS y ON y.typrelid = r.oid WHERE y.oid = p.proargtypes[0]) AS computed,
		p.prosrc = '' AND pg_get_function_sqlbody(p.oid) LIKE '%medrec.wrong_arguments()%' AS refusal
) AS t
WHERE p.pronamespace = 'medrec_api'::regnamespace AND p.prokind = 'f' AND p.proname ~ '^\w{1,63}$'
	-- what only the gateway calls
	AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE '(Not to be called: %'
GROUP BY p.proname;

\echo '# Written by "gateway/medrec api" from the schema medrec_api; not for editing.'
\echo 'map $uri $what {'
\echo '	default "";'
\echo '	/api/ root;'
SELECT format(E'\t/api/%1$s %2$s;\n\t/api/%1$s/ %2$s;', path, kind)
FROM (
	SELECT name AS path, CASE WHEN written THEN 'rows' ELSE 'list' END AS kind FROM relation
	UNION ALL
	SELECT 'rpc/' || name, CASE WHEN volatile THEN 'call' ELSE 'ask' END FROM function WHERE NOT computed
) AS a
ORDER BY path;
-- the address of one record, by what id is
SELECT format(E'\t"~^/api/(?:%s)/%s/?$" %s;', string_agg(name, '|' ORDER BY name), shape, CASE WHEN written THEN 'row' ELSE 'item' END)
FROM key GROUP BY shape, written ORDER BY 1;
\echo '}'
\echo 'map $uri $row_filter {'
\echo '	default "";'
SELECT format(E'\t"~^/api/(?:%s)/%s/?$" "%s";', string_agg(name, '|' ORDER BY name), shape, filter)
FROM key GROUP BY shape, filter ORDER BY 1;
\echo '}'

-- What PUT sets: every column of a view but those that medrec keeps itself. version is added where the client names one.
\echo 'map $uri $put_columns {'
\echo '	default "";'
SELECT format(E'\t"~^/api/%s/" "%s";', k.name, string_agg(a.attname, ',' ORDER BY a.attnum))
FROM key AS k JOIN pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE k.written AND a.attname <> ALL ('{id,version,created_at,updated_at,last_visit,last_login,date_joined,validation_date,validated_by,issues}')
GROUP BY k.name ORDER BY 1;
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
