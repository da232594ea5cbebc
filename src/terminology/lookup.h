/*
 * terminology/lookup.h
 *		Looks codes and titles up in the loaded releases.
 */
#ifndef MEDREC_TERMINOLOGY_H
#define MEDREC_TERMINOLOGY_H

#include "nodes/pg_list.h"
#include "utils/date.h"

#include "terminology/code_systems.h"

/* How a code stands on a day. */
typedef enum CodeStanding
{
	CODE_NO_RELEASE,			/* no release of the system covers the day */
	CODE_UNKNOWN,				/* no release has it */
	CODE_NOT_YET,				/* a later release has it */
	CODE_RETIRED,				/* an earlier release had it */
	CODE_CURRENT				/* the release in force has it, or codes below it */
} CodeStanding;

/* A code as the releases have it; where it is not current, the nearest row. */
typedef struct CodeEntry
{
	CodeStanding standing;
	bool		billable;
	bool		was_billable;	/* a header now that could stand on a claim before */
	char	   *display;		/* NULL unless a release has the code: of a header
								 * that is one by the codes below it, it may be NULL too */
	char	   *short_display;	/* may be NULL */
	DateADT		from;			/* first day on which it is as it is */
	DateADT		until;			/* first day on which it is not; DATEVAL_NOEND if open */
} CodeEntry;

extern void terminology_lookup(const CodeSystem *cs, const char *code,
							   DateADT on_date, CodeEntry *entry);

/* is any release with codes of the system loaded that is in force on the day? */
extern bool terminology_loaded(const CodeSystem *cs, DateADT on_date);

/* A text folded for comparison, and the key that the indexes hold. */
typedef struct FoldedTerm
{
	char	   *text;
	int			len;
	int64		key;
} FoldedTerm;

extern void term_fold(const char *str, int len, FoldedTerm *folded);
extern void term_from_folded(char *text, int len, FoldedTerm *folded);
extern bool term_equals(const FoldedTerm *folded, const char *str, int len);

/*
 * Does a text name the code: a title that it has or had, a term of it, or a term of
 * a code above, which by the rules of the tabular list holds for all below?  There
 * are several readings of the text, the likely ones first.  If none names the code,
 * *named are the codes in force on the day that have the first of the readings that
 * has any, but no more than the first "others", as title, inclusion term or synonym;
 * entries of the index lead to a code and do not name it.
 */
extern bool terminology_names_code(const CodeSystem *cs, const char *code, const CodeEntry *entry,
								   const FoldedTerm *readings, int n, int others,
								   DateADT on_date, int max, List **named);

/* does a code stand above another one in the hierarchy that their text carries? */
extern bool terminology_is_above(const CodeSystem *cs, const char *above, const char *code);

/* A row of medrec.code or medrec.code_term, for who reads them all. */
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

/* tells all backends, at commit, that codes, terms or releases have changed */
extern void terminology_bump(void);

/* has this transaction changed the terminologies? */
extern bool terminology_changed_here(void);

/* number of the present state, as the active snapshot sees it */
extern int64 terminology_generation(void);

/* The state of the terminologies, as the active snapshot sees it. */
typedef struct TerminologyState
{
	Oid			file;			/* generations compare only as long as it is the same */
	int64		generation;
	TransactionId changed_by;	/* tells apart what subtransactions count alike */
} TerminologyState;

extern TerminologyState terminology_state(void);
extern TerminologyState terminology_state_now(void);

#endif							/* MEDREC_TERMINOLOGY_H */
