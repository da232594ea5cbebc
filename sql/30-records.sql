CREATE FUNCTION medrec.validate()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_validate';
COMMENT ON FUNCTION medrec.validate() IS
'Trigger, BEFORE INSERT OR UPDATE FOR EACH ROW on medrec''s record tables: checks, normalizes and validates the row. Argument: account, patient, diagnosis or treatment. Errors: 22023 with every fault of the row as a JSON array in DETAIL; PT409 if the row''s version is not the one that the UPDATE names; 39P01 called otherwise.';

CREATE FUNCTION medrec.touch()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_touch';
COMMENT ON FUNCTION medrec.touch() IS
'Trigger, AFTER STATEMENT with transition tables on diagnosis and treatment: moves last_visit of all affected patients to the transaction''s time. Errors: 39P01 called otherwise, 40001 under REPEATABLE READ when the patient was changed meanwhile.';

CREATE FUNCTION medrec.create_patient(name text, age integer, gender text, patient_id text, birth_date date DEFAULT NULL,
	OUT id uuid, OUT name varchar, OUT age integer, OUT gender varchar, OUT patient_id varchar,
	OUT last_visit timestamptz, OUT birth_date date, OUT version integer,
	OUT created_at timestamptz, OUT updated_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_create_patient';
COMMENT ON FUNCTION medrec.create_patient(text, integer, text, text, date) IS
'Stores a patient and returns the row as stored. name: not empty, at most 255 characters. age: years, 0 to 150; may be null with birth_date, and is then derived from it. gender: male, female, other, unknown. patient_id: medical record number, unique, at most 20 characters. birth_date: not in the future. Errors: 22023 with all faults in DETAIL, 22001 too long, 23505 patient_id exists, 42501.';

CREATE FUNCTION medrec.create_diagnosis(patient uuid, code text, description text DEFAULT NULL, code_system text DEFAULT 'ICD-10-CM',
	OUT id uuid, OUT patient_id uuid, OUT code varchar, OUT description text, OUT code_system varchar,
	OUT status varchar, OUT validation_date timestamptz, OUT validated_by varchar,
	OUT suggestions jsonb, OUT issues jsonb, OUT version integer,
	OUT created_at timestamptz, OUT updated_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_create_diagnosis';
COMMENT ON FUNCTION medrec.create_diagnosis(uuid, text, text, text) IS
'Stores a diagnosis, validated, and returns the row as stored. patient: patient.id. code: in any usual writing, at most 20 characters. description: if null, the code''s title. code_system: name in any case, FHIR URI or OID. Errors: 22023 with all faults in DETAIL, 22001 too long, 23503 unknown patient, 42501. A wrong code is not an error: see status.';

CREATE FUNCTION medrec.create_treatment(patient uuid, code text, description text DEFAULT NULL, code_system text DEFAULT 'CPT',
	OUT id uuid, OUT patient_id uuid, OUT code varchar, OUT description text, OUT code_system varchar,
	OUT status varchar, OUT validation_date timestamptz, OUT validated_by varchar,
	OUT suggestions jsonb, OUT issues jsonb, OUT version integer,
	OUT created_at timestamptz, OUT updated_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_create_treatment';
COMMENT ON FUNCTION medrec.create_treatment(uuid, text, text, text) IS
'Stores a treatment, validated, and returns the row as stored. patient: patient.id. code: in any usual writing, at most 20 characters. description: if null, the code''s title. code_system: name in any case, FHIR URI or OID. Errors: 22023 with all faults in DETAIL, 22001 too long, 23503 unknown patient, 42501. A wrong code is not an error: see status.';

CREATE FUNCTION medrec.record_visit(visit jsonb)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_record_visit';
COMMENT ON FUNCTION medrec.record_visit(jsonb) IS
'Stores a visit, all or nothing, and returns it as stored: {"patient": ..., "diagnoses": [...], "treatments": [...]}. visit: an object with the keys patient, diagnoses and treatments. patient: {"id": ...} or {"patient_id": ...} alone names an existing patient; any other object creates one from name, age, gender, patient_id and birth_date. diagnoses, treatments: arrays of at most 1000 objects {code, description, code_system, suggestions}. Errors: 22023 with all faults in DETAIL, 23505 patient_id exists, PT404 no such patient, 42501.';

CREATE FUNCTION medrec.confirm(record uuid)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_confirm';
COMMENT ON FUNCTION medrec.confirm(uuid) IS
'Sets status confirmed: a person keeps the code of a diagnosis or treatment as it is. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been made on it, which only a call with the record''s version changes, 42501.';

CREATE FUNCTION medrec.reject(record uuid)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_reject';
COMMENT ON FUNCTION medrec.reject(uuid) IS
'Sets status rejected: a person refuses a diagnosis or treatment. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been made on it, which only a call with the record''s version changes, 42501.';

CREATE FUNCTION medrec.accept_suggestion(record uuid, code text)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_accept_suggestion';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text) IS
'Accepts one of the suggestions of a diagnosis or treatment: stores its code and display, and sets status corrected. Returns the row as stored. record: its id. code: the suggestion''s. Errors: PT404 no such record, 22023 not among its suggestions or not a valid code, PT409 another decision has been made on it, which only a call with the record''s version changes, 42501.';

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

CREATE FUNCTION medrec.add_suggestions(record uuid, suggestions jsonb)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_add_suggestions';
COMMENT ON FUNCTION medrec.add_suggestions(uuid, jsonb) IS
'Adds suggestions of an outside program to a diagnosis or treatment. They are ranked by score, each code once, 20 at most. Returns the row as stored. record: its id. suggestions: array of {code, display, code_system, score 0..1, source, reason}; all but code may be omitted; the source is stored after the name of the account or session user, unless the owner or a member of medrec_import adds them. Errors: 22023 with all faults in DETAIL, PT404 no such record, 42501.';

REVOKE ALL ON FUNCTION medrec.validate(), medrec.touch(),
	medrec.create_patient(text, integer, text, text, date),
	medrec.create_diagnosis(uuid, text, text, text),
	medrec.create_treatment(uuid, text, text, text),
	medrec.record_visit(jsonb), medrec.confirm(uuid), medrec.reject(uuid),
	medrec.accept_suggestion(uuid, text), medrec.add_suggestions(uuid, jsonb),
	medrec.confirm(uuid, integer), medrec.reject(uuid, integer),
	medrec.accept_suggestion(uuid, text, integer) FROM PUBLIC;
