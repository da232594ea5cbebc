/*
 * audit/access_verify.h
 *		Snapshots of who may do what with medrec, as the seals cover them, and
 *		their comparison with what migrate() made.
 */
#ifndef MEDREC_ACCESS_VERIFY_H
#define MEDREC_ACCESS_VERIFY_H

#include "hash/sha256.h"

#define ACCESS_TABLE	"audit_access"

/* called for a stored snapshot that does not match its digest, or is missing */
typedef void (*AccessFault) (int64 seal, const char *detail, void *arg);

extern bool access_take(int64 seal, uint8 *digest);
extern void access_keep_made(bool fresh);
extern void access_check_snapshots(AccessFault function, void *arg);

#endif							/* MEDREC_ACCESS_VERIFY_H */
