# verify_access(): every change of rights is found, for each caller who may use it; nothing else is reported
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('rights');
my @connection = ('-h', $node->host, '-p', $node->port);
my $alarms = "SELECT kind || ' ' || object FROM medrec.verify_access() WHERE severity <> 'information' ORDER BY 1";
my $as_auditor = "SET ROLE medrec_auditor; $alarms";
my $seal = 'SELECT FROM medrec.seal_audit()';
my $last_seal = 'SELECT max(seal) FROM medrec.audit_seal';
my $ddl = "SELECT count(*) FROM medrec.audit_event WHERE action = 'DDL'";

# no false alarm
is($node->safe_psql('m', $alarms), '', 'a new installation: nothing is reported');
is($node->safe_psql('m', 'SELECT * FROM medrec.verify_access()'), '', 'a new installation: no information is reported');
is($node->safe_psql('m', $as_auditor), '', 'a new installation: nothing is reported to an auditor');
$node->safe_psql('m', $_) foreach $seal, q{
	CREATE ROLE anna LOGIN IN ROLE medrec_clinician;
	CREATE ROLE ward; GRANT medrec_clinician TO ward; CREATE ROLE bert LOGIN IN ROLE ward;
	CREATE ROLE medrec_demo LOGIN;
	GRANT medrec_clinician, medrec_coder, medrec_auditor, medrec_admin TO medrec_demo;
	GRANT medrec_demo TO medrec_authenticator;
	ALTER ROLE medrec_coder SET statement_timeout = '30s';
	REVOKE CONNECT, TEMPORARY ON DATABASE m FROM PUBLIC;
	GRANT CONNECT ON DATABASE m TO medrec_authenticator;
	ALTER DATABASE m SET medrec.password_cost = 4;
	INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician'), ('root', 'admin');
	SELECT medrec.create_patient('John Doe', 45, 'male', 'P1');
	SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
	CREATE TABLE public.bed (id integer PRIMARY KEY, patient uuid);
	CREATE TRIGGER bed_insert AFTER INSERT ON public.bed REFERENCING NEW TABLE AS n
		FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=patient');
	ALTER TABLE public.bed ENABLE ALWAYS TRIGGER bed_insert;
	CREATE INDEX own_index ON medrec.patient (gender);
	SELECT medrec.audit_partitions(14), medrec.index_audit();
};
is($node->safe_psql('m', $alarms), '', 'logins, the demo, settings, accounts, records, a user\'s table, months: nothing is reported');
is($node->safe_psql('m', $as_auditor), '', 'logins, the demo, settings, accounts, records, a user\'s table, months: nothing is reported to an auditor');
like($node->safe_psql('m', "SELECT string_agg(kind || ' ' || object, ', ' ORDER BY object) FROM medrec.verify_access()"),
	qr/membership anna in medrec_clinician, .*membership bert in ward, .*membership ward in medrec_clinician/, 'logins are reported as information');
is($node->safe_psql('m', "SELECT seal FROM medrec.verify_access() WHERE object = 'anna in medrec_clinician'"), '', 'unsealed logins have no seal');
$node->safe_psql('m', $seal);
is($node->safe_psql('m', "SELECT seal FROM medrec.verify_access() WHERE object = 'anna in medrec_clinician'"), $node->safe_psql('m', $last_seal), 'sealed logins have their seal');
like($node->safe_psql('m', "SELECT string_agg(new_values ->> 'command' || (new_values ->> 'details'), '') FROM medrec.audit_event WHERE table_name = 'access'"),
	qr/since seal 1.*added membership anna in medrec_clinician: inherit, set.*added setting medrec\.password_cost of this database: 4/, 'an event lists the logins');
$node->safe_psql('m', $seal) for 1 .. 3;
is($node->safe_psql('m', "SELECT count(*) FROM medrec.audit_event WHERE table_name = 'access'"), '1', 'the event is left once');
is($node->safe_psql('m', "SELECT count(*) FROM medrec.audit_access WHERE kind = 'sealed'"), '2', 'a snapshot is kept if it differs');
is($node->safe_psql('m', "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'; SET quote_all_identifiers = on; SET search_path = medrec, medrec_api; SET medrec.care_team_mode = on; SELECT FROM medrec.seal_audit(); RESET search_path; SELECT count(*) FROM medrec.audit_access WHERE kind = 'sealed'"),
	'2', "a session's settings are not a difference");
is($node->safe_psql('m', "SET ROLE medrec_admin; SELECT FROM medrec.seal_audit(); RESET ROLE; SELECT count(*) FROM medrec.audit_access WHERE kind = 'sealed'"), '2', 'the sealing role is not a difference');
is($node->safe_psql('m', 'SELECT * FROM medrec.verify_audit()'), '', 'the trail verifies');
like(join('', $node->psql('m', 'SET ROLE medrec_clinician; SELECT * FROM medrec.verify_access()')), qr/permission denied/, 'a clinician may not call verify_access()');

# the nightly unit
my @nightly = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'm', '-f', "$ENV{TESTDIR}/gateway/verify.sql");
$node->command_checks_all(\@nightly, 0, [qr/anna in medrec_clinician/], [qr/^$/], 'the nightly unit prints information and succeeds');
$node->safe_psql('m', 'GRANT SELECT ON medrec.jwt_key TO medrec_admin');
$node->command_checks_all(\@nightly, 3, [qr/medrec_admin on table medrec\.jwt_key/], [qr/does not verify: 1 findings/], 'the nightly unit fails for an error');
$node->safe_psql('m', 'REVOKE SELECT ON medrec.jwt_key FROM medrec_admin');

# Each of these: [name, statements, what is found, whether an event is left at once, undo]. They run one after the other in a
# database copied from the first, so that the effects of one do not hide another.
my @attacks = (
	[ 'the function that checks each request is replaced', q{CREATE OR REPLACE FUNCTION medrec_gate.pre_request() RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT'}, 'function_changed medrec_gate.pre_request()', 1 ],
	[ 'a function of the extension is replaced by another of the library', q{CREATE OR REPLACE FUNCTION medrec.sees_patient(patient uuid, refuse boolean DEFAULT false) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'}, 'function_changed medrec.sees_patient(uuid,boolean)', 1 ],
	[ 'what makes the layout is replaced', q{CREATE OR REPLACE FUNCTION medrec.repair() RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL::text WHERE false'}, 'function_changed medrec.repair()', 1 ],
	[ 'the steps are replaced', q{CREATE OR REPLACE FUNCTION medrec.migration_step(OUT version integer, OUT name text, OUT script text) RETURNS SETOF record LANGUAGE sql IMMUTABLE AS 'SELECT 1, '''', '''' WHERE false'}, 'function_changed medrec.migration_step()', 1 ],
	[ 'a function gets an owner with more rights', 'ALTER FUNCTION medrec_api.login(text, text) OWNER TO postgres', 'owner function medrec_api.login(text,text)', 1 ],
	[ 'a function is added', q{CREATE FUNCTION medrec_api.leak() RETURNS SETOF medrec.patient LANGUAGE sql SECURITY DEFINER AS 'TABLE medrec.patient'}, 'function_added medrec_api.leak()', 1 ],
	[ 'and hidden in another extension', q{CREATE FUNCTION medrec_api.leak() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER EXTENSION pgcrypto ADD FUNCTION medrec_api.leak()}, 'function_added medrec_api.leak()', 1 ],
	[ 'a procedure is added', q{CREATE PROCEDURE medrec_api.leak() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'}, 'function_added medrec_api.leak()', 1 ],
	[ 'a view is changed', 'CREATE OR REPLACE VIEW medrec_api.care_teams WITH (security_invoker = false) AS SELECT id, name FROM medrec.care_team', 'view_changed medrec_api.care_teams', 1 ],
	[ 'a view loses security_invoker', 'ALTER VIEW medrec_api.patients RESET (security_invoker)', 'view_changed medrec_api.patients', 1 ],
	[ 'a view is added', 'CREATE VIEW medrec_api.leak AS SELECT * FROM medrec.patient', 'view_added medrec_api.leak', 1 ],
	[ 'a table is added', 'CREATE TABLE medrec_api.leak (x text)', 'table_added medrec_api.leak', 0 ],
	[ 'a materialized view is added', 'CREATE MATERIALIZED VIEW medrec_api.leak AS SELECT * FROM medrec.patient', 'materialized_view_added medrec_api.leak', 1 ],
	[ 'a table inherits from a record table', 'CREATE TABLE public.leak () INHERITS (medrec.diagnosis)', 'child_table public.leak of medrec.diagnosis', 0 ],
	[ 'a schema is added', 'CREATE SCHEMA medrec_other', 'schema_added medrec_other', 1 ],
	[ 'row level security is not forced any more', 'ALTER TABLE medrec.patient NO FORCE ROW LEVEL SECURITY', 'row_security_changed medrec.patient', 1 ],
	[ 'a policy is added', 'CREATE POLICY leak ON medrec.patient FOR SELECT TO medrec_auditor USING (true)', 'policy_added leak of medrec.patient', 1 ],
	[ 'a policy is changed', 'ALTER POLICY medrec_read_care ON medrec.patient USING (true)', 'policy_changed medrec_read_care of medrec.patient', 1 ],
	[ 'a restrictive policy is dropped', 'DROP POLICY medrec_delete ON medrec.patient', 'policy_missing medrec_delete of medrec.patient', 1 ],
	[ 'a right on a table is given', 'GRANT SELECT ON medrec.jwt_key TO medrec_admin', 'privilege_added medrec_admin on table medrec.jwt_key', 1 ],
	[ 'a right on a column is given', 'GRANT SELECT (password) ON medrec.account TO medrec_auditor', 'privilege_added medrec_auditor on column medrec.account.password', 1 ],
	[ 'a right may be passed on', 'GRANT SELECT ON medrec.patient TO medrec_clinician WITH GRANT OPTION', 'privilege_changed medrec_clinician on table medrec.patient', 1 ],
	[ 'a function is given to everybody', 'GRANT EXECUTE ON FUNCTION medrec.audit_remark(text, jsonb) TO PUBLIC', 'privilege_added PUBLIC on function medrec.audit_remark(text,jsonb)', 1 ],
	[ 'a schema is given', 'GRANT CREATE ON SCHEMA medrec TO medrec_clinician', 'privilege_changed medrec_clinician on schema medrec', 1 ],
	[ 'a right is taken', 'REVOKE EXECUTE ON FUNCTION medrec.verify_audit(bigint, bigint, text, regclass) FROM medrec_auditor', 'privilege_missing medrec_auditor on function medrec.verify_audit(bigint,bigint,text,regclass)', 1 ],
	[ 'default privileges are given', 'ALTER DEFAULT PRIVILEGES IN SCHEMA medrec GRANT SELECT ON TABLES TO medrec_anon', 'default_privileges medrec_anon on tables in schema medrec of postgres', 1 ],
	[ 'a trigger is disabled', 'ALTER TABLE medrec.patient DISABLE TRIGGER medrec_audit_update', 'trigger_changed medrec_audit_update on medrec.patient', 1 ],
	[ 'a trigger gets a condition', q{DROP TRIGGER medrec_validate ON medrec.patient; CREATE TRIGGER medrec_validate BEFORE INSERT OR UPDATE ON medrec.patient FOR EACH ROW WHEN (NEW.age < 0) EXECUTE FUNCTION medrec.validate('patient')}, 'trigger_changed medrec_validate on medrec.patient', 1 ],
	[ 'a trigger is added', q{CREATE FUNCTION public.leak() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER leak BEFORE INSERT ON medrec.patient FOR EACH ROW EXECUTE FUNCTION public.leak()}, 'trigger_added leak on medrec.patient', 1 ],
	[ 'a rule is added', 'CREATE RULE leak AS ON DELETE TO medrec.break_glass DO INSTEAD NOTHING', 'rule_added leak on medrec.break_glass', 1 ],
	[ 'foreign keys are disabled', 'ALTER TABLE medrec.diagnosis DISABLE TRIGGER ALL; ALTER TABLE medrec.diagnosis ENABLE TRIGGER USER', 'silent_foreign_key diagnosis_patient_id_fkey on medrec.diagnosis', 1 ],
	[ 'a constraint is dropped', 'ALTER TABLE medrec.patient DROP CONSTRAINT patient_age_check', 'constraint_missing patient_age_check of medrec.patient', 1 ],
	[ 'a default is another', q{ALTER TABLE medrec.diagnosis ALTER COLUMN status SET DEFAULT 'valid'}, 'column_changed medrec.diagnosis.status', 1 ],
	[ 'a month of the trail is open', 'GRANT SELECT ON medrec.audit_event_default TO medrec_clinician', 'privilege_added medrec_clinician on table medrec.audit_event_default', 1 ],
	[ 'the event trigger sleeps', 'ALTER EVENT TRIGGER medrec_audit_ddl DISABLE', 'event_trigger_changed medrec_audit_ddl', 0 ],
	[ 'the event trigger is dropped', 'DROP EVENT TRIGGER medrec_audit_drop', 'event_trigger_missing medrec_audit_drop', 0 ],
	[ 'a function leaves the library', q{CREATE OR REPLACE FUNCTION medrec.is_code_system(name text) RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '/tmp/other', 'x'}, undef, 0 ],
	# what event triggers do not see
	[ 'a role is granted to a login', 'GRANT medrec_gatekeeper TO anna', 'membership anna in medrec_gatekeeper', 0, 'REVOKE medrec_gatekeeper FROM anna' ],
	[ 'a role of medrec gets another', 'GRANT medrec_admin TO medrec_clinician', 'membership medrec_clinician in medrec_admin', 0, 'REVOKE medrec_admin FROM medrec_clinician' ],
	[ 'a role of medrec reads all', 'GRANT pg_read_all_data TO medrec_clinician', 'membership medrec_clinician in pg_read_all_data', 0, 'REVOKE pg_read_all_data FROM medrec_clinician' ],
	[ 'a login reads all', 'GRANT pg_read_all_data TO anna', 'membership anna in pg_read_all_data', 0, 'REVOKE pg_read_all_data FROM anna' ],
	[ 'a role may be passed on', 'GRANT medrec_admin TO anna WITH ADMIN OPTION', 'membership anna in medrec_admin', 0, 'REVOKE medrec_admin FROM anna' ],
	[ 'a role passes row level security by', 'ALTER ROLE medrec_clinician BYPASSRLS', 'role medrec_clinician', 0, 'ALTER ROLE medrec_clinician NOBYPASSRLS' ],
	[ 'a login passes row level security by', 'ALTER ROLE anna BYPASSRLS', 'role anna', 0, 'ALTER ROLE anna NOBYPASSRLS' ],
	[ 'a login by way of another role', 'ALTER ROLE bert BYPASSRLS', 'role bert', 0, 'ALTER ROLE bert NOBYPASSRLS' ],
	[ 'a role is superuser', 'ALTER ROLE medrec_anon SUPERUSER', 'role medrec_anon', 0, 'ALTER ROLE medrec_anon NOSUPERUSER' ],
	[ 'a role logs in', 'ALTER ROLE medrec_admin LOGIN', 'role medrec_admin', 0, 'ALTER ROLE medrec_admin NOLOGIN' ],
	[ 'the authenticator inherits', 'ALTER ROLE medrec_authenticator INHERIT', 'role medrec_authenticator', 0, 'ALTER ROLE medrec_authenticator NOINHERIT' ],
	[ 'the authenticator becomes a superuser', 'CREATE ROLE chief SUPERUSER; GRANT chief TO medrec_authenticator', 'membership medrec_authenticator in chief', 0, 'DROP ROLE chief' ],
	[ 'triggers sleep for a role', q{ALTER ROLE medrec_authenticator SET session_replication_role = 'replica'}, 'setting session_replication_role of role medrec_authenticator', 0, 'ALTER ROLE medrec_authenticator RESET session_replication_role' ],
	[ 'a library is loaded into each session', q{ALTER DATABASE %s SET session_preload_libraries = 'auto_explain'}, 'setting session_preload_libraries of this database', 0, 'ALTER DATABASE %s RESET session_preload_libraries' ],
	[ 'PostgREST gets another key', q{ALTER ROLE medrec_authenticator SET pgrst.jwt_secret = 'mine'}, 'setting pgrst.jwt_secret of role medrec_authenticator', 0, 'ALTER ROLE medrec_authenticator RESET pgrst.jwt_secret' ],
	[ 'a setting of medrec for a role', 'ALTER ROLE medrec_authenticator SET medrec.care_team_mode = off', 'setting medrec.care_team_mode of role medrec_authenticator', 0, 'ALTER ROLE medrec_authenticator RESET medrec.care_team_mode' ],
	[ 'a setting of medrec may be set', 'GRANT SET ON PARAMETER medrec.care_team_mode TO medrec_clinician', 'setting_privilege medrec_clinician on medrec.care_team_mode', 0, 'REVOKE SET ON PARAMETER medrec.care_team_mode FROM medrec_clinician' ],
	[ 'a right on the database', 'GRANT CREATE ON DATABASE %s TO medrec_clinician', 'database_privilege medrec_clinician on this database', 0, 'REVOKE CREATE ON DATABASE %s FROM medrec_clinician' ],
);

# Outside a transaction, because roles and databases are shared by the cluster.
$node->safe_psql('postgres', 'CREATE DATABASE attacked TEMPLATE m');
my $before = $node->safe_psql('attacked', "SELECT FROM medrec.seal_audit(); $ddl");
is($node->safe_psql('attacked', $alarms), '', 'a copy of the database: nothing is reported');
foreach my $attack (@attacks)
{
	my ($what, $sql, $found, $event, $undo) = @$attack;
	next unless defined $found;
	$sql =~ s/%s/attacked/g;
	my $other = $undo ? 'attacked' : 'one';
	$node->safe_psql('postgres', "CREATE DATABASE one TEMPLATE attacked") unless $undo;
	$node->safe_psql($other, $sql);
	my $events = $node->safe_psql($other, $ddl) - $before;
	is(scalar(grep { $_ eq $found } split /\n/, $node->safe_psql($other, $alarms)), 1, "$what: found") or diag($node->safe_psql($other, 'SELECT kind, severity, object, detail FROM medrec.verify_access()'));
	cmp_ok($events, '>', 0, "$what: and an event") if $event;
	if ($undo)
	{
		# also found after sealing, and in the event that the sealing leaves
		$node->safe_psql($other, $seal);
		my ($object) = $found =~ /^\S+ (.*)/;
		is($node->safe_psql($other, "SELECT count(*) FROM medrec.audit_event WHERE table_name = 'access' AND (new_values ->> 'details') LIKE '%$object%' AND xid = (SELECT max(xid) FROM medrec.audit_event WHERE table_name = 'access')"),
			'1', "$what: the next sealing leaves an event that names it");
		$undo =~ s/%s/attacked/g;
		$node->safe_psql('attacked', $undo);
		$node->safe_psql($other, $seal);
		is($node->safe_psql($other, $alarms), '', "$what: nothing is reported once it is undone");
	}
	else
	{
		# by a role that is not a superuser, compared with what migrate() kept
		is(scalar(grep { $_ eq $found } split /\n/, $node->safe_psql($other, $as_auditor)), 1, "$what: found by the auditor")
			unless $found =~ /^privilege_missing/;
		$node->safe_psql('postgres', 'DROP DATABASE one');
	}
}

# verify_access() itself is replaced: the library's function answers under any name
$node->safe_psql('postgres', 'CREATE DATABASE one TEMPLATE attacked');
$node->safe_psql('one', q{CREATE OR REPLACE FUNCTION medrec.verify_access(OUT kind text, OUT severity text, OUT seal bigint, OUT object text, OUT detail text) RETURNS SETOF record LANGUAGE sql AS 'SELECT NULL::text, NULL::text, NULL::bigint, NULL::text, NULL::text WHERE false'});
is($node->safe_psql('one', $alarms), '', 'a replaced verify_access() reports nothing');
is($node->safe_psql('one', q{CREATE FUNCTION pg_temp.verify(OUT kind text, OUT severity text, OUT seal bigint, OUT object text, OUT detail text)
	RETURNS SETOF record LANGUAGE c AS '$libdir/medrec', 'medrec_verify_access'; SELECT kind, object FROM pg_temp.verify() WHERE severity = 'error'}),
	'function_changed|medrec.verify_access()', "the library's function under another name reports the replaced verify_access()");
$node->safe_psql('postgres', 'DROP DATABASE one');

# the first seal with the current state
$node->safe_psql('m', 'INSERT INTO medrec.care_team (name) VALUES (\'a\')');
$node->safe_psql('m', 'ALTER ROLE anna BYPASSRLS');
is($node->safe_psql('m', "SELECT coalesce(seal::text, 'none') FROM medrec.verify_access() WHERE object = 'anna' AND kind = 'role'"), 'none', 'a change since the last seal has no seal');
$node->safe_psql('m', $seal);
my $since = $node->safe_psql('m', $last_seal);
$node->safe_psql('m', "INSERT INTO medrec.care_team (name) VALUES ('$_'); SELECT FROM medrec.seal_audit()") for 1 .. 2;
is($node->safe_psql('m', "SELECT seal FROM medrec.verify_access() WHERE object = 'anna' AND kind = 'role'"), $since, 'a sealed change has its first seal');
$node->safe_psql('m', 'ALTER ROLE anna NOBYPASSRLS');

# the seals guard what is kept
$node->safe_psql('m', q{ALTER TABLE medrec.audit_access DISABLE TRIGGER ALL; UPDATE medrec.audit_access SET state = replace(state, 'BYPASSRLS', 'xx');
	ALTER TABLE medrec.audit_access ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row});
like($node->safe_psql('m', 'SELECT kind, detail FROM medrec.verify_audit()'), qr/access_altered\|the snapshot of rights of number \d+ is not what its digest says/, 'verify_audit() reports an altered snapshot');
like($node->safe_psql('m', $alarms), qr/snapshot_altered medrec\.audit_access/, 'verify_access() reports an altered snapshot');
$node->safe_psql('m', q{ALTER TABLE medrec.audit_access DISABLE TRIGGER ALL; UPDATE medrec.audit_access SET state = replace(state, 'xx', 'BYPASSRLS');
	UPDATE medrec.audit_access SET state = replace(state, 'medrec_admin', 'medrec_coder'), digest = sha256(convert_to(replace(state, 'medrec_admin', 'medrec_coder'), 'UTF8')) WHERE kind = 'made';
	ALTER TABLE medrec.audit_access ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row});
like($node->safe_psql('m', $alarms), qr/baseline_altered/, 'verify_access() reports an altered baseline to a superuser');
like($node->safe_psql('m', $as_auditor), qr/snapshot_altered/, 'verify_access() reports an altered baseline to an auditor, by the seals');
$node->safe_psql('m', q{ALTER TABLE medrec.audit_seal DISABLE TRIGGER ALL; UPDATE medrec.audit_seal SET access = sha256('x') WHERE seal = 2;
	ALTER TABLE medrec.audit_seal ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row});
like($node->safe_psql('m', 'SELECT kind, seal FROM medrec.verify_audit()'), qr/seal_altered\|2/, 'verify_audit() reports an altered seal with a snapshot');

# an error in the midst of it, which somebody catches: the subtransaction that is undone is the catcher's
$node->safe_psql('m', q{
	CREATE FUNCTION public.caught() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		CREATE TABLE public.halfway ();
		PERFORM count(*) FROM medrec.verify_access();
		RETURN NULL;
	EXCEPTION WHEN lock_not_available THEN
		RETURN to_regclass('public.halfway') IS NULL;
	END
	$$});
my $holder = $node->background_psql('m');
$holder->query_safe('BEGIN');
$holder->query_safe("SELECT pg_advisory_xact_lock(x'6d6564726563'::bigint)");
is($node->safe_psql('m', "SET lock_timeout = '100ms'; SELECT public.caught(); SELECT to_regclass('public.halfway') IS NULL, pg_current_xact_id_if_assigned() IS NULL"),
	"t\nt|t", 'an error of verify_access() that is caught leaves nothing of what came before it');
$holder->quit;
$node->safe_psql('m', 'DROP FUNCTION public.caught(); DROP TABLE IF EXISTS public.halfway');

# a dump, and the trail of a dump
$node->command_ok([ 'pg_dump', '-Fc', @connection, '-f', $node->basedir . '/a.dump', 'attacked' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '--exit-on-error', @connection, '-d', 'copy', $node->basedir . '/a.dump' ], 'pg_restore');
is($node->safe_psql('copy', $alarms), '', 'a restored dump: nothing is reported');
is($node->safe_psql('copy', $as_auditor), '', 'a restored dump: nothing is reported to an auditor');
$node->safe_psql('copy', 'SELECT FROM medrec.seal_audit()');
is($node->safe_psql('copy', 'SELECT * FROM medrec.verify_audit()'), '', 'a restored dump: the trail verifies');
is($node->safe_psql('copy', 'SELECT count(*) FROM medrec.migrate()'), '0', 'a restored dump: migrate() has nothing to do');
is($node->safe_psql('copy', $alarms), '', 'a restored dump: nothing is reported after migrate()');

$node->stop;
done_testing();
