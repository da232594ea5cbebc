/*
 * load/release.h
 *		Loading releases of terminologies: what the readers of file formats and
 *		the writer share.
 *
 * A load goes through three hands.  load.c finds out what is asked and which
 * format the file has; the format's reader (load/format_cms.c, load/format_csv.c, ...) checks
 * every line and fills the arrays of struct Load; load/merge.c and load/terms.c
 * write the differences to the tables.  A reader changes nothing: whatever it
 * finds wrong ends the load before the first write.  load/doubts.c says what is
 * odd about a file that can be loaded.
 */
#ifndef MEDREC_LOAD_H
#define MEDREC_LOAD_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "utils/date.h"
#include "utils/tuplestore.h"

#include "codes/codes.h"

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
	char		other_from[CODE_MAX_LEN + 1];	/* "" where the rule names no other codes */
	char		other_to[CODE_MAX_LEN + 1];
	const char *rule;
	int16		age_min;		/* -1 where the rule has no ages */
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

typedef struct Load Load;

/* a file format */
typedef struct LoadFormat
{
	const char *name;			/* as given to load_release() and stored */
	const char *what;			/* for messages: "CMS order file" */
	const char *content;		/* as in code_release.content */
	const char *systems;		/* names of the systems it is for, between bars; NULL: any */
	bool		needs_line_end; /* a last line without line end is a cut file */
	bool		lists_leaves;	/* the file has no headers, and no mark for them */
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
	LoadArray	codes;			/* of LoadedCode */
	LoadArray	terms;			/* of LoadedTerm */
	LoadArray	notes;			/* of LoadedTerm */
	LoadArray	rules;			/* of LoadedRule */
	int			editor_version; /* of the Medicare Code Editor, 0 in other files */
	List	   *doubts;			/* of Issue: what is odd about the file */
};

/* load/input.c: lines, fields, codes */
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

/*
 * load/table.c: files of delimited fields.  A format names the columns it wants
 * as the header has them, alternatives between bars; without header a column is
 * its position in the array.
 */
typedef struct TableColumn
{
	const char *names;			/* lower case: "code", "display|title" */
	bool		required;		/* the file must have it */
} TableColumn;

typedef struct TableReader
{
	Load	   *load;
	char		delimiter;
	bool		quoted;			/* fields may stand in double quotes */
	const TableColumn *columns;
	int			ncolumns;
	int		   *places;			/* of each column in the file, -1 where it has none */
	Slice	   *fields;			/* of the present record */
	int			nfields;
	int64		maxfields;
	int			width;			/* fields that each record has */
} TableReader;

extern void table_begin(TableReader *table, Load *load, char delimiter, bool quoted,
						const TableColumn *columns, int ncolumns);
extern bool table_record(TableReader *table);
extern void table_header(TableReader *table);
extern void table_no_header(TableReader *table, int width);
extern bool table_is_header(const TableReader *table);
extern bool table_next(TableReader *table);
extern Slice table_value(const TableReader *table, int column);
extern bool table_detect(const Load *load, char delimiter, bool quoted,
						 const TableColumn *columns, int ncolumns);

/* the formats */
extern const LoadFormat load_format_cms_order;
extern const LoadFormat load_format_cms_codes;
extern const LoadFormat load_format_icd9_long;
extern const LoadFormat load_format_hcpcs;
extern const LoadFormat load_format_mce;
extern const LoadFormat load_format_nchs_tabular;
extern const LoadFormat load_format_nchs_index;
extern const LoadFormat load_format_nchs_drugs;
extern const LoadFormat load_format_nchs_neoplasms;
extern const LoadFormat load_format_nchs_external;
extern const LoadFormat load_format_cvx;
extern const LoadFormat load_format_fda_ndc;
extern const LoadFormat load_format_loinc;
extern const LoadFormat load_format_rxnorm;
extern const LoadFormat load_format_rf2;
extern const LoadFormat load_format_csv;

/* load/merge.c */
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

/* load/doubts.c */
extern void load_find_doubts(Load *load, int32 release, Datum sha256);
extern void load_doubt_format(Load *load, const LoadFormat *looks_like);
extern bool load_can_store_doubts(void);
extern void load_tell_doubts(const Load *load, int32 release);

/* load/terms.c */
extern void load_forget_terms(const CodeSystem *system, int32 release);
extern void load_store_terms(Load *load, int32 release);
extern void load_store_rules(Load *load, int32 release);

/* load/owner.c: what is written with the rights of the tables' owner */
typedef struct LoadOwner
{
	Oid			user;
	int			sec_context;
	int			level;
} LoadOwner;

extern void load_become_owner(LoadOwner *owner);
extern void load_leave_owner(const LoadOwner *owner);

/* load/store.c: rows on their way into a table */
typedef struct LoadStore
{
	const char *name;			/* under which a statement sees them as a table */
	TupleDesc	desc;
	Tuplestorestate *rows;
	uint64		n;
} LoadStore;

extern void load_store_open(LoadStore *store, const char *name, TupleDesc desc);
extern void load_store_put(LoadStore *store, Datum *values, bool *nulls);
extern uint64 load_store_run(LoadStore *store, const char *sql, const CodeSystem *system,
							 int32 release, int expected);
extern void load_store_close(LoadStore *store);
extern Datum load_text_or_null(Slice s, bool *isnull);

#endif							/* MEDREC_LOAD_H */
