/*
 * load/merge.h
 *		Writes the codes of a release into medrec.code: only what changes.
 */
#ifndef MEDREC_LOAD_MERGE_H
#define MEDREC_LOAD_MERGE_H

#include "load/input.h"

typedef struct MergePeriods
{
	DateADT		from;			/* the release's own period */
	DateADT		to;				/* DATEVAL_NOEND: the newest */
	bool		moved;			/* it was loaded for another day before: */
	DateADT		old_from;
	DateADT		old_to;
	bool		old_previous;	/* the release before it then covers the old
								 * period */
} MergePeriods;

extern void load_merge_codes(Load *load, const MergePeriods *periods);

#endif							/* MEDREC_LOAD_MERGE_H */
