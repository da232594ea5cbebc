/*
 * query.c
 *		The small things that all steps of a query need.
 */
#include "search/query.h"

/* Looks for an interrupt. */
void
query_tick(const Query *q)
{
	if (q->req->check != NULL)
		q->req->check(q->req->check_arg);
}

/* Is the row's code valid on the day asked for? */
bool
row_valid_on(const Query *q, uint32_t row)
{
	const ImageRow *r = &q->im.rows[row];

	return q->req->on_date >= r->valid_from && q->req->on_date <= r->valid_to;
}

/* May the row be suggested: valid on the day, and for this patient? */
bool
row_allowed(const Query *q, uint32_t row)
{
	const ImageRow *r = &q->im.rows[row];

	if (!row_valid_on(q, row))
		return false;
	if ((r->flags & ROW_MALE) && q->req->sex == SEARCH_SEX_FEMALE)
		return false;
	if ((r->flags & ROW_FEMALE) && q->req->sex == SEARCH_SEX_MALE)
		return false;
	if (q->req->age >= 0 && (q->req->age < r->age_min || (q->req->age > r->age_max && r->age_max != AGE_OPEN)))
		return false;
	return (q->req->flags & SEARCH_NO_HEADERS) == 0 || (r->flags & ROW_BILLABLE) != 0;
}

/* The place of a row among the candidates, their number when it is none. */
int
query_find(const Query *q, uint32_t row)
{
	int			i = 0;

	while (i < q->ncands && q->cands[i].row != row)
		i++;
	return i;
}

/* A new query term for a word; -1 when there are too many. */
int
query_add_term(Query *q, int word)
{
	QueryTerm  *t;

	if (q->nqterms >= QTERMS_MAX)
		return -1;
	t = &q->qterms[q->nqterms];
	memset(t, 0, sizeof(*t));
	t->first = (uint16_t) (q->nqterms * QTERM_EXPANSIONS_MAX);
	t->word = (uint8_t) word;
	t->breaks = (q->words[word].flags & WORD_BREAK) != 0;
	return q->nqterms++;
}

/* Adds a stem to a query term; the better fit stays. */
void
query_add_expansion(Query *q, int qterm, uint32_t stem, float fit, ExpansionHow how)
{
	QueryTerm  *t = &q->qterms[qterm];
	Expansion  *e;
	int			i;

	if (stem == UINT32_MAX)
		return;
	for (i = 0; i < t->nexpansions; i++)
	{
		e = &q->expansions[t->first + i];
		if (e->stem != stem)
			continue;
		if (fit > e->fit)
		{
			e->fit = fit;
			e->how = (uint8_t) how;
		}
		return;
	}
	if (t->nexpansions == QTERM_EXPANSIONS_MAX)
		return;
	e = &q->expansions[t->first + t->nexpansions++];
	e->stem = stem;
	e->fit = fit;
	e->how = (uint8_t) how;
	e->qterm = (uint8_t) qterm;
}
