# Sessions and databases at once: migrate() over the databases of one cluster
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run qw(start finish);
use MedrecNode;

my $node = PostgreSQL::Test::Cluster->new('concurrency');
$node->init;
configure_node($node);
$node->append_conf('postgresql.conf', "deadlock_timeout = 50ms\nmax_connections = 50\nlog_min_messages = fatal");
$node->start;

# Starts psql with a script, from and to files, in the background; ended() returns its output with errors.
my $sessions = 0;
sub session
{
	my ($db, $script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/session' . $sessions++;
	append_to_file("$file.sql", $script);
	return { out => "$file.out", run => start(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', "$file.sql"],
		'<', '/dev/null', '>', "$file.out", '2>&1') };
}
sub ended
{
	my ($session) = @_;
	return (finish($session->{run}) ? '' : 'failed: ') . slurp_file($session->{out});
}
# SQL that waits, for at most 60 seconds, until a session of database $db waits for a lock, or does not.
sub await_waiter
{
	my ($db) = @_;
	return qq{DO \$\$ BEGIN FOR i IN 1 .. 600 LOOP
		EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE datname = '$db' AND wait_event_type = 'Lock');
		PERFORM pg_sleep(0.1), pg_stat_clear_snapshot(); END LOOP; END \$\$;\n};
}

# a fresh cluster without medrec's roles
my @databases = map { "fresh$_" } 1 .. 4;
$node->safe_psql('postgres', "CREATE DATABASE $_") for @databases;
my @sessions = map { session($_, 'CREATE EXTENSION medrec') } @databases;
is(join('', map { ended($_) } @sessions), '', 'CREATE EXTENSION in four databases at once');

# the first keeps its transaction open until the second waits; the second must find the roles
my $first = session('fresh1', "BEGIN; SELECT count(*) > 0 FROM medrec.migrate();\n" . await_waiter('fresh2') . 'COMMIT;');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'object' AND database = 0 AND classid = 'pg_authid'::regclass AND objid = 0 AND granted"),
	'migrate() takes a lock that all databases share');
my $second = session('fresh2', 'SELECT count(*) > 0 FROM medrec.migrate()');
is(ended($first), "t\n", 'migrate() ends in the first database');
is(ended($second), "t\n", 'migrate() ends in another database that waited');

# all at once, with the roles dropped again
$node->safe_psql('postgres', "DROP DATABASE $_") for @databases;
$node->safe_psql('postgres', "DROP ROLE $_") for split /\n/, $node->safe_psql('postgres', q(SELECT rolname FROM pg_roles WHERE rolname LIKE 'medrec\_%'));
$node->safe_psql('postgres', "CREATE DATABASE $_") for @databases;
$node->safe_psql($_, 'CREATE EXTENSION medrec') for @databases;
@sessions = map { session($_, 'SELECT count(*) > 0 FROM medrec.migrate()') } @databases, @databases;
is(join('', sort map { ended($_) } @sessions), "f\n" x 4 . "t\n" x 4, 'migrate() twice in each of four databases at once applies each step once');

# a role that cannot make roles does not block others
$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE fresh5');
$node->safe_psql('fresh5', 'CREATE EXTENSION medrec; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA medrec TO plain; GRANT ALL ON SCHEMA medrec TO plain; GRANT CREATE ON DATABASE fresh5 TO plain; ALTER SCHEMA medrec OWNER TO plain');
my $plain = session('fresh5', "SET ROLE plain;\nBEGIN; SAVEPOINT s;\n\\set ON_ERROR_STOP 0\nSELECT medrec.migrate();\nROLLBACK TO s;\nSELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND classid = 'pg_authid'::regclass;");
like(ended($plain), qr/^0$/m, 'a role that cannot make roles takes no lock of the cluster');
amcheck_ok($node, "no index of $_ lacks a row", $_) for @databases;
done_testing();
