# The search image in a cluster of many databases: each has a shared one, however many there are, and a dropped one frees its slot.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MedrecNode;
use Test::More;

my $databases = $ENV{MEDREC_DATABASES} // 20;
my $node = medrec_node('many');
my $file = order_file(['E119', 1, 'Type 2 diabetes mellitus without complications'], ['I10', 1, 'Essential (primary) hypertension']);
$node->safe_psql('m', "SELECT medrec.load_release('ICD-10-CM', '2025', '2024-10-01', \$f\$$file\$f\$)");

my $ask = q(SELECT code FROM medrec.suggest('ICD-10-CM', NULL, 'diabetes'));
# 1 if the backend has a private copy
my $own = q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'medrec image');
my (@wrong, @private);
for my $i (1 .. $databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE d$i TEMPLATE m");
	for (1 .. 2)
	{
		my ($code, $count) = split /\n/, $node->safe_psql("d$i", "$ask; $own");
		push @wrong, "d$i" if $code ne 'E11.9';
		push @private, "d$i" if $count ne '0';
	}
}
is("@wrong", '', "each of $databases databases answers");
is("@private", '', 'no database answers from a private copy');

# as many again: they use the slots of those that were dropped
$node->safe_psql('postgres', "DROP DATABASE d$_") for 1 .. $databases;
@wrong = @private = ();
for my $i (1 .. $databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE e$i TEMPLATE m");
	my ($code, $count) = split /\n/, $node->safe_psql("e$i", "$ask; $own");
	push @wrong, "e$i" if $code ne 'E11.9';
	push @private, "e$i" if $count ne '0';
}
is("@wrong@private", '', 'databases created after others were dropped answer from a shared image');

# a change in one database reaches its own sessions, and no other's
my $more = order_file(['E119', 1, 'Type 2 diabetes mellitus without complications'], ['I10', 1, 'Essential (primary) hypertension'],
	['J45909', 1, 'Unspecified asthma, uncomplicated']);
$node->safe_psql("e$databases", "SELECT medrec.load_release('ICD-10-CM', '2026', '2025-10-01', \$f\$$more\$f\$)");
my $asthma = q(SELECT count(*) FROM medrec.suggest('ICD-10-CM', NULL, 'asthma'));
is(join(' ', map { $node->safe_psql($_, "$asthma; $own") =~ s/\n/,/r } "e$databases", 'e1'), '1,0 0,0', 'each database has its own image');
done_testing();
