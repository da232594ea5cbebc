/*
 * hash/sha256.h
 *		SHA-256 by OpenSSL's libcrypto.
 *
 * Not the server's pg_cryptohash: medrec-verify has no server, and a context
 * here is a plain value, so that a prefix that many texts share is hashed once
 * and copied.  OpenSSL calls this interface deprecated in favour of one that
 * allocates for each hash; it is kept for as long as there is a 3.
 */
#ifndef MEDREC_SHA256_H
#define MEDREC_SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/sha.h>

#define SHA256_LENGTH	SHA256_DIGEST_LENGTH
#define SHA256_BLOCK	SHA256_CBLOCK

typedef SHA256_CTX Sha256;

/* Begins a hash. */
static inline void
sha256_init(Sha256 *hash)
{
	(void) SHA256_Init(hash);
}

/* Takes bytes in. */
static inline void
sha256_update(Sha256 *hash, const void *data, size_t len)
{
	(void) SHA256_Update(hash, data, len);
}

/* Ends a hash; digest has SHA256_LENGTH bytes. */
static inline void
sha256_final(Sha256 *hash, uint8_t *digest)
{
	(void) SHA256_Final(digest, hash);
}

#endif							/* MEDREC_SHA256_H */
