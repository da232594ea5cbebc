/*
 * expand.c
 *		From the words of a query to the stems that may stand for them.
 */
#include <math.h>

#include "query.h"

#define PREFIX_WORDS_MAX	300		/* words of the vocabulary looked at */
#define PREFIX_KEEP			10
#define SPELL_KEEP			8
#define SPELL_COST_MAX		260		/* hundredths of an edit */
#define SPELL_ONE			130		/* one slip */
#define SPELL_WORSE			90		/* than the best, in hundredths of an edit */
#define SPELL_LONGER		60		/* what it costs that the word goes on */
#define SPELL_BUDGET		6000	/* comparisons of spelling in one query */
#define UNKNOWN_WEIGHT		0.5f
#define LEARNED_FIT		0.55f	/* of a word that stands for another in some terms */
#define LEARNED_SLOPE	0.4f	/* more of it, the oftener it does */
#define OPTIONAL_SHARE		0.25f	/* of a word that is welcome, not asked for */

typedef struct Found
{
	uint32_t	word;
	int			cost;
	float		value;
} Found;

/* Adds a stem to a slot; the better fit stays. */
static void
add_alt(Query *q, int slot, uint32_t stem, float fit, AltHow how)
{
	Slot	   *s = &q->slots[slot];
	int			i;

	if (stem == UINT32_MAX)
		return;
	for (i = 0; i < s->nalts; i++)
	{
		Alt		   *a = &q->alts[s->first_alt + i];

		if (a->stem == stem)
		{
			if (fit > a->fit)
			{
				a->fit = fit;
				a->how = (uint8_t) how;
			}
			return;
		}
	}
	if (s->nalts < SLOT_ALTS_MAX)
	{
		Alt		   *a = &q->alts[s->first_alt + s->nalts++];

		a->stem = stem;
		a->fit = fit;
		a->how = (uint8_t) how;
		a->slot = (uint8_t) slot;
	}
}

/* A new slot for a word; -1 when there are too many. */
static int
add_slot(Query *q, int word)
{
	Slot	   *s;

	if (q->nslots >= SLOTS_MAX)
		return -1;
	s = &q->slots[q->nslots];
	memset(s, 0, sizeof(*s));
	s->first_alt = (uint16_t) (q->nslots * SLOT_ALTS_MAX);
	s->word = (uint8_t) word;
	s->breaks = (q->words[word].flags & WORD_BREAK) != 0;
	return q->nslots++;
}

/* In how many rows a stem stands. */
static uint32_t
stem_rows(const Query *q, uint32_t stem)
{
	return q->im.lists[stem + 1].post_off - q->im.lists[stem].post_off;
}

/* Adds other forms of a stem: what shares its root. */
static void
add_roots(Query *q, int slot, uint32_t stem, float fit)
{
	const uint32_t *roots = q->im.roots + q->im.lists[stem].root_off;
	int			i;

	for (i = 0; i < q->im.stems[stem].root_len && i < 8; i++)
		add_alt(q, slot, roots[i], fit, HOW_ROOT);
}

/* Finds the abbreviations of n words that are written like the text; returns
 * how many. */
static int
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

/* Adds words that stand for a word elsewhere in the terms (learn.c). */
static void
add_learned(Query *q, int slot, const Word *w)
{
	const ImageAbbr *learned[LEARNED_MAX];
	char		text[WORD_MAX + 3];
	int			len = word_stem(w->text, w->len, text + 1) + 1;
	int			n;
	int			i;

	text[0] = LEARNED_MARK;
	n = abbrs_written(q, text, len, 0, learned, LEARNED_MAX);
	for (i = 0; i < n; i++)
		add_alt(q, slot, q->im.abbrstems[learned[i]->stem_off],
				LEARNED_FIT + LEARNED_SLOPE * (float) learned[i]->weight / 255.0f, HOW_ROOT);
}

/* Looks for an unknown word's stem or root under other inflections. */
static bool
add_inflections(Query *q, int slot, const Word *w)
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

	if (rlen < 4)
		return false;
	i = image_lower_word(&q->im, root, rlen);
	for (n = 0; n < 200 && i < q->im.h->nwords; n++, i++)
	{
		const ImageWord *iw = &q->im.words[i];
		const char *text = q->im.wordtext + iw->text_off;
		int			olen;

		if (iw->len < rlen || memcmp(text, root, (size_t) rlen) != 0)
			break;
		if (iw->len > w->len + 6)
			continue;
		olen = word_stem(text, iw->len, other);
		if (olen == slen && memcmp(stem, other, (size_t) slen) == 0)
		{
			add_alt(q, slot, iw->stem, 0.98f, HOW_EXACT);
			found = true;
		}
		else if (word_root(other, olen, other_root) == rlen && rlen >= 5)
			add_alt(q, slot, iw->stem, 0.8f, HOW_ROOT);
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

/* Adds the commonest words that begin with the word. */
static int
add_prefixes(Query *q, int slot, const Word *w, float fit)
{
	Found		list[PREFIX_KEEP];
	int			n = 0;
	int			seen;
	uint32_t	i;

	if (w->len < 2 || (w->text[0] >= '0' && w->text[0] <= '9'))
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
		if (list[seen].value * 200 < list[0].value)
			break;
		add_alt(q, slot, iw->stem, fit * (0.75f + 0.25f * share) * (seen == 0 ? 1.0f : 0.96f), HOW_PREFIX);
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

/* Adds words that are spelt nearly like it, up to a limit in hundredths of an
 * edit; returns the lowest cost. */
static int
add_spellings(Query *q, int slot, const Word *w, float fit, int limit)
{
	uint32_t	keys[SPELL_MAX_KEYS];
	uint32_t	seen[256];
	Found		list[SPELL_KEEP];
	SpellWord	typed;
	uint32_t	letters = spell_letters(w->text, w->len);
	int			usual = w->len <= 3 ? 80 : w->len == 4 ? 110 : w->len == 5 ? 140 : w->len < 9 ? 210 : 260;
	int			best = 1000;
	int			n = 0;
	int			nkeys;
	int			k;
	int			i;

	if (w->len < 3 || (w->text[0] >= '0' && w->text[0] <= '9'))
		return best;
	if (limit > usual)
		limit = usual;
	memset(seen, 0xFF, sizeof(seen));
	spell_word(w->text, w->len, &typed);
	nkeys = spell_keys(w->text, w->len, limit > SPELL_ONE ? 2 : 1, keys);
	/* the keys with all letters first: what they bring leaves less to look for */
	for (k = 0; k < nkeys; k++)
	{
		const uint32_t *head = q->im.spellheads + spell_bucket(q->im.spellregions, keys[k]);
		uint32_t	at = head[0];
		uint32_t	end = head[1];

		for (; at < end; at++)
		{
			uint32_t	id = q->im.spellids[at];
			const ImageWord *iw = &q->im.words[id];
			int			cost;
			int			most;
			bool		whole;

			if (seen[id & 255] == id)
				continue;
			seen[id & 255] = id;
			if (iw->len + 3 < w->len || iw->text_off == UINT32_MAX ||
				count_bits(letters & ~iw->letters) > 3)
				continue;
			if (--q->budget < 0)
				break;
			whole = iw->len <= w->len + 3;
			if (!whole && w->len < 5)
				continue;
			most = whole ? limit : 110;
			if (most > best + SPELL_WORSE - (whole ? 0 : SPELL_LONGER))
				most = best + SPELL_WORSE - (whole ? 0 : SPELL_LONGER);
			cost = spell_cost(&typed, q->im.wordtext + iw->text_off, iw->len, most, !whole);
			if (cost > most || cost == 0)
				continue;
			if (!whole)
				cost += SPELL_LONGER;
			if (cost < best)
				best = cost;
			keep_best(list, &n, SPELL_KEEP, id, cost,
					  -(float) cost + (iw->count > 1000 ? 30 : iw->count > 100 ? 22 : iw->count > 10 ? 12 : 0));
		}
	}
	for (i = 0; i < n; i++)
	{
		if (list[i].cost <= best + SPELL_WORSE)
			add_alt(q, slot, q->im.words[list[i].word].stem,
					fit * (1.0f - (float) list[i].cost / 500.0f) - (list[i].cost > best + 20 ? 0.05f : 0), HOW_SPELL);
	}
	return n > 0 ? best : 1000;
}

/* Adds words whose letters the word keeps in order: nonprlf, rtnop. */
static void
add_contractions(Query *q, int slot, const Word *w)
{
	Found		list[4];
	int			n = 0;
	int			k;
	uint32_t	i;
	int			seen;

	if (w->len < 3 || w->len > 12 || w->text[0] < 'a' || w->text[0] > 'z')
		return;
	i = image_lower_word(&q->im, w->text, 1);
	for (seen = 0; seen < 6000 && i < q->im.h->nwords; seen++, i++)
	{
		const ImageWord *iw = &q->im.words[i];
		const char *text = q->im.wordtext + iw->text_off;
		int			at = 1;

		if (text[0] != w->text[0])
			break;
		if (iw->len <= w->len + 1 || iw->len > w->len * 4 || iw->count < 3)
			continue;
		for (k = 1; k < iw->len && at < w->len; k++)
		{
			if (text[k] == w->text[at])
				at++;
		}
		if (at == w->len)
			keep_best(list, &n, 4, i, 0, (float) iw->count * (float) w->len / iw->len);
	}
	for (k = 0; k < n; k++)
		add_alt(q, slot, q->im.words[list[k].word].stem, 0.6f - 0.03f * (float) k, HOW_PREFIX);
}

/* Adds the two halves of words that were run together. */
static bool
add_halves(Query *q, int slot, const Word *w)
{
	int			cut;
	int			best = 0;
	uint32_t	best_count = 2;
	int			other;

	if (w->len < 6)
		return false;
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
	if (best == 0)
		return false;
	add_alt(q, slot, q->im.words[image_find_word(&q->im, w->text, best)].stem, 0.95f, HOW_JOIN);
	other = add_slot(q, q->slots[slot].word);
	if (other >= 0)
		add_alt(q, other, q->im.words[image_find_word(&q->im, w->text + best, w->len - best)].stem, 0.95f, HOW_JOIN);
	return true;
}

/* Fills a slot with what one word may mean, abbreviations aside. */
static void
fill_slot(Query *q, int slot, const Word *w, bool last, bool fuzzy, bool abbreviated)
{
	uint32_t	word = image_find_word(&q->im, w->text, w->len);
	bool		typing = last && (q->req->flags & SEARCH_PREFIX) != 0;
	bool		known = word != UINT32_MAX;
	int			limit = SPELL_COST_MAX;
	bool		decides = known && q->im.stems[q->im.words[word].stem].class != 0;
	int			cost;

	if (known)
	{
		add_alt(q, slot, q->im.words[word].stem, 1.0f, HOW_EXACT);
		if (w->len >= 5)
			add_roots(q, slot, q->im.words[word].stem, 0.85f);
		add_learned(q, slot, w);
		known = stem_rows(q, q->im.words[word].stem) > 0;
	}
	else if (add_inflections(q, slot, w))
		known = true;
	q->slots[slot].known = known;
	if (typing)
		add_prefixes(q, slot, w, known || abbreviated ? 0.9f : 1.0f);
	else if (abbreviated)
	{
		if (w->len >= 3 && !decides)
			add_prefixes(q, slot, w, 0.75f);
	}
	else if (!known)
	{
		/* what begins a word is hardly another one with two slips */
		if (add_prefixes(q, slot, w, 0.95f) > 0)
			limit = SPELL_ONE;
	}
	else if ((q->req->flags & SEARCH_PREFIX) != 0 && w->len <= 6)
		add_prefixes(q, slot, w, 0.8f);
	else if (w->len <= 4)
		add_prefixes(q, slot, w, 0.6f);
	if ((!known && !abbreviated) || (fuzzy && w->len >= 4))
	{
		cost = add_spellings(q, slot, w, known ? 0.85f : 1.0f, limit);
		if (!known && cost > 75 && !add_halves(q, slot, w) && q->slots[slot].nalts == 0)
			add_contractions(q, slot, w);
	}
}

/* Finds the abbreviations that n words from pos on make; returns how many. */
static int
find_abbrs(Query *q, int pos, int n, const ImageAbbr **out, int max)
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
	return abbrs_written(q, text, len, n, out, max);
}

/* Adds the words that a further meaning of an abbreviation has beyond the
 * first one's, where it has all of those: they are welcome, not asked for. */
static bool
add_usual(Query *q, int pos, const ImageAbbr *first, const ImageAbbr *other)
{
	const uint32_t *a = q->im.abbrstems + first->stem_off;
	const uint32_t *b = q->im.abbrstems + other->stem_off;
	int			i;
	int			j;
	int			slot;

	for (i = 0; i < first->nto; i++)
	{
		for (j = 0; j < other->nto && b[j] != a[i];)
			j++;
		if (j == other->nto)
			return false;
	}
	for (j = 0; j < other->nto; j++)
	{
		for (i = 0; i < first->nto && b[j] != a[i];)
			i++;
		slot = i < first->nto ? -1 : add_slot(q, pos);
		if (slot < 0)
			continue;
		q->slots[slot].optional = true;
		q->slots[slot].known = true;
		q->slots[slot].breaks = false;
		add_alt(q, slot, b[j], 1.0f, HOW_ABBR);
	}
	return true;
}

/* Makes the slots for the words from pos on; returns how many words it took. */
static int
take_words(Query *q, int pos, bool fuzzy)
{
	const ImageAbbr *abbrs[6];
	int			nabbrs = 0;
	int			n;
	int			i;
	int			j;
	int			nslots = 1;
	int			first = q->nslots;
	bool		last;
	float		fit;

	/* short titles say 7thD for what the seventh character D means */
	if (q->words[pos].len == 4 && memcmp(q->words[pos].text, "7th", 3) == 0)
	{
		i = add_slot(q, pos);
		if (i >= 0)
			q->slots[i].seventh = (char) (q->words[pos].text[3] - 32);
		return 1;
	}
	for (n = q->nwords - pos < MAX_FROM_WORDS ? q->nwords - pos : MAX_FROM_WORDS; n >= 1; n--)
	{
		nabbrs = find_abbrs(q, pos, n, abbrs, 6);
		if (nabbrs > 0)
			break;
	}
	if (n < 1)
		n = 1;
	last = pos + n == q->nwords;
	for (i = 0; i < nabbrs; i++)
	{
		/* the first meaning says how many slots; longer ones are cut */
		if (i == 0 && abbrs[i]->nto > nslots)
			nslots = abbrs[i]->nto;
	}
	for (i = 0; i < nslots; i++)
	{
		int			slot = add_slot(q, pos);

		if (slot < 0)
			return n;
		if (i > 0)
			q->slots[slot].breaks = false;
		q->slots[slot].known = nabbrs > 0;
	}
	for (i = 0; i < nabbrs; i++)
	{
		if (i > 0 && abbrs[i]->nto > abbrs[0]->nto && add_usual(q, pos, abbrs[0], abbrs[i]))
			continue;
		fit = (float) abbrs[i]->weight / 255.0f - 0.05f * (float) i;
		if (fit < 0.6f)
			fit = 0.6f;
		for (j = 0; j < abbrs[i]->nto && j < nslots; j++)
			add_alt(q, first + j, q->im.abbrstems[abbrs[i]->stem_off + j], fit, HOW_ABBR);
	}
	/* the words themselves, spread over the slots */
	for (i = 0; i < n; i++)
	{
		const Word *w = &q->words[pos + i];
		bool		known;

		if (nabbrs == 0 || (n == 1 && nslots == 1))
		{
			fill_slot(q, first, w, last, fuzzy, nabbrs > 0);
			continue;
		}
		{
			uint32_t	word = image_find_word(&q->im, w->text, w->len);

			known = word != UINT32_MAX;
			for (j = 0; known && j < nslots; j++)
			{
				if (n == 1 || j == i || (j == nslots - 1 && i >= nslots))
					add_alt(q, first + j, q->im.words[word].stem, n > nslots ? 0.6f : 1.0f, HOW_EXACT);
			}
		}
	}
	if (nabbrs > 0 && n == 1)
	{
		for (i = 0; i < nslots; i++)
		{
			if (q->slots[first + i].nalts > 0)
				add_roots(q, first + i, q->alts[q->slots[first + i].first_alt].stem, 0.8f);
		}
	}
	return n;
}

/* Lets two words that are one in the vocabulary stand for it (frac ture). */
static void
join_words(Query *q)
{
	int			i;
	int			s;
	char		text[WORD_MAX + 1];

	for (i = 0; i + 1 < q->nwords; i++)
	{
		const Word *a = &q->words[i];
		const Word *b = &q->words[i + 1];
		uint32_t	word;

		if (a->len + b->len > WORD_MAX || a->len + b->len < 5 || (b->text[0] >= '0' && b->text[0] <= '9'))
			continue;
		memcpy(text, a->text, a->len);
		memcpy(text + a->len, b->text, b->len);
		text[a->len + b->len] = '\0';
		word = image_find_word(&q->im, text, a->len + b->len);
		if (word == UINT32_MAX)
			continue;
		for (s = 0; s < q->nslots; s++)
		{
			if (q->slots[s].word == i || q->slots[s].word == i + 1)
				add_alt(q, s, q->im.words[word].stem, 0.96f, HOW_JOIN);
		}
	}
}

/* Does an earlier slot ask for the very same? */
static bool
is_repeated(const Query *q, int slot)
{
	const Slot *s = &q->slots[slot];
	int			i;

	for (i = 0; i < slot; i++)
	{
		const Slot *o = &q->slots[i];

		if (o->nalts > 0 && s->nalts > 0 && q->alts[o->first_alt].stem == q->alts[s->first_alt].stem &&
			o->weight > 0)
			return true;
		if (o->nalts == 0 && s->nalts == 0 && o->word != s->word && !s->seventh &&
			strcmp(q->words[o->word].text, q->words[s->word].text) == 0)
			return true;
	}
	return false;
}

/* Makes one slot of neighbouring forms of one word: "splenomegaly,
 * splenomegalia", as indexes have them. */
static void
merge_forms(Query *q)
{
	int			i;
	int			j;

	for (i = 1; i < q->nslots; i++)
	{
		Slot	   *s = &q->slots[i];
		Slot	   *o = &q->slots[i - 1];
		const Word *a = &q->words[o->word];
		const Word *b = &q->words[s->word];

		if (s->word == o->word || s->seventh || o->seventh || !words_akin(a->text, a->len, b->text, b->len, 4))
			continue;
		for (j = 0; j < o->nalts; j++)
			add_alt(q, i, q->alts[o->first_alt + j].stem, q->alts[o->first_alt + j].fit,
					(AltHow) q->alts[o->first_alt + j].how);
		/* they stand where the first does: what denies it denies them */
		s->breaks = o->breaks;
		o->nalts = 0;
		o->merged = true;
	}
}

/* Weighs the slots, finds denials and sides, and indexes the alternatives. */
static void
finish_slots(Query *q)
{
	int			i;
	int			j;
	int			denied = 0;

	memset(q->buckets, 0xFF, sizeof(q->buckets));
	memset(q->asked, 0, sizeof(q->asked));
	q->total = q->total_rare = 0;
	for (i = 0; i < q->nslots; i++)
	{
		Slot	   *s = &q->slots[i];
		float		best = 0;
		bool		negates = false;
		bool		affirms = false;
		bool		decides = false;
		bool		empty = false;
		uint32_t	guessed = 0;
		uint32_t	meant = 0;

		s->weight = s->nalts == 0 || s->seventh ? UNKNOWN_WEIGHT : 0;
		for (j = 0; j < s->nalts; j++)
		{
			if (q->alts[s->first_alt + j].fit > best)
				best = q->alts[s->first_alt + j].fit;
		}
		for (j = 0; j < s->nalts; j++)
		{
			Alt		   *a = &q->alts[s->first_alt + j];
			const ImageStem *st = &q->im.stems[a->stem];
			uint16_t   *bucket = &q->buckets[a->stem & (ALT_BUCKETS - 1)];

			a->next = *bucket;
			*bucket = (uint16_t) (s->first_alt + j);
			if (a->fit < best - 0.1f)
				continue;
			if (a->how == HOW_PREFIX || a->how == HOW_SPELL)
				guessed += stem_rows(q, a->stem);
			else
				meant += stem_rows(q, a->stem);
			negates |= st->polarity == 1 && a->fit >= best - 0.07f;
			affirms |= st->polarity == 2 && a->fit >= best - 0.07f;
			if (s->optional)
				continue;
			if (st->class != 0 && a->fit >= best - 0.07f)
			{
				q->asked[st->class] |= 1u << st->value;
				decides = true;
				empty |= st->class == CLASS_UNSPECIFIED && a->fit == best;
			}
		}
		/* what may be many words is as common as all of them together */
		if (meant == 0)
			meant = guessed;
		if (meant > 0 && s->weight == 0)
			s->weight = (float) (log(((double) q->im.h->nrows + 2) / ((double) meant + 1)) /
								 log((double) q->im.h->nrows + 2));
		if (empty)
			s->weight *= 0.4f;
		if (s->optional)
			s->weight *= OPTIONAL_SHARE;
		if (s->weight < 0.02f)
			s->weight = 0.02f;
		if (s->merged || is_repeated(q, i))
			s->weight = 0;
		/* what is denied among the welcome words is not so among those asked for */
		if (affirms || s->breaks || (i > 0 && q->slots[i - 1].optional && !s->optional))
			denied = 0;
		s->denied = denied > 0 && !decides;
		if (denied > 0)
			denied--;
		if (negates)
			denied = 3;
		q->total += s->weight;
		q->total_rare += s->weight * s->weight;
	}
}

/* Reads a description into words and slots; all_fuzzy also doubts words that
 * are in the vocabulary. */
void
expand_query(Query *q, const char *text, size_t len, bool all_fuzzy, bool *truncated)
{
	WordScan	scan;
	Word		word;
	int			pos = 0;

	q->nwords = q->nslots = 0;
	q->budget = SPELL_BUDGET;
	if (len > SEARCH_DISPLAY_MAX)
	{
		len = SEARCH_DISPLAY_MAX;
		*truncated = true;
	}
	word_scan_start(&scan, text, len);
	while (word_scan_next(&scan, &word))
	{
		if (q->nwords >= SEARCH_WORDS_MAX)
		{
			*truncated = true;
			break;
		}
		q->words[q->nwords++] = word;
	}
	while (pos < q->nwords)
	{
		pos += take_words(q, pos, all_fuzzy);
		query_tick(q);
	}
	join_words(q);
	merge_forms(q);
	finish_slots(q);
}
