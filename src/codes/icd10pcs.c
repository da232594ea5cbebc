/*
 * icd10pcs.c
 *		ICD-10-PCS, procedures of the United States: 0DTJ4ZZ.
 *
 * 7 of 34 characters (no I, no O); the first is the section.  The order files
 * head each table by its 3 characters (0DT), so these are codes too, and
 * nothing between is.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define CODE_LEN	7
#define TABLE_LEN	3

/* Checks an ICD-10-PCS code. */
void
icd10pcs_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, 5, out) ||
		!scan_length(&s, TABLE_LEN, CODE_LEN, out) ||
		!scan_all(&s, 0, s.len, SCAN_DIGIT | SCAN_LETTER, out))
		return;
	if (strchr("0123456789BCDFGHX", s.text[0]) == NULL)
	{
		scan_fault(out, CODE_MALFORMED,
				   "1st character is %c, expected a section 0-9, B, C, D, F, G, H or X",
				   s.text[0]);
		return;
	}
	if (s.len != CODE_LEN && s.len != TABLE_LEN)
	{
		scan_fault(out, CODE_MALFORMED,
				   "%d characters, expected 7, or 3 for a table", s.len);
		return;
	}
	scan_accept(&s, 0, out);
}

/* The table that a code is in. */
int
icd10pcs_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	int			n = len == CODE_LEN ? TABLE_LEN : 0;

	memcpy(out, code, n);
	out[n] = '\0';
	return n;
}
