/*
 * audit/trigger.c
 *		medrec.audit(): the trigger that records an event per changed row.
 *
 * It is a statement trigger with transition tables: the events of a bulk
 * statement are inserted together, touch() needs the transition tables anyway,
 * and the apply worker of logical replication, whose changes have their events
 * already, does not fire statement triggers. A row that an UPDATE leaves
 * binary identical has not changed.
 */
#include "base/medrec.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "audit/era.h"
#include "audit/event.h"
#include "audit/rows.h"
#include "audit/scan.h"
#include "audit/store.h"
#include "base/columns.h"
#include "base/direct.h"
#include "base/trigger.h"

/* the rows of a transition table, one after the other */
typedef struct Rows
{
	Tuplestorestate *store;
	TupleTableSlot *slot;
} Rows;

static void BeginRows(Rows *rows, Relation rel, Tuplestorestate *store);
static bool NextRow(Rows *rows);
static void EndRows(Rows *rows);
static void WriteRows(AuditTable *table, AuditWriter **writer, const char *action,
					  Rows *rows);
static bool OnlyVisit(const Rows *old, const Rows *new, AttrNumber last_visit);
static void WriteUpdates(AuditTable *table, AuditWriter **writer, Rows *old, Rows *new,
						 AttrNumber last_visit);
static void NoteWithheld(Relation rel);
static void TakeTable(TupleTableSlot *slot, void *arg);
static AuditWriter *Writer(AuditTable *table, AuditWriter **writer, const char *action);

PG_FUNCTION_INFO_V1(medrec_audit);
PG_FUNCTION_INFO_V1(medrec_audit_append_only);
PG_FUNCTION_INFO_V1(medrec_audit_note_withheld);

/* Starts reading a transition table, which others may have read before. */
static void
BeginRows(Rows *rows, Relation rel, Tuplestorestate *store)
{
	rows->store = store;
	rows->slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	tuplestore_select_read_pointer(store, 0);
	tuplestore_rescan(store);
}

/* The next row into the slot, all its columns; false at the end. */
static bool
NextRow(Rows *rows)
{
	CHECK_FOR_INTERRUPTS();

	if (!tuplestore_gettupleslot(rows->store, true, false, rows->slot))
		return false;
	slot_getallattrs(rows->slot);
	return true;
}

/* Ends it. */
static void
EndRows(Rows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
}

/* The writer for an action, begun with the first event. */
static AuditWriter *
Writer(AuditTable *table, AuditWriter **writer, const char *action)
{
	if (*writer == NULL)
		*writer = audit_writer_begin(action, audit_table_name(table));
	return *writer;
}

/* An event per row, with the whole row: action is INSERT or DELETE. */
static void
WriteRows(AuditTable *table, AuditWriter **writer, const char *action, Rows *rows)
{
	bool		insert = strcmp(action, "INSERT") == 0;

	while (NextRow(rows))
	{
		AuditWriter *w = Writer(table, writer, action);
		MemoryContext old = MemoryContextSwitchTo(audit_writer_row(w));
		AuditText	values = audit_row_values(table, rows->slot);

		audit_writer_put(w, audit_row_id(table, rows->slot),
						 audit_row_patient(table, rows->slot),
						 insert ? NULL : values, insert ? values : NULL);
		MemoryContextSwitchTo(old);
	}
}

/* Does the row differ in last_visit at most? */
static bool
OnlyVisit(const Rows *old, const Rows *new, AttrNumber last_visit)
{
	TupleDesc	desc = new->slot->tts_tupleDescriptor;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || i + 1 == last_visit)
			continue;
		if (old->slot->tts_isnull[i] != new->slot->tts_isnull[i] ||
			(!new->slot->tts_isnull[i] &&
			 !datum_image_eq(old->slot->tts_values[i], new->slot->tts_values[i],
							 att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

/*
 * An event per changed row, with the changed columns. Old and new rows are at
 * the same positions of their tables. A row that gets another key or patient
 * is recorded as a DELETE and an INSERT, so that it is in the trail of both.
 * last_visit: the column that the statement of touch() has changed, which is
 * not recorded; otherwise 0.
 */
static void
WriteUpdates(AuditTable *table, AuditWriter **writer, Rows *old, Rows *new,
			 AttrNumber last_visit)
{
	while (NextRow(old) && NextRow(new))
	{
		AuditWriter *w;
		MemoryContext before;
		AuditText	old_values;
		AuditText	new_values;
		bool		moved;

		if (last_visit != 0 && OnlyVisit(old, new, last_visit))
			continue;
		w = Writer(table, writer, "UPDATE");
		before = MemoryContextSwitchTo(audit_writer_row(w));
		if (!audit_row_changes(table, old->slot, new->slot,
							   &old_values, &new_values, &moved))
			 /* no change, no event */ ;
		else if (moved)
		{
			audit_writer_action(w, "DELETE");
			audit_writer_put(w, audit_row_id(table, old->slot),
							 audit_row_patient(table, old->slot),
							 audit_row_values(table, old->slot), NULL);
			audit_writer_action(w, "INSERT");
			audit_writer_put(w, audit_row_id(table, new->slot),
							 audit_row_patient(table, new->slot),
							 NULL, audit_row_values(table, new->slot));
			audit_writer_action(w, "UPDATE");
		}
		else
			audit_writer_put(w, audit_row_id(table, new->slot),
							 audit_row_patient(table, new->slot),
							 old_values, new_values);
		MemoryContextSwitchTo(before);
	}
}

/* medrec.audit(): an event per row that the statement has changed. */
Datum
medrec_audit(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_called(fcinfo, "medrec.audit", FIRED_AFTER | FIRED_FOR_STATEMENT |
										   FIRED_WITH_ROWS, FIRED_ANY_ARGS);
	AuditWriter *writer = NULL;
	AuditTable *table;
	Relation	rel;
	Rows		old;
	Rows		new;
	int			nest;

	/* changes by logical replication have their events at the publisher */
	if (IsLogicalWorker())
		return PointerGetDatum(NULL);

	rel = trigdata->tg_relation;

	/*
	 * its rows are visible to one session only, so nobody could check its
	 * events
	 */
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function medrec.audit() does not audit temporary tables")));
	table = audit_table_open(trigdata->tg_trigger->tgoid, rel,
							 trigdata->tg_trigger->tgnargs,
							 trigdata->tg_trigger->tgargs);
	nest = audit_table_nest(table);

	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		BeginRows(&new, rel, trigdata->tg_newtable);
		WriteRows(table, &writer, "INSERT", &new);
		EndRows(&new);
	}
	else if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
	{
		BeginRows(&old, rel, trigdata->tg_oldtable);
		WriteRows(table, &writer, "DELETE", &old);
		EndRows(&old);
	}
	else if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		BeginRows(&old, rel, trigdata->tg_oldtable);
		BeginRows(&new, rel, trigdata->tg_newtable);
		if (tuplestore_tuple_count(old.store) == tuplestore_tuple_count(new.store))
			WriteUpdates(table, &writer, &old, &new, own_statement(rel, CMD_UPDATE) ?
						 column_number(RelationGetRelid(rel), "last_visit") : 0);
		else
		{
			/* a row that moved to another partition was refused there */
			WriteRows(table, &writer, "DELETE", &old);
			if (writer)
				audit_writer_action(writer, "INSERT");
			WriteRows(table, &writer, "INSERT", &new);
		}
		EndRows(&old);
		EndRows(&new);
	}
	else
		audit_writer_put(Writer(table, &writer, "TRUNCATE"), NULL, NULL, NULL, NULL);

	if (writer)
		audit_writer_end(writer);
	if (nest)
		AtEOXact_GUC(false, nest);
	audit_table_close(table);
	return PointerGetDatum(NULL);
}

/*
 * medrec.audit_append_only(): refuses every change of an audit table. Rows
 * added by logical replication have their events at the publisher.
 */
Datum
medrec_audit_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_called(fcinfo, "medrec.audit_append_only", 0, 0);

	if (IsLogicalWorker() && TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
	{
		audit_check_subscriber();
		return PointerGetDatum(NULL);
	}
	/* an event that medrec itself stores by a statement is allowed */
	if (TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event) &&
		TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) &&
		own_statement_begins(trigdata->tg_relation, CMD_INSERT))
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("cannot change \"%s\": the audit trail is append-only",
					RelationGetRelationName(trigdata->tg_relation)),
			 TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ?
			 errhint("To load the data of a dump, run SELECT medrec.import_begin() first; see doc/operations.md.") : 0));
	return PointerGetDatum(NULL);	/* keep the compiler quiet */
}

/* Records an event for each row of a table that has a withheld value. */
static void
NoteWithheld(Relation rel)
{
	AuditWriter *writer = NULL;
	AuditTable *table;
	Trigger    *trigger = NULL;
	TupleTableSlot *slot;
	TableScanDesc scan;
	Snapshot	snapshot;
	int			nest;
	int			i;

	for (i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers && trigger == NULL; i++)
		if (strcmp(get_func_name(rel->trigdesc->triggers[i].tgfoid), "audit") == 0)
			trigger = &rel->trigdesc->triggers[i];
	if (trigger == NULL)
		return;
	table = audit_table_open(trigger->tgoid, rel, trigger->tgnargs, trigger->tgargs);
	nest = audit_table_nest(table);
	slot = table_slot_create(rel, NULL);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		AuditWriter *w = Writer(table, &writer, "UPDATE");
		MemoryContext old = MemoryContextSwitchTo(audit_writer_row(w));
		AuditText	old_values;
		AuditText	new_values;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (audit_row_withheld(table, slot, &old_values, &new_values))
			audit_writer_put(w, audit_row_id(table, slot), audit_row_patient(table, slot),
							 old_values, new_values);
		MemoryContextSwitchTo(old);
	}
	if (writer)
		audit_writer_end(writer);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	if (nest)
		AtEOXact_GUC(false, nest);
	audit_table_close(table);
}

/* Processes an audited table. */
static void
TakeTable(TupleTableSlot *slot, void *arg)
{
	List	  **relids = arg;
	MemoryContext old = MemoryContextSwitchTo(CurTransactionContext);

	*relids = lappend_oid(*relids, DatumGetObjectId(slot->tts_values[0]));
	MemoryContextSwitchTo(old);
}

/*
 * medrec.audit_note_withheld(): records digests of values that were withheld
 * before digests existed. For migrate().
 */
Datum
medrec_audit_note_withheld(PG_FUNCTION_ARGS)
{
	List	   *relids = NIL;
	ListCell   *cell;
	int			level;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write an event of the audit trail"),
				 errhint("Must be superuser.")));
	if (audit_is_subscribed())
		PG_RETURN_VOID();

	/*
	 * not token keys: a subscriber has their events, but not the rows
	 */
	audit_scan("SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger AS t"
			   " JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid"
			   " WHERE p.proname = 'audit' AND p.pronamespace = 'medrec'::pg_catalog.regnamespace"
			   " AND t.tgparentid = 0 AND pg_catalog.encode(t.tgargs, 'escape') LIKE '%withhold=%'"
			   " AND t.tgrelid <> 'medrec.jwt_key'::pg_catalog.regclass"
			   " ORDER BY 1", TakeTable, &relids);
	level = NewGUCNestLevel();
	(void) set_config_option("medrec.reason", "digest of a value that was there already",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	foreach(cell, relids)
	{
		Relation	rel = table_open(lfirst_oid(cell), ShareRowExclusiveLock);

		NoteWithheld(rel);
		table_close(rel, NoLock);
	}
	AtEOXact_GUC(true, level);
	PG_RETURN_VOID();
}
