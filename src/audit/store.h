/*
 * audit/store.h
 *		Writes events into their partition.
 */
#ifndef MEDREC_AUDIT_STORE_H
#define MEDREC_AUDIT_STORE_H

#include "audit/event.h"

typedef struct AuditWriter AuditWriter;

extern AuditWriter *audit_writer_begin(const char *action, const char *table_name);
extern MemoryContext audit_writer_row(AuditWriter *writer);
extern void audit_writer_put(AuditWriter *writer, AuditText row_id,
							 const pg_uuid_t *patient_id,
							 AuditText old_values, AuditText new_values);
extern void audit_writer_action(AuditWriter *writer, const char *action);
extern void audit_writer_end(AuditWriter *writer);
extern void audit_insert_row(Oid relid, int ncolumns, const char *const *names,
							 const Datum *values, const bool *nulls);

#endif							/* MEDREC_AUDIT_STORE_H */
