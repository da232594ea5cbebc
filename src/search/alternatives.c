/*
 * alternatives.c
 *		The stems that may stand for one word of a query: itself, other forms of
 *		it, what it begins, what is spelt nearly like it, what it contracts.
 */
#include "search/alternatives.h"

#include "search/bytes.h"
#include "search/spell.h"
#include "search/stem.h"
#include "search/weights.h"

#define PREFIX_WORDS_MAX	300 /* words of the vocabulary looked at */
#define PREFIX_KEEP			10
#define INFLECTIONS_MAX		200 /* words of the vocabulary looked at */
#define ROOTS_MAX			8	/* other forms of a stem */
#define SPELL_KEEP			8
#define SPELL_SEEN			256 /* words that are not compared twice */
#define SPELL_NONE			1000	/* cost where nothing is spelt like it */
#define CONTRACTED_WORDS_MAX 6000	/* words of the vocabulary looked at */
#define CONTRACTED_KEEP		4

/* A word of the vocabulary that may be meant. */
typedef struct Found
{
	uint32_t	word;
	int			cost;
	float		value;
} Found;

/* In how many rows a stem stands. */
uint32_t
stem_rows(const Query *q, uint32_t stem)
{
	return q->im.lists[stem + 1].post_off - q->im.lists[stem].post_off;
}

/* Finds the abbreviations of n words that are written like the text; returns
 * how many. */
int
abbrs_written(const Query *q, const char *text, int len, int n, const ImageAbbr **out, int max)
{
	uint32_t	hash = (uint32_t) search_hash(text, (size_t) len);
	uint32_t	at = q->im.abbrheads[hash & (q->im.h->nabbr - 1)];
	uint32_t	end = q->im.abbrheads[(hash & (q->im.h->nabbr - 1)) + 1];
	int			found = 0;

	for (; at < end && found < max; at++)
	{
		if (q->im.abbrs[at].from_hash == hash && q->im.abbrs[at].nfrom == n)
			out[found++] = &q->im.abbrs[at];
	}
	return found;
}

/* Adds other forms of a stem: what shares its root. */
void
add_roots(Query *q, int qterm, uint32_t stem, float fit)
{
	const uint32_t *roots = q->im.roots + q->im.lists[stem].root_off;
	int			i;

	for (i = 0; i < q->im.stems[stem].root_len && i < ROOTS_MAX; i++)
		query_add_expansion(q, qterm, roots[i], fit, HOW_ROOT);
}

/* Adds words that stand for a word elsewhere in the terms (learn.c). */
static void
add_learned(Query *q, int qterm, const Word *w)
{
	const ImageAbbr *learned[LEARNED_MAX];
	char		text[WORD_MAX + 3];
	int			len = word_stem(w->text, w->len, text + 1) + 1;
	int			n;
	int			i;

	text[0] = LEARNED_MARK;
	n = abbrs_written(q, text, len, 0, learned, LEARNED_MAX);
	for (i = 0; i < n; i++)
		query_add_expansion(q, qterm, q->im.abbrstems[learned[i]->stem_off],
							W.learned_fit + W.learned_slope * (float) learned[i]->weight / 255.0f, HOW_ROOT);
}

/* Looks for an unknown word's stem or root under other inflections; true when
 * its stem is known. */
static bool
add_inflections(Query *q, int qterm, const Word *w)
{
	char		stem[WORD_MAX + 2];
	char		root[WORD_MAX + 2];
	char		other[WORD_MAX + 2];
	char		other_root[WORD_MAX + 2];
	int			slen = word_stem(w->text, w->len, stem);
	int			rlen = word_root(stem, slen, root);
	bool		found = false;
	uint32_t	i;
	int			n;

	if (rlen < W.inflect_root)
		return false;
	i = image_lower_word(&q->im, root, rlen);
	for (n = 0; n < INFLECTIONS_MAX && i < q->im.h->nwords; n++, i++)
	{
		const ImageWord *iw = &q->im.words[i];
		const char *text = q->im.wordtext + iw->text_off;
		int			olen;

		if (iw->len < rlen || memcmp(text, root, (size_t) rlen) != 0)
			break;
		if (iw->len > w->len + W.inflect_longer)
			continue;
		olen = word_stem(text, iw->len, other);
		if (olen == slen && memcmp(stem, other, (size_t) slen) == 0)
		{
			query_add_expansion(q, qterm, iw->stem, W.inflect_fit, HOW_EXACT);
			found = true;
		}
		else if (rlen >= W.inflect_root_alone && word_root(other, olen, other_root) == rlen)
			query_add_expansion(q, qterm, iw->stem, W.inflect_root_fit, HOW_ROOT);
	}
	return found;
}

/* Puts a find into a short list that is kept in order of value. */
static void
keep_best(Found *list, int *n, int max, uint32_t word, int cost, float value)
{
	int			i;

	if (*n == max && list[max - 1].value >= value)
		return;
	i = *n < max ? (*n)++ : max - 1;
	while (i > 0 && list[i - 1].value < value)
	{
		list[i] = list[i - 1];
		i--;
	}
	list[i].word = word;
	list[i].cost = cost;
	list[i].value = value;
}

/* Does the word begin with a digit? */
static bool
is_number(const Word *w)
{
	return w->text[0] >= '0' && w->text[0] <= '9';
}

/* Adds the commonest words that begin with the word; returns how many there are. */
static int
add_prefixes(Query *q, int qterm, const Word *w, float fit)
{
	Found		list[PREFIX_KEEP];
	int			n = 0;
	int			seen;
	uint32_t	i;

	if (w->len < 2 || is_number(w))
		return 0;
	i = image_lower_word(&q->im, w->text, w->len);
	for (seen = 0; seen < PREFIX_WORDS_MAX && i < q->im.h->nwords; seen++, i++)
	{
		const ImageWord *iw = &q->im.words[i];

		if (iw->len < w->len || memcmp(q->im.wordtext + iw->text_off, w->text, w->len) != 0)
			break;
		if (iw->len > w->len)
			keep_best(list, &n, PREFIX_KEEP, i, 0, (float) iw->count);
	}
	for (seen = 0; seen < n; seen++)
	{
		const ImageWord *iw = &q->im.words[list[seen].word];
		float		share = (float) w->len / iw->len;

		/* a common word is meant more often than a rare one */
		if (list[seen].value * (float) W.prefix_rarity < list[0].value)
			break;
		query_add_expansion(q, qterm, iw->stem, fit * (W.prefix_base + W.prefix_slope * share) *
							(seen == 0 ? 1.0f : W.prefix_later), HOW_PREFIX);
	}
	return n;
}

/* How many bits are set. */
static int
count_bits(uint32_t v)
{
	int			n = 0;

	for (; v != 0; v &= v - 1)
		n++;
	return n;
}

/* The search for words that are spelt nearly like one. */
typedef struct Spelling
{
	SpellWord	typed;
	uint32_t	letters;
	int			limit;			/* most that a word may cost, hundredths of an
								 * edit */
	int			best;			/* lowest cost so far */
	uint32_t	seen[SPELL_SEEN];
	Found		list[SPELL_KEEP];
	int			n;
} Spelling;

/* The most that a word may cost by its length. */
static int
spell_limit(int len)
{
	if (len <= 3)
		return W.spell_limit_3;
	if (len == 4)
		return W.spell_limit_4;
	if (len == 5)
		return W.spell_limit_5;
	return len < 9 ? W.spell_limit_8 : W.spell_limit_long;
}

/* What makes a common word likelier than a rare one, in hundredths of an edit. */
static int
spell_bonus(uint32_t count)
{
	if (count > (uint32_t) W.spell_common_1)
		return W.spell_bonus_1;
	if (count > (uint32_t) W.spell_common_2)
		return W.spell_bonus_2;
	return count > (uint32_t) W.spell_common_3 ? W.spell_bonus_3 : 0;
}

/* Can a word be the one that was typed, by its length and letters? */
static inline bool
may_be_typed(const Spelling *s, const ImageWord *iw)
{
	return iw->len + SPELL_BAND >= s->typed.len &&
		count_bits(s->letters & ~iw->letters) <= W.spell_letters;
}

/* Compares a word with the one that was typed. */
static inline void
compare_spelling(Query *q, Spelling *s, uint32_t word)
{
	const ImageWord *iw = &q->im.words[word];
	bool		whole = iw->len <= s->typed.len + SPELL_BAND;	/* else its beginning */
	int			longer = whole ? 0 : W.spell_longer;
	int			most = whole ? s->limit : W.spell_limit_prefix;
	int			cost;

	if (!whole && s->typed.len < W.spell_prefix_letters)
		return;
	if (most > s->best + W.spell_worse - longer)
		most = s->best + W.spell_worse - longer;
	cost = spell_cost(&s->typed, q->im.wordtext + iw->text_off, iw->len, most, !whole);
	if (cost > most || cost == 0)
		return;
	cost += longer;
	if (cost < s->best)
		s->best = cost;
	keep_best(s->list, &s->n, SPELL_KEEP, word, cost, -(float) cost + (float) spell_bonus(iw->count));
}

/* Compares the words that share a key with the one that was typed. */
static void
compare_bucket(Query *q, Spelling *s, uint32_t key)
{
	const uint32_t *head = q->im.spellheads + spell_bucket(q->im.spellregions, key);
	uint32_t	at;

	for (at = head[0]; at < head[1]; at++)
	{
		uint32_t	word = q->im.spellids[at];

		if (s->seen[word & (SPELL_SEEN - 1)] == word)
			continue;
		s->seen[word & (SPELL_SEEN - 1)] = word;
		if (!may_be_typed(s, &q->im.words[word]))
			continue;
		if (--q->budget < 0)
			break;
		compare_spelling(q, s, word);
	}
}

/* Adds words that are spelt nearly like it, up to a limit in hundredths of an
 * edit; returns the lowest cost. */
static int
add_spellings(Query *q, int qterm, const Word *w, int limit)
{
	uint32_t	keys[SPELL_MAX_KEYS];
	Spelling	s;
	int			nkeys;
	int			i;

	if (w->len < 3 || is_number(w))
		return SPELL_NONE;
	s.letters = spell_letters(w->text, w->len);
	s.limit = spell_limit(w->len);
	if (s.limit > limit)
		s.limit = limit;
	s.best = SPELL_NONE;
	s.n = 0;
	memset(s.seen, 0xFF, sizeof(s.seen));
	spell_word(w->text, w->len, &s.typed);
	nkeys = spell_keys(w->text, w->len, s.limit > W.spell_limit_begun ? 2 : 1, keys);

	/*
	 * the keys with all letters first: what they bring leaves less to look
	 * for
	 */
	for (i = 0; i < nkeys; i++)
		compare_bucket(q, &s, keys[i]);
	for (i = 0; i < s.n; i++)
	{
		int			cost = s.list[i].cost;

		if (cost <= s.best + W.spell_worse)
			query_add_expansion(q, qterm, q->im.words[s.list[i].word].stem,
								1.0f - (float) cost / W.spell_fit_cost -
								(cost > s.best + W.spell_second_gap ? W.spell_second : 0), HOW_SPELL);
	}
	return s.n > 0 ? s.best : SPELL_NONE;
}

/* Adds words whose letters the word keeps in order: nonprlf, rtnop. */
static void
add_contractions(Query *q, int qterm, const Word *w)
{
	Found		list[CONTRACTED_KEEP];
	int			n = 0;
	int			k;
	uint32_t	i;
	int			seen;

	if (w->len < 3 || w->len > W.contract_letters || w->text[0] < 'a' || w->text[0] > 'z')
		return;
	i = image_lower_word(&q->im, w->text, 1);
	for (seen = 0; seen < CONTRACTED_WORDS_MAX && i < q->im.h->nwords; seen++, i++)
	{
		const ImageWord *iw = &q->im.words[i];
		const char *text = q->im.wordtext + iw->text_off;

		if (text[0] != w->text[0])
			break;
		if (iw->len > w->len + 1 && iw->len <= w->len * W.contract_times && iw->count >= (uint32_t) W.contract_count &&
			word_contracts(w->text, w->len, text, iw->len))
			keep_best(list, &n, CONTRACTED_KEEP, i, 0, (float) iw->count * (float) w->len / iw->len);
	}
	for (k = 0; k < n; k++)
		query_add_expansion(q, qterm, q->im.words[list[k].word].stem, W.contract_fit - W.contract_step * (float) k,
							HOW_PREFIX);
}

/* Where to cut a word into two known ones, the commoner the rarer of them the
 * better; 0 for nowhere. */
static int
find_cut(const Query *q, const Word *w)
{
	uint32_t	best_count = (uint32_t) W.halves_count;
	int			best = 0;
	int			cut;

	for (cut = 3; cut <= w->len - 2; cut++)
	{
		uint32_t	a = image_find_word(&q->im, w->text, cut);
		uint32_t	b = a == UINT32_MAX ? a : image_find_word(&q->im, w->text + cut, w->len - cut);
		uint32_t	least;

		if (b == UINT32_MAX)
			continue;
		least = q->im.words[a].count < q->im.words[b].count ? q->im.words[a].count : q->im.words[b].count;
		if (least > best_count)
		{
			best_count = least;
			best = cut;
		}
	}
	return best;
}

/* Adds the two halves of words that were run together. */
static bool
add_halves(Query *q, int qterm, const Word *w)
{
	int			cut = w->len < W.halves_letters ? 0 : find_cut(q, w);
	int			other;

	if (cut == 0)
		return false;
	query_add_expansion(q, qterm, q->im.words[image_find_word(&q->im, w->text, cut)].stem, W.halves_fit, HOW_JOIN);
	other = query_add_term(q, q->qterms[qterm].word);
	if (other >= 0)
		query_add_expansion(q, other, q->im.words[image_find_word(&q->im, w->text + cut, w->len - cut)].stem,
							W.halves_fit, HOW_JOIN);
	return true;
}

/* What is known of a word when its beginnings are looked for. */
typedef struct WordState
{
	bool		typing;			/* it is still being typed */
	bool		known;			/* the vocabulary has it */
	bool		abbreviated;	/* it is an abbreviation */
	bool		decides;		/* it is a side, an encounter or the like */
} WordState;

/* How well a word fits that the given one begins; 0 for not at all. */
static float
prefix_fit(const Query *q, const Word *w, const WordState *s)
{
	if (s->typing)
		return s->known || s->abbreviated ? W.prefix_typing_known : 1.0f;
	if (s->abbreviated)
		return w->len >= 3 && !s->decides ? W.prefix_abbreviation : 0;
	if (!s->known)
		return W.prefix_unknown;
	if ((q->req->flags & SEARCH_PREFIX) != 0 && w->len <= W.prefix_typed_letters)
		return W.prefix_typed;
	return w->len <= W.prefix_short_letters ? W.prefix_short : 0;
}

/* Adds a word's own stem and other forms of it; true when it is known. */
static bool
add_forms(Query *q, int qterm, const Word *w, uint32_t word)
{
	uint32_t	stem;

	if (word == UINT32_MAX)
		return add_inflections(q, qterm, w);
	stem = q->im.words[word].stem;
	query_add_expansion(q, qterm, stem, 1.0f, HOW_EXACT);
	if (w->len >= W.root_word_letters)
		add_roots(q, qterm, stem, W.root_fit);
	add_learned(q, qterm, w);
	return stem_rows(q, stem) > 0;
}

/* Gives a query term what one word may mean, abbreviations aside. */
void
expand_word(Query *q, int qterm, const Word *w, bool last, bool abbreviated)
{
	uint32_t	word = image_find_word(&q->im, w->text, w->len);
	int			limit = W.spell_limit_long;
	float		fit;
	WordState	s;

	s.typing = last && (q->req->flags & SEARCH_PREFIX) != 0;
	s.decides = word != UINT32_MAX && q->im.stems[q->im.words[word].stem].class != CLASS_NONE;
	s.abbreviated = abbreviated;
	s.known = add_forms(q, qterm, w, word);
	fit = prefix_fit(q, w, &s);
	/* what begins a word is hardly another one with two errors */
	if (fit > 0 && add_prefixes(q, qterm, w, fit) > 0 && !s.typing)
		limit = W.spell_limit_begun;
	if (s.known || abbreviated)
		return;
	if (add_spellings(q, qterm, w, limit) > W.halves_cost && !add_halves(q, qterm, w) &&
		q->qterms[qterm].nexpansions == 0)
		add_contractions(q, qterm, w);
}
