-- What is wrong with rows, before they are stored and after they were refused. The functions try what they check with the
-- caller's rights.
GRANT EXECUTE ON FUNCTION medrec.cell_fault(json, oid, integer), medrec.error_faults(text, text, text, text, text),
	medrec.try_row(text, regclass, json), medrec.try_rows(text, regclass, json[], integer, integer),
	medrec.key_faults(json, text[], text[]), medrec.check_rows(text, json, text[], boolean, text, integer),
	medrec.csv_rows(text), medrec.url_decoded(text), medrec.request_argument(text, text), medrec.request_filter(regclass, text),
	medrec.check_change(regclass, json, text), medrec.fault_answer(jsonb, text, boolean), medrec.conflict_clause(text, text[], boolean),
	medrec.request_faults(text, text, text, text, json), medrec.visit_faults(jsonb), medrec.explain_request(bytea)
	TO medrec_clinician, medrec_coder, medrec_admin;

CREATE FUNCTION medrec_api.explain(bytea)
RETURNS json
LANGUAGE sql VOLATILE
RETURN medrec.explain_request($1);
COMMENT ON FUNCTION medrec_api.explain(bytea) IS
'(Not to be called: the gateway asks it what is wrong with a request that was refused. Errors: PT404.)';
REVOKE ALL ON FUNCTION medrec_api.explain(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.explain(bytea) TO medrec_clinician, medrec_coder, medrec_admin;

CREATE FUNCTION medrec_api.check_patients(rows jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.check_rows('patients', rows::text::json);
CREATE FUNCTION medrec_api.check_diagnoses(rows jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.check_rows('diagnoses', rows::text::json);
CREATE FUNCTION medrec_api.check_treatments(rows jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.check_rows('treatments', rows::text::json);
CREATE FUNCTION medrec_api.check_accounts(rows jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.check_rows('accounts', rows::text::json);
DO $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY ARRAY['patients', 'diagnoses', 'treatments', 'accounts'] LOOP
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION medrec_api.check_%s(jsonb) IS %L', f, pg_catalog.format(
			'What a POST of rows to /%s would do, without storing anything: {"valid", "rows": as they would be stored, without id, null for one with faults; "faults": [{"row": from 0, "field", "code", "text"}]}; it ends at 100 faults. rows: an object or an array of at most 10000. Errors: 22023 rows are no array or too many, 42501 without the right to POST.', f));
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION medrec_api.check_%s(jsonb) FROM PUBLIC', f);
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION medrec_api.check_%s(jsonb) TO %I', f,
			CASE f WHEN 'accounts' THEN 'medrec_admin' ELSE 'medrec_clinician' END);
	END LOOP;
END
$$;
