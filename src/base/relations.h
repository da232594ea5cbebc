/*
 * base/relations.h
 *		Finds medrec's tables and indexes, and reads rows of them by key.
 */
#ifndef MEDREC_RELATIONS_H
#define MEDREC_RELATIONS_H

#include "access/genam.h"
#include "catalog/pg_attribute.h"
#include "utils/relcache.h"

/* OID of schema medrec; InvalidOid when it does not exist */
extern Oid	medrec_schema(void);

/* OID of a table or index in schema medrec; 42P01 when migrate() has not been run */
extern Oid	medrec_relation(const char *name);

/* the same, InvalidOid when it does not exist */
extern Oid	medrec_relation_if_any(const char *name);

/* a table's name as the audit trail has it: with its schema where that is not medrec */
extern char *medrec_relation_name(Relation rel);

/*
 * The tables belong to their owner, who may change them. Code that reads
 * columns by number as a given type opens tables with these functions, so that
 * a table that is not as migrate() left it causes an error and not a wild
 * pointer.
 */
extern bool medrec_column_is(Form_pg_attribute att, Oid type);
extern Relation medrec_table_open(const char *name, LOCKMODE lockmode,
								  int ncolumns, const Oid *types);
extern Oid	medrec_index(Relation rel, const char *name);
extern Relation medrec_index_open(Relation rel, const char *name, LOCKMODE lockmode,
								  int nkeys, const Oid *types);

/* whether a table has no row, or does not exist */
extern bool medrec_table_is_empty(const char *name);

#endif							/* MEDREC_RELATIONS_H */
