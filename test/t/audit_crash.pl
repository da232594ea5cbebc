# kill -9 amid writers and sealing: each committed change has its event, no event is without its change, no false alarm.
# MEDREC_CRASHES: how often the server is killed (default 3); MEDREC_HONEST: runs without a crash (default 5).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run qw(start finish);
use MedrecNode;

my $crashes = $ENV{MEDREC_CRASHES} || 3;
my $honest = $ENV{MEDREC_HONEST} || 5;
my $node = medrec_node('crash');
my $connection = [ '-h', $node->host, '-p', $node->port ];

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

sub writers
{
	my ($seconds) = @_;
	my ($out, $err) = ('', '');
	# errors are part of it: the same diagnosis deleted meanwhile, the server gone
	return start [ 'pgbench', @$connection, '-n', '-c', 4, '-j', 2, '-T', $seconds, '-f', $script, 'm' ], '>', \$out, '2>', \$err;
}
sub intact
{
	my ($what) = @_;
	is($node->safe_psql('m', 'SELECT * FROM medrec.verify_audit()'), '', "$what: the trail is intact");
	is($node->safe_psql('m', 'SELECT * FROM medrec.verify_records()'), '', "$what: rows and events agree");
}

for my $run (1 .. $honest)
{
	my $h = writers(1);
	# verified while it is written, too
	is($node->safe_psql('m', 'SELECT * FROM medrec.verify_audit()'), '', "run $run: no false alarm meanwhile");
	is($node->safe_psql('m', 'SELECT * FROM medrec.verify_records()'), '', "run $run: nor of the records");
	finish $h;
	$node->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
	intact("run $run");
}

for my $crash (1 .. $crashes)
{
	my $h = writers(30);
	select(undef, undef, undef, 0.3 + rand(0.7));
	my $checkpoint = $node->safe_psql('m', 'SELECT medrec.audit_checkpoint()');
	$node->kill9;
	# the postmaster alone is killed: its children notice and end
	eval { finish $h };
	for (1 .. 100)
	{
		# a start that came too early leaves the old number
		$node->{_pid} = undef;
		last if $node->start(fail_ok => 1);
		select(undef, undef, undef, 0.1);
	}
	intact("crash $crash");
	is($node->safe_psql('m', "SELECT * FROM medrec.verify_audit(checkpoint => '$checkpoint')"), '', "crash $crash: what was sealed before is still there");
}
my $counts = $node->safe_psql('m', 'SELECT count(*), (SELECT count(*) FROM medrec.audit_seal) FROM medrec.audit_event');
note("events, seals: $counts");
$node->stop;
done_testing();
