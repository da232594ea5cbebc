-- From 0.1 to 0.2: the extension's own functions. What migrate() made is changed by a step in sql/migrations.
-- "make" appends the steps of this version.

-- audit
COMMENT ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) IS
'Recomputes the audit trail and lists what is wrong with it; no row when it is intact. first_seal, last_seal: events of these seals only (by default all, unsealed ones and the guarding triggers included); checkpoint: one that medrec.audit_checkpoint() gave earlier and that was kept elsewhere, which shows a trail that was cut off or exchanged; archive: a month that medrec.archive_audit() detached, to be read again. kind: event_altered, event_duplicate, event_impossible, events_removed, events_inserted, events_replaced, seal_altered, seal_missing, seals_cut_off, checkpoint_differs, guard_missing, event_not_indexed (an index does not lead to the event; looked for when all is verified). Works on a standby. Errors: 22P02 for a text that is no checkpoint, 42809 for a table that is no archived month.';

-- records

-- terminology

-- access

-- migrate
