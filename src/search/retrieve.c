/*
 * retrieve.c
 *		Finds the few hundred rows that are worth a closer look.
 *
 * Every row of the system has a small counter.  The slots are taken rarest
 * first and their postings raise the counters, until the remaining slots have
 * less than half of the query's weight; those, whose lists are long, are then
 * looked for in the titles of the rows that lead.  Where a system has more
 * rows than there are counters, neighbouring rows share one.
 */
#include "query.h"

#define COUNTED_SHARE	0.45f	/* of the weight that is left to the titles */
#define POSTINGS_MAX	400000	/* read in one query */
#define ROOT_SHARE		0.2f	/* of another form of a word, while counting */
#define RARE_MAX		24		/* postings of a word so rare that each counts */
#define SCALE			16000.0f	/* counter of a row that has everything */
#define BIN_SHIFT		6
#define COUNT_MAX		0x8000u	/* counters stay below it */
#define BINS			(COUNT_MAX >> BIN_SHIFT)
#define HIGH_COUNT		6400u	/* looked at first; a multiple of a bin */
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

/* Raises the counters of the rows that have an alternative. */
static int
count_list(Query *q, const Alt *a, float weight)
{
	const ImageList *s = &q->im.lists[a->stem];
	const uint32_t *p = q->im.postings + s->post_off;
	const uint32_t *end = q->im.postings + s[1].post_off;
	uint32_t	lo = q->lo;
	int			shift = q->count_shift;
	/* a row may well have both a word and another form of it */
	float		fit = a->how == HOW_ROOT ? a->fit * ROOT_SHARE : a->fit;
	uint32_t	base = (uint32_t) (weight * fit * 0.7f);
	uint32_t	slope = (uint32_t) (weight * fit * 0.3f);
	const uint32_t *from;

	if (q->lo > 0)
		p = lower_posting(p, end, q->lo);
	if (q->hi < q->im.h->nrows)
		end = lower_posting(p, end, q->hi);
	if (end - p > POSTINGS_MAX)
		end = p + POSTINGS_MAX;
	for (from = p; p < end; p++)
	{
		uint16_t   *c = &q->counts[((*p >> 8) - lo) >> shift];
		uint32_t	v = *c + base + (slope * (*p & 255) >> 8);

		*c = (uint16_t) (v < COUNT_MAX ? v : COUNT_MAX - 1);
	}
	return (int) (end - from);
}

/*
 * Four counters at once: those of them that reach a floor have their top bit
 * set.  A counter stays below COUNT_MAX, so none carries into its neighbour.
 */
static inline uint64_t
four_reach(const uint16_t *counts, uint64_t short_of)
{
	uint64_t	four;

	memcpy(&four, counts, sizeof(four));
	return (four + short_of) & (FOUR_ONES << 15);
}

/* The counter that about keep rows reach, and how many reach it. */
static uint32_t
count_floor(const Query *q, uint32_t ncounts, uint32_t keep, uint32_t *reached)
{
	uint32_t	bins[BINS];
	uint32_t	from;
	uint32_t	i;
	uint32_t	k;

	/* the few high counters mostly tell; all are looked at when they do not */
	for (from = HIGH_COUNT;; from = 1 << BIN_SHIFT)
	{
		uint64_t	short_of = (COUNT_MAX - from) * FOUR_ONES;
		uint32_t	sum = 0;

		memset(bins, 0, sizeof(bins));
		for (i = 0; i < ncounts; i += 4)
		{
			if (four_reach(&q->counts[i], short_of) == 0)
				continue;
			for (k = i; k < i + 4; k++)
				bins[q->counts[k] >> BIN_SHIFT]++;
		}
		for (i = BINS - 1; i > from >> BIN_SHIFT; i--)
		{
			sum += bins[i] << q->count_shift;
			if (sum >= keep)
				break;
		}
		*reached = sum;
		if (sum >= keep || from < HIGH_COUNT)
			return sum >= keep ? i << BIN_SHIFT : 1;
	}
}

/* Makes leaders of the rows noted that may be suggested. */
static void
take_noted(Query *q, const Leader *noted, int n)
{
	int			i;

	for (i = 0; i < n && q->nlead < LEADERS_MAX; i++)
	{
		if (!row_allowed(q, noted[i].row))
			continue;
		PREFETCH(q->im.tokens + q->im.rows[noted[i].row].tok_off);
		q->leaders[q->nlead++] = noted[i];
	}
}

/* Takes the rows whose counters reach the floor; where there is not room for
 * all, those well above it first. */
static void
take_leaders(Query *q, uint32_t ncounts)
{
	Leader		noted[NOTED_MAX];
	int			n = 0;
	uint32_t	reached;
	uint32_t	least = count_floor(q, ncounts, LEADERS, &reached);
	bool		once = reached <= LEADERS_MAX;
	uint64_t	short_of = (COUNT_MAX - least) * FOUR_ONES;
	uint32_t	i;
	uint32_t	k;
	int			pass;

	for (pass = 0; pass < (once ? 1 : 2); pass++)
	{
		for (i = 0; i < ncounts; i += 4)
		{
			if (four_reach(&q->counts[i], short_of) == 0)
				continue;
			for (k = i; k < i + 4; k++)
			{
				uint32_t	c = q->counts[k];
				uint32_t	row = q->lo + (k << q->count_shift);

				if (c < least || (!once && (c >= least + (1 << BIN_SHIFT)) != (pass == 0)))
					continue;
				for (; row < q->hi && (row - q->lo) >> q->count_shift == k; row++)
				{
					/* fetched while others are noted */
					PREFETCH(&q->im.rows[row]);
					noted[n].row = row;
					noted[n++].score = (float) c * q->total / SCALE;
					if (n < NOTED_MAX)
						continue;
					take_noted(q, noted, n);
					n = 0;
					if (q->nlead >= LEADERS_MAX)
						return;
				}
			}
		}
	}
	take_noted(q, noted, n);
}

/* Adds what the slots that were not counted give to a row by its title. */
static void
add_by_title(Query *q, Leader *lead, const bool *counted)
{
	const ImageRow *r = &q->im.rows[lead->row];
	const uint8_t *p = q->im.tokens + r->tok_off;
	int			ntoks = *p;
	float		best[SLOTS_MAX];
	int			k;

	if (r->nterms == 0)
		return;
	memset(best, 0, sizeof(float) * (size_t) q->nslots);
	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		uint16_t	a;

		p = varint_get(p, &tok);
		tok >>= 2;
		for (a = q->buckets[tok & (ALT_BUCKETS - 1)]; a != NO_ALT; a = q->alts[a].next)
		{
			const Alt  *alt = &q->alts[a];

			if (alt->stem == tok && !counted[alt->slot] && alt->fit > best[alt->slot])
			{
				lead->score += q->slots[alt->slot].weight * (alt->fit - best[alt->slot]);
				best[alt->slot] = alt->fit;
			}
		}
	}
}

/* Slots by falling weight; those without weight or list are left out. */
static int
order_slots(const Query *q, uint8_t *order)
{
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < q->nslots; i++)
	{
		if (q->slots[i].nalts == 0 || q->slots[i].weight <= 0)
			continue;
		for (j = n++; j > 0 && q->slots[order[j - 1]].weight < q->slots[i].weight; j--)
			order[j] = order[j - 1];
		order[j] = (uint8_t) i;
	}
	return n;
}

/* Makes candidates of the best leaders. */
static void
take_candidates(Query *q)
{
	uint32_t	bins[256];
	float		scale = 200.0f / (q->total > 0 ? q->total : 1.0f);
	uint32_t	sum = 0;
	int			i;
	int			floor = 0;
	int			pass;

	memset(bins, 0, sizeof(bins));
	for (i = 0; i < q->nlead; i++)
	{
		int			bin = (int) (q->leaders[i].score * scale);

		bins[bin < 0 ? 0 : bin > 255 ? 255 : bin]++;
	}
	for (floor = 255; floor > 0 && sum + bins[floor] < RANK_ROWS; floor--)
		sum += bins[floor];
	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < q->nlead && q->ncands < RANK_ROWS; i++)
		{
			int			bin = (int) (q->leaders[i].score * scale);

			bin = bin < 0 ? 0 : bin > 255 ? 255 : bin;
			if (pass == 0 ? bin <= floor : bin != floor)
				continue;
			memset(&q->cands[q->ncands], 0, sizeof(Cand));
			q->cands[q->ncands++].row = q->leaders[i].row;
		}
	}
}

/* Adds the rows that have the query's rarest words, whatever else they lack:
 * their relatives may have the rest. */
static void
add_rare(Query *q, const uint8_t *order, int n)
{
	int			i;
	int			k;

	for (i = 0; i < n && i < 2; i++)
	{
		const Slot *s = &q->slots[order[i]];
		const Alt  *a = &q->alts[s->first_alt];
		const ImageList *st = &q->im.lists[a->stem];
		const uint32_t *p = q->im.postings + st->post_off;
		const uint32_t *end = q->im.postings + st[1].post_off;

		if (a->fit < 0.8f || end - p > RARE_MAX)
			continue;
		for (; p < end && q->ncands < CANDS_MAX; p++)
		{
			uint32_t	row = *p >> 8;

			if (row < q->lo || row >= q->hi || !row_allowed(q, row))
				continue;
			for (k = 0; k < q->ncands && q->cands[k].row != row;)
				k++;
			if (k < q->ncands)
				continue;
			memset(&q->cands[q->ncands], 0, sizeof(Cand));
			q->cands[q->ncands++].row = row;
		}
	}
}

/* Finds the rows that have most of the query's weight. */
void
retrieve(Query *q)
{
	uint8_t		order[SLOTS_MAX];
	bool		counted[SLOTS_MAX];
	int			n = order_slots(q, order);
	float		rest = 0;
	float		all;
	uint32_t	ncounts;
	int			postings = 0;
	int			i;
	int			j;

	q->ncands = q->nlead = 0;
	for (q->count_shift = 0; (q->hi - q->lo) >> q->count_shift >= COUNTS_MAX - 4;)
		q->count_shift++;
	ncounts = ((q->hi - q->lo) >> q->count_shift) + 1;
	memset(q->counts, 0, (ncounts + 4) * sizeof(uint16_t));
	memset(counted, 0, sizeof(counted));
	for (i = 0; i < n; i++)
		rest += q->slots[order[i]].weight;
	all = rest;
	for (i = 0; i < n; i++)
	{
		const Slot *s = &q->slots[order[i]];

		query_tick(q);
		if (i > 0 && (rest < all * COUNTED_SHARE || postings > POSTINGS_MAX))
			break;
		for (j = 0; j < s->nalts; j++)
			postings += count_list(q, &q->alts[s->first_alt + j], s->weight * SCALE / q->total);
		counted[order[i]] = true;
		rest -= s->weight;
	}
	query_tick(q);
	take_leaders(q, ncounts);
	for (j = 0; i < n && j < q->nlead; j++)
		add_by_title(q, &q->leaders[j], counted);
	take_candidates(q);
	add_rare(q, order, n);
}
