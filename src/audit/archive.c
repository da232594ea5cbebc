/*
 * audit/archive.c
 *		medrec.archive_audit(): moves sealed months out of audit_event.
 *
 * They become partitions of audit_archived, where auditors can still read them
 * and verify_audit() verifies them, until somebody drops them. A seal whose
 * events are all in dropped months is checked only as a link of the chain. For
 * a seal that extends into another month the leaves are kept, so that its root
 * can still be computed.
 */
#include "base/medrec.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "audit/archive.h"
#include "audit/event.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "base/relations.h"
#include "base/settings.h"

/* when the month of a partition's name ends, in SQL */
#define MONTH_END(name) \
	"(pg_catalog.to_date(pg_catalog.substr(" name ", 13), 'YYYY_MM')::timestamp + '1 month') AT TIME ZONE 'UTC'"

/* arguments of audit_read_archived() */
typedef struct ArchiveReader
{
	ArchivedFunction function;
	void	   *arg;
} ArchiveReader;

/* a month that is being archived */
typedef struct Month
{
	char	   *name;
	MerkleTree	tree;
	int64		first_seal;
	int64		last_seal;

	/* the seal that is being collected */
	int64		seal;
	int64		sealed;			/* events that it has */
	int64		count;			/* its events in this month */
	StringInfoData leaves;
	MemoryContext context;
} Month;

/* a list of names */
typedef struct Names
{
	List	   *names;
	MemoryContext context;
} Names;

static void ReceiveArchived(TupleTableSlot *slot, void *arg);
static void ReceiveName(TupleTableSlot *slot, void *arg);
static void EndSeal(Month *month);
static void ReceiveEvent(TupleTableSlot *slot, void *arg);
static void CheckMonthSealed(const char *name);
static void WriteMonth(Month *month);
static void MoveMonth(const char *name);
static void CheckAge(const List *months);

PG_FUNCTION_INFO_V1(medrec_archive_audit);

/* The table that archived months are partitions of. */
Oid
audit_archived(void)
{
	return medrec_relation_if_any(AUDIT_ARCHIVED_TABLE);
}

/* Does an archived month exist, as a partition of that table? */
bool
audit_is_attached(Oid relid)
{
	Oid			archived = audit_archived();

	return OidIsValid(archived) && get_rel_relispartition(relid) &&
		get_partition_parent(relid, true) == archived;
}

/* A query for the names of months that were archived and no longer exist. */
char *
audit_gone_months(const char *rest)
{
	return psprintf("SELECT a.partition FROM medrec." AUDIT_ARCHIVE_TABLE " AS a"
					" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i"
					"  JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
					"  WHERE i.inhparent = %u AND c.relname = a.partition)%s",
					audit_archived(), rest);
}

/* An error unless a relation is an archived month of the audit trail. */
void
audit_check_archive(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	HeapTuple	root = SearchSysCache1(RELOID, ObjectIdGetDatum(medrec_relation(AUDIT_TABLE)));
	bool		fits = false;

	if (HeapTupleIsValid(tuple) && HeapTupleIsValid(root))
	{
		Form_pg_class a = (Form_pg_class) GETSTRUCT(tuple);
		Form_pg_class b = (Form_pg_class) GETSTRUCT(root);

		/*
		 * it is read with the owner's rights, so it must not be somebody
		 * else's view
		 */
		fits = a->relkind == RELKIND_RELATION && a->relnamespace == b->relnamespace &&
			a->relowner == b->relowner &&
			(!a->relispartition || audit_is_attached(relid)) &&
			strncmp(NameStr(a->relname), AUDIT_TABLE "_", strlen(AUDIT_TABLE "_")) == 0;
	}
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (HeapTupleIsValid(root))
		ReleaseSysCache(root);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("relation %u is not an archived month of the audit trail", relid)));
}

/* Calls the function for what is kept of a seal. */
static void
ReceiveArchived(TupleTableSlot *slot, void *arg)
{
	ArchiveReader *reader = arg;
	int64		seal = DatumGetInt64(slot->tts_values[0]);
	int64		count = DatumGetInt64(slot->tts_values[1]);
	bytea	   *leaves;
	const uint8 *p;
	int			len;

	if (slot->tts_isnull[2])
	{
		reader->function(seal, count, NULL, reader->arg);
		return;
	}
	leaves = DatumGetByteaPP(slot->tts_values[2]);
	p = (const uint8 *) VARDATA_ANY(leaves);
	for (len = VARSIZE_ANY_EXHDR(leaves); len >= ARCHIVED_LEAF_LENGTH; len -= ARCHIVED_LEAF_LENGTH)
	{
		ArchivedLeaf leaf;
		uint32		number;
		uint64		xid;

		memcpy(&number, p, 4);
		leaf.era = (int32) pg_ntoh32(number);
		memcpy(&xid, p + 4, 8);
		leaf.xid = (int64) pg_ntoh64(xid);
		memcpy(&number, p + 12, 4);
		leaf.n = (int32) pg_ntoh32(number);
		leaf.leaf = p + 16;
		reader->function(seal, 1, &leaf, reader->arg);
		p += ARCHIVED_LEAF_LENGTH;
	}
}

/* Calls a function for what archived and dropped months had of each seal. */
void
audit_read_archived(int64 first_seal, int64 last_seal, Oid but,
					ArchivedFunction function, void *arg)
{
	ArchiveReader reader = {function, arg};

	audit_scan(psprintf("SELECT seal, events, leaves FROM medrec.audit_archive_seal"
						" WHERE seal >= '" INT64_FORMAT "'::bigint"
						" AND seal <= '" INT64_FORMAT "'::bigint AND partition <> %s"
						" AND partition IN (%s)",
						first_seal, last_seal,
						quote_literal_cstr(OidIsValid(but) ? get_rel_name(but) : ""),
						audit_gone_months("")),
			   ReceiveArchived, &reader);
}

/* Adds a name to a list. */
static void
ReceiveName(TupleTableSlot *slot, void *arg)
{
	Names	   *names = arg;
	MemoryContext old = MemoryContextSwitchTo(names->context);

	names->names = lappend(names->names, TextDatumGetCString(slot->tts_values[0]));
	MemoryContextSwitchTo(old);
}

/* Writes what has to be kept of the collected seal. */
static void
EndSeal(Month *month)
{
	static const char *const names[] = {"partition", "seal", "events", "leaves"};
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (month->count == 0)
		return;
	values[0] = CStringGetTextDatum(month->name);
	values[1] = Int64GetDatum(month->seal);
	values[2] = Int64GetDatum(month->count);
	nulls[3] = month->count == month->sealed;
	values[3] = PointerGetDatum(cstring_to_text_with_len(month->leaves.data, month->leaves.len));
	audit_insert_row(medrec_relation(AUDIT_ARCHIVE_SEAL_TABLE), 4, names, values, nulls);
	if (month->first_seal == 0)
		month->first_seal = month->seal;
	month->last_seal = month->seal;
}

/* Takes the next event of a month, in the order of the seals. */
static void
ReceiveEvent(TupleTableSlot *slot, void *arg)
{
	Month	   *month = arg;
	int64		seal = DatumGetInt64(slot->tts_values[0]);
	MemoryContext old;
	uint32		number;
	uint64		xid;
	uint8		leaf[SHA256_LENGTH];
	bool		fits = true;

	if (seal != month->seal)
	{
		EndSeal(month);
		month->seal = seal;
		month->sealed = DatumGetInt64(slot->tts_values[1]);
		month->count = 0;
		resetStringInfo(&month->leaves);
	}
	audit_bytes(slot, 5, leaf, SHA256_LENGTH, &fits);
	merkle_add(&month->tree, leaf);
	month->count++;

	/*
	 * nothing is needed of a seal within one month, so its leaves are freed
	 * early
	 */
	old = MemoryContextSwitchTo(month->context);
	number = pg_hton32((uint32) DatumGetInt32(slot->tts_values[2]));
	appendBinaryStringInfo(&month->leaves, (char *) &number, 4);
	xid = pg_hton64((uint64) DatumGetInt64(slot->tts_values[3]));
	appendBinaryStringInfo(&month->leaves, (char *) &xid, 8);
	number = pg_hton32((uint32) DatumGetInt32(slot->tts_values[4]));
	appendBinaryStringInfo(&month->leaves, (char *) &number, 4);
	appendBinaryStringInfo(&month->leaves, (char *) leaf, SHA256_LENGTH);
	MemoryContextSwitchTo(old);
}

/* An error if a month has events that no seal covers. */
static void
CheckMonthSealed(const char *name)
{
	Names		unsealed = {NIL, CurrentMemoryContext};

	audit_scan(psprintf("SELECT e.xid::text FROM medrec.%s AS e"
						" LEFT JOIN (SELECT era, max(end_xid) AS end_xid FROM medrec.audit_seal GROUP BY era) AS s"
						" ON s.era = e.era"
						" WHERE s.end_xid IS NULL OR e.xid >= s.end_xid LIMIT 1",
						quote_identifier(name)), ReceiveName, &unsealed);
	if (unsealed.names != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("medrec.%s has events that are not sealed yet", name),
				 errhint("Run SELECT * FROM medrec.seal_audit(). It seals only events that are older than every running transaction.")));
}

/* Records an archived month, and that it was archived. */
static void
WriteMonth(Month *month)
{
	static const char *const names[] = {
		"partition", "archived_at", "archived_by", "events", "first_seal", "last_seal", "root"
	};
	Datum		values[7];
	bool		nulls[7] = {false};
	uint8		root[SHA256_LENGTH];
	AuditWriter *writer;
	MemoryContext old;
	StringInfoData json;
	int			i;

	merkle_root(&month->tree, root);
	values[0] = CStringGetTextDatum(month->name);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[2] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	values[3] = Int64GetDatum((int64) month->tree.size);
	values[4] = Int64GetDatum(month->first_seal);
	values[5] = Int64GetDatum(month->last_seal);
	values[6] = PointerGetDatum(cstring_to_text_with_len((char *) root, SHA256_LENGTH));
	audit_insert_row(medrec_relation(AUDIT_ARCHIVE_TABLE), 7, names, values, nulls);

	writer = audit_writer_begin("ARCHIVE", month->name);
	old = MemoryContextSwitchTo(audit_writer_row(writer));
	initStringInfo(&json);
	appendStringInfo(&json, "{\"events\":" UINT64_FORMAT ",\"first_seal\":" INT64_FORMAT
					 ",\"last_seal\":" INT64_FORMAT ",\"root\":\"",
					 month->tree.size, month->first_seal, month->last_seal);
	for (i = 0; i < SHA256_LENGTH; i++)
		appendStringInfo(&json, "%02x", root[i]);
	appendStringInfo(&json, "\",\"min_age\":\"%d min\"}", medrec_archive_min_age);
	audit_writer_put(writer, NULL, NULL, NULL, audit_text(json.data));
	MemoryContextSwitchTo(old);
	audit_writer_end(writer);
}

/*
 * Detaches a month, and makes it a partition of audit_archived. A constraint
 * is added first, so that attaching does not have to scan the month while
 * writers wait.
 */
static void
MoveMonth(const char *name)
{
	const char *table = quote_identifier(name);
	bool		attach = OidIsValid(audit_archived());
	int			year = atoi(name + strlen(AUDIT_TABLE "_"));
	int			month = atoi(name + strlen(AUDIT_TABLE "_YYYY_"));
	char	   *from = psprintf("'%04d-%02d-01 00:00:00+00'", year, month);
	char	   *until = psprintf("'%04d-%02d-01 00:00:00+00'", month == 12 ? year + 1 : year, month % 12 + 1);
	char	   *commands[] = {
		psprintf("ALTER TABLE medrec.%s ADD CONSTRAINT medrec_archiving"
				 " CHECK (logged_at IS NOT NULL AND logged_at >= %s AND logged_at < %s)",
				 table, from, until),
		psprintf("ALTER TABLE medrec." AUDIT_TABLE " DETACH PARTITION medrec.%s", table),
		psprintf("ALTER TABLE medrec." AUDIT_ARCHIVED_TABLE " ATTACH PARTITION medrec.%s"
				 " FOR VALUES FROM (%s) TO (%s)", table, from, until),
		psprintf("ALTER TABLE medrec.%s DROP CONSTRAINT medrec_archiving", table)
	};
	int			i;

	SPI_connect();
	for (i = 0; i < lengthof(commands); i++)
	{
		int			rc;

		if (i != 1 && !attach)
			continue;
		rc = SPI_execute(commands[i], false, 0);
		if (rc < 0)
			elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
	}
	SPI_finish();
}

/* An error if one of the months is more recent than medrec.archive_min_age allows. */
static void
CheckAge(const List *months)
{
	Names		young = {NIL, CurrentMemoryContext};

	/* they are in order: the last one is the most recent */
	if (months == NIL)
		return;
	audit_scan(psprintf("SELECT m FROM (SELECT %s::text) AS s (m) WHERE " MONTH_END("m")
						" > pg_catalog.now() - %d * '1 minute'::interval",
						quote_literal_cstr(llast(months)), medrec_archive_min_age),
			   ReceiveName, &young);
	if (young.names != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("medrec.%s is too recent to be archived", (char *) linitial(young.names)),
				 errdetail("A month can be archived when it ended at least medrec.archive_min_age ago, which is %d days.",
						   medrec_archive_min_age / (24 * 60)),
				 errhint("Archive earlier months. Only a superuser can change the setting.")));
}

/* medrec.archive_audit(): archives the sealed months that end before a time. */
Datum
medrec_archive_audit(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Names		months = {NIL, CurrentMemoryContext};
	Oid			user;
	int			sec_context;
	ListCell   *cell;
	char	   *before;

	PreventCommandIfReadOnly("medrec.archive_audit()");
	InitMaterializedSRF(fcinfo, 0);
	before = psprintf(INT64_FORMAT, PG_GETARG_TIMESTAMPTZ(0) / USECS_PER_SEC);
	audit_become_owner(&user, &sec_context);
	/* no sealing or verification may run at the same time */
	LockRelationOid(medrec_relation(AUDIT_SEAL_TABLE), ShareUpdateExclusiveLock);

	audit_scan(psprintf("SELECT c.relname::text FROM pg_catalog.pg_inherits AS i"
						" JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
						" WHERE i.inhparent = 'medrec.audit_event'::pg_catalog.regclass"
						" AND c.relname ~ '^audit_event_[0-9]{4}_[0-9]{2}$'"
						" AND " MONTH_END("c.relname") " <= LEAST('2000-01-01 00:00:00+00'::timestamptz + %s * '1 second'::interval, pg_catalog.now())"
						" ORDER BY 1", before), ReceiveName, &months);
	CheckAge(months.names);
	foreach(cell, months.names)
	{
		Month		month;
		Datum		values[2];
		bool		nulls[2] = {false, false};

		memset(&month, 0, sizeof(month));
		month.name = lfirst(cell);
		month.context = CurrentMemoryContext;
		initStringInfo(&month.leaves);
		merkle_init(&month.tree);
		CheckMonthSealed(month.name);

		/*
		 * the last seal that begins before an event is the one that it
		 * belongs to
		 */
		audit_scan(psprintf("SELECT seal, sealed, era, xid, n, leaf FROM ("
							" SELECT max(seal) OVER w AS seal, max(total) OVER w - max(total - events) OVER w AS sealed,"
							"  era, xid, n, leaf"
							" FROM (SELECT era, first_xid AS xid, -1 AS n, NULL::bytea AS leaf, seal, total, events"
							"   FROM medrec.audit_seal"
							"  UNION ALL SELECT era, xid, n, leaf, NULL, NULL, NULL FROM medrec.%s) AS u"
							" WINDOW w AS (ORDER BY era, xid, n ROWS UNBOUNDED PRECEDING)) AS s"
							" WHERE leaf IS NOT NULL ORDER BY era, xid, n",
							quote_identifier(month.name)), ReceiveEvent, &month);
		EndSeal(&month);
		WriteMonth(&month);
		MoveMonth(month.name);
		values[0] = CStringGetTextDatum(month.name);
		values[1] = Int64GetDatum((int64) month.tree.size);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	SetUserIdAndSecContext(user, sec_context);
	return (Datum) 0;
}
