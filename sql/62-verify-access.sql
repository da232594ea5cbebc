-- Who may do what, held against what migrate() made.

CREATE FUNCTION medrec.verify_access(OUT kind text, OUT severity text, OUT seal bigint, OUT object text, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_access';
COMMENT ON FUNCTION medrec.verify_access() IS
'Compares all that decides who may do what - tables, views, columns, constraints, row level security, policies, triggers and event triggers with their modes, rules, functions with their bodies, rights, owners, medrec''s roles with attributes and members, settings by database and role - with what CREATE EXTENSION and migrate() make, and lists what differs. severity: error; warning, for what the owner has added; information, for what is a site''s own, such as logins that are members of medrec''s roles. No row of error or warning: as it was made. seal: the first seal of the audit trail whose snapshot of rights has it so; null where it has been changed since the last one. kind: what it is, with _changed, _added or _missing; membership, role, setting, owner, and the like; snapshot_altered, baseline_altered, baseline_outdated. A superuser has it all made once more, in empty schemas that are undone, from the script in the library; others, and a standby, compare with what migrate() kept in medrec.audit_access. No arguments. Error: 42P01 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.verify_access() FROM PUBLIC;
