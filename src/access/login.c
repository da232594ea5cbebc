/*
 * access/login.c
 *		Accounts over HTTP: login, passwords, tokens, and the check of each request.
 *
 * A failed login must be recorded, but PostgREST rolls back a transaction that
 * raises an error. So a refusal is a normal answer, whose HTTP status
 * PostgREST takes from the setting response.status. A client that rolls back
 * the transaction gains nothing: the attempt has been counted in shared memory
 * before, and a token is accepted only if its row in token_issued has been
 * committed.
 *
 * An unknown name, a wrong password, a locked account and an inactive one get
 * the same answer in the same time. That is why every check computes a hash,
 * and every refusal writes one row.
 */
#include "base/medrec.h"

#include <arpa/inet.h>

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
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "access/login.h"
#include "access/login_tries.h"
#include "access/password.h"
#include "access/token.h"
#include "access/username.h"
#include "base/actor.h"
#include "base/plan.h"
#include "base/relations.h"
#include "base/settings.h"

/* SQLSTATE that PostgREST answers with 401 */
#define ERRCODE_NOT_LOGGED_IN	MAKE_SQLSTATE('P','T','4','0','1')
#define ERRCODE_NOT_FOUND		MAKE_SQLSTATE('P','T','4','0','4')

/* the role of a request without a token, and the prefix of medrec's roles */
#define ANONYMOUS_ROLE	"medrec_anon"
#define ROLE_PREFIX		"medrec_"

/*
 * Number of failed attempts without a wait, from one address, and from all
 * addresses where the account has never logged in.
 */
#define FREE_TRIES		5
#define FREE_TRIES_ALL	100

/* unknown names share this many rows, numbered from -1 down */
#define NOBODIES	1024

/* What a login needs to know about an account. */
typedef struct Account
{
	int32		id;				/* negative: there is none */
	char	   *username;
	char	   *role;
	char	   *password;
	bool		active;
	LoginCount	all;			/* failed attempts from all addresses */
	LoginCount	here;			/* and from the caller's */
	bool		known;			/* the account has logged in from there */
	int32		generation;
} Account;

/* What came of a try. */
typedef enum LoginResult
{
	LOGIN_GRANTED,
	LOGIN_REFUSED,
	LOGIN_BUSY
} LoginResult;

static SavedPlan find_account = {
	"SELECT a.id, a.username, a.role, a.password, a.is_active, g.generation,"
	"  l.failures, l.last_failure, l.locked_until, l.cleared_at,"
	"  d.failures, d.last_failure, d.locked_until, d.cleared_at, d.last_login IS NOT NULL,"
	"  a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar AS by_name"
	" FROM ONLY medrec.account AS a"
	" LEFT JOIN medrec.account_login AS l ON l.account_id OPERATOR(pg_catalog.=) a.id"
	" LEFT JOIN medrec.login_address AS d ON d.account_id OPERATOR(pg_catalog.=) a.id"
	"  AND d.address OPERATOR(pg_catalog.=) $2"
	" LEFT JOIN medrec.token_generation AS g ON g.account_id OPERATOR(pg_catalog.=) a.id"
	" WHERE a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	"  OR (pg_catalog.lower(a.email) OPERATOR(pg_catalog.=) pg_catalog.lower($1)"
	"   AND a.email OPERATOR(pg_catalog.<>) '')"
	" ORDER BY by_name DESC LIMIT 2",
	2, {TEXTOID, TEXTOID}
};

/* Used until medrec.migrate() has applied step 60. */
static SavedPlan find_account_before = {
	"SELECT a.id, a.username, a.role, a.password, a.is_active, g.generation,"
	"  l.failures, l.last_failure, l.locked_until, NULL::pg_catalog.timestamptz,"
	"  NULL::pg_catalog.int4, NULL::pg_catalog.timestamptz, NULL::pg_catalog.timestamptz,"
	"  NULL::pg_catalog.timestamptz, false,"
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
static SavedPlan forget_failures_before = {
	"UPDATE medrec.account_login SET failures = 0, locked_until = NULL"
	" WHERE account_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};
static SavedPlan next_generation_before = {
	"INSERT INTO medrec.token_generation AS g (account_id, generation) VALUES ($1, 1)"
	" ON CONFLICT (account_id) DO UPDATE SET"
	"  generation = g.generation OPERATOR(pg_catalog.+) 1"
	" RETURNING g.generation",
	1, {INT4OID}
};
static SavedPlan note_lockout_before = {
	"INSERT INTO medrec.login_lockout (account_id, failures, locked_until) VALUES ($1, $2, $3)",
	3, {INT4OID, INT4OID, TIMESTAMPTZOID}
};
static SavedPlan check_token_before = {
	"SELECT a.role, a.is_active, g.generation,"
	"  EXISTS (SELECT FROM medrec.token_revoked AS r WHERE r.jti OPERATOR(pg_catalog.=) $2),"
	"  NULL::pg_catalog.timestamptz"
	" FROM (SELECT) AS one"
	" LEFT JOIN ONLY medrec.account AS a ON a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	" LEFT JOIN medrec.token_generation AS g ON g.account_id OPERATOR(pg_catalog.=) a.id",
	2, {TEXTOID, TEXTOID}
};

static SavedPlan find_address = {
	"SELECT FROM medrec.login_address AS d"
	" WHERE d.address OPERATOR(pg_catalog.=) $1 AND d.last_login IS NOT NULL LIMIT 1",
	1, {TEXTOID}
};
static SavedPlan most_iterations = {
	"SELECT pg_catalog.max(medrec.pbkdf2_iterations(a.password)) FROM ONLY medrec.account AS a"
	" WHERE medrec.pbkdf2_iterations(a.password) IS NOT NULL",
	0, {0}
};
static SavedPlan note_refusal = {
	"INSERT INTO medrec.account_login AS l (account_id, failures, refused, last_failure, locked_until)"
	" VALUES ($1, $2, 1, $3, $4)"
	" ON CONFLICT (account_id) DO UPDATE SET failures = $2,"
	"  refused = l.refused OPERATOR(pg_catalog.+) 1, last_failure = $3, locked_until = $4",
	4, {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};
static SavedPlan note_refusal_here = {
	"WITH purged AS (DELETE FROM medrec.login_address AS o WHERE o.account_id OPERATOR(pg_catalog.=) $1"
	"  AND o.address OPERATOR(pg_catalog.<>) $5"
	"  AND COALESCE(o.last_failure OPERATOR(pg_catalog.<) (pg_catalog.statement_timestamp() OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval), true)"
	"  AND COALESCE(o.last_login OPERATOR(pg_catalog.<) (pg_catalog.statement_timestamp() OPERATOR(pg_catalog.-) '90 days'::pg_catalog.interval), true))"
	" INSERT INTO medrec.login_address AS d (account_id, address, failures, last_failure, locked_until)"
	" VALUES ($1, $5, $2, $3, $4)"
	" ON CONFLICT (account_id, address) DO UPDATE SET failures = $2, last_failure = $3, locked_until = $4",
	5, {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}
};
static SavedPlan note_lockout = {
	"INSERT INTO medrec.login_lockout (account_id, failures, locked_until, address, rolled_back)"
	" VALUES ($1, $2, $3, $4, $5)",
	5, {INT4OID, INT4OID, TIMESTAMPTZOID, TEXTOID, INT4OID}
};
static SavedPlan forget_failures = {
	"WITH here AS (UPDATE medrec.login_address AS d SET failures = 0, locked_until = NULL,"
	"  cleared_at = pg_catalog.clock_timestamp() WHERE d.account_id OPERATOR(pg_catalog.=) $1)"
	" INSERT INTO medrec.account_login AS l (account_id, cleared_at) VALUES ($1, pg_catalog.clock_timestamp())"
	" ON CONFLICT (account_id) DO UPDATE SET failures = 0, locked_until = NULL,"
	"  cleared_at = pg_catalog.clock_timestamp()",
	1, {INT4OID}
};

/*
 * If a concurrent attempt has the row of all addresses locked, leave the count
 * to it instead of waiting: someone who knows only the name cannot delay the
 * owner's login.
 */
static SavedPlan note_success = {
	"WITH here AS (INSERT INTO medrec.login_address AS d (account_id, address, cleared_at, last_login)"
	"  VALUES ($1, $2, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp())"
	"  ON CONFLICT (account_id, address) DO UPDATE SET failures = 0, locked_until = NULL,"
	"   cleared_at = pg_catalog.clock_timestamp(), last_login = pg_catalog.clock_timestamp()),"
	" everywhere AS (UPDATE medrec.account_login SET failures = 0, locked_until = NULL,"
	"   cleared_at = pg_catalog.clock_timestamp()"
	"  WHERE account_id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT o.account_id FROM medrec.account_login AS o"
	"   WHERE o.account_id OPERATOR(pg_catalog.=) $1 FOR UPDATE SKIP LOCKED)))"
	" INSERT INTO medrec.account_login (account_id, cleared_at)"
	" SELECT $1, pg_catalog.clock_timestamp() WHERE NOT EXISTS (SELECT FROM medrec.account_login AS o"
	"  WHERE o.account_id OPERATOR(pg_catalog.=) $1)"
	" ON CONFLICT (account_id) DO NOTHING",
	2, {INT4OID, TEXTOID}
};
static SavedPlan note_token = {
	"WITH purged AS (DELETE FROM medrec.token_issued AS o WHERE o.jti OPERATOR(pg_catalog.=) ANY (ARRAY("
	"  SELECT p.jti FROM medrec.token_issued AS p"
	"  WHERE p.expires_at OPERATOR(pg_catalog.<) pg_catalog.statement_timestamp()"
	"  ORDER BY p.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)))"
	" INSERT INTO medrec.token_issued (jti, account_id, expires_at) VALUES ($1, $2, $3)",
	3, {TEXTOID, INT4OID, TIMESTAMPTZOID}
};
static SavedPlan note_login = {
	"UPDATE ONLY medrec.account SET last_login = $2, password = COALESCE($3, password)"
	" WHERE id OPERATOR(pg_catalog.=) $1 AND password OPERATOR(pg_catalog.=) $4::pg_catalog.varchar",
	4, {INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
};
static SavedPlan store_password = {
	"UPDATE ONLY medrec.account SET password = $2 WHERE id OPERATOR(pg_catalog.=) $1"
	" AND ($3 IS NULL OR password OPERATOR(pg_catalog.=) $3::pg_catalog.varchar)",
	3, {INT4OID, TEXTOID, TEXTOID}
};
static SavedPlan next_generation = {
	"INSERT INTO medrec.token_generation AS g (account_id, generation) VALUES ($1, 1)"
	" ON CONFLICT (account_id) DO UPDATE SET"
	"  generation = g.generation OPERATOR(pg_catalog.+) 1,"
	"  raised_at = pg_catalog.clock_timestamp()"
	" RETURNING g.generation",
	1, {INT4OID}
};
static SavedPlan signing_key = {
	"SELECT k.kid, k.key FROM ONLY medrec.jwt_key AS k"
	" WHERE k.signs_from OPERATOR(pg_catalog.<=) pg_catalog.statement_timestamp()"
	"  AND k.retired_at IS NULL"
	" ORDER BY k.signs_from DESC LIMIT 1",
	0, {0}
};

/* a token of login() is valid with its row */
static SavedPlan check_issued = {
	"SELECT a.role, a.is_active, g.generation, false"
	" FROM medrec.token_issued AS i"
	" JOIN ONLY medrec.account AS a ON a.id OPERATOR(pg_catalog.=) i.account_id"
	" LEFT JOIN medrec.token_generation AS g ON g.account_id OPERATOR(pg_catalog.=) a.id"
	" WHERE i.jti OPERATOR(pg_catalog.=) $2 AND a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar",
	2, {TEXTOID, TEXTOID}
};

/* one of an outside provider without a row */
static SavedPlan check_outside = {
	"SELECT a.role, a.is_active, g.generation,"
	"  EXISTS (SELECT FROM medrec.token_revoked AS r WHERE r.jti OPERATOR(pg_catalog.=) $2),"
	"  GREATEST(g.raised_at, a.date_joined)"
	" FROM (SELECT) AS one"
	" LEFT JOIN ONLY medrec.account AS a ON a.username OPERATOR(pg_catalog.=) $1::pg_catalog.varchar"
	" LEFT JOIN medrec.token_generation AS g ON g.account_id OPERATOR(pg_catalog.=) a.id",
	2, {TEXTOID, TEXTOID}
};
static SavedPlan forget_token = {
	"DELETE FROM medrec.token_issued WHERE jti OPERATOR(pg_catalog.=) $1",
	1, {TEXTOID}
};
static SavedPlan revoke_token = {
	"WITH purged AS (DELETE FROM medrec.token_revoked AS r"
	"  WHERE r.expires_at OPERATOR(pg_catalog.<) pg_catalog.statement_timestamp())"
	" INSERT INTO medrec.token_revoked (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	2, {TEXTOID, TIMESTAMPTZOID}
};

static bool FindAccount(const char *name, const char *address, Account *account);
static bool IsLaidOut(void);
static void ForgetFailures(int32 id);
static void CountOf(int column, LoginCount *count);
static bool IsTrue(int column);
static uint32 HashName(const char *name);
static char *CallerAddress(void);
static void CheckCaller(void);
static bool IsKnownAddress(const char *address);
static void NoteLockout(int32 account, const char *address, const LoginCount *count, int32 lost);
static bool IsForUs(const char *audience);
static bool IsSince(const char *issued, TimestampTz ended);
static int32 Int32Of(int column, int32 otherwise);
static TimestampTz TimeOf(int column);
static char *StringOf(int column);
static int	MostIterations(void);
static LoginResult CheckPassword(const char *name, const char *password, Account *account);
static void Remember(const Account *account, const char *address, bool lockout);
static Datum RefuseLogin(LoginResult result);
static char *SigningKey(uint8 **key, int *key_len);
static Datum Token(const Account *account, int32 generation, TimestampTz now);
static void CheckNewPassword(const char *password, const char *username);
static bool NewPassword(int32 id, const char *password, const char *checked, int32 *generation);
static bool NoteLogin(const Account *account, const char *password);
static char *ArgText(FunctionCallInfo fcinfo, int n);
static void NotAccepted(void) pg_attribute_noreturn();
static void NoSuchAccount(void) pg_attribute_noreturn();

/* A number from the first row, or the default if it is null. */
static int32
Int32Of(int column, int32 otherwise)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? otherwise : DatumGetInt32(value);
}

/* A time from the first row, 0 if it is null. */
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

/* Has medrec.migrate() made the tables of step 60? */
static bool
IsLaidOut(void)
{
	return OidIsValid(medrec_relation_if_any("login_address"));
}

/* Resets an account's failed attempts, in the tables and in shared memory. */
static void
ForgetFailures(int32 id)
{
	Datum		value = Int32GetDatum(id);

	if (IsLaidOut())
		saved_plan_run(&forget_failures, &value, NULL);
	else
	{
		saved_plan_run(&forget_failures_before, &value, NULL);
		login_count_forget(id);
	}
}

/* Reads a count of failed attempts from the first row, from a given column on. */
static void
CountOf(int column, LoginCount *count)
{
	count->failures = Int32Of(column, 0);
	count->last_failure = TimeOf(column + 1);
	count->locked_until = TimeOf(column + 2);
	count->cleared_at = TimeOf(column + 3);
}

/* A boolean of the first row; null is false. */
static bool
IsTrue(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/* Finds an account by its name, or by an e-mail address that only one account has. */
static bool
FindAccount(const char *name, const char *address, Account *account)
{
	Datum		values[2] = {CStringGetTextDatum(name), CStringGetTextDatum(address)};
	uint64		found = saved_plan_run(IsLaidOut() ? &find_account : &find_account_before, values, NULL);

	memset(account, 0, sizeof(*account));
	if (found > 0 && (found == 1 || IsTrue(16)))
	{
		account->id = Int32Of(1, 0);
		account->username = StringOf(2);
		account->role = StringOf(3);
		account->password = StringOf(4);
		account->active = IsTrue(5);
		account->generation = Int32Of(6, 0);
		CountOf(7, &account->all);
		CountOf(11, &account->here);
		account->known = IsTrue(15);
		return true;
	}

	return false;
}

/* The most PBKDF2 iterations that any account still needs. */
static int
MostIterations(void)
{
	saved_plan_run(&most_iterations, NULL, NULL);
	return Int32Of(1, 0);
}

/* The hash of a name, whatever its case. */
static uint32
HashName(const char *name)
{
	char	   *folded = str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);

	return hash_bytes((const unsigned char *) folded, strlen(folded));
}

/* The caller's address, for counting; of an IPv6 address the first 64 bits. */
static char *
CallerAddress(void)
{
	const char *address = actor_current()->client_addr;
	struct in6_addr six;
	char		text[INET6_ADDRSTRLEN];

	if (address == NULL)
		return pstrdup("unknown");
	if (inet_pton(AF_INET6, address, &six) != 1)
		return pstrdup(address);
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return psprintf("%u.%u.%u.%u", six.s6_addr[12], six.s6_addr[13],
						six.s6_addr[14], six.s6_addr[15]);
	memset(six.s6_addr + 8, 0, 8);
	return psprintf("%s/64", inet_ntop(AF_INET6, &six, text, sizeof(text)));
}

/*
 * Refuses calls that could not be counted: in a read-only transaction, and in
 * sessions that are not the gateway's.
 */
static void
CheckCaller(void)
{
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot check passwords in a read-only transaction"),
				 errhint("Over HTTP, use POST.")));
	if (strcmp(actor_current()->session_user, AUTHENTICATOR_ROLE) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to check a password"),
				 errdetail("Only sessions of role \"%s\" may do so.", AUTHENTICATOR_ROLE)));
}

/* Has anybody ever logged in from an address? */
static bool
IsKnownAddress(const char *address)
{
	Datum		value = CStringGetTextDatum(address);

	return IsLaidOut() && saved_plan_run(&find_address, &value, NULL) > 0;
}

/*
 * Does the password belong to an account that may log in now? If not, the
 * failure is recorded.
 */
static LoginResult
CheckPassword(const char *name, const char *password, Account *account)
{
	char	   *address = CallerAddress();
	LoginCount	all;
	LoginCount	here;
	TimestampTz now;
	uint32		hash;
	bool		locked;
	bool		lockout = false;

	/* a name that no account can have is looked up too, truncated */
	if (strlen(name) > ACCOUNT_NAME_MAX_BYTES)
		name = pnstrdup(name, pg_mbcliplen(name, strlen(name), ACCOUNT_NAME_MAX_BYTES));
	if (strlen(password) > PASSWORD_SENT_MAX)
		password = "";

	hash = HashName(name);
	if (!FindAccount(name, address, account))
		account->id = -1 - (int32) (hash % NOBODIES);
	if (!login_try_begin(hash, address, !IsKnownAddress(address)))
		return LOGIN_BUSY;

	login_count_merge(account->id, LOGIN_ALL_ADDRESSES, &account->all);
	login_count_merge(account->id, address, &account->here);
	all = account->all;
	here = account->here;
	now = GetCurrentTimestamp();
	locked = here.locked_until > now || (!account->known && all.locked_until > now);

	/*
	 * Counted before the password is checked, and undone if it is right.
	 * Attempts during a lock-out do not count: they are refused in any case.
	 */
	if (account->active && !locked)
	{
		login_try_mark(account->id, address);
		lockout = login_count_failure(account->id, address, &account->here, FREE_TRIES, now);
		lockout = login_count_failure(account->id, LOGIN_ALL_ADDRESSES, &account->all,
									  FREE_TRIES_ALL, now) || lockout;
	}
	if (password_matches(account->password, password, MostIterations()) &&
		account->active && !locked)
	{
		Datum		values[2] = {Int32GetDatum(account->id), CStringGetTextDatum(address)};

		login_count_store(account->id, LOGIN_ALL_ADDRESSES, &all);
		login_count_store(account->id, address, &here);
		login_try_unmark();
		if (IsLaidOut())
			saved_plan_run(&note_success, values, NULL);
		else
			ForgetFailures(account->id);
		return LOGIN_GRANTED;
	}
	Remember(account, address, lockout);
	return LOGIN_REFUSED;
}

/* Records a failed attempt: with the same writes for known and unknown names. */
static void
Remember(const Account *account, const char *address, bool lockout)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int32GetDatum(account->id);
	values[1] = Int32GetDatum(account->all.failures);
	values[2] = TimestampTzGetDatum(account->all.last_failure);
	nulls[2] = account->all.last_failure == 0;
	values[3] = TimestampTzGetDatum(account->all.locked_until);
	nulls[3] = account->all.locked_until == 0;
	saved_plan_run(&note_refusal, values, nulls);

	values[1] = Int32GetDatum(account->here.failures);
	values[2] = TimestampTzGetDatum(account->here.last_failure);
	nulls[2] = account->here.last_failure == 0;
	values[3] = TimestampTzGetDatum(account->here.locked_until);
	nulls[3] = account->here.locked_until == 0;
	values[4] = CStringGetTextDatum(address);
	if (IsLaidOut())
		saved_plan_run(&note_refusal_here, values, nulls);

	/* the start of a lock-out becomes an audit event */
	if (lockout)
	{
		LoginCount	count = account->here;

		count.locked_until = Max(account->all.locked_until, count.locked_until);
		NoteLockout(account->id, address, &count, 0);
	}
}

/* Records an audit event of a lock-out, or of attempts that were rolled back. */
static void
NoteLockout(int32 account, const char *address, const LoginCount *count, int32 lost)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int32GetDatum(account);
	values[1] = Int32GetDatum(count->failures);
	values[2] = TimestampTzGetDatum(count->locked_until);
	nulls[2] = count->locked_until == 0;
	values[3] = CStringGetTextDatum(address);
	values[4] = Int32GetDatum(lost);
	nulls[4] = lost == 0;
	saved_plan_run(IsLaidOut() ? &note_lockout : &note_lockout_before, values, nulls);
}

/*
 * Records audit events of attempts that were rolled back. Called before each
 * sealing, with the rights of the tables' owner.
 */
void
login_note_lost(void)
{
	LostTries  *lost;
	int			n;
	int			i;

	if (!IsLaidOut())
		return;
	lost = login_tries_lost(&n);
	if (n > 0)
	{
		SPI_connect();
		for (i = 0; i < n; i++)
			NoteLockout(lost[i].account, lost[i].address, &lost[i].count, lost[i].tries);
		SPI_finish();
	}
	pfree(lost);
}

/* The answer to a refused login, with its HTTP status. */
static Datum
RefuseLogin(LoginResult result)
{
	static const char refusal[] =
		"{\"code\": \"28P01\", \"message\": \"wrong name or password, or too many attempts\","
		" \"details\": null, \"hint\": \"After several failed attempts, wait before the next one.\"}";
	static const char busy[] =
		"{\"code\": \"PT429\", \"message\": \"too many logins at once\","
		" \"details\": null, \"hint\": \"Wait a second, then try again.\"}";

	(void) set_config_option("response.status", result == LOGIN_BUSY ? "429" : "401",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(result == LOGIN_BUSY ? busy : refusal));
}

/* The key that signs now. */
static char *
SigningKey(uint8 **key, int *key_len)
{
	bool		isnull;
	bytea	   *bytes;

	if (saved_plan_run(&signing_key, NULL, NULL) != 1)
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

/* The answer to a successful login: a token, its expiry, the role. */
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
	char	   *jti = token_number();
	Datum		values[3];
	StringInfoData payload;
	StringInfoData answer;

	values[0] = CStringGetTextDatum(jti);
	values[1] = Int32GetDatum(account->id);
	values[2] = TimestampTzGetDatum(time_t_to_timestamptz(expires + 1));
	if (IsLaidOut())
		saved_plan_run(&note_token, values, NULL);
	kid = SigningKey(&key, &key_len);
	username = pg_server_to_any(account->username, strlen(account->username), PG_UTF8);

	initStringInfo(&payload);
	appendStringInfoString(&payload, "{\"sub\":");
	escape_json(&payload, username);
	appendStringInfo(&payload, ",\"role\":\"" ROLE_PREFIX "%s\",\"iat\":" INT64_FORMAT
					 ",\"exp\":" INT64_FORMAT ",\"jti\":\"%s\",\"gen\":%d",
					 account->role, (int64) issued, (int64) expires, jti, generation);
	if (*medrec_token_audience)
	{
		appendStringInfoString(&payload, ",\"aud\":");
		escape_json(&payload, pg_server_to_any(medrec_token_audience,
											   strlen(medrec_token_audience), PG_UTF8));
	}
	appendStringInfoChar(&payload, '}');

	JsonEncodeDateTime(expires_at, TimestampTzGetDatum(time_t_to_timestamptz(expires)),
					   TIMESTAMPTZOID, NULL);
	initStringInfo(&answer);
	appendStringInfo(&answer, "{\"token\":\"%s\",\"expires_at\":\"%s\",\"role\":\"%s\"}",
					 token_sign(kid, key, key_len, payload.data), expires_at, account->role);
	memset(key, 0, key_len);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(answer.data));
}

/*
 * Checks a new password: it must be long enough, and short enough for bcrypt
 * to use all of it. Invisible characters and surrounding space do not count,
 * neither towards the length nor when it is compared with the name.
 */
static void
CheckNewPassword(const char *password, const char *username)
{
	char	   *folded = username_fold(password);

	if (pg_mbstrlen(password) < PASSWORD_MIN_CHARS || pg_mbstrlen(folded) < PASSWORD_MIN_CHARS ||
		strlen(password) > PASSWORD_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a password must have at least %d characters and at most %d bytes",
						PASSWORD_MIN_CHARS, PASSWORD_MAX_BYTES)));
	if (strcmp(folded, username_fold(username)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a password must not be the account's name")));
	if (password_is_common(folded))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a password must not be a common one")));
}

/*
 * Stores a new password, ends all existing tokens, and gives the generation of
 * new ones. checked: the hash that the old password was checked against, or
 * NULL; returns false if the stored hash has changed since.
 */
static bool
NewPassword(int32 id, const char *password, const char *checked, int32 *generation)
{
	Datum		values[3] = {Int32GetDatum(id), CStringGetTextDatum(password_hash(password))};
	bool		nulls[3] = {false, false, checked == NULL};

	values[2] = checked ? CStringGetTextDatum(checked) : (Datum) 0;
	if (saved_plan_run(&store_password, values, nulls) != 1)
		return false;
	ForgetFailures(id);
	saved_plan_run(IsLaidOut() ? &next_generation : &next_generation_before, values, NULL);
	*generation = Int32Of(1, 0);
	return true;
}

/* An argument as a string, empty if it is null. */
static char *
ArgText(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? pstrdup("") : TextDatumGetCString(PG_GETARG_DATUM(n));
}

/* Raises the error for an account that does not exist. */
static void
NoSuchAccount(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_FOUND),
			 errmsg("account not found")));
}

/*
 * Records a login, and stores a hash of the current cost; false if the
 * password has changed since.
 */
static bool
NoteLogin(const Account *account, const char *password)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = Int32GetDatum(account->id);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[2] = password_hash_is_current(account->password);
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(password_hash(password));
	values[3] = CStringGetTextDatum(account->password);
	return saved_plan_run(&note_login, values, nulls) == 1;
}

PG_FUNCTION_INFO_V1(medrec_login);

/* medrec.login(username, password): a token, or a refusal that is recorded. */
Datum
medrec_login(PG_FUNCTION_ARGS)
{
	char	   *username = ArgText(fcinfo, 0);
	char	   *password = ArgText(fcinfo, 1);
	Account		account;
	LoginResult checked;
	Datum		result;

	CheckCaller();
	SPI_connect();
	checked = CheckPassword(username, password, &account);
	/* a password that was changed during the check is kept */
	if (checked == LOGIN_GRANTED && !NoteLogin(&account, password))
		checked = LOGIN_REFUSED;
	result = checked == LOGIN_GRANTED ?
		Token(&account, account.generation, GetCurrentTimestamp()) : RefuseLogin(checked);
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(medrec_change_password);

/*
 * medrec.change_password(old, new): changes the caller's own password and ends
 * all their other tokens.
 */
Datum
medrec_change_password(PG_FUNCTION_ARGS)
{
	const char *name = actor_account_name();
	char	   *old_password = ArgText(fcinfo, 0);
	char	   *new_password = ArgText(fcinfo, 1);
	Account		account;
	LoginResult checked;
	int32		generation = 0;
	Datum		result;

	CheckCaller();
	if (name == NULL)
		NotAccepted();
	name = pstrdup(name);
	CheckNewPassword(new_password, name);

	SPI_connect();
	checked = CheckPassword(name, old_password, &account);
	/* a password that was changed during the check is kept */
	if (checked == LOGIN_GRANTED &&
		(strcmp(account.username, name) != 0 ||
		 !NewPassword(account.id, new_password, account.password, &generation)))
		checked = LOGIN_REFUSED;
	result = checked == LOGIN_GRANTED ?
		Token(&account, generation, GetCurrentTimestamp()) : RefuseLogin(checked);
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(medrec_set_password);

/* medrec.set_password(username, password): for administrators; ends all tokens of the account. */
Datum
medrec_set_password(PG_FUNCTION_ARGS)
{
	char	   *username = ArgText(fcinfo, 0);
	char	   *password = ArgText(fcinfo, 1);
	Account		account;
	int32		generation;

	CheckNewPassword(password, username);
	SPI_connect();
	if (!FindAccount(username, "", &account) || strcmp(account.username, username) != 0)
		NoSuchAccount();
	(void) NewPassword(account.id, password, NULL, &generation);
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
	if (!FindAccount(username, "", &account) || strcmp(account.username, username) != 0)
		NoSuchAccount();
	id = Int32GetDatum(account.id);
	ForgetFailures(account.id);
	saved_plan_run(IsLaidOut() ? &next_generation : &next_generation_before, &id, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_logout);

/* medrec.logout(): ends the token of the request. */
Datum
medrec_logout(PG_FUNCTION_ARGS)
{
	const Actor *actor = actor_current();
	TimestampTz expires;
	Datum		values[2];

	if (actor->jti == NULL)
		NotAccepted();

	/* a token of an outside provider may have no or an invalid expiry */
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
	saved_plan_run(actor->generation != NULL && IsLaidOut() ? &forget_token : &revoke_token, values, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Raises the error for a token that is not valid; it does not say why. */
static void
NotAccepted(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_LOGGED_IN),
			 errmsg("the token is not accepted"),
			 errhint("Log in again.")));
}

/* Whether the claim "aud" of a token, a string or an array, names this service. */
static bool
IsForUs(const char *audience)
{
	if (*medrec_token_audience == '\0')
		return true;
	if (audience == NULL)
		return false;
	if (*audience != '[')
		return strcmp(audience, medrec_token_audience) == 0;
	return DatumGetBool(DirectFunctionCall2(jsonb_exists,
											DirectFunctionCall1(jsonb_in, CStringGetDatum(audience)),
											CStringGetTextDatum(medrec_token_audience)));
}

/* Whether a token of an outside provider was issued since the account's tokens were ended. */
static bool
IsSince(const char *issued, TimestampTz ended)
{
	double		seconds = issued != NULL ? strtod(issued, NULL) : 0;

	return ended == 0 || (seconds > 0 && seconds < 4102444800.0 &&
						  time_t_to_timestamptz((pg_time_t) seconds) >= ended);
}

PG_FUNCTION_INFO_V1(medrec_check_request);

/*
 * medrec.check_request(): whether the token that PostgREST has verified may be
 * used now: its account exists and is active, has the role of the request, and
 * neither the token nor its generation has been revoked. A token of login() is
 * valid only with its row, which is committed with the login and deleted with
 * the account.
 */
Datum
medrec_check_request(PG_FUNCTION_ARGS)
{
	const Actor *actor = actor_current();
	SavedPlan  *plan = &check_outside;
	Datum		values[2];
	bool		nulls[2] = {false};
	char	   *role;

	if (strcmp(actor->role, ANONYMOUS_ROLE) == 0)
		PG_RETURN_VOID();

	if (strncmp(actor->role, ROLE_PREFIX, strlen(ROLE_PREFIX)) != 0 || actor->account == NULL ||
		actor->expires == NULL || !IsForUs(actor->audience))
		NotAccepted();

	values[0] = CStringGetTextDatum(actor->account);
	nulls[1] = actor->jti == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(actor->jti);

	if (!IsLaidOut())
		plan = &check_token_before;
	else if (actor->generation != NULL)
		plan = &check_issued;
	SPI_connect();
	if (saved_plan_run(plan, values, nulls) != 1)
		NotAccepted();
	role = StringOf(1);
	if (IsTrue(4))
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
		if (!IsTrue(2) || strcmp(role, actor->role + strlen(ROLE_PREFIX)) != 0)
			NotAccepted();

		/*
		 * tokens of login() have a generation, those of outside providers do
		 * not
		 */
		if (actor->generation != NULL ?
			atoi(actor->generation) != Int32Of(3, 0) :
			!IsSince(actor->issued, TimeOf(5)))
			NotAccepted();
	}
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_wrong_arguments);

/* medrec.wrong_arguments(): raises the error for arguments that no function takes. */
Datum
medrec_wrong_arguments(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_FOUND),
			 errmsg("there is no function of this name with these arguments"),
			 errhint("The functions and their arguments are described at /api/.")));
	PG_RETURN_VOID();
}
