/*
 * learn.c
 *		What the terms teach.
 *
 * Abbreviations, from the official short titles: a word of the short title
 * that the long one lacks stands for a word of the long title that has the
 * same letters in the same order ("rtnop", "retinopathy").
 *
 * Words that may stand for each other, from the terms of one code: where two
 * differ in a single word ("Abscess, parotid gland", "Abscess, submaxillary
 * gland") and this happens often enough for what else the words do.
 */
#include "build.h"

#define PAIRS			65536	/* at most; a power of two */
#define SEEN_MIN		3		/* times that a pair has to occur */

#define SWAPS			(1 << 19)	/* at most; a power of two */
#define ROW_MASKS		4096	/* a power of two */
#define GROUP_MAX		6		/* words that one place takes, to be alike */
#define SWAP_UNIT		60		/* of the count: one place that takes two words */
#define SWAP_LEAST		60
#define SWAP_SHARE		25		/* of a word's places, one in so many the other takes too */

typedef struct Pair
{
	uint32_t	from;			/* words, + 1 */
	uint32_t	to;
	uint32_t	count;
} Pair;

/* Pairs by hash, and room to put them in order. */
typedef struct Pairs
{
	Pair	   *items;
	uint32_t   *order;
	uint32_t	size;			/* a power of two */
	uint32_t	n;
} Pairs;

/* Does the longer word have the letters of the shorter one in order, the
 * first in front? */
bool
build_contracts(const char *s, int slen, const char *l, int llen)
{
	int			i;
	int			at = 0;

	if (slen < 2 || llen <= slen || s[0] != l[0])
		return false;
	for (i = 0; i < llen && at < slen; i++)
	{
		if (l[i] == s[at])
			at++;
	}
	return at == slen;
}

/* Makes room for the pairs that so many terms may bring, at most so many. */
static bool
make_pairs(SearchBuilder *b, uint32_t most, Pairs *pairs)
{
	pairs->n = 0;
	for (pairs->size = 1024; pairs->size < most && pairs->size / 4 < b->terms.n;)
		pairs->size *= 2;
	pairs->items = build_temp(b, pairs->size * sizeof(Pair));
	pairs->order = build_temp(b, pairs->size * sizeof(uint32_t));
	return pairs->items != NULL && pairs->order != NULL;
}

/* Counts a pair. */
static void
count_pair(Pairs *pairs, uint32_t from, uint32_t to, uint32_t count)
{
	uint32_t	at = (from * 2654435761u ^ to * 40503u * 65537u) >> 7 & (pairs->size - 1);

	while (pairs->items[at].from != 0 && (pairs->items[at].from != from + 1 || pairs->items[at].to != to + 1))
		at = (at + 1) & (pairs->size - 1);
	if (pairs->items[at].from == 0)
	{
		if (pairs->n >= pairs->size / 4 * 3)
			return;
		pairs->n++;
		pairs->items[at].from = from + 1;
		pairs->items[at].to = to + 1;
	}
	pairs->items[at].count += count;
}

/* Compares one short title with the long one. */
static void
compare_titles(SearchBuilder *b, const BuildTerm *s, const BuildTerm *l, const uint8_t *in_long,
			   Pairs *pairs)
{
	uint32_t	i;
	uint32_t	j;
	uint32_t	start = 0;

	for (i = 0; i < s->ntoks; i++)
	{
		uint32_t	sw = TOKEN(b, s->tok_off + i) >> TOK_SHIFT;

		if (TOKEN(b, s->tok_off + i) & TOK_EXTRA)
			continue;
		for (j = start; in_long[sw] && j < l->ntoks; j++)
		{
			if (TOKEN(b, l->tok_off + j) >> TOK_SHIFT == sw)
				break;
		}
		if (in_long[sw])
		{
			if (j < l->ntoks)
				start = j + 1;
			continue;
		}
		for (j = start; j < l->ntoks; j++)
		{
			uint32_t	lw = TOKEN(b, l->tok_off + j) >> TOK_SHIFT;

			if (build_contracts(WORDTEXT(b, BWORD(b, sw)->text_off), BWORD(b, sw)->len,
								WORDTEXT(b, BWORD(b, lw)->text_off), BWORD(b, lw)->len))
			{
				count_pair(pairs, sw, lw, 1);
				start = j + 1;
				break;
			}
		}
	}
}

/* Orders pairs by word, then by falling count. */
static int
compare_pairs(SearchBuilder *b, uint32_t x, uint32_t y)
{
	const Pair *p = (const Pair *) b->sorted + x;
	const Pair *q = (const Pair *) b->sorted + y;

	if (p->from != q->from)
		return p->from < q->from ? -1 : 1;
	if (p->count != q->count)
		return p->count > q->count ? -1 : 1;
	return p->to < q->to ? -1 : p->to > q->to;
}

/* Finds how short titles write the words of long ones. */
static bool
learn_short_titles(SearchBuilder *b)
{
	uint8_t    *in_long;
	Pairs		pairs;
	uint32_t	n = 0;
	uint32_t	best = 0;
	uint32_t	i;
	uint32_t	t;
	uint32_t	k;

	for (i = 0; i < b->terms.n && TERM(b, i)->kind != SEARCH_TERM_SHORT;)
		i++;
	if (i == b->terms.n)
		return true;
	in_long = build_temp(b, b->words.n);
	if (in_long == NULL || !make_pairs(b, PAIRS, &pairs))
		return false;
	for (i = 0; i < b->terms.n; i++)
	{
		const BuildTerm *bt = TERM(b, i);

		for (k = 0; bt->kind == SEARCH_TERM_LONG && k < bt->ntoks; k++)
			in_long[TOKEN(b, bt->tok_off + k) >> TOK_SHIFT] = 1;
	}
	for (i = 0; i < b->rows.n; i++)
	{
		const BuildTerm *l = NULL;
		const BuildTerm *s = NULL;
		int			looked = 0;

		build_tick(b);
		for (t = ROW(b, i)->first; t != NONE && looked < 8; t = TERM(b, t)->next, looked++)
		{
			if (TERM(b, t)->kind == SEARCH_TERM_LONG)
				l = TERM(b, t);
			else if (TERM(b, t)->kind == SEARCH_TERM_SHORT)
				s = TERM(b, t);
		}
		if (l != NULL && s != NULL)
			compare_titles(b, s, l, in_long, &pairs);
	}
	for (i = 0; i < pairs.size; i++)
	{
		if (pairs.items[i].count >= SEEN_MIN)
			pairs.order[n++] = i;
	}
	b->sorted = pairs.items;
	if (!build_sort(b, pairs.order, n, compare_pairs))
		return false;
	for (i = 0; i < n; i++)
	{
		const Pair *p = &pairs.items[pairs.order[i]];
		const BuildWord *from = BWORD(b, p->from - 1);
		const BuildWord *to = BWORD(b, p->to - 1);
		char		f[WORD_MAX + 1];
		char		l[WORD_MAX + 1];

		if (i == 0 || pairs.items[pairs.order[i - 1]].from != p->from)
			best = p->count;
		if (p->count * 8 < best)
			continue;
		memcpy(f, WORDTEXT(b, from->text_off), from->len);
		memcpy(l, WORDTEXT(b, to->text_off), to->len);
		if (!build_add_abbr(b, f, from->len, l, to->len, p->count * 2 < best ? 200 : 240, true))
			return false;
	}
	return true;
}

/* A term of a row without one of its words. */
typedef struct Mask
{
	uint64_t	hash;			/* of the other words, in any order */
	uint32_t	stem;			/* the word left out */
	uint32_t	next;			/* of the same bucket, + 1 */
} Mask;

/* Does a word mean something by itself? */
static bool
has_meaning(const BuildStem *s)
{
	return s->class.class == 0 && s->surplus >= 1.0f && s->len > 2;
}

/* Notes the terms of a row, each without one of its words in turn. */
static uint32_t
mask_terms(SearchBuilder *b, uint32_t row, Mask *masks, uint32_t *heads, uint32_t *seen)
{
	uint32_t	n = 0;
	uint32_t	t;
	uint32_t	k;

	for (t = ROW(b, row)->first; t != NONE; t = TERM(b, t)->next)
	{
		const BuildTerm *bt = TERM(b, t);
		uint64_t	all = 0;
		uint32_t	words = 0;

		if (bt->kind == SEARCH_TERM_SHORT || n + bt->ntoks > ROW_MASKS)
			continue;
		for (k = 0; k < bt->ntoks; k++)
		{
			uint32_t	tok = TOKEN(b, bt->tok_off + k);
			uint32_t	stem = BWORD(b, tok >> TOK_SHIFT)->stem;

			if ((tok & TOK_EXTRA) || (STEM(b, stem)->class.class == 0 && !has_meaning(STEM(b, stem))))
				continue;
			all += search_hash(&stem, sizeof(stem)) | 1;
			words++;
		}
		for (k = 0; words > 1 && k < bt->ntoks; k++)
		{
			uint32_t	tok = TOKEN(b, bt->tok_off + k);
			uint32_t	stem = BWORD(b, tok >> TOK_SHIFT)->stem;
			uint32_t	slot;

			if ((tok & TOK_EXTRA) || !has_meaning(STEM(b, stem)))
				continue;
			masks[n].hash = all - (search_hash(&stem, sizeof(stem)) | 1);
			masks[n].stem = stem;
			slot = (uint32_t) (masks[n].hash >> 20) & (ROW_MASKS - 1);
			masks[n].next = heads[slot];
			heads[slot] = ++n;
			seen[stem]++;
		}
	}
	return n;
}

/* Counts which words one place takes. */
static void
count_swaps(Mask *masks, uint32_t n, const uint32_t *heads, Pairs *pairs)
{
	uint32_t	i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
	{
		uint32_t	group[GROUP_MAX + 1];
		int			size = 0;
		uint32_t	m;

		if (masks[i].stem == NONE)
			continue;
		for (m = heads[(uint32_t) (masks[i].hash >> 20) & (ROW_MASKS - 1)]; m != 0; m = masks[m - 1].next)
		{
			if (masks[m - 1].hash != masks[i].hash || masks[m - 1].stem == NONE)
				continue;
			for (k = 0; k < size && k < GROUP_MAX && group[k] != masks[m - 1].stem;)
				k++;
			if (k == size && size <= GROUP_MAX)
				group[size++] = masks[m - 1].stem;
			if (m - 1 != i)
				masks[m - 1].stem = NONE;
		}
		for (j = 0; size <= GROUP_MAX && j < size; j++)
		{
			for (k = 0; k < size; k++)
			{
				if (k != j)
					count_pair(pairs, group[j], group[k], (uint32_t) (SWAP_UNIT / (size - 1)));
			}
		}
	}
}

/* Notes that a word may stand for a stem, in so many of 255 cases. */
static bool
add_learned(SearchBuilder *b, uint32_t stem, uint32_t word, int share)
{
	char		from[WORD_MAX + 2];
	char		to[WORD_MAX + 1];
	BuildAbbr  *a;
	uint32_t	off = (uint32_t) b->wordtext.n;
	char	   *text;

	from[0] = LEARNED_MARK;
	memcpy(from + 1, WORDTEXT(b, STEM(b, stem)->text_off), STEM(b, stem)->len);
	memcpy(to, WORDTEXT(b, BWORD(b, word)->text_off), BWORD(b, word)->len);
	text = vec_push(b, &b->wordtext, 1, STEM(b, stem)->len + BWORD(b, word)->len + 3u);
	a = text == NULL ? NULL : vec_push(b, &b->abbrs, sizeof(BuildAbbr), 1);
	if (a == NULL)
		return false;
	memset(a, 0, sizeof(*a));
	a->text_off = off;
	a->from_len = STEM(b, stem)->len + 1u;
	a->to_len = BWORD(b, word)->len;
	memcpy(text, from, a->from_len);
	text[a->from_len] = '\0';
	memcpy(text + a->from_len + 1, to, a->to_len);
	text[a->from_len + 1 + a->to_len] = '\0';
	a->nto = 1;
	a->weight = (uint8_t) share;
	a->learned = true;
	return true;
}

/* Finds words that stand for each other. */
static bool
learn_words(SearchBuilder *b)
{
	Mask	   *masks = build_temp(b, ROW_MASKS * sizeof(Mask));
	uint32_t   *heads = build_temp(b, ROW_MASKS * sizeof(uint32_t));
	uint32_t   *seen = build_temp(b, b->stems.n * sizeof(uint32_t));
	uint32_t   *words = build_temp(b, b->stems.n * sizeof(uint32_t));
	Pairs		pairs;
	uint32_t	n = 0;
	uint32_t	i;
	int			kept = 0;

	if (masks == NULL || heads == NULL || seen == NULL || words == NULL || !make_pairs(b, SWAPS, &pairs))
		return false;
	for (i = 0; i < b->rows.n; i++)
	{
		build_tick(b);
		/* a title and its short form alone have nothing to compare */
		if (ROW(b, i)->nterms < 3)
			continue;
		memset(heads, 0, ROW_MASKS * sizeof(uint32_t));
		count_swaps(masks, mask_terms(b, i, masks, heads, seen), heads, &pairs);
	}
	for (i = 0; i < pairs.size; i++)
	{
		const Pair *p = &pairs.items[i];

		if (p->count >= SWAP_LEAST && p->count * SWAP_SHARE >= seen[p->from - 1] * SWAP_UNIT)
			pairs.order[n++] = i;
	}
	for (i = (uint32_t) b->words.n; i-- > 0;)
		words[BWORD(b, i)->stem] = i;
	b->sorted = pairs.items;
	if (!build_sort(b, pairs.order, n, compare_pairs))
		return false;
	for (i = 0; i < n; i++)
	{
		const Pair *p = &pairs.items[pairs.order[i]];
		uint32_t	share = p->count * 255 / (seen[p->from - 1] * SWAP_UNIT);

		if (i == 0 || pairs.items[pairs.order[i - 1]].from != p->from)
			kept = 0;
		if (kept++ < LEARNED_MAX && !add_learned(b, p->from - 1, words[p->to - 1], share > 255 ? 255 : (int) share))
			return false;
	}
	return true;
}

/* Learns what the terms teach. */
bool
learn_abbreviations(SearchBuilder *b)
{
	return learn_short_titles(b) && learn_words(b);
}
