/*
 * learn.h
 *		What the terms teach: abbreviations, words that stand for each other.
 */
#ifndef MEDREC_SEARCH_LEARN_H
#define MEDREC_SEARCH_LEARN_H

#include "search/builder.h"

extern bool learn_abbreviations(SearchBuilder *b);

#endif							/* MEDREC_SEARCH_LEARN_H */
