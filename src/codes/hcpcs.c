/*
 * hcpcs.c
 *		HCPCS Level II: J1885, J1885-RT, RT.
 *
 * A letter from A to V and four digits, which modifiers may follow (see
 * scan_modifiers()); or one of the two-character modifiers, letter first, that
 * the HCPCS file lists as codes of their own.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#define BASE_LEN		5
#define MODIFIER_LEN	2

/* Checks a HCPCS code with its modifiers, or a modifier. */
void
hcpcs_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;

	if (!scan_read(in, len, &s, out) || !scan_join(&s, BASE_LEN, out))
		return;
	if (s.len == MODIFIER_LEN && !scan_is(s.text[0], SCAN_DIGIT))
	{
		if (scan_modifier(&s, 0, out))
			scan_accept(&s, 0, out);
		return;
	}
	if (!scan_expect(&s, 0, SCAN_LETTER, out))
		return;
	if (s.text[0] > 'V')
	{
		scan_fault(out, CODE_MALFORMED, "1st character is %c, expected A to V",
				   s.text[0]);
		return;
	}
	if (!scan_all(&s, 1, s.len < BASE_LEN ? s.len : BASE_LEN, SCAN_DIGIT, out))
		return;
	if (s.len < BASE_LEN)
	{
		scan_fault(out, CODE_MALFORMED, "shorter than %d characters", BASE_LEN);
		return;
	}
	if (!scan_modifiers(&s, BASE_LEN, out))
		return;
	scan_accept(&s, 0, out);
}
