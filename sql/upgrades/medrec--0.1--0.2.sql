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

CREATE FUNCTION medrec.audit_arguments(relation regclass, patient name, withhold name[])
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	arguments text[] := '{}';
	c record;
BEGIN
	FOR c IN
		WITH RECURSIVE named AS (
			SELECT patient AS name, 'patient' AS what WHERE patient IS NOT NULL
			UNION
			SELECT w, 'withhold' FROM unnest(withhold) AS w
		), base AS (
			SELECT a.attname AS name, a.atttypid AS type FROM pg_attribute AS a WHERE a.attrelid = relation
			UNION ALL
			SELECT b.name, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
		)
		SELECT n.name, n.what, a.attnum IS NOT NULL AS found,
			EXISTS (SELECT FROM base AS b WHERE b.name = n.name AND b.type = 'uuid'::regtype) AS is_uuid,
			n.name = patient OR EXISTS (SELECT FROM pg_index AS i
				WHERE i.indrelid = relation AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS is_shown
		FROM named AS n
		LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY n.what, a.attnum
	LOOP
		IF c.name IS NULL THEN
			RAISE EXCEPTION 'columns to withhold must not be null' USING ERRCODE = 'null_value_not_allowed';
		ELSIF NOT c.found THEN
			RAISE EXCEPTION 'column "%" of table % does not exist', c.name, relation USING ERRCODE = 'undefined_column';
		ELSIF c.what = 'patient' AND NOT c.is_uuid THEN
			RAISE EXCEPTION 'column "%" of table % is not of type uuid', c.name, relation USING ERRCODE = 'datatype_mismatch',
				DETAIL = 'Patients are identified by medrec.patient.id.';
		ELSIF c.what = 'withhold' AND c.is_shown THEN
			RAISE EXCEPTION 'column "%" of table % cannot be withheld', c.name, relation USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'Events identify the row or the patient by it.';
		END IF;
		arguments := arguments || (c.what || '=' || c.name);
	END LOOP;
	RETURN arguments;
END
$$;
COMMENT ON FUNCTION medrec.audit_arguments(regclass, name, name[]) IS
'The arguments of the triggers that medrec.attach_audit() makes. relation, patient, withhold: as there. Errors: 42703 for a column that does not exist, 42804 for a patient column that is not a uuid, 22023 for a column that cannot be withheld, 22004 for a null among these.';
REVOKE ALL ON FUNCTION medrec.audit_arguments(regclass, name, name[]) FROM PUBLIC;

CREATE FUNCTION medrec.attach_audit(relation regclass, patient name DEFAULT NULL, withhold name[] DEFAULT '{}')
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	audit constant oid := 'medrec.audit()'::regprocedure;
	problem text;
	arguments text[];
	audited boolean;
	made text[] := '{}';
	c record;
	t record;
BEGIN
	SELECT r.*, r.relnamespace = 'medrec'::regnamespace AS of_medrec INTO c FROM pg_class AS r WHERE r.oid = relation;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no such table' USING ERRCODE = 'undefined_table';
	ELSIF NOT pg_has_role(c.relowner, 'USAGE') THEN
		RAISE EXCEPTION 'must be owner of table %', relation USING ERRCODE = 'insufficient_privilege';
	ELSIF c.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION '% is not a table', relation USING ERRCODE = 'wrong_object_type';
	ELSIF to_regclass('medrec.audit_event') IS NULL THEN
		RAISE EXCEPTION 'there is no audit trail' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT * FROM medrec.migrate().';
	END IF;
	-- from here on the table's definition cannot change
	EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', relation);
	problem := CASE
		WHEN c.relkind = 'p' THEN 'It is partitioned: what is written to a partition would leave no event.'
		WHEN EXISTS (SELECT FROM pg_inherits AS i WHERE relation IN (i.inhrelid, i.inhparent))
			THEN 'It is a partition, or one of it and another table inherits from the other: what is written through the one would leave no event of the other.'
		WHEN c.relpersistence = 't' THEN 'It is temporary.'
		WHEN c.relpersistence = 'u' THEN 'It is unlogged: a crash empties it and leaves no event.'
		WHEN c.of_medrec AND c.relname LIKE 'audit\_%' THEN 'It is part of the audit trail.'
		END;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION 'table % cannot be audited', relation USING ERRCODE = 'wrong_object_type', DETAIL = problem;
	ELSIF NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = relation AND i.indisprimary AND i.indimmediate AND i.indisvalid) THEN
		RAISE EXCEPTION 'table % has no primary key', relation USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = 'Events identify rows by it. A deferrable primary key does not count.';
	END IF;
	arguments := medrec.audit_arguments(relation, patient, withhold);
	audited := EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = relation AND g.tgfoid = audit);

	FOR t IN
		SELECT w.name, w.event, w.tables, g.tgname AS present, g.tgfoid = audit AS audits,
			g.tgname = w.name AND g.tgfoid = audit AND g.tgtype = w.type AND g.tgenabled = 'A' AND g.tgqual IS NULL AND g.tgattr = ''
				AND coalesce(g.tgoldtable, '') = w.old_table AND coalesce(g.tgnewtable, '') = w.new_table
				AND g.tgargs = (SELECT coalesce(string_agg(convert_to(a.text, getdatabaseencoding()) || '\x00', '' ORDER BY a.n), '')
					FROM unnest(arguments) WITH ORDINALITY AS a (text, n)) AS same
		FROM (VALUES
			('medrec_audit_insert', 'INSERT', 4, '', 'new_rows', 'REFERENCING NEW TABLE AS new_rows'),
			('medrec_audit_update', 'UPDATE', 16, 'old_rows', 'new_rows', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
			('medrec_audit_delete', 'DELETE', 8, 'old_rows', '', 'REFERENCING OLD TABLE AS old_rows'),
			('medrec_audit_truncate', 'TRUNCATE', 32, '', '', '')
		) AS w (name, event, type, old_table, new_table, tables)
		LEFT JOIN pg_trigger AS g ON g.tgrelid = relation AND (g.tgname = w.name OR g.tgfoid = audit AND g.tgtype & w.type <> 0)
		ORDER BY g.tgname = w.name
	LOOP
		CONTINUE WHEN t.same;
		IF t.present IS NOT NULL AND (t.present <> t.name OR NOT t.audits) THEN
			RAISE EXCEPTION 'trigger "%" of table % conflicts with the audit', t.present, relation USING ERRCODE = 'duplicate_object',
				DETAIL = CASE WHEN t.audits THEN 'It audits the same changes.' ELSE 'It has the name of an audit trigger.' END;
		ELSIF c.of_medrec AND audited THEN
			RAISE EXCEPTION 'table % is audited in another way', relation USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Run SELECT * FROM medrec.migrate() to repair the triggers that it has made.';
		END IF;
		EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
			t.name, t.event, relation, t.tables, (SELECT string_agg(quote_literal(a.text), ', ' ORDER BY a.n)
				FROM unnest(arguments) WITH ORDINALITY AS a (text, n)));
		made := made || format('ENABLE ALWAYS TRIGGER %I', t.name);
	END LOOP;
	-- so that session_replication_role does not silence them
	IF made <> '{}' THEN
		EXECUTE format('ALTER TABLE ONLY %s %s', relation, array_to_string(made, ', '));
	END IF;
	RETURN cardinality(made);
END
$$;
COMMENT ON FUNCTION medrec.attach_audit(regclass, name, name[]) IS
'Audits a table: gives it the four triggers of medrec.audit() that medrec''s own tables have, ENABLE ALWAYS, and returns how many it made or changed, 0 if none had to be. Leaves events (DDL). relation: an ordinary table with a primary key; patient: its uuid column with the patient''s id, which the events then name; withhold: columns whose values are not recorded, only that they changed, with a digest. Called again with other columns it replaces the triggers; not those of a table in schema medrec. Existing rows have no events, and are checked from their first one on. For the table''s owner, if medrec_admin, and superusers. Errors: 42501 for others; 42P01 if the table does not exist; 42809 for other objects, for a partitioned, temporary or unlogged one, a partition, one with parents or children, and the audit trail; 55000 without a primary key, before medrec.migrate(), and for a table in schema medrec that is audited in another way; 42703, 42804, 22023, 22004 for columns (unknown, patient not a uuid, cannot be withheld because events name the row or patient by it, null); 42710 if another trigger has the name or audits the same.';
REVOKE ALL ON FUNCTION medrec.attach_audit(regclass, name, name[]) FROM PUBLIC;

CREATE FUNCTION medrec.detach_audit(relation regclass)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dropped integer := 0;
	c record;
	t record;
BEGIN
	SELECT r.relowner, r.relnamespace = 'medrec'::regnamespace AS of_medrec INTO c FROM pg_class AS r WHERE r.oid = relation;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no such table' USING ERRCODE = 'undefined_table';
	ELSIF NOT pg_has_role(c.relowner, 'USAGE') THEN
		RAISE EXCEPTION 'must be owner of table %', relation USING ERRCODE = 'insufficient_privilege';
	ELSIF c.of_medrec THEN
		RAISE EXCEPTION 'cannot end the audit of table % because medrec requires it', relation
			USING ERRCODE = 'dependent_objects_still_exist';
	END IF;
	FOR t IN
		SELECT g.tgname AS name FROM pg_trigger AS g WHERE g.tgrelid = relation AND g.tgfoid = 'medrec.audit()'::regprocedure
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', t.name, relation);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END
$$;
COMMENT ON FUNCTION medrec.detach_audit(regclass) IS
'Ends the audit of a table that medrec.attach_audit() began: drops its triggers of medrec.audit() and returns how many there were. Leaves events (DDL). The events of its rows stay, and medrec.history() still reads them. relation: the table. For its owner, if medrec_admin, and superusers. Errors: 42501 for others, 42P01 if the table does not exist, 2BP01 for a table in schema medrec.';
REVOKE ALL ON FUNCTION medrec.detach_audit(regclass) FROM PUBLIC;

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

CREATE FUNCTION medrec.verify_release(code_system text DEFAULT NULL, version text DEFAULT NULL,
	OUT kind text, OUT severity text, OUT code_system text, OUT version text, OUT content text, OUT code text, OUT detail text)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_release';
COMMENT ON FUNCTION medrec.verify_release(text, text) IS
'Computes the digest of loaded releases from their rows and lists what differs from what was loaded; if no row has severity error or warning, nothing does. code_system: name, FHIR URI or OID, by default all; version: as it was loaded, by default all. kind: release_altered (the digest differs), then code_changed, code_added, code_removed, and the same of term, note, rule, for 1,000 codes at most; span_altered and rule_days_altered (days of no release; only when all versions are verified); own_rows, own_term_without_event (a term of no release without an event: added by the owner''s SQL, or by 0.1) and no_digest (a release that 0.1 loaded, see digest_release) are information. The digest is stored in code_release, whose events the audit trail seals, so verify_records() reports a changed digest. With the caller''s rights. Works on a standby. Errors: 22023 unknown system, 42501 without SELECT on the terminologies and on the trail, 42P01 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.verify_release(text, text) FROM PUBLIC;

CREATE FUNCTION medrec.digest_release(code_system text, version text, content text DEFAULT 'codes')
RETURNS bytea
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_digest_release';
COMMENT ON FUNCTION medrec.digest_release(text, text, text) IS
'Computes the digest of a release that has none, because medrec 0.1 loaded it, from its current rows, and returns it. Leaves an event of code_release. code_system: name, FHIR URI or OID; version: as it was loaded; content: as in code_release. Errors: PT404 no such release, 55000 it has a digest, 22023 unknown system.';
REVOKE ALL ON FUNCTION medrec.digest_release(text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.add_term(code_system text, code text, term text)
RETURNS bigint
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_add_term';
COMMENT ON FUNCTION medrec.add_term(text, text, text) IS
'Adds a synonym of the user''s own, which belongs to no release, to a code, and returns its number. Leaves an event. code_system: name, FHIR URI or OID; code: in any usual writing, it need not be loaded; term: 1 to 32,768 bytes. Errors: 22023 unknown system, a code with a wrong structure, or a bad term.';
REVOKE ALL ON FUNCTION medrec.add_term(text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.remove_term(id bigint)
RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_remove_term';
COMMENT ON FUNCTION medrec.remove_term(bigint) IS
'Removes a term of the user''s own; leaves an event. Returns false if there is none with that number, or it belongs to a release. id: what add_term() returned, code_term.id. No errors.';
REVOKE ALL ON FUNCTION medrec.remove_term(bigint) FROM PUBLIC;

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

CREATE FUNCTION medrec.name_has_words(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_words';
COMMENT ON FUNCTION medrec.name_has_words(text, text) IS
'Whether each word of the query is a word of the name, ignoring case and accents; false for a query without words. Operator @=. Words of the query with a digit are ignored, and so are those after the eighth. No errors.';

CREATE FUNCTION medrec.name_has_beginnings(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_beginnings';
COMMENT ON FUNCTION medrec.name_has_beginnings(text, text) IS
'Whether each word of the query begins a word of the name. Operator @^. Otherwise like name_has_words(). No errors.';

CREATE FUNCTION medrec.name_has_parts(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_has_parts';
COMMENT ON FUNCTION medrec.name_has_parts(text, text) IS
'Whether each word of the query is in a word of the name: at its beginning, or anywhere from three letters on. Operator @~. Otherwise like name_has_words(). No errors.';

CREATE FUNCTION medrec.name_resembles(name text, query text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'medrec_name_resembles';
COMMENT ON FUNCTION medrec.name_resembles(text, text) IS
'Whether each word of the query begins a word of the name, or has four letters or more and differs from one by one error: a letter too many, missing or wrong, or two neighbours exchanged. Operator @%. Otherwise like name_has_words(). No errors.';

CREATE OPERATOR medrec.@= (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_words, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@^ (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_beginnings, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@~ (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_has_parts, RESTRICT = matchingsel);
CREATE OPERATOR medrec.@% (LEFTARG = text, RIGHTARG = text, FUNCTION = medrec.name_resembles, RESTRICT = matchingsel);
COMMENT ON OPERATOR medrec.@= (text, text) IS 'medrec.name_has_words(): a name has the words of a query.';
COMMENT ON OPERATOR medrec.@^ (text, text) IS 'medrec.name_has_beginnings(): a name has words that begin with those of a query.';
COMMENT ON OPERATOR medrec.@~ (text, text) IS 'medrec.name_has_parts(): a name has words that contain those of a query.';
COMMENT ON OPERATOR medrec.@% (text, text) IS 'medrec.name_resembles(): a name has the words of a query, with up to one error each.';

CREATE FUNCTION medrec.name_compare(text, text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_compare';
COMMENT ON FUNCTION medrec.name_compare(text, text) IS 'For operator class medrec.name_ops: the order of its keys. Not to be called.';

CREATE FUNCTION medrec.name_keys(text, internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_keys';
COMMENT ON FUNCTION medrec.name_keys(text, internal, internal) IS 'For operator class medrec.name_ops: the keys of a name. Not to be called.';

CREATE FUNCTION medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_query_keys';
COMMENT ON FUNCTION medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal) IS
'For operator class medrec.name_ops: the keys of a query. Not to be called.';

CREATE FUNCTION medrec.name_compare_partial(text, text, smallint, internal)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_compare_partial';
COMMENT ON FUNCTION medrec.name_compare_partial(text, text, smallint, internal) IS
'For operator class medrec.name_ops: whether a key begins with that of a query. Not to be called.';

CREATE FUNCTION medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal)
RETURNS "char"
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_consistent';
COMMENT ON FUNCTION medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal) IS
'For operator class medrec.name_ops: whether a name with these keys may be found. Not to be called.';

CREATE OPERATOR CLASS medrec.name_ops FOR TYPE text USING gin AS
	OPERATOR 1 medrec.@= (text, text),
	OPERATOR 2 medrec.@^ (text, text),
	OPERATOR 3 medrec.@~ (text, text),
	OPERATOR 4 medrec.@% (text, text),
	FUNCTION 1 medrec.name_compare(text, text),
	FUNCTION 2 medrec.name_keys(text, internal, internal),
	FUNCTION 3 medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal),
	FUNCTION 5 medrec.name_compare_partial(text, text, smallint, internal),
	FUNCTION 6 medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal),
	STORAGE text;
COMMENT ON OPERATOR CLASS medrec.name_ops USING gin IS
'Names of people: finds them by words, beginnings, parts, and with an error, ignoring case and accents.';

CREATE FUNCTION medrec.name_count_words(query text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_count_words';
COMMENT ON FUNCTION medrec.name_count_words(text) IS
'How many words of a query for patients are searched in names: the first eight words without a digit. No errors.';

CREATE FUNCTION medrec.name_query_date(query text)
RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_name_query_date';
COMMENT ON FUNCTION medrec.name_query_date(text) IS
'The first date in a query for patients, written 1980-02-03, 03.02.1980 (day first) or 02/03/1980 (month first); null if there is none. No errors.';

CREATE FUNCTION medrec.search_patients(q text, max integer DEFAULT 20,
	OUT id uuid, OUT name text, OUT age integer, OUT gender text, OUT patient_id text, OUT birth_date date,
	OUT last_visit timestamptz, OUT matched text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number text := left(btrim(q), 21);
	words integer := medrec.name_count_words(q);
	born date := medrec.name_query_date(q);
	left_over integer := max;
	n integer;
BEGIN
	IF max IS NULL OR max < 1 OR max > 100 THEN
		RAISE EXCEPTION 'max must be between 1 and 100' USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- the record number: whole, else its beginning
	IF length(number) BETWEEN 1 AND 20 THEN
		RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'number'
		FROM ONLY medrec.patient AS p WHERE p.patient_id IN (number, upper(number)) ORDER BY p.patient_id = number DESC LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		IF n > 0 THEN
			RETURN;
		END IF;
		IF born IS NULL AND length(number) >= 3 AND number ~ '^[!-~]*[0-9][!-~]*$' THEN
			RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'number'
			FROM ONLY medrec.patient AS p
			WHERE (p.patient_id ~>=~ number AND p.patient_id ~<~ (number || E'\x7f'))
				OR (p.patient_id ~>=~ upper(number) AND p.patient_id ~<~ (upper(number) || E'\x7f'))
			ORDER BY p.patient_id::text USING ~<~ LIMIT left_over;
			GET DIAGNOSTICS n = ROW_COUNT;
			IF n > 0 THEN
				RETURN;
			END IF;
		END IF;
	END IF;

	IF words = 0 THEN
		IF born IS NOT NULL AND left_over > 0 THEN
			RETURN QUERY SELECT p.id, p.name::text, p.age, p.gender::text, p.patient_id::text, p.birth_date, p.last_visit, 'birth_date'
			FROM ONLY medrec.patient AS p WHERE p.birth_date = born ORDER BY p.name, p.patient_id LIMIT left_over;
		END IF;
		RETURN;
	END IF;

	-- the name, each way only if those before have not found enough; of very many only the first 500 found are sorted
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'words'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@=) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'beginnings'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@^) q AND NOT p.name OPERATOR(medrec.@=) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'parts'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@~) q AND NOT p.name OPERATOR(medrec.@^) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
		GET DIAGNOSTICS n = ROW_COUNT;
		left_over := left_over - n;
	END IF;
	IF left_over > 0 THEN
		RETURN QUERY SELECT s.id, s.name::text, s.age, s.gender::text, s.patient_id::text, s.birth_date, s.last_visit, 'slip'
		FROM (SELECT * FROM ONLY medrec.patient AS p WHERE p.name OPERATOR(medrec.@%) q AND NOT p.name OPERATOR(medrec.@~) q
			AND (born IS NULL OR p.birth_date = born) LIMIT 500) AS s ORDER BY s.name, s.patient_id LIMIT left_over;
	END IF;
END
$$;
COMMENT ON FUNCTION medrec.search_patients(text, integer) IS
'Patients that the caller may see, the best matches first. q: a record number or, from three characters on, its beginning; a birth date (1980-02-03, 03.02.1980 or, month first, 02/03/1980); words of a name, in any order, ignoring case and accents, whole or their beginnings, from three letters on any part, from four letters on with one error in each; or a name and a birth date. max: the most rows, 1 to 100. matched: number, birth_date, words, beginnings, parts or slip. A null or empty q finds nobody. With the caller''s rights on patients. Errors: 22023 for a bad max, 42501 without rights.';

REVOKE ALL ON FUNCTION
	medrec.name_has_words(text, text),
	medrec.name_has_beginnings(text, text),
	medrec.name_has_parts(text, text),
	medrec.name_resembles(text, text),
	medrec.name_compare(text, text),
	medrec.name_keys(text, internal, internal),
	medrec.name_query_keys(text, internal, smallint, internal, internal, internal, internal),
	medrec.name_compare_partial(text, text, smallint, internal),
	medrec.name_consistent(internal, smallint, text, integer, internal, internal, internal),
	medrec.name_count_words(text),
	medrec.name_query_date(text),
	medrec.search_patients(text, integer)
	FROM PUBLIC;

-- rights

CREATE FUNCTION medrec.verify_access(OUT kind text, OUT severity text, OUT seal bigint, OUT object text, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_access';
COMMENT ON FUNCTION medrec.verify_access() IS
'Compares everything that decides who may do what (tables, views, columns, constraints, row level security, policies, triggers and event triggers with their modes, rules, functions with their bodies, rights, owners, medrec''s roles with attributes and members, settings by database and role) with what CREATE EXTENSION and migrate() make, and lists the differences. severity: error; warning, for what the owner has added; information, for what belongs to a site, such as logins that are members of medrec''s roles. If no row has severity error or warning, nothing has changed. seal: the first seal of the audit trail whose snapshot of rights has the current state; null if it has been changed since the last one. kind: what it is, with _changed, _added or _missing; membership, role, setting, owner, and the like; snapshot_altered, baseline_altered, baseline_outdated. Called by a superuser, it makes everything again from the script in the library, in empty schemas, and rolls that back; for other callers, and on a standby, it compares with what migrate() kept in medrec.audit_access. No arguments. Error: 42P01 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.verify_access() FROM PUBLIC;

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

CREATE FUNCTION medrec.layout(OUT kind text, OUT object text, OUT definition text, OUT mode "char", OUT command text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH space AS (
	SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = 'medrec' OR n.nspname LIKE 'medrec\_%'
), member AS (
	SELECT d.objid AS oid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'medrec'
	WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
), rel AS (
	-- the months of the trail come and go; they must be like their default partition
	SELECT c.*, c.oid::regclass::text AS name FROM pg_class AS c JOIN space AS s ON s.oid = c.relnamespace
	WHERE NOT c.relispartition OR c.relname = 'audit_event_default'
), routine AS (
	SELECT p.*, p.oid::regprocedure::text AS name, m.oid IS NOT NULL AS is_member
	FROM pg_proc AS p JOIN space AS s ON s.oid = p.pronamespace LEFT JOIN member AS m ON m.oid = p.oid
	WHERE p.prokind IN ('f', 'p')
), granted AS (
	SELECT r.oid, 0 AS part, 'ROUTINE ' || r.name AS what, a.privilege_type AS privilege, a.grantee, a.is_grantable
	FROM routine AS r CROSS JOIN LATERAL aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) AS a
	WHERE a.grantee <> r.proowner
	UNION ALL
	SELECT v.oid, 0, 'TABLE ' || v.name, a.privilege_type, a.grantee, a.is_grantable
	FROM rel AS v CROSS JOIN LATERAL aclexplode(v.relacl) AS a WHERE v.relkind = 'v' AND a.grantee <> v.relowner
	UNION ALL
	SELECT v.oid, c.attnum, 'TABLE ' || v.name, format('%s (%I)', a.privilege_type, c.attname), a.grantee, a.is_grantable
	FROM rel AS v JOIN pg_attribute AS c ON c.attrelid = v.oid AND c.attnum > 0 AND NOT c.attisdropped
	CROSS JOIN LATERAL aclexplode(c.attacl) AS a WHERE v.relkind = 'v' AND a.grantee <> v.relowner
), grants AS (
	SELECT g.oid, string_agg(format(E';\nGRANT %s ON %s TO %s%s', g.privilege, g.what,
		CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
		CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '' ORDER BY g.part, g.privilege, g.grantee) AS commands
	FROM granted AS g GROUP BY g.oid
)
SELECT 'table', 'table ' || r.name, NULL, NULL::"char", NULL FROM rel AS r WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'row security', 'row level security of ' || r.name, NULL, NULL,
	concat_ws(E';\n', CASE WHEN r.relrowsecurity THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.name) END,
		CASE WHEN r.relforcerowsecurity THEN format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', r.name) END)
FROM rel AS r WHERE r.relkind IN ('r', 'p') AND (r.relrowsecurity OR r.relforcerowsecurity)
UNION ALL
SELECT 'view', 'view ' || v.name, NULL, NULL,
	format('CREATE VIEW %s%s AS %s', v.name,
		' WITH (' || array_to_string(v.reloptions, ', ') || ')', rtrim(pg_get_viewdef(v.oid), ';'))
	|| coalesce((SELECT string_agg(format(E';\nCOMMENT ON %s IS %L',
			CASE d.objsubid WHEN 0 THEN 'VIEW ' || v.name ELSE format('COLUMN %s.%I', v.name, a.attname) END, d.description),
			'' ORDER BY d.objsubid)
		FROM pg_description AS d LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
		WHERE d.classoid = 'pg_class'::regclass AND d.objoid = v.oid), '')
	|| coalesce((SELECT string_agg(format(E';\nALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', v.name, a.attname,
			pg_get_expr(d.adbin, d.adrelid)), '' ORDER BY d.adnum)
		FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = v.oid), '')
	|| format(E';\nREVOKE ALL ON TABLE %s FROM PUBLIC', v.name) || coalesce(g.commands, '')
FROM rel AS v LEFT JOIN grants AS g ON g.oid = v.oid WHERE v.relkind = 'v'
UNION ALL
SELECT 'function', 'function ' || r.name, NULL, NULL,
	rtrim(pg_get_functiondef(r.oid), E' \n')
	|| coalesce(format(E';\nCOMMENT ON ROUTINE %s IS %L', r.name, obj_description(r.oid, 'pg_proc')), '')
	|| format(E';\nREVOKE ALL ON ROUTINE %s FROM PUBLIC', r.name) || coalesce(g.commands, '')
	|| CASE WHEN r.proowner = quote_ident(current_user)::regrole THEN ''
		ELSE format(E';\nALTER ROUTINE %s OWNER TO %s', r.name, r.proowner::regrole) END
FROM routine AS r LEFT JOIN grants AS g ON g.oid = r.oid WHERE NOT r.is_member
UNION ALL
-- what the steps grant on the extension's own functions
SELECT 'grant', format('%s on %s to %s', g.privilege, g.what, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END),
	NULL, NULL, format('GRANT %s ON %s TO %s%s', g.privilege, g.what, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
		CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM granted AS g JOIN routine AS r ON r.oid = g.oid WHERE r.is_member
UNION ALL
SELECT 'constraint', format('constraint %I of %s', c.conname, r.name), NULL, NULL,
	format('ALTER TABLE %s ADD CONSTRAINT %I %s', r.name, c.conname, pg_get_constraintdef(c.oid))
FROM rel AS r JOIN pg_constraint AS c ON c.conrelid = r.oid WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0
UNION ALL
SELECT 'index', format('index %s of %s', i.indexrelid::regclass, r.name), NULL, NULL,
	pg_get_indexdef(i.indexrelid) || coalesce(format(E';\nCOMMENT ON INDEX %s IS %L', i.indexrelid::regclass,
		obj_description(i.indexrelid, 'pg_class')), '')
FROM rel AS r JOIN pg_index AS i ON i.indrelid = r.oid
WHERE NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.conrelid = r.oid)
	AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid)
UNION ALL
SELECT 'policy', format('policy %I of %s', p.polname, r.name), NULL, NULL,
	format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, r.name,
		CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
		CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
		(SELECT string_agg(CASE o.oid WHEN 0 THEN 'PUBLIC' ELSE o.oid::regrole::text END, ', ') FROM unnest(p.polroles) AS o (oid)),
		' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
FROM rel AS r JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT 'trigger', format('trigger %I on %s', t.tgname, r.name), pg_get_triggerdef(t.oid), t.tgenabled, NULL
FROM rel AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
SELECT 'event trigger', format('event trigger %I', e.evtname), format('CREATE EVENT TRIGGER %I ON %s%s EXECUTE FUNCTION %s()', e.evtname, e.evtevent,
		(SELECT ' WHEN TAG IN (' || string_agg(quote_literal(x.tag), ', ' ORDER BY x.tag) || ')' FROM unnest(e.evttags) AS x (tag)), e.evtfoid::regproc),
	e.evtenabled, NULL
FROM pg_event_trigger AS e JOIN member AS m ON m.oid = e.evtfoid
$$;
COMMENT ON FUNCTION medrec.layout() IS
'The objects in the schemas medrec and medrec_*, without the months of the audit trail: an object per row, with the command that makes it. kind: table, row security, view, function, grant (on a function of the extension), constraint, index, policy, trigger, event trigger. definition: what triggers are compared by; mode: their state, as in pg_trigger.tgenabled. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.layout() FROM PUBLIC;

CREATE FUNCTION medrec.layout_wanted()
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted jsonb;
	seeds jsonb := '[]';
	applied integer[];
	aside name;
	filled boolean;
	r record;
BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'permission denied to lay out medrec''s tables' USING ERRCODE = 'insufficient_privilege',
			HINT = 'Must be superuser.';
	END IF;
	SELECT array_agg(m.version) INTO applied FROM medrec.schema_migration AS m;
	-- The steps themselves define what is wanted. They run in empty schemas and are rolled back: no
	-- other session sees it, no table of the database is locked or touched.
	BEGIN
		PERFORM set_config('client_min_messages', 'error', true);
		-- event triggers of others
		PERFORM set_config('session_replication_role', 'replica', true);
		FOR r IN SELECT e.evtname FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid
			WHERE p.pronamespace = 'medrec'::regnamespace
		LOOP
			EXECUTE format('DROP EVENT TRIGGER %I', r.evtname);
		END LOOP;
		FOR r IN SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = 'medrec' OR n.nspname LIKE 'medrec\_%' LOOP
			EXECUTE format('ALTER SCHEMA %I RENAME TO %I', r.nspname, 'aside_' || r.oid);
			IF r.nspname = 'medrec' THEN
				aside := 'aside_' || r.oid;
			END IF;
		END LOOP;
		CREATE SCHEMA medrec;
		FOR r IN SELECT d.classid, d.objid FROM pg_depend AS d
			JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'medrec'
			WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		LOOP
			EXECUTE (SELECT format('ALTER %s %s SET SCHEMA medrec', i.type, i.identity) FROM pg_identify_object(r.classid, r.objid, 0) AS i);
		END LOOP;
		EXECUTE format('CREATE TABLE medrec.schema_migration (LIKE %I.schema_migration INCLUDING ALL)', aside);
		EXECUTE format('INSERT INTO medrec.schema_migration SELECT * FROM %I.schema_migration', aside);
		FOR r IN SELECT s.script FROM medrec.migration_step() AS s WHERE s.version = ANY (applied) ORDER BY s.version LOOP
			EXECUTE r.script;
		END LOOP;
		SELECT jsonb_agg(to_jsonb(l)) INTO wanted FROM medrec.layout() AS l;
		FOR r IN SELECT c.oid::regclass AS name FROM pg_class AS c
			WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		LOOP
			EXECUTE format('SELECT EXISTS (SELECT FROM %s)', r.name) INTO filled;
			IF filled OR r.name = 'medrec.schema_migration'::regclass THEN
				seeds := seeds || jsonb_build_object('kind', 'seed', 'object', r.name::text);
			END IF;
		END LOOP;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'MR001';
	EXCEPTION WHEN SQLSTATE 'MR001' THEN
		NULL;
	END;
	RETURN coalesce(wanted, '[]') || seeds;
END
$$;
COMMENT ON FUNCTION medrec.layout_wanted() IS
'What medrec.layout() would return if the steps applied in this database had just been run, as a JSON array; and with kind seed the tables that they fill. Runs the steps and rolls them back. No arguments. Error: 42501 for anyone but a superuser.';
REVOKE ALL ON FUNCTION medrec.layout_wanted() FROM PUBLIC;

CREATE FUNCTION medrec.layout_restore(wanted jsonb)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET check_function_bodies = off
AS $$
DECLARE
	want record;
	r record;
	-- DROP EXTENSION ... CASCADE has dropped the triggers
	lost boolean := NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
		JOIN pg_class AS c ON c.oid = t.tgrelid
		WHERE p.pronamespace = 'medrec'::regnamespace AND c.relnamespace = 'medrec'::regnamespace AND NOT t.tgisinternal);
BEGIN
	-- What is dropped with the extension, in the order in which it can be made. The owner may have dropped
	-- one of these alone on purpose; restoring a right that was revoked would be wrong.
	FOR want IN
		SELECT w.* FROM jsonb_to_recordset(wanted) AS w (kind text, object text, command text)
		WHERE w.kind IN ('view', 'function', 'grant', 'constraint', 'index', 'policy', 'table')
			AND NOT EXISTS (SELECT FROM medrec.layout() AS l WHERE l.kind = w.kind AND l.object = w.object)
		ORDER BY array_position('{table,constraint,index,view,function,grant,policy}', w.kind), w.object
	LOOP
		IF NOT lost OR want.kind = 'table' THEN
			CONTINUE WHEN want.kind = 'grant';
			RAISE WARNING 'medrec: % is missing', want.object;
			CONTINUE;
		END IF;
		EXECUTE want.command;
		RETURN NEXT want.object;
	END LOOP;
	IF lost THEN
		FOR r IN SELECT l.object FROM medrec.layout() AS l
			WHERE l.kind = 'grant' AND l.object LIKE '% to PUBLIC' AND NOT EXISTS (SELECT
				FROM jsonb_to_recordset(wanted) AS w (kind text, object text) WHERE w.kind = l.kind AND w.object = l.object)
		LOOP
			EXECUTE 'REVOKE ' || regexp_replace(r.object, ' to PUBLIC$', ' FROM PUBLIC');
		END LOOP;
	END IF;

	FOR want IN
		SELECT w.* FROM jsonb_to_recordset(wanted) AS w (kind text, object text, command text)
		WHERE w.kind = 'row security' AND NOT EXISTS (SELECT FROM medrec.layout() AS l
			WHERE l.kind = w.kind AND l.object = w.object AND l.command = w.command)
			AND to_regclass(regexp_replace(w.object, '^row level security of ', '')) IS NOT NULL
	LOOP
		EXECUTE want.command;
		RETURN NEXT want.object;
	END LOOP;

	-- triggers: present, as they were made, and in their mode; those of each month like the default partition's
	FOR want IN
		WITH w AS (
			SELECT j.object, j.definition, j.mode, (regexp_match(j.object, '^trigger (.*) on (.*)$'))[1] AS name,
				(regexp_match(j.object, '^trigger (.*) on (.*)$'))[2] AS relation
			FROM jsonb_to_recordset(wanted) AS j (kind text, object text, definition text, mode "char") WHERE j.kind = 'trigger'
		), month AS (
			SELECT i.inhrelid::regclass::text AS name FROM pg_inherits AS i
			WHERE i.inhparent IN (to_regclass('medrec.audit_event'), to_regclass('medrec.audit_archived'))
		), all_wanted AS (
			SELECT w.name, w.relation, w.definition, w.mode FROM w
			UNION
			SELECT w.name, m.name, replace(w.definition, ' medrec.audit_event_default ', ' ' || m.name || ' '), w.mode
			FROM w, month AS m WHERE w.relation = 'medrec.audit_event_default'
		)
		SELECT a.*, t.oid AS oid, t.tgenabled AS is_mode, pg_get_triggerdef(t.oid) IS DISTINCT FROM a.definition AS differs
		FROM all_wanted AS a LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(a.relation) AND quote_ident(t.tgname) = a.name
		WHERE to_regclass(a.relation) IS NOT NULL
			AND (pg_get_triggerdef(t.oid) IS DISTINCT FROM a.definition
				OR t.tgenabled NOT IN (a.mode, 'A'))
		ORDER BY a.relation, a.name
	LOOP
		IF want.differs THEN
			IF want.oid IS NOT NULL THEN
				EXECUTE format('DROP TRIGGER %s ON %s', want.name, want.relation);
			END IF;
			EXECUTE want.definition;
		END IF;
		EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %s', want.relation,
			CASE want.mode WHEN 'A' THEN 'ALWAYS' ELSE '' END, want.name);
		RETURN NEXT format('trigger %s on %s', want.name, want.relation);
	END LOOP;
	-- the months' part of a trigger of the whole trail
	FOR r IN
		SELECT t.tgname, t.tgrelid::regclass AS relation, p.tgenabled AS mode
		FROM pg_trigger AS t JOIN pg_trigger AS p ON p.oid = t.tgparentid
		WHERE p.tgrelid IN (to_regclass('medrec.audit_event'), to_regclass('medrec.audit_archived')) AND t.tgenabled <> p.tgenabled
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', r.relation, CASE r.mode WHEN 'A' THEN 'ALWAYS' ELSE '' END, r.tgname);
		RETURN NEXT format('trigger %I on %s', r.tgname, r.relation);
	END LOOP;
	-- foreign keys, which DISABLE TRIGGER ALL disables too
	FOR r IN
		SELECT t.tgname, t.tgrelid::regclass AS relation
		FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
		WHERE c.relnamespace = 'medrec'::regnamespace AND t.tgisinternal AND t.tgenabled = 'D'
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', r.relation, r.tgname);
		RETURN NEXT format('foreign keys of %s', r.relation);
	END LOOP;
	-- other tables that medrec audits
	FOR r IN
		SELECT t.tgname, t.tgrelid::regclass AS relation
		FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
		WHERE c.relnamespace <> 'medrec'::regnamespace AND p.pronamespace = 'medrec'::regnamespace AND p.proname = 'audit'
			AND t.tgenabled <> 'A'
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.tgname);
		RETURN NEXT format('trigger %I on %s', r.tgname, r.relation);
	END LOOP;
	IF lost AND to_regclass('medrec.audit_attached') IS NOT NULL THEN
		FOR r IN
			SELECT a.*, to_regclass(format('%I.%I', a.schema_name, a.table_name)) AS relation FROM medrec.audit_attached AS a
		LOOP
			IF r.relation IS NULL THEN
				RAISE WARNING 'medrec: table %.%, which had trigger %, is missing', r.schema_name, r.table_name, r.trigger_name;
				CONTINUE;
			END IF;
			EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s%s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
				r.trigger_name, r.event, r.relation,
				CASE r.event WHEN 'INSERT' THEN format(' REFERENCING NEW TABLE AS %I', r.new_table)
					WHEN 'DELETE' THEN format(' REFERENCING OLD TABLE AS %I', r.old_table)
					WHEN 'UPDATE' THEN format(' REFERENCING OLD TABLE AS %I NEW TABLE AS %I', r.old_table, r.new_table) END,
				(SELECT string_agg(quote_literal(x), ', ') FROM unnest(r.arguments) AS x));
			EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation, r.trigger_name);
			RETURN NEXT format('trigger %I on %s', r.trigger_name, r.relation);
		END LOOP;
	END IF;

	-- last, so that everything before is one event and not one for each
	FOR want IN
		SELECT w.definition, w.mode, substr(w.object, 15) AS name, e.oid, l.definition IS DISTINCT FROM w.definition AS differs
		FROM jsonb_to_recordset(wanted) AS w (kind text, object text, definition text, mode "char")
		LEFT JOIN medrec.layout() AS l ON l.kind = w.kind AND l.object = w.object
		LEFT JOIN pg_event_trigger AS e ON quote_ident(e.evtname) = substr(w.object, 15)
		WHERE w.kind = 'event trigger' AND (l.definition IS DISTINCT FROM w.definition OR l.mode <> w.mode)
	LOOP
		IF want.differs THEN
			IF want.oid IS NOT NULL THEN
				EXECUTE format('DROP EVENT TRIGGER %s', want.name);
			END IF;
			EXECUTE want.definition;
		END IF;
		EXECUTE format('ALTER EVENT TRIGGER %s ENABLE %s', want.name, CASE want.mode WHEN 'A' THEN 'ALWAYS' ELSE '' END);
		RETURN NEXT format('event trigger %s', want.name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION medrec.layout_restore(jsonb) IS
'Repairs what differs from what is wanted, and names it, a row per object: triggers, event triggers and row level security always; views, functions, constraints, indexes, policies and rights if DROP EXTENSION ... CASCADE has dropped all of medrec''s triggers. Warns of other missing objects. wanted: the result of medrec.layout_wanted().';
REVOKE ALL ON FUNCTION medrec.layout_restore(jsonb) FROM PUBLIC;

CREATE FUNCTION medrec.audit_remark(action text, details jsonb)
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_remark';
COMMENT ON FUNCTION medrec.audit_remark(text, jsonb) IS
'Leaves an event of the whole database in the audit trail. action: REPAIR (what migrate() has repaired) or IMPORT (data were loaded with triggers disabled); details: stored in new_values. Errors: 42501 for anyone but a superuser, 22023 for another action.';
REVOKE ALL ON FUNCTION medrec.audit_remark(text, jsonb) FROM PUBLIC;

CREATE FUNCTION medrec.repair()
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	repaired text[];
BEGIN
	IF to_regclass('medrec.data_import') IS NOT NULL THEN
		RAISE EXCEPTION 'data are being imported' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'When all data are loaded, run SELECT * FROM medrec.import_end().';
	END IF;
	SELECT array_agg(o) INTO repaired FROM medrec.layout_restore(medrec.layout_wanted()) AS o;
	IF repaired IS NOT NULL THEN
		PERFORM medrec.audit_remark('REPAIR', jsonb_build_object('repaired', repaired));
	END IF;
	RETURN QUERY SELECT unnest(repaired);
END
$$;
COMMENT ON FUNCTION medrec.repair() IS
'Repairs what medrec.migrate() has made and what has been lost or changed since, as medrec.layout_restore() says, names it, and leaves an event (REPAIR). migrate() calls it. No arguments. Errors: 42501 for anyone but a superuser, 55000 between medrec.import_begin() and medrec.import_end().';
REVOKE ALL ON FUNCTION medrec.repair() FROM PUBLIC;

CREATE FUNCTION medrec.remember_attached()
RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- medrec belongs to a superuser; other extensions may belong to roles without access to medrec
	IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RETURN;
	ELSIF to_regclass('medrec.audit_attached') IS NULL THEN
		RETURN;
	END IF;
	DELETE FROM medrec.audit_attached;
	INSERT INTO medrec.audit_attached (schema_name, table_name, trigger_name, event, old_table, new_table, arguments)
	SELECT n.nspname, c.relname, t.tgname,
		CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' WHEN t.tgtype & 8 <> 0 THEN 'DELETE' WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' ELSE 'TRUNCATE' END,
		t.tgoldtable, t.tgnewtable,
		(SELECT coalesce(array_agg(convert_from(decode(a.arg, 'escape'), getdatabaseencoding()) ORDER BY a.n), '{}')
			FROM unnest(string_to_array(encode(t.tgargs, 'escape'), '\000')) WITH ORDINALITY AS a (arg, n) WHERE a.n <= t.tgnargs)
	FROM pg_trigger AS t
	JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
	JOIN pg_proc AS p ON p.oid = t.tgfoid
	WHERE p.proname = 'audit' AND p.pronamespace = 'medrec'::regnamespace AND n.nspname <> 'medrec' AND NOT t.tgisinternal;
END
$$;
COMMENT ON FUNCTION medrec.remember_attached() IS
'Event trigger function for ddl_command_start of DROP EXTENSION: records which other tables have medrec.audit(), so that medrec.migrate() can attach it again. No arguments. Error: 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.remember_attached() FROM PUBLIC;

CREATE FUNCTION medrec.import_begin(since date DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	steps integer[];
	seeds text[];
	month timestamptz;
	name text;
	filled boolean;
	r record;
BEGIN
	IF to_regclass('medrec.audit_event') IS NULL OR to_regclass('medrec.schema_migration') IS NULL THEN
		RAISE EXCEPTION 'there are no tables to import into' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT * FROM medrec.migrate(), or restore the schema first.';
	ELSIF to_regclass('medrec.data_import') IS NOT NULL THEN
		RAISE EXCEPTION 'an import has begun already' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'When all data are loaded, run SELECT * FROM medrec.import_end().';
	END IF;
	SELECT array_agg(w.object) INTO seeds
	FROM jsonb_to_recordset(medrec.layout_wanted()) AS w (kind text, object text) WHERE w.kind = 'seed';
	SELECT array_agg(m.version ORDER BY m.version) INTO steps FROM medrec.schema_migration AS m;

	-- do not import into a database in use: only rows that migrate() inserted may exist
	FOR r IN SELECT c.oid::regclass AS name FROM pg_class AS c
		WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	LOOP
		EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', r.name);
		IF r.name::text <> ALL (seeds || '{medrec.audit_event,medrec.audit_seal,medrec.audit_era,medrec.audit_access}') THEN
			EXECUTE format('SELECT EXISTS (SELECT FROM %s)', r.name) INTO filled;
			IF filled THEN
				RAISE EXCEPTION 'table % is not empty', r.name USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Import into a new database.';
			END IF;
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM medrec.audit_event AS e
		WHERE e.action <> 'DDL' AND 'medrec.' || quote_ident(e.table_name) <> ALL (seeds))
	THEN
		RAISE EXCEPTION 'the audit trail has events of records' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Import into a new database.';
	END IF;

	-- the guards are disabled, which verify_audit() reports meanwhile
	FOR r IN SELECT e.evtname FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid
		WHERE p.pronamespace = 'medrec'::regnamespace
	LOOP
		EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', r.evtname);
	END LOOP;
	FOR r IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger AS t
		JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
		WHERE p.pronamespace IN ('medrec'::regnamespace, 'medrec_gate'::regnamespace) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
		ORDER BY t.tgparentid
	LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', r.relation, r.tgname);
	END LOOP;

	-- the months of the dump
	month := date_trunc('month', since::timestamptz);
	WHILE month < date_trunc('month', now()) LOOP
		name := 'audit_event_' || to_char(month, 'YYYY_MM');
		IF to_regclass('medrec.' || name) IS NULL THEN
			EXECUTE format('CREATE TABLE medrec.%I PARTITION OF medrec.audit_event FOR VALUES FROM (%L) TO (%L)',
				name, month, month + '1 month'::interval);
			EXECUTE format('COMMENT ON TABLE medrec.%I IS %L', name,
				'The audit trail''s events of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
			EXECUTE format('ALTER TABLE medrec.%I DISABLE TRIGGER USER', name);
		END IF;
		month := month + '1 month'::interval;
	END LOOP;

	-- what the dump contains itself
	EXECUTE 'TRUNCATE ' || (SELECT string_agg(DISTINCT x, ', ')
		FROM unnest(seeds || '{medrec.audit_event,medrec.audit_seal,medrec.audit_era,medrec.audit_access,medrec.schema_migration}') AS x);
	CREATE TABLE medrec.data_import AS
		SELECT clock_timestamp() AS begun_at, session_user::text AS begun_by, steps AS steps;
	COMMENT ON TABLE medrec.data_import IS 'Exists between medrec.import_begin() and medrec.import_end().';
	REVOKE ALL ON medrec.data_import FROM PUBLIC;
END
$$;
COMMENT ON FUNCTION medrec.import_begin(date) IS
'Opens an empty database for a data-only dump (pg_dump --data-only): removes the rows that migrate() has put there and disables medrec''s triggers until medrec.import_end(). since: the first month of the dump''s audit trail, if the tables were made by migrate() and not by the dump''s schema. Errors: 42501 for anyone but a superuser; 55000 if a table has rows already, an import has begun, or there are no tables.';
REVOKE ALL ON FUNCTION medrec.import_begin(date) FROM PUBLIC;

CREATE FUNCTION medrec.import_end(OUT table_name text, OUT rows bigint)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	import record;
	known integer[];
	counts jsonb := '{}';
	r record;
BEGIN
	IF to_regclass('medrec.data_import') IS NULL THEN
		RAISE EXCEPTION 'no import has begun' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT medrec.import_begin() before loading the data.';
	END IF;
	SELECT * INTO import FROM medrec.data_import;
	SELECT array_agg(m.version ORDER BY m.version) INTO known FROM medrec.schema_migration AS m;
	IF known IS DISTINCT FROM import.steps AND import.steps IS NOT NULL OR known IS NULL THEN
		RAISE EXCEPTION 'the data have another layout than the tables' USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = format('Steps of the tables: %s; of the data: %s.', array_to_string(import.steps, ', '),
				coalesce(array_to_string(known, ', '), 'none')),
			HINT = 'Restore schema and data of the same dump into a new database, then migrate.';
	ELSIF NOT EXISTS (SELECT FROM medrec.audit_era) OR NOT EXISTS (SELECT FROM medrec.audit_event) THEN
		RAISE EXCEPTION 'the data have no audit trail' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Load all tables of the schema medrec.';
	END IF;
	DROP TABLE medrec.data_import;
	PERFORM medrec.audit_open_era();
	FOR r IN SELECT o FROM medrec.layout_restore(medrec.layout_wanted()) AS o LOOP
		NULL;
	END LOOP;
	-- no row changes, but what was derived from the terminologies is out of date
	DELETE FROM medrec.code_release WHERE false;
	FOR r IN SELECT c.relname, c.oid::regclass AS name FROM pg_class AS c
		WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
	LOOP
		EXECUTE format('SELECT count(*) FROM %s', r.name) INTO rows;
		table_name := r.relname;
		counts := counts || jsonb_build_object(table_name, rows);
		RETURN NEXT;
	END LOOP;
	PERFORM medrec.audit_remark('IMPORT', jsonb_build_object('begun_at', import.begun_at, 'begun_by', import.begun_by, 'rows', counts));
END
$$;
COMMENT ON FUNCTION medrec.import_end() IS
'Ends what medrec.import_begin() began, when all data are loaded: opens the next era of the audit trail if this is another database, enables the triggers, leaves an event (IMPORT), and returns the number of rows by table. No arguments. Errors: 42501 for anyone but a superuser; 55000 if no import has begun, the data are of another layout, or the audit trail is not among them.';
REVOKE ALL ON FUNCTION medrec.import_end() FROM PUBLIC;

-- the description of the HTTP interface
-- include 63-openapi.sql
