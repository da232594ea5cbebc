-- Functions for applications, over HTTP.
GRANT EXECUTE ON FUNCTION medrec.whoami() TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.status_counts() TO medrec_clinician, medrec_coder, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.patient_history(uuid, timestamptz, integer) TO medrec_clinician, medrec_coder;
GRANT EXECUTE ON FUNCTION medrec.table_sizes() TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.lookup(text, text, date), medrec.ancestors(text, text, date), medrec.descendants(text, text, date),
	medrec.subsumes(text, text, text), medrec.code_edits(text, text, date), medrec.code_neighbours(text, text, date)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.audit_status() TO medrec_admin;

CREATE FUNCTION medrec_api.whoami()
RETURNS jsonb
LANGUAGE sql STABLE
RETURN medrec.whoami();

CREATE FUNCTION medrec_api.status_counts()
RETURNS TABLE (table_name text, status text, count bigint, exact boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.table_name, s.status, s.count, s.exact FROM medrec.status_counts() AS s;
END;

CREATE FUNCTION medrec_api.lookup(code_system text, code text, on_date date DEFAULT CURRENT_DATE)
RETURNS TABLE (code_system text, code text, display text, short_display text, billable boolean, standing text, valid_from date, valid_to date,
	terms jsonb, notes jsonb, edits jsonb, parents jsonb, children jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT l.code_system, l.code, l.display, l.short_display, l.billable, l.standing, l.valid_from, l.valid_to, l.terms, l.notes,
		(SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(e.*))), '[]')
			FROM medrec.code_edits($1, $2, $3) AS e), n.parents, n.children
	FROM medrec.lookup($1, $2, $3) AS l CROSS JOIN LATERAL medrec.code_neighbours($1, $2, $3) AS n;
END;
COMMENT ON FUNCTION medrec_api.lookup(text, text, date) IS
'Everything the loaded releases say about a code: its titles, whether it may be used on a claim, its state on the day (current, retired, not yet, no release) and since and until when; its further names (terms) and notes as arrays of {"kind", "text"}; the coding edits that apply to it, of {"rule", "of_code", "age_min", "age_max", "other_from", "other_to", "text", "valid_from", "valid_to"}; the codes next above and below it, of {"code", "display", "billable"}, null in a system without a hierarchy. No row if no release has the code. code_system: name, FHIR URI or OID. code: in any usual writing. on_date: the day. Errors: 22023 unknown system or malformed code.';

CREATE FUNCTION medrec_api.ancestors(code_system text, code text, on_date date DEFAULT CURRENT_DATE)
RETURNS TABLE (code text, display text, billable boolean, level integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT a.code, a.display, a.billable, a.level FROM medrec.ancestors($1, $2, $3) AS a;
END;

CREATE FUNCTION medrec_api.descendants(code_system text, code text, on_date date DEFAULT CURRENT_DATE)
RETURNS TABLE (code text, display text, billable boolean, level integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.code, d.display, d.billable, d.level FROM medrec.descendants($1, $2, $3) AS d;
END;

CREATE FUNCTION medrec_api.subsumes(code_system text, a text, b text)
RETURNS text
LANGUAGE sql STABLE
RETURN medrec.subsumes($1, $2, $3);

CREATE FUNCTION medrec_api.revalidate_batch(code_system text, since date DEFAULT NULL, batch integer DEFAULT 1000)
RETURNS TABLE (checked bigint, changed bigint, finished boolean)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT r.checked, r.changed, r.finished FROM medrec.revalidate_batch($1, $2, $3) AS r;
END;

CREATE FUNCTION medrec_api.unload_release(code_system text, version text, content text DEFAULT 'codes')
RETURNS boolean
LANGUAGE sql VOLATILE
RETURN medrec.unload_release($1, $2, $3);

CREATE FUNCTION medrec_api.verify_audit(first_seal bigint DEFAULT NULL, last_seal bigint DEFAULT NULL, checkpoint text DEFAULT NULL)
RETURNS TABLE (kind text, seal bigint, era integer, xid bigint, n integer, detail text)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT v.kind, v.seal, v.era, v.xid, v.n, v.detail FROM medrec.verify_audit($1, $2, $3) AS v;
END;
COMMENT ON FUNCTION medrec_api.verify_audit(bigint, bigint, text) IS
'Recomputes the audit trail and lists what is wrong with it; no row when it is intact. first_seal, last_seal: events of these seals only, so that a long trail is verified in parts (audit_status() names the last seal); by default all, with unsealed events and the guarding triggers. checkpoint: an earlier result of audit_checkpoint() that was kept elsewhere. Errors: 22023 for a malformed checkpoint, 42501 without rights.';

CREATE FUNCTION medrec_api.audit_proof(era integer, xid bigint, n integer, seals bigint DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE
RETURN medrec.audit_proof($1, $2, $3, $4);

CREATE FUNCTION medrec_api.patient_history(patient uuid, before timestamptz DEFAULT NULL, max integer DEFAULT 100)
RETURNS TABLE (logged_at timestamptz, action text, table_name text, row_id text, account text, role text, reason text, old_values json, new_values json)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT h.logged_at, h.action, h.table_name, h.row_id, h.account, h.role, h.reason, h.old_values, h.new_values
	FROM medrec.patient_history($1, $2, $3) AS h;
END;

CREATE FUNCTION medrec_api.table_sizes()
RETURNS TABLE (table_name text, rows bigint, dead_rows bigint, bytes bigint, table_bytes bigint, index_bytes bigint, partitions integer)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.table_name, s.rows, s.dead_rows, s.bytes, s.table_bytes, s.index_bytes, s.partitions FROM medrec.table_sizes() AS s;
END;

SELECT medrec.copy_comments('medrec.' || f, 'medrec_api.' || f)
FROM pg_catalog.unnest(ARRAY['whoami()', 'status_counts()', 'ancestors(text, text, date)', 'descendants(text, text, date)',
	'subsumes(text, text, text)', 'revalidate_batch(text, date, integer)', 'unload_release(text, text, text)',
	'audit_proof(integer, bigint, integer, bigint)', 'patient_history(uuid, timestamptz, integer)', 'table_sizes()']) AS f;

REVOKE ALL ON FUNCTION medrec_api.whoami(), medrec_api.status_counts(), medrec_api.lookup(text, text, date),
	medrec_api.ancestors(text, text, date), medrec_api.descendants(text, text, date), medrec_api.subsumes(text, text, text),
	medrec_api.revalidate_batch(text, date, integer), medrec_api.unload_release(text, text, text),
	medrec_api.verify_audit(bigint, bigint, text), medrec_api.audit_proof(integer, bigint, integer, bigint),
	medrec_api.patient_history(uuid, timestamptz, integer), medrec_api.table_sizes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION medrec_api.whoami() TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.status_counts() TO medrec_clinician, medrec_coder, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.lookup(text, text, date), medrec_api.ancestors(text, text, date),
	medrec_api.descendants(text, text, date), medrec_api.subsumes(text, text, text)
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.revalidate_batch(text, date, integer) TO medrec_coder;
GRANT EXECUTE ON FUNCTION medrec_api.unload_release(text, text, text), medrec_api.table_sizes() TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.audit_status(), medrec_api.verify_audit(bigint, bigint, text) TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON FUNCTION medrec_api.audit_proof(integer, bigint, integer, bigint) TO medrec_auditor;
GRANT EXECUTE ON FUNCTION medrec_api.patient_history(uuid, timestamptz, integer) TO medrec_clinician, medrec_coder;
