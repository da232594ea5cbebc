\i test/sql-setup.psql
SELECT plan(116);

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

-- unlocks all accounts, as an administrator does
CREATE FUNCTION pg_temp.forgive() RETURNS void LANGUAGE sql AS $$
	UPDATE medrec.account_login SET failures = 0, locked_until = NULL, cleared_at = clock_timestamp();
	UPDATE medrec.login_address SET failures = 0, locked_until = NULL, cleared_at = clock_timestamp()
$$;
-- a request that is rolled back after its answer was seen
CREATE FUNCTION pg_temp.undone(role text, claims json, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	result := pg_temp.request(role, claims, command);
	RAISE EXCEPTION USING ERRCODE = 'MR001';
EXCEPTION WHEN SQLSTATE 'MR001' THEN
	RETURN result;
END
$$;

INSERT INTO medrec.account (username, email, role) VALUES
	('doc', 'Doc@Example.org', 'clinician'), ('twin1', 'twin@example.org', 'coder'), ('twin2', 'TWIN@example.org', 'coder'),
	('root', '', 'admin'), ('nopass', '', 'coder');
CREATE FUNCTION pg_temp.doc() RETURNS integer LANGUAGE sql AS $$ SELECT id FROM medrec.account WHERE username = 'doc' $$;
SELECT medrec.set_password('doc', 'correct horse battery'), medrec.set_password('root', 'no use of staples') \gset

-- a login
SELECT pg_temp.login('doc', 'correct horse battery') AS answer \gset
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'answer') AS k), '{expires_at,role,token}', 'a login answers with token, end and role');
SELECT is(:'answer'::jsonb ->> 'role', 'clinician', 'the login answer has the account''s role');
SELECT is(pg_temp.part(:'answer'::jsonb ->> 'token', 1) - 'kid', '{"alg": "HS256", "typ": "JWT"}', 'the token''s header says HS256');
SELECT is(pg_temp.part(:'answer'::jsonb ->> 'token', 1) ->> 'kid',
	(SELECT kid FROM medrec.jwt_key WHERE signs_from IS NOT NULL AND retired_at IS NULL), 'the token''s header names the key that signs');
SELECT is((SELECT array_agg(k ORDER BY k) FROM json_object_keys(pg_temp.claims(:'answer')) AS k), '{aud,exp,gen,iat,jti,role,sub}', 'the token has all claims');
SELECT is(pg_temp.claims(:'answer') ->> 'sub', 'doc', 'the claim sub is the account''s name');
SELECT is(pg_temp.claims(:'answer') ->> 'role', 'medrec_clinician', 'the claim role is the database''s role');
SELECT is((pg_temp.claims(:'answer') ->> 'exp')::bigint - (pg_temp.claims(:'answer') ->> 'iat')::bigint, 28800::bigint, 'a token lasts medrec.token_lifetime');
SELECT is(split_part(:'answer'::jsonb ->> 'token', '.', 3),
	(SELECT rtrim(translate(encode(public.hmac(convert_to(substring(:'answer'::jsonb ->> 'token' FROM '^(.*)\.'), 'UTF8'), key, 'sha256'), 'base64'), '+/', '-_'), '=')
	FROM medrec.jwt_key WHERE signs_from IS NOT NULL AND retired_at IS NULL), 'the signature is the HMAC that pgcrypto computes');
SELECT isnt(pg_temp.claims(pg_temp.login('doc', 'correct horse battery')) ->> 'jti', pg_temp.claims(:'answer') ->> 'jti', 'each token has its own number');
SELECT ok((SELECT last_login IS NOT NULL FROM medrec.account WHERE username = 'doc'), 'last_login is set');
SELECT is(pg_temp.login('dOC@example.ORG', 'correct horse battery') ->> 'role', 'clinician', 'login accepts an e-mail address');

-- refusals: the same answer in every case, and not an error
SELECT pg_temp.login('doc', 'wrong') AS refusal \gset
SELECT is(:'refusal'::jsonb ->> 'code', '28P01', 'a wrong password is refused');
SELECT is(pg_temp.request('anon', '{}', $$SELECT current_setting('response.status') FROM (SELECT medrec_api.login('doc', 'wrong') OFFSET 0) AS l$$),
	'401', 'a wrong password gets status 401');
SELECT pg_temp.forgive() \g /dev/null
SELECT is(pg_temp.login('nobody', 'wrong'), :'refusal', 'an unknown name gets the same refusal');
SELECT is(pg_temp.login('nopass', ''), :'refusal', 'an account without a password is refused');
SELECT is(pg_temp.login('nopass', '!'), :'refusal', 'the text that marks no password is refused as a password');
SELECT is(pg_temp.login('twin@example.org', 'correct horse battery'), :'refusal', 'an e-mail address of two accounts is refused');
SELECT is(pg_temp.login(NULL, NULL), :'refusal', 'null name and password are refused');
SELECT is(pg_temp.login('', ''), :'refusal', 'empty strings match nobody''s e-mail address');
SELECT is(pg_temp.login(repeat('x', 100000), repeat('y', 100000)), :'refusal', 'a far too long name is refused');
SELECT is(pg_temp.login(''' OR true --', ''' OR true --'), :'refusal', 'SQL in the name is refused');
UPDATE medrec.account SET is_active = false WHERE username = 'doc';
SELECT is(pg_temp.login('doc', 'correct horse battery'), :'refusal', 'an inactive account is refused with the right password');
UPDATE medrec.account SET is_active = true WHERE username = 'doc';
SELECT ok((SELECT count(*) BETWEEN 1 AND 10 FROM medrec.account_login WHERE account_id < 0), 'an attempt for an unknown name writes a row like any other');

-- lock-out: it grows, attempts during it do not count, and the right password waits too
SELECT pg_temp.forgive() \g /dev/null
SELECT pg_temp.login('doc', 'wrong') FROM generate_series(1, 4) \g /dev/null
SELECT is(pg_temp.login('doc', 'correct horse battery') ->> 'role', 'clinician', 'the right password is accepted after four failed attempts');
SELECT is((SELECT failures FROM medrec.account_login WHERE account_id = pg_temp.doc()), 0, 'a successful login clears the count');
SELECT pg_temp.login('doc', 'wrong') FROM generate_series(1, 5) \g /dev/null
SELECT is(pg_temp.login('doc', 'correct horse battery'), :'refusal', 'the right password is refused after five failed attempts');
SELECT results_eq('SELECT failures FROM medrec.login_address WHERE account_id = pg_temp.doc()', 'VALUES (5)', 'attempts during a lock-out do not count');
SELECT is((SELECT count(*) FROM medrec.audit_event WHERE table_name = 'login_lockout' AND action = 'INSERT'), 1::bigint, 'a lock-out is in the audit trail');
CREATE FUNCTION pg_temp.lock_seconds(before integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	UPDATE medrec.login_address SET failures = before, locked_until = NULL, last_failure = clock_timestamp(), cleared_at = clock_timestamp() WHERE account_id = pg_temp.doc();
	PERFORM pg_temp.login('doc', 'wrong');
	RETURN (SELECT extract(epoch FROM locked_until - last_failure)::integer FROM medrec.login_address WHERE account_id = pg_temp.doc());
END
$$;
SELECT is((SELECT array_agg(pg_temp.lock_seconds(n)) FROM unnest('{3,4,5,6,9,13,14,40,2000000000}'::integer[]) AS n),
	'{NULL,1,2,4,32,512,900,900,900}', 'each lock-out is twice as long as the last, up to a limit');
UPDATE medrec.login_address SET failures = 8, locked_until = NULL, cleared_at = clock_timestamp(), last_failure = now() - interval '25 hours' WHERE account_id = pg_temp.doc();
SELECT is(pg_temp.login('doc', 'wrong'), :'refusal', 'a day after a lock-out a failed attempt is answered as usual');
SELECT results_eq('SELECT failures FROM medrec.login_address WHERE account_id = pg_temp.doc()', 'VALUES (1)', 'a day after a lock-out the count starts again');

-- Django's hashes, and other kinds of bcrypt
CREATE FUNCTION pg_temp.given(hash text) RETURNS void LANGUAGE sql AS $$
	UPDATE medrec.account SET password = hash WHERE username = 'nopass'; SELECT pg_temp.forgive()
$$;
-- made by Python: hashlib.pbkdf2_hmac('sha256', b'correct horse battery', b'seasalt123', 600000)
SELECT is(medrec.pbkdf2_iterations('pbkdf2_sha256$600000$seasalt123$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw='), 600000, 'a Django hash is accepted as a hash');
SELECT is((SELECT array_agg(medrec.pbkdf2_iterations(h)) FROM unnest(ARRAY['pbkdf2_sha256$', 'pbkdf2_sha256$12', 'pbkdf2_sha256$5000001$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=',
	'pbkdf2_sha256$99999999999999999999$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', 'pbkdf2_sha256$10$$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', 'pbkdf2_sha256$10$salt$short=',
	'pbkdf2_sha256$-1$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', 'pbkdf2_sha256$10$salt$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6awqehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=', '!']) AS h),
	array_fill(NULL::integer, '{9}'), 'a hash that only looks like Django''s, or has too many iterations, is treated as none');
SELECT pg_temp.given('pbkdf2_sha256$600000$seasalt123$qehubnGenJ/nzObPPq/VWSZNsMTEIf3hCmL2uQBT6aw=') \g /dev/null
SELECT is(pg_temp.login('nopass', 'correct horse batterx'), :'refusal', 'a wrong password for a Django hash is refused');
SELECT is(pg_temp.login('nopass', 'correct horse battery') ->> 'role', 'coder', 'the right password for a Django hash is accepted');
SELECT ok((SELECT password LIKE '$2a$04$%' AND length(password) = 60 FROM medrec.account WHERE username = 'nopass'), 'a Django hash becomes bcrypt at login');
SELECT is(pg_temp.login('nopass', 'correct horse battery') ->> 'role', 'coder', 'the new bcrypt hash is of the same password');
SELECT is((SELECT count(*) FROM medrec.audit_event WHERE new_values::text ~ '\$2a\$|pbkdf2_sha256\$'), 0::bigint, 'the audit trail contains no hash');
SELECT is((SELECT count(*) FROM unnest('{a,b,y}'::text[]) AS v, pg_temp.given('$2' || v || '$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW')
	WHERE pg_temp.login('nopass', 'U*U') ->> 'role' = 'coder'), 3::bigint, 'bcrypt of PHP, Python and others is accepted');
SELECT pg_temp.given('$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW') \g /dev/null
SELECT is(pg_temp.login('nopass', 'U*U'), :'refusal', 'a hash that would take days is not computed');

-- passwords
SELECT is((SELECT array_agg(left(pg_temp.request('admin', '{"sub":"root"}', format('SELECT medrec_api.set_password(%L, %L)', 'twin1', p)), 5))
	FROM unnest(ARRAY['elevenchars', '', NULL, repeat('x', 73), repeat('ü', 37)]) AS p), '{22023,22023,22023,22023,22023}', 'a new password that is too short, or longer than bcrypt reads, is refused');
SELECT is(left(pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.set_password(''nobody'', ''correct horse battery'')'), 5), 'PT404', 'set_password refuses an unknown account');
SELECT is(left(pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.set_password(''Doc@Example.org'', ''correct horse battery'')'), 5), 'PT404', 'set_password takes names, not addresses');
SELECT is(left(pg_temp.request('clinician', '{"sub":"doc"}', 'SELECT medrec_api.set_password(''doc'', ''correct horse battery'')'), 5), '42501', 'only an administrator may set passwords');

-- the check of each request
SELECT pg_temp.forgive() \g /dev/null
SELECT pg_temp.login('doc', 'correct horse battery') AS answer \gset
SELECT pg_temp.claims(:'answer') AS claims \gset
SELECT results_eq(format($$VALUES (pg_temp.check('anon', '{"role":"medrec_anon"}')), (pg_temp.check('clinician', %L))$$, :'claims'), $$VALUES (''), ('')$$, 'check_request accepts no token and a good one');
SELECT is((SELECT array_agg(pg_temp.check(r, c)) FROM (VALUES ('admin', :'claims'::json), ('authenticator', :'claims'), ('clinician', '{}'),
	('clinician', '{"sub":"nobody"}'), ('admin', '{"sub":"doc"}'), ('clinician', json_build_object('sub', 'doc', 'gen', 99)),
	('clinician', '{"sub":{"x":1}}'), ('clinician', NULL)) AS v (r, c)),
	array_fill('PT401 the token is not accepted'::text, '{8}'), 'check_request refuses another role, no account, an unknown one and another generation, without saying why');
UPDATE medrec.account SET is_active = false WHERE username = 'doc';
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'deactivating an account ends its tokens at once');
UPDATE medrec.account SET is_active = true, role = 'coder' WHERE username = 'doc';
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'changing an account''s role ends its tokens at once');
UPDATE medrec.account SET role = 'clinician' WHERE username = 'doc';
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'reactivating an account does not bring its ended tokens back');
SELECT pg_temp.claims(pg_temp.login('doc', 'correct horse battery')) AS claims \gset
SELECT is(pg_temp.check('clinician', :'claims'), '', 'a login after reactivation gives a valid token');
SELECT is(pg_temp.request('clinician', :'claims', 'SELECT medrec_api.logout()') || left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'logout ends the token');
SELECT pg_temp.claims(pg_temp.login('doc', 'correct horse battery')) AS claims \gset
SELECT is(left(pg_temp.request('clinician', :'claims', 'SELECT medrec_api.change_password(''wrong'', ''another password'')'), 19), '{"code": "28P01", "', 'change_password needs the old password');
SELECT pg_temp.request('clinician', :'claims', 'SELECT medrec_api.change_password(''correct horse battery'', ''another password'')') AS changed \gset
SELECT is(left(pg_temp.check('clinician', :'claims'), 5) || pg_temp.check('clinician', pg_temp.claims(:'changed')), 'PT401', 'change_password ends the old tokens and returns a new one');
SELECT is(pg_temp.login('doc', 'another password') ->> 'role', 'clinician', 'login accepts the changed password');
SELECT pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.revoke_tokens(''doc'')') \g /dev/null
SELECT is(left(pg_temp.check('clinician', pg_temp.claims(:'changed')), 5), 'PT401', 'revoke_tokens ends all tokens of an account');
SELECT is(left(pg_temp.check('coder', '{"sub":"federated","exp":4000000000,"aud":"medrec"}'), 5), 'PT401', 'a token of an unknown account is refused');
SET LOCAL medrec.outside_accounts = on;
SELECT is((SELECT array_agg(left(pg_temp.check(r, c), 5)) FROM (VALUES ('coder', '{"sub":"federated","exp":4000000000,"aud":"medrec"}'::json), ('coder', '{"sub":"federated","exp":4000000000,"aud":["x","medrec"]}'),
	('authenticator', '{"sub":"federated","exp":4000000000,"aud":"medrec"}'), ('admin', '{"sub":"doc","exp":4000000000,"aud":"medrec"}'),
	('coder', '{"sub":"federated","gen":0,"exp":4000000000,"aud":"medrec"}')) AS v (r, c)),
	'{"","",PT401,PT401,PT401}', 'with outside accounts a token of an unknown account is accepted with one of medrec''s roles, and known accounts keep their rules');

SELECT is((SELECT array_agg(left(pg_temp.check('coder', c), 5)) FROM unnest(ARRAY['{"sub":"federated","aud":"medrec"}', '{"sub":"federated","exp":4000000000}',
	'{"sub":"federated","exp":4000000000,"aud":"x"}', '{"sub":"federated","exp":4000000000,"aud":["x","medrec2"]}', '{"sub":"federated","exp":4000000000,"aud":{"medrec":1}}']::json[]) AS c),
	array_fill('PT401'::text, '{5}'), 'a token without an end, or for another service, is refused');
SELECT is((SELECT array_agg(left(pg_temp.check('clinician', json_build_object('sub', 'doc', 'exp', 4000000000, 'aud', 'medrec', 'iat', i)), 5))
	FROM unnest(ARRAY[extract(epoch FROM clock_timestamp() - interval '1 hour')::bigint, extract(epoch FROM clock_timestamp() + interval '1 s')::bigint, NULL]) AS i),
	'{PT401,"",PT401}', 'ending an account''s tokens also ends earlier tokens of an outside provider');
SET LOCAL medrec.token_audience = '';
SELECT is(pg_temp.check('coder', '{"sub":"federated","exp":4000000000}'), '', 'an empty medrec.token_audience accepts any audience');
RESET medrec.token_audience;

-- no oracle: nothing is checked that would not count
SELECT pg_temp.forgive() \g /dev/null
SELECT is((SELECT array_agg(DISTINCT pg_temp.request('anon', '{}', format('SELECT medrec_api.login(''doc'', %L) FROM set_config(''transaction_read_only'', ''on'', true)', p)))
	FROM unnest('{wrong,another password}'::text[]) AS p), '{"25006 cannot check passwords in a read-only transaction"}', 'login in a read-only transaction is refused, with the right and the wrong password');
SELECT is((SELECT array_agg(DISTINCT pg_temp.request('clinician', '{"sub":"doc"}', format('SELECT medrec_api.change_password(%L, ''yet another one'') FROM set_config(''transaction_read_only'', ''on'', true)', p)))
	FROM unnest('{wrong,another password}'::text[]) AS p), '{"25006 cannot check passwords in a read-only transaction"}', 'change_password in a read-only transaction is refused');
SELECT throws_ok('SELECT medrec.login(''doc'', ''another password'')', '42501', NULL, 'login is refused in sessions other than the gateway''s, even for a superuser');
SELECT throws_ok('SELECT medrec.change_password(''another password'', ''yet another one'')', '42501', NULL, 'change_password is refused in sessions other than the gateway''s');
SELECT pg_temp.undone('anon', '{}', 'SELECT medrec_api.login(''doc'', ''wrong'')') FROM generate_series(1, 5) \g /dev/null
SELECT is((SELECT failures FROM medrec.login_address WHERE account_id = pg_temp.doc()), 0, 'five failed attempts that were rolled back leave no count in the rows');
SELECT is(pg_temp.login('doc', 'another password'), :'refusal', 'attempts that were rolled back still lock the account');
SELECT pg_temp.forgive() \g /dev/null
SELECT pg_temp.undone('clinician', '{"sub":"doc"}', 'SELECT medrec_api.change_password(''wrong'', ''yet another one'')') FROM generate_series(1, 5) \g /dev/null
SELECT is(pg_temp.login('doc', 'another password'), :'refusal', 'failed attempts of change_password count too');
SELECT pg_temp.forgive() \g /dev/null
SELECT pg_temp.undone('anon', '{}', 'SELECT medrec_api.login(''doc'', ''another password'')') AS undone \gset
SELECT is(left(pg_temp.check('clinician', pg_temp.claims(:'undone')), 5), 'PT401', 'a token whose login was rolled back is refused');

-- lock-out by address
CREATE FUNCTION pg_temp.from(address text, password text) RETURNS text LANGUAGE sql AS $$
	SELECT set_config('request.headers', json_build_object('x-real-ip', address)::text, true);
	SELECT coalesce(l ->> 'role', l ->> 'code') FROM pg_temp.login('doc', password) AS l
$$;
SELECT is(pg_temp.from('192.0.2.1', 'another password'), 'clinician', 'an account logs in from its usual address');
SELECT pg_temp.from('198.51.100.7', 'wrong') FROM generate_series(1, 6) \g /dev/null
SELECT is(pg_temp.from('198.51.100.7', 'another password'), '28P01', 'another address is locked out after failed attempts');
SELECT is(pg_temp.from('192.0.2.1', 'another password'), 'clinician', 'locking out one address does not lock out another');
SELECT pg_temp.from('2001:db8::' || i, 'wrong') FROM generate_series(1, 5) AS i \g /dev/null
SELECT is(pg_temp.from('2001:db8::99', 'another password'), '28P01', 'an IPv6 network counts as one address');
UPDATE medrec.account_login SET failures = 99, last_failure = clock_timestamp(), cleared_at = clock_timestamp() WHERE account_id = pg_temp.doc();
SELECT is(pg_temp.from('203.0.113.1', 'wrong'), '28P01', 'the hundredth failed attempt is still answered');
SELECT is(pg_temp.from('203.0.113.2', 'another password'), '28P01', 'after a hundred failed attempts the account is locked for addresses without an earlier login');
SELECT is(pg_temp.from('192.0.2.1', 'another password'), 'clinician', 'after a hundred failed attempts an address with an earlier login still works');
SELECT set_config('request.headers', '', true) \g /dev/null

-- accounts that were deleted and created again
SELECT pg_temp.claims(pg_temp.login('doc', 'another password')) AS claims \gset
DELETE FROM medrec.account WHERE username = 'doc';
INSERT INTO medrec.account (username, email, role) VALUES ('doc', 'doc@example.org', 'clinician');
SELECT medrec.set_password('doc', 'another password') \g /dev/null
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'a token of a deleted account is refused for a new account of the same name');
UPDATE medrec.token_generation SET generation = (:'claims'::json ->> 'gen')::integer WHERE account_id = pg_temp.doc();
SELECT is(left(pg_temp.check('clinician', :'claims'), 5), 'PT401', 'a token of a deleted account is refused even with the new account''s generation');
SELECT is((SELECT count(*) FROM medrec.token_issued AS i WHERE i.jti = :'claims'::json ->> 'jti'), 0::bigint, 'deleting an account removes its tokens');

-- the last administrator
UPDATE medrec.account SET is_active = false WHERE role = 'admin' AND username <> 'root';
SELECT throws_ok('UPDATE medrec.account SET is_active = false WHERE username = ''root''', '55000', NULL, 'the last administrator cannot be deactivated');
SELECT throws_ok('UPDATE medrec.account SET role = ''coder''', '55000', NULL, 'the last administrator cannot get another role');
SELECT throws_ok('DELETE FROM medrec.account', '55000', NULL, 'the last administrator cannot be deleted');
INSERT INTO medrec.account (username, role) VALUES ('root2', 'admin');
SELECT lives_ok('UPDATE medrec.account SET is_active = false WHERE username = ''root''', 'one of two administrators can be deactivated');
UPDATE medrec.account SET is_active = true WHERE username = 'root';

-- auditors
SELECT pg_temp.request('admin', '{"sub":"root"}', 'INSERT INTO medrec_api.accounts (username, role) VALUES (''watch'', ''auditor'') RETURNING 1') \g /dev/null
SELECT pg_temp.request('admin', '{"sub":"root"}', 'SELECT medrec_api.set_password(''watch'', ''a password of theirs'')') \g /dev/null
SELECT pg_temp.request('admin', '{"sub":"root"}', 'UPDATE medrec_api.accounts SET role = ''coder'', is_active = false WHERE username = ''watch'' RETURNING 1') \g /dev/null
SELECT is((SELECT array_agg(e.account || ' ' || (e.new_values ->> 'change') ORDER BY e.n) FROM medrec.audit_event AS e WHERE e.table_name = 'auditor_change' AND e.action = 'INSERT'),
	'{"root made","root password","root role,active"}', 'creating or changing an auditor''s account leaves an event of its own');

-- names that look alike
SELECT throws_ok(format('INSERT INTO medrec.account (username) VALUES (%L)', n), '23505', NULL, 'a name that looks like another: ' || w)
	FROM (VALUES ('DOC', 'capitals'), (U&'\FF24\FF4F\FF43', 'full width'), (U&'d\043e\0441', 'Cyrillic'), (U&'D\041e\0421', 'Cyrillic capitals'), (U&'d\200boc', 'with invisible characters')) AS v (n, w);
SELECT throws_ok('UPDATE medrec.account SET username = ''Doc'' WHERE username = ''root2''', '23505', NULL, 'renaming an account to a look-alike is refused');
SELECT lives_ok('UPDATE medrec.account SET username = ''Root2'' WHERE username = ''root2''', 'an account may change the case of its own name');
SELECT throws_ok('SELECT medrec.set_password(''twin1'', ''QWERTYuiop123'')', '22023', NULL, 'a common password is refused, whatever its case');
SELECT throws_ok(format('INSERT INTO medrec.account (username) VALUES (%L)', n), '23505', NULL, 'a name that differs from another only in invisible characters is refused: ' || w)
	FROM (VALUES (U&'doc\00a0', 'a space that does not break'), (U&'doc\2800', 'a Braille pattern without dots'), (U&'doc\3164', 'a filler of Hangul'), (U&'doc\+0E0041', 'a tag'),
		(U&'doc\+0E0100', 'a variation selector'), (U&'do\180Bc', 'one of Mongolian'), (U&'d\17B4oc', 'a vowel of Khmer'), (U&'\FFA0doc', 'a filler of half width'), (U&'\2003doc', 'a wide space')) AS v (n, w);
SELECT throws_ok(format('INSERT INTO medrec.account (username) VALUES (%L)', n), '22023', NULL, 'a name without a visible character is refused: ' || w)
	FROM (VALUES (U&'\200B', 'U+200B'), (U&'\3164\2800', 'U+3164, U+2800')) AS v (n, w);
SELECT throws_ok('INSERT INTO medrec.account (username) VALUES (U&''do\00a0 c''), (''do c'')', '23505', NULL, 'names whose gaps look alike are refused');
SELECT lives_ok('INSERT INTO medrec.account (username) VALUES (''do  c'')', 'a name with a gap differs from one without');
SELECT throws_ok(format('SELECT medrec.set_password(''twin1'', %L)', p), '22023', NULL, 'a common password with invisible or wide characters is refused: ' || w)
	FROM (VALUES ('qwertyuiop123 ', 'a space behind it'), (U&'\00a0qwertyuiop123', 'one before it'), (U&'qwerty\200Buiop123', 'a zero-width space'),
		(U&'\FF51wertyuiop123', 'a letter of full width'), (U&'qwertyuiop123\3164', 'a filler')) AS v (p, w);
SELECT throws_ok(format('SELECT medrec.set_password(''twin1'', %L)', p), '22023', NULL, 'invisible characters do not make a password long enough: ' || w)
	FROM (VALUES (repeat(' ', 12), 'spaces'), (repeat(U&'\200B', 12), 'zero-width spaces'), ('short' || repeat(U&'\2060', 20), 'word joiners')) AS v (p, w);
SELECT throws_ok('SELECT medrec.set_password(''twelve-chars'', ''twelve-chars '')', '22023', NULL, 'a password that differs from the name by a space is refused');

-- keys
SELECT kid AS first FROM medrec.jwt_key WHERE signs_from IS NOT NULL \gset
SELECT medrec.rotate_jwt_key('1 hour') \g /dev/null
SELECT is((SELECT array_agg((kid = :'first')::text || coalesce(' until ' || (retired_at - statement_timestamp() <= '1 hour'), '') ORDER BY signs_from NULLS LAST) FROM medrec.jwt_key),
	'{"true until true",false,false}', 'after a rotation the old key is accepted for its overlap and the next one signs');
SELECT ok(NOT (medrec.jwt_key_set()::jsonb -> 'keys')::text LIKE '%' || :'first' || '%' , 'a rotation without overlap drops all old keys') FROM medrec.rotate_jwt_key('0');

SELECT finish();
ROLLBACK;
