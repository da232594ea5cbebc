-- Comments of tables, columns, views and functions, in plainer words. A comment without a column is one on the relation itself.
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT n.relation::pg_catalog.regclass, k.relkind, v.name, v.comment FROM (VALUES
			('medrec.schema_migration', 'version', 'Number of the step.'),
			('medrec.schema_migration', 'name', 'Name of the step.'),
			('medrec.schema_migration', 'applied_at', 'When it was applied.'),
			('medrec.abbreviation', NULL, 'Abbreviations and spelling variants, and what they stand for, when suggestions are searched by words.'),
			('medrec.account medrec_api.accounts', 'is_active', 'Whether the account may log in.'),
			('medrec.account medrec_api.accounts', 'date_joined', 'When the account was created.'),
			('medrec.account_login', 'refused', 'Number of attempts refused so far, including those during a lock-out.'),
			('medrec.account_login', 'last_failure', 'Time of the last failed attempt that counted.'),
			('medrec.audit_archive', 'archived_at', 'When the month was archived.'),
			('medrec.audit_archive', 'archived_by', 'Session user that archived it.'),
			('medrec.audit_archived', NULL, 'Months of the audit trail that medrec.archive_audit() has moved out of audit_event. Append-only for everyone.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'transaction_at',
				'Time at which the transaction began: the value of now(), as in created_at, updated_at and last_visit.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'old_values',
				'Old values: the whole row for DELETE, the changed columns for UPDATE. Times are in UTC; "(withheld:...)" replaces values that are never recorded, with a digest.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'new_values',
				'New values: the whole row for INSERT, the changed columns for UPDATE.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'role',
				'Role that the session had switched to with SET ROLE, otherwise its user.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'client_addr',
				'Address of the client as the gateway saw it, otherwise of the connection''s other end; [local] for a Unix socket.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'login_role',
				'Role that the connection logged in as, whatever role the session has switched to since; null in events of 0.1.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'login_identity',
				'Identity that authentication established at login, in the method''s own terms: the operating system''s user for peer, the subject of a certificate; null for trust.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'socket_addr',
				'Address of the connection''s other end, whatever the gateway says about its client; [local] for a Unix socket.'),
			('medrec.audit_event medrec.audit_archived medrec_api.audit_events medrec_api.archived_audit_events', 'backend_start',
				'When that process began: together with backend_pid it identifies the connection, as in the server''s log.'),
			('medrec.audit_attached', NULL, 'Tables outside medrec that had the trigger medrec.audit() when an extension was last dropped.'),
			('medrec.audit_era', NULL, 'Eras of the audit trail: a cluster, a database and a timeline. Transaction ids start again from the beginning when a dump is imported, and are used again after a promotion that lost some, so each of these opens an era.'),
			('medrec.audit_key', 'single', 'Always true: there is one row.'),
			('medrec.audit_seal', 'end_xid', 'End of the range, not included: every transaction before it had ended.'),
			('medrec.audit_seal', 'total', 'Number of events in this seal and all before it.'),
			('medrec.audit_seal', 'previous_head', 'Head of the seal before; the hash of the empty string for the first.'),
			('medrec.auditor_change', 'changed_at', 'When the account was changed.'),
			('medrec.break_glass', 'opened_at', 'When the patient was opened.'),
			('medrec.care_team_patient medrec_api.care_team_patients', NULL, 'Which patients a care team cares for.'),
			('medrec.code medrec_api.codes', NULL, 'Codes of the loaded releases, each with the period in which the releases have it with these properties.'),
			('medrec.code medrec_api.codes', 'billable', 'Whether the code may be used on a claim; false for a header (category).'),
			('medrec.code medrec_api.codes', 'valid_to', 'First day of the release that no longer has it, or has it with other properties; null while the newest release has it.'),
			('medrec.code_digest', 'marks', 'Four bytes for each row: a hash by which differing rows are located; it proves nothing.'),
			('medrec.code_note', 'release_id', 'The release that the note is from; null for a note of the user''s own.'),
			('medrec.code_release medrec_api.code_releases', 'effective_from', 'First day on which the release is in effect.'),
			('medrec.code_release medrec_api.code_releases', 'effective_to', 'First day on which the release is no longer in effect: the next release''s first day; null while it is the newest.'),
			('medrec.code_release medrec_api.code_releases', 'source', 'Where the file came from, if that was given.'),
			('medrec.code_release', 'warnings', 'What was unusual about the file when it was loaded, as an array of {"severity", "code", "text", "field"}; see also medrec.release_warnings().'),
			('medrec_api.code_releases', 'warnings', 'What is unusual about the release: what was found when it was loaded, and coding edits that are a year or more older than the codes in effect. An array of {"severity", "code", "text", "field"}.'),
			('medrec.code_rule', 'other_from', 'First of the codes that may not be recorded with it.'),
			('medrec.code_rule', 'valid_to', 'First day on which the rule no longer holds: that of the next release of the kind; sex rules end on 2024-10-01. Null while it holds.'),
			('medrec.code_rule', 'release_id', 'The release that the rule is from; null for a rule of the user''s own.'),
			('medrec.code_term', 'kind', 'inclusion (of the tabular list), index (of the alphabetic index), synonym (added by a user).'),
			('medrec.code_term', 'release_id', 'The release that the term is from; null for a term of the user''s own.'),
			('medrec.code_term', 'also_in', 'Other releases that have it too; one of them keeps it when the release in release_id is unloaded.'),
			('medrec_api.code_systems', 'uri', 'Its URI in FHIR.'),
			('medrec_api.code_systems', 'has_headers', 'Whether releases contain headers, which may not be used on a claim.'),
			('medrec_api.diagnoses', NULL, 'Diagnoses of patients, each code normalized and validated.'),
			('medrec_api.treatments', NULL, 'Treatments of patients, each code normalized and validated.'),
			('medrec.diagnosis medrec.treatment medrec_api.diagnoses medrec_api.treatments', 'description', 'What was coded, in words; the code''s title if none was given.'),
			('medrec.diagnosis medrec.treatment medrec_api.diagnoses medrec_api.treatments', 'status',
				'pending (no release is loaded to check against), valid, review (known, but a person should look at it), invalid (malformed or unknown); confirmed, corrected, rejected by a person. Set by medrec; a person sets confirmed or rejected, or pending to validate it again.'),
			('medrec.diagnosis medrec.treatment medrec_api.diagnoses medrec_api.treatments', 'validation_date', 'When the status was set; set by medrec.'),
			('medrec.diagnosis medrec.treatment medrec_api.diagnoses medrec_api.treatments', 'validated_by', 'Who set the status: medrec, or the person''s account; set by medrec.'),
			('medrec.diagnosis medrec.treatment medrec_api.diagnoses medrec_api.treatments', 'issues', 'What is wrong with the code: array of {severity, code, text, field}, with the codes of FHIR''s tx-issue-type; set by medrec.'),
			('medrec.diagnosis medrec.treatment medrec.patient medrec_api.diagnoses medrec_api.treatments medrec_api.patients', 'created_at', 'When the row was created.'),
			('medrec.login_lockout', 'failures', 'Number of failed attempts up to then.'),
			('medrec.patient medrec_api.patients', 'last_visit', 'When the patient, or one of their diagnoses or treatments, was last entered or changed; set by medrec.'),
			('medrec.revalidation', 'generation', 'State of the terminologies that the records are validated with; a run of an older state is not continued.'),
			('medrec.revalidation', 'kind', 'Table that the run has reached: diagnosis, then treatment.'),
			('medrec.revalidation', 'since', 'Records created before this day are left out; -infinity if none are.'),
			('medrec.revalidation', 'last_id', 'Last record of that table that it has checked.'),
			('medrec.revalidation', 'checked', 'Number of records validated again.'),
			('medrec.revalidation', 'changed', 'Number of those whose result changed.'),
			('medrec.revalidation', 'finished_at', 'When the run finished; null before.'),
			('medrec.terminology_state', NULL, 'One row, whose generation rises whenever codes, terms or releases change.'),
			('medrec.terminology_state', 'generation', 'Number of the current state.'),
			('medrec.token_generation', NULL, 'Tokens from login() carry their account''s generation; when it rises, tokens of older generations end.'),
			('medrec.token_issued', NULL, 'Tokens from login(): one without a row is not accepted.'),
			('medrec.token_issued', 'expires_at', 'When it ends; the row may then be deleted.'),
			('medrec.token_revoked', 'expires_at', 'When it would have ended; the row may then be deleted.')
		) AS v (relations, name, comment)
		CROSS JOIN LATERAL pg_catalog.string_to_table(v.relations, ' ') AS n (relation)
		JOIN pg_catalog.pg_class AS k ON k.oid = n.relation::pg_catalog.regclass
	LOOP
		IF c.name IS NULL THEN
			EXECUTE pg_catalog.format('COMMENT ON %s %s IS %L', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.relation, c.comment);
		ELSE
			EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', c.relation, c.name, c.comment);
		END IF;
	END LOOP;
END
$$;

-- The functions of medrec_api have the comments of those that they call.
SELECT medrec.copy_comments('medrec.' || f, 'medrec_api.' || f)
FROM pg_catalog.unnest(ARRAY['validate_code(text, text, text, date, jsonb)', 'suggest(text, text, text, integer, date, jsonb)', 'record_visit(jsonb)',
	'history(text, text)', 'as_of(text, text, timestamptz)', 'audit_fhir(uuid, timestamptz, timestamptz, integer)', 'logout()',
	'revoke_tokens(text)', 'set_password(text, text)', 'verify_release(text, text)', 'verify_access()']) AS f;

DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT p.oid::pg_catalog.regprocedure AS name FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace = 'medrec_api'::pg_catalog.regnamespace
			AND pg_catalog.obj_description(p.oid, 'pg_proc') LIKE '(Not to be called: %'
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', f.name,
			'(Not to be called: answers calls whose arguments fit no function of this name. Errors: PT404.)');
	END LOOP;
END
$$;
