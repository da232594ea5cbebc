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
 * Reads suggestions from outside: code is required, other missing values are
 * filled in; what is wrong is added to the faults. Codes are normalized.
 */
extern List *suggestions_from_jsonb(Jsonb *jb, const CodeSystem *cs, FaultList *faults);

/* the suggestions of a record that are not medrec's own, by their source */
extern List *suggestions_of_others(Jsonb *jb, const CodeSystem *cs);

/*
 * A client's suggestions, with its name before their source, without those
 * that the record has already. who may be NULL if no name is known; then only
 * medrec's own sources are refused to the client.
 */
extern List *suggestions_of_client(List *theirs, Jsonb *stored, const CodeSystem *cs,
								   const char *who);

/* both lists in one: best first, each code once, at most SUGGESTIONS_MAX */
extern List *suggestions_merge(List *ours, List *theirs);

#endif							/* MEDREC_SUGGESTIONS_H */
