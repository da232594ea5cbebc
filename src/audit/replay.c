/*
 * audit/replay.c
 *		Reconstructs the state of a row from its events.
 *
 * Values are compared and kept as their text in the event, so that nothing is
 * lost in a conversion.
 */
#include "base/medrec.h"

#include "miscadmin.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "audit/replay.h"
#include "audit/rows.h"
#include "base/array.h"
#include "base/json.h"

/* the column that medrec.touch() changes, as written in JSON */
#define LAST_VISIT	"\"last_visit\""

/* state of Set() and CompareMembers() */
typedef struct Change
{
	ReplayState *state;
	bool		fits;
} Change;

static ReplayMember *FindMember(const ReplayState *state, const char *key);
static void Set(char *key, char *value, void *arg);
static bool IsDigest(const char *value);
static void CompareMembers(char *key, char *value, void *arg);
static void TouchPatient(ReplayState *state, TimestampTz now);

/* Starts without a row. */
void
replay_init(ReplayState *state)
{
	memset(state, 0, sizeof(*state));
	state->context = AllocSetContextCreate(CurrentMemoryContext, "medrec replay",
										   ALLOCSET_DEFAULT_SIZES);
}

/* Forgets the row. */
void
replay_clear(ReplayState *state)
{
	MemoryContext context = state->context;

	MemoryContextReset(context);
	memset(state, 0, sizeof(*state));
	state->context = context;
}

/* Reads an event from a row of REPLAY_COLUMNS, into the current memory context. */
void
replay_read(TupleTableSlot *slot, ReplayEvent *event)
{
	event->logged_at = DatumGetTimestampTz(slot->tts_values[0]);
	event->era = DatumGetInt32(slot->tts_values[1]);
	event->xid = DatumGetInt64(slot->tts_values[2]);
	event->n = DatumGetInt32(slot->tts_values[3]);
	event->action = TextDatumGetCString(slot->tts_values[4]);
	event->old_values = slot->tts_isnull[5] ? NULL : TextDatumGetCString(slot->tts_values[5]);
	event->new_values = slot->tts_isnull[6] ? NULL : TextDatumGetCString(slot->tts_values[6]);
	event->transaction_at = DatumGetTimestampTz(slot->tts_values[7]);
}

/* Calls a function for each member of a JSON object, with copies of key and value. */
void
replay_split(const char *json, void (*function) (char *key, char *value, void *arg), void *arg)
{
	JsonObject	object;

	json_object_begin(&object, json, strlen(json));
	while (json_object_next(&object))
		function(pnstrdup(object.key, object.key_len), pnstrdup(object.value, object.value_len), arg);
	json_object_end(&object);
}

/* The member of a key, NULL if there is none. */
static ReplayMember *
FindMember(const ReplayState *state, const char *key)
{
	int			i;

	for (i = 0; i < state->count; i++)
		if (strcmp(state->members[i].key, key) == 0)
			return &state->members[i];
	return NULL;
}

/* The value of a column, by its key with quotes; NULL if it is not known. */
const char *
replay_value(const ReplayState *state, const char *key)
{
	ReplayMember *member = FindMember(state, key);

	return member ? member->value : NULL;
}

/* Sets a column. */
static void
Set(char *key, char *value, void *arg)
{
	ReplayState *state = ((Change *) arg)->state;
	ReplayMember *member = FindMember(state, key);

	if (member == NULL)
	{
		array_room(state->context, state->members, state->count, state->size);
		member = &state->members[state->count++];
		member->key = MemoryContextStrdup(state->context, key);
	}
	else
		pfree(member->value);
	member->value = MemoryContextStrdup(state->context, value);
}

/* Whether a value is a digest of one that is withheld. */
static bool
IsDigest(const char *value)
{
	size_t		len = strlen(AUDIT_DIGEST_BEGIN);

	return strncmp(value, AUDIT_DIGEST_BEGIN, len) == 0 &&
		strspn(value + len, "0123456789abcdef") == 2 * AUDIT_DIGEST_LENGTH &&
		strcmp(value + len + 2 * AUDIT_DIGEST_LENGTH, ")\"") == 0;
}

/*
 * Whether two values may be the same. A value withheld without a digest, as by
 * 0.1, may be any value.
 */
bool
replay_same(const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
		(strcmp(a, AUDIT_WITHHELD) == 0 && IsDigest(b)) ||
		(strcmp(b, AUDIT_WITHHELD) == 0 && IsDigest(a));
}

/* Compares a column with its previous value; unknown values match. */
static void
CompareMembers(char *key, char *value, void *arg)
{
	Change	   *change = arg;
	ReplayMember *member = FindMember(change->state, key);

	/*
	 * changed by touch() without an event, in an unknown order
	 */
	if (member && !replay_same(member->value, value) && strcmp(key, LAST_VISIT) != 0)
		change->fits = false;
}

/* A time as events have it. */
TimestampTz
replay_time(const char *value)
{
	char	   *text = pstrdup(value);
	int			len = strlen(text);

	if (len < 2 || text[0] != '"')
		return DT_NOBEGIN;
	text[len - 1] = '\0';
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text + 1),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

/* Changes last_visit as medrec.touch() does: to the transaction's time, never backwards. */
static void
TouchPatient(ReplayState *state, TimestampTz now)
{
	ReplayMember *member = FindMember(state, LAST_VISIT);
	char		buffer[MAXDATELEN + 1];
	int			utc = 0;

	if (!state->exists || member == NULL || replay_time(member->value) >= now)
		return;
	JsonEncodeDateTime(buffer, TimestampTzGetDatum(now), TIMESTAMPTZOID, &utc);
	pfree(member->value);
	member->value = MemoryContextAlloc(state->context, strlen(buffer) + 3);
	sprintf(member->value, "\"%s\"", buffer);
}

/*
 * Applies an event. False if its old values differ from what the events before
 * it have left.
 */
bool
replay_apply(ReplayState *state, const ReplayEvent *event)
{
	Change		change = {state, true};

	if (strcmp(event->action, REPLAY_TOUCH) == 0)
	{
		TouchPatient(state, event->transaction_at);
		return true;
	}
	if (strcmp(event->action, "TRUNCATE") == 0)
	{
		state->exists = false;
		state->seen = true;
		return true;
	}

	if (strcmp(event->action, "INSERT") == 0)
	{
		change.fits = !state->exists;
		replay_clear(state);
		state->whole = true;
		state->exists = true;
	}
	else if (strcmp(event->action, "DELETE") == 0)
	{
		if (state->seen && !state->exists)
			change.fits = false;
		else if (event->old_values)
			replay_split(event->old_values, CompareMembers, &change);
		state->exists = false;
	}
	else
	{
		if (state->seen && !state->exists)
			change.fits = false;
		else if (event->old_values)
			replay_split(event->old_values, CompareMembers, &change);
		state->exists = true;
	}
	if (state->exists && event->new_values)
		replay_split(event->new_values, Set, &change);
	state->seen = true;
	return change.fits;
}

/* The row as JSON, NULL if there is none. */
char *
replay_json(const ReplayState *state)
{
	StringInfoData out;
	int			i;

	if (!state->exists)
		return NULL;
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (i = 0; i < state->count; i++)
		appendStringInfo(&out, "%s%s:%s", i > 0 ? "," : "",
						 state->members[i].key, state->members[i].value);
	appendStringInfoChar(&out, '}');
	return out.data;
}
