/*
 * audit/worker.c
 *		Seals by itself: a background worker, where medrec is preloaded.
 *
 * A launcher without a database starts, every medrec.seal_interval seconds, one
 * short-lived worker per database that may be connected to; where medrec's tables
 * are, that one seals.  Elsewhere a line in cron does the same.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_database.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "audit/event.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "audit/worker.h"
#include "base/relations.h"

/* milliseconds after which the launcher looks around, when it has nothing to do */
#define LONGEST_PAUSE	(3600 * 1000L)

static int	seal_interval = 60;

PGDLLEXPORT void medrec_seal_launcher(Datum arg);
PGDLLEXPORT void medrec_seal_worker(Datum arg);

static List *Databases(MemoryContext context);
static void SealDatabase(Oid database);
static void SealAll(MemoryContext context);
static bool IsOurs(const char *name, int nargs, const Oid *args);
static bool MayRun(const char *name, int nargs, const Oid *args);
static void RunAndCommit(const char *query);

/* Defines the settings, and registers the launcher while the server starts. */
void
audit_worker_init(void)
{
	BackgroundWorker worker;

	/*
	 * medrec.seal_interval: seconds between two sealings of the audit trail
	 * by the background worker; 0 stops it.  What is not sealed yet can be
	 * removed without a trace, so it is short.
	 */
	DefineCustomIntVariable("medrec.seal_interval",
							"Time between two sealings of the audit trail; 0 for none.",
							"Needs medrec in shared_preload_libraries.",
							&seal_interval,
							60, 0, 86400,
							PGC_SIGHUP,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	if (!process_shared_preload_libraries_in_progress)
		return;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 60;
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "medrec");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "medrec_seal_launcher");
	snprintf(worker.bgw_name, BGW_MAXLEN, "medrec seal launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "medrec seal launcher");
	RegisterBackgroundWorker(&worker);
}

/* The databases that may be connected to. */
static List *
Databases(MemoryContext context)
{
	List	   *databases = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (database->datallowconn && !database->datistemplate)
		{
			MemoryContext old = MemoryContextSwitchTo(context);

			databases = lappend_oid(databases, database->oid);
			MemoryContextSwitchTo(old);
		}
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return databases;
}

/* Starts the worker of a database and waits for its end. */
static void
SealDatabase(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "medrec");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "medrec_seal_worker");
	snprintf(worker.bgw_name, BGW_MAXLEN, "medrec seal worker for database %u", database);
	snprintf(worker.bgw_type, BGW_MAXLEN, "medrec seal worker");

	/* no slot free: the next round comes */
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		(void) WaitForBackgroundWorkerShutdown(handle);
}

/* A round over all databases. */
static void
SealAll(MemoryContext context)
{
	ListCell   *cell;

	foreach(cell, Databases(context))
	{
		CHECK_FOR_INTERRUPTS();
		SealDatabase(lfirst_oid(cell));
	}
	MemoryContextReset(context);
}

/* The launcher: a round, then a pause. */
void
medrec_seal_launcher(Datum arg)
{
	MemoryContext context;
	TimestampTz last;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	context = AllocSetContextCreate(TopMemoryContext, "medrec seal launcher",
									ALLOCSET_DEFAULT_SIZES);

	/* at once: a server that was promoted records its era */
	last = 0;
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		long		pause = LONGEST_PAUSE;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		/* a clock that was set back does not prolong the pause */
		last = Min(last, now);
		if (seal_interval > 0)
		{
			TimestampTz due = TimestampTzPlusMilliseconds(last, seal_interval * INT64CONST(1000));

			if (now >= due)
			{
				SealAll(context);
				last = GetCurrentTimestamp();
				continue;
			}
			pause = TimestampDifferenceMilliseconds(now, due);
		}

		/*
		 * what sets the latch, the end of a worker or a new setting, is
		 * looked at above
		 */
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 pause, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/*
 * Is a function of schema medrec the extension's own, in C?  The worker is the
 * server's first superuser, and comes to every database: the owner of one may
 * have put a function of that name there.
 */
static bool
IsOurs(const char *name, int nargs, const Oid *args)
{
	Oid			function = LookupFuncName(list_make2(makeString(MEDREC_SCHEMA), makeString(pstrdup(name))),
										  nargs, args, true);
	Oid			extension = get_extension_oid("medrec", true);
	HeapTuple	tuple;
	Form_pg_proc proc;
	bool		ours;

	if (!OidIsValid(function) || !OidIsValid(extension) ||
		getExtensionOfObject(ProcedureRelationId, function) != extension)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	ours = proc->prolang == ClanguageId && superuser_arg(proc->proowner);
	ReleaseSysCache(tuple);
	return ours;
}

/* Is there something to seal, and is a function the one that does it? */
static bool
MayRun(const char *name, int nargs, const Oid *args)
{
	return OidIsValid(medrec_relation_if_any(AUDIT_TABLE)) &&
		OidIsValid(medrec_relation_if_any(AUDIT_SEAL_TABLE)) &&
		IsOurs(name, nargs, args);
}

/*
 * Runs a function of ours, and commits with the rights of the trail's owner: what
 * triggers the owner has put on medrec's tables, deferred ones, are not the
 * superuser's.  The function itself becomes the owner.
 */
static void
RunAndCommit(const char *query)
{
	Oid			user;
	int			sec_context;

	pgstat_report_activity(STATE_RUNNING, query);
	SPI_connect();

	/*
	 * an error ends the worker and goes to the log; the next round tries
	 * again
	 */
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\"", query);
	SPI_finish();
	PopActiveSnapshot();
	audit_become_owner(&user, &sec_context);
	CommitTransactionCommand();
	SetUserIdAndSecContext(user, sec_context);
}

/* The worker of one database: seals, where medrec's tables are, and ends. */
void
medrec_seal_worker(Datum arg)
{
	Oid			int4 = INT4OID;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!MayRun("seal_audit", 0, NULL))
		proc_exit(0);
	RunAndCommit("SELECT FROM medrec.seal_audit()");

	/*
	 * afterwards, because it may take a minute at the beginning of a month;
	 * the extension may be older than the library
	 */
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (MayRun("index_audit", 1, &int4))
		RunAndCommit("SELECT FROM medrec.index_audit()");
	proc_exit(0);
}
