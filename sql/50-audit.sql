CREATE FUNCTION medrec.audit()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit';
COMMENT ON FUNCTION medrec.audit() IS
'Trigger function, AFTER ... FOR EACH STATEMENT with transition tables: leaves an event in medrec.audit_event per row that was changed. Arguments: ''patient=COLUMN'', the uuid column with the patient''s id; ''withhold=COLUMN'', a column whose values are not recorded, only that they changed, with a digest. Errors: 39P01 when attached otherwise, 42P01 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.audit() FROM PUBLIC;

CREATE FUNCTION medrec.audit_append_only()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit_append_only';
COMMENT ON FUNCTION medrec.audit_append_only() IS
'Trigger function: refuses every statement on an audit table. No arguments. Error: 42501.';
REVOKE ALL ON FUNCTION medrec.audit_append_only() FROM PUBLIC;

CREATE FUNCTION medrec.audit_note_withheld()
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_note_withheld';
COMMENT ON FUNCTION medrec.audit_note_withheld() IS
'Leaves an event (UPDATE, with a reason that says so) for each row with a value that is withheld from the audit trail, with a digest of the current value. medrec.migrate() calls it once, for values older than digests. No arguments. Error: 42501 for anyone but a superuser.';
REVOKE ALL ON FUNCTION medrec.audit_note_withheld() FROM PUBLIC;

CREATE FUNCTION medrec.audit_partitions(ahead integer DEFAULT 12)
RETURNS integer
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_audit_partitions';
COMMENT ON FUNCTION medrec.audit_partitions(integer) IS
'Creates the missing monthly partitions (of UTC) of medrec.audit_event for this month and the given number of months ahead, and returns how many it created. Errors: 22023 for less than 0 or more than 120 months, 55P03 when a reader blocks it.';
REVOKE ALL ON FUNCTION medrec.audit_partitions(integer) FROM PUBLIC;

CREATE FUNCTION medrec.index_audit(months integer DEFAULT 1)
RETURNS integer
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_index_audit';
COMMENT ON FUNCTION medrec.index_audit(integer) IS
'Creates B-tree indexes by row, patient and account on past months of the audit trail that have none yet, the newest first, and returns how many it created. months: the most months for this call. Blocks no writer and no reader; takes some ten seconds for a million events. Called by the sealing worker, or by a timer. Errors: 22023 for less than 1 month, 55P03 when a transaction of the old month still runs, 25006 on a standby.';
REVOKE ALL ON FUNCTION medrec.index_audit(integer) FROM PUBLIC;

CREATE FUNCTION medrec.audit_open_era()
RETURNS integer
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_open_era';
COMMENT ON FUNCTION medrec.audit_open_era() IS
'Records a new era in medrec.audit_era if the database has been imported, or the server promoted or restored to a point in time, since the last one, and returns the number of the current era; a promotion leaves an event with action PROMOTED. medrec.seal_audit() calls it. No arguments. Error: 25006 on a standby.';
REVOKE ALL ON FUNCTION medrec.audit_open_era() FROM PUBLIC;

CREATE FUNCTION medrec.seal_audit(OUT seal bigint, OUT era integer, OUT events bigint, OUT head bytea)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_seal_audit';
COMMENT ON FUNCTION medrec.seal_audit() IS
'Seals the audit trail: puts the events of all transactions that have ended since the last seal under a Merkle root, and returns the new seal (after an import or a promotion one per era; none if there is no new event). Blocks no writer; creates coming partitions when few are left. head: what to keep elsewhere, also returned by medrec.audit_checkpoint(). No arguments. Errors: 25006 on a standby, XX001 when the last seal is damaged.';
REVOKE ALL ON FUNCTION medrec.seal_audit() FROM PUBLIC;

CREATE FUNCTION medrec.verify_audit(first_seal bigint DEFAULT NULL, last_seal bigint DEFAULT NULL,
	checkpoint text DEFAULT NULL, archive regclass DEFAULT NULL,
	OUT kind text, OUT seal bigint, OUT era integer, OUT xid bigint, OUT n integer, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_audit';
COMMENT ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) IS
'Recomputes the audit trail and lists what is wrong with it; no row when it is intact. first_seal, last_seal: events of these seals only (by default all, with unsealed ones and the guarding triggers); checkpoint: an earlier result of medrec.audit_checkpoint() that was kept elsewhere, which shows a trail that was cut off or exchanged, or what a promotion lost; archive: a month that was archived and dropped, and has been brought back, to be read again (archived months that are there are read anyway). kind: event_altered, event_duplicate, event_impossible, event_without_era, events_removed, events_inserted, events_replaced, seal_altered, seal_missing, seals_cut_off, checkpoint_differs, events_lost_at_promotion, era_altered, trail_missing, guard_missing, child_table (another table inherits from one of medrec''s), event_not_indexed (an index lacks the event), not_sealed (events have no seal for longer than medrec.seal_max_age, or are dated more than five minutes ahead); the last two only when all is verified. Works on a standby. Errors: 22P02 for a text that is not a checkpoint, 42809 for a table that is not an archived month.';
REVOKE ALL ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) FROM PUBLIC;

CREATE FUNCTION medrec.archive_audit(before timestamptz, OUT partition text, OUT events bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS 'MODULE_PATHNAME', 'medrec_archive_audit';
COMMENT ON FUNCTION medrec.archive_audit(timestamptz) IS
'Moves the months of the audit trail that end before the given time from medrec.audit_event to medrec.audit_archived, as partitions, where auditors, medrec.history() and the verification still read them, and returns their tables, which their owner may then export and drop. Their seals stay verifiable, and the archiving is itself an event. Errors: 55000 when a month has not been over for medrec.archive_min_age, or has unsealed events; 55P03 when a reader blocks it for ten seconds.';
REVOKE ALL ON FUNCTION medrec.archive_audit(timestamptz) FROM PUBLIC;

CREATE FUNCTION medrec.audit_ddl()
RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit_ddl';
COMMENT ON FUNCTION medrec.audit_ddl() IS
'Event trigger function for ddl_command_end and sql_drop: leaves an event with action DDL for new and changed definitions and rights in the schemas medrec and medrec_api, and for tables elsewhere that inherit from medrec''s, or no longer do, or that medrec.audit() audits. No arguments. Error: 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.audit_ddl() FROM PUBLIC;

CREATE FUNCTION medrec.audit_checkpoint(seal bigint DEFAULT NULL, origin text DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_checkpoint';
COMMENT ON FUNCTION medrec.audit_checkpoint(bigint, text) IS
'The head of the audit trail as a checkpoint (C2SP tlog-checkpoint: lines with origin, number of seals, head in base64; then the timelines that the trail went through, some earlier heads, and how many events are not sealed now), to be kept and signed elsewhere. seal: as of this seal, by default the last; origin: name of the log, by default medrec/ and where the trail began. Errors: PT404 for a seal that does not exist, 22023 for a bad origin.';
REVOKE ALL ON FUNCTION medrec.audit_checkpoint(bigint, text) FROM PUBLIC;

CREATE FUNCTION medrec.audit_proof(era integer, xid bigint, n integer, seals bigint DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_proof';
COMMENT ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) IS
'Inclusion proof of an event, with its canonical text, for tools/medrec-verify. era, xid, n: the event; seals: number of seals of the checkpoint to check it against, by default all. Errors: PT404 for an event or seal that does not exist, 55000 for an unsealed event, XX001 when its range has been tampered with or archived.';
REVOKE ALL ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) FROM PUBLIC;

CREATE FUNCTION medrec.consistency_proof(old_seals bigint, new_seals bigint DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_consistency_proof';
COMMENT ON FUNCTION medrec.consistency_proof(bigint, bigint) IS
'Proof, for tools/medrec-verify, that the audit trail of new_seals seals (by default all) begins with that of old_seals: that it only grew. Errors: PT404 for a seal that does not exist, 22023 when old_seals is larger than new_seals, XX001 when seals are missing.';
REVOKE ALL ON FUNCTION medrec.consistency_proof(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION medrec.history(table_name text, row_id text,
	OUT version integer, OUT era integer, OUT xid bigint, OUT n integer, OUT logged_at timestamptz,
	OUT action text, OUT account text, OUT role text, OUT session_role text, OUT reason text,
	OUT old_values json, OUT new_values json, OUT record json)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_history';
COMMENT ON FUNCTION medrec.history(text, text) IS
'The versions of a row, the oldest first, from its audit events: who made each and when, what changed, and the whole row after the change (null when it was deleted). table_name: patient, diagnosis, ... or the API''s name; row_id: its primary key. With the caller''s rights on medrec.audit_event. Error: 42501 without them.';
REVOKE ALL ON FUNCTION medrec.history(text, text) FROM PUBLIC;

CREATE FUNCTION medrec.as_of(table_name text, row_id text, at timestamptz)
RETURNS json
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_as_of';
COMMENT ON FUNCTION medrec.as_of(text, text, timestamptz) IS
'A row as it was at a given time, from its audit events; null if it did not exist then. table_name, row_id: as for medrec.history(); at: the time, compared with the clock time of each change. Error: 42501 without rights on medrec.audit_event.';
REVOKE ALL ON FUNCTION medrec.as_of(text, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION medrec.diff(table_name text, row_id text, since timestamptz, until timestamptz DEFAULT NULL,
	OUT column_name text, OUT old_value json, OUT new_value json)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_diff';
COMMENT ON FUNCTION medrec.diff(text, text, timestamptz, timestamptz) IS
'The columns of a row that differ between two times (until: by default now), with both values; null if the value did not exist. table_name, row_id: as for medrec.history(). Error: 42501 without rights on medrec.audit_event.';
REVOKE ALL ON FUNCTION medrec.diff(text, text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION medrec.verify_records(OUT kind text, OUT table_name text, OUT row_id text, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_records';
COMMENT ON FUNCTION medrec.verify_records() IS
'Replays the audit events and lists the rows that differ from them: changed without the audit; no row when all agree. kind: row_changed (detail: columns), row_missing, row_without_events, history_gap (something was changed and overwritten again), table_missing, child_table (detail: a table that inherits from it, whose rows queries of the table show too), key_missing (the digests of withheld values cannot be compared). Rows whose first events were in months that have been archived and dropped, and rows older than the audit of their table, are compared as far as events exist. No arguments. Works on a standby.';
REVOKE ALL ON FUNCTION medrec.verify_records() FROM PUBLIC;

CREATE FUNCTION medrec.audit_canonical(era integer, xid bigint, n integer)
RETURNS bytea
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_canonical';
COMMENT ON FUNCTION medrec.audit_canonical(integer, bigint, integer) IS
'The canonical text of an event, in UTF-8: its leaf is sha256(''\x00'' || text). Null for an event that does not exist. era, xid, n: the event. With the caller''s rights on medrec.audit_event. Error: 42501 without them.';
REVOKE ALL ON FUNCTION medrec.audit_canonical(integer, bigint, integer) FROM PUBLIC;

CREATE FUNCTION medrec.audit_status(OUT last_seal bigint, OUT sealed_at timestamptz, OUT sealed_events bigint,
	OUT unsealed_events bigint, OUT oldest_unsealed timestamptz, OUT horizon bigint, OUT next_xid bigint, OUT held_by text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	s record;
BEGIN
	SELECT a.seal, a.era, a.end_xid, a.sealed_at, a.total INTO s FROM medrec.audit_seal AS a ORDER BY a.seal DESC LIMIT 1;
	last_seal := s.seal;
	sealed_at := s.sealed_at;
	sealed_events := coalesce(s.total, 0);
	SELECT count(*), min(e.logged_at) INTO unsealed_events, oldest_unsealed FROM medrec.audit_event AS e
	WHERE s.seal IS NULL OR (e.era = s.era AND e.xid >= s.end_xid) OR e.era > s.era;
	horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
	next_xid := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
	SELECT h.what INTO held_by FROM (
		SELECT format('process %s since %s', a.pid, a.xact_start) AS what, age(coalesce(a.backend_xid, a.backend_xmin)) AS age
		FROM pg_stat_activity AS a WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
		UNION ALL
		SELECT format('prepared transaction %s since %s', p.gid, p.prepared), age(p.transaction) FROM pg_prepared_xacts AS p
	) AS h ORDER BY h.age DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION medrec.audit_status() IS
'How far the audit trail is sealed: the last seal, sealed and unsealed events and the oldest of these, the transaction before which all have ended (horizon), the next one, and what holds back the horizon. No arguments. With the caller''s rights on the trail. Error: 42501 without them.';
REVOKE ALL ON FUNCTION medrec.audit_status() FROM PUBLIC;

CREATE FUNCTION medrec.audit_fhir(patient uuid DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
	max integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
	IF max IS NULL OR max < 0 OR max > 10000 THEN
		RAISE EXCEPTION 'max must be between 0 and 10000' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN (SELECT jsonb_build_object('resourceType', 'Bundle', 'type', 'collection', 'total', count(*),
		'entry', coalesce(jsonb_agg(jsonb_build_object('resource', jsonb_strip_nulls(jsonb_build_object(
			'resourceType', 'AuditEvent',
			'id', format('%s-%s-%s', e.era, e.xid, e.n),
			'type', jsonb_build_object('system', 'http://dicom.nema.org/resources/ontology/DCM', 'code',
				CASE WHEN e.action IN ('DDL', 'ARCHIVE', 'PROMOTED', 'REPAIR', 'IMPORT') THEN '110100' ELSE '110110' END,
				'display', CASE WHEN e.action IN ('DDL', 'ARCHIVE', 'PROMOTED', 'REPAIR', 'IMPORT') THEN 'Application Activity' ELSE 'Patient Record' END),
			'subtype', jsonb_build_array(jsonb_build_object('system', 'http://hl7.org/fhir/restful-interaction', 'code',
				CASE e.action WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' WHEN 'DELETE' THEN 'delete' WHEN 'TRUNCATE' THEN 'delete' ELSE 'operation' END)),
			'action', CASE e.action WHEN 'INSERT' THEN 'C' WHEN 'UPDATE' THEN 'U' WHEN 'DELETE' THEN 'D' WHEN 'TRUNCATE' THEN 'D' ELSE 'E' END,
			'recorded', to_char(e.logged_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
			'outcome', '0',
			'purposeOfEvent', CASE WHEN e.reason IS NOT NULL THEN jsonb_build_array(jsonb_build_object('text', e.reason)) END,
			'agent', jsonb_build_array(jsonb_build_object(
				'who', jsonb_build_object('identifier', jsonb_build_object('value', coalesce(e.account, e.session_role))),
				'altId', e.session_role,
				'name', e.account,
				'requestor', true,
				'role', jsonb_build_array(jsonb_build_object('text', e.role)),
				'policy', CASE WHEN e.jti IS NOT NULL THEN jsonb_build_array('urn:jti:' || e.jti) END,
				'network', CASE WHEN e.client_addr IS NOT NULL THEN jsonb_build_object('address', e.client_addr, 'type', '2') END)),
			'source', jsonb_build_object('site', current_database(), 'observer', jsonb_build_object('display', coalesce(e.application_name, 'medrec')),
				'type', jsonb_build_array(jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/security-source-type', 'code', '3'))),
			'entity', CASE WHEN e.patient_id IS NOT NULL THEN jsonb_build_array(jsonb_build_object(
				'what', jsonb_build_object('reference', 'Patient/' || e.patient_id),
				'type', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/audit-entity-type', 'code', '1'),
				'role', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/object-role', 'code', '1')))
				ELSE '[]'::jsonb END || jsonb_build_array(jsonb_build_object(
				'what', jsonb_build_object('identifier', jsonb_build_object('system', 'urn:medrec:' || e.table_name, 'value', coalesce(e.row_id, e.table_name))),
				'type', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/audit-entity-type', 'code', '2'),
				'role', jsonb_build_object('system', 'http://terminology.hl7.org/CodeSystem/object-role', 'code', '4'),
				'detail', (SELECT jsonb_agg(jsonb_build_object('type', d.type, 'valueString', d.value))
					FROM (VALUES ('transaction', e.xid::text), ('request', e.request_id), ('method', e.method), ('path', e.path),
						('login role', e.login_role), ('login identity', e.login_identity), ('socket address', e.socket_addr),
						('backend', e.backend_pid || ' since ' || to_char(e.backend_start, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
						('columns', (SELECT string_agg(k.key, ',') FROM json_object_keys(e.new_values) AS k (key) WHERE e.action = 'UPDATE')),
						('leaf', encode(e.leaf, 'hex'))) AS d (type, value) WHERE d.value IS NOT NULL)))
			))) ORDER BY e.logged_at, e.era, e.xid, e.n), '[]'::jsonb))
	FROM (SELECT era, xid, n, logged_at, action, table_name, row_id, patient_id, new_values, account, jti, role, session_role, client_addr,
			request_id, method, path, application_name, reason, leaf, login_role, login_identity, socket_addr, backend_pid, backend_start
		FROM (SELECT * FROM medrec.audit_event AS a
			WHERE a.xid > 0 AND (patient IS NULL OR a.patient_id = patient) AND (since IS NULL OR a.logged_at >= since)
				AND (until IS NULL OR a.logged_at < until)
			ORDER BY a.logged_at DESC, a.era DESC, a.xid DESC, a.n DESC LIMIT max) AS present
		UNION ALL
		SELECT era, xid, n, logged_at, action, table_name, row_id, patient_id, new_values, account, jti, role, session_role, client_addr,
			request_id, method, path, application_name, reason, leaf, login_role, login_identity, socket_addr, backend_pid, backend_start
		FROM (SELECT * FROM medrec.audit_archived AS a
			WHERE a.xid > 0 AND (patient IS NULL OR a.patient_id = patient) AND (since IS NULL OR a.logged_at >= since)
				AND (until IS NULL OR a.logged_at < until)
			ORDER BY a.logged_at DESC, a.era DESC, a.xid DESC, a.n DESC LIMIT max) AS archived
		ORDER BY logged_at DESC, era DESC, xid DESC, n DESC LIMIT max) AS e);
END
$$;
COMMENT ON FUNCTION medrec.audit_fhir(uuid, timestamptz, timestamptz, integer) IS
'The latest events of the audit trail as a FHIR R4 Bundle of AuditEvent resources, without the contents of rows (columns that changed are named). patient: only events of this patient, by patient.id; since, until: only events written at or after since, and before until; max: the most events, 0 to 10000. With the caller''s rights on medrec.audit_event. Errors: 22023 for a bad max, 42501 without rights.';
REVOKE ALL ON FUNCTION medrec.audit_fhir(uuid, timestamptz, timestamptz, integer) FROM PUBLIC;
