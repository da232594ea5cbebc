-- The same lookups from inside the server: both loops run a prepared plan for each code.
CREATE TABLE bench.sample AS
SELECT row_number() OVER () AS i, code, valid_from, display FROM (
	SELECT code, valid_from, display FROM medrec.code
	WHERE code_system = 'ICD-10-CM' AND billable AND valid_to IS NULL ORDER BY md5(code || 'sample') LIMIT 10000
) AS s;
ANALYZE bench.sample;

-- microseconds a call
CREATE FUNCTION bench.loop_primary_key() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	r record;
	found_display text;
	found_billable boolean;
	start timestamptz := clock_timestamp();
BEGIN
	FOR r IN SELECT code, valid_from FROM bench.sample LOOP
		SELECT c.display, c.billable INTO found_display, found_billable FROM medrec.code AS c
		WHERE c.code_system = 'ICD-10-CM' AND c.code = r.code AND c.valid_from = r.valid_from;
	END LOOP;
	RETURN extract(epoch FROM clock_timestamp() - start) * 1e6 / 10000;
END
$$;

CREATE FUNCTION bench.loop_validate_code() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	r record;
	found_result text;
	found_display text;
	found_billable boolean;
	start timestamptz := clock_timestamp();
BEGIN
	FOR r IN SELECT code, valid_from FROM bench.sample LOOP
		SELECT v.result, v.display, v.billable INTO found_result, found_display, found_billable
		FROM medrec.validate_code('ICD-10-CM', r.code) AS v;
	END LOOP;
	RETURN extract(epoch FROM clock_timestamp() - start) * 1e6 / 10000;
END
$$;
