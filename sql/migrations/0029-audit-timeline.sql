-- An era is a cluster, a database and a timeline: what is written after a promotion,
-- or after a restore to a point in time, belongs to the next one. Of eras that were
-- recorded before, the timeline is that of now where the last one is of this database.
DO $$
DECLARE
	here boolean;
BEGIN
	SELECT e.system_identifier = s.system_identifier AND e.database = d.oid INTO here
	FROM medrec.audit_era AS e, pg_catalog.pg_control_system() AS s, pg_catalog.pg_database AS d
	WHERE d.datname = pg_catalog.current_database()
	ORDER BY e.era DESC LIMIT 1;
	-- a default, because nobody may change the rows
	EXECUTE pg_catalog.format('ALTER TABLE medrec.audit_era ADD COLUMN timeline bigint DEFAULT %s',
		CASE WHEN here THEN ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(
			pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint::text ELSE 'NULL' END);
	ALTER TABLE medrec.audit_era ALTER COLUMN timeline DROP DEFAULT,
		ADD COLUMN begin_lsn pg_lsn, ADD COLUMN last_seal bigint;
END
$$;
COMMENT ON TABLE medrec.audit_era IS 'Eras of the audit trail: a cluster, a database and a timeline. Transaction ids start at the beginning when a dump is imported, and are used again after a promotion that lost some, so each opens an era.';
COMMENT ON COLUMN medrec.audit_era.timeline IS 'Timeline that its events were written on; null where it is not known.';
COMMENT ON COLUMN medrec.audit_era.begin_lsn IS 'Where that timeline left the one before; null for an era that did not begin with a promotion or a restore to a point in time.';
COMMENT ON COLUMN medrec.audit_era.last_seal IS 'Number of the last seal that was made before the timeline began; null like begin_lsn.';
COMMENT ON COLUMN medrec.audit_event.era IS 'Era of the transaction id; rises when a dump is imported, and with each promotion.';
COMMENT ON COLUMN medrec.audit_event.action IS 'INSERT, UPDATE, DELETE, TRUNCATE; DDL for a changed definition, ARCHIVE for a detached month, PROMOTED for a server that was promoted or restored to a point in time. A row that gets another key or patient leaves a DELETE and an INSERT.';
SELECT medrec.copy_comments('medrec.audit_event', 'medrec_api.audit_events');
SELECT medrec.copy_comments('medrec.audit_checkpoint(bigint, text)', 'medrec_api.audit_checkpoint(bigint, text)');
