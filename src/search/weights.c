/*
 * weights.c
 *		The weights as variables, for bench/suggest/eval and the tests; the server
 *		has them as constants (weights.h).
 */
#include "search/weights.h"

#ifdef SEARCH_TUNABLE

#include <string.h>

SearchWeights search_weights = {SEARCH_WEIGHTS(WEIGHT_VALUE)};

#define WEIGHT_ENTRY(stage, type, name, value, meaning, sets) \
	{#name, #stage, #type, meaning, sets, offsetof(SearchWeights, name)},

const SearchWeight search_weight_list[] = {SEARCH_WEIGHTS(WEIGHT_ENTRY)};
const int	search_weight_count = (int) (sizeof(search_weight_list) / sizeof(search_weight_list[0]));

/* A weight by its name, NULL where there is none. */
const SearchWeight *
search_weight_find(const char *name)
{
	int			i;

	for (i = 0; i < search_weight_count; i++)
	{
		if (strcmp(search_weight_list[i].name, name) == 0)
			return &search_weight_list[i];
	}
	return NULL;
}

/* The weight's value now. */
double
search_weight_get(const SearchWeight *weight)
{
	const void *at = (const char *) &search_weights + weight->off;

	switch (weight->type[0])
	{
		case 'f':
			return *(const float *) at;
		case 'd':
			return *(const double *) at;
		default:
			return *(const int *) at;
	}
}

/* Changes a weight; an int is cut. */
void
search_weight_set(const SearchWeight *weight, double value)
{
	void	   *at = (char *) &search_weights + weight->off;

	switch (weight->type[0])
	{
		case 'f':
			*(float *) at = (float) value;
			break;
		case 'd':
			*(double *) at = value;
			break;
		default:
			*(int *) at = (int) value;
			break;
	}
}

#endif
