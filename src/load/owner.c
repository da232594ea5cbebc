/*
 * load/owner.c
 *		Writes to the terminologies with the rights of their owner.
 *
 * Nobody else has rights on them: they are changed by loading, which records
 * an event. The user's own terms have functions, which record one as well.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "audit/event.h"
#include "audit/store.h"
#include "base/direct.h"
#include "base/relations.h"
#include "load/input.h"
#include "load/owner.h"
#include "terminology/code_systems.h"

static void WriteTerm(const char *action, int64 id, const char *row);

PG_FUNCTION_INFO_V1(medrec_add_term);
PG_FUNCTION_INFO_V1(medrec_remove_term);

/*
 * Switches to the owner of the releases; an error restores the user. Triggers
 * and the like that the owner has added run as the owner too, and do not
 * resolve names to objects that the caller has created.
 */
void
load_become_owner(LoadOwner *owner)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(medrec_relation("code_release")));
	Oid			role;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for medrec.code_release");
	role = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	owner->level = direct_search_path();
	GetUserIdAndSecContext(&owner->user, &owner->sec_context);
	SetUserIdAndSecContext(role, owner->sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

/* Switches back to the caller. */
void
load_leave_owner(const LoadOwner *owner)
{
	SetUserIdAndSecContext(owner->user, owner->sec_context);
	AtEOXact_GUC(true, owner->level);
}

/* Records the event of a user's own term. */
static void
WriteTerm(const char *action, int64 id, const char *row)
{
	AuditWriter *writer = audit_writer_begin(action, "code_term");
	MemoryContext old = MemoryContextSwitchTo(audit_writer_row(writer));
	bool		added = strcmp(action, "INSERT") == 0;

	audit_writer_put(writer, audit_text(psprintf(INT64_FORMAT, id)), NULL,
					 added ? NULL : audit_text(row), added ? audit_text(row) : NULL);
	MemoryContextSwitchTo(old);
	audit_writer_end(writer);
}

/* medrec.add_term(code_system, code, term): adds a user's own synonym. */
Datum
medrec_add_term(PG_FUNCTION_ARGS)
{
	const CodeSystem *system = codesystem_get(PG_GETARG_TEXT_PP(0));
	text	   *term = PG_GETARG_TEXT_PP(2);
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		args[3];
	LoadOwner	owner;
	int64		id;
	bool		isnull;

	PreventCommandIfReadOnly("medrec.add_term()");
	if (VARSIZE_ANY_EXHDR(term) == 0 || VARSIZE_ANY_EXHDR(term) > LOAD_MAX_TERM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("term must have 1 to %d bytes", LOAD_MAX_TERM)));
	args[0] = CStringGetTextDatum(system->name);
	args[1] = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	args[2] = PointerGetDatum(term);
	load_become_owner(&owner);
	SPI_connect();
	if (SPI_execute_with_args("INSERT INTO medrec.code_term AS t (code_system, code, kind, term)"
							  " SELECT $1, medrec.normalize_code($1, $2), 'synonym', $3"
							  " WHERE medrec.normalize_code($1, $2) IS NOT NULL"
							  " RETURNING t.id, pg_catalog.to_json(t)::pg_catalog.text",
							  3, types, args, NULL, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not write medrec.code_term");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a code of %s by its structure", system->name)));
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	WriteTerm("INSERT", id, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
	SPI_finish();
	load_leave_owner(&owner);
	PG_RETURN_INT64(id);
}

/* medrec.remove_term(id): removes a user's own synonym. */
Datum
medrec_remove_term(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT8OID};
	Datum		args[] = {PG_GETARG_DATUM(0)};
	LoadOwner	owner;
	bool		removed;

	PreventCommandIfReadOnly("medrec.remove_term()");
	load_become_owner(&owner);
	SPI_connect();
	if (SPI_execute_with_args("DELETE FROM medrec.code_term AS t WHERE t.id OPERATOR(pg_catalog.=) $1"
							  " AND t.release_id IS NULL RETURNING pg_catalog.to_json(t)::pg_catalog.text",
							  1, types, args, NULL, false, 0) != SPI_OK_DELETE_RETURNING)
		elog(ERROR, "could not write medrec.code_term");
	removed = SPI_processed > 0;
	if (removed)
		WriteTerm("DELETE", PG_GETARG_INT64(0),
				  SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	load_leave_owner(&owner);
	PG_RETURN_BOOL(removed);
}
