# A private server with the build that is staged beside the tree, for the TAP tests.
package MedrecNode;
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Exporter 'import';
our @EXPORT = qw(medrec_node configure_node order_file data_file amcheck_ok);

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

# One test: no index in schema medrec lacks a row. amcheck reads the B-trees. A BRIN index must find each of the newest
# MEDREC_AMCHECK_ROWS rows (5000) of its table that a sequential scan finds, by the values that the row has in its columns.
my $index_check = <<'EOF_SQL';
DO $$
DECLARE
	i record;
	r record;
	found boolean;
BEGIN
	FOR i IN
		SELECT c.oid, c.relname AS index, x.indrelid::regclass AS rel, a.amname,
			(SELECT string_agg(format('%L || CASE WHEN t.%I IS NULL THEN '' IS NULL'' ELSE format('' = %%L'', t.%2$I) END',
				'o.' || quote_ident(k.attname), k.attname), ' || '' AND '' || ' ORDER BY k.attnum)
				FROM pg_attribute AS k WHERE k.attrelid = c.oid) AS wanted
		FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid JOIN pg_am AS a ON a.oid = c.relam
		WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind = 'i' AND x.indisvalid AND a.amname IN ('btree', 'brin')
	LOOP
		IF i.amname = 'btree' THEN
			PERFORM bt_index_check(i.oid, true);
			CONTINUE;
		END IF;
		SET LOCAL enable_bitmapscan = off;
		SET LOCAL enable_seqscan = on;
		FOR r IN EXECUTE format('SELECT t.ctid AS at, %s AS wanted FROM %s AS t ORDER BY t.ctid DESC LIMIT :rows', i.wanted, i.rel) LOOP
			SET LOCAL enable_bitmapscan = on;
			SET LOCAL enable_seqscan = off;
			SET LOCAL enable_indexscan = off;
			EXECUTE format('SELECT coalesce(bool_or(o.ctid = %L), false) FROM %s AS o WHERE %s', r.at, i.rel, r.wanted) INTO found;
			IF NOT found THEN
				RAISE EXCEPTION 'index % does not find row % of %', i.index, r.at, i.rel;
			END IF;
		END LOOP;
	END LOOP;
END
$$;
EOF_SQL

sub amcheck_ok
{
	my ($node, $name, $database) = @_;
	$database //= 'm';
	my $rows = $ENV{MEDREC_AMCHECK_ROWS} || 5000;
	# a standby has the extension from its primary
	$node->safe_psql($database, 'SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS amcheck')
		if $node->safe_psql($database, 'SELECT pg_is_in_recovery()') eq 'f';
	(my $sql = $index_check) =~ s/:rows/$rows/;
	my ($status, undef, $error) = $node->psql($database, $sql);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status == 0, $name // 'no index lacks a row') or diag($error);
	return;
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
