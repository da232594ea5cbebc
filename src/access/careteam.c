/*
 * access/careteam.c
 *		Which patients an account may see, when clinicians see only those of
 *		their teams.
 *
 * The policies of the record tables ask sees_patient() for a row. While
 * medrec.care_team_mode is off, the planner removes the call, so it costs
 * nothing. While it is on, the account's patients are kept as a sorted array
 * until any care team changes; each row costs one search in the array, and a
 * list can be read by index with it.
 *
 * Teams are read with a new snapshot, as privileges are, because the cached
 * array also serves transactions with other, older snapshots.
 */
#include "base/medrec.h"

#include <ctype.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "access/careteam.h"
#include "base/actor.h"
#include "base/array.h"
#include "base/columns.h"
#include "base/direct.h"
#include "base/invalidate.h"
#include "base/plan.h"
#include "base/relations.h"
#include "base/settings.h"
#include "base/text.h"
#include "base/trigger.h"

/* SQLSTATE that PostgREST answers with 404 */
#define ERRCODE_PATIENT_NOT_FOUND	MAKE_SQLSTATE('P','T','4','0','4')

/* limits on the length of a reason */
#define REASON_MIN_CHARS	10
#define REASON_MAX_CHARS	2000

/* The patients that an account may see. */
typedef struct Visible
{
	bool		valid;
	Oid			table;			/* its invalidation says that teams have
								 * changed */
	uint32		number;			/* rises with every change */
	int32		account;
	TimestampTz until;			/* when the first opened patient expires */
	int			count;
	int64		size;			/* of ids */
	Snapshot	snapshot;		/* while they are read */
	pg_uuid_t  *ids;			/* in order */
	MemoryContext context;
} Visible;

static Visible visible;

/* state of a call of sees_patient(), kept from row to row */
typedef struct Viewer
{
	uint32		number;
	int32		account;
} Viewer;

/*
 * The patient that a statement is about to insert: the row must be visible to
 * its creator before it exists, and before it can have teams. The id was
 * unused when it was stored here; it is cleared when the statement ends.
 * Another session may insert the same id first, which IsNewborn() checks.
 */
static struct
{
	LocalTransactionId xact;
	SubTransactionId subxact;
	pg_uuid_t	id;
}			newborn;

static const WantedColumn account_wanted[] = {
	{"id", INT4OID}, {"username", TEXTOID}, {"is_active", BOOLOID}
};
static const WantedColumn member_wanted[] = {{"account", INT4OID}, {"team", INT4OID}};
static const WantedColumn team_wanted[] = {{"team", INT4OID}, {"patient", UUIDOID}};
static const WantedColumn opened_wanted[] = {
	{"account", INT4OID}, {"patient", UUIDOID}, {"expires_at", TIMESTAMPTZOID}
};
static const WantedColumn patient_wanted[] = {{"id", UUIDOID}, {"patient_id", TEXTOID}};

static WantedColumns account_columns = WANTED_COLUMNS(account_wanted);
static WantedColumns member_columns = WANTED_COLUMNS(member_wanted);
static WantedColumns team_columns = WANTED_COLUMNS(team_wanted);
static WantedColumns opened_columns = WANTED_COLUMNS(opened_wanted);
static WantedColumns patient_columns = WANTED_COLUMNS(patient_wanted);

/* places in the arrays above */
enum
{
	ACCOUNT_ID, ACCOUNT_USERNAME, ACCOUNT_IS_ACTIVE
};
enum
{
	MEMBER_ACCOUNT, MEMBER_TEAM
};
enum
{
	TEAM_TEAM, TEAM_PATIENT
};
enum
{
	OPENED_ACCOUNT, OPENED_PATIENT, OPENED_EXPIRES_AT
};
enum
{
	PATIENT_ID, PATIENT_PATIENT_ID
};

static SavedPlan enrol_patients = {
	"INSERT INTO medrec.care_team_patient (patient, team)"
	" SELECT n.id, m.team FROM new_rows AS n, ONLY medrec.care_team_member AS m"
	" JOIN ONLY medrec.account AS a ON a.id OPERATOR(pg_catalog.=) m.account"
	" WHERE a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar",
	1, {TEXTOID}
};
static SavedPlan find_patient = {
	"SELECT p.id FROM ONLY medrec.patient AS p"
	" WHERE p.patient_id OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	"  OR p.id OPERATOR(pg_catalog.=) $2",
	2, {TEXTOID, UUIDOID}
};
static SavedPlan open_patient = {
	"INSERT INTO medrec.break_glass (account, patient, reason, expires_at)"
	" SELECT a.id, $2, $3,"
	"  pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => $4)"
	" FROM ONLY medrec.account AS a WHERE a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	" RETURNING pg_catalog.jsonb_build_object('patient', patient, 'expires_at', expires_at)",
	4, {TEXTOID, UUIDOID, TEXTOID, FLOAT8OID}
};

static int32 AccountNumber(void);
static void ForgetVisible(Oid relid);
static int	ComparePatientIds(const void *a, const void *b);
static void AddVisible(Visible *found, HeapTuple tuple, AttrNumber column, TupleDesc desc);
static void ReadTeams(Visible *found);
static void ReadOpened(Visible *found);
static void FindVisible(int32 account);
static bool IsVisible(const pg_uuid_t *id);
static bool HasTeam(int32 account);
static bool IdIsFree(Oid relid, const pg_uuid_t *id, bool or_own);
static bool IsNewborn(const pg_uuid_t *id);
static bool IsHidden(Relation rel, Datum number, int32 account);
static void NoteHiddenNumber(const char *name);
static void EnrolRows(TriggerData *trigdata, const char *name);
static bool IsUuid(const char *text);
static void NoteAsked(const char *name, bool found);
static bool IsNarrowed(RelOptInfo *rel, Expr *key, Oid equals);
static List *IndexCondition(SupportRequestIndexCondition *request);
static double VisiblePart(void);
static double VisibleCost(void);

/* Assign hook: plans made for the old value must not be used any more. */
void
medrec_assign_care_team_mode(bool newval, void *extra)
{
	if (newval != medrec_care_team_mode)
		ResetPlanCache();
}

/* The number of the acting account, 0 if there is none or it is not active. */
static int32
AccountNumber(void)
{
	const char *name = actor_account_name();
	Relation	rel;
	const AttrNumber *columns;
	TupleDesc	desc;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int32		number = 0;

	if (name == NULL)
		return 0;
	rel = table_open(medrec_relation("account"), AccessShareLock);
	columns = columns_of(RelationGetRelid(rel), &account_columns);
	desc = RelationGetDescr(rel);
	ScanKeyInit(&key, columns[ACCOUNT_USERNAME], BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	key.sk_collation = TupleDescAttr(desc, key.sk_attno - 1)->attcollation;
	scan = systable_beginscan(rel, medrec_relation("account_username_key"), true,
							  NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		if (DatumGetBool(heap_getattr(tuple, columns[ACCOUNT_IS_ACTIVE], desc, &isnull)))
			number = DatumGetInt32(heap_getattr(tuple, columns[ACCOUNT_ID], desc, &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return number;
}

/* Hook: care teams have changed. */
static void
ForgetVisible(Oid relid)
{
	if (!OidIsValid(relid) || relid == visible.table)
	{
		visible.valid = false;
		visible.number++;
	}
}

/* Orders as the type uuid does. */
static int
ComparePatientIds(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

/* Adds the patient of a row. */
static void
AddVisible(Visible *found, HeapTuple tuple, AttrNumber column, TupleDesc desc)
{
	bool		isnull;
	Datum		id = heap_getattr(tuple, column, desc, &isnull);

	if (isnull)
		return;
	array_room(found->context, found->ids, found->count, found->size);
	found->ids[found->count++] = *DatumGetUUIDP(id);
}

/* Adds the patients of an account's teams. */
static void
ReadTeams(Visible *found)
{
	Relation	members = table_open(medrec_relation("care_team_member"), AccessShareLock);
	Relation	patients = table_open(medrec_relation("care_team_patient"), AccessShareLock);
	const AttrNumber *member = columns_of(RelationGetRelid(members), &member_columns);
	const AttrNumber *team = columns_of(RelationGetRelid(patients), &team_columns);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	membership;

	ScanKeyInit(&key, member[MEMBER_ACCOUNT], BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(found->account));
	scan = systable_beginscan(members, medrec_relation("care_team_member_pkey"), true,
							  found->snapshot, 1, &key);
	while (HeapTupleIsValid(membership = systable_getnext(scan)))
	{
		ScanKeyData team_key;
		SysScanDesc of_team;
		HeapTuple	tuple;
		bool		isnull;

		ScanKeyInit(&team_key, team[TEAM_TEAM], BTEqualStrategyNumber, F_INT4EQ,
					heap_getattr(membership, member[MEMBER_TEAM], RelationGetDescr(members), &isnull));
		of_team = systable_beginscan(patients, medrec_relation("care_team_patient_team_idx"), true,
									 found->snapshot, 1, &team_key);
		while (HeapTupleIsValid(tuple = systable_getnext(of_team)))
		{
			CHECK_FOR_INTERRUPTS();
			AddVisible(found, tuple, team[TEAM_PATIENT], RelationGetDescr(patients));
		}
		systable_endscan(of_team);
	}
	systable_endscan(scan);
	table_close(patients, AccessShareLock);
	table_close(members, AccessShareLock);
}

/*
 * Adds the patients that an account has opened, and records when the first of
 * them expires. A row opens its patient only after it and its audit event have
 * been committed, not in the transaction that wrote it, which may still be
 * rolled back.
 */
static void
ReadOpened(Visible *found)
{
	Relation	rel = table_open(medrec_relation("break_glass"), AccessShareLock);
	const AttrNumber *columns = columns_of(RelationGetRelid(rel), &opened_columns);
	TimestampTz now = GetCurrentTimestamp();
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, columns[OPENED_ACCOUNT],
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(found->account));
	scan = systable_beginscan(rel, medrec_relation("break_glass_account_patient_idx"), true,
							  found->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		TimestampTz until = DatumGetTimestampTz(heap_getattr(tuple, columns[OPENED_EXPIRES_AT],
															 RelationGetDescr(rel), &isnull));

		if (until <= now ||
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			continue;
		AddVisible(found, tuple, columns[OPENED_PATIENT], RelationGetDescr(rel));
		found->until = Min(found->until, until);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Finds the patients of an account, unless they are cached. */
static void
FindVisible(int32 account)
{
	Visible		found = {.account = account,.until = DT_NOEND};
	bool		parallel = IsInParallelMode();
	uint64		seen;
	int			i;
	int			kept = 0;

	/* changes are signalled for this table, whose OID changes with a restore */
	invalidate_watch(ForgetVisible);
	seen = invalidate_count();
	found.table = medrec_relation("care_team_member");
	if (visible.valid && visible.table == found.table && visible.account == account &&
		(visible.until == DT_NOEND || visible.until > GetCurrentTimestamp()))
		return;

	found.context = AllocSetContextCreate(CurrentMemoryContext, "medrec visible patients",
										  ALLOCSET_DEFAULT_SIZES);

	/*
	 * Read the teams with a new snapshot: the statement's may be older than a
	 * change whose invalidation has been processed already, and its stale
	 * result would stay in the cache. In parallel mode no new snapshot can be
	 * taken, so nothing is cached.
	 */
	found.snapshot = RegisterSnapshot(parallel ? GetActiveSnapshot() : GetLatestSnapshot());
	if (account != 0)
	{
		ReadTeams(&found);
		ReadOpened(&found);
	}
	UnregisterSnapshot(found.snapshot);
	found.snapshot = NULL;
	qsort(found.ids, found.count, sizeof(pg_uuid_t), ComparePatientIds);
	for (i = 0; i < found.count; i++)
		if (i == 0 || ComparePatientIds(&found.ids[i], &found.ids[i - 1]) != 0)
			found.ids[kept++] = found.ids[i];
	found.count = kept;
	found.valid = !parallel && invalidate_count() == seen;
	found.number = visible.number + 1;

	if (visible.context != NULL)
		MemoryContextDelete(visible.context);
	MemoryContextSetParent(found.context, TopMemoryContext);
	visible = found;
}

/* Is a patient among them? */
static bool
IsVisible(const pg_uuid_t *id)
{
	return visible.count > 0 &&
		bsearch(id, visible.ids, visible.count, sizeof(pg_uuid_t), ComparePatientIds) != NULL;
}

/* Does an account belong to a team? */
static bool
HasTeam(int32 account)
{
	Relation	rel = table_open(medrec_relation("care_team_member"), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, columns_of(RelationGetRelid(rel), &member_columns)[MEMBER_ACCOUNT],
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(account));
	scan = systable_beginscan(rel, medrec_relation("care_team_member_pkey"), true,
							  NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * Whether no patient has this id now, in committed rows or rows of this
 * transaction; with or_own, a patient created by this transaction does not
 * count.
 */
static bool
IdIsFree(Oid relid, const pg_uuid_t *id, bool or_own)
{
	Relation	rel = table_open(relid, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		is_free;

	ScanKeyInit(&key, columns_of(relid, &patient_columns)[PATIENT_ID],
				BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan = systable_beginscan(rel, medrec_relation("patient_pkey"), true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	is_free = !HeapTupleIsValid(tuple) ||
		(or_own && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return is_free;
}

/*
 * Whether a patient is the one that the statement is about to insert, and no
 * other session has inserted it: an upsert that has waited for another INSERT
 * of the same id finds that patient, and must not treat it as its own.
 */
static bool
IsNewborn(const pg_uuid_t *id)
{
	return newborn.xact == medrec_my_lxid() &&
		newborn.subxact == GetCurrentSubTransactionId() &&
		memcmp(&newborn.id, id, UUID_LEN) == 0 &&
		IdIsFree(medrec_relation("patient"), id, true);
}

PG_FUNCTION_INFO_V1(medrec_sees_patient);

/*
 * medrec.sees_patient(patient, refuse): does the patient belong to a team of
 * the acting account, or has the account opened them? If not, returns false,
 * or with refuse raises an error, which is the same if the patient does not
 * exist.
 */
Datum
medrec_sees_patient(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *patient = PG_GETARG_UUID_P(0);
	bool		refuse = PG_GETARG_BOOL(1);
	Viewer	   *viewer = fcinfo->flinfo->fn_extra;

	if (!medrec_care_team_mode)
		PG_RETURN_BOOL(true);
	if (IsNewborn(patient))
		PG_RETURN_BOOL(true);

	/* the acting account is looked up once per query */
	if (viewer == NULL)
	{
		viewer = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Viewer));
		viewer->account = AccountNumber();
		viewer->number = visible.number - 1;
		fcinfo->flinfo->fn_extra = viewer;
	}
	if (viewer->number != visible.number)
	{
		FindVisible(viewer->account);
		viewer->number = visible.number;
	}
	if (viewer->account != 0 && IsVisible(patient))
		PG_RETURN_BOOL(true);
	if (refuse)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the patient does not exist or is not in your care")));
	PG_RETURN_BOOL(false);
}

PG_FUNCTION_INFO_V1(medrec_visible_patients);

/* medrec.visible_patients(): those for whom sees_patient() is true, in order. */
Datum
medrec_visible_patients(PG_FUNCTION_ARGS)
{
	Datum	   *ids;
	int			i;

	FindVisible(AccountNumber());
	ids = palloc(Max(visible.count, 1) * sizeof(Datum));
	for (i = 0; i < visible.count; i++)
		ids[i] = UUIDPGetDatum(&visible.ids[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(ids, visible.count, UUIDOID, UUID_LEN, false,
										  TYPALIGN_CHAR));
}

/*
 * Is the column compared with a single value anyway, or with another table?
 * Then the array would only add a condition.
 */
static bool
IsNarrowed(RelOptInfo *rel, Expr *key, Oid equals)
{
	ListCell   *cell;

	if (rel->joininfo != NIL || rel->has_eclass_joins)
		return true;
	foreach(cell, rel->baserestrictinfo)
	{
		OpExpr	   *op = (OpExpr *) lfirst_node(RestrictInfo, cell)->clause;

		if (IsA(op, OpExpr) && op->opno == equals &&
			(equal(linitial(op->args), key) || equal(lsecond(op->args), key)))
			return true;
	}
	return false;
}

/* For the planner: sees_patient(column) as column = ANY (visible_patients()). */
static List *
IndexCondition(SupportRequestIndexCondition *request)
{
	FuncExpr   *call = (FuncExpr *) request->node;
	ScalarArrayOpExpr *any;
	Oid			equals;
	Oid			function;
	Expr	   *key;

	if (!IsA(call, FuncExpr) || request->indexarg != 0 || !request->index->amsearcharray)
		return NIL;
	key = linitial(call->args);
	equals = get_opfamily_member(request->opfamily, UUIDOID, UUIDOID, BTEqualStrategyNumber);
	if (!OidIsValid(equals) || IsNarrowed(request->index->rel, key, equals))
		return NIL;
	function = LookupFuncName(list_make2(makeString(MEDREC_SCHEMA), makeString("visible_patients")),
							  0, NULL, true);
	if (!OidIsValid(function))
		return NIL;

	any = makeNode(ScalarArrayOpExpr);
	any->opno = equals;
	any->opfuncid = get_opcode(equals);
	any->useOr = true;
	any->args = list_make2(copyObject(key),
						   makeFuncExpr(function, UUIDARRAYOID, NIL, InvalidOid, InvalidOid,
										COERCE_EXPLICIT_CALL));
	any->location = -1;
	/* the function is still called for each row: request->lossy stays true */
	return list_make1(any);
}

/* For the planner: the part of all patients that the account sees. */
static double
VisiblePart(void)
{
	Oid			relid = medrec_relation("patient");
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double		all = 0;

	if (HeapTupleIsValid(tuple))
	{
		all = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	if (all <= 0 || !ActiveSnapshotSet())
		return 0.1;
	FindVisible(AccountNumber());
	return Min(1.0, Max(visible.count, 1) / all);
}

/* cost of an index lookup of one of visible_patients(), in operator calls */
#define PROBE_OPERATORS		20

/* For the planner: the cost of an index lookup for each visible patient. */
static double
VisibleCost(void)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(medrec_relation("patient")));
	double		pages = 0;

	if (HeapTupleIsValid(tuple))
	{
		pages = ((Form_pg_class) GETSTRUCT(tuple))->relpages;
		ReleaseSysCache(tuple);
	}
	if (!ActiveSnapshotSet())
		return 0;
	FindVisible(AccountNumber());
	return visible.count * PROBE_OPERATORS * cpu_operator_cost +
		Min((double) visible.count, pages) * seq_page_cost;
}

PG_FUNCTION_INFO_V1(medrec_visible_patients_support);

/*
 * Planner support function of visible_patients(). The planner assumes ten
 * elements for an unknown array, and must not see the real one: it would
 * examine every patient in it, for each condition of each query. So the
 * function is volatile, and its cost reflects the length of the array.
 */
Datum
medrec_visible_patients_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *result = NULL;

	if (IsA(request, SupportRequestCost) && medrec_care_team_mode)
	{
		((SupportRequestCost *) request)->startup = 0;
		((SupportRequestCost *) request)->per_tuple = VisibleCost();
		result = request;
	}
	PG_RETURN_POINTER(result);
}

PG_FUNCTION_INFO_V1(medrec_sees_patient_support);

/* Planner support function of sees_patient(). */
Datum
medrec_sees_patient_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *result = NULL;

	if (IsA(request, SupportRequestSimplify))
	{
		/* plans are invalidated when the setting changes */
		if (!medrec_care_team_mode)
			result = makeBoolConst(true, false);
	}
	else if (IsA(request, SupportRequestSelectivity) && medrec_care_team_mode)
	{
		((SupportRequestSelectivity *) request)->selectivity = VisiblePart();
		result = request;
	}
	else if (IsA(request, SupportRequestIndexCondition) && medrec_care_team_mode)
		result = (Node *) IndexCondition((SupportRequestIndexCondition *) request);
	PG_RETURN_POINTER(result);
}

PG_FUNCTION_INFO_V1(medrec_care_team_changed);

/* medrec.care_team_changed(): tells every session that teams have changed. */
Datum
medrec_care_team_changed(PG_FUNCTION_ARGS)
{
	(void) trigger_called(fcinfo, "medrec.care_team_changed", FIRED_AFTER, 0);
	CacheInvalidateRelcacheByRelid(medrec_relation("care_team_member"));
	return PointerGetDatum(NULL);
}

/*
 * Does a number belong to a patient that an account may not see? A patient
 * that another transaction is about to insert counts too: the caller waits for
 * that transaction, and then learns of it.
 */
static bool
IsHidden(Relation rel, Datum number, int32 account)
{
	TupleDesc	desc = RelationGetDescr(rel);
	const AttrNumber *columns = columns_of(RelationGetRelid(rel), &patient_columns);
	AttrNumber	column = columns[PATIENT_PATIENT_ID];
	SnapshotData dirty;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		hidden = false;
	bool		isnull;

	FindVisible(account);
	InitDirtySnapshot(dirty);
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_TEXTEQ, number);
	key.sk_collation = TupleDescAttr(desc, column - 1)->attcollation;
	scan = systable_beginscan(rel, medrec_relation("patient_patient_id_key"), true, &dirty, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
		hidden = !IsVisible(DatumGetUUIDP(heap_getattr(tuple, columns[PATIENT_ID], desc, &isnull)));
	systable_endscan(scan);
	return hidden;
}

/*
 * Leaves a line in the server's log.  The lines of a transaction get rarer, so
 * that a long statement cannot fill the disk.
 */
static void
NoteHiddenNumber(const char *name)
{
	static LocalTransactionId xact = InvalidLocalTransactionId;
	static uint64 numbers = 0;

	if (xact != medrec_my_lxid())
		numbers = 0;
	xact = medrec_my_lxid();
	numbers++;
	/* 1, 2, 4, 8 ... */
	if ((numbers & (numbers - 1)) == 0)
		ereport(LOG_SERVER_ONLY,
				(errmsg("account \"%s\" has given numbers of patients who are not in its care: "
						UINT64_FORMAT " in this transaction", name, numbers),
				 errhidestmt(true), errhidecontext(true)));
}

PG_FUNCTION_INFO_V1(medrec_watch_number);

/*
 * medrec.watch_number(): logs when an account gives a patient the number of
 * one that it may not see. The error reveals that the number is taken, and a
 * ROLLBACK would leave no trace of it. It fires after medrec.validate(), which
 * trims the number.
 */
Datum
medrec_watch_number(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_called(fcinfo, "medrec.watch_number", FIRED_BEFORE |
										   FIRED_FOR_ROW | FIRED_BY_INSERT | FIRED_BY_UPDATE, 0);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	HeapTuple	tuple;
	Relation	rel;
	AttrNumber	column;
	Datum		number;
	const char *name;
	int32		account;
	bool		isnull;

	trigger_check_table(trigdata, "medrec.watch_number", "patient");
	tuple = update ? trigdata->tg_newtuple : trigdata->tg_trigtuple;
	if (!medrec_care_team_mode)
		return PointerGetDatum(tuple);

	rel = trigdata->tg_relation;
	column = columns_of(RelationGetRelid(rel), &patient_columns)[PATIENT_PATIENT_ID];
	number = heap_getattr(tuple, column, RelationGetDescr(rel), &isnull);
	if (isnull ||
		(update &&
		 datumIsEqual(number, heap_getattr(trigdata->tg_trigtuple, column, RelationGetDescr(rel),
										   &isnull), false, -1)))
		return PointerGetDatum(tuple);

	name = actor_account_name();
	account = name == NULL ? 0 : AccountNumber();
	/* the owner and other roles exempt from policies see all */
	if (account != 0 && check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED &&
		IsHidden(rel, number, account))
		NoteHiddenNumber(name);
	return PointerGetDatum(tuple);
}

/* Adds the patients that a statement has inserted to the teams of the acting account. */
static void
EnrolRows(TriggerData *trigdata, const char *name)
{
	Datum		value = CStringGetTextDatum(name);
	Oid			user;
	int			security;
	int			level;

	/*
	 * as the owner, like foreign keys: nobody else may write to team tables
	 */
	level = direct_search_path();
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(trigdata->tg_relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (SPI_register_trigger_data(trigdata) < 0)
		elog(ERROR, "could not register the transition table");
	saved_plan_run(&enrol_patients, &value, NULL);
	SPI_finish();
	AtEOXact_GUC(true, level);
	SetUserIdAndSecContext(user, security);
}

PG_FUNCTION_INFO_V1(medrec_enrol);

/*
 * medrec.enrol(): on INSERT into patient: a patient created by a clinician
 * belongs to that clinician's teams. Fires before each row, so that the
 * clinician may see it, and after the statement for the rows inserted, which
 * are not all rows of an upsert.
 */
Datum
medrec_enrol(PG_FUNCTION_ARGS)
{
	bool		row = CALLED_AS_TRIGGER(fcinfo) &&
		TRIGGER_FIRED_FOR_ROW(((TriggerData *) fcinfo->context)->tg_event);
	TriggerData *trigdata = trigger_called(fcinfo, "medrec.enrol", FIRED_BY_INSERT |
										   (row ? FIRED_BEFORE : FIRED_AFTER | FIRED_WITH_ROWS), 0);
	Relation	rel;
	const char *name;
	Datum		id;
	bool		isnull;

	trigger_check_table(trigdata, "medrec.enrol", "patient");
	rel = trigdata->tg_relation;

	newborn.xact = InvalidLocalTransactionId;
	name = medrec_care_team_mode ? actor_account_name() : NULL;
	if (name == NULL)
		return PointerGetDatum(row ? trigdata->tg_trigtuple : NULL);
	if (!row)
	{
		EnrolRows(trigdata, name);
		return PointerGetDatum(NULL);
	}

	id = heap_getattr(trigdata->tg_trigtuple,
					  columns_of(RelationGetRelid(rel), &patient_columns)[PATIENT_ID],
					  RelationGetDescr(rel), &isnull);
	if (!isnull && HasTeam(AccountNumber()) &&
		IdIsFree(RelationGetRelid(rel), DatumGetUUIDP(id), false))
	{
		newborn.id = *DatumGetUUIDP(id);
		newborn.xact = medrec_my_lxid();
		newborn.subxact = GetCurrentSubTransactionId();
	}
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

/*
 * Logs that an account has tried to open a patient: the answer reveals whether
 * the patient exists, and a ROLLBACK would remove the event.
 */
static void
NoteAsked(const char *name, bool found)
{
	ereport(LOG_SERVER_ONLY,
			(found ? errmsg("account \"%s\" breaks the glass of a patient", name) :
			 errmsg("account \"%s\" tries to break the glass of a patient who does not exist", name),
			 errhidestmt(true), errhidecontext(true)));
}

PG_FUNCTION_INFO_V1(medrec_break_glass);

/* medrec.break_glass(patient, reason): opens a patient to the acting account. */
Datum
medrec_break_glass(PG_FUNCTION_ARGS)
{
	char	   *patient = TextDatumGetCString(PG_GETARG_DATUM(0));
	char	   *reason = TextDatumGetCString(PG_GETARG_DATUM(1));
	const char *name = actor_account_name();
	Datum		values[4];
	bool		nulls[4] = {false};
	bool		isnull;
	Datum		result;

	/*
	 * before the lookup, so that a GET does not learn whether the patient
	 * exists
	 */
	PreventCommandIfReadOnly("medrec.break_glass()");
	while (*reason == ' ')
		reason++;
	if (visible_chars(reason) < REASON_MIN_CHARS || pg_mbstrlen(reason) > REASON_MAX_CHARS)
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
	if (saved_plan_run(&find_patient, values, nulls) == 0)
	{
		NoteAsked(name, false);
		ereport(ERROR,
				(errcode(ERRCODE_PATIENT_NOT_FOUND),
				 errmsg("patient not found")));
	}
	NoteAsked(name, true);
	values[1] = datumCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull),
						  false, UUID_LEN);
	nulls[1] = false;

	/*
	 * the reason in the audit event, and in later events of the transaction
	 */
	(void) set_config_option("medrec.reason", reason, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	values[0] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(reason);
	values[3] = Float8GetDatum((double) medrec_break_glass_time);
	if (saved_plan_run(&open_patient, values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only an account can open a patient")));
	result = SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											 1, &isnull), false, -1);
	SPI_finish();

	/*
	 * the event is on disk before the patient is open, whatever
	 * synchronous_commit says
	 */
	ForceSyncCommit();
	return result;
}
