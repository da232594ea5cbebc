/*
 * base/trigger.h
 *		Checks that a trigger function is called correctly.
 *
 * One order of tests and one wording for all: as a trigger, timing, level, event,
 * transition tables, arguments, table.  Each is 39P01.
 */
#ifndef MEDREC_TRIGGER_H
#define MEDREC_TRIGGER_H

#include "commands/event_trigger.h"
#include "commands/trigger.h"

/* what a function requires of its trigger; a group without a flag is not restricted */
#define FIRED_BEFORE		0x0001
#define FIRED_AFTER			0x0002
#define FIRED_FOR_ROW		0x0010
#define FIRED_FOR_STATEMENT	0x0020
#define FIRED_BY_INSERT		0x0100
#define FIRED_BY_UPDATE		0x0200
#define FIRED_BY_DELETE		0x0400
#define FIRED_BY_TRUNCATE	0x0800
#define FIRED_BY_CHANGE		(FIRED_BY_INSERT | FIRED_BY_UPDATE | FIRED_BY_DELETE)
/* with the transition tables that its event has */
#define FIRED_WITH_ROWS		0x1000

/* any number of arguments */
#define FIRED_ANY_ARGS		(-1)

/* checks how a function was called; function: its name with schema */
extern TriggerData *trigger_called(FunctionCallInfo fcinfo, const char *function,
								   int wanted, int nargs);

/* checks that the trigger is on this table of medrec */
extern void trigger_check_table(const TriggerData *trigdata, const char *function,
								const char *table);

/* the same for an event trigger (39P03); events: the allowed ones, NULL-terminated */
extern EventTriggerData *event_trigger_called(FunctionCallInfo fcinfo, const char *function,
											  const char *const *events);

#endif							/* MEDREC_TRIGGER_H */
