/*
 * audit/history.c
 *		medrec.history(), as_of() and diff(): a row's past from its events.
 *
 * They run with the caller's rights on medrec.audit_event.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "audit/replay.h"
#include "audit/scan.h"
#include "audit/verify.h"

/* a row's past on its way */
typedef struct History
{
	ReturnSetInfo *rsinfo;		/* NULL if only the last state is wanted */
	ReplayState state;
	int32		version;
} History;

/* what diff() compares with */
typedef struct Difference
{
	ReturnSetInfo *rsinfo;
	ReplayState *other;
	bool		from_old;
} Difference;

static char *TableName(text * name);
static void Take(TupleTableSlot *slot, void *arg);
static void Replay(History *history, text * table_name, text * row_id, const char *until);
static char *Until(TimestampTz time);
static void Put(Difference *difference, const char *key, const char *old, const char *new);

PG_FUNCTION_INFO_V1(medrec_history);
PG_FUNCTION_INFO_V1(medrec_as_of);
PG_FUNCTION_INFO_V1(medrec_diff);

/* The name that events give a table: its own, medrec's schema left out, or the API's. */
static char *
TableName(text * name)
{
	static const char *const names[][2] = {
		{"patients", "patient"}, {"diagnoses", "diagnosis"}, {"treatments", "treatment"},
		{"accounts", "account"}, {"code_releases", "code_release"}
	};
	char	   *str = text_to_cstring(name);
	int			i;

	if (strncmp(str, MEDREC_SCHEMA ".", strlen(MEDREC_SCHEMA) + 1) == 0)
		str += strlen(MEDREC_SCHEMA) + 1;
	for (i = 0; i < lengthof(names); i++)
		if (strcmp(str, names[i][0]) == 0)
			return pstrdup(names[i][1]);
	return str;
}

/* Processes an event, and returns the version that it made. */
static void
Take(TupleTableSlot *slot, void *arg)
{
	History    *history = arg;
	ReplayEvent event;
	Datum		values[13];
	bool		nulls[13];
	char	   *json;
	bool		existed = history->state.exists;
	int			i;

	replay_read(slot, &event);
	(void) replay_apply(&history->state, &event);
	if (history->rsinfo == NULL || strcmp(event.action, REPLAY_TOUCH) == 0 ||
		(strcmp(event.action, "TRUNCATE") == 0 && !existed))
		return;

	json = replay_json(&history->state);
	values[0] = Int32GetDatum(++history->version);
	nulls[0] = false;
	/* era, xid, n, logged_at, action */
	for (i = 1; i <= 3; i++)
	{
		values[i] = slot->tts_values[i];
		nulls[i] = false;
	}
	values[4] = slot->tts_values[0];
	nulls[4] = false;
	values[5] = slot->tts_values[4];
	nulls[5] = false;
	/* account, role, session_role, reason */
	for (i = 0; i < 4; i++)
	{
		values[6 + i] = slot->tts_values[REPLAY_NCOLUMNS + i];
		nulls[6 + i] = slot->tts_isnull[REPLAY_NCOLUMNS + i];
	}
	values[10] = slot->tts_values[5];
	nulls[10] = slot->tts_isnull[5];
	values[11] = slot->tts_values[6];
	nulls[11] = slot->tts_isnull[6];
	values[12] = json ? CStringGetTextDatum(json) : (Datum) 0;
	nulls[12] = json == NULL;
	tuplestore_putvalues(history->rsinfo->setResult, history->rsinfo->setDesc, values, nulls);
}

/*
 * Replays a row's events up to a time, given as a condition.
 *
 * The whole trail must never be scanned for one row, but the planner would do
 * that: it rates a BRIN bloom index by the correlation of the column, and
 * random ids have none.
 */
static void
Replay(History *history, text * table_name, text * row_id, const char *until)
{
	char	   *table = TableName(table_name);
	char	   *id = quote_literal_cstr(text_to_cstring(row_id));
	char	   *trail = audit_trail();
	char	   *touches = "";
	int			level;

	/* events that moved a patient's last_visit */
	if (strcmp(table, "patient") == 0)
	{
		pg_uuid_t  *patient = NULL;

		/* a malformed id belongs to no patient */
		if (VARSIZE_ANY_EXHDR(row_id) == 2 * UUID_LEN + 4 &&
			strspn(text_to_cstring(row_id), "0123456789abcdef-") == 2 * UUID_LEN + 4)
			patient = DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(text_to_cstring(row_id))));
		if (patient)
			touches = psprintf(" UNION ALL SELECT logged_at, era, xid, n, '" REPLAY_TOUCH "', NULL, NULL,"
							   " transaction_at, NULL, NULL, NULL, NULL FROM %s"
							   " WHERE patient_id = %s::uuid AND table_name IN ('diagnosis', 'treatment')%s",
							   trail, id, until);
	}
	replay_init(&history->state);
	level = NewGUCNestLevel();
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	audit_scan(psprintf("SELECT " REPLAY_COLUMNS ", account, role, session_role, reason"
						" FROM %s WHERE table_name = %s AND row_id = %s%s"
						" UNION ALL SELECT " REPLAY_COLUMNS ", account, role, session_role, reason"
						" FROM %s WHERE table_name = %s AND row_id IS NULL"
						" AND action = 'TRUNCATE'%s%s ORDER BY " REPLAY_ORDER,
						trail, quote_literal_cstr(table), id, until,
						trail, quote_literal_cstr(table), until, touches), Take, history);
	AtEOXact_GUC(true, level);
}

/* The condition that events are not later than a time. */
static char *
Until(TimestampTz time)
{
	char		buffer[MAXDATELEN + 1];
	int			utc = 0;

	if (TIMESTAMP_IS_NOEND(time))
		return "";
	if (TIMESTAMP_IS_NOBEGIN(time))
		return " AND false";
	/* in UTC, independent of the session's settings */
	JsonEncodeDateTime(buffer, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc);
	return psprintf(" AND logged_at <= '%s'::timestamptz", buffer);
}

/* medrec.history(): the versions of a row. */
Datum
medrec_history(PG_FUNCTION_ARGS)
{
	History		history = {0};

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	history.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Replay(&history, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), "");
	return (Datum) 0;
}

/* medrec.as_of(): the row at a given time. */
Datum
medrec_as_of(PG_FUNCTION_ARGS)
{
	History		history = {0};
	char	   *json;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	Replay(&history, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), Until(PG_GETARG_TIMESTAMPTZ(2)));
	json = replay_json(&history.state);
	if (json == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

/* Adds a difference to the result. */
static void
Put(Difference *difference, const char *key, const char *old, const char *new)
{
	Datum		values[3];
	bool		nulls[3] = {false, old == NULL, new == NULL};
	Datum		name = DirectFunctionCall2(json_object_field_text,
										   CStringGetTextDatum(psprintf("{\"k\":%s}", key)),
										   CStringGetTextDatum("k"));

	values[0] = name;
	values[1] = old ? CStringGetTextDatum(old) : (Datum) 0;
	values[2] = new ? CStringGetTextDatum(new) : (Datum) 0;
	tuplestore_putvalues(difference->rsinfo->setResult, difference->rsinfo->setDesc, values, nulls);
}

/* medrec.diff(): what differs between two times. */
Datum
medrec_diff(PG_FUNCTION_ARGS)
{
	History		old = {0};
	History		new = {0};
	Difference	difference = {0};
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return (Datum) 0;
	difference.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Replay(&old, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), Until(PG_GETARG_TIMESTAMPTZ(2)));
	Replay(&new, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1),
		   Until(PG_ARGISNULL(3) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(3)));

	for (i = 0; old.state.exists && i < old.state.count; i++)
	{
		ReplayMember *member = &old.state.members[i];
		const char *other = new.state.exists ? replay_value(&new.state, member->key) : NULL;

		if (other == NULL || strcmp(other, member->value) != 0)
			Put(&difference, member->key, member->value, other);
	}
	for (i = 0; new.state.exists && i < new.state.count; i++)
	{
		ReplayMember *member = &new.state.members[i];

		if (!old.state.exists || replay_value(&old.state, member->key) == NULL)
			Put(&difference, member->key, NULL, member->value);
	}
	return (Datum) 0;
}
