/*
 * fold.c
 *		From any bytes to words that can be compared: case, accents, British
 *		spelling, roman numerals.
 */
#include "search/fold.h"

#include <string.h>

#include "search/bytes.h"
#include "search/search.h"
#include "search/stem.h"

/* What a character is to the scanner. */
typedef enum CharKind
{
	CHAR_LETTER = 'L',
	CHAR_DIGIT = 'D',
	CHAR_HYPHEN = 'H',
	CHAR_APOSTROPHE = 'A',
	CHAR_MARK = 'M',			/* combining mark: skipped */
	CHAR_SPACE = 'S',
	CHAR_BREAK = 'B'			/* comma, bracket and the like */
} CharKind;

/* The kinds of the characters of ASCII. */
static const char ascii_kinds[] =
"BBBBBBBBBSBBBBBBBBBBBBBBBBBBBBBB"
"SBBBBBBABBBBBHSSDDDDDDDDDDBBBBBB"
"BLLLLLLLLLLLLLLLLLLLLLLLLLLBBBBB"
"BLLLLLLLLLLLLLLLLLLLLLLLLLLBBBBB";

/* U+00C0 to U+017F without their accents; "" is no letter. */
static const char *const latin[] = {
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	"d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "ss",
	"a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i",
	"d", "n", "o", "o", "o", "o", "o", "", "o", "u", "u", "u", "u", "y", "th", "y",
	"a", "a", "a", "a", "a", "a", "c", "c", "c", "c", "c", "c", "c", "c", "d", "d",
	"d", "d", "e", "e", "e", "e", "e", "e", "e", "e", "e", "e", "g", "g", "g", "g",
	"g", "g", "g", "g", "h", "h", "h", "h", "i", "i", "i", "i", "i", "i", "i", "i",
	"i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l", "l", "l", "l", "l", "l", "l",
	"l", "l", "l", "n", "n", "n", "n", "n", "n", "n", "n", "n", "o", "o", "o", "o",
	"o", "o", "oe", "oe", "r", "r", "r", "r", "r", "r", "s", "s", "s", "s", "s", "s",
	"s", "s", "t", "t", "t", "t", "t", "t", "u", "u", "u", "u", "u", "u", "u", "u",
	"u", "u", "u", "u", "w", "w", "y", "y", "y", "z", "z", "z", "z", "z", "z", "s"
};

/* The Greek letters that clinical names use, from U+03B1. */
static const char *const greek[] = {
	"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota",
	"kappa", "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "sigma",
	"tau", "upsilon", "phi", "chi", "psi", "omega"
};

static const char *const roman[] = {
	"", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii",
	"xiii", "xiv", "xv", "xvi", "xvii", "xviii", "xix", "xx"
};

static const char *const micro[] = {"mu"};

/* Characters beyond ASCII that are no plain letters. */
typedef struct CharRange
{
	uint32_t	first;
	uint32_t	last;
	CharKind	kind;
	const char *const *names;	/* of letters: what they are folded to */
} CharRange;

/* The first that holds a character counts; what is in none is a letter. */
static const CharRange char_ranges[] = {
	{0xB4, 0xB4, CHAR_APOSTROPHE, NULL},
	{0xB5, 0xB5, CHAR_LETTER, micro},
	{0x80, 0xBF, CHAR_SPACE, NULL},
	{0xC0, 0x17F, CHAR_LETTER, latin},
	{0x2BC, 0x2BC, CHAR_APOSTROPHE, NULL},
	{0x300, 0x36F, CHAR_MARK, NULL},
	{0x391, 0x3A9, CHAR_LETTER, greek},
	{0x3B1, 0x3C9, CHAR_LETTER, greek},
	{0x2010, 0x2015, CHAR_HYPHEN, NULL},
	{0x2019, 0x2019, CHAR_APOSTROPHE, NULL},
	{0x2212, 0x2212, CHAR_HYPHEN, NULL},
	{0x2000, 0x2BFF, CHAR_SPACE, NULL},
	{0x3000, 0x3003, CHAR_SPACE, NULL},
	{0xFEFF, 0xFEFF, CHAR_SPACE, NULL},
	{0xFFFD, 0xFFFD, CHAR_SPACE, NULL}
};

#define CHAR_RANGES		(sizeof(char_ranges) / sizeof(char_ranges[0]))

/* Folds a character beyond ASCII; outlen is 0 for what is no letter. */
static CharKind
fold_wide_char(uint32_t c, char *out, int *outlen)
{
	size_t		i;

	*outlen = 0;
	for (i = 0; i < CHAR_RANGES; i++)
	{
		const CharRange *r = &char_ranges[i];

		if (c < r->first || c > r->last)
			continue;
		if (r->names == NULL)
			return r->kind;
		*outlen = (int) strlen(r->names[c - r->first]);
		memcpy(out, r->names[c - r->first], (size_t) *outlen);
		return *outlen > 0 ? CHAR_LETTER : CHAR_SPACE;
	}
	/* cyrillic capitals */
	if (c >= 0x410 && c <= 0x42F)
		c += 32;
	*outlen = utf8_encode(c, out);
	return CHAR_LETTER;
}

/* Reads one character as folded letters; outlen is 0 for what is no letter. */
static CharKind
fold_char(const unsigned char *p, const unsigned char *end, int *len, char *out, int *outlen)
{
	CharKind	kind;

	if (*p >= 0x80)
		return fold_wide_char(utf8_decode(p, end, len), out, outlen);
	*len = 1;
	kind = (CharKind) ascii_kinds[*p];
	out[0] = (char) (*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	*outlen = kind == CHAR_LETTER || kind == CHAR_DIGIT ? 1 : 0;
	return kind;
}

/*
 * Reads the next word of a person's name from *pos on, folded but not taken for
 * a clinical term; longer ones are cut.  Returns its length, 0 at the end.
 */
int
search_name_word(const char *text, size_t len, size_t *pos, char *out, int size)
{
	const unsigned char *p = (const unsigned char *) text + *pos;
	const unsigned char *end = (const unsigned char *) text + len;
	int			outlen = 0;
	bool		full = false;

	while (p < end)
	{
		char		buf[8];
		int			n;
		int			letters;
		CharKind	kind = fold_char(p, end, &n, buf, &letters);

		p += n;
		if (kind == CHAR_LETTER || kind == CHAR_DIGIT)
		{
			full = full || outlen + letters > size;
			if (full)
				continue;
			memcpy(out + outlen, buf, (size_t) letters);
			outlen += letters;
		}
		else if (kind != CHAR_MARK && kind != CHAR_APOSTROPHE && outlen > 0)
			break;
	}
	*pos = (size_t) (p - (const unsigned char *) text);
	return outlen;
}

/* British verbs: the letter so far from the end becomes z. */
typedef struct BritishVerb
{
	const char *suffix;
	int			at;
} BritishVerb;

static const BritishVerb british_verbs[] = {
	{"ise", 2}, {"yse", 2}, {"ised", 3}, {"ysed", 3}, {"ising", 4}, {"isation", 6}
};

#define BRITISH_VERBS	(sizeof(british_verbs) / sizeof(british_verbs[0]))

/* Is the vowel before an e one that Americans do not write: haem, oedema,
 * anaemia; not toe, shoe, poet? */
static bool
is_british_vowel(const char *w, int len, int i)
{
	if (i + 2 >= len || w[i + 1] != 'e')
		return false;
	return w[i] == 'a' || (w[i] == 'o' && (i != 1 || w[0] == 'f' || w[0] == 'c'));
}

/* Drops and replaces letters inside a word; returns its length. */
static int
americanize_letters(char *w, int len)
{
	int			i;
	int			o = 0;

	for (i = 0; i < len; i++)
	{
		char		c = w[i];
		char		next = i + 1 < len ? w[i + 1] : '\0';

		if (is_british_vowel(w, len, i))
			continue;
		/* tumour, colouring; not hour, four */
		if (c == 'u' && o >= 3 && w[o - 1] == 'o' && next == 'r')
			continue;
		/* sulphate */
		if (c == 'p' && next == 'h' && o >= 3 && memcmp(w + o - 3, "sul", 3) == 0)
		{
			c = 'f';
			i++;
		}
		w[o++] = c;
	}
	return o;
}

/* British spelling to American, by rule, in place. */
static int
americanize(char *w, int len)
{
	size_t		i;

	if (len < 5)
		return len;
	if (word_ends_in(w, len, "ae", 3))
		w[--len] = '\0';
	len = americanize_letters(w, len);
	if (len >= 5 && (word_ends_in(w, len, "tre", 2) || word_ends_in(w, len, "bre", 2)))
	{
		w[len - 2] = 'e';
		w[len - 1] = 'r';
	}
	for (i = 0; i < BRITISH_VERBS; i++)
	{
		if (word_ends_in(w, len, british_verbs[i].suffix, 3))
		{
			w[len - british_verbs[i].at] = 'z';
			break;
		}
	}
	return len;
}

/* Puts a scanned word into its final form. */
static void
finish_word(Word *word)
{
	int			i;

	if (word->len <= 5 && strchr("ivx", word->text[0]) != NULL)
	{
		for (i = 1; i <= 20; i++)
		{
			if (strcmp(word->text, roman[i]) == 0)
			{
				word->len = 0;
				if (i >= 10)
					word->text[word->len++] = (char) ('0' + i / 10);
				word->text[word->len++] = (char) ('0' + i % 10);
				break;
			}
		}
	}
	else
		word->len = (uint8_t) americanize(word->text, word->len);
	word->text[word->len] = '\0';
}

/* Splits letters from the digits that follow ("type2") into scan->pending. */
static void
split_digits(WordScan *scan, Word *word)
{
	int			i = 0;
	int			j;

	while (i < word->len && (word->text[i] < '0' || word->text[i] > '9'))
		i++;
	if (i < 3 || i == word->len)
		return;
	for (j = i; j < word->len; j++)
	{
		if (word->text[j] < '0' || word->text[j] > '9')
			return;
	}
	memset(&scan->pending, 0, sizeof(Word));
	scan->pending.len = (uint8_t) (word->len - i);
	scan->pending.flags = WORD_HYPHEN | (word->flags & WORD_PAREN);
	memcpy(scan->pending.text, word->text + i, scan->pending.len);
	scan->has_pending = true;
	word->len = (uint8_t) i;
	word->text[i] = '\0';
}

/* Starts to read words from a text. */
void
word_scan_start(WordScan *scan, const char *text, size_t len)
{
	scan->p = (const unsigned char *) text;
	scan->end = scan->p + len;
	scan->has_pending = false;
	scan->depth = 0;
}

/* Goes on to the next letter, noting what stands before it. */
static void
skip_to_word(WordScan *scan, Word *word)
{
	char		buf[8];
	int			n;
	int			outlen;

	for (; scan->p < scan->end; scan->p += n)
	{
		CharKind	kind = fold_char(scan->p, scan->end, &n, buf, &outlen);

		if (kind == CHAR_LETTER || kind == CHAR_DIGIT)
			break;
		if (kind == CHAR_HYPHEN)
			word->flags |= WORD_HYPHEN;
		else if (kind == CHAR_BREAK)
			word->flags |= WORD_BREAK;
		if (*scan->p == '(' || *scan->p == '[')
			scan->depth++;
		else if ((*scan->p == ')' || *scan->p == ']') && scan->depth > 0)
			scan->depth--;
	}
	if (scan->depth > 0)
		word->flags |= WORD_PAREN;
	if (word->flags & WORD_BREAK)
		word->flags &= ~WORD_HYPHEN;
}

/* Reads the letters of a word, without a genitive's s: Crohn's. */
static void
read_letters(WordScan *scan, Word *word)
{
	char		buf[8];
	int			n;
	int			outlen;
	int			apostrophe = -1;

	for (; scan->p < scan->end; scan->p += n)
	{
		CharKind	kind = fold_char(scan->p, scan->end, &n, buf, &outlen);

		if (kind == CHAR_APOSTROPHE)
			apostrophe = word->len;
		else if (kind == CHAR_LETTER || kind == CHAR_DIGIT)
		{
			if (word->len + outlen > WORD_MAX)
				continue;
			memcpy(word->text + word->len, buf, (size_t) outlen);
			word->len = (uint8_t) (word->len + outlen);
		}
		else if (kind != CHAR_MARK)
			break;
	}
	if (apostrophe > 1 && apostrophe == word->len - 1 && word->text[apostrophe] == 's')
		word->len--;
	word->text[word->len] = '\0';
}

/* Reads the next word; false at the end of the text. */
bool
word_scan_next(WordScan *scan, Word *word)
{
	if (scan->has_pending)
	{
		*word = scan->pending;
		scan->has_pending = false;
		return true;
	}
	word->len = 0;
	word->flags = 0;
	skip_to_word(scan, word);
	read_letters(scan, word);
	if (word->len == 0)
		return false;
	split_digits(scan, word);
	finish_word(word);
	return true;
}

/* Writes two words as one; returns its length, 0 where that is too long. */
int
word_join(const Word *a, const Word *b, char *out)
{
	int			len = a->len + b->len;

	if (len > WORD_MAX)
		return 0;
	memcpy(out, a->text, a->len);
	memcpy(out + a->len, b->text, b->len);
	out[len] = '\0';
	return len;
}

/* A code as upper-case letters and digits; 0 when it is too long or empty. */
int
code_key(const char *code, size_t len, char *out, int outsize)
{
	size_t		i;
	int			n = 0;

	for (i = 0; i < len; i++)
	{
		char		c = code[i];

		if (c >= 'a' && c <= 'z')
			c = (char) (c - 32);
		if ((c < 'A' || c > 'Z') && (c < '0' || c > '9'))
			continue;
		if (n >= outsize - 1)
			return 0;
		out[n++] = c;
	}
	out[n] = '\0';
	return n;
}

/* Folds a text for comparison; described in search.h. */
size_t
search_fold(const char *text, size_t len, char *out, size_t outsize)
{
	WordScan	scan;
	Word		word;
	size_t		n = 0;

	if (outsize == 0)
		return 0;
	word_scan_start(&scan, text, len);
	while (word_scan_next(&scan, &word))
	{
		if (n + word.len + 2 > outsize)
			break;
		if (n > 0)
			out[n++] = ' ';
		memcpy(out + n, word.text, word.len);
		n += word.len;
	}
	out[n] = '\0';
	return n;
}
