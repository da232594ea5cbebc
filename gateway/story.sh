# The demo's story, sourced by gateway/medrec: the first patient, told over HTTP, each request shown with its answer.
# shellcheck shell=bash

# The codes the story needs: the full release in MEDREC_DATA, or the starter set that ships with medrec. Both are loaded as
# the release that they are of, so that a full one takes the starter set's place.
load_demo_codes() {
	local full=${MEDREC_DATA:+$MEDREC_DATA/icd-10-cm/icd10cm_order_2025.txt.gz} file=$ROOT/starter/icd10cm_order.txt
	if [ -n "$full" ] && [ -r "$full" ]; then
		file=$full
	elif [ "$(sql "$DB" -c "SELECT count(*) FROM medrec_api.code_releases WHERE code_system = 'ICD-10-CM'")" != 0 ]; then
		return 0
	elif [ -n "$full" ]; then
		say "MEDREC_DATA has no icd-10-cm/icd10cm_order_2025.txt.gz: using the starter set"
	fi
	say "loading ICD-10-CM 2025 from ${file##*/}"
	load_release ICD-10-CM 2025 2024-10-01 "$file" auto >/dev/null
}

chapter() {
	if [ -t 1 ]; then printf "\n\033[1m%s\033[0m\n" "$*"; else printf "\n%s\n" "$*"; fi
}

# ask METHOD PATH [BODY]: shows the request as a line to repeat by hand, and the answer; leaves them in STATUS and ANSWER.
ask() {
	local method=$1 path=$2 body=${3:-} line
	local args=(-s -g -X "$method" -w '\n%{http_code}' "$URL$path")
	if [ "$method" = GET ]; then line="curl -g '$URL$path'"; else line="curl -X $method $URL$path"; fi
	if [ -n "$body" ]; then
		args+=(-H 'Content-Type: application/json' -d "$body")
		line+=" -H 'Content-Type: application/json' -d '$body'"
	fi
	printf '$ %s\n' "$line"
	ANSWER=$(curl "${args[@]}")
	STATUS=${ANSWER##*$'\n'}
	ANSWER=${ANSWER%$'\n'*}
	printf '%s\n' "$STATUS"
	jq . <<<"$ANSWER" 2>/dev/null || printf '%s\n' "$ANSWER"
}

# The demo must not tell a story that is not true.
expect() { [ "$STATUS" = "$1" ] || die "the demo expected $1 here, the answer was $STATUS"; }

story() {
	local patient diagnosis before candidate

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
	ask POST /diagnoses/ "{\"patient_id\":\"$patient\",\"code\":\"E11.99\",\"description\":\"Type 2 diabetes mellitus without complications\",\"code_system\":\"ICD-10-CM\"}"
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
	ask GET "/audit_events?patient_id=eq.$patient&order=at.desc&limit=4"
	expect 200

	cat <<-END

		medrec runs. This demo is open: no login, everything allowed, but it listens on this machine's loopback address only.

		  the interface   $URL/            (OpenAPI)
		  the patients    $URL/patients
		  SQL             psql -h localhost -p $PORT -U medrec_demo $DB
		  as superuser    gateway/medrec psql
		  stop            make stop
	END
}
