/*
 * audit/patient_history.c
 *		medrec.patient_history(): what was done to a patient's records, for those who
 *		see the patient.
 *
 * Whether the caller sees the patient is for row level security to say.  Then the
 * trail is read as its owner: who, when and what, and nothing of the connection.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "audit/scan.h"
#include "audit/verify.h"
#include "base/plan.h"

/* most events of one call */
#define HISTORY_MAX_EVENTS	1000

static SavedPlan visible_patient = {
	"SELECT FROM medrec.patient AS p WHERE p.id OPERATOR(pg_catalog.=) $1",
	1, {UUIDOID}
};

/* Refuses the history of a patient whom the caller does not see. */
static void
CheckVisible(Datum patient)
{
	uint64		found;

	SPI_connect();
	found = saved_plan_run(&visible_patient, &patient, NULL);
	SPI_finish();
	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_HTTP_NOT_FOUND),
				 errmsg("patient not found")));
}

/* Returns an event. */
static void
ReturnEvent(TupleTableSlot *slot, void *arg)
{
	ReturnSetInfo *rsinfo = arg;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, slot->tts_values, slot->tts_isnull);
}

/* The condition that events are earlier than a time. */
static char *
Before(TimestampTz time)
{
	char		buffer[MAXDATELEN + 1];
	int			utc = 0;

	if (TIMESTAMP_IS_NOEND(time))
		return "";
	if (TIMESTAMP_IS_NOBEGIN(time))
		return " AND false";
	/* in UTC, whatever the session's settings are */
	JsonEncodeDateTime(buffer, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc);
	return psprintf(" AND logged_at < '%s'::timestamptz", buffer);
}

PG_FUNCTION_INFO_V1(medrec_patient_history);

/* medrec.patient_history(patient, before, max): the newest events first. */
Datum
medrec_patient_history(PG_FUNCTION_ARGS)
{
	TimestampTz before = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	int			max = PG_ARGISNULL(2) ? 100 : PG_GETARG_INT32(2);
	char	   *patient;
	Oid			user;
	int			sec_context;
	int			level;

	InitMaterializedSRF(fcinfo, 0);
	if (max < 1 || max > HISTORY_MAX_EVENTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be between 1 and %d", HISTORY_MAX_EVENTS)));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	CheckVisible(PG_GETARG_DATUM(0));
	patient = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)));

	/*
	 * The trail is never to be read through for one patient; see Replay() in
	 * history.c.
	 */
	level = NewGUCNestLevel();
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	audit_become_owner(&user, &sec_context);
	audit_scan(psprintf("SELECT logged_at, action::text, table_name::text, row_id::text, account::text,"
						" role::text, reason::text, old_values, new_values"
						" FROM %s WHERE patient_id = '%s' AND xid > 0"
						" AND table_name IN ('patient', 'diagnosis', 'treatment', 'encounter')%s"
						" ORDER BY logged_at DESC, era DESC, xid DESC, n DESC LIMIT %d",
						audit_trail(), patient, Before(before), max),
			   ReturnEvent, fcinfo->resultinfo);
	SetUserIdAndSecContext(user, sec_context);
	AtEOXact_GUC(true, level);
	return (Datum) 0;
}
