/*
 * builder.h
 *		The builder's state: what was gathered of codes, terms and abbreviations,
 *		and the memory that it lies in.
 */
#ifndef MEDREC_SEARCH_BUILDER_H
#define MEDREC_SEARCH_BUILDER_H

#include "search/classes.h"
#include "search/fold.h"
#include "search/image.h"
#include "search/search.h"

#define NONE			UINT32_MAX
#define TERM_TOKENS_MAX 120
#define ROW_TERMS_MAX	60000

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
	uint8_t		polarity;
	uint8_t		class;
} BuildWord;

typedef struct BuildStem
{
	uint32_t	text_off;		/* in wordtext */
	uint32_t	hash;
	uint32_t	df;				/* document frequency: rows that have it */
	uint32_t	seen;			/* last row that counted it, + 1 */
	float		weight;			/* where a query lacks it */
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
	Vec			tokens;			/* uint32, of words */
	Vec			text;			/* char */
	Vec			wordtext;		/* char */
	Vec			words;			/* BuildWord */
	Vec			stems;			/* BuildStem */
	Vec			abbrs;			/* BuildAbbr */
	Vec			texts;			/* PoolText: the texts in the pool */
	Table		word_table;
	Table		stem_table;
	Table		text_table;
	Vec			temps;			/* void *: freed with the builder */
	const void *sorted;			/* what build_sort's comparison looks at */
	uint32_t	ticks;
	ImageShape	shapes[SYSTEMS_MAX];
};

#define ROW(b, i) (((BuildRow *) (b)->rows.data) + (i))
#define TERM(b, i) (((BuildTerm *) (b)->terms.data) + (i))
#define TOKEN(b, i) (((uint32_t *) (b)->tokens.data)[i])
#define BWORD(b, i) (((BuildWord *) (b)->words.data) + (i))
#define STEM(b, i) (((BuildStem *) (b)->stems.data) + (i))
#define ABBR(b, i) (((BuildAbbr *) (b)->abbrs.data) + (i))
#define WORDTEXT(b, off) (((const char *) (b)->wordtext.data) + (off))

typedef int (*BuildCompare) (SearchBuilder *b, uint32_t x, uint32_t y);

extern void *vec_push(SearchBuilder *b, Vec *v, size_t elsize, size_t count);
extern uint32_t vec_push_text(SearchBuilder *b, Vec *v, const char *text, size_t len);
extern void *build_temp(SearchBuilder *b, size_t size);
extern void build_tick(SearchBuilder *b);
extern bool build_sort(SearchBuilder *b, uint32_t *index, uint32_t n, BuildCompare compare);

#endif							/* MEDREC_SEARCH_BUILDER_H */
