-- The dagger and asterisk of WHO's ICD-10 are no longer part of the code: codes loaded with them
-- are stored without. A row stays if the same time has a row for the code without its mark.

DO $$
BEGIN
	-- even statements without rows would make every backend build its search image again
	IF EXISTS (SELECT FROM medrec.code WHERE code_system = 'ICD-10' AND code ~ '[+*]$')
		OR EXISTS (SELECT FROM medrec.code_term WHERE code_system = 'ICD-10' AND code ~ '[+*]$')
		OR EXISTS (SELECT FROM medrec.code_note WHERE code_system = 'ICD-10' AND code ~ '[+*]$')
		OR EXISTS (SELECT FROM medrec.code_rule WHERE code_system = 'ICD-10' AND code ~ '[+*]$') THEN
		DELETE FROM medrec.code AS m
			WHERE m.code_system = 'ICD-10' AND m.code ~ '[+*]$'
			AND EXISTS (SELECT FROM medrec.code AS c
				WHERE c.code_system = 'ICD-10' AND pg_catalog.rtrim(c.code, '+*') = pg_catalog.rtrim(m.code, '+*') AND c.code < m.code
				AND c.valid_from < COALESCE(m.valid_to, 'infinity') AND m.valid_from < COALESCE(c.valid_to, 'infinity'));
		UPDATE medrec.code SET code = pg_catalog.rtrim(code, '+*') WHERE code_system = 'ICD-10' AND code ~ '[+*]$';
		UPDATE medrec.code_term SET code = pg_catalog.rtrim(code, '+*') WHERE code_system = 'ICD-10' AND code ~ '[+*]$';
		UPDATE medrec.code_note SET code = pg_catalog.rtrim(code, '+*') WHERE code_system = 'ICD-10' AND code ~ '[+*]$';
		UPDATE medrec.code_rule SET code = pg_catalog.rtrim(code, '+*') WHERE code_system = 'ICD-10' AND code ~ '[+*]$';
	END IF;
END
$$;
