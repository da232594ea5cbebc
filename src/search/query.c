/*
 * query.c
 *		Answers a request: text, code, or both.
 */
#include "query.h"

#define UNSURE			0.89	/* most that any but the first suggestion scores */
#define SORTED			60		/* candidates among which headers look for what is below */
#define BILLABLE_SHARE	0.85f	/* of a header's score that the usual code below it needs */
#define OTHER_SHARE		0.94f	/* and any other code below it, to stand before it */
#define USUAL_LEAST	2		/* usualness of a code that may stand for its header */
#define USUAL_SHARE	0.93f		/* of the best one's score, to count as as good */
#define SURE_LOOKS	10			/* suggestions that tell how sure the first is */
#define HEADER_NEAR	0.9f		/* of the first one's score, to be as good */
#define LEAD_SYNONYM	0.28	/* over the next, so that the first is sure: found by */
#define LEAD_TITLE		0.05	/* a synonym, and else */
#define CROWD_FACTOR	0.85f
#define EXCESS_MAX		0.2f	/* weight beyond the query that the first may have */

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
	if (q->req->age >= 0 && (q->req->age < r->age_min || (q->req->age > r->age_max && r->age_max != AGE_OPEN)))
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

/* Holds back the third and further codes that differ in their seventh
 * character alone, where the query does not say which encounter. */
static void
spread(Query *q)
{
	int			i;
	int			k;

	for (i = 2; i < q->ncands && q->asked[CLASS_ENCOUNTER] == 0; i++)
	{
		const ImageRow *r = &q->im.rows[q->cands[i].row];
		int			before = 0;

		if (r->key_len != 7)
			continue;
		for (k = 0; k < i; k++)
		{
			const ImageRow *o = &q->im.rows[q->cands[k].row];

			before += o->key_len >= 6 && o->system == r->system && memcmp(o->key, r->key, 6) == 0;
		}
		if (before >= 2)
			q->cands[i].score *= CROWD_FACTOR;
	}
}

/* How usual a code is among those below a header: what is unspecified or denied
 * comes first, unless it is so of something that the code adds ("with
 * unspecified complications"), and the initial encounter. */
static int
usualness(const Query *q, const Cand *c, int above)
{
	const ImageRow *r = &q->im.rows[c->row];
	const char *key = row_key(&q->im, r);
	const uint8_t *p = q->im.tokens + r->tok_off;
	int			ntoks;
	int			usual = 0;
	int			unspecified = 0;
	int			denied = 0;
	int			k;

	if (r->key_len == 7 && q->asked[CLASS_ENCOUNTER] == 0 && key[6] == 'A')
		usual += 2;
	if (key[above] == '9' || (above == 5 && key[above] == '0'))
		usual += 1;
	if (r->nterms == 0)
		return usual;
	ntoks = *p;
	for (p += TERM_HEAD, k = 0; k < ntoks; k++)
	{
		uint32_t	tok;

		p = varint_get(p, &tok);
		if (q->im.stems[tok >> 2].polarity == 2 && k > 0)
			break;
		if (q->im.stems[tok >> 2].class == CLASS_UNSPECIFIED)
			unspecified = 2;
		if ((tok & 3) == 1)
			denied = 2;
	}
	return usual + unspecified + denied;
}

/* Lets the best billable code below a header stand before it: of those that
 * are about as good the most usual. */
static void
billable_first(Query *q)
{
	int			i;
	int			k;

	for (i = 0; i < q->ncands; i++)
	{
		const ImageRow *h = &q->im.rows[q->cands[i].row];
		int			best = -1;
		int			most;
		float		least;

		if (h->flags & ROW_BILLABLE)
			continue;
		for (k = 0; k < q->ncands; k++)
		{
			const ImageRow *r = &q->im.rows[q->cands[k].row];

			if ((r->flags & ROW_BILLABLE) && r->key_len > h->key_len && row_begins(&q->im, r, h) &&
				(best < 0 || better(q, &q->cands[k], &q->cands[best])))
				best = k;
		}
		most = best < 0 ? 0 : usualness(q, &q->cands[best], h->key_len);
		least = best < 0 ? 0 : q->cands[best].score * USUAL_SHARE;
		for (k = 0; best >= 0 && q->cands[best].score <= q->cands[i].score && k < q->ncands; k++)
		{
			const ImageRow *r = &q->im.rows[q->cands[k].row];
			int			usual;

			if ((r->flags & ROW_BILLABLE) == 0 || r->key_len <= h->key_len ||
				q->cands[k].score < least || !row_begins(&q->im, r, h))
				continue;
			usual = usualness(q, &q->cands[k], h->key_len);
			if (usual > most || (usual == most && better(q, &q->cands[k], &q->cands[best])))
			{
				most = usual;
				best = k;
			}
		}
		if (best >= 0 && q->cands[best].score < q->cands[i].score &&
			q->cands[best].score > q->cands[i].score *
			(usualness(q, &q->cands[best], h->key_len) >= USUAL_LEAST ? BILLABLE_SHARE : OTHER_SHARE))
			q->cands[best].score = q->cands[i].score;
	}
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

/* Adds the initial encounter of the best candidate, where nobody asked for an
 * encounter and it was not among the rows that were gathered. */
static void
add_initial(Query *q)
{
	const Cand *best = NULL;
	const ImageRow *r;
	uint32_t	row;
	int			i;

	for (i = 0; i < q->ncands; i++)
	{
		if (best == NULL || better(q, &q->cands[i], best))
			best = &q->cands[i];
	}
	if (best == NULL || q->asked[CLASS_ENCOUNTER] != 0 || q->ncands >= CANDS_MAX)
		return;
	r = &q->im.rows[best->row];
	if (r->key_len != 7 || r->key[6] <= 'A')
		return;
	for (row = best->row; row > q->lo; row--)
	{
		const ImageRow *o = &q->im.rows[row - 1];

		if (o->system != r->system || o->key_len != 7 ||
			memcmp(o->key, r->key, 6) != 0)
			return;
		if (o->key[6] == 'A' && row_allowed(q, row - 1))
			break;
	}
	if (row == q->lo)
		return;
	for (i = 0; i < q->ncands; i++)
	{
		if (q->cands[i].row == row - 1)
			return;
	}
	rank_row(q, row - 1, &q->cands[q->ncands++]);
}

/* Finds and scores the rows for a description. */
static void
text_candidates(Query *q, const char *text, size_t len, bool fuzzy, bool *truncated)
{
	int			i;

	expand_query(q, text, len, fuzzy, truncated);
	retrieve(q);
	for (i = 0; i < q->ncands; i++)
	{
		if ((i & 31) == 0)
			query_tick(q);
		rank_row(q, q->cands[i].row, &q->cands[i]);
	}
	rank_families(q);
	add_initial(q);
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

/* How many characters of its key a row shares with the code given. */
static int
shared_prefix(const Query *q, uint32_t row)
{
	const ImageRow *r = &q->im.rows[row];
	const char *key = row_key(&q->im, r);
	int			n = 0;

	while (n < r->key_len && n < q->key_len && key[n] == q->key[n])
		n++;
	return n;
}

/* Adds the neighbours of the code given to the candidates that the
 * description brought. */
static void
code_candidates(Query *q, bool described)
{
	int			n;
	int			i;
	int			k;

	n = code_neighbours(q, q->near, NEAR_MAX);
	for (i = 0; described && i < q->ncands; i++)
	{
		int			shared = shared_prefix(q, q->cands[i].row);

		if (shared >= 2)
			q->cands[i].score += (1.0f - q->cands[i].score) * 0.2f * (float) shared / (float) q->key_len;
	}
	for (i = 0; i < n; i++)
	{
		Cand	   *near = &q->near[i];
		float		likely = near->score;
		Cand		c;

		for (k = 0; k < q->ncands && q->cands[k].row != near->row;)
			k++;
		if (k < q->ncands)
			c = q->cands[k];
		else if (described)
			rank_row(q, near->row, &c);
		else
		{
			memset(&c, 0, sizeof(c));
			c.term = UINT32_MAX;
		}
		c.row = near->row;
		c.how = near->how;
		if (c.clash)
			c.score = 0;
		c.score = described ? c.score + (1.0f - c.score) * 0.6f * likely : likely;
		c.clash = 0;
		c.coded = 1;
		if (c.source != SEARCH_SOURCE_SUCCESSOR || near->how == CODE_SAME || near->how == CODE_BELOW)
			c.source = (uint8_t) (near->how == CODE_BELOW ? SEARCH_SOURCE_CHILD : SEARCH_SOURCE_CODE);
		if (k == q->ncands && q->ncands < CANDS_MAX)
			q->ncands++;
		if (k < q->ncands)
			q->cands[k] = c;
	}
}

/* The title of the code given when it is known but no longer (or not yet)
 * valid; false when that is not so. */
static bool
retired_title(Query *q, const char **title, int *len)
{
	uint32_t	rows[8];
	int			n = search_find_code(q->im.h, q->req->system, q->key, (size_t) q->key_len, rows, 8);
	int			i;

	for (i = 0; i < n; i++)
	{
		if (row_valid_on(q, rows[i]))
			return false;
	}
	if (n == 0)
		return false;
	image_title(&q->im, rows[n - 1], title, len);
	return *len > 0;
}

/* The candidate that is a header above the first and says better what was asked;
 * -1 when there is none. */
static int
header_said(const Query *q)
{
	const Cand *c = &q->cands[0];
	uint32_t	above;
	int			best = -1;
	int			i;

	for (above = q->im.rows[c->row].parent; above != NO_ROW; above = q->im.rows[above].parent)
	{
		for (i = 1; i < q->ncands && q->cands[i].row != above;)
			i++;
		if (i < q->ncands && q->cands[i].score > c->score * HEADER_NEAR &&
			q->cands[i].filled > c->filled + 0.005f &&
			(best < 0 || q->cands[i].filled > q->cands[best].filled + 0.005f))
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
		usualness(q, &q->cands[0], q->im.rows[above].key_len) < USUAL_LEAST)
		return -1;
	for (i = 1; i < q->ncands && q->cands[i].row != above;)
		i++;
	if (i == CANDS_MAX)
		return -1;
	if (i == q->ncands)
	{
		q->ncands++;
		q->cands[i] = q->cands[0];
		q->cands[i].row = above;
		q->cands[i].inherited = 1;
		q->cands[i].score *= HEADER_NEAR;
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
	Cand		header;

	if (q->ncands < 3 || q->cands[0].coded || (q->im.rows[q->cands[0].row].flags & ROW_BILLABLE) == 0)
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
	memmove(&q->cands[to + 1], &q->cands[to], (size_t) (from - to) * sizeof(Cand));
	q->cands[to] = header;
}

/* Is the first suggestion the usual one below a header, found by a synonym: the
 * header may be all that was meant? */
static bool
usual_by_synonym(const Query *q)
{
	const Cand *c = &q->cands[0];
	const ImageRow *r = &q->im.rows[c->row];

	return c->source == SEARCH_SOURCE_SYNONYM && r->parent != NO_ROW &&
		usualness(q, c, q->im.rows[r->parent].key_len) >= 1;
}

/* The first suggestion's score, so that 0.9 can be relied on: the less it
 * leads, the less it is worth.  The constants are measured, see
 * bench/suggest. */
static double
sure_score(const Query *q)
{
	const Cand *c = &q->cands[0];
	double		score = c->score > 1.0f ? 1.0 : c->score;
	double		lead = 1.0;
	double		need = (c->source == SEARCH_SOURCE_SYNONYM ? LEAD_SYNONYM : LEAD_TITLE) + (score < 0.97 ? 0.97 - score : 0);
	int			i;

	/* the second may be a header that was put there */
	for (i = 1; i < q->ncands && i < 3; i++)
	{
		if (score - q->cands[i].score < lead)
			lead = score - q->cands[i].score;
	}
	if (lead < need)
		score -= 0.35 * (1.0 - lead / need);
	/* a code alone cannot be mended for sure; or it says what nobody asked for */
	if (c->coded && c->term == UINT32_MAX && c->how != CODE_SAME && score > UNSURE)
		score = UNSURE;
	if (score > UNSURE && !c->coded && (c->other || !(q->im.rows[c->row].flags & ROW_BILLABLE) ||
										(c->source == SEARCH_SOURCE_SYNONYM && (c->excess > EXCESS_MAX / 4 || c->inherited)) ||
										header_said(q) >= 0 || usual_by_synonym(q)))
		score = UNSURE;
	if (c->excess > EXCESS_MAX && c->how != CODE_SAME && score > UNSURE)
		score = UNSURE;
	return score < 0 ? 0 : score;
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
		h->score = i == 0 ? sure_score(q) : c->score < UNSURE ? c->score : UNSURE;
		if (i > 0 && h->score > out[i - 1].score)
			h->score = out[i - 1].score;
		h->source = (SearchSource) c->source;
		explain(q, c, h->reason);
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
	bool		described = false;
	bool		retired = false;
	const char *text = request->display;
	size_t		len = request->display == NULL ? 0 : request->display_len;
	int			max = request->max_results > SEARCH_RESULTS_MAX ? SEARCH_RESULTS_MAX : request->max_results;
	int			n = 0;

	q->req = request;
	q->ncands = q->nslots = 0;
	q->key_len = 0;
	image_open(image, &q->im);
	image_system_range(&q->im, request->system, &q->lo, &q->hi);
	if (info != NULL)
		info->truncated = false;
	if (max <= 0 || q->lo >= q->hi)
		return 0;
	if (request->code != NULL)
	{
		size_t		code_len = request->code_len;

		if (code_len > CODE_READ_MAX)
		{
			code_len = CODE_READ_MAX;
			truncated = true;
		}
		q->key_len = code_key(request->code, code_len, q->key, (int) sizeof(q->key));
	}
	if (q->key_len > 0 && len == 0)
	{
		int			title_len;

		retired = retired_title(q, &text, &title_len);
		if (retired)
			len = (size_t) title_len;
	}
	if (len > 0)
	{
		text_candidates(q, text, len, false, &truncated);
		described = q->nslots > 0;
	}
	if (retired)
	{
		int			i;

		for (i = 0; i < q->ncands; i++)
			q->cands[i].source = SEARCH_SOURCE_SUCCESSOR;
	}
	drop_clashes(q);
	if (q->key_len > 0)
		code_candidates(q, described);
	sort_best(q, SORTED);
	billable_first(q);
	if (described && q->key_len == 0)
	{
		sort_best(q, SORTED);
		spread(q);
	}
	sort_best(q, SORTED);
	place_header(q);
	n = give_hits(q, out, max);
	if (info != NULL)
		info->truncated = truncated;
	return n;
}
