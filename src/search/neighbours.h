/*
 * neighbours.h
 *		Codes near the one that was given.
 */
#ifndef MEDREC_SEARCH_NEIGHBOURS_H
#define MEDREC_SEARCH_NEIGHBOURS_H

#include "search/query.h"

/* What happened to a code, so that it became the one that was given. */
typedef enum CodeChange
{
	CODE_SAME,
	CODE_CONFUSED,				/* a character taken for another that looks
								 * alike */
	CODE_OTHER,					/* any other character */
	CODE_SWAPPED,
	CODE_DROPPED,
	CODE_EXTRA,
	CODE_PLACEHOLDER,			/* a placeholder left out */
	CODE_UNFINISHED,			/* last characters left out */
	CODE_BELOW,					/* a code below the one given */
	CODE_ABOVE,					/* the code given says more than there is */
	CODE_TWICE					/* two errors */
} CodeChange;

extern int	code_neighbours(Query *q, Candidate *cands, int max);

#endif							/* MEDREC_SEARCH_NEIGHBOURS_H */
