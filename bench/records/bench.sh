# INSERT of diagnoses by a clinician through pgbench, prepared statements. ROUNDS (9) rounds, in each every variant runs
# for SECONDS_EACH (2) seconds, one after the other in changing order; the ratios are taken within the rounds. Plans are
# generic from the first call on, as they are for every program that keeps its connection for longer than two seconds.
# shellcheck shell=bash

ROUNDS=${ROUNDS:-9}
SECONDS_EACH=${SECONDS_EACH:-2}
PATIENTS=10000
SCRIPTS=$MEDREC_RUN_DIR/tmp/records

prepare_records() {
	fresh_database bench_records
	load_icd10cm
	db bench_records -v patients=$PATIENTS -f "$ROOT/bench/records/schema.sql" >&2
	db bench_records -f "$ROOT/bench/records/plpgsql.sql" >&2
	db bench_records -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
	write_scripts
}

# A pgbench script per variant and code (50 of them, drawn from the release): pgbench takes one at random for each row.
write_scripts() {
	local schema code display i=0
	rm -rf "$SCRIPTS"
	mkdir -p "$SCRIPTS"
	while IFS='|' read -r code display; do
		i=$((i + 1))
		for schema in bare medrec pl; do
			cat >"$SCRIPTS/$schema-single-$i.sql" <<-SQL
				\\set patient random(1, $PATIENTS)
				INSERT INTO $schema.diagnosis (patient_id, code, description, code_system)
				VALUES (('00000000-0000-4000-8000-' || lpad(:patient::text, 12, '0'))::uuid, '$code', '$display', 'ICD-10-CM');
			SQL
		done
	done < <(db bench_records -c "SELECT code, replace(display, '''', '''''') FROM bench.code WHERE i <= 50")
	for schema in bare medrec pl; do
		cat >"$SCRIPTS/$schema-bulk.sql" <<-SQL
			\\set batch random(1, 10)
			INSERT INTO $schema.diagnosis (patient_id, code, description, code_system)
			SELECT patient_id, code, description, 'ICD-10-CM' FROM bench.batch WHERE batch = :batch;
		SQL
	done
}

# tps SCHEMA single|bulk CLIENTS on|off
tps() {
	local files=() f
	for f in "$SCRIPTS/$1-$2"*.sql; do files+=(-f "$f"); done
	PGOPTIONS="-c synchronous_commit=$4 -c plan_cache_mode=force_generic_plan" "$BINDIR/pgbench" -n -M prepared -T "$SECONDS_EACH" -c "$3" -j "$3" -U bench_clinician \
		"${files[@]}" bench_records 2>"$SCRIPTS/error" | sed -n 's/^tps = \([0-9.]*\).*/\1/p' | grep . ||
		{ cat "$SCRIPTS/error" >&2; die "pgbench failed"; }
}

# cpu SCHEMA single|bulk: microseconds of processor time that a backend spends for a row, whatever else the machine does.
cpu() {
	local n file=$SCRIPTS/cpu rows=2000
	{
		echo 'SELECT bench.cpu_us() AS before \gset'
		if [ "$2" = single ]; then
			for ((n = 1; n <= 10; n++)); do
				# the scripts of pgbench, the patient as parameter
				sed -n "s/:patient::text/\$1/; s/^INSERT/PREPARE s$n (text) AS INSERT/; /^[^\\]/p" "$SCRIPTS/$1-single-$n.sql"
			done
			awk -v n=$rows -v p=$PATIENTS -v seed="$RANDOM" 'BEGIN {
				srand(seed); for (i = 0; i < n; i++) printf "EXECUTE s%d (\047%d\047);\n", i % 10 + 1, 1 + int(rand() * p) }'
		else
			rows=10000
			sed -n "s/ = :batch/ = \$1/; s/^INSERT/PREPARE s (int) AS INSERT/; /^[^\\\\]/p" "$SCRIPTS/$1-bulk.sql"
			for ((n = 1; n <= 10; n++)); do echo "EXECUTE s ($n);"; done
		fi
		echo "SELECT round((bench.cpu_us() - :before) / $rows, 2);"
	} >"$file"
	PGOPTIONS='-c synchronous_commit=off -c plan_cache_mode=force_generic_plan' \
		"$BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -U bench_clinician -d bench_records -f "$file"
}

# The variants in another order each round.
rotated() {
	local n=$1
	shift
	local all=("$@" "$@")
	echo "${all[@]:n % $#:$#}"
}

compare() {
	local kind=$1 clients=$2 sync=$3 factor=$4 unit=$5 round v
	for v in bare medrec pl; do SECONDS_EACH=2 tps "$v" "$kind" "$clients" "$sync" >/dev/null; done # warm
	for ((round = 1; round <= ROUNDS; round++)); do
		for v in $(rotated "$round" bare medrec pl); do
			echo "$v $round $(awk -v t="$(tps "$v" "$kind" "$clients" "$sync")" -v f="$factor" 'BEGIN { print t * f }')"
		done
	done >"$SCRIPTS/result"
	# the order in which they are shown
	sort -s -k1,1 "$SCRIPTS/result" | ratios bare "$unit"
	grep -v ^bare "$SCRIPTS/result" | sort -sr -k1,1 | ratios pl "$unit" | grep 'ratio to pl' | sed 's/ *[0-9.]* [a-z]*\/s//'
}

bench_records() {
	local clients sync kind round v
	prepare_records
	for sync in on off; do
		for clients in 1 8; do
			echo "single-row INSERT, synchronous_commit=$sync, $clients client(s)   (wanted: medrec/bare at least $([ $sync = on ] && echo 0.5 || echo 0.3), medrec/pl at least 2)"
			compare single $clients $sync 1 rows/s
		done
	done
	for sync in on off; do
		echo "1,000-row INSERT, synchronous_commit=$sync, 1 client   (wanted: medrec/bare at least 0.25, medrec/pl at least 2)"
		compare bulk 1 $sync 1000 rows/s
	done
	for kind in single bulk; do
		echo "processor time of the backend, $kind-row INSERT   (for information: less is better)"
		for ((round = 1; round <= ROUNDS; round++)); do
			for v in $(rotated "$round" bare medrec pl); do
				echo "$v $round $(cpu "$v" $kind)"
			done
		done >"$SCRIPTS/result"
		sort -s -k1,1 "$SCRIPTS/result" | ratios bare us/row
	done
}

# Processor time of a row with all of the triggers, and with all but one of them.
bench_breakdown() {
	local kind round v
	prepare_records
	for kind in single bulk; do
		cpu medrec $kind >/dev/null # warm
		for ((round = 1; round <= ROUNDS; round++)); do
			for v in $(rotated "$round" none validate touch audit no-validate no-touch no-audit all); do
				set_triggers "$v"
				echo "$v $round $(cpu medrec $kind)"
			done
		done >"$SCRIPTS/result"
		echo "$kind: microseconds of a backend's processor time for a row, by the triggers that are on"
		sort -s -k1,1 "$SCRIPTS/result" | ratios none us
	done
	set_triggers all
}

# set_triggers none|all|NAME|no-NAME
set_triggers() {
	db bench_records -v what="$1" -f - <<'SQL'
SELECT format('ALTER TABLE medrec.diagnosis %s TRIGGER %I',
	CASE WHEN :'what' = 'all' OR tgname LIKE 'medrec\_' || :'what' || '%'
			OR (:'what' LIKE 'no-%' AND tgname NOT LIKE 'medrec\_' || substr(:'what', 4) || '%')
		THEN CASE WHEN tgname LIKE 'medrec\_audit%' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END
		ELSE 'DISABLE' END, tgname)
FROM pg_trigger WHERE tgrelid = 'medrec.diagnosis'::regclass AND NOT tgisinternal \gexec
SQL
}

# Where a backend that inserts spends its time.
bench_perf() {
	local kind pid
	command -v perf >/dev/null || die "perf is missing (Debian: linux-perf)"
	prepare_records
	for kind in single bulk; do
		SECONDS_EACH=8 tps medrec $kind 1 off >/dev/null &
		sleep 1
		pid=$(db bench_records -c "SELECT pid FROM pg_stat_activity WHERE usename = 'bench_clinician' LIMIT 1")
		perf record -q -g -o "$SCRIPTS/perf.$kind" -p "$pid" -- sleep 5 2>/dev/null
		wait
		echo "== $kind: self"
		perf report -i "$SCRIPTS/perf.$kind" --no-children -g none --stdio --percent-limit 0.7 2>/dev/null | grep -v '^#' | grep . | sed -n 1,60p
		echo "== $kind: with callees, medrec's"
		perf report -i "$SCRIPTS/perf.$kind" --children -g none --stdio --percent-limit 0.5 2>/dev/null | grep -v '^#' | grep . | sed -n 1,90p
	done
}
