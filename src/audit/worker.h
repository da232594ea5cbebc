/*
 * audit/worker.h
 *		The background worker that seals the audit trail.
 */
#ifndef MEDREC_AUDIT_WORKER_H
#define MEDREC_AUDIT_WORKER_H

/* to be called by _PG_init() */
extern void audit_worker_init(void);

#endif							/* MEDREC_AUDIT_WORKER_H */
