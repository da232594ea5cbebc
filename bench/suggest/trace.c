/*
 * trace.c
 *		Prints what the steps of a query made of it, from the scratch memory that
 *		search_query leaves behind.
 */
#include "trace.h"

#include <stdio.h>

#include "search/query.h"

#define CANDIDATES_SHOWN	12

/* A word of the vocabulary that has the stem, the commonest. */
static const ImageWord *
word_of_stem(const Image *im, uint32_t stem)
{
	const ImageWord *best = NULL;
	uint32_t	i;

	for (i = 0; i < im->h->nwords; i++)
	{
		if (im->words[i].stem == stem && (best == NULL || im->words[i].count > best->count))
			best = &im->words[i];
	}
	return best;
}

/* The words as folded. */
static void
print_words(const Query *q)
{
	int			i;

	printf("words:");
	for (i = 0; i < q->nwords; i++)
		printf(" %.*s", q->words[i].len, q->words[i].text);
	printf("\n");
}

/* The query terms, each with the stems that may stand for it. */
static void
print_terms(const Query *q)
{
	static const char *const how[] = {"itself", "abbreviation", "joined", "other form", "beginning", "spelling"};
	int			i;
	int			k;

	for (i = 0; i < q->nqterms; i++)
	{
		const QueryTerm *t = &q->qterms[i];

		printf("query term %d: %.*s, weight %.3f%s%s%s\n", i, q->words[t->word].len, q->words[t->word].text, t->weight,
			   t->negated ? ", negated" : "", t->optional ? ", optional" : "", t->merged ? ", merged" : "");
		for (k = 0; k < t->nexpansions; k++)
		{
			const Expansion *e = &q->expansions[t->first + k];
			const ImageWord *w = word_of_stem(&q->im, e->stem);

			printf("    %-20s fit %.3f, %s, document frequency %u\n", w == NULL ? "?" : q->im.wordtext + w->text_off,
				   e->fit, how[e->how], q->im.lists[e->stem + 1].post_off - q->im.lists[e->stem].post_off);
		}
	}
}

/* The candidates in their order. */
static void
print_candidates(const Query *q)
{
	int			i;

	printf("short list: %d rows; candidates after ordering: %d\n", q->nshort, q->ncands);
	for (i = 0; i < q->ncands && i < CANDIDATES_SHOWN; i++)
	{
		const Candidate *c = &q->cands[i];
		const ImageTerm *t = c->term == NO_TERM ? NULL : &q->im.terms[c->term];

		printf("    %-9s score %.3f, covered %.3f, filled %.3f, excess %.3f%s%s: %.*s\n",
			   q->im.text + q->im.rows[c->row].code_off, c->score, c->covered, c->filled, c->excess,
			   q->im.rows[c->row].flags & ROW_BILLABLE ? "" : ", header", c->inherited ? ", inherited" : "",
			   t == NULL ? 0 : (int) t->text_len, t == NULL ? "" : q->im.text + t->text_off);
	}
}

/* Prints a query's way, and its suggestions. */
void
trace_query(const void *scratch, const SearchHit *hits, int n)
{
	const Query *q = scratch;
	int			i;

	print_words(q);
	print_terms(q);
	print_candidates(q);
	printf("suggestions:\n");
	for (i = 0; i < n; i++)
		printf("    %-9s %.3f  %.*s (%s: %s)\n", hits[i].code, hits[i].score, hits[i].title_len, hits[i].title,
			   search_source_name(hits[i].source), hits[i].reason);
}
