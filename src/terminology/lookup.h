/*
 * terminology/lookup.h
 *		Looks codes up in the loaded releases.
 */
#ifndef MEDREC_LOOKUP_H
#define MEDREC_LOOKUP_H

#include "utils/date.h"

#include "codes/codes.h"

/* The state of a code on a day. */
typedef enum CodeStanding
{
	CODE_NO_RELEASE,			/* no release of the system covers the day */
	CODE_UNKNOWN,				/* no release has it */
	CODE_NOT_YET,				/* a later release has it */
	CODE_RETIRED,				/* an earlier release had it */
	CODE_CURRENT				/* the release in effect has it, or codes
								 * below it */
} CodeStanding;

/* A code as the releases have it; if it is not current, the nearest row. */
typedef struct CodeEntry
{
	CodeStanding standing;
	bool		billable;
	bool		was_billable;	/* a header now that could be used on a claim
								 * before */
	char	   *display;		/* NULL if no release has the code; may be
								 * NULL for a header that is one by the codes
								 * below it */
	char	   *short_display;	/* may be NULL */
	DateADT		from;			/* first day of this state */
	DateADT		until;			/* first day after it; DATEVAL_NOEND if open */
} CodeEntry;

extern void terminology_lookup(const CodeSystem *cs, const char *code,
							   DateADT on_date, CodeEntry *entry);

/* is a release with codes of the system loaded that is in effect on the day? */
extern bool terminology_loaded(const CodeSystem *cs, DateADT on_date);

#endif							/* MEDREC_LOOKUP_H */
