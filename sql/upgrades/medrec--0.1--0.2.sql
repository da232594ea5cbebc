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
