/*
 * terminology/expansions.c
 *		Expands the abbreviations of a description.
 *
 * The list in medrec.abbreviation also has lay words and near synonyms, which
 * are good for finding a code but too loose for treating two texts as equal.
 * Only entries that abbreviate by their letters count here, and NOS and NEC of
 * the tabular list.
 */
#include "base/medrec.h"

#include "utils/memutils.h"

#include "search/search.h"
#include "terminology/expansions.h"

/* a description of more words is not expanded */
#define WORDS_MAX		48

/* words of the longest abbreviation ("s p" for s/p) */
#define PHRASE_MAX		3

/* most meanings of one abbreviation, itself included */
#define MEANINGS_MAX	4

/* Some words of the description and what they may stand for. */
typedef struct Stretch
{
	const char *meaning[MEANINGS_MAX];
	int			len[MEANINGS_MAX];
	int			n;
} Stretch;

/* the entries that abbreviate, grouped by first byte */
static const SearchAbbreviation **entries = NULL;
static int	first_entry[257];

static bool Abbreviates(const char *from, const char *to);
static void FillEntries(void);
static int	FindMeanings(const char *word, const char *end, Stretch *stretch);

/*
 * Is it short for the expansion?  It has letters of it in their order, the first
 * in front; a last x stands for the rest (hx, fx).
 */
static bool
Abbreviates(const char *from, const char *to)
{
	const char *f = from;
	const char *t;

	if (strcmp(from, "nos") == 0 || strcmp(from, "nec") == 0)
		return true;
	if (*from != *to || strlen(from) >= strlen(to))
		return false;
	for (t = to; *t && *f; t++)
	{
		if (*f == ' ')
			f++;
		if (*f == *t)
			f++;
	}
	return *f == '\0' || (f - from >= 1 && f[0] == 'x' && f[1] == '\0');
}

/* Sorts the entries by their first byte, once for a backend. */
static void
FillEntries(void)
{
	const SearchAbbreviation **list =
		MemoryContextAlloc(TopMemoryContext,
						   search_default_abbreviation_count * sizeof(SearchAbbreviation *));
	int			n = 0;

	for (int first = 0; first < 256; first++)
	{
		first_entry[first] = n;
		for (int i = 0; i < search_default_abbreviation_count; i++)
		{
			const SearchAbbreviation *a = &search_default_abbreviations[i];

			if ((unsigned char) a->from[0] == first && Abbreviates(a->from, a->to))
				list[n++] = a;
		}
	}
	first_entry[256] = n;
	entries = list;
}

/* Finds what the words from here may stand for; returns the length of these words. */
static int
FindMeanings(const char *word, const char *end, Stretch *stretch)
{
	const char *stop[PHRASE_MAX];
	int			nwords = 0;
	int			first = (unsigned char) *word;

	for (const char *s = word; s < end && nwords < PHRASE_MAX; s++)
		if (s + 1 == end || s[1] == ' ')
			stop[nwords++] = s + 1;

	stretch->n = 0;
	while (nwords-- > 0)
	{
		int			len = (int) (stop[nwords] - word);

		for (int i = first_entry[first]; i < first_entry[first + 1]; i++)
		{
			const SearchAbbreviation *a = entries[i];

			if (strncmp(a->from, word, len) == 0 && a->from[len] == '\0' &&
				stretch->n < MEANINGS_MAX - 1)
			{
				stretch->meaning[stretch->n] = a->to;
				stretch->len[stretch->n++] = strlen(a->to);
			}
		}
		if (stretch->n > 0 || nwords == 0)
		{
			/* or it may be meant literally */
			stretch->meaning[stretch->n] = word;
			stretch->len[stretch->n++] = len;
			return len;
		}
	}
	pg_unreachable();
}

/* Expands the abbreviations of a folded text in all likely ways. */
int
expand_abbreviations(const FoldedTerm *term, FoldedTerm readings[EXPANSIONS_MAX])
{
	Stretch		stretches[WORDS_MAX];
	const char *end = term->text + term->len;
	int			nstretches = 0;
	int			ways = 1;
	int			room = 1;
	int			n = 0;

	if (entries == NULL)
		FillEntries();
	for (const char *s = term->text; s < end; s++)
	{
		Stretch    *stretch = &stretches[nstretches];
		int			widest = 0;

		if (nstretches++ == WORDS_MAX)
			return 0;
		s += FindMeanings(s, end, stretch);
		for (int i = 0; i < stretch->n; i++)
			widest = Max(widest, stretch->len[i]);
		room += widest + 1;
		ways = Min(ways * stretch->n, EXPANSIONS_MAX + 1);
	}

	/* the last one is the text itself */
	for (int way = 0; way < ways - 1 && n < EXPANSIONS_MAX; way++)
	{
		char	   *text = palloc(room);
		int			len = 0;
		int			rest = way;

		for (int i = 0; i < nstretches; i++)
		{
			const Stretch *stretch = &stretches[i];
			int			choice = rest % stretch->n;

			rest /= stretch->n;
			memcpy(text + len, stretch->meaning[choice], stretch->len[choice]);
			len += stretch->len[choice];
			text[len++] = i + 1 < nstretches ? ' ' : '\0';
		}
		term_from_folded(text, len - 1, &readings[n++]);
	}
	return n;
}
