/*
 * A neighbour of medrec's: takes six of the ten relcache callbacks that a
 * backend has (plan cache and type cache of the server take two).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/inval.h"

PG_MODULE_MAGIC;

extern void _PG_init(void);

/* One that does nothing. */
static void
Ignore(Datum arg, Oid relid)
{
}

/* Takes the callbacks. */
void
_PG_init(void)
{
	int			i;

	for (i = 0; i < 6; i++)
		CacheRegisterRelcacheCallback(Ignore, Int32GetDatum(i));
}
