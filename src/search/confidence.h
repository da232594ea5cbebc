/*
 * confidence.h
 *		How sure the first suggestion is.
 */
#ifndef MEDREC_SEARCH_CONFIDENCE_H
#define MEDREC_SEARCH_CONFIDENCE_H

#include "search/query.h"

extern double first_score(const Query *q);
extern double further_score(const Query *q, int i);

#endif							/* MEDREC_SEARCH_CONFIDENCE_H */
