-- Idempotency-Key: a POST that comes twice is done once. The gateway sends one with the header to medrec_once(), which does what
-- PostgREST would have done, in one transaction with the answer that it keeps.

CREATE TABLE medrec.idempotency_key (
	account text COLLATE "C" NOT NULL DEFAULT medrec.acting_account(),
	key text COLLATE "C" NOT NULL,
	request bytea NOT NULL,
	made_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	status integer,
	headers json,
	body text,
	PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_key_made_at_idx ON medrec.idempotency_key (made_at);
COMMENT ON TABLE medrec.idempotency_key IS 'Answers to requests with the header Idempotency-Key, each for a day. They contain patient data: over HTTP an account sees its own, and in SQL only the owner sees any.';
COMMENT ON COLUMN medrec.idempotency_key.account IS 'Whose key it is: the account of the token, or the role where there was none.';
COMMENT ON COLUMN medrec.idempotency_key.key IS 'The key, as the client made it.';
COMMENT ON COLUMN medrec.idempotency_key.request IS 'SHA-256 of the request: path, query and body.';
COMMENT ON COLUMN medrec.idempotency_key.made_at IS 'When; a day later the key may be used again.';
COMMENT ON COLUMN medrec.idempotency_key.status IS 'Status of the answer.';
COMMENT ON COLUMN medrec.idempotency_key.headers IS 'Headers of the answer, as PostgREST takes them.';
COMMENT ON COLUMN medrec.idempotency_key.body IS 'Body of the answer; null for none.';

ALTER TABLE medrec.idempotency_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE medrec.idempotency_key FORCE ROW LEVEL SECURITY;
CREATE POLICY medrec_owner ON medrec.idempotency_key TO CURRENT_USER USING (true);
CREATE POLICY medrec_own ON medrec.idempotency_key TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin
	USING (account = medrec.acting_account());
CREATE POLICY medrec_gatekeeper ON medrec.idempotency_key TO medrec_gatekeeper USING (true);
REVOKE ALL ON medrec.idempotency_key FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON medrec.idempotency_key TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT SELECT, UPDATE, DELETE ON medrec.idempotency_key TO medrec_gatekeeper;
GRANT EXECUTE ON FUNCTION medrec.acting_account() TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin, medrec_gatekeeper;

-- Keys of all accounts that are older than a day, some at each request with one.
CREATE FUNCTION medrec_gate.forget_keys()
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	DELETE FROM medrec.idempotency_key AS k
	WHERE k.ctid = ANY (ARRAY(SELECT o.ctid FROM medrec.idempotency_key AS o
		WHERE o.made_at < pg_catalog.now() - '1 day'::interval
		ORDER BY o.made_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
END;
COMMENT ON FUNCTION medrec_gate.forget_keys() IS
'Deletes up to 1,000 keys of requests (Idempotency-Key) that are older than a day. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec_gate.forget_keys() FROM PUBLIC;
ALTER FUNCTION medrec_gate.forget_keys() OWNER TO medrec_gatekeeper;
GRANT EXECUTE ON FUNCTION medrec_gate.forget_keys() TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;

-- The INSERT that PostgREST would make of a body.
CREATE FUNCTION medrec_gate.insert_rows(relation name, rows json, query text, prefer text, INOUT number bigint DEFAULT 0, OUT body text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	view regclass := format('medrec_api.%I', relation)::regclass;
	parameter text;
	names text[];
	given text[];
	shown text := '*';
	defaults text;
BEGIN
	FOREACH parameter IN ARRAY string_to_array(replace(replace(query, '%2C', ','), '%22', '"'), '&') LOOP
		IF parameter ~ '^select=(\*|[A-Za-z_]\w*(,[A-Za-z_]\w*)*)?$' THEN
			SELECT string_agg(quote_ident(c), ', ') INTO shown FROM unnest(string_to_array(substr(parameter, 8), ',')) AS c WHERE c <> '*';
			shown := coalesce(shown, '*');
		ELSIF parameter ~ '^columns=("?[A-Za-z_]\w*"?(,"?[A-Za-z_]\w*"?)*)$' THEN
			given := string_to_array(replace(substr(parameter, 9), '"', ''), ',');
		ELSIF parameter <> '' THEN
			RAISE SQLSTATE 'PT400' USING MESSAGE = 'a request with Idempotency-Key takes select and columns, with names of columns, and no other parameter';
		END IF;
	END LOOP;
	IF prefer ~* 'resolution\s*=' THEN
		RAISE SQLSTATE 'PT400' USING MESSAGE = 'a request with Idempotency-Key stores new rows: Prefer: resolution is not for it';
	END IF;

	IF json_typeof(rows) = 'object' THEN
		rows := json_build_array(rows);
	ELSIF json_typeof(rows) <> 'array' OR EXISTS (SELECT FROM json_array_elements(rows) AS e WHERE json_typeof(e) <> 'object') THEN
		RAISE SQLSTATE 'PT400' USING MESSAGE = 'the body is neither an object nor an array of objects';
	END IF;
	number := json_array_length(rows);
	IF number = 0 THEN
		body := '[]';
		RETURN;
	END IF;
	SELECT array_agg(DISTINCT k ORDER BY k) INTO names FROM json_object_keys(rows -> 0) AS k;
	IF given IS NOT NULL THEN
		names := given;
	ELSIF EXISTS (SELECT FROM json_array_elements(rows) AS e
			WHERE (SELECT array_agg(DISTINCT k ORDER BY k) FROM json_object_keys(e) AS k) IS DISTINCT FROM names) THEN
		RAISE SQLSTATE 'PT400' USING MESSAGE = 'All object keys must match';
	END IF;
	SELECT k INTO parameter FROM unnest(names) AS k
	WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = view AND a.attname = k AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
	IF FOUND THEN
		RAISE SQLSTATE 'PGRST' USING MESSAGE = json_build_object('code', 'PGRST204', 'details', NULL, 'hint', NULL,
				'message', format('Column ''%s'' of relation ''%s'' does not exist', parameter, relation)),
			DETAIL = '{"status": 400, "headers": {}}';
	END IF;
	IF prefer ~* 'missing\s*=\s*default' THEN
		SELECT string_agg(format('%L, %s', a.attname, pg_get_expr(d.adbin, d.adrelid)), ', ') INTO defaults
		FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		WHERE d.adrelid = view AND a.attname = ANY (names);
	END IF;

	SELECT string_agg(quote_ident(k), ', ') INTO parameter FROM unnest(names) AS k;
	EXECUTE format('WITH made AS (INSERT INTO medrec_api.%I %s RETURNING %s) SELECT count(*), json_agg(made)::text FROM made', relation,
		CASE WHEN names IS NULL THEN 'SELECT FROM json_array_elements($1)'
		ELSE format('(%s) SELECT %1$s FROM json_populate_recordset(NULL::medrec_api.%I, %s)', parameter, relation,
			CASE WHEN defaults IS NULL THEN '$1'
			ELSE format('(SELECT json_agg(jsonb_build_object(%s) || e::jsonb) FROM json_array_elements($1) AS e)', defaults) END) END, shown)
	INTO number, body USING rows;
END
$$;
COMMENT ON FUNCTION medrec_gate.insert_rows(name, json, text, text, bigint) IS
'For medrec_api.medrec_once(): stores new rows as PostgREST does, with the caller''s rights. relation: a view of medrec_api. rows: the body. query, prefer: of the request; number: not to be given. Returns the number of rows, and the rows as JSON. Errors: PT400, and those of the INSERT.';

-- The call that PostgREST would make.
CREATE FUNCTION medrec_gate.call_function(function name, arguments json, OUT status integer, OUT body text)
RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	keys text[] := ARRAY(SELECT DISTINCT k FROM json_object_keys(CASE json_typeof(arguments) WHEN 'object' THEN arguments ELSE '{}' END) AS k);
	f record;
	source text;
BEGIN
	SELECT p.proname, p.proretset, p.prorettype = 'void'::regtype AS is_void, a.names, a.types INTO f
	FROM pg_proc AS p
	CROSS JOIN LATERAL (
		SELECT coalesce(array_agg(n.name ORDER BY n.place), '{}') AS names, coalesce(array_agg(format_type(t.type, NULL) ORDER BY n.place), '{}') AS types
		FROM (
			SELECT u.name, row_number() OVER (ORDER BY u.place) AS place
			FROM unnest(p.proargnames, p.proargmodes) WITH ORDINALITY AS u (name, mode, place)
			WHERE coalesce(u.mode, 'i') IN ('i', 'b', 'v')
		) AS n
		JOIN unnest(p.proargtypes) WITH ORDINALITY AS t (type, place) ON t.place = n.place
	) AS a
	WHERE p.pronamespace = 'medrec_api'::regnamespace AND p.proname = function AND p.prokind = 'f'
		AND p.pronargs = cardinality(a.names) AND keys <@ a.names AND a.names[1:p.pronargs - p.pronargdefaults] <@ keys
	ORDER BY p.pronargs LIMIT 1;
	IF NOT FOUND THEN
		PERFORM medrec.wrong_arguments();
	END IF;

	SELECT format(CASE WHEN cardinality(keys) = 0 THEN 'medrec_api.%1$I() AS f'
			ELSE 'json_to_record($1) AS a(%2$s) CROSS JOIN LATERAL medrec_api.%1$I(%3$s) AS f' END, function,
		string_agg(format('%I %s', n.name, n.type), ', '), string_agg(format('%I => a.%1$I', n.name), ', '))
	INTO source FROM unnest(f.names, f.types) AS n (name, type) WHERE n.name = ANY (keys);
	IF f.is_void THEN
		EXECUTE 'SELECT 204, NULL FROM ' || source INTO status, body USING arguments;
	ELSIF f.proretset THEN
		EXECUTE 'SELECT 200, coalesce(json_agg(f), ''[]'')::text FROM ' || source INTO status, body USING arguments;
	ELSE
		EXECUTE 'SELECT 200, (json_agg(f) -> 0)::text FROM ' || source INTO status, body USING arguments;
	END IF;
END
$$;
COMMENT ON FUNCTION medrec_gate.call_function(name, json) IS
'For medrec_api.medrec_once(): calls a function of medrec_api as PostgREST does, with the caller''s rights. function: its name. arguments: the body, an object. Returns the status of the answer, and the result as JSON. Errors: PT404 for arguments that no function takes, and those of the function.';

-- An error about the key and not the request, which the gateway tells apart by a header: the request's own are explained (explain.inc).
CREATE FUNCTION medrec_gate.refuse_key(status integer, message text, hint text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE SQLSTATE 'PGRST' USING
		MESSAGE = json_build_object('code', 'PT' || status, 'message', message, 'details', NULL, 'hint', hint)::text,
		DETAIL = json_build_object('status', status, 'headers', json_build_object('X-Key', 'refused'))::text;
END
$$;
COMMENT ON FUNCTION medrec_gate.refuse_key(integer, text, text) IS
'For medrec_api.medrec_once(): ends the request because of its key. status, message, hint: of the answer. Error: always, with SQLSTATE PGRST, which PostgREST makes an answer with the header X-Key of.';

-- a type of answer to PostgREST: the bytes as they are, under the Content-Type that the function sets
CREATE DOMAIN medrec_gate."*/*" AS bytea;
COMMENT ON DOMAIN medrec_gate."*/*" IS 'What medrec_api.medrec_once() answers: the body as it is.';

CREATE FUNCTION medrec_api.medrec_once(bytea)
RETURNS medrec_gate."*/*"
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	sent json := current_setting('request.headers', true)::json;
	path text := regexp_replace(sent ->> 'x-path', '^/once', '');
	query text := coalesce(sent ->> 'x-query', '');
	prefer text := coalesce(sent ->> 'x-prefer', '');
	name text := trim('"' FROM sent ->> 'idempotency-key');
	digest bytea := sha256(convert_to(path || E'\n' || query || E'\n', 'UTF8') || $1);
	patience text := current_setting('lock_timeout');
	done record;
	payload json;
	number bigint;
BEGIN
	IF medrec.acting_account() IS NULL OR path IS NULL OR name IS NULL OR name = '' THEN
		RAISE SQLSTATE 'PT404' USING MESSAGE = 'not found';
	END IF;
	-- for the audit trail, and for the headers that a new record gets
	PERFORM set_config('request.path', path, true);

	PERFORM medrec_gate.forget_keys();
	DELETE FROM medrec.idempotency_key AS k
	WHERE k.account = medrec.acting_account() AND k.key = name AND k.made_at < now() - '1 day'::interval;
	-- the same key in a transaction that has not ended: a little patience, then 409
	BEGIN
		PERFORM set_config('lock_timeout', '100ms', true);
		INSERT INTO medrec.idempotency_key (key, request) VALUES (name, digest) ON CONFLICT DO NOTHING;
	EXCEPTION WHEN lock_not_available THEN
		PERFORM medrec_gate.refuse_key(409, 'a request with this Idempotency-Key has not ended yet', 'Repeat it a moment later.');
	END;
	number := CASE WHEN FOUND THEN 1 ELSE 0 END;
	PERFORM set_config('lock_timeout', patience, true);

	IF number = 0 THEN
		SELECT k.request, k.status, k.headers, k.body INTO done FROM medrec.idempotency_key AS k
		WHERE k.account = medrec.acting_account() AND k.key = name;
		IF NOT FOUND OR done.status IS NULL THEN
			PERFORM medrec_gate.refuse_key(409, 'a request with this Idempotency-Key has not ended yet', 'Repeat it a moment later.');
		ELSIF done.request <> digest THEN
			RAISE SQLSTATE 'PT422' USING MESSAGE = 'this Idempotency-Key came with another request', HINT = 'A new request takes a new key.';
		END IF;
		PERFORM set_config('response.status', done.status::text, true),
			set_config('response.headers', (done.headers::jsonb || '[{"Idempotency-Replayed": "true"}]')::text, true);
		RETURN convert_to(coalesce(done.body, ''), 'UTF8');
	END IF;

	payload := convert_from($1, 'UTF8')::json;
	IF path LIKE '/rpc/%' THEN
		IF query <> '' THEN
			RAISE SQLSTATE 'PT400' USING MESSAGE = 'a function that is called with Idempotency-Key takes no parameters in its address';
		END IF;
		SELECT c.status, c.body INTO done FROM medrec_gate.call_function(substr(path, 6)::name, payload) AS c;
		done.status := coalesce(nullif(current_setting('response.status', true), '')::integer, done.status);
	ELSE
		SELECT 201 AS status, i.body, i.number INTO done FROM medrec_gate.insert_rows(substr(path, 2)::name, payload, query, prefer) AS i;
		IF prefer ~* 'return\s*=\s*(minimal|headers-only)' THEN
			done.body := NULL;
		ELSIF sent ->> 'x-accept' = 'object' THEN
			IF done.number <> 1 THEN
				RAISE SQLSTATE 'PT406' USING MESSAGE = 'JSON object requested, multiple (or no) rows returned';
			END IF;
			done.body := (done.body::json -> 0)::text;
		END IF;
	END IF;

	PERFORM set_config('response.status', done.status::text, true), set_config('response.headers',
		(coalesce(nullif(current_setting('response.headers', true), '')::jsonb, '[]') || '[{"Content-Type": "application/json; charset=utf-8"}]')::text, true);
	IF done.status >= 400 THEN
		-- what has failed may be tried again
		DELETE FROM medrec.idempotency_key AS k WHERE k.account = medrec.acting_account() AND k.key = name;
	ELSE
		UPDATE medrec.idempotency_key AS k
		SET status = done.status, body = done.body, headers = current_setting('response.headers')::json
		WHERE k.account = medrec.acting_account() AND k.key = name;
	END IF;
	RETURN convert_to(coalesce(done.body, ''), 'UTF8');
END
$$;
COMMENT ON FUNCTION medrec_api.medrec_once(bytea) IS
'(Not to be called: the gateway sends it a POST with the header Idempotency-Key. The same key with the same request gives the same answer for a day. Errors: PT409 while the first one runs, PT422 for another request, and those of the request itself, which are not kept.)';
REVOKE ALL ON FUNCTION medrec_api.medrec_once(bytea), medrec_gate.insert_rows(name, json, text, text, bigint),
	medrec_gate.call_function(name, json), medrec_gate.refuse_key(integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.medrec_once(bytea), medrec_gate.insert_rows(name, json, text, text, bigint),
	medrec_gate.call_function(name, json), medrec_gate.refuse_key(integer, text, text) TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
