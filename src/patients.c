/*
 * patients.c
 *		What is known of a patient where his codes are judged, and his last visit.
 */
#include "medrec.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "codesystems.h"
#include "patients.h"
#include "records.h"
#include "revalidate.h"
#include "relations.h"

/* most codes of a visit that are looked at */
#define VISIT_CODES_MAX	1000

/* The patients of a statement, for touch. */
typedef struct PatientSet
{
	int			count;
	int			size;
	pg_uuid_t  *ids;
} PatientSet;

static void CollectPatients(PatientSet *set, Tuplestorestate *rows, TupleDesc desc,
							AttrNumber column);
static int	CompareUuid(const void *a, const void *b);
static void TouchPatients(PatientSet *set);

/* Counts full years. */
int
patient_age(DateADT birth_date, DateADT on_date)
{
	int			by,
				bm,
				bd,
				y,
				m,
				d;

	if (DATE_NOT_FINITE(birth_date) || DATE_NOT_FINITE(on_date) || birth_date > on_date)
		return -1;
	j2date(birth_date + POSTGRES_EPOCH_JDATE, &by, &bm, &bd);
	j2date(on_date + POSTGRES_EPOCH_JDATE, &y, &m, &d);
	return y - by - (m < bm || (m == bm && d < bd) ? 1 : 0);
}

/* Looks up what a code is judged by. */
void
patient_context(const pg_uuid_t *id, DateADT on_date, PatientContext *context)
{
	Relation	rel = table_open(medrec_relation("patient"), AccessShareLock);
	const AttrNumber *columns = record_columns(rel, RECORD_PATIENT);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	context->age = -1;
	context->gender = NULL;
	ScanKeyInit(&key, columns[PATIENT_ID], BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan = systable_beginscan(rel, medrec_index(rel, "patient_pkey"), true,
							  GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, columns[PATIENT_BIRTH_DATE], desc, &isnull);

		if (!isnull)
			context->age = patient_age(DatumGetDateADT(value), on_date);
		else
			context->age = DatumGetInt32(heap_getattr(tuple, columns[PATIENT_AGE], desc, &isnull));
		value = heap_getattr(tuple, columns[PATIENT_GENDER], desc, &isnull);
		if (!isnull)
			context->gender = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Finds the day of a time, in the session's time zone. */
DateADT
day_of(TimestampTz time)
{
	return DatumGetDateADT(DirectFunctionCall1(timestamptz_date, TimestampTzGetDatum(time)));
}

/* Adds the codes of a day that one table has of a patient. */
static List *
VisitCodes(List *codes, RecordKind kind, const char *index, const pg_uuid_t *patient,
		   const pg_uuid_t *record, const CodeSystem *cs, DateADT on_date)
{
	Relation	rel = table_open(medrec_relation(record_kind_names[kind]), AccessShareLock);
	const AttrNumber *columns = record_columns(rel, kind);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, columns[CODED_PATIENT_ID], BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(patient));

	/* what the running statement has stored already belongs to the visit too */
	scan = systable_beginscan(rel, medrec_index(rel, index), true, SnapshotSelf, 1, &key);
	while (list_length(codes) < VISIT_CODES_MAX && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (memcmp(DatumGetUUIDP(heap_getattr(tuple, columns[CODED_ID], desc, &isnull)),
				   record, UUID_LEN) == 0 ||
			day_of(DatumGetTimestampTz(heap_getattr(tuple, columns[CODED_CREATED_AT],
													desc, &isnull))) != on_date ||
			codesystem_lookup(DatumGetTextPP(heap_getattr(tuple, columns[CODED_CODE_SYSTEM],
														  desc, &isnull))) != cs)
			continue;
		codes = lappend(codes, TextDatumGetCString(heap_getattr(tuple, columns[CODED_CODE],
																desc, &isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return codes;
}

/* Finds the other codes of a visit. */
List *
patient_visit_codes(const pg_uuid_t *patient, const pg_uuid_t *record,
					const CodeSystem *cs, DateADT on_date)
{
	List	   *codes = NIL;

	codes = VisitCodes(codes, RECORD_DIAGNOSIS, "diagnosis_patient_id_idx",
					   patient, record, cs, on_date);
	return VisitCodes(codes, RECORD_TREATMENT, "treatment_patient_id_idx",
					  patient, record, cs, on_date);
}

/* Adds the patients of a transition table. */
static void
CollectPatients(PatientSet *set, Tuplestorestate *rows, TupleDesc desc, AttrNumber column)
{
	TupleTableSlot *slot;

	if (rows == NULL)
		return;

	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	/* others read the same tuplestore: each with a pointer of his own */
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		isnull;
		Datum		id = slot_getattr(slot, column, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		/* records of one patient mostly come together */
		if (set->count > 0 &&
			memcmp(&set->ids[set->count - 1], DatumGetUUIDP(id), UUID_LEN) == 0)
			continue;
		if (set->count == set->size)
		{
			set->size = set->size ? set->size * 2 : 8;
			set->ids = set->ids ?
				repalloc_huge(set->ids, set->size * sizeof(pg_uuid_t)) :
				palloc(set->size * sizeof(pg_uuid_t));
		}
		memcpy(&set->ids[set->count++], DatumGetUUIDP(id), UUID_LEN);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Orders as the type uuid does. */
static int
CompareUuid(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

/*
 * Moves last_visit of the patients to now.
 *
 * In the order of their id, so that two statements cannot deadlock, and locked
 * as NO KEY UPDATE, so that foreign-key checks go on.  Straight to the heap and
 * past row triggers: the change is the statement's own doing, neither a new
 * version nor an audit event, and whoever wrote the diagnosis need not be
 * allowed to change patients.  last_visit never goes back.
 */
static void
TouchPatients(PatientSet *set)
{
	static const Oid key_types[] = {UUIDOID};
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	Relation	rel = table_open(medrec_relation("patient"), RowExclusiveLock);
	Relation	index = medrec_index_open(rel, "patient_pkey", RowExclusiveLock,
										  lengthof(key_types), key_types);
	const AttrNumber *columns = record_columns(rel, RECORD_PATIENT);
	int			natts = RelationGetDescr(rel)->natts;
	int			last_visit = columns[PATIENT_LAST_VISIT];
	EState	   *estate = CreateExecutorState();
	EPQState	epqstate;
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TupleTableSlot *changed = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "medrec touch",
												  ALLOCSET_SMALL_SIZES);
	Snapshot	snapshot;
	int			i;

	medrec_init_range_table(estate, rel, last_visit);
	InitResultRelInfo(result, rel, 1, NULL, 0);
	result->ri_TrigDesc = NULL; /* no row triggers, see above */
	medrec_eval_plan_qual_init(&epqstate, estate);
	ExecOpenIndices(result, false);

	/* what the statement did to patients itself is to be seen */
	CommandCounterIncrement();
	if (IsolationUsesXactSnapshot())
	{
		PushCopiedSnapshot(GetActiveSnapshot());
		UpdateActiveSnapshotCommandId();
	}
	else
		PushActiveSnapshot(GetLatestSnapshot());
	snapshot = GetActiveSnapshot();
	estate->es_snapshot = snapshot;
	estate->es_output_cid = GetCurrentCommandId(true);

	pg_qsort(set->ids, set->count, sizeof(pg_uuid_t), CompareUuid);
	for (i = 0; i < set->count; i++)
	{
		IndexScanDesc scan;
		ScanKeyData key;
		bool		found;
		bool		isnull;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		if (i > 0 && CompareUuid(&set->ids[i], &set->ids[i - 1]) == 0)
			continue;

		old = MemoryContextSwitchTo(per_row);
		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&set->ids[i]));
		scan = medrec_index_beginscan(rel, index, snapshot, 1);
		index_rescan(scan, &key, 1, NULL, 0);
		found = index_getnext_slot(scan, ForwardScanDirection, slot);
		if (found && DatumGetTimestampTz(slot_getattr(slot, last_visit, &isnull)) < now)
		{
			TM_FailureData tmfd;
			ItemPointerData tid = slot->tts_tid;
			TM_Result	locked;

			ExecMaterializeSlot(slot);
			index_endscan(scan);
			scan = NULL;
			locked = table_tuple_lock(rel, &tid, snapshot, slot, estate->es_output_cid,
									  LockTupleNoKeyExclusive, LockWaitBlock,
									  IsolationUsesXactSnapshot() ? 0 :
									  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &tmfd);
			if (locked == TM_Updated || (locked == TM_Deleted && IsolationUsesXactSnapshot()))
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("could not serialize access due to concurrent update")));
			/* TM_Deleted: then its records are going too, or the foreign key speaks */
			if (locked == TM_Ok &&
				DatumGetTimestampTz(slot_getattr(slot, last_visit, &isnull)) < now)
			{
				ExecClearTuple(changed);
				slot_getallattrs(slot);
				memcpy(changed->tts_values, slot->tts_values, natts * sizeof(Datum));
				memcpy(changed->tts_isnull, slot->tts_isnull, natts * sizeof(bool));
				changed->tts_values[last_visit - 1] = TimestampTzGetDatum(now);
				changed->tts_isnull[last_visit - 1] = false;
				ExecStoreVirtualTuple(changed);
				ExecSimpleRelationUpdate(result, estate, &epqstate, slot, changed);
			}
		}
		if (scan)
			index_endscan(scan);
		ExecClearTuple(slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
		ResetPerTupleExprContext(estate);
	}

	PopActiveSnapshot();
	EvalPlanQualEnd(&epqstate);
	ExecCloseIndices(result);
	ExecDropSingleTupleTableSlot(changed);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
	MemoryContextDelete(per_row);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

PG_FUNCTION_INFO_V1(medrec_touch);

/* medrec.touch(): AFTER STATEMENT on diagnosis and treatment. */
Datum
medrec_touch(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	PatientSet	set = {0};
	const char *table;
	RecordKind	kind;
	AttrNumber	column;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", "medrec.touch")));
	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event) ||
		TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired AFTER STATEMENT, for INSERT, UPDATE or DELETE",
						"medrec.touch")));
	table = RelationGetRelationName(trigdata->tg_relation);
	kind = strcmp(table, "diagnosis") == 0 ? RECORD_DIAGNOSIS : RECORD_TREATMENT;
	if (RelationGetNamespace(trigdata->tg_relation) != get_namespace_oid(MEDREC_SCHEMA, true) ||
		strcmp(table, record_kind_names[kind]) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" belongs to medrec's own tables", "medrec.touch")));
	if (trigdata->tg_newtable == NULL && trigdata->tg_oldtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" needs the transition tables", "medrec.touch")));

	/* a record judged anew is no visit */
	if (revalidating && TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		PG_RETURN_POINTER(NULL);

	column = record_columns(trigdata->tg_relation, kind)[CODED_PATIENT_ID];
	CollectPatients(&set, trigdata->tg_oldtable, RelationGetDescr(trigdata->tg_relation), column);
	CollectPatients(&set, trigdata->tg_newtable, RelationGetDescr(trigdata->tg_relation), column);
	if (set.count > 0)
		TouchPatients(&set);
	PG_RETURN_POINTER(NULL);
}
