\i test/sql-setup.psql
SELECT plan(58);

-- two releases: A04.7 becomes a header, Z99.9 goes, Z11.1 comes, I10 changes its title
SELECT rows AS loaded FROM medrec.load_release('icd10cm', '2023', '2022-10-01', pg_temp.order_file(
	'A047|1|Enterocolitis due to Clostridium difficile',
	'E11|0|Type 2 diabetes mellitus',
	'E119|1|Type 2 diabetes mellitus without complications|Type 2 diabetes mellitus w/o complications',
	'I10|1|Essential hypertension',
	'Z999|1|Dependence on nothing')) \gset
SELECT rows AS loaded FROM medrec.load_release('icd10cm', '2025', '2024-10-01', pg_temp.order_file(
	'A047|0|Enterocolitis due to Clostridium difficile',
	'A0471|1|Enterocolitis due to Clostridium difficile, recurrent',
	'E11|0|Type 2 diabetes mellitus',
	'E119|1|Type 2 diabetes mellitus without complications|Type 2 diabetes mellitus w/o complications',
	'I10|1|Essential (primary) hypertension',
	'Z111|1|Encounter for nothing')) \gset
INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES ('ICD-10-CM', 'I10', 'inclusion', 'High blood pressure');

CREATE FUNCTION pg_temp.judge(code text, on_date date, display text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', v.result, v.code, v.billable::text, v.issues -> 0 ->> 'code', v.issues -> 0 ->> 'text')
	FROM medrec.validate_code('ICD-10-CM', $1, $3, $2) AS v
$$;

SELECT is(pg_temp.judge('e119', '2025-01-01'), 'valid E11.9 true', 'a code in force');
SELECT is(pg_temp.judge('E11.9', '2022-10-01'), 'valid E11.9 true', 'on the first day of the first release');
SELECT is(pg_temp.judge('E11.9', '2022-09-30'),
	'pending E11.9 not-found no release of ICD-10-CM that is in force on 2022-09-30 is loaded', 'and before it nothing is known');
SELECT is(pg_temp.judge('E11', '2025-01-01'), 'review E11 false code-rule a header: a more specific code is needed', 'a header');
SELECT is(pg_temp.judge('A04.7', '2024-09-30'), 'valid A04.7 true', 'billable until then');
SELECT is(pg_temp.judge('A04.7', '2024-10-01'),
	'review A04.7 false code-rule a header since 2024-10-01: a more specific code is needed', 'and a header since');
SELECT is(pg_temp.judge('Z99.9', '2024-09-30'), 'valid Z99.9 true', 'not yet retired');
SELECT is(pg_temp.judge('Z99.9', '2024-10-01'), 'review Z99.9 code-rule retired since 2024-10-01', 'retired');
SELECT is(pg_temp.judge('Z11.1', '2024-09-30'), 'review Z11.1 code-rule valid only from 2024-10-01', 'not yet valid');
SELECT is(pg_temp.judge('Z11.1', 'infinity'), 'valid Z11.1 true', 'a day without end');
SELECT is(pg_temp.judge('Z11.1', '-infinity'),
	'pending Z11.1 not-found no release of ICD-10-CM that is in force on -infinity is loaded', 'a day without beginning');
SELECT is(pg_temp.judge('Z11.2', '2025-01-01'), 'invalid Z11.2 invalid-code not a code of ICD-10-CM', 'unknown');
SELECT matches(pg_temp.judge('11.2', '2025-01-01'), '^invalid 11.2 invalid-code .', 'malformed');
SELECT is((SELECT display FROM medrec.validate_code('ICD-10-CM', 'I10', NULL, '2023-01-01')), 'Essential hypertension', 'the title that it had');
SELECT is((SELECT display FROM medrec.validate_code('ICD-10-CM', 'I10', NULL, '2025-01-01')), 'Essential (primary) hypertension', 'the title that it has');
SELECT is((SELECT display FROM medrec.validate_code('ICD-10-CM', 'Z99.9', NULL, '2025-01-01')), 'Dependence on nothing', 'the last title of a retired code');

SELECT is(pg_temp.judge('I10', '2025-01-01', 'Essential (primary) hypertension'), 'valid I10 true', 'the title');
SELECT is(pg_temp.judge('I10', '2025-01-01', '  ESSENTIAL, primary hypertension '), 'valid I10 true', 'in another writing');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'high blood-pressure'), 'valid I10 true', 'an inclusion term');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'Type 2 diabetes mellitus without complications'),
	'review I10 true invalid-display the description is the title of E11.9', 'another code''s title');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'Type 2 diabetes mellitus w/o complications'),
	'review I10 true invalid-display the description is the title of E11.9', 'another code''s short title');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', 'High blood pressure'),
	'review E11.9 true invalid-display the description is the title of I10', 'another code''s inclusion term');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'Dependence on nothing'),
	'valid I10 true invalid-display the description is none of the code''s official terms', 'a title of a code that is gone is free text');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', ''), 'valid E11.9 true', 'an empty description says nothing');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', '!?'), 'valid E11.9 true', 'nor does one without words');

SELECT is(pg_temp.judge('E11.9', '2025-01-01', 'Type II DM w/o complications'), 'valid E11.9 true', 'abbreviations and roman numerals are read');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'T2DM w/o complications'),
	'review I10 true invalid-display the description is the title of E11.9', 'another code''s title in abbreviations');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'Essential hypertension'), 'valid I10 true', 'a title that it had');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', 'Type 2 diabetes mellitus'),
	'valid E11.9 true invalid-display the description is the title of E11, which the code belongs to', 'a category''s title says less, not otherwise');
SELECT is(pg_temp.judge('E11', '2025-01-01', 'Type 2 diabetes mellitus without complications'), 'review E11 false code-rule a header: a more specific code is needed', 'a header with the title of a code of its own');
SELECT is((SELECT issues -> 1 ->> 'text' FROM medrec.validate_code('ICD-10-CM', 'E11', 'Type 2 diabetes mellitus without complications', '2025-01-01')),
	'the description is the title of E11.9', 'which is named');
INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES
	('ICD-10-CM', 'I10', 'index', 'Pressure, high'), ('ICD-10-CM', 'E11', 'inclusion', 'Sugar disease'), ('ICD-10-CM', 'E11', 'index', 'Diabetes, type 2');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'pressure; high'), 'valid I10 true', 'an entry of the index');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', 'Pressure, high'),
	'valid E11.9 true invalid-display the description is none of the code''s official terms', 'an entry of the index leads to its code and is no title of it');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', 'Sugar disease'), 'valid E11.9 true', 'an inclusion term of a category holds below it');
SELECT is(pg_temp.judge('E11.9', '2025-01-01', 'Diabetes, type 2'), 'valid E11.9 true', 'so does an entry of the index');
SELECT is(pg_temp.judge('I10', '2025-01-01', 'Sugar disease'),
	'review I10 true invalid-display the description is the title of E11', 'elsewhere it is another code''s');

SELECT is((SELECT result FROM medrec.validate_code('SNOMED CT', '44054006')), 'pending', 'a system without a release');
SELECT is((SELECT (result, issues -> 0 ->> 'text')::text FROM medrec.validate_code('SNOMED CT', '44054007')),
	'(invalid,"check digit is 7, expected 6")', 'but its check digit is checked');
SELECT throws_ok($$SELECT medrec.validate_code('nonsense', 'I10')$$, '22023', 'unknown code system', 'an unknown system');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', NULL)$$, '22004', 'code must not be null', 'no code');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => '[]')$$, '22023', 'invalid context: context must be an object', 'a context of a wrong shape');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => '{"age": 1e9, "gender": 4, "codes": [1], "x": 1}')$$, '22023',
	NULL, 'a context with wrong values');
SELECT lives_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => '{"age": 4, "gender": "female", "role": "principal", "codes": ["E11.9"]}')$$, 'a right one');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => to_jsonb('{"age": -1}'::text))$$, '22023', NULL, 'an object in a string, as it stands in a URL, is read');
SELECT throws_ok(format($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => to_jsonb(%L::text))$$, s), '22023', 'invalid context: context must be an object', 'a string that holds ' || s)
	FROM unnest(ARRAY['x', '', '[1]', '"{}"', '{"age": 4', '1']) AS s;

SELECT is(medrec.check_code('loinc', '2951-2'), true, 'check_code: a good check digit');
SELECT is(medrec.check_code('loinc', '2951-3'), false, 'check_code: a wrong one');
SELECT is(medrec.normalize_code('ICD-10-CM', ' e119 '), 'E11.9', 'normalize_code');
SELECT is(medrec.normalize_code('ICD-10-CM', 'nothing'), NULL, 'normalize_code: malformed');
SELECT is((SELECT count(*) FROM medrec.code_systems()), 14::bigint, 'fourteen code systems');
SELECT is((SELECT count(*) FROM medrec.code_systems() AS s WHERE medrec.is_code_system(s.name) AND medrec.check_code(s.uri, 'x') IS NOT NULL
	AND medrec.check_code('urn:oid:' || s.oid, 'x') IS NOT NULL), 14::bigint, 'each under its name, URI and OID');
SELECT is(medrec.is_code_system('icd-10-cm'), false, 'stored is but the name');

-- the record's own date judges it
SELECT p.id AS patient FROM medrec.create_patient('A', 1, 'male', 'P1') AS p \gset
INSERT INTO medrec.diagnosis (patient_id, code, created_at) VALUES (:'patient', 'Z99.9', '2023-05-05'), (:'patient', 'Z99.9', DEFAULT);
SELECT results_eq('SELECT status FROM medrec.diagnosis ORDER BY created_at', $$VALUES ('valid'::varchar), ('review')$$,
	'a record is judged as of its own date');

SELECT * FROM finish();
ROLLBACK;
