\i test/sql-setup.psql
SELECT plan(58);

SET LOCAL medrec.password_cost = 4;

-- a request as PostgREST makes it: session of the authenticator, a role, the claims of a verified token;
-- the first value of the result as text, or the error
CREATE FUNCTION pg_temp.request(role text, claims json, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_authorization', 'medrec_authenticator', true);
	PERFORM set_config('role', 'medrec_' || role, true), set_config('request.jwt.claims', claims::text, true),
		set_config('response.status', '', true);
	BEGIN
		EXECUTE command INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.jwt.claims', '', true);
	RETURN coalesce(result, '');
END
$$;
CREATE FUNCTION pg_temp.login(username text, password text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.request('anon', '{"role":"medrec_anon"}', format('SELECT medrec_api.login(%L, %L)', username, password))::jsonb
$$;
CREATE FUNCTION pg_temp.part(token text, n integer) RETURNS jsonb LANGUAGE sql AS $$
	SELECT convert_from(decode(rpad(p, (length(p) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
	FROM translate(split_part(token, '.', n), '-_', '+/') AS p
$$;
CREATE FUNCTION pg_temp.claims(answer jsonb) RETURNS json LANGUAGE sql AS $$ SELECT pg_temp.part(answer ->> 'token', 2)::json $$;
CREATE FUNCTION pg_temp.check(role text, claims json) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.request(role, claims, 'SELECT medrec_gate.pre_request()')
$$;

INSERT INTO medrec.account (username, email, role) VALUES
	('doc', 'Doc@Example.org', 'clinician'), ('twin1', 'twin@example.org', 'coder'), ('twin2', 'TWIN@example.org', 'coder'),
	('root', '', 'admin'), ('nopass', '', 'coder');
CREATE FUNCTION pg_temp.doc() RETURNS integer LANGUAGE sql AS $$ SELECT id FROM medrec.account WHERE username = 'doc' $$;
SELECT medrec.set_password('doc', 'correct horse battery'), medrec.set_password('root', 'no use of staples') \gset

-- a login
SELECT pg_temp.login('doc', 'correct horse battery') AS answer \gset
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'answer') AS k), '{expires_at,role,token}', 'a login answers with token, end and role');
SELECT is(:'answer'::jsonb ->> 'role', 'clinician', 'the account''s role');
SELECT is(pg_temp.part(:'answer'::jsonb ->> 'token', 1) - 'kid', '{"alg": "HS256", "typ": "JWT"}', 'the header says HS256');
SELECT is(pg_temp.part(:'answer'::jsonb ->> 'token', 1) ->> 'kid',
	(SELECT kid FROM medrec.jwt_key WHERE signs_from IS NOT NULL AND retired_at IS NULL), 'and names the key that signs');
SELECT is((SELECT array_agg(k ORDER BY k) FROM json_object_keys(pg_temp.claims(:'answer')) AS k), '{exp,gen,iat,jti,role,sub}', 'the claims');
SELECT is(pg_temp.claims(:'answer') ->> 'sub', 'doc', 'sub is the account''s name');
SELECT is(pg_temp.claims(:'answer') ->> 'role', 'medrec_clinician', 'role is the database''s role');
SELECT is((pg_temp.claims(:'answer') ->> 'exp')::bigint - (pg_temp.claims(:'answer') ->> 'iat')::bigint, 28800::bigint, 'a token lasts medrec.token_lifetime');
SELECT is(split_part(:'answer'::jsonb ->> 'token', '.', 3),
	(SELECT rtrim(translate(encode(public.hmac(convert_to(substring(:'answer'::jsonb ->> 'token' FROM '^(.*)\.'), 'UTF8'), key, 'sha256'), 'base64'), '+/', '-_'), '=')
	FROM medrec.jwt_key WHERE signs_from IS NOT NULL AND retired_at IS NULL), 'the signature is the HMAC that pgcrypto computes');
SELECT isnt(pg_temp.claims(pg_temp.login('doc', 'correct horse battery')) ->> 'jti', pg_temp.claims(:'answer') ->> 'jti', 'each token has its own number');
SELECT ok((SELECT last_login IS NOT NULL FROM medrec.account WHERE username = 'doc'), 'last_login is set');
SELECT is(pg_temp.login('dOC@example.ORG', 'correct horse battery') ->> 'role', 'clinician', 'an e-mail address does as well');

-- refusals: the same answer whatever is wrong, and no error
SELECT pg_temp.login('doc', 'wrong') AS refusal \gset
SELECT is(:'refusal'::jsonb ->> 'code', '28P01', 'a wrong password is refused');
SELECT is(pg_temp.request('anon', '{}', $$SELECT current_setting('response.status') FROM (SELECT medrec_api.login('doc', 'wrong') OFFSET 0) AS l$$),
	'401', 'with status 401');
UPDATE medrec.account_login SET failures = 0;
SELECT is(pg_temp.login('nobody', 'wrong'), :'refusal', 'an unknown name is refused alike');
SELECT is(pg_temp.login('nopass', ''), :'refusal', 'an account without a password');
SELECT is(pg_temp.login('nopass', '!'), :'refusal', 'also with what stands for none');
SELECT is(pg_temp.login('twin@example.org', 'correct horse battery'), :'refusal', 'an address that two accounts have');
SELECT is(pg_temp.login(NULL, NULL), :'refusal', 'nothing at all');
SELECT is(pg_temp.login('', ''), :'refusal', 'empty strings: nobody''s e-mail address');
SELECT is(pg_temp.login(repeat('x', 100000), repeat('y', 100000)), :'refusal', 'far too long');
SELECT is(pg_temp.login(''' OR true --', ''' OR true --'), :'refusal', 'SQL');
UPDATE medrec.account SET is_active = false WHERE username = 'doc';
SELECT is(pg_temp.login('doc', 'correct horse battery'), :'refusal', 'an account that is not active, with the right password');
UPDATE medrec.account SET is_active = true WHERE username = 'doc';
SELECT ok((SELECT count(*) BETWEEN 1 AND 10 FROM medrec.account_login WHERE account_id < 0), 'refused tries for names that there are not write a row as others do');

-- lock-out: it grows, tries under it do not count, and even the right password waits
UPDATE medrec.account_login SET failures = 0, locked_until = NULL;
SELECT pg_temp.login('doc', 'wrong') FROM generate_series(1, 4) \g /dev/null
SELECT is(pg_temp.login('doc', 'correct horse battery') ->> 'role', 'clinician', 'four wrong tries, and the right one is taken');
SELECT is((SELECT failures FROM medrec.account_login WHERE account_id = pg_temp.doc()), 0, 'and clears the count');
SELECT pg_temp.login('doc', 'wrong') FROM generate_series(1, 5) \g /dev/null
SELECT is(pg_temp.login('doc', 'correct horse battery'), :'refusal', 'after five the right one is refused too');
SELECT results_eq('SELECT failures FROM medrec.account_login WHERE account_id = pg_temp.doc()', 'VALUES (5)', 'what is tried under a lock does not count');
SELECT is((SELECT count(*) FROM medrec.audit_event WHERE table_name = 'login_lockout'), 1::bigint, 'the lock-out is in the audit trail');
CREATE FUNCTION pg_temp.lock_seconds(before integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	UPDATE medrec.account_login SET failures = before, locked_until = NULL WHERE account_id = pg_temp.doc();
	PERFORM pg_temp.login('doc', 'wrong');
	RETURN (SELECT extract(epoch FROM locked_until - last_failure)::integer FROM medrec.account_login WHERE account_id = pg_temp.doc());
END
$$;
SELECT is((SELECT array_agg(pg_temp.lock_seconds(n)) FROM unnest('{3,4,5,6,9,13,14,40,2000000000}'::integer[]) AS n),
	'{NULL,1,2,4,32,512,900,900,900}', 'each lock-out is twice as long as the last, up to a limit');
UPDATE medrec.account_login SET failures = 8, locked_until = NULL, last_failure = now() - interval '25 hours' WHERE account_id = pg_temp.doc();
SELECT is(pg_temp.login('doc', 'wrong'), :'refusal', 'a day later a wrong try ...');
SELECT results_eq('SELECT failures FROM medrec.account_login WHERE account_id = pg_temp.doc()', 'VALUES (1)', '... is the first again');

-- Django's hashes, and other makes of bcrypt
CREATE FUNCTION pg_temp.given(hash text) RETURNS void LANGUAGE sql AS $$
	UPDATE medrec.account SET password = hash WHERE username = 'nopass'; UPDATE medrec.account_login SET failures = 0, locked_until = NULL
$$;
-- made by Python: hashlib.pbkdf2_hmac('sha256', b'correct horse battery', b'seasalt123', 600000)
SELECT is(medrec.pbkdf2_iterations('pbkdf2_sha256$600000$seasalt123$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw='), 600000, 'a Django hash is known');
SELECT is((SELECT array_agg(medrec.pbkdf2_iterations(h)) FROM unnest(ARRAY['pbkdf2_sha256$', 'pbkdf2_sha256$12', 'pbkdf2_sha256$5000001$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=',
	'pbkdf2_sha256$99999999999999999999$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', 'pbkdf2_sha256$10$$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', 'pbkdf2_sha256$10$salt$short=',
	'pbkdf2_sha256$-1$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', 'pbkdf2_sha256$10$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6awqehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', '!']) AS h),
	array_fill(NULL::integer, '{9}'), 'what only looks like one, or asks for too much, is none');
SELECT pg_temp.given('pbkdf2_sha256$600000$seasalt123$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=') \g /dev/null
SELECT is(pg_temp.login('nopass', 'correct horse batterx'), :'refusal', 'a wrong password for a Django hash');
SELECT is(pg_temp.login('nopass', 'correct horse battery') ->> 'role', 'coder', 'the right one');
SELECT ok((SELECT password LIKE '$2a$04$%' AND length(password) = 60 FROM medrec.account WHERE username = 'nopass'), 'and it is bcrypt from then on');
SELECT is(pg_temp.login('nopass', 'correct horse battery') ->> 'role', 'coder', 'of the same password');
SELECT is((SELECT count(*) FROM medrec.audit_event WHERE new_values::text ~ '\$2a\$|pbkdf2_sha256\$'), 0::bigint, 'the audit trail holds no hash');
SELECT is((SELECT count(*) FROM unnest('{a,b,y}'::text[]) AS v, pg_temp.given('$2' || v || '$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW')
	WHERE pg_temp.login('nopass', 'U*U') ->> 'role' = 'coder'), 3::bigint, 'bcrypt of PHP, Python and others is accepted');
SELECT pg_temp.given('$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW') \g /dev/null
SELECT is(pg_temp.login('nopass', 'U*U'), :'refusal', 'one that would take days is not computed');

-- passwords
SELECT is((SELECT array_agg(left(pg_temp.request('admin', '{"sub":"root"}', format('SELECT medrec_api.set_password(%L, %L)', 'twin1', p)), 5))
	FROM unnest(ARRAY['elevenchars', '', NULL, repeat('x', 73), repeat('ü', 37)]) AS p), '{22023,22023,22023,22023,22023}', 'a new password is neither short nor longer than bcrypt sees');
SELECT is(left(pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.set_password(''nobody'', ''correct horse battery'')'), 5), 'PT404', 'an account that there is not');
SELECT is(left(pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.set_password(''Doc@Example.org'', ''correct horse battery'')'), 5), 'PT404', 'set_password takes names, not addresses');
SELECT is(left(pg_temp.request('clinician', '{"sub":"doc"}', 'SELECT medrec_api.set_password(''doc'', ''correct horse battery'')'), 5), '42501', 'only an administrator sets passwords');

-- the check of each request
UPDATE medrec.account_login SET failures = 0, locked_until = NULL;
SELECT pg_temp.login('doc', 'correct horse battery') AS answer \gset
SELECT pg_temp.claims(:'answer') AS claims \gset
SELECT results_eq(format($$VALUES (pg_temp.check('anon', '{"role":"medrec_anon"}')), (pg_temp.check('clinician', %L))$$, :'claims'), $$VALUES (''), ('')$$, 'no token, and a good one');
SELECT is((SELECT array_agg(pg_temp.check(r, c)) FROM (VALUES ('admin', :'claims'::json), ('authenticator', :'claims'), ('clinician', '{}'),
	('clinician', '{"sub":"nobody"}'), ('admin', '{"sub":"doc"}'), ('clinician', json_build_object('sub', 'doc', 'gen', 99)),
	('clinician', '{"sub":{"x":1}}'), ('clinician', NULL)) AS v (r, c)),
	array_fill('PT401 the token is not accepted'::text, '{8}'), 'another role, no account, an unknown one, another generation: refused, without saying why');
UPDATE medrec.account SET is_active = false WHERE username = 'doc';
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'deactivating takes effect at once');
UPDATE medrec.account SET is_active = true, role = 'coder' WHERE username = 'doc';
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'so does another role');
UPDATE medrec.account SET role = 'clinician' WHERE username = 'doc';
SELECT is(pg_temp.request('clinician', :'claims', 'SELECT medrec_api.logout()') || left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'logout ends the token');
SELECT pg_temp.claims(pg_temp.login('doc', 'correct horse battery')) AS claims \gset
SELECT is(left(pg_temp.request('clinician', :'claims', 'SELECT medrec_api.change_password(''wrong'', ''another password'')'), 19), '{"code": "28P01", "', 'changing a password asks for the old one');
SELECT pg_temp.request('clinician', :'claims', 'SELECT medrec_api.change_password(''correct horse battery'', ''another password'')') AS changed \gset
SELECT is(left(pg_temp.check('clinician', :'claims'), 5) || pg_temp.check('clinician', pg_temp.claims(:'changed')), 'PT401', 'ends the old tokens and gives a new one');
SELECT is(pg_temp.login('doc', 'another password') ->> 'role', 'clinician', 'and is the password then');
SELECT pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.revoke_tokens(''doc'')') \g /dev/null
SELECT is(left(pg_temp.check('clinician', pg_temp.claims(:'changed')), 5), 'PT401', 'an administrator ends them all');
SELECT is(left(pg_temp.check('coder', '{"sub":"federated"}'), 5), 'PT401', 'a token of an account that is not ours is refused ...');
SET LOCAL medrec.outside_accounts = on;
SELECT is((SELECT array_agg(left(pg_temp.check(r, c), 5)) FROM (VALUES ('coder', '{"sub":"federated"}'::json), ('authenticator', '{"sub":"federated"}'),
	('admin', '{"sub":"doc"}'), ('coder', '{"sub":"federated","gen":0}')) AS v (r, c)),
	'{"",PT401,PT401,PT401}', '... but where an outside provider keeps them, with a role of ours; an account of ours stays what it is');

-- keys
SELECT kid AS first FROM medrec.jwt_key WHERE signs_from IS NOT NULL \gset
SELECT medrec.rotate_jwt_key('1 hour') \g /dev/null
SELECT is((SELECT array_agg((kid = :'first')::text || coalesce(' until ' || (retired_at - statement_timestamp() <= '1 hour'), '') ORDER BY signs_from NULLS LAST) FROM medrec.jwt_key),
	'{"true until true",false,false}', 'a changed key is accepted for a while; the next one signs');
SELECT ok(NOT (medrec.jwt_key_set()::jsonb -> 'keys')::text LIKE '%' || :'first' || '%' , 'without overlap none of the old is left') FROM medrec.rotate_jwt_key('0');

SELECT finish();
ROLLBACK;
