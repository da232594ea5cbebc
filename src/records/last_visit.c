/*
 * records/last_visit.c
 *		medrec.touch(): updates last_visit of the patients whose records a
 *		statement has written.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "base/array.h"
#include "base/direct.h"
#include "base/invalidate.h"
#include "base/relations.h"
#include "base/trigger.h"
#include "records/columns.h"
#include "records/intent.h"

/* how often touch releases its patients before it keeps them locked while it waits */
#define BACK_OFFS_MAX	10

/* The patients of a statement, for touch(). */
typedef struct PatientSet
{
	int			count;
	int64		size;
	pg_uuid_t  *ids;
} PatientSet;

/* A touch on its way. */
typedef struct Touch
{
	MemoryContext context;
	TimestampTz now;
	Relation	rel;			/* patient */
	AttrNumber	last_visit;
	Snapshot	snapshot;
	CommandId	cid;
	TupleTableSlot *slot;		/* the row as it is */
	TupleTableSlot *changed;	/* and as it will be */
	bool		may_wait;		/* for others that have locked the row */
	bool		busy;			/* others have, and touch() may not wait */
	EState	   *estate;			/* NULL until it is needed */
	ResultRelInfo *result;
} Touch;

/* what LastVisitIsPlain() found for the table, InvalidOid if it must check */
static Oid	plain_relid = InvalidOid;
static bool plain_result = false;

static void ForgetPlain(Oid relid);

/* Adds the patients of a transition table. */
static void
CollectPatients(PatientSet *set, Tuplestorestate *rows, TupleDesc desc, AttrNumber column)
{
	TupleTableSlot *slot;

	if (rows == NULL)
		return;

	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	/* others read the same tuplestore, each with its own read pointer */
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		isnull;
		Datum		id = slot_getattr(slot, column, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		/* records of one patient are mostly adjacent */
		if (set->count > 0 &&
			memcmp(&set->ids[set->count - 1], DatumGetUUIDP(id), UUID_LEN) == 0)
			continue;
		array_room(CurrentMemoryContext, set->ids, set->count, set->size);
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

/* Hook: the table has changed, and its constraints may be different. */
static void
ForgetPlain(Oid relid)
{
	if (relid == InvalidOid || relid == plain_relid)
		plain_relid = InvalidOid;
}

/* Is the column part of a key, or are there deferred keys? */
static bool
KeysHave(Relation rel, AttrNumber column)
{
	Bitmapset  *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	List	   *indexes = RelationGetIndexList(rel);
	bool		found = bms_is_member(column - FirstLowInvalidHeapAttributeNumber, keys);
	ListCell   *cell;

	foreach(cell, RelationGetFKeyList(rel))
	{
		ForeignKeyCacheInfo *fkey = lfirst(cell);
		int			i;

		for (i = 0; i < fkey->nkeys; i++)
			if (fkey->conrelid == RelationGetRelid(rel) && fkey->conkey[i] == column)
				found = true;
	}
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indisexclusion || !index->rd_index->indimmediate)
			found = true;
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	bms_free(keys);
	return found;
}

/*
 * Does nothing but the column itself depend on last_visit: no generated
 * column, no CHECK, no key, no foreign trigger or rule? Then the executor is
 * not needed.
 */
static bool
LastVisitIsPlain(Relation rel, AttrNumber last_visit)
{
	uint64		seen;
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	bool		plain = true;
	int			i;

	if (plain_relid == RelationGetRelid(rel))
		return plain_result;
	invalidate_watch(ForgetPlain);
	seen = invalidate_count();

	plain = rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relispartition &&
		!rel->rd_rel->relhassubclass && !direct_has_rules(rel, CMD_UPDATE) &&
		!direct_has_triggers(rel, TRIGGER_TYPE_UPDATE, true, true, last_visit) &&
		!KeysHave(rel, last_visit);
	if (plain && constr != NULL)
	{
		plain = !medrec_has_generated_columns(constr);
		for (i = 0; plain && i < constr->num_check; i++)
		{
			Bitmapset  *columns = NULL;

			pull_varattnos(stringToNode(constr->check[i].ccbin), 1, &columns);
			/* existing rows may violate one that is not validated */
			plain = constr->check[i].ccvalid &&
				!bms_is_member(last_visit - FirstLowInvalidHeapAttributeNumber, columns) &&
				!bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns);
		}
	}
	plain_result = plain;
	plain_relid = invalidate_count() == seen ? RelationGetRelid(rel) : InvalidOid;
	return plain;
}

/* Prepares the insertion of index entries, at the first row that needs them. */
static void
BeginExecutor(Touch *touch)
{
	MemoryContext old;

	if (touch->estate != NULL)
		return;
	old = MemoryContextSwitchTo(touch->context);
	touch->estate = CreateExecutorState();
	touch->result = makeNode(ResultRelInfo);
	medrec_init_range_table(touch->estate, touch->rel, touch->last_visit);
	InitResultRelInfo(touch->result, touch->rel, 1, NULL, 0);
	touch->estate->es_snapshot = touch->snapshot;
	touch->estate->es_output_cid = touch->cid;
	ExecOpenIndices(touch->result, false);
	MemoryContextSwitchTo(old);
}

/* Stores the row in slot with the new last_visit; false if another session has updated it first. */
static bool
UpdateLastVisit(Touch *touch)
{
	int			natts = RelationGetDescr(touch->rel)->natts;
	TupleTableSlot *changed = touch->changed;
	IndexesToUpdate indexes;
	TM_FailureData tmfd;
	LockTupleMode lockmode;
	TM_Result	result;

	ExecClearTuple(changed);
	slot_getallattrs(touch->slot);
	memcpy(changed->tts_values, touch->slot->tts_values, natts * sizeof(Datum));
	memcpy(changed->tts_isnull, touch->slot->tts_isnull, natts * sizeof(bool));
	changed->tts_values[touch->last_visit - 1] = TimestampTzGetDatum(touch->now);
	ExecStoreVirtualTuple(changed);
	changed->tts_tableOid = RelationGetRelid(touch->rel);

	result = table_tuple_update(touch->rel, &touch->slot->tts_tid, changed, touch->cid,
								touch->snapshot, InvalidSnapshot, true, &tmfd,
								&lockmode, &indexes);
	if (result == TM_Updated || result == TM_Deleted)
		return false;
	if (result != TM_Ok)
		elog(ERROR, "could not move last_visit: %d", (int) result);
	if (medrec_needs_index_entries(indexes))
	{
		BeginExecutor(touch);
		medrec_insert_index_entries(touch->result, changed, touch->estate, indexes);
		ResetPerTupleExprContext(touch->estate);
	}
	return true;
}

/*
 * Locks the newest version of the row in slot, and reads it; false if it is
 * deleted, has been touched already, or is locked by others.
 */
static bool
LockNewest(Touch *touch)
{
	ItemPointerData tid = touch->slot->tts_tid;
	TM_FailureData tmfd;
	TM_Result	locked;
	bool		isnull;

	locked = table_tuple_lock(touch->rel, &tid, touch->snapshot, touch->slot, touch->cid,
							  LockTupleNoKeyExclusive,
							  touch->may_wait ? LockWaitBlock : LockWaitSkip,
							  IsolationUsesXactSnapshot() ? 0 :
							  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &tmfd);

	/* as an UPDATE would say it */
	if (locked == TM_Updated || (locked == TM_Deleted && IsolationUsesXactSnapshot()))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	touch->busy = locked == TM_WouldBlock;

	/*
	 * TM_Deleted: then its records are deleted too, or the foreign key raises
	 * an error
	 */
	return locked == TM_Ok &&
		DatumGetTimestampTz(slot_getattr(touch->slot, touch->last_visit, &isnull)) < touch->now;
}

/* Sorts the patients by id, without duplicates. */
static void
SortPatients(PatientSet *set)
{
	int			kept = 0;
	int			i;

	pg_qsort(set->ids, set->count, sizeof(pg_uuid_t), CompareUuid);
	for (i = 0; i < set->count; i++)
		if (i == 0 || CompareUuid(&set->ids[i], &set->ids[i - 1]) != 0)
			set->ids[kept++] = set->ids[i];
	set->count = kept;
}

/* The same by the executor, if something that the owner has added depends on last_visit. */
static void
UpdatePatients(Relation rel, PatientSet *set)
{
	static SavedPlan lock = {
		"SELECT p.id FROM ONLY medrec.patient AS p WHERE p.id OPERATOR(pg_catalog.=) ANY ($1)"
		" AND p.last_visit OPERATOR(pg_catalog.<) $2 ORDER BY p.id FOR NO KEY UPDATE",
		2, {UUIDARRAYOID, TIMESTAMPTZOID}
	};
	static SavedPlan update = {
		"UPDATE ONLY medrec.patient AS p SET last_visit = $2 WHERE p.id OPERATOR(pg_catalog.=) ANY ($1)",
		2, {UUIDARRAYOID, TIMESTAMPTZOID}
	};
	Datum	   *ids = palloc(set->count * sizeof(Datum));
	Datum		values[2];
	bool		isnull;
	uint64		count;
	uint64		i;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/* lock them in order first, because the UPDATE visits them in any order */
	for (i = 0; i < set->count; i++)
		ids[i] = UUIDPGetDatum(&set->ids[i]);
	values[0] = PointerGetDatum(construct_array(ids, set->count, UUIDOID, UUID_LEN, false,
												TYPALIGN_CHAR));
	values[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	count = own_statement_run(rel, CMD_SELECT, &lock, values, NULL);
	if (count > 0)
	{
		ids = palloc(count * sizeof(Datum));
		for (i = 0; i < count; i++)
			ids[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		values[0] = PointerGetDatum(construct_array(ids, count, UUIDOID, UUID_LEN, false,
													TYPALIGN_CHAR));
		(void) own_statement_run(rel, CMD_UPDATE, &update, values, NULL);
	}
	SPI_finish();
}

/*
 * Sets last_visit of the patients to now, in their order. Unless it may wait,
 * it stops at the first that others have locked, and returns its index, or -1
 * if all are done. It begins with the patient "first", if that is not -1, and
 * waits for that one in any case.
 *
 * Rows are locked FOR NO KEY UPDATE, so that foreign-key checks are not
 * blocked. The heap is updated directly if nothing that the owner has added
 * depends on the column: the change is part of the statement, makes no new
 * version and no audit event, and does not need the right to change patients.
 * last_visit never moves backwards.
 */
static int
TouchOnce(const PatientSet *set, int first, bool wait)
{
	static const Oid key_types[] = {UUIDOID};
	Touch		touch = {0};
	Relation	index;
	IndexScanDesc scan;
	MemoryContext per_row;
	int			i;

	touch.context = CurrentMemoryContext;
	touch.now = GetCurrentTransactionStartTimestamp();
	touch.rel = table_open(medrec_relation("patient"), RowExclusiveLock);
	touch.last_visit = record_columns(touch.rel, RECORD_PATIENT)[PATIENT_LAST_VISIT];
	/* a publication may need the replica identity */
	CheckCmdReplicaIdentity(touch.rel, CMD_UPDATE);
	touch.slot = table_slot_create(touch.rel, NULL);
	touch.changed = MakeSingleTupleTableSlot(RelationGetDescr(touch.rel), &TTSOpsVirtual);
	index = medrec_index_open(touch.rel, "patient_pkey", RowExclusiveLock,
							  lengthof(key_types), key_types);
	per_row = AllocSetContextCreate(CurrentMemoryContext, "medrec touch", ALLOCSET_SMALL_SIZES);

	/* the statement's own changes of patients must be visible */
	CommandCounterIncrement();
	if (IsolationUsesXactSnapshot())
	{
		PushCopiedSnapshot(GetActiveSnapshot());
		UpdateActiveSnapshotCommandId();
	}
	else
		PushActiveSnapshot(GetLatestSnapshot());
	touch.snapshot = GetActiveSnapshot();
	touch.cid = GetCurrentCommandId(true);

	scan = medrec_index_beginscan(touch.rel, index, touch.snapshot, 1);
	for (i = first < 0 ? 0 : -1; i < set->count; i++)
	{
		const pg_uuid_t *id = &set->ids[i < 0 ? first : i];
		ScanKeyData key;
		bool		isnull;
		bool		wanted;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		touch.may_wait = wait || i < 0;

		/* the scan keeps its own memory from row to row */
		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
		index_rescan(scan, &key, 1, NULL, 0);
		wanted = index_getnext_slot(scan, ForwardScanDirection, touch.slot) &&
			DatumGetTimestampTz(slot_getattr(touch.slot, touch.last_visit, &isnull)) < touch.now;

		old = MemoryContextSwitchTo(per_row);
		if (wanted && !touch.may_wait)
			wanted = LockNewest(&touch);
		while (wanted && !UpdateLastVisit(&touch))
			wanted = LockNewest(&touch);
		ExecClearTuple(touch.slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
		if (touch.busy)
			break;
	}
	index_endscan(scan);

	PopActiveSnapshot();
	if (touch.estate != NULL)
	{
		ExecCloseIndices(touch.result);
		FreeExecutorState(touch.estate);
	}
	ExecDropSingleTupleTableSlot(touch.changed);
	ExecDropSingleTupleTableSlot(touch.slot);
	MemoryContextDelete(per_row);
	index_close(index, NoLock);
	table_close(touch.rel, NoLock);
	CommandCounterIncrement();
	return touch.busy ? i : -1;
}

/*
 * Touches several patients without keeping any of them locked while it waits
 * for another: an UPDATE of many patients locks them in any order, and could
 * wait for one that is kept. If a patient is locked, it releases the others,
 * and then waits for that patient first.
 */
static void
TouchTogether(const PatientSet *set)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			busy = -1;
	int			round;

	for (round = 0; round < BACK_OFFS_MAX; round++)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			busy = TouchOnce(set, busy, false);
			if (busy < 0)
				ReleaseCurrentSubTransaction();
			else
				RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			CurrentResourceOwner = owner;
			ReThrowError(error);
		}
		PG_END_TRY();
		if (busy < 0)
			return;
	}
	(void) TouchOnce(set, -1, true);
}

/*
 * Touches the patients of a statement, in the order of their id, so that two
 * statements cannot deadlock.
 */
static void
TouchPatients(PatientSet *set)
{
	static uint64 together_in = 0;
	uint64		xid = U64FromFullTransactionId(GetTopFullTransactionId());
	Relation	rel = table_open(medrec_relation("patient"), RowExclusiveLock);
	bool		plain = LastVisitIsPlain(rel, record_columns(rel, RECORD_PATIENT)[PATIENT_LAST_VISIT]);

	SortPatients(set);
	if (!plain)
		UpdatePatients(rel, set);

	/* the lock keeps it plain */
	table_close(rel, NoLock);
	if (!plain)
		return;

	/*
	 * later in the transaction the patients of earlier statements stay locked
	 * anyway
	 */
	if (set->count > 1 && together_in != xid)
	{
		together_in = xid;
		TouchTogether(set);
	}
	else
		(void) TouchOnce(set, -1, true);
}

PG_FUNCTION_INFO_V1(medrec_touch);

/* medrec.touch(): AFTER STATEMENT on diagnosis and treatment. */
Datum
medrec_touch(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_called(fcinfo, "medrec.touch", FIRED_AFTER | FIRED_FOR_STATEMENT |
										   FIRED_BY_CHANGE | FIRED_WITH_ROWS, 0);
	PatientSet	set = {0};
	RecordKind	kind;
	AttrNumber	column;

	kind = strcmp(RelationGetRelationName(trigdata->tg_relation),
				  record_kind_names[RECORD_DIAGNOSIS]) == 0 ? RECORD_DIAGNOSIS : RECORD_TREATMENT;
	trigger_check_table(trigdata, "medrec.touch", record_kind_names[kind]);

	/* validating a record again does not count as a visit */
	if (intent_for(NULL) == INTENT_REVALIDATE && TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		PG_RETURN_POINTER(NULL);

	column = record_columns(trigdata->tg_relation, kind)[CODED_PATIENT_ID];
	CollectPatients(&set, trigdata->tg_oldtable, RelationGetDescr(trigdata->tg_relation), column);
	CollectPatients(&set, trigdata->tg_newtable, RelationGetDescr(trigdata->tg_relation), column);
	if (set.count > 0)
		TouchPatients(&set);
	PG_RETURN_POINTER(NULL);
}
