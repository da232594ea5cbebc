/*
 * audit/scan.h
 *		Reads the tables of the trail by a query, a row at a time.
 */
#ifndef MEDREC_AUDIT_SCAN_H
#define MEDREC_AUDIT_SCAN_H

#include "executor/tuptable.h"
#include "utils/snapshot.h"

typedef void (*AuditRowFunction) (TupleTableSlot *slot, void *arg);

extern void audit_scan_at(Snapshot snapshot, const char *sql, AuditRowFunction function,
						  void *arg);
extern void audit_scan(const char *sql, AuditRowFunction function, void *arg);
extern void audit_become_owner(Oid *user, int *sec_context);
extern void audit_bytes(TupleTableSlot *slot, int column, uint8 *out, int len, bool *fits);

#endif							/* MEDREC_AUDIT_SCAN_H */
