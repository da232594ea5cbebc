-- From 0.1 to 0.2: the extension's own functions. What migrate() made is changed by a step in sql/migrations.
-- "make" appends the steps of this version.

-- audit
COMMENT ON FUNCTION medrec.audit_open_era() IS
'Records a new era in medrec.audit_era where the database has been imported, or the server promoted or restored to a point in time, since the last one, and returns the number of the present era; a promotion leaves an event with action PROMOTED. medrec.seal_audit() calls it. No arguments. Error: 25006 on a standby.';
COMMENT ON FUNCTION medrec.seal_audit() IS
'Seals the audit trail: puts the events of all transactions that have ended since the last seal under a Merkle root, and returns the new seal (after an import or a promotion one per era; none where there is no new event). Blocks no writer; makes coming partitions when few are left. head: what to keep elsewhere, also given by medrec.audit_checkpoint(). No arguments. Errors: 25006 on a standby, XX001 when the last seal is damaged.';
COMMENT ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) IS
'Recomputes the audit trail and lists what is wrong with it; no row when it is intact. first_seal, last_seal: events of these seals only (by default all, unsealed ones and the guarding triggers included); checkpoint: one that medrec.audit_checkpoint() gave earlier and that was kept elsewhere, which shows a trail that was cut off or exchanged, or what a promotion lost; archive: a month that medrec.archive_audit() detached, to be read again. kind: event_altered, event_duplicate, event_impossible, event_without_era, events_removed, events_inserted, events_replaced, seal_altered, seal_missing, seals_cut_off, checkpoint_differs, events_lost_at_promotion, era_altered, guard_missing. Works on a standby. Errors: 22P02 for a text that is no checkpoint, 42809 for a table that is no archived month.';
COMMENT ON FUNCTION medrec.audit_checkpoint(bigint, text) IS
'The head of the audit trail as a checkpoint (C2SP tlog-checkpoint: lines with origin, number of seals, head in base64; then the timelines that the trail went through, and some earlier heads), to be kept and signed elsewhere. seal: as of this seal, by default the last; origin: name of the log, by default medrec/ and where the trail began. Errors: PT404 for a seal that is not there, 22023 for a bad origin.';
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
				CASE WHEN e.action IN ('DDL', 'ARCHIVE', 'PROMOTED') THEN '110100' ELSE '110110' END,
				'display', CASE WHEN e.action IN ('DDL', 'ARCHIVE', 'PROMOTED') THEN 'Application Activity' ELSE 'Patient Record' END),
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
						('columns', (SELECT string_agg(k.key, ',') FROM json_object_keys(e.new_values) AS k (key) WHERE e.action = 'UPDATE')),
						('leaf', encode(e.leaf, 'hex'))) AS d (type, value) WHERE d.value IS NOT NULL)))
			))) ORDER BY e.logged_at, e.era, e.xid, e.n), '[]'::jsonb))
	FROM (SELECT * FROM medrec.audit_event AS a
		WHERE (patient IS NULL OR a.patient_id = patient) AND (since IS NULL OR a.logged_at >= since)
			AND (until IS NULL OR a.logged_at < until)
		ORDER BY a.logged_at DESC, a.era DESC, a.xid DESC, a.n DESC LIMIT max) AS e);
END
$$;

-- records

CREATE FUNCTION medrec.confirm(record uuid, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_confirm';
COMMENT ON FUNCTION medrec.confirm(uuid, integer) IS
'As confirm(record), of a record that still has the version named. version: the record''s, as it was read; null for any, then as confirm(record). Errors: PT409 the record has another version, and those of confirm(record).';

CREATE FUNCTION medrec.reject(record uuid, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_reject';
COMMENT ON FUNCTION medrec.reject(uuid, integer) IS
'As reject(record), of a record that still has the version named. version: the record''s, as it was read; null for any, then as reject(record). Errors: PT409 the record has another version, and those of reject(record).';

CREATE FUNCTION medrec.accept_suggestion(record uuid, code text, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_accept_suggestion';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text, integer) IS
'As accept_suggestion(record, code), of a record that still has the version named. version: the record''s, as it was read; null for any, then as accept_suggestion(record, code). Errors: PT409 the record has another version, and those of accept_suggestion(record, code).';

COMMENT ON FUNCTION medrec.confirm(uuid) IS
'A person keeps the code of a diagnosis or treatment as it is: status confirmed. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been taken on it, which only a call that names the record''s version changes, 42501.';
COMMENT ON FUNCTION medrec.reject(uuid) IS
'A person refuses a diagnosis or treatment: status rejected. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been taken on it, which only a call that names the record''s version changes, 42501.';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text) IS
'A person takes one of the suggestions of a diagnosis or treatment: its code and display are stored, status corrected. Returns the row as stored. record: its id. code: the suggestion''s. Errors: PT404 no such record, 22023 not among its suggestions or not a valid code, PT409 another decision has been taken on it, which only a call that names the record''s version changes, 42501.';

REVOKE ALL ON FUNCTION medrec.confirm(uuid, integer), medrec.reject(uuid, integer),
	medrec.accept_suggestion(uuid, text, integer) FROM PUBLIC;

-- terminology

COMMENT ON FUNCTION medrec.load_release(text, text, date, text, text, text) IS
'Loads a release of a code system from its official file, all or nothing, and returns its row of code_release. code_system: name, FHIR URI or OID; version: as the publisher names it, 1 to 50 characters; effective_from: first day in force; content: the file''s text; format: auto or one of those in doc/terminology.md; source: where the file came from, at most 255 characters. The same file again changes nothing; another file under the same version takes its place, but one of another kind only where its format is named. What is odd about the file (markedly fewer codes than before, another time) is a WARNING, and stays in code_release.warnings. Runs with the caller''s rights on code_release, code and code_term. Errors: 22P04 with line and reason for a wrong, cut off or mis-encoded file; 22023 unknown system or format, a day that another release has, or a file of another kind than the one whose place it would take; 22001, 22004, 22008 for bad arguments; 54000 beyond a limit; 42501 without the rights.';

COMMENT ON FUNCTION medrec.lookup(text, text, date) IS
'All that the loaded releases say of a code: its titles, whether it may stand on a claim, how it stands on the day (current, retired, not yet, no release) and since and until when; its further names (terms) and notes as arrays of {kind, text}. No row where no release has the code. A header that the release in force does not list, but codes below it, is current; its title is another release''s, or null. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: day to judge by. Errors: 22023 unknown system or malformed code.';
COMMENT ON FUNCTION medrec.ancestors(text, text, date) IS
'The codes above a code in the releases in force on the day, the nearest first (level 1); headers that the release does not list are among them, with the title of another release or null. code_system: name, FHIR URI or OID. code: in any usual writing; it need not be in a release itself. Errors: 22023 unknown system or malformed code, 0A000 a system whose codes carry no hierarchy.';
COMMENT ON FUNCTION medrec.descendants(text, text, date) IS
'The codes below a code in the releases in force on the day, in order, each with its level (1: next below); headers that the release does not list are among them. Arguments and errors as ancestors.';

CREATE FUNCTION medrec.release_warnings(release integer)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.warnings || COALESCE((
		SELECT jsonb_agg(jsonb_build_object('severity', 'warning', 'code', 'expired', 'field', 'effective_from', 'text',
			format('the %s in force (version %s) are of %s, the codes in force (version %s) of %s: they say nothing of what has changed between',
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
'What is odd about a loaded release: what load_release found in its file, and where coding edits or the rules of a tabular list are a year or more older than the codes in force (told of both releases). An array of {"severity", "code", "text", "field"}, as issues are; code: incomplete, duplicate, conflict, expired. Null where there is no such release. release: number of a release in code_release. Errors: 42501 without SELECT on code_release.';
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
				-- what is out of date is told once, of the edits
				WHERE r.content <> 'codes' OR w.warning ->> 'code' <> 'expired');
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION medrec.health_warnings() IS
'The warnings of all loaded releases, for health: an array of {"code_system", "version", "content", "text"}; null for who may not read code_release. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.health_warnings() FROM PUBLIC;

-- access

-- migrate
COMMENT ON FUNCTION medrec.migrate() IS
'Makes or brings up to date medrec''s tables, views, roles and triggers, in one transaction. Idempotent; returns a row per step applied. To be run by a superuser, as it makes roles and event triggers. Warns where the library is of another version than the extension. No arguments. Errors: 42501 by another role, or where schema medrec or medrec_api belongs to a role that is no superuser; 55000 where an earlier DROP EXTENSION ... CASCADE has taken the triggers away.';
CREATE FUNCTION medrec.version()
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_version';
COMMENT ON FUNCTION medrec.version() IS
'Version of the library that the session has loaded, such as 0.2; a WARNING where the extension''s objects in this database are of another one (pg_extension.extversion), and what to do then. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.version() FROM PUBLIC;

CREATE FUNCTION medrec.allow_ddl()
RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_allow_ddl';
COMMENT ON FUNCTION medrec.allow_ddl() IS
'Event trigger function for ddl_command_end and sql_drop: refuses to drop, rename or move the tables and columns that medrec.migrate() made, or to give such a column a type that medrec cannot read. Columns of the user''s own are theirs. No arguments. Errors: 2BP01 what is refused, 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.allow_ddl() FROM PUBLIC;
