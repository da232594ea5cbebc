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
	const char *path;			/* what comes before a field's name, NULL for
								 * nothing */
} FaultList;

/* Where in a document the rows of a statement come from. */
typedef struct FaultPlace
{
	const char *what;			/* "diagnosis"; NULL for no document */
	const char *path;			/* "diagnoses" */
	int			next;			/* number of the next row, -1 for a single one */
} FaultPlace;

extern void faults_init(FaultList *faults);

/* field: a column's name; code: after FHIR's issue-type; text: never a value of the row */
extern void faults_add(FaultList *faults, const char *field, const char *code,
					   const char *fmt,...) pg_attribute_printf(4, 5);

/*
 * From now on rows of this kind come from that place; returns the one before, which
 * faults_leave() takes back, also after an error.
 */
extern FaultPlace faults_enter(const char *what, const char *path, bool several);
extern void faults_leave(FaultPlace before);

/* the next row of this kind: its faults are named by its place */
extern void faults_next_row(FaultList *faults, const char *what);

/* raises 22023 if there are faults; what: "patient" */
extern void faults_raise(FaultList *faults, const char *what);

#endif							/* MEDREC_FAULTS_H */
