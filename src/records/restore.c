/*
 * records/restore.c
 *		What migrate() repairs.
 *
 * The comparison is done in SQL (sql/70-restore.sql): the wanted state is what
 * the recorded steps make, and is not written down anywhere else.
 */
#include "base/medrec.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"

#include "audit/event.h"
#include "audit/import.h"
#include "base/guard.h"
#include "base/relations.h"
#include "records/restore.h"

/*
 * Repairs what the applied steps have made, and adds a row without a version
 * for each object that was repaired. False if it cannot compare: for a role
 * that is not a superuser, before the first step, and with the SQL objects of
 * 0.1.
 */
bool
restore_layout(ReturnSetInfo *rsinfo)
{
	List	   *name = list_make2(makeString(MEDREC_SCHEMA), makeString("repair"));
	uint64		i;

	if (!superuser() || !OidIsValid(LookupFuncName(name, 0, NULL, true)))
		return false;
	if (medrec_table_is_empty(MIGRATE_STEPS))
	{
		/*
		 * nothing has been created yet, or only the tables of a dump without
		 * its data
		 */
		if (OidIsValid(medrec_relation_if_any(AUDIT_TABLE)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the tables exist, but the rows that say which steps made them do not"),
					 errhint("To load the data of a dump, run SELECT medrec.import_begin() before loading it and SELECT * FROM medrec.import_end() after that.")));
		return false;
	}

	/*
	 * after a restore that lost the trail, nothing is created that would hide
	 * the loss
	 */
	if (OidIsValid(medrec_relation_if_any(AUDIT_ERA_TABLE)) && medrec_table_is_empty(AUDIT_ERA_TABLE))
		audit_refuse_without_era();

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
