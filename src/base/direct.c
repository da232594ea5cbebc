/*
 * base/direct.c
 *		May a table be written to without the executor, and if not, how.
 *
 * last_visit and the audit trail go straight to the heap, because that costs a
 * fraction of an UPDATE or INSERT. Constraints, triggers and rules that the
 * owner of the table has added must still be obeyed: if there are any, the
 * executor runs the statement as usual.
 */
#include "base/medrec.h"

#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "base/direct.h"

/* The statement by medrec itself that is running. */
typedef struct OwnStatement
{
	Oid			relid;			/* InvalidOid for none */
	CmdType		event;
	int			depth;			/* trigger depth at which it began */
	bool		begun;			/* its first trigger has let it pass */
} OwnStatement;

static OwnStatement running = {InvalidOid, CMD_UNKNOWN, 0, false};

static bool IsOwnFunction(Oid function);
static int	TriggerDepth(void);
static void RethrowWithoutRow(MemoryContext context) pg_attribute_noreturn();

/* Is a function a member of medrec? */
static bool
IsOwnFunction(Oid function)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);

	return OidIsValid(extension) && extension == get_extension_oid("medrec", true);
}

/* Has the table triggers of others? */
bool
direct_has_triggers(Relation rel, int16 event, bool rows, bool statements, AttrNumber column)
{
	/*
	 * a copy: catalog lookups may rebuild the relation's own
	 */
	TriggerDesc *desc = CopyTriggerDesc(rel->trigdesc);
	bool		found = false;
	int			i;
	int			j;

	for (i = 0; desc != NULL && !found && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];

		if (trigger->tgenabled == TRIGGER_DISABLED || !(trigger->tgtype & event) ||
			!(TRIGGER_FOR_ROW(trigger->tgtype) ? rows : statements))
			continue;
		if (column != 0)
		{
			/*
			 * UPDATE OF other columns; foreign keys: the caller knows its
			 * keys
			 */
			for (j = 0; j < trigger->tgnattr; j++)
				if (trigger->tgattr[j] == column)
					break;
			if ((trigger->tgnattr > 0 && j == trigger->tgnattr) ||
				RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE)
				continue;
		}
		found = !IsOwnFunction(trigger->tgfoid);
	}
	FreeTriggerDesc(desc);
	return found;
}

/* Has the table rules for INSERT or UPDATE? */
bool
direct_has_rules(Relation rel, CmdType event)
{
	int			i;

	for (i = 0; rel->rd_rules != NULL && i < rel->rd_rules->numLocks; i++)
		if (rel->rd_rules->rules[i]->event == event)
			return true;
	return false;
}

/* The current trigger depth. */
static int
TriggerDepth(void)
{
	LOCAL_FCINFO(fcinfo, 0);

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	return DatumGetInt32(pg_trigger_depth(fcinfo));
}

/*
 * Raises the error that was caught.  A constraint's DETAIL prints the row, which the
 * caller has not written and may not be allowed to see.
 */
static void
RethrowWithoutRow(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		error->detail = error->detail_log = NULL;
	ReThrowError(error);
}

/*
 * Sets the search_path for what runs with the rights of a table's owner; it ends by
 * AtEOXact_GUC(true, what is returned), or with the transaction.
 */
int
direct_search_path(void)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/*
 * Runs a statement by medrec itself as the table's owner. Functions that the
 * owner has attached to the table run as the owner too, and must not resolve
 * names to objects that the caller has created. The statement is also prepared
 * as the owner, to whom no policy applies, and not as the caller, who may not
 * even have USAGE on the schema.
 */
uint64
own_statement_run(Relation rel, CmdType event, SavedPlan *plan, Datum *values, const bool *nulls)
{
	OwnStatement outer = running;
	MemoryContext context = CurrentMemoryContext;
	Oid			user;
	int			sec_context;
	int			level = direct_search_path();
	uint64		count = 0;

	GetUserIdAndSecContext(&user, &sec_context);
	running = (OwnStatement)
	{
		RelationGetRelid(rel), event, TriggerDepth(), false
	};
	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	PG_TRY();
	{
		count = saved_plan_run(plan, values, nulls);
	}
	PG_CATCH();
	{
		running = outer;
		SetUserIdAndSecContext(user, sec_context);
		RethrowWithoutRow(context);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, level);
	running = outer;
	SetUserIdAndSecContext(user, sec_context);
	return count;
}

/* Was the calling trigger fired by this very statement? */
bool
own_statement(Relation rel, CmdType event)
{
	return running.relid == RelationGetRelid(rel) && running.event == event &&
		TriggerDepth() == running.depth + 1;
}

/* The same, true once. */
bool
own_statement_begins(Relation rel, CmdType event)
{
	if (running.begun || !own_statement(rel, event))
		return false;
	running.begun = true;
	return true;
}
