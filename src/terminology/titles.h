/*
 * terminology/titles.h
 *		Which code a text is the title of.
 */
#ifndef MEDREC_TITLES_H
#define MEDREC_TITLES_H

#include "nodes/pg_list.h"

#include "terminology/fold.h"
#include "terminology/lookup.h"

/* Does a text name a code, and if not, which others does it name? */
typedef struct TitleQuestion
{
	const CodeSystem *cs;
	const char *code;
	const CodeEntry *entry;		/* of the code, on the day */
	DateADT		on_date;
	const FoldedTerm *readings; /* of the text, the likely ones first */
	int			nreadings;
	int			others;			/* most readings for which other codes are
								 * named */
	int			max;			/* most codes that a reading may be the title of */
} TitleQuestion;

/*
 * True if one of the readings is a title that the code has or had, a term of
 * it, or a term of a code above, which by the rules of the tabular list holds
 * for all below. Otherwise *named are the codes in effect on the day that have
 * the first matching reading as title, inclusion term or synonym; entries of
 * the index lead to a code and do not name it.
 */
extern bool title_names_code(const TitleQuestion *question, List **named);

#endif							/* MEDREC_TITLES_H */
