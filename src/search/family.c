/*
 * family.c
 *		Scores the relatives of the best candidates: codes below the same header.
 *		They inherit the words that led to the candidate's synonyms.
 */
#include "search/family.h"

#include "search/match.h"
#include "search/weights.h"

#define FAMILIES			8	/* candidates whose relatives are looked at */
#define FAMILY_ROWS			480 /* relatives in all */
#define FAMILY_SPAN			400 /* rows of a family that is looked at as a
								 * whole */
#define TITLE_STEMS_MAX		32

/* A candidate whose relatives are scored. */
typedef struct Base
{
	const Candidate *cand;
	const ImageRow *row;
	Match		term;			/* of its best term */
	Match		title;
	uint32_t	stems[TITLE_STEMS_MAX]; /* of its title */
	int			nstems;
	bool		variants;		/* the query says which variants are meant */
} Base;

/* Does the query have this stem? */
static bool
query_has(const Query *q, uint32_t stem)
{
	uint16_t	x;

	for (x = FIRST_EXPANSION(q, stem); x != NO_EXPANSION; x = q->expansions[x].next)
	{
		if (q->expansions[x].stem == stem)
			return true;
	}
	return false;
}

/* Does the base's title have this stem? */
static bool
title_has(const Base *base, uint32_t stem)
{
	int			i;

	for (i = 0; i < base->nstems; i++)
	{
		if (base->stems[i] == stem)
			return true;
	}
	return false;
}

/* The weight of what a relative's title has that neither the query nor the
 * base's title has. */
static float
excess_over(const Query *q, const uint8_t *p, const Base *base)
{
	int			ntoks = *p;
	float		extra = 0;
	int			k;

	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		uint32_t	stem;

		p = varint_get(p, &tok);
		stem = token_what(tok);
		if (token_counts(tok) && !title_has(base, stem) && !query_has(q, stem))
			extra += q->im.stems[stem].weight;
	}
	return extra;
}

/* Notes a better score for a row. */
static void
offer(Query *q, uint32_t row, float score, float covered, const Candidate *base)
{
	int			k = query_find(q, row);
	Candidate  *c = &q->cands[k];

	if (k == q->ncands)
	{
		if (k == CANDIDATES_MAX)
			return;
		q->ncands++;
		memset(c, 0, sizeof(*c));
	}
	if (c->score >= score || (c->clash && c->score > 0))
		return;
	c->row = row;
	c->score = score;
	c->covered = covered;
	c->filled = base->filled * W.relative_filled;
	c->excess = base->excess;
	c->other = base->other;
	c->term = base->term;
	c->tok_off = base->tok_off;
	c->source = base->source;
	c->spelled = base->spelled;
	c->inherited = true;
}

/* The share of the query that a relative has of itself or inherits: the words
 * that led to the base's synonyms, but those of its title only when it is below. */
static float
inherit(const Query *q, const Base *base, const Match *m, bool below)
{
	float		sum = 0;
	int			k;

	for (k = 0; k < q->nqterms; k++)
	{
		float		fit = m->best[k];
		float		old = base->term.best[k] * W.relative_inherits;

		if (old > fit && (below || base->title.best[k] <= m->best[k]) && !q->qterms[k].variant)
			fit = old;
		sum += q->qterms[k].weight * fit;
	}
	return q->total > 0 ? sum / q->total : 0;
}

/* Scores a relative of a candidate. */
static void
rank_relative(Query *q, const Base *base, uint32_t row, bool below)
{
	const ImageRow *r = &q->im.rows[row];
	const uint8_t *t = q->im.tokens + r->tok_off;
	const Candidate *cand = base->cand;
	Match		m;
	float		covered;
	float		extra;
	float		score;

	match_term(q, t, row_variant(&q->im, r), &m);
	if (m.side_clash)
		return;
	covered = inherit(q, base, &m, below);
	/* a relative that has no more of the query than the candidate is no news */
	if (!below && covered <= cand->covered + W.relative_news)
		return;
	extra = excess_over(q, t, base);
	score = match_score(covered, cand->filled, m.clash * m.unasked) * W.relative_factor *
		(1.0f - W.relative_excess * extra / (extra + 1.0f));
	if (!(r->flags & ROW_BILLABLE))
		score *= W.header_factor;
	offer(q, row, score, covered, cand);
}

/* Does the query say which variants of codes are meant? */
static bool
asks_for_variant(const Query *q)
{
	int			k;

	if (q->asked[CLASS_ENCOUNTER] != 0 || q->asked[CLASS_OPEN] != 0)
		return true;
	for (k = 0; k < q->nqterms; k++)
	{
		if (q->qterms[k].variant)
			return true;
	}
	return false;
}

/* Matches the base's best term and title, and takes its title's stems. */
static void
open_base(const Query *q, const Candidate *cand, Base *base)
{
	const uint8_t *title = q->im.tokens + q->im.rows[cand->row].tok_off;
	const uint8_t *p = title + TERM_HEAD;
	int			k;

	base->cand = cand;
	base->row = &q->im.rows[cand->row];
	base->variants = asks_for_variant(q);
	match_term(q, q->im.tokens + cand->tok_off, '\0', &base->term);
	match_term(q, title, '\0', &base->title);
	base->nstems = 0;
	for (k = 0; k < *title && base->nstems < TITLE_STEMS_MAX; k++)
	{
		uint32_t	tok;

		p = varint_get(p, &tok);
		base->stems[base->nstems++] = token_what(tok);
	}
}

/* Is a row a relative that is worth scoring? */
static bool
is_relative(const Query *q, const Base *base, uint32_t row, bool below)
{
	const ImageRow *r = &q->im.rows[row];
	char		variant = row_variant(&q->im, r);

	if (r->nterms == 0 || row == base->cand->row || !row_allowed(q, row))
		return false;
	if (below && !(r->flags & ROW_BILLABLE))
		return false;
	/* of the encounters the initial one speaks for all */
	return base->variants || variant == '\0' || variant == row_shape(&q->im, r)->variants[0];
}

/* Scores the relatives of one candidate, from a root on down. */
static void
rank_family(Query *q, const Candidate *cand, uint32_t root, int *budget)
{
	uint32_t	row;
	Base		base;

	open_base(q, cand, &base);
	for (row = root + 1; row < q->hi && *budget > 0; row++)
	{
		const ImageRow *r = &q->im.rows[row];
		bool		below;

		if (!row_begins(&q->im, r, &q->im.rows[root]))
			break;
		below = r->key_len > base.row->key_len && row_begins(&q->im, r, base.row);
		if (!is_relative(q, &base, row, below))
			continue;
		(*budget)--;
		rank_relative(q, &base, row, below);
	}
}

/* The first row behind those whose keys begin like a row's. */
static uint32_t
family_end(const Query *q, uint32_t row)
{
	const ImageRow *h = &q->im.rows[row];
	uint32_t	lo = row + 1;
	uint32_t	hi = q->hi;

	/* keys are sorted, so those that begin alike stand together */
	while (lo < hi)
	{
		uint32_t	mid = lo + (hi - lo) / 2;

		if (row_begins(&q->im, &q->im.rows[mid], h))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Are two candidates siblings that have as much of the query? */
static bool
are_alike(const Query *q, const Candidate *a, const Candidate *b)
{
	uint32_t	parent = q->im.rows[a->row].parent;

	return parent != NO_ROW && q->im.rows[b->row].parent == parent &&
		b->covered <= a->covered + W.sibling_covered && b->covered >= a->covered - W.sibling_covered;
}

/* Takes a candidate into the list of bases, which is kept in order of promise. */
static void
keep_base(const Query *q, const Candidate *c, Candidate *best, int *n)
{
	int			k;

	if (*n == FAMILIES && best[*n - 1].promise >= c->promise)
		return;
	/* of siblings the best is enough */
	for (k = 0; k < *n && !are_alike(q, c, &best[k]);)
		k++;
	if (k < *n && best[k].promise >= c->promise)
		return;
	if (k == *n)
		k = *n < FAMILIES ? (*n)++ : FAMILIES - 1;
	for (; k > 0 && best[k - 1].promise < c->promise; k--)
		best[k] = best[k - 1];
	best[k] = *c;
}

/* The candidates whose relatives are looked at, one of each family: the best,
 * and without regard to sides, intents and the like, in which the relatives of
 * one may agree where it does not itself. */
static int
pick_bases(const Query *q, Candidate *best)
{
	int			n = 0;
	int			i;

	for (i = 0; i < q->ncands; i++)
	{
		if (q->cands[i].term != NO_TERM)
			keep_base(q, &q->cands[i], best, &n);
	}
	return n;
}

/* The row below which a candidate's relatives are looked for, NO_ROW for nowhere. */
static uint32_t
family_root(const Query *q, const Candidate *c)
{
	const ImageRow *r = &q->im.rows[c->row];
	uint32_t	above;

	if (r->parent == NO_ROW || c->covered >= W.family_covered || r->key_len <= W.family_key)
		return r->flags & ROW_BILLABLE ? NO_ROW : c->row;
	above = q->im.rows[r->parent].parent;
	if (above != NO_ROW && family_end(q, above) - above < FAMILY_SPAN)
		return above;
	return r->parent;
}

/* Lets relatives of the best candidates share what led to them. */
void
rank_families(Query *q)
{
	Candidate	best[FAMILIES];
	uint32_t	roots[FAMILIES];
	int			n = pick_bases(q, best);
	int			i;
	int			k;
	int			budget = FAMILY_ROWS;

	for (i = 0; i < n && budget > 0 && best[i].promise >= best[0].promise * W.family_promise; i++)
	{
		int			one = budget < FAMILY_ROWS / 3 ? budget : FAMILY_ROWS / 3;

		query_tick(q);
		roots[i] = family_root(q, &best[i]);
		for (k = 0; k < i && roots[k] != roots[i];)
			k++;

		/*
		 * a family is looked at once, but for what is below the candidate
		 * itself
		 */
		if (roots[i] == NO_ROW || (k < i && roots[i] != best[i].row))
			continue;
		budget -= one;
		rank_family(q, &best[i], roots[i], &one);
		budget += one > 0 ? one : 0;
	}
}
