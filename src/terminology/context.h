/*
 * terminology/context.h
 *		Reads the context of a code, which callers give as JSON.
 */
#ifndef MEDREC_CONTEXT_H
#define MEDREC_CONTEXT_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "codes/codes.h"

/* in years; more than anybody has reached */
#define PATIENT_AGE_MAX		150

typedef struct CodeContext
{
	int			age;			/* of the patient in years, -1 if not given */
	char	   *gender;			/* NULL where not said */
	bool		principal;		/* "role": "principal" */
	List	   *codes;			/* of the same visit, normal forms as strings */
	bool		typing;			/* the last word is unfinished */
} CodeContext;

/* reads {"age", "gender", "role", "codes", "typing"}; 22023 if it is malformed */
extern void context_read(Jsonb *jb, const CodeSystem *cs, CodeContext *context);

/* reads an age in years, rounded down; false if no patient can have it */
extern bool context_read_age(const JsonbValue *value, int *age);

#endif							/* MEDREC_CONTEXT_H */
