/*
 * layout.c
 *		From what the builder gathered to the flat image.
 */
#include <math.h>
#include <string.h>

#include "search/builder.h"
#include "search/bytes.h"
#include "search/learn.h"
#include "search/spell.h"
#include "search/stem.h"
#include "search/vocabulary.h"
#include "search/weights.h"

#define IMPACT_BASE		0.01f	/* beside a term's weight, so that a term
								 * without weight can be divided by */

typedef struct Layout
{
	SearchBuilder *b;
	ImageHeader head;
	char	   *image;
	uint32_t   *row_order;		/* new place -> builder's row */
	uint32_t   *word_order;		/* new place -> builder's word */
	uint32_t   *stem_order;
	uint32_t   *stem_place;
	uint32_t   *root_order;		/* stems by root */
	uint64_t   *root_hash;		/* by builder's stem */
	uint32_t	nroots;
	uint64_t	npost;
	uint64_t	token_bytes;
	uint64_t	code_bytes;		/* of codes and long keys */
	uint32_t	nspellids;
	uint32_t	spellregions[SPELL_REGIONS + 1];	/* first bucket of each */
	uint32_t	nabbrstems;
	uint32_t	word_bytes;
} Layout;

/* Orders rows by system, key and first day. */
static int
order_by_key(SearchBuilder *b, uint32_t x, uint32_t y)
{
	const BuildRow *p = ROW(b, x);
	const BuildRow *q = ROW(b, y);
	int			c = p->code.system - q->code.system;

	if (c == 0)
		c = strcmp(p->key, q->key);
	if (c == 0)
		c = p->code.valid_from < q->code.valid_from ? -1 : p->code.valid_from > q->code.valid_from;
	return c;
}

/* Orders words by text. */
static int
order_by_text(SearchBuilder *b, uint32_t x, uint32_t y)
{
	return strcmp(WORDTEXT(b, BWORD(b, x)->text_off), WORDTEXT(b, BWORD(b, y)->text_off));
}

/* Orders stems by falling frequency, then by text. */
static int
order_by_frequency(SearchBuilder *b, uint32_t x, uint32_t y)
{
	const BuildStem *p = STEM(b, x);
	const BuildStem *q = STEM(b, y);

	if (p->df != q->df)
		return p->df > q->df ? -1 : 1;
	return strcmp(WORDTEXT(b, p->text_off), WORDTEXT(b, q->text_off));
}

/* The hash of what an abbreviation is written like. */
static uint32_t
abbr_hash(SearchBuilder *b, uint32_t x)
{
	return (uint32_t) search_hash(WORDTEXT(b, ABBR(b, x)->text_off), ABBR(b, x)->from_len);
}

/* An index 0..n-1 in temporary memory. */
static uint32_t *
new_index(SearchBuilder *b, size_t n)
{
	uint32_t   *index = build_temp(b, n * sizeof(uint32_t));
	size_t		i;

	for (i = 0; index != NULL && i < n; i++)
		index[i] = (uint32_t) i;
	return index;
}

/* The inverse of an index. */
static uint32_t *
inverse(SearchBuilder *b, const uint32_t *index, size_t n)
{
	uint32_t   *inv = build_temp(b, n * sizeof(uint32_t));
	size_t		i;

	for (i = 0; inv != NULL && i < n; i++)
		inv[index[i]] = (uint32_t) i;
	return inv;
}

/* Counts in how many rows each stem stands and weighs it by rarity. */
static void
weigh_stems(Layout *l)
{
	SearchBuilder *b = l->b;
	uint32_t	i;
	uint32_t	t;
	uint32_t	k;
	double		all = log((double) b->rows.n + 2);

	for (i = 0; i < b->rows.n; i++)
	{
		build_tick(b);
		for (t = ROW(b, i)->first; t != NONE; t = TERM(b, t)->next)
		{
			for (k = 0; k < TERM(b, t)->ntoks; k++)
			{
				BuildStem  *s = STEM(b, BWORD(b, token_what(TOKEN(b, TERM(b, t)->tok_off + k)))->stem);

				if (s->seen != i + 1)
				{
					s->seen = i + 1;
					s->df++;
					l->npost++;
				}
			}
		}
	}
	for (i = 0; i < b->stems.n; i++)
	{
		BuildStem  *s = STEM(b, i);
		float		rarity;

		rarity = (float) (log(((double) b->rows.n + 2) / ((double) s->df + 1)) / all);
		s->weight *= rarity < RARITY_LEAST ? RARITY_LEAST : rarity;
		s->seen = 0;
	}
}

/* Groups stems by their root. */
static bool
group_roots(Layout *l)
{
	SearchBuilder *b = l->b;
	char		root[WORD_MAX + 2];
	uint32_t	n = (uint32_t) b->stems.n;
	uint32_t	nslots = 1024;
	uint32_t   *heads;
	uint32_t   *next;
	uint32_t	i;
	uint32_t	slot;

	while (nslots < n)
		nslots *= 2;
	l->root_hash = build_temp(b, (size_t) n * sizeof(uint64_t));
	l->root_order = build_temp(b, (size_t) n * sizeof(uint32_t));
	heads = build_temp(b, (size_t) nslots * sizeof(uint32_t));
	next = build_temp(b, (size_t) n * sizeof(uint32_t));
	if (l->root_hash == NULL || l->root_order == NULL || heads == NULL || next == NULL)
		return false;
	/* buckets as lists; then each list's roots come out side by side */
	for (i = n; i-- > 0;)
	{
		uint32_t	s = l->stem_order[i];
		int			len = word_root(WORDTEXT(b, STEM(b, s)->text_off), STEM(b, s)->len, root);

		l->root_hash[s] = search_hash(root, (size_t) len);
		slot = (uint32_t) l->root_hash[s] & (nslots - 1);
		next[s] = heads[slot];
		heads[slot] = s + 1;
	}
	for (slot = 0; slot < nslots; slot++)
	{
		uint32_t	s;
		uint32_t	o;

		for (s = heads[slot]; s != 0; s = next[s - 1])
		{
			if (STEM(b, s - 1)->seen != 0)
				continue;
			for (o = s; o != 0; o = next[o - 1])
			{
				if (l->root_hash[o - 1] == l->root_hash[s - 1])
				{
					STEM(b, o - 1)->seen = 1;
					l->root_order[l->nroots++] = o - 1;
				}
			}
		}
	}
	return true;
}

/* A builder's token as it stands in the image. */
static uint32_t
image_token(Layout *l, uint32_t tok)
{
	return token_make(l->stem_place[BWORD(l->b, token_what(tok))->stem], token_kind(tok));
}

/* Gives a section its place. */
static void
place(Layout *l, int sec, uint64_t bytes)
{
	l->head.sec[sec].off = l->head.size;
	l->head.sec[sec].bytes = bytes;
	l->head.size += (bytes + 15) & ~(uint64_t) 7;	/* some slack behind each */
}

/* Measures the codes and the tokens of their terms. */
static void
measure_rows(Layout *l)
{
	SearchBuilder *b = l->b;
	size_t		i;
	uint32_t	t;
	uint32_t	k;

	for (i = 0; i < b->rows.n; i++)
	{
		const BuildRow *r = ROW(b, i);

		for (t = r->first; t != NONE; t = TERM(b, t)->next)
		{
			l->token_bytes += TERM_HEAD;
			for (k = 0; k < TERM(b, t)->ntoks; k++)
				l->token_bytes += (uint64_t) varint_size(image_token(l, TOKEN(b, TERM(b, t)->tok_off + k)));
		}
		l->code_bytes += r->code.code_len + 1u + (r->key_len > KEY_INLINE ? r->key_len : 0u);
		build_tick(b);
	}
}

/* Measures the words, their spelling keys and the abbreviations. */
static void
measure_words(Layout *l)
{
	SearchBuilder *b = l->b;
	uint32_t	keys[SPELL_MAX_KEYS];
	size_t		i;
	int			n;

	for (i = 0; i < b->words.n; i++)
	{
		for (n = spell_keys(WORDTEXT(b, BWORD(b, i)->text_off), BWORD(b, i)->len, 2, keys); n-- > 0; l->nspellids++)
			l->spellregions[(keys[n] >> SPELL_HASH_BITS) + 1]++;
		l->word_bytes += BWORD(b, i)->len + 1u;
		build_tick(b);
	}
	for (i = 0; i < b->abbrs.n; i++)
		l->nabbrstems += ABBR(b, i)->nto;
}

/* Fills the header in, but for the places of the sections. */
static void
fill_header(Layout *l)
{
	SearchBuilder *b = l->b;
	ImageHeader *h = &l->head;
	int			n;

	memcpy(h->magic, IMAGE_MAGIC, 8);
	h->version = SEARCH_IMAGE_VERSION;
	h->endian = IMAGE_ENDIAN;
	h->nrows = (uint32_t) b->rows.n;
	h->nterms = (uint32_t) b->terms.n;
	h->nwords = (uint32_t) b->words.n;
	h->nstems = (uint32_t) b->stems.n;
	h->nabbrs = (uint32_t) b->abbrs.n;
	/* some three keys a bucket */
	for (n = 0; n < SPELL_REGIONS; n++)
		l->spellregions[n + 1] = l->spellregions[n] + l->spellregions[n + 1] / 3 + 1;
	h->nspell = l->spellregions[SPELL_REGIONS];
	for (h->nabbr = 64; h->nabbr < b->abbrs.n;)
		h->nabbr *= 2;
}

/* Measures everything and gives each section its place. */
static bool
measure(Layout *l)
{
	SearchBuilder *b = l->b;

	measure_rows(l);
	measure_words(l);
	if (l->token_bytes >= UINT32_MAX || l->npost >= UINT32_MAX)
		return false;
	fill_header(l);
	l->head.size = (sizeof(ImageHeader) + 7) & ~(uint64_t) 7;
	place(l, SEC_ROWS, b->rows.n * sizeof(ImageRow));
	place(l, SEC_TERMS, b->terms.n * sizeof(ImageTerm));
	place(l, SEC_TEXT, b->text.n + l->code_bytes);
	place(l, SEC_TOKENS, l->token_bytes);
	place(l, SEC_WORDS, b->words.n * sizeof(ImageWord));
	place(l, SEC_WORDTEXT, l->word_bytes);
	place(l, SEC_STEMS, b->stems.n * sizeof(ImageStem));
	place(l, SEC_LISTS, (b->stems.n + 1) * sizeof(ImageList));
	place(l, SEC_POSTINGS, l->npost * sizeof(uint32_t));
	place(l, SEC_ROOTS, (uint64_t) l->nroots * sizeof(uint32_t));
	place(l, SEC_SPELLREGIONS, sizeof(l->spellregions));
	place(l, SEC_SPELLHEADS, ((uint64_t) l->head.nspell + 1) * sizeof(uint32_t));
	place(l, SEC_SPELLIDS, (uint64_t) l->nspellids * sizeof(uint32_t));
	place(l, SEC_ABBRHEADS, ((uint64_t) l->head.nabbr + 1) * sizeof(uint32_t));
	place(l, SEC_ABBRS, b->abbrs.n * sizeof(ImageAbbr));
	place(l, SEC_ABBRSTEMS, (uint64_t) l->nabbrstems * sizeof(uint32_t));
	place(l, SEC_SYSTEMS, (SYSTEMS_MAX + 1) * sizeof(uint32_t));
	place(l, SEC_SHAPES, SYSTEMS_MAX * sizeof(ImageShape));
	return true;
}

/* The section's memory, for writing. */
static void *
section(Layout *l, int sec)
{
	return l->image + l->head.sec[sec].off;
}

/* Writes the words. */
static void
write_words(Layout *l)
{
	SearchBuilder *b = l->b;
	ImageWord  *words = section(l, SEC_WORDS);
	char	   *text = section(l, SEC_WORDTEXT);
	uint32_t	off = 0;
	uint32_t	i;

	for (i = 0; i < b->words.n; i++)
	{
		const BuildWord *w = BWORD(b, l->word_order[i]);

		memcpy(text + off, WORDTEXT(b, w->text_off), w->len + 1u);
		words[i].text_off = off;
		words[i].stem = l->stem_place[w->stem];
		words[i].count = w->count;
		words[i].letters = spell_letters(text + off, w->len);
		words[i].len = w->len;
		off += w->len + 1u;
	}
}

/* Writes the stems and where their postings will begin. */
static void
write_stems(Layout *l)
{
	SearchBuilder *b = l->b;
	ImageStem  *stems = section(l, SEC_STEMS);
	ImageList  *lists = section(l, SEC_LISTS);
	uint32_t	post = 0;
	uint32_t	i;

	for (i = 0; i < b->stems.n; i++)
	{
		const BuildStem *s = STEM(b, l->stem_order[i]);

		lists[i].post_off = post;
		stems[i].weight = s->weight;
		stems[i].class = s->class.class;
		stems[i].value = s->class.value;
		stems[i].polarity = s->class.polarity;
		post += s->df;
	}
	lists[b->stems.n].post_off = post;
}

/* Writes which stems share a root. */
static void
write_roots(Layout *l)
{
	ImageStem  *stems = section(l, SEC_STEMS);
	ImageList  *lists = section(l, SEC_LISTS);
	uint32_t   *roots = section(l, SEC_ROOTS);
	uint32_t	start = 0;
	uint32_t	i;
	uint32_t	k;

	for (i = 0; i < l->nroots; i++)
		roots[i] = l->stem_place[l->root_order[i]];
	for (i = 1; i <= l->nroots; i++)
	{
		if (i < l->nroots && l->root_hash[l->root_order[i]] == l->root_hash[l->root_order[start]])
			continue;
		for (k = start; k < i; k++)
		{
			lists[roots[k]].root_off = start;
			stems[roots[k]].root_len = (uint8_t) (i - start > 255 ? 255 : i - start);
		}
		start = i;
	}
}

/* Notes a row's stems in the postings, with how much of a term each makes: its
 * impact. */
static void
post_row(Layout *l, uint32_t row, const BuildRow *r, uint32_t *fill)
{
	SearchBuilder *b = l->b;
	uint32_t   *postings = section(l, SEC_POSTINGS);
	const ImageStem *stems = section(l, SEC_STEMS);
	const ImageList *lists = section(l, SEC_LISTS);
	uint32_t	t;
	uint32_t	k;

	for (t = r->first; t != NONE; t = TERM(b, t)->next)
	{
		const BuildTerm *bt = TERM(b, t);
		float		norm = IMPACT_BASE;

		for (k = 0; k < bt->ntoks; k++)
		{
			uint32_t	tok = TOKEN(b, bt->tok_off + k);

			if (token_counts(tok))
				norm += STEM(b, BWORD(b, token_what(tok))->stem)->weight;
		}
		for (k = 0; k < bt->ntoks; k++)
		{
			uint32_t	bs = BWORD(b, token_what(TOKEN(b, bt->tok_off + k)))->stem;
			uint32_t	stem = l->stem_place[bs];
			float		share = stems[stem].weight / norm * 255.0f;
			uint32_t	impact = share < 1 ? 1 : share > 255 ? 255 : (uint32_t) share;
			uint32_t   *p;

			if (fill[stem] > 0)
			{
				p = &postings[lists[stem].post_off + fill[stem] - 1];
				if (*p >> 8 == row)
				{
					if ((*p & 255) < impact)
						*p = row << 8 | impact;
					continue;
				}
			}
			postings[lists[stem].post_off + fill[stem]++] = row << 8 | impact;
		}
	}
}

/* Writes the terms of a row; returns the end of its tokens. */
static uint8_t *
write_terms(Layout *l, const BuildRow *r, uint32_t *nterm, uint8_t *tokens)
{
	SearchBuilder *b = l->b;
	ImageTerm  *terms = section(l, SEC_TERMS);
	uint32_t	t;
	uint32_t	k;

	for (t = r->first; t != NONE; t = TERM(b, t)->next)
	{
		const BuildTerm *bt = TERM(b, t);
		ImageTerm  *it = &terms[(*nterm)++];

		it->text_off = bt->text_off;
		it->text_len = bt->text_len;
		it->kind = bt->kind;
		*tokens++ = bt->ntoks;
		*tokens++ = bt->kind;
		for (k = 0; k < bt->ntoks; k++)
		{
			uint32_t	tok = TOKEN(b, bt->tok_off + k);

			tokens = varint_put(tokens, image_token(l, tok));
		}
	}
	return tokens;
}

/* An age in a byte. */
static uint8_t
image_age(int age)
{
	return age < 0 ? 0 : age < AGE_OPEN ? (uint8_t) age : AGE_OPEN;
}

/* Where the rows are being written. */
typedef struct RowWriter
{
	Image		im;				/* as much of it as is needed to compare keys */
	ImageRow   *rows;
	char	   *text;
	uint32_t	off;			/* of the next code in it */
	uint32_t	stack[SEARCH_CODE_MAX + 1]; /* the headers above the last row */
	int			depth;
} RowWriter;

/* Writes a row's code and key. */
static void
write_code(RowWriter *w, const BuildRow *r, ImageRow *out)
{
	out->code_off = w->off;
	out->code_len = (uint8_t) r->code.code_len;
	memcpy(w->text + w->off, r->shown, r->code.code_len + 1);
	w->off += (uint32_t) r->code.code_len + 1;
	out->key_len = r->key_len;
	memcpy(out->key, r->key, r->key_len < KEY_INLINE ? r->key_len : KEY_INLINE);
	if (r->key_len > KEY_INLINE)
	{
		memcpy(w->text + w->off, r->key, r->key_len);
		w->off += r->key_len;
	}
}

/* Writes when and for whom a row's code is. */
static void
write_restrictions(const BuildRow *r, ImageRow *out)
{
	out->valid_from = r->code.valid_from;
	out->valid_to = r->code.valid_to;
	out->age_min = image_age(r->code.age_min);
	out->age_max = image_age(r->code.age_max);
	out->flags = (uint8_t) ((r->code.billable ? ROW_BILLABLE : 0) |
							(r->code.sex == SEARCH_SEX_MALE ? ROW_MALE : 0) |
							(r->code.sex == SEARCH_SEX_FEMALE ? ROW_FEMALE : 0));
}

/* Finds the nearest header whose key begins a row's; rows come in order of
 * their keys. */
static void
write_parent(RowWriter *w, uint32_t row)
{
	ImageRow   *out = &w->rows[row];

	while (w->depth > 0)
	{
		const ImageRow *above = &w->rows[w->stack[w->depth - 1]];

		if (above->key_len < out->key_len && row_begins(&w->im, out, above))
			break;
		w->depth--;
	}
	out->parent = w->depth > 0 ? w->stack[w->depth - 1] : NO_ROW;
	if (!(out->flags & ROW_BILLABLE) && w->depth < SEARCH_CODE_MAX)
		w->stack[w->depth++] = row;
}

/* Writes rows, terms, tokens, texts and postings. */
static bool
write_rows(Layout *l)
{
	SearchBuilder *b = l->b;
	uint8_t    *first = section(l, SEC_TOKENS);
	uint8_t    *tokens = first;
	uint32_t   *systems = section(l, SEC_SYSTEMS);
	uint32_t   *fill = build_temp(b, b->stems.n * sizeof(uint32_t));
	uint32_t	nterm = 0;
	int			system = 0;
	uint32_t	i;
	RowWriter	w;

	if (fill == NULL)
		return false;
	memset(&w, 0, sizeof(w));
	w.rows = section(l, SEC_ROWS);
	w.text = section(l, SEC_TEXT);
	w.off = (uint32_t) b->text.n;
	w.im.text = w.text;
	if (b->text.n > 0)
		memcpy(w.text, b->text.data, b->text.n);
	for (i = 0; i < b->rows.n; i++)
	{
		const BuildRow *r = ROW(b, l->row_order[i]);
		ImageRow   *out = &w.rows[i];

		build_tick(b);
		while (system <= r->code.system)
			systems[system++] = i;
		out->system = (uint8_t) r->code.system;
		write_code(&w, r, out);
		write_restrictions(r, out);
		write_parent(&w, i);
		out->first_term = nterm;
		out->tok_off = (uint32_t) (tokens - first);
		out->nterms = (uint16_t) r->nterms;
		tokens = write_terms(l, r, &nterm, tokens);
		post_row(l, i, r, fill);
	}
	while (system <= SYSTEMS_MAX)
		systems[system++] = (uint32_t) b->rows.n;
	l->head.nterms = nterm;
	memcpy(section(l, SEC_SHAPES), b->shapes, sizeof(b->shapes));
	return true;
}

/* Writes the spelling buckets. */
static void
write_spelling(Layout *l)
{
	SearchBuilder *b = l->b;
	uint32_t   *heads = section(l, SEC_SPELLHEADS);
	uint32_t   *ids = section(l, SEC_SPELLIDS);
	const ImageWord *words = section(l, SEC_WORDS);
	const char *text = section(l, SEC_WORDTEXT);
	uint32_t	keys[SPELL_MAX_KEYS];
	uint32_t	i;
	uint32_t	sum = 0;
	int			pass;
	int			n;

	/* count, sum up, then fill from each bucket's end */
	for (pass = 0; pass < 2; pass++)
	{
		for (i = (uint32_t) b->words.n; i-- > 0;)
		{
			build_tick(b);
			for (n = spell_keys(text + words[i].text_off, words[i].len, 2, keys); n-- > 0;)
			{
				uint32_t   *head = &heads[spell_bucket(l->spellregions, keys[n])];

				if (pass == 0)
					(*head)++;
				else
					ids[--*head] = i;
			}
		}
		for (i = 0; pass == 0 && i < l->head.nspell; i++)
		{
			sum += heads[i];
			heads[i] = sum;
		}
	}
	heads[l->head.nspell] = l->nspellids;
	memcpy(section(l, SEC_SPELLREGIONS), l->spellregions, sizeof(l->spellregions));
}

/* Writes the abbreviations, each with the stems that it stands for. */
static void
write_abbrs(Layout *l)
{
	SearchBuilder *b = l->b;
	uint32_t   *heads = section(l, SEC_ABBRHEADS);
	ImageAbbr  *abbrs = section(l, SEC_ABBRS);
	uint32_t   *stems = section(l, SEC_ABBRSTEMS);
	uint32_t	mask = l->head.nabbr - 1;
	uint32_t	nstems = 0;
	uint32_t	sum = 0;
	uint32_t	i;

	for (i = 0; i < b->abbrs.n; i++)
		heads[abbr_hash(b, i) & mask]++;
	for (i = 0; i <= mask; i++)
	{
		sum += heads[i];
		heads[i] = sum;
	}
	heads[l->head.nabbr] = sum;
	for (i = (uint32_t) b->abbrs.n; i-- > 0;)
	{
		const BuildAbbr *a = ABBR(b, i);
		ImageAbbr  *out = &abbrs[--heads[abbr_hash(b, i) & mask]];
		const char *to = WORDTEXT(b, a->text_off) + a->from_len + 1;
		WordScan	scan;
		Word		word;

		out->from_hash = abbr_hash(b, i);
		out->stem_off = nstems;
		out->nfrom = a->nfrom;
		out->nto = 0;
		out->weight = a->weight;
		word_scan_start(&scan, to, a->to_len);
		while (out->nto < a->nto && word_scan_next(&scan, &word))
		{
			uint32_t	w = build_find_word(b, word.text, word.len);

			stems[nstems++] = w == NONE ? UINT32_MAX : l->stem_place[BWORD(b, w)->stem];
			out->nto++;
		}
	}
}

/* Makes sure that the words of expansions are known, where they occur only
 * under another inflection. */
static bool
intern_abbrs(SearchBuilder *b)
{
	size_t		i;

	for (i = 0; i < b->abbrs.n; i++)
	{
		WordScan	scan;
		Word		word;
		uint32_t	off = ABBR(b, i)->text_off + ABBR(b, i)->from_len + 1;
		char		to[512];

		memcpy(to, WORDTEXT(b, off), ABBR(b, i)->to_len);
		word_scan_start(&scan, to, ABBR(b, i)->to_len);
		while (word_scan_next(&scan, &word))
		{
			if (build_word(b, word.text, word.len) == NONE)
				return false;
		}
	}
	return true;
}

/* Puts rows, words and stems into their order; false when out of memory. */
static bool
order_all(Layout *l)
{
	SearchBuilder *b = l->b;

	l->row_order = new_index(b, b->rows.n);
	l->word_order = new_index(b, b->words.n);
	l->stem_order = new_index(b, b->stems.n);
	if (l->row_order == NULL || l->word_order == NULL || l->stem_order == NULL ||
		!build_sort(b, l->row_order, (uint32_t) b->rows.n, order_by_key) ||
		!build_sort(b, l->word_order, (uint32_t) b->words.n, order_by_text) ||
		!build_sort(b, l->stem_order, (uint32_t) b->stems.n, order_by_frequency))
		return false;
	l->stem_place = inverse(b, l->stem_order, b->stems.n);
	return l->stem_place != NULL;
}

/* Builds the image; described in search.h. */
void *
search_builder_finish(SearchBuilder *b, size_t *size)
{
	Layout		l;

	*size = 0;
	memset(&l, 0, sizeof(l));
	l.b = b;
	if (b->failed || !learn_abbreviations(b) || !intern_abbrs(b))
		return NULL;
	weigh_stems(&l);
	if (!order_all(&l) || !group_roots(&l) || !measure(&l))
		return NULL;
	l.image = b->alloc.alloc(b->alloc.opaque, l.head.size);
	if (l.image == NULL)
		return NULL;
	memset(l.image, 0, l.head.size);
	write_words(&l);
	write_stems(&l);
	write_roots(&l);
	if (!write_rows(&l))
	{
		b->alloc.free(b->alloc.opaque, l.image);
		return NULL;
	}
	write_spelling(&l);
	write_abbrs(&l);
	image_seal(&l.head);
	memcpy(l.image, &l.head, sizeof(l.head));
	*size = l.head.size;
	return l.image;
}
