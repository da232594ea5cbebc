/*
 * audit/access_state.h
 *		Who may do what with medrec, now, as text that can be compared.
 */
#ifndef MEDREC_ACCESS_STATE_H
#define MEDREC_ACCESS_STATE_H

/* needs no active snapshot; site: include what does not come from migrate() */
extern char *access_state(bool site, const char *baseline);
extern void access_digest(const char *state, uint8 *digest);
extern int	access_settings(void);

#endif							/* MEDREC_ACCESS_STATE_H */
