/*
 * audit/import.c
 *		The audit trail while a dump is loaded: no era begins before the import
 *		ends. Also records events of what migrate() and an import did to the
 *		whole database.
 */
#include "base/medrec.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "audit/event.h"
#include "audit/import.h"
#include "audit/store.h"
#include "base/guard.h"
#include "base/relations.h"

/* object name in events of the whole database */
#define WHOLE	"medrec"

PG_FUNCTION_INFO_V1(medrec_audit_remark);

/* medrec.audit_remark(action, details): records an event of the whole database. */
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

/*
 * Refuses to begin the first era if the trail of a dump is still to be loaded,
 * and any era during an import.
 */
void
audit_check_import(bool first)
{
	if (OidIsValid(medrec_relation_if_any("data_import")))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("data are being imported"),
				 errhint("When all data are loaded, run SELECT * FROM medrec.import_end().")));
	if (first && medrec_table_is_empty(MIGRATE_STEPS))
		audit_refuse_without_era();
}

/* Raises the error for a trail without an era. */
void
audit_refuse_without_era(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the audit trail has no era"),
			 errdetail("Only a schema has been restored, or the trail has been lost."),
			 errhint("To load the data of a dump, run SELECT medrec.import_begin() first. If there are no data to load, run SELECT medrec.audit_open_era(). See doc/operations.md.")));
}
