/*
 * order.c
 *		Puts the candidates into the order in which they are suggested.
 *
 * The rules and their order stand in order_rules, at the end.
 */
#include "search/order.h"

#include "search/neighbours.h"
#include "search/rank.h"
#include "search/weights.h"

#define SORTED			60		/* candidates among which headers look for
								 * what is below */

/* Is a row a billable code? */
static inline bool
is_billable(const Query *q, uint32_t row)
{
	return (q->im.rows[row].flags & ROW_BILLABLE) != 0;
}

/* Is one candidate better than another? */
static bool
is_better(const Query *q, const Candidate *a, const Candidate *b)
{
	bool		fa = is_billable(q, a->row);
	bool		fb = is_billable(q, b->row);

	if (a->score != b->score)
		return a->score > b->score;
	if (fa != fb)
		return fa;
	return a->row < b->row;
}

/* Brings the best candidates to the front, in order; the others go. */
static void
sort_best(Query *q)
{
	int			i;
	int			j;

	for (i = 0; i < q->ncands; i++)
	{
		Candidate	c = q->cands[i];

		if (i >= SORTED && !is_better(q, &c, &q->cands[SORTED - 1]))
			continue;
		for (j = i < SORTED ? i : SORTED - 1; j > 0 && is_better(q, &c, &q->cands[j - 1]); j--)
			q->cands[j] = q->cands[j - 1];
		q->cands[j] = c;
	}
	if (q->ncands > SORTED)
		q->ncands = SORTED;
}

/* The best candidate, NULL where there is none. */
static const Candidate *
best_candidate(const Query *q)
{
	const Candidate *best = NULL;
	int			i;

	for (i = 0; i < q->ncands; i++)
	{
		if (best == NULL || is_better(q, &q->cands[i], best))
			best = &q->cands[i];
	}
	return best;
}

/* Are two rows variants of one code? */
static bool
are_variants(const Query *q, const ImageRow *r, const ImageRow *o)
{
	int			n = row_shape(&q->im, r)->full_len - 1;

	return n > 0 && r->key_len == n + 1 && o->key_len >= n && o->system == r->system &&
		memcmp(row_key(&q->im, o), row_key(&q->im, r), (size_t) n) == 0;
}

/* The row of the usual variant of a row's code, NO_ROW when it is that itself or
 * there is none that may be suggested. */
static uint32_t
usual_variant(const Query *q, uint32_t row)
{
	const ImageRow *r = &q->im.rows[row];
	char		usual = row_shape(&q->im, r)->variants[0];

	if (row_variant(&q->im, r) <= usual)
		return NO_ROW;
	while (row-- > q->lo)
	{
		const ImageRow *o = &q->im.rows[row];

		if (o->key_len != r->key_len || !are_variants(q, r, o))
			return NO_ROW;
		if (row_variant(&q->im, o) == usual && row_allowed(q, row))
			return row;
	}
	return NO_ROW;
}

/* Adds the usual variant of the best candidate, where nobody asked for one and it
 * was not among the rows that were gathered. */
static void
add_usual_variant(Query *q)
{
	const Candidate *best = best_candidate(q);
	uint32_t	row;

	if (best == NULL || q->asked[CLASS_ENCOUNTER] != 0 || q->ncands >= CANDIDATES_MAX)
		return;
	row = usual_variant(q, best->row);
	if (row != NO_ROW && query_find(q, row) == q->ncands)
		rank_row(q, row, &q->cands[q->ncands++]);
}

/* Says of the candidates that they stand for the code given, which has retired. */
static void
mark_successors(Query *q)
{
	int			i;

	for (i = 0; i < q->ncands; i++)
		q->cands[i].source = SEARCH_SOURCE_SUCCESSOR;
}

/* Drops the candidates of another side than the one asked for. */
static void
drop_clashes(Query *q)
{
	int			i;
	int			n = 0;

	for (i = 0; i < q->ncands; i++)
	{
		if (!q->cands[i].clash && q->cands[i].score > 0)
			q->cands[n++] = q->cands[i];
	}
	q->ncands = n;
}

/* Raises the candidates whose code begins like the one given. */
static void
raise_shared(Query *q)
{
	int			i;

	for (i = 0; i < q->ncands; i++)
	{
		const ImageRow *r = &q->im.rows[q->cands[i].row];
		const char *key = row_key(&q->im, r);
		int			shared = 0;

		while (shared < r->key_len && shared < q->key_len && key[shared] == q->key[shared])
			shared++;
		if (shared >= W.shared_least)
			q->cands[i].score += (1.0f - q->cands[i].score) * W.shared_share * (float) shared / (float) q->key_len;
	}
}

/* Makes a candidate of a neighbour of the code given, from what it is already by
 * the description. */
static void
make_coded(Candidate *c, const Candidate *near, bool described)
{
	c->row = near->row;
	c->how = near->how;
	if (c->clash)
		c->score = 0;
	c->score = described ? c->score + (1.0f - c->score) * W.coded_share * near->score : near->score;
	c->clash = false;
	c->coded = true;
	if (c->source != SEARCH_SOURCE_SUCCESSOR || near->how == CODE_SAME || near->how == CODE_BELOW)
		c->source = near->how == CODE_BELOW ? SEARCH_SOURCE_CHILD : SEARCH_SOURCE_CODE;
}

/* Adds the neighbours of the code given to the candidates that the description
 * brought. */
static void
add_neighbours(Query *q)
{
	bool		described = q->nqterms > 0;
	int			n = code_neighbours(q, q->neighbours, NEIGHBOURS_MAX);
	int			i;
	int			k;

	if (described)
		raise_shared(q);
	for (i = 0; i < n; i++)
	{
		const Candidate *near = &q->neighbours[i];

		k = query_find(q, near->row);
		if (k == CANDIDATES_MAX)
			continue;
		if (k == q->ncands)
		{
			q->ncands++;
			if (described)
				rank_row(q, near->row, &q->cands[k]);
			else
			{
				memset(&q->cands[k], 0, sizeof(Candidate));
				q->cands[k].term = NO_TERM;
			}
		}
		make_coded(&q->cands[k], near, described);
	}
}

/* Does the title's first part, to what the code adds, say that something is not
 * specified, or negate something? */
static int
title_usualness(const Query *q, const uint8_t *p)
{
	int			ntoks = *p;
	int			unspecified = 0;
	int			negated = 0;
	int			k;

	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		const ImageStem *st;

		p = varint_get(p, &tok);
		st = &q->im.stems[token_what(tok)];
		if (st->polarity == POLARITY_ENDS && k > 0)
			break;
		if (st->class == CLASS_UNSPECIFIED)
			unspecified = W.usual_unspecified;
		if (token_kind(tok) == TOK_NEGATED)
			negated = W.usual_negated;
	}
	return unspecified + negated;
}

/* How usual a code is among those below a header: what is unspecified or negated
 * comes first, unless it is so of something that the code adds ("with
 * unspecified complications"), and the usual variant. */
int
usualness(const Query *q, const Candidate *c, int above)
{
	const ImageRow *r = &q->im.rows[c->row];
	const ImageShape *shape = row_shape(&q->im, r);
	char		next = row_key(&q->im, r)[above];
	char		variant = row_variant(&q->im, r);
	int			usual = 0;

	if (variant != '\0' && variant == shape->variants[0] && q->asked[CLASS_ENCOUNTER] == 0)
		usual += W.usual_variant;
	if (shape->unspecified != '\0' && (next == shape->unspecified || (above == shape->zero_at && next == '0')))
		usual += W.usual_digit;
	return r->nterms == 0 ? usual : usual + title_usualness(q, q->im.tokens + r->tok_off);
}

/* Is a candidate a billable code below a header? */
static bool
is_below(const Query *q, const Candidate *c, const ImageRow *header)
{
	const ImageRow *r = &q->im.rows[c->row];

	return (r->flags & ROW_BILLABLE) != 0 && r->key_len > header->key_len && row_begins(&q->im, r, header);
}

/* The best billable candidate below a header, -1 where there is none. */
static int
best_below(const Query *q, const ImageRow *header)
{
	int			best = -1;
	int			k;

	for (k = 0; k < q->ncands; k++)
	{
		if (is_below(q, &q->cands[k], header) && (best < 0 || is_better(q, &q->cands[k], &q->cands[best])))
			best = k;
	}
	return best;
}

/* The most usual candidate below a header of those that are about as good as the
 * best one. */
static int
usual_below(const Query *q, const ImageRow *header, int best)
{
	int			most = usualness(q, &q->cands[best], header->key_len);
	float		least = q->cands[best].score * W.usual_share;
	int			k;

	for (k = 0; k < q->ncands; k++)
	{
		int			usual;

		if (q->cands[k].score < least || !is_below(q, &q->cands[k], header))
			continue;
		usual = usualness(q, &q->cands[k], header->key_len);
		if (usual > most || (usual == most && is_better(q, &q->cands[k], &q->cands[best])))
		{
			most = usual;
			best = k;
		}
	}
	return best;
}

/* Lets the best billable code below a header stand before it: of those that
 * are about as good the most usual. */
static void
billable_first(Query *q)
{
	int			i;

	for (i = 0; i < q->ncands; i++)
	{
		const ImageRow *header = &q->im.rows[q->cands[i].row];
		float		score = q->cands[i].score;
		int			best = header->flags & ROW_BILLABLE ? -1 : best_below(q, header);
		float		share;

		if (best < 0 || q->cands[best].score > score)
			continue;
		best = usual_below(q, header, best);
		share = usualness(q, &q->cands[best], header->key_len) >= W.usual_least ? W.billable_share : W.billable_other_share;
		if (q->cands[best].score < score && q->cands[best].score > score * share)
			q->cands[best].score = score;
	}
}

/* Holds back the third and further variants of one code, where the query does
 * not say which is meant. */
static void
spread_variants(Query *q)
{
	int			i;
	int			k;

	for (i = W.crowd_variants; i < q->ncands && q->asked[CLASS_ENCOUNTER] == 0; i++)
	{
		const ImageRow *r = &q->im.rows[q->cands[i].row];
		int			before = 0;

		for (k = 0; k < i; k++)
			before += are_variants(q, r, &q->im.rows[q->cands[k].row]);
		if (before >= W.crowd_variants)
			q->cands[i].score *= W.crowd_factor;
	}
}

/* The candidate that is a header above the first and says better what was asked;
 * -1 when there is none. */
int
header_said(const Query *q)
{
	const Candidate *c = &q->cands[0];
	uint32_t	above;
	int			best = -1;
	int			i;

	for (above = q->im.rows[c->row].parent; above != NO_ROW; above = q->im.rows[above].parent)
	{
		i = query_find(q, above);
		if (i == 0 || i == q->ncands || q->cands[i].score <= c->score * W.header_near ||
			q->cands[i].filled <= c->filled + W.header_filled)
			continue;
		if (best < 0 || q->cands[i].filled > q->cands[best].filled + W.header_filled)
			best = i;
	}
	return best;
}

/* The candidate that is the header of the first, where that is the usual one
 * below it, made one where it is not yet; -1 when there is none. */
static int
header_meant(Query *q)
{
	uint32_t	above = q->im.rows[q->cands[0].row].parent;
	int			i;

	if (above == NO_ROW || q->im.rows[above].nterms == 0 || !row_allowed(q, above) ||
		usualness(q, &q->cands[0], q->im.rows[above].key_len) < W.usual_least)
		return -1;
	i = query_find(q, above);
	if (i == CANDIDATES_MAX)
		return -1;
	if (i == q->ncands)
	{
		q->ncands++;
		q->cands[i] = q->cands[0];
		q->cands[i].row = above;
		q->cands[i].inherited = true;
		q->cands[i].score *= W.header_near;
	}
	return i;
}

/* Puts the header that was asked for behind the code below it that stands
 * first: the second where it says so better, the third where it may be meant. */
static void
place_header(Query *q)
{
	int			to = 1;
	int			from;
	Candidate	header;

	if (q->ncands < 3 || q->cands[0].coded || !is_billable(q, q->cands[0].row))
		return;
	from = header_said(q);
	if (from < 0)
	{
		to = 2;
		from = header_meant(q);
	}
	if (from <= to)
		return;
	header = q->cands[from];
	memmove(&q->cands[to + 1], &q->cands[to], (size_t) (from - to) * sizeof(Candidate));
	q->cands[to] = header;
}

/* When a rule applies. */
#define WITH_TEXT		1		/* there is a description */
#define WITH_CODE		2		/* there is a code */
#define WITHOUT_CODE	4
#define RETIRED			8		/* the description is the code's own, which
								 * has retired */

typedef struct OrderRule
{
	int			when;			/* all of these hold */
	void		(*apply) (Query *q);
} OrderRule;

/* The rules that order the candidates, one after the other. */
static const OrderRule order_rules[] = {
	{WITH_TEXT, add_usual_variant},
	{RETIRED, mark_successors},
	{0, drop_clashes},
	{WITH_CODE, add_neighbours},
	{0, sort_best},
	{0, billable_first},
	{0, sort_best},
	{WITH_TEXT | WITHOUT_CODE, spread_variants},
	{0, sort_best},
	{0, place_header}
};

#define ORDER_RULES		(sizeof(order_rules) / sizeof(order_rules[0]))

/* Puts the candidates into the order in which they are suggested. */
void
order_candidates(Query *q)
{
	int			holds = (q->nqterms > 0 ? WITH_TEXT : 0) | (q->key_len > 0 ? WITH_CODE : WITHOUT_CODE) |
		(q->retired ? RETIRED : 0);
	size_t		i;

	for (i = 0; i < ORDER_RULES; i++)
	{
		if ((order_rules[i].when & ~holds) == 0)
			order_rules[i].apply(q);
	}
}
