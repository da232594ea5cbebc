/*
 * audit/access_replay.c
 *		Runs what CREATE EXTENSION and migrate() run in empty schemas, takes
 *		the state of the result, and rolls it back.
 *
 * The script comes from the library, and no function in the database is
 * trusted. No other session sees the result, and no table of medrec is
 * touched.
 */
#include "base/medrec.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "audit/access_replay.h"
#include "audit/access_state.h"
#include "base/guard.h"
#include "hash/sha256.h"

static const char install_script[] =
#include "audit/access_script.inc"
		   ;

/* renames medrec's schemas and drops its event triggers */
static const char put_aside[] =
"DO $aside$\n"
"DECLARE\n"
"	r record;\n"
"BEGIN\n"
"	PERFORM pg_catalog.set_config('client_min_messages', 'error', true);\n"
"	PERFORM pg_catalog.set_config('session_replication_role', 'replica', true);\n"
"	PERFORM pg_catalog.set_config('check_function_bodies', 'off', true);\n"
"	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);\n"
"	FOR r IN SELECT e.evtname FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid\n"
"		JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'medrec' OR e.evtname LIKE 'medrec\\_%' LOOP\n"
"		EXECUTE format('DROP EVENT TRIGGER %I', r.evtname);\n"
"	END LOOP;\n"
"	FOR r IN SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = 'medrec' OR n.nspname LIKE 'medrec\\_%' LOOP\n"
"		EXECUTE format('ALTER SCHEMA %I RENAME TO %I', r.nspname, 'aside_' || r.oid);\n"
"	END LOOP;\n"
"	CREATE SCHEMA medrec;\n"
"END\n"
"$aside$";

static void RunReplayed(const char *sql);
static char *Script(void);
static void RunSteps(const char *applied);
static char *AppliedSteps(void);

/* Runs commands by SPI. */
static void
RunReplayed(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
}

/* The install script as CREATE EXTENSION would run it. */
static char *
Script(void)
{
	static const char module[] = "MODULE_PATHNAME";
	StringInfoData out;
	const char *line = install_script;

	initStringInfo(&out);
	while (*line)
	{
		size_t		len = strcspn(line, "\n");
		const char *place;

		/* psql's commands */
		if (*line != '\\')
		{
			const char *rest = line;

			while ((place = strstr(rest, module)) != NULL && place < line + len)
			{
				appendBinaryStringInfo(&out, rest, place - rest);
				appendStringInfoString(&out, "$libdir/medrec");
				rest = place + strlen(module);
			}
			appendBinaryStringInfo(&out, rest, line + len - rest);
		}
		appendStringInfoChar(&out, '\n');
		line += len + (line[len] != '\0');
	}
	return out.data;
}

/* The numbers of the steps applied in this database, as an array; within SPI. */
static char *
AppliedSteps(void)
{
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute("SELECT coalesce(pg_catalog.array_agg(m.version ORDER BY m.version), '{}')::pg_catalog.text"
					" FROM medrec.schema_migration AS m", true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the steps");
	PopActiveSnapshot();
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Runs the steps in the empty schemas. */
static void
RunSteps(const char *applied)
{
	SPITupleTable *steps;
	uint64		nsteps;

	RunReplayed(MIGRATE_STEPS_TABLE);
	RunReplayed(psprintf("INSERT INTO medrec.schema_migration (version, name)"
						 " SELECT s.version, s.name FROM medrec.migration_step() AS s"
						 " WHERE s.version OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.int4[])",
						 quote_literal_cstr(applied)));
	if (SPI_execute("SELECT s.script FROM medrec.migration_step() AS s"
					" JOIN medrec.schema_migration AS m ON m.version OPERATOR(pg_catalog.=) s.version"
					" ORDER BY s.version", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the migration steps");
	steps = SPI_tuptable;
	nsteps = SPI_processed;
	for (uint64 i = 0; i < nsteps; i++)
	{
		CHECK_FOR_INTERRUPTS();
		RunReplayed(SPI_getvalue(steps->vals[i], steps->tupdesc, 1));
	}
}

/* What migrate() makes in this server, without the site's part; in the caller's memory. */
char *
access_replay(void)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *state = NULL;

	BeginInternalSubTransaction(NULL);
	medrec_guard_asleep = true;
	PG_TRY();
	{
		char	   *applied;

		SPI_connect();
		/* only one at a time, and not during migrate() */
		RunReplayed(MIGRATE_LOCK);
		applied = AppliedSteps();
		RunReplayed(put_aside);
		RunReplayed(Script());
		RunSteps(applied);
		MemoryContextSwitchTo(caller);
		state = access_state(false, NULL);
		SPI_finish();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/*
		 * code that catches the error ends its own subtransaction, not this
		 * one
		 */
		medrec_guard_asleep = false;
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		ReThrowError(error);
	}
	PG_END_TRY();
	medrec_guard_asleep = false;
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return state;
}

/* Identifies what determines the text of the definitions: the script, the steps, the server. */
char *
access_made_of(void)
{
	MemoryContext caller = CurrentMemoryContext;
	uint8		digest[SHA256_LENGTH];
	char	   *text;

	access_digest(install_script, digest);
	SPI_connect();
	text = psprintf("medrec %s (%02x%02x%02x%02x), PostgreSQL %d, steps %s", MEDREC_VERSION,
					digest[0], digest[1], digest[2], digest[3], PG_VERSION_NUM / 10000, AppliedSteps());
	text = MemoryContextStrdup(caller, text);
	SPI_finish();
	return text;
}
