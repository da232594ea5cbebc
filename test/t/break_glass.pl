# Care teams by committed transactions: no access before its event is committed, none by an older snapshot, no lock for each new patient
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
	is(estimate("$table WHERE name = 'hidden'"), estimate("$table WHERE name = 'nobody'"), "EXPLAIN of $table tells nothing of how many hidden patients match");
	is(estimate("$table WHERE name = ANY ('{hidden}')") =~ s/hidden/nobody/r, estimate("$table WHERE name = ANY ('{nobody}')"), 'nor by ANY');
}
$node->safe_psql('m', q{
	CREATE STATISTICS medrec.names (mcv) ON name, gender, age FROM medrec.patient;
	CREATE STATISTICS medrec.titles ON (upper(name)), (lower(name)) FROM medrec.patient;
	CREATE TABLE part () INHERITS (medrec.patient);
	CREATE INDEX ON part (upper(name));
	INSERT INTO part (name, age, gender, patient_id) SELECT 'hidden', 40, 'male', 'X' || i FROM generate_series(1, 500) AS i;
	INSERT INTO part (name, age, gender, patient_id) SELECT 'n' || i, 40, 'male', 'N' || i FROM generate_series(1, 500) AS i;
	ANALYZE medrec.patient, part});
is(estimate("ONLY medrec.patient WHERE name = 'hidden' AND gender = 'male' AND age = 40"), estimate("ONLY medrec.patient WHERE name = 'nobody' AND gender = 'male' AND age = 40"), 'nor by statistics of several columns');
is(estimate("ONLY medrec.patient WHERE upper(name) = 'hidden'"), estimate("ONLY medrec.patient WHERE upper(name) = 'nobody'"), 'nor of an expression');
is(estimate("medrec.patient WHERE name = 'hidden'"), estimate("medrec.patient WHERE name = 'nobody'"), 'nor by those of a part of the table');
is(estimate("medrec.patient WHERE upper(name) = 'hidden'"), estimate("medrec.patient WHERE upper(name) = 'nobody'"), 'or of its indexes');
is(estimate("medrec.patient JOIN (VALUES ('hidden')) AS v (n) ON name = n"), estimate("medrec.patient JOIN (VALUES ('nobody')) AS v (n) ON name = n"), 'nor by a join');
is(ann(q{CREATE TEMP TABLE mine AS SELECT 'hidden'::varchar AS n FROM generate_series(1, 100)}, 'ANALYZE mine', 'EXPLAIN SELECT FROM medrec.patient JOIN mine ON name = n', 'TRUNCATE mine', q{INSERT INTO mine SELECT 'nobody' FROM generate_series(1, 100)}, 'ANALYZE mine', 'EXPLAIN SELECT FROM medrec.patient JOIN mine ON name = n')
	=~ /^(.+)\n\1$/s, 1, 'nor by one with a table of theirs');
is(ann(q{SELECT count(*) FROM pg_stats WHERE schemaname = 'medrec' AND tablename IN ('patient', 'diagnosis', 'treatment')}, 'SELECT count(*) FROM pg_stats_ext', 'SELECT count(*) FROM pg_stats_ext_exprs'), "0\n0\n0", 'nor are statistics shown');
for my $table ('pg_statistic', 'pg_statistic_ext_data')
{
	isnt($node->psql('m', "SELECT count(*) FROM $table", extra_params => ['-U', 'ann']), 0, "$table is shut");
}
$node->safe_psql('m', 'DROP TABLE part; DROP STATISTICS medrec.names, medrec.titles');
isnt($node->safe_psql('m', q{EXPLAIN SELECT FROM medrec.patient WHERE name = 'hidden'}) =~ s/hidden/nobody/r, $node->safe_psql('m', q{EXPLAIN SELECT FROM medrec.patient WHERE name = 'nobody'}), 'for who sees all estimates are as good as ever');

# what counts rows that a policy has removed is refused, in a new session as in an old one
my $query = q{SELECT FROM medrec_api.patients WHERE name = 'hidden'};
for my $command ("EXPLAIN ANALYZE $query", "EXPLAIN (ANALYZE, TIMING off, COSTS off, SUMMARY off) SELECT 1 WHERE EXISTS ($query)", "EXPLAIN ANALYZE CREATE TEMP TABLE t AS $query", "EXPLAIN ANALYZE DECLARE c CURSOR FOR $query", "PREPARE p AS $query; EXPLAIN ANALYZE EXECUTE p",
	q{EXPLAIN ANALYZE UPDATE medrec.patient SET age = 1 WHERE name = 'hidden'}, 'EXPLAIN ANALYZE SELECT FROM medrec_api.diagnoses AS d JOIN medrec_api.patients AS p ON p.id = d.patient_id', "EXPLAIN ANALYZE SELECT max(name) FROM medrec_api.patients", "EXPLAIN ANALYZE WITH q AS MATERIALIZED ($query) SELECT count(*) FROM q",
	"SET $parallel = on; EXPLAIN ANALYZE $query", qq{DO \$\$BEGIN EXECUTE 'EXPLAIN ANALYZE TABLE medrec_api.patients'; END\$\$}, ($node->pg_version >= 17 ? ("EXPLAIN (ANALYZE, SERIALIZE) $query") : ()))
{
	my ($status, $out, $error) = $node->psql('m', $command, extra_params => ['-U', 'ann'], on_error_stop => 1);
	ok($status && $out !~ /Removed|actual/ && $error =~ /permission denied for EXPLAIN ANALYZE/, $command);
}
like(ann('EXPLAIN ANALYZE SELECT 1'), qr/actual/, 'EXPLAIN ANALYZE of what no policy holds is not');
like($node->safe_psql('m', "EXPLAIN ANALYZE $query"), qr/rows=$hidden /, 'nor that of who sees all');
# the same counting for the server's log, set by a superuser, gets in nobody's way
$node->safe_psql('m', q{ALTER ROLE ann SET session_preload_libraries = 'medrec', 'auto_explain'; ALTER ROLE ann SET auto_explain.log_min_duration = 0; ALTER ROLE ann SET auto_explain.log_analyze = 'on'});
is(ann($seen), 'S1', 'auto_explain gets in nobody\'s way');
$node->safe_psql('m', 'ALTER ROLE ann RESET ALL');

# in the transaction that may yet be rolled back
is(ann('BEGIN', $glass, $seen, 'ROLLBACK', $seen), "f\nf\nf\nS1\nS1", 'BEGIN, break_glass(), SELECT, ROLLBACK reads no hidden patient');
is(ann($seen, 'BEGIN', $glass, 'SET LOCAL enable_seqscan = off', $seen, 'SET LOCAL plan_cache_mode = force_generic_plan', "PREPARE p AS $seen", 'EXECUTE p', 'ROLLBACK'), "S1\nf\nf\nf\nS1\nS1", 'nor with what was remembered before, nor by an index or a prepared plan');
is(ann('BEGIN', 'SAVEPOINT a', $glass, 'RELEASE a', $seen, 'SAVEPOINT b', $glass, $seen, 'ROLLBACK TO b', $seen, 'ROLLBACK', $seen), "f\nf\nf\nS1\nf\nf\nf\nS1\nS1\nS1", 'nor by a savepoint, released or rolled back');
is(ann('BEGIN ISOLATION LEVEL REPEATABLE READ', $glass, $seen, 'ROLLBACK'), "f\nf\nf\nS1", 'nor in REPEATABLE READ');
is(ann('BEGIN ISOLATION LEVEL SERIALIZABLE', $glass, $seen, 'ROLLBACK'), "f\nf\nf\nS1", 'nor in SERIALIZABLE');
is(ann('BEGIN', $glass, q{DO $$BEGIN IF EXISTS (SELECT FROM medrec_api.patients WHERE name = 'hidden') THEN RAISE EXCEPTION 'seen'; END IF; END$$}, "DECLARE c CURSOR FOR $seen", 'FETCH c', 'ROLLBACK'), "f\nf\nf\nS1", 'nor in a function or a cursor');
is(ann('BEGIN', 'SET LOCAL parallel_setup_cost = 0', 'SET LOCAL parallel_tuple_cost = 0', 'SET LOCAL min_parallel_table_scan_size = 0', "SET LOCAL $parallel = on", $glass, $seen, 'ROLLBACK'), "f\nf\nf\nS1", 'nor in a parallel worker');
is(ann('BEGIN', "DECLARE c CURSOR WITH HOLD FOR $seen", $glass, 'DECLARE d SCROLL CURSOR WITH HOLD FOR SELECT patient_id FROM medrec_api.patients', 'COMMIT', 'FETCH ALL FROM c', 'FETCH ALL FROM d', $seen),
	"f\nf\nf\nS1\nS1\nH1,H2,H3,S1", 'nor by a cursor that the commit has filled');
$node->safe_psql('m', q{DELETE FROM medrec.break_glass; });
is(ann('BEGIN', $glass, q{UPDATE medrec_api.patients SET name = 'x' WHERE patient_id = 'H1' RETURNING 1}, 'ROLLBACK'), "f\nf\nf", 'and nothing is changed');
is($node->safe_psql('m', $events), '3', 'what has not been committed has left no event');
like(slurp_file($node->logfile), qr/account "ann" breaks the glass of a patient/, 'but a line in the log that says who');
unlike(slurp_file($node->logfile), qr/glass of a patient.*H1|STATEMENT:.*break_glass/, 'and no patient');

# prepared
is(ann('BEGIN', $glass, q{PREPARE TRANSACTION 'g'}, $seen), "f\nf\nf\nS1", 'a prepared transaction opens nothing');
is(ann(q{ROLLBACK PREPARED 'g'}, $seen), 'S1', 'nor one that is rolled back');
is(ann('BEGIN', $glass, q{PREPARE TRANSACTION 'g'}, $seen, q{COMMIT PREPARED 'g'}, $seen), "f\nf\nf\nS1\nH1,H2,H3,S1", 'only its commit');
is($node->safe_psql('m', $events), '6', 'which leaves the events');

# in time it is shut
$node->safe_psql('m', 'UPDATE medrec.break_glass SET expires_at = clock_timestamp()');
is(ann($seen), 'S1', 'in time they are shut again');
is(ann($glass, $seen), "f\nf\nf\nH1,H2,H3,S1", 'a committed call opens them to the next statement');
is($node->safe_psql('m', $seen, extra_params => ['-U', 'bob']), join(',', sort map { "H$_" } 1 .. $hidden), 'to nobody else');
is($node->safe_psql('m', $events . q{ AND session_role = 'ann' AND reason = 'emergency, unconscious'}), '9', 'each with its event');
$node->safe_psql('m', 'DELETE FROM medrec.break_glass');

# whatever the session has set, the event is on disk
my $session = $node->background_psql('m', extra_params => ['-U', 'ann']);
$session->query_safe('SET synchronous_commit = off');
$session->query_safe($glass);
$node->stop('immediate');
eval { $session->quit };
$node->start;
is($node->safe_psql('m', $events), '12', 'a crash right after the answer loses no event');
$node->safe_psql('m', 'DELETE FROM medrec.break_glass');

# what a transaction with an older snapshot has read is not kept for those that follow
my $old = $node->background_psql('m', extra_params => ['-U', 'ann'], on_error_stop => 0);
is($old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"), '1', 'an old snapshot is taken');
$node->safe_psql('m', 'DELETE FROM medrec.care_team_patient WHERE team = 1');
is($old->query_safe($seen), '', 'whom a team has lost is not read by an older snapshot');
$old->query_safe('COMMIT');
is($old->query_safe($seen), '', 'nor after it');
$node->safe_psql('m', q{INSERT INTO medrec.care_team_patient (patient, team) SELECT id, 1 FROM medrec.patient WHERE patient_id = 'S1'});
is($old->query_safe($seen), 'S1', 'and who is back is seen again');

# an upsert that waits for another's INSERT of the same id does not take that patient for its own
my $id = '00000000-0000-4000-8000-0000000000aa';
my $bob = $node->background_psql('m', extra_params => ['-U', 'bob'], on_error_stop => 0);
$bob->query_safe(qq{BEGIN; INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES ('$id', 'bob''s', 1, 'male', 'B1')});
for my $what ("DO UPDATE SET name = 'taken' RETURNING name", 'DO NOTHING RETURNING name')
{
	$old->{stderr} = '';
	$old->query_until(qr/begun/, qq{\\echo begun\nINSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES ('$id', 'mine', 1, 'male', 'A1') ON CONFLICT (id) $what;\n\\echo ended\n});
	ok($node->poll_query_until('m', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'ann' AND wait_event_type = 'Lock')}), 'it waits');
	$bob->query_safe('COMMIT');
	$old->query_until(qr/ended/, "\n");
	is($node->safe_psql('m', "SELECT name FROM medrec.patient WHERE id = '$id'"), q{bob's}, "ON CONFLICT $what: the patient stays as they are");
	is($node->safe_psql('m', "SELECT count(*) FROM medrec_api.patients WHERE id = '$id'", extra_params => ['-U', 'ann']), '0', 'and hidden');
	$node->safe_psql('m', "DELETE FROM medrec.patient WHERE id = '$id'");
	$bob->query_safe(qq{BEGIN; INSERT INTO medrec_api.patients (id, name, age, gender, patient_id) VALUES ('$id', 'bob''s', 1, 'male', 'B1')});
}
$bob->query_safe('ROLLBACK');
$_->quit for $bob, $old;

# a number that is a hidden patient's leaves a line in the log, whatever is rolled back
sub lines { my $log = slurp_file($node->logfile); return scalar(() = $log =~ /account "ann" has given numbers/g) }
my $new = q{INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES};
$node->psql('m', "$new ('n', 1, 'male', 'H1'), ('n', -1, 'male', 'Z1')", extra_params => ['-U', 'ann']);
is(lines(), 1, 'two rows, the number of a hidden patient first: counted');
ann('BEGIN', "$new ('n', 1, 'male', 'H2') ON CONFLICT DO NOTHING", 'ROLLBACK');
is(lines(), 2, 'ON CONFLICT DO NOTHING, rolled back: counted');
$node->psql('m', q{UPDATE medrec_api.patients SET patient_id = 'H3' WHERE patient_id = 'S1'}, extra_params => ['-U', 'ann']);
is(lines(), 3, 'an UPDATE: counted');
ann('BEGIN', "$new ('n', 1, 'male', 'N1'), ('n', 1, 'male', 'S1') ON CONFLICT DO NOTHING", q{UPDATE medrec_api.patients SET patient_id = patient_id}, 'ROLLBACK');
is(lines(), 3, 'a number of nobody, or of a patient who is seen, is not');
for my $try (["$new ('n', 1, 'male', E' H4 \\t') ON CONFLICT DO NOTHING", 'white space around the number'], [qq{SELECT medrec_api.record_visit('{"patient": {"name": "n", "age": 1, "gender": "male", "patient_id": "H5"}}')}, 'a visit'],
	[q{MERGE INTO medrec.patient AS p USING (VALUES ('H6')) AS v (n) ON p.patient_id = n WHEN NOT MATCHED THEN INSERT (name, age, gender, patient_id) VALUES ('n', 1, 'male', n)}, 'MERGE'],
	["$new ('n', 1, 'male', 'H7') ON CONFLICT (patient_id) DO UPDATE SET name = 'x' WHERE false", 'ON CONFLICT DO UPDATE'])
{
	my $before = lines();
	$node->psql('m', "BEGIN; SAVEPOINT s;\n$try->[0];\nROLLBACK", extra_params => ['-U', 'ann'], on_error_stop => 0);
	is(lines() - $before, 1, "$try->[1]: counted");
}
{
	my $before = lines();
	my $other = $node->background_psql('m', extra_params => ['-U', 'bob']);
	$other->query_safe("BEGIN; $new ('n', 1, 'male', 'W1')");
	my $waiting = $node->background_psql('m', extra_params => ['-U', 'ann'], on_error_stop => 0);
	$waiting->query_until(qr/begun/, "\\echo begun\n$new ('n', 1, 'male', 'W1') ON CONFLICT DO NOTHING;\n\\echo ended\n");
	ok($node->poll_query_until('m', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'ann' AND wait_event_type = 'Lock')}), 'a number that another session gives to a patient is waited for');
	is(lines() - $before, 1, 'and counted');
	$other->query_safe('ROLLBACK');
	$waiting->query_until(qr/ended/, "\n");
	$_->quit for $other, $waiting;
}
my $lines = lines();
ann('BEGIN', "INSERT INTO medrec_api.patients (name, age, gender, patient_id) SELECT 'n', 1, 'male', 'H' || i FROM generate_series(1, $hidden) AS i ON CONFLICT DO NOTHING", 'ROLLBACK');
is(lines() - $lines, 6, 'forty in a transaction leave lines for 1, 2, 4 ... 32');

# many new patients in one statement, beside others who work
my $patients = $ENV{MEDREC_BULK_PATIENTS} || 8000;
my $bulk = $node->background_psql('m', extra_params => ['-U', 'ann']);
is($bulk->query_safe(qq{BEGIN; WITH n AS (INSERT INTO medrec_api.patients (name, age, gender, patient_id) SELECT 'bulk', 1, 'male', 'X' || i FROM generate_series(1, $patients) AS i RETURNING 1) SELECT count(*) FROM n}), $patients, "$patients patients in one statement");
cmp_ok($node->safe_psql('m', q{SELECT count(*) FROM pg_locks}), '<', 200, 'hold few locks');
is($node->safe_psql('m', "$new ('second', 1, 'male', 'Y1') RETURNING name", extra_params => ['-U', 'bob', '-q']), 'second', 'and another client goes on working');
$bulk->query_safe('COMMIT');
$bulk->quit;
is(ann("SELECT count(*) FROM medrec_api.patients WHERE name = 'bulk'"), $patients, 'they are seen by who made them');
is($node->safe_psql('m', "SELECT count(*) FROM medrec_api.patients WHERE name = 'bulk'", extra_params => ['-U', 'bob']), '0', 'and by nobody else');

$node->stop;
done_testing();
