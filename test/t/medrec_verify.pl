# medrec-verify, without a database: it accepts what the database proves, and nothing else
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MIME::Base64;
use MedrecNode;

plan skip_all => 'MEDREC_VERIFY does not name the program'
	unless $ENV{MEDREC_VERIFY} && -x $ENV{MEDREC_VERIFY};
my $verify = $ENV{MEDREC_VERIFY};
my $node = medrec_node('verify');
my $dir = $node->basedir;

# writes a file of the test's folder, returns its path
sub file
{
	my ($name, $content) = @_;
	open my $out, '>', "$dir/$name" or die "$name: $!";
	print $out $content;
	close $out;
	return "$dir/$name";
}

# what the database returns, with psql's line end
sub ask
{
	my ($name, $sql) = @_;
	return file($name, $node->safe_psql('m', $sql) . "\n");
}

sub seal
{
	$node->safe_psql('m', 'SELECT medrec.seal_audit()');
	return $node->safe_psql('m', 'SELECT max(seal) FROM medrec.audit_seal');
}

$node->safe_psql('m', "SELECT medrec.create_patient('A', 1, 'male', 'P' || i) FROM generate_series(1, 5) AS i");
my $first = seal();
my $old = ask('old', 'SELECT medrec.audit_checkpoint()');
$node->safe_psql('m', "SELECT medrec.create_patient('B', 1, 'male', 'Q' || i) FROM generate_series(1, 5) AS i");
my $second = seal();
my $new = ask('new', 'SELECT medrec.audit_checkpoint()');
isnt($first, $second, 'the trail has two seals');

my $key = $node->safe_psql('m', "SELECT era || ', ' || xid || ', ' || n FROM medrec.audit_event WHERE new_values ->> 'patient_id' = 'P3'");
my $proof = ask('proof', "SELECT medrec.audit_proof($key)");
$node->command_ok([ $verify, 'event', $proof, $new ], 'an event is in the log');

# the event's text is in base64: put another name into it
my $forged = slurp_file($proof);
my ($event) = $forged =~ /^event: (\S+)$/m;
my $text = decode_base64($event);
ok($text =~ s/"name":"A"/"name":"Z"/, 'a changed proof is written');
my $changed = encode_base64($text, '');
$forged =~ s/^event: \S+$/event: $changed/m;
$node->command_fails([ $verify, 'event', file('forged', $forged), $new ], 'a changed proof is refused');
my $other = slurp_file($new);
$other =~ s{^([A-Za-z0-9+/])(?=[A-Za-z0-9+/]{42}=$)}{$1 eq 'A' ? 'B' : 'A'}me;
$node->command_fails([ $verify, 'event', $proof, file('other', $other) ], 'a proof is refused against another head');

# unsealed events of a checkpoint
$node->command_ok([ $verify, 'sealed', $new, '60' ], 'a checkpoint lists no unsealed events after sealing');
my $late = slurp_file($new);
ok($late =~ s/^medrec-unsealed: .*$/medrec-unsealed: events=3 age=61/m, 'a checkpoint lists unsealed events');
$node->command_fails([ $verify, 'sealed', file('late', $late), '60' ], 'events unsealed for a minute are reported');
$node->command_ok([ $verify, 'sealed', "$dir/late", '61' ], 'events unsealed for less than the limit are not reported');
($late = slurp_file($new)) =~ s/^medrec-unsealed: .*\n//m;
$node->command_fails([ $verify, 'sealed', file('silent', $late), '60' ], 'a checkpoint without the number of unsealed events is refused');

my $growth = ask('growth', "SELECT medrec.consistency_proof($first, $second)");
$node->command_ok([ $verify, 'growth', $growth, $old, $new ], 'a grown log is accepted');
$node->command_fails([ $verify, 'growth', $growth, $new, $old ], 'a shrunk log is refused');
$node->command_fails([ $verify, 'growth', $growth, $old, "$dir/other" ], 'another log is refused');

SKIP:
{
	skip 'no openssl program', 4 unless !system('openssl version >/dev/null 2>&1');
	system("openssl genpkey -algorithm ed25519 -out $dir/key.pem 2>/dev/null && openssl pkey -in $dir/key.pem -pubout -out $dir/public.pem") == 0 or die;
	system("openssl genpkey -algorithm ed25519 -out $dir/key2.pem 2>/dev/null && openssl pkey -in $dir/key2.pem -pubout -out $dir/public2.pem") == 0 or die;
	my ($signed, $err) = run_command([ $verify, 'sign', "$dir/key.pem", 'example.org/witness', $new ]);
	my $checkpoint = file('signed', "$signed\n");
	$node->command_ok([ $verify, '-k', "$dir/public.pem", '-n', 'example.org/witness', 'signature', $checkpoint ], 'a good signature is accepted');
	$node->command_ok([ $verify, '-k', "$dir/public.pem", '-n', 'example.org/witness', 'event', $proof, $checkpoint ], 'a proof with a signed checkpoint is accepted');
	$node->command_fails([ $verify, '-k', "$dir/public2.pem", '-n', 'example.org/witness', 'signature', $checkpoint ], 'a signature by another key is refused');
	$node->command_fails([ $verify, '-k', "$dir/public.pem", '-n', 'example.org/witness', 'signature', $new ], 'a missing signature is refused');
}

done_testing();
