/*
 * abbreviations.c
 *		The clinical abbreviations and spelling variants that ship with the
 *		extension: the first rows of its SQL table.
 */
#include "search.h"

const SearchAbbreviation search_default_abbreviations[] = {
	{"fx", "fracture"},
};

const int	search_default_abbreviation_count =
	(int) (sizeof(search_default_abbreviations) / sizeof(search_default_abbreviations[0]));
