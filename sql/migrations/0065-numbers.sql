-- A refused INSERT or UPDATE reveals that the number of a hidden patient is taken: each leaves
-- a line in the server's log. Named to come after medrec_validate, which trims the number. Not
-- UPDATE OF patient_id, which would prevent changing the column's type.
CREATE TRIGGER medrec_watch_number BEFORE INSERT OR UPDATE ON medrec.patient
	FOR EACH ROW EXECUTE FUNCTION medrec.watch_number();

COMMENT ON FUNCTION medrec_api.break_glass(text, text) IS
'Opens a patient of another team to the acting account for medrec.break_glass_time, and leaves an audit event (table_name break_glass) and a line in the server''s log. The patient is open when the transaction has committed, not within it. Returns {"patient", "expires_at"}. patient: patient.id or patient_id. reason: why, 10 to 2000 characters; white space and invisible characters do not count towards the 10. Errors: 22023 reason too short or long, 25006 in a read-only transaction, PT404 no such patient, 42501 without an account.';
