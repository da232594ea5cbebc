/*
 * edits.h
 *		Coding edits: what the releases' rules say to a code in its record.
 */
#ifndef MEDREC_EDITS_H
#define MEDREC_EDITS_H

#include "nodes/pg_list.h"
#include "utils/date.h"

#include "codes/codes.h"

/* What is known around a code. */
typedef struct EditContext
{
	DateADT		on_date;
	int			age;			/* of the patient in years, or -1 */
	const char *gender;			/* of the patient, or NULL */
	bool		principal;		/* known to be the principal diagnosis */
	List	   *other_codes;	/* normal codes of the same system and visit, strings */
} EditContext;

/*
 * Adds an issue (code-rule, warning) for every rule in force on the day that the
 * code breaks; code is in its normal form.  Returns the list.
 */
extern List *edits_check(const CodeSystem *cs, const char *code,
						 const EditContext *context, List *issues);

#endif							/* MEDREC_EDITS_H */
