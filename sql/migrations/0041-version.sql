-- The versions that run. In an installation with logins a caller without a token sees that it is up,
-- and no more: medrec_anon alone has no USAGE on schema medrec. It still needs the right to
-- execute, which PostgreSQL checks before it knows what will be called.
GRANT EXECUTE ON FUNCTION medrec.version()
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;

CREATE OR REPLACE FUNCTION medrec_api.health()
RETURNS jsonb
LANGUAGE sql STABLE
RETURN pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('status', 'ok', 'time', pg_catalog.now(),
		'warnings', medrec.health_warnings()))
	|| CASE WHEN pg_catalog.has_schema_privilege('medrec', 'USAGE') THEN pg_catalog.jsonb_build_object(
		'version', medrec.version(),
		'extension', (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = 'medrec'),
		'postgresql', pg_catalog.current_setting('server_version'))
	ELSE '{}' END;
COMMENT ON FUNCTION medrec_api.health() IS
'Answers {"status": "ok", "time": ...} when the database can be reached; with a token, and in the open demo, also "version" (of medrec''s library), "extension" (of its objects in this database; other than "version" until ALTER EXTENSION medrec UPDATE) and "postgresql"; and for those who may read code_releases "warnings": what is unusual about the loaded releases, as [{"code_system", "version", "content", "text"}].';
