#!/bin/sh
# What care teams cost a clinician: a list of 50, a lookup by id, and an INSERT of 1,000 patients, with medrec.care_team_mode
# on against off, and off against a role without policies. Prints a line each, medians of the rounds, the sides
# taking turns. With KEEP=1 the database is kept.
# usage: [ROUNDS=5] [SECONDS_EACH=3] [PATIENTS=100000] [SEEN=1000] bench/access/care_teams.sh
# The server is given by PGHOST, PGPORT and PGUSER (a superuser); makes and drops the database medrec_bench_access.
set -eu
: "${ROUNDS:=5}" "${SECONDS_EACH:=3}" "${PATIENTS:=100000}" "${SEEN:=1000}"
db=medrec_bench_access
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

psql -Xqc "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db" postgres
psql -Xq -v ON_ERROR_STOP=1 -d $db -v patients="$PATIENTS" -v seen="$SEEN" >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION medrec;
SELECT * FROM medrec.migrate();
DO $$ BEGIN
	IF to_regrole('bench_care') IS NULL THEN CREATE ROLE bench_care LOGIN IN ROLE medrec_clinician; END IF;
	IF to_regrole('bench_all') IS NULL THEN CREATE ROLE bench_all LOGIN BYPASSRLS IN ROLE medrec_clinician; END IF;
END $$;
INSERT INTO medrec.account (username, role) VALUES ('bench_care', 'clinician');
INSERT INTO medrec.patient (name, age, gender, patient_id)
	SELECT 'Patient ' || md5(i::text), i % 100, 'female', 'P' || i FROM generate_series(1, :patients) AS i;
INSERT INTO medrec.diagnosis (patient_id, code, description) SELECT id, 'I10', 'x' FROM medrec.patient;
-- teams of SEEN / 2 random patients each; the account is in two of them
INSERT INTO medrec.care_team (id, name) SELECT i, 'team ' || i FROM generate_series(1, :patients * 2 / :seen) AS i;
INSERT INTO medrec.care_team_patient (patient, team)
	SELECT id, 1 + (row_number() OVER (ORDER BY md5(id::text)) * 2 / :seen)::integer % (:patients * 2 / :seen) FROM medrec.patient;
INSERT INTO medrec.care_team_member SELECT id, t FROM medrec.account, generate_series(1, 2) AS t;
VACUUM ANALYZE;
SQL

ids=$(psql -XAtq -d $db -c "SELECT count(*) FROM medrec.care_team_patient WHERE team <= 2")
echo "$PATIENTS patients, $ids of them the clinician's"

# the ids to look up are among the clinician's patients
psql -XAtq -d $db -c "CREATE TABLE public.seen AS SELECT row_number() OVER () AS n, patient FROM medrec.care_team_patient WHERE team <= 2" \
	-c "CREATE UNIQUE INDEX ON public.seen (n)" -c "GRANT SELECT ON public.seen TO PUBLIC" -c "VACUUM ANALYZE public.seen"
cat >"$dir/by_id.sql" <<SQL
\set n random(1, $ids)
SELECT patient FROM public.seen WHERE n = :n \gset
SELECT * FROM medrec_api.patients WHERE id = CAST(:patient AS uuid);
SQL
cat >"$dir/fetch_only.sql" <<SQL
\set n random(1, $ids)
SELECT patient FROM public.seen WHERE n = :n \gset
SQL
echo 'SELECT * FROM medrec_api.patients ORDER BY id LIMIT 50;' >"$dir/list_by_id.sql"
echo 'SELECT * FROM medrec_api.patients LIMIT 50;' >"$dir/list.sql"
echo 'SELECT * FROM medrec_api.patients ORDER BY name LIMIT 50;' >"$dir/list_by_name.sql"
echo 'SELECT * FROM medrec_api.diagnoses ORDER BY patient_id LIMIT 50;' >"$dir/list_diagnoses.sql"
cat >"$dir/insert.sql" <<SQL
BEGIN;
INSERT INTO medrec_api.patients (name, age, gender, patient_id) SELECT 'New ' || i, 40, 'female', 'N' || i FROM generate_series(1, 1000) AS i;
ROLLBACK;
SQL

# run USER MODE FILE: latency in ms
run() {
	PGUSER=$1 pgbench -n -M prepared -c 1 -T "$SECONDS_EACH" -f "$dir/$3.sql" $db 2>/dev/null | sed -n 's/^latency average = \([0-9.]*\) ms/\1/p'
}
mode() { psql -Xq -d $db -c "ALTER DATABASE $db SET medrec.care_team_mode = $1"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for what in by_id list list_by_id list_by_name list_diagnoses insert; do
	: >"$dir/on" && : >"$dir/off" && : >"$dir/none"
	for _ in $(seq "$ROUNDS"); do
		mode off
		run bench_care off $what >>"$dir/off"
		run bench_all off $what >>"$dir/none"
		mode on
		run bench_care on $what >>"$dir/on"
	done
	on=$(median <"$dir/on") off=$(median <"$dir/off") none=$(median <"$dir/none")
	awk -v w=$what -v on="$on" -v off="$off" -v none="$none" \
		'BEGIN { printf "%-16s on %.3f ms  off %.3f ms  no policy %.3f ms  on/off %.2f  off/no policy %.2f\n", w, on, off, none, on / off, off / none }'
done
[ -n "${KEEP:-}" ] || psql -Xqc "DROP DATABASE $db" postgres
