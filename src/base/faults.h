/*
 * base/faults.h
 *		Collects all that is wrong with a row and reports it as one error.
 */
#ifndef MEDREC_FAULTS_H
#define MEDREC_FAULTS_H

#include "lib/stringinfo.h"

typedef struct FaultList
{
	int			count;
	StringInfoData text;		/* "name must not be empty; age must be ..." */
	StringInfoData json;		/* [{"field": ..., "code": ..., "text": ...},
								 * ... */
} FaultList;

extern void faults_init(FaultList *faults);

/* field: a column's name; code: after FHIR's issue-type; text: never a value of the row */
extern void faults_add(FaultList *faults, const char *field, const char *code,
					   const char *fmt,...) pg_attribute_printf(4, 5);

/* raises 22023 if there are faults; what: "patient" */
extern void faults_raise(FaultList *faults, const char *what);

#endif							/* MEDREC_FAULTS_H */
