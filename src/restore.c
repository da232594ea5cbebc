/*
 * restore.c
 *		What migrate() puts right, and the event that says so.
 *
 * The comparing is done in SQL (sql/70-restore.sql): the wanted state is what the
 * recorded steps make, and nowhere written a second time.
 */
#include "medrec.h"

#include "access/table.h"
#include "access/tableam.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "audit.h"
#include "relations.h"
#include "restore.h"

/* object that the events of the whole database name */
#define WHOLE	"medrec"

/* where migrate() records its steps */
#define STEPS_TABLE	"schema_migration"

static bool HasNoRow(const char *name);

PG_FUNCTION_INFO_V1(medrec_audit_remark);

/* medrec.audit_remark(action, details): leaves an event of the whole database. */
Datum
medrec_audit_remark(PG_FUNCTION_ARGS)
{
	static const char *const actions[] = {"REPAIR", "IMPORT"};
	char	   *action = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *details = PG_GETARG_JSONB_P(1);
	AuditWriter *writer;
	MemoryContext old;
	int			i;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write an event of the audit trail"),
				 errhint("Must be superuser.")));
	for (i = 0; i < lengthof(actions); i++)
		if (strcmp(action, actions[i]) == 0)
			break;
	if (i == lengthof(actions))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("action must be REPAIR or IMPORT")));

	writer = audit_writer_begin(actions[i], WHOLE);
	old = MemoryContextSwitchTo(audit_writer_row(writer));
	audit_writer_put(writer, NULL, NULL, NULL,
					 audit_text(JsonbToCString(NULL, &details->root, VARSIZE(details))));
	MemoryContextSwitchTo(old);
	audit_writer_end(writer);
	PG_RETURN_VOID();
}

/* Whether a table is empty, or not there. */
static bool
HasNoRow(const char *name)
{
	Oid			relid = medrec_relation_if_any(name);
	Relation	rel;
	TupleTableSlot *slot;
	TableScanDesc scan;
	bool		found;

	if (!OidIsValid(relid))
		return true;
	rel = table_open(relid, AccessShareLock);
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, GetLatestSnapshot(), 0, NULL);
	found = table_scan_getnextslot(scan, ForwardScanDirection, slot);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return !found;
}

/*
 * Refuses to begin the audit trail's first era where the trail is that of a dump
 * whose data are still to come, and any other while they come.
 */
void
restore_check_era(bool first)
{
	if (OidIsValid(medrec_relation_if_any("data_import")))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("data are being imported"),
				 errhint("When all are loaded, SELECT * FROM medrec.import_end().")));
	if (first && HasNoRow(STEPS_TABLE))
		restore_refuse_without_era();
}

/* Says that there is no trail that an event could belong to. */
void
restore_refuse_without_era(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the audit trail has no era"),
			 errdetail("Only a schema has been restored, or the trail has been lost."),
			 errhint("Before the data of a dump are loaded, SELECT medrec.import_begin(); where there are none, SELECT medrec.audit_open_era(). See doc/operations.md.")));
}

/*
 * Puts right what the steps so far have made, and adds a row without a version
 * for each object that was.  False where it cannot be looked at: by another role
 * than a superuser, before the first step, and beside the SQL objects of 0.1.
 */
bool
restore_layout(ReturnSetInfo *rsinfo)
{
	List	   *name = list_make2(makeString(MEDREC_SCHEMA), makeString("repair"));
	uint64		i;

	if (!superuser() || !OidIsValid(LookupFuncName(name, 0, NULL, true)))
		return false;
	if (HasNoRow(STEPS_TABLE))
	{
		/* nothing laid out yet, or the tables of a dump without its data */
		if (OidIsValid(medrec_relation_if_any(AUDIT_TABLE)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the tables are there, but not the rows that say which steps made them"),
					 errhint("To load the data of a dump, SELECT medrec.import_begin() before and SELECT * FROM medrec.import_end() after them.")));
		return false;
	}

	/* of a restore that lost the trail nothing is made that looks sound */
	if (OidIsValid(medrec_relation_if_any(AUDIT_ERA_TABLE)) && HasNoRow(AUDIT_ERA_TABLE))
		restore_refuse_without_era();

	if (SPI_execute("SELECT r FROM medrec.repair() AS r", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not compare what has been laid out");
	for (i = 0; i < SPI_processed; i++)
	{
		Datum		values[2] = {(Datum) 0, (Datum) 0};
		bool		nulls[2] = {true, false};

		values[1] = CStringGetTextDatum(psprintf("repaired %s",
												 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1)));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return true;
}
