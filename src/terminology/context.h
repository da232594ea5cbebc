/*
 * terminology/context.h
 *		What a caller says of the surroundings of a code, as JSON.
 */
#ifndef MEDREC_CONTEXT_H
#define MEDREC_CONTEXT_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "codes/codes.h"

/* in years; nobody has been older */
#define PATIENT_AGE_MAX		150

typedef struct CodeContext
{
	int			age;			/* of the patient in years, -1 where not said */
	char	   *gender;			/* NULL where not said */
	bool		principal;		/* "role": "principal" */
	List	   *codes;			/* of the same visit, normal forms as strings */
	bool		typing;			/* the last word is unfinished */
} CodeContext;

/* reads {"age", "gender", "role", "codes", "typing"}; 22023 when it is not that */
extern void context_read(Jsonb *jb, const CodeSystem *cs, CodeContext *context);

/* reads an age in years, rounded down; false when no patient can have it */
extern bool context_read_age(const JsonbValue *value, int *age);

#endif							/* MEDREC_CONTEXT_H */
