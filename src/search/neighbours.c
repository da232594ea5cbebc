/*
 * neighbours.c
 *		Codes near the one that was given: what was meant when a character was
 *		mistaken, swapped, dropped or added, what stands below a header.
 */
#include "query.h"

#define KIN_MAX		60			/* codes below a header that are looked at */

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
	Cand	   *cands;
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

/* Notes a row; found in several ways it becomes likelier. */
static void
note(Hunt *h, uint32_t row, float likely, CodeChange how)
{
	int			i;
	Cand	   *c;

	if (!row_allowed(h->q, row))
		return;
	if (!(h->q->im.rows[row].flags & ROW_BILLABLE))
		likely *= 0.8f;
	for (i = 0; i < h->n; i++)
	{
		c = &h->cands[i];
		if (c->row == row)
		{
			if (likely > c->score)
				c->how = (uint8_t) how;
			c->score = c->score + likely - c->score * likely;
			return;
		}
	}
	if (h->n < h->max)
		c = &h->cands[h->n++];
	else
	{
		/* the least likely one makes room */
		c = &h->cands[0];
		for (i = 1; i < h->n; i++)
		{
			if (h->cands[i].score < c->score)
				c = &h->cands[i];
		}
		if (c->score >= likely)
			return;
	}
	memset(c, 0, sizeof(*c));
	c->row = row;
	c->score = likely;
	c->how = (uint8_t) how;
	c->term = UINT32_MAX;
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
		note(h, row, likely, how);
		found = true;
	}
	return found;
}

/* Do two characters look alike? */
static bool
alike(char a, char b)
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
	if (alike(a, b))
	{
		*how = CODE_CONFUSED;
		return 0.75f;
	}
	if (a >= '0' && a <= '9' && b >= '0' && b <= '9')
		return a - b == 1 || b - a == 1 ? 0.4f : 0.2f;
	return (a <= '9') == (b <= '9') ? 0.15f : 0.06f;
}

/* Tries all keys that differ in one place. */
static void
one_slip(Hunt *h, const char *key, int len)
{
	static const char chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char		other[SEARCH_CODE_MAX + 2];
	CodeChange	how;
	int			i;
	const char *c;

	for (i = 0; i <= len; i++)
	{
		/* nothing begins like this: no use to go on */
		if (h->prefix[i].lo >= h->prefix[i].hi)
			break;
		memcpy(other, key, (size_t) i);
		for (c = chars; *c && i < len; c++)
		{
			float		likely;

			if (*c == key[i])
				continue;
			likely = mistaken(key[i], *c, &how);
			other[i] = *c;
			memcpy(other + i + 1, key + i + 1, (size_t) (len - i - 1));
			try_key(h, h->prefix[i], other, len, likely, how);
		}
		for (c = chars; *c && len < SEARCH_CODE_MAX; c++)
		{
			float		likely = *c == 'X' ? 0.75f : (i > 0 && key[i - 1] == *c) ? 0.45f : 0.3f;

			/* of two equal neighbours only one place counts */
			if (i > 0 && key[i - 1] == *c && i < len && key[i] == *c)
				continue;
			other[i] = *c;
			memcpy(other + i + 1, key + i, (size_t) (len - i));
			if (i == len)
				likely = *c == 'A' ? 0.6f : 0.3f;
			try_key(h, h->prefix[i], other, len + 1, likely, i == len ? CODE_SEVENTH :
					*c == 'X' ? CODE_PLACEHOLDER : CODE_DROPPED);
		}
		if (i < len && len > 2)
		{
			bool		twice = (i > 0 && key[i - 1] == key[i]) || (i + 1 < len && key[i + 1] == key[i]);

			memcpy(other + i, key + i + 1, (size_t) (len - i - 1));
			try_key(h, h->prefix[i], other, len - 1, twice ? 0.5f : i == len - 1 ? 0.6f : 0.45f, CODE_EXTRA);
		}
		if (i + 1 < len && key[i] != key[i + 1])
		{
			memcpy(other, key, (size_t) len);
			other[i] = key[i + 1];
			other[i + 1] = key[i];
			try_key(h, h->prefix[i], other, len, 0.7f, CODE_SWAPPED);
		}
	}
}

/* Tries keys with several of the commonest slips at once. */
static void
several_slips(Hunt *h, Range all, const char *key, int len)
{
	char		other[SEARCH_CODE_MAX + 2];
	int			i;
	int			k;
	int			x;
	const char *p;

	/* letters for digits all over: EII9 */
	for (i = 0; i < len; i++)
	{
		other[i] = key[i];
		for (p = look_alike; i > 0 && *p; p += 2)
		{
			if (p[0] == key[i])
			{
				other[i] = p[1];
				break;
			}
		}
	}
	if (memcmp(other, key, (size_t) len) != 0)
		try_key(h, all, other, len, 0.75f, CODE_CONFUSED);
	/* placeholders left out before the seventh character */
	for (x = 1; x <= 3 && len + x <= 7 && len > 3; x++)
	{
		memcpy(other, key, (size_t) len - 1);
		memset(other + len - 1, 'X', (size_t) x);
		other[len - 1 + x] = key[len - 1];
		try_key(h, all, other, len + x, 0.8f, CODE_PLACEHOLDER);
	}
	/* placeholders and seventh character left out */
	for (x = 1; x <= 3 && len + x < 7 && len >= 3; x++)
	{
		memcpy(other, key, (size_t) len);
		memset(other + len, 'X', (size_t) x);
		other[len + x] = 'A';
		try_key(h, all, other, len + x + 1, 0.5f, CODE_SEVENTH);
	}
	/* what was written for a look-alike and one place more or less besides */
	for (i = 0; i < len; i++)
	{
		for (p = look_alike; *p; p++)
		{
			char		to = look_alike[(p - look_alike) ^ 1];

			if (*p != key[i])
				continue;
			memcpy(other, key, (size_t) len);
			other[i] = to;
			for (k = 0; k + 1 < len; k++)
			{
				char		c = other[k];

				other[k] = other[k + 1];
				other[k + 1] = c;
				try_key(h, all, other, len, 0.25f, CODE_TWICE);
				other[k + 1] = other[k];
				other[k] = c;
			}
		}
	}
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
		char		last = row_key(im, ir)[ir->key_len - 1];
		int			more = ir->key_len - len;
		float		f;

		if (more <= 0)
			continue;
		seen++;
		f = likely * (1.0f - 0.02f * (float) seen / KIN_MAX);
		if (more == 1)
			f *= last == '9' || last == 'A' ? 1.1f : last == 'D' ? 1.06f : last == 'S' ? 1.05f : 1.0f;
		else if (last == '9' || last == 'A')
			f *= 0.9f;
		else
			f *= 0.75f;
		note(h, row, f, how);
	}
}

/* Finds the codes that may have been meant; returns how many. */
int
code_neighbours(Query *q, Cand *cands, int max)
{
	Hunt		h;
	Range		all;
	bool		known;
	int			i;

	h.q = q;
	h.cands = cands;
	h.n = 0;
	h.max = max;
	all.lo = q->lo;
	all.hi = q->hi;
	h.prefix[0] = all;
	for (i = 1; i <= q->key_len; i++)
		h.prefix[i] = h.prefix[i - 1].lo < h.prefix[i - 1].hi ? narrow(&q->im, h.prefix[i - 1], q->key, i) : h.prefix[i - 1];
	/* a header that is given wants what is below it, not itself */
	known = try_key(&h, all, q->key, q->key_len, 1.0f, CODE_SAME);
	for (i = 0; i < h.n; i++)
	{
		if (!(q->im.rows[h.cands[i].row].flags & ROW_BILLABLE))
			h.cands[i].score = 0.3f;
	}
	query_tick(q);
	if (known || h.prefix[q->key_len].lo < h.prefix[q->key_len].hi)
		codes_below(&h, h.prefix[q->key_len], q->key_len, 0.6f, known ? CODE_BELOW : CODE_SEVENTH);
	if (!known || h.n == 0)
	{
		one_slip(&h, q->key, q->key_len);
		query_tick(q);
		several_slips(&h, all, q->key, q->key_len);
	}
	if (h.n < 3)
	{
		/* as much of it as there is */
		for (i = q->key_len - 1; i >= 2 && h.n < 3; i--)
		{
			if (h.prefix[i].lo >= h.prefix[i].hi)
				continue;
			try_key(&h, h.prefix[i], q->key, i, 0.35f, CODE_ABOVE);
			codes_below(&h, h.prefix[i], i, 0.2f, CODE_OTHER);
		}
	}
	return h.n;
}
