/*
 * audit/seal.h
 *		Seals: the Merkle roots of finished ranges and the log over them.
 */
#ifndef MEDREC_AUDIT_SEAL_H
#define MEDREC_AUDIT_SEAL_H

#include "executor/tuptable.h"
#include "utils/timestamp.h"

#include "hash/merkle.h"

#define AUDIT_SEAL_TABLE	"audit_seal"

typedef struct AuditSeal
{
	int64		seal;			/* from 1 */
	int32		era;
	int64		first_xid;
	int64		end_xid;		/* not in the range */
	int64		events;
	int64		total;
	TimestampTz sealed_at;
	char	   *sealed_by;
	bool		well_formed;	/* hashes have the right length */
	uint8		root[SHA256_LENGTH];
	uint8		previous_head[SHA256_LENGTH];
	uint8		head[SHA256_LENGTH];
	bool		has_access;		/* covers a snapshot of rights */
	uint8		access[SHA256_LENGTH];
	int			frontier_len;
	uint8		frontier[MERKLE_LEVELS * SHA256_LENGTH];
} AuditSeal;

/* hook called before a sealing, as the tables' owner; set by higher modules */
extern void (*audit_seal_hook) (void);

extern void audit_read_seals(int64 first, int64 last,
							 void (*function) (const AuditSeal *seal, void *arg), void *arg);
extern bool audit_read_last_seal(AuditSeal *seal);
extern char *audit_seal_text(const AuditSeal *seal);
extern void audit_seal_leaf(const AuditSeal *seal, uint8 *leaf);
extern bool audit_seals_have_access(void);
extern int64 audit_horizon(void);

#endif							/* MEDREC_AUDIT_SEAL_H */
