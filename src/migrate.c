/*
 * migrate.c
 *		medrec.migrate(): lays out the tables, one recorded step after the other.
 */
#include "medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"


/* key of the advisory lock that two migrations at once contend for: "medrec" */
#define MIGRATE_LOCK_KEY	INT64CONST(0x6d6564726563)

static void RunCommand(const char *sql);

/* Runs a command by SPI that is not expected to return rows. */
static void
RunCommand(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
}

PG_FUNCTION_INFO_V1(medrec_migrate);

/* medrec.migrate(): applies the steps that schema_migration does not name yet. */
Datum
medrec_migrate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			record[] = {INT4OID, TEXTOID};
	SPITupleTable *steps;
	uint64		nsteps;
	uint64		i;
	char	   *lock;

	PreventCommandIfReadOnly("medrec.migrate()");
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();

	lock = psprintf("SELECT pg_catalog.pg_advisory_xact_lock(" INT64_FORMAT ")",
					MIGRATE_LOCK_KEY);
	RunCommand(lock);

	/*
	 * A table as any other: made here and not by the first step, because it
	 * says which steps there were.
	 */
	RunCommand("CREATE TABLE IF NOT EXISTS medrec.schema_migration ("
			   " version integer PRIMARY KEY,"
			   " name text NOT NULL,"
			   " applied_at timestamptz NOT NULL DEFAULT pg_catalog.now())");
	RunCommand("COMMENT ON TABLE medrec.schema_migration IS"
			   " 'The steps of medrec.migrate() that this database has been through.'");

	/* a statement of its own, so that it sees what another migration did */
	if (SPI_execute("SELECT s.version, s.name, s.script"
					" FROM medrec.migration_step() AS s"
					" WHERE NOT EXISTS (SELECT FROM medrec.schema_migration AS m"
					"  WHERE m.version OPERATOR(pg_catalog.=) s.version)"
					" ORDER BY s.version", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the migration steps");
	steps = SPI_tuptable;
	nsteps = SPI_processed;

	for (i = 0; i < nsteps; i++)
	{
		HeapTuple	step = steps->vals[i];
		TupleDesc	desc = steps->tupdesc;
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bool		isnull;

		CHECK_FOR_INTERRUPTS();

		RunCommand(SPI_getvalue(step, desc, 3));

		values[0] = SPI_getbinval(step, desc, 1, &isnull);
		values[1] = SPI_getbinval(step, desc, 2, &isnull);
		if (SPI_execute_with_args("INSERT INTO medrec.schema_migration (version, name)"
								  " VALUES ($1, $2)",
								  2, record, values, NULL, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not record migration step");
		CommandCounterIncrement();
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}

	SPI_finish();
	return (Datum) 0;
}
