# logins in transactions that are rolled back, concurrent logins, and logins across a crash
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('login', conf => "medrec.password_cost = 4\n");
$node->safe_psql('m', q{INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician'), ('bert', 'coder'), ('cleo', 'coder'), ('dora', 'coder');
	SELECT medrec.set_password(username, 'correct horse battery') FROM medrec.account});
my $gateway = 'SET SESSION AUTHORIZATION medrec_authenticator; SET ROLE medrec_anon;';

# one login in a session of the gateway; how it ends, and its address
sub login
{
	my ($name, $password, $end, $address) = @_;
	return $node->safe_psql('m', "$gateway " . from($address) . " BEGIN; SELECT medrec_api.login('$name', '$password'); $end");
}

# sets the address of a request
sub from
{
	my ($address) = @_;
	return "SET request.headers = '{\"x-real-ip\": \"" . ($address // '192.0.2.1') . "\"}';";
}

# account, address, failures, rolled back attempts and lock of the events of rolled back attempts
sub events
{
	return $node->safe_psql('m', q{SELECT a.username, e.new_values ->> 'address', e.new_values ->> 'failures', e.new_values ->> 'rolled_back', e.new_values ->> 'locked_until' IS NOT NULL
		FROM medrec.audit_event AS e JOIN medrec.account AS a ON a.id = (e.new_values ->> 'account_id')::integer
		WHERE e.table_name = 'login_lockout' AND e.new_values ->> 'rolled_back' IS NOT NULL ORDER BY e.era, e.xid, e.n});
}

# the claims of an answer's token
sub claims
{
	my ($answer) = @_;
	my ($payload) = $answer =~ /"token": "[^.]*\.([^.]*)\./ or return '{}';
	$payload =~ tr{-_}{+/};
	return $node->safe_psql('m', "SELECT convert_from(decode(rpad('$payload', (length('$payload') + 3) / 4 * 4, '='), 'base64'), 'UTF8')");
}

# whether a token may be used
sub accepted
{
	my ($claims) = @_;
	return $node->psql('m', "SET SESSION AUTHORIZATION medrec_authenticator; SET ROLE medrec_clinician; SET request.jwt.claims = '$claims'; SELECT medrec_gate.pre_request()") == 0 ? 1 : 0;
}

my $lost = login('anna', 'correct horse battery', 'ROLLBACK');
like($lost, qr/"token"/, 'a login that is rolled back returns a token');
is(accepted(claims($lost)), 0, 'a token of a rolled back login is refused');
is(accepted(claims(login('anna', 'correct horse battery', 'COMMIT'))), 1, 'a token of a committed login is accepted');

login('anna', 'wrong', 'ROLLBACK') foreach 1 .. 5;
is($node->safe_psql('m', 'SELECT sum(failures) FROM medrec.login_address'), '0', 'five failed attempts were rolled back');
is(events(), '', 'rolled back attempts leave no event at once');
$node->safe_psql('m', 'BEGIN; SELECT medrec.seal_audit(); ROLLBACK');
is(events(), '', 'a sealing that is rolled back leaves no event of them');
$node->safe_psql('m', 'SELECT medrec.seal_audit()');
is(events(), 'anna|192.0.2.1|5|5|t', 'the next sealing leaves an event of the rolled back attempts');
$node->safe_psql('m', 'SELECT medrec.seal_audit()');
is(events(), 'anna|192.0.2.1|5|5|t', 'the sealing after that leaves no further event');
login('anna', 'wrong', 'COMMIT');
cmp_ok($node->safe_psql('m', 'SELECT failures FROM medrec.login_address WHERE failures > 0'), '>=', 5, 'rolled back attempts count for other sessions');
$node->safe_psql('m', "SELECT medrec.revoke_tokens('anna')");
like(login('anna', 'correct horse battery', 'COMMIT'), qr/"token"/, 'an administrator can end the lock-out');

# rolling back to a savepoint; what was committed beside it leaves no event
$node->safe_psql('m', "$gateway " . from('192.0.2.2') . q{BEGIN; SELECT medrec_api.login('bert', 'wrong'); SAVEPOINT s; SELECT medrec_api.login('bert', 'wrong');
	SAVEPOINT t; SELECT medrec_api.login('bert', 'wrong'); RELEASE t; ROLLBACK TO s; SELECT medrec_api.login('bert', 'wrong'); COMMIT});
$node->safe_psql('m', 'SELECT medrec.seal_audit()');
is(events(), "anna|192.0.2.1|5|5|t\nbert|192.0.2.2|4|2|f", 'an attempt rolled back to a savepoint leaves an event');
is($node->safe_psql('m', "SELECT failures FROM medrec.login_address WHERE address = '192.0.2.2'"), '4', 'an attempt rolled back to a savepoint counts');

# a rolled back successful login is not a failure, a cancelled check is
login('anna', 'correct horse battery', 'ROLLBACK');
$node->safe_psql('m', 'SELECT medrec.seal_audit()');
is(events(), "anna|192.0.2.1|5|5|t\nbert|192.0.2.2|4|2|f", 'a successful login that is rolled back is not a failed attempt');
$node->psql('m', "$gateway " . from('192.0.2.3') . "BEGIN; SELECT medrec_api.login('bert', 'wrong'); SELECT 1 / 0");
$node->safe_psql('m', 'SELECT medrec.seal_audit()');
is(events(), "anna|192.0.2.1|5|5|t\nbert|192.0.2.2|4|2|f\nbert|192.0.2.3|1|1|f", 'an error after it does not hide an attempt');
is($node->safe_psql('m', 'SELECT kind, detail FROM medrec.verify_audit(); SELECT kind, table_name, detail FROM medrec.verify_records()'), '', 'the trail verifies');

foreach my $password ('wrong', 'correct horse battery')
{
	my ($out, $err);
	$node->psql('m', "$gateway BEGIN READ ONLY; SELECT medrec_api.login('anna', '$password')", stdout => \$out, stderr => \$err);
	like($err, qr/cannot check passwords in a read-only transaction/, "login in a read-only transaction checks no password: $password");
}

# while an attempt for a name runs from an unknown address, other attempts from unknown addresses do not wait; at most six names
# can be tried this way, eight in all
login('anna', 'correct horse battery', 'COMMIT', '192.0.2.10');
login('bert', 'correct horse battery', 'COMMIT', '192.0.2.11');
login($_, 'correct horse battery', 'COMMIT', '192.0.2.12') foreach 'cleo', 'dora';
my @sessions = map { $node->background_psql('m') } 1 .. 8;
$_->query_safe($gateway . from('198.51.100.1')) foreach @sessions;
# an attempt that stays open
sub open_try
{
	my ($i, $name, $address) = @_;
	$sessions[$i]->query_safe(from($address)) if $address;
	return $sessions[$i]->query_safe("BEGIN; SELECT medrec_api.login('$name', 'wrong')");
}
open_try(0, 'anna');
like(login('ANNA', 'wrong', 'COMMIT', '198.51.100.2'), qr/PT429/, 'a second attempt for the same name is refused at once');
like(login('anna', 'correct horse battery', 'COMMIT', '192.0.2.10'), qr/"token"/, 'an attempt from an address with an earlier login is not refused');
like(login('bert', 'correct horse battery', 'COMMIT', '198.51.100.3'), qr/"token"/, 'an attempt for another name is not refused');
open_try($_, "nobody$_") foreach 1 .. 5;
like(login('bert', 'correct horse battery', 'COMMIT', '198.51.100.4'), qr/PT429/, 'while six names are tried from unknown addresses a seventh is refused');
like(login('bert', 'correct horse battery', 'COMMIT', '192.0.2.11'), qr/"token"/, 'while six names are tried an attempt from a known address is not refused');
unlike(login('nobody9', 'wrong', 'COMMIT', '192.0.2.11'), qr/PT429/, 'an unknown name from a known address is not refused either: a 429 reveals no account');
open_try(6, 'cleo', '192.0.2.12');
open_try(7, 'dora', '192.0.2.12');
like(login('bert', 'correct horse battery', 'COMMIT', '198.51.100.3'), qr/PT429/, 'a ninth attempt at the same time is refused');
$sessions[0]->query_safe('ROLLBACK');
$sessions[7]->query_safe('ROLLBACK');
like(login('bert', 'correct horse battery', 'COMMIT', '198.51.100.4'), qr/"token"/, 'an attempt is accepted once another has ended');
$_->quit foreach @sessions;
like(login('bert', 'correct horse battery', 'COMMIT', '198.51.100.5'), qr/"token"/, 'ended sessions hold no attempt');

# a password that is changed while an old one is checked: neither a login, which replaces an old hash, nor another change
# brings the old one back
sub hash_of { return $node->safe_psql('m', "SELECT password FROM medrec.account WHERE username = 'cleo'"); }
foreach my $what ("medrec_api.login('cleo', 'correct horse battery')", "medrec_api.change_password('correct horse battery', 'wrong horse battery')")
{
	$node->safe_psql('m', "SET medrec.password_cost = 5; SELECT medrec.set_password('cleo', 'correct horse battery')");
	my $admin = $node->background_psql('m');
	$admin->query_safe('SET medrec.password_cost = 4; BEGIN');
	$admin->query_safe("SELECT medrec.set_password('cleo', 'a new horse battery')");
	my $other = $node->background_psql('m', on_error_stop => 0);
	$other->query_safe($gateway . from('192.0.2.20') . q(SET ROLE medrec_coder; SET request.jwt.claims = '{"sub":"cleo"}'; SET lock_timeout = 0));
	$other->query_until(qr/started/, "\\echo started\nSELECT $what;\n");
	$node->poll_query_until('m', "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") or die 'nobody waits';
	my $hash = $admin->query_safe("SELECT password FROM medrec.account WHERE username = 'cleo'");
	$admin->query_safe('COMMIT');
	my $answer = $other->query('SELECT 1');
	is(hash_of(), $hash, "the new password stays: $what");
	unlike($answer, qr/"token"/, "the old password gets no token: $what");
	$_->quit foreach $admin, $other;
}
# a crash forgets what was rolled back, and nothing that was committed
$node->safe_psql('m', "SELECT medrec.revoke_tokens('anna')");
login('anna', 'wrong', 'COMMIT') foreach 1 .. 6;
login('bert', 'wrong', 'ROLLBACK') foreach 1 .. 5;
$node->safe_psql('m', q{UPDATE medrec.login_address SET locked_until = now() + interval '1 hour' WHERE failures >= 5});
$node->stop('immediate');
$node->start;
unlike(login('anna', 'correct horse battery', 'COMMIT'), qr/"token"/, 'a committed lock-out holds after a crash');
like(login('bert', 'correct horse battery', 'COMMIT'), qr/"token"/, 'rolled back attempts are forgotten in a crash');

done_testing();
