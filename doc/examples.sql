-- The examples of functions.md, which "make functions-page" (tools/functions-page) runs and prints with their answers.
--
-- A block begins with "-- " and the function's name. Each runs in a transaction of its own, which is rolled back, in a database that "-- setup"
-- has filled; after ", without records" in one with empty tables, after ", without tables" in one with nothing but CREATE EXTENSION.
-- Lines "-- GET /api/rpc/..." and "-- POST /api/rpc/... {body}" are the same call over HTTP, for functions that medrec_api has too.
-- The answer must be the same in each run: choose columns, and name ids and days.

-- setup
\set codes `cat "$MEDREC_STARTER"`
SELECT FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', :'codes' || E'\n');
INSERT INTO medrec.account (username, email, role) VALUES
	('root', 'root@example.org', 'admin'), ('ann', 'ann@example.org', 'clinician'), ('carl', 'carl@example.org', 'coder');
SELECT medrec.set_password('ann', 'correct horse battery');
INSERT INTO medrec.patient (id, name, age, gender, patient_id, birth_date, created_at, last_visit) VALUES
	('a0000000-0000-4000-8000-000000000001', 'John Doe', 45, 'male', 'P1234', NULL, '2025-03-01 09:00+00', '2025-03-01 09:00+00'),
	('a0000000-0000-4000-8000-000000000002', 'Jane Roe', 45, 'female', 'P2345', '1980-02-03', '2025-03-01 09:00+00', '2025-03-01 09:00+00'),
	('a0000000-0000-4000-8000-000000000003', 'Jürgen Müller', 70, 'male', 'P3456', '1955-05-06', '2025-03-01 09:00+00', '2025-03-01 09:00+00');
INSERT INTO medrec.diagnosis (id, patient_id, code, description, created_at) VALUES
	('d0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'e119', NULL, '2025-03-02 10:00+00'),
	('d0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'E11.99', 'type 2 diabetes with high blood sugar', '2025-03-02 10:00+00');
INSERT INTO medrec.care_team (name) VALUES ('ward 1');
INSERT INTO medrec.care_team_member (account, team) SELECT a.id, t.id FROM medrec.account AS a, medrec.care_team AS t WHERE a.username = 'ann';
INSERT INTO medrec.care_team_patient (patient, team) SELECT 'a0000000-0000-4000-8000-000000000001', id FROM medrec.care_team;
CREATE SCHEMA app;
CREATE TABLE app.stay (id integer PRIMARY KEY, patient_id uuid, ward text, pin text);
SELECT FROM medrec.seal_audit();
SELECT set_config('medrec.reason', 'birthday', false);
UPDATE medrec.patient SET age = 46 WHERE patient_id = 'P1234';

-- accept_suggestion
-- POST /api/rpc/accept_suggestion {"record": "d0000000-0000-4000-8000-000000000002", "code": "E11.65", "version": 1}
SELECT r ->> 'code' AS code, r ->> 'description' AS description, r ->> 'status' AS status, r ->> 'version' AS version
FROM medrec.accept_suggestion('d0000000-0000-4000-8000-000000000002', 'E11.65', 1) AS r;

-- add_suggestions
-- POST /api/rpc/add_suggestions {"record": "d0000000-0000-4000-8000-000000000001", "suggestions": [{"code": "E11.65", "score": 0.7, "source": "my-model"}]}
SELECT jsonb_pretty(medrec.add_suggestions('d0000000-0000-4000-8000-000000000001',
	'[{"code": "E11.65", "score": 0.7, "source": "my-model", "reason": "glucose of 16 mmol/l"}]') -> 'suggestions');

-- add_term
SELECT medrec.add_term('ICD-10-CM', 'I10', 'high pressure') > 0 AS added;
SELECT status, description FROM medrec.create_diagnosis('a0000000-0000-4000-8000-000000000002', 'I10', 'high pressure');

-- ancestors
-- GET /api/rpc/ancestors?code_system=ICD-10-CM&code=E11.65
SELECT * FROM medrec.ancestors('ICD-10-CM', 'E11.65');

-- archive_audit
SELECT * FROM medrec.archive_audit('2020-01-01');

-- as_of
-- GET /api/rpc/as_of?table_name=patient&row_id=a0000000-0000-4000-8000-000000000001&at=2100-01-01
SELECT r ->> 'name' AS name, r ->> 'age' AS age
FROM medrec.as_of('patient', 'a0000000-0000-4000-8000-000000000001', now()) AS r;

-- attach_audit
SELECT medrec.attach_audit('app.stay', patient => 'patient_id', withhold => '{pin}');

-- audit_canonical
SELECT x.leaf = sha256('\x00' || medrec.audit_canonical(x.era, x.xid, x.n)) AS as_written
FROM medrec.audit_event AS x WHERE x.table_name = 'patient' AND x.action = 'UPDATE';

-- audit_checkpoint
-- GET /api/rpc/audit_checkpoint?origin=example.org/records
SELECT split_part(medrec.audit_checkpoint(origin => 'example.org/records'), E'\n', 1) AS origin,
	split_part(medrec.audit_checkpoint(), E'\n', 2) AS seals;

-- audit_fhir
-- GET /api/rpc/audit_fhir?patient=a0000000-0000-4000-8000-000000000001&max=1
SELECT e -> 'resource' -> 'action' AS action, e -> 'resource' -> 'purposeOfEvent' -> 0 ->> 'text' AS purpose
FROM jsonb_path_query(medrec.audit_fhir('a0000000-0000-4000-8000-000000000001', max => 1), '$.entry[*]') AS e;

-- audit_open_era
SELECT medrec.audit_open_era();

-- audit_partitions
SELECT medrec.audit_partitions(14);

-- audit_proof
-- POST /api/rpc/audit_proof {"era": 1, "xid": 745, "n": 1}
SELECT split_part(medrec.audit_proof(x.era, x.xid, x.n), E'\n', 1) AS first_line
FROM medrec.audit_event AS x WHERE x.table_name = 'patient' AND x.action = 'INSERT' LIMIT 1;

-- audit_status
-- GET /api/rpc/audit_status
SELECT last_seal, unsealed_events, held_by FROM medrec.audit_status();

-- break_glass
-- POST /api/rpc/break_glass {"patient": "P2345", "reason": "unconscious in the emergency room"}
SET LOCAL SESSION AUTHORIZATION medrec_authenticator;            -- as PostgREST does for the account of a token
SET LOCAL ROLE medrec_clinician;
SET LOCAL request.jwt.claims = '{"sub": "ann"}';
SELECT r ->> 'patient' AS patient, date_trunc('minute', (r ->> 'expires_at')::timestamptz - now() + '30 s') AS open_for
FROM medrec_api.break_glass('P2345', 'unconscious in the emergency room') AS r;

-- change_password
-- POST /api/rpc/change_password {"old_password": "correct horse battery", "new_password": "paper window garden"}
SET LOCAL SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL ROLE medrec_clinician;
SET LOCAL request.jwt.claims = '{"sub": "ann"}';
SELECT r ->> 'role' AS role, r ? 'token' AS with_a_new_token
FROM medrec_api.change_password('correct horse battery', 'paper window garden') AS r;

-- check_accounts
-- POST /api/rpc/check_accounts {"rows": {"username": "ann", "role": "clinician"}}
SELECT jsonb_pretty(medrec_api.check_accounts('{"username": "ann", "role": "clinician"}') -> 'faults');

-- check_code
SELECT medrec.check_code('ICD-10-CM', 'E11.65') AS possible, medrec.check_code('ICD-10-CM', 'E1165X9Y0') AS too_long;

-- check_diagnoses
-- POST /api/rpc/check_diagnoses {"rows": {"patient_id": "a0000000-0000-4000-8000-000000000001", "code": "e1165"}}
SELECT r ->> 'code' AS code, r ->> 'status' AS status, r ->> 'description' AS description
FROM medrec_api.check_diagnoses('{"patient_id": "a0000000-0000-4000-8000-000000000001", "code": "e1165"}') AS c, jsonb_array_elements(c -> 'rows') AS r;

-- check_patients
-- POST /api/rpc/check_patients {"rows": [{"name": "A", "age": 200, "gender": "female", "patient_id": "P1234"}]}
SELECT jsonb_pretty(medrec_api.check_patients('[{"name": "A", "age": 200, "gender": "female", "patient_id": "P1234"}]'));

-- check_rows
SELECT medrec.check_rows('patients', '{"name": "A", "age": "old", "gender": "female", "patient_id": "P9"}') -> 'faults' AS faults;

-- check_treatments
-- POST /api/rpc/check_treatments {"rows": {"patient_id": "a0000000-0000-4000-8000-000000000001", "code": "9921"}}
SELECT r ->> 'code' AS code, r ->> 'status' AS status, r #>> '{issues,0,text}' AS issue
FROM medrec_api.check_treatments('{"patient_id": "a0000000-0000-4000-8000-000000000001", "code": "9921"}') AS c, jsonb_array_elements(c -> 'rows') AS r;

-- code_edits
SELECT * FROM medrec.code_edits('ICD-10-CM', 'E11.9');

-- code_neighbours
SELECT jsonb_pretty(parents) AS parents FROM medrec.code_neighbours('ICD-10-CM', 'E11.65');

-- code_systems
SELECT name, uri, has_headers FROM medrec.code_systems() LIMIT 4;

-- confirm
-- POST /api/rpc/confirm {"record": "d0000000-0000-4000-8000-000000000002", "version": 1}
SELECT r ->> 'code' AS code, r ->> 'status' AS status, r ->> 'version' AS version
FROM medrec.confirm('d0000000-0000-4000-8000-000000000002', 1) AS r;
SELECT medrec.confirm('d0000000-0000-4000-8000-000000000002', 1);

-- consistency_proof
SELECT split_part(medrec.consistency_proof(1, 1), E'\n', 1) AS first_line;

-- create_diagnosis
SELECT code, description, code_system, status, version
FROM medrec.create_diagnosis('a0000000-0000-4000-8000-000000000002', 'e119');
SELECT code, status, jsonb_pretty(issues) AS issues
FROM medrec.create_diagnosis('a0000000-0000-4000-8000-000000000002', 'E11.99');

-- create_patient
SELECT name, age, gender, patient_id, birth_date, version
FROM medrec.create_patient('Mary Major', 33, 'female', 'P4567');
SELECT * FROM medrec.create_patient('', 200, 'female', 'P4568');

-- create_treatment
SELECT code, code_system, status FROM medrec.create_treatment('a0000000-0000-4000-8000-000000000002', '99213', 'Office visit');

-- csv_line
SELECT medrec.csv_line(ROW(1, '=1+1', 'a "b"'));

-- current_age
-- GET /api/patients?select=name,current_age&patient_id=eq.P1234
SELECT name, medrec_api.current_age(p) FROM medrec_api.patients AS p WHERE patient_id = 'P1234';

-- default_abbreviations
SELECT * FROM medrec.default_abbreviations() LIMIT 3;

-- descendants
-- GET /api/rpc/descendants?code_system=ICD-10-CM&code=E11.6
SELECT * FROM medrec.descendants('ICD-10-CM', 'E11.6') LIMIT 4;

-- detach_audit
SELECT medrec.attach_audit('app.stay', 'patient_id') AS made, medrec.detach_audit('app.stay') AS dropped;

-- diff
SELECT * FROM medrec.diff('patient', 'a0000000-0000-4000-8000-000000000001',
	(SELECT logged_at FROM medrec.history('patient', 'a0000000-0000-4000-8000-000000000001') WHERE version = 1)) WHERE column_name = 'age';

-- digest_release
SELECT medrec.digest_release('ICD-10-CM', '2025');

-- health
-- GET /api/rpc/health
SELECT medrec_api.health() ->> 'status' AS status, medrec_api.health() ->> 'version' AS version;

-- health_warnings
SELECT medrec.health_warnings();

-- history
-- GET /api/rpc/history?table_name=patient&row_id=a0000000-0000-4000-8000-000000000001
SELECT version, action, reason, old_values -> 'age' AS was, record -> 'age' AS age
FROM medrec.history('patient', 'a0000000-0000-4000-8000-000000000001');

-- import_begin, without records
SELECT medrec.import_begin('2024-01-01');

-- import_end, without records
SELECT FROM medrec.import_begin();
-- now the data of a dump are loaded; here there are none, so its steps are missing
SELECT * FROM medrec.import_end();

-- index_audit
SELECT medrec.index_audit(12);

-- jwt_key_set
SELECT json_array_length(medrec.jwt_key_set()::json -> 'keys') AS accepted_keys;

-- layout
SELECT kind, mode FROM medrec.layout() WHERE object = 'medrec_validate on medrec.patient';

-- layout_wanted
SELECT count(*) AS missing FROM jsonb_array_elements(medrec.layout_wanted()) AS w
WHERE w ->> 'kind' <> 'seed' AND w ->> 'object' NOT IN (SELECT object FROM medrec.layout());

-- load_release
-- POST /api/rpc/load_release {"code_system": "ATC", "version": "2026", "effective_from": "2026-01-01", "content": "code,display\nA10BA02,metformin\n"}
SELECT code_system, version, effective_from, rows FROM medrec.load_release('ATC', '2026', '2026-01-01', E'code,display\nA10BA02,metformin\n');
SELECT * FROM medrec.load_release('ATC', '2027', '2027-01-01', E'code,display\nA10BA02\n');

-- login
-- POST /api/rpc/login {"username": "ann", "password": "correct horse battery"}
SET LOCAL SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL ROLE medrec_anon;
SELECT r ->> 'role' AS role, r ? 'token' AS with_a_token, date_trunc('minute', (r ->> 'expires_at')::timestamptz - now() + '30 s') AS valid_for
FROM medrec_api.login('ann', 'correct horse battery') AS r;
SELECT medrec_api.login('ann', 'wrong horse battery');

-- logout
-- POST /api/rpc/logout
SELECT medrec.logout();      -- without a token; with one it returns nothing

-- lookup
-- GET /api/rpc/lookup?code_system=ICD-10-CM&code=E11.9
SELECT * FROM medrec.lookup('ICD-10-CM', 'e11.9');

-- migrate, without tables
SELECT * FROM medrec.migrate() LIMIT 3;

-- normalize_code
SELECT medrec.normalize_code('ICD-10-CM', 'e119') AS stored, medrec.normalize_code('ICD-10-CM', 'diabetes') AS malformed;

-- openapi
-- GET /api/rpc/openapi
SELECT medrec.openapi() ->> 'openapi' AS openapi, medrec.openapi() #>> '{info,title}' AS title;

-- openapi_schemas
SELECT jsonb_object_keys(medrec.openapi_schemas()) AS key ORDER BY 1 LIMIT 3;

-- openapi_type
SELECT medrec.openapi_type('date', -1, NULL, true);

-- pbkdf2_iterations
SELECT medrec.pbkdf2_iterations('pbkdf2_sha256$600000$salt$hash');

-- patient_history
-- GET /api/rpc/patient_history?patient=a0000000-0000-4000-8000-000000000001&max=1
SELECT action, table_name, reason, old_values ->> 'age' AS was, new_values ->> 'age' AS became
FROM medrec.patient_history('a0000000-0000-4000-8000-000000000001', max => 1);

-- record_visit
-- POST /api/rpc/record_visit {"visit": {"patient": {"patient_id": "P2345"}, "diagnoses": [{"code": "e119"}, {"code": "I10"}], "treatments": [{"code": "99213"}]}}
SELECT v #>> '{patient,name}' AS patient, jsonb_path_query_array(v, '$.diagnoses[*].description') AS diagnoses, v #>> '{treatments,0,status}' AS treatment
FROM medrec.record_visit('{
	"patient":    {"name": "Mary Major", "age": 33, "gender": "female", "patient_id": "P4567"},
	"diagnoses":  [{"code": "e119"}, {"code": "I10", "description": "Essential (primary) hypertension"}],
	"treatments": [{"code": "99213", "code_system": "CPT"}]
}') AS v;
SELECT medrec.record_visit('{"patient": {"patient_id": "P2345"}, "diagnoses": [{"code": ""}]}');

-- reject
-- POST /api/rpc/reject {"record": "d0000000-0000-4000-8000-000000000002", "version": 1}
SELECT r ->> 'code' AS code, r ->> 'status' AS status FROM medrec.reject('d0000000-0000-4000-8000-000000000002') AS r;

-- release_warnings
SELECT medrec.release_warnings(id) FROM medrec.code_release WHERE code_system = 'ICD-10-CM';

-- remove_term
SELECT medrec.remove_term(medrec.add_term('ICD-10-CM', 'I10', 'high pressure')) AS removed;

-- repair
DROP TRIGGER medrec_validate ON medrec.patient;
SELECT * FROM medrec.repair();

-- revalidate
CALL medrec.revalidate('ICD-10-CM', '2024-10-01');

-- revalidate_batch
-- POST /api/rpc/revalidate_batch {"code_system": "ICD-10-CM", "since": "2024-10-01"}
SELECT * FROM medrec.revalidate_batch('ICD-10-CM', '2024-10-01');

-- revoke_tokens
-- POST /api/rpc/revoke_tokens {"username": "ann"}
SELECT medrec.revoke_tokens('ann');

-- rotate_jwt_key
SELECT medrec.rotate_jwt_key('1 day');

-- seal_audit
SELECT seal, era, events FROM medrec.seal_audit();

-- search_patients
-- GET /api/rpc/search_patients?q=mull%20jurg
SELECT name, patient_id, birth_date, matched FROM medrec.search_patients('mull jurg');
SELECT name, patient_id, matched FROM medrec.search_patients('1980-02-03');

-- sees_patient
SET LOCAL medrec.care_team_mode = on;
SET LOCAL SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL ROLE medrec_clinician;
SET LOCAL request.jwt.claims = '{"sub": "ann"}';
SELECT medrec.sees_patient('a0000000-0000-4000-8000-000000000001') AS of_the_team,
	medrec.sees_patient('a0000000-0000-4000-8000-000000000002') AS of_another;

-- set_password
-- POST /api/rpc/set_password {"username": "carl", "password": "paper window garden"}
SELECT medrec.set_password('carl', 'paper window garden');
SELECT medrec.set_password('carl', 'carl');

-- status_counts
-- GET /api/rpc/status_counts
SELECT * FROM medrec.status_counts() ORDER BY table_name, status;

-- subsumes
-- GET /api/rpc/subsumes?code_system=ICD-10-CM&a=E11&b=E11.65
SELECT medrec.subsumes('ICD-10-CM', 'E11', 'E11.65');

-- suggest
-- GET /api/rpc/suggest?code_system=ICD-10-CM&display=diabetis%20with%20high%20sugar&max=3
SELECT * FROM medrec.suggest('ICD-10-CM', display => 'diabetis with nefropathy', max => 3);

-- table_sizes
-- GET /api/rpc/table_sizes
SELECT table_name, bytes > 0 AS has_bytes, partitions FROM medrec.table_sizes() WHERE table_name IN ('patient', 'diagnosis') ORDER BY 1;

-- unload_release
-- POST /api/rpc/unload_release {"code_system": "ICD-10-CM", "version": "1999"}
SELECT medrec.unload_release('ICD-10-CM', '2025') AS removed, medrec.unload_release('ICD-10-CM', '1999') AS there_was_none;

-- username_key
SELECT medrec.username_key(' Ann ') = medrec.username_key('аnn') AS "the а is Cyrillic";

-- validate_code
-- GET /api/rpc/validate_code?code_system=ICD-10-CM&code=E11&on_date=2025-03-02
SELECT * FROM medrec.validate_code('ICD-10-CM', 'e119', on_date => '2025-03-02');
SELECT result, jsonb_pretty(issues) AS issues FROM medrec.validate_code('ICD-10-CM', 'E11', on_date => '2025-03-02');

-- verify_access
-- GET /api/rpc/verify_access
GRANT SELECT ON medrec.patient TO medrec_auditor;
SELECT kind, severity, object FROM medrec.verify_access() WHERE severity <> 'information';

-- verify_audit
-- POST /api/rpc/verify_audit {"first_seal": 1, "last_seal": 100}
SELECT * FROM medrec.verify_audit();

-- verify_records
SELECT * FROM medrec.verify_records();
ALTER TABLE medrec.patient DISABLE TRIGGER ALL;
UPDATE medrec.patient SET age = 99 WHERE patient_id = 'P1234';
SELECT * FROM medrec.verify_records();

-- verify_release
-- GET /api/rpc/verify_release?code_system=ICD-10-CM
UPDATE medrec.code SET display = 'something else' WHERE code = 'I10';
SELECT kind, severity, version, code FROM medrec.verify_release();

-- version
SELECT medrec.version();

-- visible_patients
SET LOCAL SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL ROLE medrec_clinician;
SET LOCAL request.jwt.claims = '{"sub": "ann"}';
SELECT medrec.visible_patients();

-- whoami
-- GET /api/rpc/whoami
SELECT w -> 'account' IS NOT NULL AS account, w #> '{rights,patients}' AS patients FROM medrec.whoami() AS w;
