CREATE FUNCTION medrec.audit_arguments(relation regclass, patient name, withhold name[])
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	arguments text[] := '{}';
	c record;
BEGIN
	FOR c IN
		WITH RECURSIVE named AS (
			SELECT patient AS name, 'patient' AS what WHERE patient IS NOT NULL
			UNION
			SELECT w, 'withhold' FROM unnest(withhold) AS w
		), base AS (
			SELECT a.attname AS name, a.atttypid AS type FROM pg_attribute AS a WHERE a.attrelid = relation
			UNION ALL
			SELECT b.name, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
		)
		SELECT n.name, n.what, a.attnum IS NOT NULL AS found,
			EXISTS (SELECT FROM base AS b WHERE b.name = n.name AND b.type = 'uuid'::regtype) AS is_uuid,
			n.name = patient OR EXISTS (SELECT FROM pg_index AS i
				WHERE i.indrelid = relation AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS is_shown
		FROM named AS n
		LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY n.what, a.attnum
	LOOP
		IF c.name IS NULL THEN
			RAISE EXCEPTION 'columns to withhold must not be null' USING ERRCODE = 'null_value_not_allowed';
		ELSIF NOT c.found THEN
			RAISE EXCEPTION 'column "%" of table % does not exist', c.name, relation USING ERRCODE = 'undefined_column';
		ELSIF c.what = 'patient' AND NOT c.is_uuid THEN
			RAISE EXCEPTION 'column "%" of table % is not of type uuid', c.name, relation USING ERRCODE = 'datatype_mismatch',
				DETAIL = 'Patients are identified by medrec.patient.id.';
		ELSIF c.what = 'withhold' AND c.is_shown THEN
			RAISE EXCEPTION 'column "%" of table % cannot be withheld', c.name, relation USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'Events identify the row or the patient by it.';
		END IF;
		arguments := arguments || (c.what || '=' || c.name);
	END LOOP;
	RETURN arguments;
END
$$;
COMMENT ON FUNCTION medrec.audit_arguments(regclass, name, name[]) IS
'The arguments of the triggers that medrec.attach_audit() makes. relation, patient, withhold: as there. Errors: 42703 for a column that does not exist, 42804 for a patient column that is not a uuid, 22023 for a column that cannot be withheld, 22004 for a null among these.';
REVOKE ALL ON FUNCTION medrec.audit_arguments(regclass, name, name[]) FROM PUBLIC;

CREATE FUNCTION medrec.attach_audit(relation regclass, patient name DEFAULT NULL, withhold name[] DEFAULT '{}')
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	audit constant oid := 'medrec.audit()'::regprocedure;
	problem text;
	arguments text[];
	audited boolean;
	made text[] := '{}';
	c record;
	t record;
BEGIN
	SELECT r.*, r.relnamespace = 'medrec'::regnamespace AS of_medrec INTO c FROM pg_class AS r WHERE r.oid = relation;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no such table' USING ERRCODE = 'undefined_table';
	ELSIF NOT pg_has_role(c.relowner, 'USAGE') THEN
		RAISE EXCEPTION 'must be owner of table %', relation USING ERRCODE = 'insufficient_privilege';
	ELSIF c.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION '% is not a table', relation USING ERRCODE = 'wrong_object_type';
	ELSIF to_regclass('medrec.audit_event') IS NULL THEN
		RAISE EXCEPTION 'there is no audit trail' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT * FROM medrec.migrate().';
	END IF;
	-- from here on the table's definition cannot change
	EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', relation);
	problem := CASE
		WHEN c.relkind = 'p' THEN 'It is partitioned: what is written to a partition would leave no event.'
		WHEN EXISTS (SELECT FROM pg_inherits AS i WHERE relation IN (i.inhrelid, i.inhparent))
			THEN 'It is a partition, or one of it and another table inherits from the other: what is written through the one would leave no event of the other.'
		WHEN c.relpersistence = 't' THEN 'It is temporary.'
		WHEN c.relpersistence = 'u' THEN 'It is unlogged: a crash empties it and leaves no event.'
		WHEN c.of_medrec AND c.relname LIKE 'audit\_%' THEN 'It is part of the audit trail.'
		END;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION 'table % cannot be audited', relation USING ERRCODE = 'wrong_object_type', DETAIL = problem;
	ELSIF NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = relation AND i.indisprimary AND i.indimmediate AND i.indisvalid) THEN
		RAISE EXCEPTION 'table % has no primary key', relation USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = 'Events identify rows by it. A deferrable primary key does not count.';
	END IF;
	arguments := medrec.audit_arguments(relation, patient, withhold);
	audited := EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = relation AND g.tgfoid = audit);

	FOR t IN
		SELECT w.name, w.event, w.tables, g.tgname AS present, g.tgfoid = audit AS audits,
			g.tgname = w.name AND g.tgfoid = audit AND g.tgtype = w.type AND g.tgenabled = 'A' AND g.tgqual IS NULL AND g.tgattr = ''
				AND coalesce(g.tgoldtable, '') = w.old_table AND coalesce(g.tgnewtable, '') = w.new_table
				AND g.tgargs = (SELECT coalesce(string_agg(convert_to(a.text, getdatabaseencoding()) || '\x00', '' ORDER BY a.n), '')
					FROM unnest(arguments) WITH ORDINALITY AS a (text, n)) AS same
		FROM (VALUES
			('medrec_audit_insert', 'INSERT', 4, '', 'new_rows', 'REFERENCING NEW TABLE AS new_rows'),
			('medrec_audit_update', 'UPDATE', 16, 'old_rows', 'new_rows', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
			('medrec_audit_delete', 'DELETE', 8, 'old_rows', '', 'REFERENCING OLD TABLE AS old_rows'),
			('medrec_audit_truncate', 'TRUNCATE', 32, '', '', '')
		) AS w (name, event, type, old_table, new_table, tables)
		LEFT JOIN pg_trigger AS g ON g.tgrelid = relation AND (g.tgname = w.name OR g.tgfoid = audit AND g.tgtype & w.type <> 0)
		ORDER BY g.tgname = w.name
	LOOP
		CONTINUE WHEN t.same;
		IF t.present IS NOT NULL AND (t.present <> t.name OR NOT t.audits) THEN
			RAISE EXCEPTION 'trigger "%" of table % conflicts with the audit', t.present, relation USING ERRCODE = 'duplicate_object',
				DETAIL = CASE WHEN t.audits THEN 'It audits the same changes.' ELSE 'It has the name of an audit trigger.' END;
		ELSIF c.of_medrec AND audited THEN
			RAISE EXCEPTION 'table % is audited in another way', relation USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Run SELECT * FROM medrec.migrate() to repair the triggers that it has made.';
		END IF;
		EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit(%s)',
			t.name, t.event, relation, t.tables, (SELECT string_agg(quote_literal(a.text), ', ' ORDER BY a.n)
				FROM unnest(arguments) WITH ORDINALITY AS a (text, n)));
		made := made || format('ENABLE ALWAYS TRIGGER %I', t.name);
	END LOOP;
	-- so that session_replication_role does not silence them
	IF made <> '{}' THEN
		EXECUTE format('ALTER TABLE ONLY %s %s', relation, array_to_string(made, ', '));
	END IF;
	RETURN cardinality(made);
END
$$;
COMMENT ON FUNCTION medrec.attach_audit(regclass, name, name[]) IS
'Audits a table: gives it the four triggers of medrec.audit() that medrec''s own tables have, ENABLE ALWAYS, and returns how many it made or changed, 0 if none had to be. Leaves events (DDL). relation: an ordinary table with a primary key; patient: its uuid column with the patient''s id, which the events then name; withhold: columns whose values are not recorded, only that they changed, with a digest. Called again with other columns it replaces the triggers; not those of a table in schema medrec. Existing rows have no events, and are checked from their first one on. For the table''s owner, if medrec_admin, and superusers. Errors: 42501 for others; 42P01 if the table does not exist; 42809 for other objects, for a partitioned, temporary or unlogged one, a partition, one with parents or children, and the audit trail; 55000 without a primary key, before medrec.migrate(), and for a table in schema medrec that is audited in another way; 42703, 42804, 22023, 22004 for columns (unknown, patient not a uuid, cannot be withheld because events name the row or patient by it, null); 42710 if another trigger has the name or audits the same.';
REVOKE ALL ON FUNCTION medrec.attach_audit(regclass, name, name[]) FROM PUBLIC;

CREATE FUNCTION medrec.detach_audit(relation regclass)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dropped integer := 0;
	c record;
	t record;
BEGIN
	SELECT r.relowner, r.relnamespace = 'medrec'::regnamespace AS of_medrec INTO c FROM pg_class AS r WHERE r.oid = relation;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no such table' USING ERRCODE = 'undefined_table';
	ELSIF NOT pg_has_role(c.relowner, 'USAGE') THEN
		RAISE EXCEPTION 'must be owner of table %', relation USING ERRCODE = 'insufficient_privilege';
	ELSIF c.of_medrec THEN
		RAISE EXCEPTION 'cannot end the audit of table % because medrec requires it', relation
			USING ERRCODE = 'dependent_objects_still_exist';
	END IF;
	FOR t IN
		SELECT g.tgname AS name FROM pg_trigger AS g WHERE g.tgrelid = relation AND g.tgfoid = 'medrec.audit()'::regprocedure
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', t.name, relation);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END
$$;
COMMENT ON FUNCTION medrec.detach_audit(regclass) IS
'Ends the audit of a table that medrec.attach_audit() began: drops its triggers of medrec.audit() and returns how many there were. Leaves events (DDL). The events of its rows stay, and medrec.history() still reads them. relation: the table. For its owner, if medrec_admin, and superusers. Errors: 42501 for others, 42P01 if the table does not exist, 2BP01 for a table in schema medrec.';
REVOKE ALL ON FUNCTION medrec.detach_audit(regclass) FROM PUBLIC;
