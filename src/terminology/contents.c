/*
 * terminology/contents.c
 *		Reads all that is loaded, row by row.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"
#include "terminology/code_systems.h"
#include "terminology/contents.h"
#include "terminology/tables.h"

/* Calls a function for every row of a table; the strings are valid during the call only. */
static void
EachRow(bool codes, TermRowFunction function, void *arg)
{
	Relation	rel = codes ? code_table_open() : code_term_table_open();
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "medrec terms",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(per_row);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TermRow		row = {0};
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(per_row);
		row.cs = codesystem_lookup(DatumGetTextPP(heap_getattr(tuple, codes ? CODE_SYSTEM : TERM_SYSTEM,
															   desc, &isnull)));
		row.code = text_column(tuple, desc, codes ? CODE_CODE : TERM_CODE);
		if (row.cs == NULL)
			continue;
		if (codes)
		{
			StoredCode	stored;

			stored_code_read(tuple, desc, &stored);
			row.from = stored.from;
			row.until = stored.until;
			row.billable = stored.billable;
			row.display = text_column(tuple, desc, CODE_DISPLAY);
			row.short_display = text_column(tuple, desc, CODE_SHORT_DISPLAY);
		}
		else
		{
			row.kind = text_column(tuple, desc, TERM_KIND);
			row.term = text_column(tuple, desc, TERM_TERM);
		}
		function(&row, arg);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Calls a function for every code. */
void
terminology_each_code(TermRowFunction function, void *arg)
{
	EachRow(true, function, arg);
}

/* Calls a function for every further term. */
void
terminology_each_term(TermRowFunction function, void *arg)
{
	EachRow(false, function, arg);
}

/* Calls a function for every abbreviation and its expansion. */
void
terminology_each_abbreviation(AbbreviationFunction function, void *arg)
{
	static const Oid types[] = {TEXTOID, TEXTOID};
	Relation	rel = medrec_table_open("abbreviation", AccessShareLock, lengthof(types), types);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		function(text_column(tuple, RelationGetDescr(rel), 1),
				 text_column(tuple, RelationGetDescr(rel), 2), arg);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}
