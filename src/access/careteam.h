/*
 * access/careteam.h
 *		Who sees which patient, where clinicians see those of their teams only.
 */
#ifndef MEDREC_CARETEAM_H
#define MEDREC_CARETEAM_H

/* assign hook of medrec.care_team_mode */
extern void medrec_assign_care_team_mode(bool newval, void *extra);

#endif							/* MEDREC_CARETEAM_H */
