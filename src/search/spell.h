/*
 * spell.h
 *		Misspelt words: keys under which words that differ by up to two typing
 *		errors meet, and what an error costs.
 */
#ifndef MEDREC_SEARCH_SPELL_H
#define MEDREC_SEARCH_SPELL_H

#include <stdbool.h>
#include <stdint.h>

#include "search/fold.h"

#define SPELL_PREFIX	7		/* deletions are made in the first letters
								 * only */
#define SPELL_MAX_KEYS	30		/* 1 + 7 + 21, and the word itself */
#define SPELL_BAND		3		/* letters that two words may be shifted
								 * against each other */

/* Keys that begin with the same two letters lie together, so that the keys of
 * one word are found in few places. */
#define SPELL_REGIONS	1024
#define SPELL_HASH_BITS	22

/* A word as typed, and as it sounds. */
typedef struct SpellWord
{
	const char *text;
	int			len;
	int			sound_len;
	char		sound[WORD_MAX + 1];
} SpellWord;

/* The bucket of a key. */
static inline uint32_t
spell_bucket(const uint32_t *regions, uint32_t key)
{
	const uint32_t *r = &regions[key >> SPELL_HASH_BITS];
	uint64_t	hash = key & ((1u << SPELL_HASH_BITS) - 1);

	return r[0] + (uint32_t) (hash * (r[1] - r[0]) >> SPELL_HASH_BITS);
}

extern void spell_word(const char *text, int len, SpellWord *out);
extern uint32_t spell_letters(const char *word, int len);
extern int	spell_keys(const char *word, int len, int deletions, uint32_t *keys);
extern int	spell_cost(const SpellWord *typed, const char *word, int wlen, int limit, bool prefix);

#endif							/* MEDREC_SEARCH_SPELL_H */
