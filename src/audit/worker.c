/*
 * audit/worker.c
 *		Background workers that seal the audit trail, if medrec is preloaded.
 *
 * Every medrec.seal_interval seconds a launcher without a database starts one
 * short-lived worker per database that allows connections, which seals if the
 * database has medrec's tables. Without preloading, a cron job can do the
 * same.
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

/* sleep of an idle launcher, in milliseconds */
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
	 * by the background worker; 0 stops it. Events that are not sealed yet
	 * can be removed without a trace, so the default is short.
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

/* The databases that allow connections. */
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

	/* no free slot: the next round tries again */
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

	/* at once, so that a promoted server records its era */
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
		 * the causes of a set latch, the end of a worker or a new setting,
		 * are checked above
		 */
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 pause, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/*
 * Is a function of schema medrec a C function of the extension? The worker
 * runs as the bootstrap superuser in every database, whose owner may have
 * created a function of that name.
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

/* Is there something to seal, and does the function belong to the extension? */
static bool
MayRun(const char *name, int nargs, const Oid *args)
{
	return OidIsValid(medrec_relation_if_any(AUDIT_TABLE)) &&
		OidIsValid(medrec_relation_if_any(AUDIT_SEAL_TABLE)) &&
		IsOurs(name, nargs, args);
}

/*
 * Runs a function of the extension, and commits with the rights of the trail's
 * owner, so that deferred triggers that the owner has put on medrec's tables
 * do not run as superuser. The function itself switches to the owner.
 */
static void
RunAndCommit(const char *query)
{
	Oid			user;
	int			sec_context;

	pgstat_report_activity(STATE_RUNNING, query);
	SPI_connect();

	/*
	 * an error ends the worker and is logged; the next round tries again
	 */
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\"", query);
	SPI_finish();
	PopActiveSnapshot();
	audit_become_owner(&user, &sec_context);
	CommitTransactionCommand();
	SetUserIdAndSecContext(user, sec_context);
}

/* The worker of one database: seals if there are medrec's tables, and exits. */
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
	 * last, because it may take a minute at the beginning of a month; the
	 * extension may be older than the library
	 */
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (MayRun("index_audit", 1, &int4))
		RunAndCommit("SELECT FROM medrec.index_audit()");
	proc_exit(0);
}
