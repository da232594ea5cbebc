# logins in transactions that are rolled back, side by side, and across a crash
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $node = medrec_node('login', conf => "medrec.password_cost = 4\n");
$node->safe_psql('m', q{INSERT INTO medrec.account (username, role) VALUES ('anna', 'clinician'), ('bert', 'coder');
	SELECT medrec.set_password('anna', 'correct horse battery'), medrec.set_password('bert', 'correct horse battery')});
my $gateway = 'SET SESSION AUTHORIZATION medrec_authenticator; SET ROLE medrec_anon;';

# one login as a session of the gateway; how it ends
sub login
{
	my ($name, $password, $end) = @_;
	return $node->safe_psql('m', "$gateway BEGIN; SELECT medrec_api.login('$name', '$password'); $end");
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
like($lost, qr/"token"/, 'a login that is rolled back has seen its token');
is(accepted(claims($lost)), 0, 'which is none');
is(accepted(claims(login('anna', 'correct horse battery', 'COMMIT'))), 1, 'that of a login that was committed is one');

login('anna', 'wrong', 'ROLLBACK') foreach 1 .. 5;
is($node->safe_psql('m', 'SELECT sum(failures) FROM medrec.login_address'), '0', 'five wrong tries were rolled back');
unlike(login('anna', 'correct horse battery', 'COMMIT'), qr/"token"/, 'and lock the account all the same, for other sessions too');
$node->safe_psql('m', "SELECT medrec.revoke_tokens('anna')");
like(login('anna', 'correct horse battery', 'COMMIT'), qr/"token"/, 'until an administrator ends the lock-out');

foreach my $password ('wrong', 'correct horse battery')
{
	my ($out, $err);
	$node->psql('m', "$gateway BEGIN READ ONLY; SELECT medrec_api.login('anna', '$password')", stdout => \$out, stderr => \$err);
	like($err, qr/passwords are not checked in a read-only transaction/, "a read-only transaction checks no password: $password");
}

# while one try of a name runs, others of it do not wait; eight names at most
my @sessions = map { $node->background_psql('m') } 1 .. 8;
$_->query_safe($gateway) foreach @sessions;
$sessions[0]->query_safe("BEGIN; SELECT medrec_api.login('anna', 'wrong')");
like(login('ANNA', 'correct horse battery', 'COMMIT'), qr/PT429/, 'another try of the name is refused at once');
like(login('bert', 'correct horse battery', 'COMMIT'), qr/"token"/, 'one of another name is not');
$sessions[$_]->query_safe("BEGIN; SELECT medrec_api.login('nobody$_', 'wrong')") foreach 1 .. 7;
like(login('bert', 'correct horse battery', 'COMMIT'), qr/PT429/, 'but not while eight names are being tried');
$sessions[0]->query_safe('ROLLBACK');
like(login('bert', 'correct horse battery', 'COMMIT'), qr/"token"/, 'until one of them has ended');
$_->quit foreach @sessions;
like(login('bert', 'correct horse battery', 'COMMIT'), qr/"token"/, 'sessions that are gone hold nothing');

# a crash forgets what was rolled back, and nothing that was committed
$node->safe_psql('m', "SELECT medrec.revoke_tokens('anna')");
login('anna', 'wrong', 'COMMIT') foreach 1 .. 6;
login('bert', 'wrong', 'ROLLBACK') foreach 1 .. 5;
$node->safe_psql('m', q{UPDATE medrec.login_address SET locked_until = now() + interval '1 hour' WHERE failures >= 5});
$node->stop('immediate');
$node->start;
unlike(login('anna', 'correct horse battery', 'COMMIT'), qr/"token"/, 'after a crash a lock-out that was committed holds');
like(login('bert', 'correct horse battery', 'COMMIT'), qr/"token"/, 'tries that were rolled back are forgotten');

done_testing();
