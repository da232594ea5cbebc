/*
 * suggest/image.c
 *		The search image of the loaded terminologies, shared by all backends.
 *
 * One backend builds the image when it is first asked for and publishes it in a
 * pinned dynamic shared memory segment; the others attach it.  What names the
 * segment is a slot per database.  The first slots are in the main shared memory,
 * small enough for the room that every server keeps, so that nothing need be
 * preloaded; where there are more databases, tables of further slots follow in
 * pinned segments, each naming the next.
 *
 * That an image may be old is said by an invalidation of terminology_state's
 * relcache entry, which reaches standbys as well; whether it is old is said by
 * the generation in that table, as long as the table's file is the same.  A
 * transaction that has itself changed the terminologies uses an image of its own
 * and publishes nothing: it may yet roll back.  Where there is no room, each
 * backend keeps a private copy.
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
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "base/invalidate.h"
#include "base/relations.h"
#include "search/search.h"
#include "suggest/image.h"
#include "terminology/code_systems.h"
#include "terminology/edits.h"
#include "terminology/lookup.h"

/* slots for databases in the main shared memory, and in each table that follows */
#define FIRST_SLOTS		16
#define MORE_SLOTS		120

/* how long to wait for another backend's build before building too, in ms */
#define BUILD_WAIT		10000

typedef struct SharedSlot
{
	Oid			database;		/* InvalidOid when the slot is free */
	dsm_handle	handle;			/* DSM_HANDLE_INVALID when nothing is published */
	Oid			file;			/* of the state whose generation it is */
	int64		generation;		/* of what is published */
	int			builder;		/* pid of who is building, or 0 */
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
	slock_t		mutex;			/* over all slots; held for a few instructions */
	ConditionVariable built;	/* a build has ended, well or not */
	SlotTable	first;			/* of FIRST_SLOTS */
} SharedImages;

#define SHARED_IMAGES_SIZE	(offsetof(SharedImages, first) + SLOT_TABLE_SIZE(FIRST_SLOTS))

/* The image that this backend uses. */
static const void *image = NULL;
static TerminologyState image_state;	/* that it was made of */
static bool image_own = false;	/* of a transaction that had changed it */
static dsm_segment *image_segment = NULL;	/* or */
static MemoryContext image_context = NULL;	/* where it lies */
static uint64 image_seen = 0;	/* invalidations, when it was last known to be new */

static SharedImages *shared = NULL;
static SharedSlot *slot = NULL; /* of this database */

/* The tables of slots that this backend has attached, in their order. */
static SlotTable **tables = NULL;
static int	ntables = 0;
static int	tables_size = 0;

/* State of a build. */
typedef struct BuildState
{
	SearchBuilder *builder;
	HTAB	   *refs;			/* of CodeRefs */
} BuildState;

/* What is to be known of a code while building; the key: system's index and code. */
typedef struct CodeRefs
{
	char		key[CODE_MAX_LEN + 2];
	int32		last;			/* the newest row in the builder, -1 before the first */
	SearchSex	sex;
	int			age_min;
	int			age_max;
} CodeRefs;

static void ClearSlot(SharedSlot *of);
static void InitTable(SlotTable *table, int count);
static void InitShared(void *ptr);
static void FreeDroppedSlots(void);
static dsm_segment *MakeSegment(const void *content, size_t size);
static void AddTable(SlotTable *table);
static bool AttachTable(dsm_handle handle);
static bool ExtendTables(void);
static dsm_handle FindSlot(void);
static void AttachShared(void);
static void DropImage(void);
static bool IsPublished(const TerminologyState *state);
static bool AttachPublished(const TerminologyState *state);
static bool ClaimBuild(const TerminologyState *state);
static void EndBuild(void);
static void Publish(const TerminologyState *state, const void *built, size_t size);
static bool IsFresh(const TerminologyState *state, bool own);
static void NoteSeen(uint64 seen);
static CodeRefs *FindRefs(BuildState *build, const CodeSystem *cs, const char *code, bool make);
static void *BuildImage(size_t *size);

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
InitShared(void *ptr)
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
 * Makes a pinned segment with this content, NULL where there is no room: a small
 * /dev/shm is reported as an error, which must not be the caller's.
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

/* Takes a table of slots into the list of those that are attached. */
static void
AddTable(SlotTable *table)
{
	if (ntables == tables_size)
	{
		int			size = tables_size > 0 ? tables_size * 2 : 8;

		tables = tables ? repalloc(tables, size * sizeof(SlotTable *)) :
			MemoryContextAlloc(TopMemoryContext, size * sizeof(SlotTable *));
		tables_size = size;
	}
	/* room is there before the segment is attached, so that none is attached twice */
	if (table != NULL)
		tables[ntables++] = table;
}

/* Attaches a table of slots; false where it cannot be. */
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

/* Makes a further table of slots and hangs it on the last one. */
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
 * Finds this database's slot in the tables that are attached, or takes a free one.
 * Where there is a further table, the answer is its handle.
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
static void
AttachShared(void)
{
	static bool tried = false;

	if (slot != NULL || tried)
		return;
	if (ntables == 0)
	{
		/* a newer library without a restart of the server has slots of its own */
		shared = medrec_shared_memory("medrec image slots " CppAsString2(SEARCH_IMAGE_VERSION),
									  SHARED_IMAGES_SIZE, InitShared);
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

/* Lets go of the image that this backend uses. */
static void
DropImage(void)
{
	image = NULL;
	if (image_segment != NULL)
		dsm_detach(image_segment);
	image_segment = NULL;
	if (image_context != NULL)
		MemoryContextDelete(image_context);
	image_context = NULL;
}

/* Is an image published that is at least that new?  To be asked under the lock. */
static bool
IsPublished(const TerminologyState *state)
{
	return slot->handle != DSM_HANDLE_INVALID && slot->file == state->file &&
		slot->generation >= state->generation;
}

/* Attaches what another backend has published, if it is at least that new. */
static bool
AttachPublished(const TerminologyState *state)
{
	dsm_handle	handle = DSM_HANDLE_INVALID;
	int64		published = 0;
	dsm_segment *segment;

	if (slot == NULL)
		return false;
	SpinLockAcquire(&shared->mutex);
	if (IsPublished(state))
	{
		handle = slot->handle;
		published = slot->generation;
	}
	SpinLockRelease(&shared->mutex);
	if (handle == DSM_HANDLE_INVALID)
		return false;

	/* it may be that this backend published it itself */
	if (image_segment != NULL && dsm_segment_handle(image_segment) == handle)
	{
		image_state.generation = published;
		return true;
	}

	/* NULL if it was replaced just now */
	segment = dsm_attach(handle);
	if (segment == NULL)
		return false;
	if (search_image_check(dsm_segment_address(segment), dsm_segment_map_length(segment)) != NULL)
	{
		dsm_detach(segment);
		return false;
	}
	dsm_pin_mapping(segment);
	DropImage();
	image_segment = segment;
	image = dsm_segment_address(segment);
	image_state = *state;
	image_state.generation = published;
	image_own = false;
	return true;
}

/*
 * Makes this backend the one that builds, or waits for the one that does.
 * False when the other has finished, and what it published is worth a look.
 */
static bool
ClaimBuild(const TerminologyState *state)
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
		/* who died or takes too long holds nobody up */
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

/* Says that this backend builds no longer. */
static void
EndBuild(void)
{
	if (slot == NULL)
		return;
	SpinLockAcquire(&shared->mutex);
	if (slot->builder == MyProcPid)
		slot->builder = 0;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->built);
}

/* Offers an image to the other backends; silently not, where there is no room. */
static void
Publish(const TerminologyState *state, const void *built, size_t size)
{
	dsm_segment *segment;
	dsm_handle	old = DSM_HANDLE_INVALID;
	bool		newest;

	if (slot == NULL || IsInParallelMode())
		return;
	segment = MakeSegment(built, size);
	if (segment == NULL)
		return;

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

	/* whoever has it attached keeps it until he looks for a newer one */
	if (!newest)
		dsm_unpin_segment(dsm_segment_handle(segment));
	else if (old != DSM_HANDLE_INVALID)
		dsm_unpin_segment(old);

	/* use the shared one, the private one can go */
	DropImage();
	image_segment = segment;
	image = dsm_segment_address(segment);
}

/* The builder's allocator: the current memory context, without the 1 GB limit. */
static void *
BuildAlloc(void *opaque, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) opaque, size);
}

static void *
BuildRealloc(void *opaque, void *ptr, size_t size)
{
	return ptr ? repalloc_huge(ptr, size) : BuildAlloc(opaque, size);
}

static void
BuildFree(void *opaque, void *ptr)
{
	if (ptr)
		pfree(ptr);
}

/* Lets a build be cancelled. */
static void
BuildInterrupt(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* Finds what is known of a code, making it if asked to; else NULL if nothing is. */
static CodeRefs *
FindRefs(BuildState *build, const CodeSystem *cs, const char *code, bool make)
{
	char		key[CODE_MAX_LEN + 2] = {0};
	CodeRefs   *refs;
	bool		found;

	key[0] = (char) (code_system_index(cs) + 1);
	strlcpy(key + 1, code, CODE_MAX_LEN + 1);
	refs = (CodeRefs *) hash_search(build->refs, key, make ? HASH_ENTER : HASH_FIND, &found);
	if (make && !found)
	{
		refs->last = -1;
		refs->sex = SEARCH_SEX_ANY;
		refs->age_min = 0;
		refs->age_max = SEARCH_AGE_MAX;
	}
	return refs;
}

/* Notes whom a code is not for. */
static void
AddRestriction(const Restriction *restriction, void *arg)
{
	CodeRefs   *refs = FindRefs((BuildState *) arg, restriction->cs, restriction->code, true);

	if (restriction->gender != NULL)
		refs->sex = strcmp(restriction->gender, "female") == 0 ?
			SEARCH_SEX_FEMALE : SEARCH_SEX_MALE;
	if (restriction->age_min >= 0)
	{
		refs->age_min = Max(refs->age_min, restriction->age_min);
		refs->age_max = Min(refs->age_max, restriction->age_max);
	}
}

/* Adds a term in UTF-8 to one row of the builder. */
static void
AddTerm(BuildState *build, int32 ref, SearchTermKind kind, const char *term)
{
	int			len;
	char	   *utf8 = to_utf8(term, strlen(term), &len);

	if (!search_add_term(build->builder, ref, kind, utf8, len))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many terms for the search image")));
}

/* Adds a row of medrec.code. */
static void
AddCode(const TermRow *row, void *arg)
{
	BuildState *build = (BuildState *) arg;
	SearchCode	code = {0};
	CodeRefs   *refs;
	int32		ref;

	if (row->until <= row->from)
		return;					/* the file's own dates leave nothing of it */
	code.system = code_system_index(row->cs);
	code.code = row->code;
	code.code_len = strlen(row->code);
	code.valid_from = row->from;
	code.valid_to = DATE_IS_NOEND(row->until) ? SEARCH_DAY_MAX : row->until - 1;
	code.billable = row->billable;
	refs = FindRefs(build, row->cs, row->code, true);
	code.sex = refs->sex;
	code.age_min = refs->age_min;
	code.age_max = refs->age_max;
	ref = search_add_code(build->builder, &code);
	if (ref < 0)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many codes for the search image")));
	AddTerm(build, ref, SEARCH_TERM_LONG, row->display);
	if (row->short_display)
		AddTerm(build, ref, SEARCH_TERM_SHORT, row->short_display);

	/* further terms go to one row of the code, the newest: that is what is looked for */
	if (refs->last < 0 || DATE_IS_NOEND(row->until))
		refs->last = ref;
}

/* Adds a row of medrec.code_term, if its code is loaded. */
static void
AddFurtherTerm(const TermRow *row, void *arg)
{
	BuildState *build = (BuildState *) arg;
	CodeRefs   *refs = FindRefs(build, row->cs, row->code, false);

	if (refs != NULL && refs->last >= 0)
		AddTerm(build, refs->last,
				strcmp(row->kind, "inclusion") == 0 ? SEARCH_TERM_INCLUSION :
				strcmp(row->kind, "index") == 0 ? SEARCH_TERM_INDEX : SEARCH_TERM_SYNONYM,
				row->term);
}

/* Adds a row of medrec.abbreviation. */
static void
AddAbbreviation(const char *from, const char *to, void *arg)
{
	BuildState *build = (BuildState *) arg;
	int			from_len;
	int			to_len;
	char	   *from_utf8 = to_utf8(from, strlen(from), &from_len);
	char	   *to_utf8_ = to_utf8(to, strlen(to), &to_len);

	(void) search_add_abbreviation(build->builder, from_utf8, from_len, to_utf8_, to_len);
}

/* Builds the image from the tables, in the current memory context. */
static void *
BuildImage(size_t *size)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(result, "medrec image build",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	SearchAllocator allocator = {BuildAlloc, BuildRealloc, BuildFree, work};
	BuildState	build;
	HASHCTL		ctl = {0};
	void	   *built;
	void	   *copy;

	build.builder = search_builder_create(&allocator, BuildInterrupt, NULL);
	for (int i = 0; i < code_system_count(); i++)
		search_set_shape(build.builder, i, code_system_at(i)->shape);
	ctl.keysize = CODE_MAX_LEN + 2;
	ctl.entrysize = sizeof(CodeRefs);
	ctl.hcxt = work;
	build.refs = hash_create("medrec image codes", 100000, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	edits_each_restriction(AddRestriction, &build);
	terminology_each_code(AddCode, &build);
	terminology_each_term(AddFurtherTerm, &build);
	terminology_each_abbreviation(AddAbbreviation, &build);
	built = search_builder_finish(build.builder, size);
	if (built == NULL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("could not build the search image")));

	copy = MemoryContextAllocHuge(result, *size);
	memcpy(copy, built, *size);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return copy;
}

/* Does the image that this backend has fit what the active snapshot sees? */
static bool
IsFresh(const TerminologyState *state, bool own)
{
	if (image == NULL || image_state.file != state->file)
		return false;
	/* what this transaction counted may count otherwise after a rollback */
	if (own || image_own)
		return image_own && image_state.generation == state->generation &&
			image_state.changed_by == state->changed_by;
	/* newer than an old snapshot will do */
	return image_state.generation >= state->generation;
}

/*
 * Notes that the image is good until the next message - if it is as new as the
 * tables are now.  What an old snapshot takes is not, and is looked at again.
 */
static void
NoteSeen(uint64 seen)
{
	TerminologyState now = terminology_state_now();

	image_seen = image_state.file == now.file && image_state.generation >= now.generation ?
		seen : seen - 1;
}

/* Gives the image for what the active snapshot sees. */
const void *
suggest_image(void)
{
	uint64		seen = invalidate_count();
	TerminologyState state;
	bool		own = terminology_changed_here();
	size_t		size;
	MemoryContext context;
	MemoryContext old;
	void	   *built;

	/* any change of a table makes us look at the generation */
	if (image != NULL && image_seen == seen && !own && !image_own)
		return image;

	state = terminology_state();
	if (IsFresh(&state, own))
	{
		NoteSeen(seen);
		return image;
	}

	AttachShared();
	PG_TRY();
	{
		if (own || (!AttachPublished(&state) &&
					(ClaimBuild(&state) || !AttachPublished(&state))))
		{
			context = AllocSetContextCreate(CurrentMemoryContext, "medrec image",
											ALLOCSET_DEFAULT_SIZES);
			old = MemoryContextSwitchTo(context);
			built = BuildImage(&size);
			MemoryContextSwitchTo(old);

			DropImage();
			MemoryContextSetParent(context, TopMemoryContext);
			image_context = context;
			image = built;
			image_state = state;
			image_own = own;
			if (!own)
				Publish(&state, built, size);
		}
	}
	PG_CATCH();
	{
		EndBuild();
		PG_RE_THROW();
	}
	PG_END_TRY();
	EndBuild();
	NoteSeen(seen);
	return image;
}
