/*
 * query.h
 *		A query on its way: words, slots, candidates.  Shared by query.c,
 *		expand.c, retrieve.c, rank.c and neighbours.c.
 */
#ifndef MEDREC_SEARCH_QUERY_H
#define MEDREC_SEARCH_QUERY_H

#include "internal.h"

#define SLOTS_MAX		56
#define SLOT_ALTS_MAX	28
#define ALTS_MAX		(SLOTS_MAX * SLOT_ALTS_MAX)
#define ALT_BUCKETS		1024
#define COUNTS_MAX		262144
#define LEADERS			400		/* rows whose titles are looked at */
#define LEADERS_MAX		600
#define CANDS_MAX		320
#define RANK_ROWS		130		/* rows that are scored in full */
#define NEAR_MAX		64		/* neighbours of a code */
#define CODE_READ_MAX	64		/* bytes of a code that are read */
#define NO_ALT			0xFFFF

/* How a stem came to stand for a word of the query. */
typedef enum AltHow
{
	HOW_EXACT,
	HOW_ABBR,
	HOW_JOIN,
	HOW_ROOT,
	HOW_PREFIX,
	HOW_SPELL
} AltHow;

typedef struct Alt
{
	uint32_t	stem;
	uint16_t	next;			/* of the same bucket */
	uint8_t		slot;
	uint8_t		how;
	float		fit;			/* 0..1 */
} Alt;

/* One thing that the query asks for: a word with all that may stand for it. */
typedef struct Slot
{
	float		weight;
	uint16_t	first_alt;
	uint16_t	nalts;
	uint8_t		word;			/* of the query */
	bool		denied;
	bool		breaks;			/* punctuation before it */
	bool		known;			/* its word is in the vocabulary */
	bool		optional;		/* of the usual kind, not asked for */
	bool		merged;			/* the next slot stands for it too */
	char		seventh;		/* asks for this seventh character ("7thD") */
} Slot;

/* A row that may be the answer. */
typedef struct Cand
{
	uint32_t	row;
	float		score;
	float		promise;		/* of its relatives: rare words count more */
	float		covered;		/* share of the query that it has */
	float		filled;			/* share of its best term that the query has */
	float		excess;			/* weight of what only its best term has */
	uint32_t	term;			/* its best term */
	uint32_t	tok_off;		/* of that term */
	uint8_t		source;			/* SearchSource */
	uint8_t		spelled;		/* slot + 1 that matched by spelling */
	uint8_t		coded;			/* a neighbour of the code given */
	uint8_t		inherited;		/* from a relative */
	uint8_t		clash;			/* another side or encounter than asked for */
	uint8_t		other;			/* its best term is of another kind ("other", "NEC")
								 * than anybody asked for */
	uint8_t		how;			/* of a code: CodeChange */
	uint32_t	from;			/* row or slot that led here */
} Cand;

/* A row that leads before it is scored in full. */
typedef struct Leader
{
	uint32_t	row;
	float		score;
} Leader;

typedef struct Query
{
	Image		im;
	const SearchRequest *req;
	uint32_t	lo;				/* rows of the system */
	uint32_t	hi;
	int			budget;			/* spelling comparisons left */
	uint32_t	ticks;

	Word		words[SEARCH_WORDS_MAX];
	int			nwords;
	Slot		slots[SLOTS_MAX];
	int			nslots;
	Alt			alts[ALTS_MAX];
	int			nalts;
	uint16_t	buckets[ALT_BUCKETS];
	char		row_seventh;	/* seventh character of the row being scored */
	float		total;			/* weight of all slots */
	float		total_rare;		/* squares of the weights */
	uint32_t	asked[CLASS_COUNT];	/* values asked for in each class */

	uint16_t	counts[COUNTS_MAX];	/* one for each row of the system */
	int			count_shift;	/* or for 2^shift rows */
	Leader		leaders[LEADERS_MAX];
	int			nlead;

	Cand		cands[CANDS_MAX];
	int			ncands;

	Cand		near[NEAR_MAX];
	char		key[SEARCH_CODE_MAX + 1];	/* of the code given */
	int			key_len;
} Query;

/* What happened to a code, so that it became the one that was given. */
typedef enum CodeChange
{
	CODE_SAME,
	CODE_CONFUSED,				/* a character taken for another that looks alike */
	CODE_OTHER,					/* any other character */
	CODE_SWAPPED,
	CODE_DROPPED,
	CODE_EXTRA,
	CODE_PLACEHOLDER,			/* X left out */
	CODE_SEVENTH,				/* last characters left out */
	CODE_BELOW,					/* a code below the one given */
	CODE_ABOVE,					/* the code given says more than there is */
	CODE_TWICE					/* two slips */
} CodeChange;

#define TERM_HEAD	2			/* bytes before a term's tokens: their number, its kind */

/* Reads a varint. */
static inline const uint8_t *
varint_get(const uint8_t *p, uint32_t *v)
{
	uint32_t	x = *p & 0x7F;
	int			shift = 7;

	while (*p++ & 0x80)
	{
		x |= (uint32_t) (*p & 0x7F) << shift;
		shift += 7;
	}
	*v = x;
	return p;
}

extern void query_tick(Query *q);
extern bool row_allowed(const Query *q, uint32_t row);
extern bool row_valid_on(const Query *q, uint32_t row);
extern void expand_query(Query *q, const char *text, size_t len, bool all_fuzzy, bool *truncated);
extern void retrieve(Query *q);
extern void rank_row(Query *q, uint32_t row, Cand *cand);
extern void rank_families(Query *q);
extern void explain(const Query *q, const Cand *c, char *out);
extern int	code_neighbours(Query *q, Cand *cands, int max);

#endif							/* MEDREC_SEARCH_QUERY_H */
