/*
 * terminology/hierarchy.c
 *		SQL functions that show what the releases say about a code, and about
 *		the codes above and below it.
 *
 * The hierarchy is the one in the codes' own text (E11.9 is below E11).
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#include "terminology/code_systems.h"
#include "terminology/lookup.h"


/* rows read at a time */
#define FETCH_ROWS	1000

/* The normal form of a code argument; 22023 if it is malformed. */
static void
CodeArgument(const CodeSystem *cs, text * arg, CodeCheck *check)
{
	codesystem_check(cs, VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg), check);
	if (check->verdict != CODE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a code of %s: %s", cs->name, check->fault)));
}

/* The system for a function on hierarchies; 0A000 if its codes have none. */
static const CodeSystem *
HierarchyArgument(text * arg)
{
	const CodeSystem *cs = codesystem_get(arg);

	if (!cs->parent)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the codes of %s have no hierarchy", cs->name)));
	return cs;
}

PG_FUNCTION_INFO_V1(medrec_subsumes);

/* medrec.subsumes(code_system, a, b): FHIR's outcome of $subsumes. */
Datum
medrec_subsumes(PG_FUNCTION_ARGS)
{
	const CodeSystem *cs = HierarchyArgument(PG_GETARG_TEXT_PP(0));
	CodeCheck	a;
	CodeCheck	b;
	const char *outcome = "not-subsumed";

	CodeArgument(cs, PG_GETARG_TEXT_PP(1), &a);
	CodeArgument(cs, PG_GETARG_TEXT_PP(2), &b);
	if (strcmp(a.code, b.code) == 0)
		outcome = "equivalent";
	else if (codesystem_is_above(cs, a.code, b.code))
		outcome = "subsumes";
	else if (codesystem_is_above(cs, b.code, a.code))
		outcome = "subsumed-by";
	PG_RETURN_TEXT_P(cstring_to_text(outcome));
}

/* Adds a row (code, display, billable, level) to a function's result. */
static void
PutCode(ReturnSetInfo *rsinfo, const char *code, const char *display, bool billable, int level)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(code);
	nulls[1] = display == NULL;
	values[1] = display ? CStringGetTextDatum(display) : (Datum) 0;
	values[2] = BoolGetDatum(billable);
	values[3] = Int32GetDatum(level);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(medrec_ancestors);

/* medrec.ancestors(code_system, code, on_date): the codes above, the nearest first. */
Datum
medrec_ancestors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CodeSystem *cs = HierarchyArgument(PG_GETARG_TEXT_PP(0));
	DateADT		day = PG_GETARG_DATEADT(2);
	CodeCheck	check;
	char		at[CODE_MAX_LEN + 1];
	int			level = 0;

	CodeArgument(cs, PG_GETARG_TEXT_PP(1), &check);
	InitMaterializedSRF(fcinfo, 0);
	strlcpy(at, check.code, sizeof(at));
	while (codesystem_ascend(cs, at))
	{
		CodeEntry	entry;

		terminology_lookup(cs, at, day, &entry);

		/*
		 * a prefix that is not a header, as H54.512 in 2023
		 */
		if (entry.standing == CODE_CURRENT)
			PutCode(rsinfo, at, entry.display, entry.billable, ++level);
	}
	return (Datum) 0;
}

/*
 * Adds the headers between a code and one above it that no release lists, the
 * highest first, to the result and to the path. The release has no row for
 * them, so they come before the first of the codes below them.
 */
static void
PutImpliedHeaders(ReturnSetInfo *rsinfo, const CodeSystem *cs, const char *above, const char *code,
				  DateADT day, char path[][CODE_MAX_LEN + 1], int *depth)
{
	char		steps[CODE_MAX_LEN + 1][CODE_MAX_LEN + 1];
	char		at[CODE_MAX_LEN + 1];
	int			n = 0;

	strlcpy(at, code, sizeof(at));
	/* each step up is shorter, so there is room */
	while (codesystem_ascend(cs, at) && strcmp(at, above) != 0)
		strlcpy(steps[n++], at, sizeof(steps[0]));
	while (--n >= 0)
	{
		CodeEntry	entry;

		terminology_lookup(cs, steps[n], day, &entry);
		if (entry.standing != CODE_CURRENT)
			continue;
		PutCode(rsinfo, steps[n], entry.display, false, *depth + 1);
		strlcpy(path[(*depth)++], steps[n], sizeof(path[0]));
	}
}

PG_FUNCTION_INFO_V1(medrec_descendants);

/* medrec.descendants(code_system, code, on_date): the codes below, in order. */
Datum
medrec_descendants(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CodeSystem *cs = HierarchyArgument(PG_GETARG_TEXT_PP(0));
	Oid			types[] = {VARCHAROID, VARCHAROID, VARCHAROID, DATEOID};
	Datum		args[4];
	CodeCheck	check;
	Portal		portal;
	char		path[CODE_MAX_LEN + 1][CODE_MAX_LEN + 1];	/* codes above the
															 * current one */
	int			depth = 0;

	CodeArgument(cs, PG_GETARG_TEXT_PP(1), &check);
	InitMaterializedSRF(fcinfo, 0);

	args[0] = CStringGetTextDatum(cs->name);
	args[1] = CStringGetTextDatum(check.code);
	/* a code's text begins with that of the code above it, and is ASCII */
	args[2] = CStringGetTextDatum(psprintf("%s\x7f", check.code));
	args[3] = PG_GETARG_DATUM(2);
	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL,
									   "SELECT c.code, c.display, c.billable FROM medrec.code AS c"
									   " WHERE c.code_system OPERATOR(pg_catalog.=) $1"
									   " AND c.code OPERATOR(pg_catalog.>) $2"
									   " AND c.code OPERATOR(pg_catalog.<) $3"
									   " AND c.valid_from OPERATOR(pg_catalog.<=) $4"
									   " AND (c.valid_to IS NULL OR c.valid_to OPERATOR(pg_catalog.>) $4)"
									   " AND (c.active_from IS NULL OR c.active_from OPERATOR(pg_catalog.<=) $4)"
									   " AND (c.active_to IS NULL OR c.active_to OPERATOR(pg_catalog.>=) $4)"
									   " ORDER BY c.code USING OPERATOR(pg_catalog.<)",
									   4, types, args, NULL, true, 0);
	for (;;)
	{
		uint64		n;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		n = SPI_processed;
		for (uint64 i = 0; i < n; i++)
		{
			HeapTuple	row = SPI_tuptable->vals[i];
			TupleDesc	desc = SPI_tuptable->tupdesc;
			char	   *code = SPI_getvalue(row, desc, 1);
			char	   *display = SPI_getvalue(row, desc, 2);
			bool		isnull;

			if (strlen(code) > CODE_MAX_LEN || !codesystem_is_above(cs, check.code, code))
				continue;
			while (depth > 0 && !codesystem_is_above(cs, path[depth - 1], code))
				depth--;
			PutImpliedHeaders(rsinfo, cs, depth > 0 ? path[depth - 1] : check.code, code,
							  DatumGetDateADT(args[3]), path, &depth);
			PutCode(rsinfo, code, display, DatumGetBool(SPI_getbinval(row, desc, 3, &isnull)),
					depth + 1);
			/* each step down is longer, so the path has room */
			strlcpy(path[depth++], code, sizeof(path[0]));
			pfree(code);
			pfree(display);
		}
		SPI_freetuptable(SPI_tuptable);
		if (n == 0)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return (Datum) 0;
}

/* The terms or notes of a code in a table, as jsonb: an array of {kind, text}. */
static Datum
CodeTexts(const char *table, const char *column, const CodeSystem *cs, const char *code,
		  MemoryContext into)
{
	Oid			types[] = {VARCHAROID, VARCHAROID};
	Datum		args[2];
	bool		isnull;
	Datum		result;
	MemoryContext old;

	args[0] = CStringGetTextDatum(cs->name);
	args[1] = CStringGetTextDatum(code);
	if (SPI_execute_with_args(psprintf("SELECT COALESCE(pg_catalog.jsonb_agg("
									   "  pg_catalog.jsonb_build_object('kind', t.kind, 'text', t.%s)"
									   "  ORDER BY t.id USING OPERATOR(pg_catalog.<)), '[]')"
									   " FROM medrec.%s AS t"
									   " WHERE t.code_system OPERATOR(pg_catalog.=) $1"
									   " AND t.code OPERATOR(pg_catalog.=) $2", column, table),
							  2, types, args, NULL, true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read medrec.%s", table);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	old = MemoryContextSwitchTo(into);
	result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
	MemoryContextSwitchTo(old);
	return result;
}

PG_FUNCTION_INFO_V1(medrec_lookup);

/* medrec.lookup(code_system, code, on_date): all that is loaded about a code. */
Datum
medrec_lookup(PG_FUNCTION_ARGS)
{
	static const char *const standings[] = {
		[CODE_NO_RELEASE] = "no release",
		[CODE_UNKNOWN] = "unknown",
		[CODE_NOT_YET] = "not yet",
		[CODE_RETIRED] = "retired",
		[CODE_CURRENT] = "current"
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CodeSystem *cs = codesystem_get(PG_GETARG_TEXT_PP(0));
	MemoryContext caller = CurrentMemoryContext;
	CodeCheck	check;
	CodeEntry	entry;
	Datum		values[10];
	bool		nulls[10] = {false};

	CodeArgument(cs, PG_GETARG_TEXT_PP(1), &check);
	InitMaterializedSRF(fcinfo, 0);
	terminology_lookup(cs, check.code, PG_GETARG_DATEADT(2), &entry);
	if (!entry.display && entry.standing != CODE_CURRENT)
		return (Datum) 0;

	values[0] = CStringGetTextDatum(cs->name);
	values[1] = CStringGetTextDatum(check.code);
	nulls[2] = entry.display == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(entry.display);
	nulls[3] = entry.short_display == NULL;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(entry.short_display);
	values[4] = BoolGetDatum(entry.billable);
	values[5] = CStringGetTextDatum(standings[entry.standing]);
	values[6] = DateADTGetDatum(entry.from);
	values[7] = DateADTGetDatum(entry.until);
	nulls[7] = entry.until == DATEVAL_NOEND;
	SPI_connect();
	values[8] = CodeTexts("code_term", "term", cs, check.code, caller);
	values[9] = CodeTexts("code_note", "note", cs, check.code, caller);
	SPI_finish();
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}
