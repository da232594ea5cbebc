/*
 * load/merge.c
 *		Writes the codes of a release into medrec.code: only what changes.
 *
 * A row of medrec.code has the properties of a code over a span of days, and
 * releases that agree share a row. Loading a release means: in its period the
 * code has the properties in the file, or does not exist; outside of it
 * nothing changes. Per code that is one assignment to a span of a list of rows
 * (AssignSpan), whatever the order in which releases are loaded; the
 * differences between the list before and after are written. The codes of the
 * file are sorted and the rows of the table are read in the same order, so
 * both are merged in one pass.
 *
 * Rows go through tuplestores that three plain statements read as if they were
 * tables (as triggers read transition tables): so privileges, constraints,
 * triggers and the user's own columns apply as for any DML.
 */
#include "base/medrec.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/array.h"
#include "load/merge.h"
#include "load/store.h"


/* rows read from the table at a time */
#define FETCH_ROWS	2000
/* codes after which the memory for their rows is freed */
#define RESET_CODES	500

/* the properties of a code, and their days */
typedef struct CodeRow
{
	DateADT		from;
	DateADT		to;				/* DATEVAL_NOEND: still */
	bool		billable;
	DateADT		active_from;
	DateADT		active_to;
	Slice		display;
	Slice		short_display;
} CodeRow;

/* the rows of one code, by time, without overlap */
typedef struct RowList
{
	CodeRow    *rows;
	int			n;
	int64		max;
} RowList;

/* columns of the stores; the first two are the key within a system */
enum
{
	COL_CODE,
	COL_FROM,
	COL_TO,
	COL_BILLABLE,
	COL_ACTIVE_FROM,
	COL_ACTIVE_TO,
	COL_DISPLAY,
	COL_SHORT,
	NCOLS
};

/* the table's rows, in order of code */
typedef struct RowReader
{
	Portal		portal;
	SPITupleTable *batch;
	uint64		nbatch;
	uint64		next;			/* in batch */
	const char *code;			/* of the next row; NULL at the end */
} RowReader;

typedef struct Merge
{
	Load	   *load;
	LoadStore	inserts;
	LoadStore	updates;
	LoadStore	deletes;
	MemoryContext scratch;		/* rows of the codes at hand */
} Merge;

/* A row added to the end of a list. */
static CodeRow *
AddPeriod(RowList *list)
{
	array_room(CurrentMemoryContext, list->rows, list->n, list->max);
	return &list->rows[list->n++];
}

/* Whether two rows have the same properties. */
static bool
SameContent(const CodeRow *a, const CodeRow *b)
{
	return a->billable == b->billable &&
		a->active_from == b->active_from &&
		a->active_to == b->active_to &&
		slice_equal(a->display, b->display) &&
		slice_equal(a->short_display, b->short_display);
}

/* Adds a row over these days, merged with the one before if they are adjacent and agree. */
static void
AddSpan(RowList *list, const CodeRow *content, DateADT from, DateADT to)
{
	CodeRow    *row;

	if (from >= to)
		return;
	if (list->n > 0)
	{
		row = &list->rows[list->n - 1];
		if (row->to == from && SameContent(row, content))
		{
			row->to = to;
			return;
		}
	}
	row = AddPeriod(list);
	*row = *content;
	row->from = from;
	row->to = to;
}

/* From "from" until before "to" the code has the properties "content"; NULL: it does not exist. */
static void
AssignSpan(RowList *list, DateADT from, DateADT to, const CodeRow *content)
{
	RowList		result = {NULL, 0, 0};
	bool		placed = content == NULL;

	for (int i = 0; i < list->n; i++)
	{
		const CodeRow *row = &list->rows[i];

		AddSpan(&result, row, row->from, Min(row->to, from));
		if (!placed && row->to > from)
		{
			AddSpan(&result, content, from, to);
			placed = true;
		}
		AddSpan(&result, row, Max(row->from, to), row->to);
	}
	if (!placed)
		AddSpan(&result, content, from, to);
	*list = result;
}

/* The row that is valid on a day; NULL if there is none. */
static const CodeRow *
RowOn(const RowList *list, DateADT day)
{
	for (int i = 0; i < list->n; i++)
		if (list->rows[i].from <= day && day < list->rows[i].to)
			return &list->rows[i];
	return NULL;
}

/* A date column's value; this end of time is NULL. */
static Datum
DateOrNull(DateADT day, DateADT end, bool *isnull)
{
	*isnull = day == end;
	return DateADTGetDatum(day);
}

/* Puts a row into a store. */
static void
PutPeriod(LoadStore *store, const char *code, const CodeRow *row)
{
	Datum		values[NCOLS];
	bool		nulls[NCOLS] = {false};

	values[COL_CODE] = CStringGetTextDatum(code);
	values[COL_FROM] = DateADTGetDatum(row->from);
	values[COL_TO] = DateOrNull(row->to, DATEVAL_NOEND, &nulls[COL_TO]);
	values[COL_BILLABLE] = BoolGetDatum(row->billable);
	values[COL_ACTIVE_FROM] = DateOrNull(row->active_from, DATEVAL_NOBEGIN, &nulls[COL_ACTIVE_FROM]);
	values[COL_ACTIVE_TO] = DateOrNull(row->active_to, DATEVAL_NOEND, &nulls[COL_ACTIVE_TO]);
	values[COL_DISPLAY] = load_text_or_null(row->display, &nulls[COL_DISPLAY]);
	values[COL_SHORT] = load_text_or_null(row->short_display, &nulls[COL_SHORT]);
	load_store_put(store, values, nulls);
}

/* Records the changes from the rows before to the rows after; both are in order of time. */
static void
PutChanges(Merge *merge, const char *code, const RowList *before, const RowList *after)
{
	int			i = 0;
	int			j = 0;

	while (i < before->n || j < after->n)
	{
		const CodeRow *old = i < before->n ? &before->rows[i] : NULL;
		const CodeRow *new = j < after->n ? &after->rows[j] : NULL;

		if (old && (!new || old->from < new->from))
		{
			PutPeriod(&merge->deletes, code, old);
			i++;
		}
		else if (!old || new->from < old->from)
		{
			PutPeriod(&merge->inserts, code, new);
			j++;
		}
		else
		{
			if (old->to != new->to || !SameContent(old, new))
				PutPeriod(&merge->updates, code, new);
			i++;
			j++;
		}
	}
}

/* The value of a date column of a row that SPI read. */
static DateADT
GetDate(HeapTuple tuple, TupleDesc desc, int column, DateADT if_null)
{
	bool		isnull;
	Datum		d = SPI_getbinval(tuple, desc, column + 1, &isnull);

	return isnull ? if_null : DatumGetDateADT(d);
}

/* The value of a text column of a row that SPI read; it lives in the current context. */
static Slice
GetText(HeapTuple tuple, TupleDesc desc, int column)
{
	Slice		s = {NULL, 0};
	bool		isnull;
	Datum		d = SPI_getbinval(tuple, desc, column + 1, &isnull);

	if (!isnull)
	{
		text	   *t = DatumGetTextPP(d);

		s.len = VARSIZE_ANY_EXHDR(t);
		s.s = pnstrdup(VARDATA_ANY(t), s.len);
	}
	return s;
}

/* Opens the reading of a system's rows. */
static void
OpenReader(RowReader *reader, const CodeSystem *system)
{
	Oid			types[] = {TEXTOID};
	Datum		args[] = {CStringGetTextDatum(system->name)};

	memset(reader, 0, sizeof(*reader));
	reader->portal = SPI_cursor_open_with_args(NULL,
											   "SELECT c.code, c.valid_from, c.valid_to, c.billable,"
											   " c.active_from, c.active_to, c.display, c.short_display"
											   " FROM medrec.code AS c"
											   " WHERE c.code_system OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
											   " ORDER BY c.code USING OPERATOR(pg_catalog.<),"
											   " c.valid_from USING OPERATOR(pg_catalog.<)",
											   1, types, args, NULL, false, 0);
}

/* Fetches the next row if needed, and stores its code. */
static void
FillReader(RowReader *reader)
{
	if (reader->batch && reader->next < reader->nbatch)
		return;
	if (reader->portal == NULL)
		return;
	if (reader->batch)
	{
		SPI_freetuptable(reader->batch);
		reader->batch = NULL;
	}
	CHECK_FOR_INTERRUPTS();
	SPI_cursor_fetch(reader->portal, true, FETCH_ROWS);
	reader->batch = SPI_tuptable;
	reader->nbatch = SPI_processed;
	reader->next = 0;
	if (reader->nbatch == 0)
	{
		SPI_freetuptable(reader->batch);
		reader->batch = NULL;
		SPI_cursor_close(reader->portal);
		reader->portal = NULL;
	}
}

/* The code of the next row of the table, copied to "code"; false at the end. */
static bool
PeekReader(RowReader *reader, char code[CODE_MAX_LEN + 1])
{
	bool		isnull;
	text	   *t;
	int			len;

	FillReader(reader);
	if (!reader->batch)
		return false;
	t = DatumGetTextPP(SPI_getbinval(reader->batch->vals[reader->next],
									 reader->batch->tupdesc, COL_CODE + 1, &isnull));
	len = VARSIZE_ANY_EXHDR(t);

	/*
	 * varchar(20) counts characters: a row written by hand may have more
	 * bytes
	 */
	if (len > CODE_MAX_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a code in medrec.code has more than %d bytes", CODE_MAX_LEN),
				 errhint("Delete the row: it is in no release.")));
	memset(code, 0, CODE_MAX_LEN + 1);
	memcpy(code, VARDATA_ANY(t), len);
	return true;
}

/* Adds the next row of the table to a list. */
static void
TakeStoredPeriod(RowReader *reader, RowList *list)
{
	HeapTuple	tuple = reader->batch->vals[reader->next];
	TupleDesc	desc = reader->batch->tupdesc;
	CodeRow    *row = AddPeriod(list);
	bool		isnull;

	row->from = GetDate(tuple, desc, COL_FROM, DATEVAL_NOBEGIN);
	row->to = GetDate(tuple, desc, COL_TO, DATEVAL_NOEND);
	row->billable = DatumGetBool(SPI_getbinval(tuple, desc, COL_BILLABLE + 1, &isnull));
	row->active_from = GetDate(tuple, desc, COL_ACTIVE_FROM, DATEVAL_NOBEGIN);
	row->active_to = GetDate(tuple, desc, COL_ACTIVE_TO, DATEVAL_NOEND);
	row->display = GetText(tuple, desc, COL_DISPLAY);
	row->short_display = GetText(tuple, desc, COL_SHORT);
	reader->next++;
}

/*
 * Computes the changes of one code, from its rows in the table and its entry
 * in the file or NULL.
 */
static void
MergeCode(Merge *merge, const MergePeriods *periods, const char *code,
		  const RowList *before, const LoadedCode *loaded)
{
	RowList		after = *before;

	if (periods->moved)
	{
		const CodeRow *previous = NULL;
		CodeRow		copy;

		if (periods->old_previous)
			previous = RowOn(&after, periods->old_from - 1);
		if (previous)
		{
			copy = *previous;
			previous = &copy;
		}
		AssignSpan(&after, periods->old_from, periods->old_to, previous);
	}
	if (loaded)
	{
		CodeRow		content;

		content.from = periods->from;
		content.to = periods->to;
		content.billable = loaded->billable;
		content.active_from = loaded->active_from;
		content.active_to = loaded->active_to;
		content.display = loaded->display;
		content.short_display = loaded->short_display;
		AssignSpan(&after, periods->from, periods->to, &content);
	}
	else
		AssignSpan(&after, periods->from, periods->to, NULL);
	PutChanges(merge, code, before, &after);
}

/* Runs a statement over a store's rows, each of which must match a row of the table. */
static void
RunChange(Merge *merge, LoadStore *store, const char *sql, int expected)
{
	uint64		rows = store->n;

	if (load_store_run(store, sql, merge->load->system, 0, expected) != rows)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of medrec.code were changed by another session during the load"),
				 errhint("Load the release again.")));
	load_store_close(store);
}

/* Describes the rows of the stores; the types are those of the table, so that nothing is cast. */
static TupleDesc
StoreDesc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(NCOLS);

	TupleDescInitEntry(desc, COL_CODE + 1, "code", VARCHAROID, 20 + VARHDRSZ, 0);
	TupleDescInitEntryCollation(desc, COL_CODE + 1, C_COLLATION_OID);
	TupleDescInitEntry(desc, COL_FROM + 1, "valid_from", DATEOID, -1, 0);
	TupleDescInitEntry(desc, COL_TO + 1, "valid_to", DATEOID, -1, 0);
	TupleDescInitEntry(desc, COL_BILLABLE + 1, "billable", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, COL_ACTIVE_FROM + 1, "active_from", DATEOID, -1, 0);
	TupleDescInitEntry(desc, COL_ACTIVE_TO + 1, "active_to", DATEOID, -1, 0);
	TupleDescInitEntry(desc, COL_DISPLAY + 1, "display", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, COL_SHORT + 1, "short_display", TEXTOID, -1, 0);
	return desc;
}

/* Writes the release's codes; they are sorted. */
void
load_merge_codes(Load *load, const MergePeriods *periods)
{
	Merge		merge;
	RowReader	reader;
	MemoryContext caller = CurrentMemoryContext;
	size_t		next = 0;
	uint64		done = 0;

	merge.load = load;
	load_store_open(&merge.inserts, "medrec_load_insert", StoreDesc());
	load_store_open(&merge.updates, "medrec_load_update", merge.inserts.desc);
	load_store_open(&merge.deletes, "medrec_load_delete", merge.inserts.desc);
	merge.scratch = AllocSetContextCreate(CurrentMemoryContext, "medrec merge",
										  ALLOCSET_DEFAULT_SIZES);

	OpenReader(&reader, load->system);
	for (;;)
	{
		RowList		before = {NULL, 0, 0};
		LoadedCode *loaded = next < load->codes.n ? load_item(load->codes, LoadedCode, next) : NULL;
		char		code[CODE_MAX_LEN + 1];
		char		stored[CODE_MAX_LEN + 1];
		bool		more;

		/*
		 * SPI's own allocations must not be in the memory that is freed here
		 */
		more = PeekReader(&reader, stored);
		if (!more && !loaded)
			break;

		MemoryContextSwitchTo(merge.scratch);
		if (loaded && (!more || memcmp(loaded->code, stored, sizeof(stored)) <= 0))
		{
			memcpy(code, loaded->code, sizeof(code));
			next++;
		}
		else
		{
			memcpy(code, stored, sizeof(code));
			loaded = NULL;
		}
		while (more && memcmp(code, stored, sizeof(stored)) == 0)
		{
			TakeStoredPeriod(&reader, &before);
			MemoryContextSwitchTo(caller);
			more = PeekReader(&reader, stored);
			MemoryContextSwitchTo(merge.scratch);
		}
		MergeCode(&merge, periods, code, &before, loaded);
		MemoryContextSwitchTo(caller);
		if (++done % RESET_CODES == 0)
		{
			MemoryContextReset(merge.scratch);
			CHECK_FOR_INTERRUPTS();
		}
	}
	MemoryContextDelete(merge.scratch);

	/*
	 * deletions first, so that a row can take over the key of another
	 */
	RunChange(&merge, &merge.deletes,
			  "DELETE FROM medrec.code AS c USING medrec_load_delete AS d"
			  " WHERE c.code_system OPERATOR(pg_catalog.=) $1"
			  " AND c.code OPERATOR(pg_catalog.=) d.code"
			  " AND c.valid_from OPERATOR(pg_catalog.=) d.valid_from",
			  SPI_OK_DELETE);
	RunChange(&merge, &merge.updates,
			  "UPDATE medrec.code AS c SET valid_to = u.valid_to, billable = u.billable,"
			  " active_from = u.active_from, active_to = u.active_to,"
			  " display = u.display, short_display = u.short_display"
			  " FROM medrec_load_update AS u"
			  " WHERE c.code_system OPERATOR(pg_catalog.=) $1"
			  " AND c.code OPERATOR(pg_catalog.=) u.code"
			  " AND c.valid_from OPERATOR(pg_catalog.=) u.valid_from",
			  SPI_OK_UPDATE);
	RunChange(&merge, &merge.inserts,
			  "INSERT INTO medrec.code (code_system, code, valid_from, valid_to, billable,"
			  " active_from, active_to, display, short_display)"
			  " SELECT $1, i.code, i.valid_from, i.valid_to, i.billable,"
			  " i.active_from, i.active_to, i.display, i.short_display"
			  " FROM medrec_load_insert AS i",
			  SPI_OK_INSERT);
}
