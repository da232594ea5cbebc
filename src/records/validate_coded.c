/*
 * records/validate_coded.c
 *		Checks and validates a row of diagnosis or treatment.
 *
 * A row is processed in three steps. First the columns that the client may
 * write are checked and normalized; any fault ends processing. Then, if the
 * code or something that it depends on has changed, or if this is asked for,
 * the code is validated and medrec's own columns are filled. Last, a person's
 * decision is recorded.
 */
#include "base/medrec.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/actor.h"
#include "records/patients.h"
#include "records/validate_code.h"
#include "records/validate_coded.h"
#include "suggest/suggestions.h"
#include "terminology/code_systems.h"
#include "terminology/issues.h"
#include "terminology/lookup.h"

/* validated_by if no person validated */
#define VALIDATOR_NAME	"medrec"

/* A row of diagnosis or treatment, and what the statement does to it. */
typedef struct CodedRecord
{
	RecordRow  *row;
	IntentKind	intent;
	const CodeSystem *cs;		/* NULL where it is not known */
	char	   *description;	/* NULL if there is none */
	char	   *status;
	char	   *old_status;		/* NULL on INSERT */
	bool		recoded;		/* the code is new */
	bool		redescribed;
	List	   *theirs;			/* suggestions from outside in the statement */
} CodedRecord;

/*
 * Does an UPDATE change the code? Not if only its normal form has changed
 * since it was stored (the dagger of ICD-10 was once part of it), so that a
 * decision is kept.
 */
static bool
Recoded(const RecordRow *row, const CodeSystem *cs)
{
	int			i = row->columns[CODED_CODE] - 1;
	char	   *old_code;
	CodeCheck	check;

	if (row_changes(row, CODED_CODE_SYSTEM))
		return true;
	if (!row_changes(row, CODED_CODE))
		return false;
	if (cs == NULL || row->nulls[i] || row->old_nulls[i])
		return true;
	old_code = TextDatumGetCString(row->old_values[i]);
	codesystem_check(cs, old_code, strlen(old_code), &check);
	return check.verdict != CODE_OK ||
		strcmp(check.code, TextDatumGetCString(row->values[i])) != 0;
}

/* The system, under its name. */
static void
ReadSystem(CodedRecord *record)
{
	RecordRow  *row = record->row;

	if (row_is_null(row, CODED_CODE_SYSTEM))
		row_set_string(row, CODED_CODE_SYSTEM,
					   row->kind == RECORD_DIAGNOSIS ? "ICD-10-CM" : "CPT");
	record->cs = codesystem_lookup(DatumGetTextPP(row_value(row, CODED_CODE_SYSTEM)));
	if (record->cs == NULL)
		faults_add(&row->faults, "code_system", "not-found",
				   "is not a code system that medrec knows");
	else
		row_set_string(row, CODED_CODE_SYSTEM, record->cs->name);
}

/* A copy of a string without surrounding spaces; other white space is kept. */
static char *
WithoutSpaces(char *str)
{
	int			len;

	while (*str == ' ')
		str++;
	len = strlen(str);
	while (len > 0 && str[len - 1] == ' ')
		len--;
	return pnstrdup(str, len);
}

/* The code in its normal form, so that "e11.9" in place of "E11.9" is not a change. */
static void
NormalizeCode(CodedRecord *record)
{
	RecordRow  *row = record->row;
	char	   *code = row_string(row, CODED_CODE);
	CodeCheck	check = {CODE_MALFORMED};

	if (code == NULL)
	{
		faults_add(&row->faults, "code", "required", "must not be null");
		return;
	}
	if (record->cs != NULL)
		codesystem_check(record->cs, code, strlen(code), &check);
	if (check.verdict == CODE_OK)
		row_set_string(row, CODED_CODE, check.code);
	else if (has_control_character(code, false))
		faults_add(&row->faults, "code", "value", "must not hold control characters");
	else
	{
		code = WithoutSpaces(code);
		if (*code == '\0')
			faults_add(&row->faults, "code", "required", "must not be empty");
		else
			row_set_string(row, CODED_CODE, code);
	}
}

/* The description; white space alone counts as null. */
static void
ReadDescription(CodedRecord *record)
{
	RecordRow  *row = record->row;
	char	   *description = row_string(row, CODED_DESCRIPTION);

	if (description == NULL)
		return;
	if (has_control_character(description, true))
		faults_add(&row->faults, "description", "value", "must not hold control characters");
	else if (strlen(description) > DESCRIPTION_MAX_CHARS &&
			 pg_mbstrlen(description) > DESCRIPTION_MAX_CHARS)
		faults_add(&row->faults, "description", "too-long",
				   "must not be longer than %d characters", DESCRIPTION_MAX_CHARS);
	if (strspn(description, " \t\r\n") == strlen(description))
		row_set_null(row, CODED_DESCRIPTION);
	else
		record->description = description;
}

/* Does the statement set suggestions? */
static bool
BringsSuggestions(const RecordRow *row)
{
	Jsonb	   *jb;

	if (row_is_update(row))
		return row_changes(row, CODED_SUGGESTIONS);
	jb = DatumGetJsonbP(row_value(row, CODED_SUGGESTIONS));
	return JB_ROOT_COUNT(jb) > 0 || !JB_ROOT_IS_ARRAY(jb);
}

/* Reads the suggestions from outside, if the statement sets any. */
static void
ReadSuggestions(CodedRecord *record)
{
	RecordRow  *row = record->row;

	if (row_is_null(row, CODED_SUGGESTIONS))
	{
		if (row_is_update(row))
			row_keep(row, CODED_SUGGESTIONS);
		else
			row_set(row, CODED_SUGGESTIONS, JsonbPGetDatum(suggestions_to_jsonb(NIL)));
	}
	if (!BringsSuggestions(row))
		return;
	record->theirs = suggestions_from_jsonb(DatumGetJsonbP(row_value(row, CODED_SUGGESTIONS)),
											record->cs, &row->faults);
	if (!row_may_import(row))
		record->theirs = suggestions_of_client(record->theirs,
											   row_is_update(row) ?
											   DatumGetJsonbP(row_old_value(row, CODED_SUGGESTIONS)) : NULL,
											   record->cs, actor_account_name());
}

/* The status: a person may set confirmed, rejected, or pending to validate again. */
static void
ReadStatus(CodedRecord *record)
{
	static const char *const decisions[] = {"confirmed", "rejected", "pending", NULL};
	RecordRow  *row = record->row;

	record->status = row_string(row, CODED_STATUS);
	if (!row_is_update(row))
		return;
	record->old_status = TextDatumGetCString(row_old_value(row, CODED_STATUS));
	if (record->intent == INTENT_ACCEPT ||
		(record->status != NULL && !row_changes(row, CODED_STATUS)))
		return;
	if (record->status == NULL || !is_one_of(record->status, decisions))
		faults_add(&row->faults, "status", "value",
				   "may only be set to confirmed, rejected, or pending to validate again");
}

/* Checks and normalises what a client may write, and finds out what the statement changes. */
static void
ReadRecord(CodedRecord *record)
{
	RecordRow  *row = record->row;

	row_check_version(row, CODED_VERSION, CODED_CREATED_AT, CODED_UPDATED_AT, CODED_ID);
	if (row_is_null(row, CODED_PATIENT_ID))
		faults_add(&row->faults, "patient_id", "required", "must not be null");
	ReadSystem(record);
	NormalizeCode(record);
	ReadDescription(record);
	record->recoded = !row_is_update(row) || Recoded(row, record->cs);
	record->redescribed = !row_is_update(row) || row_changes(row, CODED_DESCRIPTION);
	ReadSuggestions(record);
	ReadStatus(record);
}

/* Restores the old values of medrec's own columns, ignoring what a client sends. */
static void
KeepOwnColumns(CodedRecord *record)
{
	RecordRow  *row = record->row;

	row_keep(row, CODED_VALIDATION_DATE);
	row_keep(row, CODED_VALIDATED_BY);
	row_keep(row, CODED_ISSUES);
	if (record->theirs == NIL && !record->recoded)
		row_keep(row, CODED_SUGGESTIONS);
}

/* Does the code have to be validated? */
static bool
NeedsValidation(const CodedRecord *record)
{
	static const char *const decided[] = {"confirmed", "corrected", "rejected", NULL};
	const RecordRow *row = record->row;

	if (record->recoded || record->redescribed || record->intent != INTENT_NONE)
		return true;

	/*
	 * another patient has another age and gender; a decision on the code is
	 * kept
	 */
	if (row_changes(row, CODED_PATIENT_ID) && !is_one_of(record->old_status, decided))
		return true;
	return strcmp(record->status, "pending") == 0 && strcmp(record->old_status, "pending") != 0;
}

/* Is the description, left as it was, just the title of the old code? */
static bool
IsOldTitle(const CodedRecord *record, DateADT on_date)
{
	const RecordRow *row = record->row;
	CodeEntry	was;

	if (!row_is_update(row) || !record->recoded || record->redescribed || record->description == NULL)
		return false;
	terminology_lookup(codesystem_get(DatumGetTextPP(row_old_value(row, CODED_CODE_SYSTEM))),
					   TextDatumGetCString(row_old_value(row, CODED_CODE)), on_date, &was);
	return was.display != NULL && strcmp(was.display, record->description) == 0;
}

/* Stores the suggestions for a code that has been validated. */
static void
StoreSuggestions(CodedRecord *record, Coding *coding, const ValidationResult *result)
{
	RecordRow  *row = record->row;
	List	   *ours = NIL;

	if (record->intent == INTENT_ACCEPT)
	{
		row_keep(row, CODED_SUGGESTIONS);
		return;
	}
	if (result->wants_suggestions)
		ours = validate_suggestions(coding, result);
	/* suggestions from outside for the same code are kept */
	if (!record->recoded)
		record->theirs = list_concat(record->theirs,
									 suggestions_of_others(DatumGetJsonbP(row_old_value(row, CODED_SUGGESTIONS)),
														   record->cs));
	row_set(row, CODED_SUGGESTIONS,
			JsonbPGetDatum(suggestions_to_jsonb(suggestions_merge(ours, record->theirs))));
}

/* Records who has set the status, and when. */
static void
StoreStatus(RecordRow *row, const char *status, const char *who)
{
	row_set_string(row, CODED_STATUS, status);
	row_set_string(row, CODED_VALIDATED_BY, who);
	row_set(row, CODED_VALIDATION_DATE,
			TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
}

/* Validates the code, and fills the columns that are medrec's. */
static void
ValidateRecord(CodedRecord *record)
{
	RecordRow  *row = record->row;
	Coding		coding = {0};
	ValidationResult result;

	coding.cs = record->cs;
	coding.code = TextDatumGetCString(row_value(row, CODED_CODE));
	coding.on_date = day_of(DatumGetTimestampTz(row_value(row, CODED_CREATED_AT)));
	coding.patient = DatumGetUUIDP(row_value(row, CODED_PATIENT_ID));
	coding.record = DatumGetUUIDP(row_value(row, CODED_ID));
	coding.age = -1;

	/* a description that was only the old code's title is replaced too */
	if (IsOldTitle(record, coding.on_date))
		record->description = NULL;
	coding.display = record->description;
	validate_coding(&coding, &result);
	if (record->intent == INTENT_ACCEPT && strcmp(result.status, "invalid") == 0)
	{
		faults_add(&row->faults, "code", "invalid-code", "is not a valid code");
		return;
	}

	row_set_string(row, CODED_CODE, result.code);
	if (record->description == NULL)
	{
		if (result.display != NULL)
			row_set_string(row, CODED_DESCRIPTION, result.display);
		else
			row_set_null(row, CODED_DESCRIPTION);
	}
	row_set(row, CODED_ISSUES, JsonbPGetDatum(issues_to_jsonb(result.issues)));
	StoreSuggestions(record, &coding, &result);
	if (record->intent == INTENT_ACCEPT)
		StoreStatus(row, "corrected", actor_name());
	else
		StoreStatus(row, result.status, VALIDATOR_NAME);
}

/* Adds the suggestions in the statement to those of a code that is not validated. */
static void
AddTheirSuggestions(CodedRecord *record)
{
	RecordRow  *row = record->row;
	FaultList	none;
	List	   *ours;

	faults_init(&none);
	ours = suggestions_from_jsonb(DatumGetJsonbP(row_old_value(row, CODED_SUGGESTIONS)),
								  record->cs, &none);
	row_set(row, CODED_SUGGESTIONS,
			JsonbPGetDatum(suggestions_to_jsonb(suggestions_merge(ours, record->theirs))));
}

/* Has a person decided on the record by this statement? */
static bool
IsDecided(const CodedRecord *record)
{
	return row_is_update(record->row) && record->intent != INTENT_ACCEPT &&
		strcmp(record->status, record->old_status) != 0 &&
		strcmp(record->status, "pending") != 0;
}

/* Checks and validates a row of diagnosis or treatment. */
void
validate_coded(RecordRow *row, IntentKind intent)
{
	CodedRecord record = {row, intent};

	ReadRecord(&record);
	if (row->faults.count > 0)
		return;

	if (row_is_update(row))
		KeepOwnColumns(&record);
	if (NeedsValidation(&record))
		ValidateRecord(&record);
	else if (record.theirs != NIL)
		AddTheirSuggestions(&record);

	/* a decision overrides the result, even if it comes with a new code */
	if (IsDecided(&record))
		StoreStatus(row, record.status, actor_name());
}

/* Did an UPDATE that only validates the row again get the stored result? */
bool
coded_is_as_before(const RecordRow *row)
{
	return !row_changes(row, CODED_STATUS) && !row_changes(row, CODED_ISSUES) &&
		!row_changes(row, CODED_CODE) && !row_changes(row, CODED_DESCRIPTION);
}
