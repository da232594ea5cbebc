/*
 * audit/event.c
 *		The columns of audit_event, and an event that is read from a row.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "audit/event.h"
#include "audit/scan.h"

/* Columns that a trail lacks before migrate() are optional. */
const WantedColumn audit_columns[AUDIT_COLUMNS] = {
	[AUDIT_ACTION] = {"action"},
	[AUDIT_TABLE_NAME] = {"table_name"},
	[AUDIT_ACCOUNT] = {"account"},
	[AUDIT_JTI] = {"jti"},
	[AUDIT_ROLE] = {"role"},
	[AUDIT_SESSION_ROLE] = {"session_role"},
	[AUDIT_EFFECTIVE_ROLE] = {"effective_role"},
	[AUDIT_CLIENT_ADDR] = {"client_addr"},
	[AUDIT_REQUEST_ID] = {"request_id"},
	[AUDIT_METHOD] = {"method"},
	[AUDIT_PATH] = {"path"},
	[AUDIT_APPLICATION_NAME] = {"application_name"},
	[AUDIT_REASON] = {"reason"},
	[AUDIT_LOGIN_ROLE] = {"login_role",.optional = true},
	[AUDIT_LOGIN_IDENTITY] = {"login_identity",.optional = true},
	[AUDIT_SOCKET_ADDR] = {"socket_addr",.optional = true},
	[AUDIT_ROW_ID] = {"row_id"},
	[AUDIT_OLD_VALUES] = {"old_values"},
	[AUDIT_NEW_VALUES] = {"new_values"},
	[AUDIT_XID] = {"xid"},
	[AUDIT_LOGGED_AT] = {"logged_at"},
	[AUDIT_TRANSACTION_AT] = {"transaction_at"},
	[AUDIT_STATEMENT_AT] = {"statement_at"},
	[AUDIT_ERA] = {"era"},
	[AUDIT_N] = {"n"},
	[AUDIT_PATIENT_ID] = {"patient_id"},
	[AUDIT_BACKEND_PID] = {"backend_pid",.optional = true},
	[AUDIT_BACKEND_START] = {"backend_start",.optional = true},
	[AUDIT_SALT] = {"salt"},
	[AUDIT_LEAF] = {"leaf"}
};

const Oid	audit_column_types[AUDIT_COLUMNS] = {
	[AUDIT_TABLE_NAME] = TEXTOID,
	[AUDIT_ACTION] = TEXTOID,
	[AUDIT_ACCOUNT] = TEXTOID,
	[AUDIT_JTI] = TEXTOID,
	[AUDIT_ROLE] = TEXTOID,
	[AUDIT_SESSION_ROLE] = TEXTOID,
	[AUDIT_EFFECTIVE_ROLE] = TEXTOID,
	[AUDIT_CLIENT_ADDR] = TEXTOID,
	[AUDIT_REQUEST_ID] = TEXTOID,
	[AUDIT_METHOD] = TEXTOID,
	[AUDIT_PATH] = TEXTOID,
	[AUDIT_APPLICATION_NAME] = TEXTOID,
	[AUDIT_REASON] = TEXTOID,
	[AUDIT_LOGIN_ROLE] = TEXTOID,
	[AUDIT_LOGIN_IDENTITY] = TEXTOID,
	[AUDIT_SOCKET_ADDR] = TEXTOID,
	[AUDIT_ROW_ID] = TEXTOID,
	[AUDIT_OLD_VALUES] = JSONOID,
	[AUDIT_NEW_VALUES] = JSONOID,
	[AUDIT_XID] = INT8OID,
	[AUDIT_LOGGED_AT] = TIMESTAMPTZOID,
	[AUDIT_TRANSACTION_AT] = TIMESTAMPTZOID,
	[AUDIT_STATEMENT_AT] = TIMESTAMPTZOID,
	[AUDIT_ERA] = INT4OID,
	[AUDIT_N] = INT4OID,
	[AUDIT_PATIENT_ID] = UUIDOID,
	[AUDIT_BACKEND_PID] = INT4OID,
	[AUDIT_BACKEND_START] = TIMESTAMPTZOID,
	[AUDIT_SALT] = BYTEAOID,
	[AUDIT_LEAF] = BYTEAOID
};

/* A copy of a string, NULL for NULL. */
AuditText
audit_text(const char *value)
{
	return value ? cstring_to_text(value) : NULL;
}

/* A text column without TOAST, NULL for null. */
static AuditText
TextOf(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL :
		(AuditText) PG_DETOAST_DATUM_PACKED(slot->tts_values[column]);
}

/* Fills an event from a row with audit_event_columns(); false if salt or leaf is invalid. */
bool
audit_event_of_slot(TupleTableSlot *slot, AuditEvent *event)
{
	bool		fits = true;
	int			i;

	for (i = 0; i < AUDIT_FIELDS; i++)
		event->text[i] = TextOf(slot, i);
	event->xid = DatumGetInt64(slot->tts_values[AUDIT_XID]);
	event->logged_at = DatumGetTimestampTz(slot->tts_values[AUDIT_LOGGED_AT]);
	event->transaction_at = DatumGetTimestampTz(slot->tts_values[AUDIT_TRANSACTION_AT]);
	event->statement_at = DatumGetTimestampTz(slot->tts_values[AUDIT_STATEMENT_AT]);
	event->era = DatumGetInt32(slot->tts_values[AUDIT_ERA]);
	event->n = DatumGetInt32(slot->tts_values[AUDIT_N]);
	event->patient_id = slot->tts_isnull[AUDIT_PATIENT_ID] ? NULL :
		DatumGetUUIDP(slot->tts_values[AUDIT_PATIENT_ID]);
	event->has_pid = !slot->tts_isnull[AUDIT_BACKEND_PID];
	event->backend_pid = event->has_pid ? DatumGetInt32(slot->tts_values[AUDIT_BACKEND_PID]) : 0;
	event->has_start = !slot->tts_isnull[AUDIT_BACKEND_START];
	event->backend_start = event->has_start ? DatumGetTimestampTz(slot->tts_values[AUDIT_BACKEND_START]) : 0;
	audit_bytes(slot, AUDIT_SALT, event->salt, AUDIT_SALT_LENGTH, &fits);
	audit_bytes(slot, AUDIT_LEAF, event->leaf, SHA256_LENGTH, &fits);
	return fits;
}

/*
 * The columns of a table of events in the order of AuditColumn, for a SELECT;
 * null for those that it lacks, as a month exported by an earlier version may.
 */
char *
audit_event_columns(Oid relid)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < AUDIT_COLUMNS; i++)
	{
		const char *name = audit_columns[i].name;

		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
						 column_exists(relid, name) ? name :
						 psprintf("NULL::%s AS %s", format_type_be_qualified(audit_column_types[i]), name));
	}
	return list.data;
}
