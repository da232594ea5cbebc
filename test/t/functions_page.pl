# doc/functions.md says of every function what the catalog says, with examples that run and the answers that they give
use strict;
use warnings;
use MedrecNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $tool = "$ENV{TESTDIR}/tools/functions-page";
my $node = PostgreSQL::Test::Cluster->new('functions_page');
$node->init;
configure_node($node);
# nothing but the tool runs there: what is sealed and what is not is part of the answers
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;

sub page
{
	my ($root, @options) = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => (getpwuid $<)[0]);
	my ($page, $faults) = ('', '');
	my $ok = IPC::Run::run([ "$root/tools/functions-page", @options ], '>', \$page, '2>', \$faults);
	return ($ok, $page, $faults);
}

my ($ok, $page, $faults) = page($ENV{TESTDIR});
ok($ok, 'every function has an example, each example calls a function that is there, and its HTTP line fits the function') or diag($faults);
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname ~ 'functions_page'}), '0', 'the tool drops its databases');

# what differs, not the whole page
my @now = split /\n/, $page;
my @committed = split /\n/, slurp_file("$ENV{TESTDIR}/doc/functions.md");
utf8::decode($_) foreach @now, @committed;
my ($first) = grep { ($now[$_] // '') ne ($committed[$_] // '') } 0 .. ($#now > $#committed ? $#now : $#committed);
is(defined $first ? sprintf('line %d: %s', $first + 1, $committed[$first] // '(no line)') : '', defined $first ? sprintf('line %d: %s', $first + 1, $now[$first] // '(no line)') : '',
	'doc/functions.md is what make functions-page makes now');

# the tool finds what is wrong with examples
my $copy = PostgreSQL::Test::Utils::tempdir();
system_or_bail('cp', '-r', "$ENV{TESTDIR}/tools", "$ENV{TESTDIR}/doc", "$ENV{TESTDIR}/starter", $copy);
my $examples = slurp_file("$copy/doc/examples.sql");
$examples =~ s/^-- ancestors\n/-- no_such_function\n/m or die;
$examples =~ s{^-- POST /api/rpc/confirm }{-- GET /api/rpc/confirm }m or die;
$examples =~ s{^-- (GET /api/rpc/search_patients\?)q=}{-- $1name=}m or die;
open my $file, '>', "$copy/doc/examples.sql" or die;
print $file $examples;
close $file;
($ok, undef, $faults) = page($copy, '--check');
ok(!$ok, 'a page with faults fails');
like($faults, qr/^ancestors has no example$/m, 'a function without an example is found');
like($faults, qr/^no_such_function: an example of a function that is not there/m, 'an example of no function is found');
like($faults, qr{GET /api/rpc/confirm }, 'an HTTP line with the wrong method is found');
like($faults, qr/search_patients\?name[^\n]*no function of medrec_api takes these arguments/, 'an HTTP line with an argument that the function has not is found');

$node->stop;
done_testing();
