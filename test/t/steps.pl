# sql/migrations/README.md lists every step, under its name, and those of 0.1 as such
use strict;
use warnings;
use File::Basename qw(basename);
use PostgreSQL::Test::Utils;
use Test::More;

my @files = map { basename($_, '.sql') =~ s/^(\d+)-/$1 /r } sort glob "$ENV{TESTDIR}/sql/migrations/*.sql";
my @rows = slurp_file("$ENV{TESTDIR}/sql/migrations/README.md") =~ /^\| (\d{4} [\w-]+) \| [\d.]+ \| \S.* \|$/mg;
cmp_ok(scalar(@files), '>', 30, 'there are steps');
is_deeply(\@rows, \@files, 'the table has each step once, in order, with what it makes');
my ($released) = slurp_file("$ENV{TESTDIR}/sql/migrations/README.md") =~ /A released step is never edited: ([\d, and-]+) are 0\.1's/;
is($released, '0001-0009 and 0020', 'the steps that were released with 0.1 are named');
my @old = slurp_file("$ENV{TESTDIR}/sql/migrations/README.md") =~ /^\| (\d{4}) [\w-]+ \| 0\.1 \|/mg;
is_deeply([ grep { $_ > 9 && $_ != 20 } @old ], [], 'and no other step is said to be of 0.1');
done_testing();
