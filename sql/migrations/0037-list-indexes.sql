-- The lists that people open: the newest, by code, by status, by name. doc/benchmarks.md says
-- what each costs an INSERT.
CREATE INDEX patient_name_idx ON medrec.patient (name);
CREATE INDEX patient_created_at_idx ON medrec.patient (created_at);
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['diagnosis', 'treatment'] LOOP
		EXECUTE pg_catalog.format('CREATE INDEX %I ON medrec.%I (created_at)', t || '_created_at_idx', t);
		EXECUTE pg_catalog.format('CREATE INDEX %I ON medrec.%I (code, created_at)', t || '_code_idx', t);
		-- most records are valid, and these are not a worklist
		EXECUTE pg_catalog.format('CREATE INDEX %I ON medrec.%I (status, created_at) WHERE status <> ''valid''',
			t || '_status_idx', t);
	END LOOP;
END
$$;
