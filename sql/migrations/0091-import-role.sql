-- A role for imports: created_at, last_visit and the source of suggestions are stored as its members
-- give them, and ignored from others. It grants no access: a member also needs the rights to write,
-- such as those of medrec_clinician.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'medrec_import') THEN
		CREATE ROLE medrec_import NOLOGIN;
		COMMENT ON ROLE medrec_import IS
			'medrec: created_at, last_visit and the source of suggestions are stored as a member gives them; for imports';
	END IF;
END
$$;

-- the function's comment about sources, for callers over HTTP
SELECT medrec.copy_comments('medrec.add_suggestions(uuid, jsonb)', 'medrec_api.add_suggestions(uuid, jsonb)');
