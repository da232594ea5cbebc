/*
 * bytes.c
 *		Hashes of bytes, and characters of UTF-8.
 */
#include "search/bytes.h"

#include <stdbool.h>
#include <string.h>

/* A 64-bit hash of some bytes; not for secrets. */
uint64_t
search_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t	h = 0x9E3779B97F4A7C15ULL ^ (len * 0xff51afd7ed558ccdULL);
	uint64_t	w;

	while (len > 0)
	{
		size_t		n = len < 8 ? len : 8;

		w = 0;
		memcpy(&w, p, n);
		h = (h ^ w) * 0xbf58476d1ce4e5b9ULL;
		h ^= h >> 32;
		p += n;
		len -= n;
	}
	h *= 0x94d049bb133111ebULL;
	return h ^ (h >> 29);
}

/* How many bytes follow a leading byte; 0 where it leads no character. */
static int
utf8_following(unsigned char c)
{
	if (c < 0xC2 || c >= 0xF5)
		return 0;
	return c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
}

/* Is a character one at all, and written in as few bytes as it takes? */
static bool
utf8_proper(uint32_t c, int following)
{
	if (following == 2)
		return c >= 0x800 && (c < 0xD800 || c >= 0xE000);
	return following != 3 || (c >= 0x10000 && c <= 0x10FFFF);
}

/* Decodes one character; an invalid byte stands for itself as latin-1. */
uint32_t
utf8_decode(const unsigned char *p, const unsigned char *end, int *len)
{
	int			n = utf8_following(*p);
	int			i;
	uint32_t	c = *p;

	*len = 1;
	if (n == 0 || end - p <= n)
		return c;
	c &= 0x3F >> n;
	for (i = 1; i <= n; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return *p;
		c = c << 6 | (p[i] & 0x3F);
	}
	if (!utf8_proper(c, n))
		return *p;
	*len = n + 1;
	return c;
}

/* Encodes a character of more than seven bits; returns its length. */
int
utf8_encode(uint32_t c, char *out)
{
	if (c < 0x800)
	{
		out[0] = (char) (0xC0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xE0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3F));
		out[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | c >> 18);
	out[1] = (char) (0x80 | (c >> 12 & 0x3F));
	out[2] = (char) (0x80 | (c >> 6 & 0x3F));
	out[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

/* The length of the valid UTF-8 character at p, 0 when there is none. */
int
utf8_length(const char *p, size_t left)
{
	int			len;
	const unsigned char *u = (const unsigned char *) p;

	if (left == 0)
		return 0;
	utf8_decode(u, u + left, &len);
	return len == 1 && *u >= 0x80 ? 0 : len;
}
