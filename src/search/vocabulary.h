/*
 * vocabulary.h
 *		The words, stems and texts that the builder has met, each once.
 */
#ifndef MEDREC_SEARCH_VOCABULARY_H
#define MEDREC_SEARCH_VOCABULARY_H

#include "search/builder.h"

extern uint32_t build_word(SearchBuilder *b, const char *text, int len);
extern uint32_t build_find_word(SearchBuilder *b, const char *text, int len);
extern uint32_t build_text(SearchBuilder *b, const char *text, size_t len);

#endif							/* MEDREC_SEARCH_VOCABULARY_H */
