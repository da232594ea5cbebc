/*
 * confidence.c
 *		How sure the first suggestion is: its score, so that 0.9 can be relied on.
 */
#include "search/confidence.h"

#include "search/neighbours.h"
#include "search/order.h"
#include "search/weights.h"

/* Is the first suggestion the usual one below a header, found by a synonym: the
 * header may be all that was meant? */
static bool
usual_by_synonym(const Query *q)
{
	const Candidate *c = &q->cands[0];
	const ImageRow *r = &q->im.rows[c->row];

	return c->source == SEARCH_SOURCE_SYNONYM && r->parent != NO_ROW &&
		usualness(q, c, q->im.rows[r->parent].key_len) >= W.sure_usual;
}

/* Does a synonym that led to the first suggestion say more than was asked, or
 * lead to a relative only? */
static bool
vague_by_synonym(const Candidate *c)
{
	return c->source == SEARCH_SOURCE_SYNONYM && (c->excess > W.sure_excess_synonym || c->inherited);
}

/* May another code be meant than the first suggestion, whatever its score? */
static bool
is_doubtful(const Query *q)
{
	const Candidate *c = &q->cands[0];

	/*
	 * a code alone cannot be corrected for sure; or it says what nobody asked
	 * for
	 */
	if (c->coded)
		return c->how != CODE_SAME && (c->term == NO_TERM || c->excess > W.sure_excess);
	return c->other || !(q->im.rows[c->row].flags & ROW_BILLABLE) || vague_by_synonym(c) ||
		header_said(q) >= 0 || usual_by_synonym(q);
}

/* How far the first suggestion's score is before the next; the second may be a
 * header that was put there. */
static double
lead_of_first(const Query *q, double score)
{
	double		lead = 1.0;
	int			i;

	for (i = 1; i < q->ncands && i < 3; i++)
	{
		if (score - q->cands[i].score < lead)
			lead = score - q->cands[i].score;
	}
	return lead;
}

/* The first suggestion's score: the less it leads, the less it is worth. */
double
first_score(const Query *q)
{
	const Candidate *c = &q->cands[0];
	double		score = c->score > 1.0f ? 1.0 : c->score;
	double		lead = lead_of_first(q, score);
	double		need = (c->source == SEARCH_SOURCE_SYNONYM ? W.lead_synonym : W.lead_title) +
		(score < W.lead_full ? W.lead_full - score : 0);

	if (lead < need)
		score -= W.lead_loss * (1.0 - lead / need);
	if (score > W.unsure && is_doubtful(q))
		score = W.unsure;
	return score < 0 ? 0 : score;
}

/* The score of any but the first suggestion. */
double
further_score(const Query *q, int i)
{
	return q->cands[i].score < W.unsure ? q->cands[i].score : W.unsure;
}
