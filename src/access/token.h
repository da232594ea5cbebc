/*
 * access/token.h
 *		JSON web tokens (RFC 7519), signed with HMAC-SHA-256.
 */
#ifndef MEDREC_TOKEN_H
#define MEDREC_TOKEN_H

/* length of a signing key that medrec makes: the hash's own, as RFC 7518 asks */
#define TOKEN_KEY_LENGTH	32

/* base64url without padding, palloc'd */
extern char *token_base64url(const uint8 *data, int len);

/* a random (version 4) UUID as text, palloc'd */
extern char *token_number(void);

/* cryptographically strong random bytes; an error if the system has none */
extern void token_random(uint8 *bytes, int len);

/* header.payload.signature, palloc'd; kid must need no escape in JSON */
extern char *token_sign(const char *kid, const uint8 *key, int key_len,
						const char *payload);

#endif							/* MEDREC_TOKEN_H */
