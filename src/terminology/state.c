/*
 * terminology/state.c
 *		Whether the loaded terminologies have changed: a number that rises with
 *		every change, in a table of one row.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"
#include "base/trigger.h"
#include "terminology/state.h"

/* columns of medrec.terminology_state */
enum
{
	STATE_ONLY_ROW = 1,
	STATE_GENERATION
};

/* the transaction of this backend that changed the terminologies last */
static LocalTransactionId bumped_in = InvalidLocalTransactionId;

/* Opens medrec.terminology_state. */
static Relation
OpenState(LOCKMODE lockmode)
{
	static const Oid types[] = {BOOLOID, INT8OID};

	return medrec_table_open("terminology_state", lockmode, lengthof(types), types);
}

/* Has this transaction changed the terminologies? */
bool
terminology_changed_here(void)
{
	return bumped_in != InvalidLocalTransactionId && bumped_in == medrec_my_lxid();
}

/* Reads the state that a snapshot sees; NULL for one taken now. */
static TerminologyState
ReadState(Snapshot snapshot)
{
	Relation	rel = OpenState(AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	TerminologyState state = {0};
	bool		isnull;

	state.file = rel->rd_rel->relfilenode;
	if (HeapTupleIsValid(tuple))
	{
		state.generation = DatumGetInt64(heap_getattr(tuple, STATE_GENERATION, RelationGetDescr(rel), &isnull));
		state.changed_by = HeapTupleHeaderGetXmin(tuple->t_data);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return state;
}

/*
 * Reads the current state of the terminologies, with the file number of the
 * table: after a restore or TRUNCATE the generation starts again.
 */
TerminologyState
terminology_state(void)
{
	return ReadState(GetActiveSnapshot());
}

/*
 * The same with a new snapshot: an old one may not see a change that an
 * invalidation has already signalled.
 */
TerminologyState
terminology_state_now(void)
{
	return ReadState(NULL);
}

/* Reads the number alone. */
int64
terminology_generation(void)
{
	return terminology_state().generation;
}

/* Increments the generation, and makes every backend check it after commit. */
void
terminology_bump(void)
{
	Relation	rel = OpenState(RowExclusiveLock);
	Oid			relid = RelationGetRelid(rel);
	SysScanDesc scan;
	HeapTuple	tuple;

	/* two loads at once are serialized here, until the first commits */
	LockRelation(rel, ShareUpdateExclusiveLock);
	CommandCounterIncrement();
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bool		replace[2] = {false, true};
		HeapTuple	changed;

		values[1] = Int64GetDatum(DatumGetInt64(heap_getattr(tuple, STATE_GENERATION, desc, &nulls[1])) + 1);
		changed = heap_modify_tuple(tuple, desc, values, nulls, replace);
		CatalogTupleUpdate(rel, &tuple->t_self, changed);
		heap_freetuple(changed);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
	bumped_in = medrec_my_lxid();
}

PG_FUNCTION_INFO_V1(medrec_terminology_changed);

/* Trigger on the terminology tables: whatever was derived from them is outdated. */
Datum
medrec_terminology_changed(PG_FUNCTION_ARGS)
{
	(void) trigger_called(fcinfo, "medrec.terminology_changed", FIRED_AFTER | FIRED_FOR_STATEMENT, 0);
	terminology_bump();
	PG_RETURN_POINTER(NULL);
}
