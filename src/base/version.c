/*
 * base/version.c
 *		medrec.version(): the version of the library, and whether the
 *		extension's objects in this database have the same version.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "base/version.h"

#define MEDREC_EXTENSION	"medrec"

static char *ExtensionVersion(void);

PG_FUNCTION_INFO_V1(medrec_version);

/* The version of the extension's objects in this database, NULL without them. */
static char *
ExtensionVersion(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(MEDREC_EXTENSION));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(rel), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

/*
 * Warns if the objects have another version than the library: after a new
 * build was installed and before ALTER EXTENSION ... UPDATE, or in a session
 * that loaded the old library. It is not an error, since what both versions
 * have continues to work.
 */
void
medrec_compare_versions(void)
{
	char	   *version = ExtensionVersion();

	if (version && strcmp(version, MEDREC_VERSION) != 0)
		ereport(WARNING,
				(errmsg("extension \"%s\" is of version %s in this database, its library of version %s",
						MEDREC_EXTENSION, version, MEDREC_VERSION),
				 errhint("Run ALTER EXTENSION %s UPDATE, then SELECT * FROM medrec.migrate(). If that has been done, reconnect, or restart a server that preloads the library.",
						 MEDREC_EXTENSION)));
}

/*
 * Writes the objects' version into the comment on schema medrec_api, from which
 * PostgREST takes the title of its description; not over a comment of the user's.
 */
void
medrec_comment_version(void)
{
	char	   *version = ExtensionVersion();
	char	   *comment;
	Oid			type = TEXTOID;
	Datum		value;

	if (version == NULL)
		return;
	comment = psprintf("medrec %s\n\nPatients, diagnoses and treatments with codes checked against terminology releases.",
					   version);
	value = CStringGetTextDatum(comment);
	SPI_connect();
	if (SPI_execute_with_args("SELECT FROM pg_catalog.pg_namespace AS n"
							  " CROSS JOIN LATERAL pg_catalog.obj_description(n.oid, 'pg_namespace') AS d (comment)"
							  " WHERE n.nspname OPERATOR(pg_catalog.=) 'medrec_api'"
							  " AND d.comment OPERATOR(pg_catalog.~) '^medrec(: patients| [0-9])'"
							  " AND d.comment OPERATOR(pg_catalog.<>) $1",
							  1, &type, &value, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the comment on schema medrec_api");
	if (SPI_processed > 0 &&
		SPI_execute(psprintf("COMMENT ON SCHEMA medrec_api IS %s",
							 quote_literal_cstr(comment)), false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not comment on schema medrec_api");
	SPI_finish();
}

/* medrec.version(): the library's version, with a warning if the objects have another one. */
Datum
medrec_version(PG_FUNCTION_ARGS)
{
	medrec_compare_versions();
	PG_RETURN_TEXT_P(cstring_to_text(MEDREC_VERSION));
}
