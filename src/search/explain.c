/*
 * explain.c
 *		Says in a few words why a code is suggested.
 */
#include "search/explain.h"

#include <stdio.h>

#include "search/neighbours.h"

/* Puts a text into quotes, as much of it as there is room for; the result is
 * valid UTF-8 without control characters. */
static int
put_quoted(char *out, int room, const char *text, int len)
{
	int			n = 0;
	int			i = 0;

	out[n++] = '"';
	while (i < len && n < room - 8)
	{
		int			k = utf8_length(text + i, (size_t) (len - i));

		if (k <= 1)
		{
			unsigned char c = (unsigned char) text[i++];

			out[n++] = (char) (k == 0 || c == 127 ? '?' : c < 32 ? ' ' : c == '"' ? '\'' : c);
			continue;
		}
		/* the control characters above ASCII */
		if ((unsigned char) text[i] == 0xC2 && (unsigned char) text[i + 1] < 0xA0)
			out[n++] = ' ';
		else
		{
			memcpy(out + n, text + i, (size_t) k);
			n += k;
		}
		i += k;
	}
	if (i < len)
	{
		memcpy(out + n, "\xE2\x80\xA6", 3);
		n += 3;
	}
	out[n++] = '"';
	out[n] = '\0';
	return n;
}

/* Says which characters a code that was given lacks. */
static void
explain_unfinished(const Query *q, const ImageRow *r, const char *key, int at, char *out)
{
	int			full = row_shape(&q->im, r)->full_len;

	if (r->key_len == full)
		snprintf(out, SEARCH_REASON_LEN, "%dth character %c added", full, key[full - 1]);
	else
		snprintf(out, SEARCH_REASON_LEN, "%.*s added", r->key_len - at, key + at);
}

/* Says what was done to the code that was given. */
static void
explain_code(const Query *q, const Candidate *c, char *out)
{
	const ImageRow *r = &q->im.rows[c->row];
	const char *key = row_key(&q->im, r);
	int			i = 0;

	while (i < q->key_len && i < r->key_len && q->key[i] == key[i])
		i++;
	switch ((CodeChange) c->how)
	{
		case CODE_SAME:
			snprintf(out, SEARCH_REASON_LEN, "the code given");
			break;
		case CODE_CONFUSED:
		case CODE_OTHER:
			if (q->key_len == r->key_len && i < r->key_len)
				snprintf(out, SEARCH_REASON_LEN, "%c for %c as character %d", key[i], q->key[i], i + 1);
			else
				snprintf(out, SEARCH_REASON_LEN, "begins like the code given");
			break;
		case CODE_SWAPPED:
			snprintf(out, SEARCH_REASON_LEN, "characters %d and %d swapped", i + 1, i + 2);
			break;
		case CODE_DROPPED:
			snprintf(out, SEARCH_REASON_LEN, "character %d added: %c", i + 1, key[i]);
			break;
		case CODE_EXTRA:
			snprintf(out, SEARCH_REASON_LEN, "character %d removed: %c", i + 1, q->key[i]);
			break;
		case CODE_PLACEHOLDER:
			snprintf(out, SEARCH_REASON_LEN, "placeholder %c added", row_shape(&q->im, r)->placeholder);
			break;
		case CODE_UNFINISHED:
			explain_unfinished(q, r, key, i, out);
			break;
		case CODE_BELOW:
			if (row_variant(&q->im, r) != '\0' && q->key_len == r->key_len - 1)
				explain_unfinished(q, r, key, i, out);
			else
				snprintf(out, SEARCH_REASON_LEN, "below the header given");
			break;
		case CODE_ABOVE:
			snprintf(out, SEARCH_REASON_LEN, "as much of the code as there is");
			break;
		case CODE_TWICE:
			snprintf(out, SEARCH_REASON_LEN, "two characters mended");
			break;
	}
}

/* Says why; out has room for SEARCH_REASON_LEN bytes. */
void
explain_candidate(const Query *q, const Candidate *c, char *out)
{
	const ImageTerm *t = c->term == NO_TERM ? NULL : &q->im.terms[c->term];
	const Word *w = c->spelled ? &q->words[q->qterms[c->spelled - 1].word] : NULL;
	static const char related[] = " of a related code";
	int			n;

	out[0] = '\0';
	if (c->source == SEARCH_SOURCE_CODE || c->source == SEARCH_SOURCE_CHILD)
		explain_code(q, c, out);
	else if (c->source == SEARCH_SOURCE_SUCCESSOR)
		snprintf(out, SEARCH_REASON_LEN, "in place of %s, which is not valid on that day", q->key);
	else if (w != NULL)
	{
		memcpy(out, "spelling of ", 12);
		put_quoted(out + 12, SEARCH_REASON_LEN - 12, w->text, w->len);
	}
	else if (t != NULL && t->kind > SEARCH_TERM_SHORT)
	{
		memcpy(out, "synonym ", 8);
		n = 8 + put_quoted(out + 8, SEARCH_REASON_LEN - 8 - (int) sizeof(related), q->im.text + t->text_off, t->text_len);
		if (c->inherited)
			memcpy(out + n, related, sizeof(related));
	}
	else if (t != NULL)
		snprintf(out, SEARCH_REASON_LEN, t->kind == SEARCH_TERM_SHORT ? "words of the short title" :
				 c->inherited ? "words of a related title" : "words of the title");
}
