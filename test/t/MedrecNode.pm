# A private server with the build that is staged beside the tree, for the TAP tests.
package MedrecNode;
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Exporter 'import';
our @EXPORT = qw(medrec_node configure_node order_file data_file);

# where "make install DESTDIR=" put the build: beside this tree, or where MEDREC_STAGE says
sub stage
{
	return $ENV{MEDREC_STAGE} // "$ENV{TESTDIR}/../stage";
}

# Makes a server load the staged build: Debian's know extension_destdir up to 17, all know extension_control_path since 18.
sub configure_node
{
	my ($node) = @_;
	my $stage = stage();
	chomp(my $libdir = `pg_config --pkglibdir`);
	chomp(my $sharedir = `pg_config --sharedir`);
	my $control = $node->pg_version >= 18 ? "extension_control_path = '$stage$sharedir:\$system'" : "extension_destdir = '$stage'";
	$node->append_conf('postgresql.conf', <<EOF);
$control
dynamic_library_path = '$stage$libdir:\$libdir'
EOF
	return;
}

# A started server with a database "m" in which medrec is laid out.
sub medrec_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%{ $options{init} // {} });
	configure_node($node);
	$node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE m');
	$node->safe_psql('m', 'CREATE EXTENSION medrec; SELECT * FROM medrec.migrate()');
	return $node;
}

# The content of a CMS order file, from [code, billable, title] each.
sub order_file
{
	my $number = 0;
	return join '', map { sprintf "%05d %-7s %d %-60.60s %s\n", ++$number, $_->[0], $_->[1], $_->[2], $_->[2] } @_;
}

# The unpacked text of a reference file, undef where MEDREC_DATA has none.
sub data_file
{
	my ($name) = @_;
	return unless $ENV{MEDREC_DATA} && -e "$ENV{MEDREC_DATA}/$name";
	my $text = $name =~ /\.gz$/ ? `gzip -dc '$ENV{MEDREC_DATA}/$name'` : slurp_file("$ENV{MEDREC_DATA}/$name");
	return $text;
}

1;
