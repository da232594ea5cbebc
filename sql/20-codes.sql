CREATE FUNCTION medrec.is_code_system(name text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_is_code_system';
COMMENT ON FUNCTION medrec.is_code_system(text) IS
'Whether the text is a code system''s name exactly as medrec stores it. For CHECK constraints. name: any text. No errors.';

CREATE FUNCTION medrec.code_systems(OUT name text, OUT title text, OUT uri text, OUT oid text, OUT has_headers boolean)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 14
AS 'MODULE_PATHNAME', 'medrec_code_systems';
COMMENT ON FUNCTION medrec.code_systems() IS
'The code systems that medrec knows: name as stored, title, FHIR URI, OID (HL7 terminology), and whether releases contain headers that may not be used on a claim. No arguments, no errors.';

CREATE FUNCTION medrec.check_code(code_system text, code text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_check_code';
COMMENT ON FUNCTION medrec.check_code(text, text) IS
'Whether the code is possible in the system by structure and check digit; does not look at releases. code_system: name in any case, FHIR URI or OID. code: in any usual writing. Errors: 22023 unknown code system.';

CREATE FUNCTION medrec.normalize_code(code_system text, code text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_normalize_code';
COMMENT ON FUNCTION medrec.normalize_code(text, text) IS
'The code in the form that medrec stores (e119 -> E11.9), null when it is malformed. code_system: name in any case, FHIR URI or OID. code: in any usual writing. Errors: 22023 unknown code system.';

CREATE FUNCTION medrec.term_key(term text)
RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_term_key';
COMMENT ON FUNCTION medrec.term_key(text) IS
'Hash of a title or term without case, accents, punctuation and spelling variants; for medrec''s indexes. term: any text. No errors.';

CREATE FUNCTION medrec.is_suggestions(suggestions jsonb)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_is_suggestions';
COMMENT ON FUNCTION medrec.is_suggestions(jsonb) IS
'Whether a value has the shape of the column suggestions: an array of at most 20 objects {code, display, code_system, score 0..1, source, reason}. For CHECK constraints. suggestions: any JSON. No errors.';

CREATE FUNCTION medrec.is_issues(issues jsonb)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_is_issues';
COMMENT ON FUNCTION medrec.is_issues(jsonb) IS
'Whether a value has the shape of the column issues: an array of objects {severity: error|warning|information, code, text, field}. For CHECK constraints. issues: any JSON. No errors.';

CREATE FUNCTION medrec.validate_code(code_system text, code text, display text DEFAULT NULL,
	on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL,
	OUT result text, OUT code text, OUT display text, OUT billable boolean, OUT issues jsonb)
RETURNS record
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_validate_code';
COMMENT ON FUNCTION medrec.validate_code(text, text, text, date, jsonb) IS
'Validates a code as medrec.validate() does for a record. result: pending (no release is loaded to check against), valid, review (known, but a person should look at it) or invalid; code: in its normal form; display: the official title; billable: whether it may be used on a claim, null if not known; issues: as in the column issues of a diagnosis. code_system: name in any case, FHIR URI or OID. code: in any usual writing. display: description to compare, or null. on_date: day to validate as of. context: object with what else is known: age (years) and gender of the patient, role (principal or secondary), codes (array of the visit''s other codes). Errors: 22023 unknown code system or malformed context, 22004 null code or code system.';

CREATE FUNCTION medrec.suggest(code_system text, code text DEFAULT NULL, display text DEFAULT NULL, max integer DEFAULT 5,
	on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL,
	OUT code text, OUT display text, OUT score double precision, OUT source text, OUT reason text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 5
AS 'MODULE_PATHNAME', 'medrec_suggest';
COMMENT ON FUNCTION medrec.suggest(text, text, text, integer, date, jsonb) IS
'Suggests codes for a code that may be wrong, a description, or both; a row per code, the best first: code, official display, score 0..1, source (title, synonym, spelling, code, child, successor) and reason. code_system: name in any case, FHIR URI or OID. code: a code that may be wrong, or null. display: a description in words, or null. max: the most rows, 1 to 50, by default 5. on_date: day on which the codes must be in effect, by default today. context: object with age (years) and gender of the patient, and typing (true: the last word is unfinished). Errors: 22023 unknown code system, max out of range or malformed context, 22004 null code system.';

CREATE FUNCTION medrec.default_abbreviations(OUT abbreviation text, OUT expansion text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_default_abbreviations';
COMMENT ON FUNCTION medrec.default_abbreviations() IS
'The abbreviations and spelling variants that medrec ships with: the initial contents of medrec.abbreviation. No arguments, no errors.';

CREATE FUNCTION medrec.terminology_changed()
RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'medrec_terminology_changed';
COMMENT ON FUNCTION medrec.terminology_changed() IS
'Trigger, AFTER STATEMENT on the terminology tables: tells every backend at commit that what it derived from them is out of date. Errors: 39P01 called otherwise.';
REVOKE ALL ON FUNCTION medrec.validate_code(text, text, text, date, jsonb),
	medrec.suggest(text, text, text, integer, date, jsonb),
	medrec.terminology_changed() FROM PUBLIC;
