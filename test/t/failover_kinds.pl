# Promotions of every kind: two in a row, a restore to a point in time, a synchronous standby, the old primary rejoining, crashes
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $number = 0;
my $verify = "SELECT coalesce(string_agg(kind || coalesce(' ' || seal, ''), ', ' ORDER BY kind, seal), '') FROM medrec.verify_audit(%s)";

sub write_events
{
	my ($node, $count) = @_;
	$number++;
	$node->safe_psql('m', "INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'F', 1, 'other', 'F$number-' || g FROM generate_series(1, $count) AS g");
	return;
}
sub seal { my ($node) = @_; return $node->safe_psql('m', 'SELECT FROM medrec.seal_audit(); SELECT max(seal) FROM medrec.audit_seal'); }
sub checkpoint { my ($node) = @_; return $node->safe_psql('m', 'SELECT medrec.audit_checkpoint()') . "\n"; }
sub findings
{
	my ($node, $checkpoint) = @_;
	return $node->safe_psql('m', sprintf $verify, $checkpoint ? "checkpoint => '$checkpoint'" : '');
}
sub detail
{
	my ($node, $checkpoint) = @_;
	return $node->safe_psql('m', "SELECT detail FROM medrec.verify_audit(checkpoint => '$checkpoint')");
}
sub standby_of
{
	my ($primary, $name) = @_;
	$primary->backup("for_$name");
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, "for_$name", has_streaming => 1);
	$standby->start;
	return $standby;
}
sub eras { my ($node) = @_; return $node->safe_psql('m', 'SELECT era, timeline, last_seal FROM medrec.audit_era ORDER BY era'); }
# The file in which program medrec-verify finds a text.
sub file
{
	my ($node, $name, $content) = @_;
	my $path = $node->basedir . "/$name";
	open my $out, '>', $path or die "$path: $!";
	print $out $content;
	close $out;
	return $path;
}

my $a = medrec_node('a', init => { allows_streaming => 1, has_archiving => 1 }, conf => "wal_log_hints = on\nwal_keep_size = '256MB'\n");
my $b = standby_of($a, 'b');
write_events($a, 5);
my $first = seal($a);
my $early = checkpoint($a);
$a->wait_for_catchup($b);

# a crash is no promotion
$a->stop('immediate');
$a->start;
write_events($a, 2);
is($a->safe_psql('m', 'SELECT max(era) FROM medrec.audit_event'), '1', 'after a crash events are of the same era');
seal($a);
is(eras($a), '1|1|', 'and no era is opened');
is(findings($a), '', 'and the trail verifies');
$a->wait_for_catchup($b);

# a target for a restore, and something after it
my $lsn = $a->safe_psql('m', 'SELECT pg_current_wal_insert_lsn()');
write_events($a, 3);
seal($a);
my $later = checkpoint($a);
my ($sealed) = $later =~ /\n(\d+)\n/;
$a->wait_for_catchup($b);
$a->safe_psql('m', 'SELECT pg_switch_wal()');
$a->poll_query_until('postgres', q{SELECT last_archived_wal IS NOT NULL AND pg_walfile_name('} . $a->safe_psql('m', 'SELECT pg_current_wal_insert_lsn()') . q{') > last_archived_wal FROM pg_stat_archiver});

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($a, 'for_b', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', "recovery_target_lsn = '$lsn'\nrecovery_target_action = 'promote'\narchive_mode = off\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(findings($restored), '', 'a restore to a point in time verifies');
write_events($restored, 2);
seal($restored);
is($restored->safe_psql('m', "SELECT count(*) FROM medrec.audit_event WHERE action = 'PROMOTED'"), '1', 'it leaves an event');
seal($restored);
is(findings($restored), '', 'and verifies with what is written on');
is(findings($restored, $early), '', 'and against a checkpoint from before');
is(findings($restored, $later), "events_lost_at_promotion $sealed", 'one from after shows what was lost');
like(detail($restored, $later), qr/^3 events /, 'and how many events');
$restored->stop;

# b is promoted, and loses three; c follows it and is promoted in its turn, and loses two of b's
$b->stop;
write_events($a, 3);
seal($a);
my $lost_of_a = checkpoint($a);
$a->stop;
$b->start;
$b->promote;
my $c = standby_of($b, 'c');
write_events($b, 1);
$b->wait_for_catchup($c);
$c->stop;
write_events($b, 2);
seal($b);
seal($b);
my $lost_of_b = checkpoint($b);
is(eras($b), "1|1|\n2|2|$sealed", 'the first promotion');
$c->start;
$b->stop;
$c->promote;
write_events($c, 4);
is($c->safe_psql('m', 'SELECT DISTINCT era FROM medrec.audit_event ORDER BY 1'), "1\n2\n3", 'each timeline has an era, recorded or not');
is(findings($c), '', 'two promotions in a row verify before they are recorded');
seal($c);
seal($c);
is(eras($c), "1|1|\n2|2|$sealed\n3|3|$sealed", 'and are recorded together');
is($c->safe_psql('m', q{SELECT string_agg(new_values ->> 'old_timeline' || '-' || (new_values ->> 'new_timeline'), ' ' ORDER BY n) FROM medrec.audit_event WHERE action = 'PROMOTED'}), '1-2 2-3', 'with an event each');
is(findings($c), '', 'they verify');
is(findings($c, $_), '', 'against checkpoints from before') foreach ($early, $later);
my $lost_kind = 'events_lost_at_promotion ' . ($sealed + 1);
is(findings($c, $lost_of_a), $lost_kind, "what the first one lost is told");
like(detail($c, $lost_of_a), qr/^3 events .* timeline 1 to timeline 2/, 'with its number');
is(findings($c, $lost_of_b), $lost_kind, 'what the second one lost, too');
like(detail($c, $lost_of_b), qr/^3 events .* timeline 2 to timeline 3/, 'with its number: two rows, and the event of the first promotion');
my $of_c = checkpoint($c);
is(findings($c, $of_c), '', 'and its own checkpoint is met');

# a dump of it elsewhere knows as much
$c->command_ok([ 'pg_dump', '-h', $c->host, '-p', $c->port, '-f', $c->basedir . '/m.sql', 'm' ], 'a dump');
$c->safe_psql('postgres', 'CREATE DATABASE copy');
$c->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $c->host, '-p', $c->port, '-f', $c->basedir . '/m.sql', 'copy' ], 'and its restore');
is($c->safe_psql('copy', "SELECT string_agg(kind, ' ') FROM medrec.verify_audit(checkpoint => '$of_c')"), '', 'verify');
is($c->safe_psql('copy', "SELECT string_agg(kind || ' ' || seal, ' ') FROM medrec.verify_audit(checkpoint => '$lost_of_b')"), $lost_kind, 'and tell of the loss');

# without the database
SKIP:
{
	skip 'MEDREC_VERIFY does not name the program', 6 unless $ENV{MEDREC_VERIFY} && -x $ENV{MEDREC_VERIFY};
	my $program = $ENV{MEDREC_VERIFY};
	my $size = $c->safe_psql('m', 'SELECT max(seal) FROM medrec.audit_seal');
	my $proof = file($c, 'proof', $c->safe_psql('m', "SELECT medrec.consistency_proof($sealed, $size)") . "\n");
	my $wrong = file($c, 'wrong', $c->safe_psql('m', "SELECT medrec.consistency_proof($first, $size)") . "\n");
	my ($old, $new, $good) = (file($c, 'old', $lost_of_b), file($c, 'new', $of_c), file($c, 'good', $later));
	$c->command_ok([ $program, 'growth', $proof, $good, $new ], 'medrec-verify: a checkpoint from before has grown');
	command_exit_is([ $program, 'growth', $proof, $old, $new ], 3, 'one that covers what was lost ends with 3');
	my ($out, $err) = run_command([ $program, 'growth', $proof, $old, $new ]);
	like($out, qr/^lost: .* timeline 2 to timeline 3 .* $sealed seals/, 'and says what was lost and what is common');
	command_exit_is([ $program, 'growth', $wrong, $old, $new ], 1, 'a proof of another seal is refused');
	my $forged = $lost_of_b;
	$forged =~ s{^(medrec-head: $sealed )(.)}{$1 . ($2 eq 'A' ? 'B' : 'A')}me;
	command_exit_is([ $program, 'growth', $proof, file($c, 'forged', $forged), $new ], 1, 'and a beginning that is not the same');
	my $stale = $of_c;
	$stale =~ s/^medrec-trail: .*\n//m;
	command_exit_is([ $program, 'growth', $proof, $old, file($c, 'stale', $stale) ], 1, 'and a loss of which the new checkpoint does not tell');
}

# the old primary comes back
$a->start;
$a->stop;
$c->safe_psql('postgres', 'CHECKPOINT');
command_ok([ 'pg_rewind', '--target-pgdata', $a->data_dir, '--source-server', $c->connstr('postgres') ], 'the old primary is rewound');
$a->append_conf('postgresql.conf', 'port = ' . $a->port . "\nprimary_conninfo = '" . $c->connstr . " application_name=a'\narchive_mode = off\n");
$a->append_conf('standby.signal', '');
$a->start;
write_events($c, 2);
seal($c);
$c->wait_for_catchup($a);
is(findings($a), '', 'and verifies as a standby');
is(findings($a, $lost_of_a), $lost_kind, 'and tells of the loss of its own');

# a synchronous standby
$c->append_conf('postgresql.conf', "synchronous_standby_names = 'a'\nsynchronous_commit = remote_apply\n");
$c->reload;
$c->poll_query_until('postgres', "SELECT sync_state = 'sync' FROM pg_stat_replication WHERE application_name = 'a'");
write_events($c, 5);
seal($c);
my $kept = checkpoint($c);
my $last = $c->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event');
$c->stop('immediate');
$a->promote;
is($a->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event'), $last, 'a synchronous standby has every event');
write_events($a, 1);
seal($a);
seal($a);
is(findings($a, $kept), '', 'and nothing is lost');
is(findings($a), '', 'and it verifies');

$a->stop;
done_testing();
