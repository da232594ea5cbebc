# The demo's story, sourced by gateway/medrec: the first patient, told over HTTP, each request shown with its answer.
# shellcheck shell=bash

# The codes the story needs: the starter set that ships with medrec, or the full releases in MEDREC_DATA. The starter set
# is loaded as the release that it is of, so that the full one takes its place.
load_demo_codes() {
	local system version from file found=
	while read -r system version from file; do
		[ -r "${MEDREC_DATA:-/nowhere}/$file" ] || continue
		say "loading $system $version from ${file##*/}"
		load_release "$system" "$version" "$from" "$MEDREC_DATA/$file" auto >/dev/null
		found=1
	done <<-RELEASES
		ICD-10-CM  2025 2024-10-01 icd-10-cm/icd10cm_order_2025.txt.gz
		ICD-10-PCS 2025 2024-10-01 icd-10-pcs/icd10pcs_order_2025.txt.gz
	RELEASES
	[ -z "$found" ] || return 0
	[ -z "${MEDREC_DATA:-}" ] || say "MEDREC_DATA has none of the releases that it could: the starter set has to do"
	[ "$(sql "$DB" -c "SELECT count(*) FROM medrec_api.code_releases WHERE code_system = 'ICD-10-CM'")" = 0 ] || return 0
	say "loading the starter set of ICD-10-CM 2025"
	load_release ICD-10-CM 2025 2024-10-01 "$ROOT/starter/icd10cm_order.txt" auto >/dev/null
}

chapter() {
	if [ -t 1 ]; then printf "\n\033[1m%s\033[0m\n" "$*"; else printf "\n%s\n" "$*"; fi
}

# ask METHOD PATH [BODY]: shows the request as a line to repeat by hand, and the answer; leaves them in STATUS and ANSWER.
ask() {
	local method=$1 path=$2 body=${3:-} line
	local args=(-s -g -X "$method" -w '\n%{http_code}' "$URL$path") auth=
	if [ "$LOGIN" = on ]; then
		args+=(--cacert "$RUN/tls/cert.pem")
		[ -z "$TOKEN" ] || { args+=(-H "Authorization: Bearer $TOKEN"); auth=" -H \"Authorization: Bearer \$TOKEN\""; }
	fi
	if [ "$method" = GET ]; then line="curl -g '$URL$path'"; else line="curl -X $method $URL$path"; fi
	if [ -n "$body" ]; then
		args+=(-H 'Content-Type: application/json' -d "$body")
		line+=" -H 'Content-Type: application/json' -d '$body'"
	fi
	printf '$ %s\n' "$line$auth"
	ANSWER=$(curl "${args[@]}")
	STATUS=${ANSWER##*$'\n'}
	ANSWER=${ANSWER%$'\n'*}
	printf '%s\n' "$STATUS"
	jq . <<<"$ANSWER" 2>/dev/null || printf '%s\n' "$ANSWER"
}

# Where logins are asked for: what follows is done by the account of this role.
TOKEN=
as_role() {
	[ "$LOGIN" = on ] || return 0
	local name password
	read -r _ name password < <(grep "^$1 " "$RUN/accounts")
	TOKEN=
	ask POST /rpc/login "{\"username\":\"$name\",\"password\":\"$password\"}"
	expect 200
	TOKEN=$(jq -r .token <<<"$ANSWER")
	echo "(TOKEN is this token from now on.)"
}

# The demo must not tell a story that is not true.
expect() { [ "$STATUS" = "$1" ] || die "the demo expected $1 here, the answer was $STATUS"; }

# Whether every event has a seal.
sealed() { [ "$(sql "$DB" -c 'SELECT unsealed_events = 0 AND last_seal > 0 FROM medrec.audit_status()')" = t ]; }

story() {
	local patient diagnosis before candidate

	if [ "$LOGIN" = on ]; then
		chapter "0. Nobody does anything without a token; the clinician logs in"
		ask GET /patients
		expect 401
		as_role clinician
	fi

	chapter "1. A patient is created"
	ask POST /patients/ '{"name":"John Doe","age":45,"gender":"male","patient_id":"P1234"}'
	if [ "$STATUS" = 409 ]; then
		echo "(P1234 is there from an earlier demo, and a patient_id is given only once. The story goes on with that patient.)"
		ask GET '/patients?patient_id=eq.P1234'
		expect 200
		ANSWER=$(jq '.[0]' <<<"$ANSWER")
	else
		expect 201
	fi
	patient=$(jq -r .id <<<"$ANSWER")
	before=$(jq -r .last_visit <<<"$ANSWER")

	chapter "2. A diagnosis: e119 is understood as E11.9, and valid"
	ask POST /diagnoses/ "{\"patient_id\":\"$patient\",\"code\":\"e119\",\"code_system\":\"ICD-10-CM\"}"
	expect 201

	chapter "3. A code that does not exist is stored as invalid, with suggestions"
	ask POST /diagnoses/ "{\"patient_id\":\"$patient\",\"code\":\"E11.99\",\"description\":\"type 2 diabetes with high blood sugar\",\"code_system\":\"ICD-10-CM\"}"
	expect 201
	diagnosis=$(jq -r .id <<<"$ANSWER")
	candidate=$(jq -r '.suggestions[0].code // empty' <<<"$ANSWER")
	[ -n "$candidate" ] || die "the demo expected a suggestion here"

	chapter "4. The first suggestion is accepted"
	ask POST /rpc/accept_suggestion "{\"record\":\"$diagnosis\",\"code\":\"$candidate\"}"
	expect 200

	chapter "5. Each of these was a visit: last_visit has moved (it was $before)"
	ask GET "/patients?id=eq.$patient&select=name,patient_id,last_visit,diagnoses(code,description,status)"
	expect 200
	[ "$(jq -r '.[0].last_visit' <<<"$ANSWER")" != "$before" ] || die "the demo expected last_visit to move"

	chapter "6. And all of it is in the audit trail"
	as_role auditor
	ask GET "/audit_events?patient_id=eq.$patient&order=logged_at.desc&limit=2&select=logged_at,action,table_name,row_id,old_values,new_values,role,client_addr,method,path,request_id"
	expect 200

	chapter "7. Which is sealed by itself: no event can be changed or removed any more without being found"
	wait_until "the seal" sealed
	ask GET '/rpc/audit_status?select=last_seal,sealed_at,sealed_events,unsealed_events'
	expect 200

	if [ "$LOGIN" = on ]; then
		cat <<-END

			medrec runs, and nobody does anything without a token. The certificate is this machine's own: give curl
			  --cacert $RUN/tls/cert.pem

			  the interface   $URL/            (OpenAPI)
			  accounts        $RUN/accounts    (role, name, password; read as the server's user)
			  a token         curl $URL/rpc/login -H 'Content-Type: application/json' -d '{"username":"...","password":"..."}'
			  as superuser    gateway/medrec psql
			  stop            make stop
		END
		return
	fi
	cat <<-END

		medrec runs. This demo is open: no login, everything allowed, but it listens on this machine's loopback address only.

		  the interface   $URL/            (OpenAPI)
		  the patients    $URL/patients
		  SQL             psql -h localhost -p $PORT -U medrec_demo $DB
		  as superuser    gateway/medrec psql
		  stop            make stop
	END
}
