\i test/sql-setup.psql
SELECT plan(90);

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E11|0|Type 2 diabetes mellitus',
	'E119|1|Type 2 diabetes mellitus without complications|Type 2 diabetes mellitus w/o complications',
	'E1121|1|Type 2 diabetes mellitus with diabetic nephropathy',
	'I10|1|Essential (primary) hypertension')) \gset
SELECT is(:loaded, 4, 'the test''s release is loaded');

-- patients
SELECT medrec.create_patient('  John Doe ', 45, 'Male', ' P1234 ') AS p \gset
SELECT results_eq('SELECT name, age, gender, patient_id, version, birth_date FROM medrec.patient',
	$$VALUES ('John Doe'::varchar, 45, 'male'::varchar, 'P1234'::varchar, 1, NULL::date)$$,
	'a patient is stored without surrounding white space and in the normal case');
SELECT is((SELECT last_visit FROM medrec.patient), now(), 'last_visit is set on creation');
SELECT id AS patient FROM medrec.patient \gset

SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (E' \t', 200, 'x', NULL)$$,
	'22023', 'invalid patient: name must not be empty; patient_id must not be null; age must be between 0 and 150; gender must be male, female, other or unknown',
	'the error names every fault of a patient');
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
	'name:required age:value gender:value', 'the error''s DETAIL has the faults as a JSON array');
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
SELECT is((SELECT count(*) FROM medrec.patient), 1::bigint, 'a refused patient is not stored');

INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)
	VALUES ('B', 5, 'female', 'P2', (CURRENT_DATE - interval '30 years')::date);
SELECT is((SELECT age FROM medrec.patient WHERE patient_id = 'P2'), 30, 'age follows from the birth date');
INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)
	VALUES ('C', NULL, 'female', 'P3', (CURRENT_DATE - interval '30 years')::date + 1);
SELECT is((SELECT age FROM medrec.patient WHERE patient_id = 'P3'), 29, 'age is in full years, until the birthday');

UPDATE medrec.patient SET age = 46 WHERE patient_id = 'P1234';
SELECT is((SELECT version FROM medrec.patient WHERE patient_id = 'P1234'), 2, 'an UPDATE increases version');
SELECT throws_ok($$UPDATE medrec.patient SET age = 47, version = 1 WHERE patient_id = 'P1234'$$,
	'PT409', NULL, 'an UPDATE with a stale version is refused');
UPDATE medrec.patient SET age = 47, version = 2 WHERE patient_id = 'P1234';
SELECT is((SELECT version FROM medrec.patient WHERE patient_id = 'P1234'), 3, 'an UPDATE with the current version is accepted');
SELECT throws_ok($$UPDATE medrec.patient SET id = gen_random_uuid() WHERE patient_id = 'P2'$$,
	'22023', 'invalid patient: id cannot be changed', 'an id cannot be changed');

-- diagnoses
SELECT is((SELECT (code, description, code_system, status, validated_by, suggestions, issues, version)::text
	FROM medrec.create_diagnosis(:'patient', 'e119')),
	'(E11.9,"Type 2 diabetes mellitus without complications",ICD-10-CM,valid,medrec,[],[],1)',
	'e119 is normalised, found and given its title');
SELECT is((SELECT validation_date FROM medrec.diagnosis WHERE code = 'E11.9'), now(), 'validation_date and validated_by are set');
SELECT is((SELECT (code, status)::text FROM medrec.create_diagnosis(:'patient', 'E11')), '(E11,review)',
	'a header gets review');
SELECT is((SELECT issues -> 0 ->> 'code' FROM medrec.diagnosis WHERE code = 'E11'), 'code-rule', 'a header''s issue says why');
SELECT is((SELECT (code, status)::text FROM medrec.create_diagnosis(:'patient', 'E11.99', 'some words')), '(E11.99,invalid)',
	'an unknown code gets invalid, and is stored');
SELECT is((SELECT description FROM medrec.diagnosis WHERE code = 'E11.99'), 'some words', 'an unknown code keeps its description');
SELECT is((SELECT (code, status, issues -> 0 ->> 'code')::text FROM medrec.create_diagnosis(:'patient', ' 1.2 ')),
	'(1.2,invalid,invalid-code)', 'a malformed code gets invalid');
SELECT is((SELECT (status, issues -> 0 ->> 'code', suggestions -> 0 ->> 'code')::text
	FROM medrec.create_diagnosis(:'patient', 'I10', 'TYPE 2 DIABETES mellitus, without complications')),
	'(review,invalid-display,E11.9)', 'the title of another code gets review, and that code is suggested');
SELECT is((SELECT (status, issues)::text FROM medrec.create_diagnosis(:'patient', 'E11.9', 'Type 2 diabetes mellitus w/o complications')),
	'(valid,[])', 'the short title of the code has no issue');
SELECT is((SELECT (status, issues -> 0 ->> 'severity', description)::text FROM medrec.create_diagnosis(:'patient', 'I10', 'high blood pressure since spring')),
	'(valid,information,"high blood pressure since spring")', 'free text is kept without a fault');
SELECT is((SELECT (code_system, status)::text FROM medrec.create_diagnosis(:'patient', '44054006', NULL, 'http://snomed.info/sct')),
	'("SNOMED CT",pending)', 'a code system is accepted by URI, and pending while no release is loaded');
SELECT is((SELECT code_system FROM medrec.create_diagnosis(:'patient', '44054006', NULL, 'urn:oid:2.16.840.1.113883.6.96')),
	'SNOMED CT', 'a code system is accepted by OID');
SELECT is((SELECT code_system FROM medrec.create_diagnosis(:'patient', '44054006', NULL, 'snomed ct')),
	'SNOMED CT', 'a code system is accepted in any case');
SELECT throws_ok(format($$SELECT medrec.create_diagnosis(%L, 'I10', NULL, 'my codes')$$, :'patient'),
	'22023', 'invalid diagnosis: code_system is not a code system that medrec knows', 'an unknown code system is refused');
SELECT throws_ok(format($$SELECT medrec.create_diagnosis(%L, repeat('1', 10000))$$, :'patient'),
	'22001', NULL, 'a code of 10,000 characters is refused');
SELECT throws_ok(format($$SELECT medrec.create_diagnosis(%L, E'I1\x020', E'a\x03b', 'x')$$, :'patient'),
	'22023', 'invalid diagnosis: code_system is not a code system that medrec knows; code must not hold control characters; description must not hold control characters',
	'the error names all faults of a diagnosis');
SELECT throws_ok($$SELECT medrec.create_diagnosis(gen_random_uuid(), 'I10')$$, '23503', NULL, 'an unknown patient is refused');
SELECT throws_ok($$SELECT medrec.create_diagnosis(NULL, NULL)$$, '22023',
	'invalid diagnosis: patient_id must not be null; code must not be null', 'a diagnosis of nulls is refused');
SELECT throws_ok(format($$INSERT INTO medrec.diagnosis (patient_id, code, suggestions) VALUES (%L, 'I10', '{"a": 1}')$$, :'patient'),
	'22023', 'invalid diagnosis: suggestions must be an array of objects', 'suggestions of a wrong shape are refused');
SELECT is((SELECT (code_system, status)::text FROM medrec.create_treatment(:'patient', '99213')), '(CPT,pending)', 'a treatment is stored and validated');

-- a client cannot set medrec's columns
INSERT INTO medrec.diagnosis (patient_id, code, status, validated_by, issues, version)
	VALUES (:'patient', 'XYZ', 'valid', 'me', '[{"a": 1}]', 7);
SELECT is((SELECT (status, validated_by, version)::text FROM medrec.diagnosis WHERE code = 'XYZ'), '(invalid,medrec,1)',
	'status and version of an INSERT are ignored');
SELECT id AS xyz FROM medrec.diagnosis WHERE code = 'XYZ' \gset
SELECT throws_ok(format($$UPDATE medrec.diagnosis SET status = 'valid' WHERE id = %L$$, :'xyz'),
	'22023', 'invalid diagnosis: status may only be set to confirmed, rejected, or pending to validate again',
	'a client cannot set status valid');
UPDATE medrec.diagnosis SET validated_by = 'me', issues = '[]' WHERE id = :'xyz';
SELECT is((SELECT validated_by FROM medrec.diagnosis WHERE id = :'xyz'), 'medrec', 'a client cannot set validated_by');
SELECT isnt((SELECT issues FROM medrec.diagnosis WHERE id = :'xyz'), '[]', 'a client cannot remove issues');

-- decisions
SELECT is((SELECT (r ->> 'status', r ->> 'validated_by')::text FROM medrec.confirm(:'xyz') AS r),
	format('(confirmed,%s)', session_user), 'a person can set confirmed');
UPDATE medrec.diagnosis SET created_at = created_at, description = description WHERE id = :'xyz';
SELECT is((SELECT status FROM medrec.diagnosis WHERE id = :'xyz'), 'confirmed', 'an UPDATE of other columns keeps confirmed');
UPDATE medrec.diagnosis SET code = 'i10' WHERE id = :'xyz';
SELECT is((SELECT (code, status, description)::text FROM medrec.diagnosis WHERE id = :'xyz'),
	'(I10,valid,"Essential (primary) hypertension")', 'an UPDATE of code validates again');
UPDATE medrec.diagnosis SET code = 'E11.21' WHERE id = :'xyz';
SELECT is((SELECT (code, status, description)::text FROM medrec.diagnosis WHERE id = :'xyz'),
	'(E11.21,valid,"Type 2 diabetes mellitus with diabetic nephropathy")', 'the old code''s title does not stay with a new code');
SELECT is((SELECT r ->> 'status' FROM medrec.reject(:'xyz') AS r), 'rejected', 'a person can set rejected');
UPDATE medrec.diagnosis SET status = 'pending' WHERE id = :'xyz';
SELECT is((SELECT status FROM medrec.diagnosis WHERE id = :'xyz'), 'valid', 'setting pending validates again');
UPDATE medrec.diagnosis SET code = 'e11.21', description = description WHERE id = :'xyz';
SELECT throws_ok($$SELECT medrec.confirm(gen_random_uuid())$$, 'PT404', 'record not found', 'a decision on an unknown record is refused');

SELECT id AS wrong FROM medrec.diagnosis WHERE code = 'I10' AND status = 'review' \gset
SELECT throws_ok(format($$SELECT medrec.accept_suggestion(%L, 'Z99.9')$$, :'wrong'), '22023',
	'the code is not among the record''s suggestions', 'only one of the suggestions can be accepted');
SELECT is((SELECT (r ->> 'code', r ->> 'description', r ->> 'status', r ->> 'validated_by')::text
	FROM medrec.accept_suggestion(:'wrong', 'e119') AS r),
	format('(E11.9,"Type 2 diabetes mellitus without complications",corrected,%s)', session_user), 'an accepted suggestion is stored');
SELECT version AS version, version - 1 AS stale FROM medrec.diagnosis WHERE id = :'wrong' \gset
SELECT throws_ok(format(q, :'wrong'), 'PT409', 'another decision has been made on the record', 'a decision is not overwritten by ' || q)
	FROM unnest(ARRAY['SELECT medrec.confirm(%L)', 'SELECT medrec.reject(%L)', 'SELECT medrec_api.confirm(%L::uuid)', 'SELECT medrec.reject(%L, NULL)']) AS q;
SELECT throws_ok(format(q, :'wrong', :'stale'), 'PT409', 'the record does not have the given version', 'a decision is not overwritten with a stale version by ' || q)
	FROM unnest(ARRAY['SELECT medrec.confirm(%L, %s)', 'SELECT medrec.reject(%L, %s)', 'SELECT medrec.accept_suggestion(%L, ''e119'', %s)',
		'SELECT medrec_api.confirm(%L, %s)', 'SELECT medrec_api.reject(%L, %s)', 'SELECT medrec_api.accept_suggestion(%L, ''e119'', %s)']) AS q;
SELECT is((SELECT (r ->> 'status', r ->> 'version')::text FROM medrec.accept_suggestion(:'wrong', 'E11.9') AS r), format('(corrected,%s)', :'version' + 1),
	'the same decision again is accepted');
SELECT is((SELECT r ->> 'status' FROM medrec_api.reject(record => :'wrong', version => :'version' + 1) AS r), 'rejected',
	'a decision can be changed with its version');
SELECT is((SELECT r ->> 'status' FROM medrec.accept_suggestion(:'wrong', 'E11.9', :'version' + 2) AS r), 'corrected', 'a changed decision can be changed again with its version');
SELECT throws_ok(format($$SELECT medrec.accept_suggestion(%L, 'Z99.9')$$, :'wrong'), 'PT409', NULL, 'a decided record is refused before its suggestions are checked');
SELECT is(medrec.confirm(NULL, 1), NULL, 'a decision on null returns null');
UPDATE medrec.diagnosis SET status = 'corrected' WHERE id = :'wrong';
SELECT throws_ok(format($$UPDATE medrec.diagnosis SET status = 'corrected' WHERE id = %L$$, :'xyz'), '22023', NULL,
	'an UPDATE cannot set status corrected');

-- COPY follows the same rules
CREATE TEMP TABLE source AS SELECT :'patient'::uuid AS patient_id, 'i10'::text AS code FROM generate_series(1, 3);
INSERT INTO medrec.treatment (patient_id, code, code_system) SELECT patient_id, code, 'icd-10-cm' FROM source;
SELECT is((SELECT count(*) FROM medrec.treatment WHERE code = 'I10' AND status = 'valid'), 3::bigint, 'many rows in one statement are validated');

-- last_visit
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
SELECT results_eq('SELECT DISTINCT last_visit FROM medrec.patient', $$VALUES (now() - interval '10 days')$$, 'last_visit can be set');
SELECT version AS before FROM medrec.patient WHERE id = :'patient' \gset
INSERT INTO medrec.diagnosis (patient_id, code) VALUES (:'patient', 'I10');
SELECT is((SELECT (last_visit, version)::text FROM medrec.patient WHERE id = :'patient'), (now(), :before)::text,
	'a diagnosis moves last_visit and not the version');
SELECT is((SELECT count(*) FROM medrec.patient WHERE last_visit = now()), 1::bigint, 'a diagnosis moves last_visit of its patient only');
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'I10' FROM medrec.patient;
SELECT is((SELECT count(*) FROM medrec.patient WHERE last_visit = now()), 3::bigint, 'a statement moves last_visit of all its patients');
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
DELETE FROM medrec.diagnosis WHERE patient_id <> :'patient';
SELECT is((SELECT count(*) FROM medrec.patient WHERE last_visit = now()), 2::bigint, 'a deleted diagnosis moves last_visit');
UPDATE medrec.patient SET last_visit = now() - interval '10 days';
UPDATE medrec.diagnosis SET description = 'x' WHERE code = 'I10';
SELECT is((SELECT array_agg(patient_id) FROM medrec.patient WHERE last_visit = now()), ARRAY['P1234']::varchar[], 'a changed diagnosis moves last_visit');

-- pages without room: the new versions go elsewhere, and need entries in the indexes
ALTER TABLE medrec.patient SET (fillfactor = 100);
INSERT INTO medrec.patient (name, age, gender, patient_id, last_visit)
	SELECT 'N', 1, 'male', 'N' || i, now() - interval '1 day' FROM generate_series(1, 500) AS i;
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'I10' FROM medrec.patient;
SET LOCAL enable_seqscan = off;
SELECT is((SELECT count(*) FROM medrec.patient AS p JOIN medrec.diagnosis AS d ON d.patient_id = p.id
	WHERE p.patient_id LIKE 'N%' AND p.last_visit = now()), 500::bigint, 'last_visit moves for patients in full pages');

-- columns and constraints of the user that depend on last_visit
ALTER TABLE medrec.patient ADD COLUMN visit_year integer GENERATED ALWAYS AS (extract(year FROM last_visit AT TIME ZONE 'UTC')) STORED;
UPDATE medrec.patient SET last_visit = '2001-02-03';
INSERT INTO medrec.diagnosis (patient_id, code) VALUES (:'patient', 'I10');
SELECT is((SELECT visit_year FROM medrec.patient WHERE id = :'patient'), extract(year FROM now() AT TIME ZONE 'UTC')::integer, 'a generated column follows last_visit');
ALTER TABLE medrec.patient DROP COLUMN visit_year, ADD CONSTRAINT own_check CHECK (last_visit < '2002-01-01') NOT VALID;
UPDATE medrec.patient SET last_visit = '2001-02-03' WHERE id = :'patient';
SELECT throws_ok(format($$INSERT INTO medrec.diagnosis (patient_id, code) VALUES (%L, 'I10')$$, :'patient'), '23514', NULL, 'a constraint on last_visit is enforced');
ALTER TABLE medrec.patient DROP CONSTRAINT own_check;

SELECT throws_ok(format($$DELETE FROM medrec.patient WHERE id = %L$$, :'patient'), '23503', NULL, 'a patient with records cannot be deleted');
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint WHERE connamespace = 'medrec'::regnamespace AND contype = 'f' AND 'r' IN (confdeltype, confupdtype)$$,
	'no foreign key is RESTRICT, which raises 23001 since PostgreSQL 18');

-- an upsert that names a version, as PUT does
INSERT INTO medrec.patient (id, name, age, gender, patient_id, version) VALUES ('00000000-0000-4000-8000-0000000000aa', 'U', 1, 'male', 'U', 5);
SELECT is((SELECT version FROM medrec.patient WHERE patient_id = 'U'), 1, 'a new row has version 1');
CREATE FUNCTION pg_temp.upsert(target text, version integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v integer;
BEGIN
	EXECUTE format('INSERT INTO medrec.patient (id, name, age, gender, patient_id, version) VALUES (%L, %L, 1, ''male'', ''U'', %s)'
		' ON CONFLICT (%I) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING version',
		CASE target WHEN 'id' THEN '00000000-0000-4000-8000-0000000000aa'::uuid ELSE gen_random_uuid() END, 'U' || version, version, target) INTO v;
	RETURN v;
END $$;
SELECT is(pg_temp.upsert('id', 1), 2, 'an upsert with the row''s version changes the row');
SELECT is(pg_temp.upsert('id', 2), 3, 'an upsert with a version above 1 changes the row');
SELECT is(pg_temp.upsert('patient_id', 3), 4, 'an upsert by record number changes the row');
SELECT throws_ok($$SELECT pg_temp.upsert('id', 3)$$, 'PT409', NULL, 'an upsert with a stale version is refused');
SELECT throws_ok($$SELECT pg_temp.upsert('patient_id', 9)$$, 'PT409', NULL, 'an upsert with a future version is refused');
INSERT INTO medrec.diagnosis (id, patient_id, code) VALUES ('00000000-0000-4000-8000-0000000000ab', '00000000-0000-4000-8000-0000000000aa', 'I10');
UPDATE medrec.diagnosis SET description = 'x' WHERE id = '00000000-0000-4000-8000-0000000000ab';
SELECT is((SELECT version FROM medrec.diagnosis WHERE id = '00000000-0000-4000-8000-0000000000ab'), 2, 'a diagnosis has version 2');
SELECT throws_ok($$INSERT INTO medrec.diagnosis (id, patient_id, code, version) VALUES ('00000000-0000-4000-8000-0000000000ab', '00000000-0000-4000-8000-0000000000aa', 'I10', 7)
	ON CONFLICT (id) DO UPDATE SET code = excluded.code, version = excluded.version$$, 'PT409', NULL, 'an upsert with version 7 does not change a diagnosis of version 2');
SELECT lives_ok($$INSERT INTO medrec.diagnosis (id, patient_id, code, version) VALUES ('00000000-0000-4000-8000-0000000000ab', '00000000-0000-4000-8000-0000000000aa', 'I10', 2)
	ON CONFLICT (id) DO UPDATE SET code = excluded.code, version = excluded.version$$, 'an upsert with version 2 changes a diagnosis of version 2');

SELECT * FROM finish();
ROLLBACK;
