-- Rights that change without an event are found: each seal covers a snapshot of all that decides who may do what.
CREATE TABLE medrec.audit_access (
	number bigint PRIMARY KEY,
	kind text COLLATE "C" NOT NULL,
	seal bigint,
	taken_at timestamptz NOT NULL,
	taken_by text COLLATE "C" NOT NULL,
	made_of text COLLATE "C" NOT NULL,
	digest bytea NOT NULL,
	state text COLLATE "C" NOT NULL
);
COMMENT ON TABLE medrec.audit_access IS 'Snapshots of all that decides who may do what: as migrate() made it, and as it was when a seal was made, where it differed from the one before. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_access.number IS 'Number of the snapshot, from 1.';
COMMENT ON COLUMN medrec.audit_access.kind IS 'made: by migrate(), without roles and settings; sealed: as it was at a sealing.';
COMMENT ON COLUMN medrec.audit_access.seal IS 'The first seal that covers it; null for made.';
COMMENT ON COLUMN medrec.audit_access.taken_at IS 'When it was taken.';
COMMENT ON COLUMN medrec.audit_access.taken_by IS 'Session user that migrated or sealed.';
COMMENT ON COLUMN medrec.audit_access.made_of IS 'Version of the library, of PostgreSQL, and the steps.';
COMMENT ON COLUMN medrec.audit_access.digest IS 'SHA-256 of state in UTF-8; audit_seal.access names it.';
COMMENT ON COLUMN medrec.audit_access.state IS 'JSON array of [kind, object, definition].';
CREATE TRIGGER medrec_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.audit_access
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only();
CREATE TRIGGER medrec_append_only_row BEFORE UPDATE OR DELETE ON medrec.audit_access
	FOR EACH ROW EXECUTE FUNCTION medrec.audit_append_only();
ALTER TABLE medrec.audit_access ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row;
REVOKE ALL ON medrec.audit_access FROM PUBLIC;
GRANT SELECT ON medrec.audit_access TO medrec_auditor, medrec_admin;

ALTER TABLE medrec.audit_seal ADD COLUMN access bytea;
COMMENT ON COLUMN medrec.audit_seal.access IS 'SHA-256 of the snapshot of rights, in medrec.audit_access, that was true when the seal was made; null for a seal of 0.1.';

GRANT EXECUTE ON FUNCTION medrec.verify_access() TO medrec_auditor, medrec_admin;
CREATE FUNCTION medrec_api.verify_access()
RETURNS TABLE (kind text, severity text, seal bigint, object text, detail text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.kind, v.severity, v.seal, v.object, v.detail FROM medrec.verify_access() AS v;
END;
SELECT medrec.copy_comments('medrec.verify_access()', 'medrec_api.verify_access()');
REVOKE ALL ON FUNCTION medrec_api.verify_access() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.verify_access() TO medrec_auditor, medrec_admin;

-- Beside medrec_audit_ddl, whose commands are listed in step 9: what else puts something into medrec's schemas, or takes
-- it out of the extension.
CREATE EVENT TRIGGER medrec_audit_rights ON ddl_command_end
	WHEN TAG IN ('ALTER DEFAULT PRIVILEGES', 'ALTER SCHEMA', 'CREATE SEQUENCE', 'ALTER SEQUENCE', 'CREATE TYPE', 'ALTER TYPE',
		'CREATE DOMAIN', 'ALTER DOMAIN', 'CREATE OPERATOR', 'ALTER OPERATOR', 'CREATE CAST', 'ALTER EXTENSION')
	EXECUTE FUNCTION medrec.audit_ddl();
ALTER EVENT TRIGGER medrec_audit_rights ENABLE ALWAYS;
