/*
 * access/login.h
 *		What functions that are called over HTTP share: plans, and answers.
 */
#ifndef MEDREC_LOGIN_H
#define MEDREC_LOGIN_H

#include "executor/spi.h"

#define ACCESS_PLAN_ARGS	5

/* A statement, prepared at its first use and kept. */
typedef struct AccessPlan
{
	const char *query;
	int			nargs;
	Oid			argtypes[ACCESS_PLAN_ARGS];
	SPIPlanPtr	plan;
} AccessPlan;

/* runs it; nulls may be NULL; the number of rows */
extern uint64 access_run(AccessPlan *plan, Datum *values, const bool *nulls);

/*
 * The name of the account that acts: the token's where PostgREST is at the
 * other end, the session user's elsewhere; NULL where there is none.
 */
/* leaves events of wrong logins that were rolled back */
extern void login_note_lost(void);

/* names longer than an account can have, or a user may send */
#define ACCOUNT_NAME_MAX_BYTES	1016

#endif							/* MEDREC_LOGIN_H */
