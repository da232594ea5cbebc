\i test/sql-setup.psql
SELECT plan(28);

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E119|1|Type 2 diabetes mellitus without complications', 'I10|1|Essential (primary) hypertension')) \gset

SELECT medrec.record_visit('{"patient": {"name": "A", "age": 3, "gender": "female", "patient_id": "X1"},
	"diagnoses": [{"code": "i10"}, {"code": "e119", "code_system": "icd-10-cm", "suggestions": [{"code": "I10"}]}],
	"treatments": [{"code": "99213", "description": "Office visit"}]}') AS visit \gset
SELECT is(:'visit'::jsonb -> 'patient' ->> 'name', 'A', 'record_visit returns the patient as stored');
SELECT is(:'visit'::jsonb #>> '{diagnoses,0,code}', 'I10', 'record_visit returns a diagnosis as stored');
SELECT is(:'visit'::jsonb #>> '{diagnoses,1,suggestions,0,code}', 'I10', 'record_visit keeps a diagnosis''s own suggestions');
SELECT is(:'visit'::jsonb #>> '{treatments,0,code_system}', 'CPT', 'record_visit returns a treatment as stored');
SELECT is((SELECT count(*) FROM medrec.diagnosis JOIN medrec.patient AS p ON p.id = diagnosis.patient_id WHERE p.patient_id = 'X1'), 2::bigint, 'record_visit stores all records');
SELECT is(jsonb_array_length(medrec.record_visit('{"patient": {"patient_id": "X1"}, "diagnoses": [{"code": "i10"}]}') -> 'diagnoses'), 1, 'record_visit finds a patient by patient_id');
SELECT is(medrec.record_visit(jsonb_build_object('patient', jsonb_build_object('id', :'visit'::jsonb #>> '{patient,id}'))) -> 'diagnoses', '[]', 'record_visit finds a patient by id, without other keys');

SELECT throws_ok(format('SELECT medrec.record_visit(%L)', v), code, NULL, 'refused: ' || v) FROM (VALUES
	('[]', '22023'), ('{}', '22023'), ('{"patient": 1}', '22023'), ('{"patient": {"id": 5, "name": "A"}}', '22023'),
	('{"patient": {"patient_id": "X1"}, "diagnoses": {}}', '22023'), ('{"patient": {"patient_id": "X1"}, "diagnoses": [1]}', '22023'),
	('{"patient": {"patient_id": "X1"}, "diagnosis": []}', '22023'), ('{"patient": {"patient_id": "X1"}, "diagnoses": [{"kode": "I10"}]}', '22023'),
	('{"patient": {"patient_id": "nobody"}}', 'PT404'), ('{"patient": {"id": "00000000-0000-0000-0000-000000000000"}}', 'PT404'),
	('{"patient": {"id": "no uuid"}}', '22P02'),
	('{"patient": {"name": "B", "age": 1, "gender": "male", "patient_id": "X2"}, "diagnoses": [{"code": "I10"}, {"code": ""}]}', '22023')) AS t (v, code);
SELECT throws_ok($$SELECT medrec.record_visit('{"patient": {"name": ["Secret"], "age": 3.7, "gender": 1, "patient_id": 5}, "diagnoses": [{"code": {}}]}')$$,
	'22023', 'invalid visit: patient.age must be a whole number from 0 to 150; patient.name must be a string; patient.gender must be a string; patient.patient_id must be a string; diagnoses[0].code must be a string',
	'every value of a wrong type is named, and none is repeated');
SELECT throws_ok($$SELECT medrec.record_visit('{"patient": {"name": "A", "age": "Secret", "gender": "male", "patient_id": "X2"}}')$$,
	'22023', 'invalid visit: patient.age must be a whole number from 0 to 150', 'an age in words is refused');
SELECT throws_ok($$SELECT medrec.record_visit('{"patient": {"name": "A", "age": 1e400, "gender": "male", "patient_id": "X2"}}')$$,
	'22023', 'invalid visit: patient.age must be a whole number from 0 to 150', 'an age beyond all numbers is refused');
SELECT throws_ok($$SELECT medrec.record_visit((SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 100000) AS i))$$,
	'22023', NULL, 'the error for many faults has a limited length');

-- where in the visit a fault is
SELECT throws_ok($$SELECT medrec.record_visit('{"patient": {"name": "B", "age": 1, "gender": "male", "patient_id": "X2"},
	"diagnoses": [{"code": "I10"}, {"code": "I10"}, {"code": "", "description": "\u0007"}]}')$$,
	'22023', 'invalid diagnosis: diagnoses[2].code must not be empty; diagnoses[2].description must not hold control characters',
	'a fault of a diagnosis is reported with its place in the visit');
SELECT throws_ok($$SELECT medrec.record_visit('{"patient": {"name": "B", "age": 1, "gender": "x", "patient_id": " "}}')$$,
	'22023', 'invalid patient: patient.patient_id must not be empty; patient.gender must be male, female, other or unknown',
	'a fault of the patient is reported with its place in the visit');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('', 1, 'male', 'X9')$$,
	'22023', 'invalid patient: name must not be empty', 'after a refused visit rows have no place in it');

-- type names are those of pg_catalog, whatever the session has
SAVEPOINT before;
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (length(VALUE) < 0);
CREATE DOMAIN pg_temp.date AS pg_catalog.date CHECK (VALUE < '1900-01-01');
SELECT medrec.record_visit('{"patient": {"name": "A", "birth_date": "2000-01-01", "gender": "male", "patient_id": "X3"}, "diagnoses": [{"code": "I10"}]}'::pg_catalog.jsonb)
	IS NOT NULL AS stored \gset
ROLLBACK TO before;
SELECT is(:'stored'::boolean, true, 'types of the same name in other schemas are ignored');
SELECT is((SELECT count(*) FROM medrec.patient), 1::bigint, 'a refused visit stores nothing');

SELECT * FROM finish();
ROLLBACK;
