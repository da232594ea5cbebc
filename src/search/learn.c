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
#include "search/learn.h"

#include <string.h>

#include "search/build.h"
#include "search/bytes.h"
#include "search/stem.h"
#include "search/weights.h"

#define PAIRS			65536	/* at most; a power of two */
#define SWAPS			(1 << 19)	/* at most; a power of two */
#define ROW_MASKS		4096	/* a power of two */
#define TITLES_LOOKED	8		/* terms of a row among which its two titles
								 * are */
#define GROUP_MAX		6		/* words that one place takes, to be alike */
#define SWAP_UNIT		60		/* of the count: one place that takes two
								 * words */

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

/* The place of a word in a title from a place on, the title's length where it
 * is not there. */
static uint32_t
place_of_word(SearchBuilder *b, const BuildTerm *t, uint32_t from, uint32_t word)
{
	while (from < t->ntoks && token_what(TOKEN(b, t->tok_off + from)) != word)
		from++;
	return from;
}

/* The place of the first word of a title, from a place on, that a word
 * contracts. */
static uint32_t
place_of_contracted(SearchBuilder *b, const BuildTerm *t, uint32_t from, uint32_t word)
{
	const BuildWord *s = BWORD(b, word);

	for (; from < t->ntoks; from++)
	{
		const BuildWord *l = BWORD(b, token_what(TOKEN(b, t->tok_off + from)));

		if (word_contracts(WORDTEXT(b, s->text_off), s->len, WORDTEXT(b, l->text_off), l->len))
			break;
	}
	return from;
}

/* Compares one short title with the long one. */
static void
compare_titles(SearchBuilder *b, const BuildTerm *s, const BuildTerm *l, const uint8_t *in_long,
			   Pairs *pairs)
{
	uint32_t	start = 0;
	uint32_t	at;
	uint32_t	i;

	for (i = 0; i < s->ntoks; i++)
	{
		uint32_t	word = token_what(TOKEN(b, s->tok_off + i));

		if (!token_counts(TOKEN(b, s->tok_off + i)))
			continue;
		at = in_long[word] ? place_of_word(b, l, start, word) : place_of_contracted(b, l, start, word);
		if (at == l->ntoks)
			continue;
		if (!in_long[word])
			count_pair(pairs, word, token_what(TOKEN(b, l->tok_off + at)), 1);
		start = at + 1;
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

/* Marks the words of long titles; NULL when out of memory. */
static uint8_t *
mark_long_words(SearchBuilder *b)
{
	uint8_t    *in_long = build_temp(b, b->words.n);
	uint32_t	i;
	uint32_t	k;

	for (i = 0; in_long != NULL && i < b->terms.n; i++)
	{
		const BuildTerm *t = TERM(b, i);

		for (k = 0; t->kind == SEARCH_TERM_LONG && k < t->ntoks; k++)
			in_long[token_what(TOKEN(b, t->tok_off + k))] = 1;
	}
	return in_long;
}

/* Counts what the short title of a row writes for words of its long one. */
static void
count_titles(SearchBuilder *b, const BuildRow *r, const uint8_t *in_long, Pairs *pairs)
{
	const BuildTerm *l = NULL;
	const BuildTerm *s = NULL;
	int			looked = 0;
	uint32_t	t;

	for (t = r->first; t != NONE && looked < TITLES_LOOKED; t = TERM(b, t)->next, looked++)
	{
		if (TERM(b, t)->kind == SEARCH_TERM_LONG)
			l = TERM(b, t);
		else if (TERM(b, t)->kind == SEARCH_TERM_SHORT)
			s = TERM(b, t);
	}
	if (l != NULL && s != NULL)
		compare_titles(b, s, l, in_long, pairs);
}

/* Makes abbreviations of the pairs, of one word those that are common enough
 * beside its commonest; false when out of memory. */
static bool
keep_abbreviations(SearchBuilder *b, const Pairs *pairs, uint32_t n)
{
	uint32_t	best = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
	{
		const Pair *p = &pairs->items[pairs->order[i]];
		const BuildWord *from = BWORD(b, p->from - 1);
		const BuildWord *to = BWORD(b, p->to - 1);
		char		f[WORD_MAX + 1];
		char		l[WORD_MAX + 1];

		if (i == 0 || pairs->items[pairs->order[i - 1]].from != p->from)
			best = p->count;
		if (p->count * (uint32_t) W.learn_best_share < best)
			continue;
		/* copied, for what is added may move the texts */
		memcpy(f, WORDTEXT(b, from->text_off), from->len);
		memcpy(l, WORDTEXT(b, to->text_off), to->len);
		if (!build_add_abbr(b, f, from->len, l, to->len, p->count * 2 < best ? W.abbr_learned_seldom : W.abbr_learned))
			return false;
	}
	return true;
}

/* Is there a short title at all? */
static bool
has_short_titles(SearchBuilder *b)
{
	uint32_t	i;

	for (i = 0; i < b->terms.n; i++)
	{
		if (TERM(b, i)->kind == SEARCH_TERM_SHORT)
			return true;
	}
	return false;
}

/* Finds how short titles write the words of long ones. */
static bool
learn_short_titles(SearchBuilder *b)
{
	uint8_t    *in_long;
	Pairs		pairs;
	uint32_t	n = 0;
	uint32_t	i;

	if (!has_short_titles(b))
		return true;
	in_long = mark_long_words(b);
	if (in_long == NULL || !make_pairs(b, PAIRS, &pairs))
		return false;
	for (i = 0; i < b->rows.n; i++)
	{
		build_tick(b);
		count_titles(b, ROW(b, i), in_long, &pairs);
	}
	for (i = 0; i < pairs.size; i++)
	{
		if (pairs.items[i].count >= (uint32_t) W.learn_pair_seen)
			pairs.order[n++] = i;
	}
	b->sorted = pairs.items;
	return build_sort(b, pairs.order, n, compare_pairs) && keep_abbreviations(b, &pairs, n);
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
	return s->class.class == CLASS_NONE && s->class.factor >= 1.0f && s->len > 2;
}

/* Does a token tell the terms of a row apart? */
static bool
tells_apart(SearchBuilder *b, uint32_t tok)
{
	const BuildStem *s = STEM(b, BWORD(b, token_what(tok))->stem);

	return token_counts(tok) && (s->class.class != CLASS_NONE || has_meaning(s));
}

/* A stem's share in the hash of the words of a term, in any order. */
static uint64_t
stem_share(uint32_t stem)
{
	return search_hash(&stem, sizeof(stem)) | 1;
}

/* Notes a term of a row without one of its words in turn; returns how many
 * masks there are then. */
static uint32_t
mask_term(SearchBuilder *b, const BuildTerm *t, Mask *masks, uint32_t n, uint32_t *heads, uint32_t *seen)
{
	uint64_t	all = 0;
	uint32_t	words = 0;
	uint32_t	k;

	for (k = 0; k < t->ntoks; k++)
	{
		uint32_t	tok = TOKEN(b, t->tok_off + k);

		if (!tells_apart(b, tok))
			continue;
		all += stem_share(BWORD(b, token_what(tok))->stem);
		words++;
	}
	for (k = 0; words > 1 && k < t->ntoks; k++)
	{
		uint32_t	tok = TOKEN(b, t->tok_off + k);
		uint32_t	stem = BWORD(b, token_what(tok))->stem;
		uint32_t	slot;

		if (!token_counts(tok) || !has_meaning(STEM(b, stem)))
			continue;
		masks[n].hash = all - stem_share(stem);
		masks[n].stem = stem;
		slot = (uint32_t) (masks[n].hash >> 20) & (ROW_MASKS - 1);
		masks[n].next = heads[slot];
		heads[slot] = ++n;
		seen[stem]++;
	}
	return n;
}

/* Notes the terms of a row, each without one of its words in turn. */
static uint32_t
mask_terms(SearchBuilder *b, uint32_t row, Mask *masks, uint32_t *heads, uint32_t *seen)
{
	uint32_t	n = 0;
	uint32_t	t;

	for (t = ROW(b, row)->first; t != NONE; t = TERM(b, t)->next)
	{
		if (TERM(b, t)->kind != SEARCH_TERM_SHORT && n + TERM(b, t)->ntoks <= ROW_MASKS)
			n = mask_term(b, TERM(b, t), masks, n, heads, seen);
	}
	return n;
}

/* Gathers the words that the place of a mask takes, each once; the masks of
 * that place count no more.  More than GROUP_MAX is too many. */
static int
gather_group(Mask *masks, uint32_t mask, const uint32_t *heads, uint32_t group[GROUP_MAX + 1])
{
	uint64_t	hash = masks[mask].hash;
	int			size = 0;
	int			k;
	uint32_t	m;

	for (m = heads[(uint32_t) (hash >> 20) & (ROW_MASKS - 1)]; m != 0; m = masks[m - 1].next)
	{
		if (masks[m - 1].hash != hash || masks[m - 1].stem == NONE)
			continue;
		for (k = 0; k < size && k < GROUP_MAX && group[k] != masks[m - 1].stem;)
			k++;
		if (k == size && size <= GROUP_MAX)
			group[size++] = masks[m - 1].stem;
		if (m - 1 != mask)
			masks[m - 1].stem = NONE;
	}
	return size;
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
		int			size = masks[i].stem == NONE ? 0 : gather_group(masks, i, heads, group);

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
add_learned_word(SearchBuilder *b, uint32_t stem, uint32_t word, int share)
{
	char		from[WORD_MAX + 2];
	char		to[WORD_MAX + 1];
	size_t		from_len = STEM(b, stem)->len + 1u;
	size_t		to_len = BWORD(b, word)->len;
	BuildAbbr  *a;
	uint32_t	off;

	/* copied, for what is added may move the texts */
	from[0] = LEARNED_MARK;
	memcpy(from + 1, WORDTEXT(b, STEM(b, stem)->text_off), from_len - 1);
	memcpy(to, WORDTEXT(b, BWORD(b, word)->text_off), to_len);
	off = vec_push_text(b, &b->wordtext, from, from_len);
	if (off == NONE || vec_push_text(b, &b->wordtext, to, to_len) == NONE)
		return false;
	a = vec_push(b, &b->abbrs, sizeof(BuildAbbr), 1);
	if (a == NULL)
		return false;
	memset(a, 0, sizeof(*a));
	a->text_off = off;
	a->from_len = (uint32_t) from_len;
	a->to_len = (uint32_t) to_len;
	a->nto = 1;
	a->weight = (uint8_t) share;
	return true;
}

/* Counts the words that stand for each other in the terms of one row; false
 * when out of memory. */
static bool
count_words(SearchBuilder *b, uint32_t *seen, Pairs *pairs)
{
	Mask	   *masks = build_temp(b, ROW_MASKS * sizeof(Mask));
	uint32_t   *heads = build_temp(b, ROW_MASKS * sizeof(uint32_t));
	uint32_t	i;

	if (masks == NULL || heads == NULL)
		return false;
	for (i = 0; i < b->rows.n; i++)
	{
		build_tick(b);
		/* a title and its short form alone have nothing to compare */
		if (ROW(b, i)->nterms < 3)
			continue;
		memset(heads, 0, ROW_MASKS * sizeof(uint32_t));
		count_swaps(masks, mask_terms(b, i, masks, heads, seen), heads, pairs);
	}
	return true;
}

/* Keeps the pairs of words, of one stem the commonest; false when out of memory. */
static bool
keep_words(SearchBuilder *b, const Pairs *pairs, uint32_t n, const uint32_t *seen)
{
	uint32_t   *words = build_temp(b, b->stems.n * sizeof(uint32_t));
	uint32_t	i;
	int			kept = 0;

	if (words == NULL)
		return false;
	/* the first word of each stem */
	for (i = (uint32_t) b->words.n; i-- > 0;)
		words[BWORD(b, i)->stem] = i;
	for (i = 0; i < n; i++)
	{
		const Pair *p = &pairs->items[pairs->order[i]];
		uint32_t	share = p->count * 255 / (seen[p->from - 1] * SWAP_UNIT);

		if (i == 0 || pairs->items[pairs->order[i - 1]].from != p->from)
			kept = 0;
		if (kept++ < LEARNED_MAX &&
			!add_learned_word(b, p->from - 1, words[p->to - 1], share > 255 ? 255 : (int) share))
			return false;
	}
	return true;
}

/* Finds words that stand for each other. */
static bool
learn_words(SearchBuilder *b)
{
	uint32_t   *seen = build_temp(b, b->stems.n * sizeof(uint32_t));
	Pairs		pairs;
	uint32_t	n = 0;
	uint32_t	i;

	if (seen == NULL || !make_pairs(b, SWAPS, &pairs) || !count_words(b, seen, &pairs))
		return false;
	for (i = 0; i < pairs.size; i++)
	{
		const Pair *p = &pairs.items[i];

		if (p->count >= (uint32_t) W.swap_least &&
			p->count * (uint32_t) W.swap_share >= seen[p->from - 1] * SWAP_UNIT)
			pairs.order[n++] = i;
	}
	b->sorted = pairs.items;
	return build_sort(b, pairs.order, n, compare_pairs) && keep_words(b, &pairs, n, seen);
}

/* Learns what the terms teach. */
bool
learn_abbreviations(SearchBuilder *b)
{
	return learn_short_titles(b) && learn_words(b);
}
