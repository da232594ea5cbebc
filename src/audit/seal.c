/*
 * audit/seal.c
 *		medrec.seal_audit(): puts finished transactions under a Merkle root.
 *
 * All transactions before the oldest running one have ended, so the range can
 * get no further events, and is sealed without a lock that would block
 * writers. Each seal is a leaf of a second tree, whose root (the head) covers
 * all seals so far; a head that is kept elsewhere pins the whole trail.
 */
#include "base/medrec.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "audit/access_verify.h"
#include "audit/era.h"
#include "audit/event.h"
#include "audit/import.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "base/actor.h"
#include "base/columns.h"
#include "base/relations.h"

#define SEAL_COLUMNS	"seal, era, first_xid, end_xid, events, total, sealed_at, sealed_by," \
						" root, previous_head, head, frontier, %s"

/* the text of a seal begins with its version: with a snapshot of rights, 2 */
#define SEAL_NAME		"medrec-seal-1;"
#define SEAL_NAME_ACCESS	"medrec-seal-2;"

/* microseconds between 1970 and PostgreSQL's own epoch */
#define EPOCH_SHIFT	\
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* more months are made when fewer than this many are left, and how many then */
#define MONTHS_NEEDED	2

/* arguments of audit_read_seals() */
typedef struct SealReader
{
	void		(*function) (const AuditSeal *seal, void *arg);
	void	   *arg;
} SealReader;

/* a range that is being sealed */
typedef struct Range
{
	MerkleTree	tree;
	int64		max_xid;
} Range;

static int64 Int64Of(TupleTableSlot *slot, int column);
static const char *AccessColumn(void);
static void ReceiveSeal(TupleTableSlot *slot, void *arg);
static void KeepLastSeal(const AuditSeal *seal, void *arg);
static void PutSealNumber(StringInfo out, int64 number);
static void PutSealHex(StringInfo out, const uint8 *data, int len);
static void AddEvent(TupleTableSlot *slot, void *arg);
static bool SealRange(AuditSeal *last, int32 era, int64 end_xid, const uint8 *access);
static void WriteSeal(const AuditSeal *seal);
static bool EraHasEnded(const AuditEra *eras, int n, int at, int64 horizon);
static void MakeMonthsAhead(void);

void		(*audit_seal_hook) (void) = NULL;

PG_FUNCTION_INFO_V1(medrec_seal_audit);

/* A bigint of a row, 0 for null. */
static int64
Int64Of(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetInt64(slot->tts_values[column]);
}

/* Do seals have the column for the snapshot of rights, which is missing in 0.1? */
bool
audit_seals_have_access(void)
{
	return column_exists(medrec_relation(AUDIT_SEAL_TABLE), "access");
}

/* That column for a SELECT. */
static const char *
AccessColumn(void)
{
	return audit_seals_have_access() ? "access" : "NULL::pg_catalog.bytea";
}

/* Reads a seal from a row of SEAL_COLUMNS. */
static void
ReceiveSeal(TupleTableSlot *slot, void *arg)
{
	SealReader *reader = arg;
	AuditSeal	seal;
	bytea	   *frontier;

	seal.well_formed = true;
	seal.seal = Int64Of(slot, 0);
	seal.era = DatumGetInt32(slot->tts_values[1]);
	seal.first_xid = Int64Of(slot, 2);
	seal.end_xid = Int64Of(slot, 3);
	seal.events = Int64Of(slot, 4);
	seal.total = Int64Of(slot, 5);
	seal.sealed_at = DatumGetTimestampTz(slot->tts_values[6]);
	seal.sealed_by = TextDatumGetCString(slot->tts_values[7]);
	audit_bytes(slot, 8, seal.root, SHA256_LENGTH, &seal.well_formed);
	audit_bytes(slot, 9, seal.previous_head, SHA256_LENGTH, &seal.well_formed);
	audit_bytes(slot, 10, seal.head, SHA256_LENGTH, &seal.well_formed);
	frontier = DatumGetByteaPP(slot->tts_values[11]);
	seal.frontier_len = VARSIZE_ANY_EXHDR(frontier);
	if (seal.frontier_len > sizeof(seal.frontier))
	{
		seal.frontier_len = 0;
		seal.well_formed = false;
	}
	memcpy(seal.frontier, VARDATA_ANY(frontier), seal.frontier_len);
	seal.has_access = !slot->tts_isnull[12];
	if (seal.has_access)
		audit_bytes(slot, 12, seal.access, SHA256_LENGTH, &seal.well_formed);
	reader->function(&seal, reader->arg);
}

/* Calls a function for each seal from first to last, in their order. */
void
audit_read_seals(int64 first, int64 last,
				 void (*function) (const AuditSeal *seal, void *arg), void *arg)
{
	SealReader	reader = {function, arg};

	audit_scan(psprintf("SELECT " SEAL_COLUMNS " FROM medrec.audit_seal"
						" WHERE seal >= '" INT64_FORMAT "'::bigint"
						" AND seal <= '" INT64_FORMAT "'::bigint ORDER BY seal",
						AccessColumn(), first, last), ReceiveSeal, &reader);
}

/* Copies a seal to where the argument points. */
static void
KeepLastSeal(const AuditSeal *seal, void *arg)
{
	AuditSeal  *kept = arg;

	*kept = *seal;
	kept->sealed_by = NULL;
}

/* Reads the last seal; false if there is none. */
bool
audit_read_last_seal(AuditSeal *seal)
{
	SealReader	reader = {KeepLastSeal, seal};

	seal->seal = 0;
	audit_scan(psprintf("SELECT " SEAL_COLUMNS " FROM medrec.audit_seal ORDER BY seal DESC LIMIT 1",
						AccessColumn()), ReceiveSeal, &reader);
	return seal->seal != 0;
}

/* Writes a number as a field of a seal's text. */
static void
PutSealNumber(StringInfo out, int64 number)
{
	char		digits[MAXINT8LEN + 1];
	int			len = pg_lltoa(number, digits);

	appendStringInfo(out, "%d:%s;", len, digits);
}

/* Writes bytes as a hexadecimal field of a seal's text. */
static void
PutSealHex(StringInfo out, const uint8 *data, int len)
{
	int			i;

	appendStringInfo(out, "%d:", len * 2);
	for (i = 0; i < len; i++)
		appendStringInfo(out, "%02x", data[i]);
	appendStringInfoChar(out, ';');
}

/* The canonical text of a seal: like an event's, fields with their lengths. */
char *
audit_seal_text(const AuditSeal *seal)
{
	StringInfoData out;
	char	   *name = pg_server_to_any(seal->sealed_by, strlen(seal->sealed_by), PG_UTF8);

	initStringInfo(&out);
	appendStringInfoString(&out, seal->has_access ? SEAL_NAME_ACCESS : SEAL_NAME);
	PutSealNumber(&out, seal->seal);
	PutSealNumber(&out, seal->era);
	PutSealNumber(&out, seal->first_xid);
	PutSealNumber(&out, seal->end_xid);
	PutSealNumber(&out, seal->events);
	PutSealNumber(&out, seal->total);
	PutSealNumber(&out, seal->sealed_at + EPOCH_SHIFT);
	appendStringInfo(&out, "%d:%s;", (int) strlen(name), name);
	PutSealHex(&out, seal->root, SHA256_LENGTH);
	PutSealHex(&out, seal->previous_head, SHA256_LENGTH);
	if (seal->has_access)
		PutSealHex(&out, seal->access, SHA256_LENGTH);
	return out.data;
}

/* The leaf of a seal in the log of seals. */
void
audit_seal_leaf(const AuditSeal *seal, uint8 *leaf)
{
	char	   *text = audit_seal_text(seal);

	merkle_leaf(text, strlen(text), leaf);
	pfree(text);
}

/* The transaction before which all have ended, as the latest snapshot sees it. */
int64
audit_horizon(void)
{
	TransactionId xmin = GetLatestSnapshot()->xmin;
	uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());
	uint64		epoch = next >> 32;

	if (xmin > (uint32) next)
		epoch--;
	return (int64) (epoch << 32 | xmin);
}

/* Adds an event's leaf to the range. */
static void
AddEvent(TupleTableSlot *slot, void *arg)
{
	Range	   *range = arg;
	uint8		leaf[SHA256_LENGTH];
	bool		fits = true;

	/* an invalid leaf is for verify_audit() to report */
	audit_bytes(slot, 2, leaf, SHA256_LENGTH, &fits);
	merkle_add(&range->tree, leaf);
	range->max_xid = Int64Of(slot, 0);
}

/*
 * Seals the events of an era from the last seal's end up to end_xid, or all of
 * them if that is 0, with the digest of a snapshot of rights or NULL.  False if
 * there are none.
 */
static bool
SealRange(AuditSeal *last, int32 era, int64 end_xid, const uint8 *access)
{
	AuditSeal	seal;
	Range		range;
	MerkleTree	log;
	uint8		leaf[SHA256_LENGTH];

	memset(&seal, 0, sizeof(seal));
	seal.era = era;
	seal.first_xid = last->seal > 0 && last->era == era ? last->end_xid : 0;
	if (end_xid != 0 && end_xid <= seal.first_xid)
		return false;
	merkle_init(&range.tree);
	range.max_xid = 0;
	audit_scan(psprintf("SELECT xid, n, leaf FROM medrec.audit_event"
						" WHERE era = %d AND xid >= '" INT64_FORMAT "'::bigint"
						" AND xid < '" INT64_FORMAT "'::bigint ORDER BY xid, n",
						era, seal.first_xid, end_xid ? end_xid : PG_INT64_MAX),
			   AddEvent, &range);
	if (range.tree.size == 0)
		return false;

	seal.seal = last->seal + 1;
	seal.end_xid = end_xid ? end_xid : range.max_xid + 1;
	seal.events = range.tree.size;
	seal.total = last->total + seal.events;
	merkle_root(&range.tree, seal.root);
	seal.has_access = access != NULL;
	if (access)
		memcpy(seal.access, access, SHA256_LENGTH);
	seal.sealed_at = GetCurrentTimestamp();
	seal.sealed_by = GetUserNameFromId(GetSessionUserId(), false);
	if (!merkle_restore(&log, last->seal, last->frontier, last->frontier_len))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("seal " INT64_FORMAT " of the audit trail is damaged", last->seal),
				 errhint("Run SELECT * FROM medrec.verify_audit().")));
	merkle_root(&log, seal.previous_head);
	audit_seal_leaf(&seal, leaf);
	merkle_add(&log, leaf);
	merkle_root(&log, seal.head);
	seal.frontier_len = log.nnodes * SHA256_LENGTH;
	memcpy(seal.frontier, log.nodes, seal.frontier_len);
	WriteSeal(&seal);
	*last = seal;
	return true;
}

/* Writes a seal's row. */
static void
WriteSeal(const AuditSeal *seal)
{
	static const char *const names[] = {
		"seal", "era", "first_xid", "end_xid", "events", "total", "sealed_at", "sealed_by",
		"root", "previous_head", "head", "frontier", "access"
	};
	Datum		values[lengthof(names)];
	bool		nulls[lengthof(names)] = {false};
	Oid			relid = medrec_relation(AUDIT_SEAL_TABLE);

#define BYTES(data, len) \
	PointerGetDatum(cstring_to_text_with_len((const char *) (data), (len)))

	values[0] = Int64GetDatum(seal->seal);
	values[1] = Int32GetDatum(seal->era);
	values[2] = Int64GetDatum(seal->first_xid);
	values[3] = Int64GetDatum(seal->end_xid);
	values[4] = Int64GetDatum(seal->events);
	values[5] = Int64GetDatum(seal->total);
	values[6] = TimestampTzGetDatum(seal->sealed_at);
	values[7] = CStringGetTextDatum(seal->sealed_by);
	values[8] = BYTES(seal->root, SHA256_LENGTH);
	values[9] = BYTES(seal->previous_head, SHA256_LENGTH);
	values[10] = BYTES(seal->head, SHA256_LENGTH);
	values[11] = BYTES(seal->frontier, seal->frontier_len);
	values[12] = BYTES(seal->access, SHA256_LENGTH);
	nulls[12] = !seal->has_access;
	audit_insert_row(relid, audit_seals_have_access() ? lengthof(names) : lengthof(names) - 1,
					 names, values, nulls);
}

/*
 * Makes the coming months' partitions when few are left. If a reader blocks
 * it, sealing continues, and the next sealing tries again.
 */
static void
MakeMonthsAhead(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	struct pg_tm tm;
	fsec_t		fsec;
	int			month;

	if (timestamp2tm(GetCurrentTimestamp(), NULL, &tm, &fsec, NULL, NULL) != 0)
		return;
	month = tm.tm_mon - 1 + MONTHS_NEEDED;
	if (OidIsValid(medrec_relation_if_any(psprintf(AUDIT_TABLE "_%04d_%02d",
												   tm.tm_year + month / 12, month % 12 + 1))))
		return;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		SPI_connect();
		(void) SPI_execute("SELECT medrec.audit_partitions()", false, 0);
		SPI_finish();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		/* a cancelled query is cancelled */
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		ereport(WARNING,
				(errmsg("could not make the audit trail's coming partitions: %s",
						error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/*
 * Whether an era other than the current one can get no further events. A
 * transaction that was prepared before a promotion may still be committed.
 */
static bool
EraHasEnded(const AuditEra *eras, int n, int at, int64 horizon)
{
	return at + 1 >= n || !audit_era_here(&eras[at]) || !audit_era_here(&eras[n - 1]) ||
		horizon >= eras[at + 1].first_xid;
}

/* medrec.seal_audit(): seals what has ended since the last seal. */
Datum
medrec_seal_audit(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	AuditSeal	last;
	AuditEra   *eras;
	Oid			user;
	int			sec_context;
	int32		era;
	int32		present;
	int64		horizon;
	uint8		access[SHA256_LENGTH];
	bool		has_access;
	int			n;
	int			at = 0;

	PreventCommandIfReadOnly("medrec.seal_audit()");
	InitMaterializedSRF(fcinfo, 0);
	audit_become_owner(&user, &sec_context);

	audit_check_import(false);
	if (!audit_has_begun())
	{
		SetUserIdAndSecContext(user, sec_context);
		return (Datum) 0;
	}
	MakeMonthsAhead();
	if (audit_is_subscribed())
	{
		ereport(NOTICE,
				(errmsg("cannot seal an audit trail that is received by a subscription"),
				 errhint("Seal it on the publisher.")));
		SetUserIdAndSecContext(user, sec_context);
		return (Datum) 0;
	}
	present = DatumGetInt32(DirectFunctionCall1(medrec_audit_open_era, (Datum) 0));

	/* one sealing at a time; readers and writers are not blocked */
	LockRelationOid(medrec_relation(AUDIT_SEAL_TABLE), ShareUpdateExclusiveLock);
	if (audit_seal_hook)
		audit_seal_hook();
	memset(&last, 0, sizeof(last));
	(void) audit_read_last_seal(&last);
	eras = audit_read_eras(&n);
	has_access = access_take(last.seal + 1, access);
	horizon = audit_horizon();
	for (era = last.seal > 0 ? last.era : 1; era <= present; era++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};
		bool		ended;

		while (at < n - 1 && eras[at].era < era)
			at++;
		ended = era < present && EraHasEnded(eras, n, at, horizon);

		/*
		 * an era that has ended is sealed to its end; if it is not, later
		 * eras wait
		 */
		if (SealRange(&last, era, ended ? 0 : horizon, has_access ? access : NULL))
		{
			values[0] = Int64GetDatum(last.seal);
			values[1] = Int32GetDatum(last.era);
			values[2] = Int64GetDatum(last.events);
			values[3] = BYTES(last.head, SHA256_LENGTH);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		if (!ended)
			break;
	}
	SetUserIdAndSecContext(user, sec_context);
	return (Datum) 0;
}
