# A hot standby and a read-only transaction read, validate and suggest; new releases reach them
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $primary = medrec_node('primary', init => { allows_streaming => 1 });
my $first = order_file([ 'I10', 1, 'Essential (primary) hypertension' ]);
$primary->safe_psql('m', "SELECT medrec.load_release('ICD-10-CM', '2024', '2023-10-01', \$\$$first\$\$)");
$primary->safe_psql('m', "SELECT medrec.create_patient('A', 1, 'male', 'P1')");

my $backup = $primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

my $validate = "SELECT result, code, display FROM medrec.validate_code('ICD-10-CM', 'i10')";
my $suggest = "SELECT string_agg(code, ' ' ORDER BY code) FROM medrec.suggest('ICD-10-CM', display => 'hypertension')";
is($standby->safe_psql('m', 'SELECT count(*) FROM medrec.patient'), '1', 'a standby reads');
is($standby->safe_psql('m', $validate), 'valid|I10|Essential (primary) hypertension', 'a standby validates');
is($standby->safe_psql('m', $suggest), 'I10', 'a standby suggests');

my $second = order_file([ 'I10', 1, 'Essential (primary) hypertension' ], [ 'I159', 1, 'Secondary hypertension, unspecified' ]);
$primary->safe_psql('m', "SELECT medrec.load_release('ICD-10-CM', '2025', '2024-10-01', \$\$$second\$\$)");
$primary->wait_for_catchup($standby);
is($standby->safe_psql('m', $suggest), 'I10 I15.9', 'a new release reaches the standby');

my ($rc, undef, $err) = $standby->psql('m', "SELECT medrec.create_patient('B', 1, 'male', 'P2')");
like($err, qr/read-only transaction/, 'a standby refuses writes');

is($primary->safe_psql('m', "BEGIN READ ONLY; $validate; $suggest; COMMIT"), "valid|I10|Essential (primary) hypertension\nI10 I15.9",
	'a read-only transaction validates and suggests');

# one session: before, during and after a change that is rolled back or committed
is($primary->safe_psql('m', qq{
	$suggest;
	BEGIN;
	DELETE FROM medrec.code WHERE code = 'I15.9';
	$suggest;
	ROLLBACK;
	$suggest;
	DELETE FROM medrec.code WHERE code = 'I15.9';
	$suggest;
}), "I10 I15.9\nI10\nI10 I15.9\nI10", 'suggestions follow the terminology, rolled back or not');

# counters that are equal after a rollback do not mean an equal state
is($primary->safe_psql('m', qq{
	BEGIN;
	SAVEPOINT a;
	UPDATE medrec.code_term SET term = term;
	DELETE FROM medrec.code WHERE code = 'I10';
	INSERT INTO medrec.code (code_system, code, valid_from, billable, display) VALUES ('ICD-10-CM', 'I1A.0', '2024-10-01', true, 'Resistant hypertension');
	$suggest;
	ROLLBACK TO a;
	$suggest;
	UPDATE medrec.code_term SET term = term;
	UPDATE medrec.code_term SET term = term;
	INSERT INTO medrec.code (code_system, code, valid_from, billable, display) VALUES ('ICD-10-CM', 'I1A.9', '2024-10-01', true, 'Other hypertension');
	$suggest;
	ROLLBACK;
	$suggest;
}), "I1A.0\nI10\nI10 I1A.9\nI10", 'a rolled back savepoint leaves nothing in the search image');

# a restored state counts from the beginning again
$primary->safe_psql('m', q{
	BEGIN;
	DELETE FROM medrec.code;
	INSERT INTO medrec.code (code_system, code, valid_from, billable, display) VALUES ('ICD-10-CM', 'I1A.0', '2024-10-01', true, 'Resistant hypertension');
	TRUNCATE medrec.terminology_state;
	INSERT INTO medrec.terminology_state DEFAULT VALUES;
	COMMIT;
});
is($primary->safe_psql('m', $suggest), 'I1A.0', 'after a restore the old search image is not taken for newer');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('m', $suggest), 'I1A.0', 'after a restore a standby\'s search image is current');
$primary->safe_psql('m', "UPDATE medrec.code SET code = 'I10', display = 'Essential (primary) hypertension'");
$primary->wait_for_catchup($standby);

amcheck_ok($primary, 'no index of the primary lacks a row');
$primary->wait_for_catchup($standby);
amcheck_ok($standby, 'no index of the standby lacks a row');

$standby->promote;
$standby->safe_psql('m', "SELECT medrec.create_diagnosis((SELECT id FROM medrec.patient), 'i10')");
is($standby->safe_psql('m', "SELECT code || ' ' || status FROM medrec.diagnosis"), 'I10 valid', 'a promoted standby writes');

done_testing();
