/*
 * cpt.c
 *		CPT: 99213, 0001F, 0042T, 0001U, 0002M, 99213-25.
 *
 * Five characters: digits (category I, from 00100), or four digits and F
 * (category II), T (category III), U (proprietary laboratory analyses), M
 * (multianalyte assays) or A (immunization administration: 0001A).
 * Modifiers may follow, see scan_modifiers(); a modifier alone is a code of CPT
 * as well, as HL7 describes the code system.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define BASE_LEN		5
#define MODIFIER_LEN	2

/* Checks a CPT code with its modifiers, or a modifier. */
void
cpt_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;

	if (!scan_read(in, len, &s, out) || !scan_join(&s, BASE_LEN, out))
		return;
	if (s.len == MODIFIER_LEN)
	{
		if (scan_modifier(&s, 0, out))
			scan_accept(&s, 0, out);
		return;
	}
	if (!scan_all(&s, 0, s.len < BASE_LEN ? s.len : BASE_LEN - 1, SCAN_DIGIT, out))
		return;
	if (s.len < BASE_LEN)
	{
		scan_fault(out, CODE_MALFORMED, "shorter than %d characters", BASE_LEN);
		return;
	}
	if (!scan_is(s.text[4], SCAN_DIGIT) && strchr("FTUMA", s.text[4]) == NULL)
	{
		scan_fault(out, CODE_MALFORMED,
				   "5th character is %c, expected a digit, F, T, U, M or A", s.text[4]);
		return;
	}
	if (memcmp(s.text, "0000", 4) == 0 ||
		(scan_is(s.text[4], SCAN_DIGIT) && memcmp(s.text, "00100", 5) < 0))
	{
		scan_fault(out, CODE_MALFORMED, "below the first code, %s",
				   scan_is(s.text[4], SCAN_DIGIT) ? "00100" : "0001");
		return;
	}
	if (!scan_modifiers(&s, BASE_LEN, out))
		return;
	scan_accept(&s, 0, out);
}
