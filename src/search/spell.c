/*
 * spell.c
 *		Misspelt words: keys under which words that differ by up to two typing errors
 *		meet, and what an error costs.
 *
 * Keys are made by deleting up to two letters from the first seven of a word
 * that was simplified by sound (ph as f, doubled letters as one, y as i).
 */
#include "search/spell.h"

#include <string.h>

#include "search/bytes.h"
#include "search/weights.h"

#define LETTER(c)		(1u << ((c) - 'a'))

#define VOWELS			(LETTER('a') | LETTER('e') | LETTER('i') | LETTER('o') | LETTER('u') | LETTER('y'))

/* The letters round each letter of a keyboard, from 'a'. */
static const uint32_t near_keys[26] = {
	 /* a */ LETTER('q') | LETTER('w') | LETTER('s') | LETTER('z'),
	 /* b */ LETTER('v') | LETTER('g') | LETTER('h') | LETTER('n'),
	 /* c */ LETTER('x') | LETTER('d') | LETTER('f') | LETTER('v'),
	 /* d */ LETTER('e') | LETTER('r') | LETTER('f') | LETTER('c') | LETTER('x') | LETTER('s'),
	 /* e */ LETTER('w') | LETTER('s') | LETTER('d') | LETTER('r'),
	 /* f */ LETTER('r') | LETTER('t') | LETTER('g') | LETTER('v') | LETTER('c') | LETTER('d'),
	 /* g */ LETTER('t') | LETTER('y') | LETTER('h') | LETTER('b') | LETTER('v') | LETTER('f'),
	 /* h */ LETTER('y') | LETTER('u') | LETTER('j') | LETTER('n') | LETTER('b') | LETTER('g'),
	 /* i */ LETTER('u') | LETTER('j') | LETTER('k') | LETTER('o'),
	 /* j */ LETTER('u') | LETTER('i') | LETTER('k') | LETTER('m') | LETTER('n') | LETTER('h'),
	 /* k */ LETTER('i') | LETTER('o') | LETTER('l') | LETTER('m') | LETTER('j'),
	 /* l */ LETTER('o') | LETTER('p') | LETTER('k'),
	 /* m */ LETTER('n') | LETTER('j') | LETTER('k'),
	 /* n */ LETTER('b') | LETTER('h') | LETTER('j') | LETTER('m'),
	 /* o */ LETTER('i') | LETTER('k') | LETTER('l') | LETTER('p'),
	 /* p */ LETTER('o') | LETTER('l'),
	 /* q */ LETTER('w') | LETTER('a'),
	 /* r */ LETTER('e') | LETTER('d') | LETTER('f') | LETTER('t'),
	 /* s */ LETTER('w') | LETTER('e') | LETTER('d') | LETTER('x') | LETTER('z') | LETTER('a'),
	 /* t */ LETTER('r') | LETTER('f') | LETTER('g') | LETTER('y'),
	 /* u */ LETTER('y') | LETTER('h') | LETTER('j') | LETTER('i'),
	 /* v */ LETTER('c') | LETTER('f') | LETTER('g') | LETTER('b'),
	 /* w */ LETTER('q') | LETTER('a') | LETTER('s') | LETTER('e'),
	 /* x */ LETTER('z') | LETTER('s') | LETTER('d') | LETTER('c'),
	 /* y */ LETTER('t') | LETTER('g') | LETTER('h') | LETTER('u'),
	 /* z */ LETTER('a') | LETTER('s') | LETTER('x')
};

/* Which letters a word has, one bit each. */
uint32_t
spell_letters(const char *word, int len)
{
	uint32_t	mask = 0;
	int			i;

	for (i = 0; i < len; i++)
		mask |= 1u << ((unsigned char) word[i] & 31);
	return mask;
}

/* The letter that the one at *at sounds like, NUL for a silent one; two letters
 * that sound like one move *at to the second. */
static inline char
sound_at(const char *word, int len, int *at)
{
	char		c = word[*at];
	char		next = *at + 1 < len ? word[*at + 1] : '\0';
	char		before = *at > 0 ? word[*at - 1] : '\0';

	switch (c)
	{
		case 'p':
			if (next != 'h')
				return c;
			(*at)++;
			return 'f';
		case 'h':
			return before == 'r' || before == 't' ? '\0' : c;
		case 'c':
			return next == 'k' ? '\0' : c;
		case 'y':
			return 'i';
		case 'z':
			return 's';
		default:
			return c;
	}
}

/* Simplifies a word by sound; returns its length. */
static int
by_sound(const char *word, int len, char *out)
{
	int			i;
	int			n = 0;

	for (i = 0; i < len; i++)
	{
		char		c = sound_at(word, len, &i);

		if (c != '\0' && (n == 0 || out[n - 1] != c))
			out[n++] = c;
	}
	return n;
}

/* Adds a key unless it is there already. */
static int
add_key(uint32_t *keys, int n, const char *text, int len)
{
	uint32_t	region = (uint32_t) (len > 0 ? text[0] & 31 : 0) << 5 | (uint32_t) (len > 1 ? text[1] & 31 : 0);
	uint32_t	key = (uint32_t) (search_hash(text, (size_t) len) >> (64 - SPELL_HASH_BITS)) | region << SPELL_HASH_BITS;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (keys[i] == key)
			return n;
	}
	keys[n] = key;
	return n + 1;
}

/* The keys of a word with up to one or two deletions, at most SPELL_MAX_KEYS;
 * none for very short ones. */
int
spell_keys(const char *word, int len, int deletions, uint32_t *keys)
{
	char		sound[WORD_MAX + 1];
	char		cut[SPELL_PREFIX + 1];
	int			n = 0;
	int			i;
	int			j;
	int			k;

	if (len < 3)
		return 0;
	len = by_sound(word, len, sound);
	if (len > SPELL_PREFIX)
		len = SPELL_PREFIX;
	n = add_key(keys, n, sound, len);
	for (i = 0; i < len && len > 2; i++)
	{
		for (k = 0, j = 0; k < len; k++)
		{
			if (k != i)
				cut[j++] = sound[k];
		}
		n = add_key(keys, n, cut, len - 1);
	}
	for (i = 0; i < len && len > 4 && deletions > 1; i++)
	{
		int			l;

		for (l = i + 1; l < len; l++)
		{
			for (k = 0, j = 0; k < len; k++)
			{
				if (k != i && k != l)
					cut[j++] = sound[k];
			}
			n = add_key(keys, n, cut, len - 2);
		}
	}
	return n;
}

/* What it costs to have typed a for b. */
static inline int
cost_other(char a, char b)
{
	unsigned int x = (unsigned char) a - 'a';
	unsigned int y = (unsigned char) b - 'a';

	if (a == b)
		return 0;
	if (x >= 26 || y >= 26)
		return W.cost_edit;
	if ((VOWELS >> x & VOWELS >> y & 1) != 0)
		return W.cost_vowel;
	return near_keys[x] >> y & 1 ? W.cost_near : W.cost_edit;
}

/* The three last rows of the table of distances. */
typedef struct DistanceRows
{
	int			rows[3][WORD_MAX + 1];
	int		   *before;
	int		   *last;
	int		   *now;
} DistanceRows;

/* Are the letters that end here two that were swapped? */
static inline bool
swapped(const char *a, int i, const char *b, int j)
{
	return i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && a[i - 1] != a[i - 2];
}

/* Fills one row of the table, for the first i letters of a; returns its least
 * distance. */
static inline int
distance_row(const DistanceRows *d, const char *a, int i, const char *b, int lo, int hi, int low)
{
	const int  *last = d->last;
	int		   *now = d->now;
	int			more = i > 1 && a[i - 1] == a[i - 2] ? W.cost_double : W.cost_edit;
	int			j;

	for (j = lo; j <= hi; j++)
	{
		int			less = j > 1 && b[j - 1] == b[j - 2] ? W.cost_double : W.cost_edit;
		int			c = last[j - 1] + cost_other(a[i - 1], b[j - 1]);

		if (j <= i + SPELL_BAND - 1 && last[j] + more < c)
			c = last[j] + more;
		if (now[j - 1] + less < c)
			c = now[j - 1] + less;
		if (swapped(a, i, b, j) && d->before[j - 2] + W.cost_swap < c)
			c = d->before[j - 2] + W.cost_swap;
		now[j] = c;
		if (c < low)
			low = c;
	}
	return low;
}

/* The least distance to a beginning of the other word, from the last row. */
static int
distance_to_prefix(const int *last, int alen, int blen, int limit)
{
	int			best = limit + 1;
	int			j;

	for (j = alen > SPELL_BAND ? alen - SPELL_BAND : 0; j <= blen && j <= alen + SPELL_BAND; j++)
	{
		if (last[j] < best)
			best = last[j];
	}
	return best;
}

/* Weighted Damerau-Levenshtein distance; more than limit counts as limit + 1. */
static int
distance(const char *a, int alen, const char *b, int blen, int limit, bool prefix)
{
	DistanceRows d;
	int			i;
	int			best;

	if (!prefix && (alen - blen > SPELL_BAND || blen - alen > SPELL_BAND))
		return limit + 1;
	d.before = d.rows[0];
	d.last = d.rows[1];
	d.now = d.rows[2];
	for (i = 0; i <= blen; i++)
		d.last[i] = i * W.cost_edit;
	for (i = 1; i <= alen; i++)
	{
		int			lo = i > SPELL_BAND ? i - SPELL_BAND : 1;
		int			hi = i + SPELL_BAND < blen ? i + SPELL_BAND : blen;
		int			low = limit + 1;
		int		   *swap = d.before;

		d.now[0] = i * W.cost_edit;
		if (lo > 1)
			d.now[lo - 1] = limit + 1;
		else
			low = d.now[0];
		low = distance_row(&d, a, i, b, lo, hi, low);
		if (hi < blen)
			d.now[hi + 1] = limit + 1;
		if (low > limit)
			return limit + 1;
		d.before = d.last;
		d.last = d.now;
		d.now = swap;
	}
	best = prefix ? distance_to_prefix(d.last, alen, blen, limit) : d.last[blen];
	return best > limit ? limit + 1 : best;
}

/* Reads a word that was typed. */
void
spell_word(const char *text, int len, SpellWord *out)
{
	out->text = text;
	out->len = len;
	out->sound_len = by_sound(text, len, out->sound);
}

/* What it costs to have typed one word for another (or, with prefix, for the
 * beginning of another); more than limit counts as limit + 1. */
int
spell_cost(const SpellWord *typed, const char *word, int wlen, int limit, bool prefix)
{
	char		sound[WORD_MAX + 1];
	int			cost = distance(typed->text, typed->len, word, wlen, limit, prefix);

	if (cost > W.cost_sound)
	{
		int			slen = by_sound(word, wlen, sound);

		/* the sounds tell nothing new of words that are written as they sound */
		if (slen != wlen || typed->sound_len != typed->len || memcmp(sound, word, (size_t) wlen) != 0 ||
			memcmp(typed->sound, typed->text, (size_t) typed->len) != 0)
		{
			int			least = cost > limit ? limit : cost - 1;
			int			other = W.cost_sound + distance(typed->sound, typed->sound_len, sound, slen,
														least - W.cost_sound, prefix);

			if (other <= least)
				cost = other;
		}
		if (typed->sound[0] != sound[0])
			cost += W.cost_first;
	}
	return cost > limit ? limit + 1 : cost;
}
