/*
 * codes.h
 *		The code systems that medrec knows: names, structure, check digits.
 *
 * Pure C without postgres.h.  Nothing here allocates, reads a table or keeps
 * state; every string is UTF-8 and is given with its length, so it may hold
 * anything, NUL bytes included.
 */
#ifndef MEDREC_CODES_H
#define MEDREC_CODES_H

#include <stdbool.h>
#include <stddef.h>

/* The longest stored code in bytes: the tables' varchar(20), all ASCII. */
#define CODE_MAX_LEN	20

/* Room for the text that says what is wrong, with its NUL. */
#define CODE_FAULT_LEN	200

typedef enum CodeVerdict
{
	CODE_OK,					/* well formed; "code" holds the normal form */
	CODE_MALFORMED,				/* cannot be a code of this system */
	CODE_BAD_CHECK_DIGIT,		/* right shape, wrong check digit */
	CODE_AMBIGUOUS,				/* may stand for several codes (NDC) */
	CODE_TOO_LONG				/* longer than CODE_MAX_LEN once normalised */
} CodeVerdict;

typedef struct CodeCheck
{
	CodeVerdict verdict;
	char		code[CODE_MAX_LEN + 1]; /* normal form where CODE_OK, else "" */
	int			len;			/* of code */
	char		mark;			/* '+' (dagger) or '*' (asterisk) that stood
								 * behind a code of ICD-10, else NUL */
	char		fault[CODE_FAULT_LEN];	/* lower-case phrase, no full stop, ""
										 * where CODE_OK; never holds more of
										 * the input than single printable
										 * ASCII characters */
} CodeCheck;

/*
 * What the codes of a system look like, as far as it tells which of neighbouring
 * codes is meant: characters without dots.  All zero where nothing of the kind
 * is known.
 */
typedef struct CodeShape
{
	int			full_len;		/* length of codes whose last character tells
								 * variants of one code apart (ICD-10-CM: 7,
								 * the encounter), else 0 */
	const char *variants;		/* up to four of those, the usual one first;
								 * "" for none */
	char		placeholder;	/* fills places before the last character,
								 * else NUL */
	char		unspecified;	/* character for "unspecified" after a header,
								 * otherwise NUL */
	int			zero_at;		/* '0' says so too where it stands behind so
								 * many characters; 0 for nowhere */
} CodeShape;

typedef struct CodeSystem CodeSystem;

struct CodeSystem
{
	const char *name;			/* as stored: "ICD-10-CM" */
	const char *uri;			/* FHIR: "http://hl7.org/fhir/sid/icd-10-cm" */
	const char *oid;			/* "2.16.840.1.113883.6.90" */
	const char *title;			/* "International Classification of ..." */
	bool		has_headers;	/* releases hold codes that are not billable */
	void		(*check) (const char *in, size_t len, CodeCheck *out);

	/*
	 * the code above this one in the hierarchy in the code's own text (E11.9
	 * -> E11), length 0 if there is none; in is normal
	 */
	int			(*parent) (const char *code, int len, char out[CODE_MAX_LEN + 1]);
	const CodeShape *shape;		/* NULL where there is nothing to say */
};

/* The registry, in the order of design.md section 4. */
extern int	code_system_count(void);
extern const CodeSystem *code_system_at(int i);

/* The system's index in the registry (stable, small). */
extern int	code_system_index(const CodeSystem *cs);

/* By name (any case, with or without its hyphens and spaces), FHIR URI, or OID
 * with or without urn:oid:; NULL where unknown. */
extern const CodeSystem *code_system_find(const char *name, size_t len);

/* Checks and normalises a code of a system; never fails, always fills *out. */
extern void code_check(const CodeSystem *cs, const char *in, size_t len, CodeCheck *out);

#endif							/* MEDREC_CODES_H */
