/*
 * audit/access_verify.c
 *		medrec.verify_access(): compares who may do what with what migrate()
 *		made. Also takes the snapshots of rights that the seals of the audit
 *		trail cover.
 *
 * PostgreSQL has no event triggers for roles, databases and settings, so
 * changes of these are found afterwards: each sealing takes a snapshot, stores
 * it if it differs from the last one, records an event that lists the
 * differences, and puts the digest of the snapshot into the seal.
 */
#include "base/medrec.h"

#include "access/xact.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "audit/access_replay.h"
#include "audit/access_state.h"
#include "audit/access_verify.h"
#include "audit/event.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/store.h"
#include "base/relations.h"

static const char compare_query[] =
#include "audit/access_compare.inc"
		   ;

/* a stored state: as migrate() made it, or as it was when a seal was made */
typedef struct AccessSnapshot
{
	int64		number;			/* 0: none */
	int64		seal;			/* the first seal that covers it */
	char	   *made_of;
	char	   *state;
	uint8		digest[SHA256_LENGTH];
	bool		sound;			/* the text matches the digest */
} AccessSnapshot;

/* most differences that an event lists */
#define MOST_CHANGES	200

static char *Hex(const uint8 *digest);
static AccessSnapshot LastSnapshot(const char *kind);
static void KeepSnapshot(int64 number, const char *kind, int64 seal, const char *made_of,
						 const char *state, const uint8 *digest);
static void WriteChanges(const AccessSnapshot *last, const char *state);
static void ReportAccess(ReturnSetInfo *rsinfo, const char *kind, const char *severity,
						 const char *object, const char *detail);
static void CompareWithMade(ReturnSetInfo *rsinfo, const char *state, const char *made);
static void FindFault(int64 seal, const char *detail, void *arg);

PG_FUNCTION_INFO_V1(medrec_verify_access);

/* A digest in hexadecimal. */
static char *
Hex(const uint8 *digest)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < SHA256_LENGTH; i++)
		appendStringInfo(&out, "%02x", digest[i]);
	return out.data;
}

/* The last stored state of a kind; the reader is the trail's owner. */
static AccessSnapshot
LastSnapshot(const char *kind)
{
	MemoryContext caller = CurrentMemoryContext;
	AccessSnapshot last = {0};
	Oid			types[] = {TEXTOID};
	Datum		args[] = {CStringGetTextDatum(kind)};
	uint8		computed[SHA256_LENGTH];

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_with_args("SELECT a.number, a.seal, a.made_of, a.state, a.digest FROM medrec.audit_access AS a"
							  " WHERE a.kind OPERATOR(pg_catalog.=) $1 ORDER BY a.number DESC LIMIT 1",
							  1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read medrec.%s", ACCESS_TABLE);
	if (SPI_processed > 0)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Datum		value;

		last.number = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
		value = SPI_getbinval(row, desc, 2, &isnull);
		last.seal = isnull ? 0 : DatumGetInt64(value);
		last.made_of = MemoryContextStrdup(caller, SPI_getvalue(row, desc, 3));
		last.state = MemoryContextStrdup(caller, SPI_getvalue(row, desc, 4));
		value = SPI_getbinval(row, desc, 5, &isnull);
		if (VARSIZE_ANY_EXHDR(DatumGetByteaPP(value)) == SHA256_LENGTH)
			memcpy(last.digest, VARDATA_ANY(DatumGetByteaPP(value)), SHA256_LENGTH);
		access_digest(last.state, computed);
		last.sound = memcmp(last.digest, computed, SHA256_LENGTH) == 0;
	}
	PopActiveSnapshot();
	SPI_finish();
	return last;
}

/* Stores a state. */
static void
KeepSnapshot(int64 number, const char *kind, int64 seal, const char *made_of,
			 const char *state, const uint8 *digest)
{
	static const char *const names[] = {
		"number", "kind", "seal", "taken_at", "taken_by", "made_of", "digest", "state"
	};
	Datum		values[lengthof(names)];
	bool		nulls[lengthof(names)] = {false};

	values[0] = Int64GetDatum(number);
	values[1] = CStringGetTextDatum(kind);
	values[2] = Int64GetDatum(seal);
	nulls[2] = seal == 0;
	values[3] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[4] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	values[5] = CStringGetTextDatum(made_of);
	values[6] = PointerGetDatum(cstring_to_text_with_len((const char *) digest, SHA256_LENGTH));
	values[7] = CStringGetTextDatum(state);
	audit_insert_row(medrec_relation(ACCESS_TABLE), lengthof(names), names, values, nulls);
	CommandCounterIncrement();
}

/*
 * Stores the state that migrate() has made, for comparison on a standby and by
 * callers who are not superusers. fresh: migrate() has just created
 * everything.
 */
void
access_keep_made(bool fresh)
{
	AccessSnapshot last;
	AccessSnapshot sealed;
	char	   *made_of;
	char	   *state;
	uint8		digest[SHA256_LENGTH];

	if (!OidIsValid(medrec_relation_if_any(ACCESS_TABLE)))
		return;
	last = LastSnapshot("made");
	made_of = access_made_of();
	if (last.number > 0 && last.sound && strcmp(last.made_of, made_of) == 0)
		return;
	sealed = LastSnapshot("sealed");
	state = fresh ? access_state(false, NULL) : access_replay();
	access_digest(state, digest);
	KeepSnapshot(Max(last.number, sealed.number) + 1, "made", 0, made_of, state, digest);
}

/* Records an event that lists what has changed since the last snapshot. */
static void
WriteChanges(const AccessSnapshot *last, const char *state)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		args[3];
	char	   *json;
	AuditWriter *writer;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	int			level = access_settings();

	args[0] = CStringGetTextDatum(last->state);
	args[1] = CStringGetTextDatum(state);
	args[2] = CStringGetTextDatum(psprintf("rights or settings changed since seal " INT64_FORMAT,
										   last->seal));
	SPI_connect();
	if (SPI_execute_with_args("WITH old AS MATERIALIZED (SELECT a ->> 0 AS kind, a ->> 1 AS object, a ->> 2 AS is FROM jsonb_array_elements($1::jsonb) AS a),"
							  " new AS MATERIALIZED (SELECT a ->> 0 AS kind, a ->> 1 AS object, a ->> 2 AS is FROM jsonb_array_elements($2::jsonb) AS a),"
							  " change AS (SELECT row_number() OVER (ORDER BY coalesce(n.kind, o.kind) COLLATE \"C\", coalesce(n.object, o.object) COLLATE \"C\") AS n,"
							  "  count(*) OVER () AS total,"
							  "  CASE WHEN o.kind IS NULL THEN 'added ' WHEN n.kind IS NULL THEN 'removed ' ELSE 'changed ' END"
							  "   || coalesce(n.kind, o.kind) || ' ' || coalesce(n.object, o.object)"
							  "   || CASE WHEN length(coalesce(n.is, o.is)) BETWEEN 1 AND 200 AND coalesce(n.kind, o.kind) <> 'function' THEN ': ' || coalesce(n.is, o.is) ELSE '' END"
							  "   || CASE WHEN n.kind IS NOT NULL AND length(o.is) BETWEEN 1 AND 200 AND o.kind <> 'function' THEN ', was: ' || o.is ELSE '' END AS what"
							  "  FROM old AS o FULL JOIN new AS n ON n.kind = o.kind AND n.object = o.object"
							  "  WHERE n.is IS DISTINCT FROM o.is)"
							  " SELECT json_build_object('command', $3, 'changes', max(c.total), 'details',"
							  "  json_agg(c.what ORDER BY c.n) FILTER (WHERE c.n <= " CppAsString2(MOST_CHANGES) "))::text"
							  " FROM change AS c",
							  3, types, args, NULL, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not compare the snapshots");
	json = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	AtEOXact_GUC(true, level);

	writer = audit_writer_begin("DDL", "access");
	old = MemoryContextSwitchTo(audit_writer_row(writer));
	audit_writer_put(writer, NULL, NULL, NULL, audit_text(json));
	MemoryContextSwitchTo(old);
	audit_writer_end(writer);
}

/*
 * Takes the snapshot for the next seal, and gives its digest. False if there
 * is no table to store it. The caller holds the sealing lock and runs as the
 * trail's owner.
 */
bool
access_take(int64 seal, uint8 *digest)
{
	AccessSnapshot made;
	AccessSnapshot last;
	char	   *state;

	if (!OidIsValid(medrec_relation_if_any(ACCESS_TABLE)) ||
		!audit_seals_have_access())
		return false;
	made = LastSnapshot("made");
	last = LastSnapshot("sealed");
	state = access_state(true, made.number > 0 ? Hex(made.digest) : NULL);
	access_digest(state, digest);
	if (last.number > 0 && last.sound && memcmp(last.digest, digest, SHA256_LENGTH) == 0)
		return true;
	KeepSnapshot(Max(last.number, made.number) + 1, "sealed", seal, access_made_of(), state, digest);
	if (last.number > 0 && last.sound)
		WriteChanges(&last, state);
	return true;
}

/* Checks the stored snapshots against their digests and the seals. */
void
access_check_snapshots(AccessFault function, void *arg)
{
	int			level;

	if (!OidIsValid(medrec_relation_if_any(ACCESS_TABLE)) ||
		!audit_seals_have_access())
		return;
	level = access_settings();
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute("SELECT a.seal, format('the %s of number %s is not what its digest says',"
					"  CASE a.kind WHEN 'made' THEN 'state that migrate() made' ELSE 'snapshot of rights' END, a.number)"
					" FROM medrec.audit_access AS a WHERE sha256(convert_to(a.state, 'UTF8')) <> a.digest"
					" UNION ALL"
					" SELECT min(s.seal), format('the snapshot of rights that %s seals cover is not there', count(*))"
					" FROM medrec.audit_seal AS s WHERE s.access IS NOT NULL AND NOT EXISTS"
					"  (SELECT FROM medrec.audit_access AS a WHERE a.kind = 'sealed' AND a.digest = s.access AND a.seal <= s.seal)"
					" GROUP BY s.access"
					" UNION ALL"
					" SELECT a.seal, format('what migrate() made, as snapshot %s names it, is not there', a.number)"
					" FROM medrec.audit_access AS a CROSS JOIN LATERAL jsonb_array_elements(a.state::jsonb) AS e"
					" WHERE a.number = (SELECT max(x.number) FROM medrec.audit_access AS x WHERE x.kind = 'sealed') AND e ->> 0 = 'baseline'"
					"  AND NOT EXISTS (SELECT FROM medrec.audit_access AS m WHERE m.kind = 'made' AND encode(m.digest, 'hex') = e ->> 2)",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read medrec.%s", ACCESS_TABLE);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		seal = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		function(isnull ? 0 : DatumGetInt64(seal),
				 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2), arg);
	}
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* Adds a finding without a seal. */
static void
ReportAccess(ReturnSetInfo *rsinfo, const char *kind, const char *severity, const char *object, const char *detail)
{
	Datum		values[5] = {0};
	bool		nulls[5] = {false, false, true, false, false};

	values[0] = CStringGetTextDatum(kind);
	values[1] = CStringGetTextDatum(severity);
	values[3] = CStringGetTextDatum(object);
	values[4] = CStringGetTextDatum(detail);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Adds a fault of the stored snapshots. */
static void
FindFault(int64 seal, const char *detail, void *arg)
{
	ReportAccess(arg, "snapshot_altered", "error", "medrec." ACCESS_TABLE, detail);
}

/* Adds the differences from what migrate() made, and questionable settings of the site. */
static void
CompareWithMade(ReturnSetInfo *rsinfo, const char *state, const char *made)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		args[3];
	int			level = access_settings();

	args[0] = CStringGetTextDatum(state);
	args[1] = CStringGetTextDatum(made);
	args[2] = CStringGetTextDatum(GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false));
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_with_args(compare_query, 3, types, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not compare the states");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		values[5];
		bool		nulls[5];

		for (int column = 0; column < 5; column++)
			values[column] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column + 1,
										   &nulls[column]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* medrec.verify_access(): lists the rights that differ from what migrate() made. */
Datum
medrec_verify_access(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		replay = superuser() && !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode();
	AccessSnapshot stored;
	char	   *made;
	char	   *made_of;
	char	   *state;
	Oid			user;
	int			sec_context;

	InitMaterializedSRF(fcinfo, 0);
	(void) medrec_relation(ACCESS_TABLE);
	made = replay ? access_replay() : NULL;
	audit_become_owner(&user, &sec_context);
	access_check_snapshots(FindFault, rsinfo);
	stored = LastSnapshot("made");
	made_of = access_made_of();
	state = access_state(true, stored.number > 0 ? Hex(stored.digest) : NULL);
	if (stored.number == 0 || strcmp(stored.made_of, made_of) != 0)
	{
		ReportAccess(rsinfo, "baseline_outdated", made ? "information" : "warning", "medrec." ACCESS_TABLE,
					 psprintf("the baseline was made by %s, and this is %s; run SELECT * FROM medrec.migrate()",
							  stored.number == 0 ? "no version" : stored.made_of, made_of));
		/* another version may only write the same definitions differently */
		if (made == NULL)
			made = access_state(false, NULL);
	}
	else if (made && strcmp(made, stored.state) != 0)
		ReportAccess(rsinfo, "baseline_altered", "error", "medrec." ACCESS_TABLE,
					 "the baseline kept there is not what migrate() makes");
	CompareWithMade(rsinfo, state, made ? made : stored.state);
	SetUserIdAndSecContext(user, sec_context);
	return (Datum) 0;
}
