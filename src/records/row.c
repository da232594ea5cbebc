/*
 * records/row.c
 *		A row in the validate trigger, and the checks that all tables share.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/relations.h"
#include "base/text.h"
#include "records/row.h"

/* members may set when a record was created and who suggested a code */
#define IMPORT_ROLE	"medrec_import"

/* how far a clock may be ahead before a time is in the future */
#define CLOCK_SLACK	(INT64CONST(86400) * USECS_PER_SEC)

/* Takes a tuple apart. */
static void
Deform(HeapTuple tuple, TupleDesc desc, Datum **values, bool **nulls)
{
	*values = palloc(desc->natts * sizeof(Datum));
	*nulls = palloc(desc->natts * sizeof(bool));
	heap_deform_tuple(tuple, desc, *values, *nulls);
}

/* Takes a row apart. */
void
row_open(RecordRow *row, Relation rel, RecordKind kind, HeapTuple tuple, HeapTuple old)
{
	row->rel = rel;
	row->kind = kind;
	row->columns = record_columns(rel, kind);
	Deform(tuple, RelationGetDescr(rel), &row->values, &row->nulls);
	row->old_values = NULL;
	row->old_nulls = NULL;
	if (old != NULL)
		Deform(old, RelationGetDescr(rel), &row->old_values, &row->old_nulls);
	faults_init(&row->faults);
}

/* Returns the text of a column, NULL if it is null. */
char *
row_string(const RecordRow *row, int column)
{
	int			i = row->columns[column] - 1;

	return row->nulls[i] ? NULL : TextDatumGetCString(row->values[i]);
}

/* Sets a column of a text type. */
void
row_set_string(RecordRow *row, int column, const char *str)
{
	row_set(row, column, CStringGetTextDatum(str));
}

/* Sets a column. */
void
row_set(RecordRow *row, int column, Datum value)
{
	int			i = row->columns[column] - 1;

	row->values[i] = value;
	row->nulls[i] = false;
}

/* Sets a column to null. */
void
row_set_null(RecordRow *row, int column)
{
	row->nulls[row->columns[column] - 1] = true;
}

/* Restores the old value of a column. */
void
row_keep(RecordRow *row, int column)
{
	int			i = row->columns[column] - 1;

	row->values[i] = row->old_values[i];
	row->nulls[i] = row->old_nulls[i];
}

/* Does an UPDATE change the column? */
bool
row_changes(const RecordRow *row, int column)
{
	int			i = row->columns[column] - 1;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row->rel), i);

	if (row->nulls[i] || row->old_nulls[i])
		return row->nulls[i] != row->old_nulls[i];
	return !datum_image_eq(row->values[i], row->old_values[i], att->attbyval, att->attlen);
}

/* Does a string hold control characters that no text has? */
bool
has_control_character(const char *str, bool allow_lines)
{
	for (; *str; str++)
	{
		unsigned char c = (unsigned char) *str;

		if ((c < ' ' || c == 0x7f) &&
			!(allow_lines && (c == '\t' || c == '\n' || c == '\r')))
			return true;
	}
	return false;
}

/* Is a string one of a NULL-terminated list? */
bool
is_one_of(const char *str, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(str, *words) == 0)
			return true;
	return false;
}

/* A required line of text: surrounding white space is removed, nothing else. */
void
row_check_line(RecordRow *row, int column, const char *name)
{
	char	   *str = row_string(row, column);

	if (str == NULL)
	{
		faults_add(&row->faults, name, "required", "must not be null");
		return;
	}
	str = trimmed_copy(str);
	/* a text that begins with printable ASCII is visible */
	if (*str == '\0' || (IS_HIGHBIT_SET(*str) && visible_chars(str) == 0))
		faults_add(&row->faults, name, "required", "must not be empty");
	else if (has_control_character(str, false))
		faults_add(&row->faults, name, "value", "must not hold control characters");
	row_set_string(row, column, str);
}

/* Whether a column has this time, which is its default. */
bool
row_is_time(const RecordRow *row, int column, TimestampTz time)
{
	int			i = row->columns[column] - 1;

	return !row->nulls[i] && DatumGetTimestampTz(row->values[i]) == time;
}

/*
 * Whether the client may set when a record was created and last visited: the
 * table's owner, a superuser, or a member of medrec_import, for imports.
 */
bool
row_may_import(const RecordRow *row)
{
	Oid			role;

	if (has_privs_of_role(GetUserId(), row->rel->rd_rel->relowner))
		return true;
	role = get_role_oid(IMPORT_ROLE, true);
	return OidIsValid(role) && has_privs_of_role(GetUserId(), role);
}

/* Checks a time given by a client: it must not be in the future or infinite. */
void
row_check_past(RecordRow *row, int column, const char *name)
{
	TimestampTz time = DatumGetTimestampTz(row_value(row, column));

	if (TIMESTAMP_NOT_FINITE(time) ||
		time > GetCurrentTransactionStartTimestamp() + CLOCK_SLACK)
		faults_add(&row->faults, name, "value", "must not lie in the future");
}

/* Whether the table has a row with this row's value of a column that an index is unique on. */
static bool
IsStored(const RecordRow *row, const char *index, int column, RegProcedure equal)
{
	AttrNumber	attnum = row->columns[column];
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	if (row->nulls[attnum - 1])
		return false;
	ScanKeyEntryInitialize(&key, 0, attnum, BTEqualStrategyNumber, InvalidOid,
						   TupleDescAttr(RelationGetDescr(row->rel), attnum - 1)->attcollation,
						   equal, row->values[attnum - 1]);
	scan = systable_beginscan(row->rel, medrec_index(row->rel, index), true, SnapshotSelf, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return found;
}

/* Checks the version of a row: an UPDATE that is based on an old version is refused. */
void
row_check_version(RecordRow *row, int version, int created_at, int updated_at, int id)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (!row_is_update(row))
	{
		/*
		 * A version in an INSERT of an existing row can only be meant for ON
		 * CONFLICT DO UPDATE, which passes it to the UPDATE below.
		 */
		if (row_is_null(row, version) ||
			(DatumGetInt32(row_value(row, version)) != 1 &&
			 !IsStored(row, psprintf("%s_pkey", RelationGetRelationName(row->rel)), id, F_UUID_EQ) &&
			 !(row->kind == RECORD_PATIENT &&
			   IsStored(row, "patient_patient_id_key", PATIENT_PATIENT_ID, F_TEXTEQ))))
			row_set(row, version, Int32GetDatum(1));
		if (row_is_null(row, created_at) ||
			(!row_is_time(row, created_at, now) && !row_may_import(row)))
			row_set(row, created_at, TimestampTzGetDatum(now));
		else
			row_check_past(row, created_at, "created_at");
		row_set(row, updated_at, TimestampTzGetDatum(now));
		return;
	}

	if (row_changes(row, version))
		ereport(ERROR,
				(errcode(ERRCODE_HTTP_CONFLICT),
				 errmsg("the record does not have the given version"),
				 errdetail("Somebody has changed it since it was read."),
				 errhint("Read it again and repeat the change.")));
	if (row_changes(row, id))
		faults_add(&row->faults, "id", "business-rule", "cannot be changed");

	row_set(row, version,
			Int32GetDatum(DatumGetInt32(row_value(row, version)) + 1));
	row_keep(row, created_at);
	row_set(row, updated_at, TimestampTzGetDatum(now));
}

/* Does an UPDATE change only this column? */
bool
rows_differ_only_in(TupleDesc desc, HeapTuple old, HeapTuple new, AttrNumber column)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		old_null;
		bool		new_null;
		Datum		old_value = heap_getattr(old, i + 1, desc, &old_null);
		Datum		new_value = heap_getattr(new, i + 1, desc, &new_null);

		if (i + 1 == column)
			continue;
		if (old_null != new_null ||
			(!old_null && !datum_image_eq(old_value, new_value, att->attbyval, att->attlen)))
			return false;
	}
	return true;
}
