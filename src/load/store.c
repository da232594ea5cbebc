/*
 * load/store.c
 *		Rows that are being written into a table.
 *
 * They are collected in a tuplestore, which spills to disk, until one
 * statement reads it like a table, as trigger functions read transition
 * tables.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/queryenvironment.h"

#include "load/store.h"


/* Makes an empty store. */
void
load_store_open(LoadStore *store, const char *name, TupleDesc desc)
{
	store->name = name;
	store->desc = desc;
	store->rows = tuplestore_begin_heap(false, false, work_mem);
	store->n = 0;
}

/* Puts a row into a store. */
void
load_store_put(LoadStore *store, Datum *values, bool *nulls)
{
	tuplestore_putvalues(store->rows, store->desc, values, nulls);
	store->n++;
}

/*
 * Runs a statement that reads the store, if it has rows.  $1 is the system's
 * name, $2 the release's id.  Returns the number of rows written.
 */
uint64
load_store_run(LoadStore *store, const char *sql, const CodeSystem *system,
			   int32 release, int expected)
{
	Oid			types[] = {VARCHAROID, INT4OID};
	Datum		args[2];
	uint64		written = 0;

	if (store->n > 0)
	{
		EphemeralNamedRelation enr = palloc0(sizeof(*enr));
		int			rc;

		enr->md.name = pstrdup(store->name);
		enr->md.reliddesc = InvalidOid;
		enr->md.tupdesc = store->desc;
		enr->md.enrtype = ENR_NAMED_TUPLESTORE;
		enr->md.enrtuples = (double) store->n;
		enr->reldata = store->rows;
		rc = SPI_register_relation(enr);
		if (rc != SPI_OK_REL_REGISTER)
			elog(ERROR, "SPI_register_relation failed: %s", SPI_result_code_string(rc));
		args[0] = CStringGetTextDatum(system->name);
		args[1] = Int32GetDatum(release);
		rc = SPI_execute_with_args(sql, 2, types, args, NULL, false, 0);
		if (rc != expected)
			elog(ERROR, "writing a release failed: %s", SPI_result_code_string(rc));
		written = SPI_processed;
		SPI_unregister_relation(store->name);
	}
	return written;
}

/* Ends a store. */
void
load_store_close(LoadStore *store)
{
	tuplestore_end(store->rows);
}

/* A text column's value; an absent one is NULL. */
Datum
load_text_or_null(Slice s, bool *isnull)
{
	*isnull = s.s == NULL;
	return *isnull ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(s.s, s.len));
}
