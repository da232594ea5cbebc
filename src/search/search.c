/*
 * search.c
 *		Answers a request: text, code, or both.  README.md follows one through.
 */
#include "search/search.h"

#include "search/confidence.h"
#include "search/expand.h"
#include "search/explain.h"
#include "search/family.h"
#include "search/order.h"
#include "search/query.h"
#include "search/rank.h"
#include "search/retrieve.h"

#define RETIRED_ROWS	8		/* validity intervals of a code that are
								 * looked at */

typedef char scratch_is_large_enough[sizeof(Query) <= SEARCH_SCRATCH_SIZE ? 1 : -1];

/* The source's name. */
const char *
search_source_name(SearchSource source)
{
	static const char *const names[] = {"title", "synonym", "spelling", "code", "child", "successor"};

	return names[source];
}

/* Sets a query up; false where there is nothing to ask. */
static bool
open_query(Query *q, const void *image, const SearchRequest *request)
{
	q->req = request;
	q->ncands = q->nqterms = 0;
	q->key_len = 0;
	q->retired = false;
	memset(q->asked, 0, sizeof(q->asked));
	image_open(image, &q->im);
	image_system_range(&q->im, request->system, &q->lo, &q->hi);
	if (request->max_results <= 0 || q->lo >= q->hi)
		return false;
	if (request->system == SEARCH_ANY_SYSTEM)
		memset(&q->shape, 0, sizeof(q->shape));
	else
		q->shape = q->im.shapes[request->system];
	return true;
}

/* Reads the code that was given, if any. */
static void
read_code(Query *q, bool *truncated)
{
	size_t		len = q->req->code_len;

	if (q->req->code == NULL)
		return;
	if (len > CODE_READ_MAX)
	{
		len = CODE_READ_MAX;
		*truncated = true;
	}
	q->key_len = code_key(q->req->code, len, q->key, (int) sizeof(q->key));
}

/* Gives the title of the code given where it is known but no longer (or not yet)
 * valid; false when that is not so. */
static bool
retired_title(const Query *q, const char **title, size_t *len)
{
	uint32_t	rows[RETIRED_ROWS];
	int			n = search_find_code(q->im.h, q->req->system, q->key, (size_t) q->key_len, rows, RETIRED_ROWS);
	int			title_len;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (row_valid_on(q, rows[i]))
			return false;
	}
	if (n == 0)
		return false;
	image_title(&q->im, rows[n - 1], title, &title_len);
	*len = (size_t) title_len;
	return title_len > 0;
}

/* Finds and scores the rows for a description. */
static void
text_candidates(Query *q, const char *text, size_t len, bool *truncated)
{
	int			i;

	expand_query(q, text, len, truncated);
	retrieve_candidates(q);
	for (i = 0; i < q->ncands; i++)
	{
		if ((i & 31) == 0)
			query_tick(q);
		rank_row(q, q->cands[i].row, &q->cands[i]);
	}
	rank_families(q);
}

/* Fills in the suggestions. */
static int
give_hits(const Query *q, SearchHit *out)
{
	int			max = q->req->max_results > SEARCH_RESULTS_MAX ? SEARCH_RESULTS_MAX : q->req->max_results;
	int			n = q->ncands < max ? q->ncands : max;
	int			i;

	for (i = 0; i < n; i++)
	{
		const Candidate *c = &q->cands[i];
		const ImageRow *r = &q->im.rows[c->row];
		SearchHit  *h = &out[i];

		h->row = c->row;
		h->system = r->system;
		h->code = q->im.text + r->code_off;
		h->code_len = r->code_len;
		image_title(&q->im, c->row, &h->title, &h->title_len);
		h->billable = (r->flags & ROW_BILLABLE) != 0;
		h->score = i == 0 ? first_score(q) : further_score(q, i);
		if (i > 0 && h->score > out[i - 1].score)
			h->score = out[i - 1].score;
		h->source = (SearchSource) c->source;
		explain_candidate(q, c, h->reason);
	}
	return n;
}

/* Answers a request; described in search.h. */
int
search_query(const void *image, const SearchRequest *request, void *scratch, SearchHit *out,
			 SearchInfo *info)
{
	Query	   *q = scratch;
	const char *text = request->display;
	size_t		len = request->display == NULL ? 0 : request->display_len;
	bool		truncated = false;
	int			n = 0;

	if (open_query(q, image, request))
	{
		read_code(q, &truncated);
		if (q->key_len > 0 && len == 0)
			q->retired = retired_title(q, &text, &len);
		if (len > 0)
			text_candidates(q, text, len, &truncated);
		order_candidates(q);
		n = give_hits(q, out);
	}
	if (info != NULL)
		info->truncated = truncated;
	return n;
}
