/*
 * access/password.h
 *		Passwords: hashed with bcrypt, and checked against what Django stores.
 */
#ifndef MEDREC_PASSWORD_H
#define MEDREC_PASSWORD_H

/*
 * limits of a new password: long enough to resist guessing, short enough for
 * bcrypt to use all of it
 */
#define PASSWORD_MIN_CHARS	12
#define PASSWORD_MAX_BYTES	72

/* longest password that a client may send */
#define PASSWORD_SENT_MAX	4096

/* more than Django has ever used; a hash with more is not accepted */
#define PBKDF2_ITERATIONS_MAX	5000000

/* supported bcrypt costs: 2^16 rounds take about four seconds */
#define BCRYPT_COST_MIN	4
#define BCRYPT_COST_MAX	16

/*
 * Does the password belong to the stored hash? NULL or a hash of an unknown
 * kind never matches. Takes as long for any stored value: one bcrypt, and as
 * many rounds of PBKDF2 as the account with the most of them needs.
 */
extern bool password_matches(const char *stored, const char *password, int most_iterations);

/* a bcrypt hash of the current cost, palloc'd */
extern char *password_hash(const char *password);

/* is a stored hash of the kind and cost that password_hash() makes? */
extern bool password_hash_is_current(const char *stored);

/* is it a common password, ignoring case? */
extern bool password_is_common(const char *password);

/* iterations of Django's pbkdf2_sha256$iterations$salt$hash; 0 if it is not one */
extern int	password_pbkdf2_iterations(const char *stored);

#endif							/* MEDREC_PASSWORD_H */
