# A session whose first write is cancelled (by a statement timeout at any moment, or waiting for any lock that it takes) and which
# then writes successfully: every index finds every event, the trail is sealed and verifies, records and history agree with it.
# MEDREC_CANCELS: sessions whose first write is ended by a statement timeout (default 150).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use MedrecNode;

my $cancels = $ENV{MEDREC_CANCELS} || 150;
my $node = medrec_node('cancels', conf => "log_statement = none\nautovacuum = off\n");

# The partition being written, with indexes of several kinds in addition to those of medrec; care teams and codes are read as well.
my $partition = $node->safe_psql('m', q{SELECT 'medrec.audit_event_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')});
$node->safe_psql('m', "CREATE INDEX cancels_n ON $partition (n); CREATE INDEX cancels_leaf ON $partition (leaf);
	CREATE INDEX cancels_logged_at ON $partition USING brin (logged_at)");
my @brin = split /\n/, $node->safe_psql('m', "SELECT x.indexrelid::regclass FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid
	JOIN pg_am AS a ON a.oid = c.relam WHERE x.indrelid = '$partition'::regclass AND a.amname = 'brin'");
# an index writes an entry only for ranges of pages that it has summarized
my $summarize = join ' ', map { "SELECT brin_summarize_new_values('$_');" } @brin;

# A first write, and those that follow it in the same session.
sub first_write { my ($id) = @_; return "INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('First', 1, 'other', 'F$id');" }
sub good_writes
{
	my ($id) = @_;
	return "INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Good', 2, 'other', 'G$id');
		INSERT INTO medrec.diagnosis (patient_id, code, code_system) SELECT id, 'E11.9', 'ICD-10-CM' FROM medrec.patient WHERE patient_id = 'G$id';
		UPDATE medrec.patient SET age = 3 WHERE patient_id = 'G$id';";
}
my $good = 0;

# By time: each session is a connection of its own. A timeout at the very end of the write hits the COMMIT; the server then reports
# it as a user's request.
my $start = time;
my $script = "\\set QUIET on\n$summarize\n";
for my $n (1 .. $cancels)
{
	my $timeout = 1 + $n % 14;
	# the timeout ends with the transaction: a RESET might be cancelled itself
	$script .= "\\connect -\nSET client_min_messages = error;\nBEGIN;\nSET LOCAL statement_timeout = '${timeout}ms';\n" . first_write("t$n")
		. "\nCOMMIT;\n" . good_writes("t$n") . "\n";
	$script .= "$summarize\n" if $n % 10 == 0;
	$good++;
}
my ($status, undef, $errors) = $node->psql('m', $script, on_error_stop => 0);
my $cancelled = () = $errors =~ /statement timeout/g;
note(sprintf '%d of %d first writes were cancelled, in %.0f s', $cancelled, $cancels, time - $start);
cmp_ok($cancelled, '>', 0, 'some first writes were cancelled');
unlike($errors, qr/ERROR:  (?!canceling statement due to (?:statement timeout|user request))/, 'no write failed for another reason');

# By lock: every table of medrec, and every index that a write reads or writes.
my @tables = split /\n/, $node->safe_psql('m', q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'medrec'::regnamespace
	AND relkind IN ('r', 'p') AND (relname !~ '_\d{4}_\d{2}$' OR oid = '} . $partition . q{'::regclass) ORDER BY relname});
my @indexes = split /\n/, $node->safe_psql('m', qq{SELECT x.indexrelid::regclass FROM pg_index AS x
	WHERE x.indrelid IN ('$partition'::regclass, 'medrec.patient'::regclass, 'medrec.diagnosis'::regclass, 'medrec.audit_era'::regclass,
		'medrec.code'::regclass, 'medrec.code_release'::regclass)});
my $waited = 0;
my $holder = $node->background_psql('m');
for my $relation (@tables, @indexes)
{
	my $is_index = grep { $_ eq $relation } @indexes;
	my $id = "l$good";
	my $session = $node->background_psql('m', on_error_stop => 0);
	$holder->query_safe('SET client_min_messages = error; BEGIN');
	# takes an exclusive lock on the index alone
	$holder->query_safe($is_index ? "ALTER INDEX $relation SET TABLESPACE pg_default" : "LOCK TABLE ONLY $relation IN ACCESS EXCLUSIVE MODE");
	$session->query("SET client_min_messages = error; SET lock_timeout = '15ms'");
	$session->query(first_write($id) . "INSERT INTO medrec.diagnosis (patient_id, code, code_system) SELECT id, 'E11.9', 'ICD-10-CM' FROM medrec.patient LIMIT 1;");
	$waited++ if $session->{stderr} =~ /lock timeout/;
	$session->{stderr} = '';
	$holder->query_safe('ROLLBACK');
	$session->query('RESET lock_timeout; ' . $summarize . good_writes($id));
	is($session->{stderr}, '', "after a lock on $relation the session writes");
	$session->quit;
	$good++;
}
$holder->quit;
cmp_ok($waited, '>=', 8, "$waited relations blocked a first write");

# The intent of a function's UPDATE ends with the UPDATE, however that ends: a trigger of the user waits in it, or fails.
$node->safe_psql('m', q{
	INSERT INTO medrec.patient (id, name, age, gender, patient_id, last_visit)
		VALUES ('00000000-0000-0000-0000-000000000001', 'Intent', 1, 'other', 'I1', '2020-01-01');
	INSERT INTO medrec.diagnosis (id, patient_id, code, suggestions)
		VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'E11.9', '[{"code": "I10"}]');
	INSERT INTO medrec.treatment (id, patient_id, code, suggestions)
		VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', '99213', '[{"code": "99214"}]');
	CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		CASE current_setting('cancels.hold', true)
			WHEN 'wait' THEN PERFORM pg_sleep(60);
			WHEN 'fail' THEN RAISE EXCEPTION 'failed';
			WHEN 'accept' THEN PERFORM medrec.accept_suggestion('00000000-0000-0000-0000-000000000003', '99214');
			ELSE NULL;
		END CASE;
		RETURN NULL;
	END $$;
	CREATE TRIGGER a_hold BEFORE UPDATE ON medrec.diagnosis FOR EACH STATEMENT EXECUTE FUNCTION public.hold();
	UPDATE medrec.patient SET last_visit = '2020-01-01' WHERE patient_id = 'I1'});
my %writes = (accept => q{SELECT FROM medrec.accept_suggestion('00000000-0000-0000-0000-000000000002', 'I10')},
	revalidate => q{SELECT FROM medrec.revalidate_batch('ICD-10-CM', NULL, 100000)});
my $forge = q{UPDATE medrec.diagnosis SET code = 'I10', status = 'corrected' WHERE id = '00000000-0000-0000-0000-000000000002'};
my $refused = qr/status may only be set/;
for my $write (sort keys %writes)
{
	for my $end ('wait', 'fail')
	{
		my $hold = "SET cancels.hold = '$end'; SET statement_timeout = '" . ($end eq 'wait' ? '100ms' : '0') . "'";
		my $ended = $end eq 'wait' ? qr/statement timeout/ : qr/failed/;
		my $session = $node->background_psql('m', on_error_stop => 0);
		$session->query("$hold; $writes{$write};");
		like($session->{stderr}, $ended, "$write, $end: ended");
		$session->{stderr} = '';
		$session->query("RESET cancels.hold; RESET statement_timeout; $forge;");
		like($session->{stderr}, $refused, "$write, $end: the session cannot forge a decision afterwards");
		$session->{stderr} = '';
		$session->query("BEGIN; SAVEPOINT s; $hold; $writes{$write};");
		like($session->{stderr}, $ended, "$write, $end: ended in a subtransaction");
		$session->{stderr} = '';
		$session->query("ROLLBACK TO s; $forge;");
		like($session->{stderr}, $refused, "$write, $end: the transaction cannot forge a decision afterwards");
		$session->{stderr} = '';
		$session->query("ROLLBACK TO s; UPDATE medrec.diagnosis SET description = 'seen' WHERE id = '00000000-0000-0000-0000-000000000002';");
		is($session->query(q{SELECT last_visit = now() FROM medrec.patient WHERE patient_id = 'I1'}), 't', "$write, $end: a later UPDATE moves last_visit");
		is($session->{stderr}, '', "$write, $end: a later UPDATE does not fail");
		$session->query('ROLLBACK');
		$session->quit;
	}
}
my (undef, $nested, $nested_error) = $node->psql('m',
	"SET cancels.hold = 'accept'; SELECT r ->> 'status' FROM medrec.accept_suggestion('00000000-0000-0000-0000-000000000002', 'I10') AS r");
is("$nested$nested_error", 'corrected', 'a suggestion is accepted though a trigger of the user accepts another one');
is($node->safe_psql('m', 'SELECT code, status FROM medrec.treatment'), '99214|corrected', 'the suggestion that the trigger accepts is accepted too');
$node->safe_psql('m', 'DROP TRIGGER a_hold ON medrec.diagnosis');

is($node->safe_psql('m', "SELECT count(*) FROM medrec.patient WHERE patient_id LIKE 'G%'"), $good, 'all later writes are stored');
amcheck_ok($node, 'every index has every row');
$node->safe_psql('m', 'SELECT FROM medrec.seal_audit()');
is($node->safe_psql('m', 'SELECT kind, count(*), min(detail) FROM medrec.verify_audit() GROUP BY kind'), '', 'the trail verifies');
is($node->safe_psql('m', 'SELECT kind, count(*) FROM medrec.verify_records() GROUP BY kind'), '', 'the records agree with their events');
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.audit_event AS e WHERE NOT EXISTS (SELECT FROM medrec.audit_seal AS s
	WHERE s.era = e.era AND e.xid >= s.first_xid AND e.xid < s.end_xid)'), 0, 'every event is sealed');
is($node->safe_psql('m', "SET enable_seqscan = off; SELECT count(*) FROM medrec.patient AS p
	WHERE patient_id LIKE 'G%' AND 2 <> (SELECT count(*) FROM medrec.history('patient', p.id::text))"), 0, 'history() finds both versions of each patient');
$node->stop;
done_testing();
