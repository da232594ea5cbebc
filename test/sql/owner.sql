-- the owner of the tables changes them: an error says what is wrong, and the server survives
\i test/sql-setup.psql
SELECT plan(15);

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E119|1|Type 2 diabetes mellitus without complications', 'I10|1|Essential (primary) hypertension')) \gset
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P1');
CREATE FUNCTION pg_temp.write() RETURNS text LANGUAGE sql AS
	$$ INSERT INTO medrec.diagnosis (patient_id, code, description) SELECT id, 'i10', 'some words' FROM medrec.patient RETURNING code || ' ' || status $$;
SELECT is(pg_temp.write(), 'I10 valid', 'a diagnosis is stored');
SET LOCAL client_min_messages = error;
-- the guard is disabled, as a superuser may do
ALTER EVENT TRIGGER medrec_allow_ddl DISABLE;
ALTER EVENT TRIGGER medrec_allow_drop DISABLE;
SAVEPOINT before;

-- allowed changes
ALTER TABLE medrec.diagnosis ADD COLUMN ward text DEFAULT 'A', ADD COLUMN length integer GENERATED ALWAYS AS (length(code)) STORED;
SELECT is(pg_temp.write(), 'I10 valid', 'columns can be added to medrec''s tables');
SELECT is((SELECT count(*) FROM medrec.diagnosis WHERE ward = 'A' AND length = 3), 2::bigint, 'added columns can be filled');
ALTER TABLE medrec.diagnosis DROP COLUMN ward;
SELECT is(pg_temp.write(), 'I10 valid', 'added columns can be dropped');
SELECT is((SELECT count(*) FROM medrec.diagnosis WHERE length = 3), 3::bigint, 'the columns after a dropped one are read correctly');
ROLLBACK TO before;
DROP VIEW medrec_api.patients CASCADE;
CREATE DOMAIN pg_temp.number AS text;
ALTER TABLE medrec.patient ALTER COLUMN name TYPE text, ALTER COLUMN patient_id TYPE pg_temp.number;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (' B ', 1, 'male', ' P2 ');
SELECT is((SELECT name || patient_id FROM medrec.patient WHERE name = 'B'), 'BP2', 'other text types are accepted');
ROLLBACK TO before;

-- changes that medrec cannot work with
DROP VIEW medrec_api.patients CASCADE;
DROP INDEX medrec.patient_name_words_idx;
ALTER TABLE medrec.patient DROP CONSTRAINT patient_name_check, ALTER COLUMN name TYPE integer USING 5;
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (5, 1, 'male', 'P2')$$, '42804',
	'column "name" of table "patient" must be of type text', 'a number column where text is expected is refused');
ROLLBACK TO before;
DROP VIEW medrec_api.patients CASCADE;
ALTER TABLE medrec.patient DROP CONSTRAINT patient_age_check, ALTER COLUMN age TYPE text;
SELECT throws_ok($$INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', '1', 'male', 'P2')$$, '42804',
	'column "age" of table "patient" must be of type integer', 'a text column where a number is expected is refused');
ROLLBACK TO before;
ALTER TABLE medrec.patient RENAME COLUMN name TO full_name;
SELECT throws_ok($$INSERT INTO medrec.patient (full_name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P2')$$, '42703',
	'table "patient" has no column "name"', 'a renamed column is refused');
ROLLBACK TO before;
SELECT is(pg_temp.write(), 'I10 valid', 'a rolled back change has no effect');
ROLLBACK TO before;
DROP TABLE medrec.code CASCADE;
SELECT throws_ok('SELECT pg_temp.write()', '42P01', NULL, 'a missing table of codes is refused');
CREATE VIEW medrec.code AS SELECT 1;
SELECT throws_ok('SELECT pg_temp.write()', '42804', '"medrec.code" is not the table that medrec.migrate() made', 'a view in place of a table is refused');
DROP VIEW medrec.code;
CREATE TABLE medrec.code (a integer, b integer);
SELECT throws_ok('SELECT pg_temp.write()', '42804', '"medrec.code" is not the table that medrec.migrate() made', 'a table of other columns is refused');
ROLLBACK TO before;
DROP INDEX medrec.code_display_idx;
CREATE INDEX code_display_idx ON medrec.code (code_system, display);
SELECT throws_ok('SELECT pg_temp.write()', '42809', '"medrec.code_display_idx" is not the index that medrec.migrate() made', 'an index with other keys is refused');
ROLLBACK TO before;
DROP INDEX medrec.diagnosis_patient_id_idx;
ALTER INDEX medrec.patient_pkey RENAME TO patient_pkey_before;
CREATE INDEX patient_pkey ON medrec.diagnosis (patient_id);
SELECT throws_ok('SELECT pg_temp.write()', '42809', '"medrec.patient_pkey" is not an index of table "patient"', 'an index of another table is refused');
ROLLBACK TO before;

SELECT * FROM finish();
ROLLBACK;
