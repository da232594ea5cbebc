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

/* what table_tuple_update() says of the indexes: a boolean until 16 */
#if PG_VERSION_NUM >= 160000
#define IndexesToUpdate TU_UpdateIndexes
#else
#define IndexesToUpdate bool
#endif

/* ExecInsertIndexTuples() of a newly inserted row */
#if PG_VERSION_NUM >= 160000
#define InsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL, false)
#else
#define InsertIndexTuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL)
#endif

#endif							/* MEDREC_COMPAT_H */
