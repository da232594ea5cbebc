/*
 * audit/era.c
 *		The era that an event belongs to.
 *
 * Transaction ids start from the beginning in another cluster. A copy of a
 * database shares its past with the original. What a promoted standby or a
 * restore to a point in time did not receive is lost, and its transaction ids
 * are used again. So an era is a cluster, a database and a timeline: events
 * written in another place than the last recorded era belong to a later era,
 * whether or not medrec.audit_open_era() has recorded it yet. Each timeline
 * counts, so that all servers agree on the number of an era.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/timeline.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "audit/era.h"
#include "audit/event.h"
#include "audit/import.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "audit/target.h"
#include "base/array.h"
#include "base/columns.h"
#include "base/relations.h"

/* the columns of audit_era; those from ERA_TIMELINE on came with 0.2 */
enum
{
	ERA_NUMBER,
	ERA_SYSTEM_IDENTIFIER,
	ERA_DATABASE,
	ERA_OPENED_AT,
	ERA_FIRST_XID,
	ERA_TIMELINE,
	ERA_BEGIN,
	ERA_LAST_SEAL,
	ERA_COLUMNS
};

static const WantedColumn era_columns[ERA_COLUMNS] = {
	{"era", INT4OID}, {"system_identifier", INT8OID}, {"database", OIDOID},
	{"opened_at", TIMESTAMPTZOID}, {"first_xid", INT8OID}, {"timeline", INT8OID, true},
	{"begin_lsn", LSNOID, true}, {"last_seal", INT8OID, true}
};

/* the era of this database, when it was last read */
typedef struct Era
{
	bool		valid;
	uint64		changes;		/* rises when the table may have changed */
	bool		recorded;		/* is any era recorded? */
	Oid			relid;
	TimeLineID	timeline;		/* that it was looked up on */
	int32		number;
} Era;

static Era	era;

static bool ReadEra(TupleDesc desc, HeapTuple tuple, const AttrNumber *columns, AuditEra *row);
static int	CompareEras(const void *a, const void *b);
static AuditEra *AddPending(AuditEra *eras, int *n, TimeLineID timeline);
static AuditEra *ReadRecorded(Oid relid, int *n);
static void TakeEraRow(TupleTableSlot *slot, void *arg);
static void WriteEra(const AuditEra *row);
static void WritePromoted(const AuditEra *row, const AuditEra *before);

PG_FUNCTION_INFO_V1(medrec_audit_open_era);

/* Hook: a relation has changed, or any (InvalidOid), so read again. */
void
audit_era_changed(Oid relid)
{
	if (!OidIsValid(relid) || !OidIsValid(era.relid) || relid == era.relid)
	{
		era.valid = false;
		era.changes++;
	}
}

/* The timeline that is being written, or on a standby replayed, and the position. */
TimeLineID
audit_timeline(XLogRecPtr *position)
{
	TimeLineID	timeline;
	XLogRecPtr	replayed;

	if (!RecoveryInProgress())
	{
		if (position)
			*position = GetXLogInsertRecPtr();
		return GetWALInsertionTimeLine();
	}
	replayed = GetXLogReplayRecPtr(&timeline);
	if (position)
		*position = replayed;
	return timeline;
}

/* Whether an era is of this cluster and database, on whatever timeline. */
bool
audit_era_here(const AuditEra *row)
{
	return row->system_identifier == GetSystemIdentifier() && row->database == MyDatabaseId;
}

/* Reads an era from its row; false if it is not valid. */
static bool
ReadEra(TupleDesc desc, HeapTuple tuple, const AttrNumber *columns, AuditEra *row)
{
	Datum		values[ERA_COLUMNS];
	bool		isnull[ERA_COLUMNS];
	int			i;

	for (i = 0; i < ERA_COLUMNS; i++)
	{
		isnull[i] = columns[i] == InvalidAttrNumber;
		if (!isnull[i])
			values[i] = heap_getattr(tuple, columns[i], desc, &isnull[i]);
		if (isnull[i] && i < ERA_TIMELINE)
			return false;
	}
	row->era = DatumGetInt32(values[ERA_NUMBER]);
	row->system_identifier = (uint64) DatumGetInt64(values[ERA_SYSTEM_IDENTIFIER]);
	row->database = DatumGetObjectId(values[ERA_DATABASE]);
	row->opened_at = DatumGetTimestampTz(values[ERA_OPENED_AT]);
	row->first_xid = DatumGetInt64(values[ERA_FIRST_XID]);
	row->timeline = isnull[ERA_TIMELINE] ? 0 : (TimeLineID) DatumGetInt64(values[ERA_TIMELINE]);
	row->begin = isnull[ERA_BEGIN] ? InvalidXLogRecPtr : DatumGetLSN(values[ERA_BEGIN]);
	row->last_seal = isnull[ERA_LAST_SEAL] ? -1 : DatumGetInt64(values[ERA_LAST_SEAL]);
	row->recorded = true;
	return true;
}

/* The order of eras. */
static int
CompareEras(const void *a, const void *b)
{
	int32		x = ((const AuditEra *) a)->era;
	int32		y = ((const AuditEra *) b)->era;

	return x < y ? -1 : x > y;
}

/* Reads the eras that are recorded, in their order. */
static AuditEra *
ReadRecorded(Oid relid, int *n)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	AttrNumber	columns[ERA_COLUMNS];
	int64		size = 0;
	AuditEra   *eras = NULL;
	HeapTuple	tuple;

	columns_find(relid, era_columns, ERA_COLUMNS, columns);
	*n = 0;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		array_room(CurrentMemoryContext, eras, *n, size);
		if (ReadEra(RelationGetDescr(rel), tuple, columns, &eras[*n]))
			(*n)++;
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	qsort(eras, *n, sizeof(AuditEra), CompareEras);
	return eras;
}

/*
 * Adds the eras that have begun since the last recorded one: after an import
 * one, else one per timeline. If the history of a timeline is missing, only
 * the last one.
 */
static AuditEra *
AddPending(AuditEra *eras, int *n, TimeLineID timeline)
{
	const AuditEra last = *n > 0 ? eras[*n - 1] : (AuditEra) {0};
	AuditEra	next = {
		.era = last.era,
		.system_identifier = GetSystemIdentifier(),
		.database = MyDatabaseId,
		.opened_at = GetCurrentTimestamp(),
		.first_xid = PG_INT64_MAX,
		.last_seal = ALL_SEALS
	};
	List	   *history = NIL;
	int			i;

	if (*n > 0 && audit_era_here(&last))
	{
		/* what 0.1 recorded, before migrate(), may be of this timeline */
		if (last.timeline == 0 || last.timeline == timeline)
			return eras;
		history = readTimeLineHistory(timeline);	/* the newest first */
	}
	for (i = 0; i < list_length(history); i++)
		if (((TimeLineHistoryEntry *) list_nth(history, i))->tli == last.timeline)
			break;
	/* another cluster, or an unknown history: one step */
	if (i == 0 || i == list_length(history))
		i = 1;
	eras = eras ? repalloc(eras, (*n + i) * sizeof(AuditEra)) : palloc(i * sizeof(AuditEra));
	while (i-- > 0)
	{
		next.era++;
		next.timeline = timeline;
		if (history != NIL)
		{
			TimeLineHistoryEntry *entry = list_nth(history, i);

			next.timeline = entry->tli;
			next.begin = entry->begin;
		}
		eras[(*n)++] = next;
	}
	list_free_deep(history);
	return eras;
}

/* All eras in their order, also those that are not recorded yet. */
AuditEra *
audit_read_eras(int *n)
{
	AuditEra   *eras = ReadRecorded(medrec_relation(AUDIT_ERA_TABLE), n);

	return AddPending(eras, n, audit_timeline(NULL));
}

/* The number of the current era. */
int32
audit_current_era(void)
{
	TimeLineID	timeline = audit_timeline(NULL);
	AuditEra   *eras;
	int			n;
	uint64		changes;

	audit_watch();
	if (era.valid && era.timeline == timeline)
		return era.number;

	/*
	 * the cache is filled when all has been read, if nothing has changed
	 * meanwhile
	 */
	changes = era.changes;
	era.valid = false;
	era.relid = medrec_relation(AUDIT_ERA_TABLE);
	eras = ReadRecorded(era.relid, &n);
	eras = AddPending(eras, &n, timeline);
	era.number = eras[n - 1].era;
	era.recorded = eras[0].recorded;
	era.timeline = timeline;
	pfree(eras);
	era.valid = era.changes == changes;
	return era.number;
}

/* The era that an event is written in; an error if the trail has no first era. */
int32
audit_era_to_write(void)
{
	int32		number = audit_current_era();

	/* migrate() opens the first one */
	if (!era.recorded)
		audit_refuse_without_era();
	return number;
}

/*
 * The timelines of the trail in the cluster and database of an era, the one at
 * index "at"; first: index of the first one. The last one ends at the current
 * position of this server, if it is the current one.
 */
CheckpointTimeline *
audit_era_timelines(const AuditEra *eras, int n, int at, int *first, int *ntimelines)
{
	CheckpointTimeline *timelines;
	int			from = at;
	int			last = at;
	int			i;

#define SAME(a, b) \
	(eras[a].system_identifier == eras[b].system_identifier && \
	 eras[a].database == eras[b].database)

	while (from > 0 && SAME(from - 1, at))
		from--;
	while (last < n - 1 && SAME(last + 1, at))
		last++;
	timelines = palloc0((last - from + 1) * sizeof(CheckpointTimeline));
	for (i = from; i <= last; i++)
	{
		CheckpointTimeline *timeline = &timelines[i - from];

		timeline->timeline = eras[i].timeline;
		timeline->seals = ALL_SEALS;
		if (i < last)
		{
			timeline->until = eras[i + 1].begin;
			timeline->seals = eras[i + 1].last_seal;
		}
		else if (i == n - 1 && audit_era_here(&eras[i]))
		{
			XLogRecPtr	position;

			(void) audit_timeline(&position);
			timeline->until = position;
		}
	}
	*first = from;
	*ntimelines = last - from + 1;
	return timelines;
}

/* The name of an era's cluster and database in checkpoints. */
char *
audit_era_cluster(const AuditEra *row)
{
	return psprintf("%llx/%u", (unsigned long long) row->system_identifier, row->database);
}

/* Records that there is a row. */
static void
TakeEraRow(TupleTableSlot *slot, void *arg)
{
	*(bool *) arg = true;
}

/* Whether the trail comes from another database, by logical replication of its seals. */
bool
audit_is_subscribed(void)
{
	bool		subscribed = false;
	Oid			seals = medrec_relation_if_any(AUDIT_SEAL_TABLE);

	if (OidIsValid(seals))
		audit_scan(psprintf("SELECT FROM pg_catalog.pg_subscription_rel AS s WHERE s.srrelid = %u LIMIT 1",
							seals), TakeEraRow, &subscribed);
	return subscribed;
}

/* Whether there is a trail at all: eras, or events. */
bool
audit_has_begun(void)
{
	bool		begun = false;

	audit_scan("SELECT FROM medrec.audit_era LIMIT 1", TakeEraRow, &begun);
	if (!begun)
		audit_scan("SELECT FROM medrec.audit_event LIMIT 1", TakeEraRow, &begun);
	return begun;
}

/* An error if a subscription would bring a trail to a database that has its own. */
void
audit_check_subscriber(void)
{
	AuditEra   *eras;
	int			n;
	int			i;

	eras = ReadRecorded(medrec_relation(AUDIT_ERA_TABLE), &n);
	for (i = 0; i < n; i++)
		if (audit_era_here(&eras[i]))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot receive an audit trail: this database has one of its own"),
					 errhint("Create the subscriber's tables from pg_dump --schema-only of the publisher, not with medrec.migrate().")));
}

/* Writes an era's row, with the columns that are there. */
static void
WriteEra(const AuditEra *row)
{
	Oid			relid = medrec_relation(AUDIT_ERA_TABLE);
	Datum		values[ERA_COLUMNS];
	bool		nulls[ERA_COLUMNS] = {false};
	const char *names[ERA_COLUMNS];
	int			n;

	values[ERA_NUMBER] = Int32GetDatum(row->era);
	values[ERA_SYSTEM_IDENTIFIER] = Int64GetDatum((int64) row->system_identifier);
	values[ERA_DATABASE] = ObjectIdGetDatum(row->database);
	values[ERA_OPENED_AT] = TimestampTzGetDatum(row->opened_at);
	values[ERA_FIRST_XID] = Int64GetDatum(row->first_xid);
	values[ERA_TIMELINE] = Int64GetDatum((int64) row->timeline);
	values[ERA_BEGIN] = LSNGetDatum(row->begin);
	nulls[ERA_BEGIN] = XLogRecPtrIsInvalid(row->begin);
	values[ERA_LAST_SEAL] = Int64GetDatum(row->last_seal);
	nulls[ERA_LAST_SEAL] = row->last_seal < 0;
	for (n = 0; n < ERA_COLUMNS; n++)
		names[n] = era_columns[n].name;
	/* before migrate() the later ones do not exist */
	if (!column_exists(relid, names[ERA_LAST_SEAL]))
		n = ERA_TIMELINE;
	audit_insert_row(relid, n, names, values, nulls);
}

/* The contents of the event of a promotion, as JSON. */
char *
audit_era_json(const AuditEra *row, const AuditEra *before)
{
	char	   *lsn = XLogRecPtrIsInvalid(row->begin) ? "null" :
		psprintf("\"%X/%X\"", LSN_FORMAT_ARGS(row->begin));

	return psprintf("{\"era\":%d,\"last_era\":%d,\"old_timeline\":%u,\"new_timeline\":%u,"
					"\"switch_lsn\":%s,\"last_seal\":" INT64_FORMAT "}",
					row->era, before->era, before->timeline, row->timeline, lsn,
					row->last_seal);
}

/* Records the event of a promotion, or of a restore to a point in time. */
static void
WritePromoted(const AuditEra *row, const AuditEra *before)
{
	AuditWriter *writer = audit_writer_begin(AUDIT_PROMOTED, AUDIT_ERA_TABLE);
	MemoryContext old = MemoryContextSwitchTo(audit_writer_row(writer));

	audit_writer_put(writer, audit_text(psprintf("%d", row->era)), NULL, NULL,
					 audit_text(audit_era_json(row, before)));
	MemoryContextSwitchTo(old);
	audit_writer_end(writer);
}

/*
 * medrec.audit_open_era(): records the current era, if it is not recorded yet:
 * at the first start, after an import, after a promotion.
 */
Datum
medrec_audit_open_era(PG_FUNCTION_ARGS)
{
	Relation	rel;
	AuditEra   *eras;
	int			n;
	int			i;
	int32		number;

	PreventCommandIfReadOnly("medrec.audit_open_era()");

	/* one at a time; conflicts only with itself */
	rel = table_open(medrec_relation(AUDIT_ERA_TABLE), ShareUpdateExclusiveLock);
	eras = audit_read_eras(&n);
	number = eras[n - 1].era;
	audit_check_import(!eras[0].recorded);
	for (i = 0; i < n; i++)
	{
		bool		promoted = i > 0 && audit_era_here(&eras[i - 1]);
		AuditSeal	last = {0};

		if (eras[i].recorded)
			continue;
		eras[i].first_xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
		if (promoted)
		{
			Oid			user;
			int			sec_context;

			audit_become_owner(&user, &sec_context);
			(void) audit_read_last_seal(&last);
			SetUserIdAndSecContext(user, sec_context);
		}
		eras[i].last_seal = promoted ? last.seal : -1;
		WriteEra(&eras[i]);
		if (promoted)
			WritePromoted(&eras[i], &eras[i - 1]);
		/* every session reads again when this commits */
		CacheInvalidateRelcache(rel);
	}
	table_close(rel, NoLock);
	PG_RETURN_INT32(number);
}
