-- What the releases say about a code, and the codes above and below it.

CREATE FUNCTION medrec.lookup(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT code_system varchar, OUT code varchar, OUT display text, OUT short_display text, OUT billable boolean,
	OUT standing text, OUT valid_from date, OUT valid_to date, OUT terms jsonb, OUT notes jsonb)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', 'medrec_lookup';
COMMENT ON FUNCTION medrec.lookup(text, text, date) IS
'Everything the loaded releases say about a code: its titles, whether it may be used on a claim, its state on the day (current, retired, not yet, no release) and since and until when; its further names (terms) and notes as arrays of {kind, text}. No row if no release has the code. A header that the current release does not list, while it lists codes below it, is current; its title is another release''s, or null. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: day to validate as of. Errors: 22023 unknown system or malformed code.';

CREATE FUNCTION medrec.ancestors(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT code varchar, OUT display text, OUT billable boolean, OUT level integer)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 5
AS 'MODULE_PATHNAME', 'medrec_ancestors';
COMMENT ON FUNCTION medrec.ancestors(text, text, date) IS
'The codes above a code in the releases in effect on the day, the nearest first (level 1); headers that the release does not list are included, with the title of another release or null. code_system: name, FHIR URI or OID. code: in any usual writing; it need not be in a release itself. Errors: 22023 unknown system or malformed code, 0A000 a system whose codes have no hierarchy.';

CREATE FUNCTION medrec.descendants(code_system text, code text, on_date date DEFAULT CURRENT_DATE,
	OUT code varchar, OUT display text, OUT billable boolean, OUT level integer)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'medrec_descendants';
COMMENT ON FUNCTION medrec.descendants(text, text, date) IS
'The codes below a code in the releases in effect on the day, in order, each with its level (1: next below); headers that the release does not list are included. Arguments and errors as ancestors.';

CREATE FUNCTION medrec.subsumes(code_system text, a text, b text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'medrec_subsumes';
COMMENT ON FUNCTION medrec.subsumes(text, text, text) IS
'How two codes are related, by their own text: equivalent, subsumes (a is above b), subsumed-by, not-subsumed; like FHIR''s $subsumes. Arguments and errors as ancestors.';
