-- What PostgREST exposes. Views without logic, so that writes go through; functions with
-- bodies parsed here and now, so that a client needs no USAGE on medrec.

CREATE VIEW medrec_api.patients WITH (security_invoker = true) AS
	SELECT id, name, age, gender, patient_id, last_visit, birth_date, version, created_at, updated_at
	FROM medrec.patient;
COMMENT ON VIEW medrec_api.patients IS 'Patients. Embeds diagnoses and treatments; current_age is a computed field.';

CREATE VIEW medrec_api.diagnoses WITH (security_invoker = true) AS
	SELECT id, patient_id, code, description, code_system, status, validation_date, validated_by,
		suggestions, issues, version, created_at, updated_at
	FROM medrec.diagnosis;
COMMENT ON VIEW medrec_api.diagnoses IS 'Diagnoses of patients, each code normalised and judged.';

CREATE VIEW medrec_api.treatments WITH (security_invoker = true) AS
	SELECT id, patient_id, code, description, code_system, status, validation_date, validated_by,
		suggestions, issues, version, created_at, updated_at
	FROM medrec.treatment;
COMMENT ON VIEW medrec_api.treatments IS 'Treatments of patients, each code normalised and judged.';

CREATE VIEW medrec_api.accounts WITH (security_invoker = true) AS
	SELECT id, username, email, role, first_name, last_name, is_active, last_login, date_joined
	FROM medrec.account;
COMMENT ON VIEW medrec_api.accounts IS 'Who may log in. Passwords are not shown.';

CREATE VIEW medrec_api.codes WITH (security_invoker = true) AS
	SELECT code_system, code, display, short_display, billable, valid_from, valid_to, active_from, active_to
	FROM medrec.code;
COMMENT ON VIEW medrec_api.codes IS 'Codes of the loaded releases, each with the time in which the releases name it so.';

CREATE VIEW medrec_api.code_releases WITH (security_invoker = true) AS
	SELECT id, code_system, version, content, effective_from, effective_to, format, source, sha256, rows, loaded_at, loaded_by
	FROM medrec.code_release;
COMMENT ON VIEW medrec_api.code_releases IS 'Releases of code systems that are loaded.';

CREATE VIEW medrec_api.code_systems WITH (security_invoker = true) AS
	SELECT s.name, s.title, s.uri, s.oid, s.has_headers
	FROM medrec.code_systems() AS s;
COMMENT ON VIEW medrec_api.code_systems IS 'The code systems that medrec knows.';
COMMENT ON COLUMN medrec_api.code_systems.name IS 'Name as stored, such as ICD-10-CM.';
COMMENT ON COLUMN medrec_api.code_systems.title IS 'Full name.';
COMMENT ON COLUMN medrec_api.code_systems.uri IS 'URI that FHIR knows it by.';
COMMENT ON COLUMN medrec_api.code_systems.oid IS 'Object identifier.';
COMMENT ON COLUMN medrec_api.code_systems.has_headers IS 'Whether releases hold headers, which may not stand on a claim.';

-- columns of a view: the table's comments, and its defaults, which "Prefer: missing=default"
-- looks for on the view
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT v.relname AS view, a.attname AS name,
			pg_catalog.col_description(t.oid, ta.attnum) AS comment,
			pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default
		FROM (VALUES ('patients', 'patient'), ('diagnoses', 'diagnosis'), ('treatments', 'treatment'),
				('accounts', 'account'), ('codes', 'code'), ('code_releases', 'code_release')) AS p (v, t)
		JOIN pg_catalog.pg_class AS v ON v.oid = ('medrec_api.' || p.v)::pg_catalog.regclass
		JOIN pg_catalog.pg_class AS t ON t.oid = ('medrec.' || p.t)::pg_catalog.regclass
		JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
		JOIN pg_catalog.pg_attribute AS ta ON ta.attrelid = t.oid AND ta.attname = a.attname
		LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = ta.attnum AND ta.attgenerated = ''
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec_api.%I.%I IS %L', c.view, c.name, c.comment);
		IF c.default IS NOT NULL THEN
			EXECUTE pg_catalog.format('ALTER VIEW medrec_api.%I ALTER COLUMN %I SET DEFAULT %s', c.view, c.name, c.default);
		END IF;
	END LOOP;
END
$$;

GRANT SELECT ON medrec_api.patients, medrec_api.diagnoses, medrec_api.treatments
	TO medrec_clinician, medrec_coder, medrec_admin;
GRANT INSERT, UPDATE ON medrec_api.patients, medrec_api.diagnoses, medrec_api.treatments TO medrec_clinician;
GRANT UPDATE (code, description, code_system, status, suggestions, version)
	ON medrec_api.diagnoses, medrec_api.treatments TO medrec_coder;
GRANT DELETE ON medrec_api.patients, medrec_api.diagnoses, medrec_api.treatments TO medrec_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON medrec_api.accounts TO medrec_admin;
GRANT SELECT ON medrec_api.codes, medrec_api.code_releases, medrec_api.code_systems
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;

CREATE FUNCTION medrec_api.current_age(patient medrec_api.patients)
RETURNS integer
LANGUAGE sql STABLE
RETURN CASE WHEN (patient).birth_date IS NULL THEN (patient).age
	ELSE EXTRACT(YEAR FROM pg_catalog.age(CURRENT_DATE, (patient).birth_date))::integer END;
COMMENT ON FUNCTION medrec_api.current_age(medrec_api.patients) IS
'Computed field of patients: age in years as of today where the birth date is known, else the stored age. patient: a row of patients.';

CREATE FUNCTION medrec_api.validate_code(code_system text, code text, display text DEFAULT NULL,
	on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL)
RETURNS TABLE (result text, code text, display text, billable boolean, issues jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.result, v.code, v.display, v.billable, v.issues
	FROM medrec.validate_code($1, $2, $3, $4, $5) AS v;
END;

CREATE FUNCTION medrec_api.suggest(code_system text, code text DEFAULT NULL, display text DEFAULT NULL,
	max integer DEFAULT 5, on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL)
RETURNS TABLE (code text, display text, score double precision, source text, reason text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.code, s.display, s.score, s.source, s.reason
	FROM medrec.suggest($1, $2, $3, $4, $5, $6) AS s;
END;

CREATE FUNCTION medrec_api.record_visit(visit jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.record_visit(visit);

CREATE FUNCTION medrec_api.accept_suggestion(record uuid, code text)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.accept_suggestion(record, code);

CREATE FUNCTION medrec_api.confirm(record uuid)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.confirm(record);

CREATE FUNCTION medrec_api.reject(record uuid)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.reject(record);

CREATE FUNCTION medrec_api.add_suggestions(record uuid, suggestions jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
RETURN medrec.add_suggestions(record, suggestions);

CREATE FUNCTION medrec_api.load_release(code_system text, version text, effective_from date, content text,
	format text DEFAULT 'auto', source text DEFAULT NULL)
RETURNS medrec_api.code_releases
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT r.* FROM medrec.load_release($1, $2, $3, $4, $5, $6) AS r;
END;

CREATE FUNCTION medrec_api.health()
RETURNS jsonb
LANGUAGE sql STABLE
RETURN pg_catalog.jsonb_build_object('status', 'ok', 'time', pg_catalog.now());
COMMENT ON FUNCTION medrec_api.health() IS
'Answers {"status": "ok", "time": ...} when the database can be reached.';

-- the same thing under another schema: the same comment
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT a.oid::pg_catalog.regprocedure AS api, pg_catalog.obj_description(i.oid, 'pg_proc') AS comment
		FROM pg_catalog.pg_proc AS a
		JOIN pg_catalog.pg_proc AS i ON i.proname = a.proname
			AND i.pronamespace = 'medrec'::pg_catalog.regnamespace
			AND i.proargtypes = a.proargtypes
		WHERE a.pronamespace = 'medrec_api'::pg_catalog.regnamespace
			AND pg_catalog.obj_description(a.oid, 'pg_proc') IS NULL
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.api, f.comment);
	END LOOP;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA medrec_api FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.health() TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.current_age(medrec_api.patients) TO medrec_clinician, medrec_coder, medrec_admin;
GRANT EXECUTE ON FUNCTION
	medrec.code_systems(),
	medrec.check_code(text, text),
	medrec.normalize_code(text, text),
	medrec.validate_code(text, text, text, date, jsonb),
	medrec_api.validate_code(text, text, text, date, jsonb),
	medrec.suggest(text, text, text, integer, date, jsonb),
	medrec_api.suggest(text, text, text, integer, date, jsonb)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION
	medrec.create_patient(text, integer, text, text, date),
	medrec.create_diagnosis(uuid, text, text, text),
	medrec.create_treatment(uuid, text, text, text),
	medrec.record_visit(jsonb), medrec_api.record_visit(jsonb)
	TO medrec_clinician;
GRANT EXECUTE ON FUNCTION
	medrec.confirm(uuid), medrec_api.confirm(uuid),
	medrec.reject(uuid), medrec_api.reject(uuid),
	medrec.accept_suggestion(uuid, text), medrec_api.accept_suggestion(uuid, text),
	medrec.add_suggestions(uuid, jsonb), medrec_api.add_suggestions(uuid, jsonb)
	TO medrec_clinician, medrec_coder;
GRANT EXECUTE ON FUNCTION
	medrec.load_release(text, text, date, text, text, text), medrec_api.load_release(text, text, date, text, text, text)
	TO medrec_admin;
