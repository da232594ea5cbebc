/*
 * bytes.h
 *		Hashes of bytes, characters of UTF-8, numbers in few bytes.
 */
#ifndef MEDREC_SEARCH_BYTES_H
#define MEDREC_SEARCH_BYTES_H

#include <stddef.h>
#include <stdint.h>

extern uint64_t search_hash(const void *data, size_t len);
extern uint32_t utf8_decode(const unsigned char *p, const unsigned char *end, int *len);
extern int	utf8_encode(uint32_t c, char *out);
extern int	utf8_length(const char *p, size_t left);

/* Bytes of a varint. */
static inline int
varint_size(uint32_t v)
{
	return v < 0x80 ? 1 : v < 0x4000 ? 2 : v < 0x200000 ? 3 : v < 0x10000000 ? 4 : 5;
}

/* Writes a varint; returns its end. */
static inline uint8_t *
varint_put(uint8_t *p, uint32_t v)
{
	while (v >= 0x80)
	{
		*p++ = (uint8_t) (v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t) v;
	return p;
}

/* Reads a varint; returns its end. */
static inline const uint8_t *
varint_get(const uint8_t *p, uint32_t *v)
{
	uint32_t	x = *p & 0x7F;
	int			shift = 7;

	while (*p++ & 0x80)
	{
		x |= (uint32_t) (*p & 0x7F) << shift;
		shift += 7;
	}
	*v = x;
	return p;
}

#endif							/* MEDREC_SEARCH_BYTES_H */
