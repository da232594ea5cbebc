/*
 * base/array.c
 *		Arrays that grow by doubling.
 */
#include "base/medrec.h"

#include "base/array.h"

/* items of a new array */
#define ARRAY_BEGIN	16

/* Makes room for one more item. */
void *
array_grow(MemoryContext context, void *items, int64 count, int64 *size, Size item_size)
{
	int64		larger;

	if (count < *size)
		return items;
	if (count >= PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a list has more than %d entries", PG_INT32_MAX / 2)));
	larger = Max(ARRAY_BEGIN, count * 2);
	items = items != NULL ? repalloc_huge(items, larger * item_size) :
		MemoryContextAllocHuge(context, larger * item_size);
	*size = larger;
	return items;
}
