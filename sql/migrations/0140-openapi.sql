-- The description of the HTTP interface, over HTTP.
CREATE FUNCTION medrec_api.openapi()
RETURNS jsonb
LANGUAGE sql STABLE
RETURN medrec.openapi();
REVOKE ALL ON FUNCTION medrec_api.openapi() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec.openapi(), medrec.openapi_schemas(), medrec.openapi_type(regtype, integer, jsonb, boolean), medrec_api.openapi()
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
SELECT medrec.copy_comments('medrec.openapi()', 'medrec_api.openapi()');
