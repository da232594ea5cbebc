# Writers, rollbacks, savepoints, sealing and kill -9: each committed change has its event, each event its change, and there is no false alarm.
# MEDREC_HONEST: runs that end by themselves (default 5); MEDREC_CRASHES: runs between them that kill -9 ends (default 3).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run qw(start finish);
use Time::HiRes qw(sleep time);
use MedrecNode;

my $crashes = $ENV{MEDREC_CRASHES} || 3;
my $honest = $ENV{MEDREC_HONEST} || 5;
# runs after which a new copy of the database is taken: the whole trail is checked after each
my $copy_after = 20;

# a line in the log for each statement would be most of the work
my $node = medrec_node('crash', conf => "log_statement = none\n");
my $connection = [ '-h', $node->host, '-p', $node->port ];
$node->safe_psql('postgres', 'CREATE DATABASE empty TEMPLATE m');

# rows that are made, changed, rolled back to savepoints, rolled back, deleted; sealing in between
my $script = $node->basedir . '/write.sql';
append_to_file($script, q{
\set r random(1, 1000000000)
\set s random(1, 9)
BEGIN;
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Crash', 30, 'other', 'C' || :r || '-' || :client_id);
SAVEPOINT a;
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'E11.9' FROM medrec.patient WHERE patient_id = 'C' || :r || '-' || :client_id;
ROLLBACK TO a;
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'I10' FROM medrec.patient WHERE patient_id = 'C' || :r || '-' || :client_id;
\if :s = 1
	SELECT pg_sleep(0.01);
\endif
\if :s = 2
	ROLLBACK;
\else
	COMMIT;
\endif
UPDATE medrec.diagnosis SET description = 'changed' WHERE id IN (SELECT id FROM medrec.diagnosis LIMIT 1 OFFSET :s);
\if :s = 3
	DELETE FROM medrec.diagnosis WHERE id IN (SELECT id FROM medrec.diagnosis LIMIT 2);
\endif
\if :s = 4
	SELECT FROM medrec.seal_audit();
\endif
});

# Four writers, for so many transactions each (-t) or seconds (-T).
sub writers
{
	my @length = @_;
	my ($out, $err) = ('', '');
	return start [ 'pgbench', @$connection, '-n', '-c', 4, '-j', 2, @length, '-f', $script, 'm' ], '>', \$out, '2>', \$err;
}
my $findings = 'SELECT * FROM medrec.verify_audit(); SELECT * FROM medrec.verify_records()';

my ($amid, $events, $runs, $start) = (0, 0, $honest + $crashes, time);
for my $run (1 .. $runs)
{
	if ($run % $copy_after == 0)
	{
		$node->safe_psql('postgres', 'DROP DATABASE m');
		$node->safe_psql('postgres', 'CREATE DATABASE m TEMPLATE empty');
	}
	my $before = $node->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event');

	# crashes are spread evenly among the others
	if (int($run * $crashes / $runs) == int(($run - 1) * $crashes / $runs))
	{
		my $h = writers('-t', 30);
		# sealed and verified while writing, too
		my $found = $node->safe_psql('m', "SELECT FROM medrec.seal_audit(); $findings;
			SELECT 'amid' FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1");
		$amid++ if $found =~ s/^amid$//m;
		is($found, '', "run $run: no false alarm while writing");
		ok(finish($h), "run $run: no writer failed");
		is($node->safe_psql('m', "SELECT FROM medrec.seal_audit(); $findings"), '', "run $run: trail and records agree");
	}
	else
	{
		my $h = writers('-T', 30);
		sleep(0.1 + rand(0.5));
		my $checkpoint = $node->safe_psql('m', 'SELECT FROM medrec.seal_audit(); SELECT medrec.audit_checkpoint()');
		$node->kill9;
		# the postmaster alone is killed: its children notice and end
		eval { finish $h };
		for (1 .. 100)
		{
			# a start that came too early leaves the old number
			$node->{_pid} = undef;
			last if $node->start(fail_ok => 1);
			sleep(0.1);
		}
		is($node->safe_psql('m', $findings), '', "run $run, killed: trail and records agree");
		is($node->safe_psql('m', "SELECT * FROM medrec.verify_audit(checkpoint => '$checkpoint')"), '', "run $run, killed: earlier seals are still there");
	}
	my $now = $node->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event');
	$events += $now - $before;
	cmp_ok($now, '>', $before, "run $run: the writers left events");
}
amcheck_ok($node, 'no index lacks a row of the last copy');
cmp_ok($amid, '>=', $honest / 2, 'most runs were verified while they were written');
note(sprintf '%d runs, %d of them killed, %d verified amid the writing, %d events, in %.0f s', $runs, $crashes, $amid, $events, time - $start);
$node->stop;
done_testing();
