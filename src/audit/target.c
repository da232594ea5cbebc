/*
 * audit/target.c
 *		The partition for events of the current time.
 *
 * It is found by the clock and cached until a relcache invalidation. This
 * module creates no partition and takes no lock but RowExclusive on the
 * partition that is written to; events of a month without a partition go to
 * the default partition.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "audit/era.h"
#include "audit/target.h"
#include "base/columns.h"
#include "base/direct.h"
#include "base/invalidate.h"
#include "base/relations.h"

/* the indexes have not been looked at */
#define NOT_KNOWN		(-2)

/* Columns that medrec may leave null. */
static const bool may_be_null[AUDIT_COLUMNS] = {
	[AUDIT_ACCOUNT] = true,
	[AUDIT_JTI] = true,
	[AUDIT_CLIENT_ADDR] = true,
	[AUDIT_REQUEST_ID] = true,
	[AUDIT_METHOD] = true,
	[AUDIT_PATH] = true,
	[AUDIT_APPLICATION_NAME] = true,
	[AUDIT_REASON] = true,
	[AUDIT_ROW_ID] = true,
	[AUDIT_OLD_VALUES] = true,
	[AUDIT_NEW_VALUES] = true,
	[AUDIT_PATIENT_ID] = true,
	[AUDIT_LOGIN_ROLE] = true,
	[AUDIT_LOGIN_IDENTITY] = true,
	[AUDIT_SOCKET_ADDR] = true,
	[AUDIT_BACKEND_PID] = true,
	[AUDIT_BACKEND_START] = true
};

/* valid as far as the root is concerned; complete once the indexes are known */
static AuditTarget partition;

static void ForgetTarget(Oid relid);
static void FindPartition(TimestampTz now, AuditTarget *found);
static void KeepPartition(TimestampTz now);
static bool IsPlainColumn(Form_pg_attribute att, const AttrNumber *attnum);
static bool IsDirect(Relation rel, const AttrNumber *attnum);
static void FindIndexes(Relation rel, AuditTarget *found);

/* Hook: a relation has changed, so what depends on it must be read again. */
static void
ForgetTarget(Oid relid)
{
	if (!OidIsValid(relid) || relid == partition.root || relid == partition.relid)
		partition.valid = false;
	audit_era_changed(relid);
}

/* Registers the hook for changed relations. */
void
audit_watch(void)
{
	invalidate_watch(ForgetTarget);
}

/* Finds the partition for a time: bounds, OID and column numbers. */
static void
FindPartition(TimestampTz now, AuditTarget *found)
{
	Relation	root;
	PartitionDesc desc;
	PartitionKey key;
	PartitionBoundInfo bounds;
	Datum		value = TimestampTzGetDatum(now);
	bool		is_equal;
	int			offset;
	int			index;

	found->root = medrec_relation(AUDIT_TABLE);
	root = table_open(found->root, AccessShareLock);
	if (root->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		elog(ERROR, "medrec.%s is not partitioned", AUDIT_TABLE);
	key = RelationGetPartitionKey(root);
	desc = RelationGetPartitionDesc(root, true);
	bounds = desc->boundinfo;
	if (bounds == NULL || key->strategy != PARTITION_STRATEGY_RANGE ||
		key->partnatts != 1 || key->parttypid[0] != TIMESTAMPTZOID)
		elog(ERROR, "medrec.%s has no partition by time", AUDIT_TABLE);

	offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
										   bounds, 1, &value, &is_equal);
	found->from = DT_NOBEGIN;
	found->until = DT_NOEND;
	if (offset >= 0 && bounds->kind[offset][0] == PARTITION_RANGE_DATUM_VALUE)
		found->from = DatumGetTimestampTz(bounds->datums[offset][0]);
	if (offset + 1 < bounds->ndatums &&
		bounds->kind[offset + 1][0] == PARTITION_RANGE_DATUM_VALUE)
		found->until = DatumGetTimestampTz(bounds->datums[offset + 1][0]);
	index = bounds->indexes[offset + 1];
	if (index < 0)
		index = bounds->default_index;
	if (index < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("medrec.%s has no partition for the current time", AUDIT_TABLE),
				 errhint("Run SELECT medrec.audit_partitions().")));
	found->relid = desc->oids[index];

	columns_find(found->relid, audit_columns, AUDIT_COLUMNS, found->attnum);
	found->nindexes = NOT_KNOWN;
	/* an INSERT fires the statement triggers of the table that it names */
	found->direct = !direct_has_rules(root, CMD_INSERT) &&
		!direct_has_triggers(root, TRIGGER_TYPE_INSERT, false, true, 0);
	table_close(root, AccessShareLock);
}

/* Finds the partition for a time and caches it, as described in base/invalidate.h. */
static void
KeepPartition(TimestampTz now)
{
	AuditTarget found = {0};
	MemoryContext context = partition.context;
	uint64		seen = invalidate_count();

	FindPartition(now, &found);
	found.valid = invalidate_count() == seen;
	partition = found;
	if (context)
		MemoryContextDelete(context);
}

/* Whether a column accepts what medrec writes, or leaves out, without further checks. */
static bool
IsPlainColumn(Form_pg_attribute att, const AttrNumber *attnum)
{
	int			i;

	for (i = 0; i < AUDIT_COLUMNS; i++)
		if (attnum[i] == att->attnum)
			return att->atttypid == audit_column_types[i] &&
				!(att->attnotnull && may_be_null[i]);
	return !att->attnotnull && !att->attidentity &&
		get_typtype(att->atttypid) != TYPTYPE_DOMAIN;
}

/*
 * Can a row be inserted directly into the heap without bypassing anything that
 * an INSERT would apply? There must be no CHECK, no trigger, and no NOT NULL,
 * default or domain that medrec does not know.
 */
static bool
IsDirect(Relation rel, const AttrNumber *attnum)
{
	TupleDesc	desc = RelationGetDescr(rel);
	TupleConstr *constr = desc->constr;
	int			i;

	if (constr && (constr->num_check > 0 || constr->num_defval > 0 ||
				   medrec_has_generated_columns(constr)))
		return false;
	if (direct_has_triggers(rel, TRIGGER_TYPE_INSERT, true, false, 0))
		return false;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (!IsPlainColumn(att, attnum))
			return false;
	}
	return true;
}

/*
 * Examines the partition's indexes. Plain ones, such as medrec's, are written
 * without the executor, whose setup costs more than the insertions.
 */
static void
FindIndexes(Relation rel, AuditTarget *found)
{
	List	   *oids = RelationGetIndexList(rel);
	MemoryContext old;
	ListCell   *cell;

	found->context = AllocSetContextCreate(CurrentMemoryContext, "medrec audit partition",
										   ALLOCSET_SMALL_SIZES);
	found->nindexes = list_length(oids) > AUDIT_TARGET_INDEXES ? AUDIT_BY_EXECUTOR : 0;
	found->direct = found->direct && IsDirect(rel, found->attnum);
	old = MemoryContextSwitchTo(found->context);
	foreach(cell, oids)
	{
		Relation	index;
		IndexInfo  *info;

		index = index_open(lfirst_oid(cell), RowExclusiveLock);
		info = BuildIndexInfo(index);
		/* checked when the statement or the transaction ends */
		if (!index->rd_index->indimmediate)
			found->direct = false;
		if (found->nindexes == AUDIT_BY_EXECUTOR)
			 /* they are too many, or one of them is not plain */ ;
		else if (info->ii_Expressions || info->ii_Predicate || info->ii_Unique ||
				 info->ii_ExclusionOps || !info->ii_ReadyForInserts)
			found->nindexes = AUDIT_BY_EXECUTOR;
		else
		{
			found->indexes[found->nindexes] = lfirst_oid(cell);
			found->index_infos[found->nindexes++] = info;
		}
		index_close(index, NoLock);
	}
	MemoryContextSwitchTo(old);
	list_free(oids);
}

/* Opens the partition for a time, locked for writing. */
Relation
audit_target_open(TimestampTz now, AttrNumber *attnum)
{
	audit_watch();
	for (;;)
	{
		Relation	rel;

		CHECK_FOR_INTERRUPTS();

		if (!partition.valid || now < partition.from || now >= partition.until)
			KeepPartition(now);

		/*
		 * changes before the lock was granted have been signalled by the
		 * callback
		 */
		rel = try_relation_open(partition.relid, RowExclusiveLock);
		if (rel != NULL && partition.valid &&
			rel->rd_rel->relkind == RELKIND_RELATION)
		{
			memcpy(attnum, partition.attnum, sizeof(partition.attnum));
			return rel;
		}
		if (rel != NULL)
		{
			if (rel->rd_rel->relkind != RELKIND_RELATION)
				elog(ERROR, "partition \"%s\" of medrec.%s is not a table",
					 RelationGetRelationName(rel), AUDIT_TABLE);
			relation_close(rel, RowExclusiveLock);
		}
		partition.valid = false;
	}
}

/* Information about the partition that audit_target_open() opened. */
AuditTarget
audit_target(Relation rel)
{
	AuditTarget found = partition;

	if (found.nindexes == NOT_KNOWN)
	{
		uint64		seen = invalidate_count();

		FindIndexes(rel, &found);
		if (partition.valid && invalidate_count() == seen)
		{
			MemoryContextSetParent(found.context, TopMemoryContext);
			partition = found;
		}
	}
	return found;
}
