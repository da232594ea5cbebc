/*
 * audit/verify_records.c
 *		medrec.verify_records(): replays the events and compares the result
 *		with the current tables, to find changes made without the audit.
 *
 * Events and rows are both sorted by id, under the same snapshot, and merged.
 */
#include "base/medrec.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "audit/archive.h"
#include "audit/event.h"
#include "audit/replay.h"
#include "audit/rows.h"
#include "audit/scan.h"
#include "audit/verify.h"
#include "base/array.h"
#include "base/relations.h"

#define LAST_VISIT	"\"last_visit\""

/*
 * The tables that migrate() audits, and the arguments of their triggers: each
 * row of these has its event. jwt_key is left out, because its first rows are
 * older than its triggers.
 */
static const struct
{
	const char *name;
	char	   *argument;
	int			step;			/* step of migrate() that made it, 0 for the
								 * first release */
}			own_tables[] =

{
	{"account", "withhold=password", 0},
	{"patient", "patient=id", 0},
	{"diagnosis", "patient=patient_id", 0},
	{"treatment", "patient=patient_id", 0},
	{"code_release", NULL, 0},
	{"login_lockout", NULL, 0},
	{"auditor_change", NULL, 60},
	{"token_generation", NULL, 0},
	{"care_team", NULL, 0},
	{"care_team_member", NULL, 0},
	{"care_team_patient", "patient=patient", 0},
	{"break_glass", "patient=patient", 0}
};

typedef struct Checker
{
	ReturnSetInfo *rsinfo;
	Snapshot	snapshot;
	bool		archived;		/* a month was archived, and is no longer
								 * there */
	const char *table;
	bool		own;			/* audited since its first row */
	bool		patients;		/* the table is patient */
	int			ntruncates;
	int64		truncates_size;
	ReplayEvent *truncates;

	/* the rows, sorted by id */
	Tuplesortstate *rows;
	TupleTableSlot *row;
	bool		more_rows;

	/* the row whose events are being read */
	char	   *id;
	MemoryContext id_context;
	int			next_truncate;
	ReplayState state;
	TimestampTz last_visit;		/* last_visit according to the row's own
								 * events */
	bool		gap;

	bool		no_key;			/* there are digests, but no key to compute
								 * one */
	MemoryContext context;
} Checker;

/* what a row differs in */
typedef struct Comparison
{
	Checker    *checker;
	StringInfoData columns;
} Comparison;

static void ReportRecord(Checker *checker, const char *kind, const char *id, const char *detail);
static void TakeTruncate(TupleTableSlot *slot, void *arg);
static void TakeArchivedMonths(TupleTableSlot *slot, void *arg);
static void TakeName(TupleTableSlot *slot, void *arg);
static int	CompareEvents(const ReplayEvent *a, const ReplayEvent *b);
static void SortRows(Checker *checker, Relation rel);
static bool NextStoredRow(Checker *checker);
static char *RowId(Checker *checker);
static void RowWithoutEvents(Checker *checker);
static void CompareColumn(char *key, char *value, void *arg);
static void FinishId(Checker *checker);
static void TakeEvent(TupleTableSlot *slot, void *arg);
static void CheckTable(Checker *checker, Relation rel);
static void TakeApplied(TupleTableSlot *slot, void *arg);
static bool IsApplied(int step);

PG_FUNCTION_INFO_V1(medrec_verify_records);

/* Adds a finding to the result. */
static void
ReportRecord(Checker *checker, const char *kind, const char *id, const char *detail)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, id == NULL, detail == NULL};

	values[0] = CStringGetTextDatum(kind);
	values[1] = CStringGetTextDatum(checker->table);
	values[2] = id ? CStringGetTextDatum(id) : (Datum) 0;
	values[3] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	tuplestore_putvalues(checker->rsinfo->setResult, checker->rsinfo->setDesc, values, nulls);
}

/* Records a TRUNCATE of the table. */
static void
TakeTruncate(TupleTableSlot *slot, void *arg)
{
	Checker    *checker = arg;
	MemoryContext old = MemoryContextSwitchTo(checker->context);

	array_room(checker->context, checker->truncates, checker->ntruncates, checker->truncates_size);
	replay_read(slot, &checker->truncates[checker->ntruncates++]);
	MemoryContextSwitchTo(old);
}

/* Records that a month has been archived and dropped. */
static void
TakeArchivedMonths(TupleTableSlot *slot, void *arg)
{
	((Checker *) arg)->archived = true;
}

/* Keeps the name of an audited table. */
static void
TakeName(TupleTableSlot *slot, void *arg)
{
	List	  **relids = arg;
	MemoryContext old = MemoryContextSwitchTo(CurTransactionContext);

	*relids = list_append_unique_oid(*relids, DatumGetObjectId(slot->tts_values[0]));
	MemoryContextSwitchTo(old);
}

/* The order in which events were written. */
static int
CompareEvents(const ReplayEvent *a, const ReplayEvent *b)
{
	if (a->logged_at != b->logged_at)
		return a->logged_at < b->logged_at ? -1 : 1;
	if (a->era != b->era)
		return a->era < b->era ? -1 : 1;
	if (a->xid != b->xid)
		return a->xid < b->xid ? -1 : 1;
	return a->n < b->n ? -1 : a->n > b->n;
}

/* Converts the table's rows to the form of events, and sorts them by id. */
static void
SortRows(Checker *checker, Relation rel)
{
	AttrNumber	columns[] = {1};
	Oid			operators[] = {TextLessOperator};
	Oid			collations[] = {C_COLLATION_OID};
	bool		nulls_first[] = {false};
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TupleTableSlot *out;
	TableScanDesc scan;
	AuditTable *table;
	Oid			key = RelationGetRelid(rel);
	int			nargs = 0;
	char	  **args = NULL;
	int			nest;
	int			i;
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "medrec row",
													  ALLOCSET_DEFAULT_SIZES);

	/* as its trigger does, or as it would if it existed */
	checker->own = false;
	for (i = 0; i < lengthof(own_tables); i++)
		if (strcmp(own_tables[i].name, checker->table) == 0)
		{
			checker->own = true;
			nargs = own_tables[i].argument != NULL;
			args = (char **) &own_tables[i].argument;
		}
	for (i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (args == NULL && strcmp(get_func_name(trigger->tgfoid), "audit") == 0)
		{
			nargs = trigger->tgnargs;
			args = trigger->tgargs;
		}
	}
	table = audit_table_open(key, rel, nargs, args);
	nest = audit_table_nest(table);

	TupleDescInitEntry(desc, 1, "id", TEXTOID, -1, 0);
	TupleDescInitEntryCollation(desc, 1, C_COLLATION_OID);
	TupleDescInitEntry(desc, 2, "record", TEXTOID, -1, 0);
	out = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	checker->rows = tuplesort_begin_heap(desc, 1, columns, operators, collations, nulls_first,
										 work_mem, NULL, TUPLESORT_NONE);
	scan = table_beginscan(rel, checker->snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);
		AuditText	id;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		id = audit_row_id(table, slot);
		if (id)
		{
			ExecClearTuple(out);
			out->tts_values[0] = PointerGetDatum(id);
			out->tts_values[1] = PointerGetDatum(audit_row_values(table, slot));
			out->tts_isnull[0] = out->tts_isnull[1] = false;
			ExecStoreVirtualTuple(out);
			tuplesort_puttupleslot(checker->rows, out);
			ExecClearTuple(out);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	table_endscan(scan);
	tuplesort_performsort(checker->rows);
	if (nest)
		AtEOXact_GUC(false, nest);
	audit_table_close(table);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(out);
	MemoryContextDelete(row_context);

	checker->row = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	checker->more_rows = true;
	(void) NextStoredRow(checker);
}

/* Advances to the next row; false at the end. */
static bool
NextStoredRow(Checker *checker)
{
	/* the slot's copy must live longer than the current event */
	MemoryContext old = MemoryContextSwitchTo(checker->context);

	CHECK_FOR_INTERRUPTS();
	if (checker->more_rows)
		checker->more_rows = tuplesort_gettupleslot(checker->rows, true, true, checker->row, NULL);
	MemoryContextSwitchTo(old);
	if (checker->more_rows)
		slot_getallattrs(checker->row);
	return checker->more_rows;
}

/* The present row's id. */
static char *
RowId(Checker *checker)
{
	return TextDatumGetCString(checker->row->tts_values[0]);
}

/*
 * Reports a row without events, unless their month may have been archived, or
 * the table had rows before it was audited.
 */
static void
RowWithoutEvents(Checker *checker)
{
	if (!checker->archived && checker->own)
		ReportRecord(checker, "row_without_events", RowId(checker), NULL);
}

/* Compares a column of a row with what the events have left. */
static void
CompareColumn(char *key, char *value, void *arg)
{
	Comparison *comparison = arg;
	Checker    *checker = comparison->checker;
	const char *known = replay_value(&checker->state, key);

	/* a column that was added later */
	if (known == NULL || strcmp(known, value) == 0)
		return;
	if (replay_same(known, value))
	{
		/*
		 * an event of 0.1 has no digest, but the row has one
		 */
		if (strcmp(value, AUDIT_WITHHELD) == 0)
			checker->no_key = true;
		return;
	}

	/*
	 * touch() does not run on a replica: the value is between the row's own
	 * events and the last touch
	 */
	if (checker->patients && strcmp(key, LAST_VISIT) == 0)
	{
		TimestampTz stored = replay_time(value);

		if (stored >= checker->last_visit && stored <= replay_time(known))
			return;
	}
	appendStringInfo(&comparison->columns, "%s%s", comparison->columns.len > 0 ? ", " : "", key);
}

/* Compares what the events of an id have left with its row, if there is one. */
static void
FinishId(Checker *checker)
{
	bool		there = false;

	if (checker->id == NULL)
		return;
	for (; checker->next_truncate < checker->ntruncates; checker->next_truncate++)
		(void) replay_apply(&checker->state, &checker->truncates[checker->next_truncate]);

	while (checker->more_rows)
	{
		char	   *id = RowId(checker);
		int			order = strcmp(id, checker->id);

		if (order > 0)
			break;
		if (order < 0)
			RowWithoutEvents(checker);
		else
		{
			there = true;
			if (checker->state.seen && !checker->state.exists)
				ReportRecord(checker, "row_without_events", id, "its last event says that it was deleted");
			else if (checker->state.seen)
			{
				Comparison	comparison = {checker};

				initStringInfo(&comparison.columns);
				replay_split(TextDatumGetCString(checker->row->tts_values[1]),
							 CompareColumn, &comparison);
				if (comparison.columns.len > 0)
					ReportRecord(checker, "row_changed", id, comparison.columns.data);
			}
		}
		(void) NextStoredRow(checker);
	}
	if (checker->state.seen && checker->state.exists && !there)
		ReportRecord(checker, "row_missing", checker->id, NULL);
	if (checker->gap)
		ReportRecord(checker, "history_gap", checker->id,
					 "the old values of an event differ from what the events before it have left");
}

/* Processes the next event, in the order of ids and then of time. */
static void
TakeEvent(TupleTableSlot *slot, void *arg)
{
	Checker    *checker = arg;
	ReplayEvent event;
	char	   *id = TextDatumGetCString(slot->tts_values[REPLAY_NCOLUMNS]);

	if (checker->id == NULL || strcmp(id, checker->id) != 0)
	{
		FinishId(checker);
		MemoryContextReset(checker->id_context);
		checker->id = MemoryContextStrdup(checker->id_context, id);
		checker->next_truncate = 0;
		checker->last_visit = DT_NOBEGIN;
		checker->gap = false;
		replay_clear(&checker->state);
	}
	replay_read(slot, &event);
	for (; checker->next_truncate < checker->ntruncates &&
		 CompareEvents(&checker->truncates[checker->next_truncate], &event) < 0;
		 checker->next_truncate++)
		(void) replay_apply(&checker->state, &checker->truncates[checker->next_truncate]);

	/*
	 * if the beginning was archived, the first event has no predecessor
	 */
	if (!checker->state.seen && strcmp(event.action, "INSERT") != 0 &&
		strcmp(event.action, REPLAY_TOUCH) != 0 && !checker->archived && checker->own)
		checker->gap = true;
	if (!replay_apply(&checker->state, &event))
		checker->gap = true;
	if (checker->patients && strcmp(event.action, REPLAY_TOUCH) != 0 && checker->state.exists)
	{
		const char *value = replay_value(&checker->state, LAST_VISIT);

		if (value && event.new_values && strstr(event.new_values, LAST_VISIT))
			checker->last_visit = replay_time(value);
	}
}

/* Compares a table with its events. */
static void
CheckTable(Checker *checker, Relation rel)
{
	char	   *name = quote_literal_cstr(checker->table);
	char	   *trail = audit_trail();
	char	   *touches = "";

	checker->patients = strcmp(checker->table, "patient") == 0;
	if (checker->patients)
		touches = psprintf(" UNION ALL SELECT logged_at, era, xid, n, '" REPLAY_TOUCH "', NULL, NULL, transaction_at,"
						   " patient_id::text COLLATE \"C\" FROM %s"
						   " WHERE table_name IN ('diagnosis', 'treatment') AND patient_id IS NOT NULL", trail);

	checker->ntruncates = 0;
	checker->truncates_size = 0;
	checker->truncates = NULL;
	audit_scan_at(checker->snapshot,
				  psprintf("SELECT " REPLAY_COLUMNS " FROM %s"
						   " WHERE table_name = %s AND row_id IS NULL AND action = 'TRUNCATE'"
						   " ORDER BY " REPLAY_ORDER, trail, name), TakeTruncate, checker);
	SortRows(checker, rel);
	checker->id = NULL;
	replay_init(&checker->state);
	checker->id_context = AllocSetContextCreate(CurrentMemoryContext, "medrec row id",
												ALLOCSET_SMALL_SIZES);
	audit_scan_at(checker->snapshot,
				  psprintf("SELECT " REPLAY_COLUMNS ", row_id FROM %s"
						   " WHERE table_name = %s AND row_id IS NOT NULL%s"
						   " ORDER BY row_id, " REPLAY_ORDER, trail, name, touches), TakeEvent, checker);
	FinishId(checker);
	while (checker->more_rows)
	{
		RowWithoutEvents(checker);
		(void) NextStoredRow(checker);
	}
	tuplesort_end(checker->rows);
	ExecDropSingleTupleTableSlot(checker->row);
	MemoryContextDelete(checker->id_context);
	MemoryContextDelete(checker->state.context);
}

/* Receives the row of a step that has been applied. */
static void
TakeApplied(TupleTableSlot *slot, void *arg)
{
	*(bool *) arg = true;
}

/* Has migrate() applied a step? */
static bool
IsApplied(int step)
{
	bool		applied = false;

	audit_scan(psprintf("SELECT FROM medrec.schema_migration WHERE version = %d", step),
			   TakeApplied, &applied);
	return applied;
}

/* medrec.verify_records(): lists rows that differ from their events. */
Datum
medrec_verify_records(PG_FUNCTION_ARGS)
{
	Checker		checker = {0};
	List	   *relids = NIL;
	ListCell   *cell;
	ListCell   *child;
	Oid			user;
	int			sec_context;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	checker.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	checker.context = CurrentMemoryContext;
	audit_become_owner(&user, &sec_context);

	/* all tables that have the trigger, and those that should have it */
	for (i = 0; i < lengthof(own_tables); i++)
	{
		Oid			relid = medrec_relation_if_any(own_tables[i].name);

		if (OidIsValid(relid))
			relids = lappend_oid(relids, relid);
		else if (own_tables[i].step == 0 || IsApplied(own_tables[i].step))
		{
			checker.table = own_tables[i].name;
			ReportRecord(&checker, "table_missing", NULL, NULL);
		}
	}
	audit_scan("SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger AS t"
			   " JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid"
			   " JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid"
			   " WHERE p.proname = 'audit' AND p.pronamespace = 'medrec'::pg_catalog.regnamespace"
			   " AND c.relkind = 'r' ORDER BY 1", TakeName, &relids);

	checker.snapshot = RegisterSnapshot(GetLatestSnapshot());
	audit_scan_at(checker.snapshot, audit_gone_months(" LIMIT 1"),
				  TakeArchivedMonths, &checker);
	foreach(cell, relids)
	{
		Relation	rel = try_table_open(lfirst_oid(cell), AccessShareLock);

		if (rel == NULL)
			continue;
		checker.table = medrec_relation_name(rel);
		foreach(child, find_inheritance_children(RelationGetRelid(rel), NoLock))
			ReportRecord(&checker, "child_table", NULL,
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(lfirst_oid(child))),
													get_rel_name(lfirst_oid(child))));
		CheckTable(&checker, rel);
		table_close(rel, NoLock);
	}
	UnregisterSnapshot(checker.snapshot);
	if (checker.no_key)
	{
		checker.table = AUDIT_KEY_TABLE;
		ReportRecord(&checker, "key_missing", NULL, "events have digests of withheld values, which cannot be compared without the key");
	}
	SetUserIdAndSecContext(user, sec_context);
	return (Datum) 0;
}
