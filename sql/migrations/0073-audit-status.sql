-- How far the trail is sealed, over HTTP.
CREATE FUNCTION medrec_api.audit_status()
RETURNS TABLE (last_seal bigint, sealed_at timestamptz, sealed_events bigint, unsealed_events bigint, oldest_unsealed timestamptz,
	horizon bigint, next_xid bigint, held_by text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.last_seal, s.sealed_at, s.sealed_events, s.unsealed_events, s.oldest_unsealed, s.horizon, s.next_xid, s.held_by
	FROM medrec.audit_status() AS s;
END;
REVOKE ALL ON FUNCTION medrec_api.audit_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.audit_status() TO medrec_auditor;
SELECT medrec.copy_comments('medrec.audit_status()', 'medrec_api.audit_status()');
