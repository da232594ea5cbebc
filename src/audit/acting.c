/*
 * audit/acting.c
 *		Who acts, for the events of a statement.
 *
 * Most statements of a session have the same actor, so the texts are cached
 * until the actor changes. So is the beginning of the leaf hash for each table
 * and action, which covers the same bytes in every event.
 */
#include "base/medrec.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "audit/acting.h"
#include "audit/canon.h"
#include "base/actor.h"

/* number of tables and actions that are cached */
#define PREFIXES		16

/* the texts of an action on a table, and the beginning of the leaf hash over them */
typedef struct Prefix
{
	uint64		actor;			/* counter of the actor whose texts they are;
								 * 0 for none */
	const char *action;			/* a literal */
	AuditText	table_name;
	AuditText	action_text;
	Sha256		hash;
} Prefix;

/* the texts about the actor, kept until the actor changes */
typedef struct ActorTexts
{
	MemoryContext context;
	uint64		number;			/* rises with each change */
	bool		connection;		/* with the columns of the connection */
	AuditText	text[AUDIT_SHARED_FIELDS];
	int			next;			/* place for the next prefix */
	Prefix		prefixes[PREFIXES];
} ActorTexts;

static ActorTexts acting;

static bool SameText(AuditText text, const char *value);
static void SetActor(bool connection);
static void SetBackend(AuditEvent *event);
static const Prefix *FindPrefix(const char *action, const char *table_name);
static AuditText CopyText(AuditText text);

/* Whether a text is a string. */
static bool
SameText(AuditText text, const char *value)
{
	if (text == NULL || value == NULL)
		return text == NULL && value == NULL;
	return strlen(value) == VARSIZE_ANY_EXHDR(text) &&
		memcmp(VARDATA_ANY(text), value, VARSIZE_ANY_EXHDR(text)) == 0;
}

/*
 * Updates the cached texts if the actor has changed. connection: the trail has
 * the columns of the connection.
 */
static void
SetActor(bool connection)
{
	const Actor *actor = actor_current();
	const char *values[AUDIT_SHARED_FIELDS] = {
		[AUDIT_ACCOUNT] = actor->account,
		[AUDIT_JTI] = actor->jti,
		[AUDIT_ROLE] = actor->role,
		[AUDIT_SESSION_ROLE] = actor->session_user,
		[AUDIT_EFFECTIVE_ROLE] = actor->current_user,
		[AUDIT_CLIENT_ADDR] = actor->client_addr,
		[AUDIT_REQUEST_ID] = actor->request_id,
		[AUDIT_METHOD] = actor->method,
		[AUDIT_PATH] = actor->path,
		[AUDIT_APPLICATION_NAME] = actor->application,
		[AUDIT_REASON] = actor->reason,
		[AUDIT_LOGIN_ROLE] = connection ? actor->login_role : NULL,
		[AUDIT_LOGIN_IDENTITY] = connection ? actor->login_identity : NULL,
		[AUDIT_SOCKET_ADDR] = connection ? actor->socket_addr : NULL
	};
	MemoryContext old;
	int			i;

	for (i = AUDIT_ACCOUNT; i < AUDIT_SHARED_FIELDS; i++)
		if (!SameText(acting.text[i], values[i]))
			break;
	if (i == AUDIT_SHARED_FIELDS && acting.number > 0 && acting.connection == connection)
		return;

	/* an active writer has its own copies */
	if (acting.context == NULL)
		acting.context = AllocSetContextCreate(TopMemoryContext, "medrec audit actor",
											   ALLOCSET_SMALL_SIZES);
	memset(acting.text, 0, sizeof(acting.text));
	memset(acting.prefixes, 0, sizeof(acting.prefixes));
	acting.next = 0;
	acting.number++;
	acting.connection = connection;
	MemoryContextReset(acting.context);
	old = MemoryContextSwitchTo(acting.context);
	for (i = AUDIT_ACCOUNT; i < AUDIT_SHARED_FIELDS; i++)
		acting.text[i] = audit_text(values[i]);
	MemoryContextSwitchTo(old);
}

/* Writes the process into an event, if the trail has columns for it. */
static void
SetBackend(AuditEvent *event)
{
	event->has_pid = event->has_start = acting.connection;
	event->backend_pid = MyProcPid;
	event->backend_start = MyStartTimestamp;
}

/* The beginning of the leaf hash for an action on a table, with the texts. */
static const Prefix *
FindPrefix(const char *action, const char *table_name)
{
	Prefix	   *prefix;
	AuditEvent	event;
	MemoryContext old;
	int			i;

	for (i = 0; i < PREFIXES; i++)
	{
		prefix = &acting.prefixes[i];
		if (prefix->actor == acting.number && strcmp(prefix->action, action) == 0 &&
			SameText(prefix->table_name, table_name))
			return prefix;
	}

	prefix = &acting.prefixes[acting.next];
	acting.next = (acting.next + 1) % PREFIXES;
	old = MemoryContextSwitchTo(acting.context);
	prefix->actor = 0;
	prefix->table_name = audit_text(table_name);
	prefix->action_text = audit_text(action);
	prefix->action = action;
	MemoryContextSwitchTo(old);
	memcpy(event.text, acting.text, sizeof(acting.text));
	event.text[AUDIT_TABLE_NAME] = prefix->table_name;
	event.text[AUDIT_ACTION] = prefix->action_text;
	SetBackend(&event);
	audit_hash_texts(&event, &prefix->hash);
	prefix->actor = acting.number;
	return prefix;
}

/* A copy of a text, NULL for NULL. */
static AuditText
CopyText(AuditText text)
{
	Size		size;

	if (text == NULL)
		return NULL;
	size = VARSIZE_ANY(text);
	return memcpy(palloc(size), text, size);
}

/* Fills in who acts, and begins the leaf hash. */
void
audit_acting(AuditEvent *event, bool connection, const char *action,
			 const char *table_name, Sha256 *hash)
{
	const Prefix *prefix;
	int			i;

	SetActor(connection);
	SetBackend(event);
	for (i = AUDIT_ACCOUNT; i < AUDIT_SHARED_FIELDS; i++)
		event->text[i] = CopyText(acting.text[i]);
	prefix = FindPrefix(action, table_name);
	event->text[AUDIT_TABLE_NAME] = CopyText(prefix->table_name);
	event->text[AUDIT_ACTION] = CopyText(prefix->action_text);
	*hash = prefix->hash;
}
