-- A proof has the event's text, contents and all, which administrators do not read.
REVOKE EXECUTE ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) FROM medrec_admin;
