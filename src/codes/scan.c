/*
 * scan.c
 *		Reading what people paste, and the few steps that all systems share.
 */
#include "codes/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define D	SCAN_DIGIT
#define L	SCAN_LETTER
#define V	SCAN_IO

/* The set of each character of folded text. */
const unsigned char scan_class[128] = {
	['0'] = D,['1'] = D,['2'] = D,['3'] = D,['4'] = D,
	['5'] = D,['6'] = D,['7'] = D,['8'] = D,['9'] = D,
	['A'] = L,['B'] = L,['C'] = L,['D'] = L,['E'] = L,['F'] = L,
	['G'] = L,['H'] = L,['I'] = V,['J'] = L,['K'] = L,['L'] = L,
	['M'] = L,['N'] = L,['O'] = V,['P'] = L,['Q'] = L,['R'] = L,
	['S'] = L,['T'] = L,['U'] = L,['V'] = L,['W'] = L,['X'] = L,
	['Y'] = L,['Z'] = L
};

#undef D
#undef L
#undef V

/* Folded ASCII beyond the space; 0 for what scan_read() looks at more closely. */
static const char fold_plain[256] =
"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
"\0!\"#$%&'()*+,-./0123456789:;<=>?"
"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"
"`ABCDEFGHIJKLMNOPQRSTUVWXYZ{|}~";

/* What the folding makes of a character, where that is not the character. */
#define FOLD_SPACE	' '
#define FOLD_DROP	1			/* leaves no trace */
#define FOLD_FAULT	0			/* no code has it */

typedef struct FoldRange
{
	unsigned	first;
	unsigned	last;
	char		to;
} FoldRange;

/*
 * The characters beyond ASCII that word processors, browsers, spreadsheets and
 * PDF readers put in the place of ASCII ones, in order.  Full-width forms
 * (U+FF01 to U+FF5E) are ASCII at a fixed distance and handled apart.  Letters
 * that only look alike (Greek, Cyrillic) are not here: they are faults.
 */
static const FoldRange fold_range[] = {
	{0x00A0, 0x00A0, FOLD_SPACE},	/* no-break space */
	{0x00AD, 0x00AD, FOLD_DROP},	/* soft hyphen */
	{0x00B7, 0x00B7, '.'},		/* middle dot */
	{0x02D7, 0x02D7, '-'},		/* modifier minus */
	{0x034F, 0x034F, FOLD_DROP},	/* grapheme joiner */
	{0x061C, 0x061C, FOLD_DROP},	/* Arabic letter mark */
	{0x1680, 0x1680, FOLD_SPACE},
	{0x180E, 0x180E, FOLD_DROP},
	{0x2000, 0x200A, FOLD_SPACE},	/* en quad .. hair space */
	{0x200B, 0x200F, FOLD_DROP},	/* zero-width, direction marks */
	{0x2010, 0x2015, '-'},		/* hyphens and dashes */
	{0x2020, 0x2020, '+'},		/* dagger of WHO's ICD-10 */
	{0x2022, 0x2022, '.'},		/* bullet */
	{0x2024, 0x2024, '.'},		/* one dot leader */
	{0x2027, 0x2027, '.'},		/* hyphenation point */
	{0x2028, 0x2029, FOLD_SPACE},	/* line and paragraph separator */
	{0x202A, 0x202E, FOLD_DROP},	/* direction embedding */
	{0x202F, 0x202F, FOLD_SPACE},	/* narrow no-break space */
	{0x2043, 0x2043, '-'},		/* hyphen bullet */
	{0x2044, 0x2044, '/'},		/* fraction slash */
	{0x204E, 0x204E, '*'},		/* low asterisk */
	{0x205F, 0x205F, FOLD_SPACE},
	{0x2060, 0x2064, FOLD_DROP},	/* word joiner, invisible operators */
	{0x2066, 0x2069, FOLD_DROP},	/* direction isolates */
	{0x2212, 0x2212, '-'},		/* minus */
	{0x2215, 0x2215, '/'},		/* division slash */
	{0x2217, 0x2217, '*'},		/* asterisk operator */
	{0x2219, 0x2219, '.'},		/* bullet operator */
	{0x22C5, 0x22C5, '.'},		/* dot operator */
	{0x2E31, 0x2E31, '.'},		/* word separator middle dot */
	{0x3000, 0x3000, FOLD_SPACE},	/* ideographic space */
	{0x3002, 0x3002, '.'},		/* ideographic full stop */
	{0x30FB, 0x30FB, '.'},		/* katakana middle dot */
	{0xFE00, 0xFE0F, FOLD_DROP},	/* variation selectors */
	{0xFE52, 0xFE52, '.'},		/* small forms */
	{0xFE58, 0xFE58, '-'},
	{0xFE60, 0xFE60, '&'},
	{0xFE61, 0xFE61, '*'},
	{0xFE62, 0xFE62, '+'},
	{0xFE63, 0xFE63, '-'},
	{0xFEFF, 0xFEFF, FOLD_DROP},	/* byte order mark */
	{0xFF61, 0xFF61, '.'},		/* half-width forms */
	{0xFF65, 0xFF65, '.'}
};

/* Writes a verdict and its text; always false, so that it can be returned. */
bool
scan_fault(CodeCheck *out, CodeVerdict verdict, const char *fmt,...)
{
	va_list		args;

	out->verdict = verdict;
	out->code[0] = '\0';
	out->len = 0;
	va_start(args, fmt);
	vsnprintf(out->fault, sizeof(out->fault), fmt, args);
	va_end(args);
	return false;
}

/* "1st", "2nd", ... for a position that counts from 0. */
const char *
scan_ordinal(int pos)
{
	static const char *const name[] = {
		"1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th",
		"11th", "12th", "13th", "14th", "15th", "16th", "17th", "18th", "19th",
		"20th"
	};

	return pos >= 0 && pos < (int) (sizeof(name) / sizeof(name[0])) ?
		name[pos] : "last";
}

/* Decodes one UTF-8 character beyond ASCII; its length, or 0 if it is not one. */
static int
utf8_decode(const unsigned char *p, size_t left, unsigned *c)
{
	int			n;
	int			i;
	unsigned	v;

	if (p[0] >= 0xC2 && p[0] <= 0xDF)
	{
		n = 2;
		v = p[0] & 0x1F;
	}
	else if ((p[0] & 0xF0) == 0xE0)
	{
		n = 3;
		v = p[0] & 0x0F;
	}
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
	{
		n = 4;
		v = p[0] & 0x07;
	}
	else
		return 0;
	if (left < (size_t) n)
		return 0;
	for (i = 1; i < n; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		v = (v << 6) | (p[i] & 0x3F);
	}
	if ((n == 3 && v < 0x800) || (n == 4 && v < 0x10000) || v > 0x10FFFF ||
		(v >= 0xD800 && v <= 0xDFFF))
		return 0;
	*c = v;
	return n;
}

/* The ASCII equivalent of a character beyond ASCII. */
static char
fold_wide(unsigned c)
{
	int			low = 0;
	int			high = (int) (sizeof(fold_range) / sizeof(fold_range[0])) - 1;

	if (c >= 0xFF01 && c <= 0xFF5E)
		return (char) (c - 0xFF01 + '!');
	while (low <= high)
	{
		int			mid = (low + high) / 2;

		if (c < fold_range[mid].first)
			high = mid - 1;
		else if (c > fold_range[mid].last)
			low = mid + 1;
		else
			return fold_range[mid].to;
	}
	return FOLD_FAULT;
}

/*
 * Folds the input to upper-case printable ASCII. Spaces at the ends and next
 * to punctuation are dropped, others become one ' ' each run; false if the
 * input is empty or has characters that no code can have.
 */
bool
scan_read(const char *in, size_t len, Scan *s, CodeCheck *out)
{
	const unsigned char *p = (const unsigned char *) in;
	size_t		i = 0;
	int			n = 0;
	bool		space = false;

	s->more = false;
	s->spaces = false;

	/* nearly all input is plain ASCII and needs nothing else */
	while (i < len && n < SCAN_MAX - 1 && fold_plain[p[i]] != 0)
		s->text[n++] = fold_plain[p[i++]];

	while (i < len)
	{
		unsigned	c = p[i];

		if (c >= 0x80)
		{
			int			used = utf8_decode(p + i, len - i, &c);

			if (used == 0)
				return scan_fault(out, CODE_MALFORMED, "not valid UTF-8");
			i += used;
			c = (unsigned char) fold_wide(c);
			if (c == FOLD_DROP)
				continue;
			if (c == FOLD_FAULT)
				return scan_fault(out, CODE_MALFORMED,
								  "a character that no code of this system has");
		}
		else
			i++;

		if (c == ' ' || (c >= '\t' && c <= '\r'))
		{
			space = true;
			continue;
		}
		if (c < ' ' || c == 0x7F)
			return scan_fault(out, CODE_MALFORMED, "a control character");
		c = (unsigned char) fold_plain[c];

		if (n >= SCAN_MAX - 1)	/* room for a space and a character */
		{
			s->more = true;
			break;
		}
		if (space && n > 0 && scan_class[c] != 0 &&
			scan_class[(unsigned char) s->text[n - 1]] != 0)
		{
			s->text[n++] = ' ';
			s->spaces = true;
		}
		space = false;
		s->text[n++] = (char) c;
	}
	s->text[n] = '\0';
	s->len = n;
	if (n == 0)
		return scan_fault(out, CODE_MALFORMED, "empty");
	return true;
}

/*
 * Drops the spaces within the text.  Where two of the parts have at least
 * "whole" characters they may be two codes, and joining them would make a
 * third: that is a fault.
 */
bool
scan_join(Scan *s, int whole, CodeCheck *out)
{
	int			i;
	int			n = 0;
	int			part = 0;
	int			wholes = 0;

	if (!s->spaces)
		return true;
	for (i = 0; i < s->len; i++)
	{
		if (s->text[i] == ' ')
		{
			part = 0;
			continue;
		}
		if (++part == whole)
			wholes++;
		s->text[n++] = s->text[i];
	}
	s->text[n] = '\0';
	s->len = n;
	if (wholes > 1)
		return scan_fault(out, CODE_MALFORMED, "a space between two codes");
	return true;
}

/*
 * Removes the dot from the text, which may only be after that many characters.
 * Byte by byte: the text is short and has just been written byte by byte, so
 * that the wide loads of memchr() would wait for it.
 */
bool
scan_dot(Scan *s, int after, CodeCheck *out)
{
	int			dots = 0;
	int			i;

	for (i = 0; i < s->len; i++)
		dots += s->text[i] == '.';
	if (dots == 0)
		return true;
	if (dots > 1)
		return scan_fault(out, CODE_MALFORMED, "more than one dot");
	if (s->len <= after || s->text[after] != '.')
		return scan_fault(out, CODE_MALFORMED,
						  "the dot belongs after the %s character",
						  scan_ordinal(after - 1));
	s->len--;
	for (i = after; i <= s->len; i++)
		s->text[i] = s->text[i + 1];	/* the NUL too */
	return true;
}

/* Checks the number of characters. */
bool
scan_length(const Scan *s, int min, int max, CodeCheck *out)
{
	if (s->len > max || s->more)
		return scan_fault(out, CODE_MALFORMED, "longer than %d characters", max);
	if (s->len < min)
		return scan_fault(out, CODE_MALFORMED, "shorter than %d characters", min);
	return true;
}

/* Checks that the character at a position, which counts from 0, is of a set. */
bool
scan_expect(const Scan *s, int pos, int set, CodeCheck *out)
{
	char		c = s->text[pos];
	const char *what;

	if (scan_is(c, set))
		return true;
	if (scan_is(c, SCAN_IO) && (set & SCAN_LETTER) != 0)
		return scan_fault(out, CODE_MALFORMED, "I and O are not used");
	if ((set & SCAN_DIGIT) == 0)
		what = "a letter";
	else if ((set & SCAN_LETTER) == 0)
		what = "a digit";
	else
		what = "a letter or a digit";
	return scan_fault(out, CODE_MALFORMED, "%s character is %c, expected %s",
					  scan_ordinal(pos), c, what);
}

/* Checks the characters of a range of positions, the last one excluded. */
bool
scan_all(const Scan *s, int from, int to, int set, CodeCheck *out)
{
	int			i;

	for (i = from; i < to; i++)
	{
		if (!scan_is(s->text[i], set))
			return scan_expect(s, i, set, out);
	}
	return true;
}

/* The most modifiers that a claim line can carry. */
#define MODIFIERS_MAX	4

/*
 * Checks the modifier at a position: two digits from 20 (CPT's own), a digit
 * and P (performance measures), or a letter followed by a letter or digit.
 */
bool
scan_modifier(const Scan *s, int pos, CodeCheck *out)
{
	char		a = pos < s->len ? s->text[pos] : '\0';
	char		b = pos + 1 < s->len ? s->text[pos + 1] : '\0';

	if (!scan_is(a, SCAN_DIGIT | SCAN_LETTER | SCAN_IO) ||
		!scan_is(b, SCAN_DIGIT | SCAN_LETTER | SCAN_IO))
		return scan_fault(out, CODE_MALFORMED,
						  "a modifier has 2 letters or digits");
	if (scan_is(a, SCAN_IO))
		return scan_fault(out, CODE_MALFORMED,
						  "a modifier does not begin with %c", a);
	if (scan_is(a, SCAN_DIGIT) && b != 'P' &&
		(a < '2' || !scan_is(b, SCAN_DIGIT)))
		return scan_fault(out, CODE_MALFORMED, "%c%c is not a modifier", a, b);
	return true;
}

/*
 * Reads the modifiers that follow a procedure code of CPT or HCPCS from a
 * position on and writes each with a hyphen before it.  The AMA separates them
 * by hyphen or dot, X12 and FHIR by colon, claim forms by nothing: J1885RT,
 * J1885.RT, J1885:RT and J1885,RT are all J1885-RT.
 */
bool
scan_modifiers(Scan *s, int from, CodeCheck *out)
{
	Scan		to;
	int			i = from;
	int			count = 0;

	to.len = from;
	memcpy(to.text, s->text, from);
	while (i < s->len)
	{
		if (memchr("-.:,", s->text[i], 4) != NULL)
			i++;
		if (!scan_modifier(s, i, out))
			return false;
		if (++count > MODIFIERS_MAX)
			return scan_fault(out, CODE_MALFORMED,
							  "more than %d modifiers", MODIFIERS_MAX);
		to.text[to.len++] = '-';
		to.text[to.len++] = s->text[i++];
		to.text[to.len++] = s->text[i++];
	}
	memcpy(s->text, to.text, to.len);
	s->text[to.len] = '\0';
	s->len = to.len;
	return true;
}

/* Accepts the text as normal form, with a dot after so many characters (0: none). */
void
scan_accept(const Scan *s, int dot_after, CodeCheck *out)
{
	int			n = 0;
	int			i;

	if (s->len + (dot_after > 0 && s->len > dot_after) > CODE_MAX_LEN)
	{
		scan_fault(out, CODE_TOO_LONG, "longer than %d characters", CODE_MAX_LEN);
		return;
	}
	for (i = 0; i < s->len; i++)
	{
		if (i == dot_after && i > 0)
			out->code[n++] = '.';
		out->code[n++] = s->text[i];
	}
	out->code[n] = '\0';
	out->len = n;
	out->fault[0] = '\0';
	out->verdict = CODE_OK;
}

/* The code without its last character (and a dot before it), down to a length. */
int
scan_parent(const char *code, int len, int least, char out[CODE_MAX_LEN + 1])
{
	int			n = len - 1;

	if (n > 0 && code[n - 1] == '.')
		n--;
	if (n < least || n < 1 || len > CODE_MAX_LEN)
		n = 0;
	memcpy(out, code, n);
	out[n] = '\0';
	return n;
}

/* The procedure code without its modifiers. */
int
scan_parent_base(const char *code, int len, char out[CODE_MAX_LEN + 1])
{
	const char *hyphen = memchr(code, '-', len);
	int			n = hyphen == NULL || len > CODE_MAX_LEN ? 0 : (int) (hyphen - code);

	memcpy(out, code, n);
	out[n] = '\0';
	return n;
}
