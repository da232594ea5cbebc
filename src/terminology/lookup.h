/*
 * terminology/lookup.h
 *		Looks codes up in the loaded releases.
 */
#ifndef MEDREC_LOOKUP_H
#define MEDREC_LOOKUP_H

#include "utils/date.h"

#include "codes/codes.h"

/* How a code stands on a day. */
typedef enum CodeStanding
{
	CODE_NO_RELEASE,			/* no release of the system covers the day */
	CODE_UNKNOWN,				/* no release has it */
	CODE_NOT_YET,				/* a later release has it */
	CODE_RETIRED,				/* an earlier release had it */
	CODE_CURRENT				/* the release in force has it, or codes below
								 * it */
} CodeStanding;

/* A code as the releases have it; where it is not current, the nearest row. */
typedef struct CodeEntry
{
	CodeStanding standing;
	bool		billable;
	bool		was_billable;	/* a header now that could stand on a claim
								 * before */
	char	   *display;		/* NULL unless a release has the code: of a
								 * header that is one by the codes below it,
								 * it may be NULL too */
	char	   *short_display;	/* may be NULL */
	DateADT		from;			/* first day on which it is as it is */
	DateADT		until;			/* first day on which it is not; DATEVAL_NOEND
								 * if open */
} CodeEntry;

extern void terminology_lookup(const CodeSystem *cs, const char *code,
							   DateADT on_date, CodeEntry *entry);

/* is any release with codes of the system loaded that is in force on the day? */
extern bool terminology_loaded(const CodeSystem *cs, DateADT on_date);

#endif							/* MEDREC_LOOKUP_H */
