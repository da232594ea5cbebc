/*
 * records/row.h
 *		A row on its way through the trigger, and the checks that all tables share.
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

/* and as it was before the UPDATE */
static inline Datum
row_old_value(const RecordRow *row, int column)
{
	return row->old_values[row->columns[column] - 1];
}

/* a column's text, NULL where it is null */
extern char *row_string(const RecordRow *row, int column);

extern void row_set(RecordRow *row, int column, Datum value);
extern void row_set_string(RecordRow *row, int column, const char *str);
extern void row_set_null(RecordRow *row, int column);

/* gives a column the value back that it had before the UPDATE */
extern void row_keep(RecordRow *row, int column);

/* does the UPDATE change a column? */
extern bool row_changes(const RecordRow *row, int column);

/* does an UPDATE change nothing but one column (0 for none), the user's own included? */
extern bool rows_differ_only_in(TupleDesc desc, HeapTuple old, HeapTuple new, AttrNumber column);

/*
 * Whether what the client says of a record's past is believed: the table's owner,
 * a superuser, or a member of medrec_import brings it from elsewhere.
 */
extern bool row_may_import(const RecordRow *row);

/* does a string hold control characters that no text has? */
extern bool has_control_character(const char *str, bool allow_lines);

/* is a string one of a NULL-terminated list? */
extern bool is_one_of(const char *str, const char *const *words);

/* a required line of text: white space around it goes, nothing else */
extern void row_check_line(RecordRow *row, int column, const char *name);

/* a time that a client gives: when something was, so neither to come nor infinite */
extern void row_check_past(RecordRow *row, int column, const char *name);

/* has a column this time, as its default gives it? */
extern bool row_is_time(const RecordRow *row, int column, TimestampTz time);

/* has the table a row with this one's value of a column that an index is unique on? */
extern bool row_is_stored(const RecordRow *row, const char *index, int column, RegProcedure equal);

/* PT409, for whoever has read an old version */
extern void row_raise_stale(void) pg_attribute_noreturn();

/* what all versioned tables share: whoever has read an old version may not write */
extern void row_check_version(RecordRow *row, int version, int created_at, int updated_at, int id);

#endif							/* MEDREC_ROW_H */
