/*
 * audit/access_verify.h
 *		What decides who may do what with medrec, as of the seals, and whether it
 *		is what migrate() made.
 */
#ifndef MEDREC_ACCESS_VERIFY_H
#define MEDREC_ACCESS_VERIFY_H

#include "hash/sha256.h"

#define ACCESS_TABLE	"audit_access"

/* told of a stored snapshot that is not what its digest says, or that is missing */
typedef void (*AccessFault) (int64 seal, const char *detail, void *arg);

extern bool access_take(int64 seal, uint8 *digest);
extern void access_keep_made(bool fresh);
extern void access_check_snapshots(AccessFault function, void *arg);

#endif							/* MEDREC_ACCESS_VERIFY_H */
