# doc/reference.md names every function, table, view, role and setting that medrec has, and no function or argument that it has not.
use strict;
use warnings;
use MedrecNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = slurp_file("$ENV{TESTDIR}/doc/reference.md");
my $node = medrec_node('reference');

# names in backticks, with or without schema and arguments; "care_team…" is no name
my %named = map { s/^medrec(?:_api|_gate)?\.//r => 1 } map { /([\w.]+)/g } $page =~ /`([^`\n]+)`/g;
$named{$_} = 1 foreach $page =~ /`(medrec\.\w+)`/g;

my %catalog = (
	functions => q{SELECT DISTINCT proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ('medrec', 'medrec_api', 'medrec_gate') ORDER BY 1},
	operators => q{SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'medrec'::regnamespace ORDER BY 1},
	'tables and views' => q{SELECT DISTINCT relname FROM pg_class WHERE relnamespace::regnamespace::text IN ('medrec', 'medrec_api') AND relkind IN ('r', 'p', 'v', 'm')
		AND relname !~ '^audit_event_(default|\d{4}_\d\d)$' ORDER BY 1},
	roles => q{SELECT rolname FROM pg_roles WHERE rolname ~ '^medrec_' ORDER BY 1},
	settings => q{SELECT medrec.version() \gset
		SELECT name FROM pg_settings WHERE name ~ '^medrec\.' ORDER BY 1},
);
foreach my $kind (sort keys %catalog)
{
	my @names = grep { $_ ne '' } split /\n/, $node->safe_psql('m', $catalog{$kind});
	cmp_ok(scalar(@names), '>', 3, "the catalog has $kind");
	my @missing = grep { !$named{$_} && $page !~ /`\Q$_\E`/ } @names;
	is(join(' ', @missing), '', "$kind: the page names them all");
}

# functions in the first column of tables, with the arguments that they take, each by its name or type
my %arguments;
foreach my $line (split /\n/, $node->safe_psql('m', q{SELECT p.proname, coalesce((SELECT string_agg(concat_ws('/', p.proargnames[i], replace(format_type(t, NULL), ' ', '_')), ' ' ORDER BY i)
	FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, i)), '') FROM pg_proc AS p WHERE pronamespace::regnamespace::text IN ('medrec', 'medrec_api')}))
{
	my ($name, $list) = split /\|/, $line, -1;
	push @{ $arguments{$name} }, $list;
}
my (@told, @wrong);
foreach my $call (map { /(\w+\([^()…]*\))/g } map { /`([^`]+)`/g } $page =~ /^\| (`[^|]*) \|/mg)
{
	my ($name, @names) = $call =~ /\w+/g;
	push @told, $name;
	my $wanted = join ' ', map { "(?:$_(?:/\\S+)?|(?:\\w+/)?$_)" } @names;
	push @wrong, $call unless grep { /^$wanted( |$)/ } @{ $arguments{$name} // [] };
}
cmp_ok(scalar(@told), '>', 50, 'the page has functions');
is(join(', ', @wrong), '', 'every function of the page exists with the arguments in it');

done_testing();
