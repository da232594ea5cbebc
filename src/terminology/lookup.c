/*
 * terminology/lookup.c
 *		Looks codes up in the loaded releases.
 *
 * It uses index scans directly and not SPI, because every write of a record
 * does this. Nothing is cached, so nothing can be outdated: a current code is
 * found by one descent of the primary key, however many releases there are,
 * and only a code that is not current needs the list of releases.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/relations.h"
#include "terminology/code_systems.h"
#include "terminology/lookup.h"
#include "terminology/tables.h"

/* columns of medrec.code_release, as migrate() makes it */
enum
{
	RELEASE_SYSTEM = 2,
	RELEASE_CONTENT = 4,
	RELEASE_EFFECTIVE_FROM
};

/* Is a release with codes of the system loaded that is in effect on the day? */
bool
terminology_loaded(const CodeSystem *cs, DateADT on_date)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, DATEOID};
	Relation	rel = medrec_table_open("code_release", AccessShareLock, lengthof(types), types);
	SysScanDesc scan;
	ScanKeyData key[2];
	HeapTuple	tuple;
	bool		loaded = false;

	/* a few rows: the index would cost more */
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

/* What the rows of a code say about a day. */
typedef struct RowsFound
{
	bool		listed;			/* a release in effect has the code */
	bool		past_billable;	/* it could be used on a claim before */
} RowsFound;

/* Reads the state of a code on a day from its own rows. */
static void
ReadCodeRows(Relation rel, const CodeSystem *cs, const char *code, DateADT on_date,
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
		StoredCode	row;
		CodeStanding standing;

		stored_code_read(tuple, desc, &row);
		if (on_date < row.from)
			standing = CODE_NOT_YET;
		else if (on_date >= row.until && !DATE_IS_NOEND(row.until))
			standing = CODE_RETIRED;
		else
			standing = CODE_CURRENT;
		found->past_billable |= row.billable && standing == CODE_RETIRED;
		found->listed |= on_date >= row.listed_from &&
			(on_date < row.listed_until || DATE_IS_NOEND(row.listed_until));

		/*
		 * if no row is valid on the day, the last one before it, otherwise
		 * the first one after it
		 */
		if (standing == CODE_NOT_YET && entry->standing != CODE_UNKNOWN)
			continue;
		entry->standing = standing;
		entry->billable = row.billable;
		entry->from = row.from;
		entry->until = row.until;
		entry->display = text_column(tuple, desc, CODE_DISPLAY);
		entry->short_display = text_column(tuple, desc, CODE_SHORT_DISPLAY);
		if (standing == CODE_CURRENT)
			break;
	}
	systable_endscan(scan);
}

/* Finds the first current code below another; *from is its first day. */
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
		StoredCode	row;
		char	   *at;

		CHECK_FOR_INTERRUPTS();
		stored_code_read(tuple, desc, &row);
		if (on_date < row.from || (on_date >= row.until && !DATE_IS_NOEND(row.until)))
			continue;
		at = text_column(tuple, desc, CODE_CODE);

		/*
		 * a row written by hand may be longer than a code can be
		 */
		found = strlen(at) <= CODE_MAX_LEN && codesystem_is_above(cs, code, at);
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
 * Some releases list only codes that may be used on a claim: the files of
 * ICD-9-CM, the codes files of ICD-10-CM. In these a code with current codes
 * below it counts as a header. In a release that lists headers, a code that is
 * not listed is not a header; the way up from the code that was found below
 * shows whether it lists them.
 */
static bool
IsImpliedHeader(Relation rel, const CodeSystem *cs, const char *code, DateADT on_date,
				DateADT *from)
{
	char		at[CODE_MAX_LEN + 1];

	if (!cs->has_headers || !cs->parent || !FirstBelow(rel, cs, code, on_date, at, from))
		return false;
	do
	{
		CodeEntry	entry;
		RowsFound	found;

		ReadCodeRows(rel, cs, at, on_date, &entry, &found);
		if (entry.standing == CODE_CURRENT && !entry.billable)
			return false;
	} while (codesystem_ascend(cs, at));
	return true;
}

/* Finds the state of a code, in its normal form, on a day. */
void
terminology_lookup(const CodeSystem *cs, const char *code, DateADT on_date,
				   CodeEntry *entry)
{
	Relation	rel = code_table_open();
	RowsFound	found;
	DateADT		from;

	ReadCodeRows(rel, cs, code, on_date, entry, &found);
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
