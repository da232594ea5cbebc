/*
 * icd9pcs.c
 *		ICD-9-CM procedures (volume 3): 45.13.
 *
 * Two digits, then a dot and up to two digits more.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#define DOT_AFTER	2

/* Checks an ICD-9-CM procedure. */
void
icd9pcs_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, 2, out) ||
		!scan_dot(&s, DOT_AFTER, out) ||
		!scan_length(&s, 2, 4, out) ||
		!scan_all(&s, 0, s.len, SCAN_DIGIT, out))
		return;
	scan_accept(&s, DOT_AFTER, out);
}

/* The code above: one digit less, down to the category. */
int
icd9pcs_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	return scan_parent(code, len, DOT_AFTER, out);
}
