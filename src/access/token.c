/*
 * access/token.c
 *		Makes JSON web tokens: HS256 by the server's own HMAC.
 *
 * Tokens are only made here.  PostgREST verifies them, with the keys that
 * medrec.jwt_key_set() gives it.
 */
#include "base/medrec.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"

#include "access/token.h"

/* base64url without padding. */
char *
token_base64url(const uint8 *data, int len)
{
	static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char	   *result = palloc((len * 4 + 2) / 3 + 1);
	char	   *out = result;
	uint32		bits = 0;
	int			nbits = 0;
	int			i;

	for (i = 0; i < len; i++)
	{
		bits = bits << 8 | data[i];
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*out++ = digits[bits >> (nbits - 6) & 63];
	}
	if (nbits > 0)
		*out++ = digits[bits << (6 - nbits) & 63];
	*out = '\0';
	return result;
}

/* Bytes that nobody can guess. */
void
token_random(uint8 *bytes, int len)
{
	if (!pg_strong_random(bytes, len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes")));
}

/* A random UUID, as text. */
char *
token_number(void)
{
	uint8		b[16];

	token_random(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	return psprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
					b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
					b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* A token: header and payload, and the HMAC over both. */
char *
token_sign(const char *kid, const uint8 *key, int key_len, const char *payload)
{
	char	   *header = psprintf("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
	uint8		signature[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx *hmac;
	StringInfoData token;

	initStringInfo(&token);
	appendStringInfo(&token, "%s.%s",
					 token_base64url((const uint8 *) header, strlen(header)),
					 token_base64url((const uint8 *) payload, strlen(payload)));

	hmac = pg_hmac_create(PG_SHA256);
	if (hmac == NULL ||
		pg_hmac_init(hmac, key, key_len) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) token.data, token.len) < 0 ||
		pg_hmac_final(hmac, signature, sizeof(signature)) < 0)
	{
		if (hmac != NULL)
			pg_hmac_free(hmac);
		elog(ERROR, "could not compute the signature of a token");
	}
	pg_hmac_free(hmac);

	appendStringInfo(&token, ".%s", token_base64url(signature, sizeof(signature)));
	return token.data;
}
