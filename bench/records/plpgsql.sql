-- The same rules as medrec's triggers, as one would write them in plpgsql: no duplicate work, bulk work per
-- statement. It does what medrec's triggers do for these rows, and less for others: no fault list, no suggestions, no rules, one
-- code system, and the trail has neither eras nor months.

CREATE TABLE pl.audit_event (
	xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
	logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	transaction_at timestamptz NOT NULL DEFAULT now(),
	statement_at timestamptz NOT NULL DEFAULT statement_timestamp(),
	patient_id uuid,
	action text COLLATE "C" NOT NULL,
	table_name text COLLATE "C" NOT NULL,
	row_id uuid,
	old_values jsonb,
	new_values jsonb,
	account text COLLATE "C",
	role text COLLATE "C",
	session_role text COLLATE "C",
	client_addr text COLLATE "C",
	application_name text COLLATE "C",
	reason text COLLATE "C",
	n integer NOT NULL,
	jti text COLLATE "C",
	request_id text COLLATE "C",
	method text COLLATE "C",
	path text COLLATE "C",
	salt bytea NOT NULL,
	leaf bytea NOT NULL
);
CREATE INDEX audit_event_idx ON pl.audit_event
	USING brin (xid, row_id uuid_bloom_ops, patient_id uuid_bloom_ops) WITH (pages_per_range = 32);

CREATE FUNCTION pl.validate() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
	system text;
	code text;
	entry record;
	problems jsonb := '[]';
	verdict text := 'valid';
BEGIN
	IF TG_OP = 'INSERT' THEN
		NEW.version := 1;
		NEW.created_at := coalesce(NEW.created_at, now());
	ELSE
		IF NEW.version <> OLD.version THEN
			RAISE EXCEPTION 'the record does not have the given version' USING ERRCODE = 'PT409';
		END IF;
		IF NEW.id <> OLD.id THEN
			RAISE EXCEPTION 'id cannot be changed' USING ERRCODE = '22023';
		END IF;
		NEW.version := OLD.version + 1;
		NEW.created_at := OLD.created_at;
	END IF;
	NEW.updated_at := now();

	IF NEW.description ~ '[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]' OR length(NEW.description) > 4000 THEN
		RAISE EXCEPTION 'description is too long or holds control characters' USING ERRCODE = '22023';
	END IF;
	system := CASE lower(NEW.code_system)
		WHEN 'icd-10-cm' THEN 'ICD-10-CM'
		WHEN 'http://hl7.org/fhir/sid/icd-10-cm' THEN 'ICD-10-CM'
		WHEN 'urn:oid:2.16.840.1.113883.6.90' THEN 'ICD-10-CM'
		WHEN '2.16.840.1.113883.6.90' THEN 'ICD-10-CM'
	END;
	IF system IS NULL THEN
		RAISE EXCEPTION 'code_system is not known' USING ERRCODE = '22023';
	END IF;
	NEW.code_system := system;
	code := upper(btrim(NEW.code));
	IF code = '' THEN
		RAISE EXCEPTION 'code must not be empty' USING ERRCODE = '22023';
	END IF;
	IF length(code) > 3 AND substr(code, 4, 1) <> '.' THEN
		code := left(code, 3) || '.' || substr(code, 4);
	END IF;

	IF TG_OP = 'UPDATE' AND code = OLD.code AND system = OLD.code_system
		AND NEW.description IS NOT DISTINCT FROM OLD.description THEN
		NEW.code := code;
		IF NEW.status IN ('confirmed', 'rejected') AND NEW.status <> OLD.status THEN
			NEW.validation_date := now();
			NEW.validated_by := session_user;
		ELSE
			NEW.status := OLD.status;
			NEW.validation_date := OLD.validation_date;
			NEW.validated_by := OLD.validated_by;
		END IF;
		NEW.issues := OLD.issues;
		RETURN NEW;
	END IF;

	IF code !~ '^[A-Z][0-9A-Z][0-9A-Z](\.([0-9A-Z]{1,3}|[0-9X]{0,3}[0-9A-Z]{4}))?$' THEN
		verdict := 'invalid';
		problems := jsonb_build_array(jsonb_build_object('severity', 'error', 'code', 'invalid-code',
			'text', 'not well formed', 'field', 'code'));
	ELSE
		NEW.code := code;
		SELECT c.display, c.short_display, c.billable, c.valid_from, c.valid_to
		INTO entry
		FROM medrec.code AS c
		WHERE c.code_system = system AND c.code = NEW.code AND c.valid_from <= NEW.created_at::date
		ORDER BY c.valid_from DESC LIMIT 1;
		IF NOT FOUND THEN
			IF EXISTS (SELECT FROM medrec.code_release AS r
				WHERE r.code_system = system AND r.effective_from <= NEW.created_at::date) THEN
				verdict := 'invalid';
				problems := jsonb_build_array(jsonb_build_object('severity', 'error', 'code', 'invalid-code',
					'text', 'not a code of ' || system, 'field', 'code'));
			ELSE
				verdict := 'pending';
			END IF;
		ELSIF entry.valid_to <= NEW.created_at::date THEN
			verdict := 'review';
			problems := jsonb_build_array(jsonb_build_object('severity', 'warning', 'code', 'code-rule',
				'text', 'retired since ' || entry.valid_to, 'field', 'code'));
		ELSIF NOT entry.billable THEN
			verdict := 'review';
			problems := jsonb_build_array(jsonb_build_object('severity', 'warning', 'code', 'code-rule',
				'text', 'a header: a more specific code is needed', 'field', 'code'));
		END IF;
		IF NEW.description IS NULL OR btrim(NEW.description) = '' THEN
			NEW.description := entry.display;
		ELSIF entry.display IS NOT NULL AND NEW.description <> entry.display AND NEW.description <> entry.short_display
			AND lower(regexp_replace(NEW.description, '[^[:alnum:]]+', ' ', 'g'))
				<> lower(regexp_replace(entry.display, '[^[:alnum:]]+', ' ', 'g')) THEN
			problems := problems || jsonb_build_object('severity', 'information', 'code', 'invalid-display',
				'text', 'the description is not the code''s title', 'field', 'description');
		END IF;
	END IF;
	NEW.status := verdict;
	NEW.issues := problems;
	NEW.validated_by := 'plpgsql';
	NEW.validation_date := now();
	RETURN NEW;
END
$$;

-- a coder may change a diagnosis but not a patient: run with the owner's rights, like medrec's touch
CREATE FUNCTION pl.touch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	WITH locked AS (
		SELECT p.id FROM pl.patient AS p
		WHERE p.id IN (SELECT r.patient_id FROM new_rows AS r) AND p.last_visit < now()
		ORDER BY p.id FOR NO KEY UPDATE
	)
	UPDATE pl.patient AS p SET last_visit = now() FROM locked WHERE p.id = locked.id;
	RETURN NULL;
END
$$;

-- Only the trigger may write the trail. Each event has a salted hash of its content, like medrec's.
CREATE FUNCTION pl.audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
	headers jsonb := nullif(current_setting('request.headers', true), '')::jsonb;
	shared jsonb;
	base integer := coalesce(nullif(current_setting('pl.audit_n', true), ''), '0')::integer;
	written integer;
BEGIN
	shared := jsonb_build_object('xid', pg_current_xact_id()::text, 'transaction_at', now(),
		'statement_at', statement_timestamp(), 'action', TG_OP, 'table_name', TG_TABLE_NAME,
		'account', claims ->> 'sub', 'jti', claims ->> 'jti', 'role', current_setting('role'), 'session_role', session_user,
		'client_addr', coalesce(host(inet_client_addr()), '[local]'), 'request_id', headers ->> 'x-request-id',
		'method', current_setting('request.method', true), 'path', current_setting('request.path', true),
		'application_name', current_setting('application_name'), 'reason', current_setting('medrec.reason', true));

	IF TG_OP = 'INSERT' THEN
		INSERT INTO pl.audit_event (patient_id, action, table_name, row_id, new_values, account, role, session_role,
			client_addr, application_name, reason, n, jti, request_id, method, path, salt, leaf)
		SELECT e.patient_id, TG_OP, TG_TABLE_NAME, e.id, e.new_values, shared ->> 'account', shared ->> 'role', session_user,
			shared ->> 'client_addr', shared ->> 'application_name', shared ->> 'reason', e.n, shared ->> 'jti',
			shared ->> 'request_id', shared ->> 'method', shared ->> 'path', e.salt,
			sha256('\x00'::bytea || e.salt || convert_to(shared::text || e.n || e.id || e.patient_id || e.new_values, 'UTF8'))
		FROM (
			SELECT r.id, r.patient_id, to_jsonb(r) AS new_values, base + row_number() OVER () AS n,
				uuid_send(gen_random_uuid()) AS salt
			FROM new_rows AS r OFFSET 0
		) AS e;
	ELSE
		INSERT INTO pl.audit_event (patient_id, action, table_name, row_id, old_values, new_values, account, role,
			session_role, client_addr, application_name, reason, n, jti, request_id, method, path, salt, leaf)
		SELECT e.patient_id, TG_OP, TG_TABLE_NAME, e.id, e.old_values, e.new_values, shared ->> 'account', shared ->> 'role',
			session_user, shared ->> 'client_addr', shared ->> 'application_name', shared ->> 'reason', e.n, shared ->> 'jti',
			shared ->> 'request_id', shared ->> 'method', shared ->> 'path', e.salt,
			sha256('\x00'::bytea || e.salt
				|| convert_to(shared::text || e.n || e.id || e.patient_id || e.old_values || e.new_values, 'UTF8'))
		FROM (
			SELECT n.id, n.patient_id, d.old_values, d.new_values, base + row_number() OVER () AS n,
				uuid_send(gen_random_uuid()) AS salt
			FROM new_rows AS n
			JOIN old_rows AS o USING (id)
			CROSS JOIN LATERAL (
				SELECT jsonb_object_agg(a.key, a.value) AS old_values, jsonb_object_agg(b.key, b.value) AS new_values
				FROM jsonb_each(to_jsonb(o)) AS a
				JOIN jsonb_each(to_jsonb(n)) AS b USING (key)
				WHERE a.value <> b.value
			) AS d
			WHERE d.new_values IS NOT NULL OFFSET 0
		) AS e;
	END IF;
	GET DIAGNOSTICS written = ROW_COUNT;
	PERFORM set_config('pl.audit_n', (base + written)::text, true);
	RETURN NULL;
END
$$;

CREATE TRIGGER validate BEFORE INSERT OR UPDATE ON pl.diagnosis
	FOR EACH ROW EXECUTE FUNCTION pl.validate();
CREATE TRIGGER touch_insert AFTER INSERT ON pl.diagnosis
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pl.touch();
CREATE TRIGGER touch_update AFTER UPDATE ON pl.diagnosis
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pl.touch();
CREATE TRIGGER audit_insert AFTER INSERT ON pl.diagnosis
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pl.audit();
CREATE TRIGGER audit_update AFTER UPDATE ON pl.diagnosis
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pl.audit();
