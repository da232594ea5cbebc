-- Who may do what, compared with what migrate() made.

CREATE FUNCTION medrec.verify_access(OUT kind text, OUT severity text, OUT seal bigint, OUT object text, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_access';
COMMENT ON FUNCTION medrec.verify_access() IS
'Compares everything that decides who may do what (tables, views, columns, constraints, row level security, policies, triggers and event triggers with their modes, rules, functions with their bodies, rights, owners, medrec''s roles with attributes and members, settings by database and role) with what CREATE EXTENSION and migrate() make, and lists the differences. severity: error; warning, for what the owner has added; information, for what belongs to a site, such as logins that are members of medrec''s roles. If no row has severity error or warning, nothing has changed. seal: the first seal of the audit trail whose snapshot of rights has the current state; null if it has been changed since the last one. kind: what it is, with _changed, _added or _missing; membership, role, setting, owner, and the like; snapshot_altered, baseline_altered, baseline_outdated. Called by a superuser, it makes everything again from the script in the library, in empty schemas, and rolls that back; for other callers, and on a standby, it compares with what migrate() kept in medrec.audit_access. No arguments. Error: 42P01 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.verify_access() FROM PUBLIC;
