# audit: a restored dump and a standby verify, and what is written there belongs to the next era
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $verify = 'SELECT * FROM medrec.verify_audit()';
my $records = 'SELECT * FROM medrec.verify_records()';
my $primary = medrec_node('primary', init => { allows_streaming => 1 });
my @connection = ('-h', $primary->host, '-p', $primary->port);
$primary->safe_psql('m', q{
	INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'P', g % 90, 'other', 'P' || g FROM generate_series(1, 50) AS g;
	SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
});
$primary->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
$primary->safe_psql('m', q{UPDATE medrec.patient SET age = age + 1 WHERE age < 40; DELETE FROM medrec.diagnosis WHERE id::text < '8'});
my $checkpoint = $primary->safe_psql('m', 'SELECT medrec.audit_checkpoint()');

# a dump into a new database: another era
my $dump = $primary->basedir . '/m.sql';
$primary->command_ok([ 'pg_dump', @connection, '-f', $dump, 'm' ], 'dump');
$primary->safe_psql('postgres', 'CREATE DATABASE copy');
$primary->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @connection, '-f', $dump, 'copy' ], 'restore');
is($primary->safe_psql('copy', $verify), '', 'a restored dump verifies');
is($primary->safe_psql('copy', $records), '', 'the records of a restored dump verify');
is($primary->safe_psql('copy', "SELECT * FROM medrec.verify_audit(checkpoint => '$checkpoint')"), '', 'a restored dump verifies against the original\'s checkpoint');
$primary->safe_psql('copy', q{UPDATE medrec.patient SET age = 1 WHERE patient_id = 'P1'});
is($primary->safe_psql('copy', 'SELECT era, count(*) FROM medrec.audit_event GROUP BY era HAVING era > 1'), '2|1', 'what a restored copy writes is of the next era');
like($primary->safe_psql('copy', 'SELECT era FROM medrec.seal_audit()'), qr/^1\n2$/, 'the imported era is sealed to its end, then the new one');
is($primary->safe_psql('copy', $verify), '', 'a restored copy verifies after writing');
is($primary->safe_psql('copy', $records), '', 'the records of a restored copy verify after writing');
is($primary->safe_psql('copy', 'SELECT max(era) FROM medrec.audit_era'), '2', 'a restored copy records its era');
is($primary->safe_psql('copy', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'medrec_audit%' AND tgenabled <> 'A'}), '0', 'the triggers of a restored copy are unchanged');
my ($rc, $out, $err) = $primary->psql('copy', 'DELETE FROM medrec.audit_event');
like($err, qr/append-only/, 'the trail of a restored copy is append-only');

# a standby
my $backup = $primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->safe_psql('m', q{UPDATE medrec.patient SET age = 2 WHERE patient_id = 'P2'});
$primary->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('m', $verify), '', 'a standby verifies');
is($standby->safe_psql('m', $records), '', 'the records verify on a standby');
isnt($standby->safe_psql('m', q{SELECT medrec.audit_proof(era, xid, n) FROM medrec.audit_event ORDER BY logged_at LIMIT 1}), '', 'a standby returns proofs');
($rc, $out, $err) = $standby->psql('m', 'SELECT medrec.seal_audit()');
like($err, qr/cannot execute medrec.seal_audit\(\)/, 'a standby does not seal');
$standby->promote;
$standby->safe_psql('m', q{UPDATE medrec.patient SET age = 3 WHERE patient_id = 'P2'});
is($standby->safe_psql('m', 'SELECT max(era) FROM medrec.audit_event'), '2', 'a promoted standby writes in the next era');
$standby->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
is($standby->safe_psql('m', $verify), '', 'a promoted standby verifies');

$_->stop foreach ($standby, $primary);
done_testing();
