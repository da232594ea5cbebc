/*
 * terminology/state.h
 *		Whether the loaded terminologies have changed.
 */
#ifndef MEDREC_TERMINOLOGY_STATE_H
#define MEDREC_TERMINOLOGY_STATE_H

/* tells all backends, at commit, that codes, terms or releases have changed */
extern void terminology_bump(void);

/* has this transaction changed the terminologies? */
extern bool terminology_changed_here(void);

/* number of the current state, as the active snapshot sees it */
extern int64 terminology_generation(void);

/* The state of the terminologies, as the active snapshot sees it. */
typedef struct TerminologyState
{
	Oid			file;			/* generations compare only as long as it is
								 * the same */
	int64		generation;
	TransactionId changed_by;	/* distinguishes equal generations of
								 * subtransactions */
} TerminologyState;

extern TerminologyState terminology_state(void);

/*
 * the same with a new snapshot: an old one may not see a change that an
 * invalidation has already signalled
 */
extern TerminologyState terminology_state_now(void);

#endif							/* MEDREC_TERMINOLOGY_STATE_H */
