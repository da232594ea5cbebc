-- Revalidation of records after a release was loaded.

CREATE PROCEDURE medrec.revalidate(code_system text, since date DEFAULT NULL, batch integer DEFAULT 1000)
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_revalidate';
COMMENT ON PROCEDURE medrec.revalidate(text, date, integer) IS
'Validates the stored diagnoses and treatments of a code system again, after a release was loaded. Commits after each batch and reports progress by NOTICE and in medrec.revalidation; if interrupted, the next call continues where it stopped. Decisions of people (confirmed, corrected, rejected) stay; records whose result does not change are not written; last_visit does not move. code_system: name, FHIR URI or OID. since: only records made on this day or later; null: all. batch: records per transaction, 1 to 100000. Within a transaction of the caller all batches are part of it. Errors: 22023 unknown system or batch out of range, 22004 null system, 42501 without UPDATE on the records.';
REVOKE ALL ON PROCEDURE medrec.revalidate(text, date, integer) FROM PUBLIC;

CREATE FUNCTION medrec.revalidate_batch(code_system text, since date DEFAULT NULL, batch integer DEFAULT 1000,
	OUT checked bigint, OUT changed bigint, OUT finished boolean)
RETURNS record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_revalidate_batch';
COMMENT ON FUNCTION medrec.revalidate_batch(text, date, integer) IS
'The next batch of medrec.revalidate(), for callers that cannot CALL: repeat it until finished is true. Arguments and errors as there. checked, changed: records validated, and records whose result changed, since the run began.';
REVOKE ALL ON FUNCTION medrec.revalidate_batch(text, date, integer) FROM PUBLIC;
