/*
 * load/table.h
 *		Files of delimited fields.
 */
#ifndef MEDREC_LOAD_TABLE_H
#define MEDREC_LOAD_TABLE_H

#include "load/input.h"

/*
 * A format names the columns it wants as the header has them, alternatives between
 * bars; without header a column is its position in the array.
 */
typedef struct TableColumn
{
	const char *names;			/* lower case: "code", "display|title" */
	bool		required;		/* the file must have it */
} TableColumn;

typedef struct TableReader
{
	Load	   *load;
	char		delimiter;
	bool		quoted;			/* fields may be in double quotes */
	const TableColumn *columns;
	int			ncolumns;
	int		   *places;			/* position of each column in the file, -1 if
								 * it has none */
	Slice	   *fields;			/* of the present record */
	int			nfields;
	int64		maxfields;
	int			width;			/* fields that each record has */
} TableReader;

extern void table_begin(TableReader *table, Load *load, char delimiter, bool quoted,
						const TableColumn *columns, int ncolumns);
extern bool table_record(TableReader *table);
extern void table_header(TableReader *table);
extern void table_no_header(TableReader *table, int width);
extern bool table_is_header(const TableReader *table);
extern bool table_next(TableReader *table);
extern Slice table_value(const TableReader *table, int column);
extern bool table_detect(const Load *load, char delimiter, bool quoted,
						 const TableColumn *columns, int ncolumns);

#endif							/* MEDREC_LOAD_TABLE_H */
