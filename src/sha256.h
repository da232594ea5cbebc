/*
 * sha256.h
 *		SHA-256 (FIPS 180-4) in plain C, with the processor's own instructions
 *		where it has them.
 *
 * Without the server's headers: medrec-verify uses it as well.  A context is a
 * plain value, so that a prefix that many texts share is hashed once and copied.
 */
#ifndef MEDREC_SHA256_H
#define MEDREC_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LENGTH	32
#define SHA256_BLOCK	64

typedef struct Sha256
{
	uint32_t	state[8];
	uint64_t	length;			/* bytes so far */
	uint8_t		rest[SHA256_BLOCK]; /* length % 64 bytes that fill no block yet */
} Sha256;

extern void sha256_init(Sha256 *hash);
extern void sha256_update(Sha256 *hash, const void *data, size_t len);
extern void sha256_final(Sha256 *hash, uint8_t *digest);

#endif							/* MEDREC_SHA256_H */
