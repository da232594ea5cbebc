/*
 * audit/rows.h
 *		Rows as JSON text.
 */
#ifndef MEDREC_AUDIT_ROWS_H
#define MEDREC_AUDIT_ROWS_H

#include "utils/relcache.h"
#include "audit/event.h"

/* replaces the value of a column that is never recorded, if there is no key for a digest */
#define AUDIT_WITHHELD	"\"(withheld)\""
/* with a digest, in hexadecimal */
#define AUDIT_DIGEST_BEGIN	"\"(withheld:"
#define AUDIT_DIGEST_LENGTH	16
#define AUDIT_KEY_TABLE	"audit_key"
#define AUDIT_KEY_LENGTH	32

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

#endif							/* MEDREC_AUDIT_ROWS_H */
