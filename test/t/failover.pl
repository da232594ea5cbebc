# A promoted server: its loss is reported as a loss, with its number, and no honest trail as forged; a forgery is still found
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
# Changes the trail as its owner could: removes the guards and restores them.
sub tamper
{
	my ($node, $sql) = @_;
	$node->safe_psql('m', qq{
		SET session_replication_role = replica;
		CREATE TEMP TABLE guards AS SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger WHERE tgname LIKE 'medrec_append_only%' AND tgparentid = 0;
		ALTER EVENT TRIGGER medrec_audit_ddl DISABLE;
		DO 'DECLARE g record; BEGIN FOR g IN SELECT * FROM guards LOOP EXECUTE format(''ALTER TABLE %s DISABLE TRIGGER %I'', g.relation, g.tgname); END LOOP; END';
		$sql;
		DO 'DECLARE g record; BEGIN FOR g IN SELECT * FROM guards LOOP EXECUTE format(''ALTER TABLE %s ENABLE ALWAYS TRIGGER %I'', g.relation, g.tgname); END LOOP; END';
		ALTER EVENT TRIGGER medrec_audit_ddl ENABLE ALWAYS;
	});
	return;
}
# Removes the last seals from a given one on, with their events and a number of others, and seals the rest.
sub reseal
{
	my ($node, $from, $events) = @_;
	tamper($node, "
		DELETE FROM medrec.audit_event AS e USING medrec.audit_seal AS s WHERE s.seal = $from AND e.era = s.era AND e.xid >= s.first_xid
			AND e.xid < s.end_xid AND e.n <= $events;
		DELETE FROM medrec.audit_seal WHERE seal >= $from");
	return seal($node);
}

my $primary = medrec_node('primary', init => { allows_streaming => 1 }, conf => "max_prepared_transactions = 5\nwal_log_hints = on\nwal_keep_size = '256MB'\n");
my $standby = standby_of($primary, 'standby');

write_events($primary, 10);
seal($primary);
my @kept = (checkpoint($primary));
write_events($primary, 10);
seal($primary);
my $common = checkpoint($primary);
my ($seals) = $common =~ /\n(\d+)\n/;
push @kept, $common;

# two events that arrive unsealed, a prepared transaction that does, and a session that has looked at the era on the standby
write_events($primary, 2);
$primary->safe_psql('m', "BEGIN; INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('P', 1, 'other', 'PREPARED'); PREPARE TRANSACTION 'p'");
$primary->wait_for_catchup($standby);
is(findings($standby, $common), '', 'a standby verifies');

# five events that do not arrive, sealed and exported on the old primary
$standby->stop;
write_events($primary, 5);
$primary->safe_psql('m', "COMMIT PREPARED 'p'");
seal($primary);
my $lost = checkpoint($primary);
like($lost, qr/^medrec-trail: cluster=[0-9a-f]+\/\d+ era=1 end-xid=\d+ events=\d+ timelines=1:[0-9A-F]+\/[0-9A-F]+:\d+$/m, 'a checkpoint says where it was taken');
write_events($primary, 3);
seal($primary);
my $lost_more = checkpoint($primary);
is(findings($primary, $_), '', 'the old primary verifies against its checkpoints') foreach (@kept, $lost, $lost_more);
my $old_events = $primary->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event');
$primary->stop;
$standby->start;
my $session = $standby->background_psql('m');
is($session->query('SELECT count(*) FROM medrec.verify_audit()'), '0', 'a session on the standby verifies');
$standby->promote;

is(findings($standby), '', 'a promoted server verifies before anything is written');
like(findings($standby, $lost_more), qr/^events_lost_at_promotion \d+$/, 'a promoted server reports the loss before its era is recorded');
$session->query_safe("INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('S', 1, 'other', 'SESSION')");
$session->quit;
is($standby->safe_psql('m', "SELECT era FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'SESSION'"), '2', 'a session that read the era on the standby writes in the next one');
write_events($standby, 4);
is($standby->safe_psql('m', 'SELECT DISTINCT era FROM medrec.audit_event ORDER BY 1'), "1\n2", 'new sessions write in the next era');
seal($standby);
is($standby->safe_psql('m', 'SELECT max(era) FROM medrec.audit_seal'), '1', 'a transaction prepared before the promotion keeps the old era open');
is(findings($standby), '', 'the trail verifies while it is prepared');
$standby->safe_psql('m', "COMMIT PREPARED 'p'");
seal($standby);
is($standby->safe_psql('m', 'SELECT max(era) FROM medrec.audit_seal'), '2', 'the next era is sealed once the prepared transaction has ended');
is(findings($standby), '', 'the trail verifies after the prepared transaction has ended');
seal($standby);

is($standby->safe_psql('m', q{SELECT row_id, new_values ->> 'last_era', new_values ->> 'old_timeline', new_values ->> 'new_timeline', new_values ->> 'last_seal' FROM medrec.audit_event WHERE action = 'PROMOTED'}),
	"2|1|1|2|$seals", 'the promotion leaves an event');
is($standby->safe_psql('m', q{SELECT e.new_values ->> 'switch_lsn' = a.begin_lsn::text AND a.timeline = 2 AND a.last_seal = } . $seals . q{ FROM medrec.audit_event AS e, medrec.audit_era AS a WHERE e.action = 'PROMOTED' AND a.era = 2}),
	't', 'the era is recorded with its event');
is(findings($standby, $_), '', 'checkpoints of what was not lost are met') foreach (@kept);
is(findings($standby, $lost), 'events_lost_at_promotion ' . ($seals + 1), 'a checkpoint of lost seals reports a loss and no forgery');
like(detail($standby, $lost), qr/^5 events .* timeline 1 to timeline 2 .* $seals seals; the checkpoint has @{[$seals + 1]}$/, 'the finding has the number of lost events');
is(findings($standby, $lost_more), 'events_lost_at_promotion ' . ($seals + 1), 'a later checkpoint of lost seals reports a loss');
like(detail($standby, $lost_more), qr/^8 events /, 'the finding of the later checkpoint has its number');

# a forger on the promoted server
my $after = checkpoint($standby);
like($after, qr/ timelines=1:[0-9A-F\/]+:$seals,2:/, 'a checkpoint lists the timelines');
write_events($standby, 6);
my $last = seal($standby);
my $end = checkpoint($standby);
is(findings($standby, $_), '', 'checkpoints of the promoted server are met') foreach ($after, $end);
reseal($standby, $last, 3);
is(findings($standby), '', 'removed and resealed events of the new timeline verify without a checkpoint');
is(findings($standby, $end), "checkpoint_differs $last", 'removed events are found by a checkpoint of the new timeline');

# a forged era, meant to pass removed events off as lost
tamper($standby, "INSERT INTO medrec.audit_era SELECT 3, system_identifier, database, now(), first_xid + 1, 3, '0/1', $last - 1 FROM medrec.audit_era WHERE era = 2");
is(findings($standby, $end), "checkpoint_differs $last, era_altered, era_altered", 'a forged era is found and excuses no loss');
like($standby->safe_psql('m', 'SELECT detail FROM medrec.verify_audit()'), qr/has no timeline 3 .*has no event/s, 'a forged era is found by its missing timeline and event');
tamper($standby, 'DELETE FROM medrec.audit_era WHERE era = 3');
tamper($standby, 'UPDATE medrec.audit_era SET last_seal = last_seal - 1 WHERE era = 2');
like(findings($standby), qr/^era_altered/, 'a changed era of a promotion is found');
tamper($standby, "UPDATE medrec.audit_era SET last_seal = $seals WHERE era = 2");
is(findings($standby), '', 'the restored era verifies');

# a seal from before the promotion, written a second time on the promoted server
$standby->safe_psql('postgres', 'CREATE DATABASE kept TEMPLATE m');
reseal($standby, $seals, 5);
like(findings($standby, $lost), qr/checkpoint_differs $seals/, 'a seal from before the promotion that was made again is found by the checkpoint with the loss');
like(findings($standby, $common), qr/checkpoint_differs $seals/, 'a seal from before the promotion that was made again is found by the checkpoint before');

$standby->stop;
done_testing();
