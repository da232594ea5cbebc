/*
 * base/invalidate.h
 *		One relcache callback for everything that a backend caches about
 *		relations.
 *
 * Whatever medrec keeps in a static variable beyond a statement and reads from
 * catalogs or tables is filled in one way:
 *
 *	1. seen = invalidate_count(), before the first look at a catalog or table;
 *	2. read into variables and memory of the current call, which an error
 *	discards; 3. when it is complete, publish it by assignments that cannot
 *	fail - and for later calls only if invalidate_count() == seen. Otherwise
 *	something has changed while it was read: then the result is used for the
 *	current call only, which has the relation open and locked, or it is read
 *	again.
 *
 * So an error at any point leaves the old contents or nothing, never a part,
 * and an invalidation that arrives during the reading is not lost. The backend
 * has ten slots for relcache callbacks, for all extensions together; medrec
 * takes one.
 */
#ifndef MEDREC_INVALIDATE_H
#define MEDREC_INVALIDATE_H

/* called for a changed relation, InvalidOid for any; must neither fail nor look at catalogs */
typedef void (*InvalidateHook) (Oid relid);

/* registers a hook for changed relations; repeated calls cost nothing */
extern void invalidate_watch(InvalidateHook hook);

/* rises with every message that a relation has changed */
extern uint64 invalidate_count(void);

#endif							/* MEDREC_INVALIDATE_H */
