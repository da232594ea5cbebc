/*
 * internal.h
 *		What the files of src/search share: the image's layout, folding, the
 *		parts of a query.  Nobody outside the folder includes it.
 */
#ifndef MEDREC_SEARCH_INTERNAL_H
#define MEDREC_SEARCH_INTERNAL_H

#include <string.h>

#include "search.h"

/* ---- folding (fold.c) ---- */

#define WORD_MAX		40		/* bytes of a word, longer ones are cut */

#define WORD_BREAK		1		/* a comma, bracket or the like stands before it */
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
extern int	word_stem(const char *word, int len, char *out);
extern int	word_root(const char *stem, int len, char *out);
extern bool words_akin(const char *a, int alen, const char *b, int blen, int least);
extern int	code_key(const char *code, size_t len, char *out, int outsize);
extern int	utf8_length(const char *p, size_t left);
extern uint64_t search_hash(const void *data, size_t len);

/* ---- words that decide (classes.c) ---- */

#define CLASS_NONE		0
#define CLASS_SIDE		1		/* right, left, bilateral */
#define CLASS_ENCOUNTER 2		/* initial, subsequent, sequela */
#define CLASS_NUMBER	3		/* 1 .. 14 */
#define CLASS_OPEN		4		/* open, closed */
#define CLASS_PLACE		5		/* displaced, nondisplaced */
#define CLASS_INTENT	14		/* accidental, intentional, assault, undetermined */
#define CLASS_UNSPECIFIED 16	/* contradicts nothing, but says that no side is meant */
#define CLASS_OTHER		17		/* says that it is not the usual one */
#define CLASS_CONTEXT	18		/* birth, pregnancy and the like: not meant unless said */
#define CLASS_COUNT		19

typedef struct WordClass
{
	uint8_t		class;			/* CLASS_... or a contrast of classes.c */
	uint8_t		value;			/* 1.. within the class */
	uint8_t		negates;		/* what follows is denied: without, no, not */
	uint8_t		affirms;		/* ends a denial: with, and so on */
	float		surplus;		/* how much it weighs when the query lacks it, 1 =
								 * by its rarity alone */
} WordClass;

extern bool word_says_nothing(const char *word, int len);
extern void word_class(const char *word, int len, WordClass *out);

/* ---- the image (image.c) ---- */

#define IMAGE_MAGIC		"MRSEARCH"
#define IMAGE_ENDIAN	0x01020304u
#define NO_ROW			UINT32_MAX

enum ImageSection
{
	SEC_ROWS,					/* ImageRow, by system, key, first day */
	SEC_TERMS,					/* ImageTerm, by row */
	SEC_TEXT,					/* terms, codes, long keys */
	SEC_TOKENS,					/* of each term, by row: number of tokens, kind,
								 * then varints: stem << 2 | flags: 1 denied, 2 may
								 * be left out, 3 two words in one */
	SEC_WORDS,					/* ImageWord, sorted by text */
	SEC_WORDTEXT,
	SEC_STEMS,					/* ImageStem, by falling frequency */
	SEC_LISTS,					/* ImageList, of each stem; a sentinel */
	SEC_POSTINGS,				/* uint32: row << 8 | impact, per stem by row */
	SEC_ROOTS,					/* uint32 stems, grouped by root */
	SEC_SPELLREGIONS,			/* uint32[SPELL_REGIONS + 1], first bucket of each */
	SEC_SPELLHEADS,				/* uint32, start of each bucket; a sentinel */
	SEC_SPELLIDS,				/* uint32 words */
	SEC_ABBRHEADS,				/* uint32, start of each bucket; a sentinel */
	SEC_ABBRS,					/* ImageAbbr */
	SEC_ABBRSTEMS,				/* uint32 stems of expansions */
	SEC_SYSTEMS,				/* uint32[257], first row of each system */
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

/* What ranking reads of a stem. */
typedef struct ImageStem
{
	float		surplus;		/* weight where the query lacks it */
	uint8_t		class;
	uint8_t		value;
	uint8_t		polarity;		/* 1 negates, 2 affirms */
	uint8_t		root_len;		/* stems of its root */
} ImageStem;

/* Where a stem is found. */
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
	uint8_t		learned;
} ImageAbbr;

#define LEARNED_MARK	'\1'	/* before a stem for which another word may stand;
								 * nfrom is 0 */
#define LEARNED_MAX		6		/* words that stand for one */
#define MAX_FROM_WORDS	4
#define MAX_TO_WORDS	8

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
} Image;

/* The characters of a row's key. */
static inline const char *
row_key(const Image *im, const ImageRow *r)
{
	return r->key_len <= KEY_INLINE ? r->key : im->text + r->code_off + r->code_len + 1;
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

/* ---- spelling (spell.c) ---- */

#define SPELL_PREFIX	7		/* deletions are made in the first letters only */
#define SPELL_MAX_KEYS	30		/* 1 + 7 + 21, and the word itself */

/* Keys that begin with the same two letters lie together, so that the keys of
 * one word are found in few places. */
#define SPELL_REGIONS	1024
#define SPELL_HASH_BITS	22

/* The bucket of a key. */
static inline uint32_t
spell_bucket(const uint32_t *regions, uint32_t key)
{
	const uint32_t *r = &regions[key >> SPELL_HASH_BITS];
	uint64_t	hash = key & ((1u << SPELL_HASH_BITS) - 1);

	return r[0] + (uint32_t) (hash * (r[1] - r[0]) >> SPELL_HASH_BITS);
}

/* A word as typed, and as it sounds. */
typedef struct SpellWord
{
	const char *text;
	int			len;
	int			sound_len;
	char		sound[WORD_MAX + 1];
} SpellWord;

extern void spell_word(const char *text, int len, SpellWord *out);
extern uint32_t spell_letters(const char *word, int len);
extern int	spell_keys(const char *word, int len, int deletions, uint32_t *keys);
extern int	spell_cost(const SpellWord *typed, const char *word, int wlen, int limit, bool prefix);

#endif							/* MEDREC_SEARCH_INTERNAL_H */
