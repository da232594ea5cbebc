/*
 * audit/indexes.c
 *		Finds events that an index lacks, so that a search by it misses them.
 *
 * The table is read as when an index is built, and each row visible to a
 * snapshot is looked for in the index. If the index can be scanned completely
 * (B-tree, GiST, SP-GiST), its entries are sorted by TID, within work_mem, and
 * merged with the table. A BRIN index has no entries: the check is whether the
 * summary of the row's range would have to grow for the row's values. Hash,
 * GIN and others that can only be read by key are not checked. The snapshot is
 * taken first, so the rows visible to it already have their index entries.
 */
#include "base/medrec.h"

#include "access/brin_internal.h"
#include "access/brin_revmap.h"
#include "access/brin_tuple.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "audit/archive.h"
#include "audit/event.h"
#include "audit/indexes.h"
#include "audit/store.h"
#include "base/columns.h"
#include "base/relations.h"

/* most findings of one index that are reported one by one */
#define TOLD_MAX	1000

/* a TID as one number */
#define PLACE(tid)	((int64) ItemPointerGetBlockNumber(tid) << 16 | ItemPointerGetOffsetNumber(tid))
#define PLACE_BLOCK(place)	((BlockNumber) ((place) >> 16))

/* a comparison of a table with one of its indexes */
typedef struct Check
{
	Relation	heap;
	Relation	index;
	Snapshot	snapshot;
	AuditLackFunction function;
	void	   *arg;
	int64		lacking;

	/* entries: those of the block that is being read */
	Tuplesortstate *sort;
	int64		next;			/* the first one of a later block */
	bool		ended;
	int			nentries;
	OffsetNumber entries[MaxHeapTuplesPerPage];
	BlockNumber block;

	/* summaries: that of the range that is being read */
	BrinDesc   *desc;
	BrinRevmap *revmap;
	BlockNumber pages;			/* of a range */
	BlockNumber range;			/* its first block */
	BrinMemTuple *summary;		/* NULL if there is none */
	MemoryContext summary_context;
} Check;

static void Lack(Check *check, ItemPointer tid);
static void SortEntries(Check *check);
static void NextEntry(Check *check);
static void ReadBlock(Check *check, BlockNumber block);
static void FindEntry(Relation index, ItemPointer tid, Datum *values, bool *isnull,
					  bool alive, void *arg);
static void ReadSummary(Check *check, BlockNumber range);
static bool Covers(Check *check, Datum *values, bool *isnull);
static void FindSummary(Relation index, ItemPointer tid, Datum *values, bool *isnull,
						bool alive, void *arg);
static void CheckIndex(Check *check);

/* Reports a row that the index lacks. */
static void
Lack(Check *check, ItemPointer tid)
{
	TupleTableSlot *slot;
	static const WantedColumn wanted[] = {{"era", INT4OID}, {"xid", INT8OID}, {"n", INT4OID}};
	AttrNumber	numbers[lengthof(wanted)];
	Datum		values[lengthof(wanted)] = {0};
	bool		found;
	bool		isnull;
	int			i;

	if (check->lacking++ >= TOLD_MAX)
		return;
	slot = table_slot_create(check->heap, NULL);
	found = table_tuple_fetch_row_version(check->heap, tid, check->snapshot, slot);
	columns_find(RelationGetRelid(check->heap), wanted, lengthof(wanted), numbers);
	for (i = 0; found && i < lengthof(wanted); i++)
		values[i] = slot_getattr(slot, numbers[i], &isnull);
	check->function(found ? DatumGetInt32(values[0]) : -1, DatumGetInt64(values[1]),
					DatumGetInt32(values[2]),
					psprintf("index \"%s\" of \"%s\" does not find the event; run REINDEX INDEX",
							 RelationGetRelationName(check->index),
							 RelationGetRelationName(check->heap)), check->arg);
	ExecDropSingleTupleTableSlot(slot);
}

/* Reads a whole index and sorts its TIDs. */
static void
SortEntries(Check *check)
{
	IndexScanDesc scan = medrec_index_beginscan(check->heap, check->index, check->snapshot, 0);
	ItemPointer tid;

	check->sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false,
										work_mem, NULL, TUPLESORT_NONE);
	index_rescan(scan, NULL, 0, NULL, 0);
	while ((tid = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		tuplesort_putdatum(check->sort, Int64GetDatum(PLACE(tid)), false);
	}
	index_endscan(scan);
	tuplesort_performsort(check->sort);
	check->block = InvalidBlockNumber;
	NextEntry(check);
}

/* Goes to the next entry. */
static void
NextEntry(Check *check)
{
	Datum		value;
	bool		isnull;

	check->ended = !medrec_tuplesort_getdatum(check->sort, &value, &isnull);
	check->next = check->ended ? 0 : DatumGetInt64(value);
}

/* Takes the entries of a block; blocks come in order. */
static void
ReadBlock(Check *check, BlockNumber block)
{
	check->block = block;
	check->nentries = 0;
	while (!check->ended && PLACE_BLOCK(check->next) <= block)
	{
		CHECK_FOR_INTERRUPTS();
		/* more than one entry for a TID means that the index is damaged */
		if (PLACE_BLOCK(check->next) == block && check->nentries < MaxHeapTuplesPerPage)
			check->entries[check->nentries++] = (OffsetNumber) (check->next & 0xffff);
		NextEntry(check);
	}
}

/* Looks for the entry of a row. */
static void
FindEntry(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Check	   *check = arg;
	int			i;

	if (ItemPointerGetBlockNumber(tid) != check->block)
		ReadBlock(check, ItemPointerGetBlockNumber(tid));
	for (i = 0; i < check->nentries; i++)
		if (check->entries[i] == ItemPointerGetOffsetNumber(tid))
			return;
	Lack(check, tid);
}

/* Reads the summary of a range of blocks. */
static void
ReadSummary(Check *check, BlockNumber range)
{
	MemoryContext old;
	Buffer		buffer = InvalidBuffer;
	OffsetNumber offset;
	Size		size;
	BrinTuple  *tuple;

	MemoryContextReset(check->summary_context);
	old = MemoryContextSwitchTo(check->summary_context);
	check->range = range;
	check->summary = NULL;
	tuple = medrec_brin_tuple(check->revmap, range, &buffer, &offset, &size,
							  BUFFER_LOCK_SHARE, check->snapshot);
	if (tuple)
	{
		tuple = brin_copy_tuple(tuple, size, NULL, NULL);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		check->summary = brin_deform_tuple(check->desc, tuple, NULL);
	}
	if (BufferIsValid(buffer))
		ReleaseBuffer(buffer);
	MemoryContextSwitchTo(old);
}

/* Does the summary hold the values? */
static bool
Covers(Check *check, Datum *values, bool *isnull)
{
	BrinMemTuple *summary = check->summary;
	int			i;

	/*
	 * a search reads the whole of a range that has no summary, or is getting
	 * one
	 */
	if (summary == NULL || summary->bt_placeholder)
		return true;
	if (summary->bt_empty_range)
		return false;
	for (i = 0; i < check->desc->bd_tupdesc->natts; i++)
	{
		BrinValues *column = &summary->bt_columns[i];
		FmgrInfo   *add;

		if (isnull[i] && check->desc->bd_info[i]->oi_regular_nulls)
		{
			if (!column->bv_hasnulls && !column->bv_allnulls)
				return false;
			continue;
		}
		if (column->bv_allnulls)
			return false;
		/* the operator class says whether the summary had to grow */
		add = index_getprocinfo(check->index, i + 1, BRIN_PROCNUM_ADDVALUE);
		if (DatumGetBool(FunctionCall4Coll(add, check->index->rd_indcollation[i],
										   PointerGetDatum(check->desc), PointerGetDatum(column),
										   values[i], BoolGetDatum(isnull[i]))))
			return false;
	}
	return true;
}

/* Checks whether the summary of a row's range holds its values. */
static void
FindSummary(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Check	   *check = arg;
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	BlockNumber range = block - block % check->pages;
	MemoryContext old;
	bool		covered;

	if (range != check->range)
		ReadSummary(check, range);
	/* the operator class may store memory allocated here in the summary */
	old = MemoryContextSwitchTo(check->summary_context);
	covered = Covers(check, values, isnull);
	MemoryContextSwitchTo(old);
	if (!covered)
	{
		Lack(check, tid);
		/* which the check has made grow */
		ReadSummary(check, range);
	}
}

/* Compares a table with one of its indexes. */
static void
CheckIndex(Check *check)
{
	IndexInfo  *info = BuildIndexInfo(check->index);
	bool		brin = check->index->rd_rel->relam == BRIN_AM_OID;
	TableScanDesc scan;

	check->lacking = 0;
	if (brin)
	{
		check->desc = brin_build_desc(check->index);
		check->revmap = medrec_brin_revmap(check->index, &check->pages, check->snapshot);
		check->range = InvalidBlockNumber;
	}
	else
		SortEntries(check);

	/*
	 * as in a concurrent index build: by the snapshot, in the table's order
	 */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	info->ii_ExclusionProcs = NULL;
	info->ii_ExclusionStrats = NULL;
	scan = table_beginscan_strat(check->heap, check->snapshot, 0, NULL, true, false);
	(void) table_index_build_scan(check->heap, check->index, info, false, false,
								  brin ? FindSummary : FindEntry, check, scan);
	if (check->lacking > TOLD_MAX)
		check->function(-1, 0, 0,
						psprintf("index \"%s\" of \"%s\" does not find " INT64_FORMAT " more events",
								 RelationGetRelationName(check->index),
								 RelationGetRelationName(check->heap),
								 check->lacking - TOLD_MAX), check->arg);
	if (brin)
	{
		brinRevmapTerminate(check->revmap);
		brin_free_desc(check->desc);
	}
	else
		tuplesort_end(check->sort);
}

/* Reports each event that a snapshot sees and an index of its partition lacks. */
void
audit_check_indexes(Snapshot snapshot, AuditLackFunction function, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "medrec audit indexes",
												  ALLOCSET_DEFAULT_SIZES);
	List	   *tables = find_all_inheritors(medrec_relation(AUDIT_TABLE), AccessShareLock, NULL);
	Oid			archived = audit_archived();
	Check	   *check = palloc0(sizeof(Check));
	ListCell   *table;

	if (OidIsValid(archived))
		tables = list_concat(tables, find_all_inheritors(archived, AccessShareLock, NULL));
	check->snapshot = RegisterSnapshot(snapshot);
	check->function = function;
	check->arg = arg;
	check->summary_context = AllocSetContextCreate(context, "medrec audit summary",
												   ALLOCSET_DEFAULT_SIZES);
	foreach(table, tables)
	{
		List	   *indexes;
		ListCell   *index;

		check->heap = table_open(lfirst_oid(table), NoLock);
		indexes = RELKIND_HAS_TABLE_AM(check->heap->rd_rel->relkind) ?
			RelationGetIndexList(check->heap) : NIL;
		foreach(index, indexes)
		{
			MemoryContext old = MemoryContextSwitchTo(context);

			CHECK_FOR_INTERRUPTS();
			check->index = index_open(lfirst_oid(index), AccessShareLock);
			/* an index that no search uses may lack anything */
			if (check->index->rd_index->indisvalid && !check->index->rd_index->indcheckxmin &&
				(check->index->rd_rel->relam == BRIN_AM_OID ||
				 (check->index->rd_indam->amgettuple && check->index->rd_indam->amoptionalkey)))
				CheckIndex(check);
			index_close(check->index, AccessShareLock);
			MemoryContextSwitchTo(old);
		}
		list_free(indexes);
		table_close(check->heap, NoLock);
	}
	UnregisterSnapshot(check->snapshot);
	MemoryContextDelete(context);
}
