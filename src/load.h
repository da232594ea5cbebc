/*
 * load.h
 *		Loading releases of terminologies: what the readers of file formats and
 *		the writer share.
 *
 * A load goes through three hands.  load.c finds out what is asked and which
 * format the file has; the format's reader (load_cms.c, load_csv.c, ...) checks
 * every line and fills the arrays of struct Load; load_merge.c and load_terms.c
 * write the differences to the tables.  A reader changes nothing: whatever it
 * finds wrong ends the load before the first write.
 */
#ifndef MEDREC_LOAD_H
#define MEDREC_LOAD_H

#include "codes/codes.h"
#include "utils/date.h"

/* longest line of a file, in bytes */
#define LOAD_MAX_LINE		(1024 * 1024)
/* longest display or term, in bytes: its index key is a hash, so this is a bound of sense */
#define LOAD_MAX_TERM		(32 * 1024)

/* a part of the file, or of memory that lives as long; s is NULL where absent */
typedef struct Slice
{
	const char *s;
	int			len;
} Slice;

/* a code as the file has it */
typedef struct LoadedCode
{
	char		code[CODE_MAX_LEN + 1]; /* normal form, zeros behind it */
	bool		billable;
	int			line;
	DateADT		active_from;	/* DATEVAL_NOBEGIN where the file gives none */
	DateADT		active_to;		/* DATEVAL_NOEND likewise */
	Slice		display;
	Slice		short_display;	/* absent where it equals display */
} LoadedCode;

/* a further name of a code, or an entry of an index */
typedef struct LoadedTerm
{
	char		code[CODE_MAX_LEN + 1];
	const char *kind;			/* as in code_term.kind */
	Slice		term;
} LoadedTerm;

typedef struct Load Load;

/* a file format */
typedef struct LoadFormat
{
	const char *name;			/* as given to load_release() and stored */
	const char *what;			/* for messages: "CMS order file" */
	const char *content;		/* as in code_release.content */
	const char *systems;		/* names of the systems it is for, between bars; NULL: any */
	bool		needs_line_end; /* a last line without line end is a cut file */
	bool		(*detect) (const Load *load);
	void		(*read) (Load *load);
} LoadFormat;

struct Load
{
	const CodeSystem *system;
	const LoadFormat *format;
	char	   *version;
	DateADT		effective_from;

	/* the file, in the server's encoding */
	const char *data;
	size_t		len;
	const char *next;			/* where the next line begins */
	int			line;			/* number of the line last read */

	MemoryContext context;		/* lives until the load is over */
	LoadedCode *codes;
	size_t		ncodes;
	size_t		maxcodes;
	LoadedTerm *terms;
	size_t		nterms;
	size_t		maxterms;
};

/* load_input.c: lines, fields, codes */
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
extern void load_sort_codes(Load *load);

/* load_cms.c */
extern const LoadFormat load_format_cms_order;

/* load_merge.c */
typedef struct MergePeriods
{
	DateADT		from;			/* the release's own period */
	DateADT		to;				/* DATEVAL_NOEND: the newest */
	bool		moved;			/* it was loaded for another day before: */
	DateADT		old_from;
	DateADT		old_to;
	bool		old_previous;	/* a release before it takes the old period over */
} MergePeriods;

extern void load_merge_codes(Load *load, const MergePeriods *periods);

#endif							/* MEDREC_LOAD_H */
