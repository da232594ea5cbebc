/*
 * suggest/image_slots.c
 *		Shared memory with the current search image of each database.
 *
 * A slot per database names the segment with its image. The first slots are in
 * the main shared memory, and small enough for its spare room, so that the
 * library need not be preloaded. For more databases, tables of further slots
 * follow in pinned segments, each naming the next.
 */
#include "base/medrec.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "base/array.h"
#include "search/search.h"
#include "suggest/image_slots.h"

/* slots for databases in the main shared memory, and in each table that follows */
#define FIRST_SLOTS		16
#define MORE_SLOTS		120

/* how long to wait for another backend's build before building too, in ms */
#define BUILD_WAIT		10000

typedef struct SharedSlot
{
	Oid			database;		/* InvalidOid when the slot is free */
	dsm_handle	handle;			/* DSM_HANDLE_INVALID when nothing is
								 * published */
	Oid			file;			/* of the state whose generation it is */
	int64		generation;		/* of what is published */
	int			builder;		/* pid of the building backend, or 0 */
} SharedSlot;

typedef struct SlotTable
{
	dsm_handle	next;			/* DSM_HANDLE_INVALID for the last table */
	int			count;
	SharedSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} SlotTable;

#define SLOT_TABLE_SIZE(count)	(offsetof(SlotTable, slots) + (count) * sizeof(SharedSlot))

typedef struct SharedImages
{
	slock_t		mutex;			/* protects all slots; held for a few
								 * instructions */
	ConditionVariable built;	/* a build has ended, successfully or not */
	SlotTable	first;			/* of FIRST_SLOTS */
} SharedImages;

#define SHARED_IMAGES_SIZE	(offsetof(SharedImages, first) + SLOT_TABLE_SIZE(FIRST_SLOTS))

static SharedImages *shared = NULL;
static SharedSlot *slot = NULL; /* of this database */

/* The tables of slots that this backend has attached, in their order. */
static SlotTable **tables = NULL;
static int	ntables = 0;
static int64 tables_size = 0;

/* Empties a slot. */
static void
ClearSlot(SharedSlot *of)
{
	of->database = InvalidOid;
	of->handle = DSM_HANDLE_INVALID;
	of->file = InvalidOid;
	of->generation = 0;
	of->builder = 0;
}

/* Sets a table of slots up. */
static void
InitTable(SlotTable *table, int count)
{
	int			i;

	table->next = DSM_HANDLE_INVALID;
	table->count = count;
	for (i = 0; i < count; i++)
		ClearSlot(&table->slots[i]);
}

/* Sets the shared slots up, once per server start. */
static void
InitImageSlots(void *ptr)
{
	SharedImages *images = (SharedImages *) ptr;

	SpinLockInit(&images->mutex);
	ConditionVariableInit(&images->built);
	InitTable(&images->first, FIRST_SLOTS);
}

/* Frees the slots of databases that have been dropped. */
static void
FreeDroppedSlots(void)
{
	int			t;
	int			i;

	for (t = 0; t < ntables; t++)
		for (i = 0; i < tables[t]->count; i++)
		{
			SharedSlot *of = &tables[t]->slots[i];
			dsm_handle	handle = DSM_HANDLE_INVALID;
			Oid			database = of->database;

			if (!OidIsValid(database) ||
				SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database)))
				continue;
			SpinLockAcquire(&shared->mutex);
			if (of->database == database)
			{
				handle = of->handle;
				ClearSlot(of);
			}
			SpinLockRelease(&shared->mutex);
			if (handle != DSM_HANDLE_INVALID)
				dsm_unpin_segment(handle);
		}
}

/*
 * Creates a pinned segment with this content, NULL if there is no room: a
 * small /dev/shm causes an error, which must not reach the caller.
 */
static dsm_segment *
MakeSegment(const void *content, size_t size)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	dsm_segment *volatile segment = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
		if (segment != NULL)
		{
			memcpy(dsm_segment_address(segment), content, size);
			dsm_pin_mapping(segment);
			dsm_pin_segment(segment);
		}
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		segment = NULL;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		{
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			ReThrowError(error);
		}
		ereport(DEBUG1, (errmsg_internal("search image stays private: %s", error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return segment;
}

/* Adds a table of slots to the list of attached ones. */
static void
AddTable(SlotTable *table)
{
	array_room(TopMemoryContext, tables, ntables, tables_size);

	/*
	 * memory is allocated before the segment is attached, so that none is
	 * attached twice
	 */
	if (table != NULL)
		tables[ntables++] = table;
}

/* Attaches a table of slots; false if that fails. */
static bool
AttachTable(dsm_handle handle)
{
	dsm_segment *segment;

	AddTable(NULL);
	segment = dsm_attach(handle);
	if (segment == NULL)
		return false;
	dsm_pin_mapping(segment);
	AddTable((SlotTable *) dsm_segment_address(segment));
	return true;
}

/* Creates a further table of slots and links it to the last one. */
static bool
ExtendTables(void)
{
	SlotTable  *last = tables[ntables - 1];
	SlotTable  *made;
	dsm_segment *segment;
	bool		hung;

	if (IsInParallelMode())
		return false;
	AddTable(NULL);
	made = palloc0(SLOT_TABLE_SIZE(MORE_SLOTS));
	InitTable(made, MORE_SLOTS);
	segment = MakeSegment(made, SLOT_TABLE_SIZE(MORE_SLOTS));
	pfree(made);
	if (segment == NULL)
		return false;
	SpinLockAcquire(&shared->mutex);
	hung = last->next == DSM_HANDLE_INVALID;
	if (hung)
		last->next = dsm_segment_handle(segment);
	SpinLockRelease(&shared->mutex);
	if (hung)
		AddTable((SlotTable *) dsm_segment_address(segment));
	else
	{
		/* somebody else was faster */
		dsm_unpin_segment(dsm_segment_handle(segment));
		dsm_detach(segment);
	}
	return true;
}

/*
 * Finds this database's slot in the attached tables, or takes a free one. If
 * there is a further table, returns its handle.
 */
static dsm_handle
FindSlot(void)
{
	SharedSlot *unused = NULL;
	dsm_handle	next;
	int			t;
	int			i;

	SpinLockAcquire(&shared->mutex);
	next = tables[ntables - 1]->next;
	for (t = 0; t < ntables && slot == NULL; t++)
		for (i = 0; i < tables[t]->count && slot == NULL; i++)
		{
			SharedSlot *of = &tables[t]->slots[i];

			if (of->database == MyDatabaseId)
				slot = of;
			else if (of->database == InvalidOid && unused == NULL)
				unused = of;
		}
	if (slot == NULL && next == DSM_HANDLE_INVALID && unused != NULL)
	{
		slot = unused;
		slot->database = MyDatabaseId;
	}
	SpinLockRelease(&shared->mutex);
	return next;
}

/* Finds this database's slot in shared memory, taking a free one if need be. */
void
image_slot_find(void)
{
	static bool tried = false;

	if (slot != NULL || tried)
		return;
	if (ntables == 0)
	{
		/*
		 * a newer library has its own slots until the server is restarted
		 */
		shared = medrec_shared_memory("medrec image slots " CppAsString2(SEARCH_IMAGE_VERSION),
									  SHARED_IMAGES_SIZE, InitImageSlots);
		if (shared != NULL)
			AddTable(&shared->first);
	}
	while (shared != NULL && slot == NULL)
	{
		dsm_handle	next;

		CHECK_FOR_INTERRUPTS();
		FreeDroppedSlots();
		next = FindSlot();
		if (slot == NULL && !(next != DSM_HANDLE_INVALID ? AttachTable(next) : ExtendTables()))
			break;
	}
	tried = true;
}

/* Is an image published that is at least that new? Call it under the lock. */
static bool
IsPublished(const TerminologyState *state)
{
	return slot->handle != DSM_HANDLE_INVALID && slot->file == state->file &&
		slot->generation >= state->generation;
}

/* Finds the segment with an image that is at least that new. */
dsm_handle
image_slot_published(const TerminologyState *state, int64 *generation)
{
	dsm_handle	handle = DSM_HANDLE_INVALID;

	if (slot == NULL)
		return handle;
	SpinLockAcquire(&shared->mutex);
	if (IsPublished(state))
	{
		handle = slot->handle;
		*generation = slot->generation;
	}
	SpinLockRelease(&shared->mutex);
	return handle;
}

/*
 * Makes this backend the builder, or waits for the current one. False if
 * another builder has finished, so that its image should be tried.
 */
bool
image_slot_claim(const TerminologyState *state)
{
	long		waited = 0;

	if (slot == NULL)
		return true;
	ConditionVariablePrepareToSleep(&shared->built);
	for (;;)
	{
		int			builder;
		bool		done;

		SpinLockAcquire(&shared->mutex);
		done = IsPublished(state);
		builder = slot->builder;
		if (!done && builder == 0)
			slot->builder = MyProcPid;
		SpinLockRelease(&shared->mutex);

		if (done || builder == 0)
		{
			ConditionVariableCancelSleep();
			return !done;
		}
		/* a builder that died or takes too long must not block others */
		if (waited >= BUILD_WAIT || BackendPidGetProc(builder) == NULL)
		{
			SpinLockAcquire(&shared->mutex);
			slot->builder = MyProcPid;
			SpinLockRelease(&shared->mutex);
			ConditionVariableCancelSleep();
			return true;
		}
		if (ConditionVariableTimedSleep(&shared->built, 100, PG_WAIT_EXTENSION))
			waited += 100;
	}
}

/* Ends this backend's role as the builder. */
void
image_slot_release(void)
{
	if (slot == NULL)
		return;
	SpinLockAcquire(&shared->mutex);
	if (slot->builder == MyProcPid)
		slot->builder = 0;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->built);
}

/* Publishes an image for the other backends; does nothing if there is no room. */
dsm_segment *
image_slot_publish(const TerminologyState *state, const void *built, size_t size)
{
	dsm_segment *segment;
	dsm_handle	old = DSM_HANDLE_INVALID;
	bool		newest;

	if (slot == NULL || IsInParallelMode())
		return NULL;
	segment = MakeSegment(built, size);
	if (segment == NULL)
		return NULL;

	SpinLockAcquire(&shared->mutex);
	newest = !IsPublished(state);
	if (newest)
	{
		old = slot->handle;
		slot->handle = dsm_segment_handle(segment);
		slot->file = state->file;
		slot->generation = state->generation;
	}
	SpinLockRelease(&shared->mutex);

	/* backends that have attached it keep it until they look for a newer one */
	if (!newest)
		dsm_unpin_segment(dsm_segment_handle(segment));
	else if (old != DSM_HANDLE_INVALID)
		dsm_unpin_segment(old);
	return segment;
}
