/*
 * order.h
 *		Puts the candidates into the order in which they are suggested.
 */
#ifndef MEDREC_SEARCH_ORDER_H
#define MEDREC_SEARCH_ORDER_H

#include "search/query.h"

extern void order_candidates(Query *q);
extern int	header_said(const Query *q);
extern int	usualness(const Query *q, const Candidate *c, int above);

#endif							/* MEDREC_SEARCH_ORDER_H */
