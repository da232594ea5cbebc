/*
 * fold.h
 *		From any bytes to words that can be compared.
 */
#ifndef MEDREC_SEARCH_FOLD_H
#define MEDREC_SEARCH_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_MAX		40		/* bytes of a word, longer ones are cut */

#define WORD_BREAK		1		/* a comma, bracket or the like stands before
								 * it */
#define WORD_HYPHEN		2		/* a hyphen joins it to the word before */
#define WORD_PAREN		4		/* it stands in brackets */

typedef struct Word
{
	char		text[WORD_MAX + 1];
	uint8_t		len;
	uint8_t		flags;
} Word;

typedef struct WordScan
{
	const unsigned char *p;
	const unsigned char *end;
	Word		pending;		/* second half of a split word ("type2") */
	bool		has_pending;
	int			depth;			/* of brackets */
} WordScan;

extern void word_scan_start(WordScan *scan, const char *text, size_t len);
extern bool word_scan_next(WordScan *scan, Word *word);
extern int	word_join(const Word *a, const Word *b, char *out);
extern int	code_key(const char *code, size_t len, char *out, int outsize);

#endif							/* MEDREC_SEARCH_FOLD_H */
