/*
 * access/unfiltered.h
 *		Refuses what PostgREST's clients mean for one row and write for all.
 */
#ifndef MEDREC_UNFILTERED_H
#define MEDREC_UNFILTERED_H

/* takes the hook, for the session that loads the library */
extern void unfiltered_init(void);

#endif							/* MEDREC_UNFILTERED_H */
