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

/* all that have been looked up, linked by next */
static WantedColumns *listed = NULL;

static void ForgetWantedColumns(Oid relid);
static AttrNumber LookUpColumn(Oid relid, const char *name, Oid type, bool *fits);
static AttrNumber FindWantedColumn(Oid relid, const WantedColumn *wanted);

/* Hook: a relation has changed, and its columns may have other numbers. */
static void
ForgetWantedColumns(Oid relid)
{
	WantedColumns *columns;

	for (columns = listed; columns != NULL; columns = columns->next)
		if (!OidIsValid(relid) || columns->relid == relid)
			columns->relid = InvalidOid;
}

/*
 * The number of a column, InvalidAttrNumber if it does not exist; fits: can
 * its values be read as that type? InvalidOid for any.
 */
static AttrNumber
LookUpColumn(Oid relid, const char *name, Oid type, bool *fits)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, name);
	Form_pg_attribute att;
	AttrNumber	number;

	*fits = false;
	if (!HeapTupleIsValid(tuple))
		return InvalidAttrNumber;
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	/* system columns do not count */
	number = att->attnum > 0 ? att->attnum : InvalidAttrNumber;
	*fits = number != InvalidAttrNumber && (!OidIsValid(type) || medrec_column_is(att, type));
	ReleaseSysCache(tuple);
	return number;
}

/* Finds a wanted column. */
static AttrNumber
FindWantedColumn(Oid relid, const WantedColumn *wanted)
{
	bool		fits;
	AttrNumber	number = LookUpColumn(relid, wanted->name, wanted->type, &fits);

	if (number == InvalidAttrNumber && !wanted->optional)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", get_rel_name(relid), wanted->name)));
	if (number != InvalidAttrNumber && !fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" must be of type %s",
						wanted->name, get_rel_name(relid), format_type_be(wanted->type))));
	return number;
}

/* Finds one column of any type. */
AttrNumber
column_number(Oid relid, const char *name)
{
	WantedColumn wanted = {.name = name};

	return FindWantedColumn(relid, &wanted);
}

/* Returns whether a column exists. */
bool
column_exists(Oid relid, const char *name)
{
	return column_fits(relid, name, InvalidOid);
}

/* Returns whether a column exists and has a suitable type. */
bool
column_fits(Oid relid, const char *name, Oid type)
{
	bool		fits;

	(void) LookUpColumn(relid, name, type, &fits);
	return fits;
}

/* Finds the columns of a relation. */
void
columns_find(Oid relid, const WantedColumn *wanted, int count, AttrNumber *numbers)
{
	int			i;

	for (i = 0; i < count; i++)
		numbers[i] = FindWantedColumn(relid, &wanted[i]);
}

/* The columns of a relation, looked up if it is another relation than before or has changed. */
const AttrNumber *
columns_of(Oid relid, WantedColumns *columns)
{
	AttrNumber	found[WANTED_COLUMNS_MAX];
	uint64		seen;

	Assert(columns->count <= WANTED_COLUMNS_MAX);
	if (columns->relid == relid && OidIsValid(relid))
		return columns->numbers;

	invalidate_watch(ForgetWantedColumns);
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
