/*
 * rank.c
 *		Scores a row in full, by its best term and what its other terms add.
 */
#include "search/rank.h"

#include "search/match.h"
#include "search/weights.h"

#define TERMS_SCORED_MAX	60	/* of one row */

/* What the terms of a row make of the query together. */
typedef struct RowMatch
{
	float		all[QTERMS_MAX];	/* best fit of each query term */
	float		title_clash;
	float		unasked;		/* by the title */
	float		score;			/* of the best term */
	float		covered;
	float		clash;
} RowMatch;

/* How much a kind of term counts. */
static inline float
kind_factor(int kind)
{
	switch (kind)
	{
		case SEARCH_TERM_SHORT:
			return W.kind_short;
		case SEARCH_TERM_INCLUSION:
			return W.kind_inclusion;
		case SEARCH_TERM_INDEX:
			return W.kind_index;
		case SEARCH_TERM_SYNONYM:
			return W.kind_synonym;
		default:
			return 1.0f;
	}
}

/* What a term makes a hit of. */
static inline uint8_t
source_of(const Match *m, int kind)
{
	if (m->spelled)
		return SEARCH_SOURCE_SPELLING;
	return kind <= SEARCH_TERM_SHORT ? SEARCH_SOURCE_TITLE : SEARCH_SOURCE_SYNONYM;
}

/* Takes a term's match into account; the best term makes the candidate. */
static inline void
add_match(const Query *q, RowMatch *rm, const Match *m, const uint8_t *t, uint32_t term, Candidate *cand)
{
	int			kind = t[1];
	float		s = match_score(m->covered, m->filled, m->clash) * kind_factor(kind);
	int			k;

	for (k = 0; k < q->nqterms; k++)
	{
		if (m->best[k] > rm->all[k])
			rm->all[k] = m->best[k];
	}
	if (kind == SEARCH_TERM_LONG)
	{
		rm->title_clash = m->clash;
		rm->unasked = m->unasked;
		if (m->side_clash)
			cand->clash = true;
	}
	if (s <= rm->score && cand->term != NO_TERM)
		return;
	rm->score = s;
	rm->covered = m->covered;
	rm->clash = m->clash;
	cand->filled = m->filled;
	cand->excess = m->excess;
	cand->other = m->other;
	cand->term = term;
	cand->tok_off = (uint32_t) (t - q->im.tokens);
	cand->spelled = m->spelled;
	cand->source = source_of(m, kind);
}

/* Scores the candidate by what its terms make of the query. */
static inline void
score_row(const Query *q, const RowMatch *rm, Candidate *cand)
{
	float		own = 0;
	float		rare = 0;
	float		clash = rm->title_clash < rm->clash ? rm->title_clash : rm->clash;
	int			k;

	for (k = 0; k < q->nqterms; k++)
	{
		float		weight = q->qterms[k].weight;

		own += weight * rm->all[k];
		rare += weight * weight * rm->all[k];
	}
	own = q->total > 0 ? own / q->total : 0;
	cand->covered = rm->covered + W.union_share * (own - rm->covered);
	cand->score = match_score(cand->covered, cand->filled, clash * rm->unasked) *
		kind_factor(q->im.tokens[cand->tok_off + 1]);
	cand->promise = rare / (q->total_rare > 0 ? q->total_rare : 1.0f) * match_fill(cand->filled);
	if (!(q->im.rows[cand->row].flags & ROW_BILLABLE))
		cand->score *= W.header_factor;
}

/* Scores a row in full. */
void
rank_row(const Query *q, uint32_t row, Candidate *cand)
{
	const ImageRow *r = &q->im.rows[row];
	const uint8_t *next = q->im.tokens + r->tok_off;
	char		variant = row_variant(&q->im, r);
	uint32_t	i;
	RowMatch	rm;
	Match		m;

	memset(cand, 0, sizeof(*cand));
	cand->row = row;
	cand->term = NO_TERM;
	memset(rm.all, 0, sizeof(float) * (size_t) q->nqterms);
	rm.title_clash = rm.unasked = rm.clash = 1.0f;
	rm.score = rm.covered = 0;
	for (i = 0; i < r->nterms && i < TERMS_SCORED_MAX; i++)
	{
		const uint8_t *t = next;

		next = match_term(q, t, variant, &m);
		add_match(q, &rm, &m, t, r->first_term + i, cand);
	}
	if (cand->term != NO_TERM)
		score_row(q, &rm, cand);
}
