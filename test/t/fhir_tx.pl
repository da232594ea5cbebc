# HL7's terminology-server tests that call validate-code for a whole code system, answered by medrec.validate_code()
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MedrecNode;

my $folder = ($ENV{MEDREC_DATA} // '') . '/fhir-tx-tests';
plan skip_all => 'MEDREC_DATA does not name the reference data' unless -d $folder;

# The cases that are not run, each group with its reason. A case that is neither here nor run fails the test.
my @out_of_scope = (
	[ qr/^simple-(expand|lookup)/, 'not validate-code' ],
	[ qr/^validate-contained|-bad-(import|valueSet)$|-(bad|good)-regex$/, 'of a value set that is not all codes of a code system' ],
	[ qr/^complex-/, 'of a CodeableConcept with several codings: a record has one code' ],
	[ qr/language/, 'of displays in several languages' ],
	[ qr/^simple-code-implied|-no-system$/, 'without a code system: medrec never infers it' ],
	[ qr/-bad-system(2|-local)$/, 'whether the URI of a system is well formed: medrec knows it or does not' ],
	[ qr/^case-coding-sensitive/, 'of a system with codes that differ by case only: none of the 14 is' ],
	[ qr/-bad-display-ws$/, 'that white space makes a display wrong: medrec looks past it, as its users want' ]);

# The code systems of the tests, each under one of the 14 that has room for its codes. The systems and value sets named
# "version", "version-all-1", "inactive" and "inactive-all" are not among the fixtures; what the responses say of them is here.
my %stand_for = (
	simple => [ 'HCPCS', 'J%04d' ],
	'case-insensitive' => [ 'ATC', 'A01AA%02d' ],
	version => [ 'ICD-10-CM', 'A%02d' ],
	inactive => [ 'ICD-10', 'B%02d' ]);
my %concepts = (
	version => [ { code => 'code1', display => 'Display 1 (1.0)' } ],
	inactive => [ { code => 'codeActive', display => 'Display active' },
		{ code => 'codeInactive', display => 'Display inactive', property => [ { code => 'status', valueCode => 'retired' } ] } ]);
my %whole = ('version-all-1' => 'version', 'inactive-all' => 'inactive');

sub read_json
{
	my ($path) = @_;
	my $text = slurp_file($path);
	$text =~ s/^\xef\xbb\xbf//;
	return decode_json($text);
}

# The last part of a URI.
sub name_of
{
	my ($uri) = @_;
	return $uri =~ m{([^/|]+)[^/]*$} ? $1 : $uri;
}

# A concept and all below it.
sub flat
{
	return map { ($_, flat(@{ $_->{concept} // [] })) } @_;
}

# A parameter's value of any type.
sub value_of
{
	my ($parameters, $name) = @_;
	foreach my $p (grep { $_->{name} eq $name } @{ $parameters->{parameter} })
	{
		return $p->{resource} if $p->{resource};
		my ($key) = grep { /^value/ } keys %$p;
		return JSON::PP::is_bool($p->{$key}) ? ($p->{$key} ? 1 : 0) : $p->{$key};
	}
	return undef;
}

foreach my $path (glob "$folder/*/codesystem-*.json")
{
	my $cs = read_json($path);
	my $name = name_of($cs->{url});
	$concepts{$name} = [ flat(@{ $cs->{concept} }) ] if $stand_for{$name};
}
foreach my $path (glob "$folder/*/valueset-*.json")
{
	my $vs = read_json($path);
	my @include = @{ $vs->{compose}{include} };
	$whole{ name_of($vs->{url}) } = name_of($include[0]{system})
		if @include == 1 && join(' ', keys %{ $include[0] }) eq 'system' && !$vs->{compose}{exclude} && !$vs->{compose}{inactive};
}

# codes of the tests and of medrec, one to one; a code in another case becomes one in lower case
my %to;
foreach my $name (keys %stand_for)
{
	my $n = 0;
	$to{$name}{ $_->{code} } = sprintf $stand_for{$name}[1], ++$n foreach @{ $concepts{$name} };
}
sub medrec_code
{
	my ($name, $code) = @_;
	return $to{$name}{$code} if $to{$name}{$code};
	my ($same) = grep { lc $_ eq lc $code } keys %{ $to{$name} };
	return $same ? lc $to{$name}{$same} : sprintf $stand_for{$name}[1], 99;
}

my $node = medrec_node('fhir_tx');
foreach my $name (sort keys %stand_for)
{
	my $csv = "code,display,active_to,synonyms\n" . join '', map {
		my $retired = grep { $_->{code} eq 'status' && $_->{valueCode} eq 'retired' } @{ $_->{property} // [] };
		sprintf qq{%s,"%s",%s,"%s"\n}, $to{$name}{ $_->{code} }, $_->{display}, $retired ? '2001-01-01' : '',
			join '|', map { $_->{value} } @{ $_->{designation} // [] } } @{ $concepts{$name} };
	is($node->safe_psql('m', "SELECT rows FROM medrec.load_release('$stand_for{$name}[0]', '1', '2000-01-01', \$csv\$$csv\$csv\$, 'csv')"),
		scalar @{ $concepts{$name} }, "code system $name is loaded as $stand_for{$name}[0]");
}

# medrec's answer in the terms of FHIR
sub ask
{
	my ($system, $name, $code, $display, $lenient, $active_only) = @_;
	my %answer = (result => 1, inactive => 0, issues => {}, normalized => undef, display => undef);
	my $given = defined $name ? medrec_code($name, $code) : $code;
	my $text = defined $display ? "\$d\$$display\$d\$" : 'NULL';
	my ($rc, $out, $err) = $node->psql('m', "SELECT to_json(v) FROM medrec.validate_code('$system', '$given', $text, '2025-01-01') AS v");
	if ($rc != 0)
	{
		die $err unless $err =~ /unknown code system/;
		return { %answer, result => 0, issues => { 'not-found' => 1 } };
	}
	my $validated = decode_json($out);
	$answer{result} = 0 if $validated->{result} eq 'invalid';
	$answer{display} = $validated->{display} if $validated->{result} ne 'invalid';
	foreach my $issue (@{ $validated->{issues} })
	{
		$answer{issues}{ $issue->{code} } = 1;
		$answer{inactive} = 1 if $issue->{code} eq 'code-rule' && $issue->{text} =~ /^retired/;
		# medrec keeps a record with any text; FHIR lets the client say whether that is an error
		$answer{result} = 0 if $issue->{code} eq 'invalid-display' && !$lenient;
	}
	$answer{result} = 0 if $answer{inactive} && $active_only;
	# medrec normalises silently, FHIR reports it
	if ($validated->{result} ne 'invalid' && $validated->{code} ne $given)
	{
		($answer{normalized}) = grep { $to{$name}{$_} eq $validated->{code} } keys %{ $to{$name} };
		$answer{issues}{'code-rule'} = 1;
	}
	return \%answer;
}

# Brings both answers into one form.
sub shown
{
	my ($answer) = @_;
	return join ', ', ($answer->{result} ? 'true' : 'false'), ($answer->{inactive} ? 'inactive' : ()),
		(defined $answer->{display} ? "\"$answer->{display}\"" : ()), (defined $answer->{normalized} ? "normalized $answer->{normalized}" : ()),
		sort keys %{ $answer->{issues} };
}

my $asked = 0;
my %used;
foreach my $path (sort glob "$folder/*/*-request*.json")
{
	my ($case) = $path =~ m{([^/]*?)-request[^/]*$};
	my ($reason) = grep { $case =~ $_->[0] } @out_of_scope;
	if ($reason)
	{
		$used{ $reason->[1] } .= " $case";
		next;
	}
	my $request = read_json($path);
	my $response = read_json($path =~ s/-request-parameters/-response-parameters/r);
	my $coding = value_of($request, 'coding');
	my $concept = value_of($request, 'codeableConcept');
	my $url = name_of(value_of($request, 'url'));
	$coding = $concept->{coding}[0] if $concept;
	$coding //= { system => value_of($request, 'system') // value_of($request, 'url'), code => value_of($request, 'code'), display => value_of($request, 'display') };
	my $name = name_of($coding->{system});
	unless ($concepts{$name} ? $url eq $name || ($whole{$url} // '') eq $name : $whole{$url})
	{
		fail("$case: neither asked nor out of scope");
		next;
	}

	my %expected = (
		result => value_of($response, 'result'),
		inactive => value_of($response, 'inactive') // 0,
		normalized => value_of($response, 'normalized-code'),
		display => value_of($response, 'display'));
	# medrec is not asked whether the value set has the code too, and how else the coding is displayed
	my %issues = map { ($_->{details}{coding}[0]{code} => 1) } @{ (value_of($response, 'issues') // {})->{issue} // [] };
	delete @issues{qw(not-in-vs this-code-not-in-vs code-comment)};
	$expected{issues} = \%issues;

	my $known = $concepts{$name} ? $name : undef;
	my @rest = ($coding->{display}, value_of($request, 'lenient-display-validation'), value_of($request, 'activeOnly'));
	is(shown(ask($known ? $stand_for{$name}[0] : $coding->{system}, $known, $coding->{code}, @rest)), shown(\%expected), $case);
	$asked++;
}
is($asked, 24, 'all cases were run');
is(scalar(keys %used), scalar(@out_of_scope), 'every reason for omitting cases has cases');
note("out of scope, $_:$used{$_}") foreach sort keys %used;

# to FHIR, as in the fixture, an unknown code is not a code at all
is($node->safe_psql('m', "SELECT result || ' ' || (issues -> 0 ->> 'code') FROM medrec.validate_code('HCPCS', 'code1x')"), 'invalid invalid-code', 'a malformed code is an unknown code to FHIR');

$node->stop;
done_testing();
