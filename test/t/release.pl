# What a release must not contradict: control file, META.json, changelog, scripts, library.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $tree = $ENV{TESTDIR};
chomp(my $sharedir = `pg_config --sharedir`);
chomp(my $libdir = `pg_config --pkglibdir`);
my $library = MedrecNode::stage() . "$libdir/medrec.so";
my $installed = MedrecNode::stage() . "$sharedir/extension";
my ($version) = slurp_file("$tree/medrec.control") =~ /^default_version *= *'(.*)'/m;
like($version, qr/^\d+\.\d+$/, 'the control file names the version');
is(slurp_file("$installed/medrec.control"), slurp_file("$tree/medrec.control"), 'and is the one installed');
ok(-e "$installed/medrec--$version.sql", 'with its install script');

# PGXN wants three numbers; the third is for a library that changes no SQL object
my $meta = JSON::PP->new->decode(slurp_file("$tree/META.json"));
like($meta->{version}, qr/^\Q$version\E\.\d+$/, 'META.json is of this version');
is($meta->{provides}{medrec}{version}, $meta->{version}, 'and says so twice alike');
my $control = slurp_file("$tree/medrec.control");
is($meta->{provides}{medrec}{abstract}, $control =~ /^comment *= *'(.*)'/m ? $1 : '', 'it says of the extension what the control file says');
ok(-e "$tree/$meta->{provides}{medrec}{$_}", "the $_ that it names is there") foreach 'file', 'docfile';
is($meta->{prereqs}{runtime}{requires}{PostgreSQL}, (slurp_file("$tree/README.md") =~ /^It is a C extension for PostgreSQL (\d+)/m ? "$1.0.0" : ''),
	'it asks for the oldest PostgreSQL that README names');
my @headings = slurp_file("$tree/CHANGELOG.md") =~ /^## (\d\S*)/mg;
my @dates = slurp_file("$tree/CHANGELOG.md") =~ /^## \d\S* \(([^)]*)\)$/mg;
is(scalar(@dates), scalar(@headings), 'each heading of the changelog says when');
is($meta->{release_status}, $dates[0] eq 'unreleased' ? 'unstable' : 'stable', 'META.json calls stable what the changelog calls released');
is(join(' ', grep { !/^\d{4}-\d\d-\d\d$/ } @dates[ 1 .. $#dates ]), '', 'what came before was released on a day');
like($headings[0], qr/^\Q$version\E(\.\d+)?$/, 'the changelog begins with this version');

# every version that was released, from its script in test/upgrade/: one of its own, and a way on
my %released = map { m{medrec--([\d.]+)\.sql$} ? ($1 => 1) : () } glob "$tree/test/upgrade/*.sql";
foreach my $heading (@headings)
{
	my ($release) = $heading =~ /^(\d+\.\d+)/;
	next if $release eq $version;
	ok($released{$release}, "$heading of the changelog has its install script in test/upgrade/");
}
ok(!$released{$version}, 'the present version has none: it is built');
foreach my $release (sort keys %released)
{
	ok((grep { -e "$installed/$_" } map { s{.*/}{}r } glob "$tree/sql/upgrades/medrec--$release--*.sql"), "a script that upgrades $release is installed");
}

# an old script is installed beside the new library, before it is upgraded and on the way there
my %shown = map { ((split)[-1] => 1) } grep { / [A-Z] / } `nm -D --defined-only $library`;
foreach my $script (sort glob("$tree/test/upgrade/*.sql $installed/medrec--*.sql"))
{
	my @symbols = slurp_file($script) =~ /AS\s+'MODULE_PATHNAME'\s*,\s*'(\w+)'/g;
	is(join(' ', grep { !$shown{$_} || !$shown{"pg_finfo_$_"} } @symbols), '', 'the library has every function that ' . ($script =~ s{.*/}{}r) . ' names')
		if @symbols;
}
is(scalar(grep { /MODULE_PATHNAME/ && !/AS\s+'MODULE_PATHNAME'\s*,\s*'\w+'/ } map { split /\n/, slurp_file($_) } glob "$tree/test/upgrade/*.sql"),
	0, 'and each names it in the way that is looked for');

done_testing();
