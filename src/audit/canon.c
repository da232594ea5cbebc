/*
 * audit/canon.c
 *		The canonical text of an audit event, and its leaf hash.
 *
 * The text is "medrec-audit-1;" and then each field, in the order of the
 * functions below, as its length in bytes, a colon, its bytes and a semicolon;
 * "-;" if the field is null. Numbers are decimal, times microseconds since
 * 1970 in UTC, uuids in their usual form, salt in lower-case hexadecimal, text
 * in UTF-8. The leaf is SHA-256 over a zero byte and the text (RFC 6962).
 *
 * Fields that stay the same from statement to statement come first, then those
 * that all events of a statement share, so that each part is hashed once.
 *
 * There are two forms. Events of 0.1 have the first. The second begins with
 * "medrec-audit-2;", and after the reason it has the fields of the connection.
 * An event without any of these has the first form, every other one the
 * second, so no two events have the same text. Never change either form: a new
 * version of the text needs a new name at its beginning.
 */
#include "base/medrec.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "audit/canon.h"
#include "audit/event.h"

#define CANON_NAME_1	"medrec-audit-1;"
#define CANON_NAME_2	"medrec-audit-2;"

/* shorter pieces are buffered before they are hashed */
#define PIECE	512

/* microseconds between 1970 and PostgreSQL's own epoch */
#define EPOCH_SHIFT	\
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* destination of the text: a hash, a piece at a time, or a string */
typedef struct Sink
{
	Sha256	   *hash;
	StringInfo	text;
	int			used;
	char		piece[PIECE];
} Sink;

static void Open(Sink *sink, Sha256 *hash, StringInfo text);
static void Drain(Sink *sink);
static void PutBytes(Sink *sink, const char *data, int len);
static void PutCanonField(Sink *sink, const char *data, int len);
static void PutCanonNumber(Sink *sink, int64 number);
static void PutCanonText(Sink *sink, AuditText text);
static char *HexOf(char *out, const uint8 *data, int len);
static bool IsSecondForm(const AuditEvent *event);
static void PutTexts(Sink *sink, const AuditEvent *event);
static void PutTimes(Sink *sink, const AuditEvent *event);
static void PutCanonRow(Sink *sink, const AuditEvent *event);

/* Starts writing to one of the two. */
static void
Open(Sink *sink, Sha256 *hash, StringInfo text)
{
	sink->hash = hash;
	sink->text = text;
	sink->used = 0;
}

/* Flushes the buffer. */
static void
Drain(Sink *sink)
{
	if (sink->hash)
		sha256_update(sink->hash, sink->piece, sink->used);
	else
		appendBinaryStringInfo(sink->text, sink->piece, sink->used);
	sink->used = 0;
}

/* Writes bytes as they are. */
static void
PutBytes(Sink *sink, const char *data, int len)
{
	if (len > PIECE - sink->used)
		Drain(sink);
	if (len <= PIECE)
	{
		memcpy(sink->piece + sink->used, data, len);
		sink->used += len;
	}
	else if (sink->hash)
		sha256_update(sink->hash, data, len);
	else
		appendBinaryStringInfo(sink->text, data, len);
}

/* Writes one field; null without data. */
static void
PutCanonField(Sink *sink, const char *data, int len)
{
	char		prefix[16];
	int			n;

	if (data == NULL)
	{
		PutBytes(sink, "-;", 2);
		return;
	}
	n = pg_ltoa(len, prefix);
	prefix[n++] = ':';
	PutBytes(sink, prefix, n);
	PutBytes(sink, data, len);
	PutBytes(sink, ";", 1);
}

/* Writes a number as a field. */
static void
PutCanonNumber(Sink *sink, int64 number)
{
	char		digits[MAXINT8LEN + 1];

	PutCanonField(sink, digits, pg_lltoa(number, digits));
}

/* Writes a text field, in UTF-8. */
static void
PutCanonText(Sink *sink, AuditText text)
{
	char	   *data;
	char	   *utf8;
	int			len;

	if (text == NULL)
	{
		PutCanonField(sink, NULL, 0);
		return;
	}
	data = VARDATA_ANY(text);
	len = VARSIZE_ANY_EXHDR(text);
	utf8 = pg_server_to_any(data, len, PG_UTF8);
	if (utf8 != data)
		len = strlen(utf8);
	PutCanonField(sink, utf8, len);
	if (utf8 != data)
		pfree(utf8);
}

/* Writes bytes as lower-case hexadecimal and returns where they end. */
static char *
HexOf(char *out, const uint8 *data, int len)
{
	static const char digits[] = "0123456789abcdef";
	int			i;

	for (i = 0; i < len; i++)
	{
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	return out;
}

/* Writes a uuid in its usual form: AUDIT_UUID_CHARS characters, no more. */
void
audit_uuid_text(char *out, const pg_uuid_t *uuid)
{
	const uint8 *data = uuid->data;

	out = HexOf(out, data, 4);
	*out++ = '-';
	out = HexOf(out, data + 4, 2);
	*out++ = '-';
	out = HexOf(out, data + 6, 2);
	*out++ = '-';
	out = HexOf(out, data + 8, 2);
	*out++ = '-';
	(void) HexOf(out, data + 10, 6);
}

/* Whether an event has any of the fields that came with the second form. */
static bool
IsSecondForm(const AuditEvent *event)
{
	int			i;

	for (i = AUDIT_OLD_FIELDS; i < AUDIT_SHARED_FIELDS; i++)
		if (event->text[i])
			return true;
	return event->has_pid || event->has_start;
}

/* The fields that stay the same from statement to statement. */
static void
PutTexts(Sink *sink, const AuditEvent *event)
{
	bool		second = IsSecondForm(event);
	int			fields = second ? AUDIT_SHARED_FIELDS : AUDIT_OLD_FIELDS;
	int			i;

	PutBytes(sink, second ? CANON_NAME_2 : CANON_NAME_1, sizeof(CANON_NAME_1) - 1);
	for (i = 0; i < fields; i++)
		PutCanonText(sink, event->text[i]);
	if (!second)
		return;
	if (event->has_pid)
		PutCanonNumber(sink, event->backend_pid);
	else
		PutCanonField(sink, NULL, 0);
	if (event->has_start)
		PutCanonNumber(sink, event->backend_start + EPOCH_SHIFT);
	else
		PutCanonField(sink, NULL, 0);
}

/* The further fields that all events of a statement share. */
static void
PutTimes(Sink *sink, const AuditEvent *event)
{
	PutCanonNumber(sink, event->era);
	PutCanonNumber(sink, event->xid);
	PutCanonNumber(sink, event->logged_at + EPOCH_SHIFT);
	PutCanonNumber(sink, event->transaction_at + EPOCH_SHIFT);
	PutCanonNumber(sink, event->statement_at + EPOCH_SHIFT);
}

/* The fields of the row. */
static void
PutCanonRow(Sink *sink, const AuditEvent *event)
{
	char		hex[AUDIT_UUID_CHARS];

	PutCanonNumber(sink, event->n);
	PutCanonText(sink, event->text[AUDIT_ROW_ID]);
	if (event->patient_id)
	{
		audit_uuid_text(hex, event->patient_id);
		PutCanonField(sink, hex, AUDIT_UUID_CHARS);
	}
	else
		PutCanonField(sink, NULL, 0);
	PutCanonText(sink, event->text[AUDIT_OLD_VALUES]);
	PutCanonText(sink, event->text[AUDIT_NEW_VALUES]);
	PutCanonField(sink, hex, HexOf(hex, event->salt, AUDIT_SALT_LENGTH) - hex);
}

/* Starts a leaf: what stays the same from statement to statement. */
void
audit_hash_texts(const AuditEvent *event, Sha256 *hash)
{
	Sink		sink;
	const char	leaf_prefix = 0;

	sha256_init(hash);
	Open(&sink, hash, NULL);
	PutBytes(&sink, &leaf_prefix, 1);
	PutTexts(&sink, event);
	Drain(&sink);
}

/* Continues it: what all events of the statement share. */
void
audit_hash_times(const AuditEvent *event, Sha256 *hash)
{
	Sink		sink;

	Open(&sink, hash, NULL);
	PutTimes(&sink, event);
	Drain(&sink);
}

/* Ends a leaf that the two functions above have begun. */
void
audit_hash_leaf(const AuditEvent *event, const Sha256 *shared, uint8 *leaf)
{
	Sha256		hash = *shared;
	Sink		sink;

	Open(&sink, &hash, NULL);
	PutCanonRow(&sink, event);
	Drain(&sink);
	sha256_final(&hash, leaf);
}

/* The canonical text itself, in UTF-8, palloc'd. */
char *
audit_canonical_text(const AuditEvent *event)
{
	StringInfoData text;
	Sink		sink;

	initStringInfo(&text);
	Open(&sink, NULL, &text);
	PutTexts(&sink, event);
	PutTimes(&sink, event);
	PutCanonRow(&sink, event);
	Drain(&sink);
	return text.data;
}
