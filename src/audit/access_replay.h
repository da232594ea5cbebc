/*
 * audit/access_replay.h
 *		Who may do what with medrec, as CREATE EXTENSION and migrate() make it.
 */
#ifndef MEDREC_ACCESS_REPLAY_H
#define MEDREC_ACCESS_REPLAY_H

/* only for superusers, and not on a standby */
extern char *access_replay(void);
extern char *access_made_of(void);

#endif							/* MEDREC_ACCESS_REPLAY_H */
