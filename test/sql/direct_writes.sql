\i test/sql-setup.psql
-- What the owner adds to patient and to the trail takes effect on last_visit and on events, as with any UPDATE and INSERT.
SELECT plan(44);

SELECT 'medrec.audit_event_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS partition \gset
INSERT INTO medrec.patient (name, age, gender, patient_id, last_visit) VALUES
	('One', 40, 'other', 'D1', '2020-01-01'), ('Two', 41, 'other', 'D2', '2020-01-01'), ('Three', 42, 'other', 'D3', now());
CREATE TABLE pg_temp.fired (id integer GENERATED ALWAYS AS IDENTITY, what text);
GRANT ALL ON pg_temp.fired TO PUBLIC;
CREATE FUNCTION pg_temp.visit() RETURNS void LANGUAGE sql AS $$
	DELETE FROM pg_temp.fired;
	UPDATE medrec.patient SET last_visit = '2020-01-01' WHERE patient_id IN ('D1', 'D2');
	DELETE FROM pg_temp.fired;
	INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'E11.9' FROM medrec.patient WHERE patient_id LIKE 'D_' ORDER BY patient_id DESC;
$$;
CREATE FUNCTION pg_temp.moved() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM medrec.patient WHERE last_visit = now() AND patient_id LIKE 'D_'$$;
CREATE FUNCTION pg_temp.fired() RETURNS text LANGUAGE sql AS $$SELECT string_agg(what, ' ' ORDER BY id) FROM pg_temp.fired$$;
CREATE FUNCTION pg_temp.events() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM medrec.audit_event$$;
CREATE FUNCTION pg_temp.versions() RETURNS bigint LANGUAGE sql AS $$SELECT sum(version) FROM medrec.patient$$;
-- the events and versions that a visit adds: three diagnoses and the two UPDATEs that set it up, no more
CREATE FUNCTION pg_temp.added() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	e bigint := pg_temp.events();
	v bigint := pg_temp.versions();
BEGIN
	PERFORM pg_temp.visit();
	RETURN format('%s events, %s versions', pg_temp.events() - e, pg_temp.versions() - v);
END
$$;
CREATE FUNCTION pg_temp.fault(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text;
	d text;
BEGIN
	EXECUTE query;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
	RETURN m || '|' || d;
END
$$;
SELECT is(pg_temp.added(), '5 events, 2 versions', 'moving last_visit leaves no event and no new version of the patient');
SELECT is(pg_temp.moved(), 3::bigint, 'a diagnosis moves last_visit');

-- first, since plans are kept: the role that prepared them must not matter
SELECT id AS one FROM medrec.patient WHERE patient_id = 'D1' \gset
SAVEPOINT s;
-- an owner who is not a superuser, and to whom no policy applies
CREATE ROLE medrec_test_owner;
GRANT USAGE ON SCHEMA medrec TO medrec_test_owner;
GRANT medrec_coder TO medrec_test_owner;
UPDATE medrec.patient SET last_visit = '2020-01-01';
ALTER TABLE medrec.patient ADD CHECK (last_visit > '2000-01-01');
ALTER TABLE medrec.patient OWNER TO medrec_test_owner;
SET LOCAL ROLE medrec_test_owner;
SELECT lives_ok(format('UPDATE medrec.diagnosis SET code = ''I10'' WHERE patient_id = %L', :'one'), 'the tables'' owner can change a diagnosis');
RESET ROLE;
SELECT is((SELECT last_visit FROM medrec.patient WHERE patient_id = 'D1'), now(), 'an owner''s statement moves last_visit despite policies');
ROLLBACK TO s;

-- a caller through a view, without rights on the schema
CREATE ROLE medrec_test_viewer;
CREATE SCHEMA test_views;
CREATE VIEW test_views.diagnosis AS SELECT * FROM medrec.diagnosis;
GRANT USAGE ON SCHEMA test_views TO medrec_test_viewer;
GRANT SELECT, UPDATE ON test_views.diagnosis TO medrec_test_viewer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA medrec TO medrec_test_viewer;
UPDATE medrec.patient SET last_visit = '2020-01-01';
ALTER TABLE medrec.audit_event ADD CHECK (era > -1);
SET LOCAL ROLE medrec_test_viewer;
SELECT lives_ok(format('UPDATE test_views.diagnosis SET code = ''I10'' WHERE patient_id = %L', :'one'), 'a diagnosis can be changed through a view without USAGE of the schema');
RESET ROLE;
SELECT is((SELECT last_visit FROM medrec.patient WHERE patient_id = 'D1'), now(), 'a diagnosis changed through a view moves last_visit');
ROLLBACK TO s;

-- triggers
CREATE FUNCTION pg_temp.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.fired (what) VALUES (TG_NAME || CASE WHEN TG_LEVEL = 'ROW' AND TG_OP = 'UPDATE' THEN '(' || OLD.patient_id || ')' ELSE '' END);
	RETURN NEW;
END
$$;
CREATE FUNCTION pg_temp.note_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.fired (what) SELECT TG_NAME || ':' || count(*) FROM old_rows JOIN new_rows USING (id) WHERE new_rows.last_visit = now();
	RETURN NULL;
END
$$;
SAVEPOINT s;
CREATE TRIGGER a_before BEFORE UPDATE ON medrec.patient FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT is(pg_temp.added(), '5 events, 2 versions', 'with a BEFORE ROW trigger moving last_visit leaves no event and no version');
SELECT is((SELECT array_agg(what ORDER BY what) FROM pg_temp.fired), '{a_before(D1),a_before(D2)}', 'a BEFORE ROW trigger fires once for each patient whose last_visit moves');
SELECT is(pg_temp.moved(), 3::bigint, 'with a BEFORE ROW trigger last_visit moves');
ROLLBACK TO s;
CREATE TRIGGER a_after AFTER UPDATE ON medrec.patient FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT is(pg_temp.added(), '5 events, 2 versions', 'with an AFTER ROW trigger moving last_visit leaves no event and no version');
SELECT is((SELECT array_agg(what ORDER BY what) FROM pg_temp.fired), '{a_after(D1),a_after(D2)}', 'an AFTER ROW trigger fires when last_visit moves');
ROLLBACK TO s;
CREATE TRIGGER b_statement BEFORE UPDATE ON medrec.patient FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.note();
CREATE TRIGGER c_statement AFTER UPDATE ON medrec.patient REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.note_rows();
SELECT is(pg_temp.added(), '5 events, 2 versions', 'with statement triggers moving last_visit leaves no event and no version');
SELECT is(pg_temp.fired(), 'b_statement c_statement:2', 'statement triggers fire once, with their transition tables');
ROLLBACK TO s;
CREATE TRIGGER a_name BEFORE UPDATE OF name ON medrec.patient FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT pg_temp.visit();
SELECT is(pg_temp.fired(), NULL, 'a trigger for other columns does not fire');
ROLLBACK TO s;
CREATE TRIGGER a_before BEFORE UPDATE ON medrec.patient FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
ALTER TABLE medrec.patient DISABLE TRIGGER a_before;
SELECT pg_temp.visit();
SELECT is(pg_temp.fired(), NULL, 'a disabled trigger does not fire');
ROLLBACK TO s;
CREATE FUNCTION pg_temp.rename() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.name := NEW.name || '!';
	RETURN NEW;
END
$$;
CREATE TRIGGER a_rename BEFORE UPDATE ON medrec.patient FOR EACH ROW WHEN (OLD.last_visit = '2020-01-01') EXECUTE FUNCTION pg_temp.rename();
SELECT is(pg_temp.added(), '7 events, 4 versions', 'a trigger''s change of another column leaves an event and a version');
SELECT is_empty('SELECT * FROM medrec.verify_records()', 'the records agree with their events after owner''s triggers');
ROLLBACK TO s;

-- constraints, columns, rules
ALTER TABLE medrec.patient ADD CHECK (last_visit < '2021-01-01') NOT VALID;
SELECT throws_ok('SELECT pg_temp.visit()', '23514', NULL, 'a CHECK on last_visit is enforced');
ROLLBACK TO s;
UPDATE medrec.patient SET last_visit = '2020-01-01';
ALTER TABLE medrec.patient ADD CHECK (name <> 'Two') NOT VALID;
SELECT throws_ok('INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, ''E11.9'' FROM medrec.patient WHERE patient_id = ''D2''', '23514', NULL, 'a NOT VALID CHECK that the row violates is enforced');
ROLLBACK TO s;
ALTER TABLE medrec.patient ADD visited boolean GENERATED ALWAYS AS (last_visit > '2020-01-01') STORED, ADD extra text NOT NULL DEFAULT 'x';
SELECT pg_temp.visit();
SELECT is((SELECT count(*) FROM medrec.patient WHERE visited AND extra = 'x' AND patient_id LIKE 'D_'), 3::bigint, 'a generated column follows last_visit');
SELECT is_empty('SELECT * FROM medrec.verify_records()', 'the records agree with their events after owner''s constraints');
ROLLBACK TO s;
CREATE RULE visit AS ON UPDATE TO medrec.patient DO ALSO INSERT INTO pg_temp.fired (what) VALUES ('rule');
SELECT pg_temp.visit();
SELECT is(pg_temp.fired(), 'rule rule', 'a rule on patient takes effect');
ROLLBACK TO s;
UPDATE medrec.patient SET last_visit = '2020-01-01'::timestamptz + age * '1 day'::interval;
ALTER TABLE medrec.patient ADD UNIQUE (last_visit) DEFERRABLE INITIALLY DEFERRED;
SELECT throws_ok('INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, ''E11.9'' FROM medrec.patient; SET CONSTRAINTS ALL IMMEDIATE', '23505', NULL, 'a deferred unique key is checked');
ROLLBACK TO s;

-- a publication
SET LOCAL client_min_messages = error;
CREATE PUBLICATION medrec_test FOR TABLE medrec.patient;
SET LOCAL client_min_messages = warning;
ALTER TABLE medrec.patient REPLICA IDENTITY NOTHING;
SELECT throws_ok('UPDATE medrec.patient SET name = name', '55000', NULL, 'without a replica identity an UPDATE of a published table is refused');
SELECT throws_ok('INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, ''E11.9'' FROM medrec.patient WHERE patient_id = ''D1''', '55000', NULL, 'without a replica identity a diagnosis is refused if patient is published');
ALTER TABLE medrec.patient REPLICA IDENTITY DEFAULT;
SELECT lives_ok('SELECT pg_temp.visit()', 'with a replica identity a diagnosis is stored');
ROLLBACK TO s;

-- a coder may change diagnoses but not patients, and errors do not show their rows
CREATE TRIGGER a_after AFTER UPDATE ON medrec.patient FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT id AS one FROM medrec.patient WHERE patient_id = 'D1' \gset
UPDATE medrec.patient SET last_visit = '2020-01-01';
SET LOCAL ROLE medrec_coder;
UPDATE medrec.diagnosis SET code = 'I10' WHERE patient_id = :'one';
RESET ROLE;
SELECT is((SELECT last_visit FROM medrec.patient WHERE patient_id = 'D1'), now(), 'a diagnosis needs no right on patient');
ALTER TABLE medrec.patient ADD CONSTRAINT no_visit CHECK (last_visit < '2021-01-01') NOT VALID;
UPDATE medrec.patient SET last_visit = '2020-01-01';
SELECT is(pg_temp.fault(format('INSERT INTO medrec.diagnosis (patient_id, code) VALUES (%L, ''E11.9'')', :'one')),
	'new row for relation "patient" violates check constraint "no_visit"|', 'a constraint''s error does not print the patient');
ROLLBACK TO s;

-- code that runs as the owner does not find the caller's look-alikes
CREATE FUNCTION pg_temp.low() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM lower(TG_NAME) WHERE 1 = 1;
	RETURN NEW;
END
$$;
CREATE TRIGGER a_low BEFORE UPDATE ON medrec.patient FOR EACH ROW EXECUTE FUNCTION pg_temp.low();
CREATE TRIGGER a_low BEFORE INSERT ON medrec.audit_event FOR EACH ROW EXECUTE FUNCTION pg_temp.low();
UPDATE medrec.patient SET last_visit = '2020-01-01';
CREATE SCHEMA test_evil AUTHORIZATION medrec_coder;
SET LOCAL ROLE medrec_coder;
CREATE FUNCTION test_evil.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'as %', current_user; END$$;
CREATE FUNCTION test_evil.same(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'as %', current_user; END$$;
CREATE OPERATOR test_evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = test_evil.same);
SET LOCAL search_path = test_evil, pg_catalog, public;
SELECT pg_temp.fault(format('UPDATE medrec.diagnosis SET code = ''I10'' WHERE patient_id OPERATOR(pg_catalog.=) %L', :'one')) AS fault,
	current_setting('search_path') AS path \gset
RESET ROLE;
SET LOCAL search_path = public, pg_catalog;
SELECT is(:'fault'::text, 'none', 'a caller''s function or operator never runs as the owner of patient or of the trail');
SELECT is(:'path'::text, 'test_evil, pg_catalog, public', 'the caller''s search_path is unchanged afterwards');
SELECT is((SELECT last_visit FROM medrec.patient WHERE patient_id = 'D1'), now(), 'last_visit moves beside a caller''s functions');
ROLLBACK TO s;

-- the trail
ALTER TABLE :partition ADD CONSTRAINT no_reason CHECK (reason IS NULL OR reason <> 'bad');
SET LOCAL medrec.reason = 'bad';
SELECT is(pg_temp.fault('SELECT pg_temp.visit()'), replace(:'partition', 'medrec.', 'new row for relation "') || '" violates check constraint "no_reason"|', 'a CHECK on a month of the trail is enforced, and the error does not print the row');
RESET medrec.reason;
SELECT is(pg_temp.added(), '5 events, 2 versions', 'an event that satisfies the CHECK is stored');
SELECT is_empty('SELECT * FROM medrec.verify_audit()', 'the trail verifies after events stored by the executor');
ROLLBACK TO s;
ALTER TABLE medrec.audit_event ADD CHECK (reason IS NULL OR reason <> 'bad');
SET LOCAL medrec.reason = 'bad';
SELECT throws_ok('SELECT pg_temp.visit()', '23514', NULL, 'a CHECK on the whole trail is enforced');
RESET medrec.reason;
ROLLBACK TO s;
ALTER TABLE medrec.audit_event ADD must text NOT NULL DEFAULT 'x';
SELECT throws_ok('ALTER TABLE medrec.audit_event ALTER must DROP DEFAULT', '23502', NULL, 'NOT NULL on an unknown column of the trail is enforced on the event of the ALTER itself');
ROLLBACK TO s;
ALTER TABLE medrec.audit_event ADD site text, ALTER site SET DEFAULT 'here', ADD long boolean GENERATED ALWAYS AS (length(new_values::text) > 10) STORED;
SELECT pg_temp.visit();
SELECT is((SELECT count(*) FROM medrec.audit_event WHERE site = 'here' AND long AND table_name = 'diagnosis'), 3::bigint, 'columns of the trail with a default and generated columns are filled');
SELECT is_empty('SELECT * FROM medrec.verify_audit()', 'the trail verifies with the owner''s columns');
ROLLBACK TO s;
CREATE TRIGGER a_row AFTER INSERT ON medrec.audit_event FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
CREATE TRIGGER b_statement AFTER INSERT ON medrec.audit_event FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.note();
SELECT pg_temp.visit();
SELECT is(pg_temp.fired(), 'a_row a_row a_row b_statement', 'row and statement triggers on the trail fire');
ROLLBACK TO s;
CREATE FUNCTION pg_temp.swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER a_swallow BEFORE INSERT ON medrec.audit_event FOR EACH ROW WHEN (NEW.table_name = 'diagnosis') EXECUTE FUNCTION pg_temp.swallow();
SELECT throws_ok('SELECT pg_temp.visit()', '55000', 'an audit event was not stored', 'a trigger that silently drops an event fails the statement');
ROLLBACK TO s;
CREATE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() < 4 THEN
		INSERT INTO medrec.audit_event SELECT * FROM medrec.audit_event LIMIT 1;
	END IF;
	RETURN NEW;
END
$$;
SAVEPOINT f;
CREATE TRIGGER a_forge BEFORE INSERT ON medrec.audit_event FOR EACH ROW WHEN (NEW.table_name = 'diagnosis') EXECUTE FUNCTION pg_temp.forge();
SELECT throws_ok('SELECT pg_temp.visit()', '42501', NULL, 'a trigger may not write events under medrec''s own statement');
ROLLBACK TO f;
SELECT throws_ok('CREATE TRIGGER a_forge BEFORE INSERT ON medrec.audit_event FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.forge()', '42501', NULL, 'a trigger may not write events before medrec''s own statement');
ROLLBACK TO s;
CREATE TRIGGER a_row AFTER INSERT ON medrec.audit_event FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT throws_ok('INSERT INTO medrec.audit_event SELECT * FROM medrec.audit_event LIMIT 1', '42501', NULL, 'nobody else may write events');
ROLLBACK TO s;
ALTER TABLE medrec.audit_archive ADD CHECK (partition <> 'no');
ALTER TABLE medrec.audit_era ADD CHECK (era < 99);
SELECT lives_ok('SELECT medrec.audit_open_era()', 'a CHECK on another audit table is enforced');

SELECT * FROM finish();
ROLLBACK;
