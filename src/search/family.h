/*
 * family.h
 *		Lets relatives of the best candidates share what led to them.
 */
#ifndef MEDREC_SEARCH_FAMILY_H
#define MEDREC_SEARCH_FAMILY_H

#include "search/query.h"

extern void rank_families(Query *q);

#endif							/* MEDREC_SEARCH_FAMILY_H */
