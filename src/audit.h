/*
 * audit.h
 *		An audit event, its canonical text and leaf, and the way into the table.
 */
#ifndef MEDREC_AUDIT_H
#define MEDREC_AUDIT_H

#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "fmgr.h"

#include "sha256.h"

#define AUDIT_TABLE		"audit_event"
#define AUDIT_ERA_TABLE	"audit_era"
#define AUDIT_SALT_LENGTH	16
#define AUDIT_UUID_CHARS	(2 * UUID_LEN + 4)

/* stands for the value of a column that is never recorded, where there is no key for a digest of it */
#define AUDIT_WITHHELD	"\"(withheld)\""
/* with a digest, in hexadecimal */
#define AUDIT_DIGEST_BEGIN	"\"(withheld:"
#define AUDIT_DIGEST_LENGTH	16
#define AUDIT_KEY_TABLE	"audit_key"
#define AUDIT_KEY_LENGTH	32

/* The text fields: first those that stay the same from statement to statement. */
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
	/* since the second form of the text: who the session's connection is, whatever it says since */
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
#define AUDIT_OLD_FIELDS	AUDIT_LOGIN_ROLE	/* the shared ones of the first form */

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

extern const char *const audit_column_names[AUDIT_COLUMNS];
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

/* audit_canon.c */
extern void audit_uuid_text(char *out, const pg_uuid_t *uuid);
extern void audit_hash_texts(const AuditEvent *event, Sha256 *hash);
extern void audit_hash_times(const AuditEvent *event, Sha256 *hash);
extern void audit_hash_leaf(const AuditEvent *event, const Sha256 *shared, uint8 *leaf);
extern char *audit_canonical_text(const AuditEvent *event);

/* audit_store.c */
typedef struct AuditWriter AuditWriter;

extern AuditWriter *audit_writer_begin(const char *action, const char *table_name);
extern MemoryContext audit_writer_row(AuditWriter *writer);
extern void audit_writer_put(AuditWriter *writer, AuditText row_id,
							 const pg_uuid_t *patient_id,
							 AuditText old_values, AuditText new_values);
extern void audit_writer_action(AuditWriter *writer, const char *action);
extern void audit_writer_end(AuditWriter *writer);
extern AuditText audit_text(const char *value);
extern void audit_watch(void);
extern Oid	audit_relation(const char *name);
extern void audit_insert_row(Oid relid, int ncolumns, const char *const *names,
							 const Datum *values, const bool *nulls);

/* audit_era.c */
extern int32 audit_current_era(void);
extern Datum medrec_audit_open_era(PG_FUNCTION_ARGS);

/* audit_rows.c */
typedef struct AuditTable AuditTable;

extern AuditTable *audit_table_open(Oid trigger, Relation rel, int nargs, char **args);
extern void audit_table_close(AuditTable *table);
extern const char *audit_table_name(const AuditTable *table);
extern bool audit_read_key(uint8 *key);
extern int	audit_table_nest(const AuditTable *table);
extern AuditText audit_row_id(AuditTable *table, TupleTableSlot *slot);
extern const pg_uuid_t *audit_row_patient(AuditTable *table, TupleTableSlot *slot);
extern AuditText audit_row_values(AuditTable *table, TupleTableSlot *slot);
extern bool audit_row_withheld(AuditTable *table, TupleTableSlot *slot,
							   AuditText *old_values, AuditText *new_values);
extern bool audit_row_changes(AuditTable *table, TupleTableSlot *old, TupleTableSlot *new,
							  AuditText *old_values, AuditText *new_values,
							  bool *moved);

#endif							/* MEDREC_AUDIT_H */
