-- Six columns, once without an audit and once with each of the audits compared.
-- The peers are written in their published form (PostgreSQL wiki, documentation, supa_audit).
CREATE SCHEMA bench;
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['none', 'medrec', 'plpgsql_row', 'plpgsql_statement', 'supa'] LOOP
		EXECUTE format('CREATE TABLE bench.t_%s (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			patient_id uuid NOT NULL,
			code varchar(20) NOT NULL,
			description text,
			status varchar(10) NOT NULL DEFAULT ''valid'',
			created_at timestamptz NOT NULL DEFAULT now())', t);
	END LOOP;
END
$$;

-- medrec
CREATE TRIGGER a_insert AFTER INSERT ON bench.t_medrec REFERENCING NEW TABLE AS n
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=patient_id');
CREATE TRIGGER a_update AFTER UPDATE ON bench.t_medrec REFERENCING OLD TABLE AS o NEW TABLE AS n
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=patient_id');
CREATE TRIGGER a_delete AFTER DELETE ON bench.t_medrec REFERENCING OLD TABLE AS o
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=patient_id');

-- a row trigger in PL/pgSQL with jsonb, like the wiki's audit trigger
CREATE TABLE bench.log_row (
	event_id bigserial PRIMARY KEY,
	table_name text NOT NULL,
	session_user_name text,
	action_tstamp_tx timestamptz NOT NULL,
	action_tstamp_stm timestamptz NOT NULL,
	action_tstamp_clk timestamptz NOT NULL,
	transaction_id bigint,
	application_name text,
	client_addr inet,
	action text NOT NULL,
	row_data jsonb,
	changed jsonb
);
CREATE FUNCTION bench.log_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO bench.log_row (table_name, session_user_name, action_tstamp_tx, action_tstamp_stm,
		action_tstamp_clk, transaction_id, application_name, client_addr, action, row_data, changed)
	VALUES (TG_TABLE_NAME, session_user, current_timestamp, statement_timestamp(), clock_timestamp(),
		txid_current(), current_setting('application_name'), inet_client_addr(), TG_OP,
		CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END,
		CASE WHEN TG_OP = 'UPDATE' THEN (SELECT jsonb_object_agg(n.key, n.value)
			FROM jsonb_each(to_jsonb(NEW)) AS n JOIN jsonb_each(to_jsonb(OLD)) AS o ON n.key = o.key
			WHERE n.value IS DISTINCT FROM o.value) END);
	RETURN NULL;
END
$$;
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON bench.t_plpgsql_row
	FOR EACH ROW EXECUTE FUNCTION bench.log_row();

-- a statement trigger in PL/pgSQL with transition tables
CREATE TABLE bench.log_statement (LIKE bench.log_row INCLUDING ALL);
CREATE FUNCTION bench.log_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO bench.log_statement (table_name, session_user_name, action_tstamp_tx, action_tstamp_stm,
			action_tstamp_clk, transaction_id, application_name, client_addr, action, row_data)
		SELECT TG_TABLE_NAME, session_user, current_timestamp, statement_timestamp(), clock_timestamp(),
			txid_current(), current_setting('application_name'), inet_client_addr(), TG_OP, to_jsonb(r)
		FROM new_rows AS r;
	ELSE
		INSERT INTO bench.log_statement (table_name, session_user_name, action_tstamp_tx, action_tstamp_stm,
			action_tstamp_clk, transaction_id, application_name, client_addr, action, row_data, changed)
		SELECT TG_TABLE_NAME, session_user, current_timestamp, statement_timestamp(), clock_timestamp(),
			txid_current(), current_setting('application_name'), inet_client_addr(), TG_OP, to_jsonb(o), to_jsonb(r)
		FROM old_rows AS o JOIN new_rows AS r USING (id);
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER a_insert AFTER INSERT ON bench.t_plpgsql_statement REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION bench.log_statement();
CREATE TRIGGER a_update AFTER UPDATE ON bench.t_plpgsql_statement REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION bench.log_statement();

-- like supa_audit: a stable record id from the table's oid and key, made in PL/pgSQL and SQL
CREATE TYPE bench.operation AS ENUM ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE');
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE TABLE bench.record_version (
	id bigserial PRIMARY KEY,
	record_id uuid,
	old_record_id uuid,
	op bench.operation NOT NULL,
	ts timestamptz NOT NULL DEFAULT now(),
	table_oid oid NOT NULL,
	table_schema name NOT NULL,
	table_name name NOT NULL,
	record jsonb,
	old_record jsonb
);
CREATE INDEX ON bench.record_version USING brin (ts);
CREATE INDEX ON bench.record_version (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX ON bench.record_version (old_record_id) WHERE old_record_id IS NOT NULL;
CREATE INDEX ON bench.record_version (table_oid);
CREATE FUNCTION bench.primary_key_columns(entity_oid oid) RETURNS text[] STABLE SECURITY DEFINER LANGUAGE sql AS $$
	SELECT coalesce(array_agg(pa.attname::text ORDER BY pa.attnum), array[]::text[]) AS column_names
	FROM pg_index pi JOIN pg_attribute pa ON pi.indrelid = pa.attrelid AND pa.attnum = any(pi.indkey)
	WHERE indrelid = $1 AND indisprimary
$$;
CREATE FUNCTION bench.to_record_id(entity_oid oid, pkey_cols text[], rec jsonb) RETURNS uuid STABLE LANGUAGE sql AS $$
	SELECT CASE
		WHEN rec IS NULL THEN NULL
		WHEN pkey_cols = array[]::text[] THEN uuid_generate_v4()
		ELSE (SELECT uuid_generate_v5('fd62bc3d-8d6e-43c2-919c-802ba3762271',
			(jsonb_build_array(to_jsonb($1)) || jsonb_agg($3 ->> key_))::text)
			FROM unnest($2) x(key_))
	END
$$;
CREATE FUNCTION bench.insert_update_delete_trigger() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
	pkey_cols text[] = bench.primary_key_columns(TG_RELID);
	record_jsonb jsonb = to_jsonb(new);
	record_id uuid = bench.to_record_id(TG_RELID, pkey_cols, record_jsonb);
	old_record_jsonb jsonb = to_jsonb(old);
	old_record_id uuid = bench.to_record_id(TG_RELID, pkey_cols, old_record_jsonb);
BEGIN
	INSERT INTO bench.record_version (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
	SELECT record_id, old_record_id, TG_OP::bench.operation, TG_RELID, TG_TABLE_SCHEMA, TG_TABLE_NAME,
		record_jsonb, old_record_jsonb;
	RETURN coalesce(new, old);
END
$$;
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON bench.t_supa
	FOR EACH ROW EXECUTE FUNCTION bench.insert_update_delete_trigger();

-- the role of the PostgREST-shaped write
GRANT USAGE ON SCHEMA bench TO medrec_clinician;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bench TO medrec_clinician;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA bench TO medrec_clinician;
