/*
 * terminology/contents.h
 *		Reads all that is loaded, row by row.
 */
#ifndef MEDREC_CONTENTS_H
#define MEDREC_CONTENTS_H

#include "utils/date.h"

#include "codes/codes.h"

/* A row of medrec.code or medrec.code_term, for functions that read all of them. */
typedef struct TermRow
{
	const CodeSystem *cs;
	const char *code;
	/* of a code */
	DateADT		from;
	DateADT		until;			/* exclusive; DATEVAL_NOEND if open */
	bool		billable;
	const char *display;
	const char *short_display;	/* may be NULL */
	/* of a term */
	const char *kind;
	const char *term;
} TermRow;

typedef void (*TermRowFunction) (const TermRow *row, void *arg);

extern void terminology_each_code(TermRowFunction function, void *arg);
extern void terminology_each_term(TermRowFunction function, void *arg);

typedef void (*AbbreviationFunction) (const char *from, const char *to, void *arg);

extern void terminology_each_abbreviation(AbbreviationFunction function, void *arg);

#endif							/* MEDREC_CONTENTS_H */
