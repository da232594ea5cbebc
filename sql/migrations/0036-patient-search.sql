-- Search for patients. Of these indexes none is on a column that a diagnosis or a treatment
-- changes, so that what moves last_visit stays a HOT update.
-- A short list of what is not in its place yet: it is read through by every search.
CREATE INDEX patient_name_words_idx ON medrec.patient USING gin (name medrec.name_ops) WITH (gin_pending_list_limit = 64);
CREATE INDEX patient_patient_id_pattern_idx ON medrec.patient (patient_id varchar_pattern_ops);
CREATE INDEX patient_birth_date_idx ON medrec.patient (birth_date);

CREATE FUNCTION medrec_api.search_patients(q text, max integer DEFAULT 20)
RETURNS TABLE (id uuid, name text, age integer, gender text, patient_id text, birth_date date, last_visit timestamptz, matched text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.id, s.name, s.age, s.gender, s.patient_id, s.birth_date, s.last_visit, s.matched
	FROM medrec.search_patients($1, $2) AS s;
END;
-- what arguments come to that fit no function of this name (step 20)
CREATE FUNCTION medrec_api.search_patients(json)
RETURNS void
LANGUAGE sql VOLATILE
RETURN medrec.wrong_arguments();
COMMENT ON FUNCTION medrec_api.search_patients(json) IS
'(Not to be called: what arguments come to that fit no function of this name. Errors: PT404.)';
SELECT medrec.copy_comments('medrec.search_patients(text, integer)', 'medrec_api.search_patients(text, integer)');
REVOKE ALL ON FUNCTION medrec_api.search_patients(text, integer), medrec_api.search_patients(json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec.name_has_words(text, text), medrec.name_has_beginnings(text, text),
	medrec.name_has_parts(text, text), medrec.name_resembles(text, text),
	medrec.name_count_words(text), medrec.name_query_date(text),
	medrec.search_patients(text, integer), medrec_api.search_patients(text, integer), medrec_api.search_patients(json)
	TO medrec_clinician, medrec_coder, medrec_admin;
