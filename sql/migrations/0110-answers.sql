-- Answers over HTTP: accounts have a version, as records do; preconditions; and lists that are longer than an answer.

ALTER TABLE medrec.account ADD COLUMN version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN medrec.account.version IS 'Rises by one with each change but a login or a password; an UPDATE that sets another version than the row has is refused (PT409).';
CREATE OR REPLACE VIEW medrec_api.accounts WITH (security_invoker = true) AS
	SELECT id, username, email, role, first_name, last_name, is_active, last_login, date_joined, version
	FROM ONLY medrec.account;
ALTER VIEW medrec_api.accounts ALTER COLUMN version SET DEFAULT 1;
SELECT medrec.copy_comments('medrec.account', 'medrec_api.accounts');
GRANT SELECT (version), UPDATE (version) ON medrec.account TO medrec_admin;

-- Conditions that the gateway adds to a request, each for any view; as quoted text, since a body that is parsed now takes no
-- polymorphic argument. Inlined, so that only precondition() needs the row.
CREATE FUNCTION medrec_api.medrec_precondition(anyelement)
RETURNS boolean
LANGUAGE sql VOLATILE
AS 'SELECT medrec.precondition($1)';
COMMENT ON FUNCTION medrec_api.medrec_precondition(anyelement) IS
'(Not to be called: a condition that the gateway adds to requests for one record, for If-Match and If-None-Match. Errors: PT412.)';
CREATE FUNCTION medrec_api.medrec_counted(anyelement)
RETURNS boolean
LANGUAGE sql VOLATILE
-- as many as db-max-rows of postgrest.conf
AS 'SELECT medrec.count_row(10000)';
COMMENT ON FUNCTION medrec_api.medrec_counted(anyelement) IS
'(Not to be called: a condition that the gateway adds to lists without a limit, for status 206. No errors.)';
REVOKE ALL ON FUNCTION medrec_api.medrec_precondition(anyelement), medrec_api.medrec_counted(anyelement) FROM PUBLIC;
-- health answers callers without a token as well
GRANT EXECUTE ON FUNCTION medrec.csv_line(record) TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.precondition(record), medrec.count_row(integer),
	medrec_api.medrec_precondition(anyelement), medrec_api.medrec_counted(anyelement)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
