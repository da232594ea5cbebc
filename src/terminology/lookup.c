/*
 * terminology/lookup.c
 *		Looks codes and titles up in the loaded releases.
 *
 * Straight by index scan, not through SPI: every write of a record comes by
 * here.  Nothing is cached, so nothing can be out of date: a code that is in
 * force is found by one descent of the primary key however many releases there
 * are, and only a code that is not needs the list of releases.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"
#include "base/trigger.h"
#include "search/search.h"
#include "terminology/lookup.h"

/* columns of medrec.code, in the order of migration 2 */
enum
{
	CODE_SYSTEM = 1,
	CODE_CODE,
	CODE_VALID_FROM,
	CODE_VALID_TO,
	CODE_BILLABLE,
	CODE_ACTIVE_FROM,
	CODE_ACTIVE_TO,
	CODE_DISPLAY,
	CODE_SHORT_DISPLAY
};

/* columns of medrec.code_term */
enum
{
	TERM_SYSTEM = 2,
	TERM_CODE,
	TERM_KIND,
	TERM_TERM
};

/* columns of medrec.code_release */
enum
{
	RELEASE_SYSTEM = 2,
	RELEASE_CONTENT = 4,
	RELEASE_EFFECTIVE_FROM
};

/* the types of the columns up to the last that is read; what is not read counts too */
static const Oid code_types[] = {
	TEXTOID, TEXTOID, DATEOID, DATEOID, BOOLOID, DATEOID, DATEOID, TEXTOID, TEXTOID
};
static const Oid term_types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
static const Oid release_types[] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, DATEOID};
static const Oid abbreviation_types[] = {TEXTOID, TEXTOID};
static const Oid state_types[] = {BOOLOID, INT8OID};
static const Oid term_key_types[] = {TEXTOID, INT8OID};

#define OpenTable(name, lockmode, types) \
	medrec_table_open(name, lockmode, lengthof(types), types)

/* One row of medrec.code, its strings still in the tuple. */
typedef struct CodeRow
{
	DateADT		from;			/* releases and the file's own dates together */
	DateADT		until;
	DateADT		listed_from;	/* the releases alone */
	DateADT		listed_until;
	bool		billable;
} CodeRow;

/* An index on the keys of texts, and where the text stands. */
typedef struct TermIndex
{
	bool		codes;			/* of medrec.code, else of code_term */
	const char *name;
	int			column;
} TermIndex;

static const TermIndex term_indexes[] = {
	{true, "code_display_idx", CODE_DISPLAY},
	{true, "code_short_display_idx", CODE_SHORT_DISPLAY},
	{false, "code_term_term_idx", TERM_TERM}
};

/* A search for all rows with a text. */
typedef struct TermScan
{
	const TermIndex *in;
	const CodeSystem *cs;
	const FoldedTerm *term;
	Relation	rel;
	Relation	idx;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	char	   *code;			/* of the row found */
	bool		is_entry;		/* of the alphabetic index */
} TermScan;

/* the transaction of this backend that changed the terminologies last */
static LocalTransactionId bumped_in = InvalidLocalTransactionId;

static void ReadPeriod(HeapTuple tuple, TupleDesc desc, CodeRow *row);
static char *TextColumn(HeapTuple tuple, TupleDesc desc, int column);
static void EachRow(bool codes, TermRowFunction function, void *arg);
static Relation OpenTerms(bool codes);
static void TermScanOpen(TermScan *ts, int which, const CodeSystem *cs);
static void TermScanFor(TermScan *ts, const FoldedTerm *term);
static bool TermScanNext(TermScan *ts);
static void TermScanClose(TermScan *ts);
static List *AddNamed(List *named, const TermScan *ts, DateADT on_date);
static TerminologyState ReadState(Snapshot snapshot);

/* Reads from when until when a row of medrec.code holds. */
static void
ReadPeriod(HeapTuple tuple, TupleDesc desc, CodeRow *row)
{
	bool		isnull;
	Datum		value;

	row->from = DatumGetDateADT(heap_getattr(tuple, CODE_VALID_FROM, desc, &isnull));
	value = heap_getattr(tuple, CODE_VALID_TO, desc, &isnull);
	row->until = isnull ? DATEVAL_NOEND : DatumGetDateADT(value);
	row->listed_from = row->from;
	row->listed_until = row->until;
	row->billable = DatumGetBool(heap_getattr(tuple, CODE_BILLABLE, desc, &isnull));

	/* the file's own dates can only narrow what the releases say */
	value = heap_getattr(tuple, CODE_ACTIVE_FROM, desc, &isnull);
	if (!isnull && DatumGetDateADT(value) > row->from)
		row->from = DatumGetDateADT(value);
	value = heap_getattr(tuple, CODE_ACTIVE_TO, desc, &isnull);
	if (!isnull && DatumGetDateADT(value) < row->until)
		row->until = DATE_NOT_FINITE(DatumGetDateADT(value)) ?
			DatumGetDateADT(value) : DatumGetDateADT(value) + 1;
}

/* Copies a text column out of a tuple, NULL where it is null. */
static char *
TextColumn(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* Opens medrec.code, or medrec.code_term. */
static Relation
OpenTerms(bool codes)
{
	return codes ? OpenTable("code", AccessShareLock, code_types) :
		OpenTable("code_term", AccessShareLock, term_types);
}

/* Is a release with codes of the system loaded that is in force on the day? */
bool
terminology_loaded(const CodeSystem *cs, DateADT on_date)
{
	Relation	rel = OpenTable("code_release", AccessShareLock, release_types);
	SysScanDesc scan;
	ScanKeyData key[2];
	HeapTuple	tuple;
	bool		loaded = false;

	/* a handful of rows: the index would cost more */
	ScanKeyInit(&key[0], RELEASE_SYSTEM, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(cs->name));
	ScanKeyInit(&key[1], RELEASE_CONTENT, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum("codes"));
	scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 2, key);
	while (!loaded && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		loaded = on_date >= DatumGetDateADT(heap_getattr(tuple, RELEASE_EFFECTIVE_FROM,
														 RelationGetDescr(rel), &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return loaded;
}

/* What the rows of a code say of a day. */
typedef struct RowsFound
{
	bool		listed;			/* a release in force has the code */
	bool		past_billable;	/* it could stand on a claim before */
} RowsFound;

/* Reads how a code stands on a day by its own rows. */
static void
ReadRows(Relation rel, const CodeSystem *cs, const char *code, DateADT on_date,
		 CodeEntry *entry, RowsFound *found)
{
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan;
	ScanKeyData key[2];
	HeapTuple	tuple;

	memset(entry, 0, sizeof(CodeEntry));
	memset(found, 0, sizeof(RowsFound));
	entry->standing = CODE_UNKNOWN;

	ScanKeyInit(&key[0], CODE_SYSTEM, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(cs->name));
	ScanKeyInit(&key[1], CODE_CODE, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(code));
	scan = systable_beginscan(rel, medrec_index(rel, "code_pkey"), true,
							  GetActiveSnapshot(), 2, key);

	/* a row for each change of the code over the releases: few, oldest first */
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CodeRow		row;
		CodeStanding standing;

		ReadPeriod(tuple, desc, &row);
		if (on_date < row.from)
			standing = CODE_NOT_YET;
		else if (on_date >= row.until && !DATE_IS_NOEND(row.until))
			standing = CODE_RETIRED;
		else
			standing = CODE_CURRENT;
		found->past_billable |= row.billable && standing == CODE_RETIRED;
		found->listed |= on_date >= row.listed_from &&
			(on_date < row.listed_until || DATE_IS_NOEND(row.listed_until));

		/* of rows that do not hold, the last past one, else the first coming one */
		if (standing == CODE_NOT_YET && entry->standing != CODE_UNKNOWN)
			continue;
		entry->standing = standing;
		entry->billable = row.billable;
		entry->from = row.from;
		entry->until = row.until;
		entry->display = TextColumn(tuple, desc, CODE_DISPLAY);
		entry->short_display = TextColumn(tuple, desc, CODE_SHORT_DISPLAY);
		if (standing == CODE_CURRENT)
			break;
	}
	systable_endscan(scan);
}

/* Finds the first code in force below another; *from is its first day. */
static bool
FirstBelow(Relation rel, const CodeSystem *cs, const char *code, DateADT on_date,
		   char below[CODE_MAX_LEN + 1], DateADT *from)
{
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan;
	ScanKeyData key[3];
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key[0], CODE_SYSTEM, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(cs->name));
	/* a code's text begins with that of the code above it, and is ASCII */
	ScanKeyInit(&key[1], CODE_CODE, BTGreaterStrategyNumber, F_TEXT_GT,
				CStringGetTextDatum(code));
	ScanKeyInit(&key[2], CODE_CODE, BTLessStrategyNumber, F_TEXT_LT,
				CStringGetTextDatum(psprintf("%s\x7f", code)));
	scan = systable_beginscan(rel, medrec_index(rel, "code_pkey"), true,
							  GetActiveSnapshot(), 3, key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CodeRow		row;
		char	   *at;

		CHECK_FOR_INTERRUPTS();
		ReadPeriod(tuple, desc, &row);
		if (on_date < row.from || (on_date >= row.until && !DATE_IS_NOEND(row.until)))
			continue;
		at = TextColumn(tuple, desc, CODE_CODE);
		/* a row that somebody wrote by hand may have more bytes than a code has */
		found = strlen(at) <= CODE_MAX_LEN && terminology_is_above(cs, code, at);
		if (found)
		{
			strlcpy(below, at, CODE_MAX_LEN + 1);
			*from = row.from;
		}
		pfree(at);
	}
	systable_endscan(scan);
	return found;
}

/*
 * Some releases list only what may stand on a claim: the files of ICD-9-CM, the
 * codes files of ICD-10-CM.  There a code that codes in force stand below is a
 * header all the same.  Where headers are listed, one that is not is none; that
 * they are shows on the way up from the code that was found below.
 */
static bool
IsImpliedHeader(Relation rel, const CodeSystem *cs, const char *code, DateADT on_date,
				DateADT *from)
{
	char		at[CODE_MAX_LEN + 1];
	char		up[CODE_MAX_LEN + 1];

	if (!cs->has_headers || !cs->parent || !FirstBelow(rel, cs, code, on_date, at, from))
		return false;
	for (;;)
	{
		CodeEntry	entry;
		RowsFound	found;
		int			n;

		ReadRows(rel, cs, at, on_date, &entry, &found);
		if (entry.standing == CODE_CURRENT && !entry.billable)
			return false;
		n = cs->parent(at, (int) strlen(at), up);
		/* upwards is shorter: no circle */
		if (n <= 0 || n >= (int) strlen(at))
			return true;
		strlcpy(at, up, sizeof(at));
	}
}

/* Finds how a code, in its normal form, stands on a day. */
void
terminology_lookup(const CodeSystem *cs, const char *code, DateADT on_date,
				   CodeEntry *entry)
{
	Relation	rel = OpenTable("code", AccessShareLock, code_types);
	RowsFound	found;
	DateADT		from;

	ReadRows(rel, cs, code, on_date, entry, &found);
	if (entry->standing != CODE_CURRENT && !terminology_loaded(cs, on_date))
		entry->standing = CODE_NO_RELEASE;
	else if (entry->standing != CODE_CURRENT && !found.listed &&
			 IsImpliedHeader(rel, cs, code, on_date, &from))
	{
		/* the title that another release has for it, if any has it */
		if (entry->standing == CODE_RETIRED)
			entry->from = entry->billable ? entry->until : entry->from;
		else
			entry->from = from;
		entry->until = DATEVAL_NOEND;
		entry->billable = false;
		entry->standing = CODE_CURRENT;
	}
	entry->was_billable = found.past_billable && !entry->billable;
	table_close(rel, AccessShareLock);
}

/* Folds a text in the server's encoding, and finds its key. */
void
term_fold(const char *str, int len, FoldedTerm *folded)
{
	int			utf8len;
	char	   *utf8 = to_utf8(str, len, &utf8len);

	/*
	 * Folding never makes a text much longer; what is past the limit is no
	 * title of any release.
	 */
	folded->text = palloc(SEARCH_TERM_MAX + 1);
	term_from_folded(folded->text,
					 (int) search_fold(utf8, utf8len, folded->text, SEARCH_TERM_MAX + 1), folded);
	if (utf8 != str)
		pfree(utf8);
}

/* Takes a text that is folded already, and finds its key. */
void
term_from_folded(char *text, int len, FoldedTerm *folded)
{
	folded->text = text;
	folded->len = len;
	folded->key = (int64) hash_bytes_extended((unsigned char *) text, len, 0);
}

/* Does a text, folded, equal the folded one? */
bool
term_equals(const FoldedTerm *folded, const char *str, int len)
{
	FoldedTerm	other;
	bool		equal;

	term_fold(str, len, &other);
	equal = other.key == folded->key && other.len == folded->len &&
		memcmp(other.text, folded->text, other.len) == 0;
	pfree(other.text);
	return equal;
}

PG_FUNCTION_INFO_V1(medrec_term_key);

/* medrec.term_key(text): what the indexes on titles and terms hold. */
Datum
medrec_term_key(PG_FUNCTION_ARGS)
{
	text	   *term = PG_GETARG_TEXT_PP(0);
	FoldedTerm	folded;

	term_fold(VARDATA_ANY(term), VARSIZE_ANY_EXHDR(term), &folded);
	pfree(folded.text);
	PG_RETURN_INT64(folded.key);
}

/* Opens one of the indexes on the keys of texts. */
static void
TermScanOpen(TermScan *ts, int which, const CodeSystem *cs)
{
	ts->in = &term_indexes[which];
	ts->cs = cs;
	ts->rel = OpenTerms(ts->in->codes);
	ts->idx = medrec_index_open(ts->rel, ts->in->name, AccessShareLock,
								lengthof(term_key_types), term_key_types);
	ts->slot = MakeSingleTupleTableSlot(RelationGetDescr(ts->rel), &TTSOpsBufferHeapTuple);
	ts->scan = medrec_index_beginscan(ts->rel, ts->idx, GetActiveSnapshot(), 2);
}

/* Goes to the rows that the index has under a text's key. */
static void
TermScanFor(TermScan *ts, const FoldedTerm *term)
{
	ScanKeyData key[2];

	/* an expression index: the keys are numbered as the index's columns */
	ScanKeyInit(&key[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(ts->cs->name));
	ScanKeyInit(&key[1], 2, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(term->key));
	index_rescan(ts->scan, key, 2, NULL, 0);
	ts->term = term;
}

/* Reads the next row whose text is the one sought; false at the end. */
static bool
TermScanNext(TermScan *ts)
{
	while (index_getnext_slot(ts->scan, ForwardScanDirection, ts->slot))
	{
		bool		isnull;
		char	   *title = TextDatumGetCString(slot_getattr(ts->slot, ts->in->column, &isnull));
		bool		same = term_equals(ts->term, title, strlen(title));

		CHECK_FOR_INTERRUPTS();
		pfree(title);
		if (!same)
			continue;
		ts->code = TextDatumGetCString(slot_getattr(ts->slot, ts->in->codes ? CODE_CODE : TERM_CODE,
													&isnull));
		ts->is_entry = false;
		if (!ts->in->codes)
		{
			char	   *kind = TextDatumGetCString(slot_getattr(ts->slot, TERM_KIND, &isnull));

			ts->is_entry = strcmp(kind, "index") == 0;
			pfree(kind);
		}
		return true;
	}
	return false;
}

/* Ends the reading. */
static void
TermScanClose(TermScan *ts)
{
	index_endscan(ts->scan);
	ExecDropSingleTupleTableSlot(ts->slot);
	index_close(ts->idx, AccessShareLock);
	table_close(ts->rel, AccessShareLock);
}

/* Adds the code of the row found, if it is in force and not there yet. */
static List *
AddNamed(List *named, const TermScan *ts, DateADT on_date)
{
	CodeEntry	entry;
	ListCell   *lc;

	foreach(lc, named)
		if (strcmp((char *) lfirst(lc), ts->code) == 0)
			return named;
	terminology_lookup(ts->cs, ts->code, on_date, &entry);
	return entry.standing == CODE_CURRENT ? lappend(named, ts->code) : named;
}

/* Does a code stand above another one in the hierarchy that their text carries? */
bool
terminology_is_above(const CodeSystem *cs, const char *above, const char *code)
{
	char		up[CODE_MAX_LEN + 1];
	char		from[CODE_MAX_LEN + 1];

	strlcpy(from, code, sizeof(from));
	while (cs->parent && cs->parent(from, strlen(from), up) > 0)
	{
		if (strcmp(up, above) == 0)
			return true;
		strlcpy(from, up, sizeof(from));
	}
	return false;
}

/* Does a text name the code, and if not, which does it name?  Described in terminology/lookup.h. */
bool
terminology_names_code(const CodeSystem *cs, const char *code, const CodeEntry *entry,
					   const FoldedTerm *readings, int n, int others,
					   DateADT on_date, int max, List **named)
{
	List	  **by_reading = palloc0(n * sizeof(List *));
	bool		found = false;

	*named = NIL;
	for (int i = 0; !found && i < lengthof(term_indexes); i++)
	{
		TermScan	ts;

		TermScanOpen(&ts, i, cs);
		for (int r = 0; !found && r < n; r++)
		{
			TermScanFor(&ts, &readings[r]);
			while (!found && TermScanNext(&ts))
			{
				found = entry->display &&
					(strcmp(ts.code, code) == 0 ||
					 (!ts.in->codes && terminology_is_above(cs, ts.code, code)));
				if (!found && !ts.is_entry && r < others && list_length(by_reading[r]) < max)
					by_reading[r] = AddNamed(by_reading[r], &ts, on_date);
			}
		}
		TermScanClose(&ts);
	}
	for (int r = 0; !found && *named == NIL && r < n; r++)
		*named = by_reading[r];
	return found;
}

/* Hands every row of a table to a function, its strings only for the call. */
static void
EachRow(bool codes, TermRowFunction function, void *arg)
{
	Relation	rel = OpenTerms(codes);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "medrec terms",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(per_row);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TermRow		row = {0};
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(per_row);
		row.cs = codesystem_lookup(DatumGetTextPP(heap_getattr(tuple, codes ? CODE_SYSTEM : TERM_SYSTEM,
															   desc, &isnull)));
		row.code = TextColumn(tuple, desc, codes ? CODE_CODE : TERM_CODE);
		if (row.cs == NULL)
			continue;
		if (codes)
		{
			CodeRow		period;

			ReadPeriod(tuple, desc, &period);
			row.from = period.from;
			row.until = period.until;
			row.billable = period.billable;
			row.display = TextColumn(tuple, desc, CODE_DISPLAY);
			row.short_display = TextColumn(tuple, desc, CODE_SHORT_DISPLAY);
		}
		else
		{
			row.kind = TextColumn(tuple, desc, TERM_KIND);
			row.term = TextColumn(tuple, desc, TERM_TERM);
		}
		function(&row, arg);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Hands every code to a function. */
void
terminology_each_code(TermRowFunction function, void *arg)
{
	EachRow(true, function, arg);
}

/* Hands every further term to a function. */
void
terminology_each_term(TermRowFunction function, void *arg)
{
	EachRow(false, function, arg);
}

/* Hands every abbreviation and its expansion to a function. */
void
terminology_each_abbreviation(AbbreviationFunction function, void *arg)
{
	Relation	rel = OpenTable("abbreviation", AccessShareLock, abbreviation_types);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		function(TextColumn(tuple, RelationGetDescr(rel), 1),
				 TextColumn(tuple, RelationGetDescr(rel), 2), arg);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Has this transaction changed the terminologies? */
bool
terminology_changed_here(void)
{
	return bumped_in != InvalidLocalTransactionId && bumped_in == medrec_my_lxid();
}

/* Reads the state that a snapshot sees; NULL for one taken now. */
static TerminologyState
ReadState(Snapshot snapshot)
{
	Relation	rel = OpenTable("terminology_state", AccessShareLock, state_types);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	TerminologyState state = {0};
	bool		isnull;

	state.file = rel->rd_rel->relfilenode;
	if (HeapTupleIsValid(tuple))
	{
		state.generation = DatumGetInt64(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));
		state.changed_by = HeapTupleHeaderGetXmin(tuple->t_data);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return state;
}

/*
 * Reads the present state of the terminologies, with the file that holds it: a
 * table that was restored or truncated counts from the beginning.
 */
TerminologyState
terminology_state(void)
{
	return ReadState(GetActiveSnapshot());
}

/* The same, as of now: an old snapshot may not see what a message has already told. */
TerminologyState
terminology_state_now(void)
{
	return ReadState(NULL);
}

/* Reads the number alone. */
int64
terminology_generation(void)
{
	return terminology_state().generation;
}

/* Raises the state's number, and has every backend look at it after commit. */
void
terminology_bump(void)
{
	Relation	rel = OpenTable("terminology_state", RowExclusiveLock, state_types);
	Oid			relid = RelationGetRelid(rel);
	SysScanDesc scan;
	HeapTuple	tuple;

	/* two loads at once queue here, until the first commits */
	LockRelation(rel, ShareUpdateExclusiveLock);
	CommandCounterIncrement();
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bool		replace[2] = {false, true};
		HeapTuple	changed;

		values[1] = Int64GetDatum(DatumGetInt64(heap_getattr(tuple, 2, desc, &nulls[1])) + 1);
		changed = heap_modify_tuple(tuple, desc, values, nulls, replace);
		CatalogTupleUpdate(rel, &tuple->t_self, changed);
		heap_freetuple(changed);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
	bumped_in = medrec_my_lxid();
}

PG_FUNCTION_INFO_V1(medrec_terminology_changed);

/* Trigger on the terminology tables: whatever was derived from them is old. */
Datum
medrec_terminology_changed(PG_FUNCTION_ARGS)
{
	(void) trigger_called(fcinfo, "medrec.terminology_changed", FIRED_AFTER | FIRED_FOR_STATEMENT, 0);
	terminology_bump();
	PG_RETURN_POINTER(NULL);
}
