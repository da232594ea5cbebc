/*
 * spell.c
 *		Misspelt words: keys under which words that differ by up to two slips
 *		meet, and what a slip costs.
 *
 * Keys are made by deleting up to two letters from the first seven of a word
 * that was simplified by sound (ph as f, doubled letters as one, y as i).
 */
#include "internal.h"

#define COST_EDIT		100		/* a letter more, less or other */
#define COST_NEAR		75		/* a neighbour on the keyboard */
#define COST_SWAP		70		/* two letters in the wrong order */
#define COST_DOUBLE		55		/* one letter of two the same */
#define COST_VOWEL		75		/* a vowel for another */
#define COST_SOUND		30		/* written otherwise, sounds the same */
#define COST_FIRST		30		/* the first letter is seldom wrong */

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

/* Simplifies a word by sound; returns its length. */
static int
by_sound(const char *word, int len, char *out)
{
	int			i;
	int			n = 0;

	for (i = 0; i < len; i++)
	{
		char		c = word[i];

		if (c == 'p' && i + 1 < len && word[i + 1] == 'h')
		{
			c = 'f';
			i++;
		}
		else if (c == 'h' && i > 0 && (word[i - 1] == 'r' || word[i - 1] == 't'))
			continue;
		else if (c == 'y')
			c = 'i';
		else if (c == 'z')
			c = 's';
		else if (c == 'c' && i + 1 < len && word[i + 1] == 'k')
			continue;
		if (n == 0 || out[n - 1] != c)
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
		return COST_EDIT;
	if ((VOWELS >> x & VOWELS >> y & 1) != 0)
		return COST_VOWEL;
	return near_keys[x] >> y & 1 ? COST_NEAR : COST_EDIT;
}

/* Weighted Damerau-Levenshtein distance; more than limit counts as limit + 1. */
static int
distance(const char *a, int alen, const char *b, int blen, int limit, bool prefix)
{
	int			rows[3][WORD_MAX + 1];
	int		   *before = rows[0];
	int		   *last = rows[1];
	int		   *now = rows[2];
	int			i;
	int			j;
	int			best = limit + 1;

	for (j = 0; j <= blen; j++)
		last[j] = j * COST_EDIT;
	for (i = 1; i <= alen; i++)
	{
		int			lo = i > 3 ? i - 3 : 1;
		int			hi = i + 3 < blen ? i + 3 : blen;
		int			low = limit + 1;
		int		   *swap = before;

		now[0] = i * COST_EDIT;
		if (lo > 1)
			now[lo - 1] = limit + 1;
		else
			low = now[0];
		for (j = lo; j <= hi; j++)
		{
			int			more = i > 1 && a[i - 1] == a[i - 2] ? COST_DOUBLE : COST_EDIT;
			int			less = j > 1 && b[j - 1] == b[j - 2] ? COST_DOUBLE : COST_EDIT;
			int			c = last[j - 1] + cost_other(a[i - 1], b[j - 1]);

			if (j <= i + 2 && last[j] + more < c)
				c = last[j] + more;
			if (now[j - 1] + less < c)
				c = now[j - 1] + less;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				a[i - 1] != a[i - 2] && before[j - 2] + COST_SWAP < c)
				c = before[j - 2] + COST_SWAP;
			now[j] = c;
			if (c < low)
				low = c;
		}
		if (hi < blen)
			now[hi + 1] = limit + 1;
		if (low > limit)
			return limit + 1;
		before = last;
		last = now;
		now = swap;
	}
	if (!prefix)
	{
		if (alen - blen > 3 || blen - alen > 3)
			return limit + 1;
		best = last[blen];
	}
	else
	{
		for (j = alen > 3 ? alen - 3 : 0; j <= blen && j <= alen + 3; j++)
		{
			if (last[j] < best)
				best = last[j];
		}
	}
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

	if (cost > COST_SOUND)
	{
		int			slen = by_sound(word, wlen, sound);

		/* the sounds tell nothing new of words that are written as they sound */
		if (slen != wlen || typed->sound_len != typed->len || memcmp(sound, word, (size_t) wlen) != 0 ||
			memcmp(typed->sound, typed->text, (size_t) typed->len) != 0)
		{
			int			least = cost > limit ? limit : cost - 1;
			int			other = COST_SOUND + distance(typed->sound, typed->sound_len, sound, slen,
													  least - COST_SOUND, prefix);

			if (other <= least)
				cost = other;
		}
		if (typed->sound[0] != sound[0])
			cost += COST_FIRST;
	}
	return cost > limit ? limit + 1 : cost;
}
