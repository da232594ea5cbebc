/*
 * terminology/titles.c
 *		Which code a text is the title of: by the indexes on the keys of texts.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"
#include "terminology/code_systems.h"
#include "terminology/tables.h"
#include "terminology/titles.h"

/* An index on the keys of texts, and the column of the text. */
typedef struct TermIndex
{
	bool		codes;			/* of medrec.code, otherwise of code_term */
	const char *name;
	int			column;
} TermIndex;

static const TermIndex term_indexes[] = {
	{true, "code_display_idx", CODE_DISPLAY},
	{true, "code_short_display_idx", CODE_SHORT_DISPLAY},
	{false, "code_term_term_idx", TERM_TERM}
};

/* A search for all rows with a text. */
typedef struct TermScan
{
	const TermIndex *in;
	const CodeSystem *cs;
	const FoldedTerm *term;
	Relation	rel;
	Relation	idx;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	char	   *code;			/* of the row found */
	bool		is_entry;		/* of the alphabetic index */
} TermScan;

/* Opens one of the indexes on the keys of texts. */
static void
TermScanOpen(TermScan *ts, const TermIndex *in, const CodeSystem *cs)
{
	static const Oid key_types[] = {TEXTOID, INT8OID};

	ts->in = in;
	ts->cs = cs;
	ts->rel = in->codes ? code_table_open() : code_term_table_open();
	ts->idx = medrec_index_open(ts->rel, in->name, AccessShareLock,
								lengthof(key_types), key_types);
	ts->slot = MakeSingleTupleTableSlot(RelationGetDescr(ts->rel), &TTSOpsBufferHeapTuple);
	ts->scan = medrec_index_beginscan(ts->rel, ts->idx, GetActiveSnapshot(), 2);
}

/* Starts an index scan for a text's key. */
static void
TermScanFor(TermScan *ts, const FoldedTerm *term)
{
	ScanKeyData key[2];

	/* an expression index: the keys are numbered as the index's columns */
	ScanKeyInit(&key[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(ts->cs->name));
	ScanKeyInit(&key[1], 2, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(term->key));
	index_rescan(ts->scan, key, 2, NULL, 0);
	ts->term = term;
}

/* Reads the next row with exactly this text; false at the end. */
static bool
TermScanNext(TermScan *ts)
{
	while (index_getnext_slot(ts->scan, ForwardScanDirection, ts->slot))
	{
		bool		isnull;
		char	   *title = TextDatumGetCString(slot_getattr(ts->slot, ts->in->column, &isnull));
		bool		same = term_equals(ts->term, title, strlen(title));

		CHECK_FOR_INTERRUPTS();
		pfree(title);
		if (!same)
			continue;
		ts->code = TextDatumGetCString(slot_getattr(ts->slot, ts->in->codes ? CODE_CODE : TERM_CODE,
													&isnull));
		ts->is_entry = false;
		if (!ts->in->codes)
		{
			char	   *kind = TextDatumGetCString(slot_getattr(ts->slot, TERM_KIND, &isnull));

			ts->is_entry = strcmp(kind, "index") == 0;
			pfree(kind);
		}
		return true;
	}
	return false;
}

/* Ends the reading. */
static void
TermScanClose(TermScan *ts)
{
	index_endscan(ts->scan);
	ExecDropSingleTupleTableSlot(ts->slot);
	index_close(ts->idx, AccessShareLock);
	table_close(ts->rel, AccessShareLock);
}

/* Adds the code of the row found, if it is current and not in the list yet. */
static List *
AddNamed(List *named, const TermScan *ts, DateADT on_date)
{
	CodeEntry	entry;
	ListCell   *lc;

	foreach(lc, named)
		if (strcmp((char *) lfirst(lc), ts->code) == 0)
		return named;
	terminology_lookup(ts->cs, ts->code, on_date, &entry);
	return entry.standing == CODE_CURRENT ? lappend(named, ts->code) : named;
}

/* Is the row found a title of the code, or a term of it or of a code above? */
static bool
IsTitleOf(const TermScan *ts, const char *code)
{
	return strcmp(ts->code, code) == 0 ||
		(!ts->in->codes && codesystem_is_above(ts->cs, ts->code, code));
}

/*
 * Looks all readings up in one index; true if one of them names the code.
 * Other codes found are added to by_reading.
 */
static bool
AskIndex(const TermIndex *in, const TitleQuestion *question, List **by_reading)
{
	TermScan	ts;
	bool		found = false;

	TermScanOpen(&ts, in, question->cs);
	for (int r = 0; !found && r < question->nreadings; r++)
	{
		TermScanFor(&ts, &question->readings[r]);
		while (!found && TermScanNext(&ts))
		{
			found = question->entry->display && IsTitleOf(&ts, question->code);
			if (!found && !ts.is_entry && r < question->others &&
				list_length(by_reading[r]) < question->max)
				by_reading[r] = AddNamed(by_reading[r], &ts, question->on_date);
		}
	}
	TermScanClose(&ts);
	return found;
}

/* Does a text name the code, and if not, which does it name? */
bool
title_names_code(const TitleQuestion *question, List **named)
{
	List	  **by_reading = palloc0(question->nreadings * sizeof(List *));

	*named = NIL;
	for (int i = 0; i < lengthof(term_indexes); i++)
		if (AskIndex(&term_indexes[i], question, by_reading))
			return true;
	for (int r = 0; *named == NIL && r < question->nreadings; r++)
		*named = by_reading[r];
	return false;
}
