-- From 0.1 to 0.2: the extension's own functions. What migrate() made is changed by a step in sql/migrations.
-- "make" appends the steps of this version.

-- audit
COMMENT ON FUNCTION medrec.history(text, text) IS
'The versions of a row, the oldest first, from its audit events: who made each and when, what changed, and the whole row after the change (null when it was deleted). table_name: patient, diagnosis, ... or the API''s name; row_id: its primary key. With the caller''s rights on medrec.audit_event. Error: 42501 without them.';
COMMENT ON FUNCTION medrec.as_of(text, text, timestamptz) IS
'A row as it was at a given time, from its audit events; null if it did not exist then. table_name, row_id: as for medrec.history(); at: the time, compared with the clock time of each change. Error: 42501 without rights on medrec.audit_event.';
COMMENT ON FUNCTION medrec.audit_fhir(uuid, timestamptz, timestamptz, integer) IS
'The latest events of the audit trail as a FHIR R4 Bundle of AuditEvent resources, without the contents of rows (columns that changed are named). patient: only events of this patient, by patient.id; since, until: only events written at or after since, and before until; max: the most events, 0 to 10000. With the caller''s rights on medrec.audit_event. Errors: 22023 for a bad max, 42501 without rights.';
COMMENT ON FUNCTION medrec.audit_partitions(integer) IS
'Creates the missing monthly partitions (of UTC) of medrec.audit_event for this month and the given number of months ahead, and returns how many it created. Errors: 22023 for less than 0 or more than 120 months, 55P03 when a reader blocks it.';
COMMENT ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) IS
'Inclusion proof of an event, with its canonical text, for tools/medrec-verify. era, xid, n: the event; seals: number of seals of the checkpoint to check it against, by default all. Errors: PT404 for an event or seal that does not exist, 55000 for an unsealed event, XX001 when its range has been tampered with or archived.';
COMMENT ON FUNCTION medrec.consistency_proof(bigint, bigint) IS
'Proof, for tools/medrec-verify, that the audit trail of new_seals seals (by default all) begins with that of old_seals: that it only grew. Errors: PT404 for a seal that does not exist, 22023 when old_seals is larger than new_seals, XX001 when seals are missing.';
COMMENT ON FUNCTION medrec.diff(text, text, timestamptz, timestamptz) IS
'The columns of a row that differ between two times (until: by default now), with both values; null if the value did not exist. table_name, row_id: as for medrec.history(). Error: 42501 without rights on medrec.audit_event.';
COMMENT ON FUNCTION medrec.audit_canonical(integer, bigint, integer) IS
'The canonical text of an event, in UTF-8: its leaf is sha256(''\x00'' || text). Null for an event that does not exist. era, xid, n: the event. With the caller''s rights on medrec.audit_event. Error: 42501 without them.';
COMMENT ON FUNCTION medrec.audit_status() IS
'How far the audit trail is sealed: the last seal, sealed and unsealed events and the oldest of these, the transaction before which all have ended (horizon), the next one, and what holds back the horizon. No arguments. With the caller''s rights on the trail. Error: 42501 without them.';
COMMENT ON FUNCTION medrec.audit_open_era() IS
'Records a new era in medrec.audit_era if the database has been imported, or the server promoted or restored to a point in time, since the last one, and returns the number of the current era; a promotion leaves an event with action PROMOTED. medrec.seal_audit() calls it. No arguments. Error: 25006 on a standby.';
COMMENT ON FUNCTION medrec.seal_audit() IS
'Seals the audit trail: puts the events of all transactions that have ended since the last seal under a Merkle root, and returns the new seal (after an import or a promotion one per era; none if there is no new event). Blocks no writer; creates coming partitions when few are left. head: what to keep elsewhere, also returned by medrec.audit_checkpoint(). No arguments. Errors: 25006 on a standby, XX001 when the last seal is damaged.';
COMMENT ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) IS
'Recomputes the audit trail and lists what is wrong with it; no row when it is intact. first_seal, last_seal: events of these seals only (by default all, with unsealed ones and the guarding triggers); checkpoint: an earlier result of medrec.audit_checkpoint() that was kept elsewhere, which shows a trail that was cut off or exchanged, or what a promotion lost; archive: a month that was archived and dropped, and has been brought back, to be read again (archived months that are there are read anyway). kind: event_altered, event_duplicate, event_impossible, event_without_era, events_removed, events_inserted, events_replaced, seal_altered, seal_missing, seals_cut_off, checkpoint_differs, events_lost_at_promotion, era_altered, trail_missing, guard_missing, child_table (another table inherits from one of medrec''s), event_not_indexed (an index lacks the event), not_sealed (events have no seal for longer than medrec.seal_max_age, or are dated more than five minutes ahead); the last two only when all is verified. Works on a standby. Errors: 22P02 for a text that is not a checkpoint, 42809 for a table that is not an archived month.';
COMMENT ON FUNCTION medrec.audit_checkpoint(bigint, text) IS
'The head of the audit trail as a checkpoint (C2SP tlog-checkpoint: lines with origin, number of seals, head in base64; then the timelines that the trail went through, some earlier heads, and how many events are not sealed now), to be kept and signed elsewhere. seal: as of this seal, by default the last; origin: name of the log, by default medrec/ and where the trail began. Errors: PT404 for a seal that does not exist, 22023 for a bad origin.';

COMMENT ON FUNCTION medrec.audit() IS
'Trigger function, AFTER ... FOR EACH STATEMENT with transition tables: leaves an event in medrec.audit_event per row that was changed. Arguments: ''patient=COLUMN'', the uuid column with the patient''s id; ''withhold=COLUMN'', a column whose values are not recorded, only that they changed, with a digest. Errors: 39P01 when attached otherwise, 42P01 before medrec.migrate().';
COMMENT ON FUNCTION medrec.archive_audit(timestamptz) IS
'Moves the months of the audit trail that end before the given time from medrec.audit_event to medrec.audit_archived, as partitions, where auditors, medrec.history() and the verification still read them, and returns their tables, which their owner may then export and drop. Their seals stay verifiable, and the archiving is itself an event. Errors: 55000 when a month has not been over for medrec.archive_min_age, or has unsealed events; 55P03 when a reader blocks it for ten seconds.';
COMMENT ON FUNCTION medrec.verify_records() IS
'Replays the audit events and lists the rows that differ from them: changed without the audit; no row when all agree. kind: row_changed (detail: columns), row_missing, row_without_events, history_gap (something was changed and overwritten again), table_missing, child_table (detail: a table that inherits from it, whose rows queries of the table show too), key_missing (the digests of withheld values cannot be compared). Rows whose first events were in months that have been archived and dropped, and rows older than the audit of their table, are compared as far as events exist. No arguments. Works on a standby.';

CREATE FUNCTION medrec.audit_note_withheld()
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_note_withheld';
COMMENT ON FUNCTION medrec.audit_note_withheld() IS
'Leaves an event (UPDATE, with a reason that says so) for each row with a value that is withheld from the audit trail, with a digest of the current value. medrec.migrate() calls it once, for values older than digests. No arguments. Error: 42501 for anyone but a superuser.';
REVOKE ALL ON FUNCTION medrec.audit_note_withheld() FROM PUBLIC;

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

CREATE OR REPLACE FUNCTION medrec.audit_fhir(patient uuid DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
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
COMMENT ON FUNCTION medrec.audit_ddl() IS
'Event trigger function for ddl_command_end and sql_drop: leaves an event with action DDL for new and changed definitions and rights in the schemas medrec and medrec_api, and for tables elsewhere that inherit from medrec''s, or no longer do, or that medrec.audit() audits. No arguments. Error: 39P03 when called otherwise.';

-- without a search_path of its own, so that names mean what they meant to the command
CREATE OR REPLACE FUNCTION medrec.audit_ddl()
RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit_ddl';

-- include 51-attach-audit.sql

-- records
COMMENT ON FUNCTION medrec.record_visit(jsonb) IS
'Stores a visit, all or nothing, and returns it as stored: {"patient": ..., "diagnoses": [...], "treatments": [...]}. visit: an object with the keys patient, diagnoses and treatments. patient: {"id": ...} or {"patient_id": ...} alone names an existing patient; any other object creates one from name, age, gender, patient_id and birth_date. diagnoses, treatments: arrays of at most 1000 objects {code, description, code_system, suggestions}. Errors: 22023 with all faults in DETAIL, 23505 patient_id exists, PT404 no such patient, 42501.';
COMMENT ON FUNCTION medrec.validate() IS
'Trigger, BEFORE INSERT OR UPDATE FOR EACH ROW on medrec''s record tables: checks, normalizes and validates the row. Argument: account, patient, diagnosis or treatment. Errors: 22023 with every fault of the row as a JSON array in DETAIL; PT409 if the row''s version is not the one that the UPDATE names; 39P01 called otherwise.';
COMMENT ON FUNCTION medrec.touch() IS
'Trigger, AFTER STATEMENT with transition tables on diagnosis and treatment: moves last_visit of all affected patients to the transaction''s time. Errors: 39P01 called otherwise, 40001 under REPEATABLE READ when the patient was changed meanwhile.';
COMMENT ON FUNCTION medrec.create_patient(text, integer, text, text, date) IS
'Stores a patient and returns the row as stored. name: not empty, at most 255 characters. age: years, 0 to 150; may be null with birth_date, and is then derived from it. gender: male, female, other, unknown. patient_id: medical record number, unique, at most 20 characters. birth_date: not in the future. Errors: 22023 with all faults in DETAIL, 22001 too long, 23505 patient_id exists, 42501.';
COMMENT ON FUNCTION medrec.create_diagnosis(uuid, text, text, text) IS
'Stores a diagnosis, validated, and returns the row as stored. patient: patient.id. code: in any usual writing, at most 20 characters. description: if null, the code''s title. code_system: name in any case, FHIR URI or OID. Errors: 22023 with all faults in DETAIL, 22001 too long, 23503 unknown patient, 42501. A wrong code is not an error: see status.';
COMMENT ON FUNCTION medrec.create_treatment(uuid, text, text, text) IS
'Stores a treatment, validated, and returns the row as stored. patient: patient.id. code: in any usual writing, at most 20 characters. description: if null, the code''s title. code_system: name in any case, FHIR URI or OID. Errors: 22023 with all faults in DETAIL, 22001 too long, 23503 unknown patient, 42501. A wrong code is not an error: see status.';

CREATE FUNCTION medrec.confirm(record uuid, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_confirm';
COMMENT ON FUNCTION medrec.confirm(uuid, integer) IS
'Like confirm(record), if the record still has the given version. version: the record''s, as it was read; null for any, then like confirm(record). Errors: PT409 the record has another version, and those of confirm(record).';

CREATE FUNCTION medrec.reject(record uuid, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_reject';
COMMENT ON FUNCTION medrec.reject(uuid, integer) IS
'Like reject(record), if the record still has the given version. version: the record''s, as it was read; null for any, then like reject(record). Errors: PT409 the record has another version, and those of reject(record).';

CREATE FUNCTION medrec.accept_suggestion(record uuid, code text, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_accept_suggestion';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text, integer) IS
'Like accept_suggestion(record, code), if the record still has the given version. version: the record''s, as it was read; null for any, then like accept_suggestion(record, code). Errors: PT409 the record has another version, and those of accept_suggestion(record, code).';

COMMENT ON FUNCTION medrec.confirm(uuid) IS
'Sets status confirmed: a person keeps the code of a diagnosis or treatment as it is. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been made on it, which only a call with the record''s version changes, 42501.';
COMMENT ON FUNCTION medrec.reject(uuid) IS
'Sets status rejected: a person refuses a diagnosis or treatment. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been made on it, which only a call with the record''s version changes, 42501.';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text) IS
'Accepts one of the suggestions of a diagnosis or treatment: stores its code and display, and sets status corrected. Returns the row as stored. record: its id. code: the suggestion''s. Errors: PT404 no such record, 22023 not among its suggestions or not a valid code, PT409 another decision has been made on it, which only a call with the record''s version changes, 42501.';

REVOKE ALL ON FUNCTION medrec.confirm(uuid, integer), medrec.reject(uuid, integer),
	medrec.accept_suggestion(uuid, text, integer) FROM PUBLIC;

COMMENT ON FUNCTION medrec.add_suggestions(uuid, jsonb) IS
'Adds suggestions of an outside program to a diagnosis or treatment. They are ranked by score, each code once, 20 at most. Returns the row as stored. record: its id. suggestions: array of {code, display, code_system, score 0..1, source, reason}; all but code may be omitted; the source is stored after the name of the account or session user, unless the owner or a member of medrec_import adds them. Errors: 22023 with all faults in DETAIL, PT404 no such record, 42501.';

-- terminology
COMMENT ON FUNCTION medrec.validate_code(text, text, text, date, jsonb) IS
'Validates a code as medrec.validate() does for a record. result: pending (no release is loaded to check against), valid, review (known, but a person should look at it) or invalid; code: in its normal form; display: the official title; billable: whether it may be used on a claim, null if not known; issues: as in the column issues of a diagnosis. code_system: name in any case, FHIR URI or OID. code: in any usual writing. display: description to compare, or null. on_date: day to validate as of. context: object with what else is known: age (years) and gender of the patient, role (principal or secondary), codes (array of the visit''s other codes). Errors: 22023 unknown code system or malformed context, 22004 null code or code system.';
COMMENT ON FUNCTION medrec.suggest(text, text, text, integer, date, jsonb) IS
'Suggests codes for a code that may be wrong, a description, or both; a row per code, the best first: code, official display, score 0..1, source (title, synonym, spelling, code, child, successor) and reason. code_system: name in any case, FHIR URI or OID. code: a code that may be wrong, or null. display: a description in words, or null. max: the most rows, 1 to 50, by default 5. on_date: day on which the codes must be in effect, by default today. context: object with age (years) and gender of the patient, and typing (true: the last word is unfinished). Errors: 22023 unknown code system, max out of range or malformed context, 22004 null code system.';
COMMENT ON FUNCTION medrec.code_systems() IS
'The code systems that medrec knows: name as stored, title, FHIR URI, OID (HL7 terminology), and whether releases contain headers that may not be used on a claim. No arguments, no errors.';
COMMENT ON FUNCTION medrec.check_code(text, text) IS
'Whether the code is possible in the system by structure and check digit; does not look at releases. code_system: name in any case, FHIR URI or OID. code: in any usual writing. Errors: 22023 unknown code system.';
COMMENT ON FUNCTION medrec.default_abbreviations() IS
'The abbreviations and spelling variants that medrec ships with: the initial contents of medrec.abbreviation. No arguments, no errors.';
COMMENT ON FUNCTION medrec.load_release(text, text, date, bytea, text, text) IS
'Like load_release for text, with the bytes of the file as published: UTF-8 is read as such, anything else as latin-1 or Windows-1252. Errors: as there, and 22P04 for compressed or UTF-16 files, 22P05 for bytes that are neither.';
COMMENT ON FUNCTION medrec.unload_release(text, text, text) IS
'Removes a release, with its terms, notes and rules, as if it had never been loaded: the release before it then applies on its days too. Returns false if there is no such release. code_system: name, FHIR URI or OID. version: as it was loaded. content: as in code_release. Errors: 22023 unknown system, 42501 without the rights of load_release.';
COMMENT ON PROCEDURE medrec.revalidate(text, date, integer) IS
'Validates the stored diagnoses and treatments of a code system again, after a release was loaded. Commits after each batch and reports progress by NOTICE and in medrec.revalidation; if interrupted, the next call continues where it stopped. Decisions of people (confirmed, corrected, rejected) stay; records whose result does not change are not written; last_visit does not move. code_system: name, FHIR URI or OID. since: only records made on this day or later; null: all. batch: records per transaction, 1 to 100000. Within a transaction of the caller all batches are part of it. Errors: 22023 unknown system or batch out of range, 22004 null system, 42501 without UPDATE on the records.';
COMMENT ON FUNCTION medrec.revalidate_batch(text, date, integer) IS
'The next batch of medrec.revalidate(), for callers that cannot CALL: repeat it until finished is true. Arguments and errors as there. checked, changed: records validated, and records whose result changed, since the run began.';
COMMENT ON FUNCTION medrec.subsumes(text, text, text) IS
'How two codes are related, by their own text: equivalent, subsumes (a is above b), subsumed-by, not-subsumed; like FHIR''s $subsumes. Arguments and errors as ancestors.';

COMMENT ON FUNCTION medrec.load_release(text, text, date, text, text, text) IS
'Loads a release of a code system from its official file, all or nothing, and returns its row of code_release. code_system: name, FHIR URI or OID; version: as the publisher names it, 1 to 50 characters; effective_from: first day of validity; content: the file''s text; format: auto or one of those in doc/terminology.md; source: where the file came from, at most 255 characters. The same file again changes nothing; another file under the same version replaces it, but one of another kind only if its format is named. Anything unusual about the file (markedly fewer codes than before, another time) is a WARNING, and is kept in code_release.warnings. Runs with the caller''s rights on code_release, code and code_term. Errors: 22P04 with line and reason for a wrong, cut off or mis-encoded file; 2200M for XML that is not well-formed; 22023 unknown system or format, a day that another release has, or a file of another kind than the one it would replace; 22001, 22004, 22008 for bad arguments; 54000 beyond a limit; 42501 without the rights.';

COMMENT ON FUNCTION medrec.lookup(text, text, date) IS
'Everything the loaded releases say about a code: its titles, whether it may be used on a claim, its state on the day (current, retired, not yet, no release) and since and until when; its further names (terms) and notes as arrays of {kind, text}. No row if no release has the code. A header that the current release does not list, while it lists codes below it, is current; its title is another release''s, or null. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: day to validate as of. Errors: 22023 unknown system or malformed code.';
COMMENT ON FUNCTION medrec.ancestors(text, text, date) IS
'The codes above a code in the releases in effect on the day, the nearest first (level 1); headers that the release does not list are included, with the title of another release or null. code_system: name, FHIR URI or OID. code: in any usual writing; it need not be in a release itself. Errors: 22023 unknown system or malformed code, 0A000 a system whose codes have no hierarchy.';
COMMENT ON FUNCTION medrec.descendants(text, text, date) IS
'The codes below a code in the releases in effect on the day, in order, each with its level (1: next below); headers that the release does not list are included. Arguments and errors as ancestors.';

CREATE FUNCTION medrec.release_warnings(release integer)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.warnings || COALESCE((
		SELECT jsonb_agg(jsonb_build_object('severity', 'warning', 'code', 'expired', 'field', 'effective_from', 'text',
			format('the %s in effect (version %s) are from %s, the codes in effect (version %s) from %s: they do not cover the changes in between',
				CASE e.content WHEN 'edits' THEN 'coding edits' ELSE 'rules of the tabular list' END,
				e.version, to_char(e.effective_from, 'YYYY-MM-DD'), c.version, to_char(c.effective_from, 'YYYY-MM-DD')))
			ORDER BY e.content)
		FROM medrec.code_release AS e, LATERAL (
			SELECT n.id, n.version, n.effective_from FROM medrec.code_release AS n
			WHERE n.code_system = e.code_system AND n.content = 'codes' AND n.effective_from <= CURRENT_DATE
			ORDER BY n.effective_from DESC LIMIT 1) AS c
		WHERE e.code_system = r.code_system AND e.content IN ('edits', 'terms')
			AND e.effective_from <= CURRENT_DATE AND (e.effective_to > CURRENT_DATE) IS NOT FALSE
			AND c.effective_from >= e.effective_from + interval '1 year'
			AND r.id IN (e.id, c.id)), '[]')
	FROM medrec.code_release AS r WHERE r.id = release
$$;
COMMENT ON FUNCTION medrec.release_warnings(integer) IS
'Warnings of a loaded release: those that load_release raised for its file, and those for coding edits or rules of a tabular list that are a year or more older than the current codes (reported for both releases). An array of {"severity", "code", "text", "field"}, like issues; code: incomplete, duplicate, conflict, expired. Null if there is no such release. release: number of a release in code_release. Errors: 42501 without SELECT on code_release.';
REVOKE ALL ON FUNCTION medrec.release_warnings(integer) FROM PUBLIC;

CREATE FUNCTION medrec.health_warnings()
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF has_schema_privilege('medrec', 'USAGE') THEN
		IF has_table_privilege('medrec.code_release', 'SELECT')
			AND has_function_privilege('medrec.release_warnings(integer)', 'EXECUTE') THEN
			RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object('code_system', r.code_system, 'version', r.version,
					'content', r.content, 'text', w.warning ->> 'text') ORDER BY r.code_system, r.content, r.effective_from), '[]')
				FROM medrec.code_release AS r, jsonb_array_elements(medrec.release_warnings(r.id)) AS w (warning)
				-- outdated rules are reported once, for the edits
				WHERE r.content <> 'codes' OR w.warning ->> 'code' <> 'expired');
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION medrec.health_warnings() IS
'The warnings of all loaded releases, for health: an array of {"code_system", "version", "content", "text"}; null for users who may not read code_release. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.health_warnings() FROM PUBLIC;

-- include 43-verify-release.sql

-- access
COMMENT ON FUNCTION medrec.logout() IS
'Ends the token of the current request, which its claim jti identifies. No arguments. Errors: PT401 without a token.';
COMMENT ON FUNCTION medrec.revoke_tokens(text) IS
'Ends all tokens of an account, and its lock-out if there is one. For administrators. username: the account''s name. Errors: PT404 no such account, 42501.';
COMMENT ON FUNCTION medrec.pbkdf2_iterations(text) IS
'Iterations of a hash in Django''s form (pbkdf2_sha256$iterations$salt$hash), null for other text or for more than 5,000,000. For an index. password: a stored hash. No errors.';
COMMENT ON FUNCTION medrec.rotate_jwt_key(interval) IS
'Signs tokens with the next key from now on, makes the one after it, and notifies PostgREST. overlap: how long tokens of the current key are still accepted; 0 drops all keys at once, and with them all tokens. Errors: 22023 negative overlap, 42501.';
COMMENT ON FUNCTION medrec.jwt_key_set() IS
'The keys that tokens are accepted with, as a JWK set (RFC 7517). They are secret: anyone who has them can make tokens. No arguments. Errors: 42501.';
COMMENT ON FUNCTION medrec.sees_patient_support(internal) IS
'Planner support function of medrec.sees_patient(): removes it while care teams are off, estimates it, and offers it to indexes. Not to be called.';
COMMENT ON FUNCTION medrec.sees_patient(uuid, boolean) IS
'For policies: whether the patient belongs to a care team of the acting account, or the account has opened the patient with break_glass; always true while medrec.care_team_mode is off. patient: patient.id. refuse: raise an error instead of returning false. Errors: 42501 with refuse, the same for a patient who does not exist.';
COMMENT ON FUNCTION medrec.care_team_changed() IS
'Trigger, AFTER changes of care teams: tells sessions at commit that what they cache about them is out of date. Errors: 39P01 called otherwise.';
COMMENT ON FUNCTION medrec.wrong_arguments() IS
'Answers a call over HTTP whose arguments no function takes. No arguments. Errors: PT404, always.';

CREATE FUNCTION medrec.visible_patients_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_visible_patients_support';
COMMENT ON FUNCTION medrec.visible_patients_support(internal) IS
'Planner support function of medrec.visible_patients(): the cost of an index lookup for each of them. Not to be called.';
REVOKE ALL ON FUNCTION medrec.visible_patients_support(internal) FROM PUBLIC;
CREATE OR REPLACE FUNCTION medrec.visible_patients()
RETURNS uuid[]
LANGUAGE c VOLATILE PARALLEL SAFE SUPPORT medrec.visible_patients_support
AS 'MODULE_PATHNAME', 'medrec_visible_patients';

COMMENT ON FUNCTION medrec.enrol() IS
'Trigger, on patient BEFORE INSERT FOR EACH ROW, and AFTER INSERT with the transition table new_rows: with medrec.care_team_mode on, a new patient belongs to the teams of the account that made them. Errors: 39P01 called otherwise.';
CREATE FUNCTION medrec.watch_number()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_watch_number';
COMMENT ON FUNCTION medrec.watch_number() IS
'Trigger, on patient BEFORE INSERT or UPDATE FOR EACH ROW, after medrec.validate(): with medrec.care_team_mode on, a line in the server''s log names an account that gives a patient the number of a hidden one, even if it rolls back. Errors: 39P01 called otherwise.';
REVOKE ALL ON FUNCTION medrec.watch_number() FROM PUBLIC;
COMMENT ON FUNCTION medrec.break_glass(text, text) IS
'Opens a patient of another team to the acting account for medrec.break_glass_time, and leaves an audit event (table_name break_glass) and a line in the server''s log. The patient is open when the transaction has committed, not within it. Returns {"patient", "expires_at"}. patient: patient.id or patient_id. reason: why, 10 to 2000 characters; white space and invisible characters do not count towards the 10. Errors: 22023 reason too short or long, 25006 in a read-only transaction, PT404 no such patient, 42501 without an account.';
COMMENT ON FUNCTION medrec.login(text, text) IS
'Logs in: returns {"token", "expires_at", "role"}, the token a JWT to send as "Authorization: Bearer ...". username: an account''s name, or an e-mail address that only one account has. password: in clear. A refusal is not an error but an answer, always the same, with status 401. From the fifth failed attempt from one address on, further ones from there are refused for 1, 2, 4 ... up to 900 seconds. While another attempt for the name runs, or eight for others, the answer has status 429. Errors: 25006 in a read-only transaction, 42501 in all sessions but those of medrec_authenticator.';
COMMENT ON FUNCTION medrec.change_password(text, text) IS
'Changes the password of the account that the request''s token names, ends all its tokens, and returns a new one as login does. old_password: the current one; if it is wrong the answer is login''s refusal, and counts as one. new_password: 12 characters to 72 bytes, not the account''s name, not a common password. Errors: 22023 for such a password, 25006 in a read-only transaction, 42501 in all sessions but those of medrec_authenticator, PT401 without an account.';
COMMENT ON FUNCTION medrec.set_password(text, text) IS
'Sets the password of an account, ends all its tokens, and its lock-out if there is one. For administrators. username: the account''s name. password: 12 characters to 72 bytes, not the account''s name, not a common password. Errors: PT404 no such account, 22023 for such a password, 42501.';
COMMENT ON FUNCTION medrec.check_request() IS
'For PostgREST, before each request: checks that the token may be used now. Its account is active and has the role of the request; it has an end and the audience medrec.token_audience; it has not been revoked; and if it comes from login, that login was committed. No arguments. Errors: PT401.';

CREATE FUNCTION medrec.username_key(username text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_username_key';
COMMENT ON FUNCTION medrec.username_key(text) IS
'The key by which usernames are compared, so that no two look alike: NFKC, lower case, without invisible characters, with Latin letters in place of the Cyrillic and Greek ones that look like them. In encodings other than UTF8 only lower case. username: a username. No errors.';
REVOKE ALL ON FUNCTION medrec.username_key(text) FROM PUBLIC;

-- patient search

-- include 61-patient-search.sql

-- uploads

CREATE FUNCTION medrec.load_release_file(
	code_system text, version text, effective_from date, file text,
	format text DEFAULT 'auto', source text DEFAULT NULL,
	OUT id integer, OUT code_system varchar, OUT version varchar, OUT content varchar,
	OUT effective_from date, OUT effective_to date, OUT format varchar, OUT source varchar,
	OUT sha256 bytea, OUT rows integer, OUT loaded_at timestamptz, OUT loaded_by varchar)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_load_release_file';
COMMENT ON FUNCTION medrec.load_release_file(text, text, date, text, text, text) IS
'Like load_release, with a file of up to 1 GB that nginx has received: only files of the folder medrec.upload_folder, under the names that nginx gives to bodies. file: its path. The statement may take half an hour, whatever statement_timeout is. Errors: as for load_release, and 55000 where medrec.upload_folder is not set, 42501 for any other path or where the server cannot read the file, 54000 for a longer one.';
REVOKE ALL ON FUNCTION medrec.load_release_file(text, text, date, text, text, text) FROM PUBLIC;

-- faults of requests

-- include 32-faults.sql

-- functions for applications

-- include 80-requests.sql

-- rights

-- include 62-verify-access.sql

-- migrate
CREATE FUNCTION medrec.copy_comments(source text, target text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
BEGIN
	IF source LIKE '%(%' THEN
		EXECUTE format('COMMENT ON FUNCTION %s IS %L', target::regprocedure, obj_description(source::regprocedure, 'pg_proc'));
		RETURN;
	END IF;
	FOR c IN
		SELECT t.attname AS name, col_description(s.attrelid, s.attnum) AS comment
		FROM pg_attribute AS s JOIN pg_attribute AS t ON t.attname = s.attname
		WHERE s.attrelid = source::regclass AND t.attrelid = target::regclass AND t.attnum > 0 AND NOT t.attisdropped
	LOOP
		EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target::regclass, c.name, c.comment);
	END LOOP;
END
$$;
COMMENT ON FUNCTION medrec.copy_comments(text, text) IS
'For the steps of medrec.migrate(): gives the same object under another name the same comment. source, target: two functions with their argument types, or two tables or views, whose columns of the same name are meant. Errors: 42883, 42P01 if one of them does not exist, 42501 for roles that do not own the target.';
REVOKE ALL ON FUNCTION medrec.copy_comments(text, text) FROM PUBLIC;

CREATE FUNCTION medrec.version()
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_version';
COMMENT ON FUNCTION medrec.version() IS
'Version of the library that the session has loaded, such as 0.2. Warns if the version of the extension''s objects in this database (pg_extension.extversion) differs, and says what to do. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.version() FROM PUBLIC;

CREATE FUNCTION medrec.allow_ddl()
RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_allow_ddl';
COMMENT ON FUNCTION medrec.allow_ddl() IS
'Event trigger function for ddl_command_end and sql_drop: refuses to drop, rename or move the tables and columns that medrec.migrate() made, or to give such a column a type that medrec cannot read. The user''s own columns can be changed, except for a name, or the type uuid, that the audit of a table needs. No arguments. Errors: 2BP01 for what is refused, 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.allow_ddl() FROM PUBLIC;

COMMENT ON FUNCTION medrec.migrate() IS
'Creates or updates medrec''s tables, views, roles and triggers, in one transaction. Idempotent. Returns a row per step applied, and a row without a version per object that had been lost or changed and was repaired: triggers and their modes, row level security, and after DROP EXTENSION ... CASCADE everything that was dropped with the extension. Must be run by a superuser, as it creates roles and event triggers. Warns if the library''s version differs from the extension''s. No arguments. Errors: 42501 for other roles, or if schema medrec or medrec_api belongs to a role that is not a superuser; 55000 if the tables of a dump have no data yet, and during an import.';

-- What the steps of medrec.migrate() have made, to compare and repair it; and the import of a
-- data-only dump.

-- include 70-restore.sql

-- answers over HTTP
-- include 63-answers.sql

-- the description of the HTTP interface
-- include 65-openapi.sql
