/*
 * guard.h
 *		The event trigger that keeps medrec's tables and columns.
 */
#ifndef MEDREC_GUARD_H
#define MEDREC_GUARD_H

/* set while migrate() takes its steps, which may drop and rename */
extern bool medrec_guard_asleep;

#endif							/* MEDREC_GUARD_H */
