-- medrec's rows are in its own tables, and in no table that inherits from them: views read ONLY.
-- Each view is made again as it is, with its columns, defaults, comments and rights. Not those of
-- the audit trail, whose rows are in its months.
DO $$
DECLARE
	v record;
	query text;
BEGIN
	FOR v IN
		SELECT c.oid, c.relname, c.reloptions FROM pg_catalog.pg_class AS c
		WHERE c.relnamespace = 'medrec_api'::pg_catalog.regnamespace AND c.relkind = 'v' ORDER BY c.relname
	LOOP
		query := pg_catalog.pg_get_viewdef(v.oid);
		SELECT pg_catalog.regexp_replace(query, '\m(FROM|JOIN) medrec\.(' || pg_catalog.string_agg(c.relname, '|') || ')\M',
				'\1 ONLY medrec.\2', 'g') INTO query
			FROM pg_catalog.pg_class AS c WHERE c.relnamespace = 'medrec'::pg_catalog.regnamespace AND c.relkind = 'r';
		CONTINUE WHEN query = pg_catalog.pg_get_viewdef(v.oid);
		-- its options are not kept otherwise
		EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW medrec_api.%I%s AS %s', v.relname,
			' WITH (' || pg_catalog.array_to_string(v.reloptions, ', ') || ')', query);
	END LOOP;
END
$$;

-- Tables that inherit from medrec's leave an event, in any schema and by any command;
-- so do new tables and procedures in medrec's schemas.
DROP EVENT TRIGGER medrec_audit_ddl;
CREATE EVENT TRIGGER medrec_audit_ddl ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE POLICY', 'ALTER POLICY',
		'CREATE RULE', 'ALTER RULE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION',
		'GRANT', 'REVOKE',
		'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE',
		'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE PROCEDURE', 'ALTER PROCEDURE', 'ALTER ROUTINE',
		'CREATE AGGREGATE', 'ALTER AGGREGATE')
	EXECUTE FUNCTION medrec.audit_ddl();
ALTER EVENT TRIGGER medrec_audit_ddl ENABLE ALWAYS;
