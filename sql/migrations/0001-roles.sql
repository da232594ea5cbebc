-- The roles that medrec's grants and policies name. They belong to the whole
-- cluster: made where missing, never dropped.
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT * FROM (VALUES
			('medrec_anon', 'medrec: a caller without a token'),
			('medrec_clinician', 'medrec: reads and writes patients, diagnoses and treatments'),
			('medrec_coder', 'medrec: reads records, decides on codes'),
			('medrec_auditor', 'medrec: reads the audit trail, changes nothing'),
			('medrec_admin', 'medrec: accounts, releases, deletion of records'),
			('medrec_gatekeeper', 'medrec: owns the functions that check passwords and tokens; nobody is to be a member')
		) AS v (name, comment)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS p WHERE p.rolname = v.name)
	LOOP
		EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', r.name);
		EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', r.name, r.comment);
	END LOOP;

	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'medrec_authenticator') THEN
		CREATE ROLE medrec_authenticator LOGIN NOINHERIT;
		COMMENT ON ROLE medrec_authenticator IS
			'medrec: PostgREST connects as this role and becomes the one that the token names';
		GRANT medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin
			TO medrec_authenticator;
	END IF;
END
$$;

-- medrec_api is what PostgREST exposes. Who calls SQL directly may name medrec's
-- functions and tables too; what he may do with them is granted one by one.
CREATE SCHEMA IF NOT EXISTS medrec_api;
COMMENT ON SCHEMA medrec_api IS
'medrec: patients, diagnoses and treatments with codes checked against terminology releases';
COMMENT ON SCHEMA medrec IS
'medrec: functions of the extension, and the tables that medrec.migrate() makes';
REVOKE ALL ON SCHEMA medrec, medrec_api FROM PUBLIC;
GRANT USAGE ON SCHEMA medrec_api
	TO medrec_anon, medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT USAGE ON SCHEMA medrec
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
