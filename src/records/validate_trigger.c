/*
 * records/validate_trigger.c
 *		medrec.validate(): the BEFORE ROW trigger of the record tables.
 *
 * Collects every fault of the row before it refuses it, normalises what it
 * accepts, and fills the columns that are medrec's to fill.  What a client
 * writes into those is not looked at, so that an ORM may send a whole row back.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "base/direct.h"
#include "base/faults.h"
#include "base/invalidate.h"
#include "base/relations.h"
#include "base/text.h"
#include "records/patients.h"
#include "records/records.h"
#include "records/revalidate.h"
#include "records/validate_code.h"
#include "suggest/suggestions.h"
#include "terminology/code_systems.h"
#include "terminology/context.h"
#include "terminology/issues.h"
#include "terminology/lookup.h"

/* who is said to have validated when no person did */
#define VALIDATOR_NAME	"medrec"

/* whose word is taken for when a record was made and who suggested a code */
#define IMPORT_ROLE	"medrec_import"

/* how far a clock may be ahead before a time lies in the future */
#define CLOCK_SLACK	(INT64CONST(86400) * USECS_PER_SEC)

/* A row on its way through the trigger, taken apart. */
typedef struct RecordRow
{
	Relation	rel;
	const AttrNumber *columns;
	Datum	   *values;
	bool	   *nulls;
	Datum	   *old_values;		/* NULL on INSERT */
	bool	   *old_nulls;
	FaultList	faults;
} RecordRow;

const char *const record_kind_names[RECORD_KINDS] = {
	"account", "patient", "diagnosis", "treatment"
};

/* A column that medrec reads or writes. */
typedef struct RecordColumn
{
	const char *name;
	Oid			type;			/* what its values are taken for */
} RecordColumn;

static const RecordColumn account_columns[] = {
	{"username", TEXTOID}, {"email", TEXTOID}, {"role", TEXTOID}, {"password", TEXTOID}, {NULL}
};
static const RecordColumn patient_columns[] = {
	{"id", UUIDOID}, {"name", TEXTOID}, {"age", INT4OID}, {"gender", TEXTOID},
	{"patient_id", TEXTOID}, {"last_visit", TIMESTAMPTZOID}, {"birth_date", DATEOID},
	{"version", INT4OID}, {"created_at", TIMESTAMPTZOID}, {"updated_at", TIMESTAMPTZOID}, {NULL}
};
static const RecordColumn coded_columns[] = {
	{"id", UUIDOID}, {"patient_id", UUIDOID}, {"code", TEXTOID}, {"description", TEXTOID},
	{"code_system", TEXTOID}, {"status", TEXTOID}, {"validation_date", TIMESTAMPTZOID},
	{"validated_by", TEXTOID}, {"suggestions", JSONBOID}, {"issues", JSONBOID},
	{"version", INT4OID}, {"created_at", TIMESTAMPTZOID}, {"updated_at", TIMESTAMPTZOID}, {NULL}
};
static const RecordColumn *const kind_columns[RECORD_KINDS] = {
	account_columns, patient_columns, coded_columns, coded_columns
};

/* Where the columns of the tables seen so far stand. */
static struct
{
	Oid			relid;			/* InvalidOid when to be looked up anew */
	AttrNumber	columns[RECORD_COLUMNS_MAX];
}			column_cache[RECORD_KINDS];

static void ForgetColumns(Oid relid);
static char *GetString(const RecordRow *row, int column);
static void SetString(RecordRow *row, int column, const char *str);
static void SetDatum(RecordRow *row, int column, Datum value);
static void SetNull(RecordRow *row, int column);
static void KeepOld(RecordRow *row, int column);
static bool Changed(const RecordRow *row, int column);
static bool HasControlCharacter(const char *str, bool allow_lines);
static bool IsOneOf(const char *str, const char *const *words);
static void CheckPlainText(RecordRow *row, int column, const char *name);
static void CheckPast(RecordRow *row, int column, const char *name);
static bool IsTime(const RecordRow *row, int column, TimestampTz time);
static bool MayImport(const RecordRow *row);
static bool IsStored(const RecordRow *row, const char *index, int column, RegProcedure equal);
static void CheckVersion(RecordRow *row, int version, int created_at, int updated_at, int id);
static void CheckAccount(RecordRow *row);
static void CheckLastVisit(RecordRow *row);
static void CheckPatient(RecordRow *row);
static void CheckCoded(RecordRow *row, const char *default_system);

/* Hook: a table has changed, its columns may stand elsewhere. */
static void
ForgetColumns(Oid relid)
{
	int			i;

	for (i = 0; i < RECORD_KINDS; i++)
		if (relid == InvalidOid || column_cache[i].relid == relid)
			column_cache[i].relid = InvalidOid;
}

/* Finds where medrec's columns stand in a record table. */
const AttrNumber *
record_columns(Relation rel, RecordKind kind)
{
	AttrNumber	found[RECORD_COLUMNS_MAX];
	uint64		seen;
	int			i;

	if (column_cache[kind].relid == RelationGetRelid(rel))
		return column_cache[kind].columns;

	invalidate_watch(ForgetColumns);
	seen = invalidate_count();

	for (i = 0; kind_columns[kind][i].name != NULL; i++)
	{
		const RecordColumn *column = &kind_columns[kind][i];
		int			number = SPI_fnumber(RelationGetDescr(rel), column->name);

		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("table \"%s\" has no column \"%s\"",
							RelationGetRelationName(rel), column->name)));
		/* the owner may give a column another type */
		if (!medrec_column_is(TupleDescAttr(RelationGetDescr(rel), number - 1), column->type))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of table \"%s\" must be of type %s",
							column->name, RelationGetRelationName(rel),
							format_type_be(column->type))));
		found[i] = number;
	}
	memcpy(column_cache[kind].columns, found, i * sizeof(AttrNumber));
	column_cache[kind].relid = invalidate_count() == seen ? RelationGetRelid(rel) : InvalidOid;
	return column_cache[kind].columns;
}

/* Gives a column's text, NULL where it is null. */
static char *
GetString(const RecordRow *row, int column)
{
	int			i = row->columns[column] - 1;

	return row->nulls[i] ? NULL : TextDatumGetCString(row->values[i]);
}

/* Sets a column of a text type. */
static void
SetString(RecordRow *row, int column, const char *str)
{
	SetDatum(row, column, CStringGetTextDatum(str));
}

/* Sets a column. */
static void
SetDatum(RecordRow *row, int column, Datum value)
{
	int			i = row->columns[column] - 1;

	row->values[i] = value;
	row->nulls[i] = false;
}

/* Sets a column to null. */
static void
SetNull(RecordRow *row, int column)
{
	row->nulls[row->columns[column] - 1] = true;
}

/* Gives a column the value back that it had. */
static void
KeepOld(RecordRow *row, int column)
{
	int			i = row->columns[column] - 1;

	row->values[i] = row->old_values[i];
	row->nulls[i] = row->old_nulls[i];
}

/* Does an UPDATE change the column? */
static bool
Changed(const RecordRow *row, int column)
{
	int			i = row->columns[column] - 1;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row->rel), i);

	if (row->nulls[i] || row->old_nulls[i])
		return row->nulls[i] != row->old_nulls[i];
	return !datum_image_eq(row->values[i], row->old_values[i], att->attbyval, att->attlen);
}

/*
 * Does an UPDATE change the code?  Not where only its normal form has changed since
 * it was stored (the dagger of ICD-10 belonged to it once): a decision on it stands.
 */
static bool
Recoded(const RecordRow *row, const CodeSystem *cs)
{
	int			i = row->columns[CODED_CODE] - 1;
	char	   *old_code;
	CodeCheck	check;

	if (Changed(row, CODED_CODE_SYSTEM))
		return true;
	if (!Changed(row, CODED_CODE))
		return false;
	if (cs == NULL || row->nulls[i] || row->old_nulls[i])
		return true;
	old_code = TextDatumGetCString(row->old_values[i]);
	codesystem_check(cs, old_code, strlen(old_code), &check);
	return check.verdict != CODE_OK ||
		strcmp(check.code, TextDatumGetCString(row->values[i])) != 0;
}

/* Does a string hold control characters that no text has? */
static bool
HasControlCharacter(const char *str, bool allow_lines)
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
static bool
IsOneOf(const char *str, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(str, *words) == 0)
			return true;
	return false;
}

/* A required line of text: white space around it goes, nothing else. */
static void
CheckPlainText(RecordRow *row, int column, const char *name)
{
	char	   *str = GetString(row, column);

	if (str == NULL)
	{
		faults_add(&row->faults, name, "required", "must not be null");
		return;
	}
	str = trimmed_copy(str);
	/* what begins with ASCII shows something */
	if (*str == '\0' || (IS_HIGHBIT_SET(*str) && visible_chars(str) == 0))
		faults_add(&row->faults, name, "required", "must not be empty");
	else if (HasControlCharacter(str, false))
		faults_add(&row->faults, name, "value", "must not hold control characters");
	SetString(row, column, str);
}

/* Whether a column has this time: what its default gives. */
static bool
IsTime(const RecordRow *row, int column, TimestampTz time)
{
	int			i = row->columns[column] - 1;

	return !row->nulls[i] && DatumGetTimestampTz(row->values[i]) == time;
}

/*
 * Whether what the client says of a record's past is believed: the table's owner,
 * a superuser, or a member of medrec_import brings it from elsewhere.
 */
static bool
MayImport(const RecordRow *row)
{
	Oid			role;

	if (has_privs_of_role(GetUserId(), row->rel->rd_rel->relowner))
		return true;
	role = get_role_oid(IMPORT_ROLE, true);
	return OidIsValid(role) && has_privs_of_role(GetUserId(), role);
}

/* A time that a client gives: when something was, so neither to come nor infinite. */
static void
CheckPast(RecordRow *row, int column, const char *name)
{
	TimestampTz time = DatumGetTimestampTz(row->values[row->columns[column] - 1]);

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

/* What all versioned tables share: who read an old version may not write. */
static void
CheckVersion(RecordRow *row, int version, int created_at, int updated_at, int id)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (row->old_values == NULL)
	{
		/*
		 * A version that is named for a row that exists can only be meant for
		 * ON CONFLICT DO UPDATE, which hands it to the UPDATE below.
		 */
		if (row->nulls[row->columns[version] - 1] ||
			(DatumGetInt32(row->values[row->columns[version] - 1]) != 1 &&
			 !IsStored(row, psprintf("%s_pkey", RelationGetRelationName(row->rel)), id, F_UUID_EQ) &&
			 !(strcmp(RelationGetRelationName(row->rel), record_kind_names[RECORD_PATIENT]) == 0 &&
			   IsStored(row, "patient_patient_id_key", PATIENT_PATIENT_ID, F_TEXTEQ))))
			SetDatum(row, version, Int32GetDatum(1));
		if (row->nulls[row->columns[created_at] - 1] ||
			(!IsTime(row, created_at, now) && !MayImport(row)))
			SetDatum(row, created_at, TimestampTzGetDatum(now));
		else
			CheckPast(row, created_at, "created_at");
		SetDatum(row, updated_at, TimestampTzGetDatum(now));
		return;
	}

	if (Changed(row, version))
		ereport(ERROR,
				(errcode(ERRCODE_STALE_VERSION),
				 errmsg("the record has another version than the one named"),
				 errdetail("Somebody has changed it since it was read."),
				 errhint("Read it again and repeat the change.")));
	if (Changed(row, id))
		faults_add(&row->faults, "id", "business-rule", "cannot be changed");

	SetDatum(row, version,
			 Int32GetDatum(DatumGetInt32(row->values[row->columns[version] - 1]) + 1));
	KeepOld(row, created_at);
	SetDatum(row, updated_at, TimestampTzGetDatum(now));
}

/* Checks a row of account. */
static void
CheckAccount(RecordRow *row)
{
	static const char *const roles[] = {"admin", "clinician", "coder", "auditor", NULL};
	static const char *const hashes[] = {"!", "$2a$", "$2b$", "$2x$", "$2y$", "pbkdf2_sha256$", NULL};
	char	   *str;
	int			i;

	CheckPlainText(row, ACCOUNT_USERNAME, "username");

	str = GetString(row, ACCOUNT_EMAIL);
	if (str == NULL)
		faults_add(&row->faults, "email", "required", "must not be null");
	else if (*str != '\0')
	{
		char	   *at = strrchr(str, '@');

		if (at == NULL || at == str || at[1] == '\0' ||
			strpbrk(str, " \t\r\n") != NULL || HasControlCharacter(str, false))
			faults_add(&row->faults, "email", "value", "must be an e-mail address, or empty");
	}

	str = GetString(row, ACCOUNT_ROLE);
	if (str == NULL || !IsOneOf(str, roles))
		faults_add(&row->faults, "role", "value",
				   "must be admin, clinician, coder or auditor");

	/* a password in clear text is never stored, by no mistake of anybody */
	str = GetString(row, ACCOUNT_PASSWORD);
	for (i = 0; str != NULL && hashes[i] != NULL; i++)
		if (strncmp(str, hashes[i], strlen(hashes[i])) == 0)
			break;
	if (str == NULL || hashes[i] == NULL)
		faults_add(&row->faults, "password", "value",
				   "must be a hash (bcrypt or pbkdf2_sha256), or ! for none");
}

/* A patient's last visit is medrec's to move: what others than an import say is not looked at. */
static void
CheckLastVisit(RecordRow *row)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	bool		update = row->old_values != NULL;

	if (update ? !Changed(row, PATIENT_LAST_VISIT) : IsTime(row, PATIENT_LAST_VISIT, now))
		return;
	if (!MayImport(row))
	{
		if (update)
			KeepOld(row, PATIENT_LAST_VISIT);
		else
			SetDatum(row, PATIENT_LAST_VISIT, TimestampTzGetDatum(now));
	}
	else if (row->nulls[row->columns[PATIENT_LAST_VISIT] - 1])
		SetDatum(row, PATIENT_LAST_VISIT, TimestampTzGetDatum(now));
	else
		CheckPast(row, PATIENT_LAST_VISIT, "last_visit");
}

/* Checks a row of patient. */
static void
CheckPatient(RecordRow *row)
{
	static const char *const genders[] = {"male", "female", "other", "unknown", NULL};
	char	   *gender;
	int			i;

	CheckVersion(row, PATIENT_VERSION, PATIENT_CREATED_AT, PATIENT_UPDATED_AT, PATIENT_ID);
	CheckPlainText(row, PATIENT_NAME, "name");
	CheckPlainText(row, PATIENT_PATIENT_ID, "patient_id");

	i = row->columns[PATIENT_BIRTH_DATE] - 1;
	if (!row->nulls[i])
	{
		int			age = patient_age(DatumGetDateADT(row->values[i]), GetSQLCurrentDate());

		if (age < 0 || age > PATIENT_AGE_MAX)
			faults_add(&row->faults, "birth_date", "value",
					   "must not lie in the future or more than %d years ago", PATIENT_AGE_MAX);
		else
			SetDatum(row, PATIENT_AGE, Int32GetDatum(age));
	}
	else
	{
		i = row->columns[PATIENT_AGE] - 1;
		if (row->nulls[i])
			faults_add(&row->faults, "age", "required",
					   "must not be null unless birth_date is given");
		else if (DatumGetInt32(row->values[i]) < 0 ||
				 DatumGetInt32(row->values[i]) > PATIENT_AGE_MAX)
			faults_add(&row->faults, "age", "value",
					   "must be between 0 and %d", PATIENT_AGE_MAX);
	}

	gender = GetString(row, PATIENT_GENDER);
	if (gender != NULL)
	{
		gender = asc_tolower(gender, strlen(gender));
		SetString(row, PATIENT_GENDER, gender);
	}
	if (gender == NULL || !IsOneOf(gender, genders))
		faults_add(&row->faults, "gender", gender == NULL ? "required" : "value",
				   "must be male, female, other or unknown");

	CheckLastVisit(row);
}

/* Checks and judges a row of diagnosis or treatment. */
static void
CheckCoded(RecordRow *row, const char *default_system)
{
	static const char *const decided[] = {"confirmed", "corrected", "rejected", NULL};
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	bool		update = row->old_values != NULL;
	bool		accepting = false;
	bool		recoded;
	bool		moved;
	bool		redescribed;
	bool		resuggested;
	const CodeSystem *cs;
	char	   *code;
	char	   *description;
	char	   *old_status = NULL;
	char	   *status;
	List	   *theirs = NIL;
	int			i;

	CheckVersion(row, CODED_VERSION, CODED_CREATED_AT, CODED_UPDATED_AT, CODED_ID);

	i = row->columns[CODED_PATIENT_ID] - 1;
	if (row->nulls[i])
		faults_add(&row->faults, "patient_id", "required", "must not be null");

	/* the system, under its name */
	i = row->columns[CODED_CODE_SYSTEM] - 1;
	if (row->nulls[i])
		SetString(row, CODED_CODE_SYSTEM, default_system);
	cs = codesystem_lookup(DatumGetTextPP(row->values[i]));
	if (cs == NULL)
		faults_add(&row->faults, "code_system", "not-found",
				   "is not a code system that medrec knows");
	else
		SetString(row, CODED_CODE_SYSTEM, cs->name);

	/* the code in its normal form, so that "e11.9" over "E11.9" is no change */
	code = GetString(row, CODED_CODE);
	if (code == NULL)
		faults_add(&row->faults, "code", "required", "must not be null");
	else
	{
		CodeCheck	check = {CODE_MALFORMED};

		if (cs != NULL)
			codesystem_check(cs, code, strlen(code), &check);
		if (check.verdict == CODE_OK)
			SetString(row, CODED_CODE, check.code);
		else if (HasControlCharacter(code, false))
			faults_add(&row->faults, "code", "value", "must not hold control characters");
		else
		{
			int			len;

			while (*code == ' ')
				code++;
			len = strlen(code);
			while (len > 0 && code[len - 1] == ' ')
				code[--len] = '\0';
			if (len == 0)
				faults_add(&row->faults, "code", "required", "must not be empty");
			else
				SetString(row, CODED_CODE, code);
		}
	}

	description = GetString(row, CODED_DESCRIPTION);
	if (description != NULL)
	{
		if (HasControlCharacter(description, true))
			faults_add(&row->faults, "description", "value",
					   "must not hold control characters");
		else if (strlen(description) > DESCRIPTION_MAX_CHARS &&
				 pg_mbstrlen(description) > DESCRIPTION_MAX_CHARS)
			faults_add(&row->faults, "description", "too-long",
					   "must not be longer than %d characters", DESCRIPTION_MAX_CHARS);
		if (strspn(description, " \t\r\n") == strlen(description))
		{
			SetNull(row, CODED_DESCRIPTION);
			description = NULL;
		}
	}

	recoded = !update || Recoded(row, cs);
	redescribed = !update || Changed(row, CODED_DESCRIPTION);

	/* suggestions of others: read if this statement brings any */
	i = row->columns[CODED_SUGGESTIONS] - 1;
	if (row->nulls[i])
	{
		if (update)
			KeepOld(row, CODED_SUGGESTIONS);
		else
			SetDatum(row, CODED_SUGGESTIONS, JsonbPGetDatum(suggestions_to_jsonb(NIL)));
	}
	resuggested = update ? Changed(row, CODED_SUGGESTIONS) :
		JB_ROOT_COUNT(DatumGetJsonbP(row->values[i])) > 0 ||
		!JB_ROOT_IS_ARRAY(DatumGetJsonbP(row->values[i]));
	if (resuggested)
	{
		theirs = suggestions_from_jsonb(DatumGetJsonbP(row->values[i]), cs, &row->faults);
		if (!MayImport(row))
			theirs = suggestions_of_client(theirs,
										   update ? DatumGetJsonbP(row->old_values[i]) : NULL,
										   cs, actor_account_name());
	}

	/* of the status a person may say that he confirms, rejects, or asks anew */
	status = GetString(row, CODED_STATUS);
	if (update)
	{
		old_status = TextDatumGetCString(row->old_values[row->columns[CODED_STATUS] - 1]);
		accepting = accepting_record != NULL &&
			memcmp(accepting_record,
				   DatumGetUUIDP(row->old_values[row->columns[CODED_ID] - 1]),
				   UUID_LEN) == 0;
		if (!accepting && (status == NULL || Changed(row, CODED_STATUS)))
		{
			static const char *const decisions[] = {"confirmed", "rejected", "pending", NULL};

			if (status == NULL || !IsOneOf(status, decisions))
				faults_add(&row->faults, "status", "value",
						   "may only be set to confirmed, rejected, or pending to validate anew");
		}
	}

	if (row->faults.count > 0)
		return;

	/* another patient has another age and gender; a decision on the code stands */
	moved = update && Changed(row, CODED_PATIENT_ID) && !IsOneOf(old_status, decided);

	/* these are medrec's; what a client sends is not looked at */
	if (update)
	{
		KeepOld(row, CODED_VALIDATION_DATE);
		KeepOld(row, CODED_VALIDATED_BY);
		KeepOld(row, CODED_ISSUES);
		if (theirs == NIL && !recoded)
			KeepOld(row, CODED_SUGGESTIONS);
	}

	if (recoded || redescribed || accepting || moved || (update && revalidating) ||
		(update && strcmp(status, "pending") == 0 && strcmp(old_status, "pending") != 0))
	{
		Coding		coding = {0};
		Judgement	j;
		List	   *suggestions = NIL;

		coding.cs = cs;
		coding.code = TextDatumGetCString(row->values[row->columns[CODED_CODE] - 1]);
		coding.on_date = day_of(DatumGetTimestampTz(row->values[row->columns[CODED_CREATED_AT] - 1]));
		coding.patient = DatumGetUUIDP(row->values[row->columns[CODED_PATIENT_ID] - 1]);
		coding.record = DatumGetUUIDP(row->values[row->columns[CODED_ID] - 1]);
		coding.age = -1;

		/* a description that was but the old code's title goes with the old code */
		if (update && recoded && !redescribed && description != NULL)
		{
			CodeEntry	was;

			terminology_lookup(codesystem_get(DatumGetTextPP(row->old_values[row->columns[CODED_CODE_SYSTEM] - 1])),
							   TextDatumGetCString(row->old_values[row->columns[CODED_CODE] - 1]),
							   coding.on_date, &was);
			if (was.display != NULL && strcmp(was.display, description) == 0)
				description = NULL;
		}
		coding.display = description;
		validate_coding(&coding, &j);
		if (accepting && strcmp(j.status, "invalid") == 0)
		{
			faults_add(&row->faults, "code", "invalid-code", "is not a valid code");
			return;
		}

		SetString(row, CODED_CODE, j.code);
		if (description == NULL)
		{
			if (j.display != NULL)
				SetString(row, CODED_DESCRIPTION, j.display);
			else
				SetNull(row, CODED_DESCRIPTION);
		}
		SetDatum(row, CODED_ISSUES, JsonbPGetDatum(issues_to_jsonb(j.issues)));
		if (accepting)
			KeepOld(row, CODED_SUGGESTIONS);
		else
		{
			if (j.wants_suggestions)
				suggestions = validate_suggestions(&coding, &j);
			/* what others have suggested for this very code stays */
			if (!recoded)
				theirs = list_concat(theirs,
									 suggestions_of_others(DatumGetJsonbP(row->old_values[row->columns[CODED_SUGGESTIONS] - 1]), cs));
			SetDatum(row, CODED_SUGGESTIONS,
					 JsonbPGetDatum(suggestions_to_jsonb(suggestions_merge(suggestions, theirs))));
		}
		SetString(row, CODED_STATUS, accepting ? "corrected" : j.status);
		SetString(row, CODED_VALIDATED_BY, accepting ? actor_name() : VALIDATOR_NAME);
		SetDatum(row, CODED_VALIDATION_DATE, TimestampTzGetDatum(now));
	}
	else if (theirs != NIL)
	{
		FaultList	none;
		List	   *ours;

		faults_init(&none);
		i = row->columns[CODED_SUGGESTIONS] - 1;
		ours = suggestions_from_jsonb(DatumGetJsonbP(row->old_values[i]), cs, &none);
		SetDatum(row, CODED_SUGGESTIONS,
				 JsonbPGetDatum(suggestions_to_jsonb(suggestions_merge(ours, theirs))));
	}

	/* a decision beats what was found, also when it comes with a new code */
	if (update && !accepting && strcmp(status, old_status) != 0 &&
		strcmp(status, "pending") != 0)
	{
		SetString(row, CODED_STATUS, status);
		SetString(row, CODED_VALIDATED_BY, actor_name());
		SetDatum(row, CODED_VALIDATION_DATE, TimestampTzGetDatum(now));
	}
}

/* Whether an update changes nothing but one column (0 for none), the user's own included. */
static bool
SameRow(TupleDesc desc, HeapTuple old, HeapTuple new, AttrNumber but)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		old_null;
		bool		new_null;
		Datum		old_value = heap_getattr(old, i + 1, desc, &old_null);
		Datum		new_value = heap_getattr(new, i + 1, desc, &new_null);

		if (i + 1 == but)
			continue;
		if (old_null != new_null ||
			(!old_null && !datum_image_eq(old_value, new_value, att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

PG_FUNCTION_INFO_V1(medrec_validate);

/* medrec.validate(kind): BEFORE INSERT OR UPDATE FOR EACH ROW. */
Datum
medrec_validate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	RecordRow	row;
	TupleDesc	desc;
	HeapTuple	tuple;
	int			kind;
	bool		update;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", "medrec.validate")));
	if (!TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired BEFORE ROW", "medrec.validate")));
	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) &&
		!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired for INSERT or UPDATE", "medrec.validate")));
	if (trigdata->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" takes one argument, the kind of record", "medrec.validate")));
	for (kind = 0; kind < RECORD_KINDS; kind++)
		if (strcmp(trigdata->tg_trigger->tgargs[0], record_kind_names[kind]) == 0)
			break;
	if (kind == RECORD_KINDS ||
		RelationGetNamespace(trigdata->tg_relation) != get_namespace_oid(MEDREC_SCHEMA, true) ||
		strcmp(RelationGetRelationName(trigdata->tg_relation), record_kind_names[kind]) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" belongs to medrec's own tables", "medrec.validate")));

	update = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	tuple = update ? trigdata->tg_newtuple : trigdata->tg_trigtuple;
	desc = RelationGetDescr(trigdata->tg_relation);

	row.rel = trigdata->tg_relation;
	row.columns = record_columns(row.rel, kind);

	/* a visit: no change of a person's, unless a trigger has made it one */
	if (update && kind == RECORD_PATIENT && own_statement(row.rel, CMD_UPDATE) &&
		SameRow(desc, trigdata->tg_trigtuple, tuple, row.columns[PATIENT_LAST_VISIT]))
		PG_RETURN_POINTER(tuple);

	row.values = palloc(desc->natts * sizeof(Datum));
	row.nulls = palloc(desc->natts * sizeof(bool));
	heap_deform_tuple(tuple, desc, row.values, row.nulls);
	row.old_values = NULL;
	row.old_nulls = NULL;
	if (update)
	{
		row.old_values = palloc(desc->natts * sizeof(Datum));
		row.old_nulls = palloc(desc->natts * sizeof(bool));
		heap_deform_tuple(trigdata->tg_trigtuple, desc, row.old_values, row.old_nulls);
	}
	faults_init(&row.faults);

	switch (kind)
	{
		case RECORD_ACCOUNT:
			CheckAccount(&row);
			break;
		case RECORD_PATIENT:
			CheckPatient(&row);
			break;
		case RECORD_DIAGNOSIS:
			CheckCoded(&row, "ICD-10-CM");
			break;
		default:
			CheckCoded(&row, "CPT");
			break;
	}
	faults_raise(&row.faults, record_kind_names[kind]);

	/* only judged anew, and as before: nothing to write */
	if (update && revalidating && kind >= RECORD_DIAGNOSIS &&
		SameRow(desc, trigdata->tg_trigtuple, tuple, 0) &&
		!Changed(&row, CODED_STATUS) && !Changed(&row, CODED_ISSUES) &&
		!Changed(&row, CODED_CODE) && !Changed(&row, CODED_DESCRIPTION))
		PG_RETURN_POINTER(NULL);

	PG_RETURN_POINTER(heap_form_tuple(desc, row.values, row.nulls));
}
