/*
 * stem.h
 *		From folded words to stems and roots, and which words are forms of one.
 */
#ifndef MEDREC_SEARCH_STEM_H
#define MEDREC_SEARCH_STEM_H

#include <stdbool.h>

extern bool word_ends_in(const char *word, int len, const char *suffix, int least);
extern int	word_stem(const char *word, int len, char *out);
extern int	word_root(const char *stem, int len, char *out);
extern bool words_akin(const char *a, int alen, const char *b, int blen);
extern bool word_contracts(const char *s, int slen, const char *l, int llen);

#endif							/* MEDREC_SEARCH_STEM_H */
