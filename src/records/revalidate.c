/*
 * records/revalidate.c
 *		medrec.revalidate(): validates stored records again, batch by batch.
 *
 * The trigger validates them, as at any change: a batch updates its records
 * without changing them, and the trigger lets only those through whose result
 * is now different (see records/intent.h). The progress of a run is stored in
 * medrec.revalidation, so that an interrupted run continues where it stopped,
 * and two runs at once share the work.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "records/intent.h"
#include "terminology/code_systems.h"
#include "terminology/state.h"


#define BATCH_DEFAULT	1000
#define BATCH_MAX		100000

/* milliseconds between two reports of progress */
#define REPORT_MS		1000

/* the tables that a run processes, in this order */
static const char *const kinds[] = {"diagnosis", "treatment"};

/* how far a run has come */
typedef struct Progress
{
	int64		checked;
	int64		changed;
	bool		finished;
} Progress;

/* a run, as in its row of medrec.revalidation */
typedef struct Run
{
	int32		id;
	int			kind;			/* index in kinds; lengthof(kinds) when done */
	Datum		last_id;		/* last record looked at */
	bool		no_last_id;
	Progress	progress;
} Run;

/* The columns of a run as ReadRun takes them. */
#define RUN_COLUMNS "r.id, r.kind, r.last_id, r.checked, r.changed, r.finished_at IS NOT NULL"

/* Executes a statement by SPI; the result must be of the expected kind. */
static void
Execute(const char *sql, int nargs, Oid *types, Datum *args, const char *nulls, int expected)
{
	int			rc = SPI_execute_with_args(sql, nargs, types, args, nulls, false, 0);

	if (rc != expected)
		elog(ERROR, "revalidation failed: %s", SPI_result_code_string(rc));
}

/* A value of the first row that SPI has read. */
static Datum
FirstRow(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/* The state of the terminologies; after a commit, a procedure has no snapshot. */
static int64
CurrentGeneration(void)
{
	int64		generation;

	PushActiveSnapshot(GetTransactionSnapshot());
	generation = terminology_generation();
	PopActiveSnapshot();
	return generation;
}

/* Reads the run that SPI has found, if any, and frees the result. */
static bool
ReadRun(Run *run)
{
	char	   *kind;
	bool		isnull;

	if (SPI_processed == 0)
	{
		SPI_freetuptable(SPI_tuptable);
		return false;
	}
	run->id = DatumGetInt32(FirstRow(1, &isnull));
	kind = TextDatumGetCString(FirstRow(2, &isnull));
	for (run->kind = 0; run->kind < lengthof(kinds) - 1; run->kind++)
		if (strcmp(kind, kinds[run->kind]) == 0)
			break;
	run->last_id = FirstRow(3, &run->no_last_id);
	if (!run->no_last_id)
		run->last_id = datumCopy(run->last_id, false, UUID_LEN);
	run->progress.checked = DatumGetInt64(FirstRow(4, &isnull));
	run->progress.changed = DatumGetInt64(FirstRow(5, &isnull));
	run->progress.finished = DatumGetBool(FirstRow(6, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * Continues the unfinished run for this state of the terminologies, or begins
 * one, and locks its row. A caller that worked on run "known" before gets that
 * one back if another session has finished it meanwhile.
 */
static Run
FindRun(const CodeSystem *cs, DateADT since, int32 known)
{
	Run			run;
	Oid			types[] = {VARCHAROID, DATEOID, INT8OID, INT4OID};
	Datum		args[4];

	args[0] = CStringGetTextDatum(cs->name);
	args[1] = DateADTGetDatum(since);
	args[2] = Int64GetDatum(CurrentGeneration());
	args[3] = Int32GetDatum(known);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		Execute("SELECT " RUN_COLUMNS " FROM medrec.revalidation AS r"
				" WHERE r.code_system OPERATOR(pg_catalog.=) $1"
				" AND r.since OPERATOR(pg_catalog.=) $2"
				" AND r.generation OPERATOR(pg_catalog.=) $3"
				" AND (r.finished_at IS NULL OR r.id OPERATOR(pg_catalog.=) $4)"
				" ORDER BY r.id USING OPERATOR(pg_catalog.>) LIMIT 1 FOR UPDATE",
				4, types, args, NULL, SPI_OK_SELECT);
		if (ReadRun(&run))
			return run;
		Execute("INSERT INTO medrec.revalidation (code_system, since, generation)"
				" VALUES ($1, $2, $3)"
				" ON CONFLICT (code_system, since, generation) WHERE finished_at IS NULL"
				" DO NOTHING",
				3, types, args, NULL, SPI_OK_INSERT);
	}
}

/* Stores the progress of the run. */
static void
StoreRun(const Run *run)
{
	Oid			types[] = {INT4OID, VARCHAROID, UUIDOID, INT8OID, INT8OID, BOOLOID};
	Datum		args[6];
	char		nulls[] = "      ";

	args[0] = Int32GetDatum(run->id);
	args[1] = CStringGetTextDatum(kinds[Min(run->kind, (int) lengthof(kinds) - 1)]);
	args[2] = run->last_id;
	nulls[2] = run->no_last_id ? 'n' : ' ';
	args[3] = Int64GetDatum(run->progress.checked);
	args[4] = Int64GetDatum(run->progress.changed);
	args[5] = BoolGetDatum(run->progress.finished);
	Execute("UPDATE medrec.revalidation AS r SET kind = $2, last_id = $3, checked = $4, changed = $5,"
			" updated_at = pg_catalog.clock_timestamp(),"
			" finished_at = CASE WHEN $6 THEN pg_catalog.clock_timestamp() END"
			" WHERE r.id OPERATOR(pg_catalog.=) $1",
			6, types, args, nulls, SPI_OK_UPDATE);
}

/* The condition that selects the records to validate from a range of ids. */
#define TO_VALIDATE \
	" WHERE (d.id OPERATOR(pg_catalog.>) $1 OR $1 IS NULL)" \
	" AND d.id OPERATOR(pg_catalog.<=) $2" \
	" AND d.code_system OPERATOR(pg_catalog.=) $3" \
	" AND d.created_at OPERATOR(pg_catalog.>=) $4" \
	" AND d.status OPERATOR(pg_catalog.<>) ALL ('{confirmed,corrected,rejected}'::pg_catalog.text[])"

/*
 * Validates the next records of one table, and advances the run behind them or
 * to the next table.
 */
static void
RunBatch(Run *run, const CodeSystem *cs, DateADT since, int batch)
{
	const char *table = kinds[run->kind];
	Oid			types[] = {UUIDOID, UUIDOID, VARCHAROID, DATEOID};
	Oid			window_types[] = {UUIDOID, INT4OID};
	Datum		args[4];
	char		nulls[] = "    ";
	RecordIntent outer;
	bool		isnull;

	/* the end of the range of "batch" ids, of any code system */
	args[0] = run->last_id;
	nulls[0] = run->no_last_id ? 'n' : ' ';
	args[1] = Int32GetDatum(batch);
	Execute(psprintf("SELECT w.id FROM (SELECT d.id FROM ONLY medrec.%s AS d"
					 "  WHERE %s ORDER BY d.id USING OPERATOR(pg_catalog.<) LIMIT $2) AS w"
					 " ORDER BY w.id USING OPERATOR(pg_catalog.>) LIMIT 1", table,
					 run->no_last_id ? "$1 IS NULL" : "d.id OPERATOR(pg_catalog.>) $1"),
			2, window_types, args, nulls, SPI_OK_SELECT);
	if (SPI_processed == 0)
	{
		SPI_freetuptable(SPI_tuptable);
		run->kind++;
		run->no_last_id = true;
		run->last_id = (Datum) 0;
		run->progress.finished = run->kind == lengthof(kinds);
		return;
	}
	args[1] = datumCopy(FirstRow(1, &isnull), false, UUID_LEN);
	SPI_freetuptable(SPI_tuptable);
	args[2] = CStringGetTextDatum(cs->name);
	args[3] = DateADTGetDatum(since);

	Execute(psprintf("SELECT pg_catalog.count(*) FROM ONLY medrec.%s AS d" TO_VALIDATE, table),
			4, types, args, nulls, SPI_OK_SELECT);
	run->progress.checked += DatumGetInt64(FirstRow(1, &isnull));
	SPI_freetuptable(SPI_tuptable);

	outer = intent_begin(INTENT_REVALIDATE, NULL);
	PG_TRY();
	{
		Execute(psprintf("UPDATE ONLY medrec.%s AS d SET status = d.status" TO_VALIDATE, table),
				4, types, args, nulls, SPI_OK_UPDATE);
	}
	PG_FINALLY();
	{
		intent_end(&outer);
	}
	PG_END_TRY();
	run->progress.changed += SPI_processed;
	run->last_id = args[1];
	run->no_last_id = false;
}

/* Processes the next batch of the run *id (0: any), within an SPI connection. */
static Progress
NextBatch(const CodeSystem *cs, DateADT since, int batch, int32 *id)
{
	Run			run = FindRun(cs, since, *id);

	if (!run.progress.finished)
	{
		RunBatch(&run, cs, since, batch);
		StoreRun(&run);
	}
	*id = run.id;
	return run.progress;
}

/* The arguments that both forms take. */
static void
ReadRevalidateArguments(FunctionCallInfo fcinfo, const CodeSystem **cs, DateADT *since, int *batch)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("code_system must not be null")));
	*cs = codesystem_get(PG_GETARG_TEXT_PP(0));
	*since = PG_ARGISNULL(1) ? DATEVAL_NOBEGIN : PG_GETARG_DATEADT(1);
	*batch = PG_ARGISNULL(2) ? BATCH_DEFAULT : PG_GETARG_INT32(2);
	if (*batch < 1 || *batch > BATCH_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be between 1 and %d", BATCH_MAX)));
}

PG_FUNCTION_INFO_V1(medrec_revalidate);

/* CALL medrec.revalidate(code_system, since, batch): all batches, each its own transaction. */
Datum
medrec_revalidate(PG_FUNCTION_ARGS)
{
	bool		atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext) &&
						   !castNode(CallContext, fcinfo->context)->atomic);
	const CodeSystem *cs;
	DateADT		since;
	int			batch;
	int32		id = 0;
	TimestampTz reported = 0;
	Progress	progress;

	PreventCommandIfReadOnly("medrec.revalidate()");
	ReadRevalidateArguments(fcinfo, &cs, &since, &batch);
	SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
	do
	{
		MemoryContext per_batch = AllocSetContextCreate(CurrentMemoryContext,
														"medrec revalidate",
														ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(per_batch);

		CHECK_FOR_INTERRUPTS();
		progress = NextBatch(cs, since, batch, &id);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(per_batch);
		if (progress.finished || TimestampDifferenceExceeds(reported, GetCurrentTimestamp(), REPORT_MS))
		{
			reported = GetCurrentTimestamp();
			ereport(NOTICE,
					(errmsg("%s: %lld records validated again, %lld with another result%s", cs->name,
							(long long) progress.checked, (long long) progress.changed,
							progress.finished ? ", done" : "")));
		}
		if (!atomic)
			SPI_commit();
	} while (!progress.finished);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_revalidate_batch);

/* medrec.revalidate_batch(code_system, since, batch): one batch, and the progress so far. */
Datum
medrec_revalidate_batch(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	const CodeSystem *cs;
	DateADT		since;
	int			batch;
	int32		id = 0;
	Progress	progress;
	Datum		values[3];
	bool		nulls[3] = {false};

	PreventCommandIfReadOnly("medrec.revalidate_batch()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	ReadRevalidateArguments(fcinfo, &cs, &since, &batch);
	SPI_connect();
	progress = NextBatch(cs, since, batch, &id);
	SPI_finish();

	values[0] = Int64GetDatum(progress.checked);
	values[1] = Int64GetDatum(progress.changed);
	values[2] = BoolGetDatum(progress.finished);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
