/*
 * hash/base64.c
 *		Base64 (RFC 4648) without the server's headers.
 */
#include "hash/base64.h"

#include <string.h>

static const char alphabet[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes bytes as base64, with a final zero. */
void
base64_encode(const uint8_t *data, size_t len, char *out)
{
	size_t		i;

	for (i = 0; i < len; i += 3)
	{
		size_t		left = len - i;
		uint32_t	bits = (uint32_t) data[i] << 16;

		if (left > 1)
			bits |= (uint32_t) data[i + 1] << 8;
		if (left > 2)
			bits |= data[i + 2];
		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	*out = '\0';
}

/* Reads padded base64; -1 if it is invalid or does not fit. */
long
base64_decode(const char *text, size_t len, uint8_t *out, size_t size)
{
	size_t		n = 0;
	size_t		i;

	if (len % 4 != 0)
		return -1;
	for (i = 0; i < len; i += 4)
	{
		uint32_t	bits = 0;
		int			chars = 4;
		int			j;

		if (i + 4 == len && text[i + 3] == '=')
			chars = text[i + 2] == '=' ? 2 : 3;
		for (j = 0; j < 4; j++)
		{
			const char *p = j < chars && text[i + j] ? strchr(alphabet, text[i + j]) : NULL;

			if (j < chars && p == NULL)
				return -1;
			bits = bits << 6 | (p ? (uint32_t) (p - alphabet) : 0);
		}
		for (j = 0; j < chars - 1; j++)
		{
			if (n == size)
				return -1;
			out[n++] = (uint8_t) (bits >> (16 - 8 * j));
		}

		/*
		 * unused bits must be zero, so that a text has one form
		 */
		if (bits & ((1u << (8 * (4 - chars))) - 1))
			return -1;
	}
	return (long) n;
}
