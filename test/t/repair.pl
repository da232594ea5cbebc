# migrate() repairs what was lost; a data-only dump is loaded by import_begin() only; a lost trail is found
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('repair');
my @connection = ('-h', $node->host, '-p', $node->port);
my $findings = 'SELECT kind, detail FROM medrec.verify_audit() UNION ALL SELECT kind, table_name FROM medrec.verify_records()';
my $events = 'SELECT count(*) FROM medrec.audit_event';
my $layout = 'SELECT l.kind, l.object, l.definition, l.mode FROM medrec.layout() AS l ORDER BY 1, 2';
my $migrate = 'SELECT name FROM medrec.migrate() ORDER BY name';

# The SQLSTATE of a statement, and its messages.
sub error_of
{
	my ($database, $sql, %options) = @_;
	my ($rc, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$sql", on_error_stop => 0, %options);
	return $err;
}

$node->safe_psql('m', q{
	SELECT medrec.create_patient('John Doe', 45, 'male', 'P1');
	SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
	CREATE TABLE public.bed (id integer PRIMARY KEY, patient uuid, note text);
	CREATE TRIGGER bed_insert AFTER INSERT ON public.bed REFERENCING NEW TABLE AS n
		FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=patient', 'withhold=note');
	CREATE TRIGGER bed_update AFTER UPDATE ON public.bed REFERENCING OLD TABLE AS o NEW TABLE AS n
		FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit('patient=patient', 'withhold=note');
	ALTER TABLE public.bed ENABLE ALWAYS TRIGGER bed_insert;
	ALTER TABLE public.bed ENABLE ALWAYS TRIGGER bed_update;
	CREATE TABLE public.ward (id integer PRIMARY KEY, patient uuid, "odd ' \\name" text);
	SELECT medrec.attach_audit('public.ward', 'patient', ARRAY['odd '' \\name']::name[]);
	CREATE POLICY own_policy ON medrec.patient FOR SELECT TO medrec_auditor USING (false);
});
my $attached = "SELECT medrec.attach_audit('public.ward', 'patient', ARRAY['odd '' \\name']::name[])";
my $wanted = $node->safe_psql('m', $layout);

# an intact database
my $before = $node->safe_psql('m', $events);
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.migrate()'), '0', 'an intact database: migrate() names nothing');
is($node->safe_psql('m', $events), $before, 'an intact database: migrate() leaves no event');
is($node->safe_psql('m', q{SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'medrec%' OR nspname LIKE 'aside%'}),
	'medrec medrec_api medrec_gate', 'an intact database: migrate() leaves no schema');
is($node->safe_psql('m', q{BEGIN; SELECT count(*) FROM medrec.migrate(); SELECT string_agg(DISTINCT c.relname, ' ') FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
	WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND l.pid = pg_backend_pid() AND l.mode NOT IN ('AccessShareLock', 'RowExclusiveLock')
	AND c.relname <> 'schema_migration'}),
	"0\n", 'an intact database: migrate() locks no table');

# what pg_restore --disable-triggers leaves
my $tables = $node->safe_psql('m', q{SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind = 'r'});
$node->safe_psql('m', join '', map { "ALTER TABLE $_ DISABLE TRIGGER ALL; ALTER TABLE $_ ENABLE TRIGGER ALL;" } 'public.bed', 'public.ward', split /\n/, $tables);
is($node->safe_psql('m', q{SELECT count(*) FROM pg_trigger WHERE tgenabled = 'A' AND tgparentid = 0 AND tgrelid NOT IN ('medrec.audit_event'::regclass, 'medrec.audit_archived'::regclass)}), '0', '--disable-triggers: no trigger is ALWAYS any more');
is($node->safe_psql('m', "SELECT count(*) > 40 FROM medrec.verify_audit() WHERE kind = 'guard_missing'"), 't', '--disable-triggers: verify_audit() reports it');
like($node->safe_psql('m', $migrate), qr/repaired trigger bed_insert on public\.bed\n.*repaired trigger medrec_append_only on medrec\.audit_event_2/s, '--disable-triggers: migrate() repairs the modes and names them');
is($node->safe_psql('m', $layout), $wanted, '--disable-triggers: migrate() repairs all modes');
is($node->safe_psql('m', $attached), '0', '--disable-triggers: migrate() repairs triggers of attach_audit()');
is($node->safe_psql('m', $findings), '', '--disable-triggers: nothing is reported after migrate()');
$node->safe_psql('m', q{SET session_replication_role = replica; UPDATE medrec.patient SET age = 46; INSERT INTO public.bed VALUES (1, NULL, 'x')});
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.audit_event WHERE table_name = 'patient' AND new_values->>'age' = '46' OR table_name = 'public.bed' AND action = 'INSERT'}), '2', '--disable-triggers: a replica\'s changes leave events after migrate()');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.audit_event WHERE action = 'REPAIR' AND new_values::text LIKE '%bed_insert%' AND session_role = current_user}), '1', '--disable-triggers: one event lists what was repaired, and by whom');
is($node->safe_psql('m', $migrate), '', '--disable-triggers: a second migrate() repairs nothing');

# objects changed, dropped and replaced, and the guards of the trail
$node->safe_psql('m', q{
	ALTER TABLE medrec.diagnosis DISABLE TRIGGER ALL;
	DROP TRIGGER medrec_validate ON medrec.patient;
	CREATE TRIGGER medrec_validate BEFORE INSERT ON medrec.patient FOR EACH ROW WHEN (false) EXECUTE FUNCTION medrec.validate('patient');
	DROP TRIGGER medrec_touch_insert ON medrec.treatment;
	ALTER TABLE medrec.audit_event_default DISABLE TRIGGER medrec_append_only_row;
	DROP TRIGGER medrec_append_only ON medrec.audit_event_default;
	ALTER TABLE medrec.account NO FORCE ROW LEVEL SECURITY;
	ALTER TABLE medrec.patient DISABLE ROW LEVEL SECURITY;
	ALTER TABLE medrec.patient ENABLE ALWAYS TRIGGER medrec_enrol;
	DROP EVENT TRIGGER medrec_audit_drop;
	ALTER EVENT TRIGGER medrec_audit_ddl DISABLE;
	INSERT INTO medrec.diagnosis (patient_id, code) VALUES (gen_random_uuid(), 'no such patient');
	DELETE FROM medrec.diagnosis WHERE code = 'no such patient';
});
my $said = $node->safe_psql('m', $migrate);
like($said, qr/\Q$_\E/, "migrate() repairs: $_") foreach ('trigger medrec_validate on medrec.patient', 'trigger medrec_touch_insert on medrec.treatment',
	'trigger medrec_audit_insert on medrec.diagnosis', 'foreign keys of medrec.diagnosis', 'trigger medrec_append_only on medrec.audit_event_default',
	'row level security of medrec.account', 'row level security of medrec.patient', 'event trigger medrec_audit_drop', 'event trigger medrec_audit_ddl');
unlike($said, qr/medrec_enrol/, 'migrate() keeps what was made stricter');
is($node->safe_psql('m', "ALTER TABLE medrec.patient ENABLE TRIGGER medrec_enrol; $layout"), $wanted, 'changed and dropped objects are as they were made');
like(error_of('m', q{INSERT INTO medrec.diagnosis (patient_id, code) VALUES (gen_random_uuid(), 'E11.9')}), qr/23503/, 'foreign keys are as they were made');
is($node->safe_psql('m', $findings), '', 'nothing is reported after the repair');

# what the owner dropped on purpose stays dropped
$node->safe_psql('m', q{
	DROP POLICY medrec_read_care ON medrec.patient;
	ALTER TABLE medrec.patient DROP CONSTRAINT patient_age_check;
	DROP INDEX medrec.code_note_code_idx;
	DROP FUNCTION medrec_api.health();
	REVOKE EXECUTE ON FUNCTION medrec.break_glass(text, text) FROM medrec_gatekeeper});
my ($rc, $out, $err) = $node->psql('m', $migrate);
is($out, '', 'migrate() does not restore a single dropped object');
like($err, qr/\Q$_\E/, "migrate() warns: $_") foreach ('policy medrec_read_care of medrec.patient is missing', 'constraint patient_age_check of medrec.patient is missing',
	'index medrec.code_note_code_idx of medrec.code_note is missing', 'function medrec_api.health() is missing');

# DROP EXTENSION ... CASCADE, with a user's tables and a change while there is no trigger
$node->safe_psql('m', q{
	CREATE TABLE public.gone (id integer PRIMARY KEY);
	CREATE TRIGGER gone_truncate AFTER TRUNCATE ON public.gone FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit();
	DROP EXTENSION medrec CASCADE;
	DROP TABLE public.gone;
	UPDATE medrec.patient SET name = 'Somebody Else';
	CREATE EXTENSION medrec});
($rc, $out, $err) = $node->psql('m', $migrate);
like($err, qr/table public\.gone, which had trigger gone_truncate, is missing/, 'cascade: a table that no longer exists is named');
is($node->safe_psql('m', $layout), $wanted, 'cascade: everything is restored, even what was dropped before it');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.audit_event WHERE action = 'REPAIR'}), '3', 'cascade: an event lists the repairs');
is($node->safe_psql('m', q{SELECT string_agg(kind || ' ' || coalesce(detail, table_name), E'\n') FROM medrec.verify_records()}),
	'row_changed "name"', 'cascade: a change made meanwhile is found');
is($node->safe_psql('m', q{SELECT polname FROM pg_policy WHERE polname = 'own_policy'}), 'own_policy', 'cascade: the owner\'s policy is still there');
$node->safe_psql('m', q{UPDATE public.bed SET note = 'y'});
like($node->safe_psql('m', q{SELECT new_values FROM medrec.audit_event WHERE table_name = 'public.bed' ORDER BY logged_at DESC LIMIT 1}), qr/^{"note":"\(withheld:[0-9a-f]{32}\)"}$/, 'cascade: a user\'s table is audited as before');
is($node->safe_psql('m', $attached), '0', 'cascade: a table of attach_audit() is audited as before');
is($node->safe_psql('m', $migrate), '', 'cascade: a second migrate() repairs nothing');
$node->safe_psql('m', q{UPDATE medrec.patient SET name = 'John Doe'});

# rights
$node->safe_psql('m', q{CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA medrec TO clerk; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA medrec TO clerk});
foreach my $call ('medrec.repair()', 'medrec.layout_wanted()', q{medrec.audit_remark('REPAIR', '{}')}, 'medrec.import_begin()', 'medrec.import_end()')
{
	like(error_of('m', "SET ROLE clerk; SELECT $call"), qr/42501|55000: no import|42501: permission/, "only a superuser may call $call");
}
like(error_of('m', q{SELECT medrec.audit_remark('DELETE', '{}')}), qr/22023/, 'audit_remark() refuses another action');

# a data-only dump without import_begin()
my ($schema, $data) = map { $node->basedir . "/$_.sql" } qw(schema data);
command_ok([ 'pg_dump', @connection, '-s', '-f', $schema, 'm' ], 'pg_dump -s');
command_ok([ 'pg_dump', @connection, '-a', '-f', $data, 'm' ], 'pg_dump -a');
my @psql = ('psql', '-X', '-q', @connection);
foreach my $how ('', 'disabled ')
{
	command_ok([ 'pg_dump', @connection, '-a', '--disable-triggers', '-f', $data, 'm' ], 'pg_dump -a --disable-triggers') if $how;
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS copy');
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	command_ok([ @psql, '-v', 'ON_ERROR_STOP=1', '-f', $schema, 'copy' ], "${how}-s");
	my ($said_out, $said_err);
	IPC::Run::run([ @psql, '-f', $data, 'copy' ], '>', \$said_out, '2>', \$said_err);
	like($said_err, qr/the audit trail has no era.*HINT: .*medrec\.import_begin\(\)/s, "${how}-s, then -a: refused, with a hint");
	is($node->safe_psql('copy', 'SELECT count(*) FROM medrec.patient'), '0', "${how}-s, then -a: no patient is loaded without the trail");
	like($node->safe_psql('copy', 'SELECT kind, detail FROM medrec.verify_audit()'), qr/^trail_missing\|no era is recorded/m, "${how}-s, then -a: verify_audit() reports it");
	like(error_of('copy', 'SELECT medrec.migrate()'), qr/55000.*HINT: .*import_begin/s, "${how}-s, then migrate(): refused, with a hint");
}

# the trail is lost in another way
$node->safe_psql('postgres', 'CREATE DATABASE lost TEMPLATE m');
$node->safe_psql('lost', q{
	DO $$
	DECLARE
		t regclass;
	BEGIN
		FOR t IN SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'medrec.audit_%' LOOP
			EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', t);
		END LOOP;
	END
	$$;
	TRUNCATE medrec.audit_event, medrec.audit_seal, medrec.audit_era;
	UPDATE medrec.schema_migration SET applied_at = applied_at - interval '1 year'});
like($node->safe_psql('lost', $findings), qr/^trail_missing\|no era.*^row_without_events\|patient$/ms, 'an emptied trail is reported');
like(error_of('lost', 'SELECT medrec.migrate()'), qr/55000: the audit trail has no era/, 'migrate() does not hide an emptied trail');
$node->safe_psql('lost', 'SELECT medrec.audit_open_era()');
$node->safe_psql('lost', 'SELECT medrec.migrate()');
like($node->safe_psql('lost', $findings), qr/^trail_missing\|the tables were made at .*^row_without_events\|patient$/ms, 'an emptied trail is reported after a new era was opened');

# import_begin() and import_end()
like(error_of('m', 'SELECT medrec.import_begin()'), qr/55000: table medrec\.\w+ is not empty/, 'import_begin() is refused in a database in use');
like(error_of('m', 'SELECT medrec.import_end()'), qr/55000: no import has begun/, 'import_end() before import_begin() is refused');
$node->safe_psql('postgres', 'DROP DATABASE copy');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql('copy', 'CREATE EXTENSION medrec; SELECT FROM medrec.migrate(); DELETE FROM medrec.audit_attached');
$node->safe_psql('copy', 'SELECT FROM medrec.seal_audit()');
$node->safe_psql('copy', q{BEGIN; INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 1, 'other', 'A'); DELETE FROM medrec.patient; COMMIT});
like(error_of('copy', 'SELECT medrec.import_begin()'), qr/55000: the audit trail has events of records/, 'import_begin() is refused where records have been');
$node->safe_psql('postgres', 'DROP DATABASE copy');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql('copy', "CREATE EXTENSION medrec; SELECT FROM medrec.migrate(); SELECT medrec.import_begin('2020-01-01')");
is($node->safe_psql('copy', q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'medrec.audit_event'::regclass AND inhrelid::regclass::text LIKE '%2020%'}), '12', 'import_begin() creates the months');
like(error_of('copy', 'SELECT medrec.import_begin()'), qr/55000: an import has begun already/, 'a second import_begin() is refused');
like(error_of('copy', 'SELECT * FROM medrec.seal_audit()'), qr/55000: data are being imported/, 'seal_audit() is refused during an import');
like(error_of('copy', 'SELECT medrec.migrate()'), qr/55000.*HINT: .*import_end/s, 'migrate() is refused during an import');
like($node->safe_psql('copy', 'SELECT kind FROM medrec.verify_audit()'), qr/^guard_missing$/m, 'verify_audit() reports disabled triggers during an import');
like(error_of('copy', 'SELECT * FROM medrec.import_end()'), qr/55000: the data have another layout/, 'import_end() without data is refused');
$node->safe_psql('copy', q{INSERT INTO medrec.schema_migration (version, name) SELECT s.version, s.name FROM medrec.migration_step() AS s});
like(error_of('copy', 'SELECT * FROM medrec.import_end()'), qr/55000: the data have no audit trail/, 'import_end() without the trail is refused');
$node->safe_psql('copy', 'DELETE FROM medrec.schema_migration');
command_ok([ 'pg_dump', @connection, '-a', '-n', 'medrec', '-f', $data, 'm' ], 'pg_dump -a of the schema medrec');
command_ok([ @psql, '-v', 'ON_ERROR_STOP=1', '-f', $data, 'copy' ], 'the dump is loaded');
$node->safe_psql('copy', q{INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Forged', 1, 'other', 'F')});
$node->safe_psql('copy', 'SELECT medrec.import_end()');
is($node->safe_psql('copy', q{SELECT kind || ' ' || table_name FROM medrec.verify_records() WHERE kind <> 'history_gap'}), 'row_without_events patient', 'a row that others inserted during the import is found');
is($node->safe_psql('copy', q{SELECT new_values->'rows'->>'patient' FROM medrec.audit_event WHERE action = 'IMPORT'}), '2', 'the event has the number of rows');
is($node->safe_psql('copy', 'SELECT kind FROM medrec.verify_audit()'), '', 'after the import the trail verifies and the triggers are enabled');
is($node->safe_psql('copy', $migrate), '', 'after the import migrate() has nothing to repair');

$node->stop;
done_testing();
