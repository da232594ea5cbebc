# POST of a diagnosis by wrk, over kept connections: to medrec_api.diagnoses and to a bare table (same columns, indexes, foreign
# key and checks, no triggers, its own schema). Directly to a PostgREST that listens on a port, as wrk does not support Unix
# sockets, and through nginx and PostgREST like clients. ROUNDS (9) rounds, in each both for SECONDS_EACH (2) seconds at 1, 4 and 8 connections, in turn.
# Type-ahead: GET /rpc/suggest for the beginnings of titles against a function that answers with the same number of rows.
# shellcheck shell=bash

ROUNDS=${ROUNDS:-9}
SECONDS_EACH=${SECONDS_EACH:-2}
PATIENTS=10000
HTTP=$MEDREC_RUN_DIR/tmp/http

prepare_http() {
	need_wrk
	mkdir -p "$HTTP"
	"$ROOT/gateway/medrec" deps >&2
	fresh_database bench_http
	load_icd10cm
	db bench_http -v patients=$PATIENTS -f "$ROOT/bench/records/schema.sql" >&2
	db bench_http -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
	MEDREC_DATABASE=bench_http "$ROOT/gateway/medrec" setup >&2
	PGRST_DB_SCHEMAS='medrec_api, bare' MEDREC_DATABASE=bench_http "$ROOT/gateway/medrec" gateway >&2
	# nginx lets through what the API has: add the bare table and its schema
	sed -i "s|^map \$uri \$what {|&\n\t/api/diagnosis rows;|" "$MEDREC_RUN_DIR/api.inc"
	sed -i "s|^map .* \$odd_profile {|&\n\tbare \"\";|" "$MEDREC_RUN_DIR/http.inc"
	kill -HUP "$(cat "$MEDREC_RUN_DIR/nginx.pid")"
	direct_postgrest
	write_requests
}

# A second PostgREST, like the one behind nginx, but on a port. It ends with the shell.
direct_postgrest() {
	DIRECT=$((MEDREC_HTTP_PORT + 1))
	"$ROOT/gateway/medrec" exec env PGRST_DB_SCHEMAS='medrec_api, bare' PGRST_SERVER_UNIX_SOCKET= PGRST_SERVER_HOST=127.0.0.1 \
		PGRST_SERVER_PORT="$DIRECT" bash -s <<-'SERVER'
			setsid ./postgrest postgrest.conf >>direct.log 2>&1 </dev/null &
			echo $! >direct.pid
		SERVER
	trap 'kill "$(cat "$MEDREC_RUN_DIR/direct.pid")"' EXIT
	until curl -s -o "$HTTP/ready" "http://127.0.0.1:$DIRECT/"; do sleep 0.1; done
}

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# A clinician's token, and a thousand bodies: random patients, random valid codes, their titles.
write_requests() {
	local head payload signature schema
	head=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url)
	payload=$(printf '{"role":"medrec_clinician","sub":"1","exp":%d}' $(($(date +%s) + 86400)) | base64url)
	signature=$(printf '%s.%s' "$head" "$payload" |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(xxd -p "$MEDREC_RUN_DIR/jwt.secret" | tr -d '\n')" -binary | base64url)
	for schema in medrec_api bare; do
		printf '%s\n' "Authorization: Bearer $head.$payload.$signature" 'Content-Type: application/json' \
			'Prefer: return=representation' 'Accept: application/vnd.pgrst.object+json' "Content-Profile: $schema" >"$HTTP/$schema.headers"
		printf '%s\n' "Authorization: Bearer $head.$payload.$signature" "Accept-Profile: $schema" >"$HTTP/$schema.get"
	done
	db bench_http -c "SELECT json_build_object('patient_id', patient_id, 'code', code, 'description', description,
		'code_system', 'ICD-10-CM') FROM bench.batch LIMIT 1000" >"$HTTP/bodies"
}

# post PORT PREFIX SCHEMA CONNECTIONS SECONDS: requests/s, p50 and p99 in ms, requests
post() {
	local table=diagnoses
	[ "$3" = medrec_api ] || table=diagnosis
	ask "http://127.0.0.1:$1" "$4" "$5" POST "$2/$table" "$HTTP/$3.headers" "$HTTP/bodies"
}

# get PORT PREFIX SCHEMA SECONDS: the same for type-ahead, over one connection
get() {
	ask "http://127.0.0.1:$1" 1 "$4" GET "$2/rpc/suggest" "$HTTP/$3.get" "$HTTP/queries"
}

# The ways to PostgREST: name, port, prefix of the addresses.
ways() {
	echo "postgrest $DIRECT"
	echo "nginx $MEDREC_HTTP_PORT /api"
}

bench_http() {
	local before way target prefix clients round schema out direct
	prepare_http
	direct=$(cat "$MEDREC_RUN_DIR/direct.pid")
	while read -r way target prefix <&3; do
		for schema in bare medrec_api; do post "$target" "$prefix" $schema 4 2 >/dev/null; done # warm
		for clients in 1 4 8; do
			for ((round = 1; round <= ROUNDS; round++)); do
				for schema in $( ((round % 2)) && echo bare medrec_api || echo medrec_api bare); do
					before=$(ticks "$MEDREC_RUN_DIR" "$direct")
					out=$(post "$target" "$prefix" "$schema" $clients "$SECONDS_EACH")
					echo "$schema $round $out $(($(ticks "$MEDREC_RUN_DIR" "$direct") - before))"
				done
			done >"$HTTP/result"
			echo "POST through $way, $clients connection(s)   (wanted: medrec_api/bare at least 0.85)"
			sort -s -k1,1 "$HTTP/result" | ratios bare requests/s
			echo '  processor time of PostgreSQL, PostgREST and nginx for a request (for information)'
			sort -s -k1,1 "$HTTP/result" | awk -v hz="$(getconf CLK_TCK)" '{ print $1, $2, $7 / hz * 1e6 / $6 }' |
				ratios bare us
			for schema in bare medrec_api; do
				grep "^$schema " "$HTTP/result" | sort -n -k4,4 | awk -v s=$schema '{ p[NR] = $4; q[NR] = $5 }
					END { printf "  %-12s p50 %.3f ms in the median round\n", s, p[int((NR + 1) / 2)] }'
			done
		done
	done 3< <(ways)
	MEDREC_DATABASE=bench_http "$ROOT/gateway/medrec" stop >&2
}

# What somebody types in search of a title: its first letters, the last word unfinished.
write_queries() {
	db bench_http -c "SELECT 'code_system=ICD-10-CM&limit=5&context=%7B%22typing%22%3Atrue%7D&display=' ||
		regexp_replace(replace(left(lower(description), 3 + (random() * 30)::int), ' ', '%20'), '[^a-z0-9%]', '', 'g')
		FROM bench.batch LIMIT 1000" >"$HTTP/queries"
	db bench_http <<-'SQL'
		CREATE FUNCTION bare.suggest(code_system text, code text DEFAULT NULL, display text DEFAULT NULL,
			max integer DEFAULT 5, on_date date DEFAULT CURRENT_DATE, context jsonb DEFAULT NULL)
		RETURNS TABLE (code text, display text, score double precision, source text, reason text) LANGUAGE sql STABLE
		BEGIN ATOMIC
			SELECT 'E11.9', 'Type 2 diabetes mellitus without complications', 0.5::double precision, 'title', 'words of the title'
			FROM generate_series(1, $4);
		END;
		GRANT EXECUTE ON FUNCTION bare.suggest TO medrec_clinician;
		NOTIFY pgrst, 'reload schema';
	SQL
	sleep 2
}

bench_typeahead() {
	local way target prefix round schema
	prepare_http
	write_queries
	while read -r way target prefix <&3; do
		for schema in bare medrec_api; do get "$target" "$prefix" $schema 2 >/dev/null; done # warm
		for ((round = 1; round <= ROUNDS; round++)); do
			for schema in $( ((round % 2)) && echo bare medrec_api || echo medrec_api bare); do
				echo "$schema $round $(get "$target" "$prefix" "$schema" "$SECONDS_EACH")"
			done
		done >"$HTTP/result"
		echo "GET /rpc/suggest through $way, 1 connection   (wanted: at most 1 ms more than PostgREST's own time)"
		awk "$AWK_MEDIAN"'
			{ p[$1, $2] = $4; q[$1, $2] = $5; if ($2 > n) n = $2 }
			END { for (i = 1; i <= n; i++) { a[i] = p["bare", i]; b[i] = p["medrec_api", i]; d[i] = b[i] - a[i]; e[i] = q["medrec_api", i] - q["bare", i] }
				printf "  p50 of a function with as many rows %.3f ms, of suggest %.3f ms, the difference %.3f ms; of the p99 %.3f ms (medians of %d rounds)\n",
					median(a, n), median(b, n), median(d, n), median(e, n), n }' "$HTTP/result"
	done 3< <(ways)
	MEDREC_DATABASE=bench_http "$ROOT/gateway/medrec" stop >&2
}
