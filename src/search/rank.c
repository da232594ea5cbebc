/*
 * rank.c
 *		Scores a row in full: how much of the query one of its terms covers,
 *		how much of that term the query fills, and what contradicts.
 */
#include "query.h"

#define TERMS_SCORED_MAX	60		/* of one row */
#define UNION_SHARE			0.7f	/* what the row's other terms may add */
#define FILL_SHARE			0.4f	/* of a score that rests on the term being filled */
#define DENIED_SURPLUS		0.3f	/* of a word's weight where the query lacks it */
#define HEADER_FACTOR		0.96f
#define OTHER_FACTOR		0.96f	/* "other ..." where nobody asked for it */
#define CONTEXT_FACTOR		0.93f	/* newborn, screening ... where nobody asked for it */
#define RELATIVE_FACTOR		0.97f
#define FAMILIES			8		/* candidates whose relatives are looked at */
#define FAMILY_ROWS			480		/* relatives in all */
#define FAMILY_SPAN			400		/* rows of a family that is looked at as a whole */

/* What one term makes of the query. */
typedef struct Match
{
	float		covered;		/* share of the query's weight */
	float		filled;			/* share of the term's weight */
	float		excess;			/* weight that only the term has */
	float		clash;			/* factor for what contradicts */
	float		unasked;		/* factor for sides and the like that nobody asked for */
	bool		side_clash;
	bool		other;			/* says "other" where nobody asked for it */
	uint8_t		spelled;
	float		best[SLOTS_MAX];	/* fit of each slot */
} Match;

/* How much a kind of term counts. */
static const float kind_factor[] = {1.0f, 0.97f, 0.99f, 0.98f, 0.98f};

/* Finds what contradicts: another side, encounter or opposite than asked. */
static void
find_clashes(const Query *q, const uint32_t *has, Match *m)
{
	int			c;

	m->unasked = 1.0f;
	if (q->asked[CLASS_SIDE] == 0 && has[CLASS_SIDE] != 0)
		m->unasked *= q->asked[CLASS_UNSPECIFIED] ? 0.85f : 0.93f;
	if (q->asked[CLASS_SIDE] != 0 && has[CLASS_SIDE] == 0)
		m->unasked *= 0.93f;
	if (q->asked[CLASS_ENCOUNTER] == 0 && (has[CLASS_ENCOUNTER] & ~2u) != 0)
		m->unasked *= 0.9f;
	/* what is not called open is closed, what is not called in place is not */
	if (q->asked[CLASS_OPEN] == 0 && (has[CLASS_OPEN] & 2u) != 0)
		m->unasked *= 0.93f;
	if (q->asked[CLASS_PLACE] == 0 && (has[CLASS_PLACE] & 4u) != 0)
		m->unasked *= 0.97f;
	if (q->asked[CLASS_INTENT] == 0 && has[CLASS_INTENT] != 0 && (has[CLASS_INTENT] & 2u) == 0)
		m->unasked *= 0.94f;
	if ((has[CLASS_CONTEXT] & ~q->asked[CLASS_CONTEXT]) != 0)
		m->unasked *= CONTEXT_FACTOR;
	if (q->asked[CLASS_OTHER] != 0 && has[CLASS_OTHER] == 0)
		m->unasked *= 0.95f;
	m->other = q->asked[CLASS_OTHER] == 0 && has[CLASS_OTHER] != 0;
	if (m->other)
		m->unasked *= OTHER_FACTOR;
	for (c = 1; c < CLASS_UNSPECIFIED; c++)
	{
		if (q->asked[c] == 0 || has[c] == 0 || (q->asked[c] & has[c]) != 0)
			continue;
		if (c == CLASS_SIDE)
			m->side_clash = true;
		m->clash *= c == CLASS_SIDE || c == CLASS_ENCOUNTER ? 0.5f : 0.75f;
	}
}

/* The seventh character of a row's code, or NUL. */
static char
seventh_of(const ImageRow *r)
{
	return r->key_len == 7 ? r->key[6] : '\0';
}

/* Matches the query with a term; returns the end of its tokens. */
static const uint8_t *
match_term(const Query *q, const uint8_t *p, Match *m)
{
	int			ntoks = *p;
	uint32_t	has[CLASS_COUNT];
	float		got = 0;
	float		sum = 0;
	float		opposed = 0;
	float		fill = 0;
	float		lacked[2] = {0, 0};		/* by the last two words */
	int			k;

	memset(has, 0, sizeof(has));
	memset(m->best, 0, sizeof(float) * (size_t) q->nslots);
	m->clash = 1.0f;
	m->side_clash = false;
	m->spelled = 0;
	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		uint32_t	stem;
		const ImageStem *st;
		float		fit = 0;
		uint16_t	a;

		p = varint_get(p, &tok);
		stem = tok >> 2;
		st = &q->im.stems[stem];
		if (st->class != 0 && (st->class != CLASS_CONTEXT || !(tok & 2)))
			has[st->class] |= 1u << st->value;
		for (a = q->buckets[stem & (ALT_BUCKETS - 1)]; a != NO_ALT; a = q->alts[a].next)
		{
			const Alt  *alt = &q->alts[a];
			float		f = alt->fit;

			if (alt->stem != stem)
				continue;
			if (q->slots[alt->slot].denied != ((tok & 1) != 0) && (tok & 3) != 3 && st->class == 0 && st->polarity == 0)
			{
				f *= 0.7f;
				if (q->slots[alt->slot].weight > opposed)
					opposed = q->slots[alt->slot].weight;
			}
			if (f > m->best[alt->slot])
			{
				m->best[alt->slot] = f;
				if (alt->how == HOW_SPELL)
					m->spelled = (uint8_t) (alt->slot + 1);
			}
			if (f > fit)
				fit = f;
		}
		if (!(tok & 2))
		{
			/* what a title denies is what is usual */
			float		weight = (tok & 1) && fit == 0 ? st->surplus * DENIED_SURPLUS : st->surplus;

			fill += weight;
			got += weight * fit;
			lacked[0] = lacked[1];
			lacked[1] = weight * (1.0f - fit);
		}
		else if ((tok & 3) == 3 && fit > 0)
		{
			/* a compound in one word has both its parts */
			got += (lacked[0] + lacked[1]) * fit;
			lacked[0] = lacked[1] = 0;
		}
	}
	for (k = 0; k < q->nslots; k++)
	{
		if (q->slots[k].seventh && q->slots[k].seventh == q->row_seventh)
			m->best[k] = 1.0f;
		sum += q->slots[k].weight * m->best[k];
	}
	m->covered = q->total > 0 ? sum / q->total : 0;
	m->filled = fill > 0 ? got / fill : 0;
	m->excess = fill - got;
	find_clashes(q, has, m);
	if (opposed > 0.15f)
		m->clash *= 0.8f;
	return p;
}

/* The score of a match. */
static float
match_score(float covered, float filled, float clash)
{
	return covered * (0.4f + 0.6f * covered) * (1.0f - FILL_SHARE + FILL_SHARE * filled) * clash;
}

/* Scores a row in full. */
void
rank_row(Query *q, uint32_t row, Cand *cand)
{
	const ImageRow *r = &q->im.rows[row];
	const uint8_t *next = q->im.tokens + r->tok_off;
	float		all[SLOTS_MAX];
	float		own = 0;
	float		rare = 0;
	float		title_clash = 1.0f;
	float		unasked = 1.0f;
	float		covered = 0;
	float		clash = 1.0f;
	float		score = 0;
	uint32_t	i;
	int			k;
	Match		m;

	memset(cand, 0, sizeof(*cand));
	cand->row = row;
	cand->term = UINT32_MAX;
	q->row_seventh = seventh_of(r);
	memset(all, 0, sizeof(float) * (size_t) q->nslots);
	for (i = 0; i < r->nterms && i < TERMS_SCORED_MAX; i++)
	{
		const uint8_t *t = next;
		uint8_t		kind = t[1];
		float		s;

		next = match_term(q, t, &m);
		for (k = 0; k < q->nslots; k++)
		{
			if (m.best[k] > all[k])
				all[k] = m.best[k];
		}
		if (kind == SEARCH_TERM_LONG)
		{
			title_clash = m.clash;
			unasked = m.unasked;
			if (m.side_clash)
				cand->clash = 1;
		}
		s = match_score(m.covered, m.filled, m.clash) * kind_factor[kind];
		if (s > score || cand->term == UINT32_MAX)
		{
			score = s;
			covered = m.covered;
			clash = m.clash;
			cand->filled = m.filled;
			cand->excess = m.excess;
			cand->other = m.other;
			cand->term = r->first_term + i;
			cand->tok_off = (uint32_t) (t - q->im.tokens);
			cand->spelled = m.spelled;
			cand->source = (uint8_t) (m.spelled ? SEARCH_SOURCE_SPELLING :
									  kind <= SEARCH_TERM_SHORT ? SEARCH_SOURCE_TITLE : SEARCH_SOURCE_SYNONYM);
		}
	}
	if (cand->term == UINT32_MAX)
		return;
	for (k = 0; k < q->nslots; k++)
	{
		own += q->slots[k].weight * all[k];
		rare += q->slots[k].weight * q->slots[k].weight * all[k];
	}
	own = q->total > 0 ? own / q->total : 0;
	clash = title_clash < clash ? title_clash : clash;
	covered += UNION_SHARE * (own - covered);
	cand->covered = covered;
	cand->score = match_score(covered, cand->filled, clash * unasked) * kind_factor[q->im.tokens[cand->tok_off + 1]];
	cand->promise = rare / (q->total_rare > 0 ? q->total_rare : 1.0f) * (1.0f - FILL_SHARE + FILL_SHARE * cand->filled);
	if (!(r->flags & ROW_BILLABLE))
		cand->score *= HEADER_FACTOR;
}

/* What a family member's title has that neither the query nor its relative's
 * title has. */
static float
surplus_over(const Query *q, const uint8_t *p, const uint32_t *stems, int nstems)
{
	int			ntoks = *p;
	float		extra = 0;
	int			k;

	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;
		uint16_t	a;
		int			i;

		p = varint_get(p, &tok);
		if (tok & 2)
			continue;
		for (i = 0; i < nstems && stems[i] != tok >> 2;)
			i++;
		if (i < nstems)
			continue;
		for (a = q->buckets[(tok >> 2) & (ALT_BUCKETS - 1)]; a != NO_ALT; a = q->alts[a].next)
		{
			if (q->alts[a].stem == tok >> 2)
				break;
		}
		if (a == NO_ALT)
			extra += q->im.stems[tok >> 2].surplus;
	}
	return extra;
}

/* Notes a better score for a row. */
static void
offer(Query *q, uint32_t row, float score, float covered, const Cand *base)
{
	Cand	   *c = NULL;
	int			k;

	for (k = 0; k < q->ncands && c == NULL; k++)
	{
		if (q->cands[k].row == row)
			c = &q->cands[k];
	}
	if (c == NULL && q->ncands < CANDS_MAX)
	{
		c = &q->cands[q->ncands++];
		memset(c, 0, sizeof(*c));
	}
	if (c == NULL || c->score >= score || (c->clash && c->score > 0))
		return;
	c->row = row;
	c->score = score;
	c->covered = covered;
	c->filled = base->filled * 0.9f;
	c->excess = base->excess;
	c->other = base->other;
	c->term = base->term;
	c->tok_off = base->tok_off;
	c->source = base->source;
	c->spelled = base->spelled;
	c->inherited = 1;
}

/* Scores a relative of a candidate: it inherits the words that led to the
 * candidate's synonyms, but has to have the words of its titles itself. */
static void
rank_relative(Query *q, const Cand *base, uint32_t row, bool below, const Match *term,
			  const Match *title, const uint32_t *stems, int nstems)
{
	const ImageRow *r = &q->im.rows[row];
	const uint8_t *t = q->im.tokens + r->tok_off;
	Match		m;
	float		sum = 0;
	float		extra;
	float		score;
	int			k;

	q->row_seventh = seventh_of(r);
	match_term(q, t, &m);
	if (m.side_clash)
		return;
	for (k = 0; k < q->nslots; k++)
	{
		float		fit = m.best[k];
		float		old = term->best[k] * 0.95f;

		if (old > fit && (below || title->best[k] <= m.best[k]) && !q->slots[k].seventh)
			fit = old;
		sum += q->slots[k].weight * fit;
	}
	sum = q->total > 0 ? sum / q->total : 0;
	/* a relative that has no more of the query than the candidate is no news */
	if (!below && sum <= base->covered + 0.01f)
		return;
	extra = surplus_over(q, t, stems, nstems);
	score = match_score(sum, base->filled, m.clash * m.unasked) * RELATIVE_FACTOR * (1.0f - 0.2f * extra / (extra + 1.0f));
	if (!(r->flags & ROW_BILLABLE))
		score *= HEADER_FACTOR;
	offer(q, row, score, sum, base);
}

/* Scores the relatives of one candidate, from a root on down. */
static void
rank_family(Query *q, const Cand *base, uint32_t root, int *budget)
{
	const ImageRow *h = &q->im.rows[root];
	const uint8_t *own = q->im.tokens + q->im.rows[base->row].tok_off;
	const uint8_t *p = own + TERM_HEAD;
	uint32_t	stems[32];
	int			nstems = 0;
	uint32_t	row;
	int			k;
	bool		encounters = q->asked[CLASS_ENCOUNTER] != 0 || q->asked[CLASS_OPEN] != 0;
	Match		term;
	Match		title;

	for (k = 0; k < q->nslots && !encounters; k++)
		encounters = q->slots[k].seventh != '\0';
	q->row_seventh = '\0';
	match_term(q, q->im.tokens + base->tok_off, &term);
	match_term(q, own, &title);
	for (k = 0; k < *own && nstems < 32; k++)
	{
		uint32_t	tok;

		p = varint_get(p, &tok);
		stems[nstems++] = tok >> 2;
	}
	for (row = root + 1; row < q->hi && *budget > 0; row++)
	{
		const ImageRow *r = &q->im.rows[row];
		const ImageRow *b = &q->im.rows[base->row];
		bool		below;

		if (!row_begins(&q->im, r, h))
			break;
		if (r->nterms == 0 || row == base->row || !row_allowed(q, row))
			continue;
		below = r->key_len > b->key_len && row_begins(&q->im, r, b);
		if (below && !(r->flags & ROW_BILLABLE))
			continue;
		/* of the encounters the initial one speaks for all */
		if (!encounters && r->key_len == 7 && seventh_of(r) != 'A')
			continue;
		(*budget)--;
		rank_relative(q, base, row, below, &term, &title, stems, nstems);
	}
}

/* The first row behind those whose keys begin like a row's. */
static uint32_t
family_end(const Query *q, uint32_t row)
{
	const ImageRow *h = &q->im.rows[row];
	uint32_t	lo = row + 1;
	uint32_t	hi = q->hi;

	/* keys are sorted, so those that begin alike stand together */
	while (lo < hi)
	{
		uint32_t	mid = lo + (hi - lo) / 2;

		if (row_begins(&q->im, &q->im.rows[mid], h))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The candidates whose relatives are looked at, one of each family: the best,
 * and without regard to sides, intents and the like, in which the relatives of
 * one may agree where it does not itself. */
static int
pick_bases(const Query *q, Cand *best)
{
	int			n = 0;
	int			i;
	int			k;

	for (i = 0; i < q->ncands; i++)
	{
		const Cand *c = &q->cands[i];
		uint32_t	parent = q->im.rows[c->row].parent;

		if (c->term == UINT32_MAX || (n == FAMILIES && best[n - 1].promise >= c->promise))
			continue;
		/* of siblings the best is enough */
		for (k = 0; k < n && (parent == NO_ROW || q->im.rows[best[k].row].parent != parent ||
							  best[k].covered > c->covered + 0.02f || best[k].covered < c->covered - 0.02f);)
			k++;
		if (k < n && best[k].promise >= c->promise)
			continue;
		if (k == n)
			k = n < FAMILIES ? n++ : FAMILIES - 1;
		for (; k > 0 && best[k - 1].promise < c->promise; k--)
			best[k] = best[k - 1];
		best[k] = *c;
	}
	return n;
}

/* Lets relatives of the best candidates share what led to them. */
void
rank_families(Query *q)
{
	Cand		best[FAMILIES];
	uint32_t	roots[FAMILIES];
	int			n = 0;
	int			i;
	int			k;
	int			budget = FAMILY_ROWS;

	n = pick_bases(q, best);
	for (i = 0; i < n; i++)
	{
		const ImageRow *r = &q->im.rows[best[i].row];
		uint32_t	root = best[i].row;
		int			one = FAMILY_ROWS / 3;

		if (best[i].term == UINT32_MAX || best[i].promise < best[0].promise * 0.6f || budget <= 0)
			break;
		query_tick(q);
		if (r->parent != NO_ROW && best[i].covered < 0.97f && r->key_len > 4)
		{
			uint32_t	above = q->im.rows[r->parent].parent;

			root = r->parent;
			if (above != NO_ROW && family_end(q, above) - above < FAMILY_SPAN)
				root = above;
		}
		else if (r->flags & ROW_BILLABLE)
			continue;
		for (k = 0; k < i && roots[k] != root;)
			k++;
		roots[i] = root;
		if (k < i && root != best[i].row)
			continue;
		if (one > budget)
			one = budget;
		budget -= one;
		rank_family(q, &best[i], root, &one);
		budget += one > 0 ? one : 0;
	}
}
