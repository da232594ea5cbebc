-- audit: the recorded actor, and that nobody can forge it
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
-- writes a patient as the current role
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

-- a user of SQL, whatever claims they set
SELECT set_config('request.jwt.claims', '{"sub": "chief", "jti": "7"}', true),
	set_config('request.headers', '{"x-request-id": "forged", "x-real-ip": "1.2.3.4", "x-reason": "forged"}', true),
	set_config('request.method', 'POST', true), set_config('request.path', '/forged', true) \g /dev/null
SELECT is(e.account, NULL, 'an ordinary session''s claims are ignored') FROM medrec.write() AS e;
SELECT is(e.jti, NULL, 'an ordinary session''s token number is ignored') FROM medrec.last_event() AS e;
SELECT is(e.request_id, NULL, 'an ordinary session''s request id is ignored') FROM medrec.last_event() AS e;
SELECT is(concat(e.method, e.path, e.reason), '', 'an ordinary session''s method, path and header reason are ignored') FROM medrec.last_event() AS e;
SELECT isnt(e.client_addr, '1.2.3.4', 'an ordinary session''s client address is ignored') FROM medrec.last_event() AS e;
SELECT is(array[e.role, e.session_role, e.effective_role], array[:'me', :'me', :'me'], 'an event of an ordinary session names the session user') FROM medrec.last_event() AS e;
SET LOCAL application_name = 'tests';
SET LOCAL medrec.reason = 'audit of the audit';
SELECT is(concat_ws(', ', e.application_name, e.reason), 'tests, audit of the audit', 'an event has the application name and medrec.reason') FROM medrec.write() AS e;
SET LOCAL ROLE medrec_clinician;
SELECT is(concat_ws(', ', e.role, e.session_role, e.effective_role), concat_ws(', ', 'medrec_clinician', :'me', 'medrec_clinician'),
	'an event has the role of SET ROLE and the session user') FROM medrec.write() AS e;
RESET ROLE;

-- code that runs with its owner's rights
CREATE ROLE audit_test_definer;
GRANT medrec_clinician TO audit_test_definer;
CREATE FUNCTION medrec.write_as_owner() RETURNS medrec.audit_event LANGUAGE sql SECURITY DEFINER AS 'SELECT medrec.write()';
ALTER FUNCTION medrec.write_as_owner() OWNER TO audit_test_definer;
SET LOCAL ROLE medrec_clinician;
SELECT is(concat_ws(', ', e.role, e.effective_role), 'medrec_clinician, audit_test_definer',
	'in a SECURITY DEFINER function an event has the owner and the session user') FROM medrec.write_as_owner() AS e;
RESET ROLE;

-- PostgREST
SET LOCAL medrec.reason = '';
SET SESSION AUTHORIZATION medrec_authenticator;
SET LOCAL ROLE medrec_clinician;
SELECT is(e.account, 'chief', 'the authenticator''s claims are recorded') FROM medrec.write() AS e;
SELECT is(e.jti, '7', 'the authenticator''s token number is recorded') FROM medrec.last_event() AS e;
SELECT is(concat_ws(' ', e.request_id, e.method, e.path), 'forged POST /forged', 'the authenticator''s request is recorded') FROM medrec.last_event() AS e;
SELECT is(e.client_addr, '1.2.3.4', 'the authenticator''s client address is recorded') FROM medrec.last_event() AS e;
SELECT is(e.reason, 'forged', 'the authenticator''s header reason is recorded') FROM medrec.last_event() AS e;
SELECT is(concat_ws(', ', e.role, e.session_role), 'medrec_clinician, medrec_authenticator', 'the request''s role and the authenticator are recorded') FROM medrec.last_event() AS e;
SET LOCAL medrec.reason = 'from the setting';
SELECT is(e.reason, 'from the setting', 'medrec.reason takes precedence over the header') FROM medrec.write() AS e;
SET LOCAL medrec.reason = '';

-- the next request of the same connection
SELECT set_config('request.jwt.claims', '{"role": "medrec_clinician", "sub": "second"}', true) \g /dev/null
SELECT is(concat_ws(', ', e.account, e.jti), 'second', 'the next request''s claims are read again') FROM medrec.write() AS e;
SELECT set_config('request.jwt.claims', '', true) \g /dev/null
SELECT is(e.account, NULL, 'without claims an event has no account') FROM medrec.write() AS e;

-- addresses
CREATE FUNCTION pg_temp.address(headers text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('request.headers', headers, true);
	RETURN (medrec.write()).client_addr;
END
$$;
SELECT is(pg_temp.address('{"x-forwarded-for": "6.6.6.6, 10.0.0.1, 2001:db8::7"}'), '2001:db8::7', 'the last address of X-Forwarded-For is recorded');
SELECT is(pg_temp.address('{"x-real-ip": "10.1.1.1", "x-forwarded-for": "6.6.6.6"}'), '10.1.1.1', 'X-Real-Ip takes precedence over X-Forwarded-For');
SELECT isnt(pg_temp.address('{"x-real-ip": "<script>"}'), '<script>', 'an invalid address is recorded as null');
SELECT isnt(pg_temp.address('{"x-forwarded-for": ", "}'), '', 'an empty address is recorded as null');

-- bad claims do not prevent the write
CREATE FUNCTION pg_temp.account(claims text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('request.jwt.claims', claims, true);
	RETURN (medrec.write()).account;
END
$$;
SELECT is(pg_temp.account(c), NULL, 'broken claims are ignored: ' || left(c, 40))
	FROM (VALUES ('{'), ('{"sub"'), ('{"sub": "a'), ('{"sub": "a"'), ('{"sub": "a", }'), ('["sub"]'), ('{"sub": "a\'), ('"sub"')) AS v (c);
SELECT is(pg_temp.account('{"x": {"sub": "inner", "a": ["}"]}, "sub": "outer"}'), 'outer', 'only the outermost claims count');
SELECT is(pg_temp.account('{"sub": 42}'), '42', 'a number as a claim is recorded as text');
SELECT is(pg_temp.account('{"sub": ["a"]}'), NULL, 'an array as a claim is ignored');
SELECT is(pg_temp.account('{"sub": "J\u00fcrgen \ud83d\ude00 \"q\" \\ \/ \t|"}'), E'Jürgen 😀 "q" \\ / \t|', 'escapes in claims are decoded');
SELECT is(pg_temp.account(c), NULL, 'a name that text cannot contain is ignored: ' || c)
	FROM (VALUES ('{"sub": "a\u0000b"}'), ('{"sub": "a\ud800b"}'), ('{"sub": "\udc00"}')) AS v (c);
SELECT is(pg_temp.account('{"x": "\u0000", "sub": "a", "y": "\ud800"}'), 'a', 'a claim beside such text is read');
SELECT is(pg_temp.account(c), NULL, 'invalid JSON is ignored: ' || c)
	FROM (VALUES ('{"sub": "a", "x": "\uzzzz"}'), ('{"sub": "a"} {}'), ('{"sub": "a" "x": 1}'), ('{"sub": "a", "x": :}'), ('{"sub": "a", "x": }'),
		('{"sub": "a", "x": ]}'), ('{"sub": "a", x: 1}'), ('{"sub": "a", "x": tru}'), ('{"sub": "a", "x": [1}'), ('{"sub": "a", "x": 01}'), (E'{"sub": "a\nb"}'),
		('{"sub": "a",, "x": 1}'), ('{, "sub": "a"}'), ('{"sub"; "a"}'), ('{"sub": "a\q"}')) AS v (c);
SELECT is(pg_temp.account(c), NULL, 'a name that is neither text nor number is ignored: ' || c)
	FROM (VALUES ('{"sub": null}'), ('{"sub": true}'), ('{"sub": {"sub": "a"}}'), ('{"\u0073ub": "a"}')) AS v (c);
SELECT is(pg_temp.account('{"sub": "a", "sub": "b"}'), 'b', 'of two claims of one name the last counts');
SELECT is(pg_temp.account('{"x": "' || repeat('x', 1100000) || '", "sub": "a"}'), NULL, 'claims of more than a megabyte are ignored');
SELECT is(pg_temp.account('{"x": "' || repeat('x', 1000000) || '", "sub": "a"}'), 'a', 'claims of a little less than a megabyte are read');
SELECT is(length(pg_temp.account('{"sub": "' || repeat('ü', 5000) || '"}')), 255, 'a long name is cut between characters');
SELECT is(pg_temp.account(repeat('[', 100000)), NULL, 'nested claims do not prevent the write');
SELECT is(pg_temp.account('{"a": ' || repeat('[', 100000) || repeat(']', 100000) || ', "sub": "deep"}'), 'deep', 'very deeply nested claims do not prevent the write');
RESET ROLE;
RESET SESSION AUTHORIZATION;

SELECT is(pg_temp.account('{"sub": "chief"}'), NULL, 'claims are ignored again in the next ordinary session');

SELECT * FROM finish();
ROLLBACK;
