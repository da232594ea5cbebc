/*
 * base/actor.h
 *		Who acts: the account of the request's token, or the session's user.
 */
#ifndef MEDREC_ACTOR_H
#define MEDREC_ACTOR_H

#include "utils/guc.h"

/* The login role that PostgREST connects as; only its claims are trusted. */
#define AUTHENTICATOR_ROLE	"medrec_authenticator"

/* All that is known about who acts.  NULL: not known, or not to be believed. */
typedef struct Actor
{
	const char *account;		/* claim "sub" */
	const char *jti;			/* claim "jti": the token's own number */
	const char *generation;		/* claim "gen": generation of the account's
								 * tokens */
	const char *expires;		/* claim "exp": seconds since 1970 */
	const char *issued;			/* claim "iat": the same */
	const char *audience;		/* claim "aud": a text, or a JSON array as it
								 * is written */
	const char *role;			/* role set by SET ROLE, otherwise the session
								 * user */
	const char *session_user;
	const char *current_user;	/* differs in a SECURITY DEFINER function */
	const char *client_addr;	/* numeric, or "[local]" */
	const char *request_id;		/* header X-Request-Id */
	const char *method;
	const char *path;
	const char *application;
	const char *reason;			/* medrec.reason, else header X-Reason */
	/* of the connection, which nothing in SQL changes */
	const char *login_role;		/* the role that logged in */
	const char *login_identity; /* identity that authentication established,
								 * such as an operating system user */
	const char *socket_addr;	/* the other end: numeric, or "[local]" */
} Actor;

/* whether the session user is the authenticator */
extern bool actor_is_authenticator(void);

/* the same without catalog access, for use while an error is reported */
extern bool actor_came_as_authenticator(void);

/* Valid until the next call; never raises an error because of what a client set. */
extern const Actor *actor_current(void);

/*
 * The name that validated_by shows: the account (claim "sub") if the session
 * user is the authenticator and the request has a token, the role if it has
 * none, otherwise the session user. Palloc'd, at most 255 characters.
 */
extern char *actor_name(void);

/* the name of the acting account, valid until the next statement; NULL if there is none */
extern const char *actor_account_name(void);

/* check hook of medrec.reason */
extern bool medrec_check_reason(char **newval, void **extra, GucSource source);

#endif							/* MEDREC_ACTOR_H */
