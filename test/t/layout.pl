# The folders of src/: which files include which, which headers belong to which files, how long and how complex functions are. Made-up sources first,
# which break each rule once; then the sources as they are, with the map as a comment.
use strict;
use warnings;
use File::Temp;
use MedrecLayout qw(read_tree map_lines places includes_from_src upwards circles outside_pure headers externs server_names functions too_long
	static_twice);
use Test::More;

my $src = "$ENV{TESTDIR}/src";
chomp(my $includedir = `pg_config --includedir-server`);
my @found;

# a tree of made-up files, each a name and its text
sub made_up
{
	my (%files) = @_;
	my $dir = File::Temp->newdir();
	foreach my $path (sort keys %files)
	{
		mkdir "$dir/$1" if $path =~ m{^(.*)/};
		open my $file, '>', "$dir/$path" or die "$dir/$path: $!";
		print $file $files{$path};
		close $file;
	}
	return read_tree("$dir");
}

my %good = (
	'medrec.c' => qq{#include "base/medrec.h"\n#include "audit/seal.h"\n},
	'base/medrec.h' => qq{#include "postgres.h"\n},
	'audit/seal.h' => qq{extern int\tseal(int a,\n\t\t\t\tint b);\nextern int\tseal_count;\n},
	'audit/seal.c' => qq{#include "base/medrec.h"\n\n#include "access/xact.h"\n#include "audit/seal.h"\n#include "hash/tree.h"\n\nint\t\t\tseal_count = 0;\n\n}
		. qq{/* "Seals". */\nint\nseal(int a,\n\t int b)\n{\n\tif (a)\n\t{\n\t\treturn b;\n\t}\n\treturn helper("}", '{');\n}\n},
	'hash/tree.h' => qq{#include <stdint.h>\n},
	'hash/tree.c' => qq{#include <string.h>\n#include <openssl/evp.h>\n\n#include "hash/tree.h"\n\nstatic int\nhelper(void)\n{\n}\n},
);
my %checks = (
	places => \&places, includes => \&includes_from_src, upwards => \&upwards, circles => \&circles, pure => \&outside_pure,
	headers => \&headers, externs => \&externs, 'too long' => \&too_long, twice => \&static_twice,
);
my $good = made_up(%good);
foreach my $check (sort keys %checks)
{
	is_deeply([ $checks{$check}->($good) ], [], "nothing is found in sources that keep the rules: $check");
}
is_deeply([ functions($good->{'audit/seal.c'}) ], [ [ 'seal', 0, 9 ] ], 'a function is found, with its length, whatever its strings hold');
is((map_lines($good))[0], 'medrec.c       1 files  -> audit 1, base 1', 'the map counts');

# [ check, what it says, file, text ]
my $deep = join '', map { "\tx();\n" } 1 .. $MedrecLayout::LONGEST - 2;
foreach my $case (
	[ 'places', qr{^seal.c is in no folder}, 'seal.c', '' ],
	[ 'places', qr{^attic/seal.c is in no folder}, 'attic/seal.c', '' ],
	[ 'includes', qr{^hash/other.c includes "tree.h", which is "hash/tree.h" from src/}, 'hash/other.c', qq{#include "tree.h"\n} ],
	[ 'includes', qr{^audit/other.c includes "../hash/tree.h"}, 'audit/other.c', qq{#include "../hash/tree.h"\n} ],
	[ 'upwards', qr{^base/other.c includes audit/seal.h$}, 'base/other.c', qq{#include "audit/seal.h"\n} ],
	[ 'upwards', qr{^base/other.c includes audit/seal.h$}, 'base/other.c', qq{ # include "../audit/seal.h"\n} ],
	[ 'circles', qr{^audit and hash include each other$}, 'hash/other.c', qq{#include "audit/seal.h"\n} ],
	[ 'pure', qr{^hash/other.c includes "postgres.h"$}, 'hash/other.c', qq{#include "postgres.h"\n} ],
	[ 'pure', qr{^codes/other.c includes <server/postgres.h>$}, 'codes/other.c', qq{#include <server/postgres.h>\n} ],
	[ 'headers', qr{^hash/tree.h declares what hash/other.c defines: grow$}, 'hash/tree.h', "extern int\tgrow(void);\n", 'hash/other.c', "int\ngrow(void)\n{\n}\n" ],
	[ 'headers', qr{^hash/tree.h declares what no file defines: grow$}, 'hash/tree.h', "extern int\tgrow(void);\n" ],
	[ 'headers', qr{^hash/tree.h declares what no file defines: size$}, 'hash/tree.h', "extern int\tsize;\n" ],
	[ 'externs', qr{^hash/other.c declares grow itself$}, 'hash/other.c', "extern int\tgrow(void);\n" ],
	[ 'too long', qr{^hash/other.c: long_one has 101 lines$}, 'hash/other.c', "static int\nlong_one(void)\n{\n$deep}\n" ],
	[ 'twice', qr{^helper is in hash/other.c, hash/tree.c$}, 'hash/other.c', "static bool\nhelper(int a)\n{\n}\n" ],
)
{
	my ($check, $says, %bad) = @$case;
	my @faults = $checks{$check}->(made_up(%good, %bad));
	ok(@faults == 1 && $faults[0] =~ $says, "found: $faults[0]") or diag("$check: ", explain(\@faults));
}
is_deeply([ server_names(made_up('access/xact.h' => ''), $includedir) ], ['access/xact.h hides the server\'s'], 'found: a header that hides one of the server\'s');

# the sources as they are
my $tree = read_tree($src);
note($_) foreach map_lines($tree);

# doc/architecture.md shows the same folders in the same order
my $page = do { local $/; open my $file, '<', "$ENV{TESTDIR}/doc/architecture.md" or die "doc/architecture.md: $!"; <$file> };
my %there = map { m{^([^/]+)/} ? ($1 => 1) : () } keys %$tree;
is(join(' ', $page =~ m{^\| `(\w+)/` \|}mg), join(' ', (grep { $there{$_} } @MedrecLayout::FOLDERS), qw(gateway starter tools bench)), 'architecture.md shows the folders in their order');

# fails for each fault, by name
sub none
{
	my ($name, @faults) = @_;
	ok(!@faults, $name) or diag(join "\n", @faults);
	return;
}
none('every file of src/ is in a folder that is known', places($tree));
none('includes are written from src/', includes_from_src($tree));
none('no folder includes one above it', upwards($tree));
none('no two folders include each other', circles($tree));
none(join(', ', sort keys %MedrecLayout::PURE) . ' know nothing of the server', outside_pure($tree));
none('a header declares what the file of its name defines', headers($tree));
none('no file declares what another one defines', externs($tree));
none('no header hides one of the server\'s', server_names($tree, $includedir));
none("no function has more than $MedrecLayout::LONGEST lines", too_long($tree));
none('no static function has a namesake in another file', static_twice($tree));

SKIP:
{
	my ($most, $share) = (15, 3);
	skip 'pmccabe is not installed', 2 if system('command -v pmccabe >/dev/null');
	my @sources = map { "$src/$_" } grep { /\.c$/ } sort keys %$tree;
	my @all = map { { complexity => (split)[0], text => $_ } } split /\n/, `pmccabe @sources`;
	my @winding = sort { $b->{complexity} <=> $a->{complexity} } grep { $_->{complexity} > $most } @all;
	my $percent = 100 * @winding / @all;
	cmp_ok(scalar(@all), '>', 500, 'pmccabe reads the functions');
	ok($percent <= $share, sprintf "complexity over $most in at most $share %% of the functions: %d of %d, %.1f %%", scalar(@winding), scalar(@all), $percent)
		or diag(join "\n", map { my ($n, $at) = (split /\t/, $_->{text})[ 0, -1 ]; "$n " . $at =~ s{^\Q$src/}{}r } @winding);
}

SKIP:
{
	chomp(my $bindir = `pg_config --bindir`);
	skip 'pgindent comes with PostgreSQL 17 and later', 1 unless -x "$bindir/pgindent";
	my $differences = `cd '$ENV{TESTDIR}' && '$bindir/pgindent' --diff --typedefs=tools/typedefs.list --indent='$bindir/pg_bsd_indent' src tools test 2>&1`;
	is($differences, '', 'pgindent lays out the sources as they are: make indent');
}

done_testing();
