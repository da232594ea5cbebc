-- audit: who is said to have acted, and that nobody can say it of somebody else
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
SET datestyle = 'ISO, YMD';
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS medrec CASCADE;
SELECT FROM medrec.migrate();
SET search_path = public, pg_catalog;
SELECT plan(64);

CREATE FUNCTION medrec.last_event() RETURNS medrec.audit_event LANGUAGE sql SECURITY DEFINER SET search_path = medrec, pg_temp AS
	$$ SELECT * FROM medrec.audit_event WHERE xid = pg_current_xact_id()::text::bigint ORDER BY n DESC LIMIT 1 $$;
CREATE SEQUENCE pg_temp.numbers;
-- writes a patient as whoever is the present role
CREATE FUNCTION medrec.write() RETURNS medrec.audit_event LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO medrec.patient (name, age, gender, patient_id)
	VALUES ('A', 1, 'other', 'ACT-' || md5(random()::text)::varchar(12));
	RETURN medrec.last_event();
END
$$;
GRANT EXECUTE ON FUNCTION medrec.last_event(), medrec.write() TO medrec_clinician;
GRANT USAGE ON SCHEMA public TO medrec_clinician;
SELECT session_user AS me \gset

-- a user of SQL, whatever claims he sets
SELECT set_config('request.jwt.claims', '{"sub": "chief", "jti": "7"}', true),
	set_config('request.headers', '{"x-request-id": "forged", "x-real-ip": "1.2.3.4", "x-reason": "forged"}', true),
	set_config('request.method', 'POST', true), set_config('request.path', '/forged', true) \g /dev/null
SELECT is(e.account, NULL, 'claims of an ordinary session are not believed') FROM medrec.write() AS e;
SELECT is(e.jti, NULL, 'nor its token') FROM medrec.last_event() AS e;
SELECT is(e.request_id, NULL, 'nor its request') FROM medrec.last_event() AS e;
SELECT is(concat(e.method, e.path, e.reason), '', 'nor method, path, reason of headers') FROM medrec.last_event() AS e;
SELECT isnt(e.client_addr, '1.2.3.4', 'nor its address') FROM medrec.last_event() AS e;
SELECT is(array[e.role, e.session_role, e.effective_role], array[:'me', :'me', :'me'], 'who it is: the session user') FROM medrec.last_event() AS e;
SET LOCAL application_name = 'tests';
SET LOCAL medrec.reason = 'audit of the audit';
SELECT is(concat_ws(', ', e.application_name, e.reason), 'tests, audit of the audit', 'application and reason') FROM medrec.write() AS e;
SET LOCAL ROLE medrec_clinician;
SELECT is(concat_ws(', ', e.role, e.session_role, e.effective_role), concat_ws(', ', 'medrec_clinician', :'me', 'medrec_clinician'),
	'a role that was taken on, and by whom') FROM medrec.write() AS e;
RESET ROLE;

-- what runs with its owner's rights
CREATE ROLE audit_test_definer;
GRANT medrec_clinician TO audit_test_definer;
CREATE FUNCTION medrec.write_as_owner() RETURNS medrec.audit_event LANGUAGE sql SECURITY DEFINER AS 'SELECT medrec.write()';
ALTER FUNCTION medrec.write_as_owner() OWNER TO audit_test_definer;
SET LOCAL ROLE medrec_clinician;
SELECT is(concat_ws(', ', e.role, e.effective_role), 'medrec_clinician, audit_test_definer',
	'inside a SECURITY DEFINER function both are named') FROM medrec.write_as_owner() AS e;
RESET ROLE;

-- PostgREST
SET LOCAL medrec.reason = '';
SET SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL ROLE medrec_clinician;
SELECT is(e.account, 'chief', 'the authenticator''s claims are believed') FROM medrec.write() AS e;
SELECT is(e.jti, '7', 'token') FROM medrec.last_event() AS e;
SELECT is(concat_ws(' ', e.request_id, e.method, e.path), 'forged POST /forged', 'request') FROM medrec.last_event() AS e;
SELECT is(e.client_addr, '1.2.3.4', 'address') FROM medrec.last_event() AS e;
SELECT is(e.reason, 'forged', 'reason') FROM medrec.last_event() AS e;
SELECT is(concat_ws(', ', e.role, e.session_role), 'medrec_clinician, medrec_authenticator', 'roles') FROM medrec.last_event() AS e;
SET LOCAL medrec.reason = 'from the setting';
SELECT is(e.reason, 'from the setting', 'the setting goes before the header') FROM medrec.write() AS e;
SET LOCAL medrec.reason = '';

-- the next request of the same connection
SELECT set_config('request.jwt.claims', '{"role": "medrec_clinician", "sub": "second"}', true) \g /dev/null
SELECT is(concat_ws(', ', e.account, e.jti), 'second', 'new claims are read anew') FROM medrec.write() AS e;
SELECT set_config('request.jwt.claims', '', true) \g /dev/null
SELECT is(e.account, NULL, 'no claims, no account') FROM medrec.write() AS e;

-- addresses
CREATE FUNCTION pg_temp.address(headers text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('request.headers', headers, true);
	RETURN (medrec.write()).client_addr;
END
$$;
SELECT is(pg_temp.address('{"x-forwarded-for": "6.6.6.6, 10.0.0.1, 2001:db8::7"}'), '2001:db8::7', 'of X-Forwarded-For what the gateway added');
SELECT is(pg_temp.address('{"x-real-ip": "10.1.1.1", "x-forwarded-for": "6.6.6.6"}'), '10.1.1.1', 'X-Real-Ip goes before it');
SELECT isnt(pg_temp.address('{"x-real-ip": "<script>"}'), '<script>', 'what is no address is none');
SELECT isnt(pg_temp.address('{"x-forwarded-for": ", "}'), '', 'nor nothing');

-- whatever is in the claims, the write goes on
CREATE FUNCTION pg_temp.account(claims text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('request.jwt.claims', claims, true);
	RETURN (medrec.write()).account;
END
$$;
SELECT is(pg_temp.account(c), NULL, 'broken claims are none: ' || left(c, 40))
	FROM (VALUES ('{'), ('{"sub"'), ('{"sub": "a'), ('{"sub": "a"'), ('{"sub": "a", }'), ('["sub"]'), ('{"sub": "a\'), ('"sub"')) AS v (c);
SELECT is(pg_temp.account('{"x": {"sub": "inner", "a": ["}"]}, "sub": "outer"}'), 'outer', 'only the outermost members count');
SELECT is(pg_temp.account('{"sub": 42}'), '42', 'a number is taken as text');
SELECT is(pg_temp.account('{"sub": ["a"]}'), NULL, 'a list is not');
SELECT is(pg_temp.account('{"sub": "J\u00fcrgen \ud83d\ude00 \"q\" \\ \/ \t|"}'), E'Jürgen 😀 "q" \\ / \t|', 'escapes are read');
SELECT is(pg_temp.account(c), NULL, 'a name that no text can hold is none: ' || c)
	FROM (VALUES ('{"sub": "a\u0000b"}'), ('{"sub": "a\ud800b"}'), ('{"sub": "\udc00"}')) AS v (c);
SELECT is(pg_temp.account('{"x": "\u0000", "sub": "a", "y": "\ud800"}'), 'a', 'what is next to it is read');
SELECT is(pg_temp.account(c), NULL, 'what is no JSON is none: ' || c)
	FROM (VALUES ('{"sub": "a", "x": "\uzzzz"}'), ('{"sub": "a"} {}'), ('{"sub": "a" "x": 1}'), ('{"sub": "a", "x": :}'), ('{"sub": "a", "x": }'),
		('{"sub": "a", "x": ]}'), ('{"sub": "a", x: 1}'), ('{"sub": "a", "x": tru}'), ('{"sub": "a", "x": [1}'), ('{"sub": "a", "x": 01}'), (E'{"sub": "a\nb"}'),
		('{"sub": "a",, "x": 1}'), ('{, "sub": "a"}'), ('{"sub"; "a"}'), ('{"sub": "a\q"}')) AS v (c);
SELECT is(pg_temp.account(c), NULL, 'what is neither text nor number is no name: ' || c)
	FROM (VALUES ('{"sub": null}'), ('{"sub": true}'), ('{"sub": {"sub": "a"}}'), ('{"\u0073ub": "a"}')) AS v (c);
SELECT is(pg_temp.account('{"sub": "a", "sub": "b"}'), 'b', 'of two the last counts');
SELECT is(pg_temp.account('{"x": "' || repeat('x', 1100000) || '", "sub": "a"}'), NULL, 'more than a megabyte is not read');
SELECT is(pg_temp.account('{"x": "' || repeat('x', 1000000) || '", "sub": "a"}'), 'a', 'a little less is');
SELECT is(length(pg_temp.account('{"sub": "' || repeat('ü', 5000) || '"}')), 255, 'long names are cut between characters');
SELECT is(pg_temp.account(repeat('[', 100000)), NULL, 'nor does depth matter');
SELECT is(pg_temp.account('{"a": ' || repeat('[', 100000) || repeat(']', 100000) || ', "sub": "deep"}'), 'deep', 'however deep');
RESET ROLE;
RESET SESSION AUTHORIZATION;

SELECT is(pg_temp.account('{"sub": "chief"}'), NULL, 'back in an ordinary session they are not believed again');

SELECT * FROM finish();
ROLLBACK;
