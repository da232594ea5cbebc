-- What medrec.verify_access() finds. $1: what access_state.sql gives now; $2: what it gives where migrate() has just
-- made everything, without the site's part; $3: the server's first superuser. A finding per row: kind, severity, seal,
-- object, detail. seal: the first one since which every snapshot has it so, of the newest 100 snapshots.
WITH RECURSIVE present AS MATERIALIZED (
	SELECT a ->> 0 AS kind, a ->> 1 AS object, a ->> 2 AS definition FROM jsonb_array_elements($1::jsonb) AS a
), made AS MATERIALIZED (
	SELECT a ->> 0 AS kind, a ->> 1 AS object, a ->> 2 AS definition FROM jsonb_array_elements($2::jsonb) AS a
	WHERE a ->> 0 <> ALL ('{owner,role,membership,setting,setting privilege,database privilege,audited table,child table,month,silent foreign key,default privileges}')
), core AS (
	-- medrec's own roles: those that the steps grant rights to, and the two that are more
	SELECT DISTINCT split_part(m.object, ' on ', 1) AS name FROM made AS m WHERE m.kind = 'privilege' AND m.object LIKE 'medrec\_%'
	UNION SELECT unnest('{medrec_authenticator,medrec_gatekeeper}'::text[])
), role AS MATERIALIZED (
	SELECT p.object AS name, p.definition AS now, p.object IN (SELECT c.name FROM core AS c) AS is_core FROM present AS p WHERE p.kind = 'role'
), membership AS (
	SELECT p.object, p.definition AS options, m[1] AS member, m[2] AS of
	FROM present AS p, regexp_match(p.object, '^("(?:[^"]|"")*"|\S+) in (.*)$') AS m WHERE p.kind = 'membership'
), reached (name) AS (
	SELECT c.name FROM core AS c
	UNION
	SELECT m.member FROM reached AS g JOIN membership AS m ON m.of = g.name
), finding (kind, object, was, now, severity, detail) AS (
	-- what migrate() has made
	SELECT coalesce(p.kind, m.kind), coalesce(p.object, m.object), m.definition, p.definition,
		CASE WHEN m.kind IS NOT NULL AND p.kind IS NOT NULL THEN CASE p.kind WHEN 'column' THEN 'warning' ELSE 'error' END
			WHEN m.kind IS NOT NULL THEN 'error'
			WHEN p.kind IN ('policy', 'privilege', 'rule', 'event trigger', 'function') THEN 'error'
			WHEN p.kind IN ('column', 'constraint', 'sequence') OR p.object LIKE 'public.%' THEN 'information'
			ELSE 'warning' END, NULL
	FROM (SELECT * FROM present AS x
			WHERE x.kind <> ALL ('{owner,role,membership,setting,setting privilege,database privilege,audited table,child table,month,silent foreign key,default privileges,baseline}')) AS p
		FULL JOIN made AS m ON m.kind = p.kind AND m.object = p.object
	-- a trigger that fires in more cases than it has to is well
	WHERE m.definition IS DISTINCT FROM p.definition AND NOT coalesce(p.kind = 'trigger' AND p.definition = 'A' || substr(m.definition, 2), false)
		-- the columns, privileges and row security of a table that is reported itself
		AND NOT (m.kind IS NULL AND p.kind IN ('column', 'row security', 'constraint') AND NOT EXISTS (
			SELECT FROM made AS t WHERE t.kind IN ('table', 'view') AND (p.object = t.object OR p.object LIKE replace(t.object, '_', '\_') || '.%' OR p.object LIKE '% of ' || replace(t.object, '_', '\_'))))
	UNION ALL
	SELECT p.kind, p.object, NULL, p.definition, CASE p.kind WHEN 'default privileges' THEN CASE WHEN p.object LIKE '% in schema %' THEN 'error' ELSE 'information' END ELSE 'error' END,
		CASE p.kind WHEN 'child table' THEN 'rows of it show in the table that it inherits from' WHEN 'month' THEN 'is not as the other months of the audit trail: ' || left(p.definition, 600)
			WHEN 'silent foreign key' THEN 'is not checked: its triggers are disabled' ELSE 'new objects get ' || p.definition END
	FROM present AS p WHERE p.kind IN ('child table', 'month', 'silent foreign key', 'default privileges')
	UNION ALL
	SELECT p.kind, p.object, NULL, p.definition, 'error', 'is disabled, or does not fire for a replica'
	FROM present AS p WHERE p.kind = 'audited table' AND p.definition NOT LIKE 'A %'
	UNION ALL
	-- who owns it: a superuser, or the gatekeeper what the steps give it
	SELECT 'owner', o.object, o.was, o.now, CASE WHEN o.was IS NOT NULL OR o.now LIKE 'medrec\_%' OR o.object LIKE 'function %' THEN 'error' ELSE 'information' END,
		CASE WHEN o.was IS NOT NULL THEN format('belongs to %s, migrate() gave it to %s', coalesce(o.now, 'the owner of schema medrec'), o.was)
			ELSE format('belongs to %s, who is no superuser', o.now) END
	FROM (SELECT coalesce(p.object, m.object) AS object, p.definition AS now, CASE WHEN m.definition LIKE 'medrec\_%' THEN m.definition END AS was
		FROM (SELECT * FROM present AS x WHERE x.kind = 'owner') AS p
		FULL JOIN (SELECT a ->> 1 AS object, a ->> 2 AS definition FROM jsonb_array_elements($2::jsonb) AS a WHERE a ->> 0 = 'owner') AS m ON m.object = p.object) AS o
	WHERE o.now IS DISTINCT FROM o.was AND (o.was IS NOT NULL AND EXISTS (SELECT FROM present AS x WHERE o.object = x.kind || ' ' || x.object)
		OR o.now IS NOT NULL AND NOT EXISTS (SELECT FROM role AS r WHERE r.name = o.now AND r.now LIKE 'SUPERUSER%'))
	UNION ALL
	-- medrec's roles have no attributes, but that PostgREST logs in
	SELECT 'role', coalesce(r.name, c.name), NULL, r.now, 'error', CASE WHEN r.name IS NULL THEN 'is missing' ELSE 'has ' || r.now || ', and should have ' || c.now END
	FROM (SELECT x.name, CASE x.name WHEN 'medrec_authenticator' THEN 'LOGIN NOINHERIT' ELSE 'NOLOGIN' END AS now FROM core AS x) AS c LEFT JOIN role AS r ON r.name = c.name
	WHERE r.now IS DISTINCT FROM c.now
	UNION ALL
	SELECT 'role', r.name, NULL, r.now, CASE WHEN r.name IN (SELECT g.name FROM reached AS g) AND r.now NOT LIKE 'SUPERUSER%' THEN 'error' ELSE 'information' END,
		'has ' || r.now
	FROM role AS r WHERE NOT r.is_core AND r.now ~ 'BYPASSRLS|CREATEROLE|REPLICATION|SUPERUSER'
		-- the server's first superuser, and whoever owns medrec
		AND NOT (r.now LIKE 'SUPERUSER%' AND (EXISTS (SELECT FROM present AS p WHERE p.kind = 'owner' AND p.definition = r.name) OR $3 = r.name))
	UNION ALL
	SELECT 'membership', m.object, NULL, m.options,
		CASE WHEN m.of = 'medrec_gatekeeper' OR m.member IN (SELECT c.name FROM core AS c) AND m.member <> 'medrec_authenticator' OR m.options LIKE '%admin%'
				OR m.member = 'medrec_authenticator' AND (SELECT r.now FROM role AS r WHERE r.name = m.of) ~ 'SUPERUSER|BYPASSRLS|CREATEROLE|REPLICATION' OR m.of = 'medrec_authenticator'
				OR m.member = 'medrec_authenticator' AND m.options LIKE '%inherit%'
				OR m.of LIKE 'pg\_%' AND m.member IN (SELECT g.name FROM reached AS g) THEN 'error'
			ELSE 'information' END,
		format('%s has the rights of %s (%s)', m.member, m.of, m.options)
	FROM membership AS m
	-- what the first step grants
	WHERE NOT (m.member = 'medrec_authenticator' AND m.of IN (SELECT c.name FROM core AS c) AND m.of <> 'medrec_gatekeeper' AND m.options = 'set')
	UNION ALL
	SELECT 'setting', p.object, NULL, p.definition,
		CASE WHEN p.object LIKE 'session\_replication\_role %' AND p.definition <> 'origin' OR p.object LIKE 'event\_triggers %' AND p.definition NOT IN ('on', 'true', 'yes', '1')
				OR p.object LIKE 'pgrst.%' OR p.object ~ '^(session_preload_libraries|local_preload_libraries|dynamic_library_path|search_path|role) of (role medrec_|this database|all)' AND p.object NOT LIKE 'search\_path of %' THEN 'error'
			WHEN p.object LIKE 'medrec.% of role %' THEN 'warning' ELSE 'information' END,
		'is ' || left(p.definition, 300)
	FROM present AS p WHERE p.kind = 'setting' AND p.object !~ '^(dynamic_library_path|shared_preload_libraries|search_path|role|row_security) of the server$'
		-- medrec itself
		AND NOT (p.object LIKE 'session\_preload\_libraries of %' AND p.definition ~ '^"?(\$libdir/)?medrec"?$')
	UNION ALL
	SELECT p.kind, p.object, NULL, p.definition, 'error', 'has ' || p.definition FROM present AS p WHERE p.kind IN ('setting privilege', 'database privilege')
), snapshot AS (
	SELECT a.number, a.seal, a.state FROM medrec.audit_access AS a WHERE a.kind = 'sealed' ORDER BY a.number DESC LIMIT 100
), recorded AS MATERIALIZED (
	SELECT s.number, s.seal, f.kind, f.object, e.definition IS NOT DISTINCT FROM f.now AS so
	FROM finding AS f CROSS JOIN (SELECT n.number, n.seal FROM snapshot AS n) AS s
	LEFT JOIN (SELECT n.number, a ->> 0 AS kind, a ->> 1 AS object, a ->> 2 AS definition FROM snapshot AS n CROSS JOIN LATERAL jsonb_array_elements(n.state::jsonb) AS a) AS e
		ON e.number = s.number AND e.kind = f.kind AND e.object = f.object
)
SELECT replace(f.kind, ' ', '_') || CASE WHEN f.detail IS NOT NULL THEN '' WHEN f.now IS NULL THEN '_missing' WHEN f.was IS NULL THEN '_added' ELSE '_changed' END AS kind,
	f.severity,
	(SELECT min(r.seal) FROM recorded AS r WHERE r.kind = f.kind AND r.object = f.object AND r.seal <= (SELECT max(x.seal) FROM medrec.audit_seal AS x)
		AND r.number > coalesce((SELECT max(x.number) FROM recorded AS x WHERE x.kind = f.kind AND x.object = f.object AND NOT x.so), 0)) AS seal,
	f.object, coalesce(f.detail, CASE WHEN f.now IS NULL THEN 'migrate() made it, and it is not there'
			|| CASE WHEN f.was = '' THEN '' ELSE ': ' || left(regexp_replace(f.was, '\s+', ' ', 'g'), 300) END
		WHEN f.was IS NULL THEN 'is not from migrate()' || CASE WHEN f.now = '' THEN '' ELSE ': ' || left(regexp_replace(f.now, '\s+', ' ', 'g'), 300) END
		WHEN length(f.was) <= 300 AND length(f.now) <= 300 THEN format('is "%s", migrate() made "%s"', f.now, f.was)
		ELSE 'is not as migrate() made it' END) AS detail
FROM finding AS f
ORDER BY array_position('{error,warning,information}', f.severity), f.kind COLLATE "C", f.object COLLATE "C"
