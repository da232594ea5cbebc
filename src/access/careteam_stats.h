/*
 * access/careteam_stats.h
 *		Limits what EXPLAIN reveals about hidden rows.
 */
#ifndef MEDREC_CARETEAM_STATS_H
#define MEDREC_CARETEAM_STATS_H

/* installs the hooks that hide statistics from callers who may not see all rows */
extern void medrec_init_statistics(void);

#endif							/* MEDREC_CARETEAM_STATS_H */
