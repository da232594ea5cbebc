/*
 * login_tries.h
 *		Tries to log in, remembered in shared memory, where no rollback reaches them.
 */
#ifndef MEDREC_LOGIN_TRIES_H
#define MEDREC_LOGIN_TRIES_H

#include "datatype/timestamp.h"

/* Wrong tries, of an account from one address or from all. */
typedef struct LoginCount
{
	int32		failures;
	TimestampTz last_failure;	/* 0: never */
	TimestampTz locked_until;	/* 0: not */
	TimestampTz cleared_at;		/* 0: never; what was before counts no more */
} LoginCount;

/*
 * Begins a try for a name, which ends with the transaction.  False where another
 * session is at it, or where too many names are being tried.
 */
extern bool login_try_begin(uint32 name);

/* adds what shared memory knows and the committed row does not */
extern void login_count_merge(int32 account, uint32 address, LoginCount *count);

/* remembers a count in shared memory, at once */
extern void login_count_store(int32 account, uint32 address, const LoginCount *count);

/* forgets all counts of an account */
extern void login_count_forget(int32 account);

#endif							/* MEDREC_LOGIN_TRIES_H */
