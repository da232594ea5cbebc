-- DROP EXTENSION medrec CASCADE drops medrec.audit() from users' tables too. These triggers are recorded
-- before, so that a later migrate() attaches them again. Only a superuser may make event triggers.
CREATE TABLE medrec.audit_attached (
	schema_name name NOT NULL,
	table_name name NOT NULL,
	trigger_name name NOT NULL,
	event text NOT NULL,
	old_table name,
	new_table name,
	arguments text[] NOT NULL,
	PRIMARY KEY (schema_name, table_name, trigger_name)
);
COMMENT ON TABLE medrec.audit_attached IS 'Tables of others that had the trigger medrec.audit() when an extension was last dropped.';
COMMENT ON COLUMN medrec.audit_attached.schema_name IS 'Schema of the table.';
COMMENT ON COLUMN medrec.audit_attached.table_name IS 'The table.';
COMMENT ON COLUMN medrec.audit_attached.trigger_name IS 'The trigger.';
COMMENT ON COLUMN medrec.audit_attached.event IS 'INSERT, UPDATE, DELETE or TRUNCATE.';
COMMENT ON COLUMN medrec.audit_attached.old_table IS 'Name of its transition table of old rows.';
COMMENT ON COLUMN medrec.audit_attached.new_table IS 'Name of its transition table of new rows.';
COMMENT ON COLUMN medrec.audit_attached.arguments IS 'Its arguments.';
REVOKE ALL ON medrec.audit_attached FROM PUBLIC;
DO $$
BEGIN
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER) THEN
		CREATE EVENT TRIGGER medrec_remember ON ddl_command_start
			WHEN TAG IN ('DROP EXTENSION') EXECUTE FUNCTION medrec.remember_attached();
		ALTER EVENT TRIGGER medrec_remember ENABLE ALWAYS;
	END IF;
END
$$;
