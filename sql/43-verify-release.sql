-- Whether the rows of a release are as they were loaded; users' own terms.

CREATE FUNCTION medrec.verify_release(code_system text DEFAULT NULL, version text DEFAULT NULL,
	OUT kind text, OUT severity text, OUT code_system text, OUT version text, OUT content text, OUT code text, OUT detail text)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_verify_release';
COMMENT ON FUNCTION medrec.verify_release(text, text) IS
'Computes the digest of loaded releases from their rows and lists what differs from what was loaded; if no row has severity error or warning, nothing does. code_system: name, FHIR URI or OID, by default all; version: as it was loaded, by default all. kind: release_altered (the digest differs), then code_changed, code_added, code_removed, and the same of term, note, rule, for 1,000 codes at most; span_altered and rule_days_altered (days of no release; only when all versions are verified); own_rows, own_term_without_event (a term of no release without an event: added by the owner''s SQL, or by 0.1) and no_digest (a release that 0.1 loaded, see digest_release) are information. The digest is stored in code_release, whose events the audit trail seals, so verify_records() reports a changed digest. With the caller''s rights. Works on a standby. Errors: 22023 unknown system, 42501 without SELECT on the terminologies and on the trail, 42P01 before medrec.migrate().';
REVOKE ALL ON FUNCTION medrec.verify_release(text, text) FROM PUBLIC;

CREATE FUNCTION medrec.digest_release(code_system text, version text, content text DEFAULT 'codes')
RETURNS bytea
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_digest_release';
COMMENT ON FUNCTION medrec.digest_release(text, text, text) IS
'Computes the digest of a release that has none, because medrec 0.1 loaded it, from its current rows, and returns it. Leaves an event of code_release. code_system: name, FHIR URI or OID; version: as it was loaded; content: as in code_release. Errors: PT404 no such release, 55000 it has a digest, 22023 unknown system.';
REVOKE ALL ON FUNCTION medrec.digest_release(text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.add_term(code_system text, code text, term text)
RETURNS bigint
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_add_term';
COMMENT ON FUNCTION medrec.add_term(text, text, text) IS
'Adds a synonym of the user''s own, which belongs to no release, to a code, and returns its number. Leaves an event. code_system: name, FHIR URI or OID; code: in any usual writing, it need not be loaded; term: 1 to 32,768 bytes. Errors: 22023 unknown system, a code with a wrong structure, or a bad term.';
REVOKE ALL ON FUNCTION medrec.add_term(text, text, text) FROM PUBLIC;

CREATE FUNCTION medrec.remove_term(id bigint)
RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_remove_term';
COMMENT ON FUNCTION medrec.remove_term(bigint) IS
'Removes a term of the user''s own; leaves an event. Returns false if there is none with that number, or it belongs to a release. id: what add_term() returned, code_term.id. No errors.';
REVOKE ALL ON FUNCTION medrec.remove_term(bigint) FROM PUBLIC;
