/*
 * access/redact.c
 *		Keeps what clients send out of the server's log.
 *
 * Error messages quote their input: a text sent in place of a number is logged
 * with any name or diagnosis in it, whatever the logging settings are. In
 * PostgREST's sessions, and if medrec.redact_log is on, the log gets only the
 * constant part of the message and the SQLSTATE. The client gets the full
 * message.
 *
 * emit_log_hook is meant for this, but can only suppress an entry. So the hook
 * writes the entry itself with its texts replaced, in the format and to the
 * destinations of the server's settings, and then suppresses the original.
 */
#include "base/medrec.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "access/redact.h"
#include "base/actor.h"
#include "base/settings.h"

/* SQLSTATE that PostgREST answers with 409 */
#define ERRCODE_REQUEST_CONFLICT	MAKE_SQLSTATE('P','T','4','0','9')

/* longest text that is composed here */
#define TEXT_MAX	1024

/*
 * Entries of level LOG that contain only the server's own words, by the
 * beginning of their format.
 */
static const char *const own_entries[] = {
	"process %d still waiting for %s",
	"process %d acquired %s",
	"process %d avoided deadlock",
	"process %d detected deadlock",
	"process %d failed to acquire %s",
	"temporary file: path",
	"connection received:",
	"connection authenticated:",
	"connection authorized:",
	"disconnection:",
	NULL
};

static emit_log_hook_type previous_hook = NULL;
static bool emitting = false;

static bool IsRedacted(void);
static bool HasText(const char *format);
static bool IsOwn(const ErrorData *edata);
static const char *SafeText(const ErrorData *edata, char *buffer);
static void EmitRedacted(ErrorData *edata);
static void ReplaceRetried(ErrorData *edata);
static void RedactEntry(ErrorData *edata);

/*
 * Whether this session's entries are redacted. Catalogs must not be accessed
 * here. A parallel worker does not know its session's login role, but its
 * leader reports the same error.
 */
static bool
IsRedacted(void)
{
	return medrec_redact_log || IsParallelWorker() || actor_came_as_authenticator();
}

/* Whether a format contains more than constants, numbers and %m. */
static bool
HasText(const char *format)
{
	for (; *format; format++)
	{
		if (*format != '%')
			continue;
		format++;
		format += strspn(format, "-+ #0123456789.*lhzjt$");
		if (*format == '\0' || strchr("diuxXm%", *format) == NULL)
			return true;
	}
	return false;
}

/* Whether an entry's message consists of the server's own words, without client data. */
static bool
IsOwn(const ErrorData *edata)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);
	int			i;

	if (strcmp(edata->message_id, "%s") == 0)
		return false;
	if (edata->elevel == LOG || edata->elevel == LOG_SERVER_ONLY)
	{
		if (!HasText(edata->message_id))
			return true;
		for (i = 0; own_entries[i]; i++)
			if (strncmp(edata->message_id, own_entries[i], strlen(own_entries[i])) == 0)
				return true;
		return false;
	}
	/* file and block are needed for repair */
	return category == ERRCODE_INSUFFICIENT_RESOURCES || category == ERRCODE_SYSTEM_ERROR ||
		edata->sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		edata->sqlerrcode == ERRCODE_INDEX_CORRUPTED;
}

/* The text that replaces a message in the log. */
static const char *
SafeText(const ErrorData *edata, char *buffer)
{
	const char *text = edata->message_id;

	/* from a parallel worker, or from a user's function */
	if (text == NULL || edata->message == NULL || strcmp(text, "%s") == 0)
		text = "text withheld";
	else if (IsOwn(edata))
		return edata->message;
	else if (strncmp(text, "duration: ", strlen("duration: ")) == 0)
	{
		const char *number = edata->message + strcspn(edata->message, "0123456789");

		snprintf(buffer, TEXT_MAX, "duration: %.*s ms",
				 (int) strspn(number, "0123456789.,"), number);
		return buffer;
	}
	if (edata->sqlerrcode == ERRCODE_SUCCESSFUL_COMPLETION)
		return text;
	snprintf(buffer, TEXT_MAX, "%s (SQLSTATE %s)", text, unpack_sql_state(edata->sqlerrcode));
	return buffer;
}

/* Writes an entry without client data, and restores it afterwards. */
static void
EmitRedacted(ErrorData *edata)
{
	ErrorData	whole = *edata;
	char		buffer[TEXT_MAX];

	edata->message = (char *) SafeText(&whole, buffer);
	edata->detail = NULL;
	edata->detail_log = NULL;
	edata->hint = NULL;
	edata->context = NULL;
	edata->internalquery = NULL;
	edata->hide_stmt = true;
	edata->output_to_client = false;
	emitting = true;
	PG_TRY();
	{
		EmitErrorReport();
	}
	PG_FINALLY();
	{
		emitting = false;
		*edata = whole;
	}
	PG_END_TRY();
	edata->output_to_server = false;
}

/*
 * PostgREST retries a request that fails with 40001 without limit, even when
 * the client is gone, and newer versions do so for 40P01. So the error is
 * replaced by one that asks the client to repeat the request, with constant
 * texts, because PostgREST puts those of PTxyz into a header.
 */
static void
ReplaceRetried(ErrorData *edata)
{
	if (edata->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE &&
		edata->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		return;
	edata->sqlerrcode = ERRCODE_REQUEST_CONFLICT;
	edata->message = MemoryContextStrdup(edata->assoc_context, "the request conflicts with another one");
	edata->detail = NULL;
	edata->hint = MemoryContextStrdup(edata->assoc_context, "Repeat the request.");
}

/* Hook: an entry is about to be written to the server's log. */
static void
RedactEntry(ErrorData *edata)
{
	if (emitting || !IsRedacted())
	{
		if (previous_hook)
			previous_hook(edata);
		return;
	}
	EmitRedacted(edata);
	if (edata->elevel == ERROR && actor_came_as_authenticator())
		ReplaceRetried(edata);
}

/* Takes the hook. */
void
redact_init(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = RedactEntry;
}
