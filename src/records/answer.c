/*
 * records/answer.c
 *		What the answer to a request says of the one record that it is about: the
 *		headers ETag and Location, and whether a precondition holds.
 *
 * PostgREST takes headers and status from the settings response.headers and
 * response.status.  They are set in its sessions only, and where the gateway has
 * said with a header of its own that the request is about one record.
 *
 * An entity tag is "VERSION", and "VERSION-TIME" where the row has a time that moves
 * without a new version: last_visit of a patient, last_login of an account.
 * If-None-Match compares all of it, If-Match the version: a visit is no change that
 * a person could overwrite.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "base/actor.h"
#include "records/answer.h"

/* "2147483647-8000000000000000", with its quotes */
#define TAG_MAX		32

static void Answer(const char *setting, const char *value);
static void MakeTag(char *tag, int32 version, bool timed, TimestampTz time);
static bool NextTag(const char **list, const char **tag, int *len);
static bool ListHas(const char *list, const char *tag, bool version_only);
static bool RecordTag(HeapTupleHeader record, char *tag);
static void RefuseStale(const char *tag, bool versioned, bool reads);

PG_FUNCTION_INFO_V1(medrec_precondition);
PG_FUNCTION_INFO_V1(medrec_count_row);

/* Sets what PostgREST takes the answer's headers or status from. */
static void
Answer(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

/* The entity tag without its quotes. */
static void
MakeTag(char *tag, int32 version, bool timed, TimestampTz time)
{
	if (timed)
		snprintf(tag, TAG_MAX, "%d-" UINT64_FORMAT, version, (uint64) time);
	else
		snprintf(tag, TAG_MAX, "%d", version);
}

/* ETag, and of a new row Location. */
void
answer_tell_row(const RecordRow *row)
{
	static const char *const paths[RECORD_KINDS] = {
		"/accounts", "/patients", "/diagnoses", "/treatments"
	};
	const char *path;
	const char *method;
	char		tag[TAG_MAX];
	char	   *id;

	if (!actor_is_authenticator() || actor_request_header(REQUEST_SINGLE) == NULL)
		return;

	/*
	 * a row that a trigger or function of the user's writes is not what was
	 * asked for
	 */
	path = GetConfigOption("request.path", true, false);
	if (path == NULL || strcmp(path, paths[row->kind]) != 0)
		return;

	switch (row->kind)
	{
		case RECORD_ACCOUNT:
			if (row->columns[ACCOUNT_VERSION] == InvalidAttrNumber)
				return;
			MakeTag(tag, DatumGetInt32(row_value(row, ACCOUNT_VERSION)),
					!row_is_null(row, ACCOUNT_LAST_LOGIN),
					row_is_null(row, ACCOUNT_LAST_LOGIN) ? 0 :
					DatumGetTimestampTz(row_value(row, ACCOUNT_LAST_LOGIN)));
			id = psprintf("%d", DatumGetInt32(row_value(row, ACCOUNT_ID)));
			break;
		case RECORD_PATIENT:
			MakeTag(tag, DatumGetInt32(row_value(row, PATIENT_VERSION)), true,
					DatumGetTimestampTz(row_value(row, PATIENT_LAST_VISIT)));
			id = DatumGetCString(DirectFunctionCall1(uuid_out, row_value(row, PATIENT_ID)));
			break;
		default:
			MakeTag(tag, DatumGetInt32(row_value(row, CODED_VERSION)), false, 0);
			id = DatumGetCString(DirectFunctionCall1(uuid_out, row_value(row, CODED_ID)));
	}

	/*
	 * an INSERT that found the row there and changed it has made a row, to
	 * its client
	 */
	method = GetConfigOption("request.method", true, false);
	if (method == NULL || strcmp(method, "POST") != 0)
		Answer("response.headers", psprintf("[{\"ETag\":\"\\\"%s\\\"\"}]", tag));
	else
		Answer("response.headers",
			   psprintf("[{\"ETag\":\"\\\"%s\\\"\"},{\"Location\":\"%s/%s/\"}]", tag, path, id));
}

/* The next tag of a list of If-Match, without W/ and quotes; false at its end. */
static bool
NextTag(const char **list, const char **tag, int *len)
{
	const char *at = *list + strspn(*list, " \t,");
	const char *end;

	if (*at == '\0')
		return false;
	if (at[0] == 'W' && at[1] == '/')
		at += 2;
	if (*at == '"')
	{
		at++;
		end = at + strcspn(at, "\"");
	}
	else
		end = at + strcspn(at, " \t,");
	*tag = at;
	*len = end - at;
	*list = *end == '"' ? end + 1 : end;
	return true;
}

/* Whether a list of tags has one, or is "*"; version_only: whether one of them has its version. */
static bool
ListHas(const char *list, const char *tag, bool version_only)
{
	int			length = version_only ? strcspn(tag, "-") : strlen(tag);
	const char *other;
	int			len;

	while (NextTag(&list, &other, &len))
	{
		if (len == 1 && *other == '*')
			return true;
		if (version_only && memchr(other, '-', len))
			len = (const char *) memchr(other, '-', len) - other;
		if (len == length && memcmp(other, tag, len) == 0)
			return true;
	}
	return false;
}

/* The entity tag of a row of a view; false where it has no version. */
static bool
RecordTag(HeapTupleHeader record, char *tag)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(record),
											  HeapTupleHeaderGetTypMod(record));
	HeapTupleData tuple = {0};
	Datum		version = 0;
	Datum		time = 0;
	bool		versioned = false;
	bool		timed = false;

	tuple.t_len = HeapTupleHeaderGetDatumLength(record);
	tuple.t_data = record;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char *name = NameStr(att->attname);
		bool		isnull;

		if (att->attisdropped)
			continue;
		if (att->atttypid == INT4OID && strcmp(name, "version") == 0)
		{
			version = heap_getattr(&tuple, i + 1, desc, &isnull);
			versioned = !isnull;
		}
		else if (att->atttypid == TIMESTAMPTZOID &&
				 (strcmp(name, "last_visit") == 0 || strcmp(name, "last_login") == 0))
		{
			time = heap_getattr(&tuple, i + 1, desc, &isnull);
			timed = !isnull;
		}
	}
	ReleaseTupleDesc(desc);
	if (versioned)
		MakeTag(tag, DatumGetInt32(version), timed, timed ? DatumGetTimestampTz(time) : 0);
	return versioned;
}

/* Refuses a record that has another version than the request names. */
static void
RefuseStale(const char *tag, bool versioned, bool reads)
{
	const char *if_match = actor_request_header(REQUEST_IF_MATCH);
	const char *if_none_match = actor_request_header(REQUEST_IF_NONE_MATCH);
	const char *named = actor_request_header(REQUEST_VERSION);

	if ((if_match && !ListHas(if_match, tag, true)) ||
		(if_none_match && !reads && ListHas(if_none_match, tag, true)))
		ereport(ERROR,
				(errcode(ERRCODE_HTTP_PRECONDITION_FAILED),
				 errmsg("the record does not have the version that If-Match names"),
				 errdetail("Somebody has changed it since it was read."),
				 errhint("Read it again and repeat the change.")));
	if (versioned && named && !ListHas(named, tag, true))
		row_raise_stale();
}

/*
 * medrec.precondition(record): for the WHERE of PostgREST's statement, after the
 * condition that names the record.  Under READ COMMITTED an UPDATE that waited for
 * another asks again, with the row as it is then.
 */
Datum
medrec_precondition(PG_FUNCTION_ARGS)
{
	const char *method;
	const char *if_none_match;
	char		tag[TAG_MAX] = "";
	bool		reads;
	bool		versioned;

	if (!actor_is_authenticator())
		PG_RETURN_BOOL(true);
	versioned = RecordTag(PG_GETARG_HEAPTUPLEHEADER(0), tag);
	method = GetConfigOption("request.method", true, false);
	reads = method && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
	RefuseStale(tag, versioned, reads);
	if (versioned && reads)
	{
		Answer("response.headers", psprintf("[{\"ETag\":\"\\\"%s\\\"\"}]", tag));
		if_none_match = actor_request_header(REQUEST_IF_NONE_MATCH);
		if (if_none_match && ListHas(if_none_match, tag, false))
			Answer("response.status", "304");
	}
	PG_RETURN_BOOL(true);
}

/*
 * medrec.count_row(max): for the WHERE of PostgREST's statement: when it has let max
 * rows pass, beside those that the answer leaves out before its first, the answer may
 * be a part of what there is (206).
 */
Datum
medrec_count_row(PG_FUNCTION_ARGS)
{
	int64	   *left = fcinfo->flinfo->fn_extra;

	if (left == NULL)
	{
		const char *offset = actor_request_header(REQUEST_OFFSET);

		left = fcinfo->flinfo->fn_extra = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(int64));
		/* at most a few digits, as the gateway sends it */
		*left = PG_GETARG_INT32(0) + (offset ? strtol(offset, NULL, 10) : 0);
	}
	if (--*left == 0 && actor_is_authenticator())
		Answer("response.status", "206");
	PG_RETURN_BOOL(true);
}
