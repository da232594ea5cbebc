/*
 * icd9cm.c
 *		ICD-9-CM diagnoses (volumes 1 and 2): 250.00, V58.67, E812.0.
 *
 * Three digits, V and two digits, or E and three digits, then a dot and up to
 * two digits more (one after E).
 */
#include "codes/scan.h"
#include "codes/systems.h"

/* The characters before the dot. */
static int
category_len(char first)
{
	return first == 'E' ? 4 : 3;
}

/* Checks an ICD-9-CM diagnosis. */
void
icd9cm_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	int			category;

	if (!scan_read(in, len, &s, out) || !scan_join(&s, 3, out))
		return;
	category = category_len(s.text[0]);
	if (!scan_dot(&s, category, out) ||
		!scan_length(&s, category, 5, out))
		return;
	if (s.text[0] != 'V' && s.text[0] != 'E' && !scan_is(s.text[0], SCAN_DIGIT))
	{
		scan_fault(out, CODE_MALFORMED,
				   "1st character is %c, expected a digit, V or E", s.text[0]);
		return;
	}
	if (!scan_all(&s, 1, s.len, SCAN_DIGIT, out))
		return;
	scan_accept(&s, category, out);
}

/* The code above: one digit less, down to the category. */
int
icd9cm_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	return scan_parent(code, len, category_len(code[0]), out);
}
