/*
 * learn.c
 *		Abbreviations that the official short titles teach.
 */
#include "build.h"

/* Finds how short titles write the words of long ones. */
bool
learn_abbreviations(SearchBuilder *b)
{
	(void) b;
	return true;
}
