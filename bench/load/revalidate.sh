#!/bin/sh
# medrec.revalidate() over many diagnoses: rows per second, and the memory of the
# backend (RssAnon) on the way; a part of the records gets another result.
#
#   MEDREC_DATA=... [ROWS=1000000] bench/load/revalidate.sh      as superuser, on the
#   machine of a server that has medrec installed; makes and drops a database
set -eu
rows=${ROWS:-1000000}
dir=$(mktemp -d /var/tmp/medrec-bench.XXXXXX)
db=medrec_bench_revalidate
trap 'rm -rf "$dir"; psql -qXd postgres -c "DROP DATABASE IF EXISTS $db" 2>/dev/null' EXIT
chmod 777 "$dir"
for year in 2023 2025; do
	gzip -dc "${MEDREC_DATA:?}/icd-10-cm/icd10cm_order_$year.txt.gz" > "$dir/$year.txt"
done

psql -qXd postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db" 2>/dev/null
export PGDATABASE=$db PGOPTIONS='-c client_min_messages=notice'
# the records as validated with the release of 2023, inserted without triggers
psql -qXAt -v ON_ERROR_STOP=1 -v dir="$dir" -v rows="$rows" >/dev/null 2>&1 <<'EOF'
CREATE EXTENSION medrec CASCADE;
SELECT medrec.migrate();
SELECT FROM medrec.load_release('ICD-10-CM', '2023', '2022-10-01', pg_read_file(:'dir' || '/2023.txt'));
INSERT INTO medrec.patient (name, age, gender, patient_id)
	SELECT 'P', 1 + n % 90, 'female', n::text FROM generate_series(1, 10000) AS n;
SET session_replication_role = replica;
INSERT INTO medrec.diagnosis (patient_id, code, description, status, validation_date, validated_by)
	SELECT p.id, c.code, c.display, 'valid', now(), 'medrec'
	FROM generate_series(1, :rows) AS n
	JOIN (SELECT id, row_number() OVER () AS i FROM medrec.patient) AS p ON p.i = 1 + n % 10000
	JOIN (SELECT code, display, row_number() OVER (ORDER BY code) AS i FROM medrec.code WHERE billable) AS c ON c.i = 1 + n % 70000;
RESET session_replication_role;
SELECT FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_read_file(:'dir' || '/2025.txt'));
VACUUM ANALYZE medrec.diagnosis;
CHECKPOINT;
EOF

mkfifo "$dir/in"
psql -qXAt -v ON_ERROR_STOP=1 < "$dir/in" > "$dir/out" 2>&1 &
exec 3> "$dir/in"
echo "SELECT pg_backend_pid();" >&3
while [ ! -s "$dir/out" ]; do sleep 0.1; done
pid=$(head -n 1 "$dir/out")
start=$(date +%s.%N)
echo "CALL medrec.revalidate('ICD-10-CM'); SELECT 'done';" >&3
echo "validated RssAnon of the backend"
next=0
while ! grep -q '^done' "$dir/out"; do
	sleep 0.2
	validated=$(sed -n 's/.* \([0-9]*\) records validated again.*/\1/p' "$dir/out" | tail -n 1)
	if [ "${validated:-0}" -ge $next ]; then
		printf '%9d %s\n' "${validated:-0}" "$(sed -n 's/^RssAnon:[[:space:]]*//p' /proc/"$pid"/status)"
		next=$((${validated:-0} + rows / 10))
	fi
done
end=$(date +%s.%N)
grep 'done' "$dir/out" | head -n 1
awk -v n="$rows" -v s="$start" -v e="$end" 'BEGIN { printf "%.0f s, %.0f records/s\n", e - s, n / (e - s) }'
exec 3>&-
wait
