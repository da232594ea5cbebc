/*
 * audit/access_state.c
 *		Takes a snapshot of everything that decides who may do what with
 *		medrec.
 *
 * The query is in the library and not in a function of the extension, which
 * its owner could replace by one that reports nothing.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "audit/access_state.h"
#include "hash/sha256.h"

static const char state_query[] =
#include "audit/access_state.inc"
		   ;

static char *FileSettings(void);

/*
 * Sets the settings that make the text of a definition the same in every
 * session; ends by AtEOXact_GUC(true, what is returned), or with the
 * transaction.
 */
int
access_settings(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	}			settings[] =
	{
		{"search_path", "pg_catalog, pg_temp"},
		{"quote_all_identifiers", "off"},
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "postgres"},
		{"TimeZone", "UTC"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"standard_conforming_strings", "on"},
		{"jit", "off"},
	};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i].name, settings[i].value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/*
 * The settings of the configuration files, as JSON; an empty list if the owner
 * may not read them.
 */
static char *
FileSettings(void)
{
	if (!superuser())
		return "[]";
	if (SPI_execute("SELECT coalesce(jsonb_agg(jsonb_build_array(f.name, f.setting) ORDER BY f.name COLLATE \"C\"), '[]')::text"
					" FROM pg_catalog.pg_file_settings AS f WHERE f.applied", true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the configuration files");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * The current state, in the caller's memory context. site: with roles,
 * memberships and settings; baseline: digest of what migrate() made, or NULL.
 */
char *
access_state(bool site, const char *baseline)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TEXTOID, BOOLOID, TEXTOID};
	char		nulls[] = "   ";
	Datum		args[3];
	char	   *state;
	int			level = access_settings();

	CommandCounterIncrement();
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	args[0] = CStringGetTextDatum(site ? FileSettings() : "[]");
	args[1] = BoolGetDatum(site);
	args[2] = baseline ? CStringGetTextDatum(baseline) : (Datum) 0;
	nulls[2] = baseline ? ' ' : 'n';
	if (SPI_execute_with_args(state_query, 3, types, args, nulls, true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the catalogs");
	state = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, level);
	return state;
}

/* SHA-256 of a state's text in UTF-8. */
void
access_digest(const char *state, uint8 *digest)
{
	char	   *text = pg_server_to_any(state, strlen(state), PG_UTF8);
	Sha256		hash;

	sha256_init(&hash);
	sha256_update(&hash, text, strlen(text));
	sha256_final(&hash, digest);
}
