# What the library exports. The server loads libraries so that the names of one meet those of the others and the
# server's own: a function with a name of theirs would be replaced by theirs.
use strict;
use warnings;
use MedrecNode;
use Test::More;

chomp(my $libdir = `pg_config --pkglibdir`);
my $library = MedrecNode::stage() . "$libdir/medrec.so";
my @shown = map { (split)[-1] } grep { / [A-Z] / } `nm -D --defined-only $library`;

cmp_ok(scalar(@shown), '>', 50, 'the functions that SQL calls are there');
is_deeply([ grep { !/^(medrec_|pg_finfo_medrec_|_PG_init$|Pg_magic_func$)/ } @shown ], [],
	'the library exports only what the server calls');

done_testing();
