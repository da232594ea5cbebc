CREATE FUNCTION medrec.audit()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit';
COMMENT ON FUNCTION medrec.audit() IS
'Trigger function, AFTER ... FOR EACH STATEMENT with transition tables: leaves an event in medrec.audit_event per row that was changed. Arguments: ''patient=COLUMN'', the uuid column with the patient''s id; ''withhold=COLUMN'', a column whose values are not recorded, only that they changed. Errors: 39P01 when attached otherwise, 55000 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.audit() FROM PUBLIC;

CREATE FUNCTION medrec.audit_append_only()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit_append_only';
COMMENT ON FUNCTION medrec.audit_append_only() IS
'Trigger function: refuses every statement on an audit table. No arguments. Error: 42501.';
REVOKE ALL ON FUNCTION medrec.audit_append_only() FROM PUBLIC;

CREATE FUNCTION medrec.audit_partitions(ahead integer DEFAULT 12)
RETURNS integer
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_audit_partitions';
COMMENT ON FUNCTION medrec.audit_partitions(integer) IS
'Makes the monthly partitions (of UTC) of medrec.audit_event for this month and so many months ahead, where they are missing, and returns how many it made. Errors: 22023 for less than 0 or more than 120 months, 55P03 when a reader is in the way.';
REVOKE ALL ON FUNCTION medrec.audit_partitions(integer) FROM PUBLIC;

CREATE FUNCTION medrec.audit_open_era()
RETURNS integer
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_open_era';
COMMENT ON FUNCTION medrec.audit_open_era() IS
'Records a new era in medrec.audit_era where the database has been imported since the last one, and returns the number of the present era. No arguments. Error: 25006 on a standby.';
REVOKE ALL ON FUNCTION medrec.audit_open_era() FROM PUBLIC;

CREATE FUNCTION medrec.seal_audit(OUT seal bigint, OUT era integer, OUT events bigint, OUT head bytea)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_seal_audit';
COMMENT ON FUNCTION medrec.seal_audit() IS
'Seals the audit trail: puts the events of all transactions that have ended since the last seal under a Merkle root, and returns the new seal (after an import one per era; none where there is no new event). Blocks no writer; makes coming partitions when few are left. head: what to keep elsewhere, also given by medrec.audit_checkpoint(). No arguments. Errors: 25006 on a standby, XX001 when the last seal is damaged.';
REVOKE ALL ON FUNCTION medrec.seal_audit() FROM PUBLIC;
