/*
 * icd10.c
 *		ICD-10 as WHO publishes it: E11.9, M00.01, A17.0, G01.
 *
 * A letter and two digits, then a dot and up to two digits (the 4th character,
 * and the 5th that chapters XIII, XIX and XX add). A dagger or an asterisk
 * after the code says that it is one half of a dual coding: the underlying
 * disease or the manifestation. By the rules of WHO (volume 2, 3.1.3) the mark
 * is not part of the code: A17.0 with and without its dagger is one category,
 * and an asterisk category is one whether the asterisk is written or not. So
 * the normal form is without it, and the mark is told apart. It is read as
 * WHO's text files have it ("+", "*") and as the books do (the dagger).
 * Underlying disease and manifestation in one text ("A17.0+ G01*") are two
 * codes; HL7 gives such pairs a code system of their own
 * (2.16.840.1.113883.6.260).
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define DOT_AFTER	3

/* Checks a WHO ICD-10 code. */
void
icd10_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	char		mark = '\0';
	int			i;

	if (!scan_read(in, len, &s, out) || !scan_join(&s, 3, out))
		return;
	for (i = 0; i < s.len - 1; i++)
	{
		if (s.text[i] == '+' || s.text[i] == '*')
		{
			scan_fault(out, CODE_MALFORMED,
					   "a%s is only valid at the end of a code; store two codes in two records",
					   s.text[i] == '+' ? " dagger" : "n asterisk");
			return;
		}
	}
	if (s.text[s.len - 1] == '+' || s.text[s.len - 1] == '*')
	{
		mark = s.text[--s.len];
		s.text[s.len] = '\0';
	}
	if (!scan_dot(&s, DOT_AFTER, out) ||
		!scan_length(&s, 3, 5, out) ||
		!scan_expect(&s, 0, SCAN_LETTER | SCAN_IO, out) ||
		!scan_all(&s, 1, s.len, SCAN_DIGIT, out))
		return;
	scan_accept(&s, DOT_AFTER, out);
	out->mark = mark;
}

/* The code above. */
int
icd10_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	return scan_parent(code, len, DOT_AFTER, out);
}
