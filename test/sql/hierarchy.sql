\i test/sql-setup.psql
-- lookup, ancestors, descendants, subsumes
SELECT plan(26);

SELECT rows FROM medrec.load_release('ICD-10-CM', '2023', '2022-10-01', pg_temp.order_file(
	'A04|0|Other bacterial intestinal infections', 'A047|1|Enterocolitis due to C. diff',
	'S06|0|Intracranial injury', 'S060|0|Concussion', 'S060X0A|1|Concussion without loss of consciousness, initial')) \g /dev/null
SELECT rows FROM medrec.load_release('ICD-10-CM', '2024', '2023-10-01', pg_temp.order_file(
	'A04|0|Other bacterial intestinal infections', 'A047|0|Enterocolitis due to C. diff', 'A0471|1|Enterocolitis due to C. diff, recurrent|Enterocolitis, recurrent',
	'A0472|1|Enterocolitis due to C. diff, not recurrent',
	'S06|0|Intracranial injury', 'S060|0|Concussion', 'S060X0A|1|Concussion without loss of consciousness, initial')) \g /dev/null
INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES ('ICD-10-CM', 'A04.7', 'synonym', 'C. diff colitis');
INSERT INTO medrec.code_note (code_system, code, kind, note) VALUES ('ICD-10-CM', 'A04.7', 'includes', 'pseudomembranous colitis');

SELECT results_eq($$SELECT concat_ws('|', code_system, code, display, short_display, billable, standing, valid_from, valid_to, terms, notes) COLLATE "default" FROM medrec.lookup('icd10cm', 'a047', '2023-01-01')$$,
	$$VALUES ('ICD-10-CM|A04.7|Enterocolitis due to C. diff|t|current|2022-10-01|2023-10-01|[{"kind": "synonym", "text": "C. diff colitis"}]|[{"kind": "includes", "text": "pseudomembranous colitis"}]')$$,
	'lookup returns a code''s state on the day, with terms and notes');
SELECT is(billable, false, 'lookup: a code that is a header now was billable then') FROM medrec.lookup('ICD-10-CM', 'A04.7', '2024-01-01');
SELECT is(standing, 'not yet', 'lookup: a future code is not yet valid') FROM medrec.lookup('ICD-10-CM', 'A04.71', '2023-01-01');
SELECT is(standing, 'no release', 'lookup: a day before any release') FROM medrec.lookup('ICD-10-CM', 'A04.7', '2020-01-01');
SELECT is_empty($$SELECT * FROM medrec.lookup('ICD-10-CM', 'B20')$$, 'lookup: no row for a code that no release has');
SELECT throws_ok($$SELECT * FROM medrec.lookup('ICD-10-CM', 'nonsense!')$$, '22023', NULL, 'lookup: a malformed code is refused');
SELECT throws_ok($$SELECT * FROM medrec.lookup('nonsense', 'A04')$$, '22023', 'unknown code system', 'lookup: an unknown system is refused');

CREATE FUNCTION pg_temp.ancestors(code text, day date DEFAULT '2024-01-01') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(a.code || ' ' || level, ', ' ORDER BY level) FROM medrec.ancestors('ICD-10-CM', $1, $2) AS a
$$;
CREATE FUNCTION pg_temp.descendants(code text, day date DEFAULT '2024-01-01') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(a.code || ' ' || level, ', ' ORDER BY a.code) FROM medrec.descendants('ICD-10-CM', $1, $2) AS a
$$;
SELECT is(pg_temp.ancestors('A0471'), 'A04.7 1, A04 2', 'ancestors are ordered from the nearest');
SELECT is(pg_temp.ancestors('S060X0A'), 'S06.0 1, S06 2', 'ancestors do not include placeholders');
SELECT is(pg_temp.ancestors('A0479'), 'A04.7 1, A04 2', 'ancestors of a code in no release are found');
SELECT is(pg_temp.ancestors('A04'), NULL, 'a category has no ancestors');
SELECT is(pg_temp.ancestors('A0471', '2020-01-01'), NULL, 'there are no ancestors before any release');
SELECT is(pg_temp.descendants('A04'), 'A04.7 1, A04.71 2, A04.72 2', 'descendants have their levels');
SELECT is(pg_temp.descendants('A04', '2023-01-01'), 'A04.7 1', 'descendants are those of the given day');
SELECT is(pg_temp.descendants('S06'), 'S06.0 1, S06.0X0A 2', 'descendants are found behind placeholders');
SELECT is(pg_temp.descendants('A0471'), NULL, 'a leaf has no descendants');
SELECT is(pg_temp.descendants('A047'), 'A04.71 1, A04.72 1', 'levels count from the given code');

SELECT is(medrec.subsumes('ICD-10-CM', 'A04', 'A0471'), 'subsumes', 'subsumes: a is above b');
SELECT is(medrec.subsumes('ICD-10-CM', 'a04.71', 'a04'), 'subsumed-by', 'subsumes: a is below b');
SELECT is(medrec.subsumes('ICD-10-CM', 'A04.71', 'a0471'), 'equivalent', 'subsumes: the same code');
SELECT is(medrec.subsumes('ICD-10-CM', 'A04.71', 'A04.72'), 'not-subsumed', 'subsumes: unrelated codes');
SELECT is(medrec.subsumes('ICD-10-CM', 'A04', NULL), NULL, 'subsumes: null for null');
SELECT throws_ok($$SELECT medrec.subsumes('LOINC', '2339-0', '2339-0')$$, '0A000', 'the codes of LOINC have no hierarchy', 'subsumes refuses a system without hierarchy');
SELECT throws_ok($$SELECT medrec.ancestors('LOINC', '2339-0')$$, '0A000', 'the codes of LOINC have no hierarchy', 'ancestors refuses a system without hierarchy');
SELECT throws_ok($$SELECT medrec.descendants('LOINC', '2339-0')$$, '0A000', 'the codes of LOINC have no hierarchy', 'descendants refuses a system without hierarchy');
SELECT throws_ok($$SELECT medrec.subsumes('ICD-10-CM', 'A04', '!')$$, '22023', NULL, 'subsumes refuses a malformed code');

SELECT * FROM finish();
ROLLBACK;
