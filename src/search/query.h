/*
 * query.h
 *		A query on its way through the search: its words, query terms, candidates.
 *		All of it lies in the caller's scratch memory.
 */
#ifndef MEDREC_SEARCH_QUERY_H
#define MEDREC_SEARCH_QUERY_H

#include "search/classes.h"
#include "search/fold.h"
#include "search/image.h"
#include "search/search.h"

#define QTERMS_MAX		56		/* query terms */
#define QTERM_EXPANSIONS_MAX 28 /* of one of them */
#define EXPANSIONS_MAX	(QTERMS_MAX * QTERM_EXPANSIONS_MAX)
#define EXPANSION_BUCKETS 1024
#define NO_EXPANSION	0xFFFF
#define ACCUMULATORS_MAX 262144
#define SHORTLIST_MAX	600		/* rows whose titles are looked at */
#define CANDIDATES_MAX	320
#define NEIGHBOURS_MAX	64		/* of a code */
#define CODE_READ_MAX	64		/* bytes of a code that are read */

/* How a stem came to stand for a word of the query. */
typedef enum ExpansionHow
{
	HOW_EXACT,
	HOW_ABBR,
	HOW_JOIN,
	HOW_ROOT,
	HOW_PREFIX,
	HOW_SPELL
} ExpansionHow;

/* A stem that may stand for a query term. */
typedef struct Expansion
{
	uint32_t	stem;
	uint16_t	next;			/* of the same bucket */
	uint8_t		qterm;
	uint8_t		how;			/* ExpansionHow */
	float		fit;			/* 0..1 */
} Expansion;

/* One thing that the query asks for: a word with all that may stand for it. */
typedef struct QueryTerm
{
	float		weight;
	uint16_t	first;			/* of its expansions */
	uint16_t	nexpansions;
	uint8_t		word;			/* of the query */
	bool		negated;
	bool		breaks;			/* punctuation before it */
	bool		optional;		/* of the usual kind, not asked for */
	bool		merged;			/* the next one stands for it too */
	char		variant;		/* asks for a variant of codes ("7thD") */
} QueryTerm;

/* A row that may be the answer. */
typedef struct Candidate
{
	uint32_t	row;
	float		score;
	float		promise;		/* of its relatives: rare words count more */
	float		covered;		/* share of the query that it has */
	float		filled;			/* share of its best term that the query has */
	float		excess;			/* weight of what only its best term has */
	uint32_t	term;			/* its best term, NO_TERM for none */
	uint32_t	tok_off;		/* of that term */
	uint8_t		source;			/* SearchSource */
	uint8_t		spelled;		/* query term + 1 that matched by spelling */
	bool		coded;			/* a neighbour of the code given */
	bool		inherited;		/* from a relative */
	bool		clash;			/* another side than asked for */
	bool		other;			/* its best term is of another kind ("other",
								 * "NEC") than anybody asked for */
	uint8_t		how;			/* of a code: CodeChange */
} Candidate;

#define NO_TERM			UINT32_MAX

/* A row that is on the short list before it is scored in full. */
typedef struct Shortlisted
{
	uint32_t	row;
	float		score;
} Shortlisted;

typedef struct Query
{
	Image		im;
	const SearchRequest *req;
	uint32_t	lo;				/* rows of the system */
	uint32_t	hi;
	ImageShape	shape;			/* of its codes; zero for several systems */
	int			budget;			/* spelling comparisons left */

	Word		words[SEARCH_WORDS_MAX];
	int			nwords;
	QueryTerm	qterms[QTERMS_MAX];
	int			nqterms;
	Expansion	expansions[EXPANSIONS_MAX];
	uint16_t	buckets[EXPANSION_BUCKETS];
	float		total;			/* weight of all query terms */
	float		total_rare;		/* squares of the weights */
	uint32_t	asked[CLASS_COUNT]; /* values asked for in each class */

	uint16_t	accumulators[ACCUMULATORS_MAX]; /* one for each row of the
												 * system */
	int			accumulator_shift;	/* or for 2^shift rows */
	Shortlisted shortlist[SHORTLIST_MAX];
	int			nshort;

	Candidate	cands[CANDIDATES_MAX];
	int			ncands;

	Candidate	neighbours[NEIGHBOURS_MAX];
	char		key[SEARCH_CODE_MAX + 1];	/* of the code given */
	int			key_len;
	bool		retired;		/* it is not valid on the day: its title is
								 * the query */
} Query;

extern void query_tick(const Query *q);
extern bool row_valid_on(const Query *q, uint32_t row);
extern bool row_allowed(const Query *q, uint32_t row);
extern int	query_find(const Query *q, uint32_t row);
extern int	query_add_term(Query *q, int word);
extern void query_add_expansion(Query *q, int qterm, uint32_t stem, float fit, ExpansionHow how);

/* The first expansion with the stem's hash, and the next; both may be of others. */
#define FIRST_EXPANSION(q, stem) ((q)->buckets[(stem) & (EXPANSION_BUCKETS - 1)])

#endif							/* MEDREC_SEARCH_QUERY_H */
