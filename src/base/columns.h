/*
 * base/columns.h
 *		Finds the columns of a table by name.
 *
 * The numbers of a table's columns depend on ALTER TABLE and restores, and its
 * owner may change their types. Code that reads values by number declares
 * which columns it needs and the types that it reads them as; a missing
 * column, or one of another type, is an error and not a wild pointer.
 */
#ifndef MEDREC_COLUMNS_H
#define MEDREC_COLUMNS_H

#include "access/attnum.h"

/* most columns of one table that can be asked for */
#define WANTED_COLUMNS_MAX	32

/* A column that is wanted. */
typedef struct WantedColumn
{
	const char *name;
	Oid			type;			/* type that its values are read as;
								 * InvalidOid for any */
	bool		optional;		/* if it does not exist, its number is
								 * InvalidAttrNumber */
} WantedColumn;

/*
 * The wanted columns of one table, and their numbers in the relation that was
 * asked for last. A static variable, made by WANTED_COLUMNS() from a static
 * array.
 */
typedef struct WantedColumns
{
	const WantedColumn *wanted;
	int			count;
	Oid			relid;			/* InvalidOid if they have to be looked up */
	AttrNumber	numbers[WANTED_COLUMNS_MAX];
	struct WantedColumns *next; /* in the list of those that are kept */
	bool		listed;
} WantedColumns;

#define WANTED_COLUMNS(array)	{(array), lengthof(array), InvalidOid, {0}, NULL, false}

/*
 * The numbers of the columns in a relation, in the order of the array; cached
 * until the relation changes. The relation is open or locked, and the numbers
 * are valid as long as it is, and as long as nobody asks for those of another
 * relation by the same variable. 42703 if a column is missing, 42804 if it has
 * another type.
 */
extern const AttrNumber *columns_of(Oid relid, WantedColumns *columns);

/* the same, looked up each time: for a caller that caches the numbers elsewhere */
extern void columns_find(Oid relid, const WantedColumn *wanted, int count, AttrNumber *numbers);

/* the number of one column, which must exist, of any type */
extern AttrNumber column_number(Oid relid, const char *name);

/* is a column there? */
extern bool column_exists(Oid relid, const char *name);

/* does a column exist, and can its values be read as that type? */
extern bool column_fits(Oid relid, const char *name, Oid type);

#endif							/* MEDREC_COLUMNS_H */
