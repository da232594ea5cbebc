#!/usr/bin/env bash
# What a change costs a request: two revisions of medrec, each behind its own gateway with tokens and TLS, side by side in one run.
# usage: bench/http/before_after.sh BASE_REVISION [NEW_REVISION]     (without the second: the checkout as it is)
# Builds both, starts a private server for each (LOGIN=on), and wrk requests, in turns (base, new, new, base, ...): a patient by id, a list
# of 20 patients, and POST of a diagnosis. Prints requests per second, processor time of PostgreSQL, PostgREST and nginx for a
# request, and the median of the rounds' ratios.  ROUNDS (9), SECONDS_EACH (3), CONNECTIONS (8), PATIENTS (10000).
# The limits by address are removed from both: a single client would reach them first. Needs wrk (Debian's package).
set -euo pipefail
umask 022
ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=../lib.sh
. "$ROOT/bench/lib.sh"

[ $# -ge 1 ] || die "usage: bench/http/before_after.sh BASE_REVISION [NEW_REVISION]"
BASE=$1 NEW=${2:-}
ROUNDS=${ROUNDS:-9} SECONDS_EACH=${SECONDS_EACH:-3} CONNECTIONS=${CONNECTIONS:-8} PATIENTS=${PATIENTS:-10000}
need_wrk
WORK=$(mktemp -d /var/tmp/medrec-http-before-after.XXXXXX)
chmod 755 "$WORK"
unset MEDREC_RUN_DIR MEDREC_DATABASE MEDREC_PGPORT MEDREC_HTTP_PORT

# gateway SIDE COMMAND: the side's own gateway/medrec.
gateway() {
	local side=$1 port=0
	shift
	[ "$side" = base ] || port=10
	LOGIN=on MEDREC_RUN_DIR=$WORK/$side/run MEDREC_PGPORT=$((25620 + port)) MEDREC_HTTP_PORT=$((18620 + port)) "$WORK/$side/source/gateway/medrec" "$@"
}
clean_up() {
	local side
	for side in base new; do [ ! -d "$WORK/$side/run" ] || gateway "$side" stop >/dev/null 2>&1 || true; done
	rm -rf "$WORK"
}
trap clean_up EXIT

lay_out() {
	local side=$1 revision=$2
	mkdir -p "$WORK/$side/source"
	if [ -n "$revision" ]; then
		git -C "$ROOT" archive "$revision" | tar -C "$WORK/$side/source" -xf -
	else
		git -C "$ROOT" ls-files -z --cached --others --exclude-standard | tar -C "$ROOT" --null -T - --ignore-failed-read -cf - |
			tar -C "$WORK/$side/source" -xf -
	fi
	sed -i '/^\t\tlimit_\(req\|conn\)  *\(zone=\(requests\|login\)\|connections\)/d' "$WORK/$side"/source/gateway/nginx.conf
	# its place until 0.2
	[ ! -f "$WORK/$side/source/gateway/secure/nginx.conf" ] ||
		sed -i '/^\t\tlimit_\(req\|conn\)  *\(zone=\(requests\|login\)\|connections\)/d' "$WORK/$side/source/gateway/secure/nginx.conf"
	# the same PostgREST for both
	if [ -d "$ROOT/gateway/node_modules" ]; then cp -r "$ROOT/gateway/node_modules" "$WORK/$side/source/gateway/"; fi
	{
		gateway "$side" deps
		gateway "$side" build
		gateway "$side" cluster
		gateway "$side" psql -d postgres -c "ALTER SYSTEM SET checkpoint_timeout = '1h'" -c "ALTER SYSTEM SET max_wal_size = '8GB'" \
			-c "ALTER SYSTEM SET autovacuum = off" -c "ALTER SYSTEM SET synchronous_commit = off" -c 'SELECT pg_reload_conf()'
		gateway "$side" setup
		gateway "$side" psql -d medrec -v ON_ERROR_STOP=1 -v patients="$PATIENTS" -f - <<'SQL'
INSERT INTO medrec.patient (id, name, age, gender, patient_id)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Patient ' || n, n % 100, 'other', 'B' || n
FROM generate_series(1, :patients) AS n;
SELECT string_agg(format('%s %s 1 %s %s', lpad((n - 9999)::text, 5, '0'), rpad('E' || n, 7), rpad('Title ' || n, 60), 'Title ' || n) || E'\n', '')
	AS file FROM generate_series(10000, 12999) AS n \gset
SELECT count(*) AS loaded FROM medrec.load_release('ICD-10-CM', 'bench', '2020-01-01', :'file');
VACUUM ANALYZE;
CHECKPOINT;
SQL
		gateway "$side" gateway
	} >"$WORK/$side/log" 2>&1 || { tail -n 20 "$WORK/$side/log" >&2; die "$side could not be started"; }
	local name password
	read -r name password < <(sed -n 's/^clinician //p' "$WORK/$side/run/accounts")
	curl -sk "$(url "$side")/api/rpc/login" -H 'Content-Type: application/json' -d "$(jq -n --arg n "$name" --arg p "$password" '{username: $n, password: $p}')" |
		jq -er '"Authorization: Bearer \(.token)\nContent-Type: application/json"' >"$WORK/$side/headers" || die "$side: no token"
}
url() { echo "https://localhost:$([ "$1" = base ] && echo 18620 || echo 18630)"; }

# The requests: queries and bodies.
awk -v p="$PATIENTS" -v work="$WORK" 'BEGIN {
	srand()
	for (i = 0; i < 10000; i++) {
		id = sprintf("00000000-0000-4000-8000-%012d", 1 + int(rand() * p))
		code = 10000 + int(rand() * 3000)
		print "id=eq." id >(work "/get")
		printf "{\"patient_id\":\"%s\",\"code\":\"E%d\",\"description\":\"Title %d\"}\n", id, code, code >(work "/post")
	}
	print "order=name&limit=20" >(work "/list")
}'

# measure SIDE KIND ROUND: "side round value" into the files of requests per second and of microseconds.
measure() {
	local side=$1 kind=$2 round=$3 before after count rate method=GET path=/api/patients
	[ "$kind" != post ] || method=POST path=/api/diagnoses
	before=$(ticks "$WORK/$side/run")
	read -r rate _ _ count < <(ask "$(url "$side")" "$CONNECTIONS" "$SECONDS_EACH" "$method" "$path" "$WORK/$side/headers" "$WORK/$kind")
	[ -n "$count" ] || exit 1
	after=$(ticks "$WORK/$side/run")
	echo "$side $round $rate" >>"$WORK/$kind.rate"
	awk -v s="$side" -v r="$round" -v t=$((after - before)) -v c="$count" -v hz="$(getconf CLK_TCK)" 'BEGIN { print s, r, t * 1e6 / hz / c }' >>"$WORK/$kind.cpu"
}

lay_out base "$BASE"
lay_out new "$NEW"
printf '# %s; %s x %s; load %s\n' "$(date -u +%FT%TZ)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(cut -d' ' -f1-3 /proc/loadavg)"
printf '# base %s, new %s; %s connections, %s rounds of %s s, TLS, tokens\n' "$(git -C "$ROOT" rev-parse --short "$BASE")" \
	"$(revision_name "$NEW")" "$CONNECTIONS" "$ROUNDS" "$SECONDS_EACH"
for kind in get list post; do
	for side in base new; do measure "$side" "$kind" 0; done
	: >"$WORK/$kind.rate"
	: >"$WORK/$kind.cpu"
	for ((round = 1; round <= ROUNDS; round++)); do
		sides=(base new)
		[ $((round % 2)) = 1 ] || sides=(new base)
		for side in "${sides[@]}"; do measure "$side" "$kind" "$round"; done
	done
	case $kind in
		get) echo 'GET of a patient by id, requests per second:' ;;
		list) echo 'GET of 20 patients in order, requests per second:' ;;
		post) echo 'POST of a diagnosis, requests per second:' ;;
	esac
	sort -k2n -k1 "$WORK/$kind.rate" | ratios base /s
	echo '  processor time of PostgreSQL, PostgREST and nginx for a request:'
	sort -k2n -k1 "$WORK/$kind.cpu" | ratios base us
done
