-- The identity of the connection. session_role, role and the claims are what the session says, and a
-- superuser can say anything (SET SESSION AUTHORIZATION). No SQL can change which role logged in, from where,
-- and which process it is. Older events have null here, and keep their text and their leaf.
ALTER TABLE medrec.audit_event
	ADD COLUMN login_role text COLLATE "C",
	ADD COLUMN login_identity text COLLATE "C",
	ADD COLUMN socket_addr text COLLATE "C",
	ADD COLUMN backend_pid integer,
	ADD COLUMN backend_start timestamptz;
COMMENT ON COLUMN medrec.audit_event.login_role IS 'Role that the connection logged in as, whatever the session has become since; null in events of 0.1.';
COMMENT ON COLUMN medrec.audit_event.login_identity IS 'Whom authentication found at login, by the method''s own name: the operating system''s user for peer, the subject of a certificate; null for trust.';
COMMENT ON COLUMN medrec.audit_event.socket_addr IS 'Address of the connection''s other end, whatever the gateway says of its client; [local] for a Unix socket.';
COMMENT ON COLUMN medrec.audit_event.backend_pid IS 'Process of the server that wrote the event.';
COMMENT ON COLUMN medrec.audit_event.backend_start IS 'When that process began: with backend_pid it names the connection, as in the server''s log.';
GRANT SELECT (login_role, login_identity, socket_addr, backend_pid, backend_start) ON medrec.audit_event TO medrec_admin;
