/*
 * load/input.h
 *		A file that is being loaded: its lines and fields, and what a format's
 *		reader has found in them.
 *
 * A load goes through three steps. load/release.c reads the arguments and
 * detects the format of the file; the format's reader (load/format_cms.c,
 * load/format_csv.c, ...) checks every line and fills the arrays of struct
 * Load; load/merge.c and load/terms.c write the differences to the tables. A
 * reader changes nothing: an error ends the load before the first write.
 * load/doubts.c finds what is unusual about a file that can be loaded.
 */
#ifndef MEDREC_LOAD_INPUT_H
#define MEDREC_LOAD_INPUT_H

#include "nodes/pg_list.h"
#include "utils/date.h"

#include "codes/codes.h"

/* longest line of a file, in bytes */
#define LOAD_MAX_LINE		(1024 * 1024)
/* longest display or term, in bytes; its index key is a hash, so this is only a sanity limit */
#define LOAD_MAX_TERM		(32 * 1024)

/* a part of the file, or of memory that lives as long; s is NULL if absent */
typedef struct Slice
{
	const char *s;
	int			len;
} Slice;

/* a code as the file has it */
typedef struct LoadedCode
{
	char		code[CODE_MAX_LEN + 1]; /* normal form, zero-padded */
	bool		billable;
	int			line;
	DateADT		active_from;	/* DATEVAL_NOBEGIN if the file gives none */
	DateADT		active_to;		/* DATEVAL_NOEND likewise */
	Slice		display;
	Slice		short_display;	/* absent if it equals display */
} LoadedCode;

/* a further name of a code, or a note on it */
typedef struct LoadedTerm
{
	char		code[CODE_MAX_LEN + 1];
	const char *kind;			/* as in code_term.kind or code_note.kind */
	Slice		term;
} LoadedTerm;

/* a rule on the use of a code, see code_rule */
typedef struct LoadedRule
{
	char		code[CODE_MAX_LEN + 1];
	char		other_from[CODE_MAX_LEN + 1];	/* "" if the rule names no
												 * other codes */
	char		other_to[CODE_MAX_LEN + 1];
	const char *rule;
	int16		age_min;		/* -1 if the rule has no ages */
	int16		age_max;
	Slice		text;
} LoadedRule;

/* an array that grows */
typedef struct LoadArray
{
	void	   *items;
	size_t		n;
	int64		max;
} LoadArray;

#define load_item(array, type, i)	(&((type *) (array).items)[i])

/* state of a load: the arguments, the file, and what a reader has found in it */
typedef struct Load
{
	const CodeSystem *system;
	const struct LoadFormat *format;
	char	   *version;
	DateADT		effective_from;

	/* the file, in the server's encoding */
	const char *data;
	size_t		len;
	const char *next;			/* where the next line begins */
	int			line;			/* number of the line last read */

	MemoryContext context;		/* lives until the load is over */
	LoadArray	codes;			/* of LoadedCode */
	LoadArray	terms;			/* of LoadedTerm */
	LoadArray	notes;			/* of LoadedTerm */
	LoadArray	rules;			/* of LoadedRule */
	int			editor_version; /* of the Medicare Code Editor, 0 in other
								 * files */
	List	   *doubts;			/* of Issue: what is unusual about the file */
} Load;

extern void load_fail(const Load *load, int line, const char *fmt,...)
			pg_attribute_printf(3, 4) pg_attribute_noreturn();
extern bool load_line(Load *load, Slice *line);
extern Slice load_peek_line(const Load *load);
extern Slice load_columns(const Load *load, Slice line, int from, int to);
extern Slice slice_trim(Slice s);
extern bool slice_is(Slice s, const char *text);
extern bool slice_starts(Slice s, const char *text);
extern bool slice_equal(Slice a, Slice b);
extern void load_check_code(const Load *load, Slice in, char out[CODE_MAX_LEN + 1]);
extern LoadedCode *load_add_code(Load *load, Slice code, Slice display, Slice short_display);
extern void load_add_term(Load *load, const char *code, const char *kind, Slice term);
extern void load_add_note(Load *load, const char *code, const char *kind, Slice note);
extern LoadedRule *load_add_rule(Load *load, const char *code, const char *rule, Slice text);
extern DateADT load_date(const Load *load, Slice s, const char *what, DateADT if_empty);
extern Slice load_join(const Load *load, const char *fmt,...) pg_attribute_printf(2, 3);
extern void *load_push(const Load *load, LoadArray *array, size_t size);
extern void load_sort_codes(Load *load);
extern void load_sort_terms(LoadArray *terms);

#endif							/* MEDREC_LOAD_INPUT_H */
