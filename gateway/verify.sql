-- What the nightly unit runs: the findings, and an error where there are any but "information", which is what belongs to a
-- site. psql -v checkpoint=FILE: the last checkpoint that was exported, if there is one.
\if :{?checkpoint}
\setenv MEDREC_CHECKPOINT :checkpoint
\endif
\set known `cat "$MEDREC_CHECKPOINT" 2>/dev/null || true`
SELECT to_regprocedure('medrec.verify_access()') IS NOT NULL AS has_access \gset
\pset tuples_only on
\pset format unaligned
CREATE TEMPORARY TABLE finding AS
SELECT 'verify_audit' AS source, to_jsonb(v) AS finding FROM medrec.verify_audit(checkpoint => nullif(:'known', '')) AS v
UNION ALL
SELECT 'verify_records', to_jsonb(v) FROM medrec.verify_records() AS v;
\if :has_access
INSERT INTO finding SELECT 'verify_access', to_jsonb(v) FROM medrec.verify_access() AS v;
\endif
SELECT source, jsonb_strip_nulls(finding) FROM finding;
DO $$
BEGIN
	IF EXISTS (SELECT FROM finding AS f WHERE f.finding ->> 'severity' IS DISTINCT FROM 'information') THEN
		RAISE EXCEPTION 'medrec does not verify: % findings', (SELECT count(*) FROM finding AS f WHERE f.finding ->> 'severity' IS DISTINCT FROM 'information');
	END IF;
END
$$;
