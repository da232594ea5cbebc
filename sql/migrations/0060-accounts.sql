-- Accounts: tokens that count only when their login was committed, and end with their account; lock-out by
-- address; names that do not look alike; the last administrator; accounts of auditors.

-- resets, so that earlier counts in shared memory no longer count
ALTER TABLE medrec.account_login ADD COLUMN cleared_at timestamptz;
COMMENT ON TABLE medrec.account_login IS 'Failed logins by account, from all addresses; numbers below zero are unknown names.';
COMMENT ON COLUMN medrec.account_login.failures IS 'Failed attempts since the last successful one, or within a day.';
COMMENT ON COLUMN medrec.account_login.locked_until IS 'Until then attempts from addresses where the account has never logged in are refused.';
COMMENT ON COLUMN medrec.account_login.cleared_at IS 'When the count was last reset.';

CREATE TABLE medrec.login_address (
	account_id integer NOT NULL,
	address text COLLATE "C" NOT NULL,
	failures integer NOT NULL DEFAULT 0,
	last_failure timestamptz,
	locked_until timestamptz,
	cleared_at timestamptz,
	last_login timestamptz,
	PRIMARY KEY (account_id, address)
) WITH (fillfactor = 50);
COMMENT ON TABLE medrec.login_address IS 'Failed logins by account and address; purged a day after the last one, or 90 days after the last login from there.';
COMMENT ON COLUMN medrec.login_address.account_id IS 'The account, by account.id; below zero as in account_login.';
COMMENT ON COLUMN medrec.login_address.address IS 'The caller''s address as the gateway saw it; of IPv6 the first 64 bits.';
COMMENT ON COLUMN medrec.login_address.failures IS 'Failed attempts since the last successful one, or within a day.';
COMMENT ON COLUMN medrec.login_address.last_failure IS 'Time of the last failed attempt.';
COMMENT ON COLUMN medrec.login_address.locked_until IS 'Until then attempts from there are refused.';
COMMENT ON COLUMN medrec.login_address.cleared_at IS 'When the count was last reset.';
COMMENT ON COLUMN medrec.login_address.last_login IS 'Time of the last login from there.';

CREATE TABLE medrec.token_issued (
	jti text COLLATE "C" PRIMARY KEY,
	account_id integer NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT token_issued_account_id_fkey FOREIGN KEY (account_id) REFERENCES medrec.account (id) ON DELETE CASCADE
);
CREATE INDEX token_issued_expires_at_idx ON medrec.token_issued (expires_at);
CREATE INDEX token_issued_account_id_idx ON medrec.token_issued (account_id);
COMMENT ON TABLE medrec.token_issued IS 'Tokens of login: one without a row is not accepted.';
COMMENT ON COLUMN medrec.token_issued.jti IS 'Number of the token.';
COMMENT ON COLUMN medrec.token_issued.account_id IS 'Whose it is, by account.id.';
COMMENT ON COLUMN medrec.token_issued.expires_at IS 'When it ends; then the row may be deleted.';

COMMENT ON TABLE medrec.token_revoked IS 'Tokens of outside providers that were ended before their time.';

-- null in older rows, and for lock-outs: older rows and events do not change
ALTER TABLE medrec.login_lockout ADD COLUMN address text COLLATE "C";
ALTER TABLE medrec.login_lockout ADD COLUMN rolled_back integer;
ALTER TABLE medrec.login_lockout ALTER COLUMN locked_until DROP NOT NULL;
COMMENT ON TABLE medrec.login_lockout IS 'Lock-outs after failed logins, and failed logins that were rolled back; each is an event of the audit trail.';
COMMENT ON COLUMN medrec.login_lockout.locked_until IS 'When it ends; null if none has begun.';
COMMENT ON COLUMN medrec.login_lockout.address IS 'Address of the last attempt, as in login_address.';
COMMENT ON COLUMN medrec.login_lockout.rolled_back IS 'Number of attempts that were rolled back; null for a lock-out.';

ALTER TABLE medrec.token_generation ADD COLUMN raised_at timestamptz;
ALTER TABLE medrec.token_generation ALTER COLUMN raised_at SET DEFAULT pg_catalog.clock_timestamp();
COMMENT ON COLUMN medrec.token_generation.raised_at IS 'When it last rose, null if that was before this column existed; earlier tokens of outside providers have ended too.';

-- names that look alike: of existing clashes the first keeps the key
CREATE TABLE medrec.account_name (
	key text COLLATE "C" PRIMARY KEY,
	account_id integer NOT NULL,
	CONSTRAINT account_name_account_id_fkey FOREIGN KEY (account_id) REFERENCES medrec.account (id) ON DELETE CASCADE
);
CREATE INDEX account_name_account_id_idx ON medrec.account_name (account_id);
COMMENT ON TABLE medrec.account_name IS 'Usernames as they are compared, so that no two look alike.';
COMMENT ON COLUMN medrec.account_name.key IS 'medrec.username_key() of the username.';
COMMENT ON COLUMN medrec.account_name.account_id IS 'The account, by account.id.';
INSERT INTO medrec.account_name (key, account_id)
	SELECT medrec.username_key(a.username), a.id FROM medrec.account AS a ORDER BY a.id
	ON CONFLICT DO NOTHING;

CREATE TABLE medrec.auditor_change (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_id integer NOT NULL,
	change text NOT NULL,
	changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE medrec.auditor_change IS 'Changes of accounts with the role auditor; each is an event of the audit trail.';
COMMENT ON COLUMN medrec.auditor_change.id IS 'Number of the change.';
COMMENT ON COLUMN medrec.auditor_change.account_id IS 'The account, by account.id.';
COMMENT ON COLUMN medrec.auditor_change.change IS 'What was changed: made, deleted, role, active, username, email or password; several are separated by commas.';
COMMENT ON COLUMN medrec.auditor_change.changed_at IS 'When.';
SELECT medrec.attach_audit('medrec.auditor_change');

REVOKE ALL ON medrec.login_address, medrec.token_issued, medrec.account_name, medrec.auditor_change FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON medrec.login_address, medrec.token_issued, medrec.account_name TO medrec_gatekeeper;
GRANT INSERT ON medrec.auditor_change TO medrec_gatekeeper;
GRANT SELECT (date_joined) ON medrec.account TO medrec_gatekeeper;
GRANT EXECUTE ON FUNCTION medrec.username_key(text) TO medrec_gatekeeper;

-- Triggers with the gatekeeper's rights, for every change of an account.
CREATE FUNCTION medrec_gate.account_changed()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	changed text;
	name text;
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.role = 'auditor' THEN
			INSERT INTO medrec.auditor_change (account_id, change) VALUES (OLD.id, 'deleted');
		END IF;
		RETURN NULL;
	END IF;

	name := medrec.username_key(NEW.username);
	IF TG_OP = 'INSERT' THEN
		INSERT INTO medrec.account_name (key, account_id) VALUES (name, NEW.id);
		IF NEW.role = 'auditor' THEN
			INSERT INTO medrec.auditor_change (account_id, change) VALUES (NEW.id, 'made');
		END IF;
		RETURN NULL;
	END IF;

	IF OLD.username <> NEW.username AND name <> medrec.username_key(OLD.username) THEN
		DELETE FROM medrec.account_name AS n WHERE n.account_id = NEW.id;
		INSERT INTO medrec.account_name (key, account_id) VALUES (name, NEW.id);
	END IF;
	IF OLD.role <> NEW.role OR OLD.username <> NEW.username OR OLD.is_active AND NOT NEW.is_active THEN
		INSERT INTO medrec.token_generation AS g (account_id, generation) VALUES (NEW.id, 1)
			ON CONFLICT (account_id) DO UPDATE SET generation = g.generation + 1, raised_at = pg_catalog.clock_timestamp();
	END IF;
	IF 'auditor' IN (OLD.role, NEW.role) THEN
		changed := pg_catalog.concat_ws(',',
			CASE WHEN OLD.role <> NEW.role THEN 'role' END,
			CASE WHEN OLD.is_active <> NEW.is_active THEN 'active' END,
			CASE WHEN OLD.username <> NEW.username THEN 'username' END,
			CASE WHEN OLD.email <> NEW.email THEN 'email' END,
			CASE WHEN OLD.password <> NEW.password THEN 'password' END);
		IF changed <> '' THEN
			INSERT INTO medrec.auditor_change (account_id, change) VALUES (NEW.id, changed);
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION medrec_gate.account_changed() IS
'Trigger, on account AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW: keeps names apart that look alike, ends tokens when an account is shut or gets another role or name, and notes changes of auditors'' accounts. Errors: 23505 for such a name.';

CREATE FUNCTION medrec_gate.one_admin_at_a_time()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- "mrad": of two administrators who shut each other out the second sees the first
	PERFORM pg_catalog.pg_advisory_xact_lock(1836212580, 0);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION medrec_gate.one_admin_at_a_time() IS
'Trigger, on account BEFORE UPDATE OF role, is_active OR DELETE FOR EACH STATEMENT: one such statement at a time. No errors.';

CREATE FUNCTION medrec_gate.last_admin()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM FROM medrec.account AS a WHERE a.role = 'admin' AND a.is_active LIMIT 1 FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'cannot remove the last active administrator' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Make another account an active administrator first.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION medrec_gate.last_admin() IS
'Trigger, on account AFTER UPDATE OR DELETE FOR EACH ROW, where an active administrator is one no longer: refuses it if none is left. Errors: 55000.';

REVOKE ALL ON FUNCTION medrec_gate.account_changed(), medrec_gate.one_admin_at_a_time(), medrec_gate.last_admin() FROM PUBLIC;
ALTER FUNCTION medrec_gate.account_changed() OWNER TO medrec_gatekeeper;
ALTER FUNCTION medrec_gate.one_admin_at_a_time() OWNER TO medrec_gatekeeper;
ALTER FUNCTION medrec_gate.last_admin() OWNER TO medrec_gatekeeper;

CREATE TRIGGER medrec_account_changed AFTER INSERT OR UPDATE OR DELETE ON medrec.account
	FOR EACH ROW EXECUTE FUNCTION medrec_gate.account_changed();
CREATE TRIGGER medrec_account_admins BEFORE UPDATE OF role, is_active OR DELETE ON medrec.account
	FOR EACH STATEMENT EXECUTE FUNCTION medrec_gate.one_admin_at_a_time();
CREATE TRIGGER medrec_account_last_admin AFTER UPDATE ON medrec.account
	FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active AND NOT (NEW.role = 'admin' AND NEW.is_active))
	EXECUTE FUNCTION medrec_gate.last_admin();
CREATE TRIGGER medrec_account_last_admin_deleted AFTER DELETE ON medrec.account
	FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active)
	EXECUTE FUNCTION medrec_gate.last_admin();

-- what clients call says what it does now
SELECT medrec.copy_comments('medrec.' || f, 'medrec_api.' || f)
FROM pg_catalog.unnest(ARRAY['login(text,text)', 'change_password(text,text)', 'set_password(text,text)']) AS f;
