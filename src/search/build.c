/*
 * build.c
 *		The builder: takes in codes, terms and abbreviations.
 *
 * Terms are cut into words as they come; layout.c turns what is gathered here
 * into the image.
 */
#include "build.h"

typedef struct PoolText
{
	uint32_t	off;
	uint32_t	len;
	uint32_t	hash;
} PoolText;

/* Makes room for count more elements and returns the first of them. */
void *
vec_push(SearchBuilder *b, Vec *v, size_t elsize, size_t count)
{
	void	   *at;

	if (v->n + count > v->cap)
	{
		size_t		cap = v->cap + v->cap / 2 + count + 64;
		void	   *data = v->data == NULL ? b->alloc.alloc(b->alloc.opaque, cap * elsize) :
			b->alloc.realloc(b->alloc.opaque, v->data, cap * elsize);

		if (data == NULL)
		{
			b->failed = true;
			return NULL;
		}
		v->data = data;
		v->cap = cap;
	}
	at = (char *) v->data + v->n * elsize;
	v->n += count;
	return at;
}

/* Zeroed memory that lives as long as the builder. */
void *
build_temp(SearchBuilder *b, size_t size)
{
	void	  **slot = vec_push(b, &b->temps, sizeof(void *), 1);

	if (slot == NULL)
		return NULL;
	*slot = b->alloc.alloc(b->alloc.opaque, size + 8);
	if (*slot == NULL)
	{
		b->temps.n--;
		b->failed = true;
		return NULL;
	}
	memset(*slot, 0, size + 8);
	return *slot;
}

/* Looks for an interrupt every so often. */
void
build_tick(SearchBuilder *b)
{
	if ((++b->ticks & 1023) == 0 && b->check != NULL)
		b->check(b->check_arg);
}

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

/* Puts bytes and a NUL into a character vector; NONE when out of memory. */
static uint32_t
put_text(SearchBuilder *b, Vec *v, const char *text, size_t len)
{
	uint32_t	off = (uint32_t) v->n;
	char	   *at;

	if (v->n + len + 1 >= UINT32_MAX)
	{
		b->failed = true;
		return NONE;
	}
	at = vec_push(b, v, 1, len + 1);
	if (at == NULL)
		return NONE;
	memcpy(at, text, len);
	at[len] = '\0';
	return off;
}

/* Puts a term's text into the pool once; NONE when out of memory. */
static uint32_t
pool_text(SearchBuilder *b, const char *text, size_t len)
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
	off = put_text(b, &b->text, text, len);
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
uint32_t
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
	off = put_text(b, &b->wordtext, text, (size_t) n);
	s = off == NONE ? NULL : vec_push(b, &b->stems, sizeof(BuildStem), 1);
	if (s == NULL)
		return NONE;
	memset(s, 0, sizeof(*s));
	s->text_off = off;
	s->hash = h;
	s->len = (uint8_t) n;
	word_class(word, len, &s->class);
	s->surplus = s->class.surplus;
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
	off = put_text(b, &b->wordtext, text, (size_t) len);
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
	w->negates = class.negates;
	w->affirms = class.affirms;
	w->class = class.class;
	for (at = w->hash & (b->word_table.nslots - 1); b->word_table.slots[at] != 0;)
		at = (at + 1) & (b->word_table.nslots - 1);
	b->word_table.slots[at] = (uint32_t) b->words.n;
	b->word_table.used++;
	return (uint32_t) b->words.n - 1;
}

/* A builder; described in search.h. */
SearchBuilder *
search_builder_create(const SearchAllocator *allocator, SearchInterrupt check, void *check_arg)
{
	SearchBuilder *b = allocator->alloc(allocator->opaque, sizeof(SearchBuilder));

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->alloc = *allocator;
	b->check = check;
	b->check_arg = check_arg;
	return b;
}

/* Adds a code; described in search.h. */
int32_t
search_add_code(SearchBuilder *b, const SearchCode *code)
{
	BuildRow   *r;
	char		key[SEARCH_CODE_MAX + 1];
	int			n;

	build_tick(b);
	if (b->failed || code->system < 0 || code->system > 255 || code->code_len > SEARCH_CODE_MAX ||
		b->rows.n >= (1 << 24) - 1)
		return -1;
	n = code_key(code->code, code->code_len, key, (int) sizeof(key));
	if (n == 0)
		return -1;
	r = vec_push(b, &b->rows, sizeof(BuildRow), 1);
	if (r == NULL)
		return -1;
	memset(r, 0, sizeof(*r));
	r->code = *code;
	memcpy(r->shown, code->code, code->code_len);
	r->code.code = NULL;
	memcpy(r->key, key, (size_t) n + 1);
	r->key_len = (uint8_t) n;
	r->first = r->last = NONE;
	return (int32_t) b->rows.n - 1;
}

/* Appends a token of the term that is being added. */
static bool
add_token(SearchBuilder *b, const char *text, int len, int flags, int *ntoks)
{
	uint32_t	word = build_word(b, text, len);
	uint32_t   *tok;

	if (word == NONE)
		return false;
	BWORD(b, word)->count++;
	tok = vec_push(b, &b->tokens, sizeof(uint32_t), 1);
	if (tok == NULL)
		return false;
	*tok = word << TOK_SHIFT | (uint32_t) flags;
	(*ntoks)++;
	return true;
}

/* Cuts a term into tokens; false when out of memory. */
static bool
add_tokens(SearchBuilder *b, const char *text, size_t len, BuildTerm *t)
{
	WordScan	scan;
	Word		word;
	Word		before;
	int			ntoks = 0;
	int			denied = 0;
	uint64_t	fold = 0;

	before.len = 0;
	t->tok_off = (uint32_t) b->tokens.n;
	word_scan_start(&scan, text, len);
	while (word_scan_next(&scan, &word))
	{
		uint32_t	known;
		int			flags;

		fold = (fold ^ search_hash(word.text, word.len)) * 0xff51afd7ed558ccdULL;
		fold ^= fold >> 31;
		if (ntoks >= TERM_TOKENS_MAX - 1)
			continue;
		known = build_word(b, word.text, word.len);
		if (known == NONE)
			return false;
		if (BWORD(b, known)->affirms || (word.flags & WORD_BREAK))
			denied = 0;
		flags = denied > 0 && BWORD(b, known)->class == 0 ? TOK_DENIED : 0;
		/* what stands in brackets may be left out */
		if ((word.flags & WORD_PAREN) && ntoks > 0)
			flags = TOK_EXTRA;
		/* "not specified", "not elsewhere classified" say nothing */
		if (denied > 0 && word_says_nothing(word.text, word.len))
			flags = TOK_EXTRA;
		/* so may the second of two forms of a word: spasm, spastic */
		if (t->kind > SEARCH_TERM_SHORT && words_akin(before.text, before.len, word.text, word.len, 4))
			flags = TOK_EXTRA;
		if (!add_token(b, word.text, word.len, flags, &ntoks))
			return false;
		if (denied > 0)
			denied--;
		if (BWORD(b, known)->negates)
			denied = 3;
		/* follow-up is also found as followup */
		if ((word.flags & WORD_HYPHEN) && before.len > 0 && before.len + word.len <= WORD_MAX &&
			word.text[0] > '9')
		{
			char		joined[WORD_MAX + 1];

			memcpy(joined, before.text, before.len);
			memcpy(joined + before.len, word.text, word.len);
			joined[before.len + word.len] = '\0';
			if (!add_token(b, joined, before.len + word.len, TOK_JOINED, &ntoks))
				return false;
		}
		before = word;
	}
	t->ntoks = (uint8_t) ntoks;
	t->fold_hash = fold;
	return true;
}

/* Cuts a length so that no character of UTF-8 is torn. */
static size_t
cut_utf8(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char) text[max] & 0xC0) == 0x80)
		max--;
	return max;
}

/* Adds a term; described in search.h. */
bool
search_add_term(SearchBuilder *b, int32_t ref, SearchTermKind kind, const char *text, size_t len)
{
	BuildTerm	t;
	BuildTerm  *at;
	BuildRow   *r;
	uint32_t	i;
	int			looked = 0;
	bool		has_long = false;

	build_tick(b);
	if (b->failed || ref < 0 || (size_t) ref >= b->rows.n || b->terms.n >= UINT32_MAX / 2 ||
		b->tokens.n >= UINT32_MAX / 2)
		return false;
	if (ROW(b, ref)->nterms >= ROW_TERMS_MAX)
		return true;
	len = cut_utf8(text, len, SEARCH_TERM_MAX);
	memset(&t, 0, sizeof(t));
	t.next = NONE;
	t.kind = (uint8_t) kind;
	if (!add_tokens(b, text, len, &t))
		return false;
	/* the same words again say nothing new */
	for (i = ROW(b, ref)->first; i != NONE && looked < 64; i = TERM(b, i)->next, looked++)
	{
		has_long |= TERM(b, i)->kind == SEARCH_TERM_LONG;
		if (TERM(b, i)->fold_hash == t.fold_hash && TERM(b, i)->ntoks == t.ntoks)
		{
			if (kind == SEARCH_TERM_LONG && TERM(b, i)->kind != SEARCH_TERM_LONG)
			{
				t.text_off = pool_text(b, text, len);
				if (t.text_off == NONE)
					return false;
				TERM(b, i)->kind = SEARCH_TERM_LONG;
				TERM(b, i)->text_off = t.text_off;
				TERM(b, i)->text_len = (uint16_t) len;
			}
			b->tokens.n = t.tok_off;
			return true;
		}
	}
	/* a short title is shown nowhere where there is a long one */
	if (kind == SEARCH_TERM_SHORT && has_long)
		t.text_off = 0;
	else
	{
		t.text_off = pool_text(b, text, len);
		t.text_len = (uint16_t) len;
	}
	at = t.text_off == NONE ? NULL : vec_push(b, &b->terms, sizeof(BuildTerm), 1);
	if (at == NULL)
		return false;
	*at = t;
	r = ROW(b, ref);
	if (r->last == NONE)
		r->first = (uint32_t) b->terms.n - 1;
	else
		TERM(b, r->last)->next = (uint32_t) b->terms.n - 1;
	r->last = (uint32_t) b->terms.n - 1;
	r->nterms++;
	return true;
}

/* Folds a text and counts its words. */
static size_t
fold_words(const char *text, size_t len, char *out, size_t outsize, int *nwords)
{
	size_t		n = search_fold(text, len, out, outsize);
	size_t		i;

	*nwords = n > 0 ? 1 : 0;
	for (i = 0; i < n; i++)
	{
		if (out[i] == ' ')
			(*nwords)++;
	}
	return n;
}

/* Notes an expansion with its weight; false when out of memory. */
bool
build_add_abbr(SearchBuilder *b, const char *from, size_t from_len, const char *to, size_t to_len,
			   int weight, bool learned)
{
	char		f[512];
	char		t[512];
	int			nf;
	int			nt;
	size_t		fl = fold_words(from, from_len, f, sizeof(f), &nf);
	size_t		tl = fold_words(to, to_len, t, sizeof(t), &nt);
	BuildAbbr  *a;
	uint32_t	off;

	if (nf == 0 || nt == 0 || nf > MAX_FROM_WORDS || nt > MAX_TO_WORDS)
		return true;
	off = put_text(b, &b->wordtext, f, fl);
	if (off == NONE || put_text(b, &b->wordtext, t, tl) == NONE)
		return false;
	a = vec_push(b, &b->abbrs, sizeof(BuildAbbr), 1);
	if (a == NULL)
		return false;
	memset(a, 0, sizeof(*a));
	a->text_off = off;
	a->from_len = (uint32_t) fl;
	a->to_len = (uint32_t) tl;
	a->nfrom = (uint8_t) nf;
	a->nto = (uint8_t) nt;
	a->weight = (uint8_t) weight;
	a->learned = learned;
	return true;
}

/* Adds an abbreviation; described in search.h. */
bool
search_add_abbreviation(SearchBuilder *b, const char *from, size_t from_len, const char *to,
						size_t to_len)
{
	size_t		before = b->abbrs.n;
	const BuildAbbr *a;

	build_tick(b);
	if (b->failed || !build_add_abbr(b, from, from_len, to, to_len, 245, false))
		return false;
	a = b->abbrs.n > before ? ABBR(b, b->abbrs.n - 1) : NULL;
	/* no need to look for what is written out under its contractions */
	if (a != NULL && a->nfrom == 1 && a->nto == 1 &&
		!build_contracts(WORDTEXT(b, a->text_off), (int) a->from_len,
						 WORDTEXT(b, a->text_off + a->from_len + 1), (int) a->to_len))
		return build_add_abbr(b, to, to_len, from, from_len, 225, false);
	return true;
}

/* Adds the set that ships with the extension. */
bool
search_add_default_abbreviations(SearchBuilder *b)
{
	int			i;

	for (i = 0; i < search_default_abbreviation_count; i++)
	{
		const SearchAbbreviation *a = &search_default_abbreviations[i];

		if (!search_add_abbreviation(b, a->from, strlen(a->from), a->to, strlen(a->to)))
			return false;
	}
	return true;
}

/* Merges two sorted halves; part of build_sort. */
static void
merge(SearchBuilder *b, uint32_t *from, uint32_t *to, uint32_t lo, uint32_t mid, uint32_t hi,
	  int (*compare) (SearchBuilder *b, uint32_t x, uint32_t y))
{
	uint32_t	i = lo;
	uint32_t	j = mid;
	uint32_t	k;

	for (k = lo; k < hi; k++)
	{
		if (i < mid && (j >= hi || compare(b, from[i], from[j]) <= 0))
			to[k] = from[i++];
		else
			to[k] = from[j++];
	}
	build_tick(b);
}

/* Sorts an index, stable; false when out of memory. */
bool
build_sort(SearchBuilder *b, uint32_t *index, uint32_t n,
		   int (*compare) (SearchBuilder *b, uint32_t x, uint32_t y))
{
	uint32_t   *other = build_temp(b, (size_t) n * sizeof(uint32_t));
	uint32_t   *from = index;
	uint32_t   *to = other;
	uint64_t	width;
	uint64_t	lo;

	if (other == NULL)
		return false;
	for (width = 1; width < n; width *= 2)
	{
		uint32_t   *swap;

		for (lo = 0; lo < n; lo += 2 * width)
		{
			uint64_t	mid = lo + width < n ? lo + width : n;
			uint64_t	hi = lo + 2 * width < n ? lo + 2 * width : n;

			merge(b, from, to, (uint32_t) lo, (uint32_t) mid, (uint32_t) hi, compare);
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != index)
		memcpy(index, from, (size_t) n * sizeof(uint32_t));
	return true;
}

/* Frees one vector. */
static void
vec_free(SearchBuilder *b, Vec *v)
{
	if (v->data != NULL)
		b->alloc.free(b->alloc.opaque, v->data);
}

/* Frees everything but the image. */
void
search_builder_free(SearchBuilder *b)
{
	Table	   *tables[] = {&b->word_table, &b->stem_table, &b->text_table};
	size_t		i;

	for (i = 0; i < b->temps.n; i++)
		b->alloc.free(b->alloc.opaque, ((void **) b->temps.data)[i]);
	for (i = 0; i < 3; i++)
	{
		if (tables[i]->slots != NULL)
			b->alloc.free(b->alloc.opaque, tables[i]->slots);
	}
	vec_free(b, &b->rows);
	vec_free(b, &b->terms);
	vec_free(b, &b->tokens);
	vec_free(b, &b->text);
	vec_free(b, &b->wordtext);
	vec_free(b, &b->words);
	vec_free(b, &b->stems);
	vec_free(b, &b->abbrs);
	vec_free(b, &b->texts);
	vec_free(b, &b->temps);
	b->alloc.free(b->alloc.opaque, b);
}
