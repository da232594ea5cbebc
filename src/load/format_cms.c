/*
 * load/format_cms.c
 *		The fixed-width files of CMS: ICD-10 order and codes files, ICD-9 long
 *		titles, HCPCS.
 */
#include "base/medrec.h"

#include "load/format.h"
#include "load/input.h"


/* Columns of an order file, counted from 1. */
#define ORDER_NUMBER	1, 5
#define ORDER_CODE		7, 13
#define ORDER_FLAG		15, 15
#define ORDER_SHORT		17, 76
#define ORDER_LONG		78, 0
#define ORDER_MIN_LEN	78

/* The number in the first columns of an order file's line; -1 if there is none. */
static int
OrderNumber(const Load *load, Slice line)
{
	Slice		s = load_columns(load, line, ORDER_NUMBER);
	int			n = 0;

	if (s.len != 5)
		return -1;
	for (int i = 0; i < 5; i++)
	{
		if (s.s[i] < '0' || s.s[i] > '9')
			return -1;
		n = n * 10 + (s.s[i] - '0');
	}
	return n;
}

/* Whether the columns between the fields are blank, as they are in every order file. */
static bool
OrderGapsBlank(const Load *load, Slice line)
{
	static const int gaps[] = {6, 14, 16, 77};

	for (int i = 0; i < lengthof(gaps); i++)
		if (!slice_is(load_columns(load, line, gaps[i], gaps[i]), " "))
			return false;
	return true;
}

/* Recognizes an order file by its first line. */
static bool
DetectOrder(const Load *load)
{
	Slice		line = load_peek_line(load);

	return line.len >= ORDER_MIN_LEN && OrderNumber(load, line) >= 0 && OrderGapsBlank(load, line);
}

/*
 * Whether a title is in fact the target and flags of a general equivalence map
 * ("A000 10000"): such a file looks like one of codes and titles.
 */
static bool
IsMapTarget(Slice title)
{
	int			flags = 0;
	int			blanks = 0;

	title = slice_trim(title);
	while (flags < title.len && title.s[title.len - 1 - flags] >= '0' && title.s[title.len - 1 - flags] <= '9')
		flags++;
	for (int i = 0; i < title.len - flags; i++)
		if (title.s[i] == ' ')
			blanks++;
		else if (blanks > 0)
			return false;
	return flags == 5 && blanks > 0;
}

/*
 * Order file: the numbers run from 1 without a gap, and each header is
 * followed by at least one code that begins with it. Both are true for every
 * file that CMS has published, and both fail if lines are lost.
 */
static void
ReadOrder(Load *load)
{
	Slice		line;
	Slice		above = {NULL, 0};	/* the header in the line before */
	int			expected = 0;

	while (load_line(load, &line))
	{
		Slice		code;
		Slice		flag;
		LoadedCode *c;
		int			number = OrderNumber(load, line);

		if (number < 0)
			load_fail(load, load->line, "no order number in columns 1 to 5");
		if (line.len < ORDER_MIN_LEN)
			load_fail(load, load->line, "the line ends before the long title, which begins in column 78");
		if (!OrderGapsBlank(load, line))
			load_fail(load, load->line, "columns 6, 14, 16 and 77 are not all blank");
		/* five digits hold 99999: the number starts over after it */
		expected = (expected + 1) % 100000;
		if (number != expected)
			load_fail(load, load->line, "order number %05d, expected %05d: lines are missing",
					  number, expected);

		code = slice_trim(load_columns(load, line, ORDER_CODE));
		flag = load_columns(load, line, ORDER_FLAG);
		if (!slice_is(flag, "0") && !slice_is(flag, "1"))
			load_fail(load, load->line, "column 15 is neither 0 (header) nor 1 (billable)");
		if (above.s && (code.len <= above.len || memcmp(code.s, above.s, above.len) != 0))
			load_fail(load, load->line - 1, "no code follows this header, lines are missing");

		c = load_add_code(load, code,
						  load_columns(load, line, ORDER_LONG),
						  load_columns(load, line, ORDER_SHORT));
		c->billable = *flag.s == '1';
		above = code;
		if (c->billable)
			above.s = NULL;
	}
	if (above.s)
		load_fail(load, load->line, "no code follows this header, the file is cut off");
}

const LoadFormat load_format_cms_order = {
	.name = "cms-order",
	.what = "CMS order file",
	.content = "codes",
	.systems = "|ICD-10-CM|ICD-10-PCS|",
	.needs_line_end = true,
	.detect = DetectOrder,
	.read = ReadOrder,
};

/*
 * Codes file: a code without its dot, blanks up to column 9, the long title.
 * It lists only codes that may be used on a claim: no headers, no short
 * titles, no numbers.
 */

/* Splits a line into code and title; false if it is not of that form. */
static bool
SplitCodesLine(Slice line, Slice *code, Slice *title)
{
	int			n = 0;

	while (n < line.len && line.s[n] != ' ' && line.s[n] != '\t')
		n++;
	code->s = line.s;
	code->len = n;
	title->s = line.s + n;
	title->len = line.len - n;
	*title = slice_trim(*title);
	return n > 0 && title->len > 0;
}

/* lines that detection reads */
#define CODES_LINES	10

/* Whether each of the first lines has a code of the system, and a title. */
static bool
DetectCodes(const Load *load)
{
	Load		ahead = *load;
	int			n = 0;

	while (n < CODES_LINES && ahead.next < ahead.data + ahead.len)
	{
		Slice		line = load_peek_line(&ahead);
		const char *end = memchr(ahead.next, '\n', ahead.data + ahead.len - ahead.next);
		Slice		code;
		Slice		title;
		CodeCheck	check;

		if (!SplitCodesLine(line, &code, &title) || IsMapTarget(title))
			return false;
		for (int i = 0; i < code.len; i++)
			if (!((code.s[i] >= 'A' && code.s[i] <= 'Z') || (code.s[i] >= '0' && code.s[i] <= '9')))
				return false;
		code_check(load->system, code.s, code.len, &check);
		if (check.verdict != CODE_OK)
			return false;
		n++;
		if (!end)
			break;
		ahead.next = end + 1;
	}
	return n > 0;
}

/* Reads a codes file. */
static void
ReadCodesFile(Load *load)
{
	Slice		none = {NULL, 0};
	Slice		line;

	while (load_line(load, &line))
	{
		Slice		code;
		Slice		title;

		if (slice_trim(line).len == 0)
			continue;
		if (!SplitCodesLine(line, &code, &title))
			load_fail(load, load->line, "not a code, blanks, and a title");
		load_add_code(load, code, title, none);
	}
}

const LoadFormat load_format_cms_codes = {
	.name = "cms-codes",
	.what = "CMS codes file",
	.content = "codes",
	.systems = "|ICD-10-CM|ICD-10-PCS|",
	.needs_line_end = true,
	.lists_leaves = true,
	.detect = DetectCodes,
	.read = ReadCodesFile,
};

/*
 * ICD-9-CM long titles: the code in the first 4 (procedures) or 5 columns, a
 * blank, the title.  The files hold no headers and no order numbers.
 */

/* Columns of the code in this system's file. */
static int
Icd9Width(const Load *load)
{
	return strcmp(load->system->name, "ICD-9-PCS") == 0 ? 4 : 5;
}

/* Whether a line looks as in these files: digits after the first column, a blank, a title. */
static bool
Icd9Line(const Load *load, Slice line)
{
	int			width = Icd9Width(load);

	if (line.len <= width + 1 || line.s[width] != ' ' || line.s[width + 1] == ' ')
		return false;
	for (int i = 1; i < 3; i++)
		if (line.s[i] < '0' || line.s[i] > '9')
			return false;
	return true;
}

/*
 * Whether the file is one of ICD-9 long titles.  The numbers of an order file would
 * pass for codes.
 */
static bool
DetectIcd9(const Load *load)
{
	Slice		line = load_peek_line(load);

	return Icd9Line(load, line) && !DetectOrder(load) &&
		!IsMapTarget(load_columns(load, line, Icd9Width(load) + 2, 0));
}

/* Reads ICD-9 long titles. */
static void
ReadIcd9(Load *load)
{
	int			width = Icd9Width(load);
	Slice		none = {NULL, 0};
	Slice		line;

	while (load_line(load, &line))
	{
		if (!Icd9Line(load, line))
			load_fail(load, load->line,
					  "not a code in columns 1 to %d, a blank, and a title from column %d",
					  width, width + 2);
		load_add_code(load, slice_trim(load_columns(load, line, 1, width)),
					  load_columns(load, line, width + 2, 0), none);
	}
}

const LoadFormat load_format_icd9_long = {
	.name = "icd9-long",
	.what = "ICD-9 long title file",
	.content = "codes",
	.systems = "|ICD-9-CM|ICD-9-PCS|",
	.needs_line_end = true,
	.lists_leaves = true,
	.detect = DetectIcd9,
	.read = ReadIcd9,
};

/*
 * HCPCS, columns counted from 1. A code has a first line and lines that
 * continue its long title; a modifier is in the last columns of the code
 * field.
 */
#define HCPCS_CODE		1, 5
#define HCPCS_NUMBER	6, 10
#define HCPCS_KIND		11, 11
#define HCPCS_LONG		12, 91
#define HCPCS_SHORT		92, 119
#define HCPCS_ADDED		269, 276
#define HCPCS_ENDS		285, 292
#define HCPCS_MIN_LEN	292
/* lines of a disclaimer that may come before the codes */
#define HCPCS_PREFACE	100

/*
 * The line's kind (3 first and 4 further line of a code, 7 and 8 of a
 * modifier), NUL if it is another one.
 */
static char
HcpcsKind(const Load *load, Slice line)
{
	Slice		kind = load_columns(load, line, HCPCS_KIND);
	Slice		number = load_columns(load, line, HCPCS_NUMBER);

	if (kind.len != 1 || number.len != 5 || !strchr("3478", *kind.s))
		return '\0';
	for (int i = 0; i < 5; i++)
		if (number.s[i] < '0' || number.s[i] > '9')
			return '\0';
	return *kind.s;
}

/* Whether a HCPCS line comes within the lines that a disclaimer may take. */
static bool
DetectHcpcs(const Load *load)
{
	Load		ahead = *load;

	for (int i = 0; i < HCPCS_PREFACE && ahead.next < ahead.data + ahead.len; i++)
	{
		Slice		line = load_peek_line(&ahead);
		const char *end = memchr(ahead.next, '\n', ahead.data + ahead.len - ahead.next);

		if (line.len >= HCPCS_MIN_LEN && HcpcsKind(load, line))
			return true;
		if (!end)
			break;
		ahead.next = end + 1;
	}
	return false;
}

/* Two parts of a title with one blank between them, runs of blanks made one. */
static Slice
JoinTitle(const Load *load, Slice a, Slice b)
{
	Slice		joined = load_join(load, "%.*s %.*s", a.len, a.s, b.len, b.s);
	char	   *to = (char *) joined.s;

	for (int i = 0; i < joined.len; i++)
		if (joined.s[i] != ' ' || (to > joined.s && to[-1] != ' '))
			*to++ = joined.s[i];
	joined.len = (int) (to - joined.s);
	return slice_trim(joined);
}

/* Reads a HCPCS file. */
static void
ReadHcpcs(Load *load)
{
	Slice		line;
	Slice		open_code = {NULL, 0};	/* as the file has it */
	char		open_kind = '\0';
	int			number = 0;

	while (load_line(load, &line))
	{
		char		kind = HcpcsKind(load, line);
		Slice		code = load_columns(load, line, HCPCS_CODE);
		Slice		title = slice_trim(load_columns(load, line, HCPCS_LONG));
		LoadedCode *c;

		if (!kind)
		{
			if (!open_kind && load->line <= HCPCS_PREFACE)
				continue;
			load_fail(load, load->line, "no line number and kind in columns 6 to 11");
		}
		if (kind == '4' || kind == '8')
		{
			number += 100;
			if (open_kind != kind - 1 || !slice_equal(code, open_code) ||
				!slice_is(load_columns(load, line, HCPCS_NUMBER), psprintf("%05d", number)))
				load_fail(load, load->line, "does not continue the code of the line before, lines are missing");
			c = load_item(load->codes, LoadedCode, load->codes.n - 1);
			if (c->display.len + title.len > LOAD_MAX_TERM)
				load_fail(load, load->line, "the title is longer than %d bytes", LOAD_MAX_TERM);
			c->display = JoinTitle(load, c->display, title);
			continue;
		}
		if (line.len < HCPCS_MIN_LEN)
			load_fail(load, load->line, "the line ends before the termination date in columns 285 to 292");
		c = load_add_code(load, slice_trim(code), title, load_columns(load, line, HCPCS_SHORT));
		c->active_from = load_date(load, load_columns(load, line, HCPCS_ADDED),
								   "the date in columns 269 to 276", DATEVAL_NOBEGIN);
		c->active_to = load_date(load, load_columns(load, line, HCPCS_ENDS),
								 "the date in columns 285 to 292", DATEVAL_NOEND);
		open_code = code;
		open_kind = kind;
		number = 100;
	}
}

const LoadFormat load_format_hcpcs = {
	.name = "hcpcs",
	.what = "HCPCS file",
	.content = "codes",
	.systems = "|HCPCS|",
	.needs_line_end = true,
	.detect = DetectHcpcs,
	.read = ReadHcpcs,
};
