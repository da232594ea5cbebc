-- From 0.1 to 0.2: the extension's own functions. What migrate() made is changed by a step in sql/migrations.
-- "make" appends the steps of this version.

-- audit

-- records

CREATE FUNCTION medrec.confirm(record uuid, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_confirm';
COMMENT ON FUNCTION medrec.confirm(uuid, integer) IS
'As confirm(record), of a record that still has the version named. version: the record''s, as it was read; null for any, then as confirm(record). Errors: PT409 the record has another version, and those of confirm(record).';

CREATE FUNCTION medrec.reject(record uuid, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_reject';
COMMENT ON FUNCTION medrec.reject(uuid, integer) IS
'As reject(record), of a record that still has the version named. version: the record''s, as it was read; null for any, then as reject(record). Errors: PT409 the record has another version, and those of reject(record).';

CREATE FUNCTION medrec.accept_suggestion(record uuid, code text, version integer)
RETURNS jsonb
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'medrec_accept_suggestion';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text, integer) IS
'As accept_suggestion(record, code), of a record that still has the version named. version: the record''s, as it was read; null for any, then as accept_suggestion(record, code). Errors: PT409 the record has another version, and those of accept_suggestion(record, code).';

COMMENT ON FUNCTION medrec.confirm(uuid) IS
'A person keeps the code of a diagnosis or treatment as it is: status confirmed. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been taken on it, which only a call that names the record''s version changes, 42501.';
COMMENT ON FUNCTION medrec.reject(uuid) IS
'A person refuses a diagnosis or treatment: status rejected. Returns the row as stored. record: its id. Errors: PT404 no such record, PT409 another decision has been taken on it, which only a call that names the record''s version changes, 42501.';
COMMENT ON FUNCTION medrec.accept_suggestion(uuid, text) IS
'A person takes one of the suggestions of a diagnosis or treatment: its code and display are stored, status corrected. Returns the row as stored. record: its id. code: the suggestion''s. Errors: PT404 no such record, 22023 not among its suggestions or not a valid code, PT409 another decision has been taken on it, which only a call that names the record''s version changes, 42501.';

REVOKE ALL ON FUNCTION medrec.confirm(uuid, integer), medrec.reject(uuid, integer),
	medrec.accept_suggestion(uuid, text, integer) FROM PUBLIC;

-- terminology

-- access

-- migrate
