-- Changed definitions are audited from here on, so that the steps of the first
-- installation leave no events. Only a superuser may make event triggers.
DO $$
BEGIN
	IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER) THEN
		RAISE WARNING 'medrec: changed definitions are not audited, for want of a superuser to make event triggers';
		RETURN;
	END IF;
	CREATE EVENT TRIGGER medrec_audit_ddl ON ddl_command_end
		WHEN TAG IN ('ALTER TABLE', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE POLICY', 'ALTER POLICY',
			'CREATE RULE', 'ALTER RULE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION',
			'GRANT', 'REVOKE')
		EXECUTE FUNCTION medrec.audit_ddl();
	CREATE EVENT TRIGGER medrec_audit_drop ON sql_drop EXECUTE FUNCTION medrec.audit_ddl();
	ALTER EVENT TRIGGER medrec_audit_ddl ENABLE ALWAYS;
	ALTER EVENT TRIGGER medrec_audit_drop ENABLE ALWAYS;
END
$$;
