-- What the steps of medrec.migrate() have made, to compare and repair it; and the import of a
-- data-only dump.

CREATE FUNCTION medrec.layout(OUT kind text, OUT object text, OUT definition text, OUT mode "char", OUT command text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH space AS (
	SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = 'medrec' OR n.nspname LIKE 'medrec\_%'
), member AS (
	SELECT d.objid AS oid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'medrec'
	WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
), rel AS (
	-- the months of the trail come and go; they must be like their default partition
	SELECT c.*, c.oid::regclass::text AS name FROM pg_class AS c JOIN space AS s ON s.oid = c.relnamespace
	WHERE NOT c.relispartition OR c.relname = 'audit_event_default'
), routine AS (
	SELECT p.*, p.oid::regprocedure::text AS name, m.oid IS NOT NULL AS is_member
	FROM pg_proc AS p JOIN space AS s ON s.oid = p.pronamespace LEFT JOIN member AS m ON m.oid = p.oid
	WHERE p.prokind IN ('f', 'p')
), granted AS (
	SELECT r.oid, 0 AS part, 'ROUTINE ' || r.name AS what, a.privilege_type AS privilege, a.grantee, a.is_grantable
	FROM routine AS r CROSS JOIN LATERAL aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) AS a
	WHERE a.grantee <> r.proowner
	UNION ALL
	SELECT v.oid, 0, 'TABLE ' || v.name, a.privilege_type, a.grantee, a.is_grantable
	FROM rel AS v CROSS JOIN LATERAL aclexplode(v.relacl) AS a WHERE v.relkind = 'v' AND a.grantee <> v.relowner
	UNION ALL
	SELECT v.oid, c.attnum, 'TABLE ' || v.name, format('%s (%I)', a.privilege_type, c.attname), a.grantee, a.is_grantable
	FROM rel AS v JOIN pg_attribute AS c ON c.attrelid = v.oid AND c.attnum > 0 AND NOT c.attisdropped
	CROSS JOIN LATERAL aclexplode(c.attacl) AS a WHERE v.relkind = 'v' AND a.grantee <> v.relowner
), grants AS (
	SELECT g.oid, string_agg(format(E';\nGRANT %s ON %s TO %s%s', g.privilege, g.what,
		CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
		CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '' ORDER BY g.part, g.privilege, g.grantee) AS commands
	FROM granted AS g GROUP BY g.oid
)
SELECT 'table', 'table ' || r.name, NULL, NULL::"char", NULL FROM rel AS r WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'row security', 'row level security of ' || r.name, NULL, NULL,
	concat_ws(E';\n', CASE WHEN r.relrowsecurity THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.name) END,
		CASE WHEN r.relforcerowsecurity THEN format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', r.name) END)
FROM rel AS r WHERE r.relkind IN ('r', 'p') AND (r.relrowsecurity OR r.relforcerowsecurity)
UNION ALL
SELECT 'view', 'view ' || v.name, NULL, NULL,
	format('CREATE VIEW %s%s AS %s', v.name,
		' WITH (' || array_to_string(v.reloptions, ', ') || ')', rtrim(pg_get_viewdef(v.oid), ';'))
	|| coalesce((SELECT string_agg(format(E';\nCOMMENT ON %s IS %L',
			CASE d.objsubid WHEN 0 THEN 'VIEW ' || v.name ELSE format('COLUMN %s.%I', v.name, a.attname) END, d.description),
			'' ORDER BY d.objsubid)
		FROM pg_description AS d LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
		WHERE d.classoid = 'pg_class'::regclass AND d.objoid = v.oid), '')
	|| coalesce((SELECT string_agg(format(E';\nALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', v.name, a.attname,
			pg_get_expr(d.adbin, d.adrelid)), '' ORDER BY d.adnum)
		FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = v.oid), '')
	|| format(E';\nREVOKE ALL ON TABLE %s FROM PUBLIC', v.name) || coalesce(g.commands, '')
FROM rel AS v LEFT JOIN grants AS g ON g.oid = v.oid WHERE v.relkind = 'v'
UNION ALL
SELECT 'function', 'function ' || r.name, NULL, NULL,
	rtrim(pg_get_functiondef(r.oid), E' \n')
	|| coalesce(format(E';\nCOMMENT ON ROUTINE %s IS %L', r.name, obj_description(r.oid, 'pg_proc')), '')
	|| format(E';\nREVOKE ALL ON ROUTINE %s FROM PUBLIC', r.name) || coalesce(g.commands, '')
	|| CASE WHEN r.proowner = quote_ident(current_user)::regrole THEN ''
		ELSE format(E';\nALTER ROUTINE %s OWNER TO %s', r.name, r.proowner::regrole) END
FROM routine AS r LEFT JOIN grants AS g ON g.oid = r.oid WHERE NOT r.is_member
UNION ALL
-- what the steps grant on the extension's own functions
SELECT 'grant', format('%s on %s to %s', g.privilege, g.what, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END),
	NULL, NULL, format('GRANT %s ON %s TO %s%s', g.privilege, g.what, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
		CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM granted AS g JOIN routine AS r ON r.oid = g.oid WHERE r.is_member
UNION ALL
SELECT 'constraint', format('constraint %I of %s', c.conname, r.name), NULL, NULL,
	format('ALTER TABLE %s ADD CONSTRAINT %I %s', r.name, c.conname, pg_get_constraintdef(c.oid))
FROM rel AS r JOIN pg_constraint AS c ON c.conrelid = r.oid WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0
UNION ALL
SELECT 'index', format('index %s of %s', i.indexrelid::regclass, r.name), NULL, NULL,
	pg_get_indexdef(i.indexrelid) || coalesce(format(E';\nCOMMENT ON INDEX %s IS %L', i.indexrelid::regclass,
		obj_description(i.indexrelid, 'pg_class')), '')
FROM rel AS r JOIN pg_index AS i ON i.indrelid = r.oid
WHERE NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.conrelid = r.oid)
	AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
UNION ALL
SELECT 'policy', format('policy %I of %s', p.polname, r.name), NULL, NULL,
	format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, r.name,
		CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
		CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
		(SELECT string_agg(CASE o.oid WHEN 0 THEN 'PUBLIC' ELSE o.oid::regrole::text END, ', ') FROM unnest(p.polroles) AS o (oid)),
		' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
FROM rel AS r JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT 'trigger', format('trigger %I on %s', t.tgname, r.name), pg_get_triggerdef(t.oid), t.tgenabled, NULL
FROM rel AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT 'event trigger', format('event trigger %I', e.evtname), format('CREATE EVENT TRIGGER %I ON %s%s EXECUTE FUNCTION %s()', e.evtname, e.evtevent,
		(SELECT ' WHEN TAG IN (' || string_agg(quote_literal(x.tag), ', ' ORDER BY x.tag) || ')' FROM unnest(e.evttags) AS x (tag)), e.evtfoid::regproc),
	e.evtenabled, NULL
FROM pg_event_trigger AS e JOIN member AS m ON m.oid = e.evtfoid
$$;
COMMENT ON FUNCTION medrec.layout() IS
'The objects in the schemas medrec and medrec_*, without the months of the audit trail: an object per row, with the command that makes it. kind: table, row security, view, function, grant (on a function of the extension), constraint, index, policy, trigger, event trigger. definition: what triggers are compared by; mode: their state, as in pg_trigger.tgenabled. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.layout() FROM PUBLIC;

CREATE FUNCTION medrec.layout_wanted()
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted jsonb;
	seeds jsonb := '[]';
	applied integer[];
	aside name;
	filled boolean;
	r record;
BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'permission denied to lay out medrec''s tables' USING ERRCODE = 'insufficient_privilege',
			HINT = 'Must be superuser.';
	END IF;
	SELECT array_agg(m.version) INTO applied FROM medrec.schema_migration AS m;
	-- The steps themselves define what is wanted. They run in empty schemas and are rolled back: no
	-- other session sees it, no table of the database is locked or touched.
	BEGIN
		PERFORM set_config('client_min_messages', 'error', true);
		-- event triggers of others
		PERFORM set_config('session_replication_role', 'replica', true);
		FOR r IN SELECT e.evtname FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid
			WHERE p.pronamespace = 'medrec'::regnamespace
		LOOP
			EXECUTE format('DROP EVENT TRIGGER %I', r.evtname);
		END LOOP;
		FOR r IN SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = 'medrec' OR n.nspname LIKE 'medrec\_%' LOOP
			EXECUTE format('ALTER SCHEMA %I RENAME TO %I', r.nspname, 'aside_' || r.oid);
			IF r.nspname = 'medrec' THEN
				aside := 'aside_' || r.oid;
			END IF;
		END LOOP;
		CREATE SCHEMA medrec;
		FOR r IN SELECT d.classid, d.objid FROM pg_depend AS d
			JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'medrec'
			WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		LOOP
			EXECUTE (SELECT format('ALTER %s %s SET SCHEMA medrec', i.type, i.identity) FROM pg_identify_object(r.classid, r.objid, 0) AS i);
		END LOOP;
		EXECUTE format('CREATE TABLE medrec.schema_migration (LIKE %I.schema_migration INCLUDING ALL)', aside);
		EXECUTE format('INSERT INTO medrec.schema_migration SELECT * FROM %I.schema_migration', aside);
		FOR r IN SELECT s.script FROM medrec.migration_step() AS s WHERE s.version = ANY (applied) ORDER BY s.version LOOP
			EXECUTE r.script;
		END LOOP;
		SELECT jsonb_agg(to_jsonb(l)) INTO wanted FROM medrec.layout() AS l;
		FOR r IN SELECT c.oid::regclass AS name FROM pg_class AS c
			WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		LOOP
			EXECUTE format('SELECT EXISTS (SELECT FROM %s)', r.name) INTO filled;
			IF filled OR r.name = 'medrec.schema_migration'::regclass THEN
				seeds := seeds || jsonb_build_object('kind', 'seed', 'object', r.name::text);
			END IF;
		END LOOP;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'MR001';
	EXCEPTION WHEN SQLSTATE 'MR001' THEN
		NULL;
	END;
	RETURN coalesce(wanted, '[]') || seeds;
END
$$;
COMMENT ON FUNCTION medrec.layout_wanted() IS
'What medrec.layout() would return if the steps applied in this database had just been run, as a JSON array; and with kind seed the tables that they fill. Runs the steps and rolls them back. No arguments. Error: 42501 for anyone but a superuser.';
REVOKE ALL ON FUNCTION medrec.layout_wanted() FROM PUBLIC;

CREATE FUNCTION medrec.layout_restore(wanted jsonb)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET check_function_bodies = off
AS $$
DECLARE
	want record;
	r record;
	-- DROP EXTENSION ... CASCADE has dropped the triggers
	lost boolean := NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
		JOIN pg_class AS c ON c.oid = t.tgrelid
		WHERE p.pronamespace = 'medrec'::regnamespace AND c.relnamespace = 'medrec'::regnamespace AND NOT t.tgisinternal);
BEGIN
	-- What is dropped with the extension, in the order in which it can be made. The owner may have dropped
	-- one of these alone on purpose; restoring a right that was revoked would be wrong.
	FOR want IN
		SELECT w.* FROM jsonb_to_recordset(wanted) AS w (kind text, object text, command text)
		WHERE w.kind IN ('view', 'function', 'grant', 'constraint', 'index', 'policy', 'table')
			AND NOT EXISTS (SELECT FROM medrec.layout() AS l WHERE l.kind = w.kind AND l.object = w.object)
		ORDER BY array_position('{table,constraint,index,view,function,grant,policy}', w.kind), w.object
	LOOP
		IF NOT lost OR want.kind = 'table' THEN
			CONTINUE WHEN want.kind = 'grant';
			RAISE WARNING 'medrec: % is missing', want.object;
			CONTINUE;
		END IF;
		EXECUTE want.command;
		RETURN NEXT want.object;
	END LOOP;
	IF lost THEN
		FOR r IN SELECT l.object FROM medrec.layout() AS l
			WHERE l.kind = 'grant' AND l.object LIKE '% to PUBLIC' AND NOT EXISTS (SELECT
				FROM jsonb_to_recordset(wanted) AS w (kind text, object text) WHERE w.kind = l.kind AND w.object = l.object)
		LOOP
			EXECUTE 'REVOKE ' || regexp_replace(r.object, ' to PUBLIC$', ' FROM PUBLIC');
		END LOOP;
	END IF;

	FOR want IN
		SELECT w.* FROM jsonb_to_recordset(wanted) AS w (kind text, object text, command text)
		WHERE w.kind = 'row security' AND NOT EXISTS (SELECT FROM medrec.layout() AS l
			WHERE l.kind = w.kind AND l.object = w.object AND l.command = w.command)
			AND to_regclass(regexp_replace(w.object, '^row level security of ', '')) IS NOT NULL
	LOOP
		EXECUTE want.command;
		RETURN NEXT want.object;
	END LOOP;

	-- triggers: present, as they were made, and in their mode; those of each month like the default partition's
	FOR want IN
		WITH w AS (
			SELECT j.object, j.definition, j.mode, (regexp_match(j.object, '^trigger (.*) on (.*)$'))[1] AS name,
				(regexp_match(j.object, '^trigger (.*) on (.*)$'))[2] AS relation
			FROM jsonb_to_recordset(wanted) AS j (kind text, object text, definition text, mode "char") WHERE j.kind = 'trigger'
		), month AS (
			SELECT i.inhrelid::regclass::text AS name FROM pg_inherits AS i
			WHERE i.inhparent IN (to_regclass('medrec.audit_event'), to_regclass('medrec.audit_archived'))
		), all_wanted AS (
			SELECT w.name, w.relation, w.definition, w.mode FROM w
			UNION
			SELECT w.name, m.name, replace(w.definition, ' medrec.audit_event_default ', ' ' || m.name || ' '), w.mode
			FROM w, month AS m WHERE w.relation = 'medrec.audit_event_default'
		)
		SELECT a.*, t.oid AS oid, t.tgenabled AS is_mode, pg_get_triggerdef(t.oid) IS DISTINCT FROM a.definition AS differs
		FROM all_wanted AS a LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(a.relation) AND quote_ident(t.tgname) = a.name
		WHERE to_regclass(a.relation) IS NOT NULL
			AND (pg_get_triggerdef(t.oid) IS DISTINCT FROM a.definition
				OR t.tgenabled NOT IN (a.mode, 'A'))
		ORDER BY a.relation, a.name
	LOOP
		IF want.differs THEN
			IF want.oid IS NOT NULL THEN
				EXECUTE format('DROP TRIGGER %s ON %s', want.name, want.relation);
			END IF;
			EXECUTE want.definition;
		END IF;
		EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %s', want.relation,
			CASE want.mode WHEN 'A' THEN 'ALWAYS' ELSE '' END, want.name);
		RETURN NEXT format('trigger %s on %s', want.name, want.relation);
	END LOOP;
	-- the months' part of a trigger of the whole trail
	FOR r IN
		SELECT t.tgname, t.tgrelid::regclass AS relation, p.tgenabled AS mode
		FROM pg_trigger AS t JOIN pg_trigger AS p ON p.oid = t.tgparentid
		WHERE p.tgrelid IN (to_regclass('medrec.audit_event'), to_regclass('medrec.audit_archived')) AND t.tgenabled <> p.tgenabled
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', r.relation, CASE r.mode WHEN 'A' THEN 'ALWAYS' ELSE '' END, r.tgname);
		RETURN NEXT format('trigger %I on %s', r.tgname, r.relation);
	END LOOP;
	-- foreign keys, which DISABLE TRIGGER ALL disables too
	FOR r IN
		SELECT t.tgname, t.tgrelid::regclass AS relation
		FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
		WHERE c.relnamespace = 'medrec'::regnamespace AND t.tgisinternal AND t.tgenabled = 'D'
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', r.relation, r.tgname);
		RETURN NEXT format('foreign keys of %s', r.relation);
	END LOOP;
	-- other tables that medrec audits
	FOR r IN
		SELECT t.tgname, t.tgrelid::regclass AS relation
		FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
		WHERE c.relnamespace <> 'medrec'::regnamespace AND p.pronamespace = 'medrec'::regnamespace AND p.proname = 'audit'
			AND t.tgenabled <> 'A'
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.tgname);
		RETURN NEXT format('trigger %I on %s', r.tgname, r.relation);
	END LOOP;
	IF lost AND to_regclass('medrec.audit_attached') IS NOT NULL THEN
		FOR r IN
			SELECT a.*, to_regclass(format('%I.%I', a.schema_name, a.table_name)) AS relation FROM medrec.audit_attached AS a
		LOOP
			IF r.relation IS NULL THEN
				RAISE WARNING 'medrec: table %.%, which had trigger %, is missing', r.schema_name, r.table_name, r.trigger_name;
				CONTINUE;
			END IF;
			EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s%s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
				r.trigger_name, r.event, r.relation,
				CASE r.event WHEN 'INSERT' THEN format(' REFERENCING NEW TABLE AS %I', r.new_table)
					WHEN 'DELETE' THEN format(' REFERENCING OLD TABLE AS %I', r.old_table)
					WHEN 'UPDATE' THEN format(' REFERENCING OLD TABLE AS %I NEW TABLE AS %I', r.old_table, r.new_table) END,
				(SELECT string_agg(quote_literal(x), ', ') FROM unnest(r.arguments) AS x));
			EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.trigger_name);
			RETURN NEXT format('trigger %I on %s', r.trigger_name, r.relation);
		END LOOP;
	END IF;

	-- last, so that everything before is one event and not one for each
	FOR want IN
		SELECT w.definition, w.mode, substr(w.object, 15) AS name, e.oid, l.definition IS DISTINCT FROM w.definition AS differs
		FROM jsonb_to_recordset(wanted) AS w (kind text, object text, definition text, mode "char")
		LEFT JOIN medrec.layout() AS l ON l.kind = w.kind AND l.object = w.object
		LEFT JOIN pg_event_trigger AS e ON quote_ident(e.evtname) = substr(w.object, 15)
		WHERE w.kind = 'event trigger' AND (l.definition IS DISTINCT FROM w.definition OR l.mode <> w.mode)
	LOOP
		IF want.differs THEN
			IF want.oid IS NOT NULL THEN
				EXECUTE format('DROP EVENT TRIGGER %s', want.name);
			END IF;
			EXECUTE want.definition;
		END IF;
		EXECUTE format('ALTER EVENT TRIGGER %s ENABLE %s', want.name, CASE want.mode WHEN 'A' THEN 'ALWAYS' ELSE '' END);
		RETURN NEXT format('event trigger %s', want.name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION medrec.layout_restore(jsonb) IS
'Repairs what differs from what is wanted, and names it, a row per object: triggers, event triggers and row level security always; views, functions, constraints, indexes, policies and rights if DROP EXTENSION ... CASCADE has dropped all of medrec''s triggers. Warns of other missing objects. wanted: the result of medrec.layout_wanted().';
REVOKE ALL ON FUNCTION medrec.layout_restore(jsonb) FROM PUBLIC;

CREATE FUNCTION medrec.audit_remark(action text, details jsonb)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_remark';
COMMENT ON FUNCTION medrec.audit_remark(text, jsonb) IS
'Leaves an event of the whole database in the audit trail. action: REPAIR (what migrate() has repaired) or IMPORT (data were loaded with triggers disabled); details: stored in new_values. Errors: 42501 for anyone but a superuser, 22023 for another action.';
REVOKE ALL ON FUNCTION medrec.audit_remark(text, jsonb) FROM PUBLIC;

CREATE FUNCTION medrec.repair()
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	repaired text[];
BEGIN
	IF to_regclass('medrec.data_import') IS NOT NULL THEN
		RAISE EXCEPTION 'data are being imported' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'When all data are loaded, run SELECT * FROM medrec.import_end().';
	END IF;
	SELECT array_agg(o) INTO repaired FROM medrec.layout_restore(medrec.layout_wanted()) AS o;
	IF repaired IS NOT NULL THEN
		PERFORM medrec.audit_remark('REPAIR', jsonb_build_object('repaired', repaired));
	END IF;
	RETURN QUERY SELECT unnest(repaired);
END
$$;
COMMENT ON FUNCTION medrec.repair() IS
'Repairs what medrec.migrate() has made and what has been lost or changed since, as medrec.layout_restore() says, names it, and leaves an event (REPAIR). migrate() calls it. No arguments. Errors: 42501 for anyone but a superuser, 55000 between medrec.import_begin() and medrec.import_end().';
REVOKE ALL ON FUNCTION medrec.repair() FROM PUBLIC;

CREATE FUNCTION medrec.remember_attached()
RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- medrec belongs to a superuser; other extensions may belong to roles without access to medrec
	IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RETURN;
	ELSIF to_regclass('medrec.audit_attached') IS NULL THEN
		RETURN;
	END IF;
	DELETE FROM medrec.audit_attached;
	INSERT INTO medrec.audit_attached (schema_name, table_name, trigger_name, event, old_table, new_table, arguments)
	SELECT n.nspname, c.relname, t.tgname,
		CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' WHEN t.tgtype & 8 <> 0 THEN 'DELETE' WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' ELSE 'TRUNCATE' END,
		t.tgoldtable, t.tgnewtable,
		(SELECT coalesce(array_agg(convert_from(decode(a.arg, 'escape'), getdatabaseencoding()) ORDER BY a.n), '{}')
			FROM unnest(string_to_array(encode(t.tgargs, 'escape'), '\000')) WITH ORDINALITY AS a (arg, n) WHERE a.n <= t.tgnargs)
	FROM pg_trigger AS t
	JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
	JOIN pg_proc AS p ON p.oid = t.tgfoid
	WHERE p.proname = 'audit' AND p.pronamespace = 'medrec'::regnamespace AND n.nspname <> 'medrec' AND NOT t.tgisinternal;
END
$$;
COMMENT ON FUNCTION medrec.remember_attached() IS
'Event trigger function for ddl_command_start of DROP EXTENSION: records which other tables have medrec.audit(), so that medrec.migrate() can attach it again. No arguments. Error: 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.remember_attached() FROM PUBLIC;

CREATE FUNCTION medrec.import_begin(since date DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	steps integer[];
	seeds text[];
	month timestamptz;
	name text;
	filled boolean;
	r record;
BEGIN
	IF to_regclass('medrec.audit_event') IS NULL OR to_regclass('medrec.schema_migration') IS NULL THEN
		RAISE EXCEPTION 'there are no tables to import into' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT * FROM medrec.migrate(), or restore the schema first.';
	ELSIF to_regclass('medrec.data_import') IS NOT NULL THEN
		RAISE EXCEPTION 'an import has begun already' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'When all data are loaded, run SELECT * FROM medrec.import_end().';
	END IF;
	SELECT array_agg(w.object) INTO seeds
	FROM jsonb_to_recordset(medrec.layout_wanted()) AS w (kind text, object text) WHERE w.kind = 'seed';
	SELECT array_agg(m.version ORDER BY m.version) INTO steps FROM medrec.schema_migration AS m;

	-- do not import into a database in use: only rows that migrate() inserted may exist
	FOR r IN SELECT c.oid::regclass AS name FROM pg_class AS c
		WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	LOOP
		EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', r.name);
		IF r.name::text <> ALL (seeds || '{medrec.audit_event,medrec.audit_seal,medrec.audit_era,medrec.audit_access}') THEN
			EXECUTE format('SELECT EXISTS (SELECT FROM %s)', r.name) INTO filled;
			IF filled THEN
				RAISE EXCEPTION 'table % is not empty', r.name USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Import into a new database.';
			END IF;
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM medrec.audit_event AS e
		WHERE e.action <> 'DDL' AND 'medrec.' || quote_ident(e.table_name) <> ALL (seeds))
	THEN
		RAISE EXCEPTION 'the audit trail has events of records' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Import into a new database.';
	END IF;

	-- the guards are disabled, which verify_audit() reports meanwhile
	FOR r IN SELECT e.evtname FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid
		WHERE p.pronamespace = 'medrec'::regnamespace
	LOOP
		EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', r.evtname);
	END LOOP;
	FOR r IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger AS t
		JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
		WHERE p.pronamespace IN ('medrec'::regnamespace, 'medrec_gate'::regnamespace) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
		ORDER BY t.tgparentid
	LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', r.relation, r.tgname);
	END LOOP;

	-- the months of the dump
	month := date_trunc('month', since::timestamptz);
	WHILE month < date_trunc('month', now()) LOOP
		name := 'audit_event_' || to_char(month, 'YYYY_MM');
		IF to_regclass('medrec.' || name) IS NULL THEN
			EXECUTE format('CREATE TABLE medrec.%I PARTITION OF medrec.audit_event FOR VALUES FROM (%L) TO (%L)',
				name, month, month + '1 month'::interval);
			EXECUTE format('COMMENT ON TABLE medrec.%I IS %L', name,
				'The audit trail''s events of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
			EXECUTE format('ALTER TABLE medrec.%I DISABLE TRIGGER USER', name);
		END IF;
		month := month + '1 month'::interval;
	END LOOP;

	-- what the dump contains itself
	EXECUTE 'TRUNCATE ' || (SELECT string_agg(DISTINCT x, ', ')
		FROM unnest(seeds || '{medrec.audit_event,medrec.audit_seal,medrec.audit_era,medrec.audit_access,medrec.schema_migration}') AS x);
	CREATE TABLE medrec.data_import AS
		SELECT clock_timestamp() AS begun_at, session_user::text AS begun_by, steps AS steps;
	COMMENT ON TABLE medrec.data_import IS 'Exists between medrec.import_begin() and medrec.import_end().';
	REVOKE ALL ON medrec.data_import FROM PUBLIC;
END
$$;
COMMENT ON FUNCTION medrec.import_begin(date) IS
'Opens an empty database for a data-only dump (pg_dump --data-only): removes the rows that migrate() has put there and disables medrec''s triggers until medrec.import_end(). since: the first month of the dump''s audit trail, if the tables were made by migrate() and not by the dump''s schema. Errors: 42501 for anyone but a superuser; 55000 if a table has rows already, an import has begun, or there are no tables.';
REVOKE ALL ON FUNCTION medrec.import_begin(date) FROM PUBLIC;

CREATE FUNCTION medrec.import_end(OUT table_name text, OUT rows bigint)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	import record;
	known integer[];
	counts jsonb := '{}';
	r record;
BEGIN
	IF to_regclass('medrec.data_import') IS NULL THEN
		RAISE EXCEPTION 'no import has begun' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT medrec.import_begin() before loading the data.';
	END IF;
	SELECT * INTO import FROM medrec.data_import;
	SELECT array_agg(m.version ORDER BY m.version) INTO known FROM medrec.schema_migration AS m;
	IF known IS DISTINCT FROM import.steps AND import.steps IS NOT NULL OR known IS NULL THEN
		RAISE EXCEPTION 'the data have another layout than the tables' USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = format('Steps of the tables: %s; of the data: %s.', array_to_string(import.steps, ', '),
				coalesce(array_to_string(known, ', '), 'none')),
			HINT = 'Restore schema and data of the same dump into a new database, then migrate.';
	ELSIF NOT EXISTS (SELECT FROM medrec.audit_era) OR NOT EXISTS (SELECT FROM medrec.audit_event) THEN
		RAISE EXCEPTION 'the data have no audit trail' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Load all tables of the schema medrec.';
	END IF;
	DROP TABLE medrec.data_import;
	PERFORM medrec.audit_open_era();
	FOR r IN SELECT o FROM medrec.layout_restore(medrec.layout_wanted()) AS o LOOP
		NULL;
	END LOOP;
	-- no row changes, but what was derived from the terminologies is out of date
	DELETE FROM medrec.code_release WHERE false;
	FOR r IN SELECT c.relname, c.oid::regclass AS name FROM pg_class AS c
		WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
	LOOP
		EXECUTE format('SELECT count(*) FROM %s', r.name) INTO rows;
		table_name := r.relname;
		counts := counts || jsonb_build_object(table_name, rows);
		RETURN NEXT;
	END LOOP;
	PERFORM medrec.audit_remark('IMPORT', jsonb_build_object('begun_at', import.begun_at, 'begun_by', import.begun_by, 'rows', counts));
END
$$;
COMMENT ON FUNCTION medrec.import_end() IS
'Ends what medrec.import_begin() began, when all data are loaded: opens the next era of the audit trail if this is another database, enables the triggers, leaves an event (IMPORT), and returns the number of rows by table. No arguments. Errors: 42501 for anyone but a superuser; 55000 if no import has begun, the data are of another layout, or the audit trail is not among them.';
REVOKE ALL ON FUNCTION medrec.import_end() FROM PUBLIC;
