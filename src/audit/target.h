/*
 * audit/target.h
 *		The partition for events of the current time.
 */
#ifndef MEDREC_AUDIT_TARGET_H
#define MEDREC_AUDIT_TARGET_H

#include "nodes/execnodes.h"

#include "audit/event.h"

/* for a partition with more indexes than this, the executor inserts the entries */
#define AUDIT_TARGET_INDEXES	4
#define AUDIT_BY_EXECUTOR		(-1)

typedef struct AuditTarget
{
	bool		valid;
	Oid			root;
	Oid			relid;
	TimestampTz from;			/* inclusive */
	TimestampTz until;			/* exclusive */
	AttrNumber	attnum[AUDIT_COLUMNS];
	bool		direct;			/* whether rows may go straight to the heap */
	MemoryContext context;		/* of what follows */
	int			nindexes;		/* or AUDIT_BY_EXECUTOR */
	Oid			indexes[AUDIT_TARGET_INDEXES];
	IndexInfo  *index_infos[AUDIT_TARGET_INDEXES];
} AuditTarget;

/* registers the hook for changed relations */
extern void audit_watch(void);

/* opens the partition for a time, locked for writing; fills the numbers of its columns */
extern Relation audit_target_open(TimestampTz now, AttrNumber *attnum);

/* information about that partition and its indexes */
extern AuditTarget audit_target(Relation rel);

#endif							/* MEDREC_AUDIT_TARGET_H */
