# audit: a restored dump, a standby and logical replication verify, and nothing is recorded twice
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $verify = 'SELECT * FROM medrec.verify_audit()';
my $records = 'SELECT * FROM medrec.verify_records()';
my $primary = medrec_node('primary', init => { allows_streaming => 'logical' });
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
is($primary->safe_psql('copy', $records), '', 'its records too');
is($primary->safe_psql('copy', "SELECT * FROM medrec.verify_audit(checkpoint => '$checkpoint')"), '', 'against the checkpoint of the original');
$primary->safe_psql('copy', q{UPDATE medrec.patient SET age = 1 WHERE patient_id = 'P1'});
is($primary->safe_psql('copy', 'SELECT era, count(*) FROM medrec.audit_event GROUP BY era HAVING era > 1'), '2|1', 'what is written there is of the next era');
like($primary->safe_psql('copy', 'SELECT era FROM medrec.seal_audit()'), qr/^1\n2$/, 'the imported era is sealed to its end, then the new one');
is($primary->safe_psql('copy', $verify), '', 'and it verifies');
is($primary->safe_psql('copy', $records), '', 'and its records');
is($primary->safe_psql('copy', 'SELECT max(era) FROM medrec.audit_era'), '2', 'the era is recorded');
is($primary->safe_psql('copy', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'medrec_audit%' AND tgenabled <> 'A'}), '0', 'the triggers came back as they were');
my ($rc, $out, $err) = $primary->psql('copy', 'DELETE FROM medrec.audit_event');
like($err, qr/append-only/, 'and the trail is append-only');

# a standby
my $backup = $primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->safe_psql('m', q{UPDATE medrec.patient SET age = 2 WHERE patient_id = 'P2'});
$primary->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('m', $verify), '', 'a standby verifies');
is($standby->safe_psql('m', $records), '', 'its records too');
isnt($standby->safe_psql('m', q{SELECT medrec.audit_proof(era, xid, n) FROM medrec.audit_event ORDER BY logged_at LIMIT 1}), '', 'and proves');
($rc, $out, $err) = $standby->psql('m', 'SELECT medrec.seal_audit()');
like($err, qr/cannot execute medrec.seal_audit\(\)/, 'it does not seal');
$standby->promote;
$standby->safe_psql('m', q{UPDATE medrec.patient SET age = 3 WHERE patient_id = 'P2'});
is($standby->safe_psql('m', 'SELECT max(era) FROM medrec.audit_event'), '1', 'promoted it goes on in the same era');
$standby->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
is($standby->safe_psql('m', $verify), '', 'and verifies');

# logical replication, of the records alone and with their events
my $subscriber = medrec_node('subscriber', init => { allows_streaming => 'logical' });
$primary->safe_psql('m', 'CREATE PUBLICATION records FOR TABLE medrec.patient, medrec.diagnosis, medrec.audit_event WITH (publish_via_partition_root = true)');
my $conninfo = 'host=' . $primary->host . ' port=' . $primary->port . ' dbname=m';
$subscriber->safe_psql('m', "CREATE SUBSCRIPTION records CONNECTION '$conninfo' PUBLICATION records");
$subscriber->wait_for_subscription_sync($primary, 'records');
$primary->safe_psql('m', q{
	INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('New', 1, 'other', 'NEW');
	UPDATE medrec.patient SET age = 4 WHERE patient_id = 'NEW';
	DELETE FROM medrec.diagnosis WHERE id IN (SELECT id FROM medrec.diagnosis LIMIT 1)});
$primary->wait_for_catchup('records');
is($subscriber->safe_psql('m', q{SELECT count(*) FROM medrec.patient}), '51', 'rows arrive');
# without DDL: each of the two has been laid out for itself
my $counts = q{SELECT action, table_name, count(*) FROM medrec.audit_event WHERE table_name IN ('patient', 'diagnosis') AND action <> 'DDL' GROUP BY 1, 2 ORDER BY 1, 2};
is($subscriber->safe_psql('m', $counts), $primary->safe_psql('m', $counts), 'and their events with them, once');

$_->stop foreach ($subscriber, $standby, $primary);
done_testing();
