\i test/sql-setup.psql
-- verify_audit() finds the events that an index of the trail lacks, for each kind of index.
SELECT plan(10);

SELECT 'medrec.audit_event_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS partition \gset
CREATE INDEX lacking_n ON :partition (n);
CREATE INDEX lacking_partial ON :partition (logged_at) WHERE action = 'INSERT';
CREATE INDEX lacking_expression ON :partition (upper(table_name));
CREATE INDEX lacking_spgist ON :partition USING spgist (row_id);
CREATE INDEX lacking_multi ON :partition USING brin (n int4_minmax_multi_ops, reason);
CREATE INDEX lacking_invalid ON :partition (era);

INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Indexed', 40, 'other', 'I1');
SELECT count(brin_summarize_new_values(x.indexrelid)) AS summarized FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid
WHERE x.indrelid = :'partition'::regclass AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'brin') \gset
CREATE VIEW pg_temp.findings AS SELECT kind, substring(detail FROM 'index "([^"]*)"') AS index, count(*) AS events, count(xid) AS named
FROM medrec.verify_audit() WHERE kind = 'event_not_indexed' GROUP BY 1, 2;
SELECT is_empty('TABLE pg_temp.findings', 'an index with every event is not reported');

-- as if the indexes had not been updated for a while
UPDATE pg_index SET indisready = false WHERE indrelid = :'partition'::regclass;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'medrec.lacking_invalid'::regclass;
ALTER TABLE :partition SET (autovacuum_enabled = off);
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Lacking', 40, 'other', 'I2'), ('Lacking', 41, 'other', 'I3');
UPDATE medrec.patient SET age = 50 WHERE patient_id = 'I2';
UPDATE pg_index SET indisready = true WHERE indrelid = :'partition'::regclass;
ALTER TABLE :partition RESET (autovacuum_enabled);

SELECT is((SELECT events FROM pg_temp.findings WHERE index = 'lacking_n'), 4::bigint, 'a B-tree that lacks events is reported');
SELECT is((SELECT events FROM pg_temp.findings WHERE index = 'lacking_partial'), 2::bigint, 'a partial index is checked for the rows of its condition only');
SELECT is((SELECT events FROM pg_temp.findings WHERE index = 'lacking_expression'), 4::bigint, 'an expression index that lacks events is reported');
SELECT is((SELECT events FROM pg_temp.findings WHERE index = 'lacking_spgist'), 4::bigint, 'an index that is not a B-tree and lacks events is reported');
SELECT is((SELECT events FROM pg_temp.findings WHERE index = 'lacking_multi'), 4::bigint, 'a BRIN minmax index whose summary lacks values is reported');
SELECT is((SELECT events FROM pg_temp.findings WHERE index LIKE 'audit_event%' AND index IN (SELECT relname FROM pg_class WHERE relam = (SELECT oid FROM pg_am WHERE amname = 'brin'))), 3::bigint, 'medrec''s BRIN index is reported if its summary lacks values');
SELECT is((SELECT events FROM pg_temp.findings WHERE index LIKE 'audit_event%logged_at_idx'), 4::bigint, 'medrec''s B-tree is reported if it lacks events');
SELECT results_eq('SELECT sum(events), sum(named) FROM pg_temp.findings', 'SELECT 25::numeric, 25::numeric', 'each missing event is named by era, transaction and number, and invalid indexes are ignored');

REINDEX TABLE :partition;
SELECT is_empty('TABLE pg_temp.findings', 'REINDEX repairs the index');
SELECT * FROM finish();
ROLLBACK;
