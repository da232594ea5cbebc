/*
 * access/careteam.h
 *		Which patients an account may see, when clinicians see only those of
 *		their teams.
 */
#ifndef MEDREC_CARETEAM_H
#define MEDREC_CARETEAM_H

/* assign hook of medrec.care_team_mode */
extern void medrec_assign_care_team_mode(bool newval, void *extra);

#endif							/* MEDREC_CARETEAM_H */
