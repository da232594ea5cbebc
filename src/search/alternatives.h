/*
 * alternatives.h
 *		The stems that may stand for one word of a query.
 */
#ifndef MEDREC_SEARCH_ALTERNATIVES_H
#define MEDREC_SEARCH_ALTERNATIVES_H

#include "search/query.h"

extern uint32_t stem_rows(const Query *q, uint32_t stem);
extern int	abbrs_written(const Query *q, const char *text, int len, int n, const ImageAbbr **out, int max);
extern void add_roots(Query *q, int qterm, uint32_t stem, float fit);
extern void expand_word(Query *q, int qterm, const Word *w, bool last, bool abbreviated);

#endif							/* MEDREC_SEARCH_ALTERNATIVES_H */
