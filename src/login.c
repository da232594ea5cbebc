/*
 * login.c
 *		Accounts over HTTP: login, passwords, tokens, and the check of each request.
 *
 * A refused login must be remembered, and PostgREST rolls back what raises an
 * error.  So a refusal is an answer like any other, whose status PostgREST takes
 * from the setting response.status.
 *
 * Nothing in an answer, nor the time it takes, tells an unknown name from a wrong
 * password, a locked account or one that is not active.  That is why every check
 * hashes, and every refusal writes one row.
 */
#include "medrec.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "actor.h"
#include "login.h"
#include "password.h"
#include "token.h"

/* SQLSTATE that PostgREST answers with 401 */
#define ERRCODE_NOT_LOGGED_IN	MAKE_SQLSTATE('P','T','4','0','1')
#define ERRCODE_NOT_FOUND		MAKE_SQLSTATE('P','T','4','0','4')

/* the role of a request without a token, and what the others begin with */
#define ANONYMOUS_ROLE	"medrec_anon"
#define ROLE_PREFIX		"medrec_"

/* tries that are free, then a wait that doubles with each, up to a limit */
#define FREE_TRIES		5
#define LONGEST_WAIT	900

/* a day without a failure, and the count starts anew */
#define FORGET_AFTER	(INT64CONST(86400) * USECS_PER_SEC)

/* names that there are not share so many rows, numbered from -1 down */
#define NOBODIES	1024

/* first half of the advisory locks on names: "mrlg" */
#define LOGIN_LOCK	0x6d726c67

/* An account, as far as a login goes. */
typedef struct Account
{
	int32		id;				/* negative: there is none */
	char	   *username;
	char	   *role;
	char	   *password;
	bool		active;
	int32		failures;
	TimestampTz last_failure;	/* 0: never */
	TimestampTz locked_until;	/* 0: not */
	int32		generation;
} Account;

static AccessPlan find_account = {
	"SELECT a.id, a.username, a.role, a.password, a.is_active,"
	"  l.failures, l.last_failure, l.locked_until, g.generation,"
	"  a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar AS by_name"
	" FROM ONLY medrec.account AS a"
	" LEFT JOIN medrec.account_login AS l ON l.account_id OPERATOR(pg_catalog.=) a.id"
	" LEFT JOIN medrec.token_generation AS g ON g.account_id OPERATOR(pg_catalog.=) a.id"
	" WHERE a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	"  OR (pg_catalog.lower(a.email) OPERATOR(pg_catalog.=) pg_catalog.lower($1)"
	"   AND a.email OPERATOR(pg_catalog.<>) '')"
	" ORDER BY by_name DESC LIMIT 2",
	1, {TEXTOID}
};
static AccessPlan most_iterations = {
	"SELECT pg_catalog.max(medrec.pbkdf2_iterations(a.password)) FROM medrec.account AS a"
	" WHERE medrec.pbkdf2_iterations(a.password) IS NOT NULL",
	0, {0}
};
static AccessPlan note_refusal = {
	"INSERT INTO medrec.account_login AS l (account_id, failures, refused, last_failure, locked_until)"
	" VALUES ($1, $2, 1, $3, $4)"
	" ON CONFLICT (account_id) DO UPDATE SET failures = $2,"
	"  refused = l.refused OPERATOR(pg_catalog.+) 1, last_failure = $3, locked_until = $4",
	4, {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};
static AccessPlan note_lockout = {
	"INSERT INTO medrec.login_lockout (account_id, failures, locked_until) VALUES ($1, $2, $3)",
	3, {INT4OID, INT4OID, TIMESTAMPTZOID}
};
static AccessPlan forget_failures = {
	"UPDATE medrec.account_login SET failures = 0, locked_until = NULL"
	" WHERE account_id OPERATOR(pg_catalog.=) $1"
	"  AND (failures OPERATOR(pg_catalog.<>) 0 OR locked_until IS NOT NULL)",
	1, {INT4OID}
};
static AccessPlan note_login = {
	"UPDATE medrec.account SET last_login = $2, password = COALESCE($3, password)"
	" WHERE id OPERATOR(pg_catalog.=) $1",
	3, {INT4OID, TIMESTAMPTZOID, TEXTOID}
};
static AccessPlan store_password = {
	"UPDATE medrec.account SET password = $2 WHERE id OPERATOR(pg_catalog.=) $1",
	2, {INT4OID, TEXTOID}
};
static AccessPlan next_generation = {
	"INSERT INTO medrec.token_generation AS g (account_id, generation) VALUES ($1, 1)"
	" ON CONFLICT (account_id) DO UPDATE SET"
	"  generation = g.generation OPERATOR(pg_catalog.+) 1"
	" RETURNING g.generation",
	1, {INT4OID}
};
static AccessPlan signing_key = {
	"SELECT k.kid, k.key FROM ONLY medrec.jwt_key AS k"
	" WHERE k.signs_from OPERATOR(pg_catalog.<=) pg_catalog.statement_timestamp()"
	"  AND k.retired_at IS NULL"
	" ORDER BY k.signs_from DESC LIMIT 1",
	0, {0}
};
static AccessPlan check_token = {
	"SELECT a.role, a.is_active, g.generation,"
	"  EXISTS (SELECT FROM medrec.token_revoked AS r WHERE r.jti OPERATOR(pg_catalog.=) $2)"
	" FROM (SELECT) AS one"
	" LEFT JOIN ONLY medrec.account AS a ON a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	" LEFT JOIN medrec.token_generation AS g ON g.account_id OPERATOR(pg_catalog.=) a.id",
	2, {TEXTOID, TEXTOID}
};
static AccessPlan revoke_token = {
	"WITH purged AS (DELETE FROM medrec.token_revoked AS r"
	"  WHERE r.expires_at OPERATOR(pg_catalog.<) pg_catalog.statement_timestamp())"
	" INSERT INTO medrec.token_revoked (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	2, {TEXTOID, TIMESTAMPTZOID}
};

static bool FindAccount(const char *name, Account *account);
static int32 Int32Of(int column, int32 otherwise);
static TimestampTz TimeOf(int column);
static char *StringOf(int column);
static int	MostIterations(void);
static uint32 LockName(const char *name);
static bool CheckPassword(const char *name, const char *password, Account *account);
static void Remember(const Account *account, bool lockout);
static Datum Refuse(void);
static char *SigningKey(uint8 **key, int *key_len);
static Datum Token(const Account *account, int32 generation, TimestampTz now);
static void CheckNewPassword(const char *password, const char *username);
static int32 NewPassword(int32 id, const char *password);
static char *ArgText(FunctionCallInfo fcinfo, int n);
static void NotAccepted(void) pg_attribute_noreturn();
static void NoSuchAccount(void) pg_attribute_noreturn();

/* Runs a statement, preparing it at its first use. */
uint64
access_run(AccessPlan *plan, Datum *values, const bool *nulls)
{
	char		spi_nulls[ACCESS_PLAN_ARGS];
	int			i;
	int			rc;

	if (plan->plan == NULL)
	{
		SPIPlanPtr	prepared = SPI_prepare(plan->query, plan->nargs, plan->argtypes);

		if (prepared == NULL || SPI_keepplan(prepared) != 0)
			elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
		plan->plan = prepared;
	}
	for (i = 0; i < plan->nargs; i++)
		spi_nulls[i] = nulls != NULL && nulls[i] ? 'n' : ' ';
	rc = SPI_execute_plan(plan->plan, values, spi_nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

/* A number of the first row; where it is null, the other. */
static int32
Int32Of(int column, int32 otherwise)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? otherwise : DatumGetInt32(value);
}

/* A time of the first row, 0 where it is null. */
static TimestampTz
TimeOf(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

/* A text of the first row. */
static char *
StringOf(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* Finds an account by its name, or by an e-mail address that is one account's alone. */
static bool
FindAccount(const char *name, Account *account)
{
	Datum		value = CStringGetTextDatum(name);
	uint64		found = access_run(&find_account, &value, NULL);
	bool		isnull;

	memset(account, 0, sizeof(*account));
	if (found > 0 &&
		(found == 1 ||
		 DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 10, &isnull))))
	{
		account->id = Int32Of(1, 0);
		account->username = StringOf(2);
		account->role = StringOf(3);
		account->password = StringOf(4);
		account->active = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
													 5, &isnull));
		account->failures = Int32Of(6, 0);
		account->last_failure = TimeOf(7);
		account->locked_until = TimeOf(8);
		account->generation = Int32Of(9, 0);
		return true;
	}

	return false;
}

/* The most PBKDF2 iterations that any account still needs. */
static int
MostIterations(void)
{
	access_run(&most_iterations, NULL, NULL);
	return Int32Of(1, 0);
}

/*
 * One try at a time for a name, there or not, so that many at once do not all
 * pass before the first is counted.  Held to the end of the transaction.  The
 * name's hash.
 */
static uint32
LockName(const char *name)
{
	char	   *folded = str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
	uint32		hash = hash_bytes((const unsigned char *) folded, strlen(folded));

	DirectFunctionCall2(pg_advisory_xact_lock_int4,
						Int32GetDatum(LOGIN_LOCK), Int32GetDatum((int32) hash));
	return hash;
}

/*
 * Does the password belong to an account that may log in now?  If not, the
 * failure is remembered.
 */
static bool
CheckPassword(const char *name, const char *password, Account *account)
{
	TimestampTz now;
	uint32		hash;
	bool		matches;
	bool		locked;
	bool		lockout = false;

	/* what no account can have is looked for all the same, cut to size */
	if (strlen(name) > ACCOUNT_NAME_MAX_BYTES)
		name = pnstrdup(name, pg_mbcliplen(name, strlen(name), ACCOUNT_NAME_MAX_BYTES));
	if (strlen(password) > PASSWORD_SENT_MAX)
		password = "";

	hash = LockName(name);
	if (!FindAccount(name, account))
		account->id = -1 - (int32) (hash % NOBODIES);
	matches = password_matches(account->password, password, MostIterations());

	now = GetCurrentTimestamp();
	locked = account->locked_until > now;
	if (account->active && !locked && matches)
		return true;

	/* tries while locked do not count: they are refused whatever they say */
	if (account->active && !locked)
	{
		if (account->last_failure + FORGET_AFTER < now)
			account->failures = 0;
		account->failures++;
		account->last_failure = now;
		lockout = account->failures >= FREE_TRIES;
		if (lockout)
			account->locked_until = now + USECS_PER_SEC *
				Min(INT64CONST(1) << Min(account->failures - FREE_TRIES, 16), LONGEST_WAIT);
	}
	Remember(account, lockout);
	return false;
}

/* Remembers a refused try: one row, for everybody and nobody. */
static void
Remember(const Account *account, bool lockout)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = Int32GetDatum(account->id);
	values[1] = Int32GetDatum(account->failures);
	values[2] = TimestampTzGetDatum(account->last_failure);
	nulls[2] = account->last_failure == 0;
	values[3] = TimestampTzGetDatum(account->locked_until);
	nulls[3] = account->locked_until == 0;
	access_run(&note_refusal, values, nulls);

	/* the start of a lock-out is an event of the audit trail */
	if (lockout)
	{
		values[2] = values[3];
		access_run(&note_lockout, values, NULL);
	}
}

/* The answer to a login that is refused, with its status. */
static Datum
Refuse(void)
{
	static const char refusal[] =
	"{\"code\": \"28P01\", \"message\": \"wrong name or password, or too many tries\","
	" \"details\": null, \"hint\": \"After several wrong tries wait before the next one.\"}";

	(void) set_config_option("response.status", "401", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(refusal));
}

/* The key that signs now. */
static char *
SigningKey(uint8 **key, int *key_len)
{
	bool		isnull;
	bytea	   *bytes;

	if (access_run(&signing_key, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no key to sign tokens with"),
				 errhint("Run SELECT medrec.rotate_jwt_key().")));
	bytes = DatumGetByteaPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											 2, &isnull));
	*key = (uint8 *) VARDATA(bytes);
	*key_len = VARSIZE(bytes) - VARHDRSZ;
	return StringOf(1);
}

/* The answer to a login that is granted: a token, its end, the role. */
static Datum
Token(const Account *account, int32 generation, TimestampTz now)
{
	pg_time_t	issued = timestamptz_to_time_t(now);
	pg_time_t	expires = issued + medrec_token_lifetime;
	char		expires_at[MAXDATELEN + 1];
	char	   *kid;
	uint8	   *key;
	int			key_len;
	char	   *username;
	StringInfoData payload;
	StringInfoData answer;

	kid = SigningKey(&key, &key_len);
	username = pg_server_to_any(account->username, strlen(account->username), PG_UTF8);

	initStringInfo(&payload);
	appendStringInfoString(&payload, "{\"sub\":");
	escape_json(&payload, username);
	appendStringInfo(&payload, ",\"role\":\"" ROLE_PREFIX "%s\",\"iat\":" INT64_FORMAT
					 ",\"exp\":" INT64_FORMAT ",\"jti\":\"%s\",\"gen\":%d}",
					 account->role, (int64) issued, (int64) expires, token_number(), generation);

	JsonEncodeDateTime(expires_at, TimestampTzGetDatum(time_t_to_timestamptz(expires)),
					   TIMESTAMPTZOID, NULL);
	initStringInfo(&answer);
	appendStringInfo(&answer, "{\"token\":\"%s\",\"expires_at\":\"%s\",\"role\":\"%s\"}",
					 token_sign(kid, key, key_len, payload.data), expires_at, account->role);
	memset(key, 0, key_len);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(answer.data));
}

/* A new password is long enough, and bcrypt sees all of it. */
static void
CheckNewPassword(const char *password, const char *username)
{
	if (pg_mbstrlen(password) < PASSWORD_MIN_CHARS || strlen(password) > PASSWORD_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a password has %d characters at least and %d bytes at most",
						PASSWORD_MIN_CHARS, PASSWORD_MAX_BYTES)));
	if (pg_strcasecmp(password, username) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a password must not be the account's name")));
}

/* Stores a new password; all tokens so far end.  The new tokens' generation. */
static int32
NewPassword(int32 id, const char *password)
{
	Datum		values[2] = {Int32GetDatum(id), CStringGetTextDatum(password_hash(password))};

	access_run(&store_password, values, NULL);
	access_run(&forget_failures, values, NULL);
	access_run(&next_generation, values, NULL);
	return Int32Of(1, 0);
}

/* An argument as a string, empty where it is null. */
static char *
ArgText(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? pstrdup("") : TextDatumGetCString(PG_GETARG_DATUM(n));
}

/* Says that there is no such account. */
static void
NoSuchAccount(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_FOUND),
			 errmsg("account not found")));
}

PG_FUNCTION_INFO_V1(medrec_login);

/* medrec.login(username, password): a token, or a refusal that is remembered. */
Datum
medrec_login(PG_FUNCTION_ARGS)
{
	char	   *username = ArgText(fcinfo, 0);
	char	   *password = ArgText(fcinfo, 1);
	Account		account;
	Datum		result;

	SPI_connect();
	if (!CheckPassword(username, password, &account))
		result = Refuse();
	else
	{
		TimestampTz now = GetCurrentTimestamp();
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Int32GetDatum(account.id);
		values[1] = TimestampTzGetDatum(now);
		nulls[2] = password_hash_is_current(account.password);
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(password_hash(password));
		access_run(&note_login, values, nulls);
		access_run(&forget_failures, values, NULL);
		result = Token(&account, account.generation, now);
	}
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(medrec_change_password);

/* medrec.change_password(old, new): one's own; all other tokens end. */
Datum
medrec_change_password(PG_FUNCTION_ARGS)
{
	const char *name = access_account_name();
	char	   *old_password = ArgText(fcinfo, 0);
	char	   *new_password = ArgText(fcinfo, 1);
	Account		account;
	Datum		result;

	if (name == NULL)
		NotAccepted();
	name = pstrdup(name);
	CheckNewPassword(new_password, name);

	SPI_connect();
	if (!CheckPassword(name, old_password, &account) ||
		strcmp(account.username, name) != 0)
		result = Refuse();
	else
		result = Token(&account, NewPassword(account.id, new_password), GetCurrentTimestamp());
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(medrec_set_password);

/* medrec.set_password(username, password): an administrator's; all tokens end. */
Datum
medrec_set_password(PG_FUNCTION_ARGS)
{
	char	   *username = ArgText(fcinfo, 0);
	char	   *password = ArgText(fcinfo, 1);
	Account		account;

	CheckNewPassword(password, username);
	SPI_connect();
	if (!FindAccount(username, &account) || strcmp(account.username, username) != 0)
		NoSuchAccount();
	NewPassword(account.id, password);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_revoke_tokens);

/* medrec.revoke_tokens(username): ends all tokens of an account. */
Datum
medrec_revoke_tokens(PG_FUNCTION_ARGS)
{
	char	   *username = ArgText(fcinfo, 0);
	Account		account;
	Datum		id;

	SPI_connect();
	if (!FindAccount(username, &account) || strcmp(account.username, username) != 0)
		NoSuchAccount();
	id = Int32GetDatum(account.id);
	access_run(&forget_failures, &id, NULL);
	access_run(&next_generation, &id, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_logout);

/* medrec.logout(): ends the token that the request came with. */
Datum
medrec_logout(PG_FUNCTION_ARGS)
{
	const Actor *actor = actor_current();
	TimestampTz expires;
	Datum		values[2];

	if (actor->jti == NULL)
		NotAccepted();

	/* an outside provider's may say nothing of its end, or nonsense */
	expires = GetCurrentTimestamp() + INT64CONST(366) * USECS_PER_DAY;
	if (actor->expires != NULL)
	{
		double		seconds = strtod(actor->expires, NULL);

		if (seconds > 0 && seconds < 4102444800.0)	/* the year 2100 */
			expires = time_t_to_timestamptz((pg_time_t) seconds + 1);
	}
	values[0] = CStringGetTextDatum(actor->jti);
	values[1] = TimestampTzGetDatum(expires);
	SPI_connect();
	access_run(&revoke_token, values, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

/* The name of the account that acts, valid until the next statement. */
const char *
access_account_name(void)
{
	const Actor *actor = actor_current();

	if (actor->account != NULL)
		return actor->account;
	return strcmp(actor->session_user, AUTHENTICATOR_ROLE) == 0 ? NULL : actor->session_user;
}

/* Says that a token is none, or none any more; not why. */
static void
NotAccepted(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_LOGGED_IN),
			 errmsg("the token is not accepted"),
			 errhint("Log in again.")));
}

PG_FUNCTION_INFO_V1(medrec_check_request);

/*
 * medrec.check_request(): whether the token that PostgREST has verified may be
 * used now: its account is there and active, has the role that the request took
 * on, and neither the token nor its generation has been revoked.
 */
Datum
medrec_check_request(PG_FUNCTION_ARGS)
{
	const Actor *actor = actor_current();
	Datum		values[2];
	bool		nulls[2] = {false};
	bool		isnull;
	bool		active;
	char	   *role;

	if (strcmp(actor->role, ANONYMOUS_ROLE) == 0)
		PG_RETURN_VOID();

	if (strncmp(actor->role, ROLE_PREFIX, strlen(ROLE_PREFIX)) != 0 || actor->account == NULL)
		NotAccepted();

	values[0] = CStringGetTextDatum(actor->account);
	nulls[1] = actor->jti == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(actor->jti);

	SPI_connect();
	if (access_run(&check_token, values, nulls) != 1)
		elog(ERROR, "could not check a token");
	role = StringOf(1);
	active = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4, &isnull)))
		NotAccepted();
	if (role == NULL)
	{
		/* an outside provider keeps the accounts: the role is one of medrec's */
		static const char *const roles[] = {"admin", "clinician", "coder", "auditor"};
		int			i;

		for (i = 0; i < lengthof(roles); i++)
			if (strcmp(actor->role + strlen(ROLE_PREFIX), roles[i]) == 0)
				break;
		if (!medrec_outside_accounts || i == lengthof(roles) || actor->generation != NULL)
			NotAccepted();
	}
	else
	{
		if (!active || strcmp(role, actor->role + strlen(ROLE_PREFIX)) != 0)
			NotAccepted();
		/* tokens of login() are of a generation; those of others are of none */
		if (actor->generation != NULL && atoi(actor->generation) != Int32Of(3, 0))
			NotAccepted();
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_wrong_arguments);

/* medrec.wrong_arguments(): says that a function does not take what was sent. */
Datum
medrec_wrong_arguments(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_FOUND),
			 errmsg("there is no function of this name with these arguments"),
			 errhint("What it takes is described at /api/.")));
	PG_RETURN_VOID();
}
