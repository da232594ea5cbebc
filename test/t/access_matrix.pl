# Every cell of doc/security.md's table over SQL: "yes" succeeds, "no" fails with 42501.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('matrix');
my @roles = qw(anon clinician coder auditor admin);
my $p = '00000000-0000-4000-8000-00000000000a';
my $q = '00000000-0000-4000-8000-00000000000b';
my $d = '00000000-0000-4000-8000-0000000000d1';
my $t = '00000000-0000-4000-8000-0000000000e1';

$node->safe_psql('m', "CREATE ROLE sql_$_ LOGIN IN ROLE medrec_$_; INSERT INTO medrec.account (username, role) SELECT 'sql_$_', '$_' WHERE '$_' <> 'anon'") for @roles;
$node->safe_psql('m', <<"SQL");
INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES ('$p', 'A', 1, 'male', 'PA'), ('$q', 'B', 1, 'male', 'PB'),
	('00000000-0000-4000-8000-00000000000c', 'C', 1, 'male', 'PC');
INSERT INTO medrec.diagnosis (id, patient_id, code, suggestions) VALUES ('$d', '$p', 'I10', '[{"code":"I10"}]');
INSERT INTO medrec.treatment (id, patient_id, code) VALUES ('$t', '$p', '99213');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'one');
SELECT * FROM medrec.load_release('ICD-10-CM', '2025', '2024-10-01', E'00001 I10     1 Hypertension                                                 Essential (primary) hypertension\\n');
ALTER DATABASE m SET medrec.password_cost = 4;
SELECT FROM medrec.seal_audit();
SQL

# operation -> statements, each run separately; %s is the schema's own name of the object
my %do;
for my $o (['diagnoses', 'diagnosis', $d], ['treatments', 'treatment', $t])
{
	my ($view, $table, $id) = @$o;
	for my $rel ("medrec_api.$view", "medrec.$table")
	{
		push @{ $do{"$view read"} }, "SELECT id FROM $rel";
		push @{ $do{"$view create"} }, "INSERT INTO $rel (patient_id, code) VALUES ('$p', 'I10') RETURNING id";
		push @{ $do{"$view change code"} }, "UPDATE $rel SET code = 'E119' WHERE id = '$id'";
		push @{ $do{"$view change description"} }, "UPDATE $rel SET description = 'other' WHERE id = '$id'";
		push @{ $do{"$view change patient"} }, "UPDATE $rel SET patient_id = '$q' WHERE id = '$id'";
		push @{ $do{"$view delete"} }, "DELETE FROM $rel WHERE id = '$id'";
	}
}
for my $rel ('medrec_api.patients', 'medrec.patient')
{
	push @{ $do{'patients read'} }, "SELECT id FROM $rel";
	push @{ $do{'patients create'} }, "INSERT INTO $rel (name, age, gender, patient_id) VALUES ('N', 1, 'male', 'PN') RETURNING id";
	push @{ $do{'patients change'} }, "UPDATE $rel SET name = 'changed' WHERE id = '$p'";
	push @{ $do{'patients delete'} }, "DELETE FROM $rel WHERE patient_id = 'PC'";
}
for my $rel ('medrec_api.accounts', 'medrec.account')
{
	push @{ $do{'accounts read'} }, "SELECT username FROM $rel";
	push @{ $do{'accounts create'} }, "INSERT INTO $rel (username, role) VALUES ('new', 'coder')";
	push @{ $do{'accounts change'} }, "UPDATE $rel SET is_active = false WHERE username = 'sql_coder'";
	push @{ $do{'accounts delete'} }, "DELETE FROM $rel WHERE username = 'sql_coder'";
}
$do{'codes read'} = ['SELECT code FROM medrec_api.codes', 'SELECT code FROM medrec.code'];
$do{'codes delete'} = ['DELETE FROM medrec_api.codes'];
$do{'code_systems read'} = ['SELECT name FROM medrec_api.code_systems'];
$do{'code_releases read'} = ['SELECT version FROM medrec_api.code_releases', 'SELECT version FROM medrec.code_release'];
$do{'code_releases change'} = [q(UPDATE medrec_api.code_releases SET version = 'x')];
for my $rel (['care_teams', 'care_team', '(id, name)', "(9, 'nine')"], ['care_team_members', 'care_team_member', '(account, team)', '(2, 1)'],
	['care_team_patients', 'care_team_patient', '(patient, team)', "('$p', 1)"])
{
	my ($view, $table, $columns, $values) = @$rel;
	$do{"$view read"} = ["TABLE medrec_api.$view", "TABLE medrec.$table"];
	$do{"$view create"} = [map { "INSERT INTO $_ $columns VALUES $values" } "medrec_api.$view", "medrec.$table"];
}
for my $rel ('medrec_api.audit_events', 'medrec.audit_event')
{
	push @{ $do{'audit_events create'} }, "INSERT INTO $rel (action) VALUES ('INSERT')";
	push @{ $do{'audit_events change'} }, "UPDATE $rel SET action = 'x'";
	push @{ $do{'audit_events delete'} }, "DELETE FROM $rel";
}
$do{'audit_events read'} = ['SELECT account FROM medrec_api.audit_events', 'TABLE medrec_api.audit_events'];
$do{'archived_audit_events read'} = ['SELECT account FROM medrec_api.archived_audit_events'];
$do{'medrec.audit_event read who and when'} = ['SELECT account, session_role, logged_at, action, table_name, row_id FROM medrec.audit_event'];
$do{'medrec.audit_event read content'} = ['SELECT old_values FROM medrec.audit_event', 'SELECT new_values FROM medrec.audit_event',
	map { my $of = $node->safe_psql('m', q(SELECT concat_ws(', ', era, xid, n) FROM medrec.audit_event WHERE table_name = 'diagnosis' LIMIT 1)); "SELECT medrec.$_($of)" } 'audit_canonical', 'audit_proof'];
my %call = (
	search_patients => q('one'),
	record_visit => q('{"patient":{"patient_id":"PA"},"diagnoses":[{"code":"I10"}]}'),
	confirm => "'$d'::uuid", reject => "'$d'::uuid", accept_suggestion => "'$d', 'I10'", add_suggestions => qq('$d', '[{"code":"I11.9"}]'),
	history => qq('patient', '$p'), as_of => qq('patient', '$p', now()), audit_fhir => '', audit_checkpoint => '', audit_status => '', verify_access => '', verify_release => '',
	break_glass => q('PA', 'a good reason'), validate_code => q('ICD-10-CM', 'I10'), suggest => q('ICD-10-CM', 'I1O'),
	load_release => q('ICD-10-CM', '2026', '2025-10-01', E'00001 I10     1 Hypertension                                                 Essential (primary) hypertension\n'),
	login => q('x', 'y'), health => '', logout => '', change_password => q('x', 'a long new password'),
	check_patients => q(rows => '[{"name":"A"}]'), check_diagnoses => q(rows => '[{"code":"I10"}]'), check_treatments => q(rows => '[]'), check_accounts => q(rows => '[]'),
	patient_history => "patient => '$p'", status_counts => '', lookup => q('ICD-10-CM', 'I10'), ancestors => q('ICD-10-CM', 'I10'), descendants => q('ICD-10-CM', 'I10'),
	subsumes => q('ICD-10-CM', 'I10', 'I10'), unload_release => q(code_system => 'ICD-10-CM', version => '2025'), revalidate_batch => q(code_system => 'ICD-10-CM'),
	verify_audit => q(first_seal => 1), audit_proof => q(1, 1, 1), table_sizes => '', whoami => '', openapi => '',
	set_password => q('sql_coder', 'a long new password'), revoke_tokens => q('sql_coder'));
$do{"rpc/$_ call"} = ["SELECT medrec_api.$_($call{$_})"] for keys %call;
# what the gateway calls, and no client
$do{'medrec_api.explain call'} = [q(SELECT medrec_api.explain(''))];
$do{'medrec_api.upload_release call'} = ['SELECT medrec_api.upload_release()'];
$do{'medrec_api.upload_allowed call'} = ['SELECT medrec_api.upload_allowed()'];

# the table
my $page = slurp_file("$ENV{TESTDIR}/doc/security.md");
my ($matrix) = $page =~ /<!-- matrix -->(.*)<!-- \/matrix -->/s;
my $cells = 0;
for my $line (split /\n/, $matrix)
{
	next unless $line =~ /^\| (.*) \|$/;
	my @cell = split / \| /, $1;
	if ($cell[0] eq 'object')
	{
		is_deeply([@cell[2 .. $#cell]], \@roles, 'the columns are the roles');
		next;
	}
	my $name = "$cell[0] $cell[1]";
	my $statements = delete $do{$name};
	if (!$statements)
	{
		fail("$name is in the table, and known to this test");
		next;
	}
	for my $i (0 .. $#roles)
	{
		my $want = $cell[2 + $i];
		# passwords are checked over HTTP only
		$want = 'no' if $name =~ m{^rpc/(login|change_password) call$};
		for my $statement (@$statements)
		{
			my ($stdout, $stderr) = ('', '');
			my $rc = $node->psql('m', "\\set VERBOSITY sqlstate\nBEGIN;\n$statement;\nROLLBACK;",
				stdout => \$stdout, stderr => \$stderr, on_error_stop => 1, extra_params => ['-U', "sql_$roles[$i]"]);
			my ($state) = $stderr =~ /ERROR:\s+(\w+)/;
			$state //= "psql ended with $rc" if $rc;
			# errors that are not about rights are not this table's matter: a logout without a token, the latest of no seals
			$state = undef if defined $state && "$name $state" =~ /^(rpc\/logout call PT401|rpc\/audit_(checkpoint|proof) call (PT404|55000)|medrec_api\.(explain|upload_release) call PT404)$/;
			$cells++;
			is($state // 'done', $want eq 'yes' ? 'done' : '42501', "$roles[$i]: $statement");
		}
	}
}
is(join(', ', sort keys %do), '', 'every operation of this test is in the table');
cmp_ok($cells, '>', 400, "$cells cells were tried");

# every object in medrec_api has a line in the table
is($node->safe_psql('m', q{SELECT string_agg(o, ', ') FROM (
	SELECT relname FROM pg_class WHERE relnamespace = 'medrec_api'::regnamespace AND relkind = 'v'
	UNION SELECT CASE WHEN proname IN ('explain', 'upload_release', 'upload_allowed') THEN 'medrec_api.' ELSE 'rpc/' END || proname FROM pg_proc WHERE pronamespace = 'medrec_api'::regnamespace AND proname <> 'current_age' AND proname NOT LIKE 'medrec\_%') AS v (o)
	WHERE o NOT IN (SELECT unnest(string_to_array($$} . join(',', $matrix =~ /^\| (\S+) \|/mg) . q{$$, ',')))}), '', 'every object in medrec_api is in the table');

# catalogs that show only a user's own session must not show others
for my $role (@roles)
{
	for my $statement ('SET SESSION AUTHORIZATION medrec_admin', 'SET ROLE medrec_gatekeeper', 'SET ROLE medrec_authenticator', 'SET ROLE postgres')
	{
		my ($stdout, $stderr) = ('', '');
		$node->psql('m', "\\set VERBOSITY sqlstate\n$statement", stdout => \$stdout, stderr => \$stderr, extra_params => ['-U', "sql_$role"]);
		like($stderr, qr/42501/, "$role: $statement");
	}
	# a setting of the connection is not a way round a setting that is not for users
	local $ENV{PGOPTIONS} = '-c medrec.care_team_mode=on -c medrec.outside_accounts=on';
	my $shown = $node->safe_psql('m', q(SELECT medrec.check_code('ICD-10-CM', 'I10'); SHOW medrec.outside_accounts), extra_params => ['-U', "sql_$role"]) unless $role eq 'anon';
	like($shown // 'off', qr/off$/, "$role: PGOPTIONS");
}

done_testing();
