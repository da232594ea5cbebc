CREATE FUNCTION medrec.migrate(OUT version integer, OUT name text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_migrate';
COMMENT ON FUNCTION medrec.migrate() IS
'Makes or brings up to date medrec''s tables, views, roles and triggers, in one transaction. Idempotent; returns a row per step applied. No arguments. Errors: 42501 without the right to create in the database.';
REVOKE ALL ON FUNCTION medrec.migrate() FROM PUBLIC;
