-- Archived months stay readable: archive_audit() makes them partitions of this table, until somebody
-- exports and drops them.
CREATE TABLE medrec.audit_archived (
	LIKE medrec.audit_event INCLUDING COMMENTS
) PARTITION BY RANGE (logged_at);
COMMENT ON TABLE medrec.audit_archived IS 'Months of the audit trail that medrec.archive_audit() has taken out of audit_event. Append-only for everyone.';
CREATE TRIGGER medrec_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.audit_archived
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only();
CREATE TRIGGER medrec_append_only_row BEFORE UPDATE OR DELETE ON medrec.audit_archived
	FOR EACH ROW EXECUTE FUNCTION medrec.audit_append_only();
ALTER TABLE medrec.audit_archived ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row;
ALTER TABLE medrec.audit_archived ENABLE ROW LEVEL SECURITY;
CREATE POLICY medrec_read ON medrec.audit_archived FOR SELECT TO medrec_auditor, medrec_admin USING (true);
REVOKE ALL ON medrec.audit_archived FROM PUBLIC;
GRANT SELECT ON medrec.audit_archived TO medrec_auditor;
GRANT SELECT (era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	account, jti, role, session_role, effective_role, client_addr, request_id, method, path,
	application_name, reason, leaf, login_role, login_identity, socket_addr, backend_pid, backend_start)
	ON medrec.audit_archived TO medrec_admin;

-- months that were archived before, where they are still there
DO $$
DECLARE
	m record;
	c record;
BEGIN
	FOR m IN
		SELECT t.relname AS name, pg_catalog.to_date(pg_catalog.right(t.relname, 7), 'YYYY_MM') AS month
		FROM medrec.audit_archive AS a
		JOIN pg_catalog.pg_class AS t ON t.relname = a.partition AND t.relnamespace = 'medrec'::pg_catalog.regnamespace
		WHERE t.relkind = 'r' AND NOT t.relispartition AND t.relname ~ '^audit_event_[0-9]{4}_[0-9]{2}$'
	LOOP
		BEGIN
			FOR c IN
				SELECT w.attname, pg_catalog.format_type(w.atttypid, w.atttypmod) AS type, pg_catalog.col_description(w.attrelid, w.attnum) AS comment,
					CASE WHEN w.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END AS coll
				FROM pg_catalog.pg_attribute AS w
				WHERE w.attrelid = 'medrec.audit_archived'::pg_catalog.regclass AND w.attnum > 0 AND NOT w.attisdropped
					AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS h
						WHERE h.attrelid = ('medrec.' || m.name)::pg_catalog.regclass AND h.attname = w.attname)
				ORDER BY w.attnum
			LOOP
				EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ADD COLUMN %I %s%s', m.name, c.attname, c.type, c.coll);
				EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec.%I.%I IS %L', m.name, c.attname, c.comment);
			END LOOP;
			EXECUTE pg_catalog.format('ALTER TABLE medrec.audit_archived ATTACH PARTITION medrec.%I FOR VALUES FROM (%L) TO (%L)',
				m.name, m.month || ' 00:00:00+00', (m.month + '1 month'::interval)::date || ' 00:00:00+00');
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING 'medrec: the archived month %.% is not shown with the trail: %', 'medrec', m.name, SQLERRM;
		END;
	END LOOP;
END
$$;

-- What every event has, xid > 0, lets the planner use the BRIN index (see step 0035). Two views and not one: the
-- newest events are read by an index of audit_event, which the planner does not do through a UNION ALL.
CREATE OR REPLACE VIEW medrec_api.audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf,
	login_role, login_identity, socket_addr, backend_pid, backend_start
FROM medrec.audit_event
WHERE xid > 0;
CREATE VIEW medrec_api.archived_audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf,
	login_role, login_identity, socket_addr, backend_pid, backend_start
FROM medrec.audit_archived
WHERE xid > 0;
COMMENT ON VIEW medrec_api.archived_audit_events IS 'Archived months of the audit trail, as audit_events. Read-only.';
REVOKE ALL ON medrec_api.archived_audit_events FROM PUBLIC;
GRANT SELECT ON medrec_api.archived_audit_events TO medrec_auditor;

COMMENT ON TABLE medrec.audit_archive IS 'Months of the audit trail that medrec.archive_audit() has archived. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_archive.partition IS 'Name of the month''s table.';
SELECT medrec.copy_comments('medrec.audit_event', v) FROM pg_catalog.unnest(ARRAY['medrec_api.audit_events', 'medrec_api.archived_audit_events']) AS v;
