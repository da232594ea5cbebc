/*
 * query.c
 *		Answers a request.
 */
#include "internal.h"

/* The source's name. */
const char *
search_source_name(SearchSource source)
{
	static const char *const names[] = {"title", "synonym", "spelling", "code", "child", "successor"};

	return names[source];
}

/* Answers a request; described in search.h. */
int
search_query(const void *image, const SearchRequest *request, void *scratch, SearchHit *out,
			 SearchInfo *info)
{
	(void) image;
	(void) request;
	(void) scratch;
	(void) out;
	if (info != NULL)
		info->truncated = false;
	return 0;
}
