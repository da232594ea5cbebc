/*
 * access/login_tries.h
 *		Tries to log in, remembered in shared memory, where no rollback reaches them.
 */
#ifndef MEDREC_LOGIN_TRIES_H
#define MEDREC_LOGIN_TRIES_H

#include "datatype/timestamp.h"

/* an address as tries are counted by it, with the zero at its end */
#define LOGIN_ADDRESS_BYTES		64

/* stands for all addresses */
#define LOGIN_ALL_ADDRESSES		""

/* Wrong tries, of an account from one address or from all. */
typedef struct LoginCount
{
	int32		failures;
	TimestampTz last_failure;	/* 0: never */
	TimestampTz locked_until;	/* 0: not */
	TimestampTz cleared_at;		/* 0: never; what was before counts no more */
} LoginCount;

/* Tries that were rolled back. */
typedef struct LostTries
{
	int32		account;
	char		address[LOGIN_ADDRESS_BYTES];
	int32		tries;
	LoginCount	count;			/* with them */
} LostTries;

/*
 * Begins a try for a name, which ends with the transaction; stranger: nobody has
 * ever logged in from the address.  False where another session is at it, or
 * where too many names are being tried.
 */
extern bool login_try_begin(uint32 name, const char *address, bool stranger);

/* adds what shared memory knows and the committed row does not */
extern void login_count_merge(int32 account, const char *address, LoginCount *count);

/*
 * counts a wrong try in shared memory, at once, and gives the count with it; true
 * where a wait begins, from the allowed one on
 */
extern bool login_count_failure(int32 account, const char *address, LoginCount *count,
								int allowed, TimestampTz now);

/* remembers a count in shared memory, at once */
extern void login_count_store(int32 account, const char *address, const LoginCount *count);

/* forgets all counts of an account */
extern void login_count_forget(int32 account);

/* if the transaction is rolled back from now on, the try is one of those below */
extern void login_try_mark(int32 account, const char *address);

/* takes the last mark back: the try was a login */
extern void login_try_unmark(void);

/*
 * The tries that were rolled back, palloc'd.  They are not told again if this
 * transaction commits.
 */
extern LostTries *login_tries_lost(int *n);

#endif							/* MEDREC_LOGIN_TRIES_H */
