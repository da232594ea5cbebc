# What PostgREST's sessions may not do, and what the server's log does not show of them: any form of statement, any log.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use MedrecNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = medrec_node('statements', conf => <<'EOF');
logging_collector = on
log_destination = 'stderr, csvlog, jsonlog'
log_statement = all
log_min_duration_statement = 0
log_min_error_statement = error
log_min_messages = debug1
log_error_verbosity = verbose
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
debug_print_parse = on
log_lock_waits = on
log_temp_files = 0
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
EOF
$node->safe_psql('m', q{
	INSERT INTO medrec.patient (name, age, gender, patient_id) SELECT 'Someone', 40, 'female', 'P' || n FROM generate_series(1, 20) AS n;
	INSERT INTO medrec.diagnosis (patient_id, code) SELECT id, 'I10' FROM medrec.patient;
	CREATE SCHEMA other;
	CREATE VIEW other.people WITH (security_invoker = true) AS SELECT * FROM medrec_api.patients;
	CREATE TABLE other.plain (id integer);
	INSERT INTO other.plain VALUES (1), (2);
	CREATE FUNCTION other.all_of_them() RETURNS integer LANGUAGE sql AS 'UPDATE medrec.patient SET age = age; SELECT 1';
	CREATE FUNCTION other.shout(words text) RETURNS integer LANGUAGE plpgsql AS $$
	BEGIN
		RAISE LOG '%', words; RAISE WARNING 'warned of %', words USING DETAIL = words;
		EXECUTE format('SELECT %L::integer', words); RETURN 1;
	END$$;
	GRANT USAGE ON SCHEMA other TO PUBLIC;
	GRANT ALL ON ALL TABLES IN SCHEMA other TO PUBLIC});

# As PostgREST connects, in a role.
sub as
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('m', "SET ROLE $role;\n$sql", connstr => $node->connstr('m') . ' user=medrec_authenticator');
	return wantarray ? ($status, $out, $err) : $err;
}

is($node->safe_psql('m', q{SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'medrec_authenticator'::regrole}), '{"session_preload_libraries=auto_explain, medrec"}', 'the step lets the role preload medrec, after what the server does');

my $all = $node->safe_psql('m', 'SELECT md5(string_agg(p::text, $$$$ ORDER BY id)) FROM medrec.patient AS p');
my $filter = qr/PATCH and DELETE need a filter/;
for my $sql (
	'UPDATE medrec_api.patients SET age = 1',
	'UPDATE medrec_api.patients SET age = 1 WHERE true',
	'UPDATE medrec_api.patients SET age = 1 WHERE 1 = 1 AND (true AND now() IS NOT NULL)',
	"UPDATE medrec_api.patients SET age = 1 WHERE current_setting('application_name') IS NOT NULL",
	'UPDATE medrec_api.patients SET age = 1 WHERE EXISTS (SELECT FROM medrec_api.diagnoses)',
	'UPDATE medrec.patient SET age = 1', 'UPDATE ONLY medrec.patient SET age = 1', 'UPDATE other.people SET age = 1',
	'WITH a AS (UPDATE medrec_api.patients SET age = 1 RETURNING 1) SELECT count(*) FROM a',
	'WITH a AS (SELECT id FROM medrec_api.patients ORDER BY id LIMIT 10), b AS (UPDATE medrec_api.patients AS p SET age = 1 FROM a WHERE p.id = a.id RETURNING 1) SELECT count(*) FROM b',
	'UPDATE medrec_api.patients AS p SET age = 1 FROM (SELECT id FROM medrec_api.patients LIMIT 10) AS a WHERE p.id = a.id',
	'WITH c AS (SELECT id FROM medrec_api.patients), a AS (SELECT id FROM c LIMIT 10) UPDATE medrec_api.patients AS p SET age = 1 FROM a WHERE p.id = a.id AND true',
	'UPDATE medrec_api.patients AS p SET age = j.age FROM (SELECT $$[{"age": 1}]$$::json AS data) AS d, LATERAL json_to_recordset(d.data) AS j (age integer)',
	'EXPLAIN UPDATE medrec_api.patients SET age = 1', 'EXPLAIN ANALYZE UPDATE medrec_api.patients SET age = 1', 'PREPARE s AS UPDATE medrec_api.patients SET age = 1',
	'COPY (UPDATE medrec_api.patients SET age = 1 RETURNING 1) TO STDOUT', 'SELECT 1; UPDATE medrec_api.patients SET age = 1', 'BEGIN; UPDATE medrec_api.patients SET age = 1; COMMIT')
{
	like(scalar as('medrec_clinician', $sql), $filter, "refused: $sql");
}
for my $sql ('DELETE FROM medrec_api.diagnoses', 'DELETE FROM medrec.diagnosis WHERE true', 'WITH a AS (DELETE FROM medrec_api.treatments RETURNING 1) SELECT count(*) FROM a',
	'DELETE FROM medrec_api.diagnoses AS d USING (SELECT id FROM medrec_api.diagnoses OFFSET 1) AS a WHERE d.id = a.id', 'DELETE FROM medrec_api.accounts', 'UPDATE medrec_api.care_teams SET name = name')
{
	like(scalar as('medrec_admin', $sql), $filter, "refused: $sql");
}
is($node->safe_psql('m', 'SELECT md5(string_agg(p::text, $$$$ ORDER BY id)) FROM medrec.patient AS p'), $all, 'refused statements changed no row');
is($node->safe_psql('m', 'SELECT count(*) FROM medrec.diagnosis'), '20', 'refused statements deleted no row');

for my $sql (
	'UPDATE medrec_api.patients SET age = 2 WHERE id IS NOT NULL', "UPDATE medrec_api.patients SET age = 2 WHERE patient_id = 'P1'", "UPDATE medrec_api.patients SET age = 2 WHERE false OR patient_id = 'P1'",
	"WITH a AS (SELECT id FROM medrec_api.patients WHERE patient_id = 'P1' LIMIT 1), b AS (UPDATE medrec_api.patients AS p SET age = 2 FROM a WHERE p.id = a.id RETURNING 1) SELECT count(*) FROM b",
	'UPDATE medrec_api.patients AS p SET age = 2 FROM medrec_api.diagnoses AS d WHERE d.patient_id = p.id', 'UPDATE other.plain SET id = id', 'DELETE FROM other.plain',
	'SELECT other.all_of_them()', 'DO $$BEGIN UPDATE medrec_api.patients SET age = 2; END$$', 'EXPLAIN SELECT * FROM medrec_api.patients',
	"INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES ('A', 1, 'male', 'P1') ON CONFLICT (patient_id) DO UPDATE SET age = 2")
{
	my ($status, undef, $err) = as('medrec_clinician', $sql);
	ok($status == 0, "passes: $sql") or diag($err);
}
for my $user ('postgres', 'someone')
{
	$node->safe_psql('m', 'CREATE ROLE someone LOGIN IN ROLE medrec_clinician') if $user eq 'someone';
	my $name = $user eq 'postgres' ? $node->safe_psql('m', 'SELECT current_user') : $user;
	my ($status, undef, $err) = $node->psql('m', "LOAD 'medrec'; UPDATE medrec.patient SET age = 3", connstr => $node->connstr('m') . " user=$name") if $user eq 'postgres';
	($status, undef, $err) = $node->psql('m', 'SELECT medrec.check_code($$ICD-10-CM$$, $$I10$$); UPDATE medrec.patient SET age = 3', connstr => $node->connstr('m') . " user=$name") if $user ne 'postgres';
	is($status, 0, "an SQL user writes what they like: $user") or diag($err);
}

# The logs.
my $secret = 'Jane Roe, syphilis';

sub logs
{
	return join '', map { slurp_file($_) } glob($node->data_dir . '/log/*');
}
my @quiet = (
	"SELECT '$secret'::integer", "SELECT 1 AS \"$secret\", x", "SELEC '$secret'", "INSERT INTO medrec_api.patients (name, age, gender, patient_id) VALUES ('$secret', 1, '$secret', 'X')",
	"SELECT other.shout('$secret')", "DO \$\$BEGIN RAISE EXCEPTION '$secret' USING DETAIL = '$secret', HINT = '$secret'; END\$\$", "SELECT * FROM medrec_api.patients WHERE name = '$secret'",
	"PREPARE q (text) AS SELECT \$1::integer; EXECUTE q ('$secret')", "SELECT set_config('request.jwt.claims', '$secret', false)", "SET ROLE \"$secret\"", "SELECT json '{$secret}'",
	"SELECT '$secret'::date", "SELECT '$secret'::uuid", "RAISE '$secret'", "SET debug_parallel_query = on; SELECT name::integer FROM medrec_api.patients WHERE name = '$secret' OR true",
	"SET force_parallel_mode = on; SELECT (name || '$secret')::integer FROM medrec_api.patients", "SELECT '$secret" . ('x' x 3_000_000) . "'::integer", "\\set VERBOSITY verbose\nSELECT '$secret'::float8");
my $before = length(logs());
my @answers = map { scalar as('medrec_clinician', $_) } @quiet;
like($answers[0], qr/invalid input syntax for type integer: "$secret"/, 'the client gets the whole message');
like($answers[4], qr/WARNING:  warned of $secret\nDETAIL:  $secret.*invalid input syntax.*CONTEXT:/s, 'the client gets detail and context');
like($answers[5], qr/$secret\nDETAIL:  $secret\nHINT:  $secret/, 'the client gets the hint');
my $logs = logs();
unlike($logs, qr/Jane|syphilis|xxxxxxxxxx/, 'no log quotes what PostgREST\'s sessions send, whatever the log settings');
like($logs, qr/invalid input syntax for type %s: \\?"+%s\\?"+ \(SQLSTATE 22P02\)/, 'the log has the constant part of a message and its SQLSTATE');
like($logs, qr/medrec_authenticator.*text withheld \(SQLSTATE P0001\)/, 'the log has the SQLSTATE of a message without a constant part');
like($logs, qr/duration: [0-9.]+ ms/, 'the log has the duration');
cmp_ok(length($logs) - $before, '<', 1_000_000, 'the log has no megabytes of a statement');

# sessions of other roles are unchanged, unless asked for
my $name = $node->safe_psql('m', 'SELECT current_user');
$node->psql('m', "SELECT 'Ordinary text'::integer");
like(logs(), qr/invalid input syntax for type integer: "Ordinary text"/, 'sessions of other roles are logged as before');
$node->safe_psql('m', q{ALTER ROLE someone SET session_preload_libraries = 'medrec'; ALTER ROLE someone SET medrec.redact_log = on});
my ($status, $out, $err) = $node->psql('m', "SELECT '$secret'::integer", connstr => $node->connstr('m') . ' user=someone');
like($err, qr/"$secret"/, 'a role with medrec.redact_log gets the whole message');
unlike(logs(), qr/Jane|syphilis/, 'the log of a role with medrec.redact_log has no text of it');
($status, $out, $err) = $node->psql('m', 'SET medrec.redact_log = off', connstr => $node->connstr('m') . ' user=someone');
like($err, qr/permission denied/, 'a role cannot turn medrec.redact_log off');

# 40001 and 40P01 reach the client in a form that PostgREST does not retry, and a function's own handler unchanged
for my $state ('40001', '40P01')
{
	my $raise = qq{DO \$\$BEGIN RAISE EXCEPTION '$secret' USING ERRCODE = '$state'; END\$\$};
	my ($s, undef, $e) = as('medrec_clinician', "\\set VERBOSITY verbose\n$raise");
	like($e, qr/PT409: the request conflicts with another one\nHINT:  Repeat the request\./, "$state reaches PostgREST as PT409 with fixed words");
	unlike($e, qr/$secret/, 'PT409 does not repeat the original message');
	($s, undef, $e) = as('medrec_clinician', "DO \$\$BEGIN BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '$state'; EXCEPTION WHEN SQLSTATE '$state' THEN RAISE NOTICE 'caught'; END; END\$\$");
	like($e, qr/caught/, "$state can be caught in a function");
	($s, undef, $e) = $node->psql('m', "\\set VERBOSITY verbose\nLOAD 'medrec';\n$raise");
	like($e, qr/$state: $secret/, "an SQL user gets $state unchanged");
}

# the step again: it keeps other libraries that the role preloads
$node->safe_psql('m', q{ALTER ROLE medrec_authenticator SET session_preload_libraries = 'auto_explain'});
my $step = slurp_file("$ENV{TESTDIR}/sql/migrations/0090-preload.sql");
$node->safe_psql('m', $step) for 1, 2;
is($node->safe_psql('m', q{SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'medrec_authenticator'::regrole}), 'session_preload_libraries=auto_explain, medrec', 'the step keeps other libraries that the role preloads');

# no code of medrec raises what PostgREST retries or takes for the end of its connection
my @raised;
for my $file (glob("$ENV{TESTDIR}/sql/*.sql $ENV{TESTDIR}/sql/migrations/*.sql"))
{
	push @raised, $file if slurp_file($file) =~ /ERRCODE\s*=\s*'?(?:40001|40P01|08|53|57P|serialization_failure|deadlock_detected)/i;
}
is("@raised", '', 'no SQL of medrec raises 40001, 40P01, 08xxx, 53xxx or 57Pxx');

done_testing();
