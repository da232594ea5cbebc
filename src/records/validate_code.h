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
 * A code to validate, and what is known around it.  Of a stored record's
 * surroundings only the ids are given, to be read when something depends on it.
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
	const pg_uuid_t *patient;	/* whose age and gender are still to be read,
								 * or NULL */
	const pg_uuid_t *record;	/* whose visit is still to be read, or NULL */
} Coding;

typedef struct ValidationResult
{
	const char *status;			/* pending, valid, review, invalid */
	char	   *code;			/* normal form; as given where malformed */
	char	   *display;		/* official title, NULL where none is known */
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
