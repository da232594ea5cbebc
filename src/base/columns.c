/*
 * base/columns.c
 *		Finds the columns of a table by name.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/columns.h"
#include "base/invalidate.h"
#include "base/relations.h"

/* all that have been asked for, linked by next */
static WantedColumns *listed = NULL;

static void ForgetColumns(Oid relid);
static AttrNumber FindColumn(Oid relid, const WantedColumn *wanted);

/* Hook: a relation has changed, its columns may stand elsewhere. */
static void
ForgetColumns(Oid relid)
{
	WantedColumns *columns;

	for (columns = listed; columns != NULL; columns = columns->next)
		if (!OidIsValid(relid) || columns->relid == relid)
			columns->relid = InvalidOid;
}

/* Finds one column; InvalidAttrNumber for an optional one that is not there. */
static AttrNumber
FindColumn(Oid relid, const WantedColumn *wanted)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, wanted->name);
	AttrNumber	number = InvalidAttrNumber;
	bool		fits = true;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_attribute att = (Form_pg_attribute) GETSTRUCT(tuple);

		/* a system column is none of the table's */
		if (att->attnum > 0)
		{
			number = att->attnum;
			fits = !OidIsValid(wanted->type) || medrec_column_is(att, wanted->type);
		}
		ReleaseSysCache(tuple);
	}
	if (number == InvalidAttrNumber && !wanted->optional)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", get_rel_name(relid), wanted->name)));
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" must be of type %s",
						wanted->name, get_rel_name(relid), format_type_be(wanted->type))));
	return number;
}

/* Finds the columns of a relation. */
void
columns_find(Oid relid, const WantedColumn *wanted, int count, AttrNumber *numbers)
{
	int			i;

	for (i = 0; i < count; i++)
		numbers[i] = FindColumn(relid, &wanted[i]);
}

/* The columns of a relation, found when it is another one than before or has changed. */
const AttrNumber *
columns_of(Oid relid, WantedColumns *columns)
{
	AttrNumber	found[WANTED_COLUMNS_MAX];
	uint64		seen;

	Assert(columns->count <= WANTED_COLUMNS_MAX);
	if (columns->relid == relid && OidIsValid(relid))
		return columns->numbers;

	invalidate_watch(ForgetColumns);
	if (!columns->listed)
	{
		columns->next = listed;
		listed = columns;
		columns->listed = true;
	}

	/* filled as base/invalidate.h says */
	seen = invalidate_count();
	columns_find(relid, columns->wanted, columns->count, found);
	memcpy(columns->numbers, found, columns->count * sizeof(AttrNumber));
	columns->relid = invalidate_count() == seen ? relid : InvalidOid;
	return columns->numbers;
}
