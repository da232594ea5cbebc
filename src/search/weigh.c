/*
 * weigh.c
 *		What each query term is worth: the rarer what it may mean, the more.  Which
 *		of them are negated, and which sides, encounters and the like are asked for.
 */
#include "search/weigh.h"

#include <math.h>

#include "search/alternatives.h"
#include "search/weights.h"

/* What the expansions of a query term tell of it. */
typedef struct Reading
{
	uint32_t	meant;			/* rows that have what it means */
	uint32_t	guessed;		/* or may mean: a prefix, a spelling */
	bool		negates;
	bool		ends_negation;
	bool		decides;		/* a side, an encounter or the like */
	bool		empty;			/* says that something is not specified */
} Reading;

/* Do two query terms, the second behind the first, ask for the very same? */
static bool
same_term(const Query *q, const QueryTerm *a, const QueryTerm *b)
{
	if (a->nexpansions > 0 && b->nexpansions > 0)
		return a->weight > 0 && q->expansions[a->first].stem == q->expansions[b->first].stem;
	return a->nexpansions == 0 && b->nexpansions == 0 && a->word != b->word && !b->variant &&
		strcmp(q->words[a->word].text, q->words[b->word].text) == 0;
}

/* Does an earlier query term ask for the very same? */
static bool
is_repeated(const Query *q, int qterm)
{
	int			i;

	for (i = 0; i < qterm; i++)
	{
		if (same_term(q, &q->qterms[i], &q->qterms[qterm]))
			return true;
	}
	return false;
}

/* How well the best expansion fits. */
static float
best_fit(const Query *q, const QueryTerm *t)
{
	float		best = 0;
	int			i;

	for (i = 0; i < t->nexpansions; i++)
	{
		if (q->expansions[t->first + i].fit > best)
			best = q->expansions[t->first + i].fit;
	}
	return best;
}

/* Notes what a stem that the query surely means decides. */
static void
read_class(Query *q, const ImageStem *st, bool best, Reading *r)
{
	if (st->class == CLASS_NONE)
		return;
	q->asked[st->class] |= VALUE(st->value);
	r->decides = true;
	r->empty |= st->class == CLASS_UNSPECIFIED && best;
}

/* Notes what the expansions of a query term tell, and puts them into buckets by
 * stem. */
static void
read_expansions(Query *q, const QueryTerm *t, Reading *r)
{
	float		best = best_fit(q, t);
	int			i;

	memset(r, 0, sizeof(*r));
	for (i = t->first; i < t->first + t->nexpansions; i++)
	{
		Expansion  *e = &q->expansions[i];
		const ImageStem *st = &q->im.stems[e->stem];
		uint16_t   *bucket = &FIRST_EXPANSION(q, e->stem);

		e->next = *bucket;
		*bucket = (uint16_t) i;
		if (e->fit < best - W.meant_fit)
			continue;
		if (e->how == HOW_PREFIX || e->how == HOW_SPELL)
			r->guessed += stem_rows(q, e->stem);
		else
			r->meant += stem_rows(q, e->stem);
		if (e->fit < best - W.decides_fit)
			continue;
		r->negates |= st->polarity == POLARITY_NEGATES;
		r->ends_negation |= st->polarity == POLARITY_ENDS;
		if (!t->optional)
			read_class(q, st, e->fit == best, r);
	}
}

/* The weight of a query term, repetitions aside. */
static float
term_weight(const Query *q, const QueryTerm *t, const Reading *r)
{
	/* what may be many words is as common as all of them together */
	uint32_t	rows = r->meant > 0 ? r->meant : r->guessed;
	float		weight = t->nexpansions == 0 || t->variant ? W.unknown_weight : 0;

	if (rows > 0 && weight == 0)
		weight = (float) (log(((double) q->im.h->nrows + 2) / ((double) rows + 1)) /
						  log((double) q->im.h->nrows + 2));
	if (r->empty)
		weight *= W.unspecified_share;
	if (t->optional)
		weight *= W.optional_share;
	return weight < RARITY_LEAST ? RARITY_LEAST : weight;
}

/* Says whether a query term is negated; *left counts the words that the last
 * negation still negates. */
static void
negate(Query *q, int qterm, const Reading *r, int *left)
{
	QueryTerm  *t = &q->qterms[qterm];

	/* what is negated among the welcome words is not so among those asked for */
	if (r->ends_negation || t->breaks || (qterm > 0 && q->qterms[qterm - 1].optional && !t->optional))
		*left = 0;
	t->negated = *left > 0 && !r->decides;
	if (*left > 0)
		(*left)--;
	if (r->negates)
		*left = NEGATION_WORDS;
}

/* Weighs the query terms, finds negations and sides, and indexes the expansions. */
void
weigh_query(Query *q)
{
	int			left = 0;
	int			i;

	memset(q->buckets, 0xFF, sizeof(q->buckets));
	memset(q->asked, 0, sizeof(q->asked));
	q->total = q->total_rare = 0;
	for (i = 0; i < q->nqterms; i++)
	{
		QueryTerm  *t = &q->qterms[i];
		Reading		r;

		read_expansions(q, t, &r);
		t->weight = term_weight(q, t, &r);
		if (t->merged || is_repeated(q, i))
			t->weight = 0;
		negate(q, i, &r, &left);
		q->total += t->weight;
		q->total_rare += t->weight * t->weight;
	}
}
