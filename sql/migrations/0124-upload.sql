-- A release file of up to 1 GB in one request: nginx asks upload_allowed() before it takes the body, keeps the body in a file
-- and passes the file's name on.
GRANT EXECUTE ON FUNCTION medrec.load_release_file(text, text, date, text, text, text), medrec.upload_release(),
	medrec.url_decoded(text), medrec.request_argument(text, text)
	TO medrec_admin;

CREATE FUNCTION medrec_api.upload_allowed()
RETURNS boolean
LANGUAGE sql STABLE
RETURN true;
COMMENT ON FUNCTION medrec_api.upload_allowed() IS
'(Not to be called: the gateway asks it whether an upload may begin. Errors: 42501.)';

CREATE FUNCTION medrec_api.upload_release()
RETURNS medrec_api.code_releases
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT r.*, medrec.release_warnings(r.id) FROM medrec.upload_release() AS r;
END;
COMMENT ON FUNCTION medrec_api.upload_release() IS
'(Not to be called: PUT a file to /api/releases/<code system>/<version>?effective_from=<date>. Errors: PT404.)';
REVOKE ALL ON FUNCTION medrec_api.upload_allowed(), medrec_api.upload_release() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.upload_allowed(), medrec_api.upload_release() TO medrec_admin;
