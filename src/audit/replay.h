/*
 * audit/replay.h
 *		Reconstructs the state of a row from its events.
 */
#ifndef MEDREC_AUDIT_REPLAY_H
#define MEDREC_AUDIT_REPLAY_H

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

/* the columns that a query for a replay begins with */
#define REPLAY_COLUMNS	"logged_at, era, xid, n, action, old_values, new_values, transaction_at"
#define REPLAY_NCOLUMNS	8
#define REPLAY_ORDER	"logged_at, era, xid, n"

/* action of a change of last_visit that has no event of its own */
#define REPLAY_TOUCH	"TOUCH"

typedef struct ReplayMember
{
	char	   *key;			/* as written in JSON, with its quotes */
	char	   *value;			/* as JSON has it */
} ReplayMember;

typedef struct ReplayState
{
	MemoryContext context;		/* all of it, reset by replay_clear() */
	bool		seen;			/* at least one event has been applied */
	bool		exists;
	bool		whole;			/* all columns are known, not only changed
								 * ones */
	int			count;
	int64		size;
	ReplayMember *members;
} ReplayState;

typedef struct ReplayEvent
{
	TimestampTz logged_at;
	int32		era;
	int64		xid;
	int32		n;
	char	   *action;
	char	   *old_values;		/* may be NULL */
	char	   *new_values;
	TimestampTz transaction_at;
} ReplayEvent;

extern void replay_init(ReplayState *state);
extern void replay_clear(ReplayState *state);
extern void replay_read(TupleTableSlot *slot, ReplayEvent *event);
extern bool replay_apply(ReplayState *state, const ReplayEvent *event);
extern const char *replay_value(const ReplayState *state, const char *key);
extern bool replay_same(const char *a, const char *b);
extern char *replay_json(const ReplayState *state);
extern void replay_split(const char *json,
						 void (*function) (char *key, char *value, void *arg), void *arg);
extern TimestampTz replay_time(const char *value);

#endif							/* MEDREC_AUDIT_REPLAY_H */
