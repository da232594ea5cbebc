/*
 * actor.h
 *		Who acts: the account of the request's token, or the session's user.
 */
#ifndef MEDREC_ACTOR_H
#define MEDREC_ACTOR_H

/* The login role that PostgREST connects as; only its claims are believed. */
#define AUTHENTICATOR_ROLE	"medrec_authenticator"

/*
 * The name that validated_by shows: the account (claim "sub") where the session
 * user is the authenticator and a token came with the request, else the session
 * user.  Palloc'd, at most 255 characters.
 */
extern char *actor_name(void);

#endif							/* MEDREC_ACTOR_H */
