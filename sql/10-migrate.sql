CREATE FUNCTION medrec.migrate(OUT version integer, OUT name text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_migrate';
COMMENT ON FUNCTION medrec.migrate() IS
'Makes or brings up to date medrec''s tables, views, roles and triggers, in one transaction. Idempotent; returns a row per step applied, and one without a version per object that had been lost or changed - triggers and their modes, row level security, after DROP EXTENSION ... CASCADE all that went with the extension - and has been put right. To be run by a superuser, as it makes roles and event triggers. Warns where the library is of another version than the extension. No arguments. Errors: 42501 by another role, or where schema medrec or medrec_api belongs to a role that is no superuser; 55000 where the tables of a dump have not got their data, and while data are being imported.';
REVOKE ALL ON FUNCTION medrec.migrate() FROM PUBLIC;

CREATE FUNCTION medrec.copy_comments(source text, target text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
BEGIN
	IF source LIKE '%(%' THEN
		EXECUTE format('COMMENT ON FUNCTION %s IS %L', target::regprocedure, obj_description(source::regprocedure, 'pg_proc'));
		RETURN;
	END IF;
	FOR c IN
		SELECT t.attname AS name, col_description(s.attrelid, s.attnum) AS comment
		FROM pg_attribute AS s JOIN pg_attribute AS t ON t.attname = s.attname
		WHERE s.attrelid = source::regclass AND t.attrelid = target::regclass AND t.attnum > 0 AND NOT t.attisdropped
	LOOP
		EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target::regclass, c.name, c.comment);
	END LOOP;
END
$$;
COMMENT ON FUNCTION medrec.copy_comments(text, text) IS
'For the steps of medrec.migrate(): what is the same under another name has the same comment. source, target: two functions with their argument types, or two tables or views, whose columns of the same name are meant. Errors: 42883, 42P01 where one of them is not there, 42501 for those who do not own the target.';
REVOKE ALL ON FUNCTION medrec.copy_comments(text, text) FROM PUBLIC;

CREATE FUNCTION medrec.version()
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_version';
COMMENT ON FUNCTION medrec.version() IS
'Version of the library that the session has loaded, such as 0.2; a WARNING where the extension''s objects in this database are of another one (pg_extension.extversion), and what to do then. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.version() FROM PUBLIC;

CREATE FUNCTION medrec.allow_ddl()
RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_allow_ddl';
COMMENT ON FUNCTION medrec.allow_ddl() IS
'Event trigger function for ddl_command_end and sql_drop: refuses to drop, rename or move the tables and columns that medrec.migrate() made, or to give such a column a type that medrec cannot read. Columns of the user''s own are theirs, but for a name, or the type uuid, that the audit of a table goes by. No arguments. Errors: 2BP01 what is refused, 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.allow_ddl() FROM PUBLIC;
