# A backend has ten relcache callbacks for all extensions together, and ends with FATAL when they are used up. Beside another library
# that takes six, a session that uses every part of medrec works: medrec needs one, however many parts it has.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('slots');
my $library = $node->basedir . '/relcache_slots.so';
chomp(my $include = `pg_config --includedir-server`);
my $cc = $ENV{CC} || 'cc';
is(system("$cc -fPIC -shared -I'$include' -o '$library' '$ENV{TESTDIR}/test/t/relcache_slots.c'"), 0, 'the neighbour compiles');
chmod 0755, $library;

my $file = order_file([ 'E119', 1, 'Type 2 diabetes mellitus without complications' ], [ 'I10', 1, 'Essential (primary) hypertension' ]);
my ($status, $out, $error) = $node->psql('m', <<"SQL");
LOAD '$library';
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('A', 40, 'other', 'S1');
SELECT rows FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', '$file');
INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'E11.9' FROM medrec.patient;
INSERT INTO medrec.diagnosis (patient_id, code, description) SELECT id, 'I99.99', 'hypertension' FROM medrec.patient;
SELECT code FROM medrec.suggest('ICD-10-CM', NULL, 'diabetes') LIMIT 1;
SET medrec.care_team_mode = on;
SELECT count(medrec.sees_patient(id)) FROM medrec.patient;
SELECT cardinality(medrec.visible_patients());
SELECT finished FROM medrec.revalidate_batch('ICD-10-CM');
UPDATE medrec.account SET email = email;
SELECT FROM medrec.seal_audit();
SELECT count(*) FROM medrec.verify_audit();
SELECT count(*) FROM medrec.verify_records();
SELECT 'alive';
SQL
is($error, '', 'no part of medrec fails for lack of a callback');
like($out, qr/^alive$/m, 'the session is alive at the end');
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.diagnosis'), 2, 'the session has written');
$node->stop;
done_testing();
