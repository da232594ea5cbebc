/*
 * load/doubts.c
 *		What is odd about a file that can be loaded: it may be cut off, of another
 *		time, or another file than was meant.
 *
 * A doubt is not an error. It is raised as a WARNING, and kept with the
 * release in code_release.warnings, where HTTP clients can see it.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"

#include "base/columns.h"
#include "base/relations.h"
#include "load/doubts.h"
#include "terminology/issues.h"


/* fewer than this share of the earlier number is markedly fewer */
#define FEWER_PERCENT	90
/* a smaller earlier number says nothing */
#define FEWER_LEAST		100
/* a file of fewer codes does not claim to be a whole release */
#define WHOLE_LEAST		1000
/* a whole release has thousands of codes of injuries and poisonings */
#define INJURIES_LEAST	100
/* longest title in CMS's list of short ICD-9 titles */
#define ICD9_SHORT_MAX	24
/* version 37 of the Medicare Code Editor is of October 2019 */
#define EDITOR_YEAR		1982

/* The codes that a file holds. */
typedef struct FileCounts
{
	uint64		billable;
	uint64		injuries;		/* of chapter XIX */
	uint64		seventh;		/* of those, with a 7th character */
	int			longest;		/* title */
	char		last;			/* first character of the last code */
} FileCounts;

/* Counts what the checks need; the codes are sorted. */
static FileCounts
CountStoredCodes(const Load *load)
{
	FileCounts	n = {0};

	for (size_t i = 0; i < load->codes.n; i++)
	{
		const LoadedCode *c = load_item(load->codes, LoadedCode, i);
		bool		injury = c->code[0] == 'S' || c->code[0] == 'T';

		n.billable += c->billable;
		n.injuries += injury;
		/* seven characters and the dot */
		n.seventh += injury && strlen(c->code) == 8;
		n.longest = Max(n.longest, c->display.len);
		n.last = c->code[0];
	}
	return n;
}

/* Checks the codes of the file alone: is it a whole release? */
static void
DoubtCodes(Load *load, const FileCounts *n)
{
	static const struct
	{
		const char *system;
		char		last;
	}			ends[] = {
		{"ICD-10-CM", 'Z'}, {"ICD-10-PCS", 'X'}, {"ICD-10", 'Z'}, {"ICD-9-CM", 'V'}, {"ICD-9-PCS", '9'}
	};

	if (load->codes.n < WHOLE_LEAST)
		return;
	if (strcmp(load->system->name, "ICD-10-CM") == 0 && n->injuries >= INJURIES_LEAST && n->seventh == 0)
		load->doubts = issue_add(load->doubts, ISSUE_WARNING, "incomplete", "content",
								 "none of its %d codes of injuries and poisonings has a 7th character: the codes that may be used on a claim are missing",
								 (int) n->injuries);
	for (int i = 0; i < lengthof(ends); i++)
		if (strcmp(load->system->name, ends[i].system) == 0 && n->last < ends[i].last)
			load->doubts = issue_add(load->doubts, ISSUE_WARNING, "incomplete", "content",
									 "it has %d codes, and the last begins with %c, but a whole release goes on to %c: the file may be cut off",
									 (int) load->codes.n, n->last, ends[i].last);
	if (load->format == &load_format_icd9_long && n->longest <= ICD9_SHORT_MAX)
		load->doubts = issue_add(load->doubts, ISSUE_WARNING, "incomplete", "content",
								 "no title has more than %d characters: it is the list of short titles, the long titles are in another file",
								 ICD9_SHORT_MAX);
}

/* Compares the version of the Code Editor with the day on which the file takes effect. */
static void
DoubtEditor(Load *load)
{
	int			year = EDITOR_YEAR + load->editor_version;
	DateADT		from = date2j(year, 10, 1) - POSTGRES_EPOCH_JDATE;
	DateADT		to = date2j(year + 1, 10, 1) - POSTGRES_EPOCH_JDATE;

	if (load->editor_version > 0 && (load->effective_from < from || load->effective_from >= to))
		load->doubts = issue_add(load->doubts, ISSUE_WARNING, "conflict", "effective_from",
								 "it is version %d of the Medicare Code Editor, which is valid from October %d to September %d, but is loaded for another period",
								 load->editor_version, year, year + 1);
}

/* Compares a number with that of a release that SPI has read. */
static void
DoubtCount(Load *load, uint64 here, HeapTuple row, TupleDesc desc)
{
	bool		isnull;
	char	   *version = SPI_getvalue(row, desc, 1);
	bool		replaced = DatumGetBool(SPI_getbinval(row, desc, 2, &isnull));
	int64		there = DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
	const char *what = load->codes.n == 0 ? "entries" :
		load->system->has_headers ? "codes that may be used on a claim" : "codes";

	if (there < FEWER_LEAST || here * 100 >= (uint64) there * FEWER_PERCENT)
		return;
	if (replaced)
		load->doubts = issue_add(load->doubts, ISSUE_WARNING, "incomplete", "content",
								 "it has " UINT64_FORMAT " %s, the file that it replaces had " INT64_FORMAT ": it may be cut off, or another file",
								 here, what, there);
	else
		load->doubts = issue_add(load->doubts, ISSUE_WARNING, "incomplete", "content",
								 "it has " UINT64_FORMAT " %s, version %s, the one before, has " INT64_FORMAT ": it may be cut off, or another file",
								 here, what, version, there);
}

/*
 * Finds what is unusual about the file that has been read. "release" is the
 * one that it replaces, 0 if it is new.
 */
void
load_find_doubts(Load *load, int32 release, Datum sha256)
{
	Oid			types[] = {VARCHAROID, VARCHAROID, DATEOID, INT4OID, BYTEAOID};
	Datum		args[5];
	FileCounts	n = CountStoredCodes(load);
	uint64		rows = load->terms.n ? load->terms.n : load->rules.n;

	if (load->codes.n > 0)
	{
		DoubtCodes(load, &n);
		rows = n.billable;
	}
	DoubtEditor(load);

	args[0] = CStringGetTextDatum(load->system->name);
	args[1] = CStringGetTextDatum(load->format->content);
	args[2] = DateADTGetDatum(load->effective_from);
	args[3] = Int32GetDatum(release);
	args[4] = sha256;
	if (SPI_execute_with_args("SELECT r.version FROM medrec.code_release AS r"
							  " WHERE r.code_system OPERATOR(pg_catalog.=) $1"
							  " AND r.content OPERATOR(pg_catalog.=) $2"
							  " AND r.id OPERATOR(pg_catalog.<>) $4"
							  " AND r.sha256 OPERATOR(pg_catalog.=) $5"
							  " ORDER BY r.effective_from USING OPERATOR(pg_catalog.>) LIMIT 1",
							  5, types, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read medrec.code_release");
	if (SPI_processed > 0)
		load->doubts = issue_add(load->doubts, ISSUE_WARNING, "duplicate", "content",
								 "the same file is already loaded as version %s",
								 SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_freetuptable(SPI_tuptable);

	/* the file that it replaces, else the release before it */
	if (SPI_execute_with_args("SELECT r.version, r.id OPERATOR(pg_catalog.=) $4,"
							  " CASE WHEN $2 OPERATOR(pg_catalog.<>) 'codes' THEN r.rows ELSE"
							  "  (SELECT pg_catalog.count(*) FROM medrec.code AS c"
							  "   WHERE c.code_system OPERATOR(pg_catalog.=) $1 AND c.billable"
							  "   AND c.valid_from OPERATOR(pg_catalog.<=) r.effective_from"
							  "   AND (c.valid_to IS NULL OR c.valid_to OPERATOR(pg_catalog.>) r.effective_from)) END"
							  " FROM medrec.code_release AS r"
							  " WHERE r.code_system OPERATOR(pg_catalog.=) $1"
							  " AND r.content OPERATOR(pg_catalog.=) $2"
							  " AND (r.effective_from OPERATOR(pg_catalog.<) $3 OR r.id OPERATOR(pg_catalog.=) $4)"
							  " ORDER BY r.id OPERATOR(pg_catalog.=) $4 USING OPERATOR(pg_catalog.>),"
							  " r.effective_from USING OPERATOR(pg_catalog.>) LIMIT 1",
							  5, types, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read medrec.code_release");
	if (SPI_processed > 0)
		DoubtCount(load, rows, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Adds a doubt about a file that was loaded in a format that it does not look
 * like, because the format was given.
 */
void
load_doubt_format(Load *load, const LoadFormat *looks_like)
{
	load->doubts = issue_add(load->doubts, ISSUE_WARNING, "conflict", "format",
							 "it looks like a %s, but was loaded as a %s because format %s was given",
							 looks_like->what, load->format->what, load->format->name);
}

/*
 * Does code_release have its column for doubts? Until migrate() has run after
 * an update it does not.
 */
bool
load_can_store_doubts(void)
{
	return column_exists(medrec_relation("code_release"), "warnings");
}

/* Raises the warnings of the file, and those of outdated releases. */
void
load_tell_doubts(const Load *load, int32 release)
{
	Oid			types[] = {INT4OID};
	Datum		args[] = {Int32GetDatum(release)};
	ListCell   *lc;

	if (!load_can_store_doubts())
	{
		foreach(lc, load->doubts)
			ereport(WARNING,
					(errmsg("%s version %s: %s", load->system->name, load->version,
							((Issue *) lfirst(lc))->text)));
		return;
	}
	if (SPI_execute_with_args("SELECT w.warning OPERATOR(pg_catalog.->>) 'text'"
							  " FROM pg_catalog.jsonb_array_elements(medrec.release_warnings($1)) AS w (warning)",
							  1, types, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the warnings of a release");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		ereport(WARNING,
				(errmsg("%s version %s: %s", load->system->name, load->version, text ? text : "")));
	}
	SPI_freetuptable(SPI_tuptable);
}
