\i test/sql-setup.psql
SELECT plan(29);

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E11|0|Type 2 diabetes mellitus',
	'E1121|1|Type 2 diabetes mellitus with diabetic nephropathy',
	'E119|1|Type 2 diabetes mellitus without complications|Type 2 diabetes mellitus w/o complications',
	'I10|1|Essential (primary) hypertension',
	'S72001A|1|Fracture of unspecified part of neck of right femur, initial encounter for closed fracture',
	'S72002A|1|Fracture of unspecified part of neck of left femur, initial encounter for closed fracture')) \gset
SELECT p.id AS patient FROM medrec.create_patient('A', 1, 'male', 'P1') AS p \gset

-- medrec's own
SELECT is((SELECT code FROM medrec.suggest('ICD-10-CM', display => 'diabetis with nefropathy') LIMIT 1), 'E11.21', 'misspelt words get the right code');
SELECT is((SELECT code FROM medrec.suggest('ICD-10-CM', display => 'fx neck left femur init') LIMIT 1), 'S72.002A', 'abbreviations and side get the right code');
SELECT is((SELECT code FROM medrec.suggest('ICD-10-CM', 'E11.99') LIMIT 1), 'E11.9', 'a wrong code gets a neighbour');
SELECT is((SELECT code FROM medrec.suggest('ICD-10-CM', 'I1O') LIMIT 1), 'I10', 'a letter O for a zero is corrected');
SELECT is((SELECT bool_and(score BETWEEN 0 AND 1) FROM medrec.suggest('ICD-10-CM', display => 'diabetes')), true, 'scores are from 0 to 1');
SELECT is((SELECT count(*) FROM medrec.suggest('ICD-10-CM', display => 'diabetes', max => 2)), 2::bigint, 'max limits the rows');
SELECT is((SELECT count(*) FROM medrec.suggest('ICD-10-CM', display => 'diabetes', on_date => '2020-01-01')), 0::bigint, 'only codes in effect are suggested');
SELECT is((SELECT count(*) FROM medrec.suggest('ICD-10-CM')), 0::bigint, 'no code and no words get nothing');
SELECT throws_ok($$SELECT medrec.suggest('ICD-10-CM', display => 'x', max => 0)$$, '22023', 'max must be between 1 and 50', 'max 0 is refused');
SELECT throws_ok($$SELECT medrec.suggest('ICD-10-CM', display => 'x', max => 51)$$, '22023', NULL, 'max 51 is refused');
SELECT throws_ok($$SELECT medrec.suggest('x', display => 'x')$$, '22023', 'unknown code system', 'an unknown code system is refused');
SELECT lives_ok($$SELECT medrec.suggest('ICD-10-CM', repeat('x', 1000000), repeat(E'\u00e9 1', 300000))$$, 'a megabyte of words is answered');
SELECT matches((SELECT reason FROM medrec.suggest('ICD-10-CM', display => 'hypertension ' || repeat('x', 5000)) LIMIT 1),
	'only the beginning of the text was read', 'a long text is cut, with a notice');
INSERT INTO medrec.abbreviation VALUES ('sugar sickness', 'diabetes mellitus');
SELECT is((SELECT code FROM medrec.suggest('ICD-10-CM', display => 'sugar sickness type 2 without complications') LIMIT 1), 'E11.9', 'an abbreviation of the user is expanded');

-- with a record
SELECT r.id AS record FROM medrec.create_diagnosis(:'patient', 'E11.99', 'diabetis with nefropathy') AS r \gset
SELECT ok((SELECT medrec.is_suggestions(suggestions) AND jsonb_array_length(suggestions) BETWEEN 1 AND 5 FROM medrec.diagnosis), 'a record with an invalid code gets up to five suggestions');
SELECT is((SELECT jsonb_agg(s -> 'score') FROM medrec.diagnosis, jsonb_array_elements(suggestions) AS s),
	(SELECT jsonb_agg(s -> 'score' ORDER BY (s ->> 'score')::float DESC) FROM medrec.diagnosis, jsonb_array_elements(suggestions) AS s), 'a record''s suggestions are ordered by score');

-- those of others
SELECT is((SELECT s.value FROM medrec.add_suggestions(:'record', '[{"code": "i10", "display": "High pressure", "score": 1, "source": "ai", "reason": "note"}]') AS r,
	jsonb_array_elements(r -> 'suggestions') AS s LIMIT 1),
	'{"code": "I10", "score": 1, "reason": "note", "source": "ai", "display": "High pressure", "code_system": "ICD-10-CM"}', 'added suggestions are ranked and normalised');
SELECT is((SELECT count(*) FROM medrec.diagnosis, jsonb_array_elements(suggestions) AS s WHERE s ->> 'code' = 'I10'), 1::bigint, 'added suggestions contain each code once');
SELECT is((SELECT s.value - 'display' FROM medrec.add_suggestions(:'record', '[{"code": "Z01.89"}]') AS r,
	jsonb_array_elements(r -> 'suggestions') AS s WHERE s ->> 'code' = 'Z01.89'),
	'{"code": "Z01.89", "score": 0.5, "reason": "", "source": "external", "code_system": "ICD-10-CM"}', 'omitted fields of added suggestions are filled');
SELECT throws_ok(format('SELECT medrec.add_suggestions(%L, %L)', :'record', s), '22023', NULL, 'refused: ' || s)
	FROM unnest(ARRAY['{}', '[1]', '[{"code": ""}]', '[{"code": "I10", "score": 1.5}]', '[{"code": "I10", "score": "1"}]', '[{"code": "I10", "x": 1}]', '[{"display": "I10"}]']) AS s;
UPDATE medrec.diagnosis SET description = 'hypertension' WHERE id = :'record';
SELECT is((SELECT count(*) FROM medrec.diagnosis, jsonb_array_elements(suggestions) AS s WHERE s ->> 'source' = 'external'), 1::bigint,
	'validating a record again for its code keeps added suggestions');
SELECT throws_ok($$SELECT medrec.add_suggestions(gen_random_uuid(), '[]')$$, 'PT404', 'record not found', 'add_suggestions refuses an unknown record');
UPDATE medrec.diagnosis SET suggestions = '[]' WHERE id = :'record';
SELECT isnt((SELECT jsonb_array_length(suggestions) FROM medrec.diagnosis), 0, 'an UPDATE does not remove suggestions');

SELECT * FROM finish();
ROLLBACK;
