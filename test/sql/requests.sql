\i test/sql-setup.psql
SELECT plan(32);

-- as PostgREST: a session of the authenticator, a role, an account; the result, or the error
CREATE FUNCTION pg_temp.as_account(account text, command text, role text DEFAULT 'clinician') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_authorization', 'medrec_authenticator', true);
	PERFORM set_config('role', 'medrec_' || role, true), set_config('request.jwt.claims', json_build_object('sub', account, 'exp', 2000000000)::text, true);
	BEGIN
		EXECUTE command INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM set_config('session_authorization', 'postgres', true), set_config('request.jwt.claims', '', true);
	RETURN result;
END
$$;

SELECT rows AS loaded FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_temp.order_file(
	'E11|0|Type 2 diabetes mellitus', 'E116|0|Type 2 diabetes mellitus with other specified complications', 'E1165|1|Type 2 diabetes mellitus with hyperglycemia', 'E119|1|Type 2 diabetes mellitus without complications',
	'I10|1|Essential (primary) hypertension')) \gset
INSERT INTO medrec.code_rule (code_system, code, rule, valid_from, valid_to, age_min, age_max, other_from, other_to, text) VALUES
	('ICD-10-CM', 'E11', 'excludes1', '2020-01-01', NULL, NULL, NULL, 'E10', 'E10', 'type 1'), ('ICD-10-CM', 'E11', 'manifestation', '2020-01-01', NULL, NULL, NULL, NULL, NULL, NULL),
	('ICD-10-CM', 'E11.9', 'adult', '2020-01-01', NULL, 15, 124, NULL, NULL, NULL), ('ICD-10-CM', 'E11.9', 'female', '2010-01-01', '2015-01-01', NULL, NULL, NULL, NULL, NULL);
INSERT INTO medrec.account (username, role) VALUES ('ann', 'clinician'), ('bob', 'clinician'), ('cody', 'coder'), ('root', 'admin'), ('olga', 'auditor');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'ward 1'), (2, 'ward 2');
INSERT INTO medrec.care_team_member (account, team) SELECT id, CASE username WHEN 'ann' THEN 1 ELSE 2 END FROM medrec.account WHERE role = 'clinician';
INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 1, 'male', 'PA'), ('00000000-0000-4000-8000-00000000000b', 'B', 1, 'male', 'PB');
INSERT INTO medrec.care_team_patient (patient, team) VALUES ('00000000-0000-4000-8000-00000000000a', 1), ('00000000-0000-4000-8000-00000000000b', 2);
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, c FROM medrec.patient, unnest(ARRAY['I10', 'E11', 'Z99']) AS c;

-- who asks
SELECT is(pg_temp.as_account('ann', $$SELECT jsonb_build_array(w -> 'account', w -> 'role', w -> 'token_expires', w #> '{rights,patients}', w #> '{rights,accounts}') FROM medrec_api.whoami() AS w$$)::jsonb,
	'["ann", "medrec_clinician", "2033-05-18T03:33:20+00:00", ["read", "create", "change"], null]', 'whoami says account, role, end of the token and rights');
SELECT is(pg_temp.as_account('cody', $$SELECT medrec_api.whoami() #>> '{rights,patients}'$$, 'coder'), '["read"]', 'whoami gives each role its own rights');
SELECT alike(pg_temp.as_account(NULL, $$SELECT medrec_api.whoami() -> 'rights'$$, 'anon'), '42501%', 'without a token nobody is told about rights');
SELECT is(pg_temp.as_account('ann', $$SELECT (medrec_api.whoami() -> 'functions') ?& '{record_visit,whoami,patient_history}' AND NOT (medrec_api.whoami() -> 'functions') ?| '{load_release,set_password,explain,current_age}'$$), 'true',
	'whoami lists the functions that the role may call, and no others');
SELECT is(pg_temp.as_account('ann', $$SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys(medrec_api.whoami()) AS k$$), 'account,functions,rights,role,token_expires', 'whoami says nothing more');
SELECT is((SELECT set_config('request.jwt.claims', '{"sub": "ann"}', true)) IS NOT NULL AND medrec.whoami() ->> 'account' = session_user, true, 'claims of a session that is not PostgREST''s are not believed');

-- counts
\set counts 'SELECT string_agg(format(\'%s %s %s\', table_name, status, count), \', \') FROM medrec_api.status_counts()'
SELECT is(pg_temp.as_account('cody', :'counts', 'coder'), 'diagnosis invalid 2, diagnosis review 2, diagnosis valid 2, treatment valid 0', 'a coder gets the counts of all records');
SET LOCAL medrec.care_team_mode = on;
SELECT is(pg_temp.as_account('ann', :'counts'), 'diagnosis invalid 1, diagnosis review 1, diagnosis valid 1, treatment valid 0', 'a clinician with care teams gets the counts of their own patients');
UPDATE pg_class SET reltuples = 1000000 WHERE oid = 'medrec.diagnosis'::regclass;
SELECT is(pg_temp.as_account('ann', :'counts'), 'diagnosis invalid 1, diagnosis review 1, diagnosis valid 1, treatment valid 0', 'no estimate counts the records of hidden patients');
SELECT is(pg_temp.as_account('cody', :'counts', 'coder'), 'diagnosis invalid 2, diagnosis review 2, diagnosis valid 999996, treatment valid 0', 'the valid records of a large table are estimated for who sees all');
SELECT is(pg_temp.as_account('cody', $$SELECT string_agg(exact::text, ',') FROM medrec_api.status_counts()$$, 'coder'), 'true,true,false,true', 'and the answer says which count is an estimate');
SELECT alike(pg_temp.as_account('olga', :'counts', 'auditor'), '42501%', 'an auditor gets no counts of records');

-- codes
SELECT is((SELECT string_agg(concat_ws(' ', of_code, rule, age_min, age_max, other_from), ', ') FROM medrec.code_edits('icd-10-cm', 'e119')), 'E11.9 adult 15 124, E11 excludes1 E10', 'edits are those in force, with the excludes1 notes above');
SELECT is((SELECT string_agg(rule, ', ') FROM medrec.code_edits('http://hl7.org/fhir/sid/icd-10-cm', 'E11.9', '2012-01-01')), 'female', 'edits are those of the day');
SELECT is((SELECT jsonb_build_array(code, display, billable, jsonb_array_length(edits), parents, jsonb_array_length(children)) FROM medrec_api.lookup('ICD-10-CM', 'e11.9')),
	'["E11.9", "Type 2 diabetes mellitus without complications", true, 2, [{"code": "E11", "display": "Type 2 diabetes mellitus", "billable": false}], 0]', 'lookup shows a code with its edits and neighbours');
SELECT is((SELECT children FROM medrec_api.lookup('ICD-10-CM', 'E11')) @> '[{"code": "E11.9"}, {"code": "E11.6"}]', true, 'lookup shows the codes next below, headers included');
SELECT is((SELECT count(*) FROM medrec_api.lookup('ICD-10-CM', 'Z99')), 0::bigint, 'lookup of an unknown code has no row');
SELECT is((SELECT parents IS NULL AND children IS NULL FROM medrec.code_neighbours('LOINC', '718-7')), true, 'a system without a hierarchy has no neighbours');
SELECT is((SELECT string_agg(code, ',') FROM medrec_api.ancestors('ICD-10-CM', 'E11.65')), 'E11.6,E11', 'ancestors are those of medrec.ancestors()');
SELECT is((SELECT string_agg(code, ',') FROM medrec_api.descendants('ICD-10-CM', 'E11')), 'E11.6,E11.65,E11.9', 'descendants are those of medrec.descendants()');
SELECT is(ARRAY[medrec_api.subsumes('ICD-10-CM', 'E11', 'E11.9'), medrec_api.subsumes('ICD-10-CM', 'E11.9', 'E11'), medrec_api.subsumes('ICD-10-CM', 'E11', 'e11'), medrec_api.subsumes('ICD-10-CM', 'E11', 'I10')],
	'{subsumes,subsumed-by,equivalent,not-subsumed}', 'subsumes has FHIR''s four outcomes');

-- a patient's history
\set history 'SELECT string_agg(table_name || \' \' || action, \', \') FROM medrec_api.patient_history(patient => \'00000000-0000-4000-8000-00000000000%s\')'
SELECT is(pg_temp.as_account('ann', format(:'history', 'a')), 'diagnosis INSERT, diagnosis INSERT, diagnosis INSERT, patient INSERT', 'a clinician reads the history of a patient in their care, the newest first');
SELECT alike(pg_temp.as_account('ann', format(:'history', 'b')), 'PT404%', 'the history of a patient of another team is not shown');
SELECT is(pg_temp.as_account('ann', format(:'history', 'f')), pg_temp.as_account('ann', format(:'history', 'b')), 'a hidden patient and one that does not exist get the same answer');
SELECT is(pg_temp.as_account('cody', format(:'history', 'b'), 'coder'), 'diagnosis INSERT, diagnosis INSERT, diagnosis INSERT, patient INSERT', 'a coder reads every patient''s history');
SELECT alike(pg_temp.as_account('olga', format(:'history', 'b'), 'auditor'), '42501%', 'an auditor has the trail itself');
SELECT is(pg_temp.as_account('ann', $$SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys((SELECT to_jsonb(h.*) FROM medrec_api.patient_history(patient => '00000000-0000-4000-8000-00000000000a') AS h LIMIT 1)) AS k$$),
	'account,action,logged_at,new_values,old_values,reason,role,row_id,table_name', 'the history shows nothing of the connection');
SELECT is(pg_temp.as_account('ann', $$SELECT count(*) FROM medrec_api.patient_history(patient => '00000000-0000-4000-8000-00000000000a', max => 2)$$), '2', 'the history comes in pages');
SELECT is(pg_temp.as_account('ann', $$SELECT string_agg(table_name, ',') FROM medrec_api.patient_history(patient => '00000000-0000-4000-8000-00000000000a', before => (SELECT min(logged_at) FROM medrec_api.patient_history(patient => '00000000-0000-4000-8000-00000000000a', max => 3)))$$), 'patient', 'the next page begins before the last event');
SELECT alike(pg_temp.as_account('ann', $$SELECT count(*) FROM medrec_api.patient_history(patient => '00000000-0000-4000-8000-00000000000a', max => 1001)$$), '22023%', 'a page that is too long is refused');

-- tables
SELECT is((SELECT rows FROM medrec.table_sizes() WHERE table_name = 'diagnosis'), 1000000::bigint, 'the rows of a table are those of its statistics');
SELECT ok((SELECT bytes > 0 AND bytes = table_bytes + index_bytes AND partitions > 12 FROM medrec.table_sizes() WHERE table_name = 'audit_event'), 'a partitioned table is counted with its partitions');

SELECT * FROM finish();
ROLLBACK;
