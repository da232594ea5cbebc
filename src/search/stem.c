/*
 * stem.c
 *		From folded words to stems and roots, and which words are forms of one.
 */
#include "search/stem.h"

#include <string.h>

#include "search/weights.h"

/* What becomes of a suffix. */
typedef struct SuffixRule
{
	const char *suffix;
	int			least;			/* letters before it */
	int			cut;			/* letters off the end */
	int			at;				/* then the letter that is replaced, from the
								 * end; 0 for none */
	char		put;			/* by this one */
} SuffixRule;

/* Plurals; the first that fits counts. */
static const SuffixRule plurals[] = {
	{"itides", 2, 3, 1, 's'}, {"ies", 2, 2, 1, 'y'}, {"oses", 2, 0, 2, 'i'}, {"yses", 2, 0, 2, 'i'},
	{"sses", 1, 2, 0, 0}, {"xes", 2, 2, 0, 0}, {"ches", 2, 2, 0, 0}, {"shes", 2, 2, 0, 0},
	{NULL, 0, 0, 0, 0}
};

/* Participles of verbs in -y. */
static const SuffixRule ied[] = {{"ied", 3, 2, 1, 'y'}, {NULL, 0, 0, 0, 0}};

/* Adverbs. */
static const SuffixRule adverbs[] = {{"ally", 4, 2, 0, 0}, {"ly", 5, 2, 0, 0}, {NULL, 0, 0, 0, 0}};

/* Endings that a root is without, the longer ones first. */
static const char *const root_endings[] = {
	"atory", "ation", "ative", "ical", "ency", "ence", "ance", "itic", "ious", "eous",
	"ient", "ion", "ive", "ity", "ism", "ant", "ent", "ial", "eal", "ary", "ory", "ous",
	"enc", "anc", "ic", "al", "ar", "ia", "us", "um", "is", "es", "on", "or", "er", "y", "a",
	"at", "i", "o", NULL
};

/* Does the word end in the suffix and have at least so many letters before it? */
bool
word_ends_in(const char *word, int len, const char *suffix, int least)
{
	int			n = (int) strlen(suffix);

	return len >= n + least && memcmp(word + len - n, suffix, (size_t) n) == 0;
}

/* Applies the first rule that fits; false where none does. */
static bool
apply_suffix(const SuffixRule *rule, char *word, int *len)
{
	for (; rule->suffix != NULL; rule++)
	{
		if (!word_ends_in(word, *len, rule->suffix, rule->least))
			continue;
		*len -= rule->cut;
		if (rule->at > 0)
			word[*len - rule->at] = rule->put;
		return true;
	}
	return false;
}

/* Takes -ed and -ing off, and one of two equal letters before it; false where
 * there is neither. */
static bool
cut_participle(char *word, int *len)
{
	int			n = *len;

	if (word_ends_in(word, n, "ing", 4))
		n -= 3;
	else if (word_ends_in(word, n, "ed", 4) && !word_ends_in(word, n, "eed", 1))
		n -= 2;
	else
		return false;
	if (word[n - 1] == word[n - 2] && strchr("bdgmnprt", word[n - 1]) != NULL)
		n--;
	*len = n;
	return true;
}

/* Takes the inflection off a folded word; returns the stem's length. */
int
word_stem(const char *word, int len, char *out)
{
	memcpy(out, word, (size_t) len + 1);
	if (len < 4 || (unsigned char) word[len - 1] >= 0x80)
		return len;
	if (out[len - 1] == 's' && out[len - 2] != 's')
	{
		if (!apply_suffix(plurals, out, &len) && out[len - 2] != 'u' && out[len - 2] != 'i')
			len--;
	}
	else if (!apply_suffix(ied, out, &len) && !cut_participle(out, &len))
		apply_suffix(adverbs, out, &len);
	if (len >= 5 && out[len - 1] == 'e')
		len--;
	out[len] = '\0';
	return len;
}

/* Takes the ending off a stem, so that diabetes and diabetic meet; returns the
 * root's length. */
int
word_root(const char *stem, int len, char *out)
{
	int			i;

	memcpy(out, stem, (size_t) len + 1);
	for (i = 0; root_endings[i] != NULL; i++)
	{
		if (word_ends_in(stem, len, root_endings[i], W.root_letters))
		{
			len -= (int) strlen(root_endings[i]);
			break;
		}
	}
	out[len] = '\0';
	return len;
}

/* Are two words forms of one: the same for their first letters and for half of
 * the longer one? */
bool
words_akin(const char *a, int alen, const char *b, int blen)
{
	int			n = 0;

	while (n < alen && n < blen && a[n] == b[n])
		n++;
	return n >= W.akin_letters && n * 2 >= (alen > blen ? alen : blen);
}

/* Does the longer word have the letters of the shorter one in order, the first
 * in front: "rtnop", "retinopathy"? */
bool
word_contracts(const char *s, int slen, const char *l, int llen)
{
	int			i;
	int			at = 0;

	if (slen < 2 || llen <= slen || s[0] != l[0])
		return false;
	for (i = 0; i < llen && at < slen; i++)
	{
		if (l[i] == s[at])
			at++;
	}
	return at == slen;
}
