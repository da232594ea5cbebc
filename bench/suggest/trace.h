/*
 * trace.h
 *		Prints what the steps of a query made of it.
 */
#ifndef MEDREC_BENCH_TRACE_H
#define MEDREC_BENCH_TRACE_H

#include "search/search.h"

extern void trace_query(const void *scratch, const SearchHit *hits, int n);

#endif							/* MEDREC_BENCH_TRACE_H */
