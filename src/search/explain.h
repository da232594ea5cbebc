/*
 * explain.h
 *		Says in a few words why a code is suggested.
 */
#ifndef MEDREC_SEARCH_EXPLAIN_H
#define MEDREC_SEARCH_EXPLAIN_H

#include "search/query.h"

extern void explain_candidate(const Query *q, const Candidate *c, char *out);

#endif							/* MEDREC_SEARCH_EXPLAIN_H */
