/*
 * base/actor.c
 *		Who acts: account, roles, address and request.
 *
 * PostgREST passes the request in GUCs that any SQL user can set as well
 * (request.jwt.claims, request.headers, ...). So they are read only if the
 * session user is the authenticator, and an invalid value makes a field
 * unknown but never makes a write fail. Each is parsed once per value.
 */
#include "base/medrec.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/actor.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/text.h"

/* names are cut to fit varchar(255), so that a client cannot bloat the trail */
#define NAME_CHARS		255
#define SHORT_CHARS		255
#define LONG_CHARS		2000
#define ADDRESS_CHARS	64

/* longest text that is parsed: many times what the gateway lets through */
#define SOURCE_MAX_BYTES	(1024 * 1024)

/* the name of a role, as last looked up */
typedef struct RoleName
{
	Oid			id;
	char		name[NAMEDATALEN];
} RoleName;

/* strings taken from one JSON object in a GUC, for as long as its text stays the same */
typedef struct JsonSource
{
	const char *guc;
	int			nkeys;
	const char *const *keys;
	MemoryContext context;
	char	   *text;			/* as last seen */
	char	  **values;			/* one per key, NULL where missing */
} JsonSource;

static const char *const claim_keys[] = {"sub", "jti", "gen", "exp", "iat", "aud"};
static const char *const header_keys[] = {"x-request-id", "x-real-ip", "x-forwarded-for", "x-reason"};

enum
{
	CLAIM_SUB, CLAIM_JTI, CLAIM_GEN, CLAIM_EXP, CLAIM_IAT, CLAIM_AUD
};
enum
{
	HEADER_REQUEST_ID, HEADER_REAL_IP, HEADER_FORWARDED_FOR, HEADER_REASON
};

static JsonSource claims = {"request.jwt.claims", lengthof(claim_keys), claim_keys, NULL, NULL, NULL};
static JsonSource headers = {"request.headers", lengthof(header_keys), header_keys, NULL, NULL, NULL};

static RoleName session_name;
static RoleName current_name;
static RoleName role_name;
static bool watching_roles = false;
static uint64 role_messages = 0;

static void ForgetRoles(Datum arg, int cacheid, uint32 hashvalue);
static const char *NameOfRole(RoleName *cached, Oid id);
static char *Clip(const char *value, int chars);
static char *ValueOf(const JsonObject *object, const char *key);
static bool ReadMembers(const char *text, int len, int nkeys, const char *const *keys,
						char **values);
static char **ReadSource(JsonSource *source);
static const char *NonEmpty(const char *value);
static const char *Fit(const char *value, char *buffer, int chars);
static const char *SocketAddress(void);
static void Keep(char *kept, const char *value);
static void SetConnection(Actor *actor);
static const char *ForwardedAddress(char **header_values);

/* Syscache callback: a role was changed, so look the names up again. */
static void
ForgetRoles(Datum arg, int cacheid, uint32 hashvalue)
{
	session_name.id = current_name.id = role_name.id = InvalidOid;
	role_messages++;
}

/* The name of a role; its OID if the role has been dropped meanwhile. */
static const char *
NameOfRole(RoleName *cached, Oid id)
{
	uint64		seen;
	char	   *name;

	if (!watching_roles)
	{
		CacheRegisterSyscacheCallback(AUTHOID, ForgetRoles, (Datum) 0);
		watching_roles = true;
	}
	if (cached->id == id && OidIsValid(id))
		return cached->name;

	/* filled as base/invalidate.h says */
	seen = role_messages;
	name = GetUserNameFromId(id, true);
	if (name)
	{
		strlcpy(cached->name, name, NAMEDATALEN);
		pfree(name);
	}
	else
		snprintf(cached->name, NAMEDATALEN, "%u", id);
	cached->id = role_messages == seen ? id : InvalidOid;
	return cached->name;
}

/* Whether the session is PostgREST's, so that its claims can be trusted. */
bool
actor_is_authenticator(void)
{
	return strcmp(NameOfRole(&session_name, GetSessionUserId()), AUTHENTICATOR_ROLE) == 0;
}

/* The same, by the name that the session user had when the session began. */
bool
actor_came_as_authenticator(void)
{
	const char *name = GetConfigOption("session_authorization", true, false);

	return name && strcmp(name, AUTHENTICATOR_ROLE) == 0;
}

/* A copy of at most so many characters. */
static char *
Clip(const char *value, int chars)
{
	int			len = strlen(value);

	/* no character takes less than a byte */
	return pnstrdup(value, len <= chars ? len : pg_mbcharcliplen(value, len, chars));
}

/*
 * The value of a member: the text of a string, a number as written, and an
 * array for "aud"; NULL for anything else, and for a string that cannot be
 * read.
 */
static char *
ValueOf(const JsonObject *object, const char *key)
{
	const char *value = object->value;

	if (*value == '"')
		return json_string_text(value, object->value_len);
	if (*value == '-' || (*value >= '0' && *value <= '9') ||
		(*value == '[' && strcmp(key, "aud") == 0 && object->value_len <= LONG_CHARS))
		return pnstrdup(value, object->value_len);
	return NULL;
}

/* Reads the named members of a JSON object; false if the text is not an object. */
static bool
ReadMembers(const char *text, int len, int nkeys, const char *const *keys, char **values)
{
	JsonObject	object;
	int			i;

	json_object_begin(&object, text, len);
	while (json_object_next(&object))
		for (i = 0; i < nkeys; i++)
			if (object.key_len == strlen(keys[i]) + 2 &&
				strncmp(object.key + 1, keys[i], object.key_len - 2) == 0)
				values[i] = ValueOf(&object, keys[i]);
	json_object_end(&object);
	return object.sound;
}

/* The members of a source, parsed when its text has changed; NULL if it is not set. */
static char **
ReadSource(JsonSource *source)
{
	const char *text = GetConfigOption(source->guc, true, false);
	MemoryContext old;
	char	  **values;
	size_t		len;
	int			i;

	len = text ? strlen(text) : 0;
	if (len == 0 || len > SOURCE_MAX_BYTES)
		return NULL;
	if (source->text && strcmp(source->text, text) == 0)
		return source->values;

	source->text = NULL;
	if (source->context)
		MemoryContextReset(source->context);
	else
		source->context = AllocSetContextCreate(TopMemoryContext, "medrec request",
												ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(source->context);
	values = palloc0(source->nkeys * sizeof(char *));
	if (!ReadMembers(text, len, source->nkeys, source->keys, values))
		memset(values, 0, source->nkeys * sizeof(char *));
	for (i = 0; i < source->nkeys; i++)
		if (values[i])
			values[i] = Clip(values[i], source == &headers && i == HEADER_REASON ?
							 LONG_CHARS : *values[i] == '[' ? LONG_CHARS : SHORT_CHARS);
	source->values = values;
	source->text = pstrdup(text);
	MemoryContextSwitchTo(old);
	return values;
}

/* NULL for an empty string. */
static const char *
NonEmpty(const char *value)
{
	return value && *value ? value : NULL;
}

/* A value from the session, NULL for none, cut into the buffer when it is too long. */
static const char *
Fit(const char *value, char *buffer, int chars)
{
	int			len;

	value = NonEmpty(value);
	/* no character takes less than a byte */
	if (value == NULL || strlen(value) <= chars)
		return value;
	len = pg_mbcharcliplen(value, strlen(value), chars);
	memcpy(buffer, value, len);
	buffer[len] = '\0';
	return buffer;
}

/* The address at the other end of the connection; "[local]" for a Unix socket. */
static const char *
SocketAddress(void)
{
	static char address[ADDRESS_CHARS + 1];
	static bool known = false;

	if (!known && MyProcPort)
	{
		LOCAL_FCINFO(fcinfo, 0);
		Datum		result;

		InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
		result = inet_client_addr(fcinfo);
		strlcpy(address, fcinfo->isnull ? "[local]" :
				DatumGetCString(DirectFunctionCall1(inet_out, result)),
				sizeof(address));
		known = true;
	}
	return NonEmpty(address);
}

/* Keeps a value of the connection as text of the server's encoding, cut where it is too long. */
static void
Keep(char *kept, const char *value)
{
	int			len = value ? strlen(value) : 0;
	char	   *p;

	if (len > SHORT_CHARS)
		len = pg_verifymbstr(value, len, true) ? pg_mbcliplen(value, len, SHORT_CHARS) : SHORT_CHARS;
	memcpy(kept, value ? value : "", len);
	kept[len] = '\0';
	if (!pg_verifymbstr(kept, len, true))
		for (p = kept; *p; p++)
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
}

/*
 * Identity of the connection, which SET ROLE, SET SESSION AUTHORIZATION and
 * the gateway's settings do not change. A background worker has no connection,
 * so it gets the role that it was started with.
 */
static void
SetConnection(Actor *actor)
{
	static char login_role[SHORT_CHARS + 1];
	static char login_identity[SHORT_CHARS + 1];
	static bool known = false;

	if (!known)
	{
		const char *name = medrec_login_role();

		Keep(login_role, name ? name : GetUserNameFromId(GetAuthenticatedUserId(), true));
		Keep(login_identity, medrec_authenticated_identity());
		known = true;
	}
	actor->login_role = NonEmpty(login_role);
	actor->login_identity = NonEmpty(login_identity);
	actor->socket_addr = SocketAddress();
}

/*
 * The address that the gateway saw: X-Real-Ip, else the last one of
 * X-Forwarded-For, which the gateway added itself; NULL if it is not an
 * address.
 */
static const char *
ForwardedAddress(char **header_values)
{
	const char *address = NonEmpty(header_values[HEADER_REAL_IP]);

	if (address == NULL)
	{
		address = NonEmpty(header_values[HEADER_FORWARDED_FOR]);
		if (address && strrchr(address, ','))
			address = strrchr(address, ',') + 1;
		while (address && *address == ' ')
			address++;
	}
	if (address == NULL || *address == '\0' || strlen(address) > ADDRESS_CHARS ||
		address[strspn(address, "0123456789abcdefABCDEF.:")] != '\0')
		return NULL;
	return address;
}

/* Check hook of medrec.reason: a reason needs a visible character. */
bool
medrec_check_reason(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || visible_chars(*newval) > 0)
		return true;
	GUC_check_errdetail("It has no visible character.");
	return false;
}

/* All that is known about who acts. */
const Actor *
actor_current(void)
{
	static Actor actor;
	static char method[SHORT_CHARS * MAX_MULTIBYTE_CHAR_LEN + 1];
	static char path[LONG_CHARS * MAX_MULTIBYTE_CHAR_LEN + 1];
	static char reason[LONG_CHARS * MAX_MULTIBYTE_CHAR_LEN + 1];
	Oid			role = GetCurrentRoleId();

	memset(&actor, 0, sizeof(actor));
	actor.session_user = NameOfRole(&session_name, GetSessionUserId());
	actor.current_user = NameOfRole(&current_name, GetUserId());
	actor.role = OidIsValid(role) ? NameOfRole(&role_name, role) : actor.session_user;
	actor.application = NonEmpty(application_name);
	actor.reason = Fit(medrec_reason, reason, LONG_CHARS);

	if (actor_is_authenticator())
	{
		char	  **values = ReadSource(&claims);

		if (values)
		{
			actor.account = NonEmpty(values[CLAIM_SUB]);
			actor.jti = NonEmpty(values[CLAIM_JTI]);
			actor.generation = NonEmpty(values[CLAIM_GEN]);
			actor.expires = NonEmpty(values[CLAIM_EXP]);
			actor.issued = NonEmpty(values[CLAIM_IAT]);
			actor.audience = NonEmpty(values[CLAIM_AUD]);
		}
		values = ReadSource(&headers);
		if (values)
		{
			actor.request_id = NonEmpty(values[HEADER_REQUEST_ID]);
			actor.client_addr = ForwardedAddress(values);
			if (actor.reason == NULL && values[HEADER_REASON] &&
				visible_chars(values[HEADER_REASON]) > 0)
				actor.reason = values[HEADER_REASON];
		}
		actor.method = Fit(GetConfigOption("request.method", true, false), method, SHORT_CHARS);
		actor.path = Fit(GetConfigOption("request.path", true, false), path, LONG_CHARS);
	}
	SetConnection(&actor);
	if (actor.client_addr == NULL)
		actor.client_addr = actor.socket_addr;
	return &actor;
}

/* The name that validated_by shows. */
char *
actor_name(void)
{
	const char *session_user = NameOfRole(&session_name, GetSessionUserId());

	if (actor_is_authenticator())
	{
		char	  **values = ReadSource(&claims);

		if (values && NonEmpty(values[CLAIM_SUB]))
			return Clip(values[CLAIM_SUB], NAME_CHARS);

		/* without a token, the role says more than the authenticator's name */
		if (OidIsValid(GetCurrentRoleId()))
			return Clip(NameOfRole(&role_name, GetCurrentRoleId()), NAME_CHARS);
	}
	return Clip(session_user, NAME_CHARS);
}

/* The name of the acting account, valid until the next statement. */
const char *
actor_account_name(void)
{
	const Actor *actor = actor_current();

	if (actor->account != NULL)
		return actor->account;
	return strcmp(actor->session_user, AUTHENTICATOR_ROLE) == 0 ? NULL : actor->session_user;
}
