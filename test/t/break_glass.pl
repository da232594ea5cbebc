# Care teams with committed transactions: no access before the event is committed or by an older snapshot, no lock for each new patient
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $hidden = 40;
my $node = medrec_node('glass', conf => "max_prepared_transactions = 2\nmax_connections = 20\n");
# migrate() locks all that it makes; what follows has to do with few locks
$node->append_conf('postgresql.conf', "max_locks_per_transaction = 10\n");
$node->restart;
$node->safe_psql('m', qq{
	CREATE ROLE ann LOGIN IN ROLE medrec_clinician;
	CREATE ROLE bob LOGIN IN ROLE medrec_clinician;
	INSERT INTO medrec.account (username, role) VALUES ('ann', 'clinician'), ('bob', 'clinician');
	INSERT INTO medrec.care_team (id, name) VALUES (1, 'ward 1'), (2, 'ward 2');
	INSERT INTO medrec.care_team_member (account, team) SELECT id, CASE username WHEN 'ann' THEN 1 ELSE 2 END FROM medrec.account;
	INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'hidden', 40, 'male', 'H' || i FROM generate_series(1, $hidden) AS i;
	INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('seen', 40, 'male', 'S1');
	INSERT INTO medrec.care_team_patient (patient, team) SELECT id, CASE patient_id WHEN 'S1' THEN 1 ELSE 2 END FROM medrec.patient;
	ALTER DATABASE m SET medrec.care_team_mode = on;
	ANALYZE});

my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

# what ann's session answers
sub ann { return $node->safe_psql('m', join('', map { "$_;\n" } @_), extra_params => ['-U', 'ann', '-q']) }
my $glass = q{SELECT medrec_api.break_glass(patient_id, 'emergency, unconscious') IS NULL FROM (SELECT 'H' || i AS patient_id FROM generate_series(1, 3) AS i) AS p};
my $seen = q{SELECT string_agg(patient_id, ',' ORDER BY patient_id) FROM medrec_api.patients};
my $events = q{SELECT count(*) FROM medrec.audit_event WHERE table_name = 'break_glass' AND action = 'INSERT'};

# estimates do not depend on values that only hidden patients have
sub estimate { my ($where) = @_; (my $plan = ann("EXPLAIN SELECT FROM $where")) =~ s/'(?:hidden|nobody)'/''/g; return $plan }
for my $table ('medrec_api.patients', 'medrec.patient')
{
	is(estimate("$table WHERE name = 'hidden'"), estimate("$table WHERE name = 'nobody'"), "EXPLAIN of $table does not show how many hidden patients match");
	is(estimate("$table WHERE name = ANY ('{hidden}')") =~ s/hidden/nobody/r, estimate("$table WHERE name = ANY ('{nobody}')"), 'EXPLAIN with ANY does not show it');
}
$node->safe_psql('m', q{
	CREATE STATISTICS medrec.names (mcv) ON name, gender, age FROM medrec.patient;
	CREATE STATISTICS medrec.titles ON (upper(name)), (lower(name)) FROM medrec.patient;
	CREATE TABLE part () INHERITS (medrec.patient);
	CREATE INDEX ON part (upper(name));
	INSERT INTO part (name, age, gender, patient_id) SELECT 'hidden', 40, 'male', 'X' || i FROM generate_series(1, 500) AS i;
	INSERT INTO part (name, age, gender, patient_id) SELECT 'n' || i, 40, 'male', 'N' || i FROM generate_series(1, 500) AS i;
	ANALYZE medrec.patient, part});
is(estimate("ONLY medrec.patient WHERE name = 'hidden' AND gender = 'male' AND age = 40"), estimate("ONLY medrec.patient WHERE name = 'nobody' AND gender = 'male' AND age = 40"), 'extended statistics do not show it');
is(estimate("ONLY medrec.patient WHERE upper(name) = 'hidden'"), estimate("ONLY medrec.patient WHERE upper(name) = 'nobody'"), 'statistics of an expression do not show it');
is(estimate("medrec.patient WHERE name = 'hidden'"), estimate("medrec.patient WHERE name = 'nobody'"), 'statistics of a partition do not show it');
is(estimate("medrec.patient WHERE upper(name) = 'hidden'"), estimate("medrec.patient WHERE upper(name) = 'nobody'"), 'statistics of a partition\'s indexes do not show it');
is(estimate("medrec.patient JOIN (VALUES ('hidden')) AS v (n) ON name = n"), estimate("medrec.patient JOIN (VALUES ('nobody')) AS v (n) ON name = n"), 'EXPLAIN of a join does not show it');
is(ann(q{CREATE TEMP TABLE mine AS SELECT 'hidden'::varchar AS n FROM generate_series(1, 100)}, 'ANALYZE mine', 'EXPLAIN SELECT FROM medrec.patient JOIN mine ON name = n', 'TRUNCATE mine', q{INSERT INTO mine SELECT 'nobody' FROM generate_series(1, 100)}, 'ANALYZE mine', 'EXPLAIN SELECT FROM medrec.patient JOIN mine ON name = n')
	=~ /^(.+)\n\1$/s, 1, 'EXPLAIN of a join with a user\'s table does not show it');
is(ann(q{SELECT count(*) FROM pg_stats WHERE schemaname = 'medrec' AND tablename IN ('patient', 'diagnosis', 'treatment')}, 'SELECT count(*) FROM pg_stats_ext', 'SELECT count(*) FROM pg_stats_ext_exprs'), "0\n0\n0", 'pg_stats does not show hidden values');
for my $table ('pg_statistic', 'pg_statistic_ext_data')
{
	isnt($node->psql('m', "SELECT count(*) FROM $table", extra_params => ['-U', 'ann']), 0, "$table cannot be read");
}
$node->safe_psql('m', 'DROP TABLE part; DROP STATISTICS medrec.names, medrec.titles');
isnt($node->safe_psql('m', q{EXPLAIN SELECT FROM medrec.patient WHERE name = 'hidden'}) =~ s/hidden/nobody/r, $node->safe_psql('m', q{EXPLAIN SELECT FROM medrec.patient WHERE name = 'nobody'}), 'estimates are unchanged for a role that sees all patients');

# EXPLAIN ANALYZE, which counts the rows that a policy removed, is refused, in new sessions and in old ones
my $query = q{SELECT FROM medrec_api.patients WHERE name = 'hidden'};
for my $command ("EXPLAIN ANALYZE $query", "EXPLAIN (ANALYZE, TIMING off, COSTS off, SUMMARY off) SELECT 1 WHERE EXISTS ($query)", "EXPLAIN ANALYZE CREATE TEMP TABLE t AS $query", "EXPLAIN ANALYZE DECLARE c CURSOR FOR $query", "PREPARE p AS $query; EXPLAIN ANALYZE EXECUTE p",
	q{EXPLAIN ANALYZE UPDATE medrec.patient SET age = 1 WHERE name = 'hidden'}, 'EXPLAIN ANALYZE SELECT FROM medrec_api.diagnoses AS d JOIN medrec_api.patients AS p ON p.id = d.patient_id', "EXPLAIN ANALYZE SELECT max(name) FROM medrec_api.patients", "EXPLAIN ANALYZE WITH q AS MATERIALIZED ($query) SELECT count(*) FROM q",
	"SET $parallel = on; EXPLAIN ANALYZE $query", qq{DO \$\$BEGIN EXECUTE 'EXPLAIN ANALYZE TABLE medrec_api.patients'; END\$\$}, ($node->pg_version >= 17 ? ("EXPLAIN (ANALYZE, SERIALIZE) $query") : ()))
{
	my ($status, $out, $error) = $node->psql('m', $command, extra_params => ['-U', 'ann'], on_error_stop => 1);
	ok($status && $out !~ /Removed|actual/ && $error =~ /permission denied for EXPLAIN ANALYZE/, $command);
}
like(ann('EXPLAIN ANALYZE SELECT 1'), qr/actual/, 'EXPLAIN ANALYZE of an unrestricted query is allowed');
like($node->safe_psql('m', "EXPLAIN ANALYZE $query"), qr/rows=$hidden /, 'EXPLAIN ANALYZE is allowed for a role that sees all patients');
# auto_explain counts the same for the server's log, and must not break queries
$node->safe_psql('m', q{ALTER ROLE ann SET session_preload_libraries = 'medrec', 'auto_explain'; ALTER ROLE ann SET auto_explain.log_min_duration = 0; ALTER ROLE ann SET auto_explain.log_analyze = 'on'});
is(ann($seen), 'S1', 'auto_explain does not break queries');
$node->safe_psql('m', 'ALTER ROLE ann RESET ALL');

# in a transaction that may be rolled back
is(ann('BEGIN', $glass, $seen, 'ROLLBACK', $seen), "f\nf\nf\nS1\nS1", 'BEGIN, break_glass(), SELECT, ROLLBACK reads no hidden patient');
is(ann($seen, 'BEGIN', $glass, 'SET LOCAL enable_seqscan = off', $seen, 'SET LOCAL plan_cache_mode = force_generic_plan', "PREPARE p AS $seen", 'EXECUTE p', 'ROLLBACK'), "S1\nf\nf\nf\nS1\nS1", 'a cached result, an index or a prepared plan opens no patient');
is(ann('BEGIN', 'SAVEPOINT a', $glass, 'RELEASE a', $seen, 'SAVEPOINT b', $glass, $seen, 'ROLLBACK TO b', $seen, 'ROLLBACK', $seen), "f\nf\nf\nS1\nf\nf\nf\nS1\nS1\nS1", 'a savepoint, released or rolled back, opens no patient');
is(ann('BEGIN ISOLATION LEVEL REPEATABLE READ', $glass, $seen, 'ROLLBACK'), "f\nf\nf\nS1", 'REPEATABLE READ opens no patient before the commit');
is(ann('BEGIN ISOLATION LEVEL SERIALIZABLE', $glass, $seen, 'ROLLBACK'), "f\nf\nf\nS1", 'SERIALIZABLE opens no patient before the commit');
is(ann('BEGIN', $glass, q{DO $$BEGIN IF EXISTS (SELECT FROM medrec_api.patients WHERE name = 'hidden') THEN RAISE EXCEPTION 'seen'; END IF; END$$}, "DECLARE c CURSOR FOR $seen", 'FETCH c', 'ROLLBACK'), "f\nf\nf\nS1", 'a function or cursor reads no hidden patient');
is(ann('BEGIN', 'SET LOCAL parallel_setup_cost = 0', 'SET LOCAL parallel_tuple_cost = 0', 'SET LOCAL min_parallel_table_scan_size = 0', "SET LOCAL $parallel = on", $glass, $seen, 'ROLLBACK'), "f\nf\nf\nS1", 'a parallel worker reads no hidden patient');
is(ann('BEGIN', "DECLARE c CURSOR WITH HOLD FOR $seen", $glass, 'DECLARE d SCROLL CURSOR WITH HOLD FOR SELECT patient_id FROM medrec_api.patients', 'COMMIT', 'FETCH ALL FROM c', 'FETCH ALL FROM d', $seen),
	"f\nf\nf\nS1\nS1\nH1,H2,H3,S1", 'a cursor WITH HOLD reads no hidden patient');
$node->safe_psql('m', q{DELETE FROM medrec.break_glass; });
is(ann('BEGIN', $glass, q{UPDATE medrec_api.patients SET name = 'x' WHERE patient_id = 'H1' RETURNING 1}, 'ROLLBACK'), "f\nf\nf", 'hidden rows cannot be changed before the commit');
is($node->safe_psql('m', $events), '3', 'break_glass that was rolled back leaves no event');
like(slurp_file($node->logfile), qr/account "ann" breaks the glass of a patient/, 'break_glass that was rolled back leaves a line with the account in the log');
unlike(slurp_file($node->logfile), qr/glass of a patient.*H1|STATEMENT:.*break_glass/, 'the line in the log names no patient');

# prepared
is(ann('BEGIN', $glass, q{PREPARE TRANSACTION 'g'}, $seen), "f\nf\nf\nS1", 'PREPARE TRANSACTION opens no patient');
is(ann(q{ROLLBACK PREPARED 'g'}, $seen), 'S1', 'ROLLBACK PREPARED opens no patient');
is(ann('BEGIN', $glass, q{PREPARE TRANSACTION 'g'}, $seen, q{COMMIT PREPARED 'g'}, $seen), "f\nf\nf\nS1\nH1,H2,H3,S1", 'COMMIT PREPARED opens the patient');
is($node->safe_psql('m', $events), '6', 'COMMIT PREPARED leaves the events');

# in time it is shut
$node->safe_psql('m', 'UPDATE medrec.break_glass SET expires_at = clock_timestamp()');
is(ann($seen), 'S1', 'a patient is closed when the time is over');
is(ann($glass, $seen), "f\nf\nf\nH1,H2,H3,S1", 'a committed break_glass opens a patient to the next statement');
is($node->safe_psql('m', $seen, extra_params => ['-U', 'bob']), join(',', sort map { "H$_" } 1 .. $hidden), 'a committed break_glass opens a patient to no other account');
is($node->safe_psql('m', $events . q{ AND session_role = 'ann' AND reason = 'emergency, unconscious'}), '9', 'each committed break_glass leaves an event');
$node->safe_psql('m', 'DELETE FROM medrec.break_glass');

# the event is on disk, whatever the session's settings
my $session = $node->background_psql('m', extra_params => ['-U', 'ann']);
$session->query_safe('SET synchronous_commit = off');
$session->query_safe($glass);
$node->stop('immediate');
eval { $session->quit };
$node->start;
is($node->safe_psql('m', $events), '12', 'a crash right after the answer loses no event');
$node->safe_psql('m', 'DELETE FROM medrec.break_glass');

# what an older snapshot read is not cached for later transactions
my $old = $node->background_psql('m', extra_params => ['-U', 'ann'], on_error_stop => 0);
is($old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"), '1', 'a transaction takes a snapshot');
$node->safe_psql('m', 'DELETE FROM medrec.care_team_patient WHERE team = 1');
is($old->query_safe($seen), '', 'an older snapshot does not read a patient removed from the team');
$old->query_safe('COMMIT');
is($old->query_safe($seen), '', 'the next transaction does not read a patient removed from the team');
$node->safe_psql('m', q{INSERT INTO medrec.care_team_patient (patient, team) SELECT id, 1 FROM medrec.patient WHERE patient_id = 'S1'});
is($old->query_safe($seen), 'S1', 'a patient added to the team again is visible');

# an upsert that waits for another session's INSERT of the same id does not take that patient over
my $id = '00000000-0000-4000-8000-0000000000aa';
my $bob = $node->background_psql('m', extra_params => ['-U', 'bob'], on_error_stop => 0);
$bob->query_safe(qq{BEGIN; INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES ('$id', 'bob''s', 1, 'male', 'B1')});
for my $what ("DO UPDATE SET name = 'taken' RETURNING name", 'DO NOTHING RETURNING name')
{
	$old->{stderr} = '';
	$old->query_until(qr/begun/, qq{\\echo begun\nINSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES ('$id', 'mine', 1, 'male', 'A1') ON CONFLICT (id) $what;\n\\echo ended\n});
	ok($node->poll_query_until('m', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'ann' AND wait_event_type = 'Lock')}), 'the upsert waits');
	$bob->query_safe('COMMIT');
	$old->query_until(qr/ended/, "\n");
	is($node->safe_psql('m', "SELECT name FROM medrec.patient WHERE id = '$id'"), q{bob's}, "ON CONFLICT $what: the other session's patient is unchanged");
	is($node->safe_psql('m', "SELECT count(*) FROM medrec_api.patients WHERE id = '$id'", extra_params => ['-U', 'ann']), '0', 'the other session\'s patient is still hidden');
	$node->safe_psql('m', "DELETE FROM medrec.patient WHERE id = '$id'");
	$bob->query_safe(qq{BEGIN; INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES ('$id', 'bob''s', 1, 'male', 'B1')});
}
$bob->query_safe('ROLLBACK');
$_->quit for $bob, $old;

# a hidden patient's number leaves a line in the log, even after a rollback
sub lines { my $log = slurp_file($node->logfile); return scalar(() = $log =~ /account "ann" has given numbers/g) }
my $new = q{INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES};
$node->psql('m', "$new ('n', 1, 'male', 'H1'), ('n', -1, 'male', 'Z1')", extra_params => ['-U', 'ann']);
is(lines(), 1, 'an INSERT of two rows with a hidden patient\'s number is logged');
ann('BEGIN', "$new ('n', 1, 'male', 'H2') ON CONFLICT DO NOTHING", 'ROLLBACK');
is(lines(), 2, 'ON CONFLICT DO NOTHING that was rolled back is logged');
$node->psql('m', q{UPDATE medrec_api.patients SET patient_id = 'H3' WHERE patient_id = 'S1'}, extra_params => ['-U', 'ann']);
is(lines(), 3, 'an UPDATE to a hidden patient\'s number is logged');
ann('BEGIN', "$new ('n', 1, 'male', 'N1'), ('n', 1, 'male', 'S1') ON CONFLICT DO NOTHING", q{UPDATE medrec_api.patients SET patient_id = patient_id}, 'ROLLBACK');
is(lines(), 3, 'a number of nobody, or of a visible patient, is not logged');
for my $try (["$new ('n', 1, 'male', E' H4 \\t') ON CONFLICT DO NOTHING", 'white space around the number'], [qq{SELECT medrec_api.record_visit('{"patient": {"name": "n", "age": 1, "gender": "male", "patient_id": "H5"}}')}, 'a visit'],
	[q{MERGE INTO medrec.patient AS p USING (VALUES ('H6')) AS v (n) ON p.patient_id = n WHEN NOT MATCHED THEN INSERT (name, age, gender, patient_id) VALUES ('n', 1, 'male', n)}, 'MERGE'],
	["$new ('n', 1, 'male', 'H7') ON CONFLICT (patient_id) DO UPDATE SET name = 'x' WHERE false", 'ON CONFLICT DO UPDATE'])
{
	my $before = lines();
	$node->psql('m', "BEGIN; SAVEPOINT s;\n$try->[0];\nROLLBACK", extra_params => ['-U', 'ann'], on_error_stop => 0);
	is(lines() - $before, 1, "$try->[1]: logged");
}
{
	my $before = lines();
	my $other = $node->background_psql('m', extra_params => ['-U', 'bob']);
	$other->query_safe("BEGIN; $new ('n', 1, 'male', 'W1')");
	my $waiting = $node->background_psql('m', extra_params => ['-U', 'ann'], on_error_stop => 0);
	$waiting->query_until(qr/begun/, "\\echo begun\n$new ('n', 1, 'male', 'W1') ON CONFLICT DO NOTHING;\n\\echo ended\n");
	ok($node->poll_query_until('m', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'ann' AND wait_event_type = 'Lock')}), 'an INSERT waits for another session\'s INSERT of the number');
	is(lines() - $before, 1, 'a number found after waiting is logged');
	$other->query_safe('ROLLBACK');
	$waiting->query_until(qr/ended/, "\n");
	$_->quit for $other, $waiting;
}
my $lines = lines();
ann('BEGIN', "INSERT INTO medrec_api.patients (name, age, gender, patient_id) SELECT 'n', 1, 'male', 'H' || i FROM generate_series(1, $hidden) AS i ON CONFLICT DO NOTHING", 'ROLLBACK');
is(lines() - $lines, 6, 'forty attempts in a transaction leave lines for 1, 2, 4 ... 32');

# many new patients in one statement, while others work
my $patients = $ENV{MEDREC_BULK_PATIENTS} || 8000;
my $bulk = $node->background_psql('m', extra_params => ['-U', 'ann']);
is($bulk->query_safe(qq{BEGIN; WITH n AS (INSERT INTO medrec_api.patients (name, age, gender, patient_id) SELECT 'bulk', 1, 'male', 'X' || i FROM generate_series(1, $patients) AS i RETURNING 1) SELECT count(*) FROM n}), $patients, "$patients patients in one statement");
cmp_ok($node->safe_psql('m', q{SELECT count(*) FROM pg_locks}), '<', 200, 'a large INSERT takes few locks');
is($node->safe_psql('m', "$new ('second', 1, 'male', 'Y1') RETURNING name", extra_params => ['-U', 'bob', '-q']), 'second', 'another client works during a large INSERT');
$bulk->query_safe('COMMIT');
$bulk->quit;
is(ann("SELECT count(*) FROM medrec_api.patients WHERE name = 'bulk'"), $patients, 'the creator sees the inserted patients');
is($node->safe_psql('m', "SELECT count(*) FROM medrec_api.patients WHERE name = 'bulk'", extra_params => ['-U', 'bob']), '0', 'no other account sees the inserted patients');

$node->stop;
done_testing();
