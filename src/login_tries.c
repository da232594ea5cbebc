/*
 * login_tries.c
 *		Tries to log in, remembered in shared memory, where no rollback reaches them.
 *
 * A wrong try is counted here before the password is looked at, and in a row at
 * the end of the caller's transaction if that commits.  The count that is newer
 * holds.  After a restart or crash of the server only the rows are left.  Where
 * the table is full, the try that is longest ago makes room.
 *
 * What is set up here is small enough for the room that every server keeps in
 * its shared memory, so that nothing need be preloaded.  Where even that is
 * missing, each session counts for itself.
 */
#include "medrec.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/memutils.h"

#include "login_tries.h"

/* counts that are remembered, tries that may run, and those of one database */
#define COUNTS			192
#define RUNNING			64
#define RUNNING_HERE	8

typedef struct SharedCount
{
	Oid			database;		/* InvalidOid where unused */
	int32		account;
	uint32		address;
	LoginCount	count;
} SharedCount;

typedef struct RunningTry
{
	int			pid;			/* 0 where unused */
	Oid			database;
	uint32		name;
} RunningTry;

typedef struct SharedTries
{
	slock_t		mutex;			/* held for one pass over an array */
	SharedCount counts[COUNTS];
	RunningTry	running[RUNNING];
} SharedTries;

static SharedTries *shared = NULL;

static void InitShared(void *ptr);
static void Attach(void);
static void EndTry(void);
static void EndWithTransaction(XactEvent event, void *arg);
static void EndWithBackend(int code, Datum arg);
static void ForgetDead(void);
static SharedCount *FindCount(int32 account, uint32 address, bool make);

/* Sets the shared memory up. */
static void
InitShared(void *ptr)
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
	found = medrec_shared_memory("medrec login tries 1", sizeof(SharedTries), InitShared);
	if (found == NULL)
	{
		found = MemoryContextAlloc(TopMemoryContext, sizeof(SharedTries));
		InitShared(found);
	}
	RegisterXactCallback(EndWithTransaction, NULL);
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

/* A transaction has ended, and the try with it. */
static void
EndWithTransaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		EndTry();
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

/* Begins a try for a name, unless another one runs or too many do. */
bool
login_try_begin(uint32 name)
{
	RunningTry *own = NULL;
	RunningTry *unused = NULL;
	int			here = 0;
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
			here++;
			taken = taken || running->name == name;
		}
	}
	if (own == NULL && here < RUNNING_HERE)
		own = unused;
	if (own != NULL && !taken)
	{
		own->pid = MyProcPid;
		own->database = MyDatabaseId;
		own->name = name;
	}
	SpinLockRelease(&shared->mutex);
	return own != NULL && !taken;
}

/* Finds a count, or makes room for it.  To be called under the lock. */
static SharedCount *
FindCount(int32 account, uint32 address, bool make)
{
	SharedCount *oldest = &shared->counts[0];
	int			i;

	for (i = 0; i < COUNTS; i++)
	{
		SharedCount *at = &shared->counts[i];

		if (at->database == MyDatabaseId && at->account == account && at->address == address)
			return at;
		if (at->database == InvalidOid ||
			(oldest->database != InvalidOid && at->count.last_failure < oldest->count.last_failure))
			oldest = at;
	}
	if (!make)
		return NULL;
	oldest->database = MyDatabaseId;
	oldest->account = account;
	oldest->address = address;
	return oldest;
}

/* Adds what shared memory knows and the committed row does not. */
void
login_count_merge(int32 account, uint32 address, LoginCount *count)
{
	SharedCount *found;

	Attach();
	SpinLockAcquire(&shared->mutex);
	found = FindCount(account, address, false);
	if (found != NULL && found->count.last_failure > count->last_failure &&
		found->count.last_failure > count->cleared_at)
	{
		count->failures = found->count.failures;
		count->last_failure = found->count.last_failure;
		count->locked_until = found->count.locked_until;
	}
	SpinLockRelease(&shared->mutex);
}

/* Remembers a count in shared memory, at once. */
void
login_count_store(int32 account, uint32 address, const LoginCount *count)
{
	Attach();
	SpinLockAcquire(&shared->mutex);
	FindCount(account, address, true)->count = *count;
	SpinLockRelease(&shared->mutex);
}

/* Forgets all counts of an account. */
void
login_count_forget(int32 account)
{
	int			i;

	Attach();
	SpinLockAcquire(&shared->mutex);
	for (i = 0; i < COUNTS; i++)
		if (shared->counts[i].database == MyDatabaseId && shared->counts[i].account == account)
			memset(&shared->counts[i], 0, sizeof(SharedCount));
	SpinLockRelease(&shared->mutex);
}
