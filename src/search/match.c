/*
 * match.c
 *		What one term of a row makes of the query: how much of the query it
 *		covers, how much of the term the query fills, and what contradicts.
 */
#include "search/match.h"

/* What the tokens of a term add up to. */
typedef struct Sums
{
	float		got;			/* weight of the term that the query has */
	float		fill;			/* weight of the term */
	float		opposed;		/* highest weight of what one negates and the
								 * other does not */
	float		lacked[2];		/* by the last two words */
} Sums;

/* The factor for a side that nobody asked for, or that was asked for in vain. */
static inline float
unasked_side(const Query *q, const uint32_t *has, float factor)
{
	if (q->asked[CLASS_SIDE] == 0 && has[CLASS_SIDE] != 0)
		factor *= q->asked[CLASS_UNSPECIFIED] ? W.unasked_side_unspecified : W.unasked_side;
	if (q->asked[CLASS_SIDE] != 0 && has[CLASS_SIDE] == 0)
		factor *= W.lacking_side;
	return factor;
}

/* The factor for encounters, kinds of fractures and intents that nobody asked
 * for.  What is not called open is closed, what is not called in place is not. */
static inline float
unasked_injury(const Query *q, const uint32_t *has, float factor)
{
	if (q->asked[CLASS_ENCOUNTER] == 0 && (has[CLASS_ENCOUNTER] & ~VALUE(ENCOUNTER_INITIAL)) != 0)
		factor *= W.unasked_encounter;
	if (q->asked[CLASS_OPEN] == 0 && (has[CLASS_OPEN] & VALUE(OPEN_OPEN)) != 0)
		factor *= W.unasked_open;
	if (q->asked[CLASS_PLACE] == 0 && (has[CLASS_PLACE] & VALUE(PLACE_NONDISPLACED)) != 0)
		factor *= W.unasked_nondisplaced;
	if (q->asked[CLASS_INTENT] == 0 && has[CLASS_INTENT] != 0 && (has[CLASS_INTENT] & VALUE(INTENT_ACCIDENTAL)) == 0)
		factor *= W.unasked_intent;
	return factor;
}

/* The factor for contexts and other kinds that nobody asked for. */
static inline float
unasked_kind(const Query *q, const uint32_t *has, float factor, bool *other)
{
	if ((has[CLASS_CONTEXT] & ~q->asked[CLASS_CONTEXT]) != 0)
		factor *= W.unasked_context;
	if (q->asked[CLASS_OTHER] != 0 && has[CLASS_OTHER] == 0)
		factor *= W.lacking_other;
	*other = q->asked[CLASS_OTHER] == 0 && has[CLASS_OTHER] != 0;
	if (*other)
		factor *= W.unasked_other;
	return factor;
}

/* Finds what contradicts: another side, encounter or opposite than asked for. */
static inline void
find_clashes(const Query *q, const uint32_t *has, Match *m)
{
	int			c;

	m->clash = 1.0f;
	m->side_clash = false;
	for (c = 1; c <= CLASS_LAST_CONTRAST; c++)
	{
		if (q->asked[c] == 0 || has[c] == 0 || (q->asked[c] & has[c]) != 0)
			continue;
		if (c == CLASS_SIDE)
			m->side_clash = true;
		m->clash *= c == CLASS_SIDE || c == CLASS_ENCOUNTER ? W.clash_side : W.clash_other;
	}
}

/* How well a token fits the query; notes it for the query terms. */
static inline float
token_fit(const Query *q, uint32_t tok, const ImageStem *st, Match *m, float *opposed)
{
	uint32_t	stem = token_what(tok);
	bool		neutral = token_kind(tok) == TOK_COMPOUND || st->class != CLASS_NONE || st->polarity != POLARITY_NONE;
	bool		negated = token_kind(tok) == TOK_NEGATED;
	float		fit = 0;
	uint16_t	x;

	for (x = FIRST_EXPANSION(q, stem); x != NO_EXPANSION; x = q->expansions[x].next)
	{
		const Expansion *e = &q->expansions[x];
		const QueryTerm *t = &q->qterms[e->qterm];
		float		f = e->fit;

		if (e->stem != stem)
			continue;
		if (!neutral && t->negated != negated)
		{
			f *= W.opposed_fit;
			if (t->weight > *opposed)
				*opposed = t->weight;
		}
		if (f > m->best[e->qterm])
		{
			m->best[e->qterm] = f;
			if (e->how == HOW_SPELL)
				m->spelled = (uint8_t) (e->qterm + 1);
		}
		if (f > fit)
			fit = f;
	}
	return fit;
}

/* Adds a token up. */
static inline void
add_up(Sums *s, uint32_t tok, float weight, float fit)
{
	if (token_counts(tok))
	{
		/* what a title negates is what is usual */
		if (token_kind(tok) == TOK_NEGATED && fit == 0)
			weight *= W.negated_share;
		s->fill += weight;
		s->got += weight * fit;
		s->lacked[0] = s->lacked[1];
		s->lacked[1] = weight * (1.0f - fit);
	}
	else if (token_kind(tok) == TOK_COMPOUND && fit > 0)
	{
		/* a compound in one word has both its parts */
		s->got += (s->lacked[0] + s->lacked[1]) * fit;
		s->lacked[0] = s->lacked[1] = 0;
	}
}

/* The share of the query that the best fits cover. */
static inline float
share_covered(const Query *q, char variant, Match *m)
{
	float		sum = 0;
	int			k;

	for (k = 0; k < q->nqterms; k++)
	{
		if (q->qterms[k].variant && q->qterms[k].variant == variant)
			m->best[k] = 1.0f;
		sum += q->qterms[k].weight * m->best[k];
	}
	return q->total > 0 ? sum / q->total : 0;
}

/* Matches the query with a term of a row of this variant; returns the end of its
 * tokens. */
const uint8_t *
match_term(const Query *q, const uint8_t *p, char variant, Match *m)
{
	int			ntoks = *p;
	uint32_t	has[CLASS_COUNT];
	Sums		s = {0, 0, 0, {0, 0}};
	int			k;

	memset(has, 0, sizeof(has));
	memset(m->best, 0, sizeof(float) * (size_t) q->nqterms);
	m->spelled = 0;
	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		const ImageStem *st;

		p = varint_get(p, &tok);
		st = &q->im.stems[token_what(tok)];
		if (st->class != CLASS_NONE && (st->class != CLASS_CONTEXT || token_counts(tok)))
			has[st->class] |= VALUE(st->value);
		add_up(&s, tok, st->weight, token_fit(q, tok, st, m, &s.opposed));
	}
	m->covered = share_covered(q, variant, m);
	m->filled = s.fill > 0 ? s.got / s.fill : 0;
	m->excess = s.fill - s.got;
	m->unasked = unasked_kind(q, has, unasked_injury(q, has, unasked_side(q, has, 1.0f)), &m->other);
	find_clashes(q, has, m);
	if (s.opposed > W.opposed_weight)
		m->clash *= W.opposed_clash;
	return p;
}
