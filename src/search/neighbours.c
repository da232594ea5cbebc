/*
 * neighbours.c
 *		Codes near the one that was given: what was meant when a character was
 *		mistaken, swapped, dropped or added, what stands below a header.
 */
#include "search/neighbours.h"

#include "search/weights.h"

#define KIN_MAX			60		/* codes below a header that are looked at */
#define PLACEHOLDERS_MAX 3		/* that were left out */

/* Characters that are taken for one another, in pairs. */
static const char look_alike[] = "O0I1S5B8Z2G6D0Q0L1U0";

/* The rows of one system that begin with what has been read so far. */
typedef struct Range
{
	uint32_t	lo;
	uint32_t	hi;
} Range;

/* What the search for neighbours carries along. */
typedef struct Hunt
{
	Query	   *q;
	ImageShape	shape;			/* of the codes */
	Candidate  *cands;
	int			n;
	int			max;
	Range		prefix[SEARCH_CODE_MAX + 1];	/* by length of the prefix */
} Hunt;

/* Narrows a range of rows to those whose key begins with a prefix. */
static Range
narrow(const Image *im, Range r, const char *key, int len)
{
	uint32_t	hi = r.hi;
	Range		out;

	out.lo = image_find_key(im, r.lo, r.hi, key, len);
	r.lo = out.lo;
	while (r.lo < hi)
	{
		uint32_t	mid = r.lo + (hi - r.lo) / 2;
		const ImageRow *row = &im->rows[mid];
		int			n = row->key_len < len ? row->key_len : len;

		if (memcmp(row_key(im, row), key, (size_t) n) <= 0 && row->key_len >= len)
			r.lo = mid + 1;
		else
			hi = mid;
	}
	out.hi = r.lo;
	return out;
}

/* The place for another row; NULL when all others are likelier. */
static Candidate *
make_room(Hunt *h, float likely)
{
	Candidate  *least = &h->cands[0];
	int			i;

	if (h->n < h->max)
		return &h->cands[h->n++];
	for (i = 1; i < h->n; i++)
	{
		if (h->cands[i].score < least->score)
			least = &h->cands[i];
	}
	return least->score >= likely ? NULL : least;
}

/* Notes a row; found in several ways it becomes likelier. */
static void
note_code(Hunt *h, uint32_t row, float likely, CodeChange how)
{
	int			i;
	Candidate  *c;

	if (!row_allowed(h->q, row))
		return;
	if (!(h->q->im.rows[row].flags & ROW_BILLABLE))
		likely *= W.near_header;
	for (i = 0; i < h->n; i++)
	{
		c = &h->cands[i];
		if (c->row != row)
			continue;
		if (likely > c->score)
			c->how = (uint8_t) how;
		c->score = c->score + likely - c->score * likely;
		return;
	}
	c = make_room(h, likely);
	if (c == NULL)
		return;
	memset(c, 0, sizeof(*c));
	c->row = row;
	c->score = likely;
	c->how = (uint8_t) how;
	c->term = NO_TERM;
}

/* Looks a key up and notes its rows; true when there is one. */
static bool
try_key(Hunt *h, Range r, const char *key, int len, float likely, CodeChange how)
{
	const Image *im = &h->q->im;
	bool		found = false;
	uint32_t	row;

	for (row = image_find_key(im, r.lo, r.hi, key, len); row < r.hi; row++)
	{
		if (im->rows[row].key_len != len || memcmp(row_key(im, &im->rows[row]), key, (size_t) len) != 0)
			break;
		note_code(h, row, likely, how);
		found = true;
	}
	return found;
}

/* Do two characters look alike? */
static bool
look_the_same(char a, char b)
{
	const char *p;

	for (p = look_alike; *p; p += 2)
	{
		if ((p[0] == a && p[1] == b) || (p[0] == b && p[1] == a))
			return true;
	}
	return false;
}

/* How likely it is that a was written for b. */
static float
mistaken(char a, char b, CodeChange *how)
{
	*how = CODE_OTHER;
	if (look_the_same(a, b))
	{
		*how = CODE_CONFUSED;
		return W.near_alike;
	}
	if (a >= '0' && a <= '9' && b >= '0' && b <= '9')
		return a - b == 1 || b - a == 1 ? W.near_next_digit : W.near_digit;
	return (a <= '9') == (b <= '9') ? W.near_letter : W.near_other_kind;
}

/* The characters of which codes consist. */
static const char code_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Tries other characters in one place. */
static void
try_others(Hunt *h, const char *key, int len, int at, char *other)
{
	const char *c;
	CodeChange	how;

	for (c = code_chars; *c; c++)
	{
		float		likely;

		if (*c == key[at])
			continue;
		likely = mistaken(key[at], *c, &how);
		other[at] = *c;
		memcpy(other + at + 1, key + at + 1, (size_t) (len - at - 1));
		try_key(h, h->prefix[at], other, len, likely, how);
	}
}

/* How likely it is that a character was left out in one place, and what that is
 * called. */
static float
left_out(const Hunt *h, char before, char c, bool last, CodeChange *how)
{
	bool		placeholder = c == h->shape.placeholder;

	*how = last ? CODE_UNFINISHED : placeholder ? CODE_PLACEHOLDER : CODE_DROPPED;
	if (last)
		return c == h->shape.variants[0] ? W.near_usual_variant : W.near_last_dropped;
	return placeholder ? W.near_placeholder : before == c ? W.near_doubled : W.near_dropped;
}

/* Tries one character more in one place. */
static void
try_left_out(Hunt *h, const char *key, int len, int at, char *other)
{
	char		before = at > 0 ? key[at - 1] : '\0';
	const char *c;
	CodeChange	how;

	for (c = code_chars; *c && len < SEARCH_CODE_MAX; c++)
	{
		float		likely = left_out(h, before, *c, at == len, &how);

		/* of two equal neighbours only one place counts */
		if (before == *c && at < len && key[at] == *c)
			continue;
		other[at] = *c;
		memcpy(other + at + 1, key + at, (size_t) (len - at));
		try_key(h, h->prefix[at], other, len + 1, likely, how);
	}
}

/* Tries one character less in one place. */
static void
try_extra(Hunt *h, const char *key, int len, int at, char *other)
{
	bool		twice = (at > 0 && key[at - 1] == key[at]) || (at + 1 < len && key[at + 1] == key[at]);

	if (len <= 2)
		return;
	memcpy(other + at, key + at + 1, (size_t) (len - at - 1));
	try_key(h, h->prefix[at], other, len - 1, twice ? W.near_twice : at == len - 1 ? W.near_last_extra : W.near_extra,
			CODE_EXTRA);
}

/* Tries two characters in the other order. */
static void
try_swapped(Hunt *h, const char *key, int len, int at, char *other)
{
	if (at + 1 >= len || key[at] == key[at + 1])
		return;
	memcpy(other, key, (size_t) len);
	other[at] = key[at + 1];
	other[at + 1] = key[at];
	try_key(h, h->prefix[at], other, len, W.near_swapped, CODE_SWAPPED);
}

/* Tries all keys that differ in one place. */
static void
one_change(Hunt *h, const char *key, int len)
{
	char		other[SEARCH_CODE_MAX + 2];
	int			i;

	/* where nothing begins like this, it is no use to go on */
	for (i = 0; i <= len && h->prefix[i].lo < h->prefix[i].hi; i++)
	{
		memcpy(other, key, (size_t) i);
		if (i < len)
			try_others(h, key, len, i, other);
		try_left_out(h, key, len, i, other);
		if (i < len)
			try_extra(h, key, len, i, other);
		try_swapped(h, key, len, i, other);
	}
}

/* The character that looks like another one, NUL for none. */
static char
look_alike_of(char c)
{
	const char *p;

	for (p = look_alike; *p; p += 2)
	{
		if (p[0] == c)
			return p[1];
	}
	return '\0';
}

/* Tries digits for letters all over: EII9. */
static void
try_all_digits(Hunt *h, Range all, const char *key, int len)
{
	char		other[SEARCH_CODE_MAX + 2];
	int			i;

	memcpy(other, key, (size_t) len);
	for (i = 1; i < len; i++)
	{
		char		digit = look_alike_of(key[i]);

		if (digit != '\0')
			other[i] = digit;
	}
	if (memcmp(other, key, (size_t) len) != 0)
		try_key(h, all, other, len, W.near_all_digits, CODE_CONFUSED);
}

/* Tries placeholders that were left out before the last character; where that is
 * left out too, the code begins others (codes_below). */
static void
try_placeholders(Hunt *h, Range all, const char *key, int len)
{
	char		other[SEARCH_CODE_MAX + 2];
	int			full = h->shape.placeholder == '\0' ? 0 : h->shape.full_len;
	int			x;

	for (x = 1; x <= PLACEHOLDERS_MAX && len + x <= full && len > 3; x++)
	{
		memcpy(other, key, (size_t) len - 1);
		memset(other + len - 1, h->shape.placeholder, (size_t) x);
		other[len - 1 + x] = key[len - 1];
		try_key(h, all, other, len + x, W.near_placeholders, CODE_PLACEHOLDER);
	}
}

/* Tries the key with two neighbours swapped, wherever they are. */
static void
try_swaps(Hunt *h, Range all, char *key, int len)
{
	int			k;

	for (k = 0; k + 1 < len; k++)
	{
		char		c = key[k];

		key[k] = key[k + 1];
		key[k + 1] = c;
		try_key(h, all, key, len, W.near_two_changes, CODE_TWICE);
		key[k + 1] = key[k];
		key[k] = c;
	}
}

/* Tries what looks alike in one place and a swap besides. */
static void
try_alike_and_swap(Hunt *h, Range all, const char *key, int len)
{
	char		other[SEARCH_CODE_MAX + 2];
	int			i;
	int			p;

	for (i = 0; i < len; i++)
	{
		for (p = 0; look_alike[p] != '\0'; p++)
		{
			if (look_alike[p] != key[i])
				continue;
			memcpy(other, key, (size_t) len);
			other[i] = look_alike[p ^ 1];
			try_swaps(h, all, other, len);
		}
	}
}

/* How likely a code below another one is by the end of its key. */
static float
likely_below(const ImageShape *shape, int more, char last)
{
	bool		usual = last == shape->unspecified || last == shape->variants[0];

	if (more > 1)
		return usual ? W.below_deep_usual : W.below_deep;
	if (usual)
		return W.below_usual;
	if (last == shape->variants[1])
		return W.below_second;
	return last == shape->variants[2] ? W.below_third : 1.0f;
}

/* Notes the codes below a row or prefix, the most general ones first. */
static void
codes_below(Hunt *h, Range r, int len, float likely, CodeChange how)
{
	const Image *im = &h->q->im;
	uint32_t	row;
	int			seen = 0;

	for (row = r.lo; row < r.hi && seen < KIN_MAX; row++)
	{
		const ImageRow *ir = &im->rows[row];
		int			more = ir->key_len - len;

		if (more <= 0)
			continue;
		seen++;
		note_code(h, row, likely * (1.0f - W.below_step * (float) seen / KIN_MAX) *
				  likely_below(row_shape(im, ir), more, row_key(im, ir)[ir->key_len - 1]), how);
	}
}

/* Notes as much of the code as there is, and what is below that. */
static void
codes_above(Hunt *h, const char *key, int len)
{
	int			i;

	for (i = len - 1; i >= 2 && h->n < W.near_enough; i--)
	{
		if (h->prefix[i].lo >= h->prefix[i].hi)
			continue;
		try_key(h, h->prefix[i], key, i, W.near_above, CODE_ABOVE);
		codes_below(h, h->prefix[i], i, W.near_beside, CODE_OTHER);
	}
}

/* The rows that begin with each prefix of the code. */
static void
find_prefixes(Hunt *h, Range all, const char *key, int len)
{
	int			i;

	h->prefix[0] = all;
	for (i = 1; i <= len; i++)
	{
		h->prefix[i] = h->prefix[i - 1];
		if (h->prefix[i].lo < h->prefix[i].hi)
			h->prefix[i] = narrow(&h->q->im, h->prefix[i], key, i);
	}
}

/* Finds the codes that may have been meant; returns how many. */
int
code_neighbours(Query *q, Candidate *cands, int max)
{
	Hunt		h;
	Range		all;
	bool		known;
	int			i;

	h.q = q;
	h.shape = q->shape;
	h.cands = cands;
	h.n = 0;
	h.max = max;
	all.lo = q->lo;
	all.hi = q->hi;
	find_prefixes(&h, all, q->key, q->key_len);
	/* a header that is given wants what is below it, not itself */
	known = try_key(&h, all, q->key, q->key_len, 1.0f, CODE_SAME);
	for (i = 0; i < h.n; i++)
	{
		if (!(q->im.rows[h.cands[i].row].flags & ROW_BILLABLE))
			h.cands[i].score = W.near_given_header;
	}
	query_tick(q);
	if (known || h.prefix[q->key_len].lo < h.prefix[q->key_len].hi)
		codes_below(&h, h.prefix[q->key_len], q->key_len, W.near_below, known ? CODE_BELOW : CODE_UNFINISHED);
	if (!known || h.n == 0)
	{
		one_change(&h, q->key, q->key_len);
		query_tick(q);
		try_all_digits(&h, all, q->key, q->key_len);
		try_placeholders(&h, all, q->key, q->key_len);
		try_alike_and_swap(&h, all, q->key, q->key_len);
	}
	codes_above(&h, q->key, q->key_len);
	return h.n;
}
