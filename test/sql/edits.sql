\i test/sql-setup.psql
-- coding edits: rules of the Medicare Code Editor and of the tabular list
SELECT plan(31);

SELECT rows FROM medrec.load_release('ICD-10-CM', '2019', '2018-10-01', pg_temp.order_file(
	'A40|0|Streptococcal sepsis', 'A400|1|Sepsis due to streptococcus, group A',
	'C61|1|Malignant neoplasm of prostate',
	'E10|0|Type 1 diabetes mellitus', 'E109|1|Type 1 diabetes mellitus without complications',
	'E11|0|Type 2 diabetes mellitus', 'E119|1|Type 2 diabetes mellitus without complications',
	'F02|0|Dementia elsewhere', 'F0280|1|Dementia in other diseases classified elsewhere',
	'J20|0|Acute bronchitis', 'J209|1|Acute bronchitis, unspecified', 'J40|1|Bronchitis, not specified',
	'N760|1|Acute vaginitis', 'O80|1|Full-term uncomplicated delivery', 'P220|1|Respiratory distress syndrome of newborn',
	'S72|0|Fracture of femur', 'S72001|0|Fracture of neck of right femur', 'S72001A|1|Fracture of neck of right femur, initial',
	'W19|0|Unspecified fall', 'W19XXXA|1|Unspecified fall, initial')) \g /dev/null

-- without rules there is no issue
CREATE FUNCTION pg_temp.edits(code text, context jsonb, on_date date DEFAULT '2024-01-01') RETURNS text LANGUAGE sql AS $$
	SELECT v.result || coalesce(': ' || string_agg(i.i ->> 'text', '; ' ORDER BY n), '')
	FROM medrec.validate_code('ICD-10-CM', $1, NULL, $3, $2) AS v
		LEFT JOIN jsonb_array_elements(v.issues) WITH ORDINALITY AS i (i, n) ON true GROUP BY v.result
$$;
SELECT is(pg_temp.edits('O80', '{"age": 5, "gender": "male", "role": "principal"}'), 'valid', 'without loaded rules no edit applies');

SELECT rows FROM medrec.load_release('ICD-10-CM', '36', '2018-10-01', E'MCE_Version\tICD_Version\tMCE_Section\tMCE_Subsection\tMCE_Edit_Type\tICD_Code_Type\tICD_Code\tICD_Desc\n36\t10\t4\tC\tMaternity_Only\tD\tO80\tx\n') \g /dev/null
SELECT rows FROM medrec.load_release('ICD-10-CM', '37', '2019-10-01', E'MCE_Version\tICD_Version\tMCE_Section\tMCE_Subsection\tMCE_Edit_Type\tICD_Code_Type\tICD_Code\tICD_Desc\n'
	|| E'37\t10\t4\tC\tMaternity_Only\tD\tO80\tx\n37\t10\t4\tA\tNewborn_Only\tD\tP220\tx\n37\t10\t4\tB\tPediatric_Only\tD\tA400\tx\n37\t10\t4\tD\tAdult_Only\tD\tJ40\tx\n'
	|| E'37\t10\t5\tA\tFemale_Only\tD\tN760\tx\n37\t10\t5\tC\tMale_Only\tD\tC61\tx\n37\t10\t6\t_\tPrincipal_Manifestation\tD\tF0280\tx\n'
	|| E'37\t10\t9\t_\tPrincipal_Unacceptable\tD\tW19XXXA\tx\n37\t10\t8\tA\tPrincipal_Questionable_Admit\tD\tJ209\tx\n') \g /dev/null
SELECT rows FROM medrec.load_release('ICD-10-CM', '2019', '2018-10-01', $x$<?xml version="1.0"?>
<ICD10CM.tabular><chapter><desc>All (A00-Z99)</desc><section id="A00-Z99">
<diag><name>E10</name><desc>x</desc><excludes1><note>type 2 diabetes mellitus (E11.-)</note></excludes1></diag>
<diag><name>J20</name><desc>x</desc><excludes1><note>bronchitis NOS (J40)</note></excludes1></diag>
<diag><name>J40</name><desc>x</desc></diag>
<diag><name>S72</name><desc>x</desc><sevenChrDef><extension char="A">initial</extension><extension char="S">sequela</extension></sevenChrDef>
<diag><name>S72.001</name><desc>x</desc></diag></diag>
</section></chapter></ICD10CM.tabular>$x$) \g /dev/null

-- age
SELECT is(pg_temp.edits('O80', '{"age": 30}'), 'valid', 'a maternity code within the ages has no issue');
SELECT is(pg_temp.edits('O80', '{"age": 9}'), 'valid', 'the lowest age of maternity has no issue');
SELECT is(pg_temp.edits('O80', '{"age": 64}'), 'valid', 'the highest age of maternity has no issue');
SELECT is(pg_temp.edits('O80', '{"age": 8}'), 'review: the code is for patients of 9 to 64 years (maternity), the patient is not of that age', 'a maternity code below the ages has an issue');
SELECT is(pg_temp.edits('O80', '{"age": 65}'), 'review: the code is for patients of 9 to 64 years (maternity), the patient is not of that age', 'a maternity code above the ages has an issue');
SELECT is(pg_temp.edits('O80', '{"age": 10}', '2019-01-01'), 'review: the code is for patients of 12 to 55 years (maternity), the patient is not of that age', 'the ages are those of the release in effect on the day');
SELECT is(pg_temp.edits('O80', '{}'), 'valid', 'an unknown age has no issue');
SELECT is(pg_temp.edits('P220', '{"age": 0}'), 'valid', 'a newborn code for a newborn has no issue');
SELECT is(pg_temp.edits('P220', '{"age": 1}'), 'review: the code is for newborns, the patient is not of that age', 'a newborn code for an older patient has an issue');
SELECT is(pg_temp.edits('A400', '{"age": 18}'), 'review: the code is for patients of 0 to 17 years (pediatric), the patient is not of that age', 'a pediatric code for an adult has an issue');
SELECT is(pg_temp.edits('J40', '{"age": 14}'), 'review: the code is for patients of 15 to 124 years (adult), the patient is not of that age', 'an adult code for a child has an issue');

-- sex
SELECT is(pg_temp.edits('N760', '{"gender": "male"}'), 'review: the code is for female patients', 'a code of women for a man has an issue');
SELECT is(pg_temp.edits('C61', '{"gender": "female"}'), 'review: the code is for male patients', 'a code of men for a woman has an issue');
SELECT is(pg_temp.edits('N760', '{"gender": "female"}'), 'valid', 'a code of the patient''s sex has no issue');
SELECT is(pg_temp.edits('N760', '{"gender": "other"}'), 'valid', 'another gender has no issue');
SELECT is(pg_temp.edits('N760', '{"gender": "male"}', '2024-09-30'), 'review: the code is for female patients', 'sex rules apply until 30 September 2024');
SELECT is(pg_temp.edits('N760', '{"gender": "male"}', '2024-10-01'), 'valid', 'sex rules do not apply from 1 October 2024');

-- principal diagnosis
SELECT is(pg_temp.edits('F0280', '{"role": "principal"}'), 'review: the code is a manifestation and cannot be the principal diagnosis', 'a manifestation as principal diagnosis has an issue');
SELECT is(pg_temp.edits('F0280', '{"role": "secondary"}'), 'valid', 'a manifestation as another diagnosis has no issue');
SELECT is(pg_temp.edits('W19XXXA', '{"role": "principal"}'), 'review: the code is not acceptable as principal diagnosis', 'an unacceptable principal diagnosis has an issue');
SELECT is(pg_temp.edits('J209', '{"role": "principal"}'), 'review: the code is questionable as the reason for an admission', 'a questionable admission has an issue');

-- pairs
SELECT is(pg_temp.edits('E109', '{"codes": ["E11.9"]}'), 'review: the code excludes E11.9 of the same visit (excludes1 note of E10: type 2 diabetes mellitus (E11.-))', 'a pair excluded by a note on the category has an issue');
SELECT is(pg_temp.edits('E119', '{"codes": ["E10.9"]}'), 'review: the code excludes E10.9 of the same visit (excludes1 note of E10: type 2 diabetes mellitus (E11.-))', 'an excluded pair has an issue the other way round too');
SELECT is(pg_temp.edits('J209', '{"codes": ["J40", "E10.9"]}'), 'review: the code excludes J40 of the same visit (excludes1 note of J20: bronchitis NOS (J40))', 'the issue names the excluded one of several codes');
SELECT is(pg_temp.edits('J209', '{"codes": ["E10.9"]}'), 'valid', 'a pair that no note excludes has no issue');
SELECT is(pg_temp.edits('E109', '{"codes": ["E10.9"]}'), 'valid', 'a code beside itself has no issue');

-- 7th character
SELECT is(pg_temp.edits('S72001', '{}'), 'review: a header: a more specific code is needed; 7th character missing: A initial; S sequela', 'a code that needs a 7th character has an issue');
SELECT is(pg_temp.edits('S72001A', '{}'), 'valid', 'a code with its 7th character has no issue');

-- deleting a release deletes its rules
SELECT is(valid_to, '2019-10-01', 'rules end where the next release of their kind begins') FROM medrec.code_rule WHERE rule = 'maternity' ORDER BY valid_from LIMIT 1;
DELETE FROM medrec.code_release WHERE content = 'edits';
SELECT is(pg_temp.edits('O80', '{"age": 8}'), 'valid', 'deleting a release deletes its rules');

SELECT * FROM finish();
ROLLBACK;
