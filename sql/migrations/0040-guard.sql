-- Guards the columns and tables that writing needs against accidents. It is separate from medrec_audit_ddl,
-- so that a superuser can disable it and change them on purpose, while the other records
-- what is done. Its name sorts first, so it runs first: the other may fail because a column
-- is missing. (0009's branch for roles other than superusers is unused now: medrec.migrate() refuses
-- them at once.)
CREATE EVENT TRIGGER medrec_allow_ddl ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'ALTER INDEX', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER SCHEMA')
	EXECUTE FUNCTION medrec.allow_ddl();
CREATE EVENT TRIGGER medrec_allow_drop ON sql_drop EXECUTE FUNCTION medrec.allow_ddl();
ALTER EVENT TRIGGER medrec_allow_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER medrec_allow_drop ENABLE ALWAYS;
