-- Of a value that is withheld, such as a password's hash, the trail keeps a digest, so that verify_records()
-- finds one that was changed past the audit. The key is what keeps a reader of the trail from trying values.
CREATE TABLE medrec.audit_key (
	single boolean PRIMARY KEY DEFAULT true CONSTRAINT audit_key_single_check CHECK (single),
	key bytea NOT NULL CONSTRAINT audit_key_key_check CHECK (pg_catalog.octet_length(key) = 32),
	made_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE medrec.audit_key IS 'The key of the digests that stand for withheld values in the audit trail. Only the owner reads it. Append-only for everyone: without it the digests cannot be checked any more.';
COMMENT ON COLUMN medrec.audit_key.single IS 'There is one key.';
COMMENT ON COLUMN medrec.audit_key.key IS '32 random bytes.';
COMMENT ON COLUMN medrec.audit_key.made_at IS 'When it was made.';
REVOKE ALL ON medrec.audit_key FROM PUBLIC;
INSERT INTO medrec.audit_key (key)
SELECT pg_catalog.sha256(pg_catalog.string_agg(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()), ''))
FROM pg_catalog.generate_series(1, 4);
CREATE TRIGGER medrec_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.audit_key
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only();
CREATE TRIGGER medrec_append_only_row BEFORE UPDATE OR DELETE ON medrec.audit_key
	FOR EACH ROW EXECUTE FUNCTION medrec.audit_append_only();
ALTER TABLE medrec.audit_key ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row;

-- values that are there already
SELECT medrec.audit_note_withheld();

COMMENT ON COLUMN medrec.audit_event.old_values IS 'What was: the row for DELETE, the changed columns for UPDATE. Times in UTC; "(withheld:...)" stands for values that are never recorded, with a digest.';
SELECT medrec.copy_comments('medrec.audit_event', t)
FROM pg_catalog.unnest(ARRAY['medrec_api.audit_events', 'medrec_api.archived_audit_events', 'medrec.audit_archived']) AS t;
