# doc/operations.md: its commands for backup and restore work exactly as written
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

# the page's commands, by the comment that each block begins with
my %block = slurp_file("$ENV{TESTDIR}/doc/operations.md") =~ /^```sh\n# ([a-z_ ]+)\n(.*?)^```/gms;
my %ran;
my $user = (getpwuid $<)[0];

# Runs a block as a script that stops at the first error; returns what it writes.
sub run_block
{
	my ($name, $node, %variables) = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, USER => $user, %variables);
	my $dir = PostgreSQL::Test::Utils::tempdir();
	ok($block{$name}, "$name: the page has it");
	my ($out, $err);
	my $ok = IPC::Run::run([ 'bash', '-euc', "cd '$dir'\n$block{$name}" ], '>', \$out, '2>', \$err);
	ok($ok, "$name: runs to its end") or diag($out, $err);
	$ran{$name} = 1;
	return "$out$err";
}

# Fills the database "medrec": care teams, decisions, an old last_visit, sealed and unsealed events.
sub fill
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE medrec');
	$node->safe_psql('medrec', q{
		CREATE EXTENSION medrec;
		SELECT FROM medrec.migrate();
		INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician');
		INSERT INTO medrec.care_team (name) VALUES ('ward 1');
		INSERT INTO medrec.care_team_member SELECT a.id, t.id FROM medrec.account AS a, medrec.care_team AS t;
		SELECT medrec.create_patient('John Doe', 45, 'male', 'P1');
		SELECT medrec.create_patient('Jane Roe', NULL, 'female', 'P2', '1980-02-29');
		INSERT INTO medrec.care_team_patient SELECT p.id, t.id FROM medrec.patient AS p, medrec.care_team AS t;
		SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
		SELECT medrec.confirm(id) FROM medrec.diagnosis LIMIT 1;
	});
	$node->safe_psql('medrec', 'SELECT FROM medrec.seal_audit()');
	$node->safe_psql('medrec', q{UPDATE medrec.patient SET age = 46, last_visit = '2001-02-03 04:05:06.123456+00' WHERE patient_id = 'P1'});
	return;
}

# All rows of medrec, except what a restore adds: its era and its event.
sub rows
{
	my ($node, $database) = @_;
	my $tables = $node->safe_psql($database, q{SELECT c.oid::regclass::text FROM pg_class AS c
		WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND c.relname NOT IN ('terminology_state', 'audit_attached') ORDER BY 1});
	return join "\n", map {
		my $condition = /audit_event$/ ? "action NOT IN ('IMPORT', 'REPAIR')" : /audit_era$/ ? 'era = 1' : 'true';
		"$_ " . $node->safe_psql($database, "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM $_ AS t WHERE $condition")
	} split /\n/, $tables;
}

# PostgreSQL prints a list in a CHECK differently after a restore
my $layout = q{SELECT l.kind, l.object, l.definition, l.mode, CASE WHEN l.kind <> 'constraint' THEN l.command END FROM medrec.layout() AS l ORDER BY 1, 2};
my $findings = 'SELECT kind, detail FROM medrec.verify_audit() UNION ALL SELECT kind, row_id FROM medrec.verify_records()';
my $keys = 'SELECT kid FROM medrec.jwt_key WHERE retired_at IS NULL OR retired_at > now()';

my $node = PostgreSQL::Test::Cluster->new('operations');
$node->init(allows_streaming => 1);
configure_node($node);
$node->start;
fill($node);
my $wanted_rows = rows($node, 'medrec');
my $wanted_layout = $node->safe_psql('medrec', $layout);

# whole; schema and data apart; data alone
foreach my $way ('whole', 'apart', 'data')
{
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS restored');
	run_block($way, $node);
	is(rows($node, 'restored'), $wanted_rows, "$way: every row, event and seal is unchanged");
	is($node->safe_psql('restored', $layout), $wanted_layout, "$way: the layout is unchanged");
	is($node->safe_psql('restored', $findings), '', "$way: trail and records verify");
	is($node->safe_psql('restored', 'SELECT count(*) FROM medrec.migrate()'), '0', "$way: migrate() has nothing to repair");
	is($node->safe_psql('restored', q{SELECT count(*) FROM medrec.audit_event WHERE action = 'IMPORT' AND era = 2}),
		$way eq 'whole' ? '0' : '1', "$way: an event says whether triggers were disabled");

	# it works
	$node->safe_psql('restored', q{SELECT medrec.create_diagnosis(id, 'i10') FROM medrec.patient WHERE patient_id = 'P1'});
	is($node->safe_psql('restored', q{SELECT last_visit > now() - interval '1 hour' FROM medrec.patient WHERE patient_id = 'P1'}), 't', "$way: new records move last_visit");
	is($node->safe_psql('restored', q{SELECT max(era) FROM medrec.audit_event}), '2', "$way: new records are of the next era");
	$node->safe_psql('restored', 'SELECT FROM medrec.seal_audit()');
	is($node->safe_psql('restored', $findings), '', "$way: trail and records verify after new records");
	like(run_block('verify', $node), qr/\(0 rows\)[\s\S]*\(0 rows\)/, "$way: the page's check returns no rows");
	my %dumped = map { $_ => 1 } split /\n/, $node->safe_psql('restored', $keys);
	run_block('keys', $node);
	is_deeply([ grep { $dumped{$_} } split /\n/, $node->safe_psql('restored', $keys) ], [], "$way: no key of the dump is accepted any more");
}

# DROP EXTENSION ... CASCADE
$node->safe_psql('medrec', 'DROP EXTENSION medrec CASCADE');
is($node->safe_psql('medrec', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'medrec%' AND tgname NOT LIKE 'medrec_account%'}), '0', 'cascade: the triggers with the extension\'s functions are dropped');
my $said = run_block('cascade', $node);
like($said, qr/repaired trigger medrec_validate on medrec\.patient/, 'cascade: migrate() names what it restores');
is($node->safe_psql('medrec', $layout), $wanted_layout, 'cascade: migrate() restores everything');
is(rows($node, 'medrec'), $wanted_rows, 'cascade: no row was changed');
is($node->safe_psql('medrec', $findings), '', 'cascade: trail and records verify');
is($node->safe_psql('medrec', q{SELECT count(*) FROM medrec.audit_event WHERE action = 'REPAIR'}), '1', 'cascade: one event lists the repairs');

# Writes one record to keep and, after the time that is returned, one to lose.
sub keep_and_lose
{
	# pgBackRest counts in seconds: a backup that ended within this one does not count as one before it
	$node->safe_psql('postgres', q{SELECT pg_sleep_until(date_trunc('second', now()) + interval '2 s')});
	$node->safe_psql('medrec', q{SELECT medrec.create_patient('Kept', 1, 'other', 'KEPT')});
	$node->safe_psql('medrec', 'SELECT FROM medrec.seal_audit()');
	my $checkpoint = $node->safe_psql('medrec', 'SELECT medrec.audit_checkpoint()');
	my $time = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	$node->safe_psql('medrec', q{SELECT medrec.create_patient('Lost', 1, 'other', 'LOST')});
	$node->safe_psql('medrec', 'SELECT FROM medrec.seal_audit()');
	my $later = $node->safe_psql('medrec', 'SELECT medrec.audit_checkpoint()');
	my $file = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$file' FROM pg_stat_archiver") or die;
	return ($time, $checkpoint, $later);
}

# Checks of a server that was restored to that time.
sub check_time
{
	my ($name, $back, $checkpoint, $later) = @_;
	$back->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
	is($back->safe_psql('medrec', q{SELECT string_agg(patient_id, ' ') FROM medrec.patient WHERE patient_id IN ('KEPT', 'LOST')}), 'KEPT', "$name: the rows are those of that time");
	is($back->safe_psql('medrec', $findings), '', "$name: trail and records verify");
	is($back->safe_psql('medrec', "SELECT kind FROM medrec.verify_audit(checkpoint => '$checkpoint')"), '', "$name: the trail verifies against an earlier checkpoint");
	is($back->safe_psql('medrec', "SELECT kind FROM medrec.verify_audit(checkpoint => '$later')"), 'events_lost_at_promotion', "$name: a later checkpoint shows what is lost");
	$back->safe_psql('medrec', q{SELECT medrec.create_patient('New', 1, 'other', 'NEW')});
	$back->safe_psql('medrec', 'SELECT FROM medrec.seal_audit()');
	is($back->safe_psql('medrec', $findings), '', "$name: the trail verifies after new records");
	return;
}

# a base backup, and a restore to a point in time
my $archive = $node->basedir . '/archive';
mkdir $archive;
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_command = 'test ! -f $archive/%f && cp %p $archive/%f'");
$node->restart;
my $backup = $node->basedir . '/b';
run_block('base backup', $node, BACKUP => $backup);
my ($time, $checkpoint, $later) = keep_and_lose();
run_block('point in time', $node, BACKUP => $backup, ARCHIVE => $archive, TARGET_TIME => $time);
my $back = PostgreSQL::Test::Cluster->new('back');
mkdir $back->basedir;
rename $backup, $back->data_dir or die "rename: $!";
$back->append_conf('postgresql.conf', 'port = ' . $back->port . "\nunix_socket_directories = '" . $back->host . "'\narchive_mode = off");
$back->start;
check_time('point in time', $back, $checkpoint, $later);
$back->stop;

# pgBackRest
SKIP:
{
	skip 'pgbackrest is not installed', 9 unless IPC::Run::run([ 'sh', '-c', 'command -v pgbackrest' ], '>', '/dev/null');
	my $dir = $node->basedir;
	my $conf = "$dir/pgbackrest.conf";
	append_to_file($conf, "[global]\nrepo1-path=$dir/repository\nlog-level-file=off\nlock-path=$dir/lock\nspool-path=$dir/spool\n\n[medrec]\npg1-path="
		. $node->data_dir . "\npg1-socket-path=" . $node->host . "\npg1-port=" . $node->port . "\npg1-user=$user\n");
	$node->safe_psql('medrec', q{DELETE FROM medrec.patient WHERE patient_id IN ('KEPT', 'LOST')});
	$node->append_conf('postgresql.conf', "archive_command = 'pgbackrest --config=$conf --stanza=medrec archive-push %p'");
	$ENV{PGBACKREST_CONFIG} = $conf;
	# the archive must exist before the backup
	IPC::Run::run([ 'pgbackrest', '--stanza=medrec', 'stanza-create' ], '>', '/dev/null') or die;
	$node->restart;
	run_block('pgbackrest backup', $node);
	($time, $checkpoint, $later) = keep_and_lose();
	$node->stop;
	run_block('pgbackrest restore', $node, TARGET_TIME => $time);
	$node->start;
	check_time('pgbackrest', $node, $checkpoint, $later);
}
$node->stop;

# pg_upgrade, where MEDREC_OLD_BINDIR names another version, for which MEDREC_OLD_STAGE has medrec
SKIP:
{
	my $old = $ENV{MEDREC_OLD_BINDIR};
	skip 'MEDREC_OLD_BINDIR names no other version of PostgreSQL', 8 unless $old && -x "$old/initdb";
	my $stage = $ENV{MEDREC_OLD_STAGE} // MedrecNode::stage();
	chomp(my $libdir = `$old/pg_config --pkglibdir`);
	chomp(my $bindir = `pg_config --bindir`);
	my $from = PostgreSQL::Test::Cluster->new('old', install_path => $old =~ s{/bin/?$}{}r);
	$from->init;
	$from->append_conf('postgresql.conf', "extension_destdir = '$stage'\ndynamic_library_path = '$stage$libdir:\$libdir'");
	$from->start;
	fill($from);
	my $rows = rows($from, 'medrec');
	my $before = $from->safe_psql('medrec', 'SELECT medrec.audit_checkpoint()');
	$from->stop;
	my $new = PostgreSQL::Test::Cluster->new('new');
	$new->init;
	configure_node($new);
	run_block('pg_upgrade', $new, OLD_BINDIR => $old, NEW_BINDIR => $bindir, OLD_DATADIR => $from->data_dir, NEW_DATADIR => $new->data_dir);
	$new->start;
	is(rows($new, 'medrec'), $rows, 'pg_upgrade: every row, event and seal is unchanged');
	is($new->safe_psql('medrec', $findings), '', 'pg_upgrade: trail and records verify');
	is($new->safe_psql('medrec', "SELECT * FROM medrec.verify_audit(checkpoint => '$before')"), '', 'pg_upgrade: the trail verifies against an earlier checkpoint');
	is($new->safe_psql('medrec', 'SELECT count(*) FROM medrec.migrate()'), '0', 'pg_upgrade: migrate() has nothing to repair');
	$new->safe_psql('medrec', q{SELECT medrec.create_diagnosis(id, 'i10') FROM medrec.patient WHERE patient_id = 'P1'});
	is($new->safe_psql('medrec', q{SELECT max(era) FROM medrec.audit_event}), '2', 'pg_upgrade: new events are of the next era');
	is($new->safe_psql('medrec', $findings), '', 'pg_upgrade: trail and records verify after new events');
	$new->stop;
}

# the systemd units: what they start
{
	my $timers = PostgreSQL::Test::Cluster->new('timers');
	$timers->init;
	configure_node($timers);
	$timers->start;
	fill($timers);
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $start = sub {
		my ($unit) = @_;
		my ($command) = slurp_file("$ENV{TESTDIR}/gateway/systemd/medrec-$unit.service") =~ /^ExecStart=(.*)$/m;
		$command =~ s/\@DATABASE\@/medrec/g;
		$command =~ s{/etc/medrec/}{$ENV{TESTDIR}/gateway/}g;
		$command =~ s{/var/lib/medrec/checkpoints}{$dir}g;
		local %ENV = (%ENV, PGHOST => $timers->host, PGPORT => $timers->port);
		my ($out, $err) = ('', '');
		my $ok = IPC::Run::run([ 'bash', '-c', $command ], '>', \$out, '2>', \$err);
		return ($ok, "$out$err");
	};
	my ($ok, $said) = $start->('seal');
	ok($ok, 'medrec-seal: seals') or diag($said);
	is($timers->safe_psql('medrec', 'SELECT unsealed_events FROM medrec.audit_status()'), '0', 'medrec-seal: every event is sealed');
	($ok, $said) = $start->('checkpoint');
	ok($ok, 'medrec-checkpoint: exports') or diag($said);
	like(slurp_file("$dir/last"), qr/^medrec-unsealed: events=0 age=0$/m, 'medrec-checkpoint: writes a checkpoint with everything sealed');
	($ok, $said) = $start->('verify');
	ok($ok, 'medrec-verify: passes where nothing is wrong') or diag($said);
	is($said, '', 'medrec-verify: prints nothing if there is no finding');
	($ok, $said) = $start->('maintenance');
	ok($ok, 'medrec-maintenance: runs') or diag($said);
	$timers->safe_psql('medrec', q{ALTER TABLE medrec.patient DISABLE TRIGGER ALL; UPDATE medrec.patient SET age = 99 WHERE patient_id = 'P1'});
	($ok, $said) = $start->('verify');
	ok(!$ok, 'medrec-verify: fails if there is a finding');
	like($said, qr/verify_records\|.*row_changed/, 'medrec-verify: prints the finding');
	SKIP:
	{
		skip 'no systemd-analyze', 1 unless IPC::Run::run([ 'sh', '-c', 'command -v systemd-analyze' ], '>', '/dev/null');
		my @units = grep { !/nginx|postgrest/ } glob "$ENV{TESTDIR}/gateway/systemd/*";
		my ($out, $err) = ('', '');
		my $well = IPC::Run::run([ 'systemd-analyze', 'verify', @units ], '>', \$out, '2>', \$err);
		ok($well, 'systemd takes the units') or diag($err);
	}
	$timers->stop;
}

is_deeply([ grep { !$ran{$_} && !/^pgbackrest|^pg_upgrade/ } sort keys %block ], [], 'every block of the page was run');
done_testing();
