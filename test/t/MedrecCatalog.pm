# What the catalogs say of medrec, as text that two databases can be compared by.
package MedrecCatalog;
use strict;
use warnings;
use JSON::PP;
use IPC::Run;
use Exporter 'import';
our @EXPORT = qw(catalog catalog_differences dump_differences);

# One row per object or property: what kind, whose, and how it is defined, without any OID. Privileges as they work:
# none recorded is the same as the default ones. Left out: months of the audit trail, which differ by when they were made.
my $query = <<'SQL';
CREATE FUNCTION pg_temp.acl(kind "char", acl aclitem[], owner oid) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable), ', '
		ORDER BY CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END COLLATE "C", x.privilege_type)
	FROM aclexplode(CASE WHEN kind = 'x' THEN acl ELSE coalesce(acl, acldefault(kind, owner)) END) AS x
$$;
-- ADD
CREATE TEMP TABLE spaces AS SELECT oid FROM pg_namespace WHERE nspname ~ '^medrec';
CREATE TEMP TABLE rels AS
	SELECT c.oid::regclass::text AS name, c.* FROM pg_class AS c
	WHERE c.relnamespace IN (SELECT oid FROM spaces) AND c.relname !~ '^audit_event_\d{4}_\d\d';
CREATE TEMP TABLE answer (kind text, name text, definition text);
INSERT INTO answer SELECT 'schema', nspname, format('owner %s, %s', pg_get_userbyid(nspowner), pg_temp.acl('n', nspacl, nspowner))
	FROM pg_namespace WHERE oid IN (SELECT oid FROM spaces);
INSERT INTO answer SELECT 'extension', extname, format('version %s, schema %s, relocatable %s, configuration %s', extversion, extnamespace::regnamespace, extrelocatable, extconfig)
	FROM pg_extension WHERE extname <> 'plpgsql';
INSERT INTO answer SELECT 'member of ' || e.extname, pg_describe_object(d.classid, d.objid, d.objsubid), ''
	FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
	WHERE d.deptype IN ('e', 'x') AND e.extname = 'medrec';
-- privileges that pg_dump takes for the extension's own: a privilege listed here by mistake is lost in a dump
INSERT INTO answer SELECT 'initial privileges', pg_describe_object(i.classoid, i.objoid, i.objsubid), pg_temp.acl('x', i.initprivs, 0)
	FROM pg_init_privs AS i JOIN pg_proc AS p ON p.oid = i.objoid AND i.classoid = 'pg_proc'::regclass WHERE p.pronamespace IN (SELECT oid FROM spaces);
INSERT INTO answer SELECT CASE prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END, p.oid::regprocedure::text,
		format('%s, owner %s, library %s, %s, %s', CASE WHEN prokind = 'a' THEN a.*::text ELSE pg_get_functiondef(p.oid) END, pg_get_userbyid(proowner),
			probin, pg_temp.acl('f', proacl, proowner), prosrc)
	FROM pg_proc AS p LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid WHERE pronamespace IN (SELECT oid FROM spaces);
INSERT INTO answer SELECT 'relation', name, format('kind %s, persistence %s, partition %s, owner %s, options %s, access method %s, row security %s %s, replica identity %s, key %s, bound %s, of %s, %s',
		relkind, relpersistence, relispartition, pg_get_userbyid(relowner), reloptions, (SELECT amname FROM pg_am WHERE oid = relam), relrowsecurity, relforcerowsecurity, relreplident,
		CASE relkind WHEN 'p' THEN pg_get_partkeydef(oid) END, pg_get_expr(relpartbound, oid), (SELECT string_agg(inhparent::regclass::text, ' ' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = oid),
		CASE WHEN relkind NOT IN ('i', 'I') THEN pg_temp.acl(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relacl, relowner) END)
	FROM rels;
INSERT INTO answer SELECT 'columns in order', name, (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped)
	FROM rels AS r WHERE relkind NOT IN ('i', 'I', 'S');
INSERT INTO answer SELECT 'column', format('%s.%s', r.name, attname), format('%s, not null %s, default %s, identity %s, generated %s, collation %s, storage %s, compression %s, statistics %s, options %s, local %s %s, %s',
		format_type(atttypid, atttypmod), attnotnull, pg_get_expr(d.adbin, d.adrelid), attidentity, attgenerated, (SELECT collname FROM pg_collation WHERE oid = attcollation),
		attstorage, attcompression, nullif(attstattarget, -1), (SELECT string_agg(o, ' ') FROM unnest(attoptions) AS o WHERE o !~ '^pg_attver='), attislocal, attinhcount, pg_temp.acl('x', attacl, 0))
	FROM rels AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum;
INSERT INTO answer SELECT 'sequence', name, s.*::text FROM rels AS r
	CROSS JOIN LATERAL (SELECT format_type(seqtypid, NULL), seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_sequence WHERE seqrelid = r.oid) AS s;
INSERT INTO answer SELECT 'view', name, pg_get_viewdef(oid) FROM rels WHERE relkind IN ('v', 'm');
INSERT INTO answer SELECT 'index', name, format('%s, valid %s, ready %s, primary %s, cluster %s', pg_get_indexdef(oid), indisvalid, indisready, indisprimary, indisclustered)
	FROM rels JOIN pg_index ON indexrelid = oid;
INSERT INTO answer SELECT 'constraint', format('%s on %s', conname, coalesce(r.name, contypid::regtype::text)), format('%s, valid %s, local %s %s, inherited %s', pg_get_constraintdef(c.oid), convalidated, conislocal, coninhcount, connoinherit)
	FROM pg_constraint AS c LEFT JOIN rels AS r ON r.oid = c.conrelid WHERE c.connamespace IN (SELECT oid FROM spaces) AND (c.conrelid = 0 OR r.oid IS NOT NULL);
INSERT INTO answer SELECT 'trigger', format('%s on %s', CASE WHEN tgisinternal THEN regexp_replace(tgname, '\d+', 'N') || ' of ' || (SELECT conname FROM pg_constraint WHERE oid = tgconstraint) ELSE tgname END, r.name),
		format('%s, mode %s', regexp_replace(pg_get_triggerdef(t.oid), '_\d+"', '"'), tgenabled)
	FROM pg_trigger AS t JOIN rels AS r ON r.oid = t.tgrelid;
INSERT INTO answer SELECT 'policy', format('%s on %s', polname, r.name), format('%s permissive %s, to %s, using %s, check %s', polcmd, polpermissive,
		(SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(o) END, ' ' ORDER BY pg_get_userbyid(o)) FROM unnest(polroles) AS o), pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
	FROM pg_policy AS p JOIN rels AS r ON r.oid = p.polrelid;
INSERT INTO answer SELECT 'rule', format('%s on %s', rulename, r.name), format('%s, mode %s', pg_get_ruledef(w.oid), ev_enabled) FROM pg_rewrite AS w JOIN rels AS r ON r.oid = w.ev_class;
INSERT INTO answer SELECT 'type', t.oid::regtype::text, format('type %s, base %s, not null %s, default %s, owner %s, labels %s, %s', typtype, format_type(typbasetype, typtypmod), typnotnull, typdefault, pg_get_userbyid(typowner),
		(SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), pg_temp.acl('T', typacl, typowner))
	FROM pg_type AS t WHERE typnamespace IN (SELECT oid FROM spaces) AND (typrelid = 0 OR typrelid IN (SELECT oid FROM rels))
		AND (typelem = 0 OR typelem IN (SELECT oid FROM pg_type WHERE typrelid IN (SELECT oid FROM rels)));
INSERT INTO answer SELECT 'statistics', stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxnamespace IN (SELECT oid FROM spaces);
INSERT INTO answer SELECT 'operator', oid::regoperator::text, format('%s %s %s', oprcode, oprrest, oprjoin) FROM pg_operator WHERE oprnamespace IN (SELECT oid FROM spaces);
INSERT INTO answer SELECT 'default privileges', format('%s in %s', defaclobjtype, defaclnamespace::regnamespace), pg_temp.acl('x', defaclacl, 0) FROM pg_default_acl;
INSERT INTO answer SELECT 'event trigger', evtname, format('%s, tags %s, %s, mode %s, owner %s', evtevent, (SELECT string_agg(t, ', ' ORDER BY t) FROM unnest(evttags) AS t), evtfoid::regprocedure, evtenabled, pg_get_userbyid(evtowner)) FROM pg_event_trigger;
INSERT INTO answer SELECT 'publication', pubname, '' FROM pg_publication;
INSERT INTO answer SELECT 'setting of the database', setconfig::text, '' FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database());
INSERT INTO answer SELECT 'comment', o.type || ' ' || o.identity, d.description
	FROM pg_description AS d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS o
	WHERE o.identity ~ 'medrec' AND o.identity !~ 'audit_event_\d{4}_\d\d';
INSERT INTO answer SELECT 'role', rolname, format('superuser %s, inherit %s, create %s %s, login %s, replication %s, bypass %s, limit %s, settings %s, comment %s, member of %s', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
		rolreplication, rolbypassrls, rolconnlimit, rolconfig, shobj_description(oid, 'pg_authid'),
		(SELECT string_agg(pg_get_userbyid(roleid), ' ' ORDER BY pg_get_userbyid(roleid)) FROM pg_auth_members WHERE member = r.oid))
	FROM pg_roles AS r WHERE rolname ~ '^medrec';
INSERT INTO answer SELECT 'step', version::text, name FROM medrec.schema_migration;
SELECT string_agg(jsonb_build_array(kind || ' ' || name, definition)::text, E'\n' ORDER BY kind, name, definition) FROM answer;
SQL

# {object => definition}; $change is SQL run before, all of it rolled back.
sub catalog
{
	my ($node, $database, $change) = @_;
	my $sql = $query;
	$change //= '';
	$sql =~ s/^-- ADD$/$change/m;
	my $json = JSON::PP->new->allow_nonref;
	my %answer;
	# search_path: so that every name is qualified
	foreach my $line (split /\n/, $node->safe_psql($database, "BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL client_min_messages = error;\n$sql\nROLLBACK;"))
	{
		my ($object, $definition) = @{ $json->decode($line) };
		$answer{$object} .= defined $definition ? "$definition\n" : "(null)\n";
	}
	return \%answer;
}

# The objects in which two catalogs differ, as lines that say how.
sub catalog_differences
{
	my ($old, $new) = @_;
	my @lines;
	foreach my $object (sort keys %{ { %$old, %$new } })
	{
		my ($is, $should) = ($old->{$object}, $new->{$object});
		next if defined $is && defined $should && $is eq $should;
		push @lines, "$object: " . (!defined $is ? 'missing' : !defined $should ? 'too much' : first_difference($is, $should));
	}
	return @lines;
}

# Two definitions from where they differ.
sub first_difference
{
	my ($is, $should) = @_;
	my $at = 0;
	$at++ while $at < length $is && $at < length $should && substr($is, $at, 1) eq substr($should, $at, 1);
	$at = $at > 30 ? $at - 30 : 0;
	return 'is [' . substr($is, $at, 160) . '], in a new installation [' . substr($should, $at, 160) . ']';
}

# The lines that pg_dump -s writes of one database only, in any order, which follows OIDs.
sub dump_differences
{
	my %count;
	my $sign = 1;
	foreach (@_)
	{
		my ($node, $database) = @$_;
		my ($out, $err) = ('', '');
		IPC::Run::run([ 'pg_dump', '-s', '-T', 'medrec.audit_event_2*', '-h', $node->host, '-p', $node->port, $database ], '>', \$out, '2>', \$err) or die "pg_dump: $err";
		# the last of a list has no comma, and which is last follows OIDs too
		$count{ s/,$//r } += $sign foreach grep { !/^--|^\\(un)?restrict |^$|audit_event_\d{4}_\d\d/ } split /\n/, $out;
		$sign = -1;
	}
	return map { ($count{$_} > 0 ? '+ ' : '- ') . $_ } grep { $count{$_} } sort keys %count;
}

1;
