/*
 * load_input.c
 *		What every reader of a file format needs: lines, columns, checked codes.
 */
#include "medrec.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "load.h"


/* Raises what is wrong with a line; line 0 stands for the file as a whole. */
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

/* Looks for characters that a wrong encoding leaves behind; only lines that are not plain ASCII come here. */
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
		/* U+00C2 or U+00C3 and then U+0080 to U+00BF: UTF-8 that was taken for latin-1 */
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
		/* "\r" alone is what is left of "\r\n" where a shell has cut the last "\n" */
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
	/* one pass that compilers turn into vector code: anything below space, above "~"? */
	for (size_t i = 0; i < len; i++)
		odd |= (unsigned char) ((unsigned char) s[i] - 0x20) > 0x7e - 0x20;
	if (odd)
		CheckCharacters(load, (const unsigned char *) s, line->len);
	return true;
}

/* The line at which the file stands, unchecked: what detection looks at. */
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
 * "to" 0 is the end of the line.  Shorter where the line ends before.
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

/* Checks the code of the present line and gives its normal form, zero-padded. */
void
load_check_code(const Load *load, Slice in, char out[CODE_MAX_LEN + 1])
{
	CodeCheck	check;

	/* src/codes wants UTF-8; what is not ASCII is no code in any encoding */
	for (int i = 0; i < in.len; i++)
		if (IS_HIGHBIT_SET(in.s[i]))
			load_fail(load, load->line, "not a code of %s: not plain ASCII", load->system->name);
	code_check(load->system, in.s, in.len, &check);
	if (check.verdict != CODE_OK)
		load_fail(load, load->line, "not a code of %s: %s", load->system->name, check.fault);
	memset(out, 0, CODE_MAX_LEN + 1);
	memcpy(out, check.code, check.len);
}

/* Makes room for one more element of an array of the load. */
static void *
GrowArray(const Load *load, void *array, size_t used, size_t *max, size_t size)
{
	if (used < *max)
		return array;
	if (*max >= PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s has more than %d entries", load->format->what, PG_INT32_MAX / 2)));
	*max = *max ? *max * 2 : 4096;
	if (!array)
		return MemoryContextAllocHuge(load->context, *max * size);
	return repalloc_huge(array, *max * size);
}

/* Takes a title as a file gives it: trimmed, not empty, of bounded length. */
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

/* Adds the code of the present line; the caller may fill in the other properties. */
LoadedCode *
load_add_code(Load *load, Slice code, Slice display, Slice short_display)
{
	LoadedCode *c;

	load->codes = GrowArray(load, load->codes, load->ncodes, &load->maxcodes, sizeof(LoadedCode));
	c = &load->codes[load->ncodes];
	load_check_code(load, code, c->code);
	c->billable = true;
	c->line = load->line;
	c->active_from = DATEVAL_NOBEGIN;
	c->active_to = DATEVAL_NOEND;
	c->display = CheckTerm(load, display, "title");
	c->short_display.s = NULL;
	c->short_display.len = 0;
	if (short_display.s)
	{
		short_display = CheckTerm(load, short_display, "short title");
		if (!slice_equal(short_display, c->display))
			c->short_display = short_display;
	}
	load->ncodes++;
	return c;
}

/* Adds a term of a code that is in its normal form. */
void
load_add_term(Load *load, const char *code, const char *kind, Slice term)
{
	LoadedTerm *t;

	load->terms = GrowArray(load, load->terms, load->nterms, &load->maxterms, sizeof(LoadedTerm));
	t = &load->terms[load->nterms];
	strlcpy(t->code, code, sizeof(t->code));
	t->kind = kind;
	t->term = CheckTerm(load, term, "term");
	load->nterms++;
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

/* Sorts the codes and refuses one that comes twice. */
void
load_sort_codes(Load *load)
{
	if (load->ncodes > 0)
		qsort(load->codes, load->ncodes, sizeof(LoadedCode), CompareCodes);
	for (size_t i = 1; i < load->ncodes; i++)
		if (memcmp(load->codes[i - 1].code, load->codes[i].code, CODE_MAX_LEN + 1) == 0)
			load_fail(load, load->codes[i].line, "code %s stands in line %d already",
					  load->codes[i].code, load->codes[i - 1].line);
}
