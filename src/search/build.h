/*
 * build.h
 *		The builder's insides, shared by build.c, layout.c and learn.c.
 */
#ifndef MEDREC_SEARCH_BUILD_H
#define MEDREC_SEARCH_BUILD_H

#include "internal.h"

#define NONE			UINT32_MAX
#define TERM_TOKENS_MAX 120
#define ROW_TERMS_MAX	60000
#define FROM_TEXT_MAX	(MAX_FROM_WORDS * (WORD_MAX + 1))

#define TOK_DENIED		1
#define TOK_EXTRA		2
#define TOK_JOINED		3		/* two words in one, besides them */
#define TOK_FLAGS		3
#define TOK_SHIFT		2

typedef struct BuildRow
{
	SearchCode	code;
	char		key[SEARCH_CODE_MAX + 1];
	char		shown[SEARCH_CODE_MAX + 1];
	uint8_t		key_len;
	uint32_t	first;			/* its terms as a list */
	uint32_t	last;
	uint32_t	nterms;
} BuildRow;

typedef struct BuildTerm
{
	uint32_t	next;
	uint32_t	text_off;
	uint32_t	tok_off;
	uint64_t	fold_hash;
	uint16_t	text_len;
	uint8_t		kind;
	uint8_t		ntoks;
} BuildTerm;

typedef struct BuildWord
{
	uint32_t	text_off;
	uint32_t	hash;
	uint32_t	stem;
	uint32_t	count;
	uint8_t		len;
	uint8_t		negates;
	uint8_t		affirms;
	uint8_t		class;
} BuildWord;

typedef struct BuildStem
{
	uint32_t	text_off;		/* in wordtext */
	uint32_t	hash;
	uint32_t	df;
	uint32_t	seen;			/* last row that counted it, + 1 */
	float		weight;
	float		surplus;
	WordClass	class;
	uint8_t		len;
} BuildStem;

typedef struct BuildAbbr
{
	uint32_t	text_off;		/* "from" and "to" words, folded, in wordtext */
	uint32_t	from_len;
	uint32_t	to_len;
	uint8_t		nfrom;
	uint8_t		nto;
	uint8_t		weight;
	uint8_t		learned;
} BuildAbbr;

/* An array that grows. */
typedef struct Vec
{
	void	   *data;
	size_t		n;
	size_t		cap;
} Vec;

/* An open hash table of uint32 indexes, entries + 1. */
typedef struct Table
{
	uint32_t   *slots;
	uint32_t	nslots;
	uint32_t	used;
} Table;

struct SearchBuilder
{
	SearchAllocator alloc;
	SearchInterrupt check;
	void	   *check_arg;
	bool		failed;			/* out of memory once */
	Vec			rows;			/* BuildRow */
	Vec			terms;			/* BuildTerm */
	Vec			tokens;			/* uint32: word << 2 | flags */
	Vec			text;			/* char */
	Vec			wordtext;		/* char */
	Vec			words;			/* BuildWord */
	Vec			stems;			/* BuildStem */
	Vec			abbrs;			/* BuildAbbr */
	Vec			texts;			/* the texts in the pool, offset and length */
	Table		word_table;
	Table		stem_table;
	Table		text_table;
	Vec			temps;			/* void *: freed with the builder */
	const void *sorted;			/* what build_sort's comparison looks at */
	uint32_t	ticks;
};

#define ROW(b, i) (((BuildRow *) (b)->rows.data) + (i))
#define TERM(b, i) (((BuildTerm *) (b)->terms.data) + (i))
#define TOKEN(b, i) (((uint32_t *) (b)->tokens.data)[i])
#define BWORD(b, i) (((BuildWord *) (b)->words.data) + (i))
#define STEM(b, i) (((BuildStem *) (b)->stems.data) + (i))
#define ABBR(b, i) (((BuildAbbr *) (b)->abbrs.data) + (i))
#define WORDTEXT(b, off) (((const char *) (b)->wordtext.data) + (off))

extern void *vec_push(SearchBuilder *b, Vec *v, size_t elsize, size_t count);
extern void *build_temp(SearchBuilder *b, size_t size);
extern void build_tick(SearchBuilder *b);
extern uint32_t build_word(SearchBuilder *b, const char *text, int len);
extern uint32_t build_find_word(SearchBuilder *b, const char *text, int len);
extern uint32_t build_stem(SearchBuilder *b, const char *word, int len);
extern bool build_add_abbr(SearchBuilder *b, const char *from, size_t from_len,
						   const char *to, size_t to_len, int weight, bool learned);
extern bool build_sort(SearchBuilder *b, uint32_t *index, uint32_t n,
					   int (*compare) (SearchBuilder *b, uint32_t x, uint32_t y));
extern bool build_contracts(const char *s, int slen, const char *l, int llen);
extern bool learn_abbreviations(SearchBuilder *b);

#endif							/* MEDREC_SEARCH_BUILD_H */
