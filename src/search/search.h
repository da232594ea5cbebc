/*
 * search.h
 *		The suggestion index: built once into one flat image, asked many times.
 *
 * Pure C without postgres.h.  The image holds offsets only, so it may lie at
 * any address that is a multiple of 8 - a private chunk, a DSM segment, a
 * mapped file - and is read by any number of backends at once.  Nothing here
 * keeps state between calls.
 *
 *		SearchBuilder *b = search_builder_create(&alloc, check, NULL);
 *		search_set_shape(b, code.system, cs->shape);
 *		ref = search_add_code(b, &code);
 *		search_add_term(b, ref, SEARCH_TERM_LONG, "Cholera", 7);
 *		search_add_default_abbreviations(b);	(or the rows of an SQL table)
 *		image = search_builder_finish(b, &size);
 *		search_builder_free(b);
 *
 *		n = search_query(image, &request, scratch, hits, &info);
 */
#ifndef MEDREC_SEARCH_H
#define MEDREC_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codes/codes.h"

/* The image's layout; another number for every change of it. */
#define SEARCH_IMAGE_VERSION 3

/* Longest code that is kept, in bytes; longer ones are refused. */
#define SEARCH_CODE_MAX		32

/* Longest term that is kept, in bytes; longer ones are cut. */
#define SEARCH_TERM_MAX		4000

/* How much of a query's description is read, in bytes and in words. */
#define SEARCH_DISPLAY_MAX	1024
#define SEARCH_WORDS_MAX	40

/* Most suggestions that one query gives. */
#define SEARCH_RESULTS_MAX	50

/* Bytes of scratch memory that search_query works in, aligned to 8. */
#define SEARCH_SCRATCH_SIZE (768 * 1024)

/* Room for the text that says why, with its NUL. */
#define SEARCH_REASON_LEN	160

/* Days without an end; the same values as PostgreSQL's infinite dates. */
#define SEARCH_DAY_MIN		INT32_MIN
#define SEARCH_DAY_MAX		INT32_MAX

/* Ages without an end, and a patient whose age is not known. */
#define SEARCH_AGE_MAX		INT16_MAX
#define SEARCH_AGE_UNKNOWN	(-1)

/* A query in any code system. */
#define SEARCH_ANY_SYSTEM	(-1)

/*
 * Where memory comes from.  alloc and realloc may return NULL or leave by
 * longjmp (as ereport does); after a longjmp the builder's memory is the
 * caller's to drop, as with a memory context.  Single chunks can pass 1 GB
 * in theory and 64 MB in practice: use MemoryContextAllocHuge.
 */
typedef struct SearchAllocator
{
	void	   *(*alloc) (void *opaque, size_t size);
	void	   *(*realloc) (void *opaque, void *ptr, size_t size);
	void		(*free) (void *opaque, void *ptr);
	void	   *opaque;
} SearchAllocator;

/* Called now and then in loops; may leave by longjmp.  May be NULL. */
typedef void (*SearchInterrupt) (void *opaque);

typedef enum SearchSex
{
	SEARCH_SEX_ANY,				/* no restriction, or sex not known */
	SEARCH_SEX_MALE,
	SEARCH_SEX_FEMALE
} SearchSex;

typedef enum SearchTermKind
{
	SEARCH_TERM_LONG,			/* the official title, shown as display */
	SEARCH_TERM_SHORT,			/* the official short title */
	SEARCH_TERM_INCLUSION,		/* inclusion term of the tabular list */
	SEARCH_TERM_INDEX,			/* entry of the alphabetic index */
	SEARCH_TERM_SYNONYM			/* anything else that names the code */
} SearchTermKind;

/* A code in one validity interval; the same code may come several times. */
typedef struct SearchCode
{
	int			system;			/* 0..255, the caller's numbering */
	const char *code;			/* as shown, "E11.9" */
	size_t		code_len;
	int32_t		valid_from;		/* first day, SEARCH_DAY_MIN when open */
	int32_t		valid_to;		/* last day, inclusive; SEARCH_DAY_MAX when
								 * open */
	bool		billable;		/* false for a header */
	SearchSex	sex;			/* only for patients of this sex */
	int			age_min;		/* years, inclusive; 0 when open */
	int			age_max;		/* years, inclusive; SEARCH_AGE_MAX when open */
} SearchCode;

typedef struct SearchBuilder SearchBuilder;

/* An abbreviation or spelling variant: what is written, what it stands for. */
typedef struct SearchAbbreviation
{
	const char *from;			/* one to four words: "mi", "s/p", "heart
								 * attack" */
	const char *to;				/* one to eight words */
} SearchAbbreviation;

/* The set that ships with the extension, for an SQL table's first rows. */
extern const SearchAbbreviation search_default_abbreviations[];
extern const int search_default_abbreviation_count;

/* A builder, or NULL when out of memory. */
extern SearchBuilder *search_builder_create(const SearchAllocator *allocator,
											SearchInterrupt check, void *check_arg);

/* Says what the codes of a system look like; without it nothing is known of
 * them.  NULL is nothing, too. */
extern void search_set_shape(SearchBuilder *b, int system, const CodeShape *shape);

/* Adds a code; returns its reference for search_add_term, -1 when refused
 * (empty or too long, system out of range) or out of memory. */
extern int32_t search_add_code(SearchBuilder *b, const SearchCode *code);

/* Adds a term to a code.  Any bytes; a term without a word is stored but not
 * found.  The first SEARCH_TERM_LONG is the title that hits show (without one,
 * the first term).  False when out of memory or the reference is wrong. */
extern bool search_add_term(SearchBuilder *b, int32_t ref, SearchTermKind kind,
							const char *text, size_t len);

/* Adds an abbreviation or variant; earlier ones of the same "from" weigh more.
 * One word to one word works in both directions, but where the one contracts
 * the other ("op", "osteoporosis").  False when out of memory;
 * an entry without words or with too many is ignored. */
extern bool search_add_abbreviation(SearchBuilder *b, const char *from, size_t from_len,
									const char *to, size_t to_len);

/* Adds the set that ships with the extension. */
extern bool search_add_default_abbreviations(SearchBuilder *b);

/* Builds the image, in one chunk from the allocator; NULL when out of memory.
 * The builder may be used no more except to be freed. */
extern void *search_builder_finish(SearchBuilder *b, size_t *size);

/* Frees everything but the image. */
extern void search_builder_free(SearchBuilder *b);

/* NULL when the image's header is sound and fits into size bytes, else a
 * phrase that says what is wrong.  Reads only the header.  Must be called once
 * on an image that comes from elsewhere before anything else is. */
extern const char *search_image_check(const void *image, size_t size);

/* Bytes that the image takes, from its header. */
extern size_t search_image_size(const void *image);

/* What the image holds, for a status view. */
typedef struct SearchImageInfo
{
	uint32_t	rows;			/* codes, counted once per validity interval */
	uint32_t	terms;
	uint32_t	words;
	uint32_t	abbreviations;	/* given and learned */
	size_t		size;
} SearchImageInfo;

extern void search_image_info(const void *image, SearchImageInfo *info);

/* Flags of a request. */
#define SEARCH_PREFIX		1	/* the last word is still being typed */
#define SEARCH_NO_HEADERS	2	/* billable codes only */

typedef struct SearchRequest
{
	int			system;			/* or SEARCH_ANY_SYSTEM */
	const char *code;			/* as the user gave it, or NULL */
	size_t		code_len;
	const char *display;		/* description, or NULL */
	size_t		display_len;
	int32_t		on_date;		/* the day on which the code has to be valid */
	SearchSex	sex;			/* of the patient; SEARCH_SEX_ANY when not
								 * known */
	int			age;			/* in years, or SEARCH_AGE_UNKNOWN */
	int			max_results;	/* 1..SEARCH_RESULTS_MAX; more is cut to that */
	int			flags;
	SearchInterrupt check;		/* or NULL */
	void	   *check_arg;
} SearchRequest;

/* What led to a hit. */
typedef enum SearchSource
{
	SEARCH_SOURCE_TITLE,		/* words of a title */
	SEARCH_SOURCE_SYNONYM,		/* words of an index entry, inclusion term,
								 * synonym */
	SEARCH_SOURCE_SPELLING,		/* words, after mending their spelling */
	SEARCH_SOURCE_CODE,			/* a neighbour of the code that was given */
	SEARCH_SOURCE_CHILD,		/* a code below the header that was given */
	SEARCH_SOURCE_SUCCESSOR		/* stands for a code that is no longer valid */
} SearchSource;

/* The source's name as the suggestion's "source": "title", "code", ... */
extern const char *search_source_name(SearchSource source);

typedef struct SearchHit
{
	uint32_t	row;			/* the code's row in the image */
	int			system;
	const char *code;			/* points into the image; NUL-terminated */
	int			code_len;
	const char *title;			/* points into the image; not terminated */
	int			title_len;
	bool		billable;
	double		score;			/* 0..1; 0.9 and more may be acted on */
	SearchSource source;
	char		reason[SEARCH_REASON_LEN];	/* NUL-terminated UTF-8, no
											 * control characters */
} SearchHit;

typedef struct SearchInfo
{
	bool		truncated;		/* the input was cut before it was read */
} SearchInfo;

/*
 * Answers a request, best first; returns the number of hits.
 *
 * scratch is SEARCH_SCRATCH_SIZE bytes aligned to 8, its contents do not
 * matter; out has room for max_results hits; info may be NULL.  The work is
 * bounded whatever the bytes.  Equal images and requests give equal answers.
 * Never gives a code that is not valid on on_date or not for this patient.
 */
extern int	search_query(const void *image, const SearchRequest *request,
						 void *scratch, SearchHit *out, SearchInfo *info);

/* A row of the image. */
typedef struct SearchRow
{
	int			system;
	const char *code;			/* NUL-terminated */
	int			code_len;
	const char *title;			/* not terminated */
	int			title_len;
	int32_t		valid_from;
	int32_t		valid_to;
	bool		billable;
	SearchSex	sex;
	int			age_min;
	int			age_max;
} SearchRow;

/* Fills *out from a row number; false when there is no such row. */
extern bool search_row(const void *image, uint32_t row, SearchRow *out);

/* The rows of a code (all validity intervals, oldest first), compared without
 * case, dots and other punctuation; returns how many, at most max stored. */
extern int	search_find_code(const void *image, int system, const char *code, size_t len,
							 uint32_t *rows, int max);

/*
 * Folds a text for comparison: lower case, accents and punctuation gone, one
 * space between words, British to American spelling, roman numerals up to 20
 * as arabic.  Writes at most outsize - 1 bytes and a NUL, always whole words;
 * returns the length.  Any bytes in, valid UTF-8 out.
 */
extern size_t search_fold(const char *text, size_t len, char *out, size_t outsize);

/* The next word of a person's name, without case and accents; not for clinical terms. */
extern int	search_name_word(const char *text, size_t len, size_t *pos, char *out, int size);

#endif							/* MEDREC_SEARCH_H */
