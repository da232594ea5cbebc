/*
 * relations.c
 *		Finds medrec's tables and indexes by name.
 *
 * By name and not by a stored OID: the tables are no extension members, and a
 * dump and restore gives them new OIDs.  The system cache makes it cheap.
 */
#include "medrec.h"

#include "catalog/namespace.h"
#include "utils/lsyscache.h"

#include "relations.h"

/* Finds a table or index, InvalidOid when it does not exist. */
Oid
medrec_relation_if_any(const char *name)
{
	Oid			schema = get_namespace_oid(MEDREC_SCHEMA, true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* Finds a table or index, or says that migrate() has not run. */
Oid
medrec_relation(const char *name)
{
	Oid			relid = medrec_relation_if_any(name);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", MEDREC_SCHEMA, name),
				 errhint("Run SELECT * FROM medrec.migrate().")));
	return relid;
}
