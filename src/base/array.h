/*
 * base/array.h
 *		Arrays that grow by doubling.
 */
#ifndef MEDREC_ARRAY_H
#define MEDREC_ARRAY_H

#include "utils/palloc.h"

/*
 * Makes room for one more item than count: items is NULL at first and is
 * allocated in the memory context; size, an int64, is the allocated number of
 * items. An error leaves both unchanged. 54000 beyond a billion items.
 */
#define array_room(context, items, count, size) \
	((items) = array_grow(context, items, count, &(size), sizeof(*(items))))

/* the same, where the items' type is not known */
extern void *array_grow(MemoryContext context, void *items, int64 count, int64 *size,
						Size item_size);

#endif							/* MEDREC_ARRAY_H */
