-- What decides who may do what with medrec, a row per thing, for verify_access() and the seals of the audit
-- trail: [kind, object, definition]. The build puts it into the library, so that no SQL stands in between.
-- Indexes, comments and storage are left out, and so are the months of the trail, which come and go; a month
-- is named where it is not as audit_event_default. Runs with the search_path pg_catalog, pg_temp, and settings
-- that make the text the same for everybody (access_state.c).
-- $1: settings of the configuration files, a JSON array; $2: with what belongs to the site, not to migrate();
-- $3: digest of what migrate() made.
WITH RECURSIVE space AS MATERIALIZED (
	SELECT n.oid, n.nspname, n.nspowner, n.nspacl FROM pg_namespace AS n WHERE n.nspname = 'medrec' OR n.nspname LIKE 'medrec\_%'
), main_owner AS (
	SELECT s.nspowner AS oid FROM space AS s WHERE s.nspname = 'medrec'
), foreign_member AS MATERIALIZED (
	-- C functions of another extension, which may have been put into schema medrec
	SELECT p.oid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid JOIN pg_proc AS p ON p.oid = d.objid
	WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname <> 'medrec'
		AND p.prolang = (SELECT l.oid FROM pg_language AS l WHERE l.lanname = 'c') AND p.probin NOT LIKE '%medrec%'
), relation AS MATERIALIZED (
	SELECT c.oid, c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relpersistence,
		format('%I.%I', s.nspname, c.relname) AS name,
		CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
		c.relispartition AND c.relname <> 'audit_event_default' AS is_month
	FROM pg_class AS c JOIN space AS s ON s.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
		AND (c.relispartition OR s.nspname <> 'medrec' OR c.relname !~ '^audit_event_\d{4}_\d{2}$')
), attribute AS MATERIALIZED (
	SELECT r.oid, r.name, r.kind, r.relowner, r.is_month, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attacl
	FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE r.relkind <> 'S'
), routine AS MATERIALIZED (
	SELECT p.oid, p.proowner, p.proacl, p.prokind, p.oid::regprocedure::text AS name
	FROM pg_proc AS p JOIN space AS s ON s.oid = p.pronamespace
	WHERE NOT EXISTS (SELECT FROM foreign_member AS f WHERE f.oid = p.oid)
), granted AS (
	SELECT format('schema %I', s.nspname) AS what, a.* FROM space AS s CROSS JOIN LATERAL aclexplode(s.nspacl) AS a WHERE a.grantee <> s.nspowner
	UNION ALL
	SELECT r.kind || ' ' || r.name, a.* FROM relation AS r CROSS JOIN LATERAL aclexplode(r.relacl) AS a WHERE a.grantee <> r.relowner AND NOT r.is_month
	UNION ALL
	SELECT format('column %s.%I', c.name, c.attname), a.* FROM attribute AS c CROSS JOIN LATERAL aclexplode(c.attacl) AS a
	WHERE a.grantee <> c.relowner AND NOT c.is_month
	UNION ALL
	SELECT 'function ' || r.name, a.* FROM routine AS r CROSS JOIN LATERAL aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) AS a
	WHERE a.grantee <> r.proowner
), trigger AS (
	SELECT t.oid, t.tgname, t.tgenabled, t.tgfoid, r.oid AS relation, r.name, r.is_month
	FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
), month AS (
	-- what a partition of the trail is compared by
	SELECT r.oid, r.name, r.is_month, concat_ws(', ', CASE WHEN r.relrowsecurity THEN 'row level security' END,
		(SELECT string_agg(a.privilege_type || ' to ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ' ORDER BY a.grantee, a.privilege_type)
			FROM aclexplode(r.relacl) AS a WHERE a.grantee <> r.relowner),
		(SELECT string_agg(format('%I (%s) %s', t.tgname, t.tgenabled, t.tgfoid::regproc), ', ' ORDER BY t.tgname) FROM trigger AS t WHERE t.relation = r.oid)) AS is
	FROM relation AS r WHERE r.is_month OR r.name = 'medrec.audit_event_default'
), role AS MATERIALIZED (
	SELECT r.oid, r.rolname, r.rolname LIKE 'medrec\_%' AS is_medrec,
		concat_ws(' ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
			CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END) AS power,
		CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END || CASE WHEN r.rolinherit THEN '' ELSE ' NOINHERIT' END AS manner
	FROM pg_roles AS r
), membership AS (
	SELECT m.roleid, m.member, concat_ws(', ', CASE WHEN bool_or(m.admin_option) THEN 'admin' END,
		CASE WHEN bool_or(coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit)) THEN 'inherit' END,
		CASE WHEN bool_or(coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)) THEN 'set' END) AS options
	FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member GROUP BY m.roleid, m.member
), reached (oid) AS (
	-- medrec's roles, and who is a member of them, directly or not
	SELECT r.oid FROM role AS r WHERE r.is_medrec
	UNION
	SELECT m.member FROM reached AS g JOIN membership AS m ON m.roleid = g.oid
), dangerous (pattern) AS (
	SELECT unnest('{medrec.%,pgrst.%,session\_replication\_role,row\_security,session\_preload\_libraries,local\_preload\_libraries,shared\_preload\_libraries,event\_triggers,dynamic\_library\_path,role,search\_path}'::text[])
), setting AS (
	SELECT CASE WHEN d.setrole = 0 THEN '' ELSE 'role ' || d.setrole::regrole END
		|| CASE WHEN d.setrole <> 0 AND d.setdatabase <> 0 THEN ' in ' ELSE '' END
		|| CASE WHEN d.setdatabase <> 0 THEN 'this database' ELSE '' END AS of, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
	FROM pg_db_role_setting AS d CROSS JOIN LATERAL unnest(d.setconfig) AS c
	WHERE d.setdatabase IN (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
	UNION ALL
	SELECT 'the server', f ->> 0, f ->> 1 FROM jsonb_array_elements($1::jsonb) AS f
), thing (kind, object, definition) AS (
	SELECT 'schema', s.nspname::text, '' FROM space AS s
	UNION ALL
	SELECT r.kind, r.name, CASE WHEN r.relkind IN ('v', 'm')
			THEN coalesce(array_to_string(r.reloptions, ', ') || ': ', '') || pg_get_viewdef(r.oid)
			ELSE CASE r.relpersistence WHEN 'p' THEN '' WHEN 'u' THEN 'unlogged' ELSE 'temporary' END END
	FROM relation AS r WHERE NOT r.is_month
	UNION ALL
	SELECT 'row security', r.name, CASE WHEN r.relrowsecurity THEN 'on' ELSE 'off' END || CASE WHEN r.relforcerowsecurity THEN ', forced' ELSE '' END
	FROM relation AS r WHERE r.relkind IN ('r', 'p', 'f') AND NOT r.is_month
	UNION ALL
	SELECT 'month', m.name, m.is || '; not ' || d.is FROM month AS m, month AS d WHERE NOT d.is_month AND m.is <> d.is
	UNION ALL
	SELECT 'column', format('%s.%I', a.name, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
		CASE a.attidentity WHEN '' THEN NULL ELSE 'identity ' || a.attidentity::text END, CASE a.attgenerated WHEN '' THEN NULL ELSE 'generated' END,
		'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
	FROM attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.oid AND d.adnum = a.attnum WHERE NOT a.is_month AND a.kind <> 'view'
	UNION ALL
	SELECT 'column', format('%s.%I', a.name, a.attname), 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
	FROM attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.oid AND d.adnum = a.attnum WHERE a.kind = 'view'
	UNION ALL
	-- a dump brings back IN (...) over a varchar column with its casts elsewhere
	SELECT 'constraint', format('%I of %s', c.conname, r.name), regexp_replace(regexp_replace(pg_get_constraintdef(c.oid),
		$$\('([^']*)'::character varying\)::text$$, $$'\1'::character varying$$, 'g'), $$\(\(ARRAY\[([^]]*)\]\)::text\[\]\)$$, $$(ARRAY[\1])$$, 'g')
	FROM relation AS r JOIN pg_constraint AS c ON c.conrelid = r.oid
	WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0 AND NOT r.is_month
	UNION ALL
	SELECT 'policy', format('%I of %s', p.polname, r.name), format('%s FOR %s TO %s%s%s',
		CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
		CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
		(SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END, ', ' ORDER BY CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END) FROM unnest(p.polroles) AS o),
		' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
	FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
	UNION ALL
	SELECT 'trigger', format('%I on %s', t.tgname, t.name), t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid) FROM trigger AS t WHERE NOT t.is_month
	UNION ALL
	SELECT 'silent foreign key', format('%I on %s', k.conname, r.name), 'disabled'
	FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid JOIN pg_constraint AS k ON k.oid = t.tgconstraint
	WHERE t.tgisinternal AND t.tgenabled = 'D' GROUP BY k.conname, r.name
	UNION ALL
	SELECT 'rule', format('%I on %s', w.rulename, r.name), w.ev_enabled::text || ' ' || pg_get_ruledef(w.oid)
	FROM relation AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
	UNION ALL
	SELECT 'child table', i.inhrelid::regclass::text || ' of ' || r.name, ''
	FROM relation AS r JOIN pg_inherits AS i ON i.inhparent = r.oid
	WHERE r.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM relation AS m WHERE m.oid = i.inhrelid AND (m.is_month OR m.name = 'medrec.audit_event_default'))
	UNION ALL
	SELECT 'event trigger', e.evtname::text, format('%s %s%s %s', e.evtenabled, e.evtevent,
		(SELECT ' (' || string_agg(x, ', ' ORDER BY x) || ')' FROM unnest(e.evttags) AS x), r.name)
	FROM pg_event_trigger AS e JOIN routine AS r ON r.oid = e.evtfoid
	UNION ALL
	SELECT 'function', r.name, CASE r.prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(r.oid) END FROM routine AS r
	UNION ALL
	SELECT 'privilege', CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END || ' on ' || g.what,
		string_agg(DISTINCT g.privilege_type || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ')
	FROM granted AS g GROUP BY g.what, g.grantee
	UNION ALL
	SELECT 'default privileges', format('%s on %s%s of %s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
			CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END,
			' in schema ' || s.nspname, d.defaclrole::regrole), string_agg(DISTINCT a.privilege_type, ', ')
	FROM pg_default_acl AS d LEFT JOIN space AS s ON s.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
	WHERE a.grantee <> d.defaclrole AND (s.oid IS NOT NULL OR d.defaclnamespace = 0)
	GROUP BY d.defaclrole, d.defaclobjtype, s.nspname, a.grantee
	UNION ALL
	SELECT 'owner', 'schema ' || s.nspname, s.nspowner::regrole::text FROM space AS s, main_owner AS m WHERE s.nspname = 'medrec' OR s.nspowner <> m.oid
	UNION ALL
	SELECT 'owner', r.kind || ' ' || r.name, r.relowner::regrole::text FROM relation AS r, main_owner AS m WHERE r.relowner <> m.oid
	UNION ALL
	SELECT 'owner', 'function ' || r.name, r.proowner::regrole::text FROM routine AS r, main_owner AS m WHERE r.proowner <> m.oid
	UNION ALL
	SELECT 'audited table', format('%I on %s', t.tgname, t.tgrelid::regclass), t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
	FROM pg_trigger AS t JOIN routine AS r ON r.oid = t.tgfoid
	WHERE $2 AND NOT t.tgisinternal AND NOT EXISTS (SELECT FROM relation AS x WHERE x.oid = t.tgrelid)
	UNION ALL
	SELECT 'role', r.rolname::text, concat_ws(' ', nullif(r.power, ''), r.manner)
	FROM role AS r WHERE $2 AND (r.is_medrec OR r.power <> '' OR EXISTS (SELECT FROM reached AS x WHERE x.oid = r.oid))
	UNION ALL
	SELECT 'membership', format('%I in %I', r.rolname, g.rolname), m.options
	FROM membership AS m JOIN role AS r ON r.oid = m.member JOIN role AS g ON g.oid = m.roleid
	WHERE $2 AND (r.is_medrec OR EXISTS (SELECT FROM reached AS x WHERE x.oid = m.roleid) OR (g.rolname LIKE 'pg\_%' AND r.rolname NOT LIKE 'pg\_%')
		OR g.power <> '')
	UNION ALL
	SELECT 'setting', s.name || ' of ' || CASE s.of WHEN '' THEN 'all' ELSE s.of END, s.value
	FROM setting AS s WHERE $2 AND EXISTS (SELECT FROM dangerous AS d WHERE s.name LIKE d.pattern)
	UNION ALL
	SELECT 'setting privilege', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ' on ' || p.parname, string_agg(DISTINCT a.privilege_type, ', ')
	FROM pg_parameter_acl AS p CROSS JOIN LATERAL aclexplode(p.paracl) AS a
	WHERE $2 AND EXISTS (SELECT FROM dangerous AS d WHERE p.parname LIKE d.pattern) AND a.grantee <> a.grantor GROUP BY a.grantee, p.parname
	UNION ALL
	SELECT 'database privilege', a.grantee::regrole::text || ' on this database', string_agg(DISTINCT a.privilege_type, ', ')
	FROM pg_database AS b CROSS JOIN LATERAL aclexplode(b.datacl) AS a JOIN reached AS x ON x.oid = a.grantee
	WHERE $2 AND b.datname = current_database() AND a.grantee <> b.datdba AND a.privilege_type <> 'CONNECT' GROUP BY a.grantee
	UNION ALL
	SELECT 'baseline', 'what migrate() made', $3 WHERE $2 AND $3 IS NOT NULL
)
SELECT jsonb_agg(jsonb_build_array(t.kind, t.object, CASE WHEN length(t.definition) > 20000
	THEN 'sha256:' || encode(sha256(convert_to(t.definition, 'UTF8')), 'hex') ELSE coalesce(t.definition, '') END)
	ORDER BY t.kind COLLATE "C", t.object COLLATE "C", t.definition COLLATE "C")::text
FROM thing AS t
