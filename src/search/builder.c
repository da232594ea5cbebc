/*
 * builder.c
 *		The builder's memory: growing arrays, sorting, its beginning and end.
 */
#include "search/builder.h"

#include <string.h>

/* Makes room for count more elements and returns the first of them. */
void *
vec_push(SearchBuilder *b, Vec *v, size_t elsize, size_t count)
{
	void	   *at;

	if (v->n + count > v->cap)
	{
		size_t		cap = v->cap + v->cap / 2 + count + 64;
		void	   *data = v->data == NULL ? b->alloc.alloc(b->alloc.opaque, cap * elsize) :
			b->alloc.realloc(b->alloc.opaque, v->data, cap * elsize);

		if (data == NULL)
		{
			b->failed = true;
			return NULL;
		}
		v->data = data;
		v->cap = cap;
	}
	at = (char *) v->data + v->n * elsize;
	v->n += count;
	return at;
}

/* Zeroed memory that lives as long as the builder. */
void *
build_temp(SearchBuilder *b, size_t size)
{
	void	  **slot = vec_push(b, &b->temps, sizeof(void *), 1);

	if (slot == NULL)
		return NULL;
	*slot = b->alloc.alloc(b->alloc.opaque, size + 8);
	if (*slot == NULL)
	{
		b->temps.n--;
		b->failed = true;
		return NULL;
	}
	memset(*slot, 0, size + 8);
	return *slot;
}

/* Looks for an interrupt every so often. */
void
build_tick(SearchBuilder *b)
{
	if ((++b->ticks & 1023) == 0 && b->check != NULL)
		b->check(b->check_arg);
}

/* Puts bytes and a NUL into a character vector; NONE when out of memory. */
uint32_t
vec_push_text(SearchBuilder *b, Vec *v, const char *text, size_t len)
{
	uint32_t	off = (uint32_t) v->n;
	char	   *at;

	if (v->n + len + 1 >= UINT32_MAX)
	{
		b->failed = true;
		return NONE;
	}
	at = vec_push(b, v, 1, len + 1);
	if (at == NULL)
		return NONE;
	memcpy(at, text, len);
	at[len] = '\0';
	return off;
}

/* A builder; described in search.h. */
SearchBuilder *
search_builder_create(const SearchAllocator *allocator, SearchInterrupt check, void *check_arg)
{
	SearchBuilder *b = allocator->alloc(allocator->opaque, sizeof(SearchBuilder));

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->alloc = *allocator;
	b->check = check;
	b->check_arg = check_arg;
	return b;
}

/* Merges two sorted halves; part of build_sort. */
static void
merge_halves(SearchBuilder *b, const uint32_t *from, uint32_t *to, uint32_t lo, uint32_t mid, uint32_t hi,
			 BuildCompare compare)
{
	uint32_t	i = lo;
	uint32_t	j = mid;
	uint32_t	k;

	for (k = lo; k < hi; k++)
	{
		if (i < mid && (j >= hi || compare(b, from[i], from[j]) <= 0))
			to[k] = from[i++];
		else
			to[k] = from[j++];
	}
	build_tick(b);
}

/* Sorts an index, stable; false when out of memory. */
bool
build_sort(SearchBuilder *b, uint32_t *index, uint32_t n, BuildCompare compare)
{
	uint32_t   *other = build_temp(b, (size_t) n * sizeof(uint32_t));
	uint32_t   *from = index;
	uint32_t   *to = other;
	uint64_t	width;
	uint64_t	lo;

	if (other == NULL)
		return false;
	for (width = 1; width < n; width *= 2)
	{
		uint32_t   *swap;

		for (lo = 0; lo < n; lo += 2 * width)
		{
			uint64_t	mid = lo + width < n ? lo + width : n;
			uint64_t	hi = lo + 2 * width < n ? lo + 2 * width : n;

			merge_halves(b, from, to, (uint32_t) lo, (uint32_t) mid, (uint32_t) hi, compare);
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != index)
		memcpy(index, from, (size_t) n * sizeof(uint32_t));
	return true;
}

/* Frees one vector. */
static void
vec_free(SearchBuilder *b, Vec *v)
{
	if (v->data != NULL)
		b->alloc.free(b->alloc.opaque, v->data);
}

/* Frees everything but the image. */
void
search_builder_free(SearchBuilder *b)
{
	Table	   *tables[] = {&b->word_table, &b->stem_table, &b->text_table};
	size_t		i;

	for (i = 0; i < b->temps.n; i++)
		b->alloc.free(b->alloc.opaque, ((void **) b->temps.data)[i]);
	for (i = 0; i < 3; i++)
	{
		if (tables[i]->slots != NULL)
			b->alloc.free(b->alloc.opaque, tables[i]->slots);
	}
	vec_free(b, &b->rows);
	vec_free(b, &b->terms);
	vec_free(b, &b->tokens);
	vec_free(b, &b->text);
	vec_free(b, &b->wordtext);
	vec_free(b, &b->words);
	vec_free(b, &b->stems);
	vec_free(b, &b->abbrs);
	vec_free(b, &b->texts);
	vec_free(b, &b->temps);
	b->alloc.free(b->alloc.opaque, b);
}
