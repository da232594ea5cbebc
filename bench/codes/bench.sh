# check_code against the equivalent regular expression over a table of codes, a tenth of them damaged; validate_code against
# a lookup of the same code by primary key, a prepared statement, with 1 and with 10 releases loaded.
# ROUNDS (11) rounds, in each every variant once, in turn. Needs MEDREC_DATA.
# shellcheck shell=bash

ROUNDS=${ROUNDS:-11}
SECONDS_EACH=${SECONDS_EACH:-2}
CODES=$MEDREC_RUN_DIR/tmp/codes

# milliseconds of a statement in the server, one backend, no parallel workers
milliseconds() {
	PGOPTIONS='-c max_parallel_workers_per_gather=0 -c jit=off' db bench_codes -c '\timing on' -c "$1" |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

compare_check() {
	local system=$1 pattern=$2 table=$3 which=$4 round v differ rows
	rows=$(db bench_codes -c "SELECT count(*) FROM bench.$table")
	differ=$(db bench_codes -c "SELECT count(*) FROM bench.$table WHERE medrec.check_code('$system', code) <> (code ~ '$pattern')")
	[ "$differ" = 0 ] || [ "$which" = customary ] || die "$system: check_code and the regular expression differ on $differ rows"
	for ((round = 1; round <= ROUNDS; round++)); do
		for v in $( ((round % 2)) && echo regex check_code scan || echo scan check_code regex); do
			case $v in
				regex) echo "$v $round $(milliseconds "SELECT count(*) FROM bench.$table WHERE code ~ '$pattern'")" ;;
				check_code) echo "$v $round $(milliseconds "SELECT count(*) FROM bench.$table WHERE medrec.check_code('$system', code)")" ;;
				# the part that both have in common, for information
				scan) echo "$v $round $(milliseconds "SELECT count(*) FROM bench.$table WHERE code <> ''")" ;;
			esac
		done
	done | awk -v rows="$rows" '{ printf "%s %s %.1f\n", $1, $2, rows / $3 }' | sort -s -r -k1,1 >"$CODES/result"
	echo "check_code against the $which expression, table $table of $rows rows, another result on $differ   (wanted: check_code/regex at least 5)"
	ratios regex rows/ms <"$CODES/result"
}

lookup_scripts() {
	local code from i=0
	rm -f "$CODES"/*.sql
	while IFS='|' read -r code from; do
		i=$((i + 1))
		echo "SELECT code, display, billable FROM medrec.code WHERE code_system = 'ICD-10-CM' AND code = '$code' AND valid_from = '$from';" >"$CODES/primary_key-$i.sql"
		echo "SELECT * FROM medrec.validate_code('ICD-10-CM', '$code');" >"$CODES/validate_code-$i.sql"
	done < <(db bench_codes -c "SELECT code, valid_from FROM bench.sample WHERE i <= 50")
}

lookups_per_second() {
	local files=() f
	for f in "$CODES/$1"-*.sql; do files+=(-f "$f"); done
	PGOPTIONS='-c plan_cache_mode=force_generic_plan' "$BINDIR/pgbench" -n -M prepared -T "$SECONDS_EACH" -c 1 -U bench_clinician \
		"${files[@]}" bench_codes 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

compare_lookup() {
	local round v
	lookup_scripts
	for v in primary_key validate_code; do lookups_per_second $v >/dev/null; done # warm
	for ((round = 1; round <= ROUNDS; round++)); do
		for v in $( ((round % 2)) && echo primary_key validate_code || echo validate_code primary_key); do
			echo "$v $round $(awk -v t="$(lookups_per_second "$v")" 'BEGIN { print 1e6 / t }')"
		done
	done | sort -s -k1,1 >"$CODES/result"
	echo "validate_code, $1 loaded, pgbench, 1 client   (wanted: at most 2)"
	ratios primary_key us <"$CODES/result"
	for ((round = 1; round <= ROUNDS; round++)); do
		for v in $( ((round % 2)) && echo primary_key validate_code || echo validate_code primary_key); do
			echo "$v $round $(db bench_codes -c 'SET plan_cache_mode = force_generic_plan' -c "SELECT bench.loop_$v()")"
		done
	done | sort -s -k1,1 >"$CODES/result"
	echo "validate_code, $1 loaded, loop in the server without round trips   (for information)"
	ratios primary_key us <"$CODES/result"
}

# An older release made from the newest: some codes are missing, some have another title.
derived_release() {
	gzip -dc "$(data_dir)/icd-10-cm/icd10cm_order_2023.txt.gz" | awk -v y="$1" '
		{ sub(/\r$/, ""); code = substr($0, 7, 7); sub(/ +$/, "", code); stem = substr(code, 1, length(code) - 1) }
		# one with an earlier sibling: no header is left without codes
		substr($0, 15, 1) == "1" && NR % 61 == y % 61 && sibling == stem { next }
		{ sibling = substr($0, 15, 1) == "1" ? stem : "" }
		{ printf "%05d%s%s\n", ++n, substr($0, 6), NR % 53 == y % 53 ? " as of " y : "" }' >"$CODES/order"
}

bench_codes() {
	local year
	[ -n "$(data_dir)" ] || die "MEDREC_DATA is needed: the full releases"
	mkdir -p "$CODES"
	fresh_database bench_codes
	db bench_codes -c 'CREATE SCHEMA bench' -c 'GRANT USAGE ON SCHEMA bench TO medrec_clinician' -f "$ROOT/bench/codes/patterns.sql"
	load_codes ICD-10-CM 2025 2024-10-01 "$(data_dir)/icd-10-cm/icd10cm_order_2025.txt.gz"
	load_codes ICD-10-PCS 2025 2024-10-01 "$(data_dir)/icd-10-pcs/icd10pcs_order_2025.txt.gz"
	db bench_codes <<'SQL'
SELECT setseed(0.1);
CREATE TABLE bench.icd10cm AS
SELECT CASE WHEN random() < 0.1 THEN overlay(c.code PLACING substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-', 1 + (random() * 36)::int, 1)
	FROM 1 + (random() * 5)::int FOR 1) ELSE c.code END AS code
FROM medrec.code AS c, generate_series(1, 2) WHERE c.code_system = 'ICD-10-CM' ORDER BY random();
CREATE TABLE bench.icd10pcs AS
SELECT CASE WHEN random() < 0.1 THEN overlay(c.code PLACING substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-', 1 + (random() * 36)::int, 1)
	FROM 1 + (random() * 6)::int FOR 1) ELSE c.code END AS code
FROM medrec.code AS c, generate_series(1, 3) WHERE c.code_system = 'ICD-10-PCS' ORDER BY random();
VACUUM ANALYZE;
SQL
	compare_check ICD-10-CM "$(db bench_codes -c 'SELECT bench.icd10cm_pattern()')" icd10cm equivalent
	# the expression found on the web: looser, and so a faster peer
	compare_check ICD-10-CM '^[A-TV-Z][0-9][0-9AB](\.?[0-9A-TV-Z]{1,4})?$' icd10cm customary
	compare_check ICD-10-PCS "$(db bench_codes -c 'SELECT bench.icd10pcs_pattern()')" icd10pcs equivalent

	db bench_codes -f "$ROOT/bench/codes/lookup.sql"
	compare_lookup '1 release'
	for year in 2016 2017 2018 2019 2020 2021 2022; do
		derived_release $year
		load_codes ICD-10-CM $year $((year - 1))-10-01 "$CODES/order"
	done
	load_codes ICD-10-CM 2023 2022-10-01 "$(data_dir)/icd-10-cm/icd10cm_order_2023.txt.gz"
	load_codes ICD-10-CM 2024 2023-10-01 "$(data_dir)/icd-10-cm/icd10cm_order_2024.txt.gz"
	db bench_codes -c 'DROP TABLE bench.sample'
	db bench_codes -c 'DROP FUNCTION bench.loop_primary_key(), bench.loop_validate_code()' -f "$ROOT/bench/codes/lookup.sql"
	db bench_codes -c 'VACUUM ANALYZE'
	db bench_codes -c "SELECT '# ' || count(*) || ' releases of ICD-10-CM, ' || (SELECT count(*) FROM medrec.code WHERE code_system = 'ICD-10-CM') || ' rows in medrec.code'
		FROM medrec.code_release WHERE code_system = 'ICD-10-CM'"
	compare_lookup '10 releases'
}
