/*
 * audit/event.h
 *		An event of the audit trail, and the columns of audit_event.
 */
#ifndef MEDREC_AUDIT_EVENT_H
#define MEDREC_AUDIT_EVENT_H

#include "executor/tuptable.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/columns.h"
#include "hash/sha256.h"

#define AUDIT_TABLE		"audit_event"
#define AUDIT_ERA_TABLE	"audit_era"
#define AUDIT_SALT_LENGTH	16
#define AUDIT_UUID_CHARS	(2 * UUID_LEN + 4)

/* The text fields, beginning with those that stay the same from statement to statement. */
typedef enum AuditField
{
	AUDIT_TABLE_NAME,
	AUDIT_ACTION,
	AUDIT_ACCOUNT,
	AUDIT_JTI,
	AUDIT_ROLE,
	AUDIT_SESSION_ROLE,
	AUDIT_EFFECTIVE_ROLE,
	AUDIT_CLIENT_ADDR,
	AUDIT_REQUEST_ID,
	AUDIT_METHOD,
	AUDIT_PATH,
	AUDIT_APPLICATION_NAME,
	AUDIT_REASON,

	/*
	 * since the second form of the text: identity of the connection, which
	 * SQL cannot change
	 */
	AUDIT_LOGIN_ROLE,
	AUDIT_LOGIN_IDENTITY,
	AUDIT_SOCKET_ADDR,
	/* then those of the row */
	AUDIT_ROW_ID,
	AUDIT_OLD_VALUES,
	AUDIT_NEW_VALUES
} AuditField;

#define AUDIT_FIELDS		(AUDIT_NEW_VALUES + 1)
#define AUDIT_SHARED_FIELDS	AUDIT_ROW_ID
#define AUDIT_OLD_FIELDS	AUDIT_LOGIN_ROLE	/* the shared ones of the
												 * first form */

/* The columns of audit_event: the text fields, then these. */
typedef enum AuditColumn
{
	AUDIT_XID = AUDIT_FIELDS,
	AUDIT_LOGGED_AT,
	AUDIT_TRANSACTION_AT,
	AUDIT_STATEMENT_AT,
	AUDIT_ERA,
	AUDIT_N,
	AUDIT_PATIENT_ID,
	AUDIT_BACKEND_PID,			/* since the second form, null before */
	AUDIT_BACKEND_START,
	AUDIT_SALT,
	AUDIT_LEAF
} AuditColumn;

#define AUDIT_COLUMNS	(AUDIT_LEAF + 1)

/* the columns by name, of whatever type, and the types that an event's values have */
extern const WantedColumn audit_columns[AUDIT_COLUMNS];
extern const Oid audit_column_types[AUDIT_COLUMNS];

/* A varlena without TOAST, or NULL. */
typedef struct varlena *AuditText;

typedef struct AuditEvent
{
	int32		era;
	int32		n;				/* place within the transaction, from 1 */
	int64		xid;			/* top-level transaction */
	TimestampTz logged_at;
	TimestampTz transaction_at;
	TimestampTz statement_at;
	const pg_uuid_t *patient_id;	/* may be NULL */
	bool		has_pid;		/* of the backend: not null */
	bool		has_start;
	int32		backend_pid;
	TimestampTz backend_start;
	AuditText	text[AUDIT_FIELDS];
	uint8		salt[AUDIT_SALT_LENGTH];
	uint8		leaf[SHA256_LENGTH];
} AuditEvent;

extern AuditText audit_text(const char *value);
extern bool audit_event_of_slot(TupleTableSlot *slot, AuditEvent *event);
extern char *audit_event_columns(Oid relid);

#endif							/* MEDREC_AUDIT_EVENT_H */
