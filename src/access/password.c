/*
 * access/password.c
 *		Passwords: bcrypt by pgcrypto, and Django's PBKDF2.
 *
 * Whoever tries names and passwords must not learn from the time that the
 * answer takes which names exist.  So every check does the same work, whatever
 * is stored: one bcrypt and the same number of PBKDF2 rounds, some of it for
 * nothing.  PBKDF2 falls away once every account brought over has logged in.
 */
#include "base/medrec.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "access/password.h"
#include "access/password_common.h"
#include "access/token.h"
#include "base/plan.h"
#include "base/settings.h"
#include "hash/sha256.h"

/* "$2a$12$", 22 digits of salt, 31 of hash */
#define BCRYPT_SETTING_LENGTH	29
#define BCRYPT_LENGTH	60

#define PBKDF2_PREFIX	"pbkdf2_sha256$"

/* The state that PBKDF2 starts each HMAC from: the key's two paddings, hashed. */
typedef struct HmacKey
{
	Sha256		inner;
	Sha256		outer;
} HmacKey;

/* pgcrypto's crypt(), wherever that extension lives */
static SavedPlan find_crypt = {
	"SELECT p.oid"
	" FROM pg_catalog.pg_extension AS e"
	" JOIN pg_catalog.pg_proc AS p ON p.pronamespace OPERATOR(pg_catalog.=) e.extnamespace"
	" JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) p.oid"
	"  AND d.refobjid OPERATOR(pg_catalog.=) e.oid"
	"  AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass"
	"  AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass"
	" WHERE e.extname OPERATOR(pg_catalog.=) 'pgcrypto'"
	"  AND p.proname OPERATOR(pg_catalog.=) 'crypt'"
	"  AND p.proargtypes OPERATOR(pg_catalog.=) '25 25'::pg_catalog.oidvector",
	0, {0}
};

static bool SameBytes(const void *a, const void *b, size_t len);
static int	BcryptCost(const char *stored);
static char *BcryptSetting(void);
static char *Crypt(const char *password, const char *setting);
static bool BcryptMatches(const char *stored, const char *password);
static void SetHmacKey(HmacKey *key, const char *password);
static void Hmac(const HmacKey *key, const uint8 *data, size_t len, uint8 *digest);
static void Rounds(const HmacKey *key, uint8 *u, uint8 *sum, int count);
static int	Base64(const char *text, uint8 *bytes, int size);

/* Compares in a time that does not depend on where the bytes differ. */
static bool
SameBytes(const void *a, const void *b, size_t len)
{
	const volatile uint8 *x = a;
	const volatile uint8 *y = b;
	uint8		difference = 0;
	size_t		i;

	for (i = 0; i < len; i++)
		difference |= x[i] ^ y[i];
	return difference == 0;
}

/* The cost of a bcrypt hash, 0 where the text is none that is computed. */
static int
BcryptCost(const char *stored)
{
	int			cost;

	if (strlen(stored) != BCRYPT_LENGTH || strncmp(stored, "$2", 2) != 0 ||
		strchr("abxy", stored[2]) == NULL || stored[3] != '$' ||
		stored[4] < '0' || stored[4] > '3' || stored[5] < '0' || stored[5] > '9' ||
		stored[6] != '$')
		return 0;
	cost = (stored[4] - '0') * 10 + stored[5] - '0';
	return cost >= BCRYPT_COST_MIN && cost <= BCRYPT_COST_MAX ? cost : 0;
}

/* A setting of bcrypt: the present cost, a new salt. */
static char *
BcryptSetting(void)
{
	static const char digits[] =
	"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint8		random[22];
	char		salt[23];
	int			i;

	token_random(random, sizeof(random));
	for (i = 0; i < 22; i++)
		salt[i] = digits[random[i] & 63];
	/* 22 digits hold 132 bits, the salt 128: the last four are nought */
	salt[21] = digits[random[21] & 48];
	salt[22] = '\0';
	return psprintf("$2a$%02d$%s", medrec_password_cost, salt);
}

/* pgcrypto's crypt(), wherever that extension lives. */
static char *
Crypt(const char *password, const char *setting)
{
	Oid			function;
	bool		isnull;

	if (saved_plan_run(&find_crypt, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("extension \"%s\" is not installed", "pgcrypto"),
				 errhint("Run CREATE EXTENSION pgcrypto.")));
	function = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											  1, &isnull));
	return TextDatumGetCString(OidFunctionCall2Coll(function, DEFAULT_COLLATION_OID,
													CStringGetTextDatum(password),
													CStringGetTextDatum(setting)));
}

/* Does a bcrypt hash belong to the password?  Computes one whatever is stored. */
static bool
BcryptMatches(const char *stored, const char *password)
{
	char		setting[BCRYPT_SETTING_LENGTH + 1];
	char	   *computed;

	if (stored == NULL || BcryptCost(stored) == 0)
	{
		Crypt(password, BcryptSetting());
		return false;
	}

	/* pgcrypto knows 2b and 2y by their older name, and the faulty 2x */
	strlcpy(setting, stored, sizeof(setting));
	if (setting[2] != 'x')
		setting[2] = 'a';
	computed = Crypt(password, setting);
	return strlen(computed) == BCRYPT_LENGTH &&
		SameBytes(computed + BCRYPT_SETTING_LENGTH, stored + BCRYPT_SETTING_LENGTH,
				  BCRYPT_LENGTH - BCRYPT_SETTING_LENGTH);
}

/* Hashes the two paddings of a key, once for all rounds. */
static void
SetHmacKey(HmacKey *key, const char *password)
{
	uint8		block[SHA256_BLOCK] = {0};
	size_t		len = strlen(password);
	int			i;

	if (len > SHA256_BLOCK)
	{
		Sha256		hash;

		sha256_init(&hash);
		sha256_update(&hash, password, len);
		sha256_final(&hash, block);
	}
	else
		memcpy(block, password, len);

	for (i = 0; i < SHA256_BLOCK; i++)
		block[i] ^= 0x36;
	sha256_init(&key->inner);
	sha256_update(&key->inner, block, SHA256_BLOCK);
	for (i = 0; i < SHA256_BLOCK; i++)
		block[i] ^= 0x36 ^ 0x5c;
	sha256_init(&key->outer);
	sha256_update(&key->outer, block, SHA256_BLOCK);
}

/* HMAC-SHA-256. */
static void
Hmac(const HmacKey *key, const uint8 *data, size_t len, uint8 *digest)
{
	Sha256		hash = key->inner;

	sha256_update(&hash, data, len);
	sha256_final(&hash, digest);
	hash = key->outer;
	sha256_update(&hash, digest, SHA256_LENGTH);
	sha256_final(&hash, digest);
}

/* Rounds of PBKDF2: each hashes the last one's result, and is added to the sum. */
static void
Rounds(const HmacKey *key, uint8 *u, uint8 *sum, int count)
{
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		Hmac(key, u, SHA256_LENGTH, u);
		for (j = 0; j < SHA256_LENGTH; j++)
			sum[j] ^= u[j];
	}
}

/* Decodes base64; the number of bytes, -1 where it is none or does not fit. */
static int
Base64(const char *text, uint8 *bytes, int size)
{
	static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32		bits = 0;
	int			nbits = 0;
	int			len = 0;

	for (; *text != '\0' && *text != '='; text++)
	{
		const char *digit = strchr(digits, *text);

		if (digit == NULL)
			return -1;
		bits = bits << 6 | (uint32) (digit - digits);
		nbits += 6;
		if (nbits >= 8)
		{
			if (len == size)
				return -1;
			nbits -= 8;
			bytes[len++] = (uint8) (bits >> nbits);
		}
	}
	return text[strspn(text, "=")] == '\0' ? len : -1;
}

/* The iterations of a hash as Django stores it. */
int
password_pbkdf2_iterations(const char *stored)
{
	const char *p = stored + strlen(PBKDF2_PREFIX);
	const char *salt;
	const char *hash;
	uint8		bytes[SHA256_LENGTH];
	int			iterations = 0;

	if (strncmp(stored, PBKDF2_PREFIX, strlen(PBKDF2_PREFIX)) != 0)
		return 0;
	for (; *p >= '0' && *p <= '9'; p++)
	{
		iterations = iterations * 10 + (*p - '0');
		if (iterations > PBKDF2_ITERATIONS_MAX)
			return 0;
	}
	if (*p++ != '$')
		return 0;
	salt = p;
	hash = strchr(salt, '$');
	if (hash == NULL || hash == salt ||
		Base64(hash + 1, bytes, sizeof(bytes)) != SHA256_LENGTH)
		return 0;
	return iterations;
}

/* Does the password belong to the stored hash? */
bool
password_matches(const char *stored, const char *password, int most_iterations)
{
	int			iterations = stored ? password_pbkdf2_iterations(stored) : 0;
	bool		matches = BcryptMatches(stored, password);

	if (iterations > 0 || most_iterations > 0)
	{
		const char *salt = "";
		size_t		salt_len = 0;
		uint8	   *first;
		uint8		expected[SHA256_LENGTH] = {0};
		uint8		u[SHA256_LENGTH];
		uint8		sum[SHA256_LENGTH];
		HmacKey		key;
		bool		same;

		if (iterations > 0)
		{
			salt = strchr(stored + strlen(PBKDF2_PREFIX), '$') + 1;
			salt_len = strcspn(salt, "$");
			Base64(salt + salt_len + 1, expected, sizeof(expected));
		}

		/* the one block that is as long as the hash: its number is 1 */
		first = palloc0(salt_len + 4);
		memcpy(first, salt, salt_len);
		first[salt_len + 3] = 1;
		SetHmacKey(&key, password);
		Hmac(&key, first, salt_len + 4, u);
		memcpy(sum, u, sizeof(sum));
		if (iterations > 0)
			Rounds(&key, u, sum, iterations - 1);
		same = SameBytes(sum, expected, SHA256_LENGTH);
		if (iterations > 0)
			matches = same;
		Rounds(&key, u, sum, most_iterations - iterations);
		pfree(first);
	}
	return matches;
}

/* A bcrypt hash of the present cost. */
char *
password_hash(const char *password)
{
	return Crypt(password, BcryptSetting());
}

/* Is a stored hash one that password_hash() would make today? */
bool
password_hash_is_current(const char *stored)
{
	return BcryptCost(stored) == medrec_password_cost;
}

/* Is it one of the commonest passwords, whatever its case? */
bool
password_is_common(const char *password)
{
	int			i;

	for (i = 0; i < (int) lengthof(common_passwords); i++)
		if (pg_strcasecmp(common_passwords[i], password) == 0)
			return true;
	return false;
}

PG_FUNCTION_INFO_V1(medrec_pbkdf2_iterations);

/* medrec.pbkdf2_iterations(password): of a stored hash, null where it is no PBKDF2. */
Datum
medrec_pbkdf2_iterations(PG_FUNCTION_ARGS)
{
	int			iterations = password_pbkdf2_iterations(TextDatumGetCString(PG_GETARG_DATUM(0)));

	if (iterations == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(iterations);
}
