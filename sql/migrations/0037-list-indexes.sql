-- The lists that people open: the newest, by code, by status, by name. What each costs on
-- INSERT stands in doc/benchmarks.md.
CREATE INDEX patient_name_idx ON medrec.patient (name);
CREATE INDEX patient_created_at_idx ON medrec.patient (created_at);
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['diagnosis', 'treatment'] LOOP
		EXECUTE pg_catalog.format('CREATE INDEX %I ON medrec.%I (created_at)', t || '_created_at_idx', t);
		EXECUTE pg_catalog.format('CREATE INDEX %I ON medrec.%I (code, created_at)', t || '_code_idx', t);
		-- what is valid is no worklist, and most
		EXECUTE pg_catalog.format('CREATE INDEX %I ON medrec.%I (status, created_at) WHERE status <> ''valid''',
			t || '_status_idx', t);
	END LOOP;
END
$$;
