/*
 * loinc.c
 *		LOINC: 718-7, 2345-7.
 *
 * Up to 7 digits, a hyphen, and the check digit of the mod-10 (Luhn) method.
 * The hyphen is part of the code, nothing is published without it, and a
 * number whose hyphen got lost could as well be one whose check digit did.
 */
#include "scan.h"
#include "systems.h"

#include <string.h>

#define MAX_DIGITS	7			/* before the hyphen */

/* The mod-10 check digit that belongs behind n digits. */
static char
mod10_digit(const char *digits, int n)
{
	int			sum = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		int			d = digits[n - 1 - i] - '0';

		if (i % 2 == 0)
			d = d < 5 ? 2 * d : 2 * d - 9;
		sum += d;
	}
	return (char) ('0' + (10 - sum % 10) % 10);
}

/* Checks a LOINC code. */
void
loinc_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	const char *hyphen;
	int			digits;
	char		expected;

	if (!scan_read(in, len, &s, out) || !scan_join(&s, 3, out))
		return;
	hyphen = memchr(s.text, '-', s.len);
	digits = hyphen == NULL ? s.len : (int) (hyphen - s.text);
	if (!scan_all(&s, 0, digits, SCAN_DIGIT, out))
		return;
	if (hyphen == NULL)
	{
		scan_fault(out, CODE_MALFORMED, "hyphen and check digit missing");
		return;
	}
	if (digits == 0)
	{
		scan_fault(out, CODE_MALFORMED, "nothing before the hyphen");
		return;
	}
	if (digits > MAX_DIGITS)
	{
		scan_fault(out, CODE_MALFORMED, "longer than %d digits before the hyphen",
				   MAX_DIGITS);
		return;
	}
	if (s.text[0] == '0')
	{
		scan_fault(out, CODE_MALFORMED, "leading zero");
		return;
	}
	if (s.len == digits + 1)
	{
		scan_fault(out, CODE_MALFORMED, "check digit missing");
		return;
	}
	if (!scan_expect(&s, digits + 1, SCAN_DIGIT, out))
		return;
	if (s.len > digits + 2)
	{
		scan_fault(out, CODE_MALFORMED, "more than one check digit");
		return;
	}
	expected = mod10_digit(s.text, digits);
	if (s.text[digits + 1] != expected)
	{
		scan_fault(out, CODE_BAD_CHECK_DIGIT, "check digit is %c, expected %c",
				   s.text[digits + 1], expected);
		return;
	}
	scan_accept(&s, 0, out);
}
