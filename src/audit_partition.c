/*
 * audit_partition.c
 *		Makes audit_event's monthly partitions ahead of time.
 */
#include "medrec.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "audit_seal.h"

/* key of the advisory lock that two makers at once contend for: "medaud" */
#define PARTITION_LOCK_KEY	INT64CONST(0x6d6564617564)

/* more than ten years ahead are a mistake */
#define MAX_AHEAD	120

static bool Lock(void);
static void Run(const char *sql);
static bool MakeMonth(int year, int month);

PG_FUNCTION_INFO_V1(medrec_audit_partitions);

/* Runs a command that returns nothing. */
static void
Run(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
}

/* Whether nobody else is making partitions just now. */
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

/* Makes a month's partition where there is none; months are those of UTC. */
static bool
MakeMonth(int year, int month)
{
	char	   *name = psprintf(AUDIT_TABLE "_%04d_%02d", year, month);
	int			next_year = month == 12 ? year + 1 : year;
	int			next_month = month == 12 ? 1 : month + 1;

	if (OidIsValid(get_relname_relid(name, get_namespace_oid(MEDREC_SCHEMA, false))))
		return false;

	/*
	 * Made apart and then attached: that takes no lock that a writer or a reader
	 * of the other months would wait for.
	 */
	Run(psprintf("CREATE TABLE medrec.%s (LIKE medrec.audit_event"
				 " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE"
				 " INCLUDING COMPRESSION INCLUDING COMMENTS)", name));
	Run(psprintf("COMMENT ON TABLE medrec.%s IS"
				 " 'The audit trail''s events of %04d-%02d (UTC).'", name, year, month));
	Run(psprintf("CREATE TRIGGER medrec_append_only"
				 " BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.%s"
				 " FOR EACH STATEMENT EXECUTE FUNCTION medrec.audit_append_only()", name));
	Run(psprintf("ALTER TABLE medrec.%s ENABLE ALWAYS TRIGGER medrec_append_only", name));
	Run(psprintf("ALTER TABLE medrec.audit_event ATTACH PARTITION medrec.%s"
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

	/* the partitions belong to whom audit_event belongs to */
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
