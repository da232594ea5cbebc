# What the benchmarks share; sourced by bench/run.
# shellcheck shell=bash

note() { printf '%s\n' "bench: $*" >&2; }
die() { printf '%s\n' "bench: $*" >&2; exit 1; }

# The folder of the full releases; empty if there is none.
data_dir() {
	local d
	for d in "${MEDREC_DATA:-}" "$ROOT/../shared/data" "$ROOT/../../shared/data"; do
		[ -n "$d" ] && [ -d "$d/icd-10-cm" ] && { (cd "$d" && pwd); return; }
	done
	return 0
}

# Builds, starts the private cluster and updates its database. The settings are the server's own, except for room for WAL:
# no checkpoint falls into one run and not into the next.
start_cluster() {
	{
		"$ROOT/gateway/medrec" build
		"$ROOT/gateway/medrec" cluster
		BINDIR=$(pg_config --bindir)
		PGHOST=$("$ROOT/gateway/medrec" exec printenv PGHOST)
		export PGHOST PGPORT=$MEDREC_PGPORT PGUSER=postgres PGDATABASE=postgres
		if [ "$(db postgres -c 'SHOW checkpoint_timeout')" != 1h ]; then
			db postgres -c "ALTER SYSTEM SET shared_buffers = '512MB'" -c "ALTER SYSTEM SET max_wal_size = '8GB'" \
				-c "ALTER SYSTEM SET checkpoint_timeout = '1h'"
			"$ROOT/gateway/medrec" stop
			"$ROOT/gateway/medrec" cluster
		fi
	} >&2
}

# ask URL CONNECTIONS SECONDS METHOD PATH HEADERS LINES: runs wrk (bench/http/ask.lua), and prints requests per second, p50 and p99 in
# ms, and the number of requests.
ask() {
	local out
	out=$(wrk -t1 -c"$2" -d"${3}s" --latency -s "$ROOT/bench/http/ask.lua" "$1" -- "${@:4}") || die "wrk failed: $out"
	[[ ${out##*$'\n'} == 'answers '*' 0' ]] || die "requests were refused: $out"
	out=${out##*answers }
	echo "${out% 0}"
}
need_wrk() { command -v wrk >/dev/null || die "wrk is missing: apt-get install wrk"; }

# ticks RUN [PID...]: processor time so far of PostgreSQL, PostgREST and nginx of a private server, and of other processes; those of their
# processes that have ended included.
ticks() {
	local run
	run=$(readlink -f "$1")
	cat /proc/[0-9]*/stat 2>/dev/null |
		awk -v p="$(head -n 1 "$run/data/postmaster.pid")" -v n="$(cat "$run/nginx.pid")" -v others=" $(cat "$run/postgrest.pid") ${*:2} " '
		{ pid = $1; sub(/^.*\) /, "") }
		pid == p { t += $14 + $15 }
		pid == p || $2 == p || $2 == n || index(others, " " pid " ") { t += $12 + $13 }
		END { print t }' || true
}

# The name of a revision, by default that of the checkout.
revision_name() {
	if [ -n "$1" ]; then git -C "$ROOT" rev-parse --short "$1"; else git -C "$ROOT" describe --always --dirty; fi
}

# psql for scripts: bare values, stops at the first error.
db() {
	local database=$1
	shift
	PGOPTIONS="-c client_min_messages=warning ${PGOPTIONS:-}" "$BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" "$@"
}

# A new database of the benchmark's own with medrec in it.
fresh_database() {
	db postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1"
	db "$1" -c 'CREATE EXTENSION medrec' -c 'SELECT count(*) FROM medrec.migrate()' >/dev/null
	db "$1" -v db="$1" -f - <<'SQL'
SELECT 'CREATE ROLE bench_clinician LOGIN IN ROLE medrec_clinician'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bench_clinician') \gexec
SQL
	export PGDATABASE=$1
}

# load_codes SYSTEM VERSION FROM FILE: a release, from the data folder.
load_codes() {
	MEDREC_DATABASE=$PGDATABASE SYSTEM=$1 VERSION=$2 FROM=$3 FILE=$4 "$ROOT/gateway/medrec" load >/dev/null
}

# ICD-10-CM: the whole of 2025, or else the starter set.
load_icd10cm() {
	local data
	data=$(data_dir)
	if [ -n "$data" ]; then
		load_codes ICD-10-CM 2025 2024-10-01 "$data/icd-10-cm/icd10cm_order_2025.txt.gz"
	else
		note "no MEDREC_DATA: the starter set of codes is used"
		load_codes ICD-10-CM starter 2024-10-01 "$ROOT/starter/icd10cm_order.txt"
	fi
	db "$PGDATABASE" -c 'VACUUM ANALYZE'
}

describe_machine() {
	printf '# %s; %s x %s; %s; load %s\n' "$(date -u +%FT%TZ)" "$(nproc)" \
		"$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
		"$(db postgres -c "SELECT split_part(version(), ' on ', 1)")" "$(cut -d' ' -f1-3 /proc/loadavg)"
	printf '# medrec %s\n' "$(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo unknown)"
}

# For awk: sorts a[1..n] and returns the median.
AWK_MEDIAN='
	function sort(a, n,  i, j, t) {
		for (i = 2; i <= n; i++) { t = a[i]; for (j = i - 1; j >= 1 && a[j] > t; j--) a[j + 1] = a[j]; a[j + 1] = t }
	}
	function median(a, n) { sort(a, n); return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
'

# Reads "name round value" lines; prints ratios NAME/BASE per round, their median, lowest and highest, and the median values.
#   ratios BASE UNIT < lines
ratios() {
	awk -v base="$1" -v unit="$2" "$AWK_MEDIAN"'
	{ if (!($1 in seen)) { order[++names] = $1; seen[$1] = 1 } v[$1, $2] = $3; if ($2 > rounds) rounds = $2 }
	END {
		for (k = 1; k <= names; k++) {
			split("", a); split("", q)
			for (r = 1; r <= rounds; r++) { a[r] = v[order[k], r]; q[r] = v[order[k], r] / v[base, r] }
			m = median(a, rounds); ratio = median(q, rounds)
			printf "  %-12s %10.1f %s", order[k], m, unit
			if (order[k] != base)
				printf "   ratio to %s %.3f (%.3f to %.3f in %d rounds)", base, ratio, q[1], q[rounds], rounds
			printf "\n"
		}
	}'
}
