/*
 * access/login_tries.c
 *		Counts of login attempts in shared memory, which no rollback undoes.
 *
 * A failed attempt is counted here before the password is checked, and in a
 * row when the caller's transaction commits. The newer count is used. Attempts
 * that were rolled back are reported to the next sealing, which records an
 * audit event. After a restart or crash of the server only the rows are left.
 *
 * When the table is full, the least recently used address is evicted; the
 * counts for all addresses are evicted last.
 *
 * The table is small enough for the spare room in every server's shared
 * memory, so the library need not be preloaded. If there is no room left, each
 * session counts for itself.
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
 * Number of counts kept; of attempts that may run at the same time in total,
 * in one database, from one address, and from all addresses where nobody has
 * ever logged in.
 */
#define COUNTS				128
#define RUNNING				64
#define RUNNING_HERE		8
#define RUNNING_ADDRESS		6
#define RUNNING_STRANGERS	6

/* a wait doubles with each attempt, up to this many seconds */
#define LONGEST_WAIT	900

/* after a day without a failure the count starts again */
#define FORGET_AFTER	(INT64CONST(86400) * USECS_PER_SEC)

typedef struct SharedCount
{
	Oid			database;		/* InvalidOid where unused */
	int32		account;
	char		address[LOGIN_ADDRESS_BYTES];
	LoginCount	count;
	int32		lost;			/* attempts rolled back that no event reports
								 * yet */
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

/* What to do for a count when the transaction or a subtransaction ends. */
typedef struct Mark
{
	int32		account;
	char		address[LOGIN_ADDRESS_BYTES];
	SubTransactionId subid;
	int32		told;			/* number of lost attempts that it has
								 * reported; 0 if it is an attempt itself */
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

/* Ends this backend's attempt, if any. */
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

/* Applies a mark: an attempt is lost, or lost ones have been reported. */
static void
EndMark(const Mark *mark, bool committed)
{
	SharedCount *count;

	if (mark->told == 0 && committed)
		return;
	SpinLockAcquire(&shared->mutex);
	count = FindCount(mark->account, mark->address, false);
	if (count == NULL)
		;						/* it has been evicted */
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

/* A transaction has ended, and its attempt with it. */
static void
EndWithTransaction(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	/* a prepared transaction may still be rolled back */
	foreach(cell, marks)
		EndMark(lfirst(cell), event == XACT_EVENT_COMMIT);
	marks = NIL;
	EndTry();
}

/* A subtransaction has been rolled back. */
static void
EndWithSubtransaction(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	/* its own subtransactions, and only these, have higher ids */
	while (event == SUBXACT_EVENT_ABORT_SUB && marks != NIL &&
		   ((Mark *) llast(marks))->subid >= subid)
	{
		EndMark(llast(marks), false);
		marks = list_delete_last(marks);
	}
}

/* The backend exits, possibly during an attempt. */
static void
EndWithBackend(int code, Datum arg)
{
	EndTry();
}

/* Removes attempts of processes that no longer exist. */
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
 * Begins an attempt for a name, unless another one or too many are running.
 * This depends only on the name and the address, not on whether the account
 * exists.
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

/* Is a count evicted before another one? */
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
 * Counts a failed attempt at once, in addition to those that other sessions
 * have counted meanwhile: an account may be tried by name and by e-mail
 * address at the same time. Returns whether a wait begins with it.
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

/* Stores a count in shared memory, at once. */
void
login_count_store(int32 account, const char *address, const LoginCount *count)
{
	Attach();
	SpinLockAcquire(&shared->mutex);
	FindCount(account, address, true)->count = *count;
	SpinLockRelease(&shared->mutex);
}

/* Removes all counts of an account, but not the record of attempts that were rolled back. */
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

/* Adds a mark for the current subtransaction. */
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

/* From now on, the attempt is lost if the transaction is rolled back. */
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

/* The attempts that were rolled back and have not been reported. */
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
