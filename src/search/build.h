/*
 * build.h
 *		What learn.c adds to the abbreviations that were given.
 */
#ifndef MEDREC_SEARCH_BUILD_H
#define MEDREC_SEARCH_BUILD_H

#include "search/builder.h"

extern bool build_add_abbr(SearchBuilder *b, const char *from, size_t from_len,
						   const char *to, size_t to_len, int weight);

#endif							/* MEDREC_SEARCH_BUILD_H */
