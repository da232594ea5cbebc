/*
 * icd10cm.c
 *		ICD-10-CM, diagnoses of the United States: E11.9, S72.001A, W00.0XXA.
 *
 * 3 to 7 characters, the dot after the third. The rules of the structure,
 * checked with every code of the official order files:
 *
 * - The 1st character is a letter, any of them.  The 2nd and the 3rd are digits
 *   or letters, but not both letters (C7A and QA0 exist, CAT does not).
 * - O is never used after the 1st character, I only in the list of activities
 *   (Y93.I1): elsewhere they are a mistyped 0 or 1.
 * - X after the third character holds the place of a character that is not
 *   there.  One is followed by a subdivision (T36.0X1A), two run on to the 7th
 *   character (W00.0XXA).  A, D or S after a single X is an encounter that has
 *   slipped forward (W00.0XA), save that S06.0XA is a code.  One X may end a header (J09.X, H21.1X); where several X or an X
 *   in the 6th place end the code, the 7th character is missing.
 * - The 7th character tells the encounter, the fetus, the stage; which ones
 *   there are depends on the chapter.  A digit may also be just one more
 *   subdivision (J34.8200, QA0.0101), then nothing stands in for it.
 */
#include "codes/scan.h"
#include "codes/systems.h"

#include <string.h>

#define MAX_LEN		7
#define DOT_AFTER	3

/* The 7th characters that the official files use, by the code's first letter. */
static const char *const seventh[26] = {
	['C' - 'A'] = "12",
	['E' - 'A'] = "1239",
	['G' - 'A'] = "0129",
	['H' - 'A'] = "012345A",
	['J' - 'A'] = "012",
	['K' - 'A'] = "129",
	['M' - 'A'] = "01ADGKPS",
	['O' - 'A'] = "0123459",
	['R' - 'A'] = "01234",
	['S' - 'A'] = "ABCDEFGHJKMNPQRS",
	['T' - 'A'] = "1239ADS",
	['V' - 'A'] = "ADS",
	['W' - 'A'] = "ADS",
	['X' - 'A'] = "ADS",
	['Y' - 'A'] = "ADS",
	['Z' - 'A'] = "0129"
};

/* The chapters in which the 7th character is always the encounter's letter. */
static bool
encounter_only(char chapter)
{
	return chapter == 'S' || (chapter >= 'V' && chapter <= 'Y');
}

/* Checks the 7th character. */
static bool
check_seventh(const Scan *s, CodeCheck *out)
{
	char		chapter = s->text[0];
	char		c = s->text[6];
	const char *known = seventh[chapter - 'A'];

	if (c == 'X')
		return scan_fault(out, CODE_MALFORMED, "7th character missing");
	if (known != NULL && strchr(known, c) != NULL)
		return true;
	if (s->text[5] != 'X' && scan_is(c, SCAN_DIGIT) && !encounter_only(chapter))
		return true;
	if (known == NULL)
		return scan_fault(out, CODE_MALFORMED,
						  "codes with %c have no 7th character %c", chapter, c);
	return scan_fault(out, CODE_MALFORMED,
					  "7th character is %c, expected one of %s", c, known);
}

/* Checks the placeholders in the 4th to 6th place. */
static bool
check_placeholder(const Scan *s, CodeCheck *out)
{
	int			end = s->len < 6 ? s->len : 6;
	int			run = 0;
	int			i;

	for (i = 3; i < end; i++)
	{
		char		c = s->text[i];

		if (c == 'X')
		{
			run++;
			continue;
		}
		if (run > 1)
			return scan_fault(out, CODE_MALFORMED,
							  "%s character is %c after two placeholders, expected X",
							  scan_ordinal(i), c);
		if (run == 1 && (c == 'D' || c == 'S' || (c == 'A' && s->text[0] != 'S')))
			return scan_fault(out, CODE_MALFORMED,
							  "encounter %c is the %s character, expected as the 7th",
							  c, scan_ordinal(i));
		run = 0;
	}
	if (run > 0 && s->len <= 6 && (run > 1 || s->len == 6))
		return scan_fault(out, CODE_MALFORMED, "7th character missing");
	return true;
}

/* Checks an ICD-10-CM code. */
void
icd10cm_check(const char *in, size_t len, CodeCheck *out)
{
	Scan		s;
	int			i;

	if (!scan_read(in, len, &s, out) ||
		!scan_join(&s, 3, out) ||
		!scan_dot(&s, DOT_AFTER, out) ||
		!scan_length(&s, 3, MAX_LEN, out) ||
		!scan_expect(&s, 0, SCAN_LETTER | SCAN_IO, out) ||
		!scan_all(&s, 1, s.len, SCAN_DIGIT | SCAN_LETTER | SCAN_IO, out))
		return;
	for (i = 1; i < s.len; i++)
	{
		char		c = s.text[i];

		if (c == 'O' || (c == 'I' && !(s.text[0] == 'Y' && i == 3)))
		{
			scan_fault(out, CODE_MALFORMED,
					   "%s character is the letter %c, expected a digit",
					   scan_ordinal(i), c);
			return;
		}
	}
	if (!scan_is(s.text[1], SCAN_DIGIT) && !scan_is(s.text[2], SCAN_DIGIT))
	{
		scan_fault(out, CODE_MALFORMED, "2nd and 3rd character are both letters");
		return;
	}
	if (s.text[1] == 'X' || s.text[2] == 'X')
	{
		scan_fault(out, CODE_MALFORMED,
				   "placeholder X before the 4th character");
		return;
	}
	if (!check_placeholder(&s, out))
		return;
	if (s.len == MAX_LEN && !check_seventh(&s, out))
		return;
	scan_accept(&s, DOT_AFTER, out);
}

/*
 * The header above: one character less, and no placeholders that would be left
 * waiting for a 7th character (W00.0XXA -> W00.0, but T36.0X1A -> T36.0X1 ->
 * T36.0X -> T36.0, as the order files have it).
 */
int
icd10cm_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	int			n = scan_parent(code, len, DOT_AFTER, out);

	/* lengths count the dot: position 6 is index 6, position 5 index 5 */
	if (n == 7 && out[6] == 'X')
	{
		while (out[n - 1] == 'X')
			n--;
		if (out[n - 1] == '.')
			n--;
	}
	out[n] = '\0';
	return n;
}
