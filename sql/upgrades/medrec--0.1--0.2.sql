-- From 0.1 to 0.2: the extension's own functions. What migrate() made is changed by a step in sql/migrations.
-- "make" appends the steps of this version.

-- audit

CREATE FUNCTION medrec.index_audit(months integer DEFAULT 1)
RETURNS integer
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_index_audit';
COMMENT ON FUNCTION medrec.index_audit(integer) IS
'Makes B-tree indexes by row, patient and account on months of the audit trail that are over and have none yet, the newest first, and returns how many it made. months: at most so many months in this call. Blocks no writer and no reader; takes some ten seconds for a million events. The sealing worker calls it, else a timer. Errors: 22023 for less than 1 month, 55P03 when a transaction of the old month still runs, 25006 on a standby.';
REVOKE ALL ON FUNCTION medrec.index_audit(integer) FROM PUBLIC;

-- records

-- terminology

-- access

CREATE FUNCTION medrec.visible_patients_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_visible_patients_support';
COMMENT ON FUNCTION medrec.visible_patients_support(internal) IS
'The planner''s helper for medrec.visible_patients(): what it costs to read by index for each of them. Not to be called.';
REVOKE ALL ON FUNCTION medrec.visible_patients_support(internal) FROM PUBLIC;
CREATE OR REPLACE FUNCTION medrec.visible_patients()
RETURNS uuid[]
LANGUAGE c VOLATILE PARALLEL SAFE SUPPORT medrec.visible_patients_support
AS 'MODULE_PATHNAME', 'medrec_visible_patients';

-- migrate
