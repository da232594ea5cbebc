/*
 * load_cms.c
 *		The fixed-width files of CMS: ICD-10 order files.
 */
#include "medrec.h"

#include "load.h"


/* Columns of an order file, counted from 1. */
#define ORDER_NUMBER	1, 5
#define ORDER_CODE		7, 13
#define ORDER_FLAG		15, 15
#define ORDER_SHORT		17, 76
#define ORDER_LONG		78, 0
#define ORDER_MIN_LEN	78

/* The number in the first columns of an order file's line; -1 where there is none. */
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

/* An order file tells itself by its first line. */
static bool
DetectOrder(const Load *load)
{
	Slice		line = load_peek_line(load);

	return line.len >= ORDER_MIN_LEN && OrderNumber(load, line) >= 0 && OrderGapsBlank(load, line);
}

/*
 * Order file: the numbers run from 1 without a gap, and below a header stands at
 * least one code that begins with it.  Both hold for every file that CMS has
 * published, and both break where lines are lost.
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
			load_fail(load, load->line, "order number %05d where %05d is due, lines are missing",
					  number, expected);

		code = slice_trim(load_columns(load, line, ORDER_CODE));
		flag = load_columns(load, line, ORDER_FLAG);
		if (!slice_is(flag, "0") && !slice_is(flag, "1"))
			load_fail(load, load->line, "column 15 is neither 0 (header) nor 1 (billable)");
		if (above.s && (code.len <= above.len || memcmp(code.s, above.s, above.len) != 0))
			load_fail(load, load->line - 1, "no code follows below this header, lines are missing");

		c = load_add_code(load, code,
						  load_columns(load, line, ORDER_LONG),
						  load_columns(load, line, ORDER_SHORT));
		c->billable = *flag.s == '1';
		above = code;
		if (c->billable)
			above.s = NULL;
	}
	if (above.s)
		load_fail(load, load->line, "no code follows below this header, the file is cut off");
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
