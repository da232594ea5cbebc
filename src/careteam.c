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
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
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

/* seed of the advisory locks on ids of new patients: "mrid" */
#define ID_LOCK			0x6d726964

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
 * The patient whom a statement is about to make: his row must be visible to who
 * makes it before it is there, and before his teams can be.  Nobody had this id
 * when it was written here; it is cleared when the statement ends.
 */
static struct
{
	LocalTransactionId xact;
	SubTransactionId subxact;
	pg_uuid_t	id;
}			newborn;

static AccessPlan enrol_patients = {
	"INSERT INTO medrec.care_team_patient (patient, team)"
	" SELECT n.id, m.team FROM new_rows AS n, medrec.care_team_member AS m"
	" JOIN medrec.account AS a ON a.id OPERATOR(pg_catalog.=) m.account"
	" WHERE a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar",
	1, {TEXTOID}
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
static bool IdIsFree(Relation rel, const pg_uuid_t *id);
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

	if (newborn.xact == medrec_my_lxid() && newborn.subxact == GetCurrentSubTransactionId() &&
		memcmp(&newborn.id, patient, UUID_LEN) == 0)
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

/*
 * Whether nobody has this id.  One at a time for an id, so that it stays true
 * until the transaction ends: else an upsert that waited for somebody else's
 * INSERT of the same id would take that patient for its own.
 */
static bool
IdIsFree(Relation rel, const pg_uuid_t *id)
{
	ScanKeyData key;
	SysScanDesc scan;
	bool		is_free;

	DirectFunctionCall1(pg_advisory_xact_lock_int8,
						Int64GetDatum((int64) hash_bytes_extended(id->data, UUID_LEN, ID_LOCK)));
	ScanKeyInit(&key, SPI_fnumber(RelationGetDescr(rel), "id"),
				BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan = systable_beginscan(rel, medrec_relation("patient_pkey"), true, SnapshotSelf, 1, &key);
	is_free = !HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return is_free;
}

PG_FUNCTION_INFO_V1(medrec_enrol);

/*
 * medrec.enrol(): on INSERT into patient: whom a clinician makes belongs to that
 * clinician's teams.  Before each row, so that he may see it; after the
 * statement, for the rows that it has made - an upsert makes not all of them.
 */
Datum
medrec_enrol(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	bool		row;
	Relation	rel;
	const char *name;
	Datum		value;
	Oid			user;
	int			security;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
		!(TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ? TRIGGER_FIRED_BEFORE(trigdata->tg_event) :
		  TRIGGER_FIRED_AFTER(trigdata->tg_event) && trigdata->tg_newtable != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired BEFORE INSERT FOR EACH ROW, or AFTER INSERT"
						" with the transition table", "medrec.enrol")));
	rel = trigdata->tg_relation;
	if (RelationGetRelid(rel) != medrec_relation("patient"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" belongs to medrec's own tables", "medrec.enrol")));
	row = TRIGGER_FIRED_FOR_ROW(trigdata->tg_event);

	newborn.xact = InvalidLocalTransactionId;
	name = medrec_care_team_mode ? access_account_name() : NULL;
	if (name == NULL)
		return PointerGetDatum(row ? trigdata->tg_trigtuple : NULL);

	if (row)
	{
		bool		isnull;

		value = heap_getattr(trigdata->tg_trigtuple, SPI_fnumber(RelationGetDescr(rel), "id"),
							 RelationGetDescr(rel), &isnull);
		if (!isnull && NewViewer(CurrentMemoryContext)->nteams > 0 &&
			IdIsFree(rel, DatumGetUUIDP(value)))
		{
			newborn.id = *DatumGetUUIDP(value);
			newborn.xact = medrec_my_lxid();
			newborn.subxact = GetCurrentSubTransactionId();
		}
		return PointerGetDatum(trigdata->tg_trigtuple);
	}

	/* as the owner, as foreign keys do it: nobody else may write who is in a team */
	value = CStringGetTextDatum(name);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(rel->rd_rel->relowner, security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (SPI_register_trigger_data(trigdata) < 0)
		elog(ERROR, "could not register the transition table");
	access_run(&enrol_patients, &value, NULL);
	SPI_finish();
	SetUserIdAndSecContext(user, security);
	return PointerGetDatum(NULL);
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
