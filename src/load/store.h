/*
 * load/store.h
 *		Rows that are being written into a table.
 */
#ifndef MEDREC_LOAD_STORE_H
#define MEDREC_LOAD_STORE_H

#include "access/tupdesc.h"
#include "utils/tuplestore.h"

#include "load/input.h"

typedef struct LoadStore
{
	const char *name;			/* name of the table in the statement */
	TupleDesc	desc;
	Tuplestorestate *rows;
	uint64		n;
} LoadStore;

extern void load_store_open(LoadStore *store, const char *name, TupleDesc desc);
extern void load_store_put(LoadStore *store, Datum *values, bool *nulls);
extern uint64 load_store_run(LoadStore *store, const char *sql, const CodeSystem *system,
							 int32 release, int expected);
extern void load_store_close(LoadStore *store);
extern Datum load_text_or_null(Slice s, bool *isnull);

#endif							/* MEDREC_LOAD_STORE_H */
