-- Audit events have an id, as the rows of other lists do. It is made of the key, and is in no index: the gateway looks an event up by its
-- era and xid. The condition xid > 0 is for the BRIN index (step 0035).
CREATE OR REPLACE VIEW medrec_api.audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf,
	login_role, login_identity, socket_addr, backend_pid, backend_start,
	pg_catalog.concat(era, '-', xid, '-', n) AS id
FROM medrec.audit_event
WHERE xid > 0;
CREATE OR REPLACE VIEW medrec_api.archived_audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf,
	login_role, login_identity, socket_addr, backend_pid, backend_start,
	pg_catalog.concat(era, '-', xid, '-', n) AS id
FROM medrec.audit_archived
WHERE xid > 0;
COMMENT ON COLUMN medrec_api.audit_events.id IS 'The event''s key as one text: era, xid and n, such as 1-745-2.';
COMMENT ON COLUMN medrec_api.archived_audit_events.id IS 'The event''s key as one text: era, xid and n, such as 1-745-2.';
