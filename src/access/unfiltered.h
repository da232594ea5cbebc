/*
 * access/unfiltered.h
 *		Refuses UPDATE and DELETE of every row, in PostgREST's sessions.
 */
#ifndef MEDREC_UNFILTERED_H
#define MEDREC_UNFILTERED_H

/* takes the hook, for the session that loads the library */
extern void unfiltered_init(void);

#endif							/* MEDREC_UNFILTERED_H */
