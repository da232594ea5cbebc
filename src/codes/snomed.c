/*
 * snomed.c
 *		SNOMED CT concept identifiers: 195662009, 428211000124100.
 *
 * 6 to 18 digits without leading zeros. The last is Verhoeff's check digit,
 * the two before it are the partition: the first of them 0 for the core and 1
 * for an extension, whose 7-digit namespace comes before it; the second 0 for
 * concepts, 1 for descriptions, 2 for relationships. Only concepts are codes.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define MIN_LEN		6
#define MAX_LEN		18
#define MIN_LONG	11			/* an item digit, namespace, partition, check */

/* The multiplication of the dihedral group of order ten. */
static const unsigned char verhoeff_mul[10][10] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	{1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
	{2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
	{3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
	{4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
	{5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
	{6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
	{7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
	{8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
	{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}
};

/* The permutation of a digit by its place from the right. */
static const unsigned char verhoeff_perm[8][10] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	{1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
	{5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
	{8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
	{9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
	{4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
	{2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
	{7, 0, 4, 6, 9, 1, 3, 2, 5, 8}
};

/* What the check digit turns into the identity. */
static const unsigned char verhoeff_inv[10] = {0, 4, 3, 2, 1, 5, 6, 7, 8, 9};

/* The check digit that belongs behind n digits. */
static char
verhoeff_digit(const char *digits, int n)
{
	int			c = 0;
	int			i;

	for (i = 0; i < n; i++)
		c = verhoeff_mul[c][verhoeff_perm[(i + 1) % 8][digits[n - 1 - i] - '0']];
	return (char) ('0' + verhoeff_inv[c]);
}

/* Checks a concept identifier. */
void
snomed_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	char		expected;
	char		format;
	char		kind;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, MIN_LEN, out) ||
		!scan_all(&s, 0, s.len < MAX_LEN ? s.len : MAX_LEN, SCAN_DIGIT, out) ||
		!scan_length(&s, MIN_LEN, MAX_LEN, out))
		return;
	if (s.text[0] == '0')
	{
		scan_fault(out, CODE_MALFORMED, "leading zero");
		return;
	}
	expected = verhoeff_digit(s.text, s.len - 1);
	if (s.text[s.len - 1] != expected)
	{
		scan_fault(out, CODE_BAD_CHECK_DIGIT, "check digit is %c, expected %c",
				   s.text[s.len - 1], expected);
		return;
	}
	format = s.text[s.len - 3];
	kind = s.text[s.len - 2];
	if (format > '1' || kind > '2')
	{
		scan_fault(out, CODE_MALFORMED, "partition is %c%c, expected 00 or 10",
				   format, kind);
		return;
	}
	if (kind != '0')
	{
		scan_fault(out, CODE_MALFORMED, "identifier of a %s, not of a concept",
				   kind == '1' ? "description" : "relationship");
		return;
	}
	if (format == '1' && s.len < MIN_LONG)
	{
		scan_fault(out, CODE_MALFORMED,
				   "partition is 10, but there is no room for a namespace");
		return;
	}
	scan_accept(&s, 0, out);
}
