# Rules of src/: which files belong where, and which may include which, read from the sources; for layout.pl.
package MedrecLayout;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(read_tree arrows map_lines places includes_from_src upwards circles outside_pure headers externs server_names
	functions too_long static_twice);

# from top to bottom: a folder includes only what is below it; medrec.c is above all of them
our @FOLDERS = qw(fhir access load records audit suggest terminology base search codes hash);
our $TOP = 'medrec.c';

# these are built without a server as well: unit tests, fuzzing, tools/
our %PURE = map { $_ => 1 } qw(search codes hash);

# Headers that several files share, each with the reason. Of the others search/search.h is what search/ shows to other folders,
# and so for each folder; the rest declares what the .c of its name defines.
our %SHARED = (
	'base/medrec.h' => 'what every file needs of the server',
	'codes/systems.h' => 'one function of each code system, for the registry',
	'load/format.h' => 'one or more formats of each reader, for the list of them',
);

our $LONGEST = 100;
my %level = ($TOP => -1, map { $FOLDERS[$_] => $_ } 0 .. $#FOLDERS);

# Code alone: comments, strings and characters become blanks, line for line.
sub bare
{
	my ($text) = @_;
	my $blank = sub { $_[0] =~ s/[^\n]/ /gr };
	$text =~ s{(/\*.*?\*/|//[^\n]*)|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)+)'}
		{defined $1 ? $blank->($1) : defined $2 ? '"' . $blank->($2) . '"' : "'" . $blank->($3) . "'"}gse;
	# directives, with the lines that continue them
	$text =~ s{^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*}{$blank->($&)}gme;
	return $text;
}

sub folder { return $_[0] =~ m{^([^/]+)/} ? $1 : $_[0]; }

# The sources below a folder: { "audit/store.c" => { text, code, includes => [ names in quotes ], system => [ names in <> ] } }
sub read_tree
{
	my ($src) = @_;
	my %tree;
	my @folders = ('');
	while (defined(my $folder = shift @folders))
	{
		opendir my $dir, "$src/$folder" or die "$src/$folder: $!";
		foreach my $name (sort grep { !/^\./ } readdir $dir)
		{
			my $path = $folder eq '' ? $name : "$folder/$name";
			push @folders, $path if -d "$src/$path";
			next unless -f "$src/$path" && $name =~ /\.[ch]$/;
			open my $file, '<', "$src/$path" or die "$src/$path: $!";
			my $text = do { local $/; <$file> };
			my $plain = $text =~ s{/\*.*?\*/}{}gsr;
			$tree{$path} = {
				text => $text, code => bare($text),
				includes => [ $plain =~ /^[ \t]*#[ \t]*include[ \t]*"([^"]+)"/mg ],
				system => [ $plain =~ /^[ \t]*#[ \t]*include[ \t]*<([^>]+)>/mg ],
			};
		}
	}
	return \%tree;
}

# What a file means by a name in quotes: one of ours from src/, one beside it, or undef: the server's.
sub target
{
	my ($tree, $path, $name) = @_;
	return $name if $tree->{$name};
	my $beside = $path =~ m{^(.*/)} ? "$1$name" : $name;
	1 while $beside =~ s{[^/]+/\.\./}{};
	return $tree->{$beside} ? $beside : undef;
}

# Includes between folders: { from => { to => [ "file includes file" ] } }
sub arrows
{
	my ($tree) = @_;
	my %arrows;
	foreach my $path (sort keys %$tree)
	{
		foreach my $name (@{ $tree->{$path}{includes} })
		{
			my $target = target($tree, $path, $name) // next;
			push @{ $arrows{ folder($path) }{ folder($target) } }, "$path includes $target" if folder($path) ne folder($target);
		}
	}
	return \%arrows;
}

# The map, a line for each folder: its files, and how many includes lead from it to which.
sub map_lines
{
	my ($tree) = @_;
	my $arrows = arrows($tree);
	my %files;
	$files{ folder($_) }++ foreach keys %$tree;
	my @known = grep { $files{$_} } $TOP, @FOLDERS;
	my %known = map { $_ => 1 } @known;
	return map {
		my $from = $_;
		my @to = sort { ($level{$a} // 99) <=> ($level{$b} // 99) } keys %{ $arrows->{$from} // {} };
		sprintf '%-12s %3d files  -> %s', $from, $files{$from}, join(', ', map { "$_ " . @{ $arrows->{$from}{$_} } } @to) || 'nothing';
	} @known, sort grep { !$known{$_} } keys %files;
}

# Each of the checks below returns what is wrong, a line each.

sub places
{
	my ($tree) = @_;
	return map { "$_ is in no folder that is known" } grep { !defined $level{ folder($_) } || m{/.*/} } sort keys %$tree;
}

sub includes_from_src
{
	my ($tree) = @_;
	my @faults;
	foreach my $path (sort keys %$tree)
	{
		foreach my $name (@{ $tree->{$path}{includes} })
		{
			my $target = target($tree, $path, $name);
			push @faults, "$path includes \"$name\", which is \"$target\" from src/" if defined $target && $target ne $name;
		}
	}
	return @faults;
}

sub upwards
{
	my ($tree) = @_;
	my $arrows = arrows($tree);
	my @faults;
	foreach my $from (sort keys %$arrows)
	{
		push @faults, map { @{ $arrows->{$from}{$_} } } grep { ($level{$_} // -1) < ($level{$from} // 99) } sort keys %{ $arrows->{$from} };
	}
	return @faults;
}

sub circles
{
	my ($tree) = @_;
	my $arrows = arrows($tree);
	my @faults;
	foreach my $from (sort keys %$arrows)
	{
		push @faults, map { "$from and $_ include each other" } grep { $from lt $_ && $arrows->{$_}{$from} } sort keys %{ $arrows->{$from} };
	}
	return @faults;
}

# The pure folders include each other's files downwards, and headers of C and OpenSSL.
sub outside_pure
{
	my ($tree) = @_;
	my @faults;
	foreach my $path (grep { $PURE{ folder($_) } } sort keys %$tree)
	{
		push @faults, map { "$path includes \"$_\"" } grep { !defined target($tree, $path, $_) } @{ $tree->{$path}{includes} };
		push @faults, map { "$path includes <$_>" } grep { !m{^(openssl/\w+|\w+)\.h$} || /^(postgres|c|fmgr)\.h$/ } @{ $tree->{$path}{system} };
	}
	return @faults;
}

# The functions that a file defines, in PostgreSQL's layout: [ name, static or not, lines from its name to its end ]
sub functions
{
	my ($file) = @_;
	return @{ $file->{functions} } if $file->{functions};
	my @lines = split /\n/, $file->{code};
	my @functions;
	for (my $i = 0; $i < @lines; $i++)
	{
		my ($name) = $lines[$i] =~ /^(\w+)\s*\(/ or next;
		my $at = $i;
		$at++ while $at < $#lines && $lines[$at] !~ /^\{|[;}]/;
		next unless $lines[$at] =~ /^\{/;
		my $end = $at;
		$end++ while $end < $#lines && $lines[$end] !~ /^\}/;
		my $first = $i;
		$first-- while $first > 0 && $lines[ $first - 1 ] =~ /^\w[\w\s\*()]*$/;
		my $static = join(' ', @lines[ $first .. $i - 1 ]) =~ /\bstatic\b/ ? 1 : 0;
		push @functions, [ $name, $static, $end - $i + 1 ];
		$i = $end;
	}
	$file->{functions} = \@functions;
	return @functions;
}

sub too_long
{
	my ($tree) = @_;
	my @faults;
	foreach my $path (sort keys %$tree)
	{
		push @faults, map { "$path: $_->[0] has $_->[2] lines" } grep { $_->[2] > $LONGEST } functions($tree->{$path});
	}
	return @faults;
}

sub static_twice
{
	my ($tree) = @_;
	my %where;
	foreach my $path (sort keys %$tree)
	{
		$where{$_}{$path} = 1 foreach map { $_->[0] } grep { $_->[1] } functions($tree->{$path});
	}
	return map { my $name = $_; "$name is in " . join(', ', sort keys %{ $where{$name} }) } grep { keys %{ $where{$_} } > 1 } sort keys %where;
}

# What a header declares for others: functions and variables behind "extern"
sub declared
{
	my ($file) = @_;
	my $code = $file->{code};
	# a typed pointer to a function, and attributes, have parentheses of their own
	$code =~ s/\bpg_attribute_\w+(\([^()]*\))?//g;
	my @names;
	while ($code =~ /\bextern\b([^;{]*);/g)
	{
		my $declaration = $1;
		push @names, $declaration =~ /^[\w\s*]*\(\*(\w+)\)/ ? $1 : $declaration =~ /(\w+)\s*\(/ ? $1 : $declaration =~ /(\w+)\s*(?:\[[^\]]*\]\s*)*$/ ? $1 : ();
	}
	return @names;
}

# Does a .c define the name? A function, or a variable that is not static.
sub defines
{
	my ($file, $name) = @_;
	return 1 if grep { $_->[0] eq $name && !$_->[1] } functions($file);
	return $file->{code} =~ /^(?!static|extern|typedef|\s|return)[^\n(;]*\b\Q$name\E\b\s*(?:\[[^\n]*\]\s*)?(?:=|;)/m
		|| $file->{code} =~ /^(?!static|extern|typedef|\s)[^\n;]*\(\*\Q$name\E\)[^\n]*(?:=|;)/m;
}

sub headers
{
	my ($tree) = @_;
	my @faults;
	my @sources = grep { /\.c$/ } sort keys %$tree;
	foreach my $header (grep { /\.h$/ && !$SHARED{$_} } sort keys %$tree)
	{
		my $own = $header =~ s/\.h$/.c/r;
		my $face = $header =~ m{^(\w+)/\1\.h$} ? $1 : '';
		my %of;
		foreach my $name (declared($tree->{$header}))
		{
			next if $tree->{$own} && defines($tree->{$own}, $name);
			my ($where) = grep { defines($tree->{$_}, $name) } @sources;
			next if defined $where && folder($where) eq $face;
			push @{ $of{ $where // 'no file' } }, $name;
		}
		push @faults, map { "$header declares what $_ defines: @{ $of{$_} }" } sort keys %of;
	}
	return @faults;
}

# A declaration within a .c bypasses the headers, and so the order of the folders.
sub externs
{
	my ($tree) = @_;
	my @faults;
	foreach my $path (grep { /\.c$/ } sort keys %$tree)
	{
		push @faults, map { "$path declares $_ itself" } grep { !/^_PG_/ } declared($tree->{$path});
	}
	return @faults;
}

# With src/ on the compiler's path a header of ours hides one of the server's that has the same address.
sub server_names
{
	my ($tree, $includedir) = @_;
	return map { "$_ hides the server's" } grep { /\.h$/ && -e "$includedir/$_" } sort keys %$tree;
}

1;
