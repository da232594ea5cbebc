\i test/sql-setup.psql
-- load_release: every file format, as small files of its layout
SELECT plan(59);

CREATE FUNCTION pg_temp.load(system text, file text, format text DEFAULT 'auto') RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', code_system, content, r.format, rows) COLLATE "default"
	FROM medrec.load_release($1, '1', '2020-01-01', $2, $3) AS r
$$;
-- codes of a system as "code|display|short|billable|from|to"
CREATE FUNCTION pg_temp.codes(system text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws('|', code, display, coalesce(short_display, '-'), billable, coalesce(active_from::text, '-'),
		coalesce(active_to::text, '-')) COLLATE "default"
	FROM medrec.code WHERE code_system = $1 ORDER BY code
$$;
CREATE FUNCTION pg_temp.terms(system text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws('|', code, kind, term) COLLATE "default"
	FROM medrec.code_term WHERE code_system = $1 ORDER BY code, kind, term COLLATE "C"
$$;
CREATE FUNCTION pg_temp.refused(system text, file text, format text, message text) RETURNS text LANGUAGE sql AS $$
	SELECT throws_ok(format('SELECT FROM medrec.load_release(%L, %L, %L, %L::text, %L)', system, 'bad', '2030-01-01', file, format),
		'22P04', message, message)
$$;

-- ICD-9
SELECT is(pg_temp.load('ICD-9-CM', E'0010  Cholera\n4019  Essential hypertension\nV270  Single liveborn\nE8120 Collision\n'),
	'ICD-9-CM codes icd9-long 4', 'ICD-9 diagnoses are recognised');
SELECT results_eq($$SELECT pg_temp.codes('ICD-9-CM')$$,
	$$VALUES ('001.0|Cholera|-|t|-|-'), ('401.9|Essential hypertension|-|t|-|-'), ('E812.0|Collision|-|t|-|-'), ('V27.0|Single liveborn|-|t|-|-')$$,
	'ICD-9 diagnoses are stored with their dot');
SELECT is(pg_temp.load('ICD-9-PCS', E'0001 Therapeutic ultrasound\n'), 'ICD-9-PCS codes icd9-long 1', 'ICD-9 procedures are recognised');
SELECT pg_temp.refused('ICD-9-CM', E'0010  Cholera\n0011 Cholera\n', 'icd9-long',
	'line 2 of the ICD-9 long title file: not a code in columns 1 to 5, a blank, and a title from column 7');
SELECT is(display, 'Ménière''s disease', 'latin-1 bytes are taken as such') FROM
	medrec.load_release('ICD-9-CM', 'latin1', '2019-01-01', convert_to(E'38600 Ménière''s disease\n', 'LATIN1')) AS r
	JOIN medrec.code AS c ON c.code = '386.00';
SELECT is(display, 'Ménière''s disease', 'UTF-8 bytes too') FROM
	medrec.load_release('ICD-9-CM', 'utf8', '2018-01-01', convert_to(E'\uFEFF38601 Ménière''s disease\n', 'UTF8')) AS r
	JOIN medrec.code AS c ON c.code = '386.01';
SELECT throws_ok($$SELECT medrec.load_release('ICD-9-CM', 'x', '2030-01-01', '\x1f8b0800'::bytea)$$, '22P04', 'the file is compressed by gzip', 'a compressed file is refused');
SELECT throws_ok($$SELECT medrec.load_release('ICD-9-CM', 'x', '2030-01-01', '\xfffe3000'::bytea)$$, '22P04', 'the file is UTF-16, not UTF-8 or latin-1', 'UTF-16 is refused');
SELECT throws_ok($$SELECT medrec.load_release('ICD-9-CM', 'x', '2030-01-01', '\x300030'::bytea)$$, '22P04', 'the file is binary', 'a binary file is refused');

SELECT throws_ok($$SELECT medrec.load_release('ICD-9-CM', 'x', '2030-01-01', convert_to(E'0010  Ménière\n0011  M', 'UTF8') || '\xe9'::bytea || convert_to(E'nière\n', 'UTF8'))$$,
	'22P04', 'line 2 of the file: mis-encoded: byte 0xe9 is not UTF-8, which the rest of the file is', 'a mixture of encodings is refused');

-- HCPCS
CREATE FUNCTION pg_temp.hcpcs(code text, number int, kind text, long text, short text DEFAULT '', added text DEFAULT '', ends text DEFAULT '')
RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN kind IN ('4', '8') THEN rpad(lpad(code, 5) || lpad(number::text, 5, '0') || kind || long, 92)
		ELSE rpad(rpad(lpad(code, 5) || lpad(number::text, 5, '0') || kind || rpad(long, 80) || rpad(short, 28), 268)
			|| rpad(added, 8) || rpad(added, 8) || rpad(ends, 8) || 'N', 320) END || E'\r\n'
$$;
SELECT is(pg_temp.load('HCPCS', E'A note, before the codes\r\n\r\n' ||
		pg_temp.hcpcs('RT', 100, '7', 'Right side', 'Right side', '19840101') ||
		pg_temp.hcpcs('A4221', 100, '3', 'Supplies for infusion  (list', 'Supp inf', '19970101', '20191231') ||
		pg_temp.hcpcs('A4221', 200, '4', 'drugs  separately)') ||
		pg_temp.hcpcs('J1885', 100, '3', 'Ketorolac', 'Ketorolac', '19960101')),
	'HCPCS codes hcpcs 3', 'a HCPCS file is recognised after its preface');
SELECT results_eq($$SELECT pg_temp.codes('HCPCS')$$,
	$$VALUES ('A4221|Supplies for infusion (list drugs separately)|Supp inf|t|1997-01-01|2019-12-31'),
		('J1885|Ketorolac|-|t|1996-01-01|-'), ('RT|Right side|-|t|1984-01-01|-')$$,
	'HCPCS: continued lines, modifiers, first and last day are read');
SELECT pg_temp.refused('HCPCS', pg_temp.hcpcs('A4221', 100, '3', 'Supplies', 'S', '19970101') || pg_temp.hcpcs('A4221', 300, '4', 'x'), 'hcpcs',
	'line 2 of the HCPCS file: does not continue the code of the line before, lines are missing');
SELECT pg_temp.refused('HCPCS', pg_temp.hcpcs('A4221', 100, '3', 'Supplies', 'S', '19971301'), 'hcpcs',
	'line 1 of the HCPCS file: the date in columns 269 to 276 is not a date of the form YYYYMMDD or YYYY-MM-DD');
SELECT pg_temp.refused('HCPCS', pg_temp.hcpcs('A4221', 100, '3', 'Supplies', 'S', '19970101') || E'the end\n', 'hcpcs',
	'line 2 of the HCPCS file: no line number and kind in columns 6 to 11');

-- plain CSV
SELECT is(pg_temp.load('ATC', E'code,display,billable,active_from,active_to,synonyms\nA10BA02,"metformin, ""oral""",yes,2001-02-03,,Glucophage|Metformina\nA10,"Drugs used in\ndiabetes",no,,20301231,\n'),
	'ATC codes csv 2', 'CSV is recognised by its header');
SELECT results_eq($$SELECT pg_temp.codes('ATC')$$,
	$$VALUES (E'A10|Drugs used in\ndiabetes|-|f|-|2030-12-31'), ('A10BA02|metformin, "oral"|-|t|2001-02-03|-')$$, 'CSV: quotes, line ends in quotes, dates, booleans are read');
SELECT results_eq($$SELECT pg_temp.terms('ATC')$$, $$VALUES ('A10BA02|synonym|Glucophage'), ('A10BA02|synonym|Metformina')$$, 'CSV: synonyms are read');
SELECT is(pg_temp.load('ICD-10', E'Code;Title\nA00.0;Cholera\n'), 'ICD-10 codes csv 1', 'CSV with semicolons is recognised');
SELECT is(pg_temp.load('CPT', E'code\tdescription\n99213\tOffice visit\n'), 'CPT codes csv 1', 'CSV with tabs is recognised');
SELECT pg_temp.refused('ATC', E'code,display\nA10BA02,metformin\nA10\n', 'csv', 'line 3 of the CSV file: 1 fields, expected 2');
SELECT pg_temp.refused('ATC', E'code,display\nA10BA02,"metformin\n', 'csv', 'line 2 of the CSV file: a quoted field is not closed');
SELECT pg_temp.refused('ATC', E'code,display\nA10BA02,"met"formin\n', 'csv', 'line 2 of the CSV file: a closing quote is not followed by a delimiter');
SELECT pg_temp.refused('ATC', E'code,display\nA10BA02,', 'csv', 'line 2 of the CSV file: the last line has no line end, the file is cut off');
SELECT pg_temp.refused('ATC', E'code,name\nA10BA02,\n', 'csv', 'line 2 of the CSV file: title is empty');
SELECT pg_temp.refused('ATC', E'code,label\nA10BA02,x\n', 'csv', 'line 1 of the CSV file: the header has no column "display"');
SELECT pg_temp.refused('ATC', E'code,display,billable\nA10BA02,x,perhaps\n', 'csv', 'line 2 of the CSV file: billable is neither true nor false');
SELECT pg_temp.refused('ATC', E'code,display\nA1OBA02,x\n', 'csv', 'line 2 of the CSV file: not a code of ATC: 3rd character is O, expected a digit');
SELECT pg_temp.refused('ATC', E'code,display\n', 'csv', 'CSV file: it has no code of ATC');

-- LOINC
SELECT is(pg_temp.load('LOINC', E'"LOINC_NUM","COMPONENT","STATUS","CONSUMER_NAME","SHORTNAME","LONG_COMMON_NAME","DisplayName"\n"2339-0","Glucose","ACTIVE","Glucose, Blood","Glucose Bld-mCnc","Glucose [Mass/volume] in Blood","Glucose (Bld) [Mass/Vol]"\n"1009-0","DAT","DEPRECATED","","","Deprecated DAT",""\n'),
	'LOINC codes loinc 2', 'the LOINC table is recognised');
SELECT results_eq($$SELECT pg_temp.codes('LOINC')$$,
	$$VALUES ('1009-0|Deprecated DAT|-|t|-|-infinity'), ('2339-0|Glucose [Mass/volume] in Blood|Glucose Bld-mCnc|t|-|-')$$, 'LOINC: a deprecated term is retired');
SELECT results_eq($$SELECT pg_temp.terms('LOINC')$$, $$VALUES ('2339-0|synonym|Glucose (Bld) [Mass/Vol]'), ('2339-0|synonym|Glucose, Blood')$$, 'LOINC: consumer and display names are read');

-- CVX
SELECT is(pg_temp.load('CVX', E'identifier\tname\tdefinition\tsynonyms\n01\tdiphtheria, tetanus toxoids and pertussis vaccine\t\tDTP\n'), 'CVX codes cvx 1', 'CVX as a table is recognised');
SELECT results_eq($$SELECT pg_temp.codes('CVX')$$, $$VALUES ('01|diphtheria, tetanus toxoids and pertussis vaccine|DTP|t|-|-')$$, 'CVX keeps the leading zero');
SELECT is(pg_temp.load('CVX', E'143 |Adenovirus, types 4 and 7|adenovirus, type 4 and type 7, live, oral||Active|132|False|2011/03/20\n'), 'CVX codes cvx 1', 'CVX as the CDC writes it is recognised');

-- NDC
SELECT is(pg_temp.load('NDC', E'PRODUCTID\tPRODUCTNDC\tPROPRIETARYNAME\tPROPRIETARYNAMESUFFIX\tNONPROPRIETARYNAME\tDOSAGEFORMNAME\n0002-0213_x\t0002-0213\tHumulin\tR\tInsulin human\tINJECTION, SOLUTION\n'
	|| E'PRODUCTID\tPRODUCTNDC\tNDCPACKAGECODE\tPACKAGEDESCRIPTION\tSTARTMARKETINGDATE\tENDMARKETINGDATE\n0002-0213_x\t0002-0213\t0002-0213-01\t10 mL in 1 VIAL\t19830627\t20261215\n'),
	'NDC codes fda-ndc 1', 'NDC products and packages together are recognised');
SELECT results_eq($$SELECT pg_temp.codes('NDC')$$, $$VALUES ('00002-0213-01|Humulin R (Insulin human), INJECTION, SOLUTION: 10 mL in 1 VIAL|Humulin R|t|1983-06-27|2026-12-15')$$, 'NDC: a package has its product''s name');
SELECT results_eq($$SELECT pg_temp.terms('NDC')$$, $$VALUES ('00002-0213-01|synonym|Insulin human')$$, 'NDC: a package has its substance as synonym');
SELECT pg_temp.refused('NDC', E'PRODUCTID\tPROPRIETARYNAME\tNONPROPRIETARYNAME\tDOSAGEFORMNAME\nx\ty\tz\tf\n', 'auto', 'FDA NDC file: it has no packages; the codes are in the package file, load it together with the product file');

-- RxNorm
CREATE FUNCTION pg_temp.conso(cui text, sab text, tty text, str text, suppress text DEFAULT 'N') RETURNS text LANGUAGE sql AS $$
	SELECT format(E'%s|ENG||||||1|%s|%s||%s|%s|%s|%s||%s|4096|\n', cui, cui, cui, sab, tty, cui, str, suppress)
$$;
SELECT is(pg_temp.load('RxNorm', pg_temp.conso('860975', 'RXNORM', 'SY', 'metformin ER 500') || pg_temp.conso('860975', 'RXNORM', 'SCD', '24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet')
	|| pg_temp.conso('860975', 'RXNORM', 'PSN', 'metFORMIN HCl 500 MG 24HR Oral Tablet') || pg_temp.conso('860975', 'MMSL', 'CD', 'not ours') || pg_temp.conso('102', 'RXNORM', 'IN', 'gone', 'O')
	|| E'103|18AA|19AB|1|860975|\n'), 'RxNorm codes rxnorm-rrf 3', 'RxNorm is recognised');
SELECT results_eq($$SELECT pg_temp.codes('RxNorm')$$, $$VALUES ('102|gone|-|t|-|-infinity'), ('103|retired concept, now 860975|-|t|-|-infinity'),
	('860975|24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet|metFORMIN HCl 500 MG 24HR Oral Tablet|t|-|-')$$, 'RxNorm: the title comes before synonyms; obsolete and retired concepts are retired');
SELECT results_eq($$SELECT pg_temp.terms('RxNorm')$$, $$VALUES ('860975|synonym|metformin ER 500')$$, 'RxNorm: only its own names are read');

-- SNOMED CT
SELECT is(pg_temp.load('SNOMED CT', E'id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n195967001\t20020131\t1\t900000000000207008\t900000000000074008\n73211009\t20200731\t0\t900000000000207008\t900000000000074008\n'
	|| E'id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\n'
	|| E'1\t20020131\t1\t9\t195967001\ten\t900000000000013009\tBronchial asthma\t9\n2\t20020131\t1\t9\t195967001\ten\t900000000000003001\tAsthma (disorder)\t9\n'
	|| E'3\t20020131\t0\t9\t195967001\ten\t900000000000013009\tOld name\t9\n4\t20020131\t1\t9\t73211009\ten\t900000000000003001\tDiabetes mellitus (disorder)\t9\n'),
	'SNOMED CT codes snomed-rf2 2', 'SNOMED CT snapshots are recognised');
SELECT results_eq($$SELECT pg_temp.codes('SNOMED CT')$$, $$VALUES ('195967001|Asthma (disorder)|Asthma|t|-|-'), ('73211009|Diabetes mellitus (disorder)|Diabetes mellitus|t|-|2020-07-30')$$, 'SNOMED CT: the fully specified name is read, and an inactive concept is retired');
SELECT results_eq($$SELECT pg_temp.terms('SNOMED CT')$$, $$VALUES ('195967001|synonym|Bronchial asthma')$$, 'SNOMED CT: only active synonyms are read');
SELECT pg_temp.refused('SNOMED CT', E'id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\n1\t20020131\t1\t9\t195967002\ten\t900000000000003001\tAsthma\t9\n', 'auto',
	'line 2 of the SNOMED CT snapshot: not a code of SNOMED CT: check digit is 2, expected 1');

-- NCHS XML
SELECT is(pg_temp.load('ICD-10-CM', $x$<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular><introduction><introSection type="x"><instruction><note>no code's note</note></instruction></introSection></introduction>
<chapter><name>9</name><desc>Circulatory (I00-I99)</desc><excludes1><note>pregnancy (O00-O9A)</note></excludes1>
<section id="I10-I16"><desc>Hypertensive (I10-I16)</desc><excludes1><note>neonatal (P29.2)</note></excludes1>
<diag><name>I10</name><desc>Essential hypertension</desc><includes><note>high   blood
 pressure</note></includes><inclusionTerm><note>Benign hypertension</note></inclusionTerm>
<excludes1><note>in pregnancy (O10-O11, O13-O16)</note><note>vessels of eye (H35.0-) of brain (I60-I69 with 5th character 1)</note></excludes1></diag>
<diag><name>I11</name><desc>Heart</desc><sevenChrDef><extension char="A">first</extension><extension char="D">later</extension></sevenChrDef>
<diag><name>I11.0</name><desc>With failure</desc></diag><diag><name>I11.9</name><desc>Without</desc></diag></diag>
</section></chapter></ICD10CM.tabular>$x$), 'ICD-10-CM terms nchs-tabular 1', 'the tabular list is recognised');
SELECT results_eq($$SELECT pg_temp.terms('ICD-10-CM')$$, $$VALUES ('I10|inclusion|Benign hypertension')$$, 'tabular list: inclusion terms are read');
SELECT results_eq($$SELECT concat_ws('|', code, kind, note) COLLATE "default" FROM medrec.code_note ORDER BY id$$, $$VALUES
	('I00-I99|excludes1|pregnancy (O00-O9A)'), ('I10-I16|excludes1|neonatal (P29.2)'), ('I10|includes|high blood pressure'),
	('I10|excludes1|in pregnancy (O10-O11, O13-O16)'), ('I10|excludes1|vessels of eye (H35.0-) of brain (I60-I69 with 5th character 1)')$$, 'tabular list: notes are read');
SELECT results_eq($$SELECT concat_ws('|', code, rule, other_from, other_to, text) COLLATE "default" FROM medrec.code_rule ORDER BY code, other_from$$, $$VALUES
	('I10|excludes1|H35.0|H35.0|vessels of eye (H35.0-) of brain (I60-I69 with 5th character 1)'), ('I10|excludes1|O00|O9A|pregnancy (O00-O9A)'),
	('I10|excludes1|O10|O11|in pregnancy (O10-O11, O13-O16)'), ('I10|excludes1|O13|O16|in pregnancy (O10-O11, O13-O16)'), ('I10|excludes1|P29.2|P29.2|neonatal (P29.2)'),
	('I11|excludes1|O00|O9A|pregnancy (O00-O9A)'), ('I11|excludes1|P29.2|P29.2|neonatal (P29.2)'),
	('I11.0|seventh-character|A first; D later'), ('I11.9|seventh-character|A first; D later')$$,
	'tabular list: excluded pairs are read, down from chapter and section, and codes that need a 7th character');
SELECT is(pg_temp.load('ICD-10-CM', $x$<?xml version="1.0"?>
<ICD10CM.index><title>INDEX</title><letter><title>A</title><mainTerm><title>Aberrant<nemod>(congenital)</nemod></title><seeAlso>Malposition</seeAlso>
<term level="1"><title>artery<nemod>(peripheral)</nemod> NEC</title><code>Q27.8</code><term level="2"><title>eye</title><code>Q15.-</code></term></term>
<term level="1"><title>vein</title><see>x</see></term></mainTerm><mainTerm><title>Wandering, wandered</title>
<term level="1"><title>artery</title><see>Aberrant, artery NEC</see></term></mainTerm></letter></ICD10CM.index>$x$), 'ICD-10-CM index nchs-index 3', 'an index is recognised');
SELECT results_eq($$SELECT t FROM pg_temp.terms('ICD-10-CM') AS t WHERE t LIKE '%index%'$$,
	$$VALUES ('Q15|index|Aberrant, artery NEC, eye'), ('Q27.8|index|Aberrant, artery NEC'), ('Q27.8|index|Wandering, wandered, artery')$$,
	'index: an entry''s path is its name; a reference that leads to one code becomes a name of it');
SELECT is(pg_temp.load('ICD-10-CM', $x$<?xml version="1.0"?>
<ICD10CM.index><indexHeading><head col="1">Substance</head><head col="2">Accidental</head><head col="3">Assault</head></indexHeading>
<letter><title>P</title><mainTerm><title>1-propanol</title><cell col="2">T51.3X1</cell><cell col="3">--</cell></mainTerm></letter></ICD10CM.index>$x$),
	'ICD-10-CM index-drugs nchs-drugs 1', 'the table of drugs is loaded beside the index');
SELECT results_eq($$SELECT t FROM pg_temp.terms('ICD-10-CM') AS t WHERE t LIKE 'T51%'$$, $$VALUES ('T51.3X1|index|1-propanol, Accidental')$$, 'entries of a table have the column''s name');
SELECT throws_ok($$SELECT pg_temp.load('ICD-10-CM', '<ICD10CM.tabular><chapter></ICD10CM.tabular>')$$, '2200M', NULL, 'broken XML is refused');

-- Medicare Code Editor
SELECT is(pg_temp.load('ICD-10-CM', E'MCE_Version\tICD_Version\tMCE_Section\tMCE_Subsection\tMCE_Edit_Type\tICD_Code_Type\tICD_Code\tICD_Desc\n37\t10\t4\tC\tMaternity_Only\tD\tO80\tx\n36\t10\t4\tC\tMaternity_Only\tD\tO82\tx\n37\t10\t5\tA\tFemale_Only\tD\tN760\tx\n37\t10\t5\tA\tFemale_Only\tP\t0U5G0ZZ\tx\n37\t10\t11\tA\tNoncovered_Always\tP\t02YA0Z0\tx\n'),
	'ICD-10-CM edits mce 3', 'the Code Editor''s lists are recognised, with only the system''s own codes');
SELECT results_eq($$SELECT concat_ws('|', code, rule, age_min, age_max, valid_from, valid_to) COLLATE "default" FROM medrec.code_rule WHERE rule IN ('maternity', 'female') ORDER BY code$$,
	$$VALUES ('N76.0|female|2020-01-01|2024-10-01'), ('O80|maternity|9|64|2020-01-01'), ('O82|maternity|12|55|2020-01-01')$$,
	'ages of edits follow the version, and sex rules end when CMS switched them off');

-- a term that several releases have
CREATE FUNCTION pg_temp.synonyms(version text, synonyms text) RETURNS text LANGUAGE sql AS $$
	SELECT r.version::text FROM medrec.load_release('ICD-11', $1, ('2021-01-0' || $1)::date, E'code,display,synonyms\nBA00,Hypertension,' || $2 || E'\n') AS r
$$;
SELECT pg_temp.synonyms('1', 'one|both') \g /dev/null
SELECT pg_temp.synonyms('2', 'two|both') \g /dev/null
SELECT pg_temp.synonyms('3', 'both') \g /dev/null
SELECT results_eq($$SELECT pg_temp.terms('ICD-11')$$, $$VALUES ('BA00|synonym|both'), ('BA00|synonym|one'), ('BA00|synonym|two')$$, 'a term of several releases is stored once');
SELECT medrec.unload_release('ICD-11', '1') \g /dev/null
SELECT results_eq($$SELECT pg_temp.terms('ICD-11')$$, $$VALUES ('BA00|synonym|both'), ('BA00|synonym|two')$$, 'unloading one release keeps the terms that others share');
SELECT pg_temp.synonyms('2', 'new') \g /dev/null
SELECT results_eq($$SELECT pg_temp.terms('ICD-11')$$, $$VALUES ('BA00|synonym|both'), ('BA00|synonym|new')$$, 'replacing a file keeps the terms that others share');
SELECT pg_temp.synonyms('4', 'both|both') \g /dev/null
DELETE FROM medrec.code_release WHERE code_system = 'ICD-11' AND version = '4';
SELECT medrec.unload_release('ICD-11', '3') \g /dev/null
SELECT results_eq($$SELECT pg_temp.terms('ICD-11')$$, $$VALUES ('BA00|synonym|new')$$, 'unloading the last release removes the shared term');

SELECT * FROM finish();
ROLLBACK;
