/*
 * build.c
 *		The builder takes in codes, terms and abbreviations.
 *
 * Terms are cut into words as they come; layout.c turns what is gathered here
 * into the image.
 */
#include "search/build.h"

#include <string.h>

#include "search/bytes.h"
#include "search/stem.h"
#include "search/vocabulary.h"
#include "search/weights.h"

#define SAME_TERMS_MAX	64		/* terms of a row that are compared with a new
								 * one */

/* Says what the codes of a system look like; described in search.h. */
void
search_set_shape(SearchBuilder *b, int system, const CodeShape *shape)
{
	ImageShape *s;
	size_t		i;

	if (system < 0 || system >= SYSTEMS_MAX || shape == NULL)
		return;
	s = &b->shapes[system];
	memset(s, 0, sizeof(*s));
	s->full_len = (uint8_t) shape->full_len;
	s->zero_at = (uint8_t) shape->zero_at;
	s->placeholder = shape->placeholder;
	s->unspecified = shape->unspecified;
	for (i = 0; i < sizeof(s->variants) && shape->variants[i] != '\0'; i++)
		s->variants[i] = shape->variants[i];
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
add_token(SearchBuilder *b, const char *text, int len, uint32_t kind, int *ntoks)
{
	uint32_t	word = build_word(b, text, len);
	uint32_t   *tok;

	if (word == NONE)
		return false;
	BWORD(b, word)->count++;
	tok = vec_push(b, &b->tokens, sizeof(uint32_t), 1);
	if (tok == NULL)
		return false;
	*tok = token_make(word, kind);
	(*ntoks)++;
	return true;
}

/* What a word is in its term. */
static uint32_t
kind_in_term(const Word *word, const BuildWord *known, const Word *before, int negated, bool synonym)
{
	/* "not specified", "not elsewhere classified" say nothing */
	if (negated > 0 && word_says_nothing(word->text, word->len))
		return TOK_OPTIONAL;
	/* what stands in brackets may be left out */
	if ((word->flags & WORD_PAREN) && before->len > 0)
		return TOK_OPTIONAL;
	/* so may the second of two forms of a word: spasm, spastic */
	if (synonym && words_akin(before->text, before->len, word->text, word->len))
		return TOK_OPTIONAL;
	return negated > 0 && known->class == CLASS_NONE ? TOK_NEGATED : TOK_PLAIN;
}

/* Adds the compound of two words that a hyphen joins: follow-up is also found
 * as followup. */
static bool
add_compound(SearchBuilder *b, const Word *before, const Word *word, int *ntoks)
{
	char		text[WORD_MAX + 1];
	int			len;

	if (!(word->flags & WORD_HYPHEN) || before->len == 0 || word->text[0] <= '9')
		return true;
	len = word_join(before, word, text);
	return len == 0 || add_token(b, text, len, TOK_COMPOUND, ntoks);
}

/* Cuts a term into tokens; false when out of memory. */
static bool
add_tokens(SearchBuilder *b, const char *text, size_t len, BuildTerm *t)
{
	WordScan	scan;
	Word		word;
	Word		before;
	int			ntoks = 0;
	int			negated = 0;	/* words that the last negation still negates */
	uint64_t	fold = 0;

	before.len = 0;
	t->tok_off = (uint32_t) b->tokens.n;
	word_scan_start(&scan, text, len);
	while (word_scan_next(&scan, &word))
	{
		uint32_t	known;

		fold = (fold ^ search_hash(word.text, word.len)) * 0xff51afd7ed558ccdULL;
		fold ^= fold >> 31;
		if (ntoks >= TERM_TOKENS_MAX - 1)
			continue;
		known = build_word(b, word.text, word.len);
		if (known == NONE)
			return false;
		if (BWORD(b, known)->polarity == POLARITY_ENDS || (word.flags & WORD_BREAK))
			negated = 0;
		if (!add_token(b, word.text, word.len, kind_in_term(&word, BWORD(b, known), &before, negated,
															t->kind > SEARCH_TERM_SHORT), &ntoks))
			return false;
		if (negated > 0)
			negated--;
		if (BWORD(b, known)->polarity == POLARITY_NEGATES)
			negated = NEGATION_WORDS;
		if (!add_compound(b, &before, &word, &ntoks))
			return false;
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

/* The term of a row that has the same words, NONE when there is none; says also
 * whether the row has a long title. */
static uint32_t
find_same_term(SearchBuilder *b, const BuildRow *r, const BuildTerm *t, bool *has_long)
{
	uint32_t	i;
	int			looked = 0;

	*has_long = false;
	for (i = r->first; i != NONE && looked < SAME_TERMS_MAX; i = TERM(b, i)->next, looked++)
	{
		*has_long |= TERM(b, i)->kind == SEARCH_TERM_LONG;
		if (TERM(b, i)->fold_hash == t->fold_hash && TERM(b, i)->ntoks == t->ntoks)
			return i;
	}
	return NONE;
}

/* Appends a term to those of a row; false when out of memory. */
static bool
append_term(SearchBuilder *b, int32_t ref, const BuildTerm *t)
{
	BuildTerm  *at = vec_push(b, &b->terms, sizeof(BuildTerm), 1);
	uint32_t	i = (uint32_t) b->terms.n - 1;
	BuildRow   *r = ROW(b, ref);

	if (at == NULL)
		return false;
	*at = *t;
	if (r->last == NONE)
		r->first = i;
	else
		TERM(b, r->last)->next = i;
	r->last = i;
	r->nterms++;
	return true;
}

/* Makes the title of a term that said the same; false when out of memory. */
static bool
make_title(SearchBuilder *b, uint32_t term, const char *text, size_t len)
{
	BuildTerm  *t = TERM(b, term);
	uint32_t	off;

	if (t->kind == SEARCH_TERM_LONG)
		return true;
	off = build_text(b, text, len);
	if (off == NONE)
		return false;
	t->kind = SEARCH_TERM_LONG;
	t->text_off = off;
	t->text_len = (uint16_t) len;
	return true;
}

/* Adds a term; described in search.h. */
bool
search_add_term(SearchBuilder *b, int32_t ref, SearchTermKind kind, const char *text, size_t len)
{
	BuildTerm	t;
	uint32_t	same;
	bool		has_long;

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
	same = find_same_term(b, ROW(b, ref), &t, &has_long);
	if (same != NONE)
	{
		if (kind == SEARCH_TERM_LONG && !make_title(b, same, text, len))
			return false;
		b->tokens.n = t.tok_off;
		return true;
	}
	/* a short title is shown nowhere where there is a long one */
	if (kind != SEARCH_TERM_SHORT || !has_long)
	{
		t.text_off = build_text(b, text, len);
		t.text_len = (uint16_t) len;
	}
	return t.text_off != NONE && append_term(b, ref, &t);
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
			   int weight)
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
	off = vec_push_text(b, &b->wordtext, f, fl);
	if (off == NONE || vec_push_text(b, &b->wordtext, t, tl) == NONE)
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
	if (b->failed || !build_add_abbr(b, from, from_len, to, to_len, W.abbr_given))
		return false;
	a = b->abbrs.n > before ? ABBR(b, b->abbrs.n - 1) : NULL;
	/* no need to look for what is written out under its contractions */
	if (a != NULL && a->nfrom == 1 && a->nto == 1 &&
		!word_contracts(WORDTEXT(b, a->text_off), (int) a->from_len,
						WORDTEXT(b, a->text_off + a->from_len + 1), (int) a->to_len))
		return build_add_abbr(b, to, to_len, from, from_len, W.abbr_reversed);
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
