/*
 * access/careteam_stats.h
 *		What EXPLAIN tells of hidden rows.
 */
#ifndef MEDREC_CARETEAM_STATS_H
#define MEDREC_CARETEAM_STATS_H

/* installs the hooks that keep statistics from who may not see all rows */
extern void medrec_init_statistics(void);

#endif							/* MEDREC_CARETEAM_STATS_H */
