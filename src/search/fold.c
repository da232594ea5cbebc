/*
 * fold.c
 *		From any bytes to words that can be compared: case, accents, British
 *		spelling, roman numerals; and from words to stems and roots.
 */
#include "internal.h"

/* What a byte sequence is to the scanner. */
typedef enum CharKind
{
	CHAR_LETTER,
	CHAR_DIGIT,
	CHAR_HYPHEN,
	CHAR_APOSTROPHE,
	CHAR_MARK,					/* combining mark: skipped */
	CHAR_SPACE,
	CHAR_BREAK					/* comma, bracket and the like */
} CharKind;

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

/* A 64-bit hash of some bytes; not for secrets. */
uint64_t
search_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t	h = 0x9E3779B97F4A7C15ULL ^ (len * 0xff51afd7ed558ccdULL);
	uint64_t	w;

	while (len > 0)
	{
		size_t		n = len < 8 ? len : 8;

		w = 0;
		memcpy(&w, p, n);
		h = (h ^ w) * 0xbf58476d1ce4e5b9ULL;
		h ^= h >> 32;
		p += n;
		len -= n;
	}
	h *= 0x94d049bb133111ebULL;
	return h ^ (h >> 29);
}

/* Decodes one character; an invalid byte stands for itself as latin-1. */
static uint32_t
decode(const unsigned char *p, const unsigned char *end, int *len)
{
	int			n;
	int			i;
	uint32_t	c = *p;

	*len = 1;
	if (c < 0x80)
		return c;
	n = c >= 0xF0 && c < 0xF5 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC2 && c < 0xE0 ? 1 : 0;
	if (n == 0 || end - p <= n)
		return c;
	c &= 0x3F >> n;
	for (i = 1; i <= n; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return *p;
		c = c << 6 | (p[i] & 0x3F);
	}
	if ((n == 2 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) ||
		(n == 3 && (c < 0x10000 || c > 0x10FFFF)))
		return *p;
	*len = n + 1;
	return c;
}

/* The length of the valid UTF-8 character at p, 0 when there is none. */
int
utf8_length(const char *p, size_t left)
{
	int			len;
	const unsigned char *u = (const unsigned char *) p;

	if (left == 0)
		return 0;
	decode(u, u + left, &len);
	return len == 1 && *u >= 0x80 ? 0 : len;
}

/* Encodes a character of more than seven bits. */
static int
encode(uint32_t c, char *out)
{
	if (c < 0x800)
	{
		out[0] = (char) (0xC0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xE0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3F));
		out[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | c >> 18);
	out[1] = (char) (0x80 | (c >> 12 & 0x3F));
	out[2] = (char) (0x80 | (c >> 6 & 0x3F));
	out[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

/* Reads one character as folded letters; outlen is 0 for what is no letter. */
static CharKind
fold_char(const unsigned char *p, const unsigned char *end, int *len, char *out, int *outlen)
{
	uint32_t	c = decode(p, end, len);
	const char *s = NULL;

	*outlen = 0;
	if (c < 0x80)
	{
		out[0] = (char) (c >= 'A' && c <= 'Z' ? c + 32 : c);
		if (out[0] >= 'a' && out[0] <= 'z')
		{
			*outlen = 1;
			return CHAR_LETTER;
		}
		if (c >= '0' && c <= '9')
		{
			*outlen = 1;
			return CHAR_DIGIT;
		}
		if (c == '-')
			return CHAR_HYPHEN;
		if (c == '\'')
			return CHAR_APOSTROPHE;
		return c == ' ' || c == '/' || c == '.' || c == '\t' ? CHAR_SPACE : CHAR_BREAK;
	}
	if (c == 0x2019 || c == 0x02BC || c == 0x00B4)
		return CHAR_APOSTROPHE;
	if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212)
		return CHAR_HYPHEN;
	if (c >= 0x300 && c < 0x370)
		return CHAR_MARK;
	if (c == 0xB5)
		s = "mu";
	else if (c >= 0xC0 && c < 0x180)
		s = latin[c - 0xC0];
	else if (c >= 0x391 && c <= 0x3A9)
		s = greek[c - 0x391];
	else if (c >= 0x3B1 && c <= 0x3C9)
		s = greek[c - 0x3B1];
	else if (c < 0xC0 || (c >= 0x2000 && c < 0x2C00) || (c >= 0x3000 && c < 0x3004) ||
			 c == 0xFEFF || c == 0xFFFD)
		return CHAR_SPACE;
	if (s != NULL)
	{
		*outlen = (int) strlen(s);
		memcpy(out, s, (size_t) *outlen);
		return *outlen > 0 ? CHAR_LETTER : CHAR_SPACE;
	}
	if (c >= 0x410 && c <= 0x42F)
		c += 32;
	*outlen = encode(c, out);
	return CHAR_LETTER;
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

/* Does the word end in the suffix and have at least min letters before it? */
static bool
ends_in(const char *w, int len, const char *suffix, int min)
{
	int			n = (int) strlen(suffix);

	return len >= n + min && memcmp(w + len - n, suffix, (size_t) n) == 0;
}

/* British spelling to American, by rule, in place. */
static int
americanize(char *w, int len)
{
	int			i;
	int			o = 0;

	if (len < 5)
		return len;
	if (ends_in(w, len, "ae", 3))
		w[len - 1] = '\0', len--;
	for (i = 0; i < len; i++)
	{
		char		c = w[i];
		char		next = i + 1 < len ? w[i + 1] : '\0';

		/* haem, oedema, anaemia; not toe, shoe, poet */
		if (next == 'e' && ((c == 'a' && i + 2 < len) ||
							(c == 'o' && i + 2 < len && (i != 1 || w[0] == 'f' || w[0] == 'c'))))
			continue;
		/* tumour, colouring; not hour, four */
		if (c == 'u' && o >= 3 && w[o - 1] == 'o' && next == 'r')
			continue;
		/* sulphate */
		if (c == 'p' && next == 'h' && o >= 3 && memcmp(w + o - 3, "sul", 3) == 0)
		{
			w[o++] = 'f';
			i++;
			continue;
		}
		w[o++] = c;
	}
	len = o;
	if (len >= 5 && (ends_in(w, len, "tre", 2) || ends_in(w, len, "bre", 2)))
	{
		w[len - 2] = 'e';
		w[len - 1] = 'r';
	}
	if (ends_in(w, len, "ise", 3) || ends_in(w, len, "yse", 3))
		w[len - 2] = 'z';
	else if (ends_in(w, len, "ised", 3) || ends_in(w, len, "ysed", 3))
		w[len - 3] = 'z';
	else if (ends_in(w, len, "ising", 3))
		w[len - 4] = 'z';
	else if (ends_in(w, len, "isation", 3))
		w[len - 6] = 'z';
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

/* Reads the next word; false at the end of the text. */
bool
word_scan_next(WordScan *scan, Word *word)
{
	char		buf[8];
	int			n;
	int			outlen;
	int			apostrophe = -1;
	CharKind	kind = CHAR_BREAK;

	if (scan->has_pending)
	{
		*word = scan->pending;
		scan->has_pending = false;
		return true;
	}
	word->len = 0;
	word->flags = 0;
	while (scan->p < scan->end)
	{
		kind = fold_char(scan->p, scan->end, &n, buf, &outlen);
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
		scan->p += n;
	}
	if (scan->depth > 0)
		word->flags |= WORD_PAREN;
	if (word->flags & WORD_BREAK)
		word->flags &= ~WORD_HYPHEN;
	while (scan->p < scan->end)
	{
		kind = fold_char(scan->p, scan->end, &n, buf, &outlen);
		if (kind == CHAR_LETTER || kind == CHAR_DIGIT)
		{
			if (word->len + outlen <= WORD_MAX)
			{
				memcpy(word->text + word->len, buf, (size_t) outlen);
				word->len = (uint8_t) (word->len + outlen);
			}
		}
		else if (kind == CHAR_APOSTROPHE)
			apostrophe = word->len;
		else if (kind != CHAR_MARK)
			break;
		scan->p += n;
	}
	/* Crohn's */
	if (apostrophe > 1 && apostrophe == word->len - 1 && word->text[apostrophe] == 's')
		word->len--;
	word->text[word->len] = '\0';
	if (word->len == 0)
		return false;
	split_digits(scan, word);
	finish_word(word);
	return true;
}

/* Takes the inflection off a folded word. */
int
word_stem(const char *word, int len, char *out)
{
	memcpy(out, word, (size_t) len + 1);
	if (len < 4 || (unsigned char) word[len - 1] >= 0x80)
		return len;
	if (out[len - 1] == 's' && out[len - 2] != 's')
	{
		if (ends_in(out, len, "itides", 2))
			len -= 3, out[len - 1] = 's';
		else if (ends_in(out, len, "ies", 2))
			len -= 2, out[len - 1] = 'y';
		else if (ends_in(out, len, "oses", 2) || ends_in(out, len, "yses", 2))
			out[len - 2] = 'i';
		else if (ends_in(out, len, "sses", 1) || ends_in(out, len, "xes", 2) ||
				 ends_in(out, len, "ches", 2) || ends_in(out, len, "shes", 2))
			len -= 2;
		else if (out[len - 2] != 'u' && out[len - 2] != 'i')
			len--;
	}
	else if (ends_in(out, len, "ied", 3))
		len -= 2, out[len - 1] = 'y';
	else if ((ends_in(out, len, "ed", 4) && !ends_in(out, len, "eed", 1)) || ends_in(out, len, "ing", 4))
	{
		len -= out[len - 1] == 'd' ? 2 : 3;
		if (out[len - 1] == out[len - 2] && strchr("bdgmnprt", out[len - 1]) != NULL)
			len--;
	}
	else if (ends_in(out, len, "ally", 4))
		len -= 2;
	else if (ends_in(out, len, "ly", 5))
		len -= 2;
	if (len >= 5 && out[len - 1] == 'e')
		len--;
	out[len] = '\0';
	return len;
}

/* Takes the ending off a stem, so that diabetes and diabetic meet. */
int
word_root(const char *stem, int len, char *out)
{
	static const char *const endings[] = {
		"atory", "ation", "ative", "ical", "ency", "ence", "ance", "itic", "ious", "eous",
		"ient", "ion", "ive", "ity", "ism", "ant", "ent", "ial", "eal", "ary", "ory", "ous",
		"enc", "anc", "ic", "al", "ar", "ia", "us", "um", "is", "es", "on", "or", "er", "y", "a",
		"at", "i", "o", NULL
	};
	int			i;

	memcpy(out, stem, (size_t) len + 1);
	for (i = 0; endings[i] != NULL; i++)
	{
		if (ends_in(stem, len, endings[i], 5))
		{
			len -= (int) strlen(endings[i]);
			break;
		}
	}
	out[len] = '\0';
	return len;
}

/* Are two words forms of one: the same for at least so many letters and for
 * half of the longer one? */
bool
words_akin(const char *a, int alen, const char *b, int blen, int least)
{
	int			n = 0;

	while (n < alen && n < blen && a[n] == b[n])
		n++;
	return n >= least && n * 2 >= (alen > blen ? alen : blen);
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
