/*
 * audit/ddl.c
 *		medrec.audit_ddl(): the event trigger that records an event for changed
 *		definitions: columns, triggers, policies, functions, rights.
 *
 * It covers medrec's schemas, and tables elsewhere that medrec audits. Only
 * the kind of a command and names are recorded, never its text, which may
 * contain anything.
 */
#include "base/medrec.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "tcop/cmdtag.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "audit/era.h"
#include "audit/event.h"
#include "audit/store.h"
#include "base/relations.h"
#include "base/trigger.h"

/* medrec's schemas have this name, or one that begins with it and "_" */
#define OF_MEDREC(column) \
	"(" column " OPERATOR(pg_catalog.=) 'medrec' OR " column " OPERATOR(pg_catalog.~~) 'medrec\\_%')"

static bool OfMedrec(const char *schema);
static void Write(const char *object, const char *command, const char *details);
static void PutName(StringInfo list, const char *name);
static char *AlterDetails(AlterTableStmt *stmt);
static char *SpecName(RoleSpec *role);
static char *GrantDetails(GrantStmt *stmt);
static char *SchemaOf(RangeVar *name);
static void WriteGrant(GrantStmt *stmt);
static bool ChangesParents(Node *command);
static void WriteDefaults(AlterDefaultPrivilegesStmt *stmt);
static void WriteCommands(EventTriggerData *trigdata);
static void WriteDropped(EventTriggerData *trigdata);

PG_FUNCTION_INFO_V1(medrec_audit_ddl);

/* Whether a schema is medrec's. */
static bool
OfMedrec(const char *schema)
{
	size_t		len = strlen(MEDREC_SCHEMA);

	return schema && strncmp(schema, MEDREC_SCHEMA, len) == 0 &&
		(schema[len] == '\0' || schema[len] == '_');
}

/* Records an event: the object's name and what was done to it. */
static void
Write(const char *object, const char *command, const char *details)
{
	AuditWriter *writer;
	MemoryContext old;
	StringInfoData json;

	/* the trail of a subscriber comes from the publisher */
	if (audit_is_subscribed())
		return;
	writer = audit_writer_begin("DDL", object);
	old = MemoryContextSwitchTo(audit_writer_row(writer));
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"command\":");
	escape_json(&json, command);
	if (details)
		appendStringInfo(&json, ",\"details\":[%s]", details);
	appendStringInfoChar(&json, '}');
	audit_writer_put(writer, NULL, NULL, NULL, audit_text(json.data));
	MemoryContextSwitchTo(old);
	audit_writer_end(writer);
}

/* Adds a JSON string to a list of them. */
static void
PutName(StringInfo list, const char *name)
{
	if (list->len > 0)
		appendStringInfoChar(list, ',');
	escape_json(list, name ? name : "");
}

/* What an ALTER TABLE does, as JSON strings. */
static char *
AlterDetails(AlterTableStmt *stmt)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);
		const char *what;

		switch (cmd->subtype)
		{
			case AT_AddColumn:
				what = "ADD COLUMN";
				break;
			case AT_DropColumn:
				what = "DROP COLUMN";
				break;
			case AT_AlterColumnType:
				what = "ALTER COLUMN TYPE";
				break;
			case AT_ColumnDefault:
				what = "ALTER COLUMN DEFAULT";
				break;
			case AT_DropNotNull:
				what = "DROP NOT NULL";
				break;
			case AT_SetNotNull:
				what = "SET NOT NULL";
				break;
			case AT_AddConstraint:
				what = "ADD CONSTRAINT";
				break;
			case AT_DropConstraint:
				what = "DROP CONSTRAINT";
				break;
			case AT_EnableTrig:
			case AT_EnableAlwaysTrig:
			case AT_EnableReplicaTrig:
				what = "ENABLE TRIGGER";
				break;
			case AT_DisableTrig:
				what = "DISABLE TRIGGER";
				break;
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
				what = "ENABLE TRIGGERS";
				break;
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
				what = "DISABLE TRIGGERS";
				break;
			case AT_EnableRowSecurity:
				what = "ENABLE ROW LEVEL SECURITY";
				break;
			case AT_DisableRowSecurity:
				what = "DISABLE ROW LEVEL SECURITY";
				break;
			case AT_ForceRowSecurity:
				what = "FORCE ROW LEVEL SECURITY";
				break;
			case AT_NoForceRowSecurity:
				what = "NO FORCE ROW LEVEL SECURITY";
				break;
			case AT_ChangeOwner:
				what = "OWNER";
				break;
			case AT_AttachPartition:
				what = "ATTACH PARTITION";
				break;
			case AT_DetachPartition:
				what = "DETACH PARTITION";
				break;
			case AT_AddInherit:
				what = "INHERIT";
				break;
			case AT_DropInherit:
				what = "NO INHERIT";
				break;
			default:
				what = "other";
		}
		if (cmd->name)
			what = psprintf("%s %s", what, cmd->name);
		else if (cmd->def && IsA(cmd->def, ColumnDef))
			what = psprintf("%s %s", what, ((ColumnDef *) cmd->def)->colname);
		else if (cmd->def && IsA(cmd->def, RangeVar))
			what = psprintf("%s %s", what, ((RangeVar *) cmd->def)->relname);
		PutName(&list, what);
	}
	return list.data;
}

/* The name of a role in a command. */
static char *
SpecName(RoleSpec *role)
{
	switch (role->roletype)
	{
		case ROLESPEC_CSTRING:
			return role->rolename;
		case ROLESPEC_PUBLIC:
			return "public";
		default:
			return "current or session user";
	}
}

/* Rights and grantees of a GRANT or REVOKE, as JSON strings. */
static char *
GrantDetails(GrantStmt *stmt)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	if (stmt->privileges == NIL)
		PutName(&list, "ALL");
	foreach(cell, stmt->privileges)
	{
		AccessPriv *priv = lfirst_node(AccessPriv, cell);

		PutName(&list, priv->priv_name ? priv->priv_name : "ALL");
	}
	foreach(cell, stmt->grantees)
		PutName(&list, psprintf("%s %s", stmt->is_grant ? "to" : "from",
								SpecName(lfirst_node(RoleSpec, cell))));
	return list.data;
}

/* The schema of a relation that a command names. */
static char *
SchemaOf(RangeVar *name)
{
	Oid			relid;

	if (name->schemaname)
		return name->schemaname;
	relid = RangeVarGetRelid(name, NoLock, true);
	return OidIsValid(relid) ? get_namespace_name(get_rel_namespace(relid)) : NULL;
}

/* Records an event for each object of medrec that a GRANT or REVOKE names. */
static void
WriteGrant(GrantStmt *stmt)
{
	const char *command = stmt->is_grant ? "GRANT" : "REVOKE";
	ListCell   *cell;

	foreach(cell, stmt->objects)
	{
		Node	   *object = lfirst(cell);
		char	   *schema = NULL;
		char	   *name = NULL;

		/* schemas, and all objects of a schema, are named by a string */
		if (IsA(object, String) &&
			(stmt->targtype == ACL_TARGET_ALL_IN_SCHEMA || stmt->objtype == OBJECT_SCHEMA))
			name = schema = strVal(object);
		else if (IsA(object, RangeVar))
		{
			schema = SchemaOf((RangeVar *) object);
			name = ((RangeVar *) object)->relname;
		}
		else if (IsA(object, ObjectWithArgs))
		{
			Oid			routine = LookupFuncWithArgs(stmt->objtype, (ObjectWithArgs *) object, true);

			if (OidIsValid(routine))
			{
				name = get_func_name(routine);
				schema = get_namespace_name(get_func_namespace(routine));
			}
		}
		if (OfMedrec(schema))
			Write(name, command, GrantDetails(stmt));
	}
}

/* Whether a command makes a table inherit from one of medrec's, or ends that. */
static bool
ChangesParents(Node *command)
{
	ListCell   *cell;

	if (command == NULL || !IsA(command, AlterTableStmt))
		return false;
	foreach(cell, ((AlterTableStmt *) command)->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if ((cmd->subtype == AT_AddInherit || cmd->subtype == AT_DropInherit) &&
			OfMedrec(SchemaOf((RangeVar *) cmd->def)))
			return true;
	}
	return false;
}

/* Records an event for ALTER DEFAULT PRIVILEGES in medrec's schemas, or in all. */
static void
WriteDefaults(AlterDefaultPrivilegesStmt *stmt)
{
	bool		everywhere = true;
	ListCell   *cell;
	ListCell   *schema;

	foreach(cell, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "schemas") != 0)
			continue;
		everywhere = false;
		foreach(schema, (List *) option->arg)
			if (OfMedrec(strVal(lfirst(schema))))
			Write(strVal(lfirst(schema)), "ALTER DEFAULT PRIVILEGES", GrantDetails(stmt->action));
	}
	if (everywhere)
		Write(MEDREC_SCHEMA, "ALTER DEFAULT PRIVILEGES", GrantDetails(stmt->action));
}

/* Records events for the commands that have ended. */
static void
WriteCommands(EventTriggerData *trigdata)
{
	Oid			types[] = {BOOLOID};
	Datum		args[] = {BoolGetDatum(ChangesParents(trigdata->parsetree))};
	SPITupleTable *rows;
	uint64		nrows;
	uint64		i;

	if (trigdata->parsetree && IsA(trigdata->parsetree, GrantStmt))
	{
		WriteGrant((GrantStmt *) trigdata->parsetree);
		return;
	}
	if (trigdata->parsetree && IsA(trigdata->parsetree, AlterDefaultPrivilegesStmt))
	{
		WriteDefaults((AlterDefaultPrivilegesStmt *) trigdata->parsetree);
		return;
	}

	SPI_connect();

	/*
	 * If a table has parents, the event names them, because it may add rows
	 * to them. Tables elsewhere count if medrec audits them. Not read-only,
	 * so that the objects made by the command are visible.
	 */
	if (SPI_execute_with_args("SELECT c.command_tag, c.object_identity, p.names"
							  " FROM pg_catalog.pg_event_trigger_ddl_commands() AS c"
							  " LEFT JOIN LATERAL (SELECT"
							  "   pg_catalog.string_agg(r.relname::pg_catalog.text, ' ' ORDER BY i.inhseqno) AS names,"
							  "   pg_catalog.bool_or(r.relnamespace OPERATOR(pg_catalog.=)"
							  "    'medrec'::pg_catalog.regnamespace::pg_catalog.oid) AS ours"
							  "  FROM pg_catalog.pg_inherits AS i"
							  "  JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) i.inhparent"
							  "  WHERE i.inhrelid OPERATOR(pg_catalog.=) c.objid"
							  "   AND c.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid"
							  "   AND c.command_tag OPERATOR(pg_catalog.~~) 'CREATE %') AS p ON true"
							  " WHERE (" OF_MEDREC("c.schema_name")
							  "   OR c.object_identity OPERATOR(pg_catalog.~~) '% on medrec.%'"
							  "   OR c.object_identity OPERATOR(pg_catalog.~~) '% on medrec\\_%.%'"
							  "   OR c.object_type OPERATOR(pg_catalog.=) ANY ('{schema,extension}'::pg_catalog.text[])"
							  "    AND " OF_MEDREC("c.object_identity") " OR p.ours OR $1"
							  "   OR EXISTS (SELECT FROM pg_catalog.pg_trigger AS t"
							  "    WHERE t.tgfoid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure('medrec.audit()')::pg_catalog.oid"
							  "     AND (t.oid OPERATOR(pg_catalog.=) c.objid"
							  "       AND c.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid"
							  "      OR t.tgrelid OPERATOR(pg_catalog.=) c.objid"
							  "       AND c.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid)))"
							  " AND NOT c.in_extension"
							  " AND c.object_type OPERATOR(pg_catalog.<>) ALL ('{index,sequence}'::pg_catalog.text[])",
							  1, types, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the commands");
	rows = SPI_tuptable;
	nrows = SPI_processed;
	for (i = 0; i < nrows; i++)
	{
		char	   *tag = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *object = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		char	   *parents = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
		char	   *details = NULL;

		if (parents)
		{
			StringInfoData list;

			initStringInfo(&list);
			PutName(&list, psprintf("INHERITS %s", parents));
			details = list.data;
		}
		else if (trigdata->parsetree && IsA(trigdata->parsetree, AlterTableStmt) &&
				 strcmp(tag, "ALTER TABLE") == 0)
			details = AlterDetails((AlterTableStmt *) trigdata->parsetree);
		if (object && strncmp(object, MEDREC_SCHEMA ".", strlen(MEDREC_SCHEMA) + 1) == 0)
			object += strlen(MEDREC_SCHEMA) + 1;
		Write(object ? object : "", tag, details);
	}
	SPI_finish();
}

/* Records events for dropped objects. */
static void
WriteDropped(EventTriggerData *trigdata)
{
	SPITupleTable *rows;
	uint64		nrows;
	uint64		i;

	SPI_connect();
	if (SPI_execute("SELECT d.object_type, d.object_identity"
					" FROM pg_catalog.pg_event_trigger_dropped_objects() AS d"
					" WHERE (" OF_MEDREC("d.schema_name")
					"   OR d.object_identity OPERATOR(pg_catalog.~~) '% on medrec.%'"
					"   OR d.object_identity OPERATOR(pg_catalog.~~) '% on medrec\\_%.%'"

	/*
	 * of tables elsewhere: the function of a dropped trigger is no longer
	 * known
	 */
					"   OR d.object_type OPERATOR(pg_catalog.=) 'trigger'"
					"    AND d.object_identity OPERATOR(pg_catalog.~~) 'medrec\\_audit\\_% on %')"
					" AND (d.original OR d.object_type OPERATOR(pg_catalog.=)"
					"  ANY ('{trigger,policy,table,\"table column\",view}'::pg_catalog.text[]))"
					" AND NOT d.is_temporary"
					" AND d.object_type OPERATOR(pg_catalog.<>)"
					"  ALL ('{index,type,sequence,\"toast table\"}'::pg_catalog.text[])",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what was dropped");
	rows = SPI_tuptable;
	nrows = SPI_processed;
	for (i = 0; i < nrows; i++)
	{
		StringInfoData list;
		char	   *object = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);

		initStringInfo(&list);
		PutName(&list, SPI_getvalue(rows->vals[i], rows->tupdesc, 1));
		if (object && strncmp(object, MEDREC_SCHEMA ".", strlen(MEDREC_SCHEMA) + 1) == 0)
			object += strlen(MEDREC_SCHEMA) + 1;
		Write(object ? object : "", GetCommandTagName(trigdata->tag), list.data);
	}
	SPI_finish();
}

/*
 * medrec.audit_ddl(): event trigger for ddl_command_end and sql_drop.  Without a
 * search_path of its own, so that names mean what they meant to the command.
 */
Datum
medrec_audit_ddl(PG_FUNCTION_ARGS)
{
	static const char *const events[] = {"ddl_command_end", "sql_drop", NULL};
	EventTriggerData *trigdata = event_trigger_called(fcinfo, "medrec.audit_ddl", events);

	/* when the trail itself is dropped there is no place for an event */
	if (!OidIsValid(medrec_relation_if_any(AUDIT_TABLE)) ||
		!OidIsValid(medrec_relation_if_any(AUDIT_ERA_TABLE)))
		PG_RETURN_NULL();
	if (strcmp(trigdata->event, "sql_drop") == 0)
		WriteDropped(trigdata);
	else
		WriteCommands(trigdata);
	PG_RETURN_NULL();
}
