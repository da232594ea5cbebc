/*
 * query.c
 *		Answers a request: text, code, or both.
 */
#include <stdio.h>

#include "query.h"

typedef char scratch_is_large_enough[sizeof(Query) <= SEARCH_SCRATCH_SIZE ? 1 : -1];

/* The source's name. */
const char *
search_source_name(SearchSource source)
{
	static const char *const names[] = {"title", "synonym", "spelling", "code", "child", "successor"};

	return names[source];
}

/* Looks for an interrupt. */
void
query_tick(Query *q)
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
	if (q->req->age >= 0 && (q->req->age < r->age_min || q->req->age > r->age_max))
		return false;
	return (q->req->flags & SEARCH_NO_HEADERS) == 0 || (r->flags & ROW_BILLABLE) != 0;
}

/* Is one candidate better than another? */
static bool
better(const Query *q, const Cand *a, const Cand *b)
{
	int			fa = q->im.rows[a->row].flags & ROW_BILLABLE;
	int			fb = q->im.rows[b->row].flags & ROW_BILLABLE;

	if (a->score != b->score)
		return a->score > b->score;
	if (fa != fb)
		return fa > fb;
	return a->row < b->row;
}

/* Brings the best candidates to the front, in order. */
static void
sort_best(Query *q, int want)
{
	int			i;
	int			j;

	for (i = 0; i < q->ncands; i++)
	{
		Cand		c = q->cands[i];
		int			n = i < want ? i : want;

		if (i >= want && !better(q, &c, &q->cands[want - 1]))
			continue;
		if (i >= want)
			n = want - 1;
		for (j = n; j > 0 && better(q, &c, &q->cands[j - 1]); j--)
			q->cands[j] = q->cands[j - 1];
		q->cands[j] = c;
	}
	if (q->ncands > want)
		q->ncands = want;
}

/* Finds and scores the rows for the description. */
static void
text_candidates(Query *q, bool fuzzy, bool *truncated)
{
	int			i;
	int			n = 0;

	expand_query(q, q->req->display, q->req->display_len, fuzzy, truncated);
	retrieve(q);
	for (i = 0; i < q->ncands; i++)
	{
		if ((i & 31) == 0)
			query_tick(q);
		rank_row(q, q->cands[i].row, &q->cands[i]);
	}
	rank_families(q);
	for (i = 0; i < q->ncands; i++)
	{
		if (!q->cands[i].clash)
			q->cands[n++] = q->cands[i];
	}
	q->ncands = n;
}

/* Fills in the suggestions. */
static int
give_hits(Query *q, SearchHit *out, int max)
{
	int			i;
	int			n = q->ncands < max ? q->ncands : max;

	for (i = 0; i < n; i++)
	{
		const Cand *c = &q->cands[i];
		const ImageRow *r = &q->im.rows[c->row];
		SearchHit  *h = &out[i];

		h->row = c->row;
		h->system = r->system;
		h->code = q->im.text + r->code_off;
		h->code_len = r->code_len;
		image_title(&q->im, c->row, &h->title, &h->title_len);
		h->billable = (r->flags & ROW_BILLABLE) != 0;
		h->score = c->score > 1.0f ? 1.0 : c->score;
		h->source = (SearchSource) c->source;
		h->reason[0] = '\0';
	}
	return n;
}

/* Answers a request; described in search.h. */
int
search_query(const void *image, const SearchRequest *request, void *scratch, SearchHit *out,
			 SearchInfo *info)
{
	Query	   *q = scratch;
	bool		truncated = false;
	int			max = request->max_results > SEARCH_RESULTS_MAX ? SEARCH_RESULTS_MAX : request->max_results;
	int			n = 0;

	q->req = request;
	image_open(image, &q->im);
	image_system_range(&q->im, request->system, &q->lo, &q->hi);
	q->ncands = 0;
	if (max > 0 && q->lo < q->hi && request->display != NULL)
	{
		text_candidates(q, false, &truncated);
		sort_best(q, max);
		n = give_hits(q, out, max);
	}
	if (info != NULL)
		info->truncated = truncated;
	return n;
}
