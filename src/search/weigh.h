/*
 * weigh.h
 *		What each query term is worth, and what it says.
 */
#ifndef MEDREC_SEARCH_WEIGH_H
#define MEDREC_SEARCH_WEIGH_H

#include "search/query.h"

extern void weigh_query(Query *q);

#endif							/* MEDREC_SEARCH_WEIGH_H */
