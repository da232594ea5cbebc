-- Terminologies are changed by loading, which leaves an event and keeps a digest of what was loaded, and by no role's own
-- SQL. Terms of the user's own have functions that leave events; abbreviations are audited.
ALTER TABLE medrec.code_release ADD COLUMN digest bytea;
COMMENT ON COLUMN medrec.code_release.digest IS 'SHA-256 over the release''s rows, by which medrec.verify_release() finds changed ones; null for a release of 0.1.';

CREATE TABLE medrec.code_digest (
	release_id integer PRIMARY KEY REFERENCES medrec.code_release (id) ON DELETE CASCADE,
	codes text COLLATE "C" NOT NULL,
	marks bytea NOT NULL
);
-- compressing took longer than all the rest of a digest
ALTER TABLE medrec.code_digest ALTER COLUMN codes SET STORAGE EXTERNAL, ALTER COLUMN marks SET STORAGE EXTERNAL;
COMMENT ON TABLE medrec.code_digest IS 'Which rows each release had when it was loaded: where medrec.verify_release() looks for those that differ.';
COMMENT ON COLUMN medrec.code_digest.release_id IS 'The release.';
COMMENT ON COLUMN medrec.code_digest.codes IS 'A line per row: c, t, n or r (code, term, note, rule), and the code.';
COMMENT ON COLUMN medrec.code_digest.marks IS 'Four bytes for each: a hash of the row that finds it again, and proves nothing.';
REVOKE ALL ON medrec.code_digest FROM PUBLIC;
GRANT SELECT ON medrec.code_digest TO medrec_auditor, medrec_admin;

REVOKE INSERT, UPDATE, DELETE ON medrec.code_release, medrec.code, medrec.code_term, medrec.code_note, medrec.code_rule
	FROM medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.verify_release(text, text) TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.digest_release(text, text, text), medrec.add_term(text, text, text), medrec.remove_term(bigint)
	TO medrec_admin;

SELECT medrec.attach_audit('medrec.abbreviation');

CREATE FUNCTION medrec_api.verify_release(code_system text DEFAULT NULL, version text DEFAULT NULL)
RETURNS TABLE (kind text, severity text, code_system text, version text, content text, code text, detail text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.kind, v.severity, v.code_system, v.version, v.content, v.code, v.detail FROM medrec.verify_release($1, $2) AS v;
END;
-- target of arguments that no function of this name takes (step 20)
CREATE FUNCTION medrec_api.verify_release(json)
RETURNS void
LANGUAGE sql VOLATILE
RETURN medrec.wrong_arguments();
COMMENT ON FUNCTION medrec_api.verify_release(json) IS
'(Not to be called: what arguments come to that fit no function of this name. Errors: PT404.)';
SELECT medrec.copy_comments('medrec.verify_release(text, text)', 'medrec_api.verify_release(text, text)');
REVOKE ALL ON FUNCTION medrec_api.verify_release(text, text), medrec_api.verify_release(json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.verify_release(text, text), medrec_api.verify_release(json) TO medrec_auditor, medrec_admin;
