# README names exactly the versions of PostgreSQL in the table of doc/testing.md, which test/versions writes
use strict;
use warnings;
use Test::More;

# a run there makes the table, and is not compared with the one before
plan skip_all => 'test/versions runs this' if $ENV{MEDREC_IN_VERSIONS};

sub text
{
	my ($name) = @_;
	open my $file, '<', "$ENV{TESTDIR}/$name" or die "$name: $!";
	local $/;
	return <$file>;
}

my ($claim) = text('README.md') =~ /extension for PostgreSQL ([0-9, and]*[0-9])/;
my @claimed = $claim =~ /\d+/g;

my ($table) = text('doc/testing.md') =~ /^(\| PostgreSQL \| Debian \|.*?)\n\n/ms;
my ($names, undef, @lines) = map { [ map { s/^\s+|\s+$//gr } split /\|/, s/^\||\|$//gr ] } split /\n/, $table;
my @rows;
for my $line (@lines)
{
	my %row;
	@row{@$names} = @$line;
	push @rows, \%row;
}

is(join(' ', @claimed), join(' ', map { $_->{PostgreSQL} =~ s/\D.*//r } @rows), 'README names the versions that the tests ran on');
for my $row (@rows)
{
	my $what = "$row->{PostgreSQL} on $row->{Debian}";
	is("$row->{demo} $row->{'demo by a user'}", 'ok ok', "$what: the demo ran, as root and as a user");
	ok($row->{passed} > 2000 && $row->{failed} eq '0', "$what: the tests passed");
	like("$row->{commit} $row->{date}", qr/^[0-9a-f]{7,} \d{4}-\d\d-\d\d$/, "$what: the row has a commit and a date");
}
my ($least) = text('META.json') =~ /"PostgreSQL": "(\d+)\./;
is($least, $claimed[0], 'META.json requires the oldest of these versions');
done_testing();
