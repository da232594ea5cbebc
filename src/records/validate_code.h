/*
 * records/validate_code.h
 *		Validates a code: structure, release, use, description.
 */
#ifndef MEDREC_VALIDATE_CODE_H
#define MEDREC_VALIDATE_CODE_H

#include "nodes/pg_list.h"
#include "utils/date.h"
#include "utils/uuid.h"

#include "codes/codes.h"

/* a description longer than this is refused; FHIR's limit for a string */
#define DESCRIPTION_MAX_CHARS	(1024 * 1024)

/*
 * A code to validate, and its context. For a stored record only the ids of the
 * context are given, and it is read if something depends on it.
 */
typedef struct Coding
{
	const CodeSystem *cs;
	const char *code;			/* as given, server encoding */
	const char *display;		/* as given, or NULL */
	DateADT		on_date;
	int			age;			/* of the patient in years, or -1 */
	const char *gender;			/* of the patient, or NULL */
	bool		principal;		/* known to be the principal diagnosis */
	List	   *other_codes;	/* normal codes of the same system and visit,
								 * strings */
	const pg_uuid_t *patient;	/* patient whose age and gender have not been
								 * read, or NULL */
	const pg_uuid_t *record;	/* record whose visit has not been read, or
								 * NULL */
} Coding;

typedef struct ValidationResult
{
	const char *status;			/* pending, valid, review, invalid */
	char	   *code;			/* normal form; as given if malformed */
	char	   *display;		/* official title, NULL if unknown */
	bool		known;			/* billable says something */
	bool		billable;
	List	   *issues;			/* of Issue */
	bool		wants_suggestions;
	List	   *named;			/* codes that the description is the title of */
} ValidationResult;

extern void validate_coding(Coding *coding, ValidationResult *result);

/* the suggestions for a code that has been validated, a list of Suggestion */
extern List *validate_suggestions(Coding *coding, const ValidationResult *result);

#endif							/* MEDREC_VALIDATE_CODE_H */
