# The official files of MEDREC_DATA: every one loads, in any order, and a damaged one changes nothing
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

plan skip_all => 'MEDREC_DATA does not name the reference data' unless defined data_file('icd-10-cm/icd10cm_order_2025.txt.gz');

my $node = medrec_node('load_releases', conf => "shared_buffers = 256MB\nmax_wal_size = 4GB\n");
my $dir = $node->basedir;

# a reference file as the server can read it
my %unpacked;
sub server_file
{
	my ($name) = @_;
	(my $path = "$dir/$name") =~ s/\.gz$//;
	$path =~ s/.*\//$dir\//;
	append_to_file($path, data_file($name)) unless $unpacked{$name}++;
	return $path;
}

# the statement that loads one
sub load_sql
{
	my ($system, $version, $from, $name, $damage) = @_;
	my $content = "pg_read_binary_file('" . server_file($name) . "')";
	$content = sprintf $damage, $content if $damage;
	return "SELECT concat_ws(' ', content, format, rows) FROM medrec.load_release('$system', '$version', '$from', $content)";
}

# every file, with its number of codes or terms
foreach my $file (
	[ 'ICD-10-CM', '2025', '2024-10-01', 'icd-10-cm/icd10cm_order_2025.txt.gz', 'codes cms-order 97584' ],
	[ 'ICD-10-PCS', '2024', '2023-10-01', 'icd-10-pcs/icd10pcs_order_2024.txt.gz', 'codes cms-order 79543' ],
	[ 'ICD-10-PCS', '2025', '2024-10-01', 'icd-10-pcs/icd10pcs_order_2025.txt.gz', 'codes cms-order 79856' ],
	[ 'ICD-9-CM', '32', '2014-10-01', 'icd-9-cm/CMS32_DESC_LONG_DX.txt.gz', 'codes icd9-long 14567' ],
	[ 'ICD-9-PCS', '32', '2014-10-01', 'icd-9-cm/CMS32_DESC_LONG_SG.txt.gz', 'codes icd9-long 3882' ],
	[ 'HCPCS', '2020', '2020-01-01', 'hcpcs/HCPC2020_ANWEB_w_disclaimer.txt.gz', 'codes hcpcs 7079' ],
	[ 'CVX', '2025', '2025-01-01', 'cvx/cvx.tsv', 'codes cvx 287' ],
	[ 'NDC', '2025-07', '2025-07-11', 'ndc/package_sample_2025-07-11.txt', 'codes fda-ndc 100' ],
	[ 'ICD-10-CM', '37', '2019-10-01', 'mce/MCE_v37.txt.gz', 'edits mce 9790' ],
	[ 'ICD-10-PCS', '37', '2019-10-01', 'mce/MCE_v37.txt.gz', 'edits mce 4210' ],
	[ 'ICD-10-CM', '2017', '2016-10-01', 'icd-10-cm/icd10cm_tabular_2017.xml.gz', 'terms nchs-tabular 10996' ],
	[ 'ICD-10-CM', '2017', '2016-10-01', 'icd-10-cm/icd10cm_index_2017.xml.gz', 'index nchs-index 66260' ],
	[ 'ICD-10-CM', '2017', '2016-10-01', 'icd-10-cm/icd10cm_eindex_2017.xml.gz', 'index-external nchs-external 6615' ],
	[ 'ICD-10-CM', '2017', '2016-10-01', 'icd-10-cm/icd10cm_drug_2017.xml.gz', 'index-drugs nchs-drugs 39964' ],
	[ 'ICD-10-CM', '2017', '2016-10-01', 'icd-10-cm/icd10cm_neoplasm_2017.xml.gz', 'index-neoplasms nchs-neoplasms 9009' ])
{
	my ($system, $version, $from, $name, $expected) = @$file;
	is($node->safe_psql('m', load_sql($system, $version, $from, $name)), $expected, "$name as $system");
}

is($node->safe_psql('m', q{SELECT display FROM medrec.code WHERE code_system = 'ICD-9-CM' AND code = '386.00'}),
	"M\x{c3}\x{a9}ni\x{c3}\x{a8}re's disease, unspecified", 'latin-1 titles are converted');
is($node->safe_psql('m', q{SELECT active_to FROM medrec.code WHERE code_system = 'HCPCS' AND code = 'GD'}),
	'2019-12-31', 'a HCPCS code keeps its last day');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.code_rule AS r JOIN medrec.code AS c USING (code_system, code)
	WHERE r.rule = 'seventh-character' AND c.billable}), '0', 'no code that needs a 7th character is billable without');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.code AS c
	WHERE medrec.normalize_code(code_system, code) IS DISTINCT FROM code::text}), '0', 'every code loaded is in its normal form');

# the same file again
my ($out, $err);
$node->psql('m', load_sql('ICD-10-CM', '2025', '2024-10-01', 'icd-10-cm/icd10cm_order_2025.txt.gz'), stdout => \$out, stderr => \$err);
like($err, qr/already loaded from the same file, nothing changed/, 'the same file again is a no-op');

# the edits of October 2019 beside the codes of October 2024
$node->psql('m', load_sql('ICD-10-CM', '37a', '2019-10-02', 'mce/MCE_v37.txt.gz'), stderr => \$err);
like($err, qr/WARNING: .*coding edits in effect \(version 37a\) are from 2019-10-02, the codes in effect \(version 2025\) from 2024-10-01/, 'edits that are older than the codes are told of');
like($node->safe_psql('m', q{SELECT medrec_api.health()}), qr/coding edits in effect \(version 37a\)/, 'health reports edits older than the codes');

# each index under the titles of other years: it is recognised by its codes
my %index = (index => 'nchs-index 66260', eindex => 'nchs-external 6615', drug => 'nchs-drugs 39964', neoplasm => 'nchs-neoplasms 9009');
my $day = 0;
foreach my $name (sort keys %index)
{
	my $file = server_file("icd-10-cm/icd10cm_${name}_2017.xml.gz");
	my $text = "convert_from(pg_read_binary_file('$file'), 'UTF8')";
	foreach my $variant (
		[ 'its titles in capitals', "regexp_replace($text, '(<title>|<head[^>]*>)(ICD-10-CM[^<]*|Neoplasm|Substance)', '\\1ICD-10-CM EXTERNAL CAUSE OF INJURIES INDEX')" ],
		[ 'without its titles', "regexp_replace($text, '(<title>)ICD-10-CM[^<]*|<indexHeading>.*</indexHeading>', '\\1')" ])
	{
		my ($what, $content) = @$variant;
		$day++;
		like($node->safe_psql('m', "SET client_min_messages = error; SELECT concat_ws(' ', format, rows) FROM medrec.load_release('ICD-10-CM', 'variant $day', '1990-01-01'::date + $day, $content)"),
			qr/^\Q$index{$name}\E$/, "$name, $what");
	}
}
$node->safe_psql('m', "DELETE FROM medrec.code_release WHERE version LIKE 'variant %' OR version = '37a'");

# a codes file: the lines of the order file without numbers, flags, headers and short titles
my $codes = join '', map { substr($_, 14, 1) eq '1' ? substr($_, 6, 8) . substr($_, 77) . "\r\n" : () } split /\r?\n/, data_file('icd-10-cm/icd10cm_order_2025.txt.gz');
append_to_file("$dir/icd10cm_codes_2025.txt", $codes);
is($node->safe_psql('m', "SELECT concat_ws(' ', format, rows) FROM medrec.load_release('ICD-10-CM', '2025 codes', '2030-10-01', pg_read_binary_file('$dir/icd10cm_codes_2025.txt'))"),
	'cms-codes 74260', 'the codes file of 2025 is loaded');
is($node->safe_psql('m', q{SELECT warnings FROM medrec.code_release WHERE version = '2025 codes'}), '[]', 'the codes file of 2025 raises no warning');
is($node->safe_psql('m', q{
	SELECT count(DISTINCT c.code), count(*) FILTER (WHERE NOT c.billable), count(*) FILTER (WHERE was.result <> now.result OR was.display <> now.display
		OR was.billable <> now.billable OR was.issues <> now.issues)
	FROM medrec.code AS c, medrec.validate_code('ICD-10-CM', c.code, NULL, '2030-09-30') AS was, medrec.validate_code('ICD-10-CM', c.code, NULL, '2030-10-01') AS now
	WHERE c.code_system = 'ICD-10-CM'}), '97584|23324|0', 'the codes file gives the same as the order file for every code and header');
is($node->safe_psql('m', q{SELECT medrec.unload_release('ICD-10-CM', '2025 codes')}), 't', 'the codes file can be unloaded');
is($node->safe_psql('m', q{SELECT count(DISTINCT a.code), count(DISTINCT a.code) FILTER (WHERE v.result <> 'review' OR v.billable)
	FROM medrec.code AS c, medrec.ancestors('ICD-9-CM', c.code, '2015-01-01') AS a, medrec.validate_code('ICD-9-CM', a.code, NULL, '2015-01-01') AS v
	WHERE c.code_system = 'ICD-9-CM'}), '2986|0', 'each category above a code of ICD-9 is a header');

# without 7th characters, and half a release
my $no_seventh = join '', "code,title\n", map { my $code = substr $_, 6, 7; $code =~ s/ +$//; my $title = substr $_, 77; $title =~ s/"/""/g; length $code < 7 ? qq{$code,"$title"\n} : () } split /\r?\n/, data_file('icd-10-cm/icd10cm_order_2025.txt.gz');
append_to_file("$dir/no_seventh.csv", $no_seventh);
$node->psql('m', "BEGIN; SELECT rows FROM medrec.load_release('ICD-10-CM', 'half', '2024-11-01', pg_read_binary_file('$dir/no_seventh.csv')); ROLLBACK", stdout => \$out, stderr => \$err);
like($err, qr/none of its \d+ codes of injuries and poisonings has a 7th character/, "$out codes without 7th characters raise a warning");
like($err, qr/it has \d+ codes that may be used on a claim, version 2025, the one before, has 74260/, 'a release with fewer codes than the one before raises a warning');

# a file damaged in any way is refused, and the earlier release stays
my $sum = "SELECT md5(string_agg(c::text, E'\\n' ORDER BY code, valid_from)) FROM medrec.code AS c WHERE code_system = 'ICD-10-CM'";
my $before = $node->safe_psql('m', $sum);
my $order = 'icd-10-cm/icd10cm_order_2024.txt.gz';
my $size = -s server_file($order);
foreach my $damage (
	[ 'cut in a line', 'substr(%s, 1, 7000000)', qr/line \d+ .*(cut off|ends before)/ ],
	[ 'its last byte but one gone', "substr(%s, 1, $size - 2)", qr/line 97296 .*cut off/ ],
	[ 'its first line gone', 'substr(%s, 87)', qr/line 1 .*order number 00002, expected 00001/ ],
	[ 'a NUL byte', "overlay(%s PLACING '\\x00'::bytea FROM 100)", qr/the file is binary/ ],
	[ 'half of it twice', 'substr(%1$s, 1, 7000000) || %1$s', qr/line \d+ / ])
{
	my ($what, $sql, $message) = @$damage;
	$sql =~ s/%s/%1\$s/g;
	my $ret = $node->psql('m', load_sql('ICD-10-CM', '2024', '2023-10-01', $order, $sql), stderr => \$err);
	isnt($ret, 0, "$what: refused");
	like($err, $message, "$what: the error has the line and the reason");
}
foreach my $wrong ([ 'ICD-10-PCS', $order ], [ 'ICD-10-CM', 'icd-10-pcs/icd10pcs_order_2025.txt.gz' ], [ 'LOINC', $order ], [ 'CVX', 'ndc/package_sample_2025-07-11.txt' ])
{
	my ($system, $name) = @$wrong;
	isnt($node->psql('m', load_sql($system, 'wrong', '2030-01-01', $name), stderr => \$err), 0, "$name is refused as $system");
	like($err, qr/line 1 of the /, "the error of $name has the line");
}
is($node->safe_psql('m', $sum), $before, 'refused files changed no code');

# three releases in every order: each code is as in its release (without the indexes on titles, which take most of the time)
$node->safe_psql('m', q{DROP INDEX medrec.code_display_idx, medrec.code_short_display_idx; DELETE FROM medrec.code_release WHERE code_system = 'ICD-10-CM' AND content = 'codes'; TRUNCATE medrec.code});
my $standing = q{SELECT md5(string_agg(concat_ws('|', d.day, c.code, c.billable, c.display, c.short_display), E'\n' ORDER BY d.day, c.code)) || ' ' || count(*)
	FROM (VALUES (date '2022-09-30'), ('2022-10-01'), ('2023-09-30'), ('2023-10-01'), ('2024-09-30'), ('2024-10-01'), ('2099-01-01')) AS d (day)
	JOIN medrec.code AS c ON c.valid_from <= d.day AND (c.valid_to > d.day OR c.valid_to IS NULL)};
my %from = (2023 => '2022-10-01', 2024 => '2023-10-01', 2025 => '2024-10-01');
my $counted = 2 * 96795 + 2 * 97296 + 2 * 97584;
my $first;
foreach my $sequence ([ 2023, 2024, 2025 ], [ 2023, 2025, 2024 ], [ 2024, 2023, 2025 ], [ 2024, 2025, 2023 ], [ 2025, 2023, 2024 ], [ 2025, 2024, 2023 ])
{
	$node->safe_psql('m', q{DELETE FROM medrec.code_release WHERE code_system = 'ICD-10-CM' AND content = 'codes'; TRUNCATE medrec.code});
	$node->safe_psql('m', load_sql('ICD-10-CM', $_, $from{$_}, "icd-10-cm/icd10cm_order_$_.txt.gz")) foreach @$sequence;
	my $result = $node->safe_psql('m', $standing);
	$first //= $result;
	like($result, qr/ $counted$/, "@$sequence: each release has its codes on each of its days");
	is($result, $first, "@$sequence: codes are the same as after any other order");
}

# two loads of a system at once wait for each other, and both succeed
my $one = $node->background_psql('m');
# (the same file each time, so load_release warns)
$one->query_safe('SET client_min_messages = error');
$one->query_safe('BEGIN');
$one->query_safe(load_sql('CVX', '2026', '2026-01-01', 'cvx/cvx.tsv'));
my $two = $node->background_psql('m');
$two->query_until(qr/started/, "\\echo started\n" . load_sql('CVX', '2027', '2027-01-01', 'cvx/cvx.tsv') . ";\n");
$node->poll_query_until('m', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'object' AND NOT granted})
	or die 'the second load does not wait';
pass('a second load of the system waits for the first');
$one->query_safe('COMMIT');
$two->quit;
$one->quit;
is($node->safe_psql('m', q{SELECT string_agg(version || ' ' || effective_to, ', ' ORDER BY version) FROM medrec.code_release WHERE code_system = 'CVX'}),
	'2025 2026-01-01, 2026 2027-01-01', 'both loads succeed, one release ends where the other begins');
is($node->safe_psql('m', q{SELECT count(*) FROM medrec.code WHERE code_system = 'CVX'}), '287', 'the two releases share rows');

$node->stop;
done_testing();
