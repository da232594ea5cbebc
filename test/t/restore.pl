# pg_dump and restore: every table comes back byte for byte, and works on
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('restore');
my $release = order_file([ 'E119', 1, 'Type 2 diabetes mellitus without complications' ], [ 'I10', 1, 'Essential (primary) hypertension' ]);
$node->safe_psql('m', qq{
	SELECT medrec.load_release('ICD-10-CM', '2025', '2024-10-01', \$\$$release\$\$);
	INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES ('ICD-10-CM', 'I10', 'synonym', 'high pressure');
	INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician');
	SELECT medrec.create_patient('John Doe', 45, 'male', 'P1');
	SELECT medrec.create_patient('Jane Roe', NULL, 'female', 'P2', '1980-02-29');
	UPDATE medrec.patient SET last_visit = '2001-02-03 04:05:06.123456+00' WHERE patient_id = 'P2';
	SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
	SELECT medrec.create_diagnosis(id, 'E11.99', 'diabetis') FROM medrec.patient WHERE patient_id = 'P1';
	SELECT medrec.confirm(id) FROM medrec.diagnosis WHERE code = 'E11.99';
	UPDATE medrec.patient SET last_visit = '2001-02-03 04:05:06.123456+00' WHERE patient_id = 'P2';
	-- what is the user's own
	ALTER TABLE medrec.patient ADD COLUMN ward text DEFAULT 'A';
	CREATE INDEX own_index ON medrec.patient (ward);
	CREATE POLICY own_policy ON medrec.patient FOR SELECT TO medrec_auditor USING (false);
	CREATE SCHEMA app;
	CREATE TABLE app.stay (id integer PRIMARY KEY, patient uuid, note text);
	SELECT medrec.attach_audit('app.stay', 'patient', '{note}');
	INSERT INTO app.stay SELECT 1, id, 'secret' FROM medrec.patient WHERE patient_id = 'P1';
});

my $tables = "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1";
my $triggers = "SELECT string_agg(pg_get_triggerdef(oid) || tgenabled::text, E'\n' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'app.stay'::regclass";
my $dump = $node->basedir . '/m.sql';
foreach my $format ('plain', 'custom')
{
	my $copy = "m_$format";
	$node->safe_psql('postgres', "CREATE DATABASE $copy");
	my @connection = ('-h', $node->host, '-p', $node->port);
	$node->command_ok([ 'pg_dump', @connection, '-F', $format, '-f', $dump, 'm' ], "$format: pg_dump");
	if ($format eq 'plain')
	{
		$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @connection, '-f', $dump, $copy ], "$format: psql restores it");
	}
	else
	{
		$node->command_ok([ 'pg_restore', '--exit-on-error', @connection, '-d', $copy, $dump ], "$format: pg_restore restores it");
	}

	is($node->safe_psql($copy, $tables), $node->safe_psql('m', $tables), "$format: the same tables");
	foreach my $table (split /\n/, $node->safe_psql('m', $tables))
	{
		my $rows = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM $table AS t";
		is($node->safe_psql($copy, $rows), $node->safe_psql('m', $rows), "$format: $table is the same");
	}
	is($node->safe_psql($copy, "SELECT count(*) FROM pg_indexes WHERE indexname = 'own_index'"), '1', "$format: the user's index");
	is($node->safe_psql($copy, "SELECT count(*) FROM pg_policies WHERE policyname = 'own_policy'"), '1', "$format: the user's policy");
	is($node->safe_psql($copy, $triggers), $node->safe_psql('m', $triggers), "$format: the audit of the user's table");
	is($node->safe_psql($copy, "SELECT medrec.attach_audit('app.stay', 'patient', '{note}')"), '0', "$format: attach_audit() has nothing to do");
	is($node->safe_psql($copy, "SELECT count(*) FROM medrec.migrate()"), '0', "$format: migrate() has nothing to do");

	# and it lives
	is($node->safe_psql($copy, "SELECT code || ' ' || status FROM medrec.create_diagnosis((SELECT id FROM medrec.patient WHERE patient_id = 'P2'), 'i10')"),
		'I10 valid', "$format: a new diagnosis is judged");
	is($node->safe_psql($copy, "SELECT last_visit > now() - interval '1 hour' FROM medrec.patient WHERE patient_id = 'P2'"), 't', "$format: and moves last_visit");
	is($node->safe_psql($copy, "SELECT count(*) FROM medrec.audit_event WHERE table_name = 'diagnosis' AND action = 'INSERT'"), '4', "$format: and is audited");
	is($node->safe_psql($copy, "UPDATE app.stay SET note = 'other'; SELECT string_agg(action || ' ' || (SELECT patient_id FROM medrec.patient WHERE id = e.patient_id), ', ' ORDER BY logged_at) FROM medrec.audit_event AS e WHERE table_name = 'app.stay' AND action <> 'DDL'"),
		'INSERT P1, UPDATE P1', "$format: so is the user's table");
	is($node->safe_psql($copy, 'SELECT * FROM medrec.verify_records()'), '', "$format: rows are as their events say");
	is($node->safe_psql($copy, "INSERT INTO medrec.account (username) VALUES ('bert') RETURNING id"), '2', "$format: sequences go on");
	is($node->safe_psql($copy, "SELECT code FROM medrec.suggest('ICD-10-CM', display => 'hypertension') LIMIT 1"), 'I10', "$format: suggestions are found");
	my ($rc, undef, $err) = $node->psql($copy, 'DROP EXTENSION medrec');
	isnt($rc, 0, "$format: DROP EXTENSION is refused");
	like($err, qr/other objects depend on it/, "$format: because of the tables");
}

# COPY, where the rules are the same
my $id = $node->safe_psql('m', "SELECT id FROM medrec.patient WHERE patient_id = 'P1'");
$node->safe_psql('m', "COPY medrec.diagnosis (patient_id, code) FROM STDIN;\n$id\te119\n$id\ti1O\n\\.\n");
is($node->safe_psql('m', "SELECT string_agg(code || ' ' || status, ', ' ORDER BY code) FROM medrec.diagnosis WHERE created_at = (SELECT max(created_at) FROM medrec.diagnosis)"),
	'E11.9 valid, i1O invalid', 'COPY is judged row by row');
my ($rc, undef, $err) = $node->psql('m', "COPY medrec.patient (name, age, gender, patient_id) FROM STDIN;\nSecret Name\t45\tmale\tP3\nSecret Name\t200\tmale\tP4\n\\.\n");
isnt($rc, 0, 'a row with a fault stops a COPY');
is($node->safe_psql('m', "SELECT count(*) FROM medrec.patient"), '2', 'and nothing of it is stored');

$node->stop;
done_testing();
