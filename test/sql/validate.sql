\i test/sql-setup.psql
SELECT plan(58);

-- two releases: A04.7 becomes a header, Z99.9 is removed, Z11.1 is added, I10 gets another title
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

CREATE FUNCTION pg_temp.validated(code text, on_date date, display text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', v.result, v.code, v.billable::text, v.issues -> 0 ->> 'code', v.issues -> 0 ->> 'text')
	FROM medrec.validate_code('ICD-10-CM', $1, $3, $2) AS v
$$;

SELECT is(pg_temp.validated('e119', '2025-01-01'), 'valid E11.9 true', 'a code in effect is valid');
SELECT is(pg_temp.validated('E11.9', '2022-10-01'), 'valid E11.9 true', 'a code is valid on the first day of the first release');
SELECT is(pg_temp.validated('E11.9', '2022-09-30'),
	'pending E11.9 not-found no loaded release of ICD-10-CM is in effect on 2022-09-30', 'before the first release a code is pending');
SELECT is(pg_temp.validated('E11', '2025-01-01'), 'review E11 false code-rule a header: a more specific code is needed', 'a header gets review');
SELECT is(pg_temp.validated('A04.7', '2024-09-30'), 'valid A04.7 true', 'a code is billable until it becomes a header');
SELECT is(pg_temp.validated('A04.7', '2024-10-01'),
	'review A04.7 false code-rule a header since 2024-10-01: a more specific code is needed', 'a code is a header from that day');
SELECT is(pg_temp.validated('Z99.9', '2024-09-30'), 'valid Z99.9 true', 'a code is valid until it is retired');
SELECT is(pg_temp.validated('Z99.9', '2024-10-01'), 'review Z99.9 code-rule retired since 2024-10-01', 'a retired code gets review');
SELECT is(pg_temp.validated('Z11.1', '2024-09-30'), 'review Z11.1 code-rule valid only from 2024-10-01', 'a future code gets review');
SELECT is(pg_temp.validated('Z11.1', 'infinity'), 'valid Z11.1 true', 'the day infinity is accepted');
SELECT is(pg_temp.validated('Z11.1', '-infinity'),
	'pending Z11.1 not-found no loaded release of ICD-10-CM is in effect on -infinity', 'the day -infinity is accepted');
SELECT is(pg_temp.validated('Z11.2', '2025-01-01'), 'invalid Z11.2 invalid-code not a code of ICD-10-CM', 'an unknown code is invalid');
SELECT matches(pg_temp.validated('11.2', '2025-01-01'), '^invalid 11.2 invalid-code .', 'a malformed code is invalid');
SELECT is((SELECT display FROM medrec.validate_code('ICD-10-CM', 'I10', NULL, '2023-01-01')), 'Essential hypertension', 'the title is the one in effect on the day');
SELECT is((SELECT display FROM medrec.validate_code('ICD-10-CM', 'I10', NULL, '2025-01-01')), 'Essential (primary) hypertension', 'the title today is the current one');
SELECT is((SELECT display FROM medrec.validate_code('ICD-10-CM', 'Z99.9', NULL, '2025-01-01')), 'Dependence on nothing', 'a retired code has its last title');

SELECT is(pg_temp.validated('I10', '2025-01-01', 'Essential (primary) hypertension'), 'valid I10 true', 'the title has no issue');
SELECT is(pg_temp.validated('I10', '2025-01-01', '  ESSENTIAL, primary hypertension '), 'valid I10 true', 'the title in another spelling has no issue');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'high blood-pressure'), 'valid I10 true', 'an inclusion term has no issue');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'Type 2 diabetes mellitus without complications'),
	'review I10 true invalid-display the description is the title of E11.9', 'another code''s title gets invalid-display');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'Type 2 diabetes mellitus w/o complications'),
	'review I10 true invalid-display the description is the title of E11.9', 'another code''s short title gets invalid-display');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', 'High blood pressure'),
	'review E11.9 true invalid-display the description is the title of I10', 'another code''s inclusion term gets invalid-display');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'Dependence on nothing'),
	'valid I10 true invalid-display the description is not an official term of the code', 'the title of a removed code is free text');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', ''), 'valid E11.9 true', 'an empty description is ignored');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', '!?'), 'valid E11.9 true', 'a description without words is ignored');

SELECT is(pg_temp.validated('E11.9', '2025-01-01', 'Type II DM w/o complications'), 'valid E11.9 true', 'abbreviations and roman numerals are expanded');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'T2DM w/o complications'),
	'review I10 true invalid-display the description is the title of E11.9', 'another code''s title in abbreviations gets invalid-display');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'Essential hypertension'), 'valid I10 true', 'a former title has no issue');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', 'Type 2 diabetes mellitus'),
	'valid E11.9 true invalid-display the description is the title of E11, which the code belongs to', 'a category''s title is an information');
SELECT is(pg_temp.validated('E11', '2025-01-01', 'Type 2 diabetes mellitus without complications'), 'review E11 false code-rule a header: a more specific code is needed', 'a header with the title of a code below it gets review as a header');
SELECT is((SELECT issues -> 1 ->> 'text' FROM medrec.validate_code('ICD-10-CM', 'E11', 'Type 2 diabetes mellitus without complications', '2025-01-01')),
	'the description is the title of E11.9', 'the issue names that code');
INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES
	('ICD-10-CM', 'I10', 'index', 'Pressure, high'), ('ICD-10-CM', 'E11', 'inclusion', 'Sugar disease'), ('ICD-10-CM', 'E11', 'index', 'Diabetes, type 2');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'pressure; high'), 'valid I10 true', 'an index entry has no issue');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', 'Pressure, high'),
	'valid E11.9 true invalid-display the description is not an official term of the code', 'an index entry leads to its code and is not a title of it');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', 'Sugar disease'), 'valid E11.9 true', 'a category''s inclusion term has no issue below it');
SELECT is(pg_temp.validated('E11.9', '2025-01-01', 'Diabetes, type 2'), 'valid E11.9 true', 'a category''s index entry has no issue below it');
SELECT is(pg_temp.validated('I10', '2025-01-01', 'Sugar disease'),
	'review I10 true invalid-display the description is the title of E11', 'a category''s inclusion term elsewhere gets invalid-display');

SELECT is((SELECT result FROM medrec.validate_code('SNOMED CT', '44054006')), 'pending', 'a system without a release gets pending');
SELECT is((SELECT (result, issues -> 0 ->> 'text')::text FROM medrec.validate_code('SNOMED CT', '44054007')),
	'(invalid,"check digit is 7, expected 6")', 'a system without a release still has its check digit checked');
SELECT throws_ok($$SELECT medrec.validate_code('nonsense', 'I10')$$, '22023', 'unknown code system', 'an unknown code system is refused');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', NULL)$$, '22004', 'code must not be null', 'a null code is refused');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => '[]')$$, '22023', 'invalid context: context must be an object', 'a context of a wrong shape is refused');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => '{"age": 1e9, "gender": 4, "codes": [1], "x": 1}')$$, '22023',
	NULL, 'a context with wrong values is refused');
SELECT lives_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => '{"age": 4, "gender": "female", "role": "principal", "codes": ["E11.9"]}')$$, 'a right context is accepted');
SELECT throws_ok($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => to_jsonb('{"age": -1}'::text))$$, '22023', NULL, 'a context as a string, as in a URL, is accepted');
SELECT throws_ok(format($$SELECT medrec.validate_code('ICD-10-CM', 'I10', context => to_jsonb(%L::text))$$, s), '22023', 'invalid context: context must be an object', 'a string that holds ' || s)
	FROM unnest(ARRAY['x', '', '[1]', '"{}"', '{"age": 4', '1']) AS s;

SELECT is(medrec.check_code('loinc', '2951-2'), true, 'check_code accepts a good check digit');
SELECT is(medrec.check_code('loinc', '2951-3'), false, 'check_code refuses a wrong check digit');
SELECT is(medrec.normalize_code('ICD-10-CM', ' e119 '), 'E11.9', 'normalize_code returns the normal form');
SELECT is(medrec.normalize_code('ICD-10-CM', 'nothing'), NULL, 'normalize_code returns null for a malformed code');
SELECT is((SELECT count(*) FROM medrec.code_systems()), 14::bigint, 'there are fourteen code systems');
SELECT is((SELECT count(*) FROM medrec.code_systems() AS s WHERE medrec.is_code_system(s.name) AND medrec.check_code(s.uri, 'x') IS NOT NULL
	AND medrec.check_code('urn:oid:' || s.oid, 'x') IS NOT NULL), 14::bigint, 'each code system is found by name, URI and OID');
SELECT is(medrec.is_code_system('icd-10-cm'), false, 'only the name of a code system can be stored');

-- a record is validated as of its own date
SELECT p.id AS patient FROM medrec.create_patient('A', 1, 'male', 'P1') AS p \gset
INSERT INTO medrec.diagnosis (patient_id, code, created_at) VALUES (:'patient', 'Z99.9', '2023-05-05'), (:'patient', 'Z99.9', DEFAULT);
SELECT results_eq('SELECT status FROM medrec.diagnosis ORDER BY created_at', $$VALUES ('valid'::varchar), ('review')$$,
	'a record is validated as of its own date');

SELECT * FROM finish();
ROLLBACK;
