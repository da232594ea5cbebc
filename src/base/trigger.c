/*
 * base/trigger.c
 *		Checks that a trigger function is called correctly.
 */
#include "base/medrec.h"

#include "lib/stringinfo.h"
#include "utils/rel.h"

#include "base/relations.h"
#include "base/trigger.h"

/* A flag of FIRED_..., and its name in CREATE TRIGGER. */
typedef struct FiredName
{
	int			flag;
	const char *name;
} FiredName;

static const FiredName timings[] = {
	{FIRED_BEFORE, "BEFORE"}, {FIRED_AFTER, "AFTER"}, {0, NULL}
};
static const FiredName levels[] = {
	{FIRED_FOR_ROW, "ROW"}, {FIRED_FOR_STATEMENT, "STATEMENT"}, {0, NULL}
};
static const FiredName events[] = {
	{FIRED_BY_INSERT, "INSERT"}, {FIRED_BY_UPDATE, "UPDATE"}, {FIRED_BY_DELETE, "DELETE"},
	{FIRED_BY_TRUNCATE, "TRUNCATE"}, {0, NULL}
};

static int	FiredTiming(const TriggerData *trigdata);
static int	FiredEvent(const TriggerData *trigdata);
static void CheckGroup(const char *function, const char *word, const FiredName *names,
					   int wanted, int fired);
static void CheckRows(const char *function, const TriggerData *trigdata, int event);

/* The timing that a trigger has; 0 for INSTEAD OF. */
static int
FiredTiming(const TriggerData *trigdata)
{
	if (TRIGGER_FIRED_BEFORE(trigdata->tg_event))
		return FIRED_BEFORE;
	return TRIGGER_FIRED_AFTER(trigdata->tg_event) ? FIRED_AFTER : 0;
}

/* The event that has fired it. */
static int
FiredEvent(const TriggerData *trigdata)
{
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		return FIRED_BY_INSERT;
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		return FIRED_BY_UPDATE;
	return TRIGGER_FIRED_BY_DELETE(trigdata->tg_event) ? FIRED_BY_DELETE : FIRED_BY_TRUNCATE;
}

/*
 * Is the flag of a group that fired the trigger among the wanted ones, or does
 * the caller not restrict the group?
 */
static void
CheckGroup(const char *function, const char *word, const FiredName *names, int wanted, int fired)
{
	const FiredName *name;
	StringInfoData list;
	int			left = 0;

	for (name = names; name->flag != 0; name++)
		left |= wanted & name->flag;
	if (left == 0 || (left & fired) != 0)
		return;

	initStringInfo(&list);
	for (name = names; name->flag != 0; name++)
	{
		if ((left & name->flag) == 0)
			continue;
		left &= ~name->flag;
		appendStringInfo(&list, "%s%s", list.len == 0 ? "" : left == 0 ? " or " : ", ", name->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"%s\" must be fired %s%s", function, word, list.data)));
}

/* Does the trigger have the transition tables of its event? */
static void
CheckRows(const char *function, const TriggerData *trigdata, int event)
{
	bool		lacks_old = (event & (FIRED_BY_UPDATE | FIRED_BY_DELETE)) != 0 &&
		trigdata->tg_oldtable == NULL;
	bool		lacks_new = (event & (FIRED_BY_INSERT | FIRED_BY_UPDATE)) != 0 &&
		trigdata->tg_newtable == NULL;

	if (lacks_old || lacks_new)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired with REFERENCING %s TABLE", function,
						lacks_old ? "OLD" : "NEW")));
}

/* Checks how a function was called. */
TriggerData *
trigger_called(FunctionCallInfo fcinfo, const char *function, int wanted, int nargs)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	int			event;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", function)));
	event = FiredEvent(trigdata);
	CheckGroup(function, "", timings, wanted, FiredTiming(trigdata));
	CheckGroup(function, "FOR EACH ", levels, wanted,
			   TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ? FIRED_FOR_ROW : FIRED_FOR_STATEMENT);
	CheckGroup(function, "for ", events, wanted, event);
	if (wanted & FIRED_WITH_ROWS)
		CheckRows(function, trigdata, event);
	if (nargs != FIRED_ANY_ARGS && trigdata->tg_trigger->tgnargs != nargs)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg_plural("function \"%s\" must be fired with %d argument, not %d",
							   "function \"%s\" must be fired with %d arguments, not %d",
							   nargs, function, nargs, trigdata->tg_trigger->tgnargs)));
	return trigdata;
}

/* Checks which table a trigger is on. */
void
trigger_check_table(const TriggerData *trigdata, const char *function, const char *table)
{
	if (RelationGetRelid(trigdata->tg_relation) != medrec_relation_if_any(table))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired on table \"%s.%s\"", function,
						MEDREC_SCHEMA, table)));
}

/* Checks how an event trigger function was called. */
EventTriggerData *
event_trigger_called(FunctionCallInfo fcinfo, const char *function, const char *const *wanted)
{
	EventTriggerData *trigdata = (EventTriggerData *) fcinfo->context;
	StringInfoData list;
	int			i;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by event trigger manager", function)));
	for (i = 0; wanted[i] != NULL; i++)
		if (strcmp(trigdata->event, wanted[i]) == 0)
			return trigdata;

	initStringInfo(&list);
	for (i = 0; wanted[i] != NULL; i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : wanted[i + 1] == NULL ? " or " : ", ",
						 wanted[i]);
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"%s\" must be fired on %s", function, list.data)));
	return NULL;				/* keep the compiler quiet */
}
