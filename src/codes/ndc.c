/*
 * ndc.c
 *		National Drug Code: 00002-0152-01.
 *
 * The FDA assigns 10 digits: labeler, product and package as 4-4-2, 5-3-2 or
 * 5-4-1.  Without its hyphens such a code is ambiguous.  HIPAA claims pad the
 * short part with a zero to 5-4-2, 11 digits, which is unambiguous.  That is
 * the stored form, and with its hyphens: so a product (labeler and product, as
 * the FDA's product file and most drug lists name it) is a code as well, 5-4,
 * that no digit count can confuse with another, and a prefix of its packages.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define LABELER		5
#define PRODUCT		4
#define PACKAGE		2

/* Writes a part of the code, with zeros before it up to a width. */
static void
put_part(Scan *to, const char *digits, int n, int width)
{
	for (; width > n; width--)
		to->text[to->len++] = '0';
	memcpy(to->text + to->len, digits, n);
	to->len += n;
}

/* Checks an NDC of a package or a product. */
void
ndc_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	Scan		normal;
	int			part[3] = {0, 0, 0};
	int			parts = 1;
	int			i;

	if (!scan_read(in, len, &s, out))
		return;
	for (i = 0; i < s.len; i++)
	{
		if (s.text[i] == '-' || s.text[i] == ' ')
		{
			if (++parts > 3)
			{
				scan_fault(out, CODE_MALFORMED, "more than three parts");
				return;
			}
		}
		else if (!scan_expect(&s, i, SCAN_DIGIT, out))
			return;
		else
			part[parts - 1]++;
	}
	normal.len = 0;
	normal.more = false;
	if (parts == 1)
	{
		if (s.len == LABELER + PRODUCT + PACKAGE - 1)
		{
			scan_fault(out, CODE_AMBIGUOUS,
					   "10 digits without hyphens may be 4-4-2, 5-3-2 or 5-4-1");
			return;
		}
		if (s.more || s.len != LABELER + PRODUCT + PACKAGE)
		{
			scan_fault(out, CODE_MALFORMED,
					   "%s than 11 digits", s.len > 11 ? "more" : "fewer");
			return;
		}
		part[0] = LABELER;
		part[1] = PRODUCT;
		part[2] = PACKAGE;
		parts = 3;
		put_part(&normal, s.text, LABELER, LABELER);
		normal.text[normal.len++] = '-';
		put_part(&normal, s.text + LABELER, PRODUCT, PRODUCT);
		normal.text[normal.len++] = '-';
		put_part(&normal, s.text + LABELER + PRODUCT, PACKAGE, PACKAGE);
	}
	else
	{
		int			total = part[0] + part[1] + part[2];
		int			full = LABELER + PRODUCT + (parts == 3 ? PACKAGE : 0);

		if (part[0] > LABELER || part[1] > PRODUCT || part[2] > PACKAGE ||
			total < full - 1 || s.more)
		{
			if (parts == 3)
				scan_fault(out, CODE_MALFORMED,
						   "parts of %d-%d-%d digits, expected 4-4-2, 5-3-2, 5-4-1 or 5-4-2",
						   part[0], part[1], part[2]);
			else
				scan_fault(out, CODE_MALFORMED,
						   "parts of %d-%d digits, expected 4-4, 5-3 or 5-4",
						   part[0], part[1]);
			return;
		}
		put_part(&normal, s.text, part[0], LABELER);
		normal.text[normal.len++] = '-';
		put_part(&normal, s.text + part[0] + 1, part[1], PRODUCT);
		if (parts == 3)
		{
			normal.text[normal.len++] = '-';
			put_part(&normal, s.text + part[0] + part[1] + 2, part[2], PACKAGE);
		}
	}
	normal.text[normal.len] = '\0';
	scan_accept(&normal, 0, out);
}

/* The product that a package is of. */
int
ndc_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	int			n = len > LABELER + PRODUCT + 1 ? LABELER + PRODUCT + 1 : 0;

	memcpy(out, code, n);
	out[n] = '\0';
	return n;
}
