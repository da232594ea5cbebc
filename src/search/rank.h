/*
 * rank.h
 *		Scores a row in full.
 */
#ifndef MEDREC_SEARCH_RANK_H
#define MEDREC_SEARCH_RANK_H

#include "search/query.h"

extern void rank_row(const Query *q, uint32_t row, Candidate *cand);

#endif							/* MEDREC_SEARCH_RANK_H */
