/*
 * loinc.c
 *		LOINC: 718-7, 2345-7, and the parts, answers, answer lists and groups
 *		LP14635-4, LA6576-8, LL1000-0.
 *
 * Up to 7 digits, a hyphen, and a check digit by the mod-10 (Luhn) method.  The
 * hyphen is part of the code, nothing is published without it, and a number
 * whose hyphen got lost could as well be one whose check digit did.
 *
 * HL7 makes parts (LP), answers (LA), answer lists (LL) and groups (LG) codes of
 * the same system, so they are accepted.  Their check digit covers the letters,
 * in the way the LOINC Users' Guide refers to (OpenMRS's variant of Luhn, which
 * takes a character as its distance from '0' and is Luhn for digits).
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define MAX_DIGITS	7			/* before the hyphen */

/*
 * The terms that were published with a check digit that is not theirs, a known
 * issue that the Users' Guide lists.
 */
static const char *const misnumbered[] = {
	"11491-6", "11501-6", "5895-7", "5896-5", "5897-3", "5928-1", "6028-3",
	"6415-5", "6580-7", "6645-7", "6646-5", "6647-3", "6648-1", "6649-9"
};

/* Whether a code is one of these. */
static bool
is_misnumbered(const char *code)
{
	size_t		i;

	for (i = 0; i < sizeof(misnumbered) / sizeof(misnumbered[0]); i++)
	{
		if (strcmp(code, misnumbered[i]) == 0)
			return true;
	}
	return false;
}

/* The check digit that belongs behind n characters. */
static char
mod10_digit(const char *text, int n)
{
	int			sum = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			d = text[n - 1 - i] - '0';

		sum += i % 2 == 0 ? 2 * d - d / 5 * 9 : d;
	}
	return (char) ('0' + (10 - sum % 10) % 10);
}

/* Checks a LOINC code, part, answer, answer list or group. */
void
loinc_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	const char *hyphen;
	int			digits;			/* where they begin */
	int			check;			/* where the hyphen is */
	char		expected;

	if (!scan_read(in, len, &s, out) || !scan_join(&s, 3, out))
		return;
	digits = s.text[0] == 'L' ? 2 : 0;
	if (digits > 0 && (s.len < 2 || memchr("PALG", s.text[1], 4) == NULL))
	{
		scan_fault(out, CODE_MALFORMED, "L begins only LP, LA, LL and LG");
		return;
	}
	hyphen = memchr(s.text, '-', s.len);
	check = hyphen == NULL ? s.len : (int) (hyphen - s.text);
	if (!scan_all(&s, digits, check, SCAN_DIGIT, out))
		return;
	if (hyphen == NULL)
	{
		scan_fault(out, CODE_MALFORMED, "hyphen and check digit missing");
		return;
	}
	if (check <= digits)
	{
		scan_fault(out, CODE_MALFORMED, "no digits before the hyphen");
		return;
	}
	if (check - digits > MAX_DIGITS)
	{
		scan_fault(out, CODE_MALFORMED, "more than %d digits before the hyphen",
				   MAX_DIGITS);
		return;
	}
	if (s.text[digits] == '0')
	{
		scan_fault(out, CODE_MALFORMED, "leading zero");
		return;
	}
	if (s.len == check + 1)
	{
		scan_fault(out, CODE_MALFORMED, "check digit missing");
		return;
	}
	if (!scan_expect(&s, check + 1, SCAN_DIGIT, out))
		return;
	if (s.len > check + 2)
	{
		scan_fault(out, CODE_MALFORMED, "more than one check digit");
		return;
	}
	expected = mod10_digit(s.text, check);
	if (s.text[check + 1] != expected && !is_misnumbered(s.text))
	{
		scan_fault(out, CODE_BAD_CHECK_DIGIT, "check digit is %c, expected %c",
				   s.text[check + 1], expected);
		return;
	}
	scan_accept(&s, 0, out);
}
