/*
 * access/password.h
 *		Passwords: hashed with bcrypt, and checked against what Django stores.
 */
#ifndef MEDREC_PASSWORD_H
#define MEDREC_PASSWORD_H

/* a new password: long enough to resist guessing, all of it seen by bcrypt */
#define PASSWORD_MIN_CHARS	12
#define PASSWORD_MAX_BYTES	72

/* what a client may send at all */
#define PASSWORD_SENT_MAX	4096

/* more than Django has ever asked for; beyond it a hash counts as none */
#define PBKDF2_ITERATIONS_MAX	5000000

/* costs of bcrypt that are computed at all: 2^16 rounds take some four seconds */
#define BCRYPT_COST_MIN	4
#define BCRYPT_COST_MAX	16

/*
 * Does the password belong to the stored hash?  NULL, or a hash of an unknown
 * kind, belongs to none.  Takes as long for any stored value: one bcrypt, and
 * as many rounds of PBKDF2 as the account with the most of them needs.
 */
extern bool password_matches(const char *stored, const char *password, int most_iterations);

/* a bcrypt hash of the present cost, palloc'd */
extern char *password_hash(const char *password);

/* is a stored hash one that password_hash() would make today? */
extern bool password_hash_is_current(const char *stored);

/* is it one of the commonest passwords, whatever its case? */
extern bool password_is_common(const char *password);

/* iterations of Django's pbkdf2_sha256$iterations$salt$hash; 0 where it is none */
extern int	password_pbkdf2_iterations(const char *stored);

#endif							/* MEDREC_PASSWORD_H */
