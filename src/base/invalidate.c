/*
 * base/invalidate.c
 *		One relcache callback for everything that a backend caches about
 *		relations.
 *
 * base/invalidate.h describes how a cache is filled.
 */
#include "base/medrec.h"

#include "utils/inval.h"

#include "base/invalidate.h"

/* more than the number of hooks that medrec registers */
#define HOOKS_MAX	16

static InvalidateHook hooks[HOOKS_MAX];
static int	nhooks = 0;
static uint64 messages = 0;

static void Invalidate(Datum arg, Oid relid);
static void Register(void);

/* Callback: a relation has changed. */
static void
Invalidate(Datum arg, Oid relid)
{
	int			i;

	messages++;
	for (i = 0; i < nhooks; i++)
		hooks[i] (relid);
}

/* Registers the callback, once for a backend. */
static void
Register(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(Invalidate, (Datum) 0);
		registered = true;
	}
}

/* Asks for a hook to be called. */
void
invalidate_watch(InvalidateHook hook)
{
	int			i;

	for (i = 0; i < nhooks; i++)
		if (hooks[i] == hook)
			return;
	if (nhooks == HOOKS_MAX)
		elog(ERROR, "too many hooks for changed relations");
	Register();
	hooks[nhooks++] = hook;
}

/* Says how many messages there have been. */
uint64
invalidate_count(void)
{
	Register();
	return messages;
}
