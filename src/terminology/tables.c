/*
 * terminology/tables.c
 *		The tables of the loaded releases: their columns, and reading of rows.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "base/relations.h"
#include "terminology/tables.h"

/* the types of the columns up to the last that is read; columns that are not read count too */
static const Oid code_types[] = {
	TEXTOID, TEXTOID, DATEOID, DATEOID, BOOLOID, DATEOID, DATEOID, TEXTOID, TEXTOID
};
static const Oid term_types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};

/* Opens medrec.code. */
Relation
code_table_open(void)
{
	return medrec_table_open("code", AccessShareLock, lengthof(code_types), code_types);
}

/* Opens medrec.code_term. */
Relation
code_term_table_open(void)
{
	return medrec_table_open("code_term", AccessShareLock, lengthof(term_types), term_types);
}

/* Reads the days on which a row of medrec.code is valid, and whether it may be used on a claim. */
void
stored_code_read(HeapTuple tuple, TupleDesc desc, StoredCode *row)
{
	bool		isnull;
	Datum		value;

	row->from = DatumGetDateADT(heap_getattr(tuple, CODE_VALID_FROM, desc, &isnull));
	value = heap_getattr(tuple, CODE_VALID_TO, desc, &isnull);
	row->until = isnull ? DATEVAL_NOEND : DatumGetDateADT(value);
	row->listed_from = row->from;
	row->listed_until = row->until;
	row->billable = DatumGetBool(heap_getattr(tuple, CODE_BILLABLE, desc, &isnull));

	/* the file's own dates can only shorten the period of the releases */
	value = heap_getattr(tuple, CODE_ACTIVE_FROM, desc, &isnull);
	if (!isnull && DatumGetDateADT(value) > row->from)
		row->from = DatumGetDateADT(value);
	value = heap_getattr(tuple, CODE_ACTIVE_TO, desc, &isnull);
	if (!isnull && DatumGetDateADT(value) < row->until)
		row->until = DATE_NOT_FINITE(DatumGetDateADT(value)) ?
			DatumGetDateADT(value) : DatumGetDateADT(value) + 1;
}

/* Copies a text column of a tuple, NULL if it is null. */
char *
text_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}
