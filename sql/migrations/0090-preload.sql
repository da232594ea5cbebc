-- PostgREST's sessions load medrec before their first statement: so medrec checks every statement,
-- and none of them puts what a client sent into the log.
DO $$
DECLARE
	libraries text[];
BEGIN
	-- if no library is found by this name nobody could connect
	BEGIN
		LOAD 'medrec';
	EXCEPTION WHEN OTHERS THEN
		RAISE WARNING 'medrec_authenticator does not preload medrec'
			USING DETAIL = SQLERRM, HINT = 'Set dynamic_library_path, then session_preload_libraries of that role.';
		RETURN;
	END;

	SELECT pg_catalog.regexp_split_to_array(pg_catalog.replace(pg_catalog.split_part(s.setting, '=', 2), '"', ''), '\s*,\s*') INTO libraries
	FROM pg_catalog.pg_db_role_setting AS d
	JOIN pg_catalog.pg_roles AS r ON r.oid = d.setrole
	CROSS JOIN LATERAL pg_catalog.unnest(d.setconfig) AS s (setting)
	WHERE r.rolname = 'medrec_authenticator' AND d.setdatabase = 0 AND s.setting LIKE 'session\_preload\_libraries=%';

	-- a role's setting replaces the server's
	IF libraries IS NULL THEN
		libraries := pg_catalog.regexp_split_to_array(
			pg_catalog.replace(pg_catalog.current_setting('session_preload_libraries'), '"', ''), '\s*,\s*');
	END IF;
	libraries := pg_catalog.array_remove(libraries, '');
	IF 'medrec' = ANY (libraries) AND EXISTS (SELECT FROM pg_catalog.pg_roles AS r
		WHERE r.rolname = 'medrec_authenticator' AND r.rolconfig::text LIKE '%session\_preload\_libraries%')
	THEN
		RETURN;
	END IF;
	EXECUTE (SELECT 'ALTER ROLE medrec_authenticator SET session_preload_libraries = '
			|| pg_catalog.string_agg(pg_catalog.quote_literal(l.name), ', ')
		FROM pg_catalog.unnest(pg_catalog.array_append(pg_catalog.array_remove(libraries, 'medrec'), 'medrec')) AS l (name));
END
$$;
