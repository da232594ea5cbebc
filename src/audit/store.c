/*
 * audit/store.c
 *		The way of an event into its partition.
 *
 * Straight to the heap, not through SPI: there is nothing to plan, the right to
 * insert is nobody's, and it costs a fraction.  The partition is found by the
 * clock and kept until the relation cache says that something has changed.  The
 * write path makes no partition and takes no lock but RowExclusive on the one
 * it writes to; without one for the month the default partition takes the event.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "audit/canon.h"
#include "audit/era.h"
#include "audit/event.h"
#include "audit/store.h"
#include "base/actor.h"
#include "base/direct.h"
#include "base/invalidate.h"

/* events that go to the heap together, and the bytes that send them off earlier */
#define BATCH_EVENTS	100
#define BATCH_BYTES		(128 * 1024)

/* how many tables and actions are remembered with what they have in common */
#define PREFIXES		16

/* the texts of an action on a table, and the beginning of the leaf hash over them */
typedef struct Prefix
{
	uint64		actor;			/* whose texts they are; 0 for none */
	const char *action;			/* a literal */
	AuditText	table_name;
	AuditText	action_text;
	Sha256		hash;
} Prefix;

/* an action of a statement, and the leaf hash of all that its events share */
typedef struct Action
{
	const char *name;			/* a literal */
	AuditText	text;
	Sha256		shared;
} Action;

/* a statement has no more than these */
#define MAX_ACTIONS		4

/* the texts of who acts, kept until somebody else does */
typedef struct ActorTexts
{
	MemoryContext context;
	uint64		number;			/* rises with each change */
	bool		connection;		/* with the columns of the connection */
	AuditText	text[AUDIT_SHARED_FIELDS];
	int			next;			/* place for the next prefix */
	Prefix		prefixes[PREFIXES];
} ActorTexts;

/* a partition with more indexes than this gets their entries from the executor */
#define MAX_INDEXES		4
#define EXECUTOR		(-1)
#define NOT_KNOWN		(-2)

/* name of the events that are stored by a statement */
#define STATEMENT_EVENTS	"medrec_events"

struct AuditWriter
{
	Relation	rel;
	Tuplestorestate *store;		/* of what goes by a statement, or NULL */
	TupleDesc	desc;			/* its rows, in the order of AuditColumn */
	int			nindexes;		/* plain ones, or else through the executor */
	Relation	indexes[MAX_INDEXES];
	IndexInfo  *index_infos[MAX_INDEXES];
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

/* the partition for the present time */
typedef struct Partition
{
	bool		valid;
	Oid			root;
	Oid			relid;
	TimestampTz from;			/* inclusive */
	TimestampTz until;			/* exclusive */
	AttrNumber	attnum[AUDIT_COLUMNS];
	bool		direct;			/* as far as the root is concerned; with the indexes known, at all */
	MemoryContext context;		/* of what follows */
	int			nindexes;		/* or EXECUTOR, NOT_KNOWN */
	Oid			indexes[MAX_INDEXES];
	IndexInfo  *index_infos[MAX_INDEXES];
} Partition;

/* Columns that a trail which is not migrated yet lacks; columns that medrec may leave null. */
static const bool is_new[AUDIT_COLUMNS] = {
	[AUDIT_LOGIN_ROLE] = true, [AUDIT_LOGIN_IDENTITY] = true, [AUDIT_SOCKET_ADDR] = true,
	[AUDIT_BACKEND_PID] = true, [AUDIT_BACKEND_START] = true
};
static const bool may_be_null[AUDIT_COLUMNS] = {
	[AUDIT_ACCOUNT] = true, [AUDIT_JTI] = true, [AUDIT_CLIENT_ADDR] = true,
	[AUDIT_REQUEST_ID] = true, [AUDIT_METHOD] = true, [AUDIT_PATH] = true,
	[AUDIT_APPLICATION_NAME] = true, [AUDIT_REASON] = true, [AUDIT_ROW_ID] = true,
	[AUDIT_OLD_VALUES] = true, [AUDIT_NEW_VALUES] = true, [AUDIT_PATIENT_ID] = true,
	[AUDIT_LOGIN_ROLE] = true, [AUDIT_LOGIN_IDENTITY] = true, [AUDIT_SOCKET_ADDR] = true,
	[AUDIT_BACKEND_PID] = true, [AUDIT_BACKEND_START] = true
};
static ActorTexts acting;
static Partition partition;
static void Forget(Oid relid);
static void FindPartition(TimestampTz now, Partition *found);
static void KeepPartition(TimestampTz now);
static Relation OpenPartition(TimestampTz now);
static int32 NextNumber(int64 xid);
static void Salt(uint8 *salt);
static bool SameText(AuditText text, const char *value);
static void SetActor(bool connection);
static bool HasConnection(const AttrNumber *attnum);
static void SetBackend(AuditEvent *event);
static const Prefix *FindPrefix(const char *action, const char *table_name);
static AuditText CopyText(AuditText text);
static TupleTableSlot *NextSlot(AuditWriter *writer);
static void Flush(AuditWriter *writer);
static bool IsDirect(Relation rel, const AttrNumber *attnum);
static void FindIndexes(Relation rel, Partition *found);
static void BeginStatement(AuditWriter *writer);
static void EndStatement(AuditWriter *writer);
static void OpenIndexes(AuditWriter *writer);
static void InsertIndexEntries(AuditWriter *writer, TupleTableSlot *slot);
static void CloseIndexes(AuditWriter *writer);
static void InsertByStatement(Relation rel, int ncolumns, const char *const *names,
							  const Datum *values, const bool *nulls);

/* Hook: a relation has changed, look again for what depends on it. */
static void
Forget(Oid relid)
{
	if (!OidIsValid(relid) || relid == partition.root || relid == partition.relid)
		partition.valid = false;
	audit_era_changed(relid);
}

/* Asks to be told of changed relations. */
void
audit_watch(void)
{
	invalidate_watch(Forget);
}

/* A table of the audit; an error when migrate() has not run. */
Oid
audit_relation(const char *name)
{
	Oid			schema = get_namespace_oid(MEDREC_SCHEMA, true);
	Oid			relid = InvalidOid;

	if (OidIsValid(schema))
		relid = get_relname_relid(name, schema);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s.%s\" does not exist", MEDREC_SCHEMA, name),
				 errhint("Run SELECT * FROM medrec.migrate().")));
	return relid;
}

/* Finds the partition for a time: bounds, OID and column numbers. */
static void
FindPartition(TimestampTz now, Partition *found)
{
	Relation	root;
	PartitionDesc desc;
	PartitionKey key;
	PartitionBoundInfo bounds;
	Datum		value = TimestampTzGetDatum(now);
	bool		is_equal;
	int			offset;
	int			index;
	int			i;

	found->root = audit_relation(AUDIT_TABLE);
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
				 errmsg("medrec.%s has no partition for the present time", AUDIT_TABLE),
				 errhint("Run SELECT medrec.audit_partitions().")));
	found->relid = desc->oids[index];

	for (i = 0; i < AUDIT_COLUMNS; i++)
	{
		found->attnum[i] = get_attnum(found->relid, audit_column_names[i]);
		if (found->attnum[i] == InvalidAttrNumber && !is_new[i])
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("medrec.%s has no column \"%s\"", AUDIT_TABLE,
							audit_column_names[i])));
	}
	found->nindexes = NOT_KNOWN;
	/* an INSERT fires the statement triggers of the table that it names */
	found->direct = !direct_has_rules(root, CMD_INSERT) &&
		!direct_has_triggers(root, TRIGGER_TYPE_INSERT, false, true, 0);
	table_close(root, AccessShareLock);
}

/* Finds the partition for a time and keeps it, as base/invalidate.h says. */
static void
KeepPartition(TimestampTz now)
{
	Partition	found = {0};
	MemoryContext context = partition.context;
	uint64		seen = invalidate_count();

	FindPartition(now, &found);
	found.valid = invalidate_count() == seen;
	partition = found;
	if (context)
		MemoryContextDelete(context);
}

/*
 * Does a row that is put into the heap break nothing that an INSERT would heed?
 * No CHECK, no NOT NULL, default or domain that medrec does not know, no trigger.
 */
static bool
IsDirect(Relation rel, const AttrNumber *attnum)
{
	TupleDesc	desc = RelationGetDescr(rel);
	TupleConstr *constr = desc->constr;
	int			i;
	int			j;

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
		for (j = 0; j < AUDIT_COLUMNS; j++)
			if (attnum[j] == att->attnum)
				break;
		if (j == AUDIT_COLUMNS ?
			att->attnotnull || att->attidentity || get_typtype(att->atttypid) == TYPTYPE_DOMAIN :
			(att->attnotnull && may_be_null[j]) || att->atttypid != audit_column_types[j])
			return false;
	}
	return true;
}

/*
 * Looks at the partition's indexes.  Plain ones, such as medrec's own, are written
 * to without the executor, whose preparations cost more than they do.
 */
static void
FindIndexes(Relation rel, Partition *found)
{
	List	   *oids = RelationGetIndexList(rel);
	MemoryContext old;
	ListCell   *cell;

	found->context = AllocSetContextCreate(CurrentMemoryContext, "medrec audit partition",
										   ALLOCSET_SMALL_SIZES);
	found->nindexes = list_length(oids) > MAX_INDEXES ? EXECUTOR : 0;
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
		if (found->nindexes == EXECUTOR)
			 /* they are too many, or one of them is not plain */ ;
		else if (info->ii_Expressions || info->ii_Predicate || info->ii_Unique ||
			info->ii_ExclusionOps || !info->ii_ReadyForInserts)
			found->nindexes = EXECUTOR;
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

/* Opens the indexes of the writer's partition. */
static void
OpenIndexes(AuditWriter *writer)
{
	Partition	found = partition;
	int			i;

	if (found.nindexes == NOT_KNOWN)
	{
		uint64		seen = invalidate_count();

		FindIndexes(writer->rel, &found);
		if (partition.valid && invalidate_count() == seen)
		{
			MemoryContextSetParent(found.context, TopMemoryContext);
			partition = found;
		}
	}
	if (!found.direct)
	{
		BeginStatement(writer);
		return;
	}
	writer->nindexes = found.nindexes;
	if (writer->nindexes == EXECUTOR)
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
		/* a copy: access methods keep things of the statement in it */
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

	if (writer->nindexes == EXECUTOR)
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
	if (writer->nindexes == EXECUTOR)
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

/* Prepares to store the events by a statement, in the order that they come. */
static void
BeginStatement(AuditWriter *writer)
{
	int			i;

	writer->desc = CreateTemplateTupleDesc(AUDIT_COLUMNS);
	for (i = 0; i < AUDIT_COLUMNS; i++)
	{
		TupleDescInitEntry(writer->desc, i + 1, audit_column_names[i],
						   audit_column_types[i], -1, 0);
		writer->attnum[i] = i + 1;
	}
	writer->store = tuplestore_begin_heap(false, false, work_mem);
}

/*
 * Stores the events as the owner of the trail, who has put there what an INSERT
 * heeds and the heap does not.  Whatever keeps an event out fails the whole.
 */
static void
EndStatement(AuditWriter *writer)
{
	static OwnPlan inserts[] = {{.keep = true}, {.keep = true}};
	OwnPlan    *insert;
	EphemeralNamedRelation events = palloc0(sizeof(EphemeralNamedRelationData));
	int64		count = tuplestore_tuple_count(writer->store);
	Relation	root;

	if (count == 0)
		return;
	root = table_open(audit_relation(AUDIT_TABLE), RowExclusiveLock);
	events->md.name = STATEMENT_EVENTS;
	events->md.reliddesc = InvalidOid;
	events->md.tupdesc = writer->desc;
	events->md.enrtype = ENR_NAMED_TUPLESTORE;
	events->md.enrtuples = count;
	events->reldata = writer->store;
	if (SPI_connect() != SPI_OK_CONNECT || SPI_register_relation(events) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not hand the audit events over");
	/* one for the trail as 0.1 has laid it out, one for the present one */
	insert = &inserts[writer->event.has_pid];
	if (insert->plan == NULL)
	{
		StringInfoData columns;
		int			i;

		initStringInfo(&columns);
		for (i = 0; i < AUDIT_COLUMNS; i++)
			if (writer->event.has_pid || !is_new[i])
				appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", audit_column_names[i]);
		insert->query = psprintf("INSERT INTO medrec.audit_event (%s) SELECT %s FROM "
								 STATEMENT_EVENTS, columns.data, columns.data);
	}
	if (own_statement_run(root, CMD_INSERT, insert, NULL, NULL) != count)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an audit event was not stored"),
				 errhint("A trigger or rule on medrec.%s keeps it out.", AUDIT_TABLE)));
	SPI_finish();
	table_close(root, NoLock);
}

/* Opens the partition for a time, locked for writing. */
static Relation
OpenPartition(TimestampTz now)
{
	audit_watch();
	for (;;)
	{
		Relation	rel;

		CHECK_FOR_INTERRUPTS();

		if (!partition.valid || now < partition.from || now >= partition.until)
			KeepPartition(now);

		/* what happened before the lock came tells itself by the callback */
		rel = try_relation_open(partition.relid, RowExclusiveLock);
		if (rel != NULL && partition.valid &&
			rel->rd_rel->relkind == RELKIND_RELATION)
			return rel;
		if (rel != NULL)
		{
			if (rel->rd_rel->relkind != RELKIND_RELATION)
				elog(ERROR, "partition \"%s\" of medrec.%s is no table",
					 RelationGetRelationName(rel), AUDIT_TABLE);
			relation_close(rel, RowExclusiveLock);
		}
		partition.valid = false;
	}
}

/* The next number within the transaction; one that was rolled back stays unused. */
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

/* Whether a text is a string. */
static bool
SameText(AuditText text, const char *value)
{
	if (text == NULL || value == NULL)
		return text == NULL && value == NULL;
	return strlen(value) == VARSIZE_ANY_EXHDR(text) &&
		memcmp(VARDATA_ANY(text), value, VARSIZE_ANY_EXHDR(text)) == 0;
}

/*
 * Writes who acts into the kept texts, where it is somebody else than before.
 * connection: the trail has the columns of the connection.
 */
static void
SetActor(bool connection)
{
	const Actor *actor = actor_current();
	const char *values[AUDIT_SHARED_FIELDS] = {
		[AUDIT_ACCOUNT] = actor->account,
		[AUDIT_JTI] = actor->jti,
		[AUDIT_ROLE] = actor->role,
		[AUDIT_SESSION_ROLE] = actor->session_user,
		[AUDIT_EFFECTIVE_ROLE] = actor->current_user,
		[AUDIT_CLIENT_ADDR] = actor->client_addr,
		[AUDIT_REQUEST_ID] = actor->request_id,
		[AUDIT_METHOD] = actor->method,
		[AUDIT_PATH] = actor->path,
		[AUDIT_APPLICATION_NAME] = actor->application,
		[AUDIT_REASON] = actor->reason,
		[AUDIT_LOGIN_ROLE] = connection ? actor->login_role : NULL,
		[AUDIT_LOGIN_IDENTITY] = connection ? actor->login_identity : NULL,
		[AUDIT_SOCKET_ADDR] = connection ? actor->socket_addr : NULL
	};
	MemoryContext old;
	int			i;

	for (i = AUDIT_ACCOUNT; i < AUDIT_SHARED_FIELDS; i++)
		if (!SameText(acting.text[i], values[i]))
			break;
	if (i == AUDIT_SHARED_FIELDS && acting.number > 0 && acting.connection == connection)
		return;

	/* a writer that is at work has copies of its own */
	if (acting.context == NULL)
		acting.context = AllocSetContextCreate(TopMemoryContext, "medrec audit actor",
											   ALLOCSET_SMALL_SIZES);
	memset(acting.text, 0, sizeof(acting.text));
	memset(acting.prefixes, 0, sizeof(acting.prefixes));
	acting.next = 0;
	acting.number++;
	acting.connection = connection;
	MemoryContextReset(acting.context);
	old = MemoryContextSwitchTo(acting.context);
	for (i = AUDIT_ACCOUNT; i < AUDIT_SHARED_FIELDS; i++)
		acting.text[i] = audit_text(values[i]);
	MemoryContextSwitchTo(old);
}

/* Whether the trail has all columns of the connection: one of 0.1 has none. */
static bool
HasConnection(const AttrNumber *attnum)
{
	int			i;

	for (i = 0; i < AUDIT_COLUMNS; i++)
		if (attnum[i] == InvalidAttrNumber)
			return false;
	return true;
}

/* Writes which process it is into an event, where the trail has columns for it. */
static void
SetBackend(AuditEvent *event)
{
	event->has_pid = event->has_start = acting.connection;
	event->backend_pid = MyProcPid;
	event->backend_start = MyStartTimestamp;
}

/* The beginning of the leaf hash for an action on a table, with the texts. */
static const Prefix *
FindPrefix(const char *action, const char *table_name)
{
	Prefix	   *prefix;
	AuditEvent	event;
	MemoryContext old;
	int			i;

	for (i = 0; i < PREFIXES; i++)
	{
		prefix = &acting.prefixes[i];
		if (prefix->actor == acting.number && strcmp(prefix->action, action) == 0 &&
			SameText(prefix->table_name, table_name))
			return prefix;
	}

	prefix = &acting.prefixes[acting.next];
	acting.next = (acting.next + 1) % PREFIXES;
	old = MemoryContextSwitchTo(acting.context);
	prefix->actor = 0;
	prefix->table_name = audit_text(table_name);
	prefix->action_text = audit_text(action);
	prefix->action = action;
	MemoryContextSwitchTo(old);
	memcpy(event.text, acting.text, sizeof(acting.text));
	event.text[AUDIT_TABLE_NAME] = prefix->table_name;
	event.text[AUDIT_ACTION] = prefix->action_text;
	SetBackend(&event);
	audit_hash_texts(&event, &prefix->hash);
	prefix->actor = acting.number;
	return prefix;
}

/* A copy of a text, NULL for NULL. */
static AuditText
CopyText(AuditText text)
{
	Size		size;

	if (text == NULL)
		return NULL;
	size = VARSIZE_ANY(text);
	return memcpy(palloc(size), text, size);
}

/* Starts to write the events of one statement on one table. */
AuditWriter *
audit_writer_begin(const char *action, const char *table_name)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "medrec audit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AuditWriter *writer = palloc0(sizeof(AuditWriter));
	AuditEvent *event = &writer->event;
	const Prefix *prefix;
	int			i;

	writer->context = context;
	writer->batch = AllocSetContextCreate(context, "medrec audit batch",
										  ALLOCSET_DEFAULT_SIZES);
	event->xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	event->era = audit_era_to_write();
	event->logged_at = GetCurrentTimestamp();
	event->transaction_at = GetCurrentTransactionStartTimestamp();
	event->statement_at = GetCurrentStatementStartTimestamp();
	writer->rel = OpenPartition(event->logged_at);
	memcpy(writer->attnum, partition.attnum, sizeof(writer->attnum));
	SetActor(HasConnection(writer->attnum));
	SetBackend(event);
	for (i = AUDIT_ACCOUNT; i < AUDIT_SHARED_FIELDS; i++)
		event->text[i] = CopyText(acting.text[i]);
	prefix = FindPrefix(action, table_name);
	event->text[AUDIT_TABLE_NAME] = CopyText(prefix->table_name);
	event->text[AUDIT_ACTION] = CopyText(prefix->action_text);
	writer->action = writer->actions;
	writer->action->name = action;
	writer->action->text = event->text[AUDIT_ACTION];
	writer->action->shared = prefix->hash;
	audit_hash_times(event, &writer->action->shared);

	writer->cid = GetCurrentCommandId(true);
	OpenIndexes(writer);
	MemoryContextSwitchTo(old);
	return writer;
}

/* Says what the events that follow are: INSERT, UPDATE, DELETE, ... (a literal) */
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

	/* from the event's own texts: by now somebody else may be the session's actor */
	old = MemoryContextSwitchTo(writer->context);
	known->name = action;
	known->text = audit_text(action);
	writer->event.text[AUDIT_ACTION] = known->text;
	audit_hash_texts(&writer->event, &known->shared);
	audit_hash_times(&writer->event, &known->shared);
	writer->action = known;
	MemoryContextSwitchTo(old);
}

/* The memory in which the values of the next event are to be made. */
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
 * Writes an event.  The values are in the memory that audit_writer_row() named.
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
	Oid		   *types = palloc(ncolumns * sizeof(Oid));
	char	   *spi_nulls = palloc(ncolumns);
	OwnPlan		insert = {.nargs = ncolumns, .types = types};
	int			i;

	initStringInfo(&columns);
	initStringInfo(&params);
	for (i = 0; i < ncolumns; i++)
	{
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", quote_identifier(names[i]));
		appendStringInfo(&params, "%s$%d", i > 0 ? ", " : "", i + 1);
		types[i] = get_atttype(RelationGetRelid(rel), get_attnum(RelationGetRelid(rel), names[i]));
		spi_nulls[i] = nulls[i] ? 'n' : ' ';
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	insert.query = psprintf("INSERT INTO %s.%s (%s) VALUES (%s)", MEDREC_SCHEMA,
							quote_identifier(RelationGetRelationName(rel)), columns.data,
							params.data);
	if (own_statement_run(rel, CMD_INSERT, &insert, (Datum *) values, spi_nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a row of %s.%s was not stored", MEDREC_SCHEMA, RelationGetRelationName(rel)),
				 errhint("A trigger or rule on the table keeps it out.")));
	SPI_finish();
}

/*
 * Writes a row of another audit table.  Its triggers refuse every statement but
 * medrec's own, and this too goes straight to the relation where it can.
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
		AttrNumber	attnum = get_attnum(relid, names[i]);

		if (attnum == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("%s.%s has no column \"%s\"", MEDREC_SCHEMA,
							RelationGetRelationName(rel), names[i])));
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
