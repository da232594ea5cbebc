#!/bin/sh
# load_release of a CMS order file against a COPY of the same rows into a table
# with the same columns, constraints and indexes; both read a file on the server.
# Runs alternate, each into empty tables, after a checkpoint; prints medians and
# their ratio.
#
#   MEDREC_DATA=... bench/load/load_release.sh      with PGHOST, PGPORT, PGUSER of a
#   server that has medrec installed, as superuser; makes and drops a database
set -eu
runs=${RUNS:-7}
file=${MEDREC_DATA:?}/icd-10-cm/icd10cm_order_2025.txt.gz
dir=$(mktemp -d /var/tmp/medrec-bench.XXXXXX)
db=medrec_bench_load
trap 'rm -rf "$dir"; psql -qXd postgres -c "DROP DATABASE IF EXISTS $db"' EXIT
chmod 777 "$dir"
gzip -dc "$file" > "$dir/order.txt"

psql -qXd postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"
export PGDATABASE=$db PGOPTIONS='-c client_min_messages=warning'
psql -qXAt -v ON_ERROR_STOP=1 -v dir="$dir" >/dev/null <<'EOF'
CREATE EXTENSION medrec;
SELECT medrec.migrate();
SELECT FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_read_file(:'dir' || '/order.txt'));
SELECT format('COPY medrec.code TO %L', :'dir' || '/rows') AS copy_out \gset
:copy_out;
CREATE TABLE medrec.code_copy (LIKE medrec.code INCLUDING ALL);
EOF

i=0
while [ $i -lt "$runs" ]; do
	psql -qXAt -v ON_ERROR_STOP=1 -v dir="$dir" <<'EOF'
TRUNCATE medrec.code, medrec.code_copy;
DELETE FROM medrec.code_release;
CHECKPOINT;
SELECT format('COPY medrec.code_copy FROM %L', :'dir' || '/rows') AS copy_in \gset
SELECT clock_timestamp() AS t0 \gset
:copy_in;
SELECT 'copy ' || extract(epoch FROM clock_timestamp() - :'t0') * 1000;
CHECKPOINT;
SELECT clock_timestamp() AS t0 \gset
SELECT FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', pg_read_file(:'dir' || '/order.txt'));
SELECT 'load ' || extract(epoch FROM clock_timestamp() - :'t0') * 1000;
EOF
	i=$((i + 1))
done | awk -v runs="$runs" '
	/^(copy|load)/ { n[$1]++; v[$1, n[$1]] = $2 }
	function median(what,  i, j, t) {
		for (i = 1; i <= n[what]; i++)
			for (j = i + 1; j <= n[what]; j++)
				if (v[what, j] < v[what, i]) { t = v[what, i]; v[what, i] = v[what, j]; v[what, j] = t }
		return v[what, int((n[what] + 1) / 2)]
	}
	END {
		c = median("copy"); l = median("load")
		printf "COPY                %8.0f ms (median of %d)\n", c, runs
		printf "load_release        %8.0f ms\n", l
		printf "ratio load / COPY   %8.2f   (wanted: at most 2)\n", l / c
	}'
