/*
 * audit/indexes.h
 *		Finds events that an index lacks.
 */
#ifndef MEDREC_AUDIT_INDEXES_H
#define MEDREC_AUDIT_INDEXES_H

#include "utils/snapshot.h"

/* era is -1 if the event could not be read */
typedef void (*AuditLackFunction) (int32 era, int64 xid, int32 n, const char *detail, void *arg);

extern void audit_check_indexes(Snapshot snapshot, AuditLackFunction function, void *arg);

#endif							/* MEDREC_AUDIT_INDEXES_H */
