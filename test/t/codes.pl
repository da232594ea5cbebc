# doc/reference.md's catalogue of codes against the sources, in both directions: SQLSTATEs, codes of faults and of issues, and the
# statuses that nginx answers by itself.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;

my $top = $ENV{TESTDIR};
my $page = slurp_file("$top/doc/reference.md");
my %c = map { $_ => slurp_file($_) } glob "$top/src/*.[ch] $top/src/*/*.[ch]";
my %sql = map { $_ => slurp_file($_) } glob "$top/sql/[0-9]*.sql $top/sql/migrations/*.sql";
my %nginx = map { $_ => slurp_file($_) } glob "$top/gateway/*.inc $top/gateway/nginx.conf";
cmp_ok(scalar(keys %c), '>', 100, 'the sources are there');

# names of conditions, as this server has them
my $header = slurp_file(`pg_config --includedir-server` =~ s/\s+$//r . '/utils/errcodes.h');
my %state = map { $_->[0] => join '', $_->[1] =~ /'(.)'/g } map { [/#define ERRCODE_(\w+)\s+MAKE_SQLSTATE\((.*)\)/] } grep { /MAKE_SQLSTATE/ } split /\n/, $header;
for (values %c)
{
	while (/#define ERRCODE_(\w+)\s+MAKE_SQLSTATE\((.*)\)/g) { my ($name, $letters) = ($1, $2); $state{$name} = join '', $letters =~ /'(.)'/g; }
}

# the first column of the table under a marker
sub codes
{
	my ($name) = @_;
	my ($table) = $page =~ /<!-- $name -->(.*?)<!-- \/$name -->/s or return {};
	return { map { $_ => 1 } map { /`([^`]+)`/g } $table =~ /^\| (`[^|]*) \|/mg };
}
# what only one of two sets has
sub missing { my ($of, $in) = @_; return join ' ', sort grep { !$in->{$_} } keys %$of; }

# SQLSTATEs
my %raised;
for (values %c)
{
	my $text = $_;
	while ($text =~ /\berrcode\(([^;]*?)\)[,)]/g) { my $argument = $1; $raised{ $state{$_} // "?$_" } = 1 for $argument =~ /ERRCODE_(\w+)/g; }
}
for (values %sql)
{
	my $text = $_;
	# a code that the same file catches reaches nobody
	$raised{ $state{uc $_} // $_ } = 1 for grep { $text !~ /WHEN (?:\w+ OR )*SQLSTATE '\Q$_\E'/ } $text =~ /ERRCODE = '(\w+)'/g, $text =~ /RAISE SQLSTATE '(PT\w+)'/g;
}
my $documented = codes('sqlstates');
cmp_ok(scalar(keys %raised), '>', 15, 'the sources raise errors');
is(missing(\%raised, $documented), '', 'every SQLSTATE that medrec raises is in the catalogue');
# what PostgreSQL raises itself, on medrec's tables and functions
my %servers = map { $_ => 1 } qw(22003 22007 2200M 22P05 23502 23503 23505 23514 25006 40001 40P01 42703 42883 57014);
is(missing($documented, { %raised, %servers }), '', 'and the catalogue has no SQLSTATE that nobody raises');
is(missing(\%servers, $documented), '', 'and those that PostgreSQL raises are in it');

# faults
my %faults;
for (values %c)
{
	my $text = $_;
	while ($text =~ /\bfaults_add\([^;]*?,\s*[^;,"]*(?:"[^"]*"|\w+|psprintf\([^)]*\))[^;,"]*,\s*([^,]*"[^,]*),/g) { my $argument = $1; $faults{$_} = 1 for $argument =~ /"([\w-]+)"/g; }
}
for (values %sql)
{
	my $text = $_;
	next if $text !~ /fault|"field"/;
	while ($text =~ /'code', (?:'([\w-]+)'|CASE(.*?)END)/gs) { my ($one, $several) = ($1, $2); $faults{$_} = 1 for grep { !/^\d/ } defined $one ? $one : $several =~ /(?:THEN|ELSE) '([\w-]+)'/g; }
	$faults{$_} = 1 for $text =~ /"field": "\w+", "code": "([\w-]+)"/g;
}
# what is written as an answer of PostgREST's is no fault
delete @faults{ 'expired', grep { /^P(GRST|T)/ } keys %faults };
cmp_ok(scalar(keys %faults), '>', 6, 'the sources have codes of faults');
is(missing(\%faults, codes('faults')), '', 'every code of a fault is in the catalogue');
is(missing(codes('faults'), \%faults), '', 'and the catalogue has no other');

# issues, and what is odd about releases
my %issues = (expired => 1);
for (values %c)
{
	my $text = $_;
	while ($text =~ /\bissue_add\([^;]*?ISSUE_\w+[^"]*?"([\w-]+)"/g) { $issues{$1} = 1; }
	while ($text =~ /\bdoubt\w*\([^;]*?"(incomplete|duplicate|conflict|[a-z]+-[a-z-]+)"/gi) { $issues{$1} = 1; }
}
cmp_ok(scalar(keys %issues), '>', 4, 'the sources have codes of issues');
is(missing(\%issues, codes('issues')), '', 'every code of an issue is in the catalogue');
is(missing(codes('issues'), \%issues), '', 'and the catalogue has no other');

# statuses that nginx answers by itself
my %statuses;
for (values %nginx)
{
	$statuses{$_} = 1 for /"code":"(\d{3})"/g;
	my ($map) = /map \$status \$error_text \{(.*?)\n\}/s;
	$statuses{$_} = 1 for ($map // '') =~ /^\s+(\d{3}) /mg;
}
cmp_ok(scalar(keys %statuses), '>', 15, 'nginx has errors of its own');
is(missing(\%statuses, codes('statuses')), '', 'every status that nginx answers by itself is in the catalogue');
is(missing(codes('statuses'), \%statuses), '', 'and the catalogue has no other');

done_testing();
