# An error while a session first looks up the era leaves nothing behind: later events have the right era, are sealed and verify
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('era');
my $insert = "INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('E', 1, 'other', '%s')";
my $verify = 'SELECT kind, era, detail FROM medrec.verify_audit()';

# A session whose first write fails while it reads audit_era, by the settings given, and which then writes successfully.
sub interrupted
{
	my ($id, $settings, $error) = @_;
	my $holder = $node->background_psql('m');
	$holder->query_safe('BEGIN');
	$holder->query_safe('LOCK TABLE medrec.audit_era IN ACCESS EXCLUSIVE MODE');
	my $session = $node->background_psql('m', on_error_stop => 0);
	$session->query($settings);
	$session->query(sprintf $insert, "$id-first");
	like($session->{stderr}, $error, "$id: the first write fails on audit_era");
	$session->{stderr} = '';
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	$session->query('RESET lock_timeout; RESET statement_timeout');
	$session->query(sprintf $insert, "$id-then");
	$session->quit;
	is($node->safe_psql('m', "SELECT era FROM medrec.audit_event WHERE new_values ->> 'patient_id' = '$id-then'"), '1', "$id: the next event has the current era");
	return;
}

interrupted('lock', q{SET lock_timeout = '50ms'}, qr/lock timeout/);
interrupted('time', q{SET statement_timeout = '200ms'}, qr/statement timeout/);
$node->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
is($node->safe_psql('m', $verify), '', 'the trail verifies');
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event AS e WHERE NOT EXISTS (SELECT FROM medrec.audit_seal AS s WHERE s.era = e.era AND e.xid >= s.first_xid AND e.xid < s.end_xid)'), '0', 'every event is sealed');

# events that 0.1 wrote in era 0 after such an error are reported as such
my $change = q{
	SET session_replication_role = replica;
	ALTER TABLE medrec.audit_event DISABLE TRIGGER medrec_append_only;
	ALTER TABLE medrec.audit_event DISABLE TRIGGER medrec_append_only_row;
	%s;
	ALTER TABLE medrec.audit_event ENABLE ALWAYS TRIGGER medrec_append_only;
	ALTER TABLE medrec.audit_event ENABLE ALWAYS TRIGGER medrec_append_only_row};
$node->safe_psql('m', sprintf $insert, 'old');
$node->safe_psql('m', sprintf $change, q{UPDATE medrec.audit_event SET era = 0 WHERE new_values ->> 'patient_id' = 'old';
	UPDATE medrec.audit_event SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(era, xid, n)) WHERE era = 0});
is($node->safe_psql('m', $verify), 'event_without_era|0|content and leaf agree, but no seal covers it', 'an event of era 0 is reported');
$node->safe_psql('m', sprintf $change, q{UPDATE medrec.audit_event SET account = 'somebody else' WHERE era = 0});
is($node->safe_psql('m', $verify), 'event_without_era|0|content and leaf do not agree, and no seal covers it', 'the finding says whether the event was changed');

amcheck_ok($node, 'no index lacks an event');
$node->stop;
done_testing();
