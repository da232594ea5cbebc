/*
 * base/columns.h
 *		Finds the columns of a table by name.
 *
 * A table has its columns where ALTER TABLE and a restore have left them, and its
 * owner may give one another type.  Whoever reads values by number says which
 * columns they want and what they take the values for; a column that is not
 * there, or of another type, is an error and not a wild pointer.
 */
#ifndef MEDREC_COLUMNS_H
#define MEDREC_COLUMNS_H

#include "access/attnum.h"

/* most columns of one table that can be wanted */
#define WANTED_COLUMNS_MAX	32

/* A column that is wanted. */
typedef struct WantedColumn
{
	const char *name;
	Oid			type;			/* what its values are taken for; InvalidOid
								 * for any */
	bool		optional;		/* where it is not there, its number is
								 * InvalidAttrNumber */
} WantedColumn;

/*
 * The wanted columns of one table, and where they stand in the relation that was
 * asked for last.  A static variable, made by WANTED_COLUMNS() from a static array.
 */
typedef struct WantedColumns
{
	const WantedColumn *wanted;
	int			count;
	Oid			relid;			/* InvalidOid when they are to be looked up */
	AttrNumber	numbers[WANTED_COLUMNS_MAX];
	struct WantedColumns *next; /* in the list of those that are kept */
	bool		listed;
} WantedColumns;

#define WANTED_COLUMNS(array)	{(array), lengthof(array), InvalidOid, {0}, NULL, false}

/*
 * The numbers of the columns in a relation, in the order of the array; cached until
 * the relation changes.  The relation is open or locked, and the numbers are valid
 * as long as it is, and as long as nobody asks for those of another relation by the
 * same variable.
 * 42703 where a column is missing, 42804 where it has another type.
 */
extern const AttrNumber *columns_of(Oid relid, WantedColumns *columns);

/* the same, looked up each time: for a caller who keeps the numbers with something else */
extern void columns_find(Oid relid, const WantedColumn *wanted, int count, AttrNumber *numbers);

/* the number of one column, which must be there, of any type */
extern AttrNumber column_number(Oid relid, const char *name);

/* is a column there? */
extern bool column_exists(Oid relid, const char *name);

/* is a column there, and can its values be taken for that type? */
extern bool column_fits(Oid relid, const char *name, Oid type);

#endif							/* MEDREC_COLUMNS_H */
