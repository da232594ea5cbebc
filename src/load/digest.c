/*
 * load/digest.c
 *		medrec.verify_release(): whether the rows of a release are still as
 *		they were loaded.
 *
 * The digest of a release is SHA-256 over its rows in their order. It is
 * stored in code_release, so that the event of the load, and with it the audit
 * trail's seals, cover it. In addition code_digest has four bytes for each
 * row, which prove nothing, but locate differing rows.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/columns.h"
#include "base/relations.h"
#include "hash/sha256.h"
#include "load/digest.h"
#include "load/owner.h"
#include "terminology/code_systems.h"

#define DIGEST_NAME		"medrec-release-1;"

/* most rows that are reported; of the others only the number is */
#define MOST_ROWS		1000

/* rows read from a table at a time */
#define FETCH_ROWS		2000

/* a row of terms, notes or rules that waits to be sorted */
typedef struct Line
{
	int			code_len;
	int			len;
	char	   *text;			/* begins with the code */
} Line;

/* a release as stored in code_release */
typedef struct Stored
{
	int32		id;
	char	   *system;
	char	   *version;
	char	   *content;
	DateADT		from;
	bytea	   *digest;			/* NULL: none was taken */
	text	   *codes;			/* NULL: no marks are kept */
	bytea	   *marks;
} Stored;

typedef struct Digest
{
	Sha256		hash;
	int64		rows;
	StringInfoData codes;		/* a line per row: a letter for what it is,
								 * and its code */
	StringInfoData marks;		/* MARK_LENGTH bytes for each */
	LoadArray	lines;			/* of Line: not sorted yet */
	StringInfoData text;		/* the row at hand */
} Digest;

/* bytes of a row's mark */
#define MARK_LENGTH		4

/* the rows of a release while they are digested: a line and a mark for each */
typedef struct RowList
{
	const char *next;			/* the present line */
	const char *end;
	const char *mark;			/* that of the present line */
} RowList;

static void BeginDigest(Digest *digest);
static void DigestField(Digest *digest, const char *data, int len);
static void DigestDate(Digest *digest, DateADT date, DateADT none);
static void DigestNumber(Digest *digest, int number, bool none);
static void BeginRow(Digest *digest, const char *code);
static void EndRow(Digest *digest, char kind);
static void KeepRow(Digest *digest);
static int	CompareLines(const void *a, const void *b);
static void EndPart(Digest *digest, char kind);
static bytea *EndDigest(Digest *digest);
static void DigestCode(Digest *digest, const char *code, bool billable, DateADT from, DateADT to,
					   Slice display, Slice short_display);
static void DigestTerm(Digest *digest, const char *code, const char *kind, Slice term);
static void DigestRule(Digest *digest, const LoadedRule *rule);
static void DigestRows(Digest *digest, const Stored *release, const char *sql, char kind);
static void DigestRow(Digest *digest, char kind, HeapTuple row, TupleDesc desc);
static Slice SliceColumn(HeapTuple row, TupleDesc desc, int column);
static DateADT DateColumn(HeapTuple row, TupleDesc desc, int column, DateADT none);
static ReleaseDigest DigestOfRows(const Stored *release);
static Stored *ReadReleases(const char *system, const char *version, const char *content, int *n);
static void ReportFinding(ReturnSetInfo *rsinfo, const Stored *release, const char *kind,
						  const char *severity, const char *code, const char *detail);
static int	LineLength(const RowList *list);
static int	CompareKeys(const RowList *a, const RowList *b);
static int	PassRows(RowList *list, const char *line, int len);
static void ReportLine(ReturnSetInfo *rsinfo, const Stored *release, const char *line, int len,
					   int loaded, int present);
static void CompareRows(ReturnSetInfo *rsinfo, const Stored *release, const ReleaseDigest *now);
static void FindInSystem(ReturnSetInfo *rsinfo, const char *system);
static char *OptionalSystem(FunctionCallInfo fcinfo, int arg);

PG_FUNCTION_INFO_V1(medrec_verify_release);
PG_FUNCTION_INFO_V1(medrec_digest_release);

/* Begins the digest of a release. */
static void
BeginDigest(Digest *digest)
{
	memset(digest, 0, sizeof(*digest));
	sha256_init(&digest->hash);
	sha256_update(&digest->hash, DIGEST_NAME, strlen(DIGEST_NAME));
	initStringInfo(&digest->codes);
	initStringInfo(&digest->marks);
	initStringInfo(&digest->text);
}

/* Adds a field to the row; data is NULL for none. */
static void
DigestField(Digest *digest, const char *data, int len)
{
	char		digits[16];
	char	   *utf8;

	if (data == NULL)
	{
		appendBinaryStringInfo(&digest->text, "-;", 2);
		return;
	}
	utf8 = pg_server_to_any(data, len, PG_UTF8);
	if (utf8 != data)
		len = strlen(utf8);
	appendBinaryStringInfo(&digest->text, digits, pg_ltoa(len, digits));
	appendStringInfoChar(&digest->text, ':');
	appendBinaryStringInfo(&digest->text, utf8, len);
	appendStringInfoChar(&digest->text, ';');
	if (utf8 != data)
		pfree(utf8);
}

/* Adds a number. */
static void
DigestNumber(Digest *digest, int number, bool none)
{
	char		digits[16];

	if (none)
		appendBinaryStringInfo(&digest->text, "-;", 2);
	else
	{
		appendBinaryStringInfo(&digest->text, digits, pg_ltoa(number, digits));
		appendStringInfoChar(&digest->text, ';');
	}
}

/* Adds a day, as the number of days since 2000. */
static void
DigestDate(Digest *digest, DateADT date, DateADT none)
{
	DigestNumber(digest, date, date == none);
}

/* Begins a row, with its code. */
static void
BeginRow(Digest *digest, const char *code)
{
	resetStringInfo(&digest->text);
	appendStringInfoString(&digest->text, code);
	appendStringInfoChar(&digest->text, ';');
}

/* Ends a row that is already in order. */
static void
EndRow(Digest *digest, char kind)
{
	uint32		size = pg_hton32((uint32) digest->text.len);
	uint32		mark = pg_hton32(hash_bytes((unsigned char *) digest->text.data, digest->text.len));
	int			code_len = strcspn(digest->text.data, ";");

	sha256_update(&digest->hash, &kind, 1);
	sha256_update(&digest->hash, &size, sizeof(size));
	sha256_update(&digest->hash, digest->text.data, digest->text.len);
	appendStringInfoChar(&digest->codes, kind);
	appendBinaryStringInfo(&digest->codes, digest->text.data, code_len);
	appendStringInfoChar(&digest->codes, '\n');
	appendBinaryStringInfo(&digest->marks, (char *) &mark, sizeof(mark));
	digest->rows++;
}

/* Keeps a row for sorting. */
static void
KeepRow(Digest *digest)
{
	Load		dummy = {.context = CurrentMemoryContext};
	Line	   *line = load_push(&dummy, &digest->lines, sizeof(Line));

	line->code_len = strcspn(digest->text.data, ";");
	line->len = digest->text.len;
	line->text = pnstrdup(digest->text.data, digest->text.len);
}

/* Order of rows: code, then all the rest, by bytes. */
static int
CompareLines(const void *a, const void *b)
{
	const Line *x = a;
	const Line *y = b;
	int			order = memcmp(x->text, y->text, Min(x->code_len, y->code_len));

	if (order == 0)
		order = x->code_len - y->code_len;
	if (order == 0)
		order = memcmp(x->text, y->text, Min(x->len, y->len));
	return order ? order : x->len - y->len;
}

/* Ends the rows that were kept. */
static void
EndPart(Digest *digest, char kind)
{
	if (digest->lines.n > 0)
		qsort(digest->lines.items, digest->lines.n, sizeof(Line), CompareLines);
	for (size_t i = 0; i < digest->lines.n; i++)
	{
		Line	   *line = load_item(digest->lines, Line, i);

		resetStringInfo(&digest->text);
		appendBinaryStringInfo(&digest->text, line->text, line->len);
		EndRow(digest, kind);
		pfree(line->text);
		if (i % FETCH_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
	}
	digest->lines.n = 0;
}

/* The digest. */
static bytea *
EndDigest(Digest *digest)
{
	bytea	   *result = palloc(VARHDRSZ + SHA256_LENGTH);

	SET_VARSIZE(result, VARHDRSZ + SHA256_LENGTH);
	sha256_final(&digest->hash, (uint8 *) VARDATA(result));
	return result;
}

/* Adds a release's code. */
static void
DigestCode(Digest *digest, const char *code, bool billable, DateADT from, DateADT to,
		   Slice display, Slice short_display)
{
	BeginRow(digest, code);
	appendStringInfoString(&digest->text, billable ? "t;" : "f;");
	DigestDate(digest, from, DATEVAL_NOBEGIN);
	DigestDate(digest, to, DATEVAL_NOEND);
	DigestField(digest, display.s, display.len);
	DigestField(digest, short_display.s, short_display.len);
	EndRow(digest, 'c');
}

/* Adds a term or a note. */
static void
DigestTerm(Digest *digest, const char *code, const char *kind, Slice term)
{
	BeginRow(digest, code);
	DigestField(digest, kind, strlen(kind));
	DigestField(digest, term.s, term.len);
	KeepRow(digest);
}

/* Adds a rule. */
static void
DigestRule(Digest *digest, const LoadedRule *rule)
{
	BeginRow(digest, rule->code);
	DigestField(digest, rule->rule, strlen(rule->rule));
	DigestNumber(digest, rule->age_min, rule->age_min < 0);
	DigestNumber(digest, rule->age_max, rule->age_min < 0);
	DigestField(digest, rule->other_from[0] ? rule->other_from : NULL, strlen(rule->other_from));
	DigestField(digest, rule->other_from[0] ? rule->other_to : NULL, strlen(rule->other_to));
	DigestField(digest, rule->text.s, rule->text.len);
	KeepRow(digest);
}

/* Whether there are tables for digests, which 0.1 does not have. */
bool
release_can_digest(void)
{
	return column_exists(medrec_relation("code_release"), "digest") &&
		OidIsValid(medrec_relation_if_any("code_digest"));
}

/* The digest of the rows about to be stored. */
ReleaseDigest
release_digest_of_load(Load *load)
{
	Digest		digest;
	ReleaseDigest result;

	BeginDigest(&digest);
	for (size_t i = 0; i < load->codes.n; i++)
	{
		const LoadedCode *code = load_item(load->codes, LoadedCode, i);

		DigestCode(&digest, code->code, code->billable, code->active_from, code->active_to,
				   code->display, code->short_display);
		if (i % FETCH_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
	}
	load_sort_terms(&load->terms);
	for (size_t i = 0; i < load->terms.n; i++)
	{
		const LoadedTerm *term = load_item(load->terms, LoadedTerm, i);

		DigestTerm(&digest, term->code, term->kind, term->term);
	}
	EndPart(&digest, 't');
	for (size_t i = 0; i < load->notes.n; i++)
	{
		const LoadedTerm *note = load_item(load->notes, LoadedTerm, i);

		DigestTerm(&digest, note->code, note->kind, note->term);
	}
	EndPart(&digest, 'n');
	for (size_t i = 0; i < load->rules.n; i++)
		DigestRule(&digest, load_item(load->rules, LoadedRule, i));
	EndPart(&digest, 'r');
	result.digest = EndDigest(&digest);
	result.codes = cstring_to_text_with_len(digest.codes.data, digest.codes.len);
	result.marks = (bytea *) cstring_to_text_with_len(digest.marks.data, digest.marks.len);
	result.rows = digest.rows;
	return result;
}

/* Keeps the rows' marks of a release; within SPI. */
void
release_keep_marks(int32 release, const ReleaseDigest *digest)
{
	Oid			types[] = {INT4OID, TEXTOID, BYTEAOID};
	Datum		args[] = {Int32GetDatum(release), PointerGetDatum(digest->codes), PointerGetDatum(digest->marks)};

	if (SPI_execute_with_args("INSERT INTO medrec.code_digest AS d (release_id, codes, marks) VALUES ($1, $2, $3)"
							  " ON CONFLICT (release_id) DO UPDATE SET codes = EXCLUDED.codes, marks = EXCLUDED.marks",
							  3, types, args, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write medrec.code_digest");
}

/* A text of a row; absent if it is null. */
static Slice
SliceColumn(HeapTuple row, TupleDesc desc, int column)
{
	Slice		slice = {NULL, 0};
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	if (!isnull)
	{
		text	   *t = DatumGetTextPP(value);

		slice.s = VARDATA_ANY(t);
		slice.len = VARSIZE_ANY_EXHDR(t);
	}
	return slice;
}

/* A day of a row. */
static DateADT
DateColumn(HeapTuple row, TupleDesc desc, int column, DateADT none)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	return isnull ? none : DatumGetDateADT(value);
}

/* Adds a row that was read. */
static void
DigestRow(Digest *digest, char kind, HeapTuple row, TupleDesc desc)
{
	char	   *code = SPI_getvalue(row, desc, 1);
	bool		isnull;

	if (kind == 'c')
		DigestCode(digest, code, DatumGetBool(SPI_getbinval(row, desc, 2, &isnull)),
				   DateColumn(row, desc, 3, DATEVAL_NOBEGIN), DateColumn(row, desc, 4, DATEVAL_NOEND),
				   SliceColumn(row, desc, 5), SliceColumn(row, desc, 6));
	else if (kind == 'r')
	{
		LoadedRule	rule = {{0}};
		char	   *other_from = SPI_getvalue(row, desc, 5);
		char	   *other_to = SPI_getvalue(row, desc, 6);
		Datum		age_min = SPI_getbinval(row, desc, 3, &isnull);

		strlcpy(rule.code, code, sizeof(rule.code));
		rule.rule = SPI_getvalue(row, desc, 2);
		rule.age_min = isnull ? -1 : DatumGetInt16(age_min);
		rule.age_max = isnull ? -1 : DatumGetInt16(SPI_getbinval(row, desc, 4, &isnull));
		strlcpy(rule.other_from, other_from ? other_from : "", sizeof(rule.other_from));
		strlcpy(rule.other_to, other_to ? other_to : "", sizeof(rule.other_to));
		rule.text = SliceColumn(row, desc, 7);
		DigestRule(digest, &rule);
	}
	else
		DigestTerm(digest, code, SPI_getvalue(row, desc, 2), SliceColumn(row, desc, 3));
}

/* Adds the rows of a query, in their order or to be sorted. */
static void
DigestRows(Digest *digest, const Stored *release, const char *sql, char kind)
{
	Oid			types[] = {TEXTOID, INT4OID, DATEOID};
	Datum		args[] = {CStringGetTextDatum(release->system), Int32GetDatum(release->id),
	DateADTGetDatum(release->from)};
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, 3, types, args, NULL, true, 0);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "medrec release rows",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext keep = CurrentMemoryContext;

	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			/*
			 * memory used for the rows is freed; lines kept for sorting are
			 * not in it
			 */
			if (kind == 'c')
				MemoryContextSwitchTo(scratch);
			DigestRow(digest, kind, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
			MemoryContextSwitchTo(keep);
		}
		SPI_freetuptable(SPI_tuptable);
		MemoryContextReset(scratch);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_cursor_close(portal);
	MemoryContextDelete(scratch);
	if (kind != 'c')
		EndPart(digest, kind);
}

/* The digest of a release's rows as they are in the tables; within SPI. */
static ReleaseDigest
DigestOfRows(const Stored *release)
{
	Digest		digest;
	ReleaseDigest result;

	BeginDigest(&digest);
	/* a release's codes are those in effect on its first day */
	if (strcmp(release->content, "codes") == 0)
		DigestRows(&digest, release,
				   "SELECT c.code, c.billable, c.active_from, c.active_to, c.display, c.short_display"
				   " FROM medrec.code AS c WHERE c.code_system OPERATOR(pg_catalog.=) $1"
				   " AND c.valid_from OPERATOR(pg_catalog.<=) $3"
				   " AND (c.valid_to IS NULL OR c.valid_to OPERATOR(pg_catalog.>) $3)"
				   " ORDER BY c.code USING OPERATOR(pg_catalog.<), c.valid_from USING OPERATOR(pg_catalog.<)", 'c');
	DigestRows(&digest, release,
			   "SELECT t.code, t.kind, t.term FROM medrec.code_term AS t"
			   " WHERE t.release_id OPERATOR(pg_catalog.=) $2 OR t.code_system OPERATOR(pg_catalog.=) $1"
			   " AND $2 OPERATOR(pg_catalog.=) ANY (t.also_in)", 't');
	DigestRows(&digest, release,
			   "SELECT n.code, n.kind, n.note FROM medrec.code_note AS n"
			   " WHERE n.release_id OPERATOR(pg_catalog.=) $2", 'n');
	DigestRows(&digest, release,
			   "SELECT r.code, r.rule, r.age_min, r.age_max, r.other_from, r.other_to, r.text FROM medrec.code_rule AS r"
			   " WHERE r.release_id OPERATOR(pg_catalog.=) $2", 'r');
	result.digest = EndDigest(&digest);
	result.codes = cstring_to_text_with_len(digest.codes.data, digest.codes.len);
	result.marks = (bytea *) cstring_to_text_with_len(digest.marks.data, digest.marks.len);
	result.rows = digest.rows;
	return result;
}

/* The requested releases, each with its stored digest and marks; within SPI. */
static Stored *
ReadReleases(const char *system, const char *version, const char *content, int *n)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		args[3];
	char		nulls[] = "nnn";
	const char *given[] = {system, version, content};
	SPITupleTable *table;
	Stored	   *releases;

	for (int i = 0; i < 3; i++)
		if (given[i])
		{
			args[i] = CStringGetTextDatum(given[i]);
			nulls[i] = ' ';
		}
	if (SPI_execute_with_args("SELECT r.id, r.code_system, r.version, r.content, r.effective_from, r.digest, d.codes, d.marks"
							  " FROM medrec.code_release AS r LEFT JOIN medrec.code_digest AS d ON d.release_id OPERATOR(pg_catalog.=) r.id"
							  " WHERE ($1 IS NULL OR r.code_system OPERATOR(pg_catalog.=) $1)"
							  " AND ($2 IS NULL OR r.version OPERATOR(pg_catalog.=) $2)"
							  " AND ($3 IS NULL OR r.content OPERATOR(pg_catalog.=) $3)"
							  " ORDER BY r.code_system, r.content, r.effective_from",
							  3, types, args, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read medrec.code_release");
	table = SPI_tuptable;
	*n = (int) SPI_processed;
	releases = palloc0(sizeof(Stored) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		HeapTuple	row = table->vals[i];
		TupleDesc	desc = table->tupdesc;
		Stored	   *release = &releases[i];
		bool		isnull;
		Datum		value;

		release->id = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		release->system = SPI_getvalue(row, desc, 2);
		release->version = SPI_getvalue(row, desc, 3);
		release->content = SPI_getvalue(row, desc, 4);
		release->from = DateColumn(row, desc, 5, 0);
		value = SPI_getbinval(row, desc, 6, &isnull);
		release->digest = isnull ? NULL : DatumGetByteaPP(value);
		value = SPI_getbinval(row, desc, 7, &isnull);
		release->codes = isnull ? NULL : DatumGetTextPP(value);
		value = SPI_getbinval(row, desc, 8, &isnull);
		release->marks = isnull ? NULL : DatumGetByteaPP(value);
	}
	return releases;
}

/* Adds a finding; code may be NULL. */
static void
ReportFinding(ReturnSetInfo *rsinfo, const Stored *release, const char *kind, const char *severity,
			  const char *code, const char *detail)
{
	Datum		values[7] = {0};
	bool		nulls[7] = {false};

	values[0] = CStringGetTextDatum(kind);
	values[1] = CStringGetTextDatum(severity);
	values[2] = CStringGetTextDatum(release->system);
	nulls[3] = release->version == NULL;
	if (release->version)
		values[3] = CStringGetTextDatum(release->version);
	nulls[4] = release->content == NULL;
	if (release->content)
		values[4] = CStringGetTextDatum(release->content);
	nulls[5] = code == NULL;
	if (code)
		values[5] = CStringGetTextDatum(code);
	values[6] = CStringGetTextDatum(detail);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Length of the current line, up to its end. */
static int
LineLength(const RowList *list)
{
	const char *stop = list->next < list->end ?
		memchr(list->next, '\n', list->end - list->next) : NULL;

	return stop ? (int) (stop - list->next) : (int) (list->end - list->next);
}

/* Compares the current rows of two lists: by kind, then by code. */
static int
CompareKeys(const RowList *a, const RowList *b)
{
	static const char *const order = "ctnr";
	const char *kind_a;
	const char *kind_b;
	int			len_a;
	int			len_b;
	int			cmp;

	if (a->next >= a->end)
		return 1;
	if (b->next >= b->end)
		return -1;
	kind_a = strchr(order, *a->next);
	kind_b = strchr(order, *b->next);
	if (kind_a && kind_b && kind_a != kind_b)
		return kind_a > kind_b ? 1 : -1;
	len_a = LineLength(a);
	len_b = LineLength(b);
	cmp = memcmp(a->next, b->next, Min(len_a, len_b));
	return cmp != 0 ? cmp : len_a - len_b;
}

/* Skips all rows of a list that have this line, and returns their number. */
static int
PassRows(RowList *list, const char *line, int len)
{
	int			n = 0;

	while (list->next < list->end && LineLength(list) == len && memcmp(list->next, line, len) == 0)
	{
		list->next += len + (list->next + len < list->end);
		list->mark += MARK_LENGTH;
		n++;
	}
	return n;
}

/* Reports that the rows of a line are not those that were loaded. */
static void
ReportLine(ReturnSetInfo *rsinfo, const Stored *release, const char *line, int len,
		   int loaded, int present)
{
	const char *what = *line == 'c' ? "code" : *line == 't' ? "term" : *line == 'n' ? "note" : "rule";
	const char *how = present < loaded ? "removed" : present > loaded ? "added" : "changed";

	ReportFinding(rsinfo, release, psprintf("%s_%s", what, how), "error",
				  pnstrdup(line + 1, Max(len - 1, 0)),
				  psprintf("%d rows of it were loaded, %d are there now%s", loaded, present,
						   loaded == present ? ", with other contents" : ""));
}

/* Reports the rows that differ; both lists are sorted. */
static void
CompareRows(ReturnSetInfo *rsinfo, const Stored *release, const ReleaseDigest *now)
{
	RowList		was = {
		.next = VARDATA_ANY(release->codes),
		.end = VARDATA_ANY(release->codes) + VARSIZE_ANY_EXHDR(release->codes),
		.mark = VARDATA_ANY(release->marks)
	};
	RowList		is = {
		.next = VARDATA_ANY(now->codes),
		.end = VARDATA_ANY(now->codes) + VARSIZE_ANY_EXHDR(now->codes),
		.mark = VARDATA_ANY(now->marks)
	};
	const char *marks_end = was.mark + VARSIZE_ANY_EXHDR(release->marks);
	int64		found = 0;

	while (was.next < was.end || is.next < is.end)
	{
		int			cmp = CompareKeys(&was, &is);
		const RowList first = cmp <= 0 ? was : is;
		const int	len = LineLength(&first);
		const char *was_marks = was.mark;
		const char *is_marks = is.mark;
		int			loaded;
		int			present;

		CHECK_FOR_INTERRUPTS();
		/* all rows of that code, on both sides */
		loaded = cmp <= 0 ? PassRows(&was, first.next, len) : 0;
		present = cmp >= 0 ? PassRows(&is, first.next, len) : 0;
		if (was.mark > marks_end)
			break;				/* the marks have been truncated */
		if (loaded == present &&
			memcmp(was_marks, is_marks, (size_t) loaded * MARK_LENGTH) == 0)
			continue;
		if (++found <= MOST_ROWS)
			ReportLine(rsinfo, release, first.next, len, loaded, present);
	}
	if (found > MOST_ROWS)
		ReportFinding(rsinfo, release, "release_altered", "error", NULL,
					  psprintf(INT64_FORMAT " further codes differ", found - MOST_ROWS));
}

/* Adds the findings about a system as a whole: days, and rows without a release; within SPI. */
static void
FindInSystem(ReturnSetInfo *rsinfo, const char *system)
{
	Oid			types[] = {TEXTOID};
	Datum		args[] = {CStringGetTextDatum(system)};
	Stored		none = {.system = pstrdup(system)};

	if (SPI_execute_with_args("(SELECT 'span_altered', 'error', c.code::pg_catalog.text, pg_catalog.format('its row of %s to %s begins or ends on a day of no release', c.valid_from, COALESCE(c.valid_to::pg_catalog.text, 'now'))"
							  " FROM medrec.code AS c WHERE c.code_system OPERATOR(pg_catalog.=) $1 AND ("
							  "  c.valid_from OPERATOR(pg_catalog.<>) ALL (SELECT r.effective_from FROM medrec.code_release AS r WHERE r.code_system OPERATOR(pg_catalog.=) $1 AND r.content OPERATOR(pg_catalog.=) 'codes')"
							  "  OR c.valid_to OPERATOR(pg_catalog.<>) ALL (SELECT r.effective_from FROM medrec.code_release AS r WHERE r.code_system OPERATOR(pg_catalog.=) $1 AND r.content OPERATOR(pg_catalog.=) 'codes'))"
							  " LIMIT " CppAsString2(MOST_ROWS) ")"
							  " UNION ALL"
							  " (SELECT 'rule_days_altered', 'error', c.code::pg_catalog.text, pg_catalog.format('rule %s holds from %s to %s, and not for the time of its release', c.rule, c.valid_from, COALESCE(c.valid_to::pg_catalog.text, 'now'))"
							  " FROM medrec.code_rule AS c JOIN medrec.code_release AS r ON r.id OPERATOR(pg_catalog.=) c.release_id"
							  " WHERE c.code_system OPERATOR(pg_catalog.=) $1 AND (c.valid_from OPERATOR(pg_catalog.<>) r.effective_from"
							  "  OR COALESCE(c.valid_to, 'infinity') OPERATOR(pg_catalog.<>) COALESCE(CASE WHEN c.rule OPERATOR(pg_catalog.=) ANY ('{female,male}'::pg_catalog.text[])"
							  "   THEN GREATEST(LEAST(r.effective_to, '2024-10-01'::pg_catalog.date), r.effective_from) ELSE r.effective_to END, 'infinity'))"
							  " LIMIT " CppAsString2(MOST_ROWS) ")"
							  " UNION ALL"
							  " SELECT 'own_rows', 'information', NULL, pg_catalog.format('%s terms, %s notes and %s rules are of no release', o.terms, o.notes, o.rules)"
							  " FROM (SELECT (SELECT pg_catalog.count(*) FROM medrec.code_term AS t WHERE t.code_system OPERATOR(pg_catalog.=) $1 AND t.release_id IS NULL) AS terms,"
							  "  (SELECT pg_catalog.count(*) FROM medrec.code_note AS t WHERE t.code_system OPERATOR(pg_catalog.=) $1 AND t.release_id IS NULL) AS notes,"
							  "  (SELECT pg_catalog.count(*) FROM medrec.code_rule AS t WHERE t.code_system OPERATOR(pg_catalog.=) $1 AND t.release_id IS NULL) AS rules) AS o"
							  " WHERE o.terms OPERATOR(pg_catalog.+) o.notes OPERATOR(pg_catalog.+) o.rules OPERATOR(pg_catalog.>) 0"
							  " UNION ALL"
							  " (SELECT 'own_term_without_event', 'information', t.code::pg_catalog.text, pg_catalog.format('term %s is of no release, and no event tells who added it', t.id)"
							  " FROM medrec.code_term AS t WHERE t.code_system OPERATOR(pg_catalog.=) $1 AND t.release_id IS NULL"
							  "  AND NOT EXISTS (SELECT FROM medrec.audit_event AS e WHERE e.xid OPERATOR(pg_catalog.>) 0 AND e.table_name OPERATOR(pg_catalog.=) 'code_term' AND e.action OPERATOR(pg_catalog.=) 'INSERT'"
							  "   AND e.row_id OPERATOR(pg_catalog.=) t.id::pg_catalog.text) LIMIT " CppAsString2(MOST_ROWS) ")",
							  1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the terminologies");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		ReportFinding(rsinfo, &none, SPI_getvalue(row, desc, 1), SPI_getvalue(row, desc, 2),
					  SPI_getvalue(row, desc, 3), SPI_getvalue(row, desc, 4));
	}
}

/* The name of a code system that may be left out. */
static char *
OptionalSystem(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : pstrdup(codesystem_get(PG_GETARG_TEXT_PP(arg))->name);
}

/* medrec.verify_release(code_system, version): lists rows that differ from what was loaded. */
Datum
medrec_verify_release(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *system = OptionalSystem(fcinfo, 0);
	char	   *version = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *last = "";
	MemoryContext memory;
	Stored	   *releases;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	(void) medrec_relation("code_digest");
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	releases = ReadReleases(system, version, NULL, &n);
	memory = AllocSetContextCreate(CurrentMemoryContext, "medrec release", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n; i++)
	{
		Stored	   *release = &releases[i];
		MemoryContext old = MemoryContextSwitchTo(memory);
		ReleaseDigest now;

		if (version == NULL && strcmp(last, release->system) != 0)
			FindInSystem(rsinfo, release->system);
		last = release->system;
		if (release->digest == NULL)
			ReportFinding(rsinfo, release, "no_digest", "information", NULL,
						  "was loaded by medrec 0.1, which kept none; SELECT medrec.digest_release(code_system, version, content) computes one from the current rows");
		else
		{
			now = DigestOfRows(release);
			if (VARSIZE_ANY_EXHDR(release->digest) != SHA256_LENGTH ||
				memcmp(VARDATA_ANY(release->digest), VARDATA_ANY(now.digest), SHA256_LENGTH) != 0)
			{
				ReportFinding(rsinfo, release, "release_altered", "error", NULL,
							  psprintf("its " INT64_FORMAT " rows are not those that were loaded", now.rows));
				if (release->codes)
					CompareRows(rsinfo, release, &now);
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(memory);
	}
	PopActiveSnapshot();
	SPI_finish();
	return (Datum) 0;
}

/*
 * medrec.digest_release(code_system, version, content): computes the digest of
 * a release that has none.
 */
Datum
medrec_digest_release(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {INT4OID, BYTEAOID};
	Datum		args[2];
	Stored	   *releases;
	ReleaseDigest digest;
	bytea	   *result;
	LoadOwner	owner;
	int			n;

	PreventCommandIfReadOnly("medrec.digest_release()");
	load_become_owner(&owner);
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	releases = ReadReleases(codesystem_get(PG_GETARG_TEXT_PP(0))->name, text_to_cstring(PG_GETARG_TEXT_PP(1)),
							text_to_cstring(PG_GETARG_TEXT_PP(2)), &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('P', 'T', '4', '0', '4')),
				 errmsg("there is no such release")));
	if (releases->digest)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the release has a digest already")));
	digest = DigestOfRows(releases);
	PopActiveSnapshot();
	args[0] = Int32GetDatum(releases->id);
	args[1] = PointerGetDatum(digest.digest);
	if (SPI_execute_with_args("UPDATE medrec.code_release AS r SET digest = $2 WHERE r.id OPERATOR(pg_catalog.=) $1",
							  2, types, args, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write medrec.code_release");
	release_keep_marks(releases->id, &digest);
	result = (bytea *) MemoryContextAlloc(caller, VARSIZE(digest.digest));
	memcpy(result, digest.digest, VARSIZE(digest.digest));
	SPI_finish();
	load_leave_owner(&owner);
	PG_RETURN_BYTEA_P(result);
}
