/*
 * terminology/issues.h
 *		What is wrong with a code, as the column "issues" shows it.
 */
#ifndef MEDREC_ISSUES_H
#define MEDREC_ISSUES_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum IssueSeverity
{
	ISSUE_INFORMATION,
	ISSUE_WARNING,
	ISSUE_ERROR
} IssueSeverity;

typedef struct Issue
{
	IssueSeverity severity;
	const char *code;			/* after FHIR's tx-issue-type */
	const char *text;
	const char *field;			/* column that it is about */
} Issue;

/* adds an issue to a list; the text is formatted into the current context */
extern List *issue_add(List *issues, IssueSeverity severity, const char *code,
					   const char *field, const char *fmt,...) pg_attribute_printf(5, 6);

extern Jsonb *issues_to_jsonb(List *issues);

#endif							/* MEDREC_ISSUES_H */
