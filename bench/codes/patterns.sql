-- Regular expressions equivalent to check_code of the stored form, with or without dot; they follow
-- src/codes/icd10cm.c. Compared with check_code over all rows before anything is measured.
CREATE FUNCTION bench.icd10cm_pattern() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	any_char text := '[0-9A-HJ-NP-WYZ]';
	after_x text := '[0-9BCE-HJ-NP-RTUVWYZ]';	-- no encounter that has slipped forward
	branches text[] := '{}';
	c record;
	short text;
	ends_in_x text;
	ends_other text;
BEGIN
	FOR c IN
		SELECT '[' || string_agg(letter, '' ORDER BY letter) || ']' AS letter, seventh, encounter, b, fourth FROM (
		SELECT letter, seventh, letter IN ('S', 'V', 'W', 'X', 'Y') AS encounter,
			CASE letter WHEN 'S' THEN '[0-9ABCE-HJ-NP-RTUVWYZ]' ELSE after_x END AS b,
			CASE letter WHEN 'Y' THEN '[0-9A-NP-WYZ]' ELSE any_char END AS fourth
		FROM (SELECT chr(n) AS letter FROM generate_series(ascii('A'), ascii('Z')) AS n) AS l
		LEFT JOIN (VALUES ('C', '12'), ('E', '1239'), ('G', '0129'), ('H', '012345A'), ('J', '012'), ('K', '129'),
			('M', '01ADGKPS'), ('O', '0123459'), ('R', '01234'), ('S', 'ABCDEFGHJKMNPQRS'), ('T', '1239ADS'), ('V', 'ADS'),
			('W', 'ADS'), ('X', 'ADS'), ('Y', 'ADS'), ('Z', '0129')) AS v (letter, seventh) USING (letter)
		) AS each_letter GROUP BY seventh, encounter, b, fourth
	LOOP
		short := replace(replace(replace('F|X|FA|FX|XB|FAA|FXB|XBA', 'F', '{f}'), 'B', '{b}'), 'A', '{a}');
		ends_in_x := replace(replace(replace('FAX|FXX|XBX|XXX', 'F', '{f}'), 'B', '{b}'), 'A', '{a}');
		ends_other := replace(replace(replace('FAA|FXB|XBA', 'F', '{f}'), 'B', '{b}'), 'A', '{a}');
		branches := branches || replace(replace(replace(
			c.letter || '(?:[0-9]{a}|[A-HJ-NP-WYZ][0-9])(?:\.?(?:' || short
			|| CASE WHEN c.seventh IS NOT NULL THEN '|(?:' || ends_in_x || '|' || ends_other || ')[' || c.seventh || ']' ELSE '' END
			|| CASE WHEN NOT c.encounter THEN '|(?:' || ends_other || ')[0-9]' ELSE '' END
			|| '))?', '{f}', c.fourth), '{a}', any_char), '{b}', c.b);
	END LOOP;
	RETURN '^(?:' || array_to_string(branches, '|') || ')$';
END
$$;

CREATE FUNCTION bench.icd10pcs_pattern() RETURNS text LANGUAGE sql IMMUTABLE
RETURN '^[0-9BCDFGHX][0-9A-HJ-NP-Z]{2}(?:[0-9A-HJ-NP-Z]{4})?$';
