/*
 * hash/base64.h
 *		Base64 (RFC 4648) without the server's headers.
 */
#ifndef MEDREC_BASE64_H
#define MEDREC_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* size of this many bytes in base64, with the final zero */
#define BASE64_LENGTH(len)	(((len) + 2) / 3 * 4 + 1)

extern void base64_encode(const uint8_t *data, size_t len, char *out);

/* returns the number of bytes, -1 if it is not base64 or does not fit */
extern long base64_decode(const char *text, size_t len, uint8_t *out, size_t size);

#endif							/* MEDREC_BASE64_H */
