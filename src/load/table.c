/*
 * load/table.c
 *		Reads files of delimited fields: CSV, tab-separated, bars.
 */
#include "base/medrec.h"

#include "miscadmin.h"

#include "base/array.h"
#include "load/table.h"


/* fields that a record may have */
#define MAX_FIELDS	1000

static void AddField(TableReader *table, const char *s, size_t len);
static bool NextRecord(TableReader *table, Slice *record);
static int	FindColumn(const TableReader *table, const char *names);

/* Prepares the reading of a file. */
void
table_begin(TableReader *table, Load *load, char delimiter, bool quoted,
			const TableColumn *columns, int ncolumns)
{
	table->load = load;
	table->delimiter = delimiter;
	table->quoted = quoted;
	table->columns = columns;
	table->ncolumns = ncolumns;
	table->places = MemoryContextAlloc(load->context, ncolumns * sizeof(int));
	table->maxfields = 0;
	table->fields = NULL;
	table->nfields = 0;
	table->width = 0;
}

/* Adds a field to the current record. */
static void
AddField(TableReader *table, const char *s, size_t len)
{
	if (table->nfields == table->maxfields)
	{
		if (table->nfields >= MAX_FIELDS)
			load_fail(table->load, table->load->line, "more than %d fields", MAX_FIELDS);
		array_room(table->load->context, table->fields, table->nfields, table->maxfields);
	}
	table->fields[table->nfields].s = s;
	table->fields[table->nfields].len = (int) len;
	table->nfields++;
}

/* Number of double quotes in a range. */
static int
CountQuotes(const char *s, const char *end)
{
	int			n = 0;

	while (s < end && (s = memchr(s, '"', end - s)) != NULL)
	{
		n++;
		s++;
	}
	return n;
}

/* The next record as written in the file; a quoted field may contain line ends. */
static bool
NextRecord(TableReader *table, Slice *record)
{
	Load	   *load = table->load;
	int			first = load->line + 1;
	bool		open;
	Slice		line;

	if (!load_line(load, record))
		return false;
	if (!table->quoted)
		return true;
	open = CountQuotes(record->s, record->s + record->len) % 2 == 1;
	while (open)
	{
		if (!load_line(load, &line))
			load_fail(load, first, "a quoted field is not closed");
		if (line.s + line.len - record->s > LOAD_MAX_LINE)
			load_fail(load, first, "a quoted field is not closed within %d bytes", LOAD_MAX_LINE);
		record->len = (int) (line.s + line.len - record->s);
		open ^= CountQuotes(line.s, line.s + line.len) % 2 == 1;
	}
	return true;
}

/* Reads a quoted field, which begins at "s"; returns where it ends. */
static const char *
QuotedField(TableReader *table, const char *s, const char *end)
{
	const char *start = ++s;
	bool		doubled = false;

	while (s < end && (*s != '"' || (s + 1 < end && s[1] == '"')))
	{
		if (*s == '"')
		{
			doubled = true;
			s++;
		}
		s++;
	}
	if (s >= end || (s + 1 < end && s[1] != table->delimiter))
		load_fail(table->load, table->load->line, "a closing quote is not followed by a delimiter");
	if (!doubled)
		AddField(table, start, s - start);
	else
	{
		char	   *copy = MemoryContextAlloc(table->load->context, s - start + 1);
		char	   *to = copy;

		for (const char *from = start; from < s; from++)
		{
			*to++ = *from;
			if (*from == '"')
				from++;
		}
		AddField(table, copy, to - copy);
	}
	return s + 1;
}

/* Splits the next record into fields; false at the end of the file. */
bool
table_record(TableReader *table)
{
	Slice		record;
	const char *s;
	const char *end;

	if (!NextRecord(table, &record))
		return false;
	table->nfields = 0;
	s = record.s;
	end = s + record.len;
	for (;;)
	{
		const char *stop;

		if (table->quoted && s < end && *s == '"')
			stop = QuotedField(table, s, end);
		else
		{
			stop = s < end ? memchr(s, table->delimiter, end - s) : NULL;
			if (!stop)
				stop = end;
			AddField(table, s, stop - s);
		}
		if (stop >= end)
			return true;
		s = stop + 1;
	}
}

/* Whether a field has one of the names between the bars. */
static bool
NameMatches(Slice field, const char *names)
{
	field = slice_trim(field);
	while (*names)
	{
		int			len = (int) strcspn(names, "|");

		if (len == field.len && pg_strncasecmp(names, field.s, len) == 0)
			return true;
		names += len;
		if (*names == '|')
			names++;
	}
	return false;
}

/* The position of a column in the current record, which is a header; -1 if it is missing. */
static int
FindColumn(const TableReader *table, const char *names)
{
	/* the names are in order of preference */
	while (*names)
	{
		int			len = (int) strcspn(names, "|");
		char		name[NAMEDATALEN];

		strlcpy(name, names, Min(len + 1, (int) sizeof(name)));
		for (int i = 0; i < table->nfields; i++)
			if (NameMatches(table->fields[i], name))
				return i;
		names += len;
		if (*names == '|')
			names++;
	}
	return -1;
}

/* Uses the current record as the header of the following ones. */
void
table_header(TableReader *table)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		table->places[i] = FindColumn(table, table->columns[i].names);
		if (table->places[i] < 0 && table->columns[i].required)
			load_fail(table->load, table->load->line, "the header has no column \"%.*s\"",
					  (int) strcspn(table->columns[i].names, "|"), table->columns[i].names);
	}
	table->width = table->nfields;
}

/* The file has no header: columns are as in the array, in records of the given number of fields. */
void
table_no_header(TableReader *table, int width)
{
	for (int i = 0; i < table->ncolumns; i++)
		table->places[i] = i;
	table->width = width;
}

/* Whether the current record is a header with all required columns. */
bool
table_is_header(const TableReader *table)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].required && FindColumn(table, table->columns[i].names) < 0)
			return false;
	return true;
}

/* The next record, checked to have as many fields as the header; blank lines do not count. */
bool
table_next(TableReader *table)
{
	do
	{
		if (!table_record(table))
			return false;
	} while (table->nfields == 1 && slice_trim(table->fields[0]).len == 0);
	if (table->nfields != table->width)
		load_fail(table->load, table->load->line, "%d fields, expected %d",
				  table->nfields, table->width);
	return true;
}

/* A column's value in the current record, trimmed; s is NULL if the file has no such column. */
Slice
table_value(const TableReader *table, int column)
{
	Slice		none = {NULL, 0};

	if (table->places[column] < 0)
		return none;
	return slice_trim(table->fields[table->places[column]]);
}

/* Whether the file begins with a header that has all required columns. */
bool
table_detect(const Load *load, char delimiter, bool quoted,
			 const TableColumn *columns, int ncolumns)
{
	Slice		line = load_peek_line(load);
	int			found = 0;
	int			wanted = 0;
	const char *s = line.s;
	const char *end = line.s + line.len;

	for (int i = 0; i < ncolumns; i++)
		wanted += columns[i].required;

	/*
	 * column names contain no quotes or delimiters, so splitting is enough
	 * here
	 */
	while (s <= end)
	{
		const char *stop = s < end ? memchr(s, delimiter, end - s) : NULL;
		Slice		field;

		if (!stop)
			stop = end;
		field.s = s;
		field.len = (int) (stop - s);
		field = slice_trim(field);
		if (quoted && field.len >= 2 && field.s[0] == '"' && field.s[field.len - 1] == '"')
		{
			field.s++;
			field.len -= 2;
		}
		for (int i = 0; i < ncolumns; i++)
			found += columns[i].required && NameMatches(field, columns[i].names);
		s = stop + 1;
	}
	return found >= wanted;
}
