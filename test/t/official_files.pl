# Every code of the official files of MEDREC_DATA is accepted, and no official name of a code is called a mismatch
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

plan skip_all => 'MEDREC_DATA does not name the reference data' unless defined data_file('icd-10-cm/icd10cm_order_2025.txt.gz');

my $node = medrec_node('official_files', conf => "shared_buffers = 256MB\nmax_wal_size = 4GB\n");
my $dir = $node->basedir;

# the codes as the files have them, cut out by place or field and not by medrec
my %cut = (
	order => sub { map { my $code = substr($_, 6, 7); $code =~ s/ +$//; $code } @_ },
	first => sub { map { /^(\S+) / ? $1 : () } @_ },
	hcpcs => sub { map { /^(?:   ([0-9A-Z]{2})|([A-Z]\d{4}))\d{5}[37]/ ? $1 // $2 : () } @_ },
	cvx => sub { map { /^(\d+)\t/ ? $1 : () } @_ },
	ndc => sub { map { /^[^\t]*\t[^\t]*\t(\d[-\d]+)\t/ ? $1 : () } @_ },
	diagnosis => sub { map { /^37(?:\t[^\t]*){4}\tD\t(\w+)\t/ ? $1 : () } @_ },
	procedure => sub { map { /^37(?:\t[^\t]*){4}\tP\t(\w+)\t/ ? $1 : () } @_ });
my $codes = "$dir/codes.txt";
my %expected;
foreach my $file (
	[ 'ICD-10-CM', 'order', 'icd-10-cm/icd10cm_order_2023.txt.gz', 96795 ],
	[ 'ICD-10-CM', 'order', 'icd-10-cm/icd10cm_order_2024.txt.gz', 97296 ],
	[ 'ICD-10-CM', 'order', 'icd-10-cm/icd10cm_order_2025.txt.gz', 97584 ],
	[ 'ICD-10-PCS', 'order', 'icd-10-pcs/icd10pcs_order_2024.txt.gz', 79543 ],
	[ 'ICD-10-PCS', 'order', 'icd-10-pcs/icd10pcs_order_2025.txt.gz', 79856 ],
	[ 'ICD-9-CM', 'first', 'icd-9-cm/CMS32_DESC_LONG_DX.txt.gz', 14567 ],
	[ 'ICD-9-PCS', 'first', 'icd-9-cm/CMS32_DESC_LONG_SG.txt.gz', 3882 ],
	[ 'HCPCS', 'hcpcs', 'hcpcs/HCPC2020_ANWEB_w_disclaimer.txt.gz', 7079 ],
	[ 'CVX', 'cvx', 'cvx/cvx.tsv', 287 ],
	[ 'NDC', 'ndc', 'ndc/package_sample_2025-07-11.txt', 100 ],
	[ 'ICD-10-CM', 'diagnosis', 'mce/MCE_v37.txt.gz', 9793 ],
	[ 'ICD-10-PCS', 'procedure', 'mce/MCE_v37.txt.gz', 4360 ])
{
	my ($system, $how, $name, $n) = @$file;
	my @found = $cut{$how}->(split /\r?\n/, data_file($name));
	append_to_file($codes, join '', map { "$system\t$name\t$_\n" } @found);
	$expected{"$system|$name"} = "$n|0|0|0";
}
$node->safe_psql('m', "CREATE TABLE given (code_system text, file text, code text); COPY given FROM '$codes'");
my %got = map { /^([^|]*\|[^|]*)\|(.*)/ } split /\n/, $node->safe_psql('m', q{
	SELECT code_system, file, count(*), count(*) FILTER (WHERE NOT medrec.check_code(code_system, code)),
		count(*) FILTER (WHERE medrec.normalize_code(code_system, medrec.normalize_code(code_system, code)) IS DISTINCT FROM medrec.normalize_code(code_system, code)),
		-- the normal form adds no more than dots and hyphens, and zeros to an NDC
		count(*) FILTER (WHERE code_system <> 'NDC' AND translate(medrec.normalize_code(code_system, code), '.-', '') <> translate(code, '.-', ''))
	FROM given GROUP BY 1, 2});
foreach my $key (sort keys %expected)
{
	is($got{$key}, $expected{$key}, "$key: every code passes, and its normal form is the same code and its own normal form");
}

# the terminologies that the descriptions of ICD-10-CM are compared with
sub load
{
	my ($version, $from, $name) = @_;
	(my $path = $name) =~ s/.*\/|\.gz$//g;
	append_to_file("$dir/$path", data_file($name));
	$node->safe_psql('m', "SELECT FROM medrec.load_release('ICD-10-CM', '$version', '$from', pg_read_binary_file('$dir/$path'))");
}
load('2017', '2016-10-01', 'icd-10-cm/icd10cm_tabular_2017.xml.gz');
load('2017', '2016-10-01', 'icd-10-cm/icd10cm_eindex_2017.xml.gz');
load('2025', '2024-10-01', 'icd-10-cm/icd10cm_order_2025.txt.gz');
$node->safe_psql('m', 'ANALYZE medrec.code; ANALYZE medrec.code_term');

# how many descriptions, how many of them with any issue about them, and an example
sub complaints
{
	my ($descriptions) = @_;
	return $node->safe_psql('m', qq{
		SELECT count(*), count(i), min(q.code || ' ' || q.description) FILTER (WHERE i IS NOT NULL)
		FROM ($descriptions) AS q (code, description), medrec.validate_code('ICD-10-CM', q.code, q.description, '2025-01-01') AS v
		LEFT JOIN LATERAL (SELECT x FROM jsonb_array_elements(v.issues) AS x WHERE x ->> 'field' = 'description') AS x (i) ON true});
}
my $current = q{medrec.code AS c WHERE c.code_system = 'ICD-10-CM'};
is(complaints("SELECT c.code, c.short_display FROM $current AND c.short_display IS NOT NULL"), '55081|0|', 'no official short title is a mismatch');
is(complaints("SELECT c.code, c.display FROM $current"), '97584|0|', 'no official long title is a mismatch');
is(complaints(qq{SELECT c.code, '  ' || upper(replace(replace(translate(c.display, '()[];', '[]()-'), ', ', ' - '), ' ', E'\\t ')) || ' .' FROM $current AND c.billable}),
	'74260|0|', 'no long title in upper case with other punctuation and white space is a mismatch');
foreach my $kind ([ 'inclusion', 'inclusion term' ], [ 'index', 'entry of the index' ])
{
	my ($name, $what) = @$kind;
	like(complaints("SELECT c.code, t.term FROM medrec.code AS c JOIN medrec.code_term AS t USING (code_system, code) WHERE t.kind = '$name'"),
		qr/^\d{4,}\|0\|$/, "no $what is a mismatch");
}

# a sample, the same in every run, of codes with the title of another one
$node->safe_psql('m', q{
	CREATE TABLE swapped AS
	WITH c AS (SELECT code, display, short_display, row_number() OVER (ORDER BY md5(code || 'medrec')) AS n FROM medrec.code WHERE code_system = 'ICD-10-CM' AND billable)
	SELECT a.code, b.code AS other, CASE WHEN a.n % 2 = 0 THEN b.display ELSE coalesce(b.short_display, b.display) END AS description
	FROM c AS a JOIN c AS b ON b.n = a.n + 1 WHERE a.n <= 5000;
	-- all codes that the description is a title, inclusion term or index entry of
	CREATE TABLE sharing AS
	SELECT s.code, array_agg(DISTINCT x.code) AS codes
	FROM swapped AS s JOIN (
		SELECT medrec.term_key(display) AS key, code FROM medrec.code UNION ALL
		SELECT medrec.term_key(short_display), code FROM medrec.code WHERE short_display IS NOT NULL UNION ALL
		SELECT medrec.term_key(term), code FROM medrec.code_term) AS x ON x.key = medrec.term_key(s.description)
	GROUP BY 1;
	CREATE TABLE validated AS
	SELECT s.*, h.codes, v.result, i ->> 'severity' AS severity, substring(i ->> 'text' FROM 'title of (\S+)$') AS named
	FROM swapped AS s JOIN sharing AS h USING (code), medrec.validate_code('ICD-10-CM', s.code, s.description, '2025-01-01') AS v
	LEFT JOIN LATERAL (SELECT x FROM jsonb_array_elements(v.issues) AS x WHERE x ->> 'code' = 'invalid-display') AS x (i) ON true});
is($node->safe_psql('m', q{
	SELECT count(*) > 4900, count(*) FILTER (WHERE severity IS DISTINCT FROM 'warning' OR result <> 'review' OR named IS NULL OR named <> ALL (codes)),
		min(code || ' ' || description) FILTER (WHERE severity IS DISTINCT FROM 'warning' OR result <> 'review' OR named IS NULL OR named <> ALL (codes))
	FROM validated WHERE code <> ALL (codes)}),
	't|0|', 'every code with another code\'s title gets review and the other code');

# free text changes nothing except an information
is($node->safe_psql('m', q{
	SELECT count(*), count(*) FILTER (WHERE v.result <> 'valid' OR jsonb_array_length(v.issues) <> 1 OR v.issues -> 0 ->> 'severity' <> 'information')
	FROM (SELECT * FROM medrec.code WHERE code_system = 'ICD-10-CM' AND billable ORDER BY md5(code || 'medrec') LIMIT 500) AS c,
		medrec.validate_code('ICD-10-CM', c.code, c.display || ', seen on the ward today', '2025-01-01') AS v}),
	'500|0', 'free text is information only');

# the code that the title belongs to is among the suggestions of the record
$node->safe_psql('m', q{
	INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date) VALUES ('A', 40, 'unknown', 'P1', NULL);
	INSERT INTO medrec.diagnosis (patient_id, code, description, created_at)
		SELECT p.id, j.code, j.description, '2025-01-01' FROM validated AS j, medrec.patient AS p
		WHERE j.code <> ALL (j.codes) AND cardinality(j.codes) = 1 ORDER BY j.code LIMIT 100});
is($node->safe_psql('m', q{
	SELECT count(*), count(*) FILTER (WHERE d.status <> 'review'), count(*) FILTER (WHERE d.suggestions -> 0 ->> 'code' <> j.other)
	FROM medrec.diagnosis AS d JOIN validated AS j USING (code)}), '100|0|0', 'the other code is the first suggestion for the record');

$node->stop;
done_testing();
