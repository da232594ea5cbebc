/*
 * expand.h
 *		From a description to query terms.
 */
#ifndef MEDREC_SEARCH_EXPAND_H
#define MEDREC_SEARCH_EXPAND_H

#include "search/query.h"

extern void expand_query(Query *q, const char *text, size_t len, bool *truncated);

#endif							/* MEDREC_SEARCH_EXPAND_H */
