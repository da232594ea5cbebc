/*
 * suggest/suggestions.h
 *		Lists of suggested codes: their shape, order and de-duplication.
 */
#ifndef MEDREC_SUGGESTIONS_H
#define MEDREC_SUGGESTIONS_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "base/faults.h"
#include "codes/codes.h"

/* most suggestions that a record keeps, its own and those of others */
#define SUGGESTIONS_MAX	20

typedef struct Suggestion
{
	char	   *code;
	char	   *display;
	const char *code_system;
	double		score;			/* 0..1 */
	char	   *source;
	char	   *reason;
	int			position;		/* among equals the first comes first */
} Suggestion;

extern Jsonb *suggestions_to_jsonb(List *suggestions);

/*
 * Reads suggestions that come from outside: code is required, the rest is
 * filled; what is wrong is added to the faults.  Codes are normalised.
 */
extern List *suggestions_from_jsonb(Jsonb *jb, const CodeSystem *cs, FaultList *faults);

/* those of a record that are not medrec's own, by their source */
extern List *suggestions_of_others(Jsonb *jb, const CodeSystem *cs);

/*
 * Suggestions that a client brings, with its name before the source that it says;
 * without those that the record has already.  who may be NULL: then no name is
 * known, and only the sources that are medrec's own are kept from the client.
 */
extern List *suggestions_of_client(List *theirs, Jsonb *stored, const CodeSystem *cs,
								   const char *who);

/* both lists in one: best first, each code once, at most SUGGESTIONS_MAX */
extern List *suggestions_merge(List *ours, List *theirs);

#endif							/* MEDREC_SUGGESTIONS_H */
