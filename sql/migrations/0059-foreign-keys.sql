-- ON DELETE RESTRICT raises 23001 since PostgreSQL 18, which PostgREST answers with 400. NO ACTION refuses a patient with
-- records just as well, as the constraints are not deferrable, and raises 23503, which is 409, on every version.
ALTER TABLE medrec.diagnosis
	DROP CONSTRAINT diagnosis_patient_id_fkey,
	ADD CONSTRAINT diagnosis_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES medrec.patient (id);
ALTER TABLE medrec.treatment
	DROP CONSTRAINT treatment_patient_id_fkey,
	ADD CONSTRAINT treatment_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES medrec.patient (id);
