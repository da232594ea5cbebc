# The sealing worker: seals by itself, waits for no transaction, blocks nobody, survives errors and crashes
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use MedrecNode;

# the start of a worker is logged at debug1: this shows a round
my $node = medrec_node('worker', conf => q{
shared_preload_libraries = 'medrec'
medrec.seal_interval = 1
log_min_messages = debug1
restart_after_crash = on
});
my $patients = 0;

sub insert
{
	my ($settings) = @_;
	$patients++;
	return $node->psql('m', ($settings // '') . "INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('W', 1, 'other', 'W$patients')");
}
# A statement in the server's log from here on.
sub logged
{
	my ($pattern, $offset) = @_;
	return $node->wait_for_log($pattern, $offset);
}
sub log_end { return -s $node->logfile; }
# One whole round of sealing in a database, m or another: its second start from now on comes after the first has ended.
sub round
{
	my ($database) = @_;
	$database //= 'm';
	my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$database'");
	my $offset = log_end();
	$offset = logged(qr/starting background worker process "medrec seal worker for database $oid"/, $offset) for 1 .. 2;
	return;
}
sub unsealed { return $node->safe_psql('m', 'SELECT unsealed_events FROM medrec.audit_status()'); }
sub sealed
{
	my ($what) = @_;
	ok($node->poll_query_until('m', 'SELECT unsealed_events = 0 AND sealed_events > 0 FROM medrec.audit_status()'), $what);
	return;
}
# A session that keeps a worker waiting in the midst of a sealing.
sub hold_worker
{
	my $session = $node->background_psql('m');
	$session->query_safe('BEGIN');
	$session->query_safe('LOCK TABLE medrec.audit_seal IN SHARE UPDATE EXCLUSIVE MODE');
	$node->poll_query_until('m', "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'medrec seal worker' AND wait_event_type = 'Lock'")
		or die 'no worker waits';
	return $session;
}

insert();
sealed('the worker seals events');
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.verify_audit()'), '0', 'the trail verifies after the worker sealed');

# the horizon
my $long = $node->background_psql('m');
$long->query_safe('BEGIN');
$long->query_safe("INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Long', 1, 'other', 'LONG')");
my $pid = $long->query_safe('SELECT pg_backend_pid()');
insert();
round();
is(unsealed(), '1', 'a long transaction holds back later events');
like($node->safe_psql('m', 'SELECT held_by FROM medrec.audit_status()'), qr/^process $pid since /, 'audit_status() names the long transaction');
is($node->safe_psql('m', 'SELECT next_xid > horizon AND oldest_unsealed < clock_timestamp() FROM medrec.audit_status()'), 't', 'audit_status() shows how far sealing is held back');
$long->query_safe('COMMIT');
$long->quit;
sealed('events are sealed once the long transaction has ended');

# it blocks nobody, and is replaced
my $holder = hold_worker();
is(insert("SET lock_timeout = '1s';"), 0, 'a worker in the middle of sealing blocks no writer');
$node->safe_psql('m', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'medrec seal worker'");
$holder->query_safe('ROLLBACK');
$holder->quit;
sealed('a terminated worker is replaced');

# an error
my $offset = log_end();
$node->safe_psql('m', q{
	BEGIN;
	ALTER TABLE medrec.audit_seal DISABLE TRIGGER ALL;
	CREATE TABLE kept AS SELECT seal, frontier FROM medrec.audit_seal;
	UPDATE medrec.audit_seal SET frontier = '' WHERE seal = (SELECT max(seal) FROM medrec.audit_seal);
	COMMIT;
});
insert();
logged(qr/seal \d+ of the audit trail is damaged/, $offset);
is(insert(), 0, 'an error of the worker does not affect writers');
$node->safe_psql('m', q{
	UPDATE medrec.audit_seal AS s SET frontier = k.frontier FROM kept AS k WHERE k.seal = s.seal AND k.frontier <> s.frontier;
	ALTER TABLE medrec.audit_seal ENABLE ALWAYS TRIGGER medrec_append_only;
	ALTER TABLE medrec.audit_seal ENABLE ALWAYS TRIGGER medrec_append_only_row;
});
sealed('the worker seals again once the cause of an error is gone');
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.verify_audit()'), '0', 'the trail verifies after an error of the worker');

# databases come and go
$node->safe_psql('postgres', 'CREATE DATABASE n');
$node->safe_psql('n', 'CREATE EXTENSION medrec; SELECT * FROM medrec.migrate()');
ok($node->poll_query_until('n', 'SELECT unsealed_events = 0 AND sealed_events > 0 FROM medrec.audit_status()'), 'the worker seals a new database');
is($node->psql('postgres', 'DROP DATABASE n'), 0, 'a database can be dropped while the worker runs');
insert();
sealed('the other databases are still sealed');

# the owner of a database, or of the tables in one, cannot become a superuser through the worker
my $is_super = "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper AND rolname IN ('carl', 'dora')";
$node->safe_psql('postgres', 'CREATE ROLE carl; CREATE ROLE dora; CREATE DATABASE owned OWNER carl; CREATE DATABASE tables');
$node->safe_psql('owned', q{SET ROLE carl; CREATE SCHEMA medrec;
	CREATE TABLE medrec.audit_event (seal text); CREATE TABLE medrec.audit_seal (seal text);
	CREATE FUNCTION medrec.seal_audit() RETURNS void LANGUAGE sql AS 'ALTER ROLE carl SUPERUSER';
	CREATE FUNCTION medrec.index_audit(integer DEFAULT 1) RETURNS void LANGUAGE sql AS 'ALTER ROLE carl SUPERUSER'});
round('owned');
is($node->safe_psql('postgres', $is_super), '', "a function that a database's owner has named medrec.seal_audit is not run");
$node->safe_psql('tables', q{CREATE EXTENSION medrec; SELECT * FROM medrec.migrate();
	GRANT ALL ON SCHEMA medrec TO dora;
	DO $$
	DECLARE
		r regclass;
	BEGIN
		FOR r IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'medrec'::regnamespace AND c.relname ~ '^audit_' AND c.relkind IN ('r', 'p') LOOP
			EXECUTE format('ALTER TABLE %s OWNER TO dora', r);
		END LOOP;
	END
	$$;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA medrec TO dora;
	GRANT SELECT ON ALL TABLES IN SCHEMA medrec TO dora;
	GRANT CREATE ON SCHEMA public TO dora;
	SET ROLE dora;
	CREATE FUNCTION public.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE dora SUPERUSER; RETURN NULL; EXCEPTION WHEN insufficient_privilege THEN RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER rise AFTER INSERT ON medrec.audit_seal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.rise();
	RESET ROLE;
	INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('W', 1, 'other', 'W')});
round('tables');
is($node->safe_psql('postgres', $is_super), '', "a deferred trigger of the tables' owner is not run as a superuser by the worker");
$node->psql('tables', 'SELECT FROM medrec.seal_audit()');
is($node->safe_psql('postgres', $is_super), '', "a deferred trigger of the tables' owner is not run as a superuser by a superuser's seal_audit()");
$node->safe_psql('tables', 'DROP FUNCTION public.rise() CASCADE');
ok($node->poll_query_until('tables', 'SELECT unsealed_events = 0 AND sealed_events > 0 FROM medrec.audit_status()'), 'without such a trigger the trail of another owner is sealed');
$node->safe_psql('postgres', "DROP DATABASE $_ WITH (FORCE)") foreach 'owned', 'tables';

# settings
$node->safe_psql('m', 'ALTER SYSTEM SET medrec.seal_interval = 0');
$node->reload;
sleep 1;
# a sealing may have noted the setting that the file had by then
my $waiting = unsealed();
insert();
sleep 1.5;
is(unsealed(), $waiting + 1, 'an interval of 0 stops sealing');
$node->safe_psql('m', 'ALTER SYSTEM RESET medrec.seal_interval');
$node->reload;
sealed('another interval starts sealing at once');

# crashes
kill 'KILL', $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'medrec seal launcher'");
for (1 .. 100)
{
	last if insert() == 0;
	sleep 0.1;
}
sealed('after kill -9 of the launcher the server recovers and the worker seals');
$node->kill9;
for (1 .. 100)
{
	# a start that came too early leaves the old number
	$node->{_pid} = undef;
	last if $node->start(fail_ok => 1);
	sleep 0.1;
}
insert();
sealed('after kill -9 of the server the worker seals');
is($node->safe_psql('m', 'SELECT (SELECT count(*) FROM medrec.verify_audit()) + (SELECT count(*) FROM medrec.verify_records())'), '0', 'the trail verifies after kill -9');
amcheck_ok($node);

# the end
$holder = hold_worker();
$offset = log_end();
$node->stop('fast');
like(slurp_file($node->logfile, $offset), qr/terminating background worker "medrec seal worker[^"]*" due to administrator command/,
	'a fast shutdown interrupts a sealing');
$holder->{run}->kill_kill;
done_testing();
