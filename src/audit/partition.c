/*
 * audit/partition.c
 *		Makes audit_event's monthly partitions ahead of time, and indexes on those
 *		of months that are over.
 */
#include "base/medrec.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "audit/event.h"
#include "audit/scan.h"
#include "audit/store.h"
#include "base/relations.h"

/* key of the advisory lock for making partitions: "medaud" */
#define PARTITION_LOCK_KEY	INT64CONST(0x6d6564617564)

/* more than ten years ahead are a mistake */
#define MAX_AHEAD	120

/*
 * Indexes for searches in a month that is over. While a month is written to,
 * it has BRIN indexes only: these would cost each write more than everything
 * else.
 */
static const struct
{
	const char *suffix;
	const char *columns;
}			closed_indexes[] =

{
	{"row_id_idx", "row_id"},
	{"patient_idx", "patient_id, logged_at"},
	{"account_idx", "account, logged_at"}
};

static bool Lock(void);
static void RunOwnDdl(const char *sql);
static bool MakeMonth(int year, int month);
static List *ClosedMonths(void);
static int	IndexMonth(Oid partition);

PG_FUNCTION_INFO_V1(medrec_audit_partitions);
PG_FUNCTION_INFO_V1(medrec_index_audit);

/* Runs a command that returns nothing. */
static void
RunOwnDdl(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
}

/* Whether no other session is making partitions now. */
static bool
Lock(void)
{
	char	   *sql = psprintf("SELECT pg_catalog.pg_try_advisory_xact_lock(" INT64_FORMAT ")",
							   PARTITION_LOCK_KEY);
	bool		isnull;

	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not take the lock of the audit's partitions");
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									  1, &isnull));
}

/* Makes a month's partition if there is none; months are those of UTC. */
static bool
MakeMonth(int year, int month)
{
	char	   *name = psprintf(AUDIT_TABLE "_%04d_%02d", year, month);
	int			next_year = month == 12 ? year + 1 : year;
	int			next_month = month == 12 ? 1 : month + 1;

	if (OidIsValid(medrec_relation_if_any(name)))
		return false;

	/*
	 * It is created separately and then attached, which takes no lock that a
	 * writer or a reader of the other months would wait for.
	 */
	RunOwnDdl(psprintf("CREATE TABLE medrec.%s (LIKE medrec.audit_event"
					   " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE"
					   " INCLUDING COMPRESSION INCLUDING COMMENTS)", name));
	RunOwnDdl(psprintf("COMMENT ON TABLE medrec.%s IS"
					   " 'The audit trail''s events of %04d-%02d (UTC).'", name, year, month));
	RunOwnDdl(psprintf("CREATE TRIGGER medrec_append_only"
					   " BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.%s"
					   " FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only()", name));
	RunOwnDdl(psprintf("ALTER TABLE medrec.%s ENABLE ALWAYS TRIGGER medrec_append_only", name));
	RunOwnDdl(psprintf("ALTER TABLE medrec.audit_event ATTACH PARTITION medrec.%s"
					   " FOR VALUES FROM ('%04d-%02d-01 00:00:00+00') TO ('%04d-%02d-01 00:00:00+00')",
					   name, year, month, next_year, next_month));
	return true;
}

/* medrec.audit_partitions(): makes the partitions of this month and those ahead. */
Datum
medrec_audit_partitions(PG_FUNCTION_ARGS)
{
	int32		ahead = PG_GETARG_INT32(0);
	int32		made = 0;
	Oid			user;
	int			sec_context;
	struct pg_tm tm;
	fsec_t		fsec;
	int			month;

	PreventCommandIfReadOnly("medrec.audit_partitions()");
	if (ahead < 0 || ahead > MAX_AHEAD)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of months must be between 0 and %d", MAX_AHEAD)));

	/* months of UTC, whatever the session's time zone is */
	if (timestamp2tm(GetCurrentTimestamp(), NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");

	/* the partitions belong to the owner of audit_event */
	audit_become_owner(&user, &sec_context);
	SPI_connect();
	if (Lock())
		for (month = tm.tm_mon - 1; month < tm.tm_mon + ahead; month++)
		{
			CHECK_FOR_INTERRUPTS();
			if (MakeMonth(tm.tm_year + month / 12, month % 12 + 1))
				made++;
		}
	SPI_finish();
	SetUserIdAndSecContext(user, sec_context);
	PG_RETURN_INT32(made);
}

/* The partitions whose months are over, the newest first. */
static List *
ClosedMonths(void)
{
	Relation	root = table_open(medrec_relation(AUDIT_TABLE), AccessShareLock);
	TimestampTz now = GetCurrentTimestamp();
	List	   *months = NIL;
	PartitionKey key;
	PartitionDesc desc;
	PartitionBoundInfo bounds;
	int			i;

	if (root->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		elog(ERROR, "medrec.%s is not partitioned", AUDIT_TABLE);
	key = RelationGetPartitionKey(root);
	desc = RelationGetPartitionDesc(root, true);
	bounds = desc->boundinfo;
	if (bounds == NULL || key->strategy != PARTITION_STRATEGY_RANGE ||
		key->partnatts != 1 || key->parttypid[0] != TIMESTAMPTZOID)
		elog(ERROR, "medrec.%s has no partition by time", AUDIT_TABLE);
	for (i = 0; i < bounds->ndatums; i++)
	{
		int			index = bounds->indexes[i];

		/* the range that ends with this bound */
		if (index >= 0 && bounds->kind[i][0] == PARTITION_RANGE_DATUM_VALUE &&
			DatumGetTimestampTz(bounds->datums[i][0]) <= now &&
			get_rel_relkind(desc->oids[index]) == RELKIND_RELATION)
			months = lcons_oid(desc->oids[index], months);
	}
	table_close(root, AccessShareLock);
	return months;
}

/* Makes the indexes of a month that it lacks, and returns how many. */
static int
IndexMonth(Oid partition)
{
	char	   *name = get_rel_name(partition);
	Oid			schema = get_rel_namespace(partition);
	int			made = 0;
	int			i;

	for (i = 0; name != NULL && i < lengthof(closed_indexes); i++)
	{
		char	   *index = psprintf("%s_%s", name, closed_indexes[i].suffix);

		CHECK_FOR_INTERRUPTS();
		if (OidIsValid(get_relname_relid(index, schema)))
			continue;

		/*
		 * nobody writes there any more, except transactions that began in the
		 * old month, which it waits for
		 */
		RunOwnDdl(psprintf("CREATE INDEX %s ON %s (%s)", quote_identifier(index),
						   quote_qualified_identifier(get_namespace_name(schema), name),
						   closed_indexes[i].columns));
		made++;
	}
	return made;
}

/* medrec.index_audit(): indexes months of the trail that are over. */
Datum
medrec_index_audit(PG_FUNCTION_ARGS)
{
	int32		months = PG_GETARG_INT32(0);
	int32		made = 0;
	int32		indexed = 0;
	Oid			user;
	int			sec_context;

	PreventCommandIfReadOnly("medrec.index_audit()");
	if (months < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of months must be 1 or more")));

	/* indexes belong to the owner of the tables */
	audit_become_owner(&user, &sec_context);
	SPI_connect();
	if (Lock())
	{
		ListCell   *cell;

		foreach(cell, ClosedMonths())
		{
			int			count = indexed < months ? IndexMonth(lfirst_oid(cell)) : 0;

			made += count;
			if (count > 0)
				indexed++;
		}
	}
	SPI_finish();
	SetUserIdAndSecContext(user, sec_context);
	PG_RETURN_INT32(made);
}
