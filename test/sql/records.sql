\i test/sql-setup.psql
SELECT plan(90);

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E11|0|Type 2 diabetes mellitus',
	'E119|1|Type 2 diabetes mellitus without complications|Type 2 diabetes mellitus w/o complications',
	'E1121|1|Type 2 diabetes mellitus with diabetic nephropathy',
	'I10|1|Essential (primary) hypertension')) \gset
SELECT is(:loaded, 4, 'the release is loaded');

-- patients
SELECT medrec.create_patient('  John Doe ', 45, 'Male', ' P1234 ') AS p \gset
SELECT results_eq('SELECT name, age, gender, patient_id, version, birth_date FROM medrec.patient',
	$$VALUES ('John Doe'::varchar, 45, 'male'::varchar, 'P1234'::varchar, 1, NULL::date)$$,
	'a patient is stored without the white space and case that were typed');
SELECT is((SELECT last_visit FROM medrec.patient), now(), 'last_visit is set on creation');
SELECT id AS patient FROM medrec.patient \gset

SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (E' \t', 200, 'x', NULL)$$,
	'22023', 'invalid patient: name must not be empty; patient_id must not be null; age must be between 0 and 150; gender must be male, female, other or unknown',
	'every fault of a patient is named at once');
CREATE FUNCTION pg_temp.detail(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN d;
END $$;
SELECT is((SELECT string_agg(e ->> 'field' || ':' || (e ->> 'code'), ' ') FROM jsonb_array_elements(pg_temp.detail(
	$$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('', -1, 'x', 'P1')$$)::jsonb) AS e),
	'name:required age:value gender:value', 'and DETAIL holds them as a JSON array');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', -1, 'male', 'P1')$$,
	'22023', 'invalid patient: age must be between 0 and 150', 'age -1 is refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 151, 'male', 'P1')$$,
	'22023', NULL, 'age 151 is refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', NULL, 'male', 'P1')$$,
	'22023', 'invalid patient: age must not be null unless birth_date is given', 'no age is refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (E'A\x01B', 1, 'male', 'P1')$$,
	'22023', 'invalid patient: name must not hold control characters', 'control characters are refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P12345678901234567890')$$,
	'22001', NULL, 'a patient_id of 21 characters is refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P1234')$$,
	'23505', NULL, 'a patient_id that exists is refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date) VALUES ('A', 1, 'male', 'P1', CURRENT_DATE + 1)$$,
	'22023', NULL, 'a birth date in the future is refused');
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id, last_visit) VALUES ('A', 1, 'male', 'P1', 'infinity')$$,
	'22023', NULL, 'a last visit in the future is refused');
SELECT is((SELECT count(*) FROM medrec.patient), 1::bigint, 'nothing of all that was stored');

INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)
	VALUES ('B', 5, 'female', 'P2', (CURRENT_DATE - interval '30 years')::date);
SELECT is((SELECT age FROM medrec.patient WHERE patient_id = 'P2'), 30, 'age follows from the birth date');
INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)
	VALUES ('C', NULL, 'female', 'P3', (CURRENT_DATE - interval '30 years')::date + 1);
SELECT is((SELECT age FROM medrec.patient WHERE patient_id = 'P3'), 29, 'in full years, until the birthday');

UPDATE medrec.patient SET age = 46 WHERE patient_id = 'P1234';
SELECT is((SELECT version FROM medrec.patient WHERE patient_id = 'P1234'), 2, 'version rises with an update');
SELECT throws_ok($$UPDATE medrec.patient SET age = 47, version = 1 WHERE patient_id = 'P1234'$$,
	'PT409', NULL, 'an update that names a stale version is refused');
UPDATE medrec.patient SET age = 47, version = 2 WHERE patient_id = 'P1234';
SELECT is((SELECT version FROM medrec.patient WHERE patient_id = 'P1234'), 3, 'one that names the present one is not');
SELECT throws_ok($$UPDATE medrec.patient SET id = gen_random_uuid() WHERE patient_id = 'P2'$$,
	'22023', 'invalid patient: id cannot be changed', 'an id stays');

-- diagnoses
SELECT is((SELECT (code, description, code_system, status, validated_by, suggestions, issues, version)::text
	FROM medrec.create_diagnosis(:'patient', 'e119')),
	'(E11.9,"Type 2 diabetes mellitus without complications",ICD-10-CM,valid,medrec,[],[],1)',
	'e119 is normalised, found, and named');
SELECT is((SELECT validation_date FROM medrec.diagnosis WHERE code = 'E11.9'), now(), 'and when is said');
SELECT is((SELECT (code, status)::text FROM medrec.create_diagnosis(:'patient', 'E11')), '(E11,review)',
	'a header is for review');
SELECT is((SELECT issues -> 0 ->> 'code' FROM medrec.diagnosis WHERE code = 'E11'), 'code-rule', 'and says why');
SELECT is((SELECT (code, status)::text FROM medrec.create_diagnosis(:'patient', 'E11.99', 'some words')), '(E11.99,invalid)',
	'an unknown code is invalid, and stored');
SELECT is((SELECT description FROM medrec.diagnosis WHERE code = 'E11.99'), 'some words', 'with the description that it came with');
SELECT is((SELECT (code, status, issues -> 0 ->> 'code')::text FROM medrec.create_diagnosis(:'patient', ' 1.2 ')),
	'(1.2,invalid,invalid-code)', 'a malformed code is invalid');
SELECT is((SELECT (status, issues -> 0 ->> 'code', suggestions -> 0 ->> 'code')::text
	FROM medrec.create_diagnosis(:'patient', 'I10', 'TYPE 2 DIABETES mellitus, without complications')),
	'(review,invalid-display,E11.9)', 'the title of another code is for review, and that code suggested');
SELECT is((SELECT (status, issues)::text FROM medrec.create_diagnosis(:'patient', 'E11.9', 'Type 2 diabetes mellitus w/o complications')),
	'(valid,[])', 'the short title is right');
SELECT is((SELECT (status, issues -> 0 ->> 'severity', description)::text FROM medrec.create_diagnosis(:'patient', 'I10', 'high blood pressure since spring')),
	'(valid,information,"high blood pressure since spring")', 'free text is kept, and no fault');
SELECT is((SELECT (code_system, status)::text FROM medrec.create_diagnosis(:'patient', '44054006', NULL, 'http://snomed.info/sct')),
	'("SNOMED CT",pending)', 'a system by its URI; pending while no release is loaded');
SELECT is((SELECT code_system FROM medrec.create_diagnosis(:'patient', '44054006', NULL, 'urn:oid:2.16.840.1.113883.6.96')),
	'SNOMED CT', 'a system by its OID');
SELECT is((SELECT code_system FROM medrec.create_diagnosis(:'patient', '44054006', NULL, 'snomed ct')),
	'SNOMED CT', 'a system in any case');
SELECT throws_ok(format($$SELECT medrec.create_diagnosis(%L, 'I10', NULL, 'my codes')$$, :'patient'),
	'22023', 'invalid diagnosis: code_system is not a code system that medrec knows', 'an unknown system is refused');
SELECT throws_ok(format($$SELECT medrec.create_diagnosis(%L, repeat('1', 10000))$$, :'patient'),
	'22001', NULL, 'a code of 10,000 characters is refused');
SELECT throws_ok(format($$SELECT medrec.create_diagnosis(%L, E'I1\x020', E'a\x03b', 'x')$$, :'patient'),
	'22023', 'invalid diagnosis: code_system is not a code system that medrec knows; code must not hold control characters; description must not hold control characters',
	'faults of a diagnosis are named together');
SELECT throws_ok($$SELECT medrec.create_diagnosis(gen_random_uuid(), 'I10')$$, '23503', NULL, 'an unknown patient is refused');
SELECT throws_ok($$SELECT medrec.create_diagnosis(NULL, NULL)$$, '22023',
	'invalid diagnosis: patient_id must not be null; code must not be null', 'nothing at all is refused');
SELECT throws_ok(format($$INSERT INTO medrec.diagnosis (patient_id, code, suggestions) VALUES (%L, 'I10', '{"a": 1}')$$, :'patient'),
	'22023', 'invalid diagnosis: suggestions must be an array of objects', 'suggestions of a wrong shape are refused');
SELECT is((SELECT (code_system, status)::text FROM medrec.create_treatment(:'patient', '99213')), '(CPT,pending)', 'a treatment');

-- what is medrec's is not the client's
INSERT INTO medrec.diagnosis (patient_id, code, status, validated_by, issues, version)
	VALUES (:'patient', 'XYZ', 'valid', 'me', '[{"a": 1}]', 7);
SELECT is((SELECT (status, validated_by, version)::text FROM medrec.diagnosis WHERE code = 'XYZ'), '(invalid,medrec,1)',
	'status and version that a client inserts are not looked at');
SELECT id AS xyz FROM medrec.diagnosis WHERE code = 'XYZ' \gset
SELECT throws_ok(format($$UPDATE medrec.diagnosis SET status = 'valid' WHERE id = %L$$, :'xyz'),
	'22023', 'invalid diagnosis: status may only be set to confirmed, rejected, or pending to validate again',
	'nobody sets a status to valid');
UPDATE medrec.diagnosis SET validated_by = 'me', issues = '[]' WHERE id = :'xyz';
SELECT is((SELECT validated_by FROM medrec.diagnosis WHERE id = :'xyz'), 'medrec', 'nor who validated');
SELECT isnt((SELECT issues FROM medrec.diagnosis WHERE id = :'xyz'), '[]', 'nor takes issues away');

-- decisions
SELECT is((SELECT (r ->> 'status', r ->> 'validated_by')::text FROM medrec.confirm(:'xyz') AS r),
	format('(confirmed,%s)', session_user), 'a person confirms');
UPDATE medrec.diagnosis SET created_at = created_at, description = description WHERE id = :'xyz';
SELECT is((SELECT status FROM medrec.diagnosis WHERE id = :'xyz'), 'confirmed', 'and an update of other columns leaves that');
UPDATE medrec.diagnosis SET code = 'i10' WHERE id = :'xyz';
SELECT is((SELECT (code, status, description)::text FROM medrec.diagnosis WHERE id = :'xyz'),
	'(I10,valid,"Essential (primary) hypertension")', 'another code is validated again');
UPDATE medrec.diagnosis SET code = 'E11.21' WHERE id = :'xyz';
SELECT is((SELECT (code, status, description)::text FROM medrec.diagnosis WHERE id = :'xyz'),
	'(E11.21,valid,"Type 2 diabetes mellitus with diabetic nephropathy")', 'a title that was the old code''s goes with it');
SELECT is((SELECT r ->> 'status' FROM medrec.reject(:'xyz') AS r), 'rejected', 'a person rejects');
UPDATE medrec.diagnosis SET status = 'pending' WHERE id = :'xyz';
SELECT is((SELECT status FROM medrec.diagnosis WHERE id = :'xyz'), 'valid', 'pending asks to validate again');
UPDATE medrec.diagnosis SET code = 'e11.21', description = description WHERE id = :'xyz';
SELECT throws_ok($$SELECT medrec.confirm(gen_random_uuid())$$, 'PT404', 'record not found', 'what is not there cannot be decided');

SELECT id AS wrong FROM medrec.diagnosis WHERE code = 'I10' AND status = 'review' \gset
SELECT throws_ok(format($$SELECT medrec.accept_suggestion(%L, 'Z99.9')$$, :'wrong'), '22023',
	'the code is not among the record''s suggestions', 'only a suggestion can be accepted');
SELECT is((SELECT (r ->> 'code', r ->> 'description', r ->> 'status', r ->> 'validated_by')::text
	FROM medrec.accept_suggestion(:'wrong', 'e119') AS r),
	format('(E11.9,"Type 2 diabetes mellitus without complications",corrected,%s)', session_user), 'a suggestion is accepted');
SELECT version AS version, version - 1 AS stale FROM medrec.diagnosis WHERE id = :'wrong' \gset
SELECT throws_ok(format(q, :'wrong'), 'PT409', 'another decision has been taken on the record', 'a decision is not overwritten by ' || q)
	FROM unnest(ARRAY['SELECT medrec.confirm(%L)', 'SELECT medrec.reject(%L)', 'SELECT medrec_api.confirm(%L::uuid)', 'SELECT medrec.reject(%L, NULL)']) AS q;
SELECT throws_ok(format(q, :'wrong', :'stale'), 'PT409', 'the record has another version than the one named', 'nor by one with a stale version, ' || q)
	FROM unnest(ARRAY['SELECT medrec.confirm(%L, %s)', 'SELECT medrec.reject(%L, %s)', 'SELECT medrec.accept_suggestion(%L, ''e119'', %s)',
		'SELECT medrec_api.confirm(%L, %s)', 'SELECT medrec_api.reject(%L, %s)', 'SELECT medrec_api.accept_suggestion(%L, ''e119'', %s)']) AS q;
SELECT is((SELECT (r ->> 'status', r ->> 'version')::text FROM medrec.accept_suggestion(:'wrong', 'E11.9') AS r), format('(corrected,%s)', :'version' + 1),
	'the same decision again is no conflict');
SELECT is((SELECT r ->> 'status' FROM medrec_api.reject(record => :'wrong', version => :'version' + 1) AS r), 'rejected',
	'a decision may be changed by who has seen it');
SELECT is((SELECT r ->> 'status' FROM medrec.accept_suggestion(:'wrong', 'E11.9', :'version' + 2) AS r), 'corrected', 'and again');
SELECT throws_ok(format($$SELECT medrec.accept_suggestion(%L, 'Z99.9')$$, :'wrong'), 'PT409', NULL, 'a decided record says so before its suggestions are looked at');
SELECT is(medrec.confirm(NULL, 1), NULL, 'no record, no answer');
UPDATE medrec.diagnosis SET status = 'corrected' WHERE id = :'wrong';
SELECT throws_ok(format($$UPDATE medrec.diagnosis SET status = 'corrected' WHERE id = %L$$, :'xyz'), '22023', NULL,
	'and in no other way a record becomes corrected');

-- copy meets the same rules
CREATE TEMP TABLE source AS SELECT :'patient'::uuid AS patient_id, 'i10'::text AS code FROM generate_series(1, 3);
INSERT INTO medrec.treatment (patient_id, code, code_system) SELECT patient_id, code, 'icd-10-cm' FROM source;
SELECT is((SELECT count(*) FROM medrec.treatment WHERE code = 'I10' AND status = 'valid'), 3::bigint, 'many rows at once');

-- last_visit
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
SELECT results_eq('SELECT DISTINCT last_visit FROM medrec.patient', $$VALUES (now() - interval '10 days')$$, 'last_visit can be set');
SELECT version AS before FROM medrec.patient WHERE id = :'patient' \gset
INSERT INTO medrec.diagnosis (patient_id, code) VALUES (:'patient', 'I10');
SELECT is((SELECT (last_visit, version)::text FROM medrec.patient WHERE id = :'patient'), (now(), :before)::text,
	'a diagnosis moves last_visit, and not the version');
SELECT is((SELECT count(*) FROM medrec.patient WHERE last_visit = now()), 1::bigint, 'of that patient alone');
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'I10' FROM medrec.patient;
SELECT is((SELECT count(*) FROM medrec.patient WHERE last_visit = now()), 3::bigint, 'of all patients of a statement');
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
DELETE FROM medrec.diagnosis WHERE patient_id <> :'patient';
SELECT is((SELECT count(*) FROM medrec.patient WHERE last_visit = now()), 2::bigint, 'a deleted diagnosis moves it too');
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
UPDATE medrec.diagnosis SET description = 'x' WHERE code = 'I10';
SELECT is((SELECT array_agg(patient_id) FROM medrec.patient WHERE last_visit = now()), ARRAY['P1234']::varchar[], 'and a changed one');

-- pages without room: the new versions go elsewhere, and need entries in the indexes
ALTER TABLE medrec.patient SET (fillfactor = 100);
INSERT INTO medrec.patient (name, age, gender, patient_id, last_visit)
	SELECT 'N', 1, 'male', 'N' || i, now() - interval '1 day' FROM generate_series(1, 500) AS i;
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'I10' FROM medrec.patient;
SET LOCAL enable_seqscan = off;
SELECT is((SELECT count(*) FROM medrec.patient AS p JOIN medrec.diagnosis AS d ON d.patient_id = p.id
	WHERE p.patient_id LIKE 'N%' AND p.last_visit = now()), 500::bigint, 'last_visit of patients in full pages');

-- columns and constraints of the user's own that look at last_visit
ALTER TABLE medrec.patient ADD COLUMN visit_year integer GENERATED ALWAYS AS (extract(year FROM last_visit AT TIME ZONE 'UTC')) STORED;
UPDATE medrec.patient SET last_visit = '2001-02-03';
INSERT INTO medrec.diagnosis (patient_id, code) VALUES (:'patient', 'I10');
SELECT is((SELECT visit_year FROM medrec.patient WHERE id = :'patient'), extract(year FROM now() AT TIME ZONE 'UTC')::integer, 'a generated column follows last_visit');
ALTER TABLE medrec.patient DROP COLUMN visit_year, ADD CONSTRAINT own_check CHECK (last_visit < '2002-01-01') NOT VALID;
UPDATE medrec.patient SET last_visit = '2001-02-03' WHERE id = :'patient';
SELECT throws_ok(format($$INSERT INTO medrec.diagnosis (patient_id, code) VALUES (%L, 'I10')$$, :'patient'), '23514', NULL, 'a constraint on last_visit is kept to');
ALTER TABLE medrec.patient DROP CONSTRAINT own_check;

SELECT throws_ok(format($$DELETE FROM medrec.patient WHERE id = %L$$, :'patient'), '23503', NULL, 'a patient with records is not deleted');
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint WHERE connamespace = 'medrec'::regnamespace AND contype = 'f' AND 'r' IN (confdeltype, confupdtype)$$,
	'no foreign key is RESTRICT, which raises 23001 since PostgreSQL 18');

-- an upsert that names a version, as PUT does
INSERT INTO medrec.patient (id, name, age, gender, patient_id, version) VALUES ('00000000-0000-4000-8000-0000000000aa', 'U', 1, 'male', 'U', 5);
SELECT is((SELECT version FROM medrec.patient WHERE patient_id = 'U'), 1, 'a new row begins with version 1');
CREATE FUNCTION pg_temp.upsert(target text, version integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v integer;
BEGIN
	EXECUTE format('INSERT INTO medrec.patient (id, name, age, gender, patient_id, version) VALUES (%L, %L, 1, ''male'', ''U'', %s)'
		' ON CONFLICT (%I) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING version',
		CASE target WHEN 'id' THEN '00000000-0000-4000-8000-0000000000aa'::uuid ELSE gen_random_uuid() END, 'U' || version, version, target) INTO v;
	RETURN v;
END $$;
SELECT is(pg_temp.upsert('id', 1), 2, 'an upsert with the version of the row changes it');
SELECT is(pg_temp.upsert('id', 2), 3, 'also one above 1');
SELECT is(pg_temp.upsert('patient_id', 3), 4, 'and by the record number');
SELECT throws_ok($$SELECT pg_temp.upsert('id', 3)$$, 'PT409', NULL, 'one with a stale version is refused');
SELECT throws_ok($$SELECT pg_temp.upsert('patient_id', 9)$$, 'PT409', NULL, 'one with a version to come too');
INSERT INTO medrec.diagnosis (id, patient_id, code) VALUES ('00000000-0000-4000-8000-0000000000ab', '00000000-0000-4000-8000-0000000000aa', 'I10');
UPDATE medrec.diagnosis SET description = 'x' WHERE id = '00000000-0000-4000-8000-0000000000ab';
SELECT is((SELECT version FROM medrec.diagnosis WHERE id = '00000000-0000-4000-8000-0000000000ab'), 2, 'a diagnosis of version 2');
SELECT throws_ok($$INSERT INTO medrec.diagnosis (id, patient_id, code, version) VALUES ('00000000-0000-4000-8000-0000000000ab', '00000000-0000-4000-8000-0000000000aa', 'I10', 7)
	ON CONFLICT (id) DO UPDATE SET code = excluded.code, version = excluded.version$$, 'PT409', NULL, 'is not changed by who names version 7');
SELECT lives_ok($$INSERT INTO medrec.diagnosis (id, patient_id, code, version) VALUES ('00000000-0000-4000-8000-0000000000ab', '00000000-0000-4000-8000-0000000000aa', 'I10', 2)
	ON CONFLICT (id) DO UPDATE SET code = excluded.code, version = excluded.version$$, 'but by who names version 2');

SELECT * FROM finish();
ROLLBACK;
