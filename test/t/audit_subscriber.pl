# Logical replication as in doc/audit.md: the trail verifies on the subscriber, is sealed by the publisher only, and is not mixed with another
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

# the command of the documentation, exactly
my ($publication) = slurp_file("$ENV{TESTDIR}/doc/audit.md") =~ /^(CREATE PUBLICATION medrec .*?;)$/ms;
ok($publication, 'the documentation has the command');

my $publisher = medrec_node('publisher', init => { allows_streaming => 'logical' });
my $conninfo = 'host=' . $publisher->host . ' port=' . $publisher->port . ' dbname=m';
my $release = order_file([ 'E119', 1, 'Type 2 diabetes mellitus without complications' ]);
$publisher->safe_psql('m', qq{
	SELECT medrec.load_release('ICD-10-CM', '2025', '2024-10-01', \$\$$release\$\$);
	INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician');
	INSERT INTO medrec.care_team (name) VALUES ('ward 1');
	INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'P', g % 90, 'other', 'P' || g FROM generate_series(1, 20) AS g;
	SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
});
$publisher->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
$publisher->safe_psql('m', $publication);

my $subscriber = medrec_node('subscriber', init => { allows_streaming => 'logical' });
$subscriber->safe_psql('postgres', 'CREATE DATABASE s');
my $dump = $publisher->basedir . '/schema.sql';
$publisher->command_ok([ 'pg_dump', '-h', $publisher->host, '-p', $publisher->port, '--schema-only', '--no-publications', '--no-subscriptions', '-f', $dump, 'm' ], 'pg_dump of the schema alone');
$subscriber->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $subscriber->host, '-p', $subscriber->port, '-f', $dump, 's' ], 'psql restores the schema');
$subscriber->safe_psql('s', 'SELECT FROM medrec.seal_audit()');
is($subscriber->safe_psql('s', 'SELECT count(*) FROM medrec.audit_era'), '0', 'sealing before the subscription opens no era');
$subscriber->safe_psql('s', "CREATE SUBSCRIPTION medrec CONNECTION '$conninfo' PUBLICATION medrec");
$subscriber->wait_for_subscription_sync($publisher, 'medrec', 's');

my $findings = 'SELECT kind, detail FROM medrec.verify_audit(); SELECT kind, table_name, row_id, detail FROM medrec.verify_records()';
is($subscriber->safe_psql('s', $findings), '', 'a subscriber\'s copied trail verifies');
$publisher->safe_psql('m', q{
	INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('New', 1, 'other', 'NEW');
	UPDATE medrec.patient SET age = 4 WHERE patient_id = 'NEW';
	DELETE FROM medrec.diagnosis WHERE id IN (SELECT id FROM medrec.diagnosis LIMIT 1);
	ALTER TABLE medrec.patient ALTER COLUMN age SET DEFAULT 1});
$publisher->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
my $checkpoint = $publisher->safe_psql('m', 'SELECT medrec.audit_checkpoint()');
$publisher->wait_for_catchup('medrec');
is($subscriber->safe_psql('s', $findings), '', 'a subscriber\'s replicated events verify');
is($subscriber->safe_psql('s', "SELECT kind, detail FROM medrec.verify_audit(checkpoint => '$checkpoint')"), '', 'a subscriber verifies against the publisher\'s checkpoint');
my $counts = q{SELECT era, action, table_name, count(*) FROM medrec.audit_event GROUP BY 1, 2, 3 ORDER BY 1, 2, 3};
is($subscriber->safe_psql('s', $counts), $publisher->safe_psql('m', $counts), 'a subscriber has every event once, and no other');
my ($rc, $out, $err) = $subscriber->psql('s', 'SELECT FROM medrec.seal_audit()');
like($err, qr/cannot seal an audit trail that is received by a subscription/, 'a subscriber does not seal');
is($subscriber->safe_psql('s', 'SELECT max(seal) FROM medrec.audit_seal'), $publisher->safe_psql('m', 'SELECT max(seal) FROM medrec.audit_seal'), 'a subscriber has the publisher\'s seals');
$subscriber->safe_psql('s', 'ALTER TABLE medrec.patient ADD COLUMN ward text');
is($subscriber->safe_psql('s', 'SELECT count(*) FROM medrec.audit_event WHERE era > 1'), '0', 'a subscriber\'s own DDL leaves no event in the publisher\'s trail');

# a database with a trail of its own
my $offset = -s $subscriber->logfile;
$subscriber->safe_psql('m', "CREATE SUBSCRIPTION other CONNECTION '$conninfo' PUBLICATION medrec WITH (connect = true)");
$subscriber->wait_for_log(qr/cannot receive an audit trail: this database has one of its own/, $offset);
ok(1, 'a database with a trail of its own refuses another');
$subscriber->safe_psql('m', 'DROP SUBSCRIPTION other');

# a database without its subscription continues by itself
$subscriber->safe_psql('s', 'DROP SUBSCRIPTION medrec');
$subscriber->safe_psql('s', "UPDATE medrec.patient SET age = 5 WHERE patient_id = 'NEW'");
$subscriber->safe_psql('s', 'SELECT FROM medrec.seal_audit()');
is($subscriber->safe_psql('s', 'SELECT max(era) FROM medrec.audit_seal'), '2', 'after DROP SUBSCRIPTION the database writes and seals in the next era');
is($subscriber->safe_psql('s', $findings), '', 'after DROP SUBSCRIPTION the database verifies');

$_->stop foreach ($subscriber, $publisher);
done_testing();
