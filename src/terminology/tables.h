/*
 * terminology/tables.h
 *		The tables of the loaded releases: their columns, and reading of rows.
 */
#ifndef MEDREC_TERMINOLOGY_TABLES_H
#define MEDREC_TERMINOLOGY_TABLES_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/date.h"
#include "utils/relcache.h"

/* columns of medrec.code, in the order of migration 2 */
enum
{
	CODE_SYSTEM = 1,
	CODE_CODE,
	CODE_VALID_FROM,
	CODE_VALID_TO,
	CODE_BILLABLE,
	CODE_ACTIVE_FROM,
	CODE_ACTIVE_TO,
	CODE_DISPLAY,
	CODE_SHORT_DISPLAY
};

/* columns of medrec.code_term */
enum
{
	TERM_SYSTEM = 2,
	TERM_CODE,
	TERM_KIND,
	TERM_TERM
};

/*
 * open medrec.code and medrec.code_term to read; an error if they are not as
 * migrate() makes them
 */
extern Relation code_table_open(void);
extern Relation code_term_table_open(void);

/* One row of medrec.code, without its strings. */
typedef struct StoredCode
{
	DateADT		from;			/* releases and the file's own dates together */
	DateADT		until;
	DateADT		listed_from;	/* the releases alone */
	DateADT		listed_until;
	bool		billable;
} StoredCode;

extern void stored_code_read(HeapTuple tuple, TupleDesc desc, StoredCode *row);

/* a copy of a text column, NULL if it is null */
extern char *text_column(HeapTuple tuple, TupleDesc desc, int column);

#endif							/* MEDREC_TERMINOLOGY_TABLES_H */
