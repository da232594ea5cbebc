/*
 * records/migrate.c
 *		medrec.migrate(): creates and updates the tables in recorded steps.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "audit/access_verify.h"
#include "base/guard.h"
#include "base/relations.h"
#include "base/version.h"
#include "records/columns.h"
#include "records/restore.h"

/*
 * Lock tag for steps in several databases at once, because roles belong to the
 * whole cluster: a shared object of this class that does not exist, so that no
 * SQL command locks it.
 */
#define ROLES_LOCK_CLASS	AuthIdRelationId
#define ROLES_LOCK_SUBID	0x6d64	/* "md" */

static void LockRoles(void);
static void CheckSuperuser(void);
static void CheckSchema(const char *name);
static void CheckTriggers(void);
static void RunCommand(const char *sql);
static void RunStep(const char *sql);

/*
 * Lets one database of the cluster at a time create roles, until the end of
 * its transaction. A session that cannot create roles does not lock, so it
 * blocks nobody.
 */
static void
LockRoles(void)
{
	if (has_createrole_privilege(GetUserId()))
		LockSharedObject(ROLES_LOCK_CLASS, InvalidOid, ROLES_LOCK_SUBID, AccessExclusiveLock);
}

/*
 * Refuses all but superusers, before anything is done. Otherwise a step that
 * needs one would fail half-way, with an error about something else.
 */
static void
CheckSuperuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to run medrec.migrate()"),
				 errdetail("It creates roles, event triggers, and functions owned by another role, which requires a superuser, as CREATE EXTENSION medrec does."),
				 errhint("Run it as a superuser. The tables may be given to another owner afterwards.")));
}

/*
 * Refuses a schema whose owner is not a superuser: objects that the owner has
 * created there, or may create there, would run with the rights of the role
 * that migrates.
 */
static void
CheckSchema(const char *name)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum(name));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return;
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (owner != GetUserId() && !superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schema \"%s\" belongs to role \"%s\"", name,
						GetUserNameFromId(owner, false)),
				 errhint("Give the schema to the role that runs medrec.migrate().")));
}

/*
 * Refuses tables that have lost their triggers and could not be repaired: DROP
 * EXTENSION ... CASCADE keeps every row but drops triggers, constraints,
 * indexes and API functions, which recorded steps do not create again.
 */
static void
CheckTriggers(void)
{
	int			kind;

	for (kind = 0; kind < RECORD_KINDS; kind++)
		if (!OidIsValid(get_trigger_oid(medrec_relation(record_kind_names[kind]),
										"medrec_validate", true)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s.%s\" has lost its trigger \"medrec_validate\"",
							MEDREC_SCHEMA, record_kind_names[kind]),
					 errdetail("DROP EXTENSION ... CASCADE takes medrec's triggers, constraints and functions away, and keeps the rows."),
					 errhint("Run SELECT * FROM medrec.migrate() as a superuser to restore it.")));
}

/* Runs a command by SPI that is not expected to return rows. */
static void
RunCommand(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
}

/* Runs the statements of a step, which may drop and rename guarded objects. */
static void
RunStep(const char *sql)
{
	medrec_guard_asleep = true;
	PG_TRY();
	{
		RunCommand(sql);
	}
	PG_FINALLY();
	{
		medrec_guard_asleep = false;
	}
	PG_END_TRY();
}

PG_FUNCTION_INFO_V1(medrec_migrate);

/* medrec.migrate(): applies the steps that schema_migration does not name yet. */
Datum
medrec_migrate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			record[] = {INT4OID, TEXTOID};
	SPITupleTable *steps;
	uint64		nsteps;
	uint64		i;
	bool		restored;
	bool		fresh;

	PreventCommandIfReadOnly("medrec.migrate()");
	CheckSuperuser();
	InitMaterializedSRF(fcinfo, 0);
	medrec_compare_versions();
	CheckSchema(MEDREC_SCHEMA);
	CheckSchema(MEDREC_SCHEMA "_api");

	SPI_connect();

	RunCommand(MIGRATE_LOCK);

	RunCommand(MIGRATE_STEPS_TABLE);
	RunCommand("COMMENT ON TABLE medrec.schema_migration IS"
			   " 'Steps of medrec.migrate() that have been applied in this database.'");

	/* repair what earlier steps made, before later ones build on it */
	restored = restore_layout(rsinfo);

	/* a separate statement, so that it sees what another migration did */
	if (SPI_execute("SELECT s.version, s.name, s.script"
					" FROM medrec.migration_step() AS s"
					" WHERE NOT EXISTS (SELECT FROM medrec.schema_migration AS m"
					"  WHERE m.version OPERATOR(pg_catalog.=) s.version)"
					" ORDER BY s.version", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the migration steps");
	steps = SPI_tuptable;
	nsteps = SPI_processed;
	if (nsteps > 0)
		LockRoles();
	if (SPI_execute("SELECT FROM medrec.schema_migration LIMIT 1", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the steps");
	fresh = SPI_processed == 0;

	for (i = 0; i < nsteps; i++)
	{
		HeapTuple	step = steps->vals[i];
		TupleDesc	desc = steps->tupdesc;
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bool		isnull;

		CHECK_FOR_INTERRUPTS();

		RunStep(SPI_getvalue(step, desc, 3));

		values[0] = SPI_getbinval(step, desc, 1, &isnull);
		values[1] = SPI_getbinval(step, desc, 2, &isnull);
		if (SPI_execute_with_args("INSERT INTO medrec.schema_migration (version, name)"
								  " VALUES ($1, $2)",
								  2, record, values, NULL, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not record migration step");
		CommandCounterIncrement();
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}

	SPI_finish();
	if (!restored)
		CheckTriggers();
	access_keep_made(fresh);
	medrec_comment_version();
	return (Datum) 0;
}
