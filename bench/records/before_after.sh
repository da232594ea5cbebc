#!/usr/bin/env bash
# What a change costs an INSERT of diagnoses: two revisions of medrec side by side in one run.
# usage: bench/records/before_after.sh BASE_REVISION [NEW_REVISION]     (without the second: the checkout as it is)
# Builds both, starts a private cluster for each, and lets pgbench insert one row, then 1,000 rows a transaction, in turns: base, new, new,
# base, ... Prints transactions per second, processor time of the server for a transaction, and the median of the rounds' ratios.
# ROUNDS (9), SECONDS_EACH (4), CLIENTS (1), PATIENTS (10000); SETUP: a file of SQL that is run in both databases before the first round.
set -euo pipefail
ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=../lib.sh
. "$ROOT/bench/lib.sh"

[ $# -ge 1 ] || die "usage: bench/records/before_after.sh BASE_REVISION [NEW_REVISION]"
BASE=$1 NEW=${2:-}
ROUNDS=${ROUNDS:-9} SECONDS_EACH=${SECONDS_EACH:-4} CLIENTS=${CLIENTS:-1} PATIENTS=${PATIENTS:-10000}
WORK=$(mktemp -d /var/tmp/medrec-before-after.XXXXXX)
chmod 755 "$WORK"
BINDIR=$(pg_config --bindir)
LIBDIR=$(pg_config --pkglibdir)
SERVER_USER=$(id -un)
[ "$(id -u)" != 0 ] || SERVER_USER=postgres

# The server refuses to run as root.
as_server() { if [ "$(id -un)" = "$SERVER_USER" ]; then "$@"; else setpriv --reuid="$SERVER_USER" --regid="$(id -g "$SERVER_USER")" --clear-groups "$@"; fi; }
clean_up() {
	local side
	for side in base new; do
		[ ! -s "$WORK/$side/data/postmaster.pid" ] || as_server "$BINDIR/pg_ctl" -D "$WORK/$side/data" -m immediate stop >/dev/null || true
	done
	rm -rf "$WORK"
}
trap clean_up EXIT

# lay_out SIDE REVISION: the sources, built and staged.
lay_out() {
	local side=$1 revision=$2
	mkdir -p "$WORK/$side/source"
	if [ -n "$revision" ]; then
		git -C "$ROOT" archive "$revision" | tar -C "$WORK/$side/source" -xf -
	else
		git -C "$ROOT" ls-files -z --cached --others --exclude-standard | tar -C "$ROOT" --null -T - --ignore-failed-read -cf - |
			tar -C "$WORK/$side/source" -xf -
	fi
	if ! make -s -C "$WORK/$side/source" all with_llvm=no >"$WORK/$side/build.log" 2>&1 ||
		! make -s -C "$WORK/$side/source" install with_llvm=no DESTDIR="$WORK/$side/stage" >>"$WORK/$side/build.log" 2>&1; then
		tail -n 20 "$WORK/$side/build.log" >&2
		die "the build of ${revision:-the checkout} failed"
	fi
}

# on SIDE: the variables that name its server.
on() { export PGHOST=$WORK/$1 PGPORT=5432 PGUSER=postgres PGDATABASE=bench; }

start_side() {
	local side=$1 dir=$WORK/$1
	[ "$(id -un)" = "$SERVER_USER" ] || chown "$SERVER_USER" "$dir"
	as_server "$BINDIR/initdb" -D "$dir/data" -U postgres -E UTF8 --locale=C.UTF-8 -A trust >"$WORK/initdb.log"
	as_server tee -a "$dir/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
shared_buffers = '256MB'
max_wal_size = '8GB'
checkpoint_timeout = '1h'
autovacuum = off
synchronous_commit = off
CONF
	# 18 has an option of its own for extensions that are not installed
	if [ "$(pg_config --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 18 ]; then
		echo "extension_control_path = '$dir/stage$(pg_config --sharedir):\$system'"
	else
		echo "extension_destdir = '$dir/stage'"
	fi | as_server tee -a "$dir/data/postgresql.conf" >/dev/null
	echo "dynamic_library_path = '$dir/stage$LIBDIR:\$libdir'" | as_server tee -a "$dir/data/postgresql.conf" >/dev/null
	as_server "$BINDIR/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w start >/dev/null
	on "$side"
	db postgres -c 'CREATE DATABASE bench'
	db bench -c 'CREATE EXTENSION medrec' -c 'SELECT count(*) FROM medrec.migrate()' >/dev/null
	db bench -v patients="$PATIENTS" -f - <<'SQL'
CREATE ROLE bench_clinician LOGIN IN ROLE medrec_clinician;
INSERT INTO medrec.patient (id, name, age, gender, patient_id)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Patient ' || n, n % 100, 'other', 'B' || n
FROM generate_series(1, :patients) AS n;
SELECT string_agg(format('%s %s 1 %s %s', lpad((n - 9999)::text, 5, '0'), rpad('E' || n, 7), rpad('Title ' || n, 60), 'Title ' || n) || E'\n', '')
	AS file FROM generate_series(10000, 12999) AS n \gset
SELECT count(*) AS loaded FROM medrec.load_release('ICD-10-CM', 'bench', '2020-01-01', :'file') \gset
SQL
	[ -z "${SETUP:-}" ] || db bench -f "$SETUP" >/dev/null
	db bench -c 'VACUUM ANALYZE' -c CHECKPOINT
}

cat >"$WORK/single.sql" <<'SQL'
\set p random(1, :patients)
\set c random(10000, 12999)
INSERT INTO medrec.diagnosis (patient_id, code, description)
VALUES (('00000000-0000-4000-8000-' || lpad((:p)::text, 12, '0'))::uuid, 'E' || (:c)::text, 'Title ' || (:c)::text);
SQL
cat >"$WORK/bulk.sql" <<'SQL'
\set p random(1, :patients - 1000)
INSERT INTO medrec.diagnosis (patient_id, code, description)
SELECT ('00000000-0000-4000-8000-' || lpad((:p + n)::text, 12, '0'))::uuid, 'E' || 10000 + n, 'Title ' || 10000 + n FROM generate_series(1, 1000) AS n;
SQL

# Processor time of all processes of a server so far, those that have ended included, in ticks.
ticks() {
	local postmaster
	postmaster=$(head -n 1 "$WORK/$1/data/postmaster.pid")
	# some end while they are read
	{ cat "/proc/$postmaster/stat" /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v p="$postmaster" '
		{ pid = $1; sub(/^.*\) /, ""); if (pid == p && !seen++) t += $12 + $13 + $14 + $15; else if ($2 == p) t += $12 + $13 }
		END { print t }'
}

# measure SIDE SCRIPT ROUND: "side round tps" to the tps file, "side round us" to the one of processor time.
measure() {
	local side=$1 script=$2 round=$3 before after tps count
	on "$side"
	before=$(ticks "$side")
	"$BINDIR/pgbench" -n -M prepared -c "$CLIENTS" -j "$CLIENTS" -T "$SECONDS_EACH" -U bench_clinician -D patients="$PATIENTS" \
		-f "$WORK/$script.sql" bench >"$WORK/out" 2>"$WORK/err" || { cat "$WORK/err" >&2; die "pgbench failed"; }
	after=$(ticks "$side")
	tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$WORK/out")
	count=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$WORK/out")
	echo "$side $round $tps" >>"$WORK/$script.tps"
	awk -v s="$side" -v r="$round" -v t=$((after - before)) -v c="$count" -v hz="$(getconf CLK_TCK)" \
		'BEGIN { print s, r, t * 1e6 / hz / c }' >>"$WORK/$script.cpu"
}

lay_out base "$BASE"
lay_out new "$NEW"
start_side base
start_side new
printf '# %s; %s x %s; load %s\n' "$(date -u +%FT%TZ)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(cut -d' ' -f1-3 /proc/loadavg)"
printf '# base %s, new %s; %s clients, %s rounds of %s s\n' "$(git -C "$ROOT" rev-parse --short "$BASE")" \
	"$(revision_name "$NEW")" "$CLIENTS" "$ROUNDS" "$SECONDS_EACH"
for script in single bulk; do
	for side in base new; do measure "$side" "$script" 0; done
	: >"$WORK/$script.tps"
	: >"$WORK/$script.cpu"
	for ((round = 1; round <= ROUNDS; round++)); do
		sides=(base new)
		[ $((round % 2)) = 1 ] || sides=(new base)
		for side in "${sides[@]}"; do measure "$side" "$script" "$round"; done
	done
	echo "INSERT of $([ $script = single ] && echo 'one row' || echo '1,000 rows'), transactions per second:"
	sort -k2n -k1 "$WORK/$script.tps" | ratios base tps
	echo "  processor time of the server for a transaction:"
	sort -k2n -k1 "$WORK/$script.cpu" | ratios base us
done
