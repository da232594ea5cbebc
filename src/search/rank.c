/*
 * rank.c
 *		Scores a row in full: how much of the query one of its terms covers,
 *		how much of that term the query fills, and what contradicts.
 */
#include "query.h"

#define TERMS_SCORED_MAX	60		/* of one row */
#define UNION_SHARE			0.5f	/* what the row's other terms may add */
#define FILL_SHARE			0.35f	/* of a score that rests on the term being filled */
#define HEADER_FACTOR		0.96f
#define CHILD_FACTOR		0.97f
#define CHILDREN_MAX		120

/* What one term makes of the query. */
typedef struct Match
{
	float		covered;		/* share of the query's weight */
	float		filled;			/* share of the term's weight */
	float		clash;			/* factor for what contradicts */
	bool		side_clash;
	uint8_t		spelled;
	float		best[SLOTS_MAX];	/* fit of each slot */
} Match;

/* How much a kind of term counts. */
static const float kind_factor[] = {1.0f, 0.97f, 0.99f, 0.98f, 0.98f};

/* Reads a varint. */
static const uint8_t *
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

/* Finds what contradicts: another side, encounter or opposite than asked. */
static void
find_clashes(const Query *q, const uint32_t *has, Match *m)
{
	int			c;

	for (c = 1; c < CLASS_COUNT; c++)
	{
		if (q->asked[c] == 0 || has[c] == 0 || (q->asked[c] & has[c]) != 0)
			continue;
		if (c == CLASS_SIDE)
			m->side_clash = true;
		m->clash *= c == CLASS_SIDE || c == CLASS_ENCOUNTER ? 0.5f : 0.75f;
	}
}

/* Matches the query with a term. */
static void
match_term(const Query *q, const ImageTerm *t, Match *m)
{
	const uint8_t *p = q->im.tokens + t->tok_off;
	uint32_t	has[CLASS_COUNT];
	float		got = 0;
	float		sum = 0;
	float		opposed = 0;
	float		fill = 0;
	int			k;

	memset(has, 0, sizeof(has));
	memset(m->best, 0, sizeof(float) * (size_t) q->nslots);
	m->clash = 1.0f;
	m->side_clash = false;
	m->spelled = 0;
	for (k = 0; k < t->ntoks; k++)
	{
		uint32_t	tok;
		uint32_t	stem;
		const ImageStem *st;
		float		fit = 0;
		uint16_t	a;

		p = varint_get(p, &tok);
		stem = tok >> 2;
		st = &q->im.stems[stem];
		if (st->class != 0)
			has[st->class] |= 1u << st->value;
		for (a = q->buckets[stem & (ALT_BUCKETS - 1)]; a != NO_ALT; a = q->alts[a].next)
		{
			const Alt  *alt = &q->alts[a];
			float		f = alt->fit;

			if (alt->stem != stem)
				continue;
			if (q->slots[alt->slot].denied != ((tok & 1) != 0) && st->class == 0 && st->polarity == 0)
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
			fill += st->surplus;
			got += st->surplus * fit;
		}
	}
	for (k = 0; k < q->nslots; k++)
		sum += q->slots[k].weight * m->best[k];
	m->covered = q->total > 0 ? sum / q->total : 0;
	m->filled = fill > 0 ? got / fill : 0;
	find_clashes(q, has, m);
	if (opposed > 0.15f)
		m->clash *= 0.8f;
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
	float		all[SLOTS_MAX];
	float		own = 0;
	float		title_clash = 1.0f;
	float		covered = 0;
	float		clash = 1.0f;
	float		score = 0;
	uint32_t	i;
	int			k;
	Match		m;

	memset(cand, 0, sizeof(*cand));
	cand->row = row;
	cand->term = UINT32_MAX;
	memset(all, 0, sizeof(float) * (size_t) q->nslots);
	for (i = 0; i < r->nterms && i < TERMS_SCORED_MAX; i++)
	{
		const ImageTerm *t = &q->im.terms[r->first_term + i];
		float		s;

		match_term(q, t, &m);
		for (k = 0; k < q->nslots; k++)
		{
			if (m.best[k] > all[k])
				all[k] = m.best[k];
		}
		if (t->kind == SEARCH_TERM_LONG)
		{
			title_clash = m.clash;
			if (m.side_clash)
				cand->clash = 1;
		}
		s = match_score(m.covered, m.filled, m.clash) * kind_factor[t->kind];
		if (s > score || cand->term == UINT32_MAX)
		{
			score = s;
			covered = m.covered;
			clash = m.clash;
			cand->filled = m.filled;
			cand->term = r->first_term + i;
			cand->spelled = m.spelled;
			cand->source = (uint8_t) (m.spelled ? SEARCH_SOURCE_SPELLING :
									  t->kind <= SEARCH_TERM_SHORT ? SEARCH_SOURCE_TITLE : SEARCH_SOURCE_SYNONYM);
		}
	}
	if (cand->term == UINT32_MAX)
		return;
	for (k = 0; k < q->nslots; k++)
		own += q->slots[k].weight * all[k];
	own = q->total > 0 ? own / q->total : 0;
	covered += UNION_SHARE * (own - covered);
	if (title_clash < clash)
		clash = title_clash;
	cand->covered = covered;
	cand->score = match_score(covered, cand->filled, clash) * kind_factor[q->im.terms[cand->term].kind];
	if (!(r->flags & ROW_BILLABLE))
		cand->score *= HEADER_FACTOR;
}

/* How much of a row's title neither the query nor another row's title has. */
static float
surplus_over(Query *q, uint32_t row, uint32_t over, Match *m)
{
	const ImageTerm *t = &q->im.terms[q->im.rows[row].first_term];
	const ImageTerm *o = &q->im.terms[q->im.rows[over].first_term];
	const uint8_t *p = q->im.tokens + o->tok_off;
	uint32_t	stems[32];
	int			n = 0;
	int			k;
	float		extra = 0;

	match_term(q, t, m);
	for (k = 0; k < o->ntoks && n < 32; k++)
	{
		uint32_t	tok;

		p = varint_get(p, &tok);
		stems[n++] = tok >> 2;
	}
	p = q->im.tokens + t->tok_off;
	for (k = 0; k < t->ntoks; k++)
	{
		uint32_t	tok;
		uint16_t	a;
		int			i;

		p = varint_get(p, &tok);
		for (i = 0; i < n && stems[i] != tok >> 2;)
			i++;
		for (a = q->buckets[(tok >> 2) & (ALT_BUCKETS - 1)]; a != NO_ALT; a = q->alts[a].next)
		{
			if (q->alts[a].stem == tok >> 2)
				break;
		}
		if (i == n && a == NO_ALT)
			extra += q->im.stems[tok >> 2].surplus;
	}
	return extra;
}

/* Lets codes below the best headers inherit what led to the header. */
void
rank_children(Query *q)
{
	uint32_t	headers[6];
	float		scores[6];
	int			n = 0;
	int			i;
	int			k;
	Match		m;

	for (i = 0; i < q->ncands; i++)
	{
		if (q->im.rows[q->cands[i].row].flags & ROW_BILLABLE)
			continue;
		if (n == 6 && scores[5] >= q->cands[i].score)
			continue;
		k = n < 6 ? n++ : 5;
		for (; k > 0 && scores[k - 1] < q->cands[i].score; k--)
		{
			scores[k] = scores[k - 1];
			headers[k] = headers[k - 1];
		}
		scores[k] = q->cands[i].score;
		headers[k] = (uint32_t) i;
	}
	for (i = 0; i < n; i++)
	{
		const Cand *head = &q->cands[headers[i]];
		const ImageRow *h = &q->im.rows[head->row];
		uint32_t	row;
		uint32_t	last = head->row + CHILDREN_MAX;

		query_tick(q);
		for (row = head->row + 1; row < last && row < q->hi; row++)
		{
			const ImageRow *r = &q->im.rows[row];
			Cand	   *c = NULL;
			float		score;

			if (r->system != h->system || r->key_len < h->key_len ||
				memcmp(q->im.text + r->key_off, q->im.text + h->key_off, h->key_len) != 0)
				break;
			if (!(r->flags & ROW_BILLABLE) || r->nterms == 0 || !row_allowed(q, row))
				continue;
			score = surplus_over(q, row, head->row, &m);
			if (m.side_clash)
				continue;
			score = head->score / HEADER_FACTOR * CHILD_FACTOR * m.clash * (1.0f - 0.2f * score / (score + 1.0f));
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
			if (c == NULL || c->score >= score)
				continue;
			c->row = row;
			c->score = score;
			c->covered = head->covered;
			c->filled = head->filled * 0.9f;
			c->term = head->term;
			c->source = head->source;
			c->spelled = head->spelled;
		}
	}
}
