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

my $one = medrec_node('one', init => { allows_streaming => 1, has_archiving => 1 }, conf => "wal_log_hints = on\nwal_keep_size = '256MB'\n");
my $two = standby_of($one, 'two');
write_events($one, 5);
my $first = seal($one);
my $early = checkpoint($one);
$one->wait_for_catchup($two);

# a crash is no promotion
$one->stop('immediate');
$one->start;
write_events($one, 2);
is($one->safe_psql('m', 'SELECT max(era) FROM medrec.audit_event'), '1', 'after a crash events are of the same era');
seal($one);
is(eras($one), '1|1|', 'a crash opens no era');
is(findings($one), '', 'the trail verifies after a crash');
$one->wait_for_catchup($two);

# a target for a restore, and something after it
my $lsn = $one->safe_psql('m', 'SELECT pg_current_wal_insert_lsn()');
write_events($one, 3);
seal($one);
my $later = checkpoint($one);
my ($sealed) = $later =~ /\n(\d+)\n/;
$one->wait_for_catchup($two);
$one->safe_psql('m', 'SELECT pg_switch_wal()');
$one->poll_query_until('postgres', q{SELECT last_archived_wal IS NOT NULL AND pg_walfile_name('} . $one->safe_psql('m', 'SELECT pg_current_wal_insert_lsn()') . q{') > last_archived_wal FROM pg_stat_archiver});

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($one, 'for_two', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', "recovery_target_lsn = '$lsn'\nrecovery_target_action = 'promote'\narchive_mode = off\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(findings($restored), '', 'a restore to a point in time verifies');
write_events($restored, 2);
seal($restored);
is($restored->safe_psql('m', "SELECT count(*) FROM medrec.audit_event WHERE action = 'PROMOTED'"), '1', 'a restore to a point in time leaves an event');
seal($restored);
is(findings($restored), '', 'a restored server verifies after writing');
is(findings($restored, $early), '', 'a restored server verifies against an earlier checkpoint');
is(findings($restored, $later), "events_lost_at_promotion $sealed", 'a later checkpoint reports what the restore lost');
like(detail($restored, $later), qr/^3 events /, 'the finding has the number of lost events');
$restored->stop;

# one event that arrives, unsealed: the timelines do not part where a segment ends
write_events($one, 1);
$one->wait_for_catchup($two);

# two is promoted, and loses three events; three follows it and is promoted in its turn, and loses others
$two->stop;
write_events($one, 3);
seal($one);
my $lost_of_a = checkpoint($one);
$one->stop;
$two->start;
$two->promote;
my $three = standby_of($two, 'three');
write_events($two, 1);
$two->wait_for_catchup($three);
$three->stop;
write_events($two, 2);
seal($two);
seal($two);
my $lost_of_b = checkpoint($two);
is(eras($two), "1|1|\n2|2|$sealed", 'the first promotion verifies');
$two->stop;
$three->start;
$three->promote;
write_events($three, 4);
is($three->safe_psql('m', 'SELECT DISTINCT era FROM medrec.audit_event ORDER BY 1'), "1\n2\n3", 'each timeline has an era, recorded or not');
is(findings($three), '', 'two promotions in a row verify before they are recorded');
seal($three);
seal($three);
is(eras($three), "1|1|\n2|2|$sealed\n3|3|$sealed", 'two promotions are recorded together');
is($three->safe_psql('m', q{SELECT string_agg(new_values ->> 'old_timeline' || '-' || (new_values ->> 'new_timeline'), ' ' ORDER BY n) FROM medrec.audit_event WHERE action = 'PROMOTED'}), '1-2 2-3', 'each of two promotions leaves an event');
is(findings($three), '', 'two recorded promotions verify');
is(findings($three, $_), '', 'against checkpoints from before') foreach ($early, $later);
my $lost_kind = 'events_lost_at_promotion ' . ($sealed + 1);
is(findings($three, $lost_of_a), $lost_kind, "the loss of the first promotion is reported");
like(detail($three, $lost_of_a), qr/^3 events .* timeline 1 to timeline 2/, 'the loss of the first promotion has its number');
is(findings($three, $lost_of_b), $lost_kind, 'the loss of the second promotion is reported');
like(detail($three, $lost_of_b), qr/^3 events .* timeline 2 to timeline 3/, 'the loss of the second promotion has its number: two rows, and the event of the first promotion');
my $of_c = checkpoint($three);
is(findings($three, $of_c), '', 'the newest server verifies against its own checkpoint');

# a dump of it restored elsewhere reports the same
$three->command_ok([ 'pg_dump', '-h', $three->host, '-p', $three->port, '-f', $three->basedir . '/m.sql', 'm' ], 'pg_dump after promotions');
$three->safe_psql('postgres', 'CREATE DATABASE copy');
$three->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $three->host, '-p', $three->port, '-f', $three->basedir . '/m.sql', 'copy' ], 'psql restores the dump');
is($three->safe_psql('copy', "SELECT string_agg(kind, ' ') FROM medrec.verify_audit(checkpoint => '$of_c')"), '', 'a dump after promotions verifies');
is($three->safe_psql('copy', "SELECT string_agg(kind || ' ' || seal, ' ') FROM medrec.verify_audit(checkpoint => '$lost_of_b')"), $lost_kind, 'a dump after promotions reports the loss');

# without the database
SKIP:
{
	skip 'MEDREC_VERIFY does not name the program', 6 unless $ENV{MEDREC_VERIFY} && -x $ENV{MEDREC_VERIFY};
	my $program = $ENV{MEDREC_VERIFY};
	my $size = $three->safe_psql('m', 'SELECT max(seal) FROM medrec.audit_seal');
	# the last head that the lost checkpoint names of the common part
	my ($named) = sort { $b <=> $a } grep { $_ <= $sealed } $lost_of_b =~ /^medrec-head: (\d+) /mg;
	my $proof = file($three, 'proof', $three->safe_psql('m', "SELECT medrec.consistency_proof($named, $size)") . "\n");
	my $grown = file($three, 'grown', $three->safe_psql('m', "SELECT medrec.consistency_proof($sealed, $size)") . "\n");
	my $wrong = file($three, 'wrong', $three->safe_psql('m', "SELECT medrec.consistency_proof($first, $size)") . "\n");
	my ($old, $new, $good) = (file($three, 'old', $lost_of_b), file($three, 'new', $of_c), file($three, 'good', $later));
	$three->command_ok([ $program, 'growth', $grown, $good, $new ], 'medrec-verify: the trail has grown since a checkpoint before the loss');
	command_exit_is([ $program, 'growth', $proof, $old, $new ], 3, 'medrec-verify: a checkpoint of lost seals exits with 3');
	my ($out, $err) = run_command([ $program, 'growth', $proof, $old, $new ]);
	like($out, qr/^lost: .* timeline 2 to timeline 3 .* $sealed seals/, 'medrec-verify: says what was lost and what is common');
	command_exit_is([ $program, 'growth', $wrong, $old, $new ], 1, 'medrec-verify: a proof of another seal is refused');
	my $forged = $lost_of_b;
	$forged =~ s{^(medrec-head: $named )(.)}{$1 . ($2 eq 'A' ? 'B' : 'A')}me;
	command_exit_is([ $program, 'growth', $proof, file($three, 'forged', $forged), $new ], 1, 'medrec-verify: another beginning is refused');
	my $stale = $of_c;
	$stale =~ s/^medrec-trail: .*\n//m;
	command_exit_is([ $program, 'growth', $proof, $old, file($three, 'stale', $stale) ], 1, 'medrec-verify: a loss that the new checkpoint does not list is refused');
}

# the old primary rejoins
$two->start;
$two->stop;
$three->safe_psql('postgres', 'CHECKPOINT');
command_ok([ 'pg_rewind', '--target-pgdata', $two->data_dir, '--source-server', $three->connstr('postgres') ], 'pg_rewind of the old primary');
$two->append_conf('postgresql.conf', 'port = ' . $two->port . "\nprimary_conninfo = '" . $three->connstr . " application_name=two'\narchive_mode = off\n");
$two->append_conf('standby.signal', '');
$two->start;
write_events($three, 2);
seal($three);
$three->wait_for_catchup($two);
is(findings($two), '', 'the old primary verifies as a standby');
is(findings($two, $lost_of_b), $lost_kind, 'the old primary reports its loss');

# a synchronous standby
$three->append_conf('postgresql.conf', "synchronous_standby_names = 'two'\nsynchronous_commit = remote_apply\n");
$three->reload;
$three->poll_query_until('postgres', "SELECT sync_state = 'sync' FROM pg_stat_replication WHERE application_name = 'two'");
write_events($three, 5);
seal($three);
my $kept = checkpoint($three);
my $last = $three->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event');
$three->stop('immediate');
$two->promote;
is($two->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event'), $last, 'a synchronous standby has every event');
write_events($two, 1);
seal($two);
seal($two);
is(findings($two, $kept), '', 'promoting a synchronous standby loses nothing');
is(findings($two), '', 'a promoted synchronous standby verifies');

amcheck_ok($two, 'no index lacks a row');
$two->stop;
done_testing();
