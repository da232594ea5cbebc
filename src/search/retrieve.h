/*
 * retrieve.h
 *		Finds the few hundred rows that are worth a closer look.
 */
#ifndef MEDREC_SEARCH_RETRIEVE_H
#define MEDREC_SEARCH_RETRIEVE_H

#include "search/query.h"

extern void retrieve_candidates(Query *q);

#endif							/* MEDREC_SEARCH_RETRIEVE_H */
