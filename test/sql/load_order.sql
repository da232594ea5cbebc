\i test/sql-setup.psql
-- load_release: order files, and releases in time
SELECT plan(70);

-- an order file of lines "code|flag|short|long" (long by default as short)
CREATE FUNCTION pg_temp.crlf_file(VARIADIC lines text[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(lpad(n::text, 5, '0') || ' ' || rpad(f[1], 7) || ' ' || f[2] || ' '
		|| rpad(f[3], 60) || ' ' || coalesce(f[4], f[3]) || E'\r\n', '' ORDER BY n)
	FROM unnest(lines) WITH ORDINALITY AS l (line, n), string_to_array(line, '|') AS f
$$;
CREATE FUNCTION pg_temp.load(version text, day date, file text, format text DEFAULT 'auto')
RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', code_system, version, content, effective_from, effective_to, format, rows)
	FROM medrec.load_release('ICD-10-CM', $1, $2, $3, $4)
$$;
-- the state of a code on days in each of three years
CREATE FUNCTION pg_temp.standing() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s %s %s %s', d.day, c.code, c.billable, c.display) COLLATE "default"
	FROM (VALUES (date '2021-12-31'), ('2022-06-01'), ('2023-06-01'), ('2024-06-01')) AS d (day)
	JOIN medrec.code AS c ON c.valid_from <= d.day AND (c.valid_to > d.day OR c.valid_to IS NULL)
	ORDER BY d.day, c.code
$$;

-- a first release
SELECT is(pg_temp.load('2022', '2022-01-01', pg_temp.crlf_file(
		'A00|0|Cholera', 'A000|1|Chol. d/t V. cholerae|Cholera due to Vibrio cholerae 01', 'A009|1|Cholera, unspecified')),
	'ICD-10-CM 2022 codes 2022-01-01 cms-order 3', 'load_release returns the release''s row');
SELECT results_eq($$SELECT code COLLATE "default", billable, display, short_display, valid_from, valid_to, active_from, active_to FROM medrec.code ORDER BY code$$,
	$$VALUES ('A00'::varchar, false, 'Cholera', null::text, date '2022-01-01', null::date, null::date, null::date),
		('A00.0', true, 'Cholera due to Vibrio cholerae 01', 'Chol. d/t V. cholerae', '2022-01-01', null, null, null),
		('A00.9', true, 'Cholera, unspecified', null, '2022-01-01', null, null, null)$$,
	'codes are stored in normal form, the short title only if it differs');
SELECT is(loaded_by::text, session_user::text, 'the release says who loaded it') FROM medrec.code_release;
SELECT is(sha256, sha256(convert_to(pg_temp.crlf_file('A00|0|Cholera', 'A000|1|Chol. d/t V. cholerae|Cholera due to Vibrio cholerae 01', 'A009|1|Cholera, unspecified'), 'UTF8')),
	'the release names the file''s SHA-256') FROM medrec.code_release;

-- the same file again
SELECT generation AS generation FROM medrec.terminology_state \gset
SELECT ctid AS ctid FROM medrec.code_release \gset
SELECT is(pg_temp.load('2022', '2022-01-01', pg_temp.crlf_file(
		'A00|0|Cholera', 'A000|1|Chol. d/t V. cholerae|Cholera due to Vibrio cholerae 01', 'A009|1|Cholera, unspecified')),
	'ICD-10-CM 2022 codes 2022-01-01 cms-order 3', 'loading the same file again returns the same row');
SELECT is(generation, :generation::bigint, 'loading the same file again does not invalidate the terminologies') FROM medrec.terminology_state;
SELECT is(ctid, :'ctid'::tid, 'loading the same file again writes nothing') FROM medrec.code_release;

-- another file under the same version replaces it
SELECT is(pg_temp.load('2022', '2022-01-01', pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera NOS', 'B20|1|HIV')),
	'ICD-10-CM 2022 codes 2022-01-01 cms-order 3', 'a corrected file is loaded under the same version');
SELECT results_eq('SELECT code COLLATE "default", display FROM medrec.code ORDER BY code',
	$$VALUES ('A00'::varchar, 'Cholera'), ('A00.9', 'Cholera NOS'), ('B20', 'HIV')$$, 'a corrected file replaces the codes');
SELECT cmp_ok(generation, '>', :generation::bigint, 'a corrected file invalidates the terminologies') FROM medrec.terminology_state;

-- three releases in every order: every code is the same on every day
CREATE TEMP TABLE release (version text, day date, file text);
INSERT INTO release VALUES
	('2022', '2022-01-01', pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera NOS', 'B20|1|HIV', 'C00|1|Gone in 23, back in 24', 'D00|1|Gone for good')),
	('2023', '2023-01-01', pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera, unspecified', 'B20|1|HIV', 'E00|1|Only in 23')),
	('2024', '2024-01-01', pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera NOS', 'B20|0|HIV', 'B200|1|HIV, one', 'C00|1|Gone in 23, back in 24', 'F00|1|New'));
CREATE TEMP TABLE expected (n serial, line text);
INSERT INTO expected (line) VALUES
	('2022-06-01 A00 f Cholera'), ('2022-06-01 A00.9 t Cholera NOS'), ('2022-06-01 B20 t HIV'),
	('2022-06-01 C00 t Gone in 23, back in 24'), ('2022-06-01 D00 t Gone for good'),
	('2023-06-01 A00 f Cholera'), ('2023-06-01 A00.9 t Cholera, unspecified'), ('2023-06-01 B20 t HIV'), ('2023-06-01 E00 t Only in 23'),
	('2024-06-01 A00 f Cholera'), ('2024-06-01 A00.9 t Cholera NOS'), ('2024-06-01 B20 f HIV'), ('2024-06-01 B20.0 t HIV, one'),
	('2024-06-01 C00 t Gone in 23, back in 24'), ('2024-06-01 F00 t New');
CREATE FUNCTION pg_temp.load_all(versions text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM medrec.code;
	DELETE FROM medrec.code_release;
	PERFORM pg_temp.load(r.version, r.day, r.file)
		FROM unnest(versions) WITH ORDINALITY AS v (version, n) JOIN release AS r USING (version) ORDER BY v.n;
END
$$;
CREATE FUNCTION pg_temp.in_order(VARIADIC versions text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.load_all(versions);
	RETURN NEXT results_eq('SELECT * FROM pg_temp.standing()', 'SELECT line FROM expected ORDER BY n',
		'codes after loading in order ' || array_to_string(versions, ', '));
	RETURN NEXT results_eq('SELECT version::text COLLATE "default", effective_to FROM medrec.code_release ORDER BY version',
		$q$VALUES ('2022', date '2023-01-01'), ('2023', '2024-01-01'), ('2024', null)$q$,
		'releases end where the next begins, in order ' || array_to_string(versions, ', '));
	RETURN NEXT is(count(*), 12::bigint, 'agreeing releases share rows, in order ' || array_to_string(versions, ', ')) FROM medrec.code;
END
$$;
SELECT pg_temp.in_order('2022', '2023', '2024');
SELECT pg_temp.in_order('2022', '2024', '2023');
SELECT pg_temp.in_order('2023', '2022', '2024');
SELECT pg_temp.in_order('2023', '2024', '2022');
SELECT pg_temp.in_order('2024', '2022', '2023');
SELECT pg_temp.in_order('2024', '2023', '2022');

-- a release moves to another day
SELECT pg_temp.load('2023', '2023-04-01', file) FROM release WHERE version = '2023' \g /dev/null
SELECT results_eq($$SELECT display FROM medrec.code WHERE code = 'A00.9' AND valid_from <= '2023-03-31' AND (valid_to > '2023-03-31' OR valid_to IS NULL)$$,
	$$VALUES ('Cholera NOS')$$, 'a release moved to a later day: the one before it applies until then');
SELECT results_eq($$SELECT version::text COLLATE "default", effective_to FROM medrec.code_release ORDER BY version$$,
	$$VALUES ('2022', date '2023-04-01'), ('2023', '2024-01-01'), ('2024', null)$$, 'a release moved to a later day: the one before it ends on that day');
SELECT pg_temp.load('2023', '2023-01-01', file) FROM release WHERE version = '2023' \g /dev/null
SELECT results_eq('SELECT * FROM pg_temp.standing()', 'SELECT line FROM expected ORDER BY n', 'moving a release back restores the state');
SELECT pg_temp.load('2023', '2021-01-01', file) FROM release WHERE version = '2023' \g /dev/null
SELECT results_eq($$SELECT version::text COLLATE "default", effective_to FROM medrec.code_release ORDER BY effective_from$$,
	$$VALUES ('2023', date '2022-01-01'), ('2022', '2024-01-01'), ('2024', null)$$, 'a release can be moved before another');
SELECT is((SELECT count(*) FROM pg_temp.standing() AS s WHERE s LIKE '2023%' AND s LIKE '%D00%'), 1::bigint,
	'a release moved before another: the other''s codes apply on the days it left');

-- a release is taken out
SELECT pg_temp.load_all('{2022,2023,2024}') \g /dev/null
SELECT is(medrec.unload_release('ICD-10-CM', '2023'), true, 'a release can be unloaded');
SELECT results_eq($$SELECT version::text COLLATE "default", effective_to FROM medrec.code_release ORDER BY version$$,
	$$VALUES ('2022', date '2024-01-01'), ('2024', null)$$, 'after unloading, the release before it ends where the next begins');
SELECT results_eq('SELECT substr(s, 12) FROM pg_temp.standing() AS s WHERE s LIKE $$2023%$$', $$SELECT substr(line, 12) FROM expected WHERE line LIKE '2022%' ORDER BY n$$,
	'after unloading, the codes of the release before it apply until then');
SELECT is(medrec.unload_release('ICD-10-CM', '2022'), true, 'the oldest release can be unloaded');
SELECT results_eq('SELECT * FROM pg_temp.standing()', $$SELECT line FROM expected WHERE line LIKE '2024%' ORDER BY n$$, 'after unloading the oldest release no code is valid before the next');
SELECT is(medrec.unload_release('ICD-10-CM', '2024'), true, 'the last release can be unloaded');
SELECT is(count(*), 0::bigint, 'after unloading the last release there are no codes') FROM medrec.code;
SELECT is(medrec.unload_release('ICD-10-CM', '2024'), false, 'unloading an unknown release returns false');

-- a release in mid-year
SELECT pg_temp.load_all('{2022,2023,2024}') \g /dev/null
SELECT pg_temp.load('2023-04', '2023-04-01', pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera in April')) \g /dev/null
SELECT results_eq($$SELECT valid_from, valid_to, display FROM medrec.code WHERE code = 'A00.9' ORDER BY 1$$,
	$$VALUES (date '2022-01-01', date '2023-01-01', 'Cholera NOS'), ('2023-01-01', '2023-04-01', 'Cholera, unspecified'),
		('2023-04-01', '2024-01-01', 'Cholera in April'), ('2024-01-01', null, 'Cholera NOS')$$,
	'a release of 1 April applies from its day');
SELECT throws_ok($$SELECT pg_temp.load('x', '2023-04-01', pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera'))$$,
	'22023', 'another release of ICD-10-CM takes effect on the same day', 'two releases on one day are refused');

-- errors in a file are reported, and nothing has changed
SELECT count(*) AS codes FROM medrec.code \gset
CREATE FUNCTION pg_temp.refused(file text, message text, state text DEFAULT '22P04') RETURNS text LANGUAGE sql AS $$
	SELECT throws_ok(format('SELECT pg_temp.load(%L, %L, %L, %L)', 'bad', '2030-01-01', file, 'cms-order'), state, message, message)
$$;
SELECT pg_temp.refused(rtrim(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera'), E'\r\n'),
	'line 2 of the CMS order file: the last line has no line end, the file is cut off');
SELECT pg_temp.refused(left(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera'), 100),
	'line 2 of the CMS order file: the last line has no line end, the file is cut off');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera', 'B20|0|HIV'),
	'line 3 of the CMS order file: no code follows this header, the file is cut off');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'B20|1|HIV'),
	'line 1 of the CMS order file: no code follows this header, lines are missing');
SELECT pg_temp.refused(replace(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera', 'B20|1|HIV'), '00002 A009', '00003 A009'),
	'line 2 of the CMS order file: order number 00003, expected 00002: lines are missing');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Cholera', 'A009|1|Cholera'),
	'line 3 of the CMS order file: code A00.9 is already in line 2');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|2|Cholera'),
	'line 2 of the CMS order file: column 15 is neither 0 (header) nor 1 (billable)');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Chol' || chr(65533) || 'ra'),
	'line 2 of the CMS order file: mis-encoded: replacement character U+FFFD');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|M' || chr(195) || chr(169) || 'ni'),
	'line 2 of the CMS order file: mis-encoded: UTF-8 was taken for latin-1');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Chol' || chr(7) || 'ra'),
	'line 2 of the CMS order file: control character 0x07');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|Chol' || chr(146) || 'ra'),
	'line 2 of the CMS order file: mis-encoded: control character U+0092');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|   | '),
	'line 2 of the CMS order file: title is empty');
SELECT pg_temp.refused(E'no order file at all\n',
	'line 1 of the CMS order file: no order number in columns 1 to 5');
SELECT pg_temp.refused('', 'the file is empty');
SELECT pg_temp.refused(pg_temp.crlf_file('A00|0|Cholera', 'A009|1|' || repeat('x', 60) || '|' || repeat('x', 2000000)),
	'line 2 of the CMS order file is longer than 1048576 bytes', '54000');
SELECT throws_ok($$SELECT pg_temp.load('bad', '2030-01-01', E'code,,\nx\n')$$, '22P04', NULL, 'a file in no known format is refused');
SELECT is(count(*), :codes::bigint, 'refused files changed nothing') FROM medrec.code;
SELECT is(count(*), 4::bigint, 'refused files left no release') FROM medrec.code_release;

-- arguments
SELECT throws_ok($$SELECT medrec.load_release('no such system', '1', '2022-01-01', 'x')$$, '22023', 'unknown code system', 'an unknown system is refused');
SELECT throws_ok($$SELECT pg_temp.load(repeat('x', 51), '2022-01-01', 'x')$$, '22001', 'version has more than 50 characters', 'a long version is refused');
SELECT throws_ok($$SELECT pg_temp.load('', '2022-01-01', 'x')$$, '22023', 'version must not be empty', 'an empty version is refused');
SELECT throws_ok($$SELECT pg_temp.load(NULL, '2022-01-01', 'x')$$, '22004', 'version must not be null', 'a null version is refused');
SELECT throws_ok($$SELECT pg_temp.load('1', 'infinity', 'x')$$, '22008', 'effective_from must be a finite date', 'an infinite day is refused');
SELECT throws_ok($$SELECT pg_temp.load('1', '2022-01-01', NULL)$$, '22004', 'content must not be null', 'a null file is refused');
SELECT throws_ok($$SELECT pg_temp.load('1', '2022-01-01', 'x', 'nonsense')$$, '22023', 'unknown format for ICD-10-CM', 'an unknown format is refused');

-- rights
SET LOCAL ROLE medrec_admin;
SELECT lives_ok($$SELECT FROM medrec.load_release('ICD-10-PCS', '1', '2022-01-01', E'00001 001     0 Bypass                                                       Bypass\n00002 0016070 1 Bypass Cereb Vent                                            Bypass Cerebral Ventricle\n')$$,
	'an administrator may load releases');
RESET ROLE;
SET LOCAL ROLE medrec_coder;
SELECT throws_ok($$SELECT FROM medrec.load_release('ICD-10-PCS', '2', '2023-01-01', E'00001 001     0 Bypass                                                       Bypass\n00002 0016070 1 Bypass Cereb Vent                                            Bypass Cerebral Ventricle\n')$$,
	'42501', NULL, 'no other role may load releases');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
