/*
 * load/digest.h
 *		Digests of releases, which show changed rows.
 */
#ifndef MEDREC_RELEASE_DIGEST_H
#define MEDREC_RELEASE_DIGEST_H

#include "load/input.h"

typedef struct ReleaseDigest
{
	bytea	   *digest;			/* SHA-256 over all rows */
	text	   *codes;			/* what each row is, and its code */
	bytea	   *marks;			/* four bytes for each */
	int64		rows;
} ReleaseDigest;

extern bool release_can_digest(void);
extern ReleaseDigest release_digest_of_load(Load *load);
extern void release_keep_marks(int32 release, const ReleaseDigest *digest);

#endif							/* MEDREC_RELEASE_DIGEST_H */
