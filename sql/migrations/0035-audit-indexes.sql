-- Lookups in a large audit trail.

-- The planner trusts a BRIN index as far as the best correlated column of a condition, and
-- random ids have no correlation: it would read the whole trail for one patient. xid rises with
-- time, and every event has one; with it in the condition the index is used.
CREATE OR REPLACE VIEW medrec_api.audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf
FROM medrec.audit_event
WHERE xid > 0;

-- By day, and the newest: events are appended at the right edge of the B-tree.
CREATE INDEX audit_event_logged_at_idx ON medrec.audit_event (logged_at);

GRANT EXECUTE ON FUNCTION medrec.index_audit(integer) TO medrec_admin;
