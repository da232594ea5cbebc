/*
 * vocabulary.c
 *		The words, stems and texts that the builder has met, each once.
 */
#include "search/vocabulary.h"

#include <string.h>

#include "search/bytes.h"
#include "search/stem.h"

typedef struct PoolText
{
	uint32_t	off;
	uint32_t	len;
	uint32_t	hash;
} PoolText;

/* Enlarges a hash table; hash_of gives an entry's hash again. */
static bool
table_grow(SearchBuilder *b, Table *t, uint32_t (*hash_of) (SearchBuilder *b, uint32_t i))
{
	uint32_t	n = t->nslots == 0 ? 4096 : t->nslots * 2;
	uint32_t   *slots = b->alloc.alloc(b->alloc.opaque, (size_t) n * sizeof(uint32_t));
	uint32_t	i;

	if (slots == NULL)
	{
		b->failed = true;
		return false;
	}
	memset(slots, 0, (size_t) n * sizeof(uint32_t));
	for (i = 0; i < t->nslots; i++)
	{
		if (t->slots[i] != 0)
		{
			uint32_t	at = hash_of(b, t->slots[i] - 1) & (n - 1);

			while (slots[at] != 0)
				at = (at + 1) & (n - 1);
			slots[at] = t->slots[i];
		}
	}
	if (t->slots != NULL)
		b->alloc.free(b->alloc.opaque, t->slots);
	t->slots = slots;
	t->nslots = n;
	return true;
}

/* The hash of a word, for table_grow. */
static uint32_t
word_hash(SearchBuilder *b, uint32_t i)
{
	return BWORD(b, i)->hash;
}

/* The hash of a stem, for table_grow. */
static uint32_t
stem_hash(SearchBuilder *b, uint32_t i)
{
	return STEM(b, i)->hash;
}

/* The hash of a text in the pool, for table_grow. */
static uint32_t
text_hash(SearchBuilder *b, uint32_t i)
{
	return ((PoolText *) b->texts.data)[i].hash;
}

/* Puts a term's text into the pool once; NONE when out of memory. */
uint32_t
build_text(SearchBuilder *b, const char *text, size_t len)
{
	uint32_t	h = (uint32_t) search_hash(text, len);
	uint32_t	at;
	PoolText   *pt;
	uint32_t	off;

	if ((size_t) b->text_table.used * 2 >= b->text_table.nslots &&
		!table_grow(b, &b->text_table, text_hash))
		return NONE;
	for (at = h & (b->text_table.nslots - 1); b->text_table.slots[at] != 0;
		 at = (at + 1) & (b->text_table.nslots - 1))
	{
		pt = (PoolText *) b->texts.data + (b->text_table.slots[at] - 1);
		if (pt->hash == h && pt->len == len &&
			memcmp((char *) b->text.data + pt->off, text, len) == 0)
			return pt->off;
	}
	off = vec_push_text(b, &b->text, text, len);
	if (off == NONE)
		return NONE;
	pt = vec_push(b, &b->texts, sizeof(PoolText), 1);
	if (pt == NULL)
		return NONE;
	pt->off = off;
	pt->len = (uint32_t) len;
	pt->hash = h;
	b->text_table.slots[at] = (uint32_t) b->texts.n;
	b->text_table.used++;
	return off;
}

/* The number of a word that is known already, or NONE. */
uint32_t
build_find_word(SearchBuilder *b, const char *text, int len)
{
	uint32_t	h = (uint32_t) search_hash(text, (size_t) len);
	uint32_t	at;

	if (b->word_table.nslots == 0)
		return NONE;
	for (at = h & (b->word_table.nslots - 1); b->word_table.slots[at] != 0;
		 at = (at + 1) & (b->word_table.nslots - 1))
	{
		BuildWord  *w = BWORD(b, b->word_table.slots[at] - 1);

		if (w->hash == h && w->len == len && memcmp(WORDTEXT(b, w->text_off), text, (size_t) len) == 0)
			return b->word_table.slots[at] - 1;
	}
	return NONE;
}

/* The number of a stem, made when new; NONE when out of memory. */
static uint32_t
build_stem(SearchBuilder *b, const char *word, int len)
{
	char		text[WORD_MAX + 2];
	uint32_t	h;
	uint32_t	at;
	BuildStem  *s;
	uint32_t	off;
	int			n = word_stem(word, len, text);

	h = (uint32_t) search_hash(text, (size_t) n);
	if ((size_t) b->stem_table.used * 2 >= b->stem_table.nslots &&
		!table_grow(b, &b->stem_table, stem_hash))
		return NONE;
	for (at = h & (b->stem_table.nslots - 1); b->stem_table.slots[at] != 0;
		 at = (at + 1) & (b->stem_table.nslots - 1))
	{
		s = STEM(b, b->stem_table.slots[at] - 1);
		if (s->hash == h && s->len == n && memcmp(WORDTEXT(b, s->text_off), text, (size_t) n) == 0)
			return b->stem_table.slots[at] - 1;
	}
	off = vec_push_text(b, &b->wordtext, text, (size_t) n);
	s = off == NONE ? NULL : vec_push(b, &b->stems, sizeof(BuildStem), 1);
	if (s == NULL)
		return NONE;
	memset(s, 0, sizeof(*s));
	s->text_off = off;
	s->hash = h;
	s->len = (uint8_t) n;
	word_class(word, len, &s->class);
	s->weight = s->class.factor;
	b->stem_table.slots[at] = (uint32_t) b->stems.n;
	b->stem_table.used++;
	return (uint32_t) b->stems.n - 1;
}

/* The number of a word, made when new; NONE when out of memory. */
uint32_t
build_word(SearchBuilder *b, const char *text, int len)
{
	uint32_t	found = build_find_word(b, text, len);
	uint32_t	off;
	uint32_t	at;
	uint32_t	stem;
	BuildWord  *w;
	WordClass	class;

	if (found != NONE)
		return found;
	if ((size_t) b->word_table.used * 2 >= b->word_table.nslots &&
		!table_grow(b, &b->word_table, word_hash))
		return NONE;
	off = vec_push_text(b, &b->wordtext, text, (size_t) len);
	stem = off == NONE ? NONE : build_stem(b, text, len);
	w = stem == NONE ? NULL : vec_push(b, &b->words, sizeof(BuildWord), 1);
	if (w == NULL)
		return NONE;
	word_class(text, len, &class);
	w->text_off = off;
	w->hash = (uint32_t) search_hash(text, (size_t) len);
	w->stem = stem;
	w->count = 0;
	w->len = (uint8_t) len;
	w->polarity = class.polarity;
	w->class = class.class;
	for (at = w->hash & (b->word_table.nslots - 1); b->word_table.slots[at] != 0;)
		at = (at + 1) & (b->word_table.nslots - 1);
	b->word_table.slots[at] = (uint32_t) b->words.n;
	b->word_table.used++;
	return (uint32_t) b->words.n - 1;
}
