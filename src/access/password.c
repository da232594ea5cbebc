/*
 * access/password.c
 *		Passwords: bcrypt by pgcrypto, and Django's PBKDF2 by libcrypto.
 *
 * The time of an answer must not reveal which names exist. So every check does
 * the same work, whatever is stored: one bcrypt hash and the same number of
 * PBKDF2 rounds, some of them with a dummy. No PBKDF2 is computed any more
 * once every imported account has logged in.
 */
#include "base/medrec.h"

#include <openssl/evp.h>

#include "catalog/pg_collation.h"
#include "common/base64.h"
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

/* the salt of dummy hashes */
#define NO_SALT	"0123456789abcdef"

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
static void Pbkdf2(const char *password, const char *salt, int salt_len, int iterations,
				   uint8 *hash);
static bool DecodeHash(const char *text, uint8 *hash);

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

/* The cost of a bcrypt hash, 0 if the text is not one of a supported kind. */
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

/* A bcrypt setting: the current cost and a new salt. */
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
	/* 22 digits hold 132 bits, the salt has 128: the last four are zero */
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

/*
 * PBKDF2 with HMAC-SHA-256, one block. It is a single library call that cannot
 * be interrupted: two seconds at PBKDF2_ITERATIONS_MAX.
 */
static void
Pbkdf2(const char *password, const char *salt, int salt_len, int iterations, uint8 *hash)
{
	CHECK_FOR_INTERRUPTS();
	if (PKCS5_PBKDF2_HMAC(password, strlen(password), (const unsigned char *) salt, salt_len,
						  iterations, EVP_sha256(), SHA256_LENGTH, hash) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a hash with PBKDF2")));
}

/* Reads a hash in base64; false if it is not a SHA-256 hash. */
static bool
DecodeHash(const char *text, uint8 *hash)
{
	return medrec_b64_decode(text, strlen(text), hash, SHA256_LENGTH) == SHA256_LENGTH;
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
	if (hash == NULL || hash == salt || !DecodeHash(hash + 1, bytes))
		return 0;
	return iterations;
}

/* Does the password belong to the stored hash? */
bool
password_matches(const char *stored, const char *password, int most_iterations)
{
	int			iterations = stored ? password_pbkdf2_iterations(stored) : 0;
	bool		matches = BcryptMatches(stored, password);

	if (iterations > 0)
	{
		const char *salt = strchr(stored + strlen(PBKDF2_PREFIX), '$') + 1;
		int			salt_len = strcspn(salt, "$");
		uint8		expected[SHA256_LENGTH];
		uint8		computed[SHA256_LENGTH];

		(void) DecodeHash(salt + salt_len + 1, expected);
		Pbkdf2(password, salt, salt_len, iterations, computed);
		matches = SameBytes(computed, expected, SHA256_LENGTH);
	}
	/* dummy rounds, up to the most that any account needs */
	if (iterations < most_iterations)
	{
		uint8		unused[SHA256_LENGTH];

		Pbkdf2(password, NO_SALT, strlen(NO_SALT), most_iterations - iterations, unused);
	}
	return matches;
}

/* A bcrypt hash of the current cost. */
char *
password_hash(const char *password)
{
	return Crypt(password, BcryptSetting());
}

/* Is a stored hash of the kind and cost that password_hash() makes? */
bool
password_hash_is_current(const char *stored)
{
	return BcryptCost(stored) == medrec_password_cost;
}

/* Is it a common password, ignoring case? */
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

/* medrec.pbkdf2_iterations(password): the iterations of a stored hash, null if it is not PBKDF2. */
Datum
medrec_pbkdf2_iterations(PG_FUNCTION_ARGS)
{
	int			iterations = password_pbkdf2_iterations(TextDatumGetCString(PG_GETARG_DATUM(0)));

	if (iterations == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(iterations);
}
