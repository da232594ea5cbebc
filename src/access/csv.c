/*
 * access/csv.c
 *		Lists as CSV, without cells that a spreadsheet would take for formulas.
 *
 * PostgREST writes a line of CSV as the text of a record.  A name that begins with
 * "=" would be a formula to the spreadsheet that opens the file, and PostgREST
 * 12.0.2 has no way to write it otherwise: its custom media types fail with select.
 * So a hook after parsing looks at what its sessions send, and where a row of the
 * answer is made a text, medrec.csv_line() makes it.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "access/csv.h"
#include "base/actor.h"
#include "base/relations.h"

/* what PostgREST calls the rows of an answer */
#define ANSWER_ROWS	"_postgrest_t"

/* How to write the columns of a record type; kept for as long as a query runs. */
typedef struct CsvColumns
{
	Oid			type;
	int32		typmod;
	int			count;
	struct CsvColumn
	{
		Oid			type;
		bool		words;		/* of a type whose text a person chose */
		FmgrInfo	output;
	}			columns[FLEXIBLE_ARRAY_MEMBER];
} CsvColumns;

static post_parse_analyze_hook_type previous_hook = NULL;

static bool IsLine(Node *node, Query *query);
static bool HasLine(Node *node, Query *query);
static Node *WriteLines(Node *node, Query *query);
static Oid	LineFunction(void);
static void LookAtAnswer(ParseState *pstate, Query *query, JumbleState *jstate);
static CsvColumns *ColumnsOf(FunctionCallInfo fcinfo, TupleDesc desc);
static bool IsFormula(const char *value);
static void AppendCell(StringInfo line, const char *value, bool harmless);

PG_FUNCTION_INFO_V1(medrec_csv_line);

/* Whether an expression makes a text of a row of the answer. */
static bool
IsLine(Node *node, Query *query)
{
	CoerceViaIO *coercion = (CoerceViaIO *) node;
	Var		   *var;
	RangeTblEntry *entry;

	if (node == NULL || !IsA(node, CoerceViaIO) || coercion->resulttype != TEXTOID ||
		!IsA(coercion->arg, Var))
		return false;
	var = (Var *) coercion->arg;
	if (var->varattno != InvalidAttrNumber || var->varlevelsup != 0 || var->vartype != RECORDOID)
		return false;
	entry = rt_fetch(var->varno, query->rtable);
	return strcmp(entry->eref->aliasname, ANSWER_ROWS) == 0;
}

/* Walker: whether there is such an expression. */
static bool
HasLine(Node *node, Query *query)
{
	if (node == NULL)
		return false;
	return IsLine(node, query) || expression_tree_walker(node, HasLine, query);
}

/* Mutator: has medrec.csv_line() make these texts. */
static Node *
WriteLines(Node *node, Query *query)
{
	if (node == NULL)
		return NULL;
	if (IsLine(node, query))
		return (Node *) makeFuncExpr(LineFunction(), TEXTOID, list_make1(((CoerceViaIO *) node)->arg),
									 ((CoerceViaIO *) node)->resultcollid, InvalidOid, COERCE_EXPLICIT_CALL);
	return expression_tree_mutator(node, WriteLines, query);
}

/* medrec.csv_line(record); InvalidOid where the extension's objects are older. */
static Oid
LineFunction(void)
{
	Oid			types[] = {RECORDOID};

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("csv_line"),
						   PointerGetDatum(buildoidvector(types, 1)), ObjectIdGetDatum(medrec_schema()));
}

/* Hook: a statement has been analysed.  As in access/unfiltered.c, only the client's own is looked at. */
static void
LookAtAnswer(ParseState *pstate, Query *query, JumbleState *jstate)
{
	if (previous_hook)
		previous_hook(pstate, query, jstate);

	if (query->commandType != CMD_SELECT || debug_query_string == NULL ||
		pstate->p_sourcetext != debug_query_string || !actor_is_authenticator() ||
		!HasLine((Node *) query->targetList, query) || !OidIsValid(LineFunction()))
		return;
	query->targetList = (List *) WriteLines((Node *) query->targetList, query);
}

/* Takes the hook. */
void
csv_init(void)
{
	previous_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = LookAtAnswer;
}

/* How to write the columns, looked up when another type comes. */
static CsvColumns *
ColumnsOf(FunctionCallInfo fcinfo, TupleDesc desc)
{
	CsvColumns *kept = fcinfo->flinfo->fn_extra;
	int			i;

	if (kept && kept->type == desc->tdtypeid && kept->typmod == desc->tdtypmod &&
		kept->count == desc->natts)
		return kept;
	fcinfo->flinfo->fn_extra = NULL;
	kept = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
								  offsetof(CsvColumns, columns) + desc->natts * sizeof(struct CsvColumn));
	for (i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;
		Oid			output;
		bool		varlena;
		char		category;
		bool		preferred;

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		getTypeOutputInfo(type, &output, &varlena);
		fmgr_info_cxt(output, &kept->columns[i].output, fcinfo->flinfo->fn_mcxt);
		get_type_category_preferred(getBaseType(type), &category, &preferred);
		kept->columns[i].words = category == TYPCATEGORY_STRING || category == TYPCATEGORY_UNKNOWN;
	}
	kept->type = desc->tdtypeid;
	kept->typmod = desc->tdtypmod;
	kept->count = desc->natts;
	fcinfo->flinfo->fn_extra = kept;
	return kept;
}

/* Whether a spreadsheet would take a cell for a formula; the wide forms are those of East Asian input. */
static bool
IsFormula(const char *value)
{
	static const char *const wide[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
	int			i;

	if (*value != '\0' && strchr("=+-@\t\r\n", *value))
		return true;
	for (i = 0; i < (int) lengthof(wide); i++)
		if (strncmp(value, wide[i], strlen(wide[i])) == 0)
			return true;
	return false;
}

/* Adds a cell, in quotes where it needs them (RFC 4180); an empty text has them, a null has not. */
static void
AppendCell(StringInfo line, const char *value, bool harmless)
{
	bool		quotes = *value == '\0' || strpbrk(value, ",\"\r\n\t ();\\") != NULL;

	if (quotes)
		appendStringInfoChar(line, '"');
	if (!harmless)
		appendStringInfoChar(line, '\'');
	for (; *value; value++)
	{
		if (*value == '"')
			appendStringInfoChar(line, '"');
		appendStringInfoChar(line, *value);
	}
	if (quotes)
		appendStringInfoChar(line, '"');
}

/* medrec.csv_line(record): a line of CSV in parentheses, which PostgREST takes off. */
Datum
medrec_csv_line(PG_FUNCTION_ARGS)
{
	HeapTupleHeader record = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(record),
											  HeapTupleHeaderGetTypMod(record));
	CsvColumns *columns = ColumnsOf(fcinfo, desc);
	HeapTupleData tuple = {0};
	StringInfoData line;
	bool		first = true;
	int			i;

	tuple.t_len = HeapTupleHeaderGetDatumLength(record);
	tuple.t_data = record;
	initStringInfo(&line);
	appendStringInfoChar(&line, '(');
	for (i = 0; i < desc->natts; i++)
	{
		Datum		value;
		bool		isnull;
		char	   *text;

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		if (!first)
			appendStringInfoChar(&line, ',');
		first = false;
		value = heap_getattr(&tuple, i + 1, desc, &isnull);
		if (isnull)
			continue;
		text = OutputFunctionCall(&columns->columns[i].output, value);
		AppendCell(&line, text, !columns->columns[i].words || !IsFormula(text));
		pfree(text);
	}
	appendStringInfoChar(&line, ')');
	ReleaseTupleDesc(desc);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(line.data, line.len));
}
