/*
 * retrieve.c
 *		Finds the few hundred rows that are worth a closer look.
 *
 * Every row of the system has a small accumulator.  The query terms are taken
 * rarest first and their postings raise the accumulators, until the remaining
 * terms have less than half of the query's weight; those, whose posting lists
 * are long, are then looked for in the titles of the rows on the short list.
 * Where a system has more rows than there are accumulators, neighbouring rows
 * share one.
 */
#include "search/retrieve.h"

#include "search/weights.h"

#define POSTINGS_MAX	400000	/* read in one query */
#define SCALE			16000.0f	/* accumulator of a row that has
									 * everything */
#define BIN_SHIFT		6
#define COUNT_MAX		0x8000u /* accumulators stay below it */
#define BINS			(COUNT_MAX >> BIN_SHIFT)
#define HIGH_COUNT		6400u	/* looked at first; a multiple of a bin */
#define SCORE_BINS		256
#define SCORE_SCALE		200.0f	/* bin of a row that has everything */
#define FOUR_ONES		UINT64_C(0x0001000100010001)
#define NOTED_MAX		32		/* rows being fetched at a time */

/* The first posting of a list that is not before a row. */
static const uint32_t *
lower_posting(const uint32_t *p, const uint32_t *end, uint32_t row)
{
	while (p < end)
	{
		const uint32_t *mid = p + (end - p) / 2;

		if (*mid >> 8 < row)
			p = mid + 1;
		else
			end = mid;
	}
	return p;
}

/* Raises the accumulators of the rows that have an expansion. */
static int
count_postings(Query *q, const Expansion *x, float weight)
{
	const ImageList *s = &q->im.lists[x->stem];
	const uint32_t *p = q->im.postings + s->post_off;
	const uint32_t *end = q->im.postings + s[1].post_off;
	uint32_t	lo = q->lo;
	int			shift = q->accumulator_shift;

	/* a row may well have both a word and another form of it */
	float		fit = x->how == HOW_ROOT ? x->fit * W.count_root : x->fit;
	uint32_t	base = (uint32_t) (weight * fit * W.count_base);
	uint32_t	slope = (uint32_t) (weight * fit * W.count_impact);
	const uint32_t *from;

	if (q->lo > 0)
		p = lower_posting(p, end, q->lo);
	if (q->hi < q->im.h->nrows)
		end = lower_posting(p, end, q->hi);
	if (end - p > POSTINGS_MAX)
		end = p + POSTINGS_MAX;
	for (from = p; p < end; p++)
	{
		uint16_t   *c = &q->accumulators[((*p >> 8) - lo) >> shift];
		uint32_t	v = *c + base + (slope * (*p & 255) >> 8);

		*c = (uint16_t) (v < COUNT_MAX ? v : COUNT_MAX - 1);
	}
	return (int) (end - from);
}

/*
 * Four accumulators at once: those of them that reach a floor have their top bit
 * set.  An accumulator stays below COUNT_MAX, so none carries into its neighbour.
 */
static inline uint64_t
four_reach(const uint16_t *counts, uint64_t short_of)
{
	uint64_t	four;

	memcpy(&four, counts, sizeof(four));
	return (four + short_of) & (FOUR_ONES << 15);
}

/* The value that about keep rows reach, and how many reach it. */
static uint32_t
count_floor(const Query *q, uint32_t ncounts, uint32_t keep, uint32_t *reached)
{
	uint32_t	bins[BINS];
	uint32_t	from;
	uint32_t	i;
	uint32_t	k;

	/* the few high ones mostly tell; all are looked at when they do not */
	for (from = HIGH_COUNT;; from = 1 << BIN_SHIFT)
	{
		uint64_t	short_of = (COUNT_MAX - from) * FOUR_ONES;
		uint32_t	sum = 0;

		memset(bins, 0, sizeof(bins));
		for (i = 0; i < ncounts; i += 4)
		{
			if (four_reach(&q->accumulators[i], short_of) == 0)
				continue;
			for (k = i; k < i + 4; k++)
				bins[q->accumulators[k] >> BIN_SHIFT]++;
		}
		for (i = BINS - 1; i > from >> BIN_SHIFT; i--)
		{
			sum += bins[i] << q->accumulator_shift;
			if (sum >= keep)
				break;
		}
		*reached = sum;
		if (sum >= keep || from < HIGH_COUNT)
			return sum >= keep ? i << BIN_SHIFT : 1;
	}
}

/* Puts the rows noted on the short list, those that may be suggested. */
static void
take_noted(Query *q, const Shortlisted *noted, int n)
{
	int			i;

	for (i = 0; i < n && q->nshort < SHORTLIST_MAX; i++)
	{
		if (!row_allowed(q, noted[i].row))
			continue;
		PREFETCH(q->im.tokens + q->im.rows[noted[i].row].tok_off);
		q->shortlist[q->nshort++] = noted[i];
	}
}

/* Rows that are being fetched, on their way to the short list. */
typedef struct Notes
{
	Shortlisted rows[NOTED_MAX];
	int			n;
} Notes;

/* Notes the rows of an accumulator; false when the short list is full. */
static inline bool
note_rows(Query *q, Notes *notes, uint32_t k)
{
	uint32_t	row = q->lo + (k << q->accumulator_shift);
	float		score = (float) q->accumulators[k] * q->total / SCALE;

	for (; row < q->hi && (row - q->lo) >> q->accumulator_shift == k; row++)
	{
		/* fetched while others are noted */
		PREFETCH(&q->im.rows[row]);
		notes->rows[notes->n].row = row;
		notes->rows[notes->n++].score = score;
		if (notes->n < NOTED_MAX)
			continue;
		take_noted(q, notes->rows, notes->n);
		notes->n = 0;
		if (q->nshort >= SHORTLIST_MAX)
			return false;
	}
	return true;
}

/* Notes the rows whose accumulators reach a floor and are below a ceiling;
 * false when the short list is full. */
static bool
note_between(Query *q, Notes *notes, uint32_t ncounts, uint32_t least, uint32_t most)
{
	uint64_t	short_of = (COUNT_MAX - least) * FOUR_ONES;
	uint32_t	i;
	uint32_t	k;

	for (i = 0; i < ncounts; i += 4)
	{
		if (four_reach(&q->accumulators[i], short_of) == 0)
			continue;
		for (k = i; k < i + 4; k++)
		{
			if (q->accumulators[k] >= least && q->accumulators[k] < most && !note_rows(q, notes, k))
				return false;
		}
	}
	return true;
}

/* Takes the rows whose accumulators reach the floor; where there is not room
 * for all, those well above it first. */
static void
take_shortlist(Query *q, uint32_t ncounts)
{
	uint32_t	reached;
	uint32_t	least = count_floor(q, ncounts, (uint32_t) W.shortlist, &reached);
	uint32_t	high = reached <= SHORTLIST_MAX ? least : least + (1 << BIN_SHIFT);
	Notes		notes;

	notes.n = 0;
	if (!note_between(q, &notes, ncounts, high, COUNT_MAX))
		return;
	if (high > least && !note_between(q, &notes, ncounts, least, high))
		return;
	take_noted(q, notes.rows, notes.n);
}

/* Adds what the query terms that were not counted give to a row by its title. */
static void
add_by_title(const Query *q, Shortlisted *s, const bool *counted)
{
	const ImageRow *r = &q->im.rows[s->row];
	const uint8_t *p = q->im.tokens + r->tok_off;
	int			ntoks = *p;
	float		best[QTERMS_MAX];
	int			k;

	if (r->nterms == 0)
		return;
	memset(best, 0, sizeof(float) * (size_t) q->nqterms);
	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		uint32_t	stem;
		uint16_t	x;

		p = varint_get(p, &tok);
		stem = token_what(tok);
		for (x = FIRST_EXPANSION(q, stem); x != NO_EXPANSION; x = q->expansions[x].next)
		{
			const Expansion *e = &q->expansions[x];

			if (e->stem == stem && !counted[e->qterm] && e->fit > best[e->qterm])
			{
				s->score += q->qterms[e->qterm].weight * (e->fit - best[e->qterm]);
				best[e->qterm] = e->fit;
			}
		}
	}
}

/* Query terms by falling weight; those without weight or expansions are left out. */
static int
order_terms(const Query *q, uint8_t *order)
{
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < q->nqterms; i++)
	{
		if (q->qterms[i].nexpansions == 0 || q->qterms[i].weight <= 0)
			continue;
		for (j = n++; j > 0 && q->qterms[order[j - 1]].weight < q->qterms[i].weight; j--)
			order[j] = order[j - 1];
		order[j] = (uint8_t) i;
	}
	return n;
}

/* Makes a candidate of a row. */
static void
take_row(Query *q, uint32_t row)
{
	memset(&q->cands[q->ncands], 0, sizeof(Candidate));
	q->cands[q->ncands++].row = row;
}

/* The bin of a score on the short list. */
static inline int
score_bin(const Query *q, const Shortlisted *s)
{
	int			bin = (int) (s->score * (SCORE_SCALE / (q->total > 0 ? q->total : 1.0f)));

	return bin < 0 ? 0 : bin >= SCORE_BINS ? SCORE_BINS - 1 : bin;
}

/* Makes candidates of the best rows on the short list. */
static void
take_candidates(Query *q)
{
	uint32_t	bins[SCORE_BINS];
	uint32_t	sum = 0;
	int			most = W.ranked_rows < CANDIDATES_MAX ? W.ranked_rows : CANDIDATES_MAX;
	int			floor;
	int			i;

	memset(bins, 0, sizeof(bins));
	for (i = 0; i < q->nshort; i++)
		bins[score_bin(q, &q->shortlist[i])]++;
	for (floor = SCORE_BINS - 1; floor > 0 && sum + bins[floor] < (uint32_t) most; floor--)
		sum += bins[floor];
	/* those above the bin that has no room for all of its rows, then of it */
	for (i = 0; i < q->nshort && q->ncands < most; i++)
	{
		if (score_bin(q, &q->shortlist[i]) > floor)
			take_row(q, q->shortlist[i].row);
	}
	for (i = 0; i < q->nshort && q->ncands < most; i++)
	{
		if (score_bin(q, &q->shortlist[i]) == floor)
			take_row(q, q->shortlist[i].row);
	}
}

/* Adds the rows that have the query's rarest words, whatever else they lack:
 * their relatives may have the rest. */
static void
add_rare(Query *q, const uint8_t *order, int n)
{
	int			i;

	for (i = 0; i < n && i < W.rare_terms; i++)
	{
		const Expansion *x = &q->expansions[q->qterms[order[i]].first];
		const ImageList *s = &q->im.lists[x->stem];
		const uint32_t *p = q->im.postings + s->post_off;
		const uint32_t *end = q->im.postings + s[1].post_off;

		if (x->fit < W.rare_fit || end - p > W.rare_postings)
			continue;
		for (; p < end && q->ncands < CANDIDATES_MAX; p++)
		{
			uint32_t	row = *p >> 8;

			if (row >= q->lo && row < q->hi && row_allowed(q, row) && query_find(q, row) == q->ncands)
				take_row(q, row);
		}
	}
}

/* Clears the accumulators; returns how many there are. */
static uint32_t
clear_accumulators(Query *q)
{
	uint32_t	n;

	for (q->accumulator_shift = 0; (q->hi - q->lo) >> q->accumulator_shift >= ACCUMULATORS_MAX - 4;)
		q->accumulator_shift++;
	n = ((q->hi - q->lo) >> q->accumulator_shift) + 1;
	memset(q->accumulators, 0, (n + 4) * sizeof(uint16_t));
	return n;
}

/* Finds the rows that have most of the query's weight. */
void
retrieve_candidates(Query *q)
{
	uint8_t		order[QTERMS_MAX];
	bool		counted[QTERMS_MAX];
	int			n = order_terms(q, order);
	uint32_t	ncounts = clear_accumulators(q);
	float		rest = 0;
	float		all;
	int			postings = 0;
	int			i;
	int			j;

	q->ncands = q->nshort = 0;
	memset(counted, 0, sizeof(counted));
	for (i = 0; i < n; i++)
		rest += q->qterms[order[i]].weight;
	all = rest;
	for (i = 0; i < n; i++)
	{
		const QueryTerm *t = &q->qterms[order[i]];

		query_tick(q);
		if (i > 0 && (rest < all * W.title_share || postings > POSTINGS_MAX))
			break;
		for (j = 0; j < t->nexpansions; j++)
			postings += count_postings(q, &q->expansions[t->first + j], t->weight * SCALE / q->total);
		counted[order[i]] = true;
		rest -= t->weight;
	}
	query_tick(q);
	take_shortlist(q, ncounts);
	for (j = 0; i < n && j < q->nshort; j++)
		add_by_title(q, &q->shortlist[j], counted);
	take_candidates(q);
	add_rare(q, order, n);
}
