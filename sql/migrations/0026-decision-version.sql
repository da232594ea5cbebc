-- Decisions on a record may name the version that they apply to. In SQL this is a separate overload, in
-- the API one function with a default, as PostgREST chooses by the names of the arguments.
DO $$
DECLARE
	f record;
	granted pg_catalog.aclitem[];
	grantee text;
BEGIN
	FOR f IN
		SELECT * FROM (VALUES
			('confirm', 'uuid', 'record uuid', 'record'),
			('reject', 'uuid', 'record uuid', 'record'),
			('accept_suggestion', 'uuid, text', 'record uuid, code text', 'record, code')
		) AS v (name, types, arguments, names)
	LOOP
		granted := (SELECT p.proacl FROM pg_catalog.pg_proc AS p
			WHERE p.oid = pg_catalog.format('medrec_api.%I(%s)', f.name, f.types)::pg_catalog.regprocedure);
		EXECUTE pg_catalog.format('DROP FUNCTION medrec_api.%I(%s)', f.name, f.types);
		EXECUTE pg_catalog.format('CREATE FUNCTION medrec_api.%I(%s, version integer DEFAULT NULL) RETURNS jsonb'
			' LANGUAGE sql VOLATILE RETURN medrec.%I(%s, version)', f.name, f.arguments, f.name, f.names);
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION medrec_api.%I(%s, integer) IS %L', f.name, f.types,
			pg_catalog.replace(
				pg_catalog.obj_description(pg_catalog.format('medrec.%I(%s)', f.name, f.types)::pg_catalog.regprocedure, 'pg_proc'),
				' Errors: ', ' version: the record''s, as it was read; null for any. Errors: PT409 the record has another version, '));
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION medrec_api.%I(%s, integer) FROM PUBLIC', f.name, f.types);
		-- for the roles that could call the former one
		FOR grantee IN
			SELECT DISTINCT a.grantee::pg_catalog.regrole::text FROM pg_catalog.aclexplode(granted) AS a WHERE a.grantee <> 0
		LOOP
			EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION medrec_api.%1$I(%2$s, integer), medrec.%1$I(%2$s, integer) TO %3$s',
				f.name, f.types, grantee);
		END LOOP;
	END LOOP;
END
$$;
