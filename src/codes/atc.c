/*
 * atc.c
 *		ATC, drugs by anatomy, therapy and chemistry: A, A10, A10B, A10BA,
 *		A10BA02.
 *
 * Each of the five levels is a code: a main group, two digits, a letter, a
 * letter, two digits.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

/* The characters of each level's code, and the set of each place. */
static const unsigned char level_len[] = {1, 3, 4, 5, 7};
static const unsigned char place_set[] = {
	SCAN_LETTER, SCAN_DIGIT, SCAN_DIGIT, SCAN_LETTER | SCAN_IO,
	SCAN_LETTER | SCAN_IO, SCAN_DIGIT, SCAN_DIGIT
};

#define LEVELS	((int) sizeof(level_len))

/* Checks an ATC code. */
void
atc_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	int			i;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, 3, out) ||
		!scan_length(&s, 1, 7, out))
		return;
	for (i = 0; i < s.len; i++)
	{
		if (!scan_expect(&s, i, place_set[i], out))
			return;
	}
	if (strchr("ABCDGHJLMNPRSV", s.text[0]) == NULL)
	{
		scan_fault(out, CODE_MALFORMED, "%c is not a main group%s", s.text[0],
				   s.text[0] == 'Q' ? " (Q begins the codes of ATCvet)" : "");
		return;
	}
	if (memchr(level_len, s.len, LEVELS) == NULL)
	{
		scan_fault(out, CODE_MALFORMED, "%d characters, expected 1, 3, 4, 5 or 7",
				   s.len);
		return;
	}
	scan_accept(&s, 0, out);
}

/* The code one level up. */
int
atc_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	int			n = 0;
	int			i;

	for (i = 0; i < LEVELS && level_len[i] < len; i++)
		n = level_len[i];
	memcpy(out, code, n);
	out[n] = '\0';
	return n;
}
