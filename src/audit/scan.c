/*
 * audit/scan.c
 *		Reads the tables of the trail by a query, a row at a time.
 */
#include "base/medrec.h"

#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "audit/event.h"
#include "audit/scan.h"
#include "audit/store.h"
#include "base/relations.h"

/* a receiver of rows that calls a function */
typedef struct ScanReceiver
{
	DestReceiver pub;
	AuditRowFunction function;
	void	   *arg;
	MemoryContext context;		/* reset after each row */
} ScanReceiver;

static void ScanStartup(DestReceiver *self, int operation, TupleDesc desc);
static bool ScanReceive(TupleTableSlot *slot, DestReceiver *self);
static void ScanShutdown(DestReceiver *self);

/* No-op: the rows need no preparation. */
static void
ScanStartup(DestReceiver *self, int operation, TupleDesc desc)
{
}

/* Receives a row. */
static bool
ScanReceive(TupleTableSlot *slot, DestReceiver *self)
{
	ScanReceiver *receiver = (ScanReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	receiver->function(slot, receiver->arg);
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->context);
	return true;
}

/* No-op: the receiver keeps nothing open. */
static void
ScanShutdown(DestReceiver *self)
{
}

/*
 * Runs a query under a snapshot and calls a function for each row, in a memory
 * context that is reset for each row. The result is never materialized. JIT is
 * off, because it takes more memory than everything else and has little to
 * compile here.
 */
void
audit_scan_at(Snapshot snapshot, const char *sql, AuditRowFunction function, void *arg)
{
	ScanReceiver receiver = {
		.pub = {
			.receiveSlot = ScanReceive,
			.rStartup = ScanStartup,
			.rShutdown = ScanShutdown,
			.rDestroy = ScanShutdown,
			.mydest = DestNone
		},
		.function = function,
		.arg = arg
	};
	SPIExecuteOptions options = {.read_only = true,.dest = &receiver.pub};
	int			level = NewGUCNestLevel();
	int			rc;

	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	receiver.context = AllocSetContextCreate(CurrentMemoryContext, "medrec audit scan",
											 ALLOCSET_DEFAULT_SIZES);
	SPI_connect();
	PushActiveSnapshot(snapshot);
	rc = SPI_execute_extended(sql, &options);
	if (rc < 0)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(rc));
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, level);
	MemoryContextDelete(receiver.context);
}

/* The same under the latest snapshot. */
void
audit_scan(const char *sql, AuditRowFunction function, void *arg)
{
	audit_scan_at(GetLatestSnapshot(), sql, function, arg);
}

/*
 * Switches to the owner of the audit trail, who can read all of it; an error
 * restores the user.
 */
void
audit_become_owner(Oid *user, int *sec_context)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(medrec_relation(AUDIT_TABLE)));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for medrec.%s", AUDIT_TABLE);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(user, sec_context);

	/*
	 * triggers and functions of an owner who is not a superuser must not run
	 * with the rights of a superuser who calls
	 */
	SetUserIdAndSecContext(owner, *sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   (superuser_arg(owner) ? 0 : SECURITY_RESTRICTED_OPERATION));
}

/* Bytes of a row; fits becomes false if their number differs from the wanted one. */
void
audit_bytes(TupleTableSlot *slot, int column, uint8 *out, int len, bool *fits)
{
	bytea	   *value;

	memset(out, 0, len);
	if (slot->tts_isnull[column])
	{
		*fits = false;
		return;
	}
	value = DatumGetByteaPP(slot->tts_values[column]);
	if (VARSIZE_ANY_EXHDR(value) != len)
		*fits = false;
	memcpy(out, VARDATA_ANY(value), Min(len, VARSIZE_ANY_EXHDR(value)));
}
