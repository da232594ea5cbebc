\i test/sql-setup.psql
-- verify_release: rows of a terminology that are not as they were loaded, and who may change them
SELECT plan(64);
SET client_min_messages = error;

CREATE FUNCTION pg_temp.load(version text, day date, file text) RETURNS void LANGUAGE sql AS $$
	SELECT FROM medrec.load_release('ICD-10-CM', $1, $2, $3)
$$;
-- findings, without information
CREATE FUNCTION pg_temp.found(code_system text DEFAULT NULL, version text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', kind, version, content, code), ', ' ORDER BY kind, version, code), '')
	FROM medrec.verify_release($1, $2) WHERE severity <> 'information'
$$;

SELECT is(pg_temp.found(), '', 'without a release nothing is reported');
SELECT is(count(*), 0::bigint, 'without a release no information is reported') FROM medrec.verify_release();

-- releases that share rows, in any order, moved, replaced, taken out
SELECT pg_temp.load('2022', '2022-01-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Chol. d/t V. cholerae|Cholera due to Vibrio cholerae 01', 'A009|1|Cholera, unspecified'));
SELECT is(pg_temp.found(), '', 'an unchanged release is not reported');
SELECT is(octet_length(digest), 32, 'a loaded release has a digest') FROM medrec.code_release;
SELECT is(new_values ->> 'digest', (SELECT digest::text FROM medrec.code_release), 'the event of the load has the digest')
	FROM medrec.audit_event WHERE table_name = 'code_release' AND action = 'INSERT' AND new_values ->> 'version' = '2022';
SELECT pg_temp.load('2024', '2024-01-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to V. cholerae', 'A001|1|Cholera due to V. cholerae, biovar eltor'));
SELECT is(pg_temp.found(), '', 'nothing is reported after loading a newer release');
SELECT pg_temp.load('2023', '2023-01-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to V. cholerae', 'A009|1|Cholera, unspecified', 'A01|0|Typhoid', 'A010|1|Typhoid fever'));
SELECT is(pg_temp.found(), '', 'nothing is reported after loading a release in between');
SELECT pg_temp.load('2023', '2023-04-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to V. cholerae', 'A009|1|Cholera, unspecified', 'A01|0|Typhoid', 'A010|1|Typhoid fever'));
SELECT is(pg_temp.found(), '', 'nothing is reported after moving a release');
SELECT pg_temp.load('2023', '2023-04-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to V. cholerae', 'A009|1|Cholera, unspecified', 'A01|0|Typhoid', 'A010|1|Typhoid'));
SELECT is(pg_temp.found(), '', 'nothing is reported after replacing a file');
SAVEPOINT loaded;
SELECT medrec.unload_release('ICD-10-CM', '2023');
SELECT is(pg_temp.found(), '', 'nothing is reported after unloading a release');
SELECT is(count(*), 2::bigint, 'unloading a release deletes its digest') FROM medrec.code_digest;
ROLLBACK TO loaded;
SELECT medrec.unload_release('ICD-10-CM', '2022');
SELECT is(pg_temp.found(), '', 'nothing is reported after unloading the first release');
ROLLBACK TO loaded;

-- terms, notes and rules
SELECT pg_temp.load('2024', '2024-01-01', '<?xml version="1.0"?><ICD10CM.tabular><chapter><name>9</name><desc>Circulatory system (I00-I99)</desc><section id="I10-I15"><desc>Hypertensive diseases (I10-I15)</desc>'
	'<diag><name>I10</name><desc>Essential (primary) hypertension</desc><inclusionTerm><note>high blood pressure</note></inclusionTerm>'
	'<excludes1><note>portal hypertension (K76.6)</note></excludes1><useAdditionalCode><note>code to identify tobacco use (Z72.0)</note></useAdditionalCode></diag></section></chapter></ICD10CM.tabular>');
SELECT pg_temp.load('2025', '2025-01-01', '<?xml version="1.0"?><ICD10CM.tabular><chapter><name>9</name><desc>Circulatory system (I00-I99)</desc><section id="I10-I15"><desc>Hypertensive diseases (I10-I15)</desc>'
	'<diag><name>I10</name><desc>Essential (primary) hypertension</desc><inclusionTerm><note>high blood pressure</note></inclusionTerm>'
	'<excludes1><note>portal hypertension (K76.6)</note></excludes1></diag></section></chapter></ICD10CM.tabular>');
SELECT pg_temp.load('42', '2024-10-01', E'MCE_Version\tICD_Version\tMCE_Section\tMCE_Subsection\tMCE_Edit_Type\tICD_Code_Type\tICD_Code\tICD_Desc\n42\t10\t4\tC\tMaternity_Only\tD\tO80\tx\n42\t10\t5\tF\tFemale_Only\tD\tO80\tx\n');
SELECT is(pg_temp.found(), '', 'tabular lists with a shared term and coding edits are not reported');
SELECT is(count(*), 6::bigint, 'all releases have digests') FROM medrec.code_release WHERE digest IS NOT NULL;
SELECT is(pg_temp.found('ICD-10-CM', '2024'), '', 'one version of a system can be verified');
SAVEPOINT terms;
SELECT medrec.unload_release('ICD-10-CM', '2024', 'terms');
SELECT is(pg_temp.found(), '', 'unloading one of two releases with a shared term is not reported');
ROLLBACK TO terms;

-- changes by an owner
CREATE TABLE pg_temp.attack (what text, sql text, found text);
INSERT INTO pg_temp.attack VALUES
	('a changed title is found', $$UPDATE medrec.code SET display = 'Influenza' WHERE code = 'A00.9'$$,
		'code_changed 2022 codes A00.9, code_changed 2023 codes A00.9, release_altered 2022 codes, release_altered 2023 codes'),
	('a header made billable is found', $$UPDATE medrec.code SET billable = true WHERE code = 'A01'$$, 'code_changed 2023 codes A01, release_altered 2023 codes'),
	('a changed short title is found', $$UPDATE medrec.code SET short_display = 'x' WHERE code = 'A00.0' AND valid_from = '2022-01-01'$$, 'code_changed 2022 codes A00.0, release_altered 2022 codes'),
	('a retired code is found', $$UPDATE medrec.code SET active_to = '2023-01-01' WHERE code = 'A00.1'$$, 'code_changed 2024 codes A00.1, release_altered 2024 codes'),
	('a removed code is found', $$DELETE FROM medrec.code WHERE code = 'A00.1'$$, 'code_removed 2024 codes A00.1, release_altered 2024 codes'),
	('an added code is found', $$INSERT INTO medrec.code (code_system, code, valid_from, billable, display) VALUES ('ICD-10-CM', 'A00.2', '2024-01-01', true, 'x')$$, 'code_added 2024 codes A00.2, release_altered 2024 codes'),
	('a code added between the releases is found', $$INSERT INTO medrec.code (code_system, code, valid_from, valid_to, billable, display) VALUES ('ICD-10-CM', 'A00.2', '2024-02-01', '2024-03-01', true, 'x')$$, 'span_altered A00.2'),
	('a code that ends too early is found', $$UPDATE medrec.code SET valid_to = '2024-02-01' WHERE code = 'A00.1'$$, 'span_altered A00.1'),
	('a code that lasts a release too long is found', $$UPDATE medrec.code SET valid_to = NULL WHERE code = 'A01.0'$$, 'code_added 2024 codes A01.0, release_altered 2024 codes'),
	('a changed code is found', $$UPDATE medrec.code SET code = 'A01.9' WHERE code = 'A01.0'$$, 'code_added 2023 codes A01.9, code_removed 2023 codes A01.0, release_altered 2023 codes'),
	('a changed shared term is found', $$UPDATE medrec.code_term SET term = 'low blood pressure' WHERE code = 'I10'$$, 'release_altered 2024 terms, release_altered 2025 terms, term_changed 2024 terms I10, term_changed 2025 terms I10'),
	('a term removed from a release is found', $$UPDATE medrec.code_term SET also_in = '{}' WHERE code = 'I10'$$, 'release_altered 2025 terms, term_removed 2025 terms I10'),
	('a term added to a release is found', $$INSERT INTO medrec.code_term (code_system, code, kind, term, release_id) SELECT 'ICD-10-CM', 'I11', 'inclusion', 'x', id FROM medrec.code_release WHERE content = 'terms' AND version = '2024'$$,
		'release_altered 2024 terms, term_added 2024 terms I11'),
	('a changed note is found', $$UPDATE medrec.code_note SET note = 'x' WHERE kind = 'useAdditionalCode'$$, 'note_changed 2024 terms I10, release_altered 2024 terms'),
	('a removed rule is found', $$DELETE FROM medrec.code_rule WHERE rule = 'maternity'$$, 'release_altered 42 edits, rule_removed 42 edits O80'),
	('changed ages of a rule are found', $$UPDATE medrec.code_rule SET age_max = 90 WHERE rule = 'maternity'$$, 'release_altered 42 edits, rule_changed 42 edits O80'),
	('changed days of a rule are found', $$UPDATE medrec.code_rule SET valid_to = '2024-11-01' WHERE rule = 'maternity'$$, 'rule_days_altered O80'),
	('without the marks a change is found but not named', $$UPDATE medrec.code_digest SET marks = ''; UPDATE medrec.code SET display = 'x' WHERE code = 'A00.1'$$, 'release_altered 2024 codes'),
	('without rows in code_digest a change is found but not named', $$DELETE FROM medrec.code_digest; UPDATE medrec.code SET display = 'x' WHERE code = 'A00.1'$$, 'release_altered 2024 codes');
CREATE FUNCTION pg_temp.attacked(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE sql;
	SELECT pg_temp.found() INTO found;
	RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = found;
EXCEPTION WHEN SQLSTATE 'XX999' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.attacked(sql), found, what) FROM pg_temp.attack;
SELECT is(pg_temp.found(), '', 'nothing is reported after the changes were undone');

-- the trail guards the digest
SAVEPOINT digest;
UPDATE medrec.code_release SET digest = sha256('x') WHERE version = '2022';
SELECT is(old_values ->> 'digest' IS NOT NULL, true, 'changing a digest leaves an event') FROM medrec.audit_event
	WHERE table_name = 'code_release' AND action = 'UPDATE' AND new_values ->> 'digest' = sha256('x')::text;
ROLLBACK TO digest;
ALTER TABLE medrec.code_release DISABLE TRIGGER medrec_audit_update;
UPDATE medrec.code_release SET digest = sha256('x') WHERE version = '2022';
SELECT is(count(*), 1::bigint, 'a digest changed with triggers disabled is found by verify_records()') FROM medrec.verify_records() WHERE table_name = 'code_release';
ROLLBACK TO digest;

-- 0.1 took none
UPDATE medrec.code_release SET digest = NULL WHERE version = '2022';
DELETE FROM medrec.code_digest WHERE release_id = (SELECT id FROM medrec.code_release WHERE version = '2022');
SELECT is(kind || ' ' || severity, 'no_digest information', 'a release of 0.1 has no digest') FROM medrec.verify_release(version => '2022');
SET LOCAL ROLE medrec_admin;
SELECT is(octet_length(medrec.digest_release('icd-10-cm', '2022')), 32, 'an administrator may take a digest');
RESET ROLE;
SELECT is(pg_temp.found(), '', 'nothing is reported after digest_release()');
SELECT is(count(*), 0::bigint, 'no information is reported after digest_release()') FROM medrec.verify_release(version => '2022');
SELECT is(pg_temp.attacked($$UPDATE medrec.code SET billable = true WHERE code = 'A00' AND valid_from = '2022-01-01'$$) ~ 'code_changed 2022 codes A00', true, 'a change after digest_release() is found');
SELECT is(count(*) > 0, true, 'digest_release() leaves an event') FROM medrec.audit_event WHERE table_name = 'code_release' AND action = 'UPDATE'
	AND new_values ->> 'digest' = (SELECT digest::text FROM medrec.code_release WHERE version = '2022');
SELECT throws_ok($$SELECT medrec.digest_release('ICD-10-CM', '2022')$$, '55000', 'the release has a digest already', 'digest_release() refuses a release with a digest');
SELECT throws_ok($$SELECT medrec.digest_release('ICD-10-CM', '1999')$$, 'PT404', 'there is no such release', 'digest_release() refuses an unknown release');
SELECT throws_ok($$SELECT * FROM medrec.verify_release('no such system')$$, '22023', NULL, 'an unknown code system is refused');

-- no role changes terminologies but by loading
SET LOCAL ROLE medrec_admin;
SELECT throws_ok($$UPDATE medrec.code SET display = 'x'$$, '42501', NULL, 'an administrator may not change codes');
SELECT throws_ok($$DELETE FROM medrec.code_release$$, '42501', NULL, 'an administrator may not change releases');
SELECT throws_ok($$INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES ('ICD-10-CM', 'I10', 'synonym', 'x')$$, '42501', NULL, 'an administrator may not change terms');
SELECT throws_ok($$UPDATE medrec.code_note SET note = 'x'$$, '42501', NULL, 'an administrator may not change notes');
SELECT throws_ok($$DELETE FROM medrec.code_rule$$, '42501', NULL, 'an administrator may not change rules');
SELECT lives_ok($$SELECT pg_temp.load('2026', '2026-01-01', pg_temp.order_file('A00|0|Cholera', 'A000|1|Cholera due to V. cholerae'))$$, 'an administrator may load a release');
SELECT lives_ok($$SELECT medrec.unload_release('ICD-10-CM', '2026')$$, 'an administrator may unload a release');
SELECT lives_ok($$INSERT INTO medrec.abbreviation VALUES ('zzq', 'own words')$$, 'an administrator may change abbreviations');
SELECT medrec.add_term('ICD-10-CM', 'i10', 'high pressure') AS term \gset
RESET ROLE;
SELECT is(count(*), 1::bigint, 'changing abbreviations leaves events') FROM medrec.audit_event WHERE table_name = 'abbreviation' AND new_values ->> 'abbreviation' = 'zzq';
SELECT is(code || ' ' || kind || ' ' || term, 'I10 synonym high pressure', 'an administrator may add terms') FROM medrec.code_term WHERE id = :term;
SELECT is(count(*), 1::bigint, 'add_term() leaves an event') FROM medrec.audit_event WHERE table_name = 'code_term' AND action = 'INSERT' AND row_id = :'term' AND new_values ->> 'term' = 'high pressure';
INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES ('ICD-10-CM', 'I10', 'synonym', 'behind it');
SELECT results_eq($$SELECT kind || ' ' || coalesce(code, detail) FROM medrec.verify_release() WHERE severity = 'information'$$,
	$$VALUES ('own_rows 2 terms, 0 notes and 0 rules are of no release'), ('own_term_without_event I10')$$, 'a term that the owner inserts is reported');
SET LOCAL ROLE medrec_admin;
SELECT is(medrec.remove_term(:term), true, 'remove_term() removes a term of the user');
SELECT is(medrec.remove_term((SELECT id FROM medrec.code_term WHERE term = 'high blood pressure')), false, 'remove_term() does not remove a term of a release');
RESET ROLE;
SELECT throws_ok($$SELECT medrec.add_term('ICD-10-CM', '!', 'x')$$, '22023', NULL, 'add_term() refuses a malformed code');
SELECT is(count(*), 0::bigint, 'the trail agrees with the tables') FROM medrec.verify_records();
SET LOCAL ROLE medrec_auditor;
SELECT lives_ok($$SELECT * FROM medrec_api.verify_release()$$, 'an auditor may call verify_release()');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
