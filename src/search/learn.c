/*
 * learn.c
 *		Abbreviations that the official short titles teach: a word of the short
 *		title that the long one lacks stands for a word of the long title that
 *		has the same letters in the same order ("rtnop", "retinopathy").
 */
#include "build.h"

#define PAIRS			65536	/* a power of two */
#define PAIRS_MAX		50000
#define SEEN_MIN		3		/* times that a pair has to occur */

typedef struct Pair
{
	uint32_t	from;			/* words, + 1 */
	uint32_t	to;
	uint32_t	count;
} Pair;

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

/* Counts a pair. */
static void
count_pair(Pair *pairs, uint32_t *npairs, uint32_t from, uint32_t to)
{
	uint32_t	at = (from * 2654435761u ^ to * 40503u * 65537u) >> 7 & (PAIRS - 1);

	while (pairs[at].from != 0 && (pairs[at].from != from + 1 || pairs[at].to != to + 1))
		at = (at + 1) & (PAIRS - 1);
	if (pairs[at].from == 0)
	{
		if (*npairs >= PAIRS_MAX)
			return;
		(*npairs)++;
		pairs[at].from = from + 1;
		pairs[at].to = to + 1;
	}
	pairs[at].count++;
}

/* Compares one short title with the long one. */
static void
compare_titles(SearchBuilder *b, const BuildTerm *s, const BuildTerm *l, const uint8_t *in_long,
			   Pair *pairs, uint32_t *npairs)
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
				count_pair(pairs, npairs, sw, lw);
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
	const Pair *p = (const Pair *) ((void **) b->temps.data)[b->temps.n - 3] + x;
	const Pair *q = (const Pair *) ((void **) b->temps.data)[b->temps.n - 3] + y;

	if (p->from != q->from)
		return p->from < q->from ? -1 : 1;
	if (p->count != q->count)
		return p->count > q->count ? -1 : 1;
	return p->to < q->to ? -1 : p->to > q->to;
}

/* Finds how short titles write the words of long ones. */
bool
learn_abbreviations(SearchBuilder *b)
{
	uint8_t    *in_long;
	Pair	   *pairs;
	uint32_t   *order;
	uint32_t	npairs = 0;
	uint32_t	n = 0;
	uint32_t	best = 0;
	uint32_t	i;
	uint32_t	t;
	uint32_t	k;

	for (i = 0; i < b->terms.n && TERM(b, i)->kind != SEARCH_TERM_SHORT;)
		i++;
	if (i == b->terms.n)
		return true;
	/* compare_pairs looks for the second of these */
	in_long = build_temp(b, b->words.n);
	pairs = build_temp(b, PAIRS * sizeof(Pair));
	order = build_temp(b, PAIRS * sizeof(uint32_t));
	if (in_long == NULL || pairs == NULL || order == NULL)
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
			compare_titles(b, s, l, in_long, pairs, &npairs);
	}
	for (i = 0; i < PAIRS; i++)
	{
		if (pairs[i].count >= SEEN_MIN)
			order[n++] = i;
	}
	if (!build_sort(b, order, n, compare_pairs))
		return false;
	for (i = 0; i < n; i++)
	{
		const Pair *p = &pairs[order[i]];
		const BuildWord *from = BWORD(b, p->from - 1);
		const BuildWord *to = BWORD(b, p->to - 1);
		char		f[WORD_MAX + 1];
		char		l[WORD_MAX + 1];

		if (i == 0 || pairs[order[i - 1]].from != p->from)
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
