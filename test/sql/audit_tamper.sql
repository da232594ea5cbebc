-- audit: a superuser tampers with the trail in twelve ways; each is found and located
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
-- a database of its own, since the test commits
DROP DATABASE IF EXISTS medrec_tamper;
CREATE DATABASE medrec_tamper;
\c medrec_tamper
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS medrec CASCADE;
SELECT FROM medrec.migrate();
SET search_path = public, pg_catalog;
-- MEDREC_TAMPERINGS: how many
\set tamperings ''
\getenv tamperings MEDREC_TAMPERINGS
SELECT coalesce(nullif(:'tamperings', ''), '240') AS tamperings \gset

-- a trail of some forty seals, with transactions of several events
CREATE PROCEDURE pg_temp.live() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 40 LOOP
		FOR j IN 1 .. 1 + i % 4 LOOP
			INSERT INTO medrec.patient (name, age, gender, patient_id)
				SELECT 'Tamper ' || g, g % 90, 'other', format('TMP-%s-%s-%s', i, j, g) FROM generate_series(1, 1 + (i * j) % 5) AS g;
			UPDATE medrec.patient SET age = age + 1 WHERE patient_id LIKE format('TMP-%s-%s-%%', i, j);
			COMMIT;
		END LOOP;
		PERFORM medrec.seal_audit();
		COMMIT;
	END LOOP;
END
$$;
CALL pg_temp.live();
-- a transaction of another test may hold back the horizon for a while
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN (SELECT max(end_xid) FROM medrec.audit_seal) > (SELECT max(xid) FROM medrec.audit_event);
		PERFORM pg_sleep(0.1);
		PERFORM medrec.seal_audit();
		COMMIT;
	END LOOP;
END
$$;
SELECT plan(17);
SELECT is(count(*), 0::bigint, 'an untampered trail verifies') FROM medrec.verify_audit();

CREATE TEMP TABLE outcome (kind text, found boolean, placed boolean, note text);
CREATE TEMP TABLE kept AS SELECT medrec.audit_checkpoint() AS checkpoint, max(seal) AS seals FROM medrec.audit_seal;

-- the server's owner can remove the guards
BEGIN;
SET LOCAL session_replication_role = replica;
DO $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT 'medrec.audit_event'::regclass UNION SELECT 'medrec.audit_seal'::regclass
		UNION SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'medrec.audit_event'::regclass
	LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', t);
	END LOOP;
END
$$;
SELECT cmp_ok(count(*), '>', 0::bigint, 'removed guards are reported') FROM medrec.verify_audit() WHERE kind = 'guard_missing';

-- an event's leaf, computed from the canonical text
CREATE PROCEDURE pg_temp.make_leaf(e medrec.audit_event) LANGUAGE sql AS $$
	UPDATE medrec.audit_event AS x SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(x.era, x.xid, x.n))
	WHERE x.era = e.era AND x.xid = e.xid AND x.n = e.n;
$$;
CREATE FUNCTION pg_temp.seal_of(e medrec.audit_event) RETURNS bigint LANGUAGE sql AS $$
	SELECT seal FROM medrec.audit_seal AS s WHERE s.era = e.era AND e.xid >= s.first_xid AND e.xid < s.end_xid $$;

CREATE PROCEDURE pg_temp.tamper(times integer) LANGUAGE plpgsql AS $$
DECLARE
	e medrec.audit_event;
	f medrec.audit_event;
	s medrec.audit_seal;
	kind text;
	expected text[];			-- one of these findings
	place bigint;				-- in this seal
	found boolean;
	placed boolean;
	note text;
	last bigint := (SELECT seals FROM kept);
	column_name text;
	texts text[] := ARRAY['action', 'table_name', 'row_id', 'account', 'jti', 'role', 'session_role', 'effective_role',
		'client_addr', 'request_id', 'method', 'path', 'application_name', 'reason'];
BEGIN
	PERFORM setseed(0.1);
	FOR i IN 1 .. times LOOP
		BEGIN
			SELECT * INTO e FROM medrec.audit_event AS x WHERE pg_temp.seal_of(x) IS NOT NULL ORDER BY random() LIMIT 1;
			SELECT * INTO s FROM medrec.audit_seal WHERE seal < last ORDER BY random() LIMIT 1;
			place := pg_temp.seal_of(e);
			CASE i % 12
				WHEN 0 THEN
					kind := 'content altered';
					expected := '{event_altered}';
					column_name := texts[1 + floor(random() * 14)::int];
					IF i % 5 = 0 THEN
						UPDATE medrec.audit_event AS x SET old_values = '{"age":1}', patient_id = gen_random_uuid(),
							statement_at = x.statement_at - interval '1 microsecond'
							WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
					ELSE
						EXECUTE format('UPDATE medrec.audit_event SET %I = coalesce(%1$I, '''') || ''x'' WHERE (era, xid, n) = ($1, $2, $3)', column_name)
							USING e.era, e.xid, e.n;
					END IF;
				WHEN 1 THEN
					kind := 'content and leaf altered';
					expected := '{events_replaced}';
					UPDATE medrec.audit_event AS x SET account = 'somebody else' WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
					CALL pg_temp.make_leaf(e);
				WHEN 2 THEN
					kind := 'leaf or salt altered';
					expected := '{event_altered}';
					IF i % 24 = 2 THEN
						UPDATE medrec.audit_event AS x SET leaf = sha256(x.leaf) WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
					ELSE
						UPDATE medrec.audit_event AS x SET salt = '\x00' WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
					END IF;
				WHEN 3 THEN
					kind := 'event removed';
					expected := '{events_removed}';
					DELETE FROM medrec.audit_event AS x WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
				WHEN 4 THEN
					kind := 'all events of a patient removed';
					expected := '{events_removed}';
					-- the events of migrate() have no patient
					SELECT * INTO e FROM medrec.audit_event AS x WHERE pg_temp.seal_of(x) IS NOT NULL AND x.patient_id IS NOT NULL
						ORDER BY random() LIMIT 1;
					place := pg_temp.seal_of(e);
					DELETE FROM medrec.audit_event AS x WHERE x.patient_id = e.patient_id;
				WHEN 5 THEN
					kind := 'event inserted';
					expected := '{events_inserted}';
					INSERT INTO medrec.audit_event SELECT (jsonb_populate_record(NULL::medrec.audit_event,
						to_jsonb(e) || jsonb_build_object('n', e.n + 1000, 'account', 'scapegoat'))).*;
					f := e;
					f.n := e.n + 1000;
					CALL pg_temp.make_leaf(f);
				WHEN 6 THEN
					kind := 'event duplicated';
					expected := '{event_duplicate}';
					INSERT INTO medrec.audit_event SELECT (e).*;
				WHEN 7 THEN
					kind := 'events swapped';
					expected := '{event_altered}';
					SELECT * INTO f FROM medrec.audit_event AS x WHERE (x.era, x.xid, x.n) <> (e.era, e.xid, e.n)
						AND pg_temp.seal_of(x) IS NOT NULL ORDER BY random() LIMIT 1;
					UPDATE medrec.audit_event AS x SET new_values = f.new_values, row_id = f.row_id, patient_id = f.patient_id, leaf = f.leaf, salt = f.salt
						WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
					UPDATE medrec.audit_event AS x SET new_values = e.new_values, row_id = e.row_id, patient_id = e.patient_id, leaf = e.leaf, salt = e.salt
						WHERE (x.era, x.xid, x.n) = (f.era, f.xid, f.n);
				WHEN 8 THEN
					kind := 'events reordered, leaves recomputed';
					expected := '{events_replaced,events_removed,events_inserted}';
					SELECT * INTO f FROM medrec.audit_event AS x WHERE x.xid <> e.xid AND pg_temp.seal_of(x) IS NOT NULL ORDER BY random() LIMIT 1;
					UPDATE medrec.audit_event AS x SET xid = f.xid, n = 5000 WHERE (x.era, x.xid, x.n) = (e.era, e.xid, e.n);
					f.n := 5000;
					CALL pg_temp.make_leaf(f);
				WHEN 9 THEN
					kind := 'seal altered';
					expected := '{seal_altered,events_removed,events_inserted,events_replaced}';
					place := s.seal;
					column_name := (ARRAY['first_xid', 'end_xid', 'events', 'total', 'root', 'head', 'previous_head', 'frontier', 'sealed_at', 'sealed_by'])[1 + floor(random() * 10)::int];
					EXECUTE format('UPDATE medrec.audit_seal SET %I = %s WHERE seal = $1', column_name,
						CASE WHEN column_name IN ('root', 'head', 'previous_head', 'frontier') THEN 'sha256(' || column_name || ')'
							WHEN column_name = 'sealed_at' THEN 'sealed_at + interval ''1 second'''
							WHEN column_name = 'sealed_by' THEN 'sealed_by || ''x'''
							ELSE column_name || ' + 1' END) USING s.seal;
				WHEN 10 THEN
					kind := 'seal removed';
					expected := '{seal_missing}';
					place := s.seal;
					DELETE FROM medrec.audit_seal AS x WHERE x.seal = s.seal;
				WHEN 11 THEN
					IF i % 24 = 11 THEN
						kind := 'trail cut off, or an older copy restored';
						DELETE FROM medrec.audit_event AS x WHERE x.era > s.era OR x.era = s.era AND x.xid >= s.end_xid;
					ELSE
						kind := 'trail cut off, or an older copy restored';
						-- history rewritten from there on, everything consistent
						UPDATE medrec.audit_event AS x SET account = 'somebody else' WHERE x.era = s.era AND x.xid >= s.end_xid;
						UPDATE medrec.audit_event AS x SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(x.era, x.xid, x.n))
							WHERE x.era = s.era AND x.xid >= s.end_xid;
					END IF;
					DELETE FROM medrec.audit_seal AS x WHERE x.seal > s.seal;
					IF i % 24 <> 11 THEN
						PERFORM medrec.seal_audit();
					END IF;
					expected := '{seals_cut_off,checkpoint_differs}';
					place := NULL;
			END CASE;
			-- names of columns and of variables must not be mixed up
			EXECUTE 'SELECT coalesce(bool_or(v.kind = ANY ($1)), false),
					coalesce(bool_or(v.kind = ANY ($1) AND ($2 IS NULL OR v.seal = $2)), false),
					string_agg(v.kind || '' '' || coalesce(v.seal::text, ''''), '', '')
				FROM medrec.verify_audit(checkpoint => $3) AS v WHERE v.kind <> ''guard_missing'''
				INTO found, placed, note USING expected, place, (SELECT k.checkpoint FROM kept AS k);
			RAISE EXCEPTION USING ERRCODE = 'MT000';
		EXCEPTION WHEN SQLSTATE 'MT000' THEN
			INSERT INTO outcome VALUES (kind, found, placed, format('%s: seal %s, found %s', i, place, note));
		END;
	END LOOP;
END
$$;
CALL pg_temp.tamper(:tamperings);
SELECT is(count(*), 0::bigint, 'what was rolled back is not reported') FROM medrec.verify_audit() WHERE kind <> 'guard_missing';
SELECT is(count(*), (:tamperings)::bigint, 'the test makes as many tamperings as asked for') FROM outcome;
SELECT is(string_agg(note, '; ') FILTER (WHERE NOT found OR NOT placed), NULL, 'found and placed: ' || kind)
	FROM outcome GROUP BY kind ORDER BY kind;
ROLLBACK;
SELECT is(count(*), 0::bigint, 'the trail verifies after all tamperings were undone') FROM medrec.verify_audit();
SELECT * FROM finish();
\c postgres
DROP DATABASE medrec_tamper;
