/*
 * rxnorm.c
 *		RxNorm concept identifiers (RXCUI): 313782.
 *
 * The field is up to 8 digits, without leading zeros.  There is no check
 * digit, so parts with a space between them are not joined.
 */
#include "codes/scan.h"
#include "codes/systems.h"

/* Checks an RXCUI. */
void
rxnorm_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, 1, out) ||
		!scan_length(&s, 1, 8, out) ||
		!scan_all(&s, 0, s.len, SCAN_DIGIT, out))
		return;
	if (s.text[0] == '0')
	{
		scan_fault(out, CODE_MALFORMED, "leading zero");
		return;
	}
	scan_accept(&s, 0, out);
}
