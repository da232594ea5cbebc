/*
 * access/login_tries.h
 *		Counts of login attempts in shared memory, which no rollback undoes.
 */
#ifndef MEDREC_LOGIN_TRIES_H
#define MEDREC_LOGIN_TRIES_H

#include "datatype/timestamp.h"

/* length of an address as attempts are counted by it, with the terminating zero */
#define LOGIN_ADDRESS_BYTES		64

/* stands for all addresses */
#define LOGIN_ALL_ADDRESSES		""

/* Failed attempts for an account from one address or from all. */
typedef struct LoginCount
{
	int32		failures;
	TimestampTz last_failure;	/* 0: never */
	TimestampTz locked_until;	/* 0: not */
	TimestampTz cleared_at;		/* 0: never; earlier failures no longer count */
} LoginCount;

/* Attempts that were rolled back. */
typedef struct LostTries
{
	int32		account;
	char		address[LOGIN_ADDRESS_BYTES];
	int32		tries;
	LoginCount	count;			/* with them */
} LostTries;

/*
 * Begins an attempt for a name, which ends with the transaction; stranger:
 * nobody has ever logged in from the address. False if another session is
 * trying the name, or too many attempts are running.
 */
extern bool login_try_begin(uint32 name, const char *address, bool stranger);

/* adds what shared memory knows and the committed row does not */
extern void login_count_merge(int32 account, const char *address, LoginCount *count);

/*
 * counts a failed attempt in shared memory, at once, and returns the new
 * count; true if a wait begins, once the free attempts are used up
 */
extern bool login_count_failure(int32 account, const char *address, LoginCount *count,
								int allowed, TimestampTz now);

/* stores a count in shared memory, at once */
extern void login_count_store(int32 account, const char *address, const LoginCount *count);

/* removes all counts of an account */
extern void login_count_forget(int32 account);

/* from now on, the attempt is lost if the transaction is rolled back */
extern void login_try_mark(int32 account, const char *address);

/* removes the last mark: the attempt was successful */
extern void login_try_unmark(void);

/*
 * The attempts that were rolled back, palloc'd. They are not reported again if
 * this transaction commits.
 */
extern LostTries *login_tries_lost(int *n);

#endif							/* MEDREC_LOGIN_TRIES_H */
