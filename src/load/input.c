/*
 * load/input.c
 *		What all readers of file formats need: lines, columns, checked codes.
 */
#include "base/medrec.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#include "base/array.h"
#include "load/format.h"
#include "load/input.h"
#include "terminology/code_systems.h"


/* Raises an error about a line; line 0 is the file as a whole. */
void
load_fail(const Load *load, int line, const char *fmt,...)
{
	const char *what = load->format ? load->format->what : "file";
	char	   *reason;
	size_t		size = 256;

	for (;;)
	{
		va_list		args;
		size_t		needed;

		reason = palloc(size);
		va_start(args, fmt);
		needed = pvsnprintf(reason, size, fmt, args);
		va_end(args);
		if (needed < size)
			break;
		size = needed;
	}

	if (line > 0)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("line %d of the %s: %s", line, what, reason),
				 errdetail("Nothing of this file has been loaded.")));
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("%s: %s", what, reason),
			 errdetail("Nothing of this file has been loaded.")));
	pg_unreachable();
}

/*
 * Looks for characters that a wrong encoding causes; called only for lines
 * that are not plain ASCII.
 */
static void
CheckCharacters(const Load *load, const unsigned char *s, int len)
{
	bool		utf8 = GetDatabaseEncoding() == PG_UTF8;
	int			i;

	for (i = 0; i < len; i++)
	{
		if ((s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			load_fail(load, load->line, "control character 0x%02x", s[i]);
		if (!utf8 || s[i] < 0x80 || i + 1 >= len)
			continue;
		/* U+0080 to U+009F: Windows-1252 that was taken for latin-1 */
		if (s[i] == 0xc2 && s[i + 1] < 0xa0)
			load_fail(load, load->line, "mis-encoded: control character U+%04X", s[i + 1]);

		/*
		 * U+00C2 or U+00C3 and then U+0080 to U+00BF: UTF-8 that was taken
		 * for latin-1
		 */
		if (s[i] == 0xc3 && (s[i + 1] == 0x82 || s[i + 1] == 0x83) &&
			i + 2 < len && s[i + 2] == 0xc2)
			load_fail(load, load->line, "mis-encoded: UTF-8 was taken for latin-1");
		if (s[i] == 0xef && s[i + 1] == 0xbf && i + 2 < len && s[i + 2] == 0xbd)
			load_fail(load, load->line, "mis-encoded: replacement character U+FFFD");
	}
}

/* The next line without its line end; false at the end of the file. */
bool
load_line(Load *load, Slice *line)
{
	const char *end = load->data + load->len;
	const char *stop;
	const char *s;
	size_t		len;
	unsigned char odd = 0;

	if (load->next >= end)
		return false;
	if ((++load->line & 1023) == 0)
		CHECK_FOR_INTERRUPTS();

	s = load->next;
	stop = memchr(s, '\n', end - s);
	if (stop)
		load->next = stop + 1;
	else
	{
		stop = end;
		load->next = end;

		/*
		 * "\r" alone is what is left of "\r\n" if a shell has removed the
		 * last "\n"
		 */
		if (load->format->needs_line_end && stop[-1] != '\r')
			ereport(ERROR,
					(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
					 errmsg("line %d of the %s: the last line has no line end, the file is cut off",
							load->line, load->format->what),
					 errdetail("Nothing of this file has been loaded."),
					 errhint("If the file is complete, add a line end to its last line.")));
	}
	if (stop > s && stop[-1] == '\r')
		stop--;

	len = stop - s;
	if (len > LOAD_MAX_LINE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("line %d of the %s is longer than %d bytes",
						load->line, load->format->what, LOAD_MAX_LINE)));

	line->s = s;
	line->len = (int) len;

	/*
	 * one pass that compilers turn into vector code: anything below space,
	 * above "~"?
	 */
	for (size_t i = 0; i < len; i++)
		odd |= (unsigned char) ((unsigned char) s[i] - 0x20) > 0x7e - 0x20;
	if (odd)
		CheckCharacters(load, (const unsigned char *) s, line->len);
	return true;
}

/* The current line, unchecked, for detection. */
Slice
load_peek_line(const Load *load)
{
	Slice		line;
	size_t		left = load->data + load->len - load->next;
	const char *stop;

	left = Min(left, LOAD_MAX_LINE);
	stop = memchr(load->next, '\n', left);
	line.s = load->next;
	line.len = (int) (stop ? stop - line.s : left);
	if (line.len > 0 && line.s[line.len - 1] == '\r')
		line.len--;
	return line;
}

/*
 * Columns "from" to "to" of a fixed-width line, counted from 1 in characters;
 * "to" 0 is the end of the line. Shorter if the line ends before.
 */
Slice
load_columns(const Load *load, Slice line, int from, int to)
{
	Slice		part = {line.s, 0};
	int			start = from - 1;
	int			stop = to > 0 ? to : line.len;
	bool		ascii = true;

	if (pg_database_encoding_max_length() > 1)
	{
		int			upto = Min(line.len, stop);

		for (int i = 0; i < upto; i++)
			ascii &= !IS_HIGHBIT_SET(line.s[i]);
	}
	if (!ascii)
	{
		/* columns are characters: move to where those begin */
		int			column = 0;
		int			i = 0;
		int			start_byte = -1;

		while (i < line.len && !(to > 0 && column == to))
		{
			if (column == start)
				start_byte = i;
			i += Min(pg_mblen(line.s + i), line.len - i);
			column++;
		}
		if (start_byte < 0)
			start_byte = i;
		start = start_byte;
		stop = i;
	}
	start = Min(start, line.len);
	stop = Min(stop, line.len);
	part.s = line.s + start;
	part.len = Max(stop - start, 0);
	return part;
}

/* Without the spaces and tabs around it. */
Slice
slice_trim(Slice s)
{
	while (s.len > 0 && (s.s[0] == ' ' || s.s[0] == '\t'))
	{
		s.s++;
		s.len--;
	}
	while (s.len > 0 && (s.s[s.len - 1] == ' ' || s.s[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Whether it is this text. */
bool
slice_is(Slice s, const char *text)
{
	return s.s && (size_t) s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

/* Whether it begins with this text. */
bool
slice_starts(Slice s, const char *text)
{
	return s.s && (size_t) s.len >= strlen(text) && memcmp(s.s, text, strlen(text)) == 0;
}

/* Whether both are the same text, or both absent. */
bool
slice_equal(Slice a, Slice b)
{
	if (!a.s || !b.s)
		return !a.s && !b.s;
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* Checks the code of the current line and returns its normal form, zero-padded. */
void
load_check_code(const Load *load, Slice in, char out[CODE_MAX_LEN + 1])
{
	CodeCheck	check;

	/*
	 * no code has characters other than ASCII, except for the dagger of
	 * ICD-10
	 */
	if (strcmp(load->system->name, "ICD-10") != 0)
		for (int i = 0; i < in.len; i++)
			if (IS_HIGHBIT_SET(in.s[i]))
				load_fail(load, load->line, "not a code of %s: not plain ASCII", load->system->name);
	codesystem_check(load->system, in.s, in.len, &check);
	if (check.verdict != CODE_OK)
		load_fail(load, load->line, "not a code of %s: %s", load->system->name, check.fault);
	memset(out, 0, CODE_MAX_LEN + 1);
	memcpy(out, check.code, check.len);
}

/* A new item, zeroed, at the end of an array. */
void *
load_push(const Load *load, LoadArray *array, size_t size)
{
	void	   *item;

	array->items = array_grow(load->context, array->items, array->n, &array->max, size);
	item = (char *) array->items + array->n++ * size;
	memset(item, 0, size);
	return item;
}

/* Reads a title of a file: trimmed, not empty, of bounded length. */
static Slice
CheckTerm(const Load *load, Slice term, const char *what)
{
	term = slice_trim(term);
	if (term.len == 0)
		load_fail(load, load->line, "%s is empty", what);
	if (term.len > LOAD_MAX_TERM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("line %d of the %s: %s is longer than %d bytes",
						load->line, load->format->what, what, LOAD_MAX_TERM)));
	return term;
}

/* Adds the code of the current line; the caller may fill in the other properties. */
LoadedCode *
load_add_code(Load *load, Slice code, Slice display, Slice short_display)
{
	LoadedCode *c = load_push(load, &load->codes, sizeof(LoadedCode));

	load_check_code(load, code, c->code);
	c->billable = true;
	c->line = load->line;
	c->active_from = DATEVAL_NOBEGIN;
	c->active_to = DATEVAL_NOEND;
	c->display = CheckTerm(load, display, "title");
	short_display = slice_trim(short_display);
	if (short_display.len > 0 && !slice_equal(short_display, c->display))
		c->short_display = CheckTerm(load, short_display, "short title");
	return c;
}

/* Adds a term or note to an array. */
static void
PushTerm(Load *load, LoadArray *array, const char *code, const char *kind, Slice term)
{
	LoadedTerm *t = load_push(load, array, sizeof(LoadedTerm));

	strlcpy(t->code, code, sizeof(t->code));
	t->kind = kind;
	t->term = CheckTerm(load, term, "term");
}

/* Adds a further name of a code that is in its normal form. */
void
load_add_term(Load *load, const char *code, const char *kind, Slice term)
{
	PushTerm(load, &load->terms, code, kind, term);
}

/* Adds a note on a code that is in its normal form. */
void
load_add_note(Load *load, const char *code, const char *kind, Slice note)
{
	PushTerm(load, &load->notes, code, kind, note);
}

/* Adds a rule on a code that is in its normal form; the caller may fill in the rest. */
LoadedRule *
load_add_rule(Load *load, const char *code, const char *rule, Slice text)
{
	LoadedRule *r = load_push(load, &load->rules, sizeof(LoadedRule));

	strlcpy(r->code, code, sizeof(r->code));
	r->rule = rule;
	r->age_min = -1;
	r->age_max = -1;
	r->text = text;
	return r;
}

/* A date written YYYYMMDD or YYYY-MM-DD. */
DateADT
load_date(const Load *load, Slice s, const char *what, DateADT if_empty)
{
	int			part[3] = {0, 0, 0};
	int			digits = 0;
	bool		good;

	s = slice_trim(s);
	if (s.len == 0)
		return if_empty;
	good = s.len == 8 || (s.len == 10 && s.s[4] == '-' && s.s[7] == '-');
	for (int i = 0; good && i < s.len; i++)
	{
		if (s.len == 10 && (i == 4 || i == 7))
			continue;
		if (s.s[i] < '0' || s.s[i] > '9')
			good = false;
		else
		{
			int		   *p = &part[digits < 4 ? 0 : digits < 6 ? 1 : 2];

			*p = *p * 10 + (s.s[i] - '0');
			digits++;
		}
	}
	good = good && part[0] >= 1 && part[1] >= 1 && part[1] <= 12 && part[2] >= 1 &&
		part[2] <= day_tab[isleap(part[0])][part[1] - 1];
	if (!good)
		load_fail(load, load->line, "%s is not a date of the form YYYYMMDD or YYYY-MM-DD", what);
	return date2j(part[0], part[1], part[2]) - POSTGRES_EPOCH_JDATE;
}

/* A formatted text, in memory that lives as long as the load. */
Slice
load_join(const Load *load, const char *fmt,...)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);
	StringInfoData buf;
	Slice		s;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&buf, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	s.s = repalloc(buf.data, buf.len + 1);
	s.len = buf.len;
	MemoryContextSwitchTo(old);
	return s;
}

/* Order of the codes: that of the table's primary key (collation C), then of the lines. */
static int
CompareCodes(const void *a, const void *b)
{
	const LoadedCode *x = a;
	const LoadedCode *y = b;
	int			order = memcmp(x->code, y->code, sizeof(x->code));

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Sorts the codes, refuses duplicates, and finds headers that are not marked. */
void
load_sort_codes(Load *load)
{
	LoadedCode *codes = load->codes.items;

	if (load->codes.n == 0)
		return;
	qsort(codes, load->codes.n, sizeof(LoadedCode), CompareCodes);
	for (size_t i = 1; i < load->codes.n; i++)
		if (memcmp(codes[i - 1].code, codes[i].code, CODE_MAX_LEN + 1) == 0)
			load_fail(load, codes[i].line, "code %s is already in line %d",
					  codes[i].code, codes[i - 1].line);
	/* codes below a code begin with its text, so they follow directly */
	for (size_t i = 1; load->format->lists_leaves && i < load->codes.n; i++)
		if (codesystem_is_above(load->system, codes[i - 1].code, codes[i].code))
			codes[i - 1].billable = false;
}

/* Order of terms: code, kind, term. */
static int
CompareTerms(const void *a, const void *b)
{
	const LoadedTerm *x = a;
	const LoadedTerm *y = b;
	int			order = strcmp(x->code, y->code);

	if (order == 0)
		order = strcmp(x->kind, y->kind);
	if (order == 0)
		order = memcmp(x->term.s, y->term.s, Min(x->term.len, y->term.len));
	return order ? order : x->term.len - y->term.len;
}

/* Sorts terms and drops duplicates. */
void
load_sort_terms(LoadArray *terms)
{
	LoadedTerm *t = terms->items;
	size_t		kept = 0;

	if (terms->n == 0)
		return;
	qsort(t, terms->n, sizeof(LoadedTerm), CompareTerms);
	for (size_t i = 1; i < terms->n; i++)
		if (CompareTerms(&t[kept], &t[i]) != 0)
			t[++kept] = t[i];
	terms->n = kept + 1;
}
