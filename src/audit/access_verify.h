/*
 * audit/access_verify.h
 *		What decides who may do what with medrec, as text that can be compared:
 *		now, as migrate() makes it, and as of the seals.
 */
#ifndef MEDREC_ACCESS_H
#define MEDREC_ACCESS_H

#include "hash/sha256.h"

#define ACCESS_TABLE	"audit_access"

/* told of a stored snapshot that is not what its digest says, or that is missing */
typedef void (*AccessFault) (int64 seal, const char *detail, void *arg);

/* audit/access_state.c: within an active snapshot or not; site: with what is not migrate()'s */
extern char *access_state(bool site, const char *baseline);
extern void access_digest(const char *state, uint8 *digest);
extern int	access_settings(void);

/* audit/access_replay.c: for superusers, and not on a standby */
extern char *access_replay(void);
extern char *access_made_of(void);

/* audit/access_verify.c */
extern bool access_take(int64 seal, uint8 *digest);
extern void access_keep_made(bool fresh);
extern void access_check_snapshots(AccessFault function, void *arg);

#endif							/* MEDREC_ACCESS_H */
