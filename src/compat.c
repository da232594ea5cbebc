/*
 * compat.c
 *		Differences between PostgreSQL versions that take more than a macro.
 */
#include "medrec.h"

#include "miscadmin.h"
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
#include "storage/lwlock.h"
#include "storage/shmem.h"

/* Finds or makes a small piece of shared memory; NULL where there is no room. */
void *
medrec_shared_memory(const char *name, Size size, void (*init) (void *ptr))
{
#if PG_VERSION_NUM >= 170000
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found);
#else
	void	   *volatile ptr = NULL;
	MemoryContext context = CurrentMemoryContext;
	uint32		holdoff;

	/* short of room it raises an error, with nothing done but the lock taken */
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	holdoff = InterruptHoldoffCount;
	PG_TRY();
	{
		bool		found;

		ptr = ShmemInitStruct(name, size, &found);
		if (!found)
			init(ptr);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		InterruptHoldoffCount = holdoff;	/* the error reset it, the lock is held */
		ptr = NULL;
	}
	PG_END_TRY();
	LWLockRelease(AddinShmemInitLock);
	return ptr;
#endif
}
