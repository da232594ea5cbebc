-- Answers over HTTP: preconditions, and lists that are longer than an answer may be. What the gateway asks for is in
-- medrec_api and is made by medrec.migrate().

CREATE FUNCTION medrec.precondition(stored record)
RETURNS boolean
LANGUAGE c VOLATILE STRICT COST 1000
AS 'MODULE_PATHNAME', 'medrec_precondition';
COMMENT ON FUNCTION medrec.precondition(record) IS
'For a request over HTTP about one record: whether the headers If-Match and If-None-Match allow it; in a GET it also sets the answer''s ETag, and status 304. Always true in other sessions than PostgREST''s. stored: a row of a view; its columns version, last_visit and last_login are looked at. Errors: PT412.';
REVOKE ALL ON FUNCTION medrec.precondition(record) FROM PUBLIC;

CREATE FUNCTION medrec.count_row(max integer)
RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'medrec_count_row';
COMMENT ON FUNCTION medrec.count_row(integer) IS
'For a list over HTTP: true. When a query has called it max times, the answer has status 206, since it may be a part of the list. max: how many rows an answer may have. No errors.';
REVOKE ALL ON FUNCTION medrec.count_row(integer) FROM PUBLIC;

CREATE FUNCTION medrec.csv_line(stored record)
RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_csv_line';
COMMENT ON FUNCTION medrec.csv_line(record) IS
'A row as a line of CSV (RFC 4180), in parentheses. A text that begins with =, +, -, @, a tab or a line break gets an apostrophe before it, so that no spreadsheet takes it for a formula. PostgREST''s answers of type text/csv are made of it. stored: any row. No errors.';
REVOKE ALL ON FUNCTION medrec.csv_line(record) FROM PUBLIC;

CREATE FUNCTION medrec.acting_account()
RETURNS text
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'medrec_acting_account';
COMMENT ON FUNCTION medrec.acting_account() IS
'Who a request over HTTP is from: the account of its token, or the role where there is none. Null in other sessions than PostgREST''s. No arguments, no errors.';
REVOKE ALL ON FUNCTION medrec.acting_account() FROM PUBLIC;
