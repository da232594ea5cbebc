/*
 * compat.h
 *		Every difference between the PostgreSQL versions that medrec builds on.
 */
#ifndef MEDREC_COMPAT_H
#define MEDREC_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "medrec needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* ExecInsertIndexTuples() of a newly inserted row */
#if PG_VERSION_NUM >= 160000
#define InsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL, false)
#else
#define InsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL)
#endif

/* the backend's local transaction id moved within PGPROC in 17 */
#if PG_VERSION_NUM >= 170000
#define medrec_my_lxid()	(MyProc->vxid.lxid)
#else
#define medrec_my_lxid()	(MyProc->lxid)
#endif

/* index_beginscan() takes instrumentation since 18 */
#if PG_VERSION_NUM >= 180000
#define medrec_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define medrec_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* 18 brings virtual generated columns and checks that are not enforced */
#if PG_VERSION_NUM >= 180000
#define medrec_has_generated_columns(constr) \
	((constr)->has_generated_stored || (constr)->has_generated_virtual)
#define medrec_check_enforced(check)	((check)->ccenforced)
#define ri_ConstraintExprs	ri_CheckConstraintExprs
#else
#define medrec_has_generated_columns(constr)	((constr)->has_generated_stored)
#define medrec_check_enforced(check)	((void) (check), true)
#endif

struct EState;
struct RelationData;

/*
 * Gives an executor state the one-relation range table that
 * ExecSimpleRelationUpdate() looks the updated column up in.
 */
extern void medrec_init_range_table(struct EState *estate, struct RelationData *rel,
									int updated_column);

/*
 * A few bytes of the main shared memory without preloading: named DSM segments
 * since 17, before that from the room that every server keeps to spare.
 */
extern void *medrec_shared_memory(const char *name, Size size, void (*init) (void *ptr));

#endif							/* MEDREC_COMPAT_H */
