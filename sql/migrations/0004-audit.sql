-- The audit trail: append-only, partitioned by month, written by medrec.audit()
-- alone. There is no foreign key and no sequence: (era, xid, n) names an event.

CREATE TABLE medrec.audit_era (
	era integer PRIMARY KEY,
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	opened_at timestamptz NOT NULL,
	first_xid bigint NOT NULL
);
COMMENT ON TABLE medrec.audit_era IS 'Eras of the audit trail: transaction ids start anew when a dump is imported, so each import opens an era.';
COMMENT ON COLUMN medrec.audit_era.era IS 'Number of the era, from 1.';
COMMENT ON COLUMN medrec.audit_era.system_identifier IS 'The cluster that its events were written in (pg_control_system()).';
COMMENT ON COLUMN medrec.audit_era.database IS 'OID of the database that its events were written in.';
COMMENT ON COLUMN medrec.audit_era.opened_at IS 'When it was recorded; its first events may be older.';
COMMENT ON COLUMN medrec.audit_era.first_xid IS 'Transaction that recorded it.';

CREATE TABLE medrec.audit_event (
	xid bigint NOT NULL,
	logged_at timestamptz NOT NULL,
	transaction_at timestamptz NOT NULL,
	statement_at timestamptz NOT NULL,
	era integer NOT NULL,
	n integer NOT NULL,
	patient_id uuid,
	action text COLLATE "C" NOT NULL,
	table_name text COLLATE "C" NOT NULL,
	row_id text COLLATE "C",
	old_values json,
	new_values json,
	account text COLLATE "C",
	jti text COLLATE "C",
	role text COLLATE "C" NOT NULL,
	session_role text COLLATE "C" NOT NULL,
	effective_role text COLLATE "C" NOT NULL,
	client_addr text COLLATE "C",
	request_id text COLLATE "C",
	method text COLLATE "C",
	path text COLLATE "C",
	application_name text COLLATE "C",
	reason text COLLATE "C",
	salt bytea NOT NULL,
	leaf bytea NOT NULL
) PARTITION BY RANGE (logged_at);
COMMENT ON TABLE medrec.audit_event IS 'The audit trail: an event per changed row. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_event.xid IS 'Top-level transaction that made the change (64 bits).';
COMMENT ON COLUMN medrec.audit_event.logged_at IS 'Clock time at which the event was written.';
COMMENT ON COLUMN medrec.audit_event.transaction_at IS 'Time at which the transaction began: now() as created_at, updated_at and last_visit have it.';
COMMENT ON COLUMN medrec.audit_event.statement_at IS 'Time at which the client''s statement began.';
COMMENT ON COLUMN medrec.audit_event.era IS 'Era of the transaction id; rises when a dump is imported.';
COMMENT ON COLUMN medrec.audit_event.n IS 'Place within the transaction, from 1; numbers that were rolled back to a savepoint are missing.';
COMMENT ON COLUMN medrec.audit_event.patient_id IS 'The patient whom the changed row concerns, by patient.id; null where it concerns none.';
COMMENT ON COLUMN medrec.audit_event.action IS 'INSERT, UPDATE, DELETE, TRUNCATE; DDL for a changed definition, ARCHIVE for a detached month. A row that gets another key or patient leaves a DELETE and an INSERT.';
COMMENT ON COLUMN medrec.audit_event.table_name IS 'The table, without schema where that is medrec.';
COMMENT ON COLUMN medrec.audit_event.row_id IS 'Primary key of the row; a JSON array where it has several columns.';
COMMENT ON COLUMN medrec.audit_event.old_values IS 'What was: the row for DELETE, the changed columns for UPDATE. Times in UTC; "(withheld)" stands for values that are never recorded.';
COMMENT ON COLUMN medrec.audit_event.new_values IS 'What is: the row for INSERT, the changed columns for UPDATE.';
COMMENT ON COLUMN medrec.audit_event.account IS 'Account that the request''s token names (claim sub); only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.jti IS 'Number of the token (claim jti); only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.role IS 'Role that the session had taken on (SET ROLE), else its user.';
COMMENT ON COLUMN medrec.audit_event.session_role IS 'User of the session (session_user).';
COMMENT ON COLUMN medrec.audit_event.effective_role IS 'User whose rights applied (current_user); another one inside a SECURITY DEFINER function.';
COMMENT ON COLUMN medrec.audit_event.client_addr IS 'Address of the client as the gateway saw it, else of the connection''s other end; [local] for a Unix socket.';
COMMENT ON COLUMN medrec.audit_event.request_id IS 'Header X-Request-Id; only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.method IS 'HTTP method; only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.path IS 'HTTP path; only from the gateway.';
COMMENT ON COLUMN medrec.audit_event.application_name IS 'Name that the client gave itself.';
COMMENT ON COLUMN medrec.audit_event.reason IS 'Why: setting medrec.reason, else header X-Reason.';
COMMENT ON COLUMN medrec.audit_event.salt IS 'Random bytes that keep the leaf from being guessed from redacted content.';
COMMENT ON COLUMN medrec.audit_event.leaf IS 'SHA-256 over a zero byte and the event''s canonical text (doc/audit.md).';

-- One BRIN index and no btree: nothing is searched for in the write path, events of
-- a time lie together, and summaries are made behind the writers' backs.
CREATE INDEX audit_event_idx ON medrec.audit_event
	USING brin (xid, row_id text_bloom_ops, patient_id uuid_bloom_ops)
	WITH (pages_per_range = 32, autosummarize = on);

-- takes what is written when no month's partition has been made
CREATE TABLE medrec.audit_event_default PARTITION OF medrec.audit_event DEFAULT;
COMMENT ON TABLE medrec.audit_event_default IS 'The audit trail''s events of months for which no partition had been made.';

CREATE TABLE medrec.audit_seal (
	seal bigint PRIMARY KEY,
	era integer NOT NULL,
	first_xid bigint NOT NULL,
	end_xid bigint NOT NULL,
	events bigint NOT NULL,
	total bigint NOT NULL,
	root bytea NOT NULL,
	sealed_at timestamptz NOT NULL,
	sealed_by text COLLATE "C" NOT NULL,
	previous_head bytea NOT NULL,
	head bytea NOT NULL,
	frontier bytea NOT NULL
);
COMMENT ON TABLE medrec.audit_seal IS 'Seals of the audit trail: a Merkle root per range of finished transactions, and a head over all seals so far. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_seal.seal IS 'Number of the seal, from 1 without gaps.';
COMMENT ON COLUMN medrec.audit_seal.era IS 'Era that the range belongs to.';
COMMENT ON COLUMN medrec.audit_seal.first_xid IS 'First transaction of the range: the end of the era''s last seal.';
COMMENT ON COLUMN medrec.audit_seal.end_xid IS 'End of the range, itself not in it: every transaction before it had ended.';
COMMENT ON COLUMN medrec.audit_seal.events IS 'Number of events in the range.';
COMMENT ON COLUMN medrec.audit_seal.total IS 'Number of events in this and all seals before.';
COMMENT ON COLUMN medrec.audit_seal.root IS 'Merkle tree hash (RFC 6962, SHA-256) of the range''s events, ordered by (xid, n).';
COMMENT ON COLUMN medrec.audit_seal.sealed_at IS 'Clock time of the sealing.';
COMMENT ON COLUMN medrec.audit_seal.sealed_by IS 'Session user that sealed.';
COMMENT ON COLUMN medrec.audit_seal.previous_head IS 'Head of the seal before; the hash of nothing for the first.';
COMMENT ON COLUMN medrec.audit_seal.head IS 'Merkle tree hash of all seals up to this one: what to keep elsewhere.';
COMMENT ON COLUMN medrec.audit_seal.frontier IS 'Roots of the full subtrees that the head is made of, the largest first; lets the next seal be added.';

CREATE TABLE medrec.audit_archive (
	partition text COLLATE "C" PRIMARY KEY,
	archived_at timestamptz NOT NULL,
	archived_by text COLLATE "C" NOT NULL,
	events bigint NOT NULL,
	first_seal bigint NOT NULL,
	last_seal bigint NOT NULL,
	root bytea NOT NULL
);
COMMENT ON TABLE medrec.audit_archive IS 'Months of the audit trail that medrec.archive_audit() has detached. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_archive.partition IS 'Name of the table that the month was detached as.';
COMMENT ON COLUMN medrec.audit_archive.archived_at IS 'When.';
COMMENT ON COLUMN medrec.audit_archive.archived_by IS 'Session user that did it.';
COMMENT ON COLUMN medrec.audit_archive.events IS 'Number of its events.';
COMMENT ON COLUMN medrec.audit_archive.first_seal IS 'First seal with an event in it; 0 for none.';
COMMENT ON COLUMN medrec.audit_archive.last_seal IS 'Last seal with an event in it.';
COMMENT ON COLUMN medrec.audit_archive.root IS 'Merkle tree hash of its events, ordered by (era, xid, n).';

CREATE TABLE medrec.audit_archive_seal (
	seal bigint,
	partition text COLLATE "C",
	events bigint NOT NULL,
	leaves bytea,
	PRIMARY KEY (seal, partition)
);
COMMENT ON TABLE medrec.audit_archive_seal IS 'What archived months held of each seal. Append-only for everyone.';
COMMENT ON COLUMN medrec.audit_archive_seal.seal IS 'Number of the seal.';
COMMENT ON COLUMN medrec.audit_archive_seal.partition IS 'The archived month.';
COMMENT ON COLUMN medrec.audit_archive_seal.events IS 'Number of the seal''s events in that month.';
COMMENT ON COLUMN medrec.audit_archive_seal.leaves IS 'Era, xid, n (big-endian, 4, 8, 4 bytes) and leaf of each; null where the month holds all events of the seal.';

-- Append-only. Statement triggers, because a statement that finds no row is refused
-- as well; each partition needs its own (medrec.audit_partitions() gives it). Row
-- triggers besides, because what logical replication applies fires no others.
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['audit_event', 'audit_event_default', 'audit_seal', 'audit_era',
		'audit_archive', 'audit_archive_seal'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_append_only'
			' BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only()', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_append_only', t);
	END LOOP;
	FOREACH t IN ARRAY ARRAY['audit_event', 'audit_seal', 'audit_era'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER medrec_append_only_row'
			' BEFORE UPDATE OR DELETE ON medrec.%I'
			' FOR EACH ROW EXECUTE FUNCTION medrec.audit_append_only()', t);
		EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_append_only_row', t);
	END LOOP;
END
$$;

SELECT medrec.audit_open_era();
SELECT medrec.audit_partitions();

-- What is audited. ALWAYS, so that session_replication_role does not silence it.
DO $$
DECLARE
	a record;
	e record;
BEGIN
	FOR a IN
		SELECT * FROM (VALUES
			('account', '''withhold=password'''),
			('patient', '''patient=id'''),
			('diagnosis', '''patient=patient_id'''),
			('treatment', '''patient=patient_id'''),
			('code_release', '')
		) AS v (name, arguments)
	LOOP
		FOR e IN
			SELECT * FROM (VALUES
				('insert', 'REFERENCING NEW TABLE AS new_rows'),
				('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
				('delete', 'REFERENCING OLD TABLE AS old_rows'),
				('truncate', '')
			) AS v (event, tables)
		LOOP
			EXECUTE pg_catalog.format('CREATE TRIGGER medrec_audit_%s AFTER %s ON medrec.%I'
				' %s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
				e.event, e.event, a.name, e.tables, a.arguments);
			EXECUTE pg_catalog.format('ALTER TABLE medrec.%I ENABLE ALWAYS TRIGGER medrec_audit_%s',
				a.name, e.event);
		END LOOP;
	END LOOP;
END
$$;

-- Who reads: the auditor all of it; the administrator who did what and when, not the content.
ALTER TABLE medrec.audit_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY medrec_read ON medrec.audit_event FOR SELECT TO medrec_auditor, medrec_admin USING (true);
REVOKE ALL ON medrec.audit_event, medrec.audit_event_default, medrec.audit_seal, medrec.audit_era,
	medrec.audit_archive, medrec.audit_archive_seal FROM PUBLIC;
GRANT SELECT ON medrec.audit_event, medrec.audit_seal, medrec.audit_era, medrec.audit_archive,
	medrec.audit_archive_seal TO medrec_auditor;
GRANT SELECT ON medrec.audit_seal, medrec.audit_era, medrec.audit_archive TO medrec_admin;
GRANT SELECT (era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	account, jti, role, session_role, effective_role, client_addr, request_id, method, path,
	application_name, reason, leaf) ON medrec.audit_event TO medrec_admin;

CREATE VIEW medrec_api.audit_events WITH (security_invoker = true) AS
SELECT era, xid, n, logged_at, transaction_at, statement_at, action, table_name, row_id, patient_id,
	old_values, new_values, account, jti, role, session_role, effective_role, client_addr,
	request_id, method, path, application_name, reason, leaf
FROM medrec.audit_event;
COMMENT ON VIEW medrec_api.audit_events IS 'The audit trail: an event per changed row. Read-only.';
REVOKE ALL ON medrec_api.audit_events FROM PUBLIC;
GRANT SELECT ON medrec_api.audit_events TO medrec_auditor;
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT a.attname, pg_catalog.col_description(t.attrelid, t.attnum) AS comment
		FROM pg_catalog.pg_attribute AS a
		JOIN pg_catalog.pg_attribute AS t
			ON t.attrelid = 'medrec.audit_event'::pg_catalog.regclass AND t.attname = a.attname
		WHERE a.attrelid = 'medrec_api.audit_events'::pg_catalog.regclass
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN medrec_api.audit_events.%I IS %L', c.attname, c.comment);
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass)
	TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.seal_audit(), medrec.archive_audit(timestamptz) TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.seal_audit() TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec.audit_checkpoint(bigint, text),
	medrec.audit_proof(integer, bigint, integer, bigint),
	medrec.consistency_proof(bigint, bigint)
	TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.history(text, text), medrec.as_of(text, text, timestamptz),
	medrec.diff(text, text, timestamptz, timestamptz)
	TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec.verify_records() TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.audit_canonical(integer, bigint, integer) TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec.audit_status(), medrec.audit_fhir(uuid, timestamptz, timestamptz, integer)
	TO medrec_auditor;

-- HTTP
CREATE FUNCTION medrec_api.history(table_name text, row_id text)
RETURNS TABLE (version integer, era integer, xid bigint, n integer, logged_at timestamptz, action text, account text,
	role text, session_role text, reason text, old_values json, new_values json, record json)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT h.version, h.era, h.xid, h.n, h.logged_at, h.action, h.account, h.role, h.session_role, h.reason,
		h.old_values, h.new_values, h.record
	FROM medrec.history($1, $2) AS h;
END;
CREATE FUNCTION medrec_api.as_of(table_name text, row_id text, at timestamptz)
RETURNS json
LANGUAGE sql STABLE
RETURN medrec.as_of(table_name, row_id, at);
CREATE FUNCTION medrec_api.audit_fhir(patient uuid DEFAULT NULL, since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL, max integer DEFAULT 100)
RETURNS jsonb
LANGUAGE sql STABLE
RETURN medrec.audit_fhir(patient, since, until, max);
CREATE FUNCTION medrec_api.audit_checkpoint(seal bigint DEFAULT NULL, origin text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
RETURN medrec.audit_checkpoint(seal, origin);
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT a.oid::pg_catalog.regprocedure AS api, pg_catalog.obj_description(i.oid, 'pg_proc') AS comment
		FROM pg_catalog.pg_proc AS a
		JOIN pg_catalog.pg_proc AS i ON i.proname = a.proname
			AND i.pronamespace = 'medrec'::pg_catalog.regnamespace AND i.proargtypes = a.proargtypes
		WHERE a.pronamespace = 'medrec_api'::pg_catalog.regnamespace
			AND a.proname IN ('history', 'as_of', 'audit_fhir', 'audit_checkpoint')
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.api, f.comment);
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.api);
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO medrec_auditor', f.api);
	END LOOP;
END
$$;
