/*
 * suggest/suggest.h
 *		medrec's own suggestions: queries of the search image.
 */
#ifndef MEDREC_SUGGEST_H
#define MEDREC_SUGGEST_H

#include "nodes/pg_list.h"
#include "utils/date.h"

#include "codes/codes.h"

/* how many suggestions a record gets */
#define SUGGEST_DEFAULT_MAX	5

typedef struct SuggestQuestion
{
	const CodeSystem *cs;
	const char *code;			/* as given, or NULL */
	const char *display;		/* or NULL */
	DateADT		on_date;
	int			age;			/* years, or -1 */
	const char *gender;			/* "male", "female", or anything else for
								 * unknown */
	int			max;
	bool		typing;			/* the last word is still being typed */
} SuggestQuestion;

/* a list of Suggestion, best first */
extern List *suggest_codes(const SuggestQuestion *question);

#endif							/* MEDREC_SUGGEST_H */
