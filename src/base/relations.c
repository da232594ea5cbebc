/*
 * base/relations.c
 *		Finds medrec's tables and indexes by name.
 *
 * By name and not by a stored OID: the tables are no extension members, and a
 * dump and restore gives them new OIDs.  The system cache makes it cheap.
 */
#include "base/medrec.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"

/* Finds medrec's schema, InvalidOid when it does not exist. */
Oid
medrec_schema(void)
{
	return get_namespace_oid(MEDREC_SCHEMA, true);
}

/* Finds a table or index, InvalidOid when it does not exist. */
Oid
medrec_relation_if_any(const char *name)
{
	Oid			schema = medrec_schema();

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* Finds a table or index, or says that migrate() has not been run. */
Oid
medrec_relation(const char *name)
{
	Oid			relid = medrec_relation_if_any(name);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", MEDREC_SCHEMA, name),
				 errhint("Run SELECT * FROM medrec.migrate() as a superuser.")));
	return relid;
}

/* Gives a table's name, with its schema where that is not medrec. */
char *
medrec_relation_name(Relation rel)
{
	Oid			schema = RelationGetNamespace(rel);

	return schema == medrec_schema() ? pstrdup(RelationGetRelationName(rel)) :
		quote_qualified_identifier(get_namespace_name(schema), RelationGetRelationName(rel));
}

/* Can a column's values be read as that type, which may be text for varchar? */
bool
medrec_column_is(Form_pg_attribute att, Oid type)
{
	if (att->attisdropped)
		return false;
	return att->atttypid == type ||
		(type == TEXTOID && att->atttypid == VARCHAROID) ||
		IsBinaryCoercible(att->atttypid, type);
}

/* Opens a table whose columns are read by number, after checking that they are unchanged. */
Relation
medrec_table_open(const char *name, LOCKMODE lockmode, int ncolumns, const Oid *types)
{
	Relation	rel = table_open(medrec_relation(name), lockmode);
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < ncolumns; i++)
		if (rel->rd_rel->relkind != RELKIND_RELATION || i >= desc->natts ||
			!medrec_column_is(TupleDescAttr(desc, i), types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("\"%s.%s\" is not the table that medrec.migrate() made",
							MEDREC_SCHEMA, name),
					 errdetail("Column %d is missing, or has another type.", i + 1)));
	return rel;
}

/* Finds an index of a table by name. */
Oid
medrec_index(Relation rel, const char *name)
{
	Oid			index = medrec_relation(name);

	if (get_rel_relkind(index) != RELKIND_INDEX ||
		IndexGetRelation(index, true) != RelationGetRelid(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is not an index of table \"%s\"",
						MEDREC_SCHEMA, name, RelationGetRelationName(rel))));
	return index;
}

/*
 * Opens an index whose first keys are scanned by their number, after checking
 * that they are unchanged.
 */
Relation
medrec_index_open(Relation rel, const char *name, LOCKMODE lockmode, int nkeys, const Oid *types)
{
	Relation	index = index_open(medrec_index(rel, name), lockmode);
	TupleDesc	desc = RelationGetDescr(index);
	int			i;

	for (i = 0; i < nkeys; i++)
		if (i >= IndexRelationGetNumberOfKeyAttributes(index) ||
			!medrec_column_is(TupleDescAttr(desc, i), types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s.%s\" is not the index that medrec.migrate() made",
							MEDREC_SCHEMA, name)));
	return index;
}

/* Whether a table is empty, or does not exist. */
bool
medrec_table_is_empty(const char *name)
{
	Oid			relid = medrec_relation_if_any(name);
	Relation	rel;
	TupleTableSlot *slot;
	TableScanDesc scan;
	bool		found;

	if (!OidIsValid(relid))
		return true;
	rel = table_open(relid, AccessShareLock);
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, GetLatestSnapshot(), 0, NULL);
	found = table_scan_getnextslot(scan, ForwardScanDirection, slot);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return !found;
}
