/*
 * expand.c
 *		From a description to query terms: words and abbreviations, each with the
 *		stems that may stand for it.
 */
#include "search/expand.h"

#include "search/alternatives.h"
#include "search/stem.h"
#include "search/weigh.h"
#include "search/weights.h"

#define SPELL_BUDGET		6000	/* comparisons of spelling in one query */
#define MEANINGS_MAX		6	/* of one abbreviation */

/* An abbreviation that stands in the query. */
typedef struct Abbreviation
{
	const ImageAbbr *meanings[MEANINGS_MAX];	/* the likeliest first */
	int			nmeanings;
	int			nwords;			/* that it is written with */
	int			first;			/* of its query terms */
	int			nqterms;		/* words of its first meaning */
} Abbreviation;

/* Finds the abbreviation that n words from pos on make; returns how many
 * meanings it has. */
static int
find_meanings(const Query *q, int pos, int n, const ImageAbbr **out)
{
	char		text[MAX_FROM_WORDS * (WORD_MAX + 1)];
	int			len = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (i > 0)
			text[len++] = ' ';
		memcpy(text + len, q->words[pos + i].text, q->words[pos + i].len);
		len += q->words[pos + i].len;
	}
	return abbrs_written(q, text, len, n, out, MEANINGS_MAX);
}

/* Finds the longest abbreviation from pos on; false when there is none. */
static bool
find_abbreviation(const Query *q, int pos, Abbreviation *a)
{
	int			left = q->nwords - pos;

	for (a->nwords = left < MAX_FROM_WORDS ? left : MAX_FROM_WORDS; a->nwords >= 1; a->nwords--)
	{
		a->nmeanings = find_meanings(q, pos, a->nwords, a->meanings);
		if (a->nmeanings > 0)
			return true;
	}
	return false;
}

/* Does a meaning have this stem? */
static bool
means(const Query *q, const ImageAbbr *meaning, uint32_t stem)
{
	const uint32_t *stems = q->im.abbrstems + meaning->stem_off;
	int			i;

	for (i = 0; i < meaning->nto; i++)
	{
		if (stems[i] == stem)
			return true;
	}
	return false;
}

/* Adds the words that a further meaning of an abbreviation has beyond the
 * first one's, where it has all of those: they are welcome, not asked for. */
static bool
add_usual(Query *q, int pos, const ImageAbbr *first, const ImageAbbr *other)
{
	const uint32_t *a = q->im.abbrstems + first->stem_off;
	const uint32_t *b = q->im.abbrstems + other->stem_off;
	int			i;
	int			qterm;

	for (i = 0; i < first->nto; i++)
	{
		if (!means(q, other, a[i]))
			return false;
	}
	for (i = 0; i < other->nto; i++)
	{
		qterm = means(q, first, b[i]) ? -1 : query_add_term(q, pos);
		if (qterm < 0)
			continue;
		q->qterms[qterm].optional = true;
		q->qterms[qterm].breaks = false;
		query_add_expansion(q, qterm, b[i], 1.0f, HOW_ABBR);
	}
	return true;
}

/* Adds what an abbreviation means: its first meaning says how many query terms
 * there are, longer ones are cut. */
static void
add_meanings(Query *q, int pos, const Abbreviation *a)
{
	int			i;
	int			j;

	for (i = 0; i < a->nmeanings; i++)
	{
		const ImageAbbr *m = a->meanings[i];
		float		fit = (float) m->weight / 255.0f - W.abbr_step * (float) i;

		if (i > 0 && m->nto > a->meanings[0]->nto && add_usual(q, pos, a->meanings[0], m))
			continue;
		if (fit < W.abbr_least)
			fit = W.abbr_least;
		for (j = 0; j < m->nto && j < a->nqterms; j++)
			query_add_expansion(q, a->first + j, q->im.abbrstems[m->stem_off + j], fit, HOW_ABBR);
	}
}

/* Lets the words of an abbreviation stand for themselves, spread over its query
 * terms. */
static void
add_own_words(Query *q, int pos, const Abbreviation *a)
{
	int			i;
	int			j;

	for (i = 0; i < a->nwords; i++)
	{
		const Word *w = &q->words[pos + i];
		uint32_t	word = image_find_word(&q->im, w->text, w->len);

		for (j = 0; word != UINT32_MAX && j < a->nqterms; j++)
		{
			if (a->nwords == 1 || j == i || (j == a->nqterms - 1 && i >= a->nqterms))
				query_add_expansion(q, a->first + j, q->im.words[word].stem,
									a->nwords > a->nqterms ? W.abbr_own_words : 1.0f, HOW_EXACT);
		}
	}
}

/* Adds other forms of what one word stands for. */
static void
add_meant_roots(Query *q, const Abbreviation *a)
{
	int			i;

	for (i = a->first; i < a->first + a->nqterms; i++)
	{
		if (q->qterms[i].nexpansions > 0)
			add_roots(q, i, q->expansions[q->qterms[i].first].stem, W.abbr_root_fit);
	}
}

/* Makes the query terms of an abbreviation. */
static void
take_abbreviation(Query *q, int pos, Abbreviation *a)
{
	int			i;

	a->first = q->nqterms;
	a->nqterms = a->meanings[0]->nto > 1 ? a->meanings[0]->nto : 1;
	for (i = 0; i < a->nqterms; i++)
	{
		int			qterm = query_add_term(q, pos);

		if (qterm < 0)
			return;
		if (i > 0)
			q->qterms[qterm].breaks = false;
	}
	add_meanings(q, pos, a);
	if (a->nwords == 1 && a->nqterms == 1)
		expand_word(q, a->first, &q->words[pos], pos + 1 == q->nwords, true);
	else
		add_own_words(q, pos, a);
	if (a->nwords == 1)
		add_meant_roots(q, a);
}

/* The variant that a word asks for, NUL for none: short titles say 7thD for
 * what the seventh character D means. */
static char
variant_asked(const Query *q, const Word *w)
{
	if (q->shape.full_len == 0 || w->len != 4 || memcmp(w->text + 1, "th", 2) != 0 ||
		w->text[0] != '0' + q->shape.full_len)
		return '\0';
	return (char) (w->text[3] - 32);
}

/* Makes the query terms for the words from pos on; returns how many words it took. */
static int
take_words(Query *q, int pos)
{
	char		variant = variant_asked(q, &q->words[pos]);
	int			qterm;
	Abbreviation a;

	if (variant == '\0' && find_abbreviation(q, pos, &a))
	{
		take_abbreviation(q, pos, &a);
		return a.nwords;
	}
	qterm = query_add_term(q, pos);
	if (qterm < 0)
		return 1;
	if (variant != '\0')
		q->qterms[qterm].variant = variant;
	else
		expand_word(q, qterm, &q->words[pos], pos + 1 == q->nwords, false);
	return 1;
}

/* Lets two words that are one in the vocabulary stand for it (frac ture). */
static void
join_words(Query *q)
{
	int			i;
	int			k;
	char		text[WORD_MAX + 1];

	for (i = 0; i + 1 < q->nwords; i++)
	{
		const Word *b = &q->words[i + 1];
		int			len = word_join(&q->words[i], b, text);
		uint32_t	word;

		if (len < W.join_letters || (b->text[0] >= '0' && b->text[0] <= '9'))
			continue;
		word = image_find_word(&q->im, text, len);
		if (word == UINT32_MAX)
			continue;
		for (k = 0; k < q->nqterms; k++)
		{
			if (q->qterms[k].word == i || q->qterms[k].word == i + 1)
				query_add_expansion(q, k, q->im.words[word].stem, W.join_fit, HOW_JOIN);
		}
	}
}

/* Makes one query term of neighbouring forms of one word: "splenomegaly,
 * splenomegalia", as indexes have them. */
static void
merge_forms(Query *q)
{
	int			i;
	int			j;

	for (i = 1; i < q->nqterms; i++)
	{
		QueryTerm  *t = &q->qterms[i];
		QueryTerm  *o = &q->qterms[i - 1];
		const Word *a = &q->words[o->word];
		const Word *b = &q->words[t->word];

		if (t->word == o->word || t->variant || o->variant || !words_akin(a->text, a->len, b->text, b->len))
			continue;
		for (j = 0; j < o->nexpansions; j++)
		{
			const Expansion *e = &q->expansions[o->first + j];

			query_add_expansion(q, i, e->stem, e->fit, (ExpansionHow) e->how);
		}
		/* they stand where the first does: what negates it negates them */
		t->breaks = o->breaks;
		o->nexpansions = 0;
		o->merged = true;
	}
}

/* Reads the words of a description; false when there are too many. */
static bool
read_words(Query *q, const char *text, size_t len)
{
	WordScan	scan;
	Word		word;

	q->nwords = 0;
	word_scan_start(&scan, text, len);
	while (word_scan_next(&scan, &word))
	{
		if (q->nwords >= SEARCH_WORDS_MAX)
			return false;
		q->words[q->nwords++] = word;
	}
	return true;
}

/* Reads a description into words and query terms. */
void
expand_query(Query *q, const char *text, size_t len, bool *truncated)
{
	int			pos = 0;

	q->nqterms = 0;
	q->budget = SPELL_BUDGET;
	if (len > SEARCH_DISPLAY_MAX)
	{
		len = SEARCH_DISPLAY_MAX;
		*truncated = true;
	}
	if (!read_words(q, text, len))
		*truncated = true;
	while (pos < q->nwords)
	{
		pos += take_words(q, pos);
		query_tick(q);
	}
	join_words(q);
	merge_forms(q);
	weigh_query(q);
}
