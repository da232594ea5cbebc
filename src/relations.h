/*
 * relations.h
 *		Finds medrec's tables and indexes, and reads rows of them by key.
 */
#ifndef MEDREC_RELATIONS_H
#define MEDREC_RELATIONS_H

#include "access/genam.h"
#include "utils/relcache.h"

/* OID of a table or index in schema medrec; 42P01 when migrate() has not run */
extern Oid	medrec_relation(const char *name);

/* the same, InvalidOid when it does not exist */
extern Oid	medrec_relation_if_any(const char *name);

#endif							/* MEDREC_RELATIONS_H */
