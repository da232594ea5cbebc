CREATE FUNCTION medrec.migrate(OUT version integer, OUT name text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_migrate';
COMMENT ON FUNCTION medrec.migrate() IS
'Makes or brings up to date medrec''s tables, views, roles and triggers, in one transaction. Idempotent; returns a row per step applied, and one without a version per object that had been lost or changed - triggers and their modes, row level security, after DROP EXTENSION ... CASCADE all that went with the extension - and has been put right. To be run by a superuser, as it makes roles and event triggers. No arguments. Errors: 42501 by another role, or where schema medrec or medrec_api is somebody else''s; 55000 where the tables of a dump have not got their data, while data are being imported, and by another role than a superuser after DROP EXTENSION ... CASCADE.';
REVOKE ALL ON FUNCTION medrec.migrate() FROM PUBLIC;
