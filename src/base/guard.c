/*
 * base/guard.c
 *		medrec.allow_ddl(): the event trigger that refuses to drop, rename or
 *		move the tables and columns that every INSERT needs, or to give a
 *		column a type that medrec cannot read; and to rename columns that the
 *		audit of a table uses.
 *
 * It prevents accidents, but restricts no superuser, who can disable it. DROP
 * EXTENSION ... CASCADE drops it before it could fire.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/columns.h"
#include "base/guard.h"
#include "base/relations.h"
#include "base/trigger.h"

/*
 * The tables that migrate() makes, and their columns with the types that they
 * are read as. A step that adds a table or column adds it here;
 * test/sql/guard.sql reports what is missing.
 */
typedef struct GuardedTable
{
	const char *name;
	const char *columns;
} GuardedTable;

static const GuardedTable guarded_tables[] = {
	{"schema_migration",
	"version int4, name text, applied_at timestamptz"},
	{"code_release",
		"id int4, code_system text, version text, content text, effective_from date, "
		"effective_to date, format text, source text, sha256 bytea, rows int4, "
	"loaded_at timestamptz, loaded_by text, warnings jsonb, digest bytea"},
	{"code_digest",
	"release_id int4, codes text, marks bytea"},
	{"code",
		"code_system text, code text, valid_from date, valid_to date, billable bool, "
	"active_from date, active_to date, display text, short_display text"},
	{"code_term",
		"id int8, code_system text, code text, kind text, term text, release_id int4, "
	"also_in _int4"},
	{"abbreviation",
	"abbreviation text, expansion text"},
	{"code_note",
	"id int8, code_system text, code text, kind text, note text, release_id int4"},
	{"code_rule",
		"id int8, code_system text, code text, rule text, valid_from date, "
		"valid_to date, age_min int2, age_max int2, other_from text, other_to text, "
	"text text, release_id int4"},
	{"terminology_state",
	"single bool, generation int8"},
	{"account",
		"id int4, username text, email text, role text, password text, "
		"first_name text, last_name text, is_active bool, last_login timestamptz, "
	"date_joined timestamptz"},
	{"patient",
		"id uuid, name text, age int4, gender text, patient_id text, last_visit timestamptz, "
	"birth_date date, version int4, created_at timestamptz, updated_at timestamptz"},
	{"diagnosis",
		"id uuid, patient_id uuid, code text, description text, code_system text, "
		"status text, validation_date timestamptz, validated_by text, suggestions jsonb, "
	"issues jsonb, version int4, created_at timestamptz, updated_at timestamptz"},
	{"treatment",
		"id uuid, patient_id uuid, code text, description text, code_system text, "
		"status text, validation_date timestamptz, validated_by text, suggestions jsonb, "
	"issues jsonb, version int4, created_at timestamptz, updated_at timestamptz"},
	{"audit_era",
		"era int4, system_identifier int8, database oid, opened_at timestamptz, "
	"first_xid int8, timeline int8, begin_lsn pg_lsn, last_seal int8"},
	{"audit_attached",
		"schema_name name, table_name name, trigger_name name, event text, old_table name, "
	"new_table name, arguments _text"},
	{"audit_event",
		"xid int8, logged_at timestamptz, transaction_at timestamptz, statement_at timestamptz, "
		"era int4, n int4, patient_id uuid, action text, table_name text, "
		"row_id text, old_values json, new_values json, account text, jti text, "
		"role text, session_role text, effective_role text, client_addr text, "
		"request_id text, method text, path text, application_name text, "
		"reason text, salt bytea, leaf bytea, login_role text, login_identity text, "
	"socket_addr text, backend_pid int4, backend_start timestamptz"},
	{"audit_archived",
		"xid int8, logged_at timestamptz, transaction_at timestamptz, statement_at timestamptz, "
		"era int4, n int4, patient_id uuid, action text, table_name text, "
		"row_id text, old_values json, new_values json, account text, jti text, "
		"role text, session_role text, effective_role text, client_addr text, "
		"request_id text, method text, path text, application_name text, "
		"reason text, salt bytea, leaf bytea, login_role text, login_identity text, "
	"socket_addr text, backend_pid int4, backend_start timestamptz"},
	{"audit_key",
	"single bool, key bytea, made_at timestamptz"},
	{"audit_seal",
		"seal int8, era int4, first_xid int8, end_xid int8, events int8, "
		"total int8, root bytea, sealed_at timestamptz, sealed_by text, "
	"previous_head bytea, head bytea, frontier bytea, access bytea"},
	{"audit_access",
		"number int8, kind text, seal int8, taken_at timestamptz, taken_by text, "
	"made_of text, digest bytea, state text"},
	{"audit_archive",
		"partition text, archived_at timestamptz, archived_by text, events int8, "
	"first_seal int8, last_seal int8, root bytea"},
	{"audit_archive_seal",
	"seal int8, partition text, events int8, leaves bytea"},
	{"revalidation",
		"id int4, code_system text, since date, generation int8, kind text, "
		"last_id uuid, checked int8, changed int8, started_at timestamptz, "
	"updated_at timestamptz, finished_at timestamptz"},
	{"account_login",
		"account_id int4, failures int4, refused int8, last_failure timestamptz, "
	"locked_until timestamptz, cleared_at timestamptz"},
	{"login_address",
		"account_id int4, address text, failures int4, last_failure timestamptz, "
	"locked_until timestamptz, cleared_at timestamptz, last_login timestamptz"},
	{"account_name",
	"key text, account_id int4"},
	{"auditor_change",
	"id int8, account_id int4, change text, changed_at timestamptz"},
	{"login_lockout",
		"id int8, account_id int4, failures int4, locked_at timestamptz, "
	"locked_until timestamptz, address text, rolled_back int4"},
	{"token_generation",
	"account_id int4, generation int4, raised_at timestamptz"},
	{"token_issued",
	"jti text, account_id int4, expires_at timestamptz"},
	{"token_revoked",
	"jti text, expires_at timestamptz"},
	{"jwt_key",
		"kid text, key bytea, made_at timestamptz, signs_from timestamptz, "
	"retired_at timestamptz"},
	{"care_team",
	"id int4, name text"},
	{"care_team_member",
	"account int4, team int4"},
	{"care_team_patient",
	"patient uuid, team int4"},
	{"break_glass",
		"id int8, account int4, patient uuid, reason text, opened_at timestamptz, "
	"expires_at timestamptz"},
};

bool		medrec_guard_asleep = false;

static const GuardedTable *FindTable(const char *name);
static Oid	ColumnType(const GuardedTable *table, const char *column);
static void RefuseDdl(const char *verb, const char *table, const char *column) pg_attribute_noreturn();
static void GuardColumn(RangeVar *relation, const char *column, bool retyped);
static bool GoesBy(const char *argument, Relation rel, const char *column, bool retyped);
static void GuardAudit(RangeVar *relation, const char *column, bool retyped);
static void GuardRename(RenameStmt *stmt);
static void GuardMove(AlterObjectSchemaStmt *stmt);
static void GuardAlter(AlterTableStmt *stmt);
static void GuardDropped(void);

PG_FUNCTION_INFO_V1(medrec_allow_ddl);

/* One of the tables by its name, or NULL. */
static const GuardedTable *
FindTable(const char *name)
{
	int			i;

	for (i = 0; i < (int) lengthof(guarded_tables); i++)
		if (strcmp(guarded_tables[i].name, name) == 0)
			return &guarded_tables[i];
	return NULL;
}

/* The type that a column is read as; InvalidOid for a column of the user's own. */
static Oid
ColumnType(const GuardedTable *table, const char *column)
{
	const char *at = table->columns;
	size_t		length = strlen(column);

	for (;;)
	{
		const char *space = strchr(at, ' ');
		const char *comma = strchr(at, ',');

		if ((size_t) (space - at) == length && strncmp(at, column, length) == 0)
		{
			char	   *type = comma ? pnstrdup(space + 1, comma - space - 1) : pstrdup(space + 1);

			return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(type),
								   ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
		}
		if (comma == NULL)
			return InvalidOid;
		at = comma + 2;
	}
}

/* The error: what was tried with a table, or with a column of it. */
static void
RefuseDdl(const char *verb, const char *table, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 column ?
			 errmsg("cannot %s column \"%s\" of table \"%s.%s\" because medrec requires it",
					verb, column, MEDREC_SCHEMA, table) :
			 errmsg("cannot %s \"%s\" because medrec requires it", verb, table),
			 errdetail("Without it, records could no longer be written."),
			 errhint("You can change columns that you have added. DROP EXTENSION medrec CASCADE leaves the tables to their owner. A superuser can disable the event triggers medrec_allow_ddl and medrec_allow_drop.")));
}

/* Refuses a command on a column of one of the tables, by whatever table it inherits from. */
static void
GuardColumn(RangeVar *relation, const char *column, bool retyped)
{
	Oid			schema = medrec_schema();
	Oid			relid = RangeVarGetRelid(relation, NoLock, true);
	ListCell   *cell;

	if (!OidIsValid(relid))
		return;
	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		char	   *name = get_rel_name(lfirst_oid(cell));
		const GuardedTable *table;
		Oid			type;

		if (name == NULL || get_rel_namespace(lfirst_oid(cell)) != schema ||
			(table = FindTable(name)) == NULL ||
			!OidIsValid(type = ColumnType(table, column)))
			continue;
		if (!column_fits(lfirst_oid(cell), column, type))
			RefuseDdl(retyped ? "alter the type of" : "rename", name, column);
	}
}

/*
 * Whether an argument of medrec.audit() uses a column: its name or, if a
 * command changes its type, its type.
 */
static bool
GoesBy(const char *argument, Relation rel, const char *column, bool retyped)
{
	const char *name = strchr(argument, '=');

	if (name == NULL || strcmp(name + 1, column) != 0)
		return false;
	return !retyped ||
		(strncmp(argument, "patient=", strlen("patient=")) == 0 &&
		 !column_fits(RelationGetRelid(rel), column, UUIDOID));
}

/*
 * Refuses a command on a column that the audit of a table uses: under another
 * name its values would no longer be withheld, and with another type than uuid
 * events would not have the patient.
 */
static void
GuardAudit(RangeVar *relation, const char *column, bool retyped)
{
	Oid			relid = RangeVarGetRelid(relation, NoLock, true);
	Oid			schema = medrec_schema();
	Relation	rel;
	int			i;
	int			j;

	if (!OidIsValid(relid) || get_rel_relkind(relid) != RELKIND_RELATION)
		return;
	rel = table_open(relid, AccessShareLock);
	for (i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (get_func_namespace(trigger->tgfoid) != schema ||
			strcmp(get_func_name(trigger->tgfoid), "audit") != 0)
			continue;
		for (j = 0; j < trigger->tgnargs; j++)
			if (GoesBy(trigger->tgargs[j], rel, column, retyped))
				ereport(ERROR,
						(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
						 errmsg("cannot %s column \"%s\" of table \"%s\" because its audit uses it",
								retyped ? "alter the type of" : "rename", column, RelationGetRelationName(rel)),
						 errhint("In one transaction, SELECT medrec.detach_audit(...), change the column, and SELECT medrec.attach_audit(...).")));
	}
	table_close(rel, AccessShareLock);
}

/* ALTER ... RENAME: a column, a table, or the schema. */
static void
GuardRename(RenameStmt *stmt)
{
	if (stmt->renameType == OBJECT_SCHEMA)
	{
		if (strcmp(stmt->subname, MEDREC_SCHEMA) == 0)
			RefuseDdl("rename schema", MEDREC_SCHEMA, NULL);
	}
	else if (stmt->renameType == OBJECT_COLUMN)
	{
		GuardColumn(stmt->relation, stmt->subname, false);
		GuardAudit(stmt->relation, stmt->subname, false);
	}
	else if ((stmt->renameType == OBJECT_TABLE || stmt->renameType == OBJECT_INDEX) &&
			 FindTable(stmt->relation->relname))
	{
		/* it has the new name by now */
		RangeVar   *renamed = makeRangeVar(stmt->relation->schemaname, stmt->newname, -1);
		Oid			relid = RangeVarGetRelid(renamed, NoLock, true);

		if (OidIsValid(relid) &&
			get_rel_namespace(relid) == medrec_schema())
			RefuseDdl("rename table", psprintf("%s.%s", MEDREC_SCHEMA, stmt->relation->relname), NULL);
	}
}

/* ALTER TABLE ... SET SCHEMA. */
static void
GuardMove(AlterObjectSchemaStmt *stmt)
{
	RangeVar   *old = stmt->relation;

	if (old && FindTable(old->relname) &&
		(old->schemaname == NULL || strcmp(old->schemaname, MEDREC_SCHEMA) == 0) &&
		!OidIsValid(medrec_relation_if_any(old->relname)))
		RefuseDdl("move table", psprintf("%s.%s", MEDREC_SCHEMA, old->relname), NULL);
}

/* ALTER TABLE ... ALTER COLUMN ... TYPE; what can still be read may be changed. */
static void
GuardAlter(AlterTableStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_AlterColumnType)
		{
			GuardColumn(stmt->relation, cmd->name, true);
			GuardAudit(stmt->relation, cmd->name, true);
		}
	}
}

/* Any DROP, whatever it cascaded from. */
static void
GuardDropped(void)
{
	SPITupleTable *rows;
	uint64		nrows;
	uint64		i;

	SPI_connect();
	if (SPI_execute("SELECT d.address_names[2], d.address_names[3]"
					" FROM pg_catalog.pg_event_trigger_dropped_objects() AS d"
					" WHERE d.object_type OPERATOR(pg_catalog.=) ANY ('{table,\"table column\"}'::pg_catalog.text[])"
					" AND d.address_names[1] OPERATOR(pg_catalog.=) 'medrec'", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what was dropped");
	rows = SPI_tuptable;
	nrows = SPI_processed;
	for (i = 0; i < nrows; i++)
	{
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *column = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		const GuardedTable *table = FindTable(name);

		if (table == NULL)
			continue;
		if (column == NULL)
			RefuseDdl("drop table", psprintf("%s.%s", MEDREC_SCHEMA, name), NULL);
		if (OidIsValid(ColumnType(table, column)))
			RefuseDdl("drop", name, column);
	}
	SPI_finish();
}

/*
 * medrec.allow_ddl(): event trigger for ddl_command_end and sql_drop.  Without a
 * search_path of its own, so that names mean what they meant to the command.
 */
Datum
medrec_allow_ddl(PG_FUNCTION_ARGS)
{
	static const char *const events[] = {"ddl_command_end", "sql_drop", NULL};
	EventTriggerData *trigdata = event_trigger_called(fcinfo, "medrec.allow_ddl", events);

	if (medrec_guard_asleep || IsBinaryUpgrade)
		PG_RETURN_NULL();
	if (strcmp(trigdata->event, "sql_drop") == 0)
		GuardDropped();
	else if (trigdata->parsetree && IsA(trigdata->parsetree, RenameStmt))
		GuardRename((RenameStmt *) trigdata->parsetree);
	else if (trigdata->parsetree && IsA(trigdata->parsetree, AlterObjectSchemaStmt))
		GuardMove((AlterObjectSchemaStmt *) trigdata->parsetree);
	else if (trigdata->parsetree && IsA(trigdata->parsetree, AlterTableStmt))
		GuardAlter((AlterTableStmt *) trigdata->parsetree);
	PG_RETURN_NULL();
}
