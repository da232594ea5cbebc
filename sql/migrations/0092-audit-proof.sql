-- A proof contains the event's full text, which administrators may not read.
REVOKE EXECUTE ON FUNCTION medrec.audit_proof(integer, bigint, integer, bigint) FROM medrec_admin;
