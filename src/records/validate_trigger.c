/*
 * records/validate_trigger.c
 *		medrec.validate(): the BEFORE ROW trigger of the record tables.
 *
 * It collects all faults of a row before it refuses it, normalizes the values
 * that it accepts, and fills medrec's own columns. Values that a client writes
 * into these are ignored, so that an ORM may send back a whole row.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/formatting.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/direct.h"
#include "base/trigger.h"
#include "records/intent.h"
#include "records/patients.h"
#include "records/row.h"
#include "records/validate_coded.h"
#include "terminology/context.h"

/* Is a text the hash of a password, as crypt() or Django makes it, or "!" for none? */
static bool
IsPasswordHash(const char *str)
{
	static const char *const hashes[] = {"!", "$2a$", "$2b$", "$2x$", "$2y$", "pbkdf2_sha256$"};

	for (int i = 0; i < lengthof(hashes); i++)
		if (strncmp(str, hashes[i], strlen(hashes[i])) == 0)
			return true;
	return false;
}

/* Checks a row of account. */
static void
CheckAccount(RecordRow *row)
{
	static const char *const roles[] = {"admin", "clinician", "coder", "auditor", NULL};
	char	   *str;

	row_check_line(row, ACCOUNT_USERNAME, "username");

	str = row_string(row, ACCOUNT_EMAIL);
	if (str == NULL)
		faults_add(&row->faults, "email", "required", "must not be null");
	else if (*str != '\0')
	{
		char	   *at = strrchr(str, '@');

		if (at == NULL || at == str || at[1] == '\0' ||
			strpbrk(str, " \t\r\n") != NULL || has_control_character(str, false))
			faults_add(&row->faults, "email", "value", "must be an e-mail address, or empty");
	}

	str = row_string(row, ACCOUNT_ROLE);
	if (str == NULL || !is_one_of(str, roles))
		faults_add(&row->faults, "role", "value",
				   "must be admin, clinician, coder or auditor");

	/* a password in clear text is never stored, not even by mistake */
	str = row_string(row, ACCOUNT_PASSWORD);
	if (str == NULL || !IsPasswordHash(str))
		faults_add(&row->faults, "password", "value",
				   "must be a hash (bcrypt or pbkdf2_sha256), or ! for none");
}

/* last_visit is set by medrec: a value from anything but an import is ignored. */
static void
CheckLastVisit(RecordRow *row)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	bool		update = row_is_update(row);

	if (update ? !row_changes(row, PATIENT_LAST_VISIT) : row_is_time(row, PATIENT_LAST_VISIT, now))
		return;
	if (!row_may_import(row))
	{
		if (update)
			row_keep(row, PATIENT_LAST_VISIT);
		else
			row_set(row, PATIENT_LAST_VISIT, TimestampTzGetDatum(now));
	}
	else if (row_is_null(row, PATIENT_LAST_VISIT))
		row_set(row, PATIENT_LAST_VISIT, TimestampTzGetDatum(now));
	else
		row_check_past(row, PATIENT_LAST_VISIT, "last_visit");
}

/* The birth date, from which the age follows; without one the age must be given. */
static void
CheckPatientAge(RecordRow *row)
{
	int			age;

	if (!row_is_null(row, PATIENT_BIRTH_DATE))
	{
		age = patient_age(DatumGetDateADT(row_value(row, PATIENT_BIRTH_DATE)), GetSQLCurrentDate());
		if (age < 0 || age > PATIENT_AGE_MAX)
			faults_add(&row->faults, "birth_date", "value",
					   "must not lie in the future or more than %d years ago", PATIENT_AGE_MAX);
		else
			row_set(row, PATIENT_AGE, Int32GetDatum(age));
	}
	else if (row_is_null(row, PATIENT_AGE))
		faults_add(&row->faults, "age", "required",
				   "must not be null unless birth_date is given");
	else
	{
		age = DatumGetInt32(row_value(row, PATIENT_AGE));
		if (age < 0 || age > PATIENT_AGE_MAX)
			faults_add(&row->faults, "age", "value",
					   "must be between 0 and %d", PATIENT_AGE_MAX);
	}
}

/* Checks a row of patient. */
static void
CheckPatient(RecordRow *row)
{
	static const char *const genders[] = {"male", "female", "other", "unknown", NULL};
	char	   *gender;

	row_check_version(row, PATIENT_VERSION, PATIENT_CREATED_AT, PATIENT_UPDATED_AT, PATIENT_ID);
	row_check_line(row, PATIENT_NAME, "name");
	row_check_line(row, PATIENT_PATIENT_ID, "patient_id");
	CheckPatientAge(row);

	gender = row_string(row, PATIENT_GENDER);
	if (gender != NULL)
	{
		gender = asc_tolower(gender, strlen(gender));
		row_set_string(row, PATIENT_GENDER, gender);
	}
	if (gender == NULL || !is_one_of(gender, genders))
		faults_add(&row->faults, "gender", gender == NULL ? "required" : "value",
				   "must be male, female, other or unknown");

	CheckLastVisit(row);
}

/* Finds the kind of record that the trigger's argument names; it must match the table. */
static RecordKind
TriggerKind(const TriggerData *trigdata)
{
	const char *name = trigdata->tg_trigger->tgargs[0];

	for (int kind = 0; kind < RECORD_KINDS; kind++)
		if (strcmp(name, record_kind_names[kind]) == 0)
		{
			trigger_check_table(trigdata, "medrec.validate", name);
			return (RecordKind) kind;
		}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"%s\" must be fired with the kind of record as its argument",
					"medrec.validate")));
}

/* Checks the row, fills and normalises it; all faults are reported at once. */
static void
ValidateRow(RecordRow *row, IntentKind intent)
{
	switch (row->kind)
	{
		case RECORD_ACCOUNT:
			CheckAccount(row);
			break;
		case RECORD_PATIENT:
			CheckPatient(row);
			break;
		case RECORD_DIAGNOSIS:
		case RECORD_TREATMENT:
			validate_coded(row, intent);
			break;
	}
	faults_raise(&row->faults, record_kind_names[row->kind]);
}

PG_FUNCTION_INFO_V1(medrec_validate);

/* medrec.validate(kind): BEFORE INSERT OR UPDATE FOR EACH ROW. */
Datum
medrec_validate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = trigger_called(fcinfo, "medrec.validate",
										   FIRED_BEFORE | FIRED_FOR_ROW |
										   FIRED_BY_INSERT | FIRED_BY_UPDATE, 1);
	RecordKind	kind = TriggerKind(trigdata);
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	Relation	rel = trigdata->tg_relation;
	TupleDesc	desc = RelationGetDescr(rel);
	HeapTuple	old = update ? trigdata->tg_trigtuple : NULL;
	HeapTuple	tuple = update ? trigdata->tg_newtuple : trigdata->tg_trigtuple;
	IntentKind	intent = INTENT_NONE;
	RecordRow	row;

	/*
	 * only last_visit has changed: not a change by a person, unless a trigger
	 * has made it one
	 */
	if (update && kind == RECORD_PATIENT && own_statement(rel, CMD_UPDATE) &&
		rows_differ_only_in(desc, old, tuple, record_columns(rel, kind)[PATIENT_LAST_VISIT]))
		PG_RETURN_POINTER(tuple);

	row_open(&row, rel, kind, tuple, old);
	if (update && (kind == RECORD_DIAGNOSIS || kind == RECORD_TREATMENT))
		intent = intent_for(DatumGetUUIDP(row_old_value(&row, CODED_ID)));
	ValidateRow(&row, intent);

	/* only validated again, with the same result: nothing to write */
	if (intent == INTENT_REVALIDATE && rows_differ_only_in(desc, old, tuple, InvalidAttrNumber) &&
		coded_is_as_before(&row))
		PG_RETURN_POINTER(NULL);

	PG_RETURN_POINTER(heap_form_tuple(desc, row.values, row.nulls));
}
