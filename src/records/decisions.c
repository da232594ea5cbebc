/*
 * records/decisions.c
 *		A person's decisions on the code of a diagnosis or treatment: confirm,
 *		reject, accept a suggestion. Also adds suggestions of other programs.
 *
 * They run with the caller's rights, with saved plans. The trigger checks the
 * rows.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/jsonb.h"
#include "base/plan.h"
#include "records/intent.h"
#include "terminology/code_systems.h"

/* the same statement for both tables */
#define FOR_CODED_TABLES(set, nargs, ...) { \
	{"UPDATE ONLY medrec.diagnosis AS t SET " set \
	 " WHERE t.id OPERATOR(pg_catalog.=) $1 RETURNING pg_catalog.to_jsonb(t.*)", \
	 nargs, {__VA_ARGS__}}, \
	{"UPDATE ONLY medrec.treatment AS t SET " set \
	 " WHERE t.id OPERATOR(pg_catalog.=) $1 RETURNING pg_catalog.to_jsonb(t.*)", \
	 nargs, {__VA_ARGS__}} \
}

static SavedPlan set_status[] = FOR_CODED_TABLES("status = $2", 2, UUIDOID, TEXTOID);
static SavedPlan set_suggestions[] = FOR_CODED_TABLES("suggestions = $2", 2, UUIDOID, JSONBOID);
static SavedPlan set_candidate[] =
FOR_CODED_TABLES("code = $2, description = $3, code_system = $4, status = 'corrected'",
				 4, UUIDOID, TEXTOID, TEXTOID, TEXTOID);

/* the record as of when it was locked */
#define LOCK_CODED(table) { \
	"SELECT t.version, t.status, t.code, t.code_system, t.suggestions" \
	" FROM ONLY medrec." table " AS t" \
	" WHERE t.id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE", \
	1, {UUIDOID} \
}

static SavedPlan lock_coded[] = {LOCK_CODED("diagnosis"), LOCK_CODED("treatment")};

/* A diagnosis or treatment that is locked for a decision. */
typedef struct CodedRow
{
	int			table;			/* which of the two plans belongs to its table */
	int32		version;
	char	   *status;
	char	   *code;
	char	   *code_system;
	Jsonb	   *suggestions;
} CodedRow;

/* One of a record's suggestions. */
typedef struct Candidate
{
	char	   *code;
	char	   *code_system;
	char	   *display;		/* NULL where it has none */
} Candidate;

static void RecordNotFound(void) pg_attribute_noreturn();

/* Raises the error for a record that does not exist, or that the caller may not change. */
static void
RecordNotFound(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_HTTP_NOT_FOUND),
			 errmsg("record not found"),
			 errdetail("There is no diagnosis or treatment with this id, or you may not change it.")));
}

/* Locks a record for a decision, and reads it. */
static void
LockCoded(Datum record, CodedRow *row)
{
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;

	for (row->table = 0; row->table < lengthof(lock_coded); row->table++)
	{
		saved_plan_run(&lock_coded[row->table], &record, NULL);
		if (SPI_processed > 0)
			break;
	}
	if (row->table == lengthof(lock_coded))
		RecordNotFound();
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	row->version = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull));
	row->status = SPI_getvalue(tuple, desc, 2);
	row->code = SPI_getvalue(tuple, desc, 3);
	row->code_system = SPI_getvalue(tuple, desc, 4);
	row->suggestions = DatumGetJsonbP(SPI_getbinval(tuple, desc, 5, &isnull));
}

/*
 * Refuses a decision on a record that has changed: one with another version
 * than the given one or, if none is given, one with another decision.
 */
static void
CheckDecision(FunctionCallInfo fcinfo, int version_arg, const CodedRow *row, bool same)
{
	static const char *const decisions[] = {"confirmed", "corrected", "rejected"};
	int			i;

	if (PG_NARGS() > version_arg && !PG_ARGISNULL(version_arg))
	{
		if (PG_GETARG_INT32(version_arg) != row->version)
			ereport(ERROR,
					(errcode(ERRCODE_HTTP_CONFLICT),
					 errmsg("the record does not have the given version"),
					 errdetail("Somebody has changed it since it was read."),
					 errhint("Read it again and repeat the decision.")));
		return;
	}
	for (i = 0; i < lengthof(decisions); i++)
		if (!same && strcmp(row->status, decisions[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_HTTP_CONFLICT),
					 errmsg("another decision has been made on the record"),
					 errdetail("Its status is \"%s\".", decisions[i]),
					 errhint("Read it again. To decide differently, give its version.")));
}

/* Updates a diagnosis or treatment; returns the stored row as JSON. */
static Datum
UpdateCoded(SavedPlan *plan, Datum *values, const bool *nulls)
{
	bool		isnull;

	saved_plan_run(plan, values, nulls);
	if (SPI_processed == 0)
		RecordNotFound();
	return SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
										   1, &isnull), false, -1);
}

/* Sets the status of a record to a person's decision. */
static Datum
Decide(FunctionCallInfo fcinfo, const char *status)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), CStringGetTextDatum(status)};
	CodedRow	row;
	Datum		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	SPI_connect();
	LockCoded(values[0], &row);
	CheckDecision(fcinfo, 1, &row, strcmp(row.status, status) == 0);
	result = UpdateCoded(&set_status[row.table], values, NULL);
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(medrec_confirm);

/* medrec.confirm(record, version): a person keeps the code as it is. */
Datum
medrec_confirm(PG_FUNCTION_ARGS)
{
	return Decide(fcinfo, "confirmed");
}

PG_FUNCTION_INFO_V1(medrec_reject);

/* medrec.reject(record, version): a person refuses the record. */
Datum
medrec_reject(PG_FUNCTION_ARGS)
{
	return Decide(fcinfo, "rejected");
}

PG_FUNCTION_INFO_V1(medrec_add_suggestions);

/* medrec.add_suggestions(record, suggestions): the trigger merges them in. */
Datum
medrec_add_suggestions(PG_FUNCTION_ARGS)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	CodedRow	row;
	Datum		result;

	SPI_connect();
	LockCoded(values[0], &row);
	result = UpdateCoded(&set_suggestions[row.table], values, NULL);
	SPI_finish();
	return result;
}

/* Finds the suggestion of a record that has the code given, in any writing. */
static bool
FindCandidate(const CodedRow *row, text * given, Candidate *candidate)
{
	JsonbIterator *it = JsonbIteratorInit(&row->suggestions->root);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		Jsonb	   *suggestion;
		const CodeSystem *cs;
		CodeCheck	check;

		if (token != WJB_ELEM || value.type != jbvBinary)
			continue;
		suggestion = JsonbValueToJsonb(&value);
		candidate->code_system = jsonb_string_at(suggestion, "code_system");
		candidate->code = jsonb_string_at(suggestion, "code");
		candidate->display = jsonb_string_at(suggestion, "display");
		if (candidate->code_system == NULL || candidate->code == NULL)
			continue;
		cs = codesystem_lookup(cstring_to_text(candidate->code_system));
		if (cs == NULL)
			continue;
		codesystem_check(cs, VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), &check);
		if (check.verdict != CODE_OK || strcmp(check.code, candidate->code) != 0)
			continue;
		if (candidate->display != NULL && candidate->display[0] == '\0')
			candidate->display = NULL;
		return true;
	}
	return false;
}

PG_FUNCTION_INFO_V1(medrec_accept_suggestion);

/* medrec.accept_suggestion(record, code, version): stores one of the record's suggestions. */
Datum
medrec_accept_suggestion(PG_FUNCTION_ARGS)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	CodedRow	row;
	Candidate	candidate;
	RecordIntent outer;
	bool		found;
	Datum		result = (Datum) 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	values[0] = PG_GETARG_DATUM(0);
	SPI_connect();
	LockCoded(values[0], &row);
	found = FindCandidate(&row, PG_GETARG_TEXT_PP(1), &candidate);
	CheckDecision(fcinfo, 2, &row,
				  found && strcmp(row.status, "corrected") == 0 &&
				  strcmp(row.code, candidate.code) == 0 &&
				  strcmp(row.code_system, candidate.code_system) == 0);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the code is not among the record's suggestions"),
				 errhint("To use another code, UPDATE code and description of the record.")));

	values[1] = CStringGetTextDatum(candidate.code);
	nulls[2] = candidate.display == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(candidate.display);
	values[3] = CStringGetTextDatum(candidate.code_system);
	outer = intent_begin(INTENT_ACCEPT, DatumGetUUIDP(values[0]));
	PG_TRY();
	{
		result = UpdateCoded(&set_candidate[row.table], values, nulls);
	}
	PG_FINALLY();
	{
		intent_end(&outer);
	}
	PG_END_TRY();
	SPI_finish();
	return result;
}
