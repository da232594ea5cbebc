/*
 * audit/rows.c
 *		Rows as JSON text, exact enough to reconstruct them.
 *
 * Names of columns, not their numbers, so that events outlive a dump.  The text
 * does not depend on the session: times are ISO 8601 in UTC, numbers have all
 * their digits, and types that medrec does not know are written by their output
 * function under fixed settings.  Strings, except: numbers that JSON has, booleans,
 * null, and json and jsonb that are objects or arrays.  A json scalar becomes the
 * string of its JSON text, so that it differs from SQL's null.
 *
 * For a withheld column the text has a digest in place of the value: an HMAC
 * over table, row, column and value, with a key that only the owner can read.
 * So verify_records() finds a value that was changed without the audit, and
 * readers of the trail cannot guess values.
 *
 * Information about a table is cached per trigger until the relation changes.
 */
#include "base/medrec.h"

#include <math.h>

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "common/shortest_dec.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "audit/canon.h"
#include "audit/event.h"
#include "audit/rows.h"
#include "base/columns.h"
#include "base/invalidate.h"
#include "base/relations.h"

/* how a column's value becomes JSON */
typedef enum ColumnKind
{
	KIND_TEXT,
	KIND_INT2,
	KIND_INT4,
	KIND_INT8,
	KIND_FLOAT4,
	KIND_FLOAT8,
	KIND_NUMERIC,
	KIND_BOOL,
	KIND_UUID,
	KIND_TIMESTAMPTZ,
	KIND_TIME,					/* date, time, timetz, timestamp */
	KIND_JSON,
	KIND_JSONB,
	KIND_OUTPUT					/* by the type's output function */
} ColumnKind;

typedef struct Column
{
	AttrNumber	attnum;
	ColumnKind	kind;
	bool		withheld;		/* only a digest of it is recorded */
	bool		byval;
	int16		len;
	Oid			base_type;
	char	   *key;			/* "name": */
	int			key_len;
	FmgrInfo	output;
} Column;

struct AuditTable
{
	MemoryContext context;
	Oid			relid;
	int			users;			/* number of statements that use it now */
	bool		stale;
	bool		settings;		/* an output function needs fixed settings */
	bool		withholds;		/* some column */
	bool		has_key;		/* for digests, valid for the current
								 * statement */
	uint8		key[AUDIT_KEY_LENGTH];
	char	   *name;
	TupleDesc	desc;
	int			ncolumns;
	Column	   *columns;
	int			nkeys;
	AttrNumber	keys[INDEX_MAX_KEYS];	/* primary key */
	AttrNumber	patient;		/* column with the patient's id, or 0 */
};

/* entry of the cache */
typedef struct CacheEntry
{
	Oid			trigger;		/* hash key */
	AuditTable *table;
} CacheEntry;

static HTAB *cache = NULL;

static void ForgetTables(Oid relid);
static bool OutputIsFixed(Oid type);
static ColumnKind KindOfType(Oid type);
static void ReadTriggerArguments(AuditTable *table, int nargs, char **args);
static AuditTable *Build(Relation rel, int nargs, char **args);
static void PutString(StringInfo out, const char *data, int len);
static void PutTimestamp(StringInfo out, TimestampTz value);
static void PutValue(StringInfo out, const Column *column, Datum value);
static void PutDigest(StringInfo out, const AuditTable *table, AuditText row_id,
					  const Column *column, Datum value);
static void PutColumn(StringInfo out, const AuditTable *table, AuditText row_id,
					  const Column *column, Datum value, bool isnull);
static void BeginObject(StringInfo out);
static AuditText EndObject(StringInfo out);
static bool SameValue(const Column *column, Datum a, bool a_null, Datum b, bool b_null);
static Column *ColumnOf(AuditTable *table, AttrNumber attnum);

/* Hook: a relation has changed, and its entry must be read again. */
static void
ForgetTables(Oid relid)
{
	HASH_SEQ_STATUS status;
	CacheEntry *entry;

	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->table && (!OidIsValid(relid) || entry->table->relid == relid))
			entry->table->stale = true;
}

/* Whether a type's output does not depend on the session's settings. */
static bool
OutputIsFixed(Oid type)
{
	Oid			element;

	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		return OutputIsFixed(element);

	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
		case OIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case BITOID:
		case VARBITOID:
		case TSVECTOROID:
		case PG_LSNOID:
		case XID8OID:
			return true;
		default:
			return type_is_enum(type);
	}
}

/* How values of a type become JSON. */
static ColumnKind
KindOfType(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return KIND_TEXT;
		case INT2OID:
			return KIND_INT2;
		case INT4OID:
			return KIND_INT4;
		case INT8OID:
			return KIND_INT8;
		case FLOAT4OID:
			return KIND_FLOAT4;
		case FLOAT8OID:
			return KIND_FLOAT8;
		case NUMERICOID:
			return KIND_NUMERIC;
		case BOOLOID:
			return KIND_BOOL;
		case UUIDOID:
			return KIND_UUID;
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
			return KIND_TIME;
		case TIMESTAMPTZOID:
			return KIND_TIMESTAMPTZ;
		case JSONOID:
			return KIND_JSON;
		case JSONBOID:
			return KIND_JSONB;
		default:
			return KIND_OUTPUT;
	}
}

/* The column with a number, which must exist. */
static Column *
ColumnOf(AuditTable *table, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].attnum == attnum)
			return &table->columns[i];
	elog(ERROR, "no column %d in table \"%s\"", attnum, table->name);
	return NULL;				/* keep the compiler quiet */
}

/*
 * The trigger's arguments: patient=COLUMN, the column that holds the patient's
 * id; withhold=COLUMN, a column of which only a digest is recorded. A column
 * that has been dropped since is ignored: the write must not fail.
 */
static void
ReadTriggerArguments(AuditTable *table, int nargs, char **args)
{
	int			i;

	for (i = 0; i < nargs; i++)
	{
		char	   *value = strchr(args[i], '=');
		int			len = value ? value - args[i] : 0;
		AttrNumber	attnum = value ? get_attnum(table->relid, value + 1) : InvalidAttrNumber;
		Column	   *column = attnum > 0 ? ColumnOf(table, attnum) : NULL;

		if (len == strlen("patient") && strncmp(args[i], "patient", len) == 0)
		{
			if (column && column->kind == KIND_UUID)
				table->patient = column->attnum;
		}
		else if (len == strlen("withhold") && strncmp(args[i], "withhold", len) == 0)
		{
			if (column)
				column->withheld = table->withholds = true;
		}
		else
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("unknown argument %d of trigger function medrec.audit()", i + 1),
					 errhint("Arguments are 'patient=COLUMN' and 'withhold=COLUMN'.")));
	}
}

/* Collects the information about a table. */
static AuditTable *
Build(Relation rel, int nargs, char **args)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "medrec audited table",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AuditTable *table = palloc0(sizeof(AuditTable));
	Oid			key_index;
	int			i;

	table->context = context;
	table->relid = RelationGetRelid(rel);
	table->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	table->name = medrec_relation_name(rel);

	table->columns = palloc0(table->desc->natts * sizeof(Column));
	for (i = 0; i < table->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, i);
		Column	   *column = &table->columns[table->ncolumns];
		StringInfoData key;

		if (att->attisdropped)
			continue;
		table->ncolumns++;
		column->attnum = att->attnum;
		column->byval = att->attbyval;
		column->len = att->attlen;
		column->base_type = getBaseType(att->atttypid);
		column->kind = KindOfType(column->base_type);
		if (column->kind == KIND_OUTPUT)
		{
			Oid			function;
			bool		is_varlena;

			getTypeOutputInfo(att->atttypid, &function, &is_varlena);
			fmgr_info_cxt(function, &column->output, context);
			if (!OutputIsFixed(column->base_type))
				table->settings = true;
		}
		initStringInfo(&key);
		PutString(&key, NameStr(att->attname), strlen(NameStr(att->attname)));
		appendStringInfoChar(&key, ':');
		column->key = key.data;
		column->key_len = key.len;
	}
	ReadTriggerArguments(table, nargs, args);

	key_index = medrec_primary_key_index(rel);
	if (OidIsValid(key_index))
	{
		Relation	index = relation_open(key_index, AccessShareLock);

		table->nkeys = index->rd_index->indnkeyatts;
		for (i = 0; i < table->nkeys; i++)
			table->keys[i] = index->rd_index->indkey.values[i];
		relation_close(index, AccessShareLock);
	}
	MemoryContextSwitchTo(old);
	return table;
}

/* The information about a table, from the cache; close it after use. */
AuditTable *
audit_table_open(Oid trigger, Relation rel, int nargs, char **args)
{
	CacheEntry *entry;
	bool		found;

	if (cache == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(CacheEntry)};

		cache = hash_create("medrec audited tables", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	invalidate_watch(ForgetTables);
	entry = hash_search(cache, &trigger, HASH_ENTER, &found);
	if (!found)
		entry->table = NULL;

	if (entry->table == NULL || entry->table->stale ||
		entry->table->relid != RelationGetRelid(rel))
	{
		uint64		seen = invalidate_count();
		AuditTable *fresh = Build(rel, nargs, args);

		/*
		 * catalog lookups in Build() may have invalidated the entry
		 */
		entry = hash_search(cache, &trigger, HASH_ENTER, &found);
		if (found && entry->table && entry->table->users == 0)
			MemoryContextDelete(entry->table->context);
		MemoryContextSetParent(fresh->context, CacheMemoryContext);
		fresh->stale = invalidate_count() != seen;
		entry->table = fresh;
	}
	if (entry->table->withholds)
		entry->table->has_key = audit_read_key(entry->table->key);
	entry->table->users++;
	return entry->table;
}

/*
 * Releases it. After an error it stays marked as used, and is later replaced
 * without being freed: that leaks a few kilobytes, and only when the table's
 * definition changes.
 */
void
audit_table_close(AuditTable *table)
{
	table->users--;
}

/* The name that events give the table. */
const char *
audit_table_name(const AuditTable *table)
{
	return table->name;
}

/*
 * Fixes the settings that output functions depend on, if a column needs it.
 * Returns the level for AtEOXact_GUC(), 0 if nothing was set.
 */
int
audit_table_nest(const AuditTable *table)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog"},
		{"datestyle", "ISO, MDY"},
		{"intervalstyle", "postgres"},
		{"timezone", "UTC"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"lc_monetary", "C"},
		{"xmlbinary", "base64"},
	};
	int			level;
	int			i;

	if (!table->settings)
		return 0;
	level = NewGUCNestLevel();
	for (i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1],
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* Writes a JSON string. */
static void
PutString(StringInfo out, const char *data, int len)
{
	const char *end = data + len;
	const char *plain = data;

	appendStringInfoCharMacro(out, '"');
	for (; data < end; data++)
	{
		unsigned char c = (unsigned char) *data;

		if (likely(c >= ' ' && c != '"' && c != '\\'))
			continue;
		appendBinaryStringInfo(out, plain, data - plain);
		plain = data + 1;
		switch (c)
		{
			case '"':
				appendStringInfoString(out, "\\\"");
				break;
			case '\\':
				appendStringInfoString(out, "\\\\");
				break;
			case '\n':
				appendStringInfoString(out, "\\n");
				break;
			case '\r':
				appendStringInfoString(out, "\\r");
				break;
			case '\t':
				appendStringInfoString(out, "\\t");
				break;
			default:
				appendStringInfo(out, "\\u%04x", c);
		}
	}
	appendBinaryStringInfo(out, plain, data - plain);
	appendStringInfoCharMacro(out, '"');
}

/* Writes a time in UTC, with a cache of one: most times of a row and a statement are the same. */
static void
PutTimestamp(StringInfo out, TimestampTz value)
{
	static TimestampTz last;
	static char text[MAXDATELEN + 3];
	static int	len = 0;

	if (len == 0 || value != last)
	{
		int			utc = 0;

		len = 0;
		text[0] = '"';
		JsonEncodeDateTime(text + 1, TimestampTzGetDatum(value), TIMESTAMPTZOID, &utc);
		len = strlen(text);
		text[len++] = '"';
		last = value;
	}
	appendBinaryStringInfo(out, text, len);
}

/* Writes a value that is not null. */
static void
PutValue(StringInfo out, const Column *column, Datum value)
{
	char		buffer[MAXDATELEN + 1];
	char	   *string;
	struct varlena *packed;
	int			len;

	switch (column->kind)
	{
		case KIND_TEXT:
			packed = PG_DETOAST_DATUM_PACKED(value);
			PutString(out, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
			break;
		case KIND_INT2:
			appendBinaryStringInfo(out, buffer, pg_itoa(DatumGetInt16(value), buffer));
			break;
		case KIND_INT4:
			appendBinaryStringInfo(out, buffer, pg_ltoa(DatumGetInt32(value), buffer));
			break;
		case KIND_INT8:
			appendBinaryStringInfo(out, buffer, pg_lltoa(DatumGetInt64(value), buffer));
			break;
		case KIND_FLOAT4:
			len = float_to_shortest_decimal_bufn(DatumGetFloat4(value), buffer);
			if (isfinite(DatumGetFloat4(value)))
				appendBinaryStringInfo(out, buffer, len);
			else
				PutString(out, buffer, len);
			break;
		case KIND_FLOAT8:
			len = double_to_shortest_decimal_bufn(DatumGetFloat8(value), buffer);
			if (isfinite(DatumGetFloat8(value)))
				appendBinaryStringInfo(out, buffer, len);
			else
				PutString(out, buffer, len);
			break;
		case KIND_NUMERIC:
			string = DatumGetCString(DirectFunctionCall1(numeric_out, value));
			/* NaN and Infinity are no numbers to JSON */
			if (strpbrk(string, "NI"))
				PutString(out, string, strlen(string));
			else
				appendStringInfoString(out, string);
			break;
		case KIND_BOOL:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case KIND_UUID:
			buffer[0] = '"';
			audit_uuid_text(buffer + 1, DatumGetUUIDP(value));
			buffer[AUDIT_UUID_CHARS + 1] = '"';
			appendBinaryStringInfo(out, buffer, AUDIT_UUID_CHARS + 2);
			break;
		case KIND_TIMESTAMPTZ:
			PutTimestamp(out, DatumGetTimestampTz(value));
			break;
		case KIND_TIME:
			JsonEncodeDateTime(buffer, value, column->base_type, NULL);
			appendStringInfoCharMacro(out, '"');
			appendStringInfoString(out, buffer);
			appendStringInfoCharMacro(out, '"');
			break;
		case KIND_JSON:
		case KIND_JSONB:
			if (column->kind == KIND_JSONB)
			{
				Jsonb	   *jsonb = DatumGetJsonbP(value);

				if (!JB_ROOT_IS_SCALAR(jsonb))
				{
					(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
					break;
				}
				string = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
			}
			else
			{
				string = TextDatumGetCString(value);
				len = strspn(string, " \t\r\n");
				if (string[len] == '{' || string[len] == '[')
				{
					appendStringInfoString(out, string);
					break;
				}
			}
			PutString(out, string, strlen(string));
			break;
		case KIND_OUTPUT:
			string = OutputFunctionCall((FmgrInfo *) &column->output, value);
			PutString(out, string, strlen(string));
			break;
	}
}

/*
 * Reads the key of the digests; false if there is none. Reads the heap
 * directly, because only the owner has rights on the table.
 */
bool
audit_read_key(uint8 *key)
{
	Oid			relid = medrec_relation_if_any(AUDIT_KEY_TABLE);
	AttrNumber	attnum;
	Relation	rel;
	Snapshot	snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;
	bool		found = false;

	if (!OidIsValid(relid) || !column_fits(relid, "key", BYTEAOID))
		return false;
	attnum = column_number(relid, "key");
	rel = table_open(relid, AccessShareLock);
	slot = table_slot_create(rel, NULL);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, snapshot, 0, NULL);
	if (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, attnum, &isnull);
		bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);

		found = bytes && VARSIZE_ANY_EXHDR(bytes) == AUDIT_KEY_LENGTH;
		if (found)
			memcpy(key, VARDATA_ANY(bytes), AUDIT_KEY_LENGTH);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * Writes the digest of a value that is withheld. The digest of a value is
 * always the same, so that an event's old value can be compared with the one
 * before; it differs by table, row and column, so that equal values cannot be
 * recognized.
 */
static void
PutDigest(StringInfo out, const AuditTable *table, AuditText row_id, const Column *column,
		  Datum value)
{
	static const char name[] = "medrec-withheld-1;";
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx *hmac;
	StringInfoData text;
	StringInfoData input;
	char	   *utf8;
	int			i;

	if (!table->has_key)
	{
		appendStringInfoString(out, AUDIT_WITHHELD);
		return;
	}
	initStringInfo(&text);
	PutValue(&text, column, value);
	initStringInfo(&input);
	appendStringInfo(&input, "%s%d:%s;", name, (int) strlen(table->name), table->name);
	if (row_id)
		appendStringInfo(&input, "%d:%.*s;", (int) VARSIZE_ANY_EXHDR(row_id),
						 (int) VARSIZE_ANY_EXHDR(row_id), VARDATA_ANY(row_id));
	else
		appendStringInfoString(&input, "-;");
	appendStringInfo(&input, "%s%s", column->key, text.data);
	utf8 = pg_server_to_any(input.data, input.len, PG_UTF8);

	hmac = pg_hmac_create(PG_SHA256);
	if (hmac == NULL ||
		pg_hmac_init(hmac, table->key, AUDIT_KEY_LENGTH) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) utf8, strlen(utf8)) < 0 ||
		pg_hmac_final(hmac, digest, sizeof(digest)) < 0)
	{
		if (hmac != NULL)
			pg_hmac_free(hmac);
		elog(ERROR, "could not compute the digest of a withheld value");
	}
	pg_hmac_free(hmac);
	appendStringInfoString(out, AUDIT_DIGEST_BEGIN);
	for (i = 0; i < AUDIT_DIGEST_LENGTH; i++)
		appendStringInfo(out, "%02x", digest[i]);
	appendStringInfoString(out, ")\"");
	explicit_bzero(text.data, text.len);
	explicit_bzero(input.data, input.len);
}

/* Writes a column: its name and its value. */
static void
PutColumn(StringInfo out, const AuditTable *table, AuditText row_id, const Column *column,
		  Datum value, bool isnull)
{
	if (out->len > VARHDRSZ + 1)
		appendStringInfoCharMacro(out, ',');
	appendBinaryStringInfo(out, column->key, column->key_len);
	if (isnull)
		appendBinaryStringInfo(out, "null", 4);
	else if (column->withheld)
		PutDigest(out, table, row_id, column, value);
	else
		PutValue(out, column, value);
}

/* Starts an object, after the space for a varlena header. */
static void
BeginObject(StringInfo out)
{
	initStringInfo(out);
	out->len = VARHDRSZ;
	appendStringInfoChar(out, '{');
}

/* Ends it. */
static AuditText
EndObject(StringInfo out)
{
	appendStringInfoChar(out, '}');
	SET_VARSIZE(out->data, out->len);
	return (AuditText) out->data;
}

/* Whether two values are the same to the byte. */
static bool
SameValue(const Column *column, Datum a, bool a_null, Datum b, bool b_null)
{
	if (a_null || b_null)
		return a_null == b_null;
	return datum_image_eq(a, b, column->byval, column->len);
}

/*
 * The row's id: the primary key's value, as a JSON array where it has several
 * columns; NULL without a primary key.
 */
AuditText
audit_row_id(AuditTable *table, TupleTableSlot *slot)
{
	StringInfoData out;
	int			i;

	if (table->nkeys == 0)
		return NULL;

	initStringInfo(&out);
	out.len = VARHDRSZ;
	if (table->nkeys > 1)
		appendStringInfoChar(&out, '[');
	for (i = 0; i < table->nkeys; i++)
	{
		Column	   *column = ColumnOf(table, table->keys[i]);
		Datum		value = slot->tts_values[table->keys[i] - 1];

		if (i > 0)
			appendBinaryStringInfo(&out, ", ", 2);
		if (table->nkeys == 1 && column->kind == KIND_TEXT)
		{
			struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

			appendBinaryStringInfo(&out, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
		}
		else if (table->nkeys == 1 && column->kind == KIND_OUTPUT)
			appendStringInfoString(&out, OutputFunctionCall(&column->output, value));
		else if (table->nkeys == 1)
		{
			int			start = out.len;

			PutValue(&out, column, value);
			/* nothing in it was escaped */
			if (out.data[start] == '"')
			{
				out.len -= 2;
				memmove(out.data + start, out.data + start + 1, out.len - start);
			}
		}
		else
			PutValue(&out, column, value);
	}
	if (table->nkeys > 1)
		appendStringInfoChar(&out, ']');
	SET_VARSIZE(out.data, out.len);
	return (AuditText) out.data;
}

/* The patient that the row concerns, NULL if unknown. */
const pg_uuid_t *
audit_row_patient(AuditTable *table, TupleTableSlot *slot)
{
	pg_uuid_t  *id;

	if (table->patient == 0 || slot->tts_isnull[table->patient - 1])
		return NULL;
	id = palloc(sizeof(pg_uuid_t));
	memcpy(id, DatumGetUUIDP(slot->tts_values[table->patient - 1]), sizeof(pg_uuid_t));
	return id;
}

/* The whole row. */
AuditText
audit_row_values(AuditTable *table, TupleTableSlot *slot)
{
	StringInfoData out;
	AuditText	row_id = table->withholds ? audit_row_id(table, slot) : NULL;
	int			i;

	BeginObject(&out);
	for (i = 0; i < table->ncolumns; i++)
	{
		Column	   *column = &table->columns[i];

		PutColumn(&out, table, row_id, column, slot->tts_values[column->attnum - 1],
				  slot->tts_isnull[column->attnum - 1]);
	}
	return EndObject(&out);
}

/*
 * The changed columns, before and after; false if none has changed. moved:
 * whether the primary key or the patient is among them.
 */
bool
audit_row_changes(AuditTable *table, TupleTableSlot *old, TupleTableSlot *new,
				  AuditText *old_values, AuditText *new_values, bool *moved)
{
	StringInfoData before;
	StringInfoData after;
	AuditText	row_id = table->withholds ? audit_row_id(table, new) : NULL;
	bool		changed = false;
	int			i;
	int			j;

	*moved = false;
	for (i = 0; i < table->ncolumns; i++)
	{
		Column	   *column = &table->columns[i];
		int			a = column->attnum - 1;

		if (SameValue(column, old->tts_values[a], old->tts_isnull[a],
					  new->tts_values[a], new->tts_isnull[a]))
			continue;
		if (!changed)
		{
			changed = true;
			BeginObject(&before);
			BeginObject(&after);
		}
		PutColumn(&before, table, row_id, column, old->tts_values[a], old->tts_isnull[a]);
		PutColumn(&after, table, row_id, column, new->tts_values[a], new->tts_isnull[a]);
		if (column->attnum == table->patient)
			*moved = true;
		for (j = 0; j < table->nkeys; j++)
			if (column->attnum == table->keys[j])
				*moved = true;
	}
	if (changed)
	{
		*old_values = EndObject(&before);
		*new_values = EndObject(&after);
	}
	return changed;
}

/*
 * The columns that are withheld, without and with the digest, for an event
 * about values that are older than digests; false if there are none.
 */
bool
audit_row_withheld(AuditTable *table, TupleTableSlot *slot,
				   AuditText *old_values, AuditText *new_values)
{
	StringInfoData before;
	StringInfoData after;
	AuditText	row_id;
	bool		any = false;
	int			i;

	if (!table->withholds || !table->has_key || table->nkeys == 0)
		return false;
	row_id = audit_row_id(table, slot);
	BeginObject(&before);
	BeginObject(&after);
	for (i = 0; i < table->ncolumns; i++)
	{
		Column	   *column = &table->columns[i];
		Datum		value = slot->tts_values[column->attnum - 1];

		if (!column->withheld || slot->tts_isnull[column->attnum - 1])
			continue;
		any = true;
		table->has_key = false;
		PutColumn(&before, table, row_id, column, value, false);
		table->has_key = true;
		PutColumn(&after, table, row_id, column, value, false);
	}
	*old_values = EndObject(&before);
	*new_values = EndObject(&after);
	return any;
}
