/*
 * careteam.c
 *		Who sees which patient, where clinicians see those of their teams only.
 *
 * The policies of the record tables ask sees_all_patients() once for a
 * statement, and sees_patient() for a row only where that said no.
 */
#include "medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "login.h"
#include "relations.h"

/* SQLSTATE that PostgREST answers with 404 */
#define ERRCODE_PATIENT_NOT_FOUND	MAKE_SQLSTATE('P','T','4','0','4')

/* a reason says something, and is no novel */
#define REASON_MIN_CHARS	10
#define REASON_MAX_CHARS	2000

/* Whom a query is run for: looked up once for it. */
typedef struct Viewer
{
	int32		account;		/* 0: none */
	int			nteams;
	int32	   *teams;
} Viewer;

/*
 * The patient whom this transaction has just put into its account's teams.  The
 * INSERT that makes him is asked whether he is visible before it can see that.
 */
static pg_uuid_t enrolled;
static LocalTransactionId enrolled_by = InvalidLocalTransactionId;

static AccessPlan enrol_patient = {
	"INSERT INTO medrec.care_team_patient (team, patient)"
	" SELECT m.team, $1 FROM medrec.care_team_member AS m"
	" JOIN medrec.account AS a ON a.id OPERATOR(pg_catalog.=) m.account"
	" WHERE a.username OPERATOR(pg_catalog.=) $2::pg_catalog.varchar",
	2, {UUIDOID, TEXTOID}
};
static AccessPlan find_patient = {
	"SELECT p.id FROM medrec.patient AS p"
	" WHERE p.patient_id OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	"  OR p.id OPERATOR(pg_catalog.=) $2",
	2, {TEXTOID, UUIDOID}
};
static AccessPlan open_patient = {
	"INSERT INTO medrec.break_glass (account, patient, reason, expires_at)"
	" SELECT a.id, $2, $3,"
	"  pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => $4)"
	" FROM medrec.account AS a WHERE a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	" RETURNING pg_catalog.jsonb_build_object('patient', patient, 'expires_at', expires_at)",
	4, {TEXTOID, UUIDOID, TEXTOID, FLOAT8OID}
};

static int32 AccountNumber(const char *name);
static Viewer *NewViewer(MemoryContext context);
static bool InTeams(const Viewer *viewer, const pg_uuid_t *patient);
static bool BrokeGlass(const Viewer *viewer, const pg_uuid_t *patient);
static bool IsUuid(const char *text);

/* The number of an account, 0 where there is none or it is not active. */
static int32
AccountNumber(const char *name)
{
	Relation	rel = table_open(medrec_relation("account"), AccessShareLock);
	Oid			relid = RelationGetRelid(rel);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int32		number = 0;

	ScanKeyInit(&key, get_attnum(relid, "username"), BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	key.sk_collation = TupleDescAttr(desc, key.sk_attno - 1)->attcollation;
	scan = systable_beginscan(rel, medrec_relation("account_username_key"), true,
							  GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		if (DatumGetBool(heap_getattr(tuple, get_attnum(relid, "is_active"), desc, &isnull)))
			number = DatumGetInt32(heap_getattr(tuple, get_attnum(relid, "id"), desc, &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return number;
}

/* Looks up who acts, and the teams that he belongs to. */
static Viewer *
NewViewer(MemoryContext context)
{
	Viewer	   *viewer = MemoryContextAllocZero(context, sizeof(Viewer));
	const char *name = access_account_name();
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	AttrNumber	team;
	int			size = 8;

	if (name == NULL || (viewer->account = AccountNumber(name)) == 0)
		return viewer;

	viewer->teams = MemoryContextAlloc(context, size * sizeof(int32));
	rel = table_open(medrec_relation("care_team_member"), AccessShareLock);
	team = get_attnum(RelationGetRelid(rel), "team");
	ScanKeyInit(&key, get_attnum(RelationGetRelid(rel), "account"),
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(viewer->account));
	scan = systable_beginscan(rel, medrec_relation("care_team_member_pkey"), true,
							  GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		if (viewer->nteams == size)
		{
			size *= 2;
			viewer->teams = repalloc(viewer->teams, size * sizeof(int32));
		}
		viewer->teams[viewer->nteams++] =
			DatumGetInt32(heap_getattr(tuple, team, RelationGetDescr(rel), &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return viewer;
}

/* Is the patient one of the viewer's teams'? */
static bool
InTeams(const Viewer *viewer, const pg_uuid_t *patient)
{
	Relation	rel;
	AttrNumber	team;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	if (viewer->nteams == 0)
		return false;
	rel = table_open(medrec_relation("care_team_patient"), AccessShareLock);
	team = get_attnum(RelationGetRelid(rel), "team");
	ScanKeyInit(&key, get_attnum(RelationGetRelid(rel), "patient"),
				BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(patient));
	scan = systable_beginscan(rel, medrec_relation("care_team_patient_pkey"), true,
							  GetActiveSnapshot(), 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		int32		of = DatumGetInt32(heap_getattr(tuple, team, RelationGetDescr(rel), &isnull));
		int			i;

		for (i = 0; i < viewer->nteams && !found; i++)
			found = viewer->teams[i] == of;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Has the viewer opened the patient, and not too long ago? */
static bool
BrokeGlass(const Viewer *viewer, const pg_uuid_t *patient)
{
	Relation	rel = table_open(medrec_relation("break_glass"), AccessShareLock);
	Oid			relid = RelationGetRelid(rel);
	TimestampTz now = GetCurrentTimestamp();
	AttrNumber	expires_at = get_attnum(relid, "expires_at");
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], get_attnum(relid, "account"),
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(viewer->account));
	ScanKeyInit(&keys[1], get_attnum(relid, "patient"),
				BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(patient));
	scan = systable_beginscan(rel, medrec_relation("break_glass_account_patient_idx"), true,
							  GetActiveSnapshot(), 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		found = DatumGetTimestampTz(heap_getattr(tuple, expires_at, RelationGetDescr(rel),
												 &isnull)) > now;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

PG_FUNCTION_INFO_V1(medrec_sees_all_patients);

/* medrec.sees_all_patients(): care teams are not in force. */
Datum
medrec_sees_all_patients(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!medrec_care_team_mode);
}

PG_FUNCTION_INFO_V1(medrec_sees_patient);

/*
 * medrec.sees_patient(patient, refuse): is the patient of a team of the account
 * that acts, or opened by it?  If not, false, or with refuse an error, the same
 * for a patient who is not there.
 */
Datum
medrec_sees_patient(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *patient = PG_GETARG_UUID_P(0);
	bool		refuse = PG_GETARG_BOOL(1);
	Viewer	   *viewer = fcinfo->flinfo->fn_extra;

	if (enrolled_by == medrec_my_lxid() && memcmp(&enrolled, patient, UUID_LEN) == 0)
		PG_RETURN_BOOL(true);
	if (viewer == NULL)
		fcinfo->flinfo->fn_extra = viewer = NewViewer(fcinfo->flinfo->fn_mcxt);
	if (viewer->account != 0 && (InTeams(viewer, patient) || BrokeGlass(viewer, patient)))
		PG_RETURN_BOOL(true);
	if (refuse)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the patient is not there, or not in your care")));
	PG_RETURN_BOOL(false);
}

PG_FUNCTION_INFO_V1(medrec_enrol);

/*
 * medrec.enrol(): BEFORE INSERT ON patient: whom a clinician makes belongs to the
 * teams of that clinician.
 */
Datum
medrec_enrol(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Relation	rel;
	const char *name;
	Datum		values[2];
	bool		isnull;
	Oid			user;
	int			security;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired BEFORE INSERT FOR EACH ROW", "medrec.enrol")));
	rel = trigdata->tg_relation;
	if (RelationGetRelid(rel) != medrec_relation("patient"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" belongs to medrec's own tables", "medrec.enrol")));

	name = access_account_name();
	if (!medrec_care_team_mode || name == NULL)
		return PointerGetDatum(trigdata->tg_trigtuple);
	values[0] = heap_getattr(trigdata->tg_trigtuple, SPI_fnumber(RelationGetDescr(rel), "id"),
							 RelationGetDescr(rel), &isnull);
	if (isnull)
		return PointerGetDatum(trigdata->tg_trigtuple);
	values[1] = CStringGetTextDatum(name);

	/* as the owner, as foreign keys do it: nobody else may write who is in a team */
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(rel->rd_rel->relowner, security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (access_run(&enrol_patient, values, NULL) > 0)
	{
		enrolled = *DatumGetUUIDP(values[0]);
		enrolled_by = medrec_my_lxid();
	}
	SPI_finish();
	SetUserIdAndSecContext(user, security);
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/* Is a text a UUID as usually written? */
static bool
IsUuid(const char *text)
{
	int			i;

	for (i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-' :
			!isxdigit((unsigned char) text[i]))
			return false;
	return text[36] == '\0';
}

PG_FUNCTION_INFO_V1(medrec_break_glass);

/* medrec.break_glass(patient, reason): opens a patient to the account that acts. */
Datum
medrec_break_glass(PG_FUNCTION_ARGS)
{
	char	   *patient = TextDatumGetCString(PG_GETARG_DATUM(0));
	char	   *reason = TextDatumGetCString(PG_GETARG_DATUM(1));
	const char *name = access_account_name();
	int			chars;
	Datum		values[4];
	bool		nulls[4] = {false};
	bool		isnull;
	Datum		result;

	while (*reason == ' ')
		reason++;
	chars = pg_mbstrlen(reason);
	if (chars < REASON_MIN_CHARS || chars > REASON_MAX_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reason of %d to %d characters is required",
						REASON_MIN_CHARS, REASON_MAX_CHARS)));
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only an account can open a patient")));
	name = pstrdup(name);

	SPI_connect();
	values[0] = CStringGetTextDatum(patient);
	nulls[1] = !IsUuid(patient);
	values[1] = nulls[1] ? (Datum) 0 : DirectFunctionCall1(uuid_in, CStringGetDatum(patient));
	if (access_run(&find_patient, values, nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PATIENT_NOT_FOUND),
				 errmsg("patient not found")));
	values[1] = datumCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull),
						  false, UUID_LEN);
	nulls[1] = false;

	/* the reason of the audit trail's event, and of what follows in the transaction */
	(void) set_config_option("medrec.reason", reason, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	values[0] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(reason);
	values[3] = Float8GetDatum((double) medrec_break_glass_time);
	if (access_run(&open_patient, values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only an account can open a patient")));
	result = SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											 1, &isnull), false, -1);
	SPI_finish();
	return result;
}
