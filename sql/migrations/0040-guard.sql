-- What medrec's tables need to be written to is kept from accidents. Beside medrec_audit_ddl and not
-- in it, so that a superuser can put the one to sleep and change on purpose, while the other writes
-- down what is done. Its name comes first, and so it is asked first: the other may fail for want of
-- the column. (0009's branch for others than superusers is no longer taken: medrec.migrate() refuses
-- them at once.)
CREATE EVENT TRIGGER medrec_allow_ddl ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'ALTER INDEX', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER SCHEMA')
	EXECUTE FUNCTION medrec.allow_ddl();
CREATE EVENT TRIGGER medrec_allow_drop ON sql_drop EXECUTE FUNCTION medrec.allow_ddl();
ALTER EVENT TRIGGER medrec_allow_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER medrec_allow_drop ENABLE ALWAYS;
