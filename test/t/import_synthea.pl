# The 27 synthetic patients of MEDREC_DATA: conditions, procedures, medications and immunizations by plain INSERT
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my @tables = qw(patients conditions procedures medications immunizations);
plan skip_all => 'MEDREC_DATA does not name the reference data' unless defined data_file('records/synthea/patients.csv');

my $node = medrec_node('import_synthea');
foreach my $table (@tables)
{
	my $path = $node->basedir . "/$table.csv";
	append_to_file($path, data_file("records/synthea/$table.csv"));
	open my $fh, '<', $path or die $!;
	chomp(my $header = <$fh>);
	$header =~ s/\r//;
	close $fh;
	my $columns = join ', ', map { lc($_) . ' text' } split /,/, $header;
	$node->safe_psql('m', "CREATE TABLE $table ($columns); COPY $table FROM '$path' (FORMAT csv, HEADER)");
}
# the terminologies that these records use
my $cvx = data_file('cvx/cvx.tsv');
append_to_file($node->basedir . '/cvx.tsv', $cvx);
$node->safe_psql('m', "SELECT FROM medrec.load_release('CVX', '2025', '1970-01-01', pg_read_file('" . $node->basedir . "/cvx.tsv'))");

$node->safe_psql('m', q{
	INSERT INTO medrec.patient (id, name, age, gender, patient_id, birth_date)
		SELECT id::uuid, first || ' ' || last, 0, CASE gender WHEN 'M' THEN 'male' WHEN 'F' THEN 'female' ELSE 'unknown' END, left(id, 20), birthdate::date
		FROM patients;
	INSERT INTO medrec.diagnosis (patient_id, code, description, code_system, created_at)
		SELECT patient::uuid, code, description, 'http://snomed.info/sct', start::timestamptz FROM conditions;
	INSERT INTO medrec.treatment (patient_id, code, description, code_system, created_at)
		SELECT patient::uuid, code, description, 'SNOMED CT', start::timestamptz FROM procedures
		UNION ALL SELECT patient::uuid, code, description, 'RxNorm', start::timestamptz FROM medications
		UNION ALL SELECT patient::uuid, lpad(code, 2, '0'), description, 'CVX', date::timestamptz FROM immunizations;
});

is($node->safe_psql('m', 'SELECT count(*) FROM medrec.patient'), '27', 'all patients are in');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.patient WHERE age <> extract(year FROM age(birth_date))}), '0', 'ages follow from the dates of birth');
foreach my $what ([ 'conditions', 'diagnosis', 'SNOMED CT' ], [ 'medications', 'treatment', 'RxNorm' ], [ 'immunizations', 'treatment', 'CVX' ], [ 'procedures', 'treatment', 'SNOMED CT' ])
{
	my ($from, $to, $system) = @$what;
	is($node->safe_psql('m', "SELECT count(*) FROM medrec.$to WHERE code_system = '$system'"), $node->safe_psql('m', "SELECT count(*) FROM $from"), "all $from are in");
}
is($node->safe_psql('m', q{SELECT DISTINCT code || ': ' || (issues -> 0 ->> 'text') FROM medrec.diagnosis WHERE status = 'invalid'}),
	'10939881000119104: check digit is 4, expected 5', 'the corrupt SNOMED CT id is found, and the right check digit named');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.diagnosis WHERE status = 'invalid'}), '4', 'every condition with the corrupt id is found');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.diagnosis WHERE status NOT IN ('invalid', 'pending')}), '0',
	'the others are well formed and wait for a release');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.treatment WHERE code_system = 'CVX' AND status IN ('invalid', 'pending')}), '0',
	'immunizations are known to the loaded CVX release');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.treatment WHERE code_system <> 'CVX' AND status <> 'pending'}), '0', 'procedures and medications are well formed');
$node->stop;
done_testing();
