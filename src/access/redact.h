/*
 * access/redact.h
 *		Keeps what clients send out of the server's log.
 */
#ifndef MEDREC_REDACT_H
#define MEDREC_REDACT_H

/* takes the hook, for the session that loads the library */
extern void redact_init(void);

#endif							/* MEDREC_REDACT_H */
