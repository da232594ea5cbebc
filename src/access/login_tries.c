/*
 * access/login_tries.c
 *		Tries to log in, remembered in shared memory, where no rollback reaches them.
 *
 * A wrong try is counted here before the password is looked at, and in a row at
 * the end of the caller's transaction if that commits.  The count that is newer
 * holds.  What was rolled back is told to the next sealing, which leaves an event
 * of it.  After a restart or crash of the server only the rows are left.
 *
 * Where the table is full, the address that is longest ago makes room; the counts
 * of all addresses go last.
 *
 * What is set up here is small enough for the room that every server keeps in
 * its shared memory, so that nothing need be preloaded.  Where even that is
 * missing, each session counts for itself.
 */
#include "base/medrec.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/memutils.h"

#include "access/login_tries.h"

/*
 * Counts that are remembered; tries that may run in all, in one database, and
 * there from one address, or from all where nobody has ever logged in.
 */
#define COUNTS				128
#define RUNNING				64
#define RUNNING_HERE		8
#define RUNNING_ADDRESS		6
#define RUNNING_STRANGERS	6

/* a wait doubles with each try, up to so many seconds */
#define LONGEST_WAIT	900

/* a day without a failure, and the count starts anew */
#define FORGET_AFTER	(INT64CONST(86400) * USECS_PER_SEC)

typedef struct SharedCount
{
	Oid			database;		/* InvalidOid where unused */
	int32		account;
	char		address[LOGIN_ADDRESS_BYTES];
	LoginCount	count;
	int32		lost;			/* tries rolled back of which no event tells */
	int			teller;			/* the process that is writing one, 0 for none */
} SharedCount;

typedef struct RunningTry
{
	int			pid;			/* 0 where unused */
	Oid			database;
	uint32		name;
	char		address[LOGIN_ADDRESS_BYTES];
	bool		stranger;		/* nobody has ever logged in from there */
} RunningTry;

typedef struct SharedTries
{
	slock_t		mutex;			/* held for one pass over an array */
	SharedCount counts[COUNTS];
	RunningTry	running[RUNNING];
} SharedTries;

/* What is to be done for a count when the transaction, or a part of it, ends. */
typedef struct Mark
{
	int32		account;
	char		address[LOGIN_ADDRESS_BYTES];
	SubTransactionId subid;
	int32		told;			/* lost tries that it has told of; 0: it is a
								 * try */
} Mark;

static SharedTries *shared = NULL;
static List *marks = NIL;		/* in TopTransactionContext */

static void InitSharedTries(void *ptr);
static void Attach(void);
static void EndTry(void);
static void EndMark(const Mark *mark, bool committed);
static void EndWithTransaction(XactEvent event, void *arg);
static void EndWithSubtransaction(SubXactEvent event, SubTransactionId subid,
								  SubTransactionId parent, void *arg);
static void EndWithBackend(int code, Datum arg);
static void ForgetDead(void);
static bool GoesBefore(const SharedCount *a, const SharedCount *b);
static SharedCount *FindCount(int32 account, const char *address, bool make);
static void MergeCount(const SharedCount *found, LoginCount *count);
static Mark *AddMark(int32 account, const char *address);

/* Sets the shared memory up. */
static void
InitSharedTries(void *ptr)
{
	SharedTries *tries = (SharedTries *) ptr;

	memset(tries, 0, sizeof(SharedTries));
	SpinLockInit(&tries->mutex);
}

/* Finds the shared memory, once. */
static void
Attach(void)
{
	SharedTries *found;

	if (shared != NULL)
		return;
	found = medrec_shared_memory("medrec login tries 2", sizeof(SharedTries), InitSharedTries);
	if (found == NULL)
	{
		found = MemoryContextAlloc(TopMemoryContext, sizeof(SharedTries));
		InitSharedTries(found);
	}
	RegisterXactCallback(EndWithTransaction, NULL);
	RegisterSubXactCallback(EndWithSubtransaction, NULL);
	before_shmem_exit(EndWithBackend, (Datum) 0);
	shared = found;
}

/* Ends the try that this backend runs, if any. */
static void
EndTry(void)
{
	int			i;

	SpinLockAcquire(&shared->mutex);
	for (i = 0; i < RUNNING; i++)
		if (shared->running[i].pid == MyProcPid)
			shared->running[i].pid = 0;
	SpinLockRelease(&shared->mutex);
}

/* What a mark was there for: a try is lost, or lost ones have been told. */
static void
EndMark(const Mark *mark, bool committed)
{
	SharedCount *count;

	if (mark->told == 0 && committed)
		return;
	SpinLockAcquire(&shared->mutex);
	count = FindCount(mark->account, mark->address, false);
	if (count == NULL)
		;						/* it has made room for others */
	else if (mark->told == 0)
		count->lost++;
	else if (count->teller == MyProcPid)
	{
		count->teller = 0;
		if (committed)
			count->lost -= mark->told;
	}
	SpinLockRelease(&shared->mutex);
}

/* A transaction has ended, and the try with it. */
static void
EndWithTransaction(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	/* of what is prepared nobody knows whether it will be committed */
	foreach(cell, marks)
		EndMark(lfirst(cell), event == XACT_EVENT_COMMIT);
	marks = NIL;
	EndTry();
}

/* A part of a transaction has been rolled back. */
static void
EndWithSubtransaction(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	/* the parts within it have higher numbers, and so has nothing else */
	while (event == SUBXACT_EVENT_ABORT_SUB && marks != NIL &&
		   ((Mark *) llast(marks))->subid >= subid)
	{
		EndMark(llast(marks), false);
		marks = list_delete_last(marks);
	}
}

/* The backend ends, perhaps within a try. */
static void
EndWithBackend(int code, Datum arg)
{
	EndTry();
}

/* Forgets tries of processes that are no longer there. */
static void
ForgetDead(void)
{
	int			i;

	for (i = 0; i < RUNNING; i++)
	{
		int			pid = shared->running[i].pid;

		if (pid == 0 || BackendPidGetProc(pid) != NULL)
			continue;
		SpinLockAcquire(&shared->mutex);
		if (shared->running[i].pid == pid)
			shared->running[i].pid = 0;
		SpinLockRelease(&shared->mutex);
	}
}

/*
 * Begins a try for a name, unless another one runs or too many do.  What decides is
 * the name and the address, never whether there is such an account.
 */
bool
login_try_begin(uint32 name, const char *address, bool stranger)
{
	RunningTry *own = NULL;
	RunningTry *unused = NULL;
	int			here = 0;
	int			near = 0;
	int			strangers = 0;
	bool		taken = false;
	int			i;

	Attach();
	ForgetDead();
	SpinLockAcquire(&shared->mutex);
	for (i = 0; i < RUNNING; i++)
	{
		RunningTry *running = &shared->running[i];

		if (running->pid == MyProcPid)
			own = running;
		else if (running->pid == 0)
			unused = running;
		else if (running->database == MyDatabaseId)
		{
			bool		same = strncmp(running->address, address, LOGIN_ADDRESS_BYTES - 1) == 0;

			here++;
			near += same ? 1 : 0;
			strangers += running->stranger ? 1 : 0;
			taken = taken || (running->name == name && (same || (stranger && running->stranger)));
		}
	}
	if (here >= RUNNING_HERE || near >= RUNNING_ADDRESS || (stranger && strangers >= RUNNING_STRANGERS))
		taken = true;
	if (own == NULL)
		own = unused;
	if (own != NULL && !taken)
	{
		own->pid = MyProcPid;
		own->database = MyDatabaseId;
		own->name = name;
		own->stranger = stranger;
		strlcpy(own->address, address, LOGIN_ADDRESS_BYTES);
	}
	SpinLockRelease(&shared->mutex);
	return own != NULL && !taken;
}

/* Does a count make room before another one? */
static bool
GoesBefore(const SharedCount *a, const SharedCount *b)
{
	bool		a_all = a->address[0] == '\0';
	bool		b_all = b->address[0] == '\0';

	if (!OidIsValid(a->database) || !OidIsValid(b->database))
		return OidIsValid(b->database);
	return a_all != b_all ? b_all : a->count.last_failure < b->count.last_failure;
}

/* Finds a count, or makes room for it.  To be called under the lock. */
static SharedCount *
FindCount(int32 account, const char *address, bool make)
{
	SharedCount *first = &shared->counts[0];
	int			i;

	for (i = 0; i < COUNTS; i++)
	{
		SharedCount *at = &shared->counts[i];

		if (at->database == MyDatabaseId && at->account == account &&
			strcmp(at->address, address) == 0)
			return at;
		if (GoesBefore(at, first))
			first = at;
	}
	if (!make)
		return NULL;
	memset(first, 0, sizeof(SharedCount));
	first->database = MyDatabaseId;
	first->account = account;
	strlcpy(first->address, address, LOGIN_ADDRESS_BYTES);
	return first;
}

/* Adds what shared memory knows and the committed row does not.  To be called under the lock. */
static void
MergeCount(const SharedCount *found, LoginCount *count)
{
	if (found != NULL && found->count.last_failure > count->last_failure &&
		found->count.last_failure > count->cleared_at)
	{
		count->failures = found->count.failures;
		count->last_failure = found->count.last_failure;
		count->locked_until = found->count.locked_until;
	}
}

/* The same. */
void
login_count_merge(int32 account, const char *address, LoginCount *count)
{
	Attach();
	SpinLockAcquire(&shared->mutex);
	MergeCount(FindCount(account, address, false), count);
	SpinLockRelease(&shared->mutex);
}

/*
 * Counts a wrong try, at once, on top of those that others have counted meanwhile:
 * an account may be tried by its name and by its e-mail address side by side.
 * Does a wait begin with it?
 */
bool
login_count_failure(int32 account, const char *address, LoginCount *count, int allowed, TimestampTz now)
{
	SharedCount *shared_count;

	Attach();
	SpinLockAcquire(&shared->mutex);
	shared_count = FindCount(account, address, true);
	MergeCount(shared_count, count);
	if (count->last_failure + FORGET_AFTER < now)
		count->failures = 0;
	if (count->failures < PG_INT32_MAX)
		count->failures++;
	count->last_failure = Max(now, count->last_failure + 1);
	if (count->failures >= allowed)
		count->locked_until = now + USECS_PER_SEC *
			Min(INT64CONST(1) << Min(count->failures - allowed, 16), LONGEST_WAIT);
	shared_count->count = *count;
	SpinLockRelease(&shared->mutex);
	return count->failures >= allowed;
}

/* Remembers a count in shared memory, at once. */
void
login_count_store(int32 account, const char *address, const LoginCount *count)
{
	Attach();
	SpinLockAcquire(&shared->mutex);
	FindCount(account, address, true)->count = *count;
	SpinLockRelease(&shared->mutex);
}

/* Forgets all counts of an account; not that tries of it were rolled back. */
void
login_count_forget(int32 account)
{
	int			i;

	Attach();
	SpinLockAcquire(&shared->mutex);
	for (i = 0; i < COUNTS; i++)
		if (shared->counts[i].database == MyDatabaseId && shared->counts[i].account == account)
			memset(&shared->counts[i].count, 0, sizeof(LoginCount));
	SpinLockRelease(&shared->mutex);
}

/* Makes a mark of the present part of the transaction. */
static Mark *
AddMark(int32 account, const char *address)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Mark	   *mark = palloc0(sizeof(Mark));

	mark->account = account;
	strlcpy(mark->address, address, LOGIN_ADDRESS_BYTES);
	mark->subid = GetCurrentSubTransactionId();
	marks = lappend(marks, mark);
	MemoryContextSwitchTo(old);
	return mark;
}

/* A try is lost if the transaction is rolled back from now on. */
void
login_try_mark(int32 account, const char *address)
{
	Attach();
	(void) AddMark(account, address);
}

/* The last try was a login. */
void
login_try_unmark(void)
{
	marks = list_delete_last(marks);
}

/* The tries that were rolled back and that nobody has told of. */
LostTries *
login_tries_lost(int *n)
{
	LostTries  *lost = palloc(COUNTS * sizeof(LostTries));
	int			i;

	Attach();
	*n = 0;
	SpinLockAcquire(&shared->mutex);
	for (i = 0; i < COUNTS; i++)
	{
		SharedCount *count = &shared->counts[i];

		if (count->database != MyDatabaseId || count->lost == 0 || count->teller != 0)
			continue;
		lost[*n].account = count->account;
		strlcpy(lost[*n].address, count->address, LOGIN_ADDRESS_BYTES);
		lost[*n].tries = count->lost;
		lost[*n].count = count->count;
		(*n)++;
	}
	SpinLockRelease(&shared->mutex);

	for (i = 0; i < *n; i++)
	{
		SharedCount *count;
		Mark	   *mark = AddMark(lost[i].account, lost[i].address);

		mark->told = lost[i].tries;
		SpinLockAcquire(&shared->mutex);
		count = FindCount(mark->account, mark->address, false);
		if (count != NULL && count->teller == 0)
			count->teller = MyProcPid;
		SpinLockRelease(&shared->mutex);
	}
	return lost;
}
