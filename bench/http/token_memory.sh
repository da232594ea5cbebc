#!/usr/bin/env bash
# What PostgREST keeps of the tokens that it has seen: its memory over many requests, each with a token of its own.
# usage: bench/http/token_memory.sh [TOKENS]     (1,000,000, as many of each kind)
# Starts a private server with tokens. Straight to PostgREST's socket go, over 16 connections: tokens with a good signature, each with its own
# number (jti), of an account that may read; then tokens with a bad signature. After every tenth of them it prints the resident memory of
# PostgREST in MB. MEDREC_POSTGREST: another PostgREST. CACHE=SECONDS: with the cache of tokens (jwt-cache-max-lifetime), for comparison.
set -euo pipefail
umask 022
ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
TOKENS=${1:-1000000}
WORK=$(mktemp -d /var/tmp/medrec-tokens.XXXXXX)
chmod 755 "$WORK"
export LOGIN=on MEDREC_RUN_DIR=$WORK/run MEDREC_PGPORT=55640 MEDREC_HTTP_PORT=18640
unset MEDREC_DATABASE
clean_up() { "$ROOT/gateway/medrec" stop >/dev/null 2>&1 || true; rm -rf "$WORK"; }
trap clean_up EXIT
for step in deps build cluster setup gateway; do "$ROOT/gateway/medrec" "$step" >&2; done
run=$(readlink -f "$MEDREC_RUN_DIR")
if [ -n "${CACHE:-}" ]; then
	kill "$(cat "$run/postgrest.pid")"
	sed -i "s/^jwt-cache-max-lifetime = .*/jwt-cache-max-lifetime = $CACHE/" "$run/postgrest.conf"
	"$ROOT/gateway/medrec" exec bash -s <<'SERVER'
setsid ./postgrest postgrest.conf >>postgrest.log 2>&1 </dev/null &
echo $! >postgrest.pid
SERVER
	sleep 3
fi
printf '# %s; %s; %s tokens of each kind; cache of tokens: %s\n' "$(date -u +%FT%TZ)" "$("$run/postgrest" --version)" "$TOKENS" "${CACHE:-off}"
socket=$("$ROOT/gateway/medrec" exec printenv PGHOST)/postgrest.sock
name=$(sed -n 's/^clinician \([^ ]*\) .*/\1/p' "$run/accounts") password=$(sed -n 's/^clinician [^ ]* //p' "$run/accounts")
token=$(curl -sk "https://localhost:$MEDREC_HTTP_PORT/api/rpc/login" -H 'Content-Type: application/json' \
	-d "$(jq -n --arg n "$name" --arg p "$password" '{username: $n, password: $p}')" | jq -er .token)
key=$("$ROOT/gateway/medrec" psql -d medrec -XAtq -c 'SELECT medrec.jwt_key_set()')
KEYS=$key TOKEN=$token PID=$(cat "$run/postgrest.pid") node "$ROOT/bench/http/token_memory.mjs" "$socket" "$TOKENS"
