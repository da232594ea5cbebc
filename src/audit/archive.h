/*
 * audit/archive.h
 *		Months that were detached, and what has to be kept of their seals.
 */
#ifndef MEDREC_AUDIT_ARCHIVE_H
#define MEDREC_AUDIT_ARCHIVE_H

#include "hash/sha256.h"

#define AUDIT_ARCHIVED_TABLE		"audit_archived"
#define AUDIT_ARCHIVE_TABLE			"audit_archive"
#define AUDIT_ARCHIVE_SEAL_TABLE	"audit_archive_seal"

/* an event that is kept as its leaf: era, xid, n (big-endian), leaf */
#define ARCHIVED_LEAF_LENGTH	(4 + 8 + 4 + SHA256_LENGTH)

typedef struct ArchivedLeaf
{
	int32		era;
	int64		xid;
	int32		n;
	const uint8 *leaf;
} ArchivedLeaf;

/* the table that archived months are partitions of; InvalidOid in a trail of 0.1 */
extern Oid	audit_archived(void);

/* does an archived month exist, as a partition of it? */
extern bool audit_is_attached(Oid relid);

/* a query for the names of months that were archived and no longer exist */
extern char *audit_gone_months(const char *rest);

/* raises an error unless it is an archived month */
extern void audit_check_archive(Oid relid);

/* leaf: NULL if all events of the seal were archived, then count is their number */
typedef void (*ArchivedFunction) (int64 seal, int64 count, const ArchivedLeaf *leaf, void *arg);

/* calls the function for what the archived months have of the seals; but: leave out this month */
extern void audit_read_archived(int64 first_seal, int64 last_seal, Oid but,
								ArchivedFunction function, void *arg);

#endif							/* MEDREC_AUDIT_ARCHIVE_H */
