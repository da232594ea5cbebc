-- Who brings records from elsewhere: what they say of when a record was made, of the last visit, and
-- of where a suggestion comes from is kept, and what others say is not looked at. It is no way in:
-- a member needs the rights to write besides, as medrec_clinician has them.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'medrec_import') THEN
		CREATE ROLE medrec_import NOLOGIN;
		COMMENT ON ROLE medrec_import IS
			'medrec: created_at, last_visit and the source of suggestions are stored as a member gives them; for imports';
	END IF;
END
$$;

-- what the function says of sources, for who calls it over HTTP
SELECT medrec.copy_comments('medrec.add_suggestions(uuid, jsonb)', 'medrec_api.add_suggestions(uuid, jsonb)');
