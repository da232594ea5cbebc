\i test/sql-setup.psql
-- load_release: a file is recognised, replaces nothing of another kind, and anything unusual about it is a warning
SELECT plan(81);
SET client_min_messages = error;

CREATE FUNCTION pg_temp.load(system text, version text, day date, file text, format text DEFAULT 'auto') RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', content, r.format, rows) COLLATE "default"
	FROM medrec.load_release($1, $2, $3, $4, $5) AS r
$$;
-- the warnings of a release, as an administrator sees them over HTTP
CREATE FUNCTION pg_temp.warnings(system text, version text, content text DEFAULT 'codes') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', w ->> 'code', w ->> 'text') COLLATE "default"
	FROM medrec_api.code_releases AS r, jsonb_array_elements(r.warnings) AS w
	WHERE r.code_system = $1 AND r.version = $2 AND r.content = $3
$$;

-- the indexes of NCHS, under any title: main, external causes, neoplasms, drugs
CREATE FUNCTION pg_temp.index_xml(head text, VARIADIC entries text[]) RETURNS text LANGUAGE sql AS $$
	SELECT '<?xml version="1.0"?>' || E'\n<ICD10CM.index>' || head || '<letter><title>A</title>'
		|| string_agg('<mainTerm><title>Entry ' || i || '</title>' || CASE WHEN e LIKE '%,%'
			THEN (SELECT string_agg(format('<cell col="%s">%s</cell>', j + 1, c), '' ORDER BY j) FROM unnest(string_to_array(e, ',')) WITH ORDINALITY AS u (c, j))
			ELSE '<code>' || e || '</code>' END || '</mainTerm>', '' ORDER BY i) || '</letter></ICD10CM.index>'
	FROM unnest(entries) WITH ORDINALITY AS n (e, i)
$$;
CREATE TABLE pg_temp.kind (n serial, what text, expected text, file text);
INSERT INTO pg_temp.kind (what, expected, file) VALUES
	('the main index', 'index nchs-index 3', pg_temp.index_xml('<title>ICD-10-CM INDEX TO DISEASES and INJURIES</title>', 'A00.0', 'W57', 'Q27.8', 'K35.2-', 'S72.0')),
	('the main index that is called otherwise', 'index nchs-index 2', pg_temp.index_xml('<title>Index, with External Cause of Injuries Index apart</title>', 'A00.0', 'Q27.8')),
	('the index of external causes, its title in capitals', 'index-external nchs-external 4', pg_temp.index_xml('<title>ICD-10-CM EXTERNAL CAUSE OF INJURIES INDEX</title>', 'W57', 'X58', 'V94.4', 'T71')),
	('the index of external causes without a title', 'index-external nchs-external 2', pg_temp.index_xml('', 'W57', 'Y92.0-')),
	('the table of neoplasms, its first column without a heading', 'index-neoplasms nchs-neoplasms 3', pg_temp.index_xml('<title>ICD-10-CM TABLE of NEOPLASMS</title><indexHeading><head col="2">Malignant Primary</head></indexHeading>', 'C80.1,C79.9,D09.9')),
	('the table of neoplasms without any heading', 'index-neoplasms nchs-neoplasms 4', pg_temp.index_xml('', 'C80.1,C79.9,--', 'C76.2,C79.8-')),
	('the table of drugs without any heading', 'index-drugs nchs-drugs 3', pg_temp.index_xml('', 'T51.3X1,T51.3X2,--', 'T60.3X1,--')),
	('an index behind a long comment', 'index nchs-index 1', replace(pg_temp.index_xml('<title>x</title>', 'A00.0'), E'?>\n', '?><!-- ' || repeat('External Cause <ICD10CM.tabular> ', 100) || '-->' || E'\n'));
UPDATE pg_temp.kind SET expected = 'index nchs-index 5' WHERE n = 1;
SELECT is(pg_temp.load('ICD-10-CM', n::text, date '2001-01-01' + n, file), expected, what || ' is known by its codes') FROM pg_temp.kind ORDER BY n;
SELECT results_eq($$SELECT term COLLATE "default" FROM medrec.code_term WHERE code = 'C80.1' ORDER BY term$$,
	$$VALUES ('Entry 1, Malignant Primary')$$, 'a table without headings gets the headings of every year');
SELECT throws_ok(format($$SELECT pg_temp.load('ICD-10-CM', 'x', '2002-01-01', %L)$$, pg_temp.index_xml('<title>Neoplasm</title>', 'A00', 'W57', 'B20', 'X58')), '22P04', 'line 1 of the file: not in a format known for ICD-10-CM',
	'a mixed index is recognised as neither the main index nor that of external causes');
SELECT is(pg_temp.load('ICD-10-CM', 'x', '2002-01-01', pg_temp.index_xml('', 'A00', 'W57', 'B20', 'X58'), 'nchs-index'), 'index nchs-index 4', 'a mixed index is loaded if its format is named');

-- codes files
SELECT is(pg_temp.load('ICD-10-CM', '2024', '2023-10-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to Vibrio cholerae 01', 'A009|1|Cholera, unspecified',
	'S02|0|Fracture of skull', 'S020|0|Fracture of vault', 'S020XXA|1|Fracture of vault, initial', 'B99|1|Other infectious diseases')), 'codes cms-order 7', 'an order file is recognised');
SELECT is(pg_temp.load('ICD-10-CM', '2025', '2024-10-01', E'A000    Cholera due to Vibrio cholerae 01\r\nA009    Cholera, unspecified\r\nS020XXA Fracture of vault, initial\r\nB990    Other\r\n'),
	'codes cms-codes 4', 'a codes file is recognised, with CRLF too');
CREATE FUNCTION pg_temp.verdict(system text, code text, day date) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('|', result, v.code, v.display, billable, issues -> 0 ->> 'text') COLLATE "default" FROM medrec.validate_code($1, $2, on_date => $3) AS v
$$;
SELECT is(pg_temp.verdict('ICD-10-CM', 'a00', '2024-01-01'), 'review|A00|Cholera|f|a header: a more specific code is needed', 'a listed header gets review');
SELECT is(pg_temp.verdict('ICD-10-CM', 'a00', '2025-01-01'), 'review|A00|Cholera|f|a header: a more specific code is needed', 'an unlisted header is known by the codes below, with the title of another release');
SELECT is(pg_temp.verdict('ICD-10-CM', 'S02.0', '2025-01-01'), 'review|S02.0|Fracture of vault|f|a header: a more specific code is needed', 'an unlisted header is known behind placeholders');
SELECT is(pg_temp.verdict('ICD-10-CM', 'B99', '2025-01-01'), 'review|B99|Other infectious diseases|f|a header since 2024-10-01: a more specific code is needed', 'a subdivided code is a header since then');
SELECT is(pg_temp.verdict('ICD-10-CM', 'A01', '2025-01-01'), 'invalid|A01|not a code of ICD-10-CM', 'a code without codes below is not a header');
SELECT is(pg_temp.verdict('ICD-10-CM', 'A00', '2000-01-01'), 'pending|A00|Cholera|no loaded release of ICD-10-CM is in effect on 2000-01-01', 'without a release in effect no header is known');
SELECT is(pg_temp.load('ICD-10-CM', '2022', '2021-10-01', pg_temp.order_file('H54|0|Blindness', 'H54512A|1|Low vision right eye')), 'codes cms-order 2', 'an order file without a header in between is refused');
SELECT is(pg_temp.verdict('ICD-10-CM', 'H54.512', '2022-01-01'), 'invalid|H54.512|not a code of ICD-10-CM', 'in a release that lists headers an unlisted one is invalid');
SELECT is(display, 'Ménière''s disease', 'a codes file in latin-1') FROM
	medrec.load_release('ICD-10-CM', '2026', '2025-10-01', convert_to(E'H8101   Ménière''s disease\n', 'LATIN1')) AS r JOIN medrec.code AS c ON c.code = 'H81.01';
SELECT is(pg_temp.load('ICD-10-PCS', '2025', '2024-10-01', E'0016070 Bypass Cerebral Ventricle to Nasopharynx\n'), 'codes cms-codes 1', 'a codes file of procedures is recognised');
SELECT is(pg_temp.verdict('ICD-10-PCS', '001', '2025-01-01'), 'review|001|f|a header: a more specific code is needed', 'tables of procedures are headers without a title');
SELECT is(pg_temp.load('ICD-10-PCS', '2026', '2025-10-01', E'001     Nervous system, bypass\n0016070 Bypass Cerebral Ventricle to Nasopharynx\n'), 'codes cms-codes 2', 'a codes file that contains headers is recognised');
SELECT is(pg_temp.verdict('ICD-10-PCS', '001', '2026-01-01'), 'review|001|Nervous system, bypass|f|a header: a more specific code is needed', 'headers in a codes file are known by the codes below');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', 'x', '2030-01-01', E'0016070 Bypass\n')$$, '22P04', NULL, 'a diagnosis codes file is refused for procedures');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-PCS', 'x', '2030-01-01', E'A000    Cholera\n')$$, '22P04', NULL, 'a procedure codes file is refused for diagnoses');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', 'x', '2030-01-01', E'Add:         A000    Cholera\n')$$, '22P04', 'line 1 of the file: not in a format known for ICD-10-CM', 'the list of changes is not taken for a codes file');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', 'x', '2030-01-01', E'A000    Cholera\nA001\n', 'cms-codes')$$, '22P04', 'line 2 of the CMS codes file: not a code, blanks, and a title', 'a line without a title is named in the error');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', 'x', '2030-01-01', E'A000    Cholera\nA001    Chol')$$, '22P04', 'line 2 of the CMS codes file: the last line has no line end, the file is cut off', 'a cut line is named in the error');

SELECT throws_ok(format($$SELECT pg_temp.load('ICD-9-CM', 'x', '2030-01-01', %L)$$, pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to Vibrio cholerae 01')), '22P04',
	'line 1 of the file: not in a format known for ICD-9-CM', 'an order file''s numbers are not taken for ICD-9 codes');
SELECT throws_ok($$SELECT pg_temp.load('ICD-9-CM', 'x', '2030-01-01', E'0010  A000    10000\n0011  A001    10000\n')$$, '22P04', 'line 1 of the file: not in a format known for ICD-9-CM', 'a map to ICD-10 is not taken for a list of titles');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', 'x', '2030-01-01', E'A000    0010  10000\nA001    0011  10000\n')$$, '22P04', 'line 1 of the file: not in a format known for ICD-10-CM', 'a map from ICD-10 is not taken for a list of titles');

-- ICD-9: its files list no headers either
SELECT is(pg_temp.load('ICD-9-CM', '32', '2014-10-01', E'25000 Diabetes mellitus without mention of complication\n78060 Fever, unspecified\n78061 Fever presenting with conditions classified elsewhere\nV1005 Personal history of malignant neoplasm of large intestine\nE8120 Collision\n'),
	'codes icd9-long 5', 'ICD-9 titles are recognised');
SELECT is(pg_temp.verdict('ICD-9-CM', c, '2015-01-01'), 'review|' || c || '|f|a header: a more specific code is needed', c || ' is a header of ICD-9')
	FROM unnest('{780.6,780,250,250.0,V10,V10.0,E812}'::text[]) AS c;
SELECT is(pg_temp.verdict('ICD-9-CM', '780.7', '2015-01-01'), 'invalid|780.7|not a code of ICD-9-CM', 'an ICD-9 code without codes below is not a header');
SELECT is(pg_temp.load('ICD-9-PCS', '32', '2014-10-01', E'4513 Other endoscopy of small intestine\n'), 'codes icd9-long 1', 'ICD-9 procedures are recognised');
SELECT is(pg_temp.verdict('ICD-9-PCS', '451', '2015-01-01'), 'review|45.1|f|a header: a more specific code is needed', 'ICD-9 procedures have headers');
SELECT results_eq($$SELECT concat_ws('|', code, display, billable, level) COLLATE "default" FROM medrec.ancestors('ICD-9-CM', '780.60', '2015-01-01')$$, $$VALUES ('780.6|f|1'), ('780|f|2')$$, 'unlisted headers are ancestors');
SELECT results_eq($$SELECT concat_ws('|', code, display, billable, level) COLLATE "default" FROM medrec.descendants('ICD-9-CM', '780', '2015-01-01')$$,
	$$VALUES ('780.6|f|1'), ('780.60|Fever, unspecified|t|2'), ('780.61|Fever presenting with conditions classified elsewhere|t|2')$$, 'unlisted headers are between a code and its descendants');
SELECT results_eq($$SELECT concat_ws('|', code, display, billable, standing, valid_from) COLLATE "default" FROM medrec.lookup('ICD-9-CM', '780.6', '2015-01-01')$$, $$VALUES ('780.6|f|current|2014-10-01')$$, 'lookup finds unlisted headers');
SELECT is((SELECT count(*) FROM medrec.code WHERE code_system = 'ICD-9-CM'), 5::bigint, 'unlisted headers have no row in medrec.code');
-- records: the result changes with the loaded releases
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 40, 'unknown', 'P1');
INSERT INTO medrec.diagnosis (patient_id, code, code_system, created_at) SELECT id, '250.0', 'ICD-9-CM', '2014-12-01' FROM medrec.patient;
SELECT is(status || coalesce(description, '-'), 'review-', 'a record with an unlisted header has no title') FROM medrec.diagnosis;
SELECT is(suggestions -> 0 ->> 'code', '250.00', 'a record with an unlisted header gets suggestions from below') FROM medrec.diagnosis;
SELECT medrec.unload_release('ICD-9-CM', '32') \g /dev/null
SELECT is(pg_temp.load('ICD-9-CM', '31', '2013-10-01', E'78060 Fever, unspecified\n'), 'codes icd9-long 1', 'a further release is loaded');
SELECT finished FROM medrec.revalidate_batch('ICD-9-CM') \g /dev/null
SELECT finished FROM medrec.revalidate_batch('ICD-9-CM') \g /dev/null
SELECT is(status, 'invalid', 'revalidation notices that a header has no codes below any more') FROM medrec.diagnosis;

-- dagger and asterisk
SELECT is(pg_temp.load('ICD-10', '2019', '2019-01-01', E'code,title\nA17.0+,Tuberculous meningitis\nA18.0†,Tuberculosis of bones\nG01*,Meningitis in bacterial diseases\n'), 'codes csv 3', 'codes with dagger and asterisk are loaded');
SELECT is(pg_temp.verdict('ICD-10', c, '2020-01-01'), v, c || ' is found') FROM (VALUES ('A17.0', 'valid|A17.0|Tuberculous meningitis|t'),
	('A17.0†', 'valid|A17.0|Tuberculous meningitis|t|marked with a dagger: the underlying disease, whose manifestation is coded in addition'), ('A180', 'valid|A18.0|Tuberculosis of bones|t'),
	('G01*', 'valid|G01|Meningitis in bacterial diseases|t|marked with an asterisk: a manifestation, coded in addition to the underlying disease')) AS n (c, v);
SELECT is(result, 'review', 'an asterisk code as principal diagnosis has an issue') FROM medrec.validate_code('ICD-10', 'G01*', on_date => '2020-01-01', context => '{"role": "principal"}');

-- a release is replaced by a file of its own kind only
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', '2024', '2023-10-01', E'A000    Cholera\n')$$, '22023', 'ICD-10-CM version 2024 is loaded from another kind of file (CMS order file); this is a CMS codes file', 'a codes file does not replace an order file unasked');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', '2025', '2024-10-01', E'code,title\nA00.0,Cholera\n')$$, '22023', 'ICD-10-CM version 2025 is loaded from another kind of file (CMS codes file); this is a CSV file', 'a table does not replace a codes file unasked');
SELECT is(pg_temp.load('ICD-10-CM', '2024', '2023-10-01', E'A000    Cholera\n', 'cms-codes'), 'codes cms-codes 1', 'a file of another kind replaces the release if its format is named');
SELECT is_empty($$SELECT pg_temp.warnings('ICD-10-CM', '2024')$$, 'a replacement by a named format raises no warning');
SELECT is(pg_temp.load('ICD-10-CM', 'forced', '2003-01-01', pg_temp.index_xml('', 'W57', 'X58'), 'nchs-index'), 'index nchs-index 2', 'a named format is used');
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', 'forced', 'index')$$,
	$$VALUES ('conflict it looks like a NCHS index of external causes, but was loaded as a NCHS index because format nchs-index was given')$$, 'a named format that does not look right raises a warning');

-- fewer codes, no 7th characters, another year, the same file
CREATE FUNCTION pg_temp.codes_file(first int, last int, suffix text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format(E'S%s%s Code %s\n', lpad(n::text, 5, '0'), coalesce(nullif(suffix, ''), ' '), n), '' ORDER BY n) FROM generate_series(first, last) AS n
$$;
SELECT pg_temp.load('ICD-10-CM', 'whole', '2010-10-01', pg_temp.codes_file(1, 1200, 'A') || E'Z99     Last\n') \g /dev/null
SELECT is_empty($$SELECT pg_temp.warnings('ICD-10-CM', 'whole')$$, 'a complete release raises no warning');
SELECT pg_temp.load('ICD-10-CM', 'more', '2011-10-01', pg_temp.codes_file(1, 1081, 'A') || E'Z99     Last\n') \g /dev/null
SELECT is_empty($$SELECT pg_temp.warnings('ICD-10-CM', 'more')$$, 'a release with a few codes less raises no warning');
SELECT pg_temp.load('ICD-10-CM', 'fewer', '2012-10-01', pg_temp.codes_file(1, 900, 'A') || E'Z99     Last\n') \g /dev/null
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', 'fewer')$$,
	$$VALUES ('incomplete it has 901 codes that may be used on a claim, version more, the one before, has 1082: it may be cut off, or another file')$$, 'markedly fewer codes than the release before raise a warning');
SELECT pg_temp.load('ICD-10-CM', 'whole', '2010-10-01', pg_temp.codes_file(1, 1100)) \g /dev/null
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', 'whole')$$, $$VALUES
	('incomplete none of its 1100 codes of injuries and poisonings has a 7th character: the codes that may be used on a claim are missing'),
	('incomplete it has 1100 codes, and the last begins with S, but a whole release goes on to Z: the file may be cut off')$$, 'missing 7th characters and last chapters raise a warning');
SELECT pg_temp.load('ICD-10-CM', 'whole', '2010-10-01', pg_temp.codes_file(1, 300, 'A')) \g /dev/null
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', 'whole')$$,
	$$VALUES ('incomplete it has 300 codes that may be used on a claim, the file that it replaces had 1100: it may be cut off, or another file')$$, 'fewer codes than the replaced file raise a warning');
SELECT pg_temp.load('ICD-10-CM', 'again', '2009-10-01', pg_temp.codes_file(1, 300, 'A')) \g /dev/null
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', 'again')$$, $$VALUES ('duplicate the same file is already loaded as version whole')$$, 'the same file under another version raises a warning');
SELECT pg_temp.load('ICD-9-CM', 'short', '2001-10-01', (SELECT string_agg(format(E'%s  Chol d/t vib cholerae %s\n', lpad(n::text, 4, '0'), n % 10), '' ORDER BY n) FROM generate_series(1000, 2500) AS n)) \g /dev/null
SELECT ok(array_agg(w) @> '{incomplete no title has more than 24 characters: it is the list of short titles\, the long titles are in another file}', 'CMS''s short titles of ICD-9 raise a warning') FROM pg_temp.warnings('ICD-9-CM', 'short') AS w;

-- coding edits of another time
CREATE FUNCTION pg_temp.edits(editor int) RETURNS text LANGUAGE sql AS $$
	SELECT E'MCE_Version\tICD_Version\tMCE_Section\tMCE_Subsection\tMCE_Edit_Type\tICD_Code_Type\tICD_Code\tICD_Desc\n' || editor || E'\t10\t4\tC\tMaternity_Only\tD\tO80\tx\n'
$$;
SELECT pg_temp.load('ICD-10-CM', '42', '2024-10-01', pg_temp.edits(42)) \g /dev/null
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', '42', 'edits')$$,
	$$VALUES ('expired the coding edits in effect (version 42) are from 2024-10-01, the codes in effect (version 2026) from 2025-10-01: they do not cover the changes in between')$$, 'edits older than the current codes raise a warning');
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', '2026')$$, $$SELECT pg_temp.warnings('ICD-10-CM', '42', 'edits')$$, 'codes newer than the edits raise a warning');
SELECT pg_temp.load('ICD-10-CM', '43', '2025-10-01', pg_temp.edits(43)) \g /dev/null
SELECT is_empty($$SELECT pg_temp.warnings('ICD-10-CM', v, c) FROM (VALUES ('42', 'edits'), ('43', 'edits'), ('2026', 'codes')) AS n (v, c)$$, 'the warning ends when current edits are loaded');
SELECT pg_temp.load('ICD-10-CM', 'old', '2020-10-01', pg_temp.edits(37)) \g /dev/null
SELECT results_eq($$SELECT pg_temp.warnings('ICD-10-CM', 'old', 'edits')$$,
	$$VALUES ('conflict it is version 37 of the Medicare Code Editor, which is valid from October 2019 to September 2020, but is loaded for another period')$$, 'an edition of the Code Editor under another year''s date raises a warning');
SELECT ok(jsonb_path_exists(medrec_api.health(), '$.warnings[*] ? (@.code_system == "ICD-10-CM" && @.version == "old" && @.content == "edits")'), 'health reports the warnings');
SELECT is(medrec_api.health() ->> 'status', 'ok', 'health is still ok with warnings');
SET LOCAL ROLE medrec_anon;
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(medrec_api.health()) AS k), '{status,time}', 'health without a token does not show what is loaded');
RESET ROLE;
SET LOCAL ROLE medrec_admin;
SELECT is(jsonb_array_length(warnings), 1, 'load_release over HTTP returns the warnings') FROM medrec_api.load_release('ICD-10-CM', 'http', '2019-10-01', pg_temp.edits(35));
RESET ROLE;

-- codes loaded before the marks of ICD-10 were dropped: the step of the upgrade, again
INSERT INTO medrec.code (code_system, code, valid_from, valid_to, billable, display) VALUES ('ICD-10', 'B01.0+', '2000-01-01', '2010-01-01', true, 'before'),
	('ICD-10', 'B01.0', '2010-01-01', NULL, true, 'after'), ('ICD-10', 'G02*', '2010-01-01', NULL, true, 'marked'), ('ICD-10', 'G02', '2005-01-01', NULL, true, 'plain'), ('ICD-10', 'G05.0*', '2000-01-01', NULL, true, 'alone');
DO $$ BEGIN EXECUTE (SELECT script FROM medrec.migration_step() WHERE name = 'icd10-marks'); END $$;
SELECT results_eq($$SELECT concat_ws('|', code, valid_from, display) COLLATE "default" FROM medrec.code WHERE code_system = 'ICD-10' AND code ~ '^(B01|G02|G05)' ORDER BY code, valid_from$$,
	$$VALUES ('B01.0|2000-01-01|before'), ('B01.0|2010-01-01|after'), ('G02|2005-01-01|plain'), ('G05.0|2000-01-01|alone')$$, 'codes stored with a mark lose it, unless the code exists without');

-- a full release of SNOMED CT is no snapshot
SELECT throws_ok($$SELECT pg_temp.load('SNOMED CT', 'x', '2020-01-01', E'id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\n'
	|| E'1\t20020131\t1\t9\t195967001\ten\t900000000000003001\tAsthma (disorder)\t9\n1\t20030131\t0\t9\t195967001\ten\t900000000000003001\tAsthma (disorder)\t9\n')$$,
	'22P04', 'SNOMED CT snapshot: description 1 is in the file more than once, as in a full release; load the snapshot, which has each once', 'a history of descriptions is refused');

SELECT * FROM finish();
ROLLBACK;
