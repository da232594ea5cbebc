\i test/sql-setup.psql
-- revalidate: records are validated again after a release was loaded
SELECT plan(28);

-- a trigger of the user; its updates during revalidation are not revalidation
ALTER TABLE medrec.diagnosis ADD COLUMN own integer NOT NULL DEFAULT 0;
CREATE FUNCTION pg_temp.own() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE medrec.diagnosis SET own = own + 1 WHERE id = NEW.id;
	RETURN NULL;
END $$;
CREATE TRIGGER own AFTER UPDATE ON medrec.diagnosis FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION pg_temp.own();

SELECT rows FROM medrec.load_release('ICD-10-CM', '2023', '2022-10-01', pg_temp.order_file(
	'A047|1|Enterocolitis', 'E119|1|Type 2 diabetes mellitus', 'Z999|1|Dependence')) \g /dev/null
INSERT INTO medrec.patient (id, name, age, gender, patient_id, last_visit) VALUES
	('00000000-0000-0000-0000-000000000001', 'A', 40, 'female', 'P1', '2023-01-01');
INSERT INTO medrec.diagnosis (id, patient_id, code, created_at)
	SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, '00000000-0000-0000-0000-000000000001', code, day::timestamptz
	FROM (VALUES (1, 'A04.7', '2024-01-01'), (2, 'E11.9', '2024-01-01'), (3, 'U07.1', '2024-01-01'), (4, 'Z99.9', '2024-01-01'),
		(5, 'A04.7', '2023-01-01'), (6, 'A04.7', '2024-01-01'), (7, 'A04.7', '2024-01-01')) AS v (n, code, day);
UPDATE medrec.diagnosis SET status = 'confirmed' WHERE id = '00000000-0000-0000-0000-000000000006';
UPDATE medrec.diagnosis SET status = 'rejected' WHERE id = '00000000-0000-0000-0000-000000000007';
INSERT INTO medrec.treatment (id, patient_id, code, code_system) VALUES
	('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000001', 'U07.1', 'ICD-10-CM'),
	('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', '99213', 'CPT');
SELECT ctid AS unchanged FROM medrec.diagnosis WHERE code = 'E11.9' \gset
UPDATE medrec.patient SET last_visit = '2024-02-01';
SELECT count(*) AS events FROM medrec.audit_event WHERE table_name <> 'code_release' \gset
SELECT rows FROM medrec.load_release('ICD-10-CM', '2024', '2023-10-01', pg_temp.order_file(
	'A047|0|Enterocolitis', 'A0471|1|Enterocolitis, recurrent', 'E119|1|Type 2 diabetes mellitus', 'U071|1|COVID-19')) \g /dev/null

CREATE FUNCTION pg_temp.statuses() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(code || ' ' || status, ', ' ORDER BY id) FROM medrec.diagnosis
$$;
SELECT is(pg_temp.statuses(), 'A04.7 valid, E11.9 valid, U07.1 invalid, Z99.9 valid, A04.7 valid, A04.7 confirmed, A04.7 rejected',
	'loading a release validates no record again');

-- by batches of two, as an interrupted run that is taken up again
SELECT is(r::text, '(2,1,f)', 'revalidate_batch() does the first batch') FROM medrec.revalidate_batch('icd10cm', NULL, 2) AS r;
SELECT is(pg_temp.statuses(), 'A04.7 review, E11.9 valid, U07.1 invalid, Z99.9 valid, A04.7 valid, A04.7 confirmed, A04.7 rejected', 'the first batch validates two records');
SELECT is(kind || ' ' || last_id || ' ' || checked || ' ' || changed || ' ' || (finished_at IS NULL), 'diagnosis 00000000-0000-0000-0000-000000000002 2 1 true', 'the first batch stores its progress')
	FROM medrec.revalidation;
SELECT is(r::text, '(4,3,f)', 'the second batch continues there') FROM medrec.revalidate_batch('ICD-10-CM', NULL, 2) AS r;
CALL medrec.revalidate('ICD-10-CM', NULL, 2);
SELECT is(pg_temp.statuses(), 'A04.7 review, E11.9 valid, U07.1 valid, Z99.9 review, A04.7 valid, A04.7 confirmed, A04.7 rejected', 'CALL revalidate() does the rest');
SELECT is(checked || ' ' || changed || ' ' || (finished_at IS NOT NULL), '6 4 true', 'a complete run is marked finished') FROM medrec.revalidation;
SELECT is(status, 'valid', 'treatments are validated again') FROM medrec.treatment WHERE code = 'U07.1';
SELECT is(status, 'pending', 'records of other systems are not validated again') FROM medrec.treatment WHERE code = '99213';
SELECT is(issues -> 0 ->> 'text', 'a header since 2023-10-01: a more specific code is needed', 'a record gets the new issue') FROM medrec.diagnosis WHERE id = '00000000-0000-0000-0000-000000000001';
SELECT is(own, 1, 'a trigger of the user still writes') FROM medrec.diagnosis WHERE id = '00000000-0000-0000-0000-000000000001';
SELECT is(version, 3, 'a record with a new result has a new version') FROM medrec.diagnosis WHERE id = '00000000-0000-0000-0000-000000000001';
SELECT is(version, 1, 'a record with the same result keeps its version') FROM medrec.diagnosis WHERE code = 'E11.9';
SELECT is(ctid, :'unchanged'::tid, 'a record with the same result is not written') FROM medrec.diagnosis WHERE code = 'E11.9';
SELECT is(last_visit, '2024-02-01'::timestamptz, 'last_visit does not move') FROM medrec.patient;
SELECT is(count(*) - :events, 7::bigint, 'each changed record leaves an audit event (three twice, for the user''s own column), and nothing else does') FROM medrec.audit_event
	WHERE table_name <> 'code_release';

-- again
SELECT is(r::text, '(2,0,f)', 'a finished run can be repeated') FROM medrec.revalidate_batch('ICD-10-CM', NULL, 2) AS r;
SELECT rows FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file('A0471|1|Enterocolitis, recurrent')) \g /dev/null
SELECT is(r::text, '(2,0,f)', 'another load starts a new run') FROM medrec.revalidate_batch('ICD-10-CM', NULL, 2) AS r;
SELECT is(count(*), 3::bigint, 'the new run is a row of its own') FROM medrec.revalidation;

-- since
CALL medrec.revalidate('ICD-10-CM', '2024-01-01');
SELECT is(checked, 5::bigint, 'records before the given day are not validated') FROM medrec.revalidation ORDER BY id DESC LIMIT 1;

-- rights
GRANT USAGE ON SCHEMA public TO medrec_auditor, medrec_coder;
GRANT UPDATE (own) ON medrec.diagnosis TO medrec_coder;
SET LOCAL ROLE medrec_auditor;
SELECT throws_ok($$CALL medrec.revalidate('ICD-10-CM')$$, '42501', NULL, 'an auditor may not revalidate');
RESET ROLE;
UPDATE medrec.code SET billable = true WHERE code = 'A04.7';
SET LOCAL ROLE medrec_coder;
SELECT lives_ok($$CALL medrec.revalidate('ICD-10-CM')$$, 'a coder may revalidate');
RESET ROLE;
SELECT is(pg_temp.statuses(), 'A04.7 valid, E11.9 valid, U07.1 valid, Z99.9 review, A04.7 valid, A04.7 confirmed, A04.7 rejected', 'revalidation by a coder changes the records');

-- arguments
SELECT throws_ok($$CALL medrec.revalidate('nonsense')$$, '22023', 'unknown code system', 'an unknown system is refused');
SELECT throws_ok($$CALL medrec.revalidate(NULL)$$, '22004', 'code_system must not be null', 'a null system is refused');
SELECT throws_ok($$CALL medrec.revalidate('ICD-10-CM', NULL, 0)$$, '22023', 'batch must be between 1 and 100000', 'an empty batch is refused');
SELECT throws_ok($$SELECT medrec.revalidate_batch('ICD-10-CM', NULL, 100001)$$, '22023', 'batch must be between 1 and 100000', 'a huge batch is refused');
SELECT is(status, 'confirmed', 'a decision is kept through all runs') FROM medrec.diagnosis WHERE id = '00000000-0000-0000-0000-000000000006';

SELECT * FROM finish();
ROLLBACK;
