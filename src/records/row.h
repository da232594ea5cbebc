/*
 * records/row.h
 *		A row in the validate trigger, and the checks that all tables share.
 */
#ifndef MEDREC_ROW_H
#define MEDREC_ROW_H

#include "access/htup.h"
#include "utils/rel.h"

#include "base/faults.h"
#include "records/columns.h"

/* A row taken apart; its columns by the numbers of records/columns.h. */
typedef struct RecordRow
{
	Relation	rel;
	RecordKind	kind;
	const AttrNumber *columns;
	Datum	   *values;
	bool	   *nulls;
	Datum	   *old_values;		/* NULL on INSERT */
	bool	   *old_nulls;
	FaultList	faults;
} RecordRow;

/* takes a row apart; old: NULL on INSERT */
extern void row_open(RecordRow *row, Relation rel, RecordKind kind, HeapTuple tuple, HeapTuple old);

/* is it an UPDATE? */
static inline bool
row_is_update(const RecordRow *row)
{
	return row->old_values != NULL;
}

/* is a column null? */
static inline bool
row_is_null(const RecordRow *row, int column)
{
	return row->nulls[row->columns[column] - 1];
}

/* a column that is not null */
static inline Datum
row_value(const RecordRow *row, int column)
{
	return row->values[row->columns[column] - 1];
}

/* the row before the UPDATE */
static inline Datum
row_old_value(const RecordRow *row, int column)
{
	return row->old_values[row->columns[column] - 1];
}

/* the text of a column, NULL if it is null */
extern char *row_string(const RecordRow *row, int column);

extern void row_set(RecordRow *row, int column, Datum value);
extern void row_set_string(RecordRow *row, int column, const char *str);
extern void row_set_null(RecordRow *row, int column);

/* restores the value that a column had before the UPDATE */
extern void row_keep(RecordRow *row, int column);

/* does the UPDATE change a column? */
extern bool row_changes(const RecordRow *row, int column);

/* does an UPDATE change only this column (0 for none), the user's own columns included? */
extern bool rows_differ_only_in(TupleDesc desc, HeapTuple old, HeapTuple new, AttrNumber column);

/*
 * Whether the client may set when a record was created and last visited: the
 * table's owner, a superuser, or a member of medrec_import, for imports.
 */
extern bool row_may_import(const RecordRow *row);

/* does a string hold control characters that no text has? */
extern bool has_control_character(const char *str, bool allow_lines);

/* is a string one of a NULL-terminated list? */
extern bool is_one_of(const char *str, const char *const *words);

/* a required line of text: surrounding white space is removed, nothing else */
extern void row_check_line(RecordRow *row, int column, const char *name);

/* checks a time given by a client: it must not be in the future or infinite */
extern void row_check_past(RecordRow *row, int column, const char *name);

/* does a column have this time, which is its default? */
extern bool row_is_time(const RecordRow *row, int column, TimestampTz time);

/* checks the version of a row: an UPDATE that is based on an old version is refused */
extern void row_check_version(RecordRow *row, int version, int created_at, int updated_at, int id);

#endif							/* MEDREC_ROW_H */
