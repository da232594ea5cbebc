/*
 * image.h
 *		The layout of the image, and reading it.
 */
#ifndef MEDREC_SEARCH_IMAGE_H
#define MEDREC_SEARCH_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "search/bytes.h"

#define IMAGE_MAGIC		"MRSEARCH"
#define IMAGE_ENDIAN	0x01020304u
#define NO_ROW			UINT32_MAX
#define SYSTEMS_MAX		256

enum ImageSection
{
	SEC_ROWS,					/* ImageRow, by system, key, first day */
	SEC_TERMS,					/* ImageTerm, by row */
	SEC_TEXT,					/* terms, codes, long keys */
	SEC_TOKENS,					/* of each term, by row: number of tokens,
								 * kind, then the tokens as varints */
	SEC_WORDS,					/* ImageWord, sorted by text */
	SEC_WORDTEXT,
	SEC_STEMS,					/* ImageStem, by falling frequency */
	SEC_LISTS,					/* ImageList, of each stem; a sentinel */
	SEC_POSTINGS,				/* uint32: row << 8 | impact, per stem by row */
	SEC_ROOTS,					/* uint32 stems, grouped by root */
	SEC_SPELLREGIONS,			/* uint32[SPELL_REGIONS + 1], first bucket of
								 * each */
	SEC_SPELLHEADS,				/* uint32, start of each bucket; a sentinel */
	SEC_SPELLIDS,				/* uint32 words */
	SEC_ABBRHEADS,				/* uint32, start of each bucket; a sentinel */
	SEC_ABBRS,					/* ImageAbbr */
	SEC_ABBRSTEMS,				/* uint32 stems of expansions */
	SEC_SYSTEMS,				/* uint32[SYSTEMS_MAX + 1], first row of each
								 * system */
	SEC_SHAPES,					/* ImageShape of each system */
	SEC_COUNT
};

typedef struct ImageHeader
{
	char		magic[8];
	uint32_t	version;
	uint32_t	endian;
	uint64_t	size;
	uint64_t	checksum;		/* of the header with this field zero */
	uint32_t	nrows;
	uint32_t	nterms;
	uint32_t	nwords;
	uint32_t	nstems;
	uint32_t	nspell;			/* buckets */
	uint32_t	nabbr;			/* buckets, a power of two */
	uint32_t	nabbrs;
	uint32_t	unused;
	struct
	{
		uint64_t	off;
		uint64_t	bytes;
	}			sec[SEC_COUNT];
} ImageHeader;

#define ROW_BILLABLE	1
#define ROW_MALE		2
#define ROW_FEMALE		4

#define KEY_INLINE		8
#define AGE_OPEN		UINT8_MAX

/* All that ranking reads of a row but its tokens; what only answers need stands
 * apart, so that a question touches few pages. */
typedef struct ImageRow
{
	char		key[KEY_INLINE];	/* a longer one stands behind the code */
	uint32_t	code_off;
	uint32_t	tok_off;		/* of its first term, the others follow */
	uint32_t	first_term;
	uint32_t	parent;			/* nearest row whose key begins this one's */
	int32_t		valid_from;
	int32_t		valid_to;
	uint16_t	nterms;
	uint8_t		age_min;
	uint8_t		age_max;		/* AGE_OPEN when there is none */
	uint8_t		key_len;
	uint8_t		code_len;
	uint8_t		system;
	uint8_t		flags;
} ImageRow;

/* A term as answers show it. */
typedef struct ImageTerm
{
	uint32_t	text_off;
	uint16_t	text_len;		/* 0 for a short title beside a long one */
	uint16_t	kind;
} ImageTerm;

typedef struct ImageWord
{
	uint32_t	text_off;
	uint32_t	stem;
	uint32_t	count;			/* terms that have it */
	uint32_t	letters;		/* which letters it has, one bit each */
	uint8_t		len;
	uint8_t		unused[3];
} ImageWord;

#define RARITY_LEAST	0.02f	/* of a word that nearly every row has, so
								 * that no weight is zero or negative */

/* What ranking reads of a stem. */
typedef struct ImageStem
{
	float		weight;			/* where the query lacks it */
	uint8_t		class;			/* WordClassId */
	uint8_t		value;
	uint8_t		polarity;
	uint8_t		root_len;		/* stems of its root */
} ImageStem;

/* Where a stem is found: its postings are as many as its document frequency. */
typedef struct ImageList
{
	uint32_t	post_off;		/* first posting; the next stem's ends it */
	uint32_t	root_off;		/* its group in SEC_ROOTS */
} ImageList;

typedef struct ImageAbbr
{
	uint32_t	from_hash;		/* of the folded words with single spaces */
	uint32_t	stem_off;		/* into SEC_ABBRSTEMS */
	uint8_t		nfrom;			/* words of it */
	uint8_t		nto;
	uint8_t		weight;			/* of 255 */
	uint8_t		unused;
} ImageAbbr;

#define LEARNED_MARK	'\1'	/* before a stem for which another word may
								 * stand; nfrom is 0 */
#define LEARNED_MAX		6		/* words that stand for one */
#define MAX_FROM_WORDS	4
#define MAX_TO_WORDS	8

/* What the codes of a system look like (codes/codes.h); zero for one without. */
typedef struct ImageShape
{
	uint8_t		full_len;
	uint8_t		zero_at;
	char		placeholder;
	char		unspecified;
	char		variants[4];	/* not terminated where it is full */
} ImageShape;

/*
 * A token: a stem (in the builder a word) and two bits that say what it is in
 * its term.
 */
#define TOK_PLAIN		0
#define TOK_NEGATED		1		/* without fever: fever */
#define TOK_OPTIONAL	2		/* may be left out: what stands in brackets */
#define TOK_COMPOUND	3		/* two words in one, besides them */
#define TOK_KIND_MASK	3
#define TOK_SHIFT		2

/* A token of a kind. */
static inline uint32_t
token_make(uint32_t what, uint32_t kind)
{
	return what << TOK_SHIFT | kind;
}

/* The token's stem, or word. */
static inline uint32_t
token_what(uint32_t tok)
{
	return tok >> TOK_SHIFT;
}

/* What the token is. */
static inline uint32_t
token_kind(uint32_t tok)
{
	return tok & TOK_KIND_MASK;
}

/* Is the token one of those that a query should have? */
static inline bool
token_counts(uint32_t tok)
{
	return token_kind(tok) < TOK_OPTIONAL;
}

#define TERM_HEAD		2		/* bytes before a term's tokens: their number,
								 * its kind */

#define SECTION(image, which, type) \
	((const type *) ((const char *) (image) + ((const ImageHeader *) (image))->sec[which].off))

/* The sections by name, so that loops need not add offsets. */
typedef struct Image
{
	const ImageHeader *h;
	const ImageRow *rows;
	const ImageTerm *terms;
	const char *text;
	const uint8_t *tokens;
	const ImageWord *words;
	const char *wordtext;
	const ImageStem *stems;
	const ImageList *lists;
	const uint32_t *postings;
	const uint32_t *roots;
	const uint32_t *spellregions;
	const uint32_t *spellheads;
	const uint32_t *spellids;
	const uint32_t *abbrheads;
	const ImageAbbr *abbrs;
	const uint32_t *abbrstems;
	const uint32_t *systems;
	const ImageShape *shapes;
} Image;

/* The characters of a row's key. */
static inline const char *
row_key(const Image *im, const ImageRow *r)
{
	return r->key_len <= KEY_INLINE ? r->key : im->text + r->code_off + r->code_len + 1;
}

/* What the codes of a row's system look like. */
static inline const ImageShape *
row_shape(const Image *im, const ImageRow *r)
{
	return &im->shapes[r->system];
}

/* The character that tells which variant of a code a row is, NUL where its code
 * has none. */
static inline char
row_variant(const Image *im, const ImageRow *r)
{
	return r->key_len == row_shape(im, r)->full_len ? row_key(im, r)[r->key_len - 1] : '\0';
}

/* Does a row's key begin with that of another one of its system? */
static inline bool
row_begins(const Image *im, const ImageRow *r, const ImageRow *head)
{
	return r->system == head->system && r->key_len >= head->key_len &&
		memcmp(row_key(im, r), row_key(im, head), head->key_len) == 0;
}

/* Has memory fetched that will be read soon. */
#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define PREFETCH(p) ((void) 0)
#endif

extern void image_open(const void *image, Image *im);
extern void image_seal(ImageHeader *h);
extern uint32_t image_find_word(const Image *im, const char *text, int len);
extern uint32_t image_lower_word(const Image *im, const char *text, int len);
extern uint32_t image_find_key(const Image *im, uint32_t lo, uint32_t hi, const char *key, int len);
extern void image_system_range(const Image *im, int system, uint32_t *lo, uint32_t *hi);
extern void image_title(const Image *im, uint32_t row, const char **title, int *len);

#endif							/* MEDREC_SEARCH_IMAGE_H */
