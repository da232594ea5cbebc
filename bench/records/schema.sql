-- The peers of medrec.diagnosis. Schema "bare": the same table, columns, indexes, foreign key, checks, policies and
-- grants, but no triggers. Schema "pl": the same with triggers in plpgsql.

-- patients with ids that a pgbench script can contain
INSERT INTO medrec.patient (id, name, age, gender, patient_id)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Patient ' || n, n % 100,
	(ARRAY['male', 'female', 'other', 'unknown'])[n % 4 + 1], 'B' || n
FROM generate_series(1, :patients) AS n;
UPDATE medrec.patient SET last_visit = '2020-01-01';

DO $$
DECLARE
	s text;
	t text;
	p record;
BEGIN
	FOREACH s IN ARRAY ARRAY['bare', 'pl'] LOOP
		EXECUTE format('CREATE SCHEMA %I', s);
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO medrec_clinician', s);
		FOREACH t IN ARRAY ARRAY['patient', 'diagnosis'] LOOP
			EXECUTE format('CREATE TABLE %I.%I (LIKE medrec.%I INCLUDING ALL)', s, t, t);
			EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I.%I TO medrec_clinician', s, t);
			EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', s, t);
			FOR p IN SELECT * FROM pg_policies WHERE schemaname = 'medrec' AND tablename = t LOOP
				EXECUTE format('CREATE POLICY %I ON %I.%I FOR %s TO %s %s %s', p.policyname, s, t, p.cmd,
					array_to_string(p.roles, ', '), 'USING (' || p.qual || ')', 'WITH CHECK (' || p.with_check || ')');
			END LOOP;
		END LOOP;
		EXECUTE format('ALTER TABLE %I.patient SET (fillfactor = 85)', s);
		EXECUTE format('INSERT INTO %I.patient SELECT * FROM medrec.patient', s);
		EXECUTE format('ALTER TABLE %I.diagnosis ADD CONSTRAINT diagnosis_patient_id_fkey'
			' FOREIGN KEY (patient_id) REFERENCES %I.patient (id) ON DELETE RESTRICT', s, s);
	END LOOP;
END
$$;

-- the rows of the bulk INSERTs: ten batches of a thousand rows, random patients, random valid codes, official titles
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO medrec_clinician;
CREATE TABLE bench.code AS
SELECT row_number() OVER (ORDER BY md5(code)) AS i, code, display
FROM medrec.code WHERE code_system = 'ICD-10-CM' AND billable AND valid_to IS NULL;
SELECT setseed(0.42);
CREATE TABLE bench.batch AS
WITH draw AS MATERIALIZED (
	SELECT (n - 1) / 1000 + 1 AS batch, 1 + floor(random() * :patients)::int AS patient,
		1 + floor(random() * (SELECT count(*) FROM bench.code))::int AS code
	FROM generate_series(1, 10000) AS n
)
SELECT d.batch, p.id AS patient_id, c.code, c.display AS description
FROM draw AS d
JOIN medrec.patient AS p ON p.patient_id = 'B' || d.patient
JOIN bench.code AS c ON c.i = d.code;
CREATE INDEX ON bench.batch (batch);
GRANT SELECT ON bench.code, bench.batch TO medrec_clinician;

-- processor time of this backend so far
CREATE FUNCTION bench.cpu_us() RETURNS numeric LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::numeric / 1000;
