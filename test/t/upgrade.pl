# From each released version to this one: catalogs as after a new installation, every row as before, and it lives.
# Each release's install script is in test/upgrade/, as it was released.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;
use MedrecCatalog;

# the build, with the old scripts beside its own
my $stage = PostgreSQL::Test::Utils::tempdir . '/stage';
system('cp', '-a', MedrecNode::stage(), $stage) == 0 or die 'cp';
chomp(my $sharedir = `pg_config --sharedir`);
my @released = map { m{medrec--([0-9.]+)\.sql$} ? $1 : () } sort glob "$ENV{TESTDIR}/test/upgrade/*.sql";
foreach my $version (@released)
{
	system('cp', "$ENV{TESTDIR}/test/upgrade/medrec--$version.sql", "$stage$sharedir/extension/") == 0 or die 'cp';
}
$ENV{MEDREC_STAGE} = $stage;

# a cluster for each, since roles are the cluster's
my $fresh = medrec_node('fresh');
my ($present) = slurp_file("$stage$sharedir/extension/medrec.control") =~ /^default_version *= *'(.*)'/m;
is($fresh->safe_psql('m', "SELECT extversion FROM pg_extension WHERE extname = 'medrec'"), $present, 'a new installation has the present version');
my $should = catalog($fresh, 'm');
cmp_ok(scalar(keys %$should), '>', 900, 'the catalogs are read');

# that the comparison sees what somebody forgets
my %forgotten = (
	'a lost function' => [ 'function medrec_api.logout()', 'DROP FUNCTION medrec_api.logout() CASCADE' ],
	'the body of a function' => [ 'function medrec_api.health()', "CREATE OR REPLACE FUNCTION medrec_api.health() RETURNS jsonb LANGUAGE sql STABLE RETURN '{}'::jsonb" ],
	'how volatile a function is' => [ 'function medrec.audit_status()', 'ALTER FUNCTION medrec.audit_status() IMMUTABLE' ],
	'settings of a function' => [ 'function medrec.migrate()', 'ALTER FUNCTION medrec.migrate() RESET ALL' ],
	'rights on a function' => [ 'function medrec.audit_open_era()', 'GRANT EXECUTE ON FUNCTION medrec.audit_open_era() TO medrec_coder' ],
	'an owner' => [ 'function medrec_api.login(text,text)', 'ALTER FUNCTION medrec_api.login(text, text) OWNER TO postgres' ],
	'a comment' => [ 'comment table column medrec.patient.name', "COMMENT ON COLUMN medrec.patient.name IS 'other'" ],
	'rights on a column' => [ 'column medrec.patient.name', 'GRANT UPDATE (name) ON medrec.patient TO medrec_coder' ],
	'a column' => [ 'columns in order medrec.treatment', 'ALTER TABLE medrec.treatment ADD COLUMN own text' ],
	'a default' => [ 'column medrec.patient.age', 'ALTER TABLE medrec.patient ALTER COLUMN age SET DEFAULT 1' ],
	'a constraint' => [ 'constraint patient_age_check on medrec.patient', 'ALTER TABLE medrec.patient DROP CONSTRAINT patient_age_check' ],
	'an index' => [ 'index medrec.own', 'CREATE INDEX own ON medrec.patient (age)' ],
	'the mode of a trigger' => [ 'trigger medrec_audit_insert on medrec.patient', 'ALTER TABLE medrec.patient ENABLE TRIGGER medrec_audit_insert' ],
	'a policy' => [ 'policy medrec_read on medrec.patient', 'ALTER POLICY medrec_read ON medrec.patient TO medrec_coder' ],
	'row security' => [ 'relation medrec.diagnosis', 'ALTER TABLE medrec.diagnosis NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY' ],
	'a view' => [ 'view medrec_api.care_teams', 'CREATE OR REPLACE VIEW medrec_api.care_teams AS SELECT id, name FROM medrec.care_team WHERE id > 0' ],
	'an event trigger' => [ 'event trigger medrec_audit_drop', 'ALTER EVENT TRIGGER medrec_audit_drop DISABLE' ],
	'a type' => [ 'type medrec.own_type', "CREATE TYPE medrec.own_type AS ENUM ('a')" ],
	'a role' => [ 'role medrec_coder', 'ALTER ROLE medrec_coder LOGIN' ],
	'a membership' => [ 'role medrec_admin', 'GRANT medrec_coder TO medrec_admin' ],
	'a member of the extension' => [ 'member of medrec function medrec.seal_audit()', 'ALTER EXTENSION medrec DROP FUNCTION medrec.seal_audit()' ],
	'a step' => [ 'step 20', 'DELETE FROM medrec.schema_migration WHERE version = 20' ],
);
my $spoilt = catalog($fresh, 'm', join "\n", 'RESET search_path;', (map { "$_->[1];" } map { $forgotten{$_} } sort keys %forgotten), 'SET LOCAL search_path = pg_catalog, pg_temp;');
my @seen = catalog_differences($spoilt, $should);
foreach my $what (sort keys %forgotten)
{
	my $object = $forgotten{$what}[0];
	is(scalar(grep { index($_, "$object: ") == 0 } @seen), 1, "the comparison sees $what") or diag(join "\n", grep { /\Q$object\E|seal_audit/ } @seen);
}

my $code = order_file([ 'E119', 1, 'Type 2 diabetes mellitus without complications' ], [ 'I10', 1, 'Essential (primary) hypertension' ], [ 'S52', 0, 'Fracture of forearm' ], [ 'S520', 1, 'Fracture of ulna' ]);
my $tabular = '<?xml version="1.0"?><ICD10CM.tabular><chapter><name>9</name><desc>Circulatory system (I00-I99)</desc><section id="I10-I15"><desc>Hypertensive diseases (I10-I15)</desc>'
	. '<diag><name>I10</name><desc>Essential (primary) hypertension</desc><inclusionTerm><note>high blood pressure</note></inclusionTerm>'
	. '<excludes1><note>portal hypertension (K76.6)</note></excludes1></diag></section></chapter></ICD10CM.tabular>';
my $mce = "MCE_Version\\tICD_Version\\tMCE_Section\\tMCE_Subsection\\tMCE_Edit_Type\\tICD_Code_Type\\tICD_Code\\tICD_Desc\\n42\\t10\\t4\\tC\\tMaternity_Only\\tD\\tO80\\tx\\n";

# what 0.1 and every later version understand
my $fill = <<"SQL";
SELECT medrec.load_release('ICD-10-CM', '2025', '2024-10-01', \$\$$code\$\$);
SELECT medrec.load_release('ICD-10-CM', '2025', '2024-10-01', \$\$$tabular\$\$);
SELECT medrec.load_release('ICD-10-CM', '42', '2024-10-01', E'$mce');
INSERT INTO medrec.code_term (code_system, code, kind, term) VALUES ('ICD-10-CM', 'I10', 'synonym', 'high pressure');
INSERT INTO medrec.code_note (code_system, code, kind, note) VALUES ('ICD-10-CM', 'I10', 'notes', 'own');
INSERT INTO medrec.abbreviation VALUES ('zzq', 'own words');
INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician'), ('bert', 'admin'), ('carl', 'coder');
INSERT INTO medrec.account (username, email, password) VALUES ('dora', 'd\@example.org',
	'pbkdf2_sha256\$1000\$c2FsdA\$xbnPPFdbHuQ9aQAgK0z9SmiPKlLILdZ8VW4s4pzZb8w=');
SELECT medrec.set_password('anna', 'correct horse battery'), medrec.set_password('bert', 'staple staple staple');
SET SESSION AUTHORIZATION medrec_authenticator;
SET ROLE medrec_anon;
SELECT medrec_api.login('carl', 'wrong') FROM generate_series(1, 6);
RESET SESSION AUTHORIZATION;
INSERT INTO medrec.login_lockout (account_id, failures, locked_until) SELECT id, 5, now() FROM medrec.account WHERE username = 'carl';
INSERT INTO medrec.token_revoked VALUES ('a-token', now() + interval '1 day');
SELECT medrec.rotate_jwt_key('1 day');
SELECT medrec.create_patient('John Doe', 45, 'male', 'P1'), medrec.create_patient('Jane Roe', NULL, 'female', 'P2', '1980-02-29');
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Deleted', 1, 'other', 'P3');
DELETE FROM medrec.patient WHERE patient_id = 'P3';
INSERT INTO medrec.care_team (name) VALUES ('ward 1');
INSERT INTO medrec.care_team_member SELECT a.id, t.id FROM medrec.account AS a, medrec.care_team AS t WHERE username = 'anna';
INSERT INTO medrec.care_team_patient SELECT p.id, t.id FROM medrec.patient AS p, medrec.care_team AS t WHERE patient_id = 'P1';
INSERT INTO medrec.break_glass (account, patient, reason, expires_at) SELECT a.id, p.id, 'an emergency', now()
	FROM medrec.account AS a, medrec.patient AS p WHERE username = 'anna' AND patient_id = 'P2';
SELECT medrec.create_diagnosis(id, 'e119') FROM medrec.patient;
SELECT medrec.create_diagnosis(id, code, words) FROM medrec.patient,
	(VALUES ('E11.99', 'diabetis'), ('i1O', 'hypertension'), ('S52', NULL), ('I10', 'Type 2 diabetes mellitus without complications')) AS v (code, words)
	WHERE patient_id = 'P1';
SELECT medrec.confirm(id) FROM medrec.diagnosis WHERE code = 'E11.99';
SELECT medrec.reject(id) FROM medrec.diagnosis WHERE code = 'S52';
SELECT medrec.add_suggestions(id, '[{"code": "I10", "score": 0.9, "source": "coder"}]') FROM medrec.diagnosis WHERE code = 'i1O';
SELECT medrec.create_treatment(id, '99213') FROM medrec.patient;
UPDATE medrec.patient SET name = 'John A. Doe' WHERE patient_id = 'P1';
CALL medrec.revalidate('ICD-10-CM');
ALTER DATABASE m SET medrec.token_lifetime = '2h';
-- what is the user's own
ALTER TABLE medrec.patient ADD COLUMN ward text DEFAULT 'A';
SELECT * FROM medrec.seal_audit();
SQL
# a month of the trail that is over, archived: an event of now is given an older time while the guards sleep
my $archive = <<'SQL';
CREATE TABLE medrec.audit_event_2024_01 (LIKE medrec.audit_event INCLUDING DEFAULTS);
CREATE TRIGGER medrec_append_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.audit_event_2024_01
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only();
ALTER TABLE medrec.audit_event_2024_01 ENABLE ALWAYS TRIGGER medrec_append_only;
ALTER TABLE medrec.audit_event ATTACH PARTITION medrec.audit_event_2024_01 FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2024-02-01 00:00:00+00');
INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Of old', 1, 'other', 'P9');
ALTER TABLE medrec.audit_event DISABLE TRIGGER ALL;
UPDATE medrec.audit_event SET logged_at = '2024-01-15 12:00+00' WHERE new_values ->> 'patient_id' = 'P9';
UPDATE medrec.audit_event AS x SET leaf = sha256('\x00'::bytea || medrec.audit_canonical(x.era, x.xid, x.n)) WHERE logged_at < '2024-02-01';
ALTER TABLE medrec.audit_event ENABLE ALWAYS TRIGGER medrec_append_only, ENABLE ALWAYS TRIGGER medrec_append_only_row;
ALTER TABLE medrec.audit_event_2024_01 ENABLE ALWAYS TRIGGER medrec_append_only;
SELECT * FROM medrec.seal_audit();
SET medrec.archive_min_age = 0;
SELECT * FROM medrec.archive_audit('2024-02-01');
SQL

# as a session of the gateway
my $gateway = 'SET SESSION AUTHORIZATION medrec_authenticator; SET ROLE medrec_anon;';

# {table => [columns, {row => count}]} of schema medrec
sub rows
{
	my ($node, $columns) = @_;
	my %rows;
	foreach my $line (split /\n/, $node->safe_psql('m', <<'SQL'))
SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'medrec'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname ORDER BY c.relname
SQL
	{
		my ($table, $list) = split /\|/, $line;
		$list = $columns->{$table}[0] if $columns->{$table};
		my %count;
		$count{$_}++ foreach split /\n/, $node->safe_psql('m', "SELECT to_json(r) FROM (SELECT $list FROM medrec.$table) AS r");
		$rows{$table} = [ $list, \%count ];
	}
	return \%rows;
}

# What a person does all day.
sub lives
{
	my ($node, $when, $number) = @_;
	is($node->safe_psql('m', "SELECT code || ' ' || status FROM medrec.create_diagnosis((SELECT id FROM medrec.patient WHERE patient_id = 'P2'), 'i10')"),
		'I10 valid', "$when: a diagnosis is validated");
	is($node->safe_psql('m', "INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES (' New ', 3, 'male', '$number') RETURNING name || ward"),
		'NewA', "$when: a patient is stored");
	is($node->safe_psql('m', "UPDATE medrec.patient SET name = 'Other' WHERE patient_id = '$number' RETURNING version"), '2', "$when: and changed");
	is($node->safe_psql('m', "SELECT (medrec.create_treatment(id, '99213')).code FROM medrec.patient WHERE patient_id = '$number'"), '99213', "$when: and treated");
	is($node->safe_psql('m', "SELECT count(*) FROM medrec.audit_event WHERE patient_id = (SELECT id FROM medrec.patient WHERE patient_id = '$number')"), '3', "$when: all of it audited");
	is($node->safe_psql('m', "SELECT code FROM medrec.suggest('ICD-10-CM', display => 'high pressure') LIMIT 1"), 'I10', "$when: suggestions are found");
	like($node->safe_psql('m', "$gateway SELECT medrec_api.login('anna', 'correct horse battery')"), qr/"token"/, "$when: the password still opens");
	unlike($node->safe_psql('m', "$gateway SELECT medrec_api.login('anna', 'wrong')"), qr/"token"/, "$when: and no other");
	is($node->safe_psql('m', "SELECT string_agg(name, ', ' ORDER BY version) FROM (SELECT record ->> 'name' AS name, version FROM medrec.history('patient', (SELECT id::text FROM medrec.patient WHERE patient_id = 'P1'))) AS h"),
		'John Doe, John A. Doe', "$when: the history is told");
	$node->safe_psql('m', 'SELECT * FROM medrec.seal_audit()');
	is($node->safe_psql('m', 'SELECT * FROM medrec.verify_audit()'), '', "$when: the trail is intact");
	is($node->safe_psql('m', "SELECT * FROM medrec.verify_audit(archive => 'medrec.audit_event_2024_01')"), '', "$when: the archived month too");
	is($node->safe_psql('m', 'SELECT * FROM medrec.verify_records()'), '', "$when: the records are those of the trail");
	return;
}

# The catalogs of a database that a dump was restored into.
sub restored
{
	my ($node, $change) = @_;
	my @connection = ('-h', $node->host, '-p', $node->port);
	my $dump = $node->basedir . '/m.dump';
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	$node->command_ok([ 'pg_dump', '-Fc', @connection, '-f', $dump, 'm' ], $node->name . ': it is dumped');
	$node->command_ok([ 'pg_restore', '--exit-on-error', @connection, '-d', 'copy', $dump ], $node->name . ': and restored');
	my $catalog = catalog($node, 'copy', $change);
	$node->safe_psql('postgres', 'DROP DATABASE copy');
	return $catalog;
}

isnt(scalar(@released), 0, 'there are released versions');
foreach my $version (@released)
{
	is($fresh->safe_psql('m', "SELECT path IS NOT NULL FROM pg_extension_update_paths('medrec') WHERE source = '$version' AND target = '$present'"),
		't', "$version: there is a way to $present");
	# (extension_destdir is not where PostgreSQL 15's view of the versions looks)
	ok(-e MedrecNode::stage() . "$sharedir/extension/medrec--$_.sql", "make install brings medrec--$_.sql") foreach $present, "$version--$present";

	my $node = PostgreSQL::Test::Cluster->new("from_$version" =~ s/\./_/gr);
	$node->init;
	configure_node($node);
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE m');
	$node->safe_psql('m', "CREATE EXTENSION medrec VERSION '$version'; SELECT * FROM medrec.migrate(); ALTER DATABASE m SET medrec.password_cost = 4");
	$node->safe_psql('m', $_) foreach $fill, $archive;

	# the new library beside the old objects: servers start anew before their databases are upgraded
	lives($node, "$version, not upgraded", 'P11');
	my $before = rows($node);
	is(join(' ', grep { !%{ $before->{$_}[1] } } grep { !/^audit_event_/ } sort keys %$before), '', "$version: every table has rows");

	$node->safe_psql('m', "ALTER EXTENSION medrec UPDATE TO '$present'");
	lives($node, "$version, upgraded, not migrated", 'P12');
	my $between = rows($node, $before);
	my $steps = $node->safe_psql('m', 'SELECT count(*) FROM medrec.migrate()');
	cmp_ok($steps, '>', 0, "$version: migrate() takes steps") if $version ne $present;
	is($node->safe_psql('m', 'SELECT count(*) FROM medrec.migrate()'), '0', "$version: and a second time none");

	# who may do what is as in a new installation, for a superuser and for who compares with what migrate() kept
	my $alarms = "SELECT kind, object, detail FROM medrec.verify_access() WHERE severity <> 'information'";
	is($node->safe_psql('m', $alarms), '', "$version: verify_access() finds nothing");
	is($node->safe_psql('m', "SET ROLE medrec_auditor; $alarms"), '', "$version: nor for the auditor");

	# all rows as before; what upgrading itself leaves is in the trail and among the defaults
	my $after = rows($node, $before);
	is(join(' ', grep { !$after->{$_} } sort keys %$before), '', "$version: no table is lost");
	foreach my $table (sort keys %$before)
	{
		my ($old, $new) = ($between->{$table}[1], $after->{$table}[1]);
		my @lost = grep { ($new->{$_} // 0) < $old->{$_} } sort keys %$old;
		my @added = grep { ($old->{$_} // 0) < $new->{$_} } sort keys %$new;
		is(scalar(@lost), 0, "$version: $table has every row as it was") or diag(@lost[0 .. ($#lost > 2 ? 2 : $#lost)]);
		is(scalar(@added), 0, "$version: $table has no other") or diag(@added[0 .. ($#added > 2 ? 2 : $#added)])
			unless $table =~ /^(schema_migration|abbreviation|audit_era|audit_event.*)$/;
	}

	# a password's hash of then, swapped behind the triggers: migrate() has left a digest of it
	is($node->safe_psql('m', "BEGIN; ALTER TABLE medrec.account DISABLE TRIGGER ALL; UPDATE medrec.account SET password = '\$2a\$04\$abcdefghijklmnopqrstuuLqLBDHVPD6hbT6jLXC1XWqkmK7uVrWO' WHERE username = 'anna';
		SELECT kind, detail FROM medrec.verify_records(); ROLLBACK"), 'row_changed|"password"', "$version: a hash that is swapped behind the triggers is found");

	# releases of then
	is($node->safe_psql('m', "SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM medrec.verify_release()"), 'no_digest own_rows own_term_without_event',
		"$version: its releases have no digest yet, and nothing else is told");
	is($node->safe_psql('m', "SELECT count(*) FROM (SELECT medrec.digest_release(code_system, version, content) FROM medrec.code_release WHERE digest IS NULL) AS d"), '3', "$version: digests are taken");
	is($node->safe_psql('m', "SELECT count(*) FROM medrec.verify_release() WHERE kind NOT LIKE 'own_%'"), '0', "$version: and hold");

	# nothing is left over, nothing missing; but what the user made, and the archived month
	my $is = catalog($node, 'm', 'ALTER TABLE medrec.patient DROP COLUMN ward; DROP TABLE medrec.audit_event_2024_01; ALTER DATABASE m RESET ALL;');
	my @differences = catalog_differences($is, $should);
	is(scalar(@differences), 0, "$version: the catalogs are those of a new installation") or diag(join "\n", @differences);
	$node->safe_psql('m', 'ALTER TABLE medrec.patient DROP COLUMN ward; ALTER DATABASE m RESET ALL');
	@differences = dump_differences([ $node, 'm' ], [ $fresh, 'm' ]);
	is(scalar(@differences), 0, "$version: pg_dump writes the same schema") or diag(join "\n", @differences);
	$node->safe_psql('m', "ALTER TABLE medrec.patient ADD COLUMN ward text DEFAULT 'A'");
	lives($node, "$version, upgraded", 'P13');

	# and a dump of it comes back, as one of a new installation does
	is(scalar(@differences = catalog_differences(restored($node, 'ALTER TABLE medrec.patient DROP COLUMN ward; DROP TABLE medrec.audit_event_2024_01;'), restored($fresh, ''))),
		0, "$version: a dump comes back with the catalogs of a new installation") or diag(join "\n", @differences);
	$node->stop;
}

$fresh->stop;
done_testing();
