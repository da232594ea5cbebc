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
'Loads a release of a code system from its official file, all or nothing, and returns its row of code_release. code_system: name, FHIR URI or OID; version: as the publisher names it, 1 to 50 characters; effective_from: first day in force; content: the file''s text; format: auto or one of those in doc/terminology.md; source: where the file came from, at most 255 characters. The same file again changes nothing; another file under the same version takes its place. Runs with the caller''s rights on code_release, code and code_term. Errors: 22P04 with line and reason for a wrong, cut off or mis-encoded file; 22023 unknown system or format, or a day that another release has; 22001, 22004, 22008 for bad arguments; 54000 beyond a limit; 42501 without the rights.';
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
'As load_release for text, for the bytes of a file as it was published: UTF-8 is taken as such, anything else as latin-1 or Windows-1252. Errors: as there, and 22P04 for compressed or UTF-16 files, 22P05 for bytes that are neither.';
REVOKE ALL ON FUNCTION medrec.load_release(text, text, date, bytea, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.unload_release(code_system text, version text, content text DEFAULT 'codes')
RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_unload_release';
COMMENT ON FUNCTION medrec.unload_release(text, text, text) IS
'Takes a release out, with its terms, notes and rules, as if it had never been loaded: the release before it holds on its days too. Returns false where there is no such release. code_system: name, FHIR URI or OID. version: as it was loaded. content: as in code_release. Errors: 22023 unknown system, 42501 without the rights of load_release.';
REVOKE ALL ON FUNCTION medrec.unload_release(text, text, text) FROM PUBLIC;
