-- Loading of terminologies.

CREATE FUNCTION medrec.load_release(
	code_system text, version text, effective_from date, content text,
	format text DEFAULT 'auto', source text DEFAULT NULL,
	OUT id integer, OUT code_system varchar, OUT version varchar, OUT content varchar,
	OUT effective_from date, OUT effective_to date, OUT format varchar, OUT source varchar,
	OUT sha256 bytea, OUT rows integer, OUT loaded_at timestamptz, OUT loaded_by varchar)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_load_release';
COMMENT ON FUNCTION medrec.load_release(text, text, date, text, text, text) IS
'Loads a release of a code system from its official file, all or nothing, and returns its row of code_release. code_system: name, FHIR URI or OID; version: as the publisher names it, 1 to 50 characters; effective_from: first day of validity; content: the file''s text; format: auto or one of those in doc/terminology.md; source: where the file came from, at most 255 characters. The same file again changes nothing; another file under the same version replaces it, but one of another kind only if its format is named. Anything unusual about the file (markedly fewer codes than before, another time) is a WARNING, and is kept in code_release.warnings. Runs with the caller''s rights on code_release, code and code_term. Errors: 22P04 with line and reason for a wrong, cut off or mis-encoded file; 2200M for XML that is not well-formed; 22023 unknown system or format, a day that another release has, or a file of another kind than the one it would replace; 22001, 22004, 22008 for bad arguments; 54000 beyond a limit; 42501 without the rights.';
REVOKE ALL ON FUNCTION medrec.load_release(text, text, date, text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.load_release(
	code_system text, version text, effective_from date, content bytea,
	format text DEFAULT 'auto', source text DEFAULT NULL,
	OUT id integer, OUT code_system varchar, OUT version varchar, OUT content varchar,
	OUT effective_from date, OUT effective_to date, OUT format varchar, OUT source varchar,
	OUT sha256 bytea, OUT rows integer, OUT loaded_at timestamptz, OUT loaded_by varchar)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_load_release_bytes';
COMMENT ON FUNCTION medrec.load_release(text, text, date, bytea, text, text) IS
'Like load_release for text, with the bytes of the file as published: UTF-8 is read as such, anything else as latin-1 or Windows-1252. Errors: as there, and 22P04 for compressed or UTF-16 files, 22P05 for bytes that are neither.';
REVOKE ALL ON FUNCTION medrec.load_release(text, text, date, bytea, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.unload_release(code_system text, version text, content text DEFAULT 'codes')
RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_unload_release';
COMMENT ON FUNCTION medrec.unload_release(text, text, text) IS
'Removes a release, with its terms, notes and rules, as if it had never been loaded: the release before it then applies on its days too. Returns false if there is no such release. code_system: name, FHIR URI or OID. version: as it was loaded. content: as in code_release. Errors: 22023 unknown system, 42501 without the rights of load_release.';
REVOKE ALL ON FUNCTION medrec.unload_release(text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.release_warnings(release integer)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.warnings || COALESCE((
		SELECT jsonb_agg(jsonb_build_object('severity', 'warning', 'code', 'expired', 'field', 'effective_from', 'text',
			format('the %s in effect (version %s) are from %s, the codes in effect (version %s) from %s: they do not cover the changes in between',
				CASE e.content WHEN 'edits' THEN 'coding edits' ELSE 'rules of the tabular list' END,
				e.version, to_char(e.effective_from, 'YYYY-MM-DD'), c.version, to_char(c.effective_from, 'YYYY-MM-DD')))
			ORDER BY e.content)
		FROM medrec.code_release AS e, LATERAL (
			SELECT n.id, n.version, n.effective_from FROM medrec.code_release AS n
			WHERE n.code_system = e.code_system AND n.content = 'codes' AND n.effective_from <= CURRENT_DATE
			ORDER BY n.effective_from DESC LIMIT 1) AS c
		WHERE e.code_system = r.code_system AND e.content IN ('edits', 'terms')
			AND e.effective_from <= CURRENT_DATE AND (e.effective_to > CURRENT_DATE) IS NOT FALSE
			AND c.effective_from >= e.effective_from + interval '1 year'
			AND r.id IN (e.id, c.id)), '[]')
	FROM medrec.code_release AS r WHERE r.id = release
$$;
COMMENT ON FUNCTION medrec.release_warnings(integer) IS
'Warnings of a loaded release: those that load_release raised for its file, and those for coding edits or rules of a tabular list that are a year or more older than the current codes (reported for both releases). An array of {"severity", "code", "text", "field"}, like issues; code: incomplete, duplicate, conflict, expired. Null if there is no such release. release: number of a release in code_release. Errors: 42501 without SELECT on code_release.';
REVOKE ALL ON FUNCTION medrec.release_warnings(integer) FROM PUBLIC;

CREATE FUNCTION medrec.health_warnings()
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF has_schema_privilege('medrec', 'USAGE') THEN
		IF has_table_privilege('medrec.code_release', 'SELECT')
			AND has_function_privilege('medrec.release_warnings(integer)', 'EXECUTE') THEN
			RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object('code_system', r.code_system, 'version', r.version,
					'content', r.content, 'text', w.warning ->> 'text') ORDER BY r.code_system, r.content, r.effective_from), '[]')
				FROM medrec.code_release AS r, jsonb_array_elements(medrec.release_warnings(r.id)) AS w (warning)
				-- outdated rules are reported once, for the edits
				WHERE r.content <> 'codes' OR w.warning ->> 'code' <> 'expired');
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION medrec.health_warnings() IS
'The warnings of all loaded releases, for health: an array of {"code_system", "version", "content", "text"}; null for users who may not read code_release. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.health_warnings() FROM PUBLIC;
