/*
 * cvx.c
 *		CVX, vaccines administered: 08, 140.
 *
 * CDC publishes the code as text of two digits at least, "08" and not "8";
 * spreadsheets drop the zero and some interfaces pad to three, so both are
 * brought to CDC's form.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

/* Checks a CVX code. */
void
cvx_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, 1, out) ||
		!scan_length(&s, 1, 3, out) ||
		!scan_all(&s, 0, s.len, SCAN_DIGIT, out))
		return;
	if (s.len == 3 && s.text[0] == '0')
	{
		memmove(s.text, s.text + 1, 3);
		s.len = 2;
	}
	else if (s.len == 1)
	{
		s.text[1] = s.text[0];
		s.text[0] = '0';
		s.text[2] = '\0';
		s.len = 2;
	}
	if (s.len == 2 && s.text[0] == '0' && s.text[1] == '0')
	{
		scan_fault(out, CODE_MALFORMED, "zero is not a code");
		return;
	}
	scan_accept(&s, 0, out);
}
