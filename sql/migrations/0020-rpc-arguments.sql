-- For each function that takes named arguments another of the same name that takes what fits none.
-- PostgREST looks there last. Without it, it searches for the likeliest meaning of the names that
-- came, and 1,000 made-up ones keep it busy for 20 seconds (12.0.2), before anybody has logged in.
-- json and not jsonb, so that the body is not even parsed. The comment's bracket makes PostgREST
-- describe the other one.
DO $$
DECLARE
	f record;
	r text;
BEGIN
	FOR f IN
		SELECT p.oid, p.proname AS name
		FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace = 'medrec_api'::pg_catalog.regnamespace AND p.prokind = 'f'
			-- a computed field; one that takes any object already; those that take nothing
			AND p.proname <> 'current_age'
			AND p.proargtypes <> pg_catalog.format('%s', 'jsonb'::pg_catalog.regtype::oid)::pg_catalog.oidvector
			AND p.pronargs > 0
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS o WHERE o.pronamespace = p.pronamespace
				AND o.proname = p.proname AND o.proargtypes = pg_catalog.format('%s', 'json'::pg_catalog.regtype::oid)::pg_catalog.oidvector)
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
GRANT EXECUTE ON FUNCTION medrec.wrong_arguments()
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
