-- Access: accounts over HTTP, keys of tokens, care teams. What clients call is in
-- medrec_api and medrec_gate and is made by medrec.migrate(); it runs these functions with
-- the rights of medrec_gatekeeper, its owner.

CREATE FUNCTION medrec.login(username text, password text)
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_login';
COMMENT ON FUNCTION medrec.login(text, text) IS
'Logs in: returns {"token", "expires_at", "role"}, the token a JWT to send as "Authorization: Bearer ...". username: an account''s name, or an e-mail address that only one account has. password: in clear. A refusal is not an error but an answer, always the same, with status 401. From the fifth failed attempt from one address on, further ones from there are refused for 1, 2, 4 ... up to 900 seconds. While another attempt for the name runs, or eight for others, the answer has status 429. Errors: 25006 in a read-only transaction, 42501 in all sessions but those of medrec_authenticator.';

CREATE FUNCTION medrec.change_password(old_password text, new_password text)
RETURNS jsonb
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_change_password';
COMMENT ON FUNCTION medrec.change_password(text, text) IS
'Changes the password of the account that the request''s token names, ends all its tokens, and returns a new one as login does. old_password: the current one; if it is wrong the answer is login''s refusal, and counts as one. new_password: 12 characters to 72 bytes, not the account''s name, not a common password. Errors: 22023 for such a password, 25006 in a read-only transaction, 42501 in all sessions but those of medrec_authenticator, PT401 without an account.';

CREATE FUNCTION medrec.set_password(username text, password text)
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_set_password';
COMMENT ON FUNCTION medrec.set_password(text, text) IS
'Sets the password of an account, ends all its tokens, and its lock-out if there is one. For administrators. username: the account''s name. password: 12 characters to 72 bytes, not the account''s name, not a common password. Errors: PT404 no such account, 22023 for such a password, 42501.';

CREATE FUNCTION medrec.revoke_tokens(username text)
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_revoke_tokens';
COMMENT ON FUNCTION medrec.revoke_tokens(text) IS
'Ends all tokens of an account, and its lock-out if there is one. For administrators. username: the account''s name. Errors: PT404 no such account, 42501.';

CREATE FUNCTION medrec.logout()
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_logout';
COMMENT ON FUNCTION medrec.logout() IS
'Ends the token of the current request, which its claim jti identifies. No arguments. Errors: PT401 without a token.';

CREATE FUNCTION medrec.check_request()
RETURNS void
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_check_request';
COMMENT ON FUNCTION medrec.check_request() IS
'For PostgREST, before each request: checks that the token may be used now. Its account is active and has the role of the request; it has an end and the audience medrec.token_audience; it has not been revoked; and if it comes from login, that login was committed. No arguments. Errors: PT401.';

CREATE FUNCTION medrec.pbkdf2_iterations(password text)
RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_pbkdf2_iterations';
COMMENT ON FUNCTION medrec.pbkdf2_iterations(text) IS
'Iterations of a hash in Django''s form (pbkdf2_sha256$iterations$salt$hash), null for other text or for more than 5,000,000. For an index. password: a stored hash. No errors.';

CREATE FUNCTION medrec.rotate_jwt_key(overlap interval DEFAULT '1 day')
RETURNS void
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_rotate_jwt_key';
COMMENT ON FUNCTION medrec.rotate_jwt_key(interval) IS
'Signs tokens with the next key from now on, makes the one after it, and notifies PostgREST. overlap: how long tokens of the current key are still accepted; 0 drops all keys at once, and with them all tokens. Errors: 22023 negative overlap, 42501.';

CREATE FUNCTION medrec.jwt_key_set()
RETURNS text
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_jwt_key_set';
COMMENT ON FUNCTION medrec.jwt_key_set() IS
'The keys that tokens are accepted with, as a JWK set (RFC 7517). They are secret: anyone who has them can make tokens. No arguments. Errors: 42501.';

CREATE FUNCTION medrec.sees_patient_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_sees_patient_support';
COMMENT ON FUNCTION medrec.sees_patient_support(internal) IS
'Planner support function of medrec.sees_patient(): removes it while care teams are off, estimates it, and offers it to indexes. Not to be called.';

CREATE FUNCTION medrec.sees_patient(patient uuid, refuse boolean DEFAULT false)
RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 2 SUPPORT medrec.sees_patient_support
AS 'MODULE_PATHNAME', 'medrec_sees_patient';
COMMENT ON FUNCTION medrec.sees_patient(uuid, boolean) IS
'For policies: whether the patient belongs to a care team of the acting account, or the account has opened the patient with break_glass; always true while medrec.care_team_mode is off. patient: patient.id. refuse: raise an error instead of returning false. Errors: 42501 with refuse, the same for a patient who does not exist.';

CREATE FUNCTION medrec.visible_patients_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_visible_patients_support';
COMMENT ON FUNCTION medrec.visible_patients_support(internal) IS
'Planner support function of medrec.visible_patients(): the cost of an index lookup for each of them. Not to be called.';

CREATE FUNCTION medrec.visible_patients()
RETURNS uuid[]
LANGUAGE c VOLATILE PARALLEL SAFE SUPPORT medrec.visible_patients_support
AS 'MODULE_PATHNAME', 'medrec_visible_patients';
COMMENT ON FUNCTION medrec.visible_patients() IS
'For indexes in place of medrec.sees_patient(): the patients of the care teams that the acting account belongs to, and those it has opened. No arguments, no errors.';

CREATE FUNCTION medrec.care_team_changed()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_care_team_changed';
COMMENT ON FUNCTION medrec.care_team_changed() IS
'Trigger, AFTER changes of care teams: tells sessions at commit that what they cache about them is out of date. Errors: 39P01 called otherwise.';

CREATE FUNCTION medrec.enrol()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_enrol';
COMMENT ON FUNCTION medrec.enrol() IS
'Trigger, on patient BEFORE INSERT FOR EACH ROW, and AFTER INSERT with the transition table new_rows: with medrec.care_team_mode on, a new patient belongs to the teams of the account that made them. Errors: 39P01 called otherwise.';

CREATE FUNCTION medrec.watch_number()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_watch_number';
COMMENT ON FUNCTION medrec.watch_number() IS
'Trigger, on patient BEFORE INSERT or UPDATE FOR EACH ROW, after medrec.validate(): with medrec.care_team_mode on, a line in the server''s log names an account that gives a patient the number of a hidden one, even if it rolls back. Errors: 39P01 called otherwise.';

CREATE FUNCTION medrec.break_glass(patient text, reason text)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'medrec_break_glass';
COMMENT ON FUNCTION medrec.break_glass(text, text) IS
'Opens a patient of another team to the acting account for medrec.break_glass_time, and leaves an audit event (table_name break_glass) and a line in the server''s log. The patient is open when the transaction has committed, not within it. Returns {"patient", "expires_at"}. patient: patient.id or patient_id. reason: why, 10 to 2000 characters; white space and invisible characters do not count towards the 10. Errors: 22023 reason too short or long, 25006 in a read-only transaction, PT404 no such patient, 42501 without an account.';

REVOKE ALL ON FUNCTION
	medrec.login(text, text),
	medrec.change_password(text, text),
	medrec.set_password(text, text),
	medrec.revoke_tokens(text),
	medrec.logout(),
	medrec.check_request(),
	medrec.pbkdf2_iterations(text),
	medrec.rotate_jwt_key(interval),
	medrec.jwt_key_set(),
	medrec.sees_patient_support(internal),
	medrec.visible_patients_support(internal),
	medrec.sees_patient(uuid, boolean),
	medrec.visible_patients(),
	medrec.care_team_changed(),
	medrec.enrol(),
	medrec.watch_number(),
	medrec.break_glass(text, text)
	FROM PUBLIC;

CREATE FUNCTION medrec.wrong_arguments()
RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_wrong_arguments';
COMMENT ON FUNCTION medrec.wrong_arguments() IS
'Answers a call over HTTP whose arguments no function takes. No arguments. Errors: PT404, always.';
REVOKE ALL ON FUNCTION medrec.wrong_arguments() FROM PUBLIC;

CREATE FUNCTION medrec.username_key(username text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_username_key';
COMMENT ON FUNCTION medrec.username_key(text) IS
'The key by which usernames are compared, so that no two look alike: NFKC, lower case, without invisible characters, with Latin letters in place of the Cyrillic and Greek ones that look like them. In encodings other than UTF8 only lower case. username: a username. No errors.';
REVOKE ALL ON FUNCTION medrec.username_key(text) FROM PUBLIC;
