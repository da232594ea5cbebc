-- Warnings of load_release() about a file stay with the release, and are visible over HTTP.

ALTER TABLE medrec.code_release ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN medrec.code_release.warnings IS 'What was odd about the file when it was loaded, as an array of {"severity", "code", "text", "field"}; see also medrec.release_warnings().';

GRANT EXECUTE ON FUNCTION medrec.release_warnings(integer)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.health_warnings()
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;

CREATE OR REPLACE VIEW medrec_api.code_releases WITH (security_invoker = true) AS
	SELECT id, code_system, version, content, effective_from, effective_to, format, source, sha256, rows, loaded_at, loaded_by,
		medrec.release_warnings(id) AS warnings
	FROM medrec.code_release;
COMMENT ON COLUMN medrec_api.code_releases.warnings IS 'What is odd about the release: what was found when it was loaded, and coding edits that are a year or more older than the codes in force. An array of {"severity", "code", "text", "field"}.';

CREATE OR REPLACE FUNCTION medrec_api.load_release(code_system text, version text, effective_from date, content text,
	format text DEFAULT 'auto', source text DEFAULT NULL)
RETURNS medrec_api.code_releases
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT r.*, medrec.release_warnings(r.id) FROM medrec.load_release($1, $2, $3, $4, $5, $6) AS r;
END;
SELECT medrec.copy_comments('medrec.load_release(text, text, date, text, text, text)', 'medrec_api.load_release(text, text, date, text, text, text)');

CREATE OR REPLACE FUNCTION medrec_api.health()
RETURNS jsonb
LANGUAGE sql STABLE
RETURN pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('status', 'ok', 'time', pg_catalog.now(),
	'warnings', medrec.health_warnings()));
COMMENT ON FUNCTION medrec_api.health() IS
'Answers {"status": "ok", "time": ..., "warnings": [...]} when the database can be reached. warnings, for those who may read code_releases: what is unusual about the loaded releases, as {"code_system", "version", "content", "text"}.';
