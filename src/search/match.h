/*
 * match.h
 *		What one term of a row makes of the query.
 */
#ifndef MEDREC_SEARCH_MATCH_H
#define MEDREC_SEARCH_MATCH_H

#include "search/query.h"
#include "search/weights.h"

typedef struct Match
{
	float		covered;		/* share of the query's weight */
	float		filled;			/* share of the term's weight */
	float		excess;			/* weight that only the term has */
	float		clash;			/* factor for what contradicts */
	float		unasked;		/* factor for sides and the like that nobody
								 * asked for */
	bool		side_clash;
	bool		other;			/* says "other" where nobody asked for it */
	uint8_t		spelled;		/* query term + 1 that matched by spelling */
	float		best[QTERMS_MAX];	/* fit of each query term */
} Match;

extern const uint8_t *match_term(const Query *q, const uint8_t *p, char variant, Match *m);

/* What it does to a score that a term is filled by so much. */
static inline float
match_fill(float filled)
{
	return 1.0f - W.fill_share + W.fill_share * filled;
}

/* The score of a match. */
static inline float
match_score(float covered, float filled, float clash)
{
	return covered * (W.cover_base + W.cover_slope * covered) * match_fill(filled) * clash;
}

#endif							/* MEDREC_SEARCH_MATCH_H */
