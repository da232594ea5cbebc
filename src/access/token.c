/*
 * access/token.c
 *		Makes JSON web tokens: HS256 by the server's own HMAC.
 *
 * Tokens are only made here.  PostgREST verifies them, with the keys that
 * medrec.jwt_key_set() gives it.
 */
#include "base/medrec.h"

#include "common/base64.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"

#include "access/token.h"

/* base64url without padding. */
char *
token_base64url(const uint8 *data, int len)
{
	int			size = pg_b64_enc_len(len) + 1;
	char	   *result = palloc(size);
	int			written = medrec_b64_encode(data, len, result, size);
	int			i;

	if (written < 0)
		elog(ERROR, "could not encode %d bytes in base64", len);
	while (written > 0 && result[written - 1] == '=')
		written--;
	result[written] = '\0';
	for (i = 0; i < written; i++)
		if (result[i] == '+')
			result[i] = '-';
		else if (result[i] == '/')
			result[i] = '_';
	return result;
}

/* Cryptographically strong random bytes. */
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
	return DatumGetCString(DirectFunctionCall1(uuid_out, OidFunctionCall0(F_GEN_RANDOM_UUID)));
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
