/*
 * audit/store.c
 *		Writes events into their partition.
 *
 * They are inserted directly into the heap, not through SPI: there is nothing
 * to plan, nobody has the right to insert, and it costs a fraction. target.c
 * finds the partition, acting.c the actor.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "audit/acting.h"
#include "audit/canon.h"
#include "audit/era.h"
#include "audit/event.h"
#include "audit/store.h"
#include "audit/target.h"
#include "base/columns.h"
#include "base/direct.h"
#include "base/plan.h"
#include "base/relations.h"

/* most events, and most bytes, that are inserted together */
#define BATCH_EVENTS	100
#define BATCH_BYTES		(128 * 1024)

/* an action of a statement, and the leaf hash of all that its events share */
typedef struct Action
{
	const char *name;			/* a literal */
	AuditText	text;
	Sha256		shared;
} Action;

/* most actions of a statement */
#define MAX_ACTIONS		4

/* name of the tuplestore with events that are stored by a statement */
#define STATEMENT_EVENTS	"medrec_events"

struct AuditWriter
{
	Relation	rel;
	Tuplestorestate *store;		/* of events stored by a statement, or NULL */
	TupleDesc	desc;			/* its rows, in the order of AuditColumn */
	int			nindexes;		/* plain indexes, or else through the executor */
	Relation	indexes[AUDIT_TARGET_INDEXES];
	IndexInfo  *index_infos[AUDIT_TARGET_INDEXES];
	EState	   *estate;
	ResultRelInfo *rri;
	CommandId	cid;
	MemoryContext context;		/* of the statement */
	MemoryContext batch;		/* of the rows not yet written */
	AuditEvent	event;
	Action		actions[MAX_ACTIONS];
	Action	   *action;
	AttrNumber	attnum[AUDIT_COLUMNS];
	int			nslots;
	TupleTableSlot *slots[BATCH_EVENTS];
};

static bool HasConnection(const AttrNumber *attnum);
static int32 NextNumber(int64 xid);
static void Salt(uint8 *salt);
static TupleTableSlot *NextSlot(AuditWriter *writer);
static void Flush(AuditWriter *writer);
static void BeginStatement(AuditWriter *writer);
static void EndStatement(AuditWriter *writer);
static void OpenIndexes(AuditWriter *writer);
static void InsertIndexEntries(AuditWriter *writer, TupleTableSlot *slot);
static void CloseIndexes(AuditWriter *writer);
static void InsertByStatement(Relation rel, int ncolumns, const char *const *names,
							  const Datum *values, const bool *nulls);

/* Opens the indexes of the writer's partition. */
static void
OpenIndexes(AuditWriter *writer)
{
	AuditTarget found = audit_target(writer->rel);
	int			i;

	if (!found.direct)
	{
		BeginStatement(writer);
		return;
	}
	writer->nindexes = found.nindexes;
	if (writer->nindexes == AUDIT_BY_EXECUTOR)
	{
		writer->rri = makeNode(ResultRelInfo);
		InitResultRelInfo(writer->rri, writer->rel, 0, NULL, 0);
		ExecOpenIndices(writer->rri, false);
		writer->estate = CreateExecutorState();
		return;
	}
	for (i = 0; i < writer->nindexes; i++)
	{
		IndexInfo  *info = makeNode(IndexInfo);

		writer->indexes[i] = index_open(found.indexes[i], RowExclusiveLock);
		/* a copy: access methods keep state of the statement in it */
		*info = *found.index_infos[i];
		info->ii_AmCache = NULL;
		info->ii_Context = writer->context;
		writer->index_infos[i] = info;
	}
}

/* Writes a row's entries into the indexes. */
static void
InsertIndexEntries(AuditWriter *writer, TupleTableSlot *slot)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	int			i;
	int			j;

	if (writer->nindexes == AUDIT_BY_EXECUTOR)
	{
		InsertIndexTuples(writer->rri, slot, writer->estate);
		ResetPerTupleExprContext(writer->estate);
		return;
	}
	for (i = 0; i < writer->nindexes; i++)
	{
		IndexInfo  *info = writer->index_infos[i];

		for (j = 0; j < info->ii_NumIndexAttrs; j++)
			values[j] = slot_getattr(slot, info->ii_IndexAttrNumbers[j], &nulls[j]);
		(void) index_insert(writer->indexes[i], values, nulls, &slot->tts_tid, writer->rel,
							UNIQUE_CHECK_NO, false, info);
	}
}

/* Closes the indexes; their locks stay. */
static void
CloseIndexes(AuditWriter *writer)
{
	int			i;

	if (writer->store)
		return;
	if (writer->nindexes == AUDIT_BY_EXECUTOR)
	{
		ExecCloseIndices(writer->rri);
		FreeExecutorState(writer->estate);
		return;
	}
	for (i = 0; i < writer->nindexes; i++)
	{
		medrec_index_insert_cleanup(writer->indexes[i], writer->index_infos[i]);
		index_close(writer->indexes[i], NoLock);
	}
}

/* Prepares to store the events by a statement, in their order. */
static void
BeginStatement(AuditWriter *writer)
{
	int			i;

	writer->desc = CreateTemplateTupleDesc(AUDIT_COLUMNS);
	for (i = 0; i < AUDIT_COLUMNS; i++)
	{
		TupleDescInitEntry(writer->desc, i + 1, audit_columns[i].name,
						   audit_column_types[i], -1, 0);
		writer->attnum[i] = i + 1;
	}
	writer->store = tuplestore_begin_heap(false, false, work_mem);
}

/*
 * Stores the events by a statement as the owner of the trail, who has added
 * triggers or constraints that a direct heap insert would bypass. If any event
 * is suppressed, this raises an error.
 */
static void
EndStatement(AuditWriter *writer)
{
	static SavedPlan inserts[2];
	SavedPlan  *insert;
	EphemeralNamedRelation events = palloc0(sizeof(EphemeralNamedRelationData));
	int64		count = tuplestore_tuple_count(writer->store);
	Relation	root;

	if (count == 0)
		return;
	root = table_open(medrec_relation(AUDIT_TABLE), RowExclusiveLock);
	events->md.name = STATEMENT_EVENTS;
	events->md.reliddesc = InvalidOid;
	events->md.tupdesc = writer->desc;
	events->md.enrtype = ENR_NAMED_TUPLESTORE;
	events->md.enrtuples = count;
	events->reldata = writer->store;
	if (SPI_connect() != SPI_OK_CONNECT || SPI_register_relation(events) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not hand the audit events over");
	/* one for the table of 0.1, one for the current one */
	insert = &inserts[writer->event.has_pid];
	if (insert->plan == NULL)
	{
		StringInfoData columns;
		int			i;

		initStringInfo(&columns);
		for (i = 0; i < AUDIT_COLUMNS; i++)
			if (writer->event.has_pid || !audit_columns[i].optional)
				appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", audit_columns[i].name);
		insert->query = psprintf("INSERT INTO medrec.audit_event (%s) SELECT %s FROM "
								 STATEMENT_EVENTS, columns.data, columns.data);
	}
	if (own_statement_run(root, CMD_INSERT, insert, NULL, NULL) != count)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an audit event was not stored"),
				 errhint("A trigger or rule on medrec.%s suppresses it.", AUDIT_TABLE)));
	SPI_finish();
	table_close(root, NoLock);
}

/* The next number within the transaction; numbers that were rolled back are not reused. */
static int32
NextNumber(int64 xid)
{
	static int64 last_xid = 0;
	static int32 last = 0;

	if (xid != last_xid)
	{
		last_xid = xid;
		last = 0;
	}
	if (last == PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many audit events in one transaction")));
	return ++last;
}

/* Writes a random salt; the random numbers are fetched for many events at once. */
static void
Salt(uint8 *salt)
{
	static uint8 pool[256 * AUDIT_SALT_LENGTH];
	static int	left = 0;

	if (left == 0)
	{
		if (!pg_strong_random(pool, sizeof(pool)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random values")));
		left = sizeof(pool);
	}
	left -= AUDIT_SALT_LENGTH;
	memcpy(salt, pool + left, AUDIT_SALT_LENGTH);
	memset(pool + left, 0, AUDIT_SALT_LENGTH);
}

/* Whether the trail has all columns of the connection; the trail of 0.1 has none. */
static bool
HasConnection(const AttrNumber *attnum)
{
	int			i;

	for (i = 0; i < AUDIT_COLUMNS; i++)
		if (attnum[i] == InvalidAttrNumber)
			return false;
	return true;
}

/* Starts writing the events of one statement on one table. */
AuditWriter *
audit_writer_begin(const char *action, const char *table_name)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "medrec audit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AuditWriter *writer = palloc0(sizeof(AuditWriter));
	AuditEvent *event = &writer->event;

	writer->context = context;
	writer->batch = AllocSetContextCreate(context, "medrec audit batch",
										  ALLOCSET_DEFAULT_SIZES);
	event->xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	event->era = audit_era_to_write();
	event->logged_at = GetCurrentTimestamp();
	event->transaction_at = GetCurrentTransactionStartTimestamp();
	event->statement_at = GetCurrentStatementStartTimestamp();
	writer->rel = audit_target_open(event->logged_at, writer->attnum);
	writer->action = writer->actions;
	audit_acting(event, HasConnection(writer->attnum), action, table_name,
				 &writer->action->shared);
	writer->action->name = action;
	writer->action->text = event->text[AUDIT_ACTION];
	audit_hash_times(event, &writer->action->shared);

	writer->cid = GetCurrentCommandId(true);
	OpenIndexes(writer);
	MemoryContextSwitchTo(old);
	return writer;
}

/* Sets the action of the following events: INSERT, UPDATE, DELETE, ... (a literal) */
void
audit_writer_action(AuditWriter *writer, const char *action)
{
	MemoryContext old;
	Action	   *known;

	for (known = writer->actions; known->name; known++)
	{
		if (strcmp(known->name, action) == 0)
		{
			writer->action = known;
			writer->event.text[AUDIT_ACTION] = known->text;
			return;
		}
		if (known == &writer->actions[MAX_ACTIONS - 1])
			elog(ERROR, "too many actions in one statement");
	}

	/*
	 * from the event's own texts: the session's actor may have changed by now
	 */
	old = MemoryContextSwitchTo(writer->context);
	known->name = action;
	known->text = audit_text(action);
	writer->event.text[AUDIT_ACTION] = known->text;
	audit_hash_texts(&writer->event, &known->shared);
	audit_hash_times(&writer->event, &known->shared);
	writer->action = known;
	MemoryContextSwitchTo(old);
}

/* The memory context for the values of the next event. */
MemoryContext
audit_writer_row(AuditWriter *writer)
{
	return writer->batch;
}

/* An empty slot for the next event. */
static TupleTableSlot *
NextSlot(AuditWriter *writer)
{
	TupleTableSlot *slot = writer->slots[writer->nslots];

	if (slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		slot = writer->store ? MakeSingleTupleTableSlot(writer->desc, &TTSOpsVirtual) :
			table_slot_create(writer->rel, NULL);
		writer->slots[writer->nslots] = slot;
		MemoryContextSwitchTo(old);
	}
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	writer->nslots++;
	return slot;
}

/*
 * Writes an event. The values are in the memory context of audit_writer_row().
 */
void
audit_writer_put(AuditWriter *writer, AuditText row_id, const pg_uuid_t *patient_id,
				 AuditText old_values, AuditText new_values)
{
	MemoryContext old = MemoryContextSwitchTo(writer->batch);
	AuditEvent *event = &writer->event;
	TupleTableSlot *slot = NextSlot(writer);
	bytea	   *salt = palloc(VARHDRSZ + AUDIT_SALT_LENGTH);
	bytea	   *leaf = palloc(VARHDRSZ + SHA256_LENGTH);
	int			i;

	event->n = NextNumber(event->xid);
	event->patient_id = patient_id;
	event->text[AUDIT_ROW_ID] = row_id;
	event->text[AUDIT_OLD_VALUES] = old_values;
	event->text[AUDIT_NEW_VALUES] = new_values;
	Salt(event->salt);
	audit_hash_leaf(event, &writer->action->shared, event->leaf);
	SET_VARSIZE(salt, VARHDRSZ + AUDIT_SALT_LENGTH);
	memcpy(VARDATA(salt), event->salt, AUDIT_SALT_LENGTH);
	SET_VARSIZE(leaf, VARHDRSZ + SHA256_LENGTH);
	memcpy(VARDATA(leaf), event->leaf, SHA256_LENGTH);

#define SET_COLUMN(column, value) \
	(slot->tts_values[writer->attnum[column] - 1] = (value), \
	 slot->tts_isnull[writer->attnum[column] - 1] = false)

	for (i = 0; i < AUDIT_FIELDS; i++)
		if (event->text[i])
			SET_COLUMN(i, PointerGetDatum(event->text[i]));
	SET_COLUMN(AUDIT_XID, Int64GetDatum(event->xid));
	SET_COLUMN(AUDIT_LOGGED_AT, TimestampTzGetDatum(event->logged_at));
	SET_COLUMN(AUDIT_TRANSACTION_AT, TimestampTzGetDatum(event->transaction_at));
	SET_COLUMN(AUDIT_STATEMENT_AT, TimestampTzGetDatum(event->statement_at));
	SET_COLUMN(AUDIT_ERA, Int32GetDatum(event->era));
	SET_COLUMN(AUDIT_N, Int32GetDatum(event->n));
	if (patient_id)
		SET_COLUMN(AUDIT_PATIENT_ID, UUIDPGetDatum(patient_id));
	if (event->has_pid)
	{
		SET_COLUMN(AUDIT_BACKEND_PID, Int32GetDatum(event->backend_pid));
		SET_COLUMN(AUDIT_BACKEND_START, TimestampTzGetDatum(event->backend_start));
	}
	SET_COLUMN(AUDIT_SALT, PointerGetDatum(salt));
	SET_COLUMN(AUDIT_LEAF, PointerGetDatum(leaf));
	ExecStoreVirtualTuple(slot);
	MemoryContextSwitchTo(old);

	if (writer->nslots == BATCH_EVENTS ||
		MemoryContextMemAllocated(writer->batch, false) > BATCH_BYTES)
		Flush(writer);
}

/* Writes the batch to the heap and its indexes. */
static void
Flush(AuditWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(writer->batch);
	int			i;

	CHECK_FOR_INTERRUPTS();

	if (writer->store)
		for (i = 0; i < writer->nslots; i++)
			tuplestore_puttupleslot(writer->store, writer->slots[i]);
	else if (writer->nslots == 1)
		table_tuple_insert(writer->rel, writer->slots[0], writer->cid, 0, NULL);
	else if (writer->nslots > 1)
		table_multi_insert(writer->rel, writer->slots, writer->nslots,
						   writer->cid, 0, NULL);

	for (i = 0; i < writer->nslots; i++)
	{
		if (writer->store == NULL)
			InsertIndexEntries(writer, writer->slots[i]);
		ExecClearTuple(writer->slots[i]);
	}
	writer->nslots = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->batch);
}

/* Writes what is left and ends the statement. */
void
audit_writer_end(AuditWriter *writer)
{
	int			i;

	Flush(writer);
	for (i = 0; i < BATCH_EVENTS && writer->slots[i]; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	CloseIndexes(writer);
	if (writer->store)
	{
		EndStatement(writer);
		tuplestore_end(writer->store);
	}
	/* the lock stays until the transaction ends */
	table_close(writer->rel, NoLock);
	MemoryContextDelete(writer->context);
}

/* Stores a row of another audit table by a statement, see EndStatement(). */
static void
InsertByStatement(Relation rel, int ncolumns, const char *const *names,
				  const Datum *values, const bool *nulls)
{
	StringInfoData columns;
	StringInfoData params;
	SavedPlan	insert = {.nargs = ncolumns,.once = true};
	int			i;

	initStringInfo(&columns);
	initStringInfo(&params);
	for (i = 0; i < ncolumns; i++)
	{
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", quote_identifier(names[i]));
		appendStringInfo(&params, "%s$%d", i > 0 ? ", " : "", i + 1);
		insert.types[i] = get_atttype(RelationGetRelid(rel), column_number(RelationGetRelid(rel), names[i]));
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	insert.query = psprintf("INSERT INTO %s.%s (%s) VALUES (%s)", MEDREC_SCHEMA,
							quote_identifier(RelationGetRelationName(rel)), columns.data,
							params.data);
	if (own_statement_run(rel, CMD_INSERT, &insert, (Datum *) values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a row of %s.%s was not stored", MEDREC_SCHEMA, RelationGetRelationName(rel)),
				 errhint("A trigger or rule on the table suppresses it.")));
	SPI_finish();
}

/*
 * Writes a row of another audit table. Its triggers refuse every statement
 * except medrec's, and this too inserts directly into the heap if possible.
 */
void
audit_insert_row(Oid relid, int ncolumns, const char *const *names,
				 const Datum *values, const bool *nulls)
{
	Relation	rel = table_open(relid, RowExclusiveLock);
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);
	int			i;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	for (i = 0; i < ncolumns; i++)
	{
		AttrNumber	attnum = column_number(relid, names[i]);

		slot->tts_values[attnum - 1] = values[i];
		slot->tts_isnull[attnum - 1] = nulls[i];
	}
	ExecStoreVirtualTuple(slot);

	if (ncolumns != RelationGetDescr(rel)->natts || direct_has_rules(rel, CMD_INSERT) ||
		direct_has_triggers(rel, TRIGGER_TYPE_INSERT, true, true, 0) ||
		(constr && (constr->num_check > 0 || medrec_has_generated_columns(constr))))
		InsertByStatement(rel, ncolumns, names, values, nulls);
	else
	{
		InitResultRelInfo(rri, rel, 0, NULL, 0);
		ExecOpenIndices(rri, false);
		table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
		if (rri->ri_NumIndices > 0)
			InsertIndexTuples(rri, slot, estate);
		ExecCloseIndices(rri);
	}
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}
