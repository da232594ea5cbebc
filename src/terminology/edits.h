/*
 * terminology/edits.h
 *		Coding edits: checks a code in its record against the rules of the
 *		releases.
 */
#ifndef MEDREC_EDITS_H
#define MEDREC_EDITS_H

#include "nodes/pg_list.h"
#include "utils/date.h"

#include "codes/codes.h"

/* The context of a code. */
typedef struct EditContext
{
	DateADT		on_date;
	int			age;			/* of the patient in years, or -1 */
	const char *gender;			/* of the patient, or NULL */
	bool		principal;		/* known to be the principal diagnosis */
	List	   *other_codes;	/* normal codes of the same system and visit,
								 * strings */
} EditContext;

/* are any rules loaded? */
extern bool edits_loaded(void);

/* Which patients a code is not for, so that suggestions leave it out. */
typedef struct Restriction
{
	const CodeSystem *cs;
	const char *code;
	const char *gender;			/* "male", "female", NULL for either */
	int			age_min;		/* -1 if the rule is not about age */
	int			age_max;
} Restriction;

/*
 * Calls a function for every rule on age that is in effect, and every rule on
 * gender. Those on gender have ended: CMS no longer applies them, but the
 * order of suggestions may still follow them.
 */
extern void edits_each_restriction(void (*function) (const Restriction *, void *), void *arg);

/*
 * Adds an issue (code-rule, warning) for every rule in effect on the day that
 * the code breaks; code is in its normal form. Returns the list.
 */
extern List *edits_check(const CodeSystem *cs, const char *code,
						 const EditContext *context, List *issues);

#endif							/* MEDREC_EDITS_H */
