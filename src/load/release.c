/*
 * load/release.c
 *		medrec.load_release(): loads a release of a terminology, all or
 *		nothing.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/actor.h"
#include "base/relations.h"
#include "load/digest.h"
#include "load/doubts.h"
#include "load/format.h"
#include "load/merge.h"
#include "load/owner.h"
#include "load/store.h"
#include "load/terms.h"
#include "terminology/code_systems.h"
#include "terminology/issues.h"


/* widths of the columns of code_release */
#define VERSION_MAX_CHARS	50
#define SOURCE_MAX_CHARS	255

/* All formats, in the order in which detection tries them. */
static const LoadFormat *const formats[] = {
	&load_format_nchs_tabular,
	&load_format_nchs_drugs,
	&load_format_nchs_neoplasms,
	&load_format_nchs_external,
	&load_format_nchs_index,
	&load_format_mce,
	&load_format_cms_order,
	&load_format_cms_codes,
	&load_format_icd9_long,
	&load_format_hcpcs,
	&load_format_cvx,
	&load_format_fda_ndc,
	&load_format_loinc,
	&load_format_rxnorm,
	&load_format_rf2,
	&load_format_csv,
};

/* a row of code_release, as far as a load needs it */
typedef struct Release
{
	bool		exists;
	int32		id;
	DateADT		from;
	DateADT		to;				/* DATEVAL_NOEND: the newest */
	bool		same_file;
	char	   *format;
} Release;

/* The columns of a row of code_release, in their order. */
#define RELEASE_COLUMNS \
	"r.id, r.code_system, r.version, r.content, r.effective_from, r.effective_to," \
	" r.format, r.source, r.sha256, r.rows, r.loaded_at, r.loaded_by"
#define RELEASE_NCOLS	12

/* Whether a format is meant for a system. */
static bool
FormatSuits(const LoadFormat *format, const CodeSystem *system)
{
	const char *at;
	size_t		len = strlen(system->name);

	if (format->systems == NULL)
		return true;
	for (at = strstr(format->systems, system->name); at; at = strstr(at + 1, system->name))
		if (at[-1] == '|' && at[len] == '|')
			return true;
	return false;
}

/* The format that the file looks like, NULL if it is not one for the system. */
static const LoadFormat *
DetectFormat(const Load *load)
{
	for (int i = 0; i < lengthof(formats); i++)
		if (FormatSuits(formats[i], load->system) && formats[i]->detect(load))
			return formats[i];
	return NULL;
}

/* Finds the format by name, or by detection. */
static const LoadFormat *
FindFormat(const Load *load, const char *name)
{
	bool		auto_format = pg_strcasecmp(name, "auto") == 0;
	const LoadFormat *detected = auto_format ? DetectFormat(load) : NULL;
	StringInfoData known;

	if (detected)
		return detected;
	initStringInfo(&known);
	for (int i = 0; i < lengthof(formats); i++)
	{
		if (!FormatSuits(formats[i], load->system))
			continue;
		if (pg_strcasecmp(name, formats[i]->name) == 0)
			return formats[i];
		appendStringInfo(&known, "%s%s", known.len ? ", " : "", formats[i]->name);
	}
	if (auto_format)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("line 1 of the file: not in a format known for %s", load->system->name),
				 errdetail("Nothing of this file has been loaded."),
				 errhint("Formats known for %s: %s.", load->system->name,
						 known.len ? known.data : "none")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown format for %s", load->system->name),
			 errhint("Formats known for %s: auto%s%s.", load->system->name,
					 known.len ? ", " : "", known.data)));
}

/* A text argument as a string: neither null nor empty nor too long, without control characters. */
static char *
NameArgument(FunctionCallInfo fcinfo, int arg, const char *name, int max_chars)
{
	char	   *s;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	s = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	if (*s == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", name)));
	if (pg_mbstrlen(s) > max_chars)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("%s has more than %d characters", name, max_chars)));
	for (const char *c = s; *c; c++)
		if ((unsigned char) *c < 0x20 || *c == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s holds control characters", name)));
	return s;
}

/* SHA-256 of the file, as bytea. */
static Datum
HashContent(const char *data, size_t len)
{
	bytea	   *digest = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) data, len) < 0 ||
		pg_cryptohash_final(ctx, (uint8 *) VARDATA(digest), PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(ctx));
	pg_cryptohash_free(ctx);
	SET_VARSIZE(digest, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return PointerGetDatum(digest);
}

/*
 * Serializes loads of one system, before they read what is loaded. It is an
 * object lock on a made-up object: unlike an advisory lock it cannot be taken
 * from SQL. (Loads of two systems are serialized by the row of
 * terminology_state, when they write.)
 */
static void
LockSystem(const CodeSystem *system)
{
	LockDatabaseObject(medrec_relation("code_release"), (Oid) code_system_index(system), 0, ExclusiveLock);
}

/* A date of the only row that SPI has read. */
static DateADT
OnlyDate(int column, DateADT if_null)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? if_null : DatumGetDateADT(d);
}

/* Reads the loaded release with this system, version and kind of content. */
static Release
FindRelease(const Load *load, const char *content, Datum sha256)
{
	Release		r = {false, 0, 0, DATEVAL_NOEND, false, NULL};
	Oid			types[] = {VARCHAROID, VARCHAROID, VARCHAROID, BYTEAOID};
	Datum		args[4];
	bool		isnull;

	args[0] = CStringGetTextDatum(load->system->name);
	args[1] = CStringGetTextDatum(load->version);
	args[2] = CStringGetTextDatum(content);
	args[3] = sha256;
	if (SPI_execute_with_args("SELECT r.id, r.effective_from, r.effective_to,"
							  " r.sha256 OPERATOR(pg_catalog.=) $4, r.format"
							  " FROM medrec.code_release AS r"
							  " WHERE r.code_system OPERATOR(pg_catalog.=) $1"
							  " AND r.version OPERATOR(pg_catalog.=) $2"
							  " AND r.content OPERATOR(pg_catalog.=) $3",
							  4, types, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read medrec.code_release");
	if (SPI_processed > 0)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		r.exists = true;
		r.id = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		r.from = OnlyDate(2, 0);
		r.to = OnlyDate(3, DATEVAL_NOEND);
		r.same_file = DatumGetBool(SPI_getbinval(row, desc, 4, &isnull));
		r.format = SPI_getvalue(row, desc, 5);
	}
	SPI_freetuptable(SPI_tuptable);
	return r;
}

/* Finds the period of the release between its neighbours. */
static MergePeriods
FindPeriods(const Load *load, const char *content, const Release *old)
{
	MergePeriods p;
	Oid			types[] = {VARCHAROID, VARCHAROID, DATEOID, INT4OID, DATEOID};
	Datum		args[5];
	bool		isnull;
	bool		taken;

	args[0] = CStringGetTextDatum(load->system->name);
	args[1] = CStringGetTextDatum(content);
	args[2] = DateADTGetDatum(load->effective_from);
	args[3] = Int32GetDatum(old->exists ? old->id : 0);
	args[4] = DateADTGetDatum(old->exists ? old->from : load->effective_from);
	if (SPI_execute_with_args("SELECT pg_catalog.min(r.effective_from)"
							  "  FILTER (WHERE r.effective_from OPERATOR(pg_catalog.>) $3),"
							  " pg_catalog.count(*)"
							  "  FILTER (WHERE r.effective_from OPERATOR(pg_catalog.=) $3)"
							  "  OPERATOR(pg_catalog.>) 0,"
							  " pg_catalog.count(*)"
							  "  FILTER (WHERE r.effective_from OPERATOR(pg_catalog.<) $5)"
							  "  OPERATOR(pg_catalog.>) 0"
							  " FROM medrec.code_release AS r"
							  " WHERE r.code_system OPERATOR(pg_catalog.=) $1"
							  " AND r.content OPERATOR(pg_catalog.=) $2"
							  " AND r.id OPERATOR(pg_catalog.<>) $4",
							  5, types, args, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read medrec.code_release");
	p.from = load->effective_from;
	p.to = OnlyDate(1, DATEVAL_NOEND);
	taken = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	p.old_previous = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
												3, &isnull));
	p.moved = old->exists && old->from != load->effective_from;
	p.old_from = old->from;
	p.old_to = old->to;
	SPI_freetuptable(SPI_tuptable);

	if (taken)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("another release of %s takes effect on the same day", load->system->name),
				 errhint("To correct that release, load the file under its version.")));
	return p;
}

/* Makes each release of a content end where the next one begins. */
static void
EndReleases(const CodeSystem *system, const char *content)
{
	Oid			types[] = {VARCHAROID, VARCHAROID};
	Datum		args[2];

	args[0] = CStringGetTextDatum(system->name);
	args[1] = CStringGetTextDatum(content);
	if (SPI_execute_with_args("UPDATE medrec.code_release AS r SET effective_to = n.effective_to"
							  " FROM (SELECT o.id, pg_catalog.lead(o.effective_from) OVER"
							  "   (ORDER BY o.effective_from USING OPERATOR(pg_catalog.<)) AS effective_to"
							  "  FROM medrec.code_release AS o"
							  "  WHERE o.code_system OPERATOR(pg_catalog.=) $1"
							  "  AND o.content OPERATOR(pg_catalog.=) $2) AS n"
							  " WHERE r.id OPERATOR(pg_catalog.=) n.id"
							  " AND COALESCE(r.effective_to, 'infinity') OPERATOR(pg_catalog.<>)"
							  "  COALESCE(n.effective_to, 'infinity')",
							  2, types, args, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write medrec.code_release");
}

/* Inserts or updates the row of the release, and returns its id. */
static int32
StoreRelease(Load *load, const Release *old, Datum sha256, const char *source)
{
	Oid			types[] = {VARCHAROID, VARCHAROID, VARCHAROID, DATEOID, VARCHAROID, VARCHAROID,
	BYTEAOID, INT4OID, VARCHAROID, INT4OID, JSONBOID, BYTEAOID};
	Datum		args[12];
	char		nulls[] = "            ";
	bool		doubts = load_can_store_doubts();
	bool		digests = release_can_digest();
	ReleaseDigest digest = {NULL};
	bool		isnull;
	int			rc;
	int32		id;

	args[0] = CStringGetTextDatum(load->system->name);
	args[1] = CStringGetTextDatum(load->version);
	args[2] = CStringGetTextDatum(load->format->content);
	args[3] = DateADTGetDatum(load->effective_from);
	args[4] = CStringGetTextDatum(load->format->name);
	args[5] = source ? CStringGetTextDatum(source) : (Datum) 0;
	nulls[5] = source ? ' ' : 'n';
	args[6] = sha256;
	args[7] = Int32GetDatum((int32) (load->codes.n ? load->codes.n :
									 load->terms.n ? load->terms.n : load->rules.n));
	args[8] = CStringGetTextDatum(actor_name());
	args[9] = Int32GetDatum(old->id);
	args[10] = JsonbPGetDatum(issues_to_jsonb(load->doubts));
	if (digests)
		digest = release_digest_of_load(load);
	args[11] = PointerGetDatum(digest.digest);
	nulls[11] = digests ? ' ' : 'n';
	if (old->exists)
		rc = SPI_execute_with_args(psprintf("UPDATE medrec.code_release AS r"
											" SET effective_from = $4, effective_to = NULL, format = $5,"
											" source = $6, sha256 = $7, rows = $8,"
											" loaded_at = pg_catalog.now(), loaded_by = $9%s%s"
											" WHERE r.id OPERATOR(pg_catalog.=) $10 RETURNING r.id",
											doubts ? ", warnings = $11" : "",
											digests ? ", digest = $12" : ""),
								   12, types, args, nulls, false, 0);
	else
		rc = SPI_execute_with_args(psprintf("INSERT INTO medrec.code_release AS r (code_system, version,"
											" content, effective_from, format, source, sha256, rows, loaded_by%s%s)"
											" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9%s%s) RETURNING r.id",
											doubts ? ", warnings" : "", digests ? ", digest" : "",
											doubts ? ", $11" : "", digests ? ", $12" : ""),
								   12, types, args, nulls, false, 0);
	if ((rc != SPI_OK_INSERT_RETURNING && rc != SPI_OK_UPDATE_RETURNING) || SPI_processed != 1)
		elog(ERROR, "could not write medrec.code_release");
	id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	if (digests)
		release_keep_marks(id, &digest);
	EndReleases(load->system, load->format->content);
	return id;
}

/* The release's row as this function's result; made in the caller's context. */
static Datum
ReleaseResult(int32 id, TupleDesc desc)
{
	Oid			types[] = {INT4OID};
	Datum		args[1];
	HeapTuple	tuple;
	Datum		values[RELEASE_NCOLS];
	bool		nulls[RELEASE_NCOLS];

	args[0] = Int32GetDatum(id);
	if (SPI_execute_with_args("SELECT " RELEASE_COLUMNS " FROM medrec.code_release AS r"
							  " WHERE r.id OPERATOR(pg_catalog.=) $1",
							  1, types, args, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read medrec.code_release");
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
	tuple = heap_form_tuple(desc, values, nulls);
	return PointerGetDatum(SPI_returntuple(tuple, desc));
}

/* Finds out what file it is. */
static void
OpenContent(Load *load, const char *format)
{
	load->next = load->data;
	/* byte order mark */
	if (load->len >= 3 && GetDatabaseEncoding() == PG_UTF8 &&
		memcmp(load->data, "\xef\xbb\xbf", 3) == 0)
		load->next += 3;
	if (load->next == load->data + load->len)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("the file is empty")));
	load->format = FindFormat(load, format);
}

/* Reads the file; all errors in it are raised here. */
static void
ReadContent(Load *load)
{
	load->format->read(load);
	if (load->codes.n == 0 && load->terms.n == 0 && load->rules.n == 0)
		load_fail(load, 0, "it has no code of %s", load->system->name);
	load_sort_codes(load);
}

/*
 * Refuses to replace a release by a file that was detected to be of another
 * kind: the caller may have meant another version, or passed the wrong file.
 * If the format is given, the file is accepted.
 */
static void
CheckSameKind(const Load *load, const Release *old, const char *format)
{
	const char *was = old->format;

	if (!old->exists || pg_strcasecmp(format, "auto") != 0 || strcmp(was, load->format->name) == 0)
		return;
	for (int i = 0; i < lengthof(formats); i++)
		if (strcmp(formats[i]->name, old->format) == 0)
			was = formats[i]->what;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s version %s is loaded from another kind of file (%s); this is a %s",
					load->system->name, load->version, was, load->format->what),
			 errdetail("Nothing of this file has been loaded."),
			 errhint("Load it under another version, or give its format, \"%s\", to replace what is loaded.",
					 load->format->name)));
}

/* Loads the file in *load, whose content as given is "raw", and returns the release's row. */
static Datum
LoadRelease(Load *load, struct varlena *raw, const char *format, const char *source,
			TupleDesc desc)
{
	Release		old;
	Datum		sha256 = HashContent(VARDATA_ANY(raw), VARSIZE_ANY_EXHDR(raw));
	Datum		result;
	LoadOwner	owner;
	int32		id;

	OpenContent(load, format);

	SPI_connect();
	LockSystem(load->system);
	old = FindRelease(load, load->format->content, sha256);
	if (old.exists && old.same_file && old.from == load->effective_from)
	{
		ereport(NOTICE,
				(errmsg("%s version %s is already loaded from the same file, nothing changed",
						load->system->name, load->version)));
		id = old.id;
	}
	else
	{
		MergePeriods periods = FindPeriods(load, load->format->content, &old);
		const LoadFormat *looks_like = pg_strcasecmp(format, "auto") == 0 ? NULL : DetectFormat(load);

		CheckSameKind(load, &old, format);
		if (looks_like && looks_like != load->format)
			load_doubt_format(load, looks_like);
		ReadContent(load);
		load_find_doubts(load, old.id, sha256);
		load_become_owner(&owner);
		id = StoreRelease(load, &old, sha256, source);
		if (old.exists)
			load_forget_terms(load->system, id);
		if (load->codes.n > 0)
			load_merge_codes(load, &periods);
		load_store_terms(load, id);
		load_store_rules(load, id);
		load_leave_owner(&owner);
		load_tell_doubts(load, id);
	}
	result = ReleaseResult(id, desc);
	SPI_finish();
	return result;
}

/*
 * Refuses a file that is UTF-8 except for some bytes: latin-1 text does not
 * look like UTF-8 by chance, so this is a damaged UTF-8 file, which would be
 * garbled if it were read as latin-1.
 */
static void
CheckNoUtf8(const unsigned char *b, size_t len)
{
	size_t		bad = 0;		/* 1 + position of the first byte that is not
								 * UTF-8 */
	bool		good = false;	/* there is a multibyte character */

	for (size_t i = 0; i < len;)
	{
		int			n = pg_encoding_mblen(PG_UTF8, (const char *) &b[i]);

		if (i + n > len || !pg_utf8_islegal(&b[i], n))
		{
			bad = bad ? bad : i + 1;
			n = 1;
		}
		else if (n > 1)
			good = true;
		i += n;
	}
	if (bad && good)
	{
		int			line = 1;

		for (size_t i = 0; i < bad; i++)
			line += b[i] == '\n';
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("line %d of the file: mis-encoded: byte 0x%02x is not UTF-8, which the rest of the file is",
						line, b[bad - 1]),
				 errdetail("Nothing of this file has been loaded.")));
	}
}

/*
 * Converts a file's bytes to text: as UTF-8 if they are valid, otherwise as
 * Windows-1252, which for files includes latin-1.
 */
static void
DecodeContent(Load *load, const char *bytes, size_t len)
{
	const unsigned char *b = (const unsigned char *) bytes;
	const char *unusable = NULL;

	if (len >= 2 && ((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff)))
		unusable = "UTF-16, not UTF-8 or latin-1";
	else if (len >= 2 && b[0] == 0x1f && b[1] == 0x8b)
		unusable = "compressed by gzip";
	else if (len >= 4 && memcmp(bytes, "PK\003\004", 4) == 0)
		unusable = "a zip archive";
	else if (len > 0 && memchr(bytes, '\0', len))
		unusable = "binary";
	if (unusable)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("the file is %s", unusable),
				 errdetail("Nothing of this file has been loaded.")));

	if (pg_verify_mbstr(PG_UTF8, bytes, (int) len, true))
		load->data = pg_any_to_server(bytes, (int) len, PG_UTF8);
	else
	{
		CheckNoUtf8(b, len);
		load->data = pg_any_to_server(bytes, (int) len, PG_WIN1252);
	}
	load->len = load->data == bytes ? len : strlen(load->data);
}

/* What both forms of medrec.load_release() do: reads the arguments, loads, returns the row. */
static Datum
LoadFromArguments(FunctionCallInfo fcinfo, bool is_text)
{
	Load		load = {0};
	TupleDesc	desc;
	struct varlena *raw;
	char	   *format = "auto";
	char	   *source = NULL;

	PreventCommandIfReadOnly("medrec.load_release()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "code_system" :
						PG_ARGISNULL(2) ? "effective_from" : "content")));
	load.system = codesystem_get(PG_GETARG_TEXT_PP(0));
	load.version = NameArgument(fcinfo, 1, "version", VERSION_MAX_CHARS);
	load.effective_from = PG_GETARG_DATEADT(2);
	if (DATE_NOT_FINITE(load.effective_from))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("effective_from must be a finite date")));
	if (!PG_ARGISNULL(4))
		format = text_to_cstring(PG_GETARG_TEXT_PP(4));
	if (!PG_ARGISNULL(5))
		source = NameArgument(fcinfo, 5, "source", SOURCE_MAX_CHARS);

	raw = PG_GETARG_VARLENA_PP(3);
	if (is_text)
	{
		load.data = VARDATA_ANY(raw);
		load.len = VARSIZE_ANY_EXHDR(raw);
	}
	else
		DecodeContent(&load, VARDATA_ANY(raw), VARSIZE_ANY_EXHDR(raw));

	load.context = AllocSetContextCreate(CurrentMemoryContext, "medrec load",
										 ALLOCSET_DEFAULT_SIZES);
	return LoadRelease(&load, raw, format, source, desc);
}

PG_FUNCTION_INFO_V1(medrec_load_release);

/* medrec.load_release(code_system, version, effective_from, content text, format, source) */
Datum
medrec_load_release(PG_FUNCTION_ARGS)
{
	return LoadFromArguments(fcinfo, true);
}

PG_FUNCTION_INFO_V1(medrec_load_release_bytes);

/* medrec.load_release(code_system, version, effective_from, content bytea, format, source) */
Datum
medrec_load_release_bytes(PG_FUNCTION_ARGS)
{
	return LoadFromArguments(fcinfo, false);
}

PG_FUNCTION_INFO_V1(medrec_unload_release);

/*
 * medrec.unload_release(code_system, version, content): removes a release, as
 * if it had never been loaded.
 */
Datum
medrec_unload_release(PG_FUNCTION_ARGS)
{
	Load		load = {0};
	Release		old;
	char	   *content;

	PreventCommandIfReadOnly("medrec.unload_release()");
	load.system = codesystem_get(PG_GETARG_TEXT_PP(0));
	load.version = text_to_cstring(PG_GETARG_TEXT_PP(1));
	content = text_to_cstring(PG_GETARG_TEXT_PP(2));
	load.context = CurrentMemoryContext;

	SPI_connect();
	LockSystem(load.system);
	old = FindRelease(&load, content, PointerGetDatum(cstring_to_text("")));
	if (old.exists)
	{
		Oid			types[] = {INT4OID};
		Datum		args[] = {Int32GetDatum(old.id)};
		MergePeriods periods;
		LoadOwner	owner;

		/*
		 * the release before it covers its days, and nothing replaces them
		 */
		load.effective_from = old.from;
		periods = FindPeriods(&load, content, &old);
		periods.moved = true;
		periods.to = periods.from;
		load_become_owner(&owner);
		if (strcmp(content, "codes") == 0)
			load_merge_codes(&load, &periods);
		load_forget_terms(load.system, old.id);
		if (SPI_execute_with_args("DELETE FROM medrec.code_release AS r"
								  " WHERE r.id OPERATOR(pg_catalog.=) $1",
								  1, types, args, NULL, false, 0) != SPI_OK_DELETE)
			elog(ERROR, "could not delete from medrec.code_release");
		EndReleases(load.system, content);
		load_store_rules(&load, 0);
		load_leave_owner(&owner);
	}
	SPI_finish();
	PG_RETURN_BOOL(old.exists);
}
