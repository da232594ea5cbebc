-- For each new function that takes named arguments what takes those that fit none, as in step 20. PostgREST takes a
-- single jsonb for such already.
DO $$
DECLARE
	f record;
	r text;
BEGIN
	FOR f IN
		SELECT p.oid, p.proname AS name
		FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace = 'medrec_api'::pg_catalog.regnamespace
			AND p.proname IN ('lookup', 'ancestors', 'descendants',
				'subsumes', 'revalidate_batch', 'unload_release', 'verify_audit', 'audit_proof', 'patient_history')
	LOOP
		EXECUTE pg_catalog.format('CREATE FUNCTION medrec_api.%I(json) RETURNS void LANGUAGE sql VOLATILE'
			' RETURN medrec.wrong_arguments()', f.name);
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION medrec_api.%I(json) IS %L', f.name,
			'(Not to be called: what arguments come to that fit no function of this name. Errors: PT404.)');
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION medrec_api.%I(json) FROM PUBLIC', f.name);
		-- for those who may call the other
		FOREACH r IN ARRAY ARRAY['medrec_anon', 'medrec_clinician', 'medrec_coder', 'medrec_auditor', 'medrec_admin'] LOOP
			IF pg_catalog.has_function_privilege(r, f.oid, 'EXECUTE') THEN
				EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION medrec_api.%I(json) TO %I', f.name, r);
			END IF;
		END LOOP;
	END LOOP;
END
$$;
