/* built from sql/ by "make"; edit there */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION medrec" to load this file. \quit

/* sql/10-migrate.sql */

CREATE FUNCTION medrec.migrate(OUT version integer, OUT name text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_migrate';
COMMENT ON FUNCTION medrec.migrate() IS
'Makes or brings up to date medrec''s tables, views, roles and triggers, in one transaction. Idempotent; returns a row per step applied. To be run by a superuser, as it makes roles and event triggers. No arguments. Errors: 42501 by another role, or where schema medrec or medrec_api is somebody else''s; 55000 where an earlier DROP EXTENSION ... CASCADE has taken the triggers away.';
REVOKE ALL ON FUNCTION medrec.migrate() FROM PUBLIC;

/* sql/20-codes.sql */

CREATE FUNCTION medrec.is_code_system(name text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_is_code_system';
COMMENT ON FUNCTION medrec.is_code_system(text) IS
'Whether the text is a code system''s name exactly as medrec stores it. For CHECK constraints. name: any text. No errors.';

CREATE FUNCTION medrec.code_systems(OUT name text, OUT title text, OUT uri text, OUT oid text, OUT has_headers boolean)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 14
AS 'MODULE_PATHNAME', 'medrec_code_systems';
COMMENT ON FUNCTION medrec.code_systems() IS
'The code systems that medrec knows: name as stored, title, FHIR URI, OID (HL7 terminology), and whether releases hold headers that may not stand on a claim. No arguments, no errors.';

CREATE FUNCTION medrec.check_code(code_system text, code text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_check_code';
COMMENT ON FUNCTION medrec.check_code(text, text) IS
'Whether the code can be one of the system by structure and check digit; no release is looked at. code_system: name in any case, FHIR URI or OID. code: in any usual writing. Errors: 22023 unknown code system.';

CREATE FUNCTION medrec.normalize_code(code_system text, code text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_normalize_code';
COMMENT ON FUNCTION medrec.normalize_code(text, text) IS
'The code in the form that medrec stores (e119 -> E11.9), null when it is malformed. code_system: name in any case, FHIR URI or OID. code: in any usual writing. Errors: 22023 unknown code system.';

CREATE FUNCTION medrec.term_key(term text)
RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_term_key';
COMMENT ON FUNCTION medrec.term_key(text) IS
'Hash of a title or term without case, accents, punctuation and spelling variants; for medrec''s indexes. term: any text. No errors.';

CREATE FUNCTION medrec.is_suggestions(suggestions jsonb)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_is_suggestions';
COMMENT ON FUNCTION medrec.is_suggestions(jsonb) IS
'Whether a value has the shape of the column suggestions: an array of at most 20 objects {code, display, code_system, score 0..1, source, reason}. For CHECK constraints. suggestions: any JSON. No errors.';

CREATE FUNCTION medrec.is_issues(issues jsonb)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_is_issues';
COMMENT ON FUNCTION medrec.is_issues(jsonb) IS
'Whether a value has the shape of the column issues: an array of objects {severity: error|warning|information, code, text, field}. For CHECK constraints. issues: any JSON. No errors.';

CREATE FUNCTION medrec.validate_code(code_system text, code text, display text DEFAULT NULL,
	on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL,
	OUT result text, OUT code text, OUT display text, OUT billable boolean, OUT issues jsonb)
RETURNS record
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_validate_code';
COMMENT ON FUNCTION medrec.validate_code(text, text, text, date, jsonb) IS
'Judges a code as a record''s would be: result is pending (no release loaded), valid, review (known, but something is off) or invalid; code in its normal form; official display; whether it may stand on a claim (null where not known); issues as in the column issues. code_system: name in any case, FHIR URI or OID. code: in any usual writing. display: description to compare, or null. on_date: day to judge by. context: object with what is known around the code - age (years), gender, role (principal|secondary), codes (array of the visit''s other codes). Errors: 22023 unknown code system or wrong context, 22004 null code.';

CREATE FUNCTION medrec.suggest(code_system text, code text DEFAULT NULL, display text DEFAULT NULL, max integer DEFAULT 5,
	on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL,
	OUT code text, OUT display text, OUT score double precision, OUT source text, OUT reason text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 5
AS 'MODULE_PATHNAME', 'medrec_suggest';
COMMENT ON FUNCTION medrec.suggest(text, text, text, integer, date, jsonb) IS
'Codes that may be meant, best first: code, official display, score 0..1, source (title, synonym, spelling, code, child, successor) and reason. code_system: name in any case, FHIR URI or OID. code: a code that may be wrong, or null. display: words, or null. max: most rows, 1 to 50. on_date: day on which the codes must be in force. context: object with age (years) and gender of the patient, and typing (true: the last word is unfinished). Errors: 22023 unknown code system, max out of range or wrong context.';

CREATE FUNCTION medrec.default_abbreviations(OUT abbreviation text, OUT expansion text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_default_abbreviations';
COMMENT ON FUNCTION medrec.default_abbreviations() IS
'The abbreviations and spelling variants that medrec ships with, as the table medrec.abbreviation has them at first. No arguments, no errors.';

CREATE FUNCTION medrec.terminology_changed()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_terminology_changed';
COMMENT ON FUNCTION medrec.terminology_changed() IS
'Trigger, AFTER STATEMENT on the terminology tables: tells every backend at commit that what it derived from them is out of date. Errors: 39P01 called otherwise.';
REVOKE ALL ON FUNCTION medrec.validate_code(text, text, text, date, jsonb),
	medrec.suggest(text, text, text, integer, date, jsonb),
	medrec.terminology_changed() FROM PUBLIC;

/* sql/30-records.sql */

CREATE FUNCTION medrec.validate()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_validate';
COMMENT ON FUNCTION medrec.validate() IS
'Trigger, BEFORE INSERT OR UPDATE FOR EACH ROW on medrec''s record tables: checks, normalises and judges the row. Argument: account, patient, diagnosis or treatment. Errors: 22023 with every fault of the row as a JSON array in DETAIL; PT409 the row has another version than the UPDATE names; 39P01 called otherwise.';

CREATE FUNCTION medrec.touch()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_touch';
COMMENT ON FUNCTION medrec.touch() IS
'Trigger, AFTER STATEMENT with transition tables on diagnosis and treatment: moves last_visit of all patients touched to the transaction''s time. Errors: 39P01 called otherwise, 40001 under REPEATABLE READ when the patient was changed meanwhile.';

CREATE FUNCTION medrec.create_patient(name text, age integer, gender text, patient_id text, birth_date date DEFAULT NULL,
	OUT id uuid, OUT name varchar, OUT age integer, OUT gender varchar, OUT patient_id varchar,
	OUT last_visit timestamptz, OUT birth_date date, OUT version integer,
	OUT created_at timestamptz, OUT updated_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_create_patient';
COMMENT ON FUNCTION medrec.create_patient(text, integer, text, text, date) IS
'Stores a patient and returns the row as stored. name: not empty, at most 255 characters. age: years, 0 to 150; may be null with birth_date, which it then follows from. gender: male, female, other, unknown. patient_id: medical record number, unique, at most 20 characters. birth_date: not in the future. Errors: 22023 with all faults in DETAIL, 22001 too long, 23505 patient_id exists, 42501.';

CREATE FUNCTION medrec.create_diagnosis(patient uuid, code text, description text DEFAULT NULL, code_system text DEFAULT 'ICD-10-CM',
	OUT id uuid, OUT patient_id uuid, OUT code varchar, OUT description text, OUT code_system varchar,
	OUT status varchar, OUT validation_date timestamptz, OUT validated_by varchar,
	OUT suggestions jsonb, OUT issues jsonb, OUT version integer,
	OUT created_at timestamptz, OUT updated_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_create_diagnosis';
COMMENT ON FUNCTION medrec.create_diagnosis(uuid, text, text, text) IS
'Stores a diagnosis, judged, and returns the row as stored. patient: patient.id. code: in any usual writing, at most 20 characters. description: the code''s title where null. code_system: name in any case, FHIR URI or OID. Errors: 22023 with all faults in DETAIL, 22001 too long, 23503 unknown patient, 42501. A wrong code is no error: see status.';

CREATE FUNCTION medrec.create_treatment(patient uuid, code text, description text DEFAULT NULL, code_system text DEFAULT 'CPT',
	OUT id uuid, OUT patient_id uuid, OUT code varchar, OUT description text, OUT code_system varchar,
	OUT status varchar, OUT validation_date timestamptz, OUT validated_by varchar,
	OUT suggestions jsonb, OUT issues jsonb, OUT version integer,
	OUT created_at timestamptz, OUT updated_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_create_treatment';
COMMENT ON FUNCTION medrec.create_treatment(uuid, text, text, text) IS
'Stores a treatment, judged, and returns the row as stored. patient: patient.id. code: in any usual writing, at most 20 characters. description: the code''s title where null. code_system: name in any case, FHIR URI or OID. Errors: 22023 with all faults in DETAIL, 22001 too long, 23503 unknown patient, 42501. A wrong code is no error: see status.';

CREATE FUNCTION medrec.record_visit(visit jsonb)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_record_visit';
COMMENT ON FUNCTION medrec.record_visit(jsonb) IS
'Stores a visit, all or nothing, and returns it as stored: {"patient": ..., "diagnoses": [...], "treatments": [...]}. visit: object with patient - {"id": ...} or {"patient_id": ...} alone names one, anything else makes one of name, age, gender, patient_id, birth_date - and diagnoses and treatments, arrays of at most 1000 objects {code, description, code_system, suggestions}. Errors: 22023 with all faults in DETAIL, 23505 patient_id exists, PT404 no such patient, 42501.';

CREATE FUNCTION medrec.confirm(record uuid)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_confirm';
COMMENT ON FUNCTION medrec.confirm(uuid) IS
'A person keeps the code of a diagnosis or treatment as it is: status confirmed. Returns the row as stored. record: its id. Errors: PT404 no such record, 42501.';

CREATE FUNCTION medrec.reject(record uuid)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_reject';
COMMENT ON FUNCTION medrec.reject(uuid) IS
'A person refuses a diagnosis or treatment: status rejected. Returns the row as stored. record: its id. Errors: PT404 no such record, 42501.';

CREATE FUNCTION medrec.accept_suggestion(record uuid, code text)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_accept_suggestion';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text) IS
'A person takes one of the suggestions of a diagnosis or treatment: its code and display are stored, status corrected. Returns the row as stored. record: its id. code: the suggestion''s. Errors: PT404 no such record, 22023 not among its suggestions or not a valid code, 42501.';

CREATE FUNCTION medrec.add_suggestions(record uuid, suggestions jsonb)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_add_suggestions';
COMMENT ON FUNCTION medrec.add_suggestions(uuid, jsonb) IS
'Adds suggestions of an outside program to a diagnosis or treatment; they are ranked in by score, each code once, 20 at most. Returns the row as stored. record: its id. suggestions: array of {code, display, code_system, score 0..1, source, reason}; all but code may be left out. Errors: 22023 with all faults in DETAIL, PT404 no such record, 42501.';

REVOKE ALL ON FUNCTION medrec.validate(), medrec.touch(),
	medrec.create_patient(text, integer, text, text, date),
	medrec.create_diagnosis(uuid, text, text, text),
	medrec.create_treatment(uuid, text, text, text),
	medrec.record_visit(jsonb), medrec.confirm(uuid), medrec.reject(uuid),
	medrec.accept_suggestion(uuid, text), medrec.add_suggestions(uuid, jsonb) FROM PUBLIC;

/* sql/40-load.sql */

-- Loading of terminologies.

CREATE FUNCTION medrec.load_release(
	code_system text, version text, effective_from date, content text,
	format text DEFAULT 'auto', source text DEFAULT NULL,
	OUT id integer, OUT code_system varchar, OUT version varchar, OUT content varchar,
	OUT effective_from date, OUT effective_to date, OUT format varchar, OUT source varchar,
	OUT sha256 bytea, OUT rows integer, OUT loaded_at timestamptz, OUT loaded_by varchar)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_load_release';
COMMENT ON FUNCTION medrec.load_release(text, text, date, text, text, text) IS
'Loads a release of a code system from its official file, all or nothing, and returns its row of code_release. code_system: name, FHIR URI or OID; version: as the publisher names it, 1 to 50 characters; effective_from: first day in force; content: the file''s text; format: auto or one of those in doc/terminology.md; source: where the file came from, at most 255 characters. The same file again changes nothing; another file under the same version takes its place. Runs with the caller''s rights on code_release, code and code_term. Errors: 22P04 with line and reason for a wrong, cut off or mis-encoded file; 22023 unknown system or format, or a day that another release has; 22001, 22004, 22008 for bad arguments; 54000 beyond a limit; 42501 without the rights.';
REVOKE ALL ON FUNCTION medrec.load_release(text, text, date, text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.load_release(
	code_system text, version text, effective_from date, content bytea,
	format text DEFAULT 'auto', source text DEFAULT NULL,
	OUT id integer, OUT code_system varchar, OUT version varchar, OUT content varchar,
	OUT effective_from date, OUT effective_to date, OUT format varchar, OUT source varchar,
	OUT sha256 bytea, OUT rows integer, OUT loaded_at timestamptz, OUT loaded_by varchar)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_load_release_bytes';
COMMENT ON FUNCTION medrec.load_release(text, text, date, bytea, text, text) IS
'As load_release for text, for the bytes of a file as it was published: UTF-8 is taken as such, anything else as latin-1 or Windows-1252. Errors: as there, and 22P04 for compressed or UTF-16 files, 22P05 for bytes that are neither.';
REVOKE ALL ON FUNCTION medrec.load_release(text, text, date, bytea, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.unload_release(code_system text, version text, content text DEFAULT 'codes')
RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_unload_release';
COMMENT ON FUNCTION medrec.unload_release(text, text, text) IS
'Takes a release out, with its terms, notes and rules, as if it had never been loaded: the release before it holds on its days too. Returns false where there is no such release. code_system: name, FHIR URI or OID. version: as it was loaded. content: as in code_release. Errors: 22023 unknown system, 42501 without the rights of load_release.';
REVOKE ALL ON FUNCTION medrec.unload_release(text, text, text) FROM PUBLIC;

/* sql/41-revalidate.sql */

-- Records judged anew after a release was loaded.

CREATE PROCEDURE medrec.revalidate(code_system text, since date DEFAULT NULL, batch integer DEFAULT 1000)
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_revalidate';
COMMENT ON PROCEDURE medrec.revalidate(text, date, integer) IS
'Judges the stored diagnoses and treatments of a code system anew, after a release was loaded. Commits after each batch and reports progress by NOTICE and in medrec.revalidation; broken off, the next call goes on where it was. Decisions of people (confirmed, corrected, rejected) stay; records judged as before are not written; last_visit does not move. code_system: name, FHIR URI or OID. since: only records made on this day or later; null: all. batch: records looked at per transaction, 1 to 100000. Within a transaction of the caller''s all batches are part of it. Errors: 22023 unknown system or batch out of range, 22004 null system, 42501 without UPDATE on the records.';
REVOKE ALL ON PROCEDURE medrec.revalidate(text, date, integer) FROM PUBLIC;

CREATE FUNCTION medrec.revalidate_batch(code_system text, since date DEFAULT NULL, batch integer DEFAULT 1000,
	OUT checked bigint, OUT changed bigint, OUT finished boolean)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_revalidate_batch';
COMMENT ON FUNCTION medrec.revalidate_batch(text, date, integer) IS
'The next batch of medrec.revalidate(), for who cannot CALL: to be repeated until finished is true. Arguments and errors as there. checked, changed: records judged and judged differently since the run began.';
REVOKE ALL ON FUNCTION medrec.revalidate_batch(text, date, integer) FROM PUBLIC;

/* sql/42-hierarchy.sql */

-- What the releases say of a code, and of the codes above and below it.

CREATE FUNCTION medrec.lookup(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT code_system varchar, OUT code varchar, OUT display text, OUT short_display text, OUT billable boolean,
	OUT standing text, OUT valid_from date, OUT valid_to date, OUT terms jsonb, OUT notes jsonb)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', 'medrec_lookup';
COMMENT ON FUNCTION medrec.lookup(text, text, date) IS
'All that the loaded releases say of a code: its titles, whether it may stand on a claim, how it stands on the day (current, retired, not yet, no release) and since and until when; its further names (terms) and notes as arrays of {kind, text}. No row where no release has the code. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: day to judge by. Errors: 22023 unknown system or malformed code.';

CREATE FUNCTION medrec.ancestors(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT code varchar, OUT display text, OUT billable boolean, OUT level integer)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 5
AS 'MODULE_PATHNAME', 'medrec_ancestors';
COMMENT ON FUNCTION medrec.ancestors(text, text, date) IS
'The codes above a code in the releases in force on the day, the nearest first (level 1). code_system: name, FHIR URI or OID. code: in any usual writing; it need not be in a release itself. Errors: 22023 unknown system or malformed code, 0A000 a system whose codes carry no hierarchy.';

CREATE FUNCTION medrec.descendants(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT code varchar, OUT display text, OUT billable boolean, OUT level integer)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'medrec_descendants';
COMMENT ON FUNCTION medrec.descendants(text, text, date) IS
'The codes below a code in the releases in force on the day, in order, each with its level (1: next below). Arguments and errors as ancestors.';

CREATE FUNCTION medrec.subsumes(code_system text, a text, b text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_subsumes';
COMMENT ON FUNCTION medrec.subsumes(text, text, text) IS
'How two codes stand to each other, by their own text: equivalent, subsumes (a is above b), subsumed-by, not-subsumed; as FHIR''s $subsumes. Arguments and errors as ancestors.';

/* sql/50-audit.sql */

CREATE FUNCTION medrec.audit()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit';
COMMENT ON FUNCTION medrec.audit() IS
'Trigger function, AFTER ... FOR EACH STATEMENT with transition tables: leaves an event in medrec.audit_event per row that was changed. Arguments: ''patient=COLUMN'', the uuid column with the patient''s id; ''withhold=COLUMN'', a column whose values are not recorded, only that they changed. Errors: 39P01 when attached otherwise, 55000 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.audit() FROM PUBLIC;

CREATE FUNCTION medrec.audit_append_only()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_audit_append_only';
COMMENT ON FUNCTION medrec.audit_append_only() IS
'Trigger function: refuses every statement on an audit table. No arguments. Error: 42501.';
REVOKE ALL ON FUNCTION medrec.audit_append_only() FROM PUBLIC;

CREATE FUNCTION medrec.audit_partitions(ahead integer DEFAULT 12)
RETURNS integer
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'medrec_audit_partitions';
COMMENT ON FUNCTION medrec.audit_partitions(integer) IS
'Makes the monthly partitions (of UTC) of medrec.audit_event for this month and so many months ahead, where they are missing, and returns how many it made. Errors: 22023 for less than 0 or more than 120 months, 55P03 when a reader is in the way.';
REVOKE ALL ON FUNCTION medrec.audit_partitions(integer) FROM PUBLIC;

CREATE FUNCTION medrec.audit_open_era()
RETURNS integer
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_open_era';
COMMENT ON FUNCTION medrec.audit_open_era() IS
'Records a new era in medrec.audit_era where the database has been imported since the last one, and returns the number of the present era. No arguments. Error: 25006 on a standby.';
REVOKE ALL ON FUNCTION medrec.audit_open_era() FROM PUBLIC;

CREATE FUNCTION medrec.seal_audit(OUT seal bigint, OUT era integer, OUT events bigint, OUT head bytea)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_seal_audit';
COMMENT ON FUNCTION medrec.seal_audit() IS
'Seals the audit trail: puts the events of all transactions that have ended since the last seal under a Merkle root, and returns the new seal (after an import one per era; none where there is no new event). Blocks no writer; makes coming partitions when few are left. head: what to keep elsewhere, also given by medrec.audit_checkpoint(). No arguments. Errors: 25006 on a standby, XX001 when the last seal is damaged.';
REVOKE ALL ON FUNCTION medrec.seal_audit() FROM PUBLIC;

CREATE FUNCTION medrec.verify_audit(first_seal bigint DEFAULT NULL, last_seal bigint DEFAULT NULL,
	checkpoint text DEFAULT NULL, archive regclass DEFAULT NULL,
	OUT kind text, OUT seal bigint, OUT era integer, OUT xid bigint, OUT n integer, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_audit';
COMMENT ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) IS
'Recomputes the audit trail and lists what is wrong with it; no row when it is intact. first_seal, last_seal: events of these seals only (by default all, unsealed ones and the guarding triggers included); checkpoint: one that medrec.audit_checkpoint() gave earlier and that was kept elsewhere, which shows a trail that was cut off or exchanged; archive: a month that medrec.archive_audit() detached, to be read again. kind: event_altered, event_duplicate, event_impossible, events_removed, events_inserted, events_replaced, seal_altered, seal_missing, seals_cut_off, checkpoint_differs, guard_missing. Works on a standby. Errors: 22P02 for a text that is no checkpoint, 42809 for a table that is no archived month.';
REVOKE ALL ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) FROM PUBLIC;

CREATE FUNCTION medrec.archive_audit(before timestamptz, OUT partition text, OUT events bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS 'MODULE_PATHNAME', 'medrec_archive_audit';
COMMENT ON FUNCTION medrec.archive_audit(timestamptz) IS
'Detaches the months of the audit trail that end before the given time and returns their tables, which may then be exported and dropped. Their seals stay verifiable, and the archiving is itself an event. Errors: 55000 when a month has events that are not sealed yet, 55P03 when a reader is in the way for ten seconds.';
REVOKE ALL ON FUNCTION medrec.archive_audit(timestamptz) FROM PUBLIC;

CREATE FUNCTION medrec.audit_ddl()
RETURNS event_trigger
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_ddl';
COMMENT ON FUNCTION medrec.audit_ddl() IS
'Event trigger function for ddl_command_end and sql_drop: leaves an event with action DDL for changed definitions and rights in the schemas medrec and medrec_api. No arguments. Error: 39P03 when called otherwise.';
REVOKE ALL ON FUNCTION medrec.audit_ddl() FROM PUBLIC;

CREATE FUNCTION medrec.audit_checkpoint(seal bigint DEFAULT NULL, origin text DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_checkpoint';
COMMENT ON FUNCTION medrec.audit_checkpoint(bigint, text) IS
'The head of the audit trail as a checkpoint (C2SP tlog-checkpoint: lines with origin, number of seals, head in base64), to be kept and signed elsewhere. seal: as of this seal, by default the last; origin: name of the log, by default medrec/ and where the trail began. Errors: PT404 for a seal that is not there, 22023 for a bad origin.';
REVOKE ALL ON FUNCTION medrec.audit_checkpoint(bigint, text) FROM PUBLIC;

CREATE FUNCTION medrec.audit_proof(era integer, xid bigint, n integer, seals bigint DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_proof';
COMMENT ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) IS
'Inclusion proof of an event, with its canonical text, for tools/medrec-verify. era, xid, n: the event; seals: number of seals of the checkpoint that it is to be checked against, by default all. Errors: PT404 for an event or seal that is not there, 55000 for one that is not sealed yet, XX001 when its range has been tampered with or archived.';
REVOKE ALL ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) FROM PUBLIC;

CREATE FUNCTION medrec.consistency_proof(old_seals bigint, new_seals bigint DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_consistency_proof';
COMMENT ON FUNCTION medrec.consistency_proof(bigint, bigint) IS
'Proof, for tools/medrec-verify, that the audit trail of new_seals seals (by default all) begins with that of old_seals: that it only grew. Errors: PT404 for a seal that is not there, 22023 when old_seals is the larger one, XX001 when seals are missing.';
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
'The versions of a row, oldest first, from its audit events: who made it when, what changed, and the whole row as it then was (null when it was deleted). table_name: patient, diagnosis, ... or the API''s name; row_id: its primary key. With the caller''s rights on medrec.audit_event. Error: 42501 without them.';
REVOKE ALL ON FUNCTION medrec.history(text, text) FROM PUBLIC;

CREATE FUNCTION medrec.as_of(table_name text, row_id text, at timestamptz)
RETURNS json
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_as_of';
COMMENT ON FUNCTION medrec.as_of(text, text, timestamptz) IS
'A row as it was at a time (clock time of the change), from its audit events; null where there was none. table_name, row_id: as for medrec.history(). Error: 42501 without rights on medrec.audit_event.';
REVOKE ALL ON FUNCTION medrec.as_of(text, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION medrec.diff(table_name text, row_id text, since timestamptz, until timestamptz DEFAULT NULL,
	OUT column_name text, OUT old_value json, OUT new_value json)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_diff';
COMMENT ON FUNCTION medrec.diff(text, text, timestamptz, timestamptz) IS
'The columns of a row that differ between two times (until: by default now), with both values; null stands for a value that was not there. table_name, row_id: as for medrec.history(). Error: 42501 without rights on medrec.audit_event.';
REVOKE ALL ON FUNCTION medrec.diff(text, text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION medrec.verify_records(OUT kind text, OUT table_name text, OUT row_id text, OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_records';
COMMENT ON FUNCTION medrec.verify_records() IS
'Replays the audit events and lists the rows that are not as the events say: changed behind the audit''s back; no row when all are. kind: row_changed (detail: columns), row_missing, row_without_events, history_gap (something was changed and overwritten again), table_missing. Rows whose first events have been archived, and rows of further tables that were there before their audit, are compared as far as events are there. No arguments. Works on a standby.';
REVOKE ALL ON FUNCTION medrec.verify_records() FROM PUBLIC;

CREATE FUNCTION medrec.audit_canonical(era integer, xid bigint, n integer)
RETURNS bytea
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_audit_canonical';
COMMENT ON FUNCTION medrec.audit_canonical(integer, bigint, integer) IS
'The canonical text of an event, in UTF-8: its leaf is sha256(''\x00'' || text). Null for an event that is not there. era, xid, n: the event. With the caller''s rights on medrec.audit_event. Error: 42501 without them.';
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
'How far the audit trail is sealed: the last seal, sealed and unsealed events and the oldest of these, the transaction before which all have ended (horizon), the next one, and what holds the horizon. No arguments. With the caller''s rights on the trail. Error: 42501 without them.';
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
				CASE WHEN e.action IN ('DDL', 'ARCHIVE') THEN '110100' ELSE '110110' END,
				'display', CASE WHEN e.action IN ('DDL', 'ARCHIVE') THEN 'Application Activity' ELSE 'Patient Record' END),
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
COMMENT ON FUNCTION medrec.audit_fhir(uuid, timestamptz, timestamptz, integer) IS
'The last events of the audit trail as a FHIR R4 Bundle of AuditEvent, without the contents of rows (columns that changed are named). patient: of this patient only; since, until: written from, and before; max: at most so many, 0 to 10000. With the caller''s rights on medrec.audit_event. Errors: 22023 for a bad max, 42501 without rights.';
REVOKE ALL ON FUNCTION medrec.audit_fhir(uuid, timestamptz, timestamptz, integer) FROM PUBLIC;

/* sql/60-access.sql */

-- Access: accounts over HTTP, keys of tokens, care teams. What clients call stands in
-- medrec_api and medrec_gate and is made by medrec.migrate(); it runs these functions with
-- the rights of medrec_gatekeeper, who owns it.

CREATE FUNCTION medrec.login(username text, password text)
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_login';
COMMENT ON FUNCTION medrec.login(text, text) IS
'Logs in: returns {"token", "expires_at", "role"}, the token a JWT to send as "Authorization: Bearer ...". username: an account''s name, or an e-mail address that is one account''s alone. password: in clear. A refusal is no error but an answer with status 401 and always the same; from the fifth wrong try on, further ones are refused for 1, 2, 4 ... up to 900 seconds.';

CREATE FUNCTION medrec.change_password(old_password text, new_password text)
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_change_password';
COMMENT ON FUNCTION medrec.change_password(text, text) IS
'Changes the password of the account that the request''s token names, ends all its tokens, and returns a new one as login does. old_password: the present one; where it is wrong the answer is login''s refusal, and counts as one. new_password: 12 characters to 72 bytes, not the account''s name. Errors: 22023 for such a password, PT401 without an account.';

CREATE FUNCTION medrec.set_password(username text, password text)
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_set_password';
COMMENT ON FUNCTION medrec.set_password(text, text) IS
'Sets the password of an account, ends all its tokens and a lock-out. For administrators. username: the account''s name. password: 12 characters to 72 bytes, not the account''s name. Errors: PT404 no such account, 22023 for such a password, 42501.';

CREATE FUNCTION medrec.revoke_tokens(username text)
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_revoke_tokens';
COMMENT ON FUNCTION medrec.revoke_tokens(text) IS
'Ends all tokens of an account, and a lock-out. For administrators. username: the account''s name. Errors: PT404 no such account, 42501.';

CREATE FUNCTION medrec.logout()
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_logout';
COMMENT ON FUNCTION medrec.logout() IS
'Ends the token that the request came with, by its number (jti). No arguments. Errors: PT401 without a token.';

CREATE FUNCTION medrec.check_request()
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_check_request';
COMMENT ON FUNCTION medrec.check_request() IS
'For PostgREST, before each request: whether the token may be used now - its account is active and has the role that the request took on, and it has not been revoked. No arguments. Errors: PT401.';

CREATE FUNCTION medrec.pbkdf2_iterations(password text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_pbkdf2_iterations';
COMMENT ON FUNCTION medrec.pbkdf2_iterations(text) IS
'Iterations of a hash as Django stores it (pbkdf2_sha256$iterations$salt$hash), null where it is no such hash or asks for more than 5,000,000. For an index. password: a stored hash. No errors.';

CREATE FUNCTION medrec.rotate_jwt_key(overlap interval DEFAULT '1 day')
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_rotate_jwt_key';
COMMENT ON FUNCTION medrec.rotate_jwt_key(interval) IS
'Signs tokens with the next key from now on, makes the one after it, and tells PostgREST. overlap: how long tokens of the present key are still accepted; 0 throws all keys away at once, and with them all tokens. Errors: 22023 negative overlap, 42501.';

CREATE FUNCTION medrec.jwt_key_set()
RETURNS text
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_jwt_key_set';
COMMENT ON FUNCTION medrec.jwt_key_set() IS
'The keys that tokens are accepted with, as a JWK set (RFC 7517). They are secret: who has them can make tokens. No arguments. Errors: 42501.';

CREATE FUNCTION medrec.sees_patient_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_sees_patient_support';
COMMENT ON FUNCTION medrec.sees_patient_support(internal) IS
'The planner''s helper for medrec.sees_patient(): strikes it out while care teams are not in force, estimates it, and offers it to indexes. Not to be called.';

CREATE FUNCTION medrec.sees_patient(patient uuid, refuse boolean DEFAULT false)
RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 2 SUPPORT medrec.sees_patient_support
AS 'MODULE_PATHNAME', 'medrec_sees_patient';
COMMENT ON FUNCTION medrec.sees_patient(uuid, boolean) IS
'For policies: whether the patient is one of the care teams that the acting account belongs to, or has been opened by it with break_glass; always, while medrec.care_team_mode is off. patient: patient.id. refuse: raise an error in place of false. Errors: 42501 with refuse, the same for a patient who is not there.';

CREATE FUNCTION medrec.visible_patients()
RETURNS uuid[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_visible_patients';
COMMENT ON FUNCTION medrec.visible_patients() IS
'For indexes in place of medrec.sees_patient(): the patients of the care teams that the acting account belongs to, and those it has opened. No arguments, no errors.';

CREATE FUNCTION medrec.care_team_changed()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_care_team_changed';
COMMENT ON FUNCTION medrec.care_team_changed() IS
'Trigger, AFTER changes of care teams: what sessions remember of them is out of date at commit. Errors: 39P01 called otherwise.';

CREATE FUNCTION medrec.enrol()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_enrol';
COMMENT ON FUNCTION medrec.enrol() IS
'Trigger, on patient BEFORE INSERT FOR EACH ROW, and AFTER INSERT with the transition table new_rows: with medrec.care_team_mode on, a new patient belongs to the teams of the account that made him. Errors: 39P01 called otherwise.';

CREATE FUNCTION medrec.break_glass(patient text, reason text)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_break_glass';
COMMENT ON FUNCTION medrec.break_glass(text, text) IS
'Opens a patient of another team to the acting account for medrec.break_glass_time, and leaves an audit event (table_name break_glass). Returns {"patient", "expires_at"}. patient: patient.id or patient_id. reason: why, 10 to 2000 characters. Errors: 22023 reason too short or long, PT404 no such patient, 42501 without an account.';

REVOKE ALL ON FUNCTION
	medrec.login(text, text),
	medrec.change_password(text, text),
	medrec.set_password(text, text),
	medrec.revoke_tokens(text),
	medrec.logout(),
	medrec.check_request(),
	medrec.pbkdf2_iterations(text),
	medrec.rotate_jwt_key(interval),
	medrec.jwt_key_set(),
	medrec.sees_patient_support(internal),
	medrec.sees_patient(uuid, boolean),
	medrec.visible_patients(),
	medrec.care_team_changed(),
	medrec.enrol(),
	medrec.break_glass(text, text)
	FROM PUBLIC;

CREATE FUNCTION medrec.wrong_arguments()
RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_wrong_arguments';
COMMENT ON FUNCTION medrec.wrong_arguments() IS
'What a call over HTTP with arguments that no function takes comes to. No arguments. Errors: PT404, always.';
REVOKE ALL ON FUNCTION medrec.wrong_arguments() FROM PUBLIC;

/* sql/migrations */

CREATE FUNCTION medrec.migration_step(OUT version integer, OUT name text, OUT script text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $medrec_steps$
VALUES
 (1, 'roles', $medrec_step$
-- The roles that medrec's grants and policies name. They belong to the whole
-- cluster: made where missing, never dropped.
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT * FROM (VALUES
			('medrec_anon', 'medrec: a caller without a token'),
			('medrec_clinician', 'medrec: reads and writes patients, diagnoses and treatments'),
			('medrec_coder', 'medrec: reads records, decides on codes'),
			('medrec_auditor', 'medrec: reads the audit trail, changes nothing'),
			('medrec_admin', 'medrec: accounts, releases, deletion of records'),
			('medrec_gatekeeper', 'medrec: owns the functions that check passwords and tokens; nobody is to be a member')
		) AS v (name, comment)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS p WHERE p.rolname = v.name)
	LOOP
		EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', r.name);
		EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', r.name, r.comment);
	END LOOP;

	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'medrec_authenticator') THEN
		CREATE ROLE medrec_authenticator LOGIN NOINHERIT;
		COMMENT ON ROLE medrec_authenticator IS
			'medrec: PostgREST connects as this role and becomes the one that the token names';
		GRANT medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin
			TO medrec_authenticator;
	END IF;
END
$$;

-- medrec_api is what PostgREST exposes. Who calls SQL directly may name medrec's
-- functions and tables too; what he may do with them is granted one by one.
CREATE SCHEMA IF NOT EXISTS medrec_api;
COMMENT ON SCHEMA medrec_api IS
'medrec: patients, diagnoses and treatments with codes checked against terminology releases';
COMMENT ON SCHEMA medrec IS
'medrec: functions of the extension, and the tables that medrec.migrate() makes';
REVOKE ALL ON SCHEMA medrec, medrec_api FROM PUBLIC;
GRANT USAGE ON SCHEMA medrec_api
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT USAGE ON SCHEMA medrec
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
$medrec_step$)
, (2, 'terminology', $medrec_step$
-- Loaded terminologies. A row of "code" says how a code stood from one release to
-- the next: consecutive releases that agree on a code share its row, so that ten
-- yearly releases take little more room and time than one.

CREATE TABLE medrec.code_release (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	version varchar(50) COLLATE "C" NOT NULL,
	content varchar(20) COLLATE "C" NOT NULL DEFAULT 'codes',
	effective_from date NOT NULL,
	effective_to date,
	format varchar(30) NOT NULL,
	source varchar(255),
	sha256 bytea NOT NULL,
	rows integer NOT NULL,
	loaded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	loaded_by varchar(255) NOT NULL,
	CONSTRAINT code_release_key UNIQUE (code_system, version, content),
	CONSTRAINT code_release_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT code_release_content_check CHECK (content IN
		('codes', 'terms', 'index', 'index-drugs', 'index-neoplasms', 'index-external', 'edits')),
	CONSTRAINT code_release_period_check CHECK (effective_to > effective_from),
	CONSTRAINT code_release_sha256_check CHECK (pg_catalog.octet_length(sha256) = 32),
	CONSTRAINT code_release_rows_check CHECK (rows >= 0)
);
COMMENT ON TABLE medrec.code_release IS 'Releases of code systems that medrec.load_release() has loaded.';
COMMENT ON COLUMN medrec.code_release.id IS 'Number of the release.';
COMMENT ON COLUMN medrec.code_release.code_system IS 'Name of the code system, such as ICD-10-CM.';
COMMENT ON COLUMN medrec.code_release.version IS 'Version as its publisher names it, such as 2025.';
COMMENT ON COLUMN medrec.code_release.content IS 'What the file holds: codes, terms (inclusion terms, notes), index, index-drugs, index-neoplasms, index-external (entries of the alphabetic indexes and tables), edits (rules of use).';
COMMENT ON COLUMN medrec.code_release.effective_from IS 'First day on which the release is in force.';
COMMENT ON COLUMN medrec.code_release.effective_to IS 'First day on which it no longer is: the next release''s first day; null while it is the newest.';
COMMENT ON COLUMN medrec.code_release.format IS 'Format of the file, as recognised or named at loading.';
COMMENT ON COLUMN medrec.code_release.source IS 'Where the file came from, where that was said.';
COMMENT ON COLUMN medrec.code_release.sha256 IS 'SHA-256 of the content as it was given.';
COMMENT ON COLUMN medrec.code_release.rows IS 'Number of codes or terms in the file.';
COMMENT ON COLUMN medrec.code_release.loaded_at IS 'When it was loaded.';
COMMENT ON COLUMN medrec.code_release.loaded_by IS 'Who loaded it.';

CREATE TABLE medrec.code (
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	valid_from date NOT NULL,
	valid_to date,
	billable boolean NOT NULL,
	active_from date,
	active_to date,
	display text NOT NULL,
	short_display text,
	CONSTRAINT code_pkey PRIMARY KEY (code_system, code, valid_from),
	CONSTRAINT code_period_check CHECK (valid_to > valid_from)
);
COMMENT ON TABLE medrec.code IS 'Codes of the loaded releases, each with the time in which the releases name it so.';
COMMENT ON COLUMN medrec.code.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code.code IS 'The code in its normal form.';
COMMENT ON COLUMN medrec.code.valid_from IS 'First day of the first release that has the code with these properties.';
COMMENT ON COLUMN medrec.code.valid_to IS 'First day of the release that has it no longer, or with other properties; null while the newest release has it.';
COMMENT ON COLUMN medrec.code.billable IS 'Whether the code may stand on a claim; false for a header (category).';
COMMENT ON COLUMN medrec.code.active_from IS 'First day of use that the file itself gives, where it does (HCPCS, NDC).';
COMMENT ON COLUMN medrec.code.active_to IS 'Last day of use that the file itself gives, where it does; -infinity for a code that the file calls retired without a day.';
COMMENT ON COLUMN medrec.code.display IS 'Official (long) title.';
COMMENT ON COLUMN medrec.code.short_display IS 'Official short title, where there is one and it differs.';

-- title -> codes; the key is a hash, and who looks up compares the titles themselves
CREATE INDEX code_display_idx ON medrec.code (code_system, medrec.term_key(display));
CREATE INDEX code_short_display_idx ON medrec.code (code_system, medrec.term_key(short_display))
	WHERE short_display IS NOT NULL;

CREATE TABLE medrec.code_term (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	kind varchar(20) COLLATE "C" NOT NULL,
	term text NOT NULL,
	release_id integer REFERENCES medrec.code_release (id) ON DELETE CASCADE,
	also_in integer[] NOT NULL DEFAULT '{}',
	CONSTRAINT code_term_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT code_term_kind_check CHECK (kind IN ('inclusion', 'index', 'synonym')),
	CONSTRAINT code_term_term_check CHECK (term <> '')
);
COMMENT ON TABLE medrec.code_term IS 'Further names of codes: inclusion terms, index entries, synonyms.';
COMMENT ON COLUMN medrec.code_term.id IS 'Number of the term.';
COMMENT ON COLUMN medrec.code_term.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code_term.code IS 'The code in its normal form; it need not be in a loaded release.';
COMMENT ON COLUMN medrec.code_term.kind IS 'inclusion (of the tabular list), index (of the alphabetic index), synonym (of anybody).';
COMMENT ON COLUMN medrec.code_term.term IS 'The name.';
COMMENT ON COLUMN medrec.code_term.release_id IS 'The release that it came with; null for a term of the user''s own.';
COMMENT ON COLUMN medrec.code_term.also_in IS 'Other releases that have it too; one of them keeps it when release_id''s is taken out.';
CREATE INDEX code_term_code_idx ON medrec.code_term (code_system, code);
CREATE INDEX code_term_term_idx ON medrec.code_term (code_system, medrec.term_key(term));
CREATE INDEX code_term_release_idx ON medrec.code_term (release_id);

-- Abbreviations and spelling variants that suggestions understand; anybody who may
-- write here can teach medrec his own.
CREATE TABLE medrec.abbreviation (
	abbreviation text COLLATE "C" NOT NULL,
	expansion text COLLATE "C" NOT NULL,
	CONSTRAINT abbreviation_pkey PRIMARY KEY (abbreviation, expansion),
	CONSTRAINT abbreviation_abbreviation_check CHECK (abbreviation <> '' AND pg_catalog.length(abbreviation) <= 100),
	CONSTRAINT abbreviation_expansion_check CHECK (expansion <> '' AND pg_catalog.length(expansion) <= 200)
);
COMMENT ON TABLE medrec.abbreviation IS 'What abbreviations and spelling variants stand for, when suggestions are sought by words.';
COMMENT ON COLUMN medrec.abbreviation.abbreviation IS 'What is written: one to four words, such as htn or s/p.';
COMMENT ON COLUMN medrec.abbreviation.expansion IS 'What it stands for: one to eight words.';
INSERT INTO medrec.abbreviation (abbreviation, expansion)
	SELECT d.abbreviation, d.expansion FROM medrec.default_abbreviations() AS d
	ON CONFLICT DO NOTHING;

CREATE TABLE medrec.code_note (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	kind varchar(20) COLLATE "C" NOT NULL,
	note text NOT NULL,
	release_id integer REFERENCES medrec.code_release (id) ON DELETE CASCADE
);
COMMENT ON TABLE medrec.code_note IS 'Notes of the tabular list on codes: what they include and exclude, and what else to code.';
COMMENT ON COLUMN medrec.code_note.id IS 'Number of the note.';
COMMENT ON COLUMN medrec.code_note.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code_note.code IS 'The code in its normal form, or the range of a chapter or section, such as A00-A09.';
COMMENT ON COLUMN medrec.code_note.kind IS 'includes, excludes1, excludes2, codeFirst, useAdditionalCode, codeAlso, notes, sevenChrNote.';
COMMENT ON COLUMN medrec.code_note.note IS 'The note.';
COMMENT ON COLUMN medrec.code_note.release_id IS 'The release that it came with; null for a note of the user''s own.';
CREATE INDEX code_note_code_idx ON medrec.code_note (code_system, code);
CREATE INDEX code_note_release_idx ON medrec.code_note (release_id);

-- What the coding edits ask of a record. An age has both bounds, in years; a rule
-- about other codes names them as a range, in which a code includes all below it.
CREATE TABLE medrec.code_rule (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	rule varchar(30) COLLATE "C" NOT NULL,
	valid_from date NOT NULL,
	valid_to date,
	age_min smallint,
	age_max smallint,
	other_from varchar(20) COLLATE "C",
	other_to varchar(20) COLLATE "C",
	text text,
	release_id integer REFERENCES medrec.code_release (id) ON DELETE CASCADE,
	CONSTRAINT code_rule_rule_check CHECK (rule IN ('newborn', 'pediatric', 'maternity', 'adult', 'female',
		'male', 'manifestation', 'unacceptable-principal', 'questionable-admission', 'excludes1',
		'seventh-character')),
	CONSTRAINT code_rule_age_check CHECK ((age_min IS NULL) = (age_max IS NULL) AND age_min BETWEEN 0 AND age_max),
	CONSTRAINT code_rule_other_check CHECK ((rule = 'excludes1') = (other_from IS NOT NULL)
		AND (other_from IS NULL) = (other_to IS NULL))
);
COMMENT ON TABLE medrec.code_rule IS 'Rules on the use of codes, from the Medicare Code Editor and the tabular list.';
COMMENT ON COLUMN medrec.code_rule.id IS 'Number of the rule.';
COMMENT ON COLUMN medrec.code_rule.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code_rule.code IS 'The code in its normal form; an excludes1 rule holds for all codes below it too.';
COMMENT ON COLUMN medrec.code_rule.rule IS 'newborn, pediatric, maternity, adult (with ages); female, male; manifestation, unacceptable-principal, questionable-admission (of a principal diagnosis); excludes1 (with other codes); seventh-character (the code needs one).';
COMMENT ON COLUMN medrec.code_rule.valid_from IS 'First day on which the rule holds.';
COMMENT ON COLUMN medrec.code_rule.valid_to IS 'First day on which it no longer does: the next release of the kind; sex rules end on 2024-10-01. Null while it holds.';
COMMENT ON COLUMN medrec.code_rule.age_min IS 'Lowest age in years.';
COMMENT ON COLUMN medrec.code_rule.age_max IS 'Highest age in years.';
COMMENT ON COLUMN medrec.code_rule.other_from IS 'First of the codes that may not stand beside it.';
COMMENT ON COLUMN medrec.code_rule.other_to IS 'Last of them, with all codes below it.';
COMMENT ON COLUMN medrec.code_rule.text IS 'The note that the rule was read from, or the 7th characters and their meaning.';
COMMENT ON COLUMN medrec.code_rule.release_id IS 'The release that it came with; null for a rule of the user''s own.';
CREATE INDEX code_rule_code_idx ON medrec.code_rule (code_system, code);
CREATE INDEX code_rule_release_idx ON medrec.code_rule (release_id);

-- One row that says which state of the terminologies this is, so that a backend
-- knows when what it has derived from them is out of date.
CREATE TABLE medrec.terminology_state (
	single boolean PRIMARY KEY DEFAULT true,
	generation bigint NOT NULL DEFAULT 1,
	CONSTRAINT terminology_state_single_check CHECK (single)
);
COMMENT ON TABLE medrec.terminology_state IS 'One row: rises whenever codes, terms or releases change.';
COMMENT ON COLUMN medrec.terminology_state.single IS 'Always true: there is one row.';
COMMENT ON COLUMN medrec.terminology_state.generation IS 'Number of the present state.';
INSERT INTO medrec.terminology_state DEFAULT VALUES;

CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code_release
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code_term
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.abbreviation
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code_rule
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();

GRANT SELECT ON medrec.code_release, medrec.code, medrec.code_term, medrec.code_note,
	medrec.code_rule, medrec.abbreviation
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT INSERT, UPDATE, DELETE ON medrec.code_release, medrec.code, medrec.code_term, medrec.code_note,
	medrec.code_rule, medrec.abbreviation
	TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.load_release(text, text, date, text, text, text),
	medrec.load_release(text, text, date, bytea, text, text),
	medrec.unload_release(text, text, text) TO medrec_admin;
$medrec_step$)
, (3, 'records', $medrec_step$
-- The records. Rules that concern a row stand in medrec.validate(), which names every
-- fault at once; the constraints are the last line of defence.

CREATE TABLE medrec.account (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	username varchar(150) NOT NULL,
	email varchar(254) NOT NULL DEFAULT '',
	role varchar(20) NOT NULL DEFAULT 'clinician',
	password varchar(255) NOT NULL DEFAULT '!',
	first_name varchar(150) NOT NULL DEFAULT '',
	last_name varchar(150) NOT NULL DEFAULT '',
	is_active boolean NOT NULL DEFAULT true,
	last_login timestamptz,
	date_joined timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT account_username_key UNIQUE (username),
	CONSTRAINT account_username_check CHECK (username <> ''),
	CONSTRAINT account_role_check CHECK (role IN ('admin', 'clinician', 'coder', 'auditor'))
);
COMMENT ON TABLE medrec.account IS 'Who may log in over HTTP.';
COMMENT ON COLUMN medrec.account.id IS 'Number of the account.';
COMMENT ON COLUMN medrec.account.username IS 'Name to log in with; unique.';
COMMENT ON COLUMN medrec.account.email IS 'E-mail address; may be empty.';
COMMENT ON COLUMN medrec.account.role IS 'admin, clinician, coder or auditor.';
COMMENT ON COLUMN medrec.account.password IS 'Hash of the password, never the password: bcrypt, or Django''s pbkdf2_sha256$...; a leading ! means that none is set.';
COMMENT ON COLUMN medrec.account.first_name IS 'Given name.';
COMMENT ON COLUMN medrec.account.last_name IS 'Family name.';
COMMENT ON COLUMN medrec.account.is_active IS 'False: may not log in.';
COMMENT ON COLUMN medrec.account.last_login IS 'Time of the last login.';
COMMENT ON COLUMN medrec.account.date_joined IS 'When the account was made.';

-- fillfactor: last_visit is in no index, and with room in the page its updates stay HOT
CREATE TABLE medrec.patient (
	id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	name varchar(255) NOT NULL,
	age integer NOT NULL,
	gender varchar(10) NOT NULL,
	patient_id varchar(20) NOT NULL,
	last_visit timestamptz NOT NULL DEFAULT pg_catalog.now(),
	birth_date date,
	version integer NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT patient_patient_id_key UNIQUE (patient_id),
	CONSTRAINT patient_name_check CHECK (name <> ''),
	CONSTRAINT patient_age_check CHECK (age BETWEEN 0 AND 150),
	CONSTRAINT patient_gender_check CHECK (gender IN ('male', 'female', 'other', 'unknown')),
	CONSTRAINT patient_patient_id_check CHECK (patient_id <> '')
) WITH (fillfactor = 85);
COMMENT ON TABLE medrec.patient IS 'Patients.';
COMMENT ON COLUMN medrec.patient.id IS 'Identifier that other records refer to.';
COMMENT ON COLUMN medrec.patient.name IS 'Full name; not empty.';
COMMENT ON COLUMN medrec.patient.age IS 'Age in years, 0 to 150, as of the last write; follows from birth_date where that is given.';
COMMENT ON COLUMN medrec.patient.gender IS 'Administrative gender: male, female, other, unknown (FHIR administrative-gender).';
COMMENT ON COLUMN medrec.patient.patient_id IS 'Medical record number; unique.';
COMMENT ON COLUMN medrec.patient.last_visit IS 'When the patient, or a diagnosis or treatment of his, was last entered or changed; set by medrec.';
COMMENT ON COLUMN medrec.patient.birth_date IS 'Date of birth, where known; not in the future.';
COMMENT ON COLUMN medrec.patient.version IS 'Rises by one with each change by a person; an UPDATE that sets another version than the row has is refused (PT409).';
COMMENT ON COLUMN medrec.patient.created_at IS 'When the row was made.';
COMMENT ON COLUMN medrec.patient.updated_at IS 'When a person last changed it.';

-- code_system is wider than the names it holds: a length is enforced before any trigger
-- runs, and a FHIR URI or OID must reach the trigger to be stored under its name.
CREATE TABLE medrec.diagnosis (
	id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	patient_id uuid NOT NULL,
	code varchar(20) NOT NULL,
	description text,
	code_system varchar(100) NOT NULL DEFAULT 'ICD-10-CM',
	status varchar(10) NOT NULL DEFAULT 'pending',
	validation_date timestamptz,
	validated_by varchar(255),
	suggestions jsonb NOT NULL DEFAULT '[]',
	issues jsonb NOT NULL DEFAULT '[]',
	version integer NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT diagnosis_patient_id_fkey FOREIGN KEY (patient_id)
		REFERENCES medrec.patient (id) ON DELETE RESTRICT,
	CONSTRAINT diagnosis_code_check CHECK (code <> ''),
	CONSTRAINT diagnosis_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT diagnosis_status_check CHECK (status IN
		('pending', 'valid', 'review', 'invalid', 'confirmed', 'corrected', 'rejected')),
	CONSTRAINT diagnosis_suggestions_check CHECK (medrec.is_suggestions(suggestions)),
	CONSTRAINT diagnosis_issues_check CHECK (medrec.is_issues(issues))
);
CREATE INDEX diagnosis_patient_id_idx ON medrec.diagnosis (patient_id);
COMMENT ON TABLE medrec.diagnosis IS 'Diagnoses of patients.';

CREATE TABLE medrec.treatment (
	id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	patient_id uuid NOT NULL,
	code varchar(20) NOT NULL,
	description text,
	code_system varchar(100) NOT NULL DEFAULT 'CPT',
	status varchar(10) NOT NULL DEFAULT 'pending',
	validation_date timestamptz,
	validated_by varchar(255),
	suggestions jsonb NOT NULL DEFAULT '[]',
	issues jsonb NOT NULL DEFAULT '[]',
	version integer NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT treatment_patient_id_fkey FOREIGN KEY (patient_id)
		REFERENCES medrec.patient (id) ON DELETE RESTRICT,
	CONSTRAINT treatment_code_check CHECK (code <> ''),
	CONSTRAINT treatment_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT treatment_status_check CHECK (status IN
		('pending', 'valid', 'review', 'invalid', 'confirmed', 'corrected', 'rejected')),
	CONSTRAINT treatment_suggestions_check CHECK (medrec.is_suggestions(suggestions)),
	CONSTRAINT treatment_issues_check CHECK (medrec.is_issues(issues))
);
CREATE INDEX treatment_patient_id_idx ON medrec.treatment (patient_id);
COMMENT ON TABLE medrec.treatment IS 'Treatments of patients.';

-- the same columns, so the same comments
DO $$
DECLARE
	t text;
	c record;
BEGIN
	FOREACH t IN ARRAY ARRAY['diagnosis', 'treatment'] LOOP
		FOR c IN
			SELECT * FROM (VALUES
				('id', 'Identifier of the record.'),
				('patient_id', 'The patient, by patient.id.'),
				('code', 'The code, stored in its normal form.'),
				('description', 'What was coded, in words; the code''s title where none was given.'),
				('code_system', 'Name of the code system; given in any case, or as its FHIR URI or OID.'),
				('status', 'pending (nothing to check against is loaded), valid, review (known, but something is off), invalid (malformed or unknown); confirmed, corrected, rejected by a person. Set by medrec; a person sets confirmed or rejected, or pending to have it validated anew.'),
				('validation_date', 'When the status was found or decided; set by medrec.'),
				('validated_by', 'Who found or decided it: medrec, or the person''s account; set by medrec.'),
				('suggestions', 'Codes that may be meant, best first: array of {code, display, code_system, score 0..1, source, reason}.'),
				('issues', 'What is wrong: array of {severity, code, text, field}, codes after FHIR''s tx-issue-type; set by medrec.'),
				('version', 'Rises by one with each change by a person; an UPDATE that sets another version than the row has is refused (PT409).'),
				('created_at', 'When the row was made.'),
				('updated_at', 'When it was last changed.')
			) AS v (name, comment)
		LOOP
			EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec.%I.%I IS %L', t, c.name, c.comment);
		END LOOP;
	END LOOP;
END
$$;

-- validate: before each row
CREATE TRIGGER medrec_validate BEFORE INSERT OR UPDATE ON medrec.account
	FOR EACH ROW EXECUTE FUNCTION medrec.validate('account');
CREATE TRIGGER medrec_validate BEFORE INSERT OR UPDATE ON medrec.patient
	FOR EACH ROW EXECUTE FUNCTION medrec.validate('patient');
CREATE TRIGGER medrec_validate BEFORE INSERT OR UPDATE ON medrec.diagnosis
	FOR EACH ROW EXECUTE FUNCTION medrec.validate('diagnosis');
CREATE TRIGGER medrec_validate BEFORE INSERT OR UPDATE ON medrec.treatment
	FOR EACH ROW EXECUTE FUNCTION medrec.validate('treatment');

-- touch: after each statement, all its patients at once
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['diagnosis', 'treatment'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_touch_insert AFTER INSERT ON medrec.%I'
			' REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION medrec.touch()', t);
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_touch_update AFTER UPDATE ON medrec.%I'
			' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION medrec.touch()', t);
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_touch_delete AFTER DELETE ON medrec.%I'
			' REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION medrec.touch()', t);
	END LOOP;
END
$$;

-- Row level security on every record table: deny by default; who sees what is said
-- where access is. It also keeps row contents out of the messages of constraint errors.
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['account', 'patient', 'diagnosis', 'treatment'] LOOP
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ROW LEVEL SECURITY', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I FORCE ROW LEVEL SECURITY', t);
		EXECUTE pg_catalog.format('CREATE POLICY medrec_owner ON medrec.%I TO CURRENT_USER USING (true)', t);
	END LOOP;
END
$$;

GRANT SELECT ON medrec.patient, medrec.diagnosis, medrec.treatment
	TO medrec_clinician, medrec_coder, medrec_admin;
GRANT INSERT, UPDATE ON medrec.patient, medrec.diagnosis, medrec.treatment TO medrec_clinician;
GRANT UPDATE (code, description, code_system, status, suggestions, version)
	ON medrec.diagnosis, medrec.treatment TO medrec_coder;
GRANT DELETE ON medrec.patient, medrec.diagnosis, medrec.treatment TO medrec_admin;
-- all columns but the password's hash
GRANT SELECT (id, username, email, role, first_name, last_name, is_active, last_login, date_joined),
	INSERT (username, email, role, first_name, last_name, is_active),
	UPDATE (username, email, role, first_name, last_name, is_active),
	DELETE ON medrec.account TO medrec_admin;
$medrec_step$)
, (4, 'audit', $medrec_step$
-- The audit trail: append-only, partitioned by month, written by medrec.audit()
-- alone. There is no foreign key and no sequence: (era, xid, n) names an event.

CREATE TABLE medrec.audit_era (
	era integer PRIMARY KEY,
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	opened_at timestamptz NOT NULL,
	first_xid bigint NOT NULL
);
COMMENT ON TABLE medrec.audit_era IS 'Eras of the audit trail: transaction ids start anew when a dump is imported, so each import opens an era.';
COMMENT ON COLUMN medrec.audit_era.era IS 'Number of the era, from 1.';
COMMENT ON COLUMN medrec.audit_era.system_identifier IS 'The cluster that its events were written in (pg_control_system()).';
COMMENT ON COLUMN medrec.audit_era.database IS 'OID of the database that its events were written in.';
COMMENT ON COLUMN medrec.audit_era.opened_at IS 'When it was recorded; its first events may be older.';
COMMENT ON COLUMN medrec.audit_era.first_xid IS 'Transaction that recorded it.';

CREATE TABLE medrec.audit_event (
	xid bigint NOT NULL,
	logged_at timestamptz NOT NULL,
	transaction_at timestamptz NOT NULL,
	statement_at timestamptz NOT NULL,
	era integer NOT NULL,
	n integer NOT NULL,
	patient_id uuid,
	action text COLLATE "C" NOT NULL,
	table_name text COLLATE "C" NOT NULL,
	row_id text COLLATE "C",
	old_values json,
	new_values json,
	account text COLLATE "C",
	jti text COLLATE "C",
	role text COLLATE "C" NOT NULL,
	session_role text COLLATE "C" NOT NULL,
	effective_role text COLLATE "C" NOT NULL,
	client_addr text COLLATE "C",
	request_id text COLLATE "C",
	method text COLLATE "C",
	path text COLLATE "C",
	application_name text COLLATE "C",
	reason text COLLATE "C",
	salt bytea NOT NULL,
	leaf bytea NOT NULL
) PARTITION BY RANGE (logged_at);
COMMENT ON TABLE medrec.audit_event IS 'The audit trail: an event per changed row. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_event.xid IS 'Top-level transaction that made the change (64 bits).';
COMMENT ON COLUMN medrec.audit_event.logged_at IS 'Clock time at which the event was written.';
COMMENT ON COLUMN medrec.audit_event.transaction_at IS 'Time at which the transaction began: now() as created_at, updated_at and last_visit have it.';
COMMENT ON COLUMN medrec.audit_event.statement_at IS 'Time at which the client''s statement began.';
COMMENT ON COLUMN medrec.audit_event.era IS 'Era of the transaction id; rises when a dump is imported.';
COMMENT ON COLUMN medrec.audit_event.n IS 'Place within the transaction, from 1; numbers that were rolled back to a savepoint are missing.';
COMMENT ON COLUMN medrec.audit_event.patient_id IS 'The patient whom the changed row concerns, by patient.id; null where it concerns none.';
COMMENT ON COLUMN medrec.audit_event.action IS 'INSERT, UPDATE, DELETE, TRUNCATE; DDL for a changed definition, ARCHIVE for a detached month. A row that gets another key or patient leaves a DELETE and an INSERT.';
COMMENT ON COLUMN medrec.audit_event.table_name IS 'The table, without schema where that is medrec.';
COMMENT ON COLUMN medrec.audit_event.row_id IS 'Primary key of the row; a JSON array where it has several columns.';
COMMENT ON COLUMN medrec.audit_event.old_values IS 'What was: the row for DELETE, the changed columns for UPDATE. Times in UTC; "(withheld)" stands for values that are never recorded.';
COMMENT ON COLUMN medrec.audit_event.new_values IS 'What is: the row for INSERT, the changed columns for UPDATE.';
COMMENT ON COLUMN medrec.audit_event.account IS 'Account that the request''s token names (claim sub); only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.jti IS 'Number of the token (claim jti); only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.role IS 'Role that the session had taken on (SET ROLE), else its user.';
COMMENT ON COLUMN medrec.audit_event.session_role IS 'User of the session (session_user).';
COMMENT ON COLUMN medrec.audit_event.effective_role IS 'User whose rights applied (current_user); another one inside a SECURITY DEFINER function.';
COMMENT ON COLUMN medrec.audit_event.client_addr IS 'Address of the client as the gateway saw it, else of the connection''s other end; [local] for a Unix socket.';
COMMENT ON COLUMN medrec.audit_event.request_id IS 'Header X-Request-Id; only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.method IS 'HTTP method; only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.path IS 'HTTP path; only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.application_name IS 'Name that the client gave itself.';
COMMENT ON COLUMN medrec.audit_event.reason IS 'Why: setting medrec.reason, else header X-Reason.';
COMMENT ON COLUMN medrec.audit_event.salt IS 'Random bytes that keep the leaf from being guessed from redacted content.';
COMMENT ON COLUMN medrec.audit_event.leaf IS 'SHA-256 over a zero byte and the event''s canonical text (doc/audit.md).';

-- One BRIN index and no btree: nothing is searched for in the write path, events of
-- a time lie together, and summaries are made behind the writers' backs.
CREATE INDEX audit_event_idx ON medrec.audit_event
	USING brin (xid, row_id text_bloom_ops, patient_id uuid_bloom_ops)
	WITH (pages_per_range = 32, autosummarize = on);

-- takes what is written when no month's partition has been made
CREATE TABLE medrec.audit_event_default PARTITION OF medrec.audit_event DEFAULT;
COMMENT ON TABLE medrec.audit_event_default IS 'The audit trail''s events of months for which no partition had been made.';

CREATE TABLE medrec.audit_seal (
	seal bigint PRIMARY KEY,
	era integer NOT NULL,
	first_xid bigint NOT NULL,
	end_xid bigint NOT NULL,
	events bigint NOT NULL,
	total bigint NOT NULL,
	root bytea NOT NULL,
	sealed_at timestamptz NOT NULL,
	sealed_by text COLLATE "C" NOT NULL,
	previous_head bytea NOT NULL,
	head bytea NOT NULL,
	frontier bytea NOT NULL
);
COMMENT ON TABLE medrec.audit_seal IS 'Seals of the audit trail: a Merkle root per range of finished transactions, and a head over all seals so far. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_seal.seal IS 'Number of the seal, from 1 without gaps.';
COMMENT ON COLUMN medrec.audit_seal.era IS 'Era that the range belongs to.';
COMMENT ON COLUMN medrec.audit_seal.first_xid IS 'First transaction of the range: the end of the era''s last seal.';
COMMENT ON COLUMN medrec.audit_seal.end_xid IS 'End of the range, itself not in it: every transaction before it had ended.';
COMMENT ON COLUMN medrec.audit_seal.events IS 'Number of events in the range.';
COMMENT ON COLUMN medrec.audit_seal.total IS 'Number of events in this and all seals before.';
COMMENT ON COLUMN medrec.audit_seal.root IS 'Merkle tree hash (RFC 6962, SHA-256) of the range''s events, ordered by (xid, n).';
COMMENT ON COLUMN medrec.audit_seal.sealed_at IS 'Clock time of the sealing.';
COMMENT ON COLUMN medrec.audit_seal.sealed_by IS 'Session user that sealed.';
COMMENT ON COLUMN medrec.audit_seal.previous_head IS 'Head of the seal before; the hash of nothing for the first.';
COMMENT ON COLUMN medrec.audit_seal.head IS 'Merkle tree hash of all seals up to this one: what to keep elsewhere.';
COMMENT ON COLUMN medrec.audit_seal.frontier IS 'Roots of the full subtrees that the head is made of, the largest first; lets the next seal be added.';

CREATE TABLE medrec.audit_archive (
	partition text COLLATE "C" PRIMARY KEY,
	archived_at timestamptz NOT NULL,
	archived_by text COLLATE "C" NOT NULL,
	events bigint NOT NULL,
	first_seal bigint NOT NULL,
	last_seal bigint NOT NULL,
	root bytea NOT NULL
);
COMMENT ON TABLE medrec.audit_archive IS 'Months of the audit trail that medrec.archive_audit() has detached. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_archive.partition IS 'Name of the table that the month was detached as.';
COMMENT ON COLUMN medrec.audit_archive.archived_at IS 'When.';
COMMENT ON COLUMN medrec.audit_archive.archived_by IS 'Session user that did it.';
COMMENT ON COLUMN medrec.audit_archive.events IS 'Number of its events.';
COMMENT ON COLUMN medrec.audit_archive.first_seal IS 'First seal with an event in it; 0 for none.';
COMMENT ON COLUMN medrec.audit_archive.last_seal IS 'Last seal with an event in it.';
COMMENT ON COLUMN medrec.audit_archive.root IS 'Merkle tree hash of its events, ordered by (era, xid, n).';

CREATE TABLE medrec.audit_archive_seal (
	seal bigint,
	partition text COLLATE "C",
	events bigint NOT NULL,
	leaves bytea,
	PRIMARY KEY (seal, partition)
);
COMMENT ON TABLE medrec.audit_archive_seal IS 'What archived months held of each seal. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_archive_seal.seal IS 'Number of the seal.';
COMMENT ON COLUMN medrec.audit_archive_seal.partition IS 'The archived month.';
COMMENT ON COLUMN medrec.audit_archive_seal.events IS 'Number of the seal''s events in that month.';
COMMENT ON COLUMN medrec.audit_archive_seal.leaves IS 'Era, xid, n (big-endian, 4, 8, 4 bytes) and leaf of each; null where the month holds all events of the seal.';

-- Append-only. Statement triggers, because a statement that finds no row is refused
-- as well; each partition needs its own (medrec.audit_partitions() gives it). Row
-- triggers besides, because what logical replication applies fires no others.
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['audit_event', 'audit_event_default', 'audit_seal', 'audit_era',
		'audit_archive', 'audit_archive_seal'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_append_only'
			' BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only()', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_append_only', t);
	END LOOP;
	FOREACH t IN ARRAY ARRAY['audit_event', 'audit_seal', 'audit_era'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_append_only_row'
			' BEFORE UPDATE OR DELETE ON medrec.%I'
			' FOR EACH ROW EXECUTE FUNCTION medrec.audit_append_only()', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_append_only_row', t);
	END LOOP;
END
$$;

SELECT medrec.audit_open_era();
SELECT medrec.audit_partitions();

-- What is audited. ALWAYS, so that session_replication_role does not silence it.
DO $$
DECLARE
	a record;
	e record;
BEGIN
	FOR a IN
		SELECT * FROM (VALUES
			('account', '''withhold=password'''),
			('patient', '''patient=id'''),
			('diagnosis', '''patient=patient_id'''),
			('treatment', '''patient=patient_id'''),
			('code_release', '')
		) AS v (name, arguments)
	LOOP
		FOR e IN
			SELECT * FROM (VALUES
				('insert', 'REFERENCING NEW TABLE AS new_rows'),
				('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
				('delete', 'REFERENCING OLD TABLE AS old_rows'),
				('truncate', '')
			) AS v (event, tables)
		LOOP
			EXECUTE pg_catalog.format('CREATE TRIGGER medrec_audit_%s AFTER %s ON medrec.%I'
				' %s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
				e.event, e.event, a.name, e.tables, a.arguments);
			EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_audit_%s',
				a.name, e.event);
		END LOOP;
	END LOOP;
END
$$;

-- Who reads: the auditor all of it; the administrator who did what and when, not the content.
ALTER TABLE medrec.audit_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY medrec_read ON medrec.audit_event FOR SELECT TO medrec_auditor, medrec_admin USING (true);
REVOKE ALL ON medrec.audit_event, medrec.audit_event_default, medrec.audit_seal, medrec.audit_era,
	medrec.audit_archive, medrec.audit_archive_seal FROM PUBLIC;
GRANT SELECT ON medrec.audit_event, medrec.audit_seal, medrec.audit_era, medrec.audit_archive,
	medrec.audit_archive_seal TO medrec_auditor;
GRANT SELECT ON medrec.audit_seal, medrec.audit_era, medrec.audit_archive TO medrec_admin;
GRANT SELECT (era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	account, jti, role, session_role, effective_role, client_addr, request_id, method, path,
	application_name, reason, leaf) ON medrec.audit_event TO medrec_admin;

CREATE VIEW medrec_api.audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf
FROM medrec.audit_event;
COMMENT ON VIEW medrec_api.audit_events IS 'The audit trail: an event per changed row. Read-only.';
REVOKE ALL ON medrec_api.audit_events FROM PUBLIC;
GRANT SELECT ON medrec_api.audit_events TO medrec_auditor;
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT a.attname, pg_catalog.col_description(t.attrelid, t.attnum) AS comment
		FROM pg_catalog.pg_attribute AS a
		JOIN pg_catalog.pg_attribute AS t
			ON t.attrelid = 'medrec.audit_event'::pg_catalog.regclass AND t.attname = a.attname
		WHERE a.attrelid = 'medrec_api.audit_events'::pg_catalog.regclass
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec_api.audit_events.%I IS %L', c.attname, c.comment);
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass)
	TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.seal_audit(), medrec.archive_audit(timestamptz) TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.seal_audit() TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec.audit_checkpoint(bigint, text),
	medrec.audit_proof(integer, bigint, integer, bigint),
	medrec.consistency_proof(bigint, bigint)
	TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.history(text, text), medrec.as_of(text, text, timestamptz),
	medrec.diff(text, text, timestamptz, timestamptz)
	TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec.verify_records() TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.audit_canonical(integer, bigint, integer) TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec.audit_status(), medrec.audit_fhir(uuid, timestamptz, timestamptz, integer)
	TO medrec_auditor;

-- HTTP
CREATE FUNCTION medrec_api.history(table_name text, row_id text)
RETURNS TABLE (version integer, era integer, xid bigint, n integer, logged_at timestamptz, action text, account text,
	role text, session_role text, reason text, old_values json, new_values json, record json)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT h.version, h.era, h.xid, h.n, h.logged_at, h.action, h.account, h.role, h.session_role, h.reason,
		h.old_values, h.new_values, h.record
	FROM medrec.history($1, $2) AS h;
END;
CREATE FUNCTION medrec_api.as_of(table_name text, row_id text, at timestamptz)
RETURNS json
LANGUAGE sql STABLE
RETURN medrec.as_of(table_name, row_id, at);
CREATE FUNCTION medrec_api.audit_fhir(patient uuid DEFAULT NULL, since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL, max integer DEFAULT 100)
RETURNS jsonb
LANGUAGE sql STABLE
RETURN medrec.audit_fhir(patient, since, until, max);
CREATE FUNCTION medrec_api.audit_checkpoint(seal bigint DEFAULT NULL, origin text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
RETURN medrec.audit_checkpoint(seal, origin);
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT a.oid::pg_catalog.regprocedure AS api, pg_catalog.obj_description(i.oid, 'pg_proc') AS comment
		FROM pg_catalog.pg_proc AS a
		JOIN pg_catalog.pg_proc AS i ON i.proname = a.proname
			AND i.pronamespace = 'medrec'::pg_catalog.regnamespace AND i.proargtypes = a.proargtypes
		WHERE a.pronamespace = 'medrec_api'::pg_catalog.regnamespace
			AND a.proname IN ('history', 'as_of', 'audit_fhir', 'audit_checkpoint')
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.api, f.comment);
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.api);
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO medrec_auditor', f.api);
	END LOOP;
END
$$;
$medrec_step$)
, (5, 'api', $medrec_step$
-- What PostgREST exposes. Views without logic, so that writes go through; functions with
-- bodies parsed here and now, so that a client needs no USAGE on medrec.

CREATE VIEW medrec_api.patients WITH (security_invoker = true) AS
	SELECT id, name, age, gender, patient_id, last_visit, birth_date, version, created_at, updated_at
	FROM medrec.patient;
COMMENT ON VIEW medrec_api.patients IS 'Patients. Embeds diagnoses and treatments; current_age is a computed field.';

CREATE VIEW medrec_api.diagnoses WITH (security_invoker = true) AS
	SELECT id, patient_id, code, description, code_system, status, validation_date, validated_by,
		suggestions, issues, version, created_at, updated_at
	FROM medrec.diagnosis;
COMMENT ON VIEW medrec_api.diagnoses IS 'Diagnoses of patients, each code normalised and judged.';

CREATE VIEW medrec_api.treatments WITH (security_invoker = true) AS
	SELECT id, patient_id, code, description, code_system, status, validation_date, validated_by,
		suggestions, issues, version, created_at, updated_at
	FROM medrec.treatment;
COMMENT ON VIEW medrec_api.treatments IS 'Treatments of patients, each code normalised and judged.';

CREATE VIEW medrec_api.accounts WITH (security_invoker = true) AS
	SELECT id, username, email, role, first_name, last_name, is_active, last_login, date_joined
	FROM medrec.account;
COMMENT ON VIEW medrec_api.accounts IS 'Who may log in. Passwords are not shown.';

CREATE VIEW medrec_api.codes WITH (security_invoker = true) AS
	SELECT code_system, code, display, short_display, billable, valid_from, valid_to, active_from, active_to
	FROM medrec.code;
COMMENT ON VIEW medrec_api.codes IS 'Codes of the loaded releases, each with the time in which the releases name it so.';

CREATE VIEW medrec_api.code_releases WITH (security_invoker = true) AS
	SELECT id, code_system, version, content, effective_from, effective_to, format, source, sha256, rows, loaded_at, loaded_by
	FROM medrec.code_release;
COMMENT ON VIEW medrec_api.code_releases IS 'Releases of code systems that are loaded.';

CREATE VIEW medrec_api.code_systems WITH (security_invoker = true) AS
	SELECT s.name, s.title, s.uri, s.oid, s.has_headers
	FROM medrec.code_systems() AS s;
COMMENT ON VIEW medrec_api.code_systems IS 'The code systems that medrec knows.';
COMMENT ON COLUMN medrec_api.code_systems.name IS 'Name as stored, such as ICD-10-CM.';
COMMENT ON COLUMN medrec_api.code_systems.title IS 'Full name.';
COMMENT ON COLUMN medrec_api.code_systems.uri IS 'URI that FHIR knows it by.';
COMMENT ON COLUMN medrec_api.code_systems.oid IS 'Object identifier.';
COMMENT ON COLUMN medrec_api.code_systems.has_headers IS 'Whether releases hold headers, which may not stand on a claim.';

-- columns of a view: the table's comments, and its defaults, which "Prefer: missing=default"
-- looks for on the view
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT v.relname AS view, a.attname AS name,
			pg_catalog.col_description(t.oid, ta.attnum) AS comment,
			pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default
		FROM (VALUES ('patients', 'patient'), ('diagnoses', 'diagnosis'), ('treatments', 'treatment'),
				('accounts', 'account'), ('codes', 'code'), ('code_releases', 'code_release')) AS p (v, t)
		JOIN pg_catalog.pg_class AS v ON v.oid = ('medrec_api.' || p.v)::pg_catalog.regclass
		JOIN pg_catalog.pg_class AS t ON t.oid = ('medrec.' || p.t)::pg_catalog.regclass
		JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
		JOIN pg_catalog.pg_attribute AS ta ON ta.attrelid = t.oid AND ta.attname = a.attname
		LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = ta.attnum AND ta.attgenerated = ''
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec_api.%I.%I IS %L', c.view, c.name, c.comment);
		IF c.default IS NOT NULL THEN
			EXECUTE pg_catalog.format('ALTER VIEW medrec_api.%I ALTER COLUMN %I SET DEFAULT %s', c.view, c.name, c.default);
		END IF;
	END LOOP;
END
$$;

GRANT SELECT ON medrec_api.patients, medrec_api.diagnoses, medrec_api.treatments
	TO medrec_clinician, medrec_coder, medrec_admin;
GRANT INSERT, UPDATE ON medrec_api.patients, medrec_api.diagnoses, medrec_api.treatments TO medrec_clinician;
GRANT UPDATE (code, description, code_system, status, suggestions, version)
	ON medrec_api.diagnoses, medrec_api.treatments TO medrec_coder;
GRANT DELETE ON medrec_api.patients, medrec_api.diagnoses, medrec_api.treatments TO medrec_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON medrec_api.accounts TO medrec_admin;
GRANT SELECT ON medrec_api.codes, medrec_api.code_releases, medrec_api.code_systems
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;

CREATE FUNCTION medrec_api.current_age(patient medrec_api.patients)
RETURNS integer
LANGUAGE sql STABLE
RETURN CASE WHEN (patient).birth_date IS NULL THEN (patient).age
	ELSE EXTRACT(YEAR FROM pg_catalog.age(CURRENT_DATE, (patient).birth_date))::integer END;
COMMENT ON FUNCTION medrec_api.current_age(medrec_api.patients) IS
'Computed field of patients: age in years as of today where the birth date is known, else the stored age. patient: a row of patients.';

CREATE FUNCTION medrec_api.validate_code(code_system text, code text, display text DEFAULT NULL,
	on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL)
RETURNS TABLE (result text, code text, display text, billable boolean, issues jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.result, v.code, v.display, v.billable, v.issues
	FROM medrec.validate_code($1, $2, $3, $4, $5) AS v;
END;

CREATE FUNCTION medrec_api.suggest(code_system text, code text DEFAULT NULL, display text DEFAULT NULL,
	max integer DEFAULT 5, on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL)
RETURNS TABLE (code text, display text, score double precision, source text, reason text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.code, s.display, s.score, s.source, s.reason
	FROM medrec.suggest($1, $2, $3, $4, $5, $6) AS s;
END;

CREATE FUNCTION medrec_api.record_visit(visit jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.record_visit(visit);

CREATE FUNCTION medrec_api.accept_suggestion(record uuid, code text)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.accept_suggestion(record, code);

CREATE FUNCTION medrec_api.confirm(record uuid)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.confirm(record);

CREATE FUNCTION medrec_api.reject(record uuid)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.reject(record);

CREATE FUNCTION medrec_api.add_suggestions(record uuid, suggestions jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.add_suggestions(record, suggestions);

CREATE FUNCTION medrec_api.load_release(code_system text, version text, effective_from date, content text,
	format text DEFAULT 'auto', source text DEFAULT NULL)
RETURNS medrec_api.code_releases
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT r.* FROM medrec.load_release($1, $2, $3, $4, $5, $6) AS r;
END;

CREATE FUNCTION medrec_api.health()
RETURNS jsonb
LANGUAGE sql STABLE
RETURN pg_catalog.jsonb_build_object('status', 'ok', 'time', pg_catalog.now());
COMMENT ON FUNCTION medrec_api.health() IS
'Answers {"status": "ok", "time": ...} when the database can be reached.';

-- the same thing under another schema: the same comment
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT a.oid::pg_catalog.regprocedure AS api, pg_catalog.obj_description(i.oid, 'pg_proc') AS comment
		FROM pg_catalog.pg_proc AS a
		JOIN pg_catalog.pg_proc AS i ON i.proname = a.proname
			AND i.pronamespace = 'medrec'::pg_catalog.regnamespace
			AND i.proargtypes = a.proargtypes
		WHERE a.pronamespace = 'medrec_api'::pg_catalog.regnamespace
			AND pg_catalog.obj_description(a.oid, 'pg_proc') IS NULL
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.api, f.comment);
	END LOOP;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA medrec_api FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.health() TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.current_age(medrec_api.patients) TO medrec_clinician, medrec_coder, medrec_admin;
GRANT EXECUTE ON FUNCTION
	medrec.code_systems(),
	medrec.check_code(text, text),
	medrec.normalize_code(text, text),
	medrec.validate_code(text, text, text, date, jsonb),
	medrec_api.validate_code(text, text, text, date, jsonb),
	medrec.suggest(text, text, text, integer, date, jsonb),
	medrec_api.suggest(text, text, text, integer, date, jsonb)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION
	medrec.create_patient(text, integer, text, text, date),
	medrec.create_diagnosis(uuid, text, text, text),
	medrec.create_treatment(uuid, text, text, text),
	medrec.record_visit(jsonb), medrec_api.record_visit(jsonb)
	TO medrec_clinician;
GRANT EXECUTE ON FUNCTION
	medrec.confirm(uuid), medrec_api.confirm(uuid),
	medrec.reject(uuid), medrec_api.reject(uuid),
	medrec.accept_suggestion(uuid, text), medrec_api.accept_suggestion(uuid, text),
	medrec.add_suggestions(uuid, jsonb), medrec_api.add_suggestions(uuid, jsonb)
	TO medrec_clinician, medrec_coder;
GRANT EXECUTE ON FUNCTION
	medrec.load_release(text, text, date, text, text, text), medrec_api.load_release(text, text, date, text, text, text)
	TO medrec_admin;
$medrec_step$)
, (6, 'revalidation', $medrec_step$
-- Runs of medrec.revalidate(): what lets a run that was broken off go on.

CREATE TABLE medrec.revalidation (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	since date NOT NULL,
	generation bigint NOT NULL,
	kind varchar(20) COLLATE "C" NOT NULL DEFAULT 'diagnosis',
	last_id uuid,
	checked bigint NOT NULL DEFAULT 0,
	changed bigint NOT NULL DEFAULT 0,
	started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	finished_at timestamptz,
	CONSTRAINT revalidation_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT revalidation_kind_check CHECK (kind IN ('diagnosis', 'treatment'))
);
CREATE UNIQUE INDEX revalidation_open_idx ON medrec.revalidation (code_system, since, generation)
	WHERE finished_at IS NULL;
COMMENT ON TABLE medrec.revalidation IS 'Runs of medrec.revalidate() and how far each has come.';
COMMENT ON COLUMN medrec.revalidation.id IS 'Number of the run.';
COMMENT ON COLUMN medrec.revalidation.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.revalidation.since IS 'Records made before this day are left out; -infinity: none is.';
COMMENT ON COLUMN medrec.revalidation.generation IS 'State of the terminologies that the records are judged by; a run of an older state is not gone on with.';
COMMENT ON COLUMN medrec.revalidation.kind IS 'Table that the run is at: diagnosis, then treatment.';
COMMENT ON COLUMN medrec.revalidation.last_id IS 'Last record of that table that it has looked at.';
COMMENT ON COLUMN medrec.revalidation.checked IS 'Number of records judged anew.';
COMMENT ON COLUMN medrec.revalidation.changed IS 'Number of those that were judged differently.';
COMMENT ON COLUMN medrec.revalidation.started_at IS 'When the run began.';
COMMENT ON COLUMN medrec.revalidation.updated_at IS 'When its last batch was done.';
COMMENT ON COLUMN medrec.revalidation.finished_at IS 'When it was through; null before.';

-- who may change a record's code may have it judged
GRANT SELECT, INSERT, UPDATE ON medrec.revalidation TO medrec_coder;
GRANT SELECT ON medrec.revalidation TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON PROCEDURE medrec.revalidate(text, date, integer) TO medrec_coder;
GRANT EXECUTE ON FUNCTION medrec.revalidate_batch(text, date, integer) TO medrec_coder;
$medrec_step$)
, (7, 'access', $medrec_step$
-- Access: accounts over HTTP, tokens and their keys, care teams; and what each role may.

-- Functions of the extension are for whom they are granted to, one by one.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA medrec, medrec_api FROM PUBLIC;

-- pgcrypto hashes passwords. Where it is there already it may be in any schema.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pgcrypto') THEN
		EXECUTE pg_catalog.format('CREATE EXTENSION pgcrypto SCHEMA %I',
			CASE WHEN pg_catalog.to_regnamespace('public') IS NULL THEN 'medrec' ELSE 'public' END);
	END IF;
END
$$;

-- Beside account, because what changes here with every try is no change of an account.
-- No foreign keys: tries for names that there are not have numbers below zero, and the
-- generation of a deleted account must not come back with a new one of its number.
CREATE TABLE medrec.account_login (
	account_id integer PRIMARY KEY,
	failures integer NOT NULL DEFAULT 0,
	refused bigint NOT NULL DEFAULT 0,
	last_failure timestamptz,
	locked_until timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE medrec.account_login IS 'Wrong logins by account; numbers below zero stand for names that there are not.';
COMMENT ON COLUMN medrec.account_login.account_id IS 'The account, by account.id.';
COMMENT ON COLUMN medrec.account_login.failures IS 'Wrong tries since the last right one, or within a day.';
COMMENT ON COLUMN medrec.account_login.refused IS 'Tries refused so far, those while locked included.';
COMMENT ON COLUMN medrec.account_login.last_failure IS 'Time of the last wrong try that counted.';
COMMENT ON COLUMN medrec.account_login.locked_until IS 'Until then every try is refused.';

CREATE TABLE medrec.login_lockout (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_id integer NOT NULL,
	failures integer NOT NULL,
	locked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	locked_until timestamptz NOT NULL
);
COMMENT ON TABLE medrec.login_lockout IS 'Lock-outs after wrong logins; each is an event of the audit trail.';
COMMENT ON COLUMN medrec.login_lockout.id IS 'Number of the lock-out.';
COMMENT ON COLUMN medrec.login_lockout.account_id IS 'The account, by account.id.';
COMMENT ON COLUMN medrec.login_lockout.failures IS 'Wrong tries up to then.';
COMMENT ON COLUMN medrec.login_lockout.locked_at IS 'When it began.';
COMMENT ON COLUMN medrec.login_lockout.locked_until IS 'When it ends.';

CREATE TABLE medrec.token_generation (
	account_id integer PRIMARY KEY,
	generation integer NOT NULL
);
COMMENT ON TABLE medrec.token_generation IS 'Tokens of login carry their account''s generation; when it rises, those before end.';
COMMENT ON COLUMN medrec.token_generation.account_id IS 'The account, by account.id; one without a row has generation 0.';
COMMENT ON COLUMN medrec.token_generation.generation IS 'Generation of the tokens that are accepted.';

CREATE TABLE medrec.token_revoked (
	jti text COLLATE "C" PRIMARY KEY,
	expires_at timestamptz NOT NULL
);
CREATE INDEX token_revoked_expires_at_idx ON medrec.token_revoked (expires_at);
COMMENT ON TABLE medrec.token_revoked IS 'Tokens that were ended before their time.';
COMMENT ON COLUMN medrec.token_revoked.jti IS 'Number of the token.';
COMMENT ON COLUMN medrec.token_revoked.expires_at IS 'When it would have ended; then the row may go.';

CREATE TABLE medrec.jwt_key (
	kid text COLLATE "C" PRIMARY KEY,
	key bytea NOT NULL,
	made_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	signs_from timestamptz,
	retired_at timestamptz,
	CONSTRAINT jwt_key_kid_check CHECK (kid ~ '^[-0-9A-Za-z_.]{1,100}$'),
	CONSTRAINT jwt_key_key_check CHECK (pg_catalog.octet_length(key) >= 32)
);
COMMENT ON TABLE medrec.jwt_key IS 'Secret keys that tokens are signed with. Only the owner reads them; medrec.rotate_jwt_key() changes them.';
COMMENT ON COLUMN medrec.jwt_key.kid IS 'Name of the key, which tokens carry in their header.';
COMMENT ON COLUMN medrec.jwt_key.key IS 'The key: 32 random bytes.';
COMMENT ON COLUMN medrec.jwt_key.made_at IS 'When it was made.';
COMMENT ON COLUMN medrec.jwt_key.signs_from IS 'Since when it signs; null for the next one.';
COMMENT ON COLUMN medrec.jwt_key.retired_at IS 'When tokens of it are no longer accepted; null while it signs or is the next one.';

-- login by name or address; and the most work that a check of a password takes
CREATE INDEX account_email_idx ON medrec.account (pg_catalog.lower(email)) WHERE email <> '';
CREATE INDEX account_pbkdf2_idx ON medrec.account (medrec.pbkdf2_iterations(password))
	WHERE medrec.pbkdf2_iterations(password) IS NOT NULL;

-- care teams
CREATE TABLE medrec.care_team (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name varchar(100) NOT NULL,
	CONSTRAINT care_team_name_key UNIQUE (name),
	CONSTRAINT care_team_name_check CHECK (name <> '')
);
COMMENT ON TABLE medrec.care_team IS 'Care teams. With medrec.care_team_mode on, clinicians see the patients of their teams only.';
COMMENT ON COLUMN medrec.care_team.id IS 'Number of the team.';
COMMENT ON COLUMN medrec.care_team.name IS 'Name of the team; unique.';

CREATE TABLE medrec.care_team_member (
	account integer NOT NULL,
	team integer NOT NULL,
	CONSTRAINT care_team_member_pkey PRIMARY KEY (account, team),
	CONSTRAINT care_team_member_account_fkey FOREIGN KEY (account) REFERENCES medrec.account (id) ON DELETE CASCADE,
	CONSTRAINT care_team_member_team_fkey FOREIGN KEY (team) REFERENCES medrec.care_team (id) ON DELETE CASCADE
);
CREATE INDEX care_team_member_team_idx ON medrec.care_team_member (team);
COMMENT ON TABLE medrec.care_team_member IS 'Who belongs to a care team.';
COMMENT ON COLUMN medrec.care_team_member.account IS 'The account, by account.id.';
COMMENT ON COLUMN medrec.care_team_member.team IS 'The team, by care_team.id.';

CREATE TABLE medrec.care_team_patient (
	patient uuid NOT NULL,
	team integer NOT NULL,
	CONSTRAINT care_team_patient_pkey PRIMARY KEY (patient, team),
	CONSTRAINT care_team_patient_patient_fkey FOREIGN KEY (patient) REFERENCES medrec.patient (id) ON DELETE CASCADE,
	CONSTRAINT care_team_patient_team_fkey FOREIGN KEY (team) REFERENCES medrec.care_team (id) ON DELETE CASCADE
);
CREATE INDEX care_team_patient_team_idx ON medrec.care_team_patient (team);
COMMENT ON TABLE medrec.care_team_patient IS 'Whom a care team cares for.';
COMMENT ON COLUMN medrec.care_team_patient.patient IS 'The patient, by patient.id.';
COMMENT ON COLUMN medrec.care_team_patient.team IS 'The team, by care_team.id.';

CREATE TABLE medrec.break_glass (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account integer NOT NULL,
	patient uuid NOT NULL,
	reason text NOT NULL,
	opened_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	expires_at timestamptz NOT NULL,
	CONSTRAINT break_glass_account_fkey FOREIGN KEY (account) REFERENCES medrec.account (id) ON DELETE CASCADE,
	CONSTRAINT break_glass_patient_fkey FOREIGN KEY (patient) REFERENCES medrec.patient (id) ON DELETE CASCADE
);
CREATE INDEX break_glass_account_patient_idx ON medrec.break_glass (account, patient);
CREATE INDEX break_glass_patient_idx ON medrec.break_glass (patient);
COMMENT ON TABLE medrec.break_glass IS 'Patients of other teams that an account has opened; each is an event of the audit trail.';
COMMENT ON COLUMN medrec.break_glass.id IS 'Number of the event.';
COMMENT ON COLUMN medrec.break_glass.account IS 'The account, by account.id.';
COMMENT ON COLUMN medrec.break_glass.patient IS 'The patient, by patient.id.';
COMMENT ON COLUMN medrec.break_glass.reason IS 'Why, in the account''s words.';
COMMENT ON COLUMN medrec.break_glass.opened_at IS 'When.';
COMMENT ON COLUMN medrec.break_glass.expires_at IS 'Until when the patient is open.';

-- a new patient belongs to the teams of who made him
CREATE TRIGGER medrec_enrol BEFORE INSERT ON medrec.patient
	FOR EACH ROW EXECUTE FUNCTION medrec.enrol();
CREATE TRIGGER medrec_enrol_statement AFTER INSERT ON medrec.patient
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION medrec.enrol();

DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['care_team_member', 'care_team_patient', 'break_glass'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_changed AFTER INSERT OR UPDATE OR DELETE ON medrec.%I'
			' FOR EACH ROW EXECUTE FUNCTION medrec.care_team_changed()', t);
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_changed_all AFTER TRUNCATE ON medrec.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION medrec.care_team_changed()', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_changed', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_changed_all', t);
	END LOOP;
END
$$;

-- the first keys
SELECT medrec.rotate_jwt_key('0');

-- what is audited of all this: not each try to log in, but that it was locked
DO $$
DECLARE
	a record;
	e record;
BEGIN
	FOR a IN
		SELECT * FROM (VALUES
			('login_lockout', ''),
			('token_generation', ''),
			('jwt_key', '''withhold=key'''),
			('care_team', ''),
			('care_team_member', ''),
			('care_team_patient', '''patient=patient'''),
			('break_glass', '''patient=patient''')
		) AS v (name, arguments)
	LOOP
		FOR e IN
			SELECT * FROM (VALUES
				('insert', 'REFERENCING NEW TABLE AS new_rows'),
				('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
				('delete', 'REFERENCING OLD TABLE AS old_rows'),
				('truncate', '')
			) AS v (event, tables)
		LOOP
			EXECUTE pg_catalog.format('CREATE TRIGGER medrec_audit_%s AFTER %s ON medrec.%I'
				' %s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
				e.event, e.event, a.name, e.tables, a.arguments);
			EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_audit_%s',
				a.name, e.event);
		END LOOP;
	END LOOP;
END
$$;
CREATE TRIGGER medrec_audit_insert AFTER INSERT ON medrec.token_revoked
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit();
ALTER TABLE medrec.token_revoked ENABLE ALWAYS TRIGGER medrec_audit_insert;

-- Who sees which row. Coders and administrators all; clinicians all, or their teams'.
DO $$
DECLARE
	t text;
	id text;
BEGIN
	FOREACH t IN ARRAY ARRAY['patient', 'diagnosis', 'treatment'] LOOP
		id := CASE t WHEN 'patient' THEN 'id' ELSE 'patient_id' END;
		EXECUTE pg_catalog.format('CREATE POLICY medrec_read ON medrec.%I FOR SELECT'
			' TO medrec_coder, medrec_admin USING (true)', t);
		EXECUTE pg_catalog.format('CREATE POLICY medrec_read_care ON medrec.%I FOR SELECT'
			' TO medrec_clinician USING (medrec.sees_patient(%I))', t, id);
		EXECUTE pg_catalog.format('CREATE POLICY medrec_insert ON medrec.%I FOR INSERT'
			' TO medrec_clinician WITH CHECK (medrec.sees_patient(%I, true))', t, id);
		EXECUTE pg_catalog.format('CREATE POLICY medrec_update_care ON medrec.%I FOR UPDATE'
			' TO medrec_clinician USING (medrec.sees_patient(%I))'
			' WITH CHECK (medrec.sees_patient(%I, true))', t, id, id);
		IF t <> 'patient' THEN
			EXECUTE pg_catalog.format('CREATE POLICY medrec_update ON medrec.%I FOR UPDATE'
				' TO medrec_coder USING (true)', t);
		END IF;
		EXECUTE pg_catalog.format('CREATE POLICY medrec_delete ON medrec.%I FOR DELETE'
			' TO medrec_admin USING (true)', t);
	END LOOP;
END
$$;
CREATE POLICY medrec_admin ON medrec.account TO medrec_admin USING (true);

-- The gatekeeper owns what checks passwords and tokens: no more can be done with these
-- functions, whatever is wrong with them, than it may.
GRANT USAGE ON SCHEMA medrec TO medrec_gatekeeper;
CREATE POLICY medrec_gatekeeper ON medrec.account TO medrec_gatekeeper USING (true);
CREATE POLICY medrec_gatekeeper ON medrec.patient FOR SELECT TO medrec_gatekeeper USING (true);
REVOKE ALL ON medrec.account_login, medrec.login_lockout, medrec.token_generation, medrec.token_revoked,
	medrec.jwt_key, medrec.care_team, medrec.care_team_member, medrec.care_team_patient, medrec.break_glass
	FROM PUBLIC;
GRANT SELECT (id, username, email, role, password, is_active), UPDATE (password, last_login)
	ON medrec.account TO medrec_gatekeeper;
GRANT SELECT, INSERT, UPDATE ON medrec.account_login, medrec.token_generation TO medrec_gatekeeper;
GRANT INSERT ON medrec.login_lockout TO medrec_gatekeeper;
GRANT SELECT, INSERT, DELETE ON medrec.token_revoked TO medrec_gatekeeper;
GRANT SELECT ON medrec.jwt_key TO medrec_gatekeeper;
GRANT SELECT (id, patient_id) ON medrec.patient TO medrec_gatekeeper;
GRANT SELECT, INSERT ON medrec.break_glass TO medrec_gatekeeper;
GRANT EXECUTE ON FUNCTION
	medrec.login(text, text),
	medrec.change_password(text, text),
	medrec.set_password(text, text),
	medrec.revoke_tokens(text),
	medrec.logout(),
	medrec.check_request(),
	medrec.pbkdf2_iterations(text),
	medrec.jwt_key_set(),
	medrec.break_glass(text, text)
	TO medrec_gatekeeper;

-- what CHECK constraints, indexes and policies call, by who writes or reads there
GRANT EXECUTE ON FUNCTION medrec.is_code_system(text), medrec.is_suggestions(jsonb), medrec.is_issues(jsonb)
	TO medrec_clinician, medrec_coder, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.term_key(text)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.pbkdf2_iterations(text) TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.sees_patient(uuid, boolean), medrec.visible_patients() TO medrec_clinician;

-- What clients call.
CREATE FUNCTION medrec_api.login(username text, password text)
RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.login(username, password);

CREATE FUNCTION medrec_api.change_password(old_password text, new_password text)
RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.change_password(old_password, new_password);

CREATE FUNCTION medrec_api.set_password(username text, password text)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.set_password(username, password);

CREATE FUNCTION medrec_api.revoke_tokens(username text)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.revoke_tokens(username);

CREATE FUNCTION medrec_api.logout()
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.logout();

CREATE FUNCTION medrec_api.break_glass(patient text, reason text)
RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.break_glass(patient, reason);

-- What PostgREST itself calls. A schema of its own: in medrec_api they would be endpoints,
-- and in medrec every caller, the anonymous one too, would need the right to look there.
CREATE SCHEMA IF NOT EXISTS medrec_gate;
COMMENT ON SCHEMA medrec_gate IS 'medrec: what PostgREST calls before requests, and for its configuration; exposes nothing';
REVOKE ALL ON SCHEMA medrec_gate FROM PUBLIC;
GRANT USAGE ON SCHEMA medrec_gate
	TO medrec_authenticator, medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;

CREATE FUNCTION medrec_gate.pre_request()
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN medrec.check_request();
COMMENT ON FUNCTION medrec_gate.pre_request() IS
'PostgREST''s db-pre-request: refuses tokens that may no longer be used. No arguments. Errors: PT401.';

CREATE FUNCTION medrec_gate.pre_config()
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT pg_catalog.set_config('pgrst.jwt_secret', medrec.jwt_key_set(), true);
END;
COMMENT ON FUNCTION medrec_gate.pre_config() IS
'PostgREST''s db-pre-config: gives it the keys that tokens are accepted with. No arguments. Errors: 42501 for all but medrec_authenticator.';

CREATE VIEW medrec_api.care_teams WITH (security_invoker = true) AS
	SELECT id, name FROM medrec.care_team;
CREATE VIEW medrec_api.care_team_members WITH (security_invoker = true) AS
	SELECT account, team FROM medrec.care_team_member;
CREATE VIEW medrec_api.care_team_patients WITH (security_invoker = true) AS
	SELECT patient, team FROM medrec.care_team_patient;

-- the same thing under another schema: the same comment; and the gatekeeper's ownership
DO $$
DECLARE
	v record;
	c record;
	f record;
BEGIN
	FOR v IN
		SELECT * FROM (VALUES ('care_teams', 'care_team'), ('care_team_members', 'care_team_member'),
			('care_team_patients', 'care_team_patient')) AS p (view, base)
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON VIEW medrec_api.%I IS %L', v.view,
			pg_catalog.obj_description(('medrec.' || v.base)::pg_catalog.regclass, 'pg_class'));
		FOR c IN
			SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum) AS comment
			FROM pg_catalog.pg_attribute AS a
			WHERE a.attrelid = ('medrec.' || v.base)::pg_catalog.regclass AND a.attnum > 0
		LOOP
			EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec_api.%I.%I IS %L', v.view, c.attname, c.comment);
		END LOOP;
		EXECUTE pg_catalog.format('REVOKE ALL ON medrec_api.%I FROM PUBLIC', v.view);
		EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE, DELETE ON medrec_api.%I TO medrec_admin', v.view);
		EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE, DELETE ON medrec.%I TO medrec_admin', v.base);
	END LOOP;

	FOR f IN
		SELECT a.oid::pg_catalog.regprocedure AS api, pg_catalog.obj_description(i.oid, 'pg_proc') AS comment
		FROM pg_catalog.pg_proc AS a
		LEFT JOIN pg_catalog.pg_proc AS i ON i.proname = a.proname
			AND i.pronamespace = 'medrec'::pg_catalog.regnamespace AND i.proargtypes = a.proargtypes
		WHERE a.pronamespace IN ('medrec_api'::pg_catalog.regnamespace, 'medrec_gate'::pg_catalog.regnamespace)
			AND a.prosecdef
	LOOP
		IF f.comment IS NOT NULL THEN
			EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.api, f.comment);
		END IF;
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.api);
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION medrec_api.login(text, text)
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.change_password(text, text), medrec_api.logout()
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.set_password(text, text), medrec_api.revoke_tokens(text) TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.break_glass(text, text) TO medrec_clinician;
GRANT EXECUTE ON FUNCTION medrec_gate.pre_request()
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin, medrec_authenticator;
GRANT EXECUTE ON FUNCTION medrec_gate.pre_config() TO medrec_authenticator;

DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT p.oid::pg_catalog.regprocedure AS name
		FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace IN ('medrec_api'::pg_catalog.regnamespace, 'medrec_gate'::pg_catalog.regnamespace)
			AND p.prosecdef
	LOOP
		EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO medrec_gatekeeper', f.name);
	END LOOP;
END
$$;
$medrec_step$)
, (9, 'audit-ddl', $medrec_step$
-- Changed definitions are audited from here on, so that the steps of the first
-- installation leave no events. Only a superuser may make event triggers.
DO $$
BEGIN
	IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER) THEN
		RAISE WARNING 'medrec: changed definitions are not audited, for want of a superuser to make event triggers';
		RETURN;
	END IF;
	CREATE EVENT TRIGGER medrec_audit_ddl ON ddl_command_end
		WHEN TAG IN ('ALTER TABLE', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE POLICY', 'ALTER POLICY',
			'CREATE RULE', 'ALTER RULE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION',
			'GRANT', 'REVOKE')
		EXECUTE FUNCTION medrec.audit_ddl();
	CREATE EVENT TRIGGER medrec_audit_drop ON sql_drop EXECUTE FUNCTION medrec.audit_ddl();
	ALTER EVENT TRIGGER medrec_audit_ddl ENABLE ALWAYS;
	ALTER EVENT TRIGGER medrec_audit_drop ENABLE ALWAYS;
END
$$;
$medrec_step$)
, (20, 'rpc-arguments', $medrec_step$
-- For each function that takes named arguments another of the same name that takes what fits none.
-- PostgREST looks there last. Without it, it searches for the likeliest meaning of the names that
-- came, and 1,000 made-up ones keep it busy for 20 seconds (12.0.2), before anybody has logged in.
-- json and not jsonb, so that the body is not even parsed. The comment's bracket makes PostgREST
-- describe the other one.
DO $$
DECLARE
	f record;
	r text;
BEGIN
	FOR f IN
		SELECT p.oid, p.proname AS name
		FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace = 'medrec_api'::pg_catalog.regnamespace AND p.prokind = 'f'
			-- a computed field; one that takes any object already; those that take nothing
			AND p.proname <> 'current_age'
			AND p.proargtypes <> pg_catalog.format('%s', 'jsonb'::pg_catalog.regtype::oid)::pg_catalog.oidvector
			AND p.pronargs > 0
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS o WHERE o.pronamespace = p.pronamespace
				AND o.proname = p.proname AND o.proargtypes = pg_catalog.format('%s', 'json'::pg_catalog.regtype::oid)::pg_catalog.oidvector)
	LOOP
		EXECUTE pg_catalog.format('CREATE FUNCTION medrec_api.%I(json) RETURNS void LANGUAGE sql VOLATILE'
			' RETURN medrec.wrong_arguments()', f.name);
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION medrec_api.%I(json) IS %L', f.name,
			'(Not to be called: what arguments come to that fit no function of this name. Errors: PT404.)');
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION medrec_api.%I(json) FROM PUBLIC', f.name);
		-- for those who may call the other
		FOREACH r IN ARRAY ARRAY['medrec_anon', 'medrec_clinician', 'medrec_coder', 'medrec_auditor', 'medrec_admin'] LOOP
			IF pg_catalog.has_function_privilege(r, f.oid, 'EXECUTE') THEN
				EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION medrec_api.%I(json) TO %I', f.name, r);
			END IF;
		END LOOP;
	END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION medrec.wrong_arguments()
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
$medrec_step$)
$medrec_steps$;
COMMENT ON FUNCTION medrec.migration_step() IS
'The steps that medrec.migrate() knows: version, name, and the SQL text of each. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.migration_step() FROM PUBLIC;
