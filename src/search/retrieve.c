/*
 * retrieve.c
 *		Finds the few hundred rows that are worth a closer look.
 *
 * The slots are taken rarest first.  Rows enter while they may still come
 * among the best; then the remaining, commoner slots only add to rows that
 * are there.  The table of rows is small and fixed, so the work is bounded.
 */
#include "query.h"

#define LIST_FULL		4000	/* of a longer list only the best enter */
#define KEEP			RANK_ROWS
#define BINS			256

typedef struct List
{
	const uint32_t *p;
	const uint32_t *end;
	float		fit;
} List;

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

/* The postings of an alternative within the system. */
static List
open_list(Query *q, const Alt *a)
{
	const ImageStem *s = &q->im.stems[a->stem];
	List		l;

	l.p = q->im.postings + s->post_off;
	l.end = q->im.postings + s[1].post_off;
	l.fit = a->fit;
	if (q->lo > 0)
		l.p = lower_posting(l.p, l.end, q->lo);
	if (q->hi < q->im.h->nrows)
		l.end = lower_posting(l.p, l.end, q->hi);
	return l;
}

/* A row's place in the table, or the free place where it would stand. */
static uint32_t
acc_place(const Query *q, uint32_t row)
{
	uint32_t	at = (row * 2654435761u) >> 18;

	while (q->acc_row[at] != row && q->acc_row[at] != NO_ROW)
		at = (at + 1) & (ACC_SIZE - 1);
	return at;
}

/* Adds what a slot gives to a row; several alternatives count once. */
static void
acc_add(Query *q, uint32_t at, int slot, float value)
{
	if (q->acc_slot[at] != slot)
	{
		q->acc_slot[at] = (uint8_t) slot;
		q->acc_last[at] = value;
		q->acc_score[at] += value;
	}
	else if (value > q->acc_last[at])
	{
		q->acc_score[at] += value - q->acc_last[at];
		q->acc_last[at] = value;
	}
}

/* The least impact that lets no more than LIST_FULL postings in. */
static uint32_t
impact_floor(const List *l)
{
	uint32_t	counts[256];
	const uint32_t *p;
	uint32_t	sum = 0;
	int			i;

	if (l->end - l->p <= LIST_FULL)
		return 0;
	memset(counts, 0, sizeof(counts));
	for (p = l->p; p < l->end; p++)
		counts[*p & 255]++;
	for (i = 255; i > 0; i--)
	{
		sum += counts[i];
		if (sum > LIST_FULL)
			break;
	}
	return (uint32_t) i + 1;
}

/* Lets the rows of a list in. */
static void
insert_list(Query *q, const List *l, int slot)
{
	float		weight = q->slots[slot].weight * l->fit;
	uint32_t	least = impact_floor(l);
	const uint32_t *p;

	for (p = l->p; p < l->end; p++)
	{
		uint32_t	row = *p >> 8;
		uint32_t	at = acc_place(q, row);

		if (q->acc_row[at] == NO_ROW)
		{
			if ((*p & 255) < least || q->nacc >= ACC_MAX)
				continue;
			q->acc_row[at] = row;
			q->acc_score[at] = 0;
			q->acc_slot[at] = 255;
			q->live[q->nlive++] = (uint16_t) at;
			q->nacc++;
		}
		acc_add(q, at, slot, weight * (0.7f + 0.3f / 255.0f * (float) (*p & 255)));
	}
}

/* Adds a list to the rows that are there. */
static void
update_list(Query *q, const List *l, int slot)
{
	float		weight = q->slots[slot].weight * l->fit;
	const uint32_t *p;
	int			i;

	if (l->end - l->p > (ptrdiff_t) q->nlive * 16)
	{
		for (i = 0; i < q->nlive; i++)
		{
			uint32_t	at = q->live[i];

			p = lower_posting(l->p, l->end, q->acc_row[at]);
			if (p < l->end && *p >> 8 == q->acc_row[at])
				acc_add(q, at, slot, weight * (0.7f + 0.3f / 255.0f * (float) (*p & 255)));
		}
		return;
	}
	for (p = l->p; p < l->end; p++)
	{
		uint32_t	at = acc_place(q, *p >> 8);

		if (q->acc_row[at] != NO_ROW)
			acc_add(q, at, slot, weight * (0.7f + 0.3f / 255.0f * (float) (*p & 255)));
	}
}

/* The score that about keep of the live rows reach; 0 when there are fewer. */
static float
score_floor(const Query *q, int keep)
{
	int			bins[BINS + 1];
	float		scale = (float) BINS / (q->total > 0 ? q->total : 1.0f);
	int			i;
	int			sum = 0;

	if (q->nlive <= keep)
		return 0;
	memset(bins, 0, sizeof(bins));
	for (i = 0; i < q->nlive; i++)
	{
		int			bin = (int) (q->acc_score[q->live[i]] * scale);

		bins[bin < 0 ? 0 : bin > BINS ? BINS : bin]++;
	}
	for (i = BINS; i > 0; i--)
	{
		sum += bins[i];
		if (sum >= keep)
			break;
	}
	return (float) i / scale;
}

/* Drops the live rows that can no longer come among the best. */
static void
prune(Query *q, float least)
{
	int			i;
	int			n = 0;

	for (i = 0; i < q->nlive; i++)
	{
		if (q->acc_score[q->live[i]] >= least)
			q->live[n++] = q->live[i];
	}
	q->nlive = n;
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

/* Gathers the best live rows that the patient may have. */
static void
collect(Query *q)
{
	float		least = score_floor(q, KEEP);
	int			wider = KEEP;
	float		step = (q->total > 0 ? q->total : 1.0f) / BINS;
	int			i;

	/* rows that are not allowed must not crowd out others */
	for (;;)
	{
		q->ncands = 0;
		/* those above the floor first, then those that stand on it */
		for (i = 0; i < 2 * q->nlive && q->ncands < CANDS_MAX - 64; i++)
		{
			uint32_t	at = q->live[i < q->nlive ? i : i - q->nlive];

			if (q->acc_score[at] < least || (q->acc_score[at] >= least + step) != (i < q->nlive) ||
				!row_allowed(q, q->acc_row[at]))
				continue;
			memset(&q->cands[q->ncands], 0, sizeof(Cand));
			q->cands[q->ncands].row = q->acc_row[at];
			q->cands[q->ncands++].score = q->acc_score[at];
		}
		if (q->ncands >= 50 || wider >= q->nlive || least <= 0)
			break;
		wider *= 4;
		least = score_floor(q, wider);
	}
}

/* Finds the rows that have most of the query's weight. */
void
retrieve(Query *q)
{
	uint8_t		order[SLOTS_MAX];
	int			n = order_slots(q, order);
	float		rest = 0;
	float		least = 0;
	bool		open = true;
	int			i;
	int			j;

	memset(q->acc_row, 0xFF, sizeof(q->acc_row));
	q->nlive = q->nacc = q->ncands = 0;
	for (i = 0; i < n; i++)
		rest += q->slots[order[i]].weight;
	for (i = 0; i < n; i++)
	{
		const Slot *s = &q->slots[order[i]];

		query_tick(q);
		if (q->nlive > KEEP)
		{
			least = score_floor(q, KEEP);
			/* no newcomer can pass the best; some who are there cannot either */
			if (least > rest * 0.9f)
				open = false;
			if (least - rest > 0)
				prune(q, least - rest);
		}
		if (!open && q->nlive <= KEEP)
			break;
		for (j = 0; j < s->nalts; j++)
		{
			List		l = open_list(q, &q->alts[s->first_alt + j]);

			if (open && q->nacc < ACC_MAX)
				insert_list(q, &l, order[i]);
			else
				update_list(q, &l, order[i]);
		}
		rest -= s->weight;
	}
	collect(q);
}
