/*
 * records/validate_code.c
 *		Validates a code: structure, release, use, description.
 *
 * The record trigger and medrec.validate_code() both use this, so that a code
 * gets the same result in a query and in a record.
 */
#include "base/medrec.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/text.h"
#include "records/patients.h"
#include "records/validate_code.h"
#include "suggest/suggest.h"
#include "suggest/suggestions.h"
#include "terminology/code_systems.h"
#include "terminology/context.h"
#include "terminology/edits.h"
#include "terminology/expansions.h"
#include "terminology/issues.h"
#include "terminology/lookup.h"
#include "terminology/titles.h"

/* most codes that are named for a description that is their title */
#define NAMED_MAX	3

/* Writes a date as ISO 8601, whatever DateStyle is. */
static char *
DateString(DateADT date)
{
	int			year;
	int			month;
	int			day;

	if (DATE_NOT_FINITE(date))
		return DATE_IS_NOBEGIN(date) ? pstrdup("-infinity") : pstrdup("infinity");
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return psprintf("%04d-%02d-%02d", year, month, day);
}

/* Validates a well-formed code against the releases. */
static void
CheckStanding(const Coding *coding, const CodeEntry *entry, ValidationResult *result)
{
	const char *name = coding->cs->name;

	switch (entry->standing)
	{
		case CODE_NO_RELEASE:
			result->status = "pending";
			result->issues = issue_add(result->issues, ISSUE_INFORMATION, "not-found", "code_system",
									   "no loaded release of %s is in effect on %s",
									   name, DateString(coding->on_date));
			break;
		case CODE_UNKNOWN:
			result->status = "invalid";
			result->issues = issue_add(result->issues, ISSUE_ERROR, "invalid-code", "code",
									   "not a code of %s", name);
			result->wants_suggestions = true;
			break;
		case CODE_NOT_YET:
			result->status = "review";
			result->issues = issue_add(result->issues, ISSUE_WARNING, "code-rule", "code",
									   "valid only from %s", DateString(entry->from));
			result->wants_suggestions = true;
			break;
		case CODE_RETIRED:
			result->status = "review";
			/* some files call a code retired and give no day */
			if (DATE_IS_NOBEGIN(entry->until))
				result->issues = issue_add(result->issues, ISSUE_WARNING, "code-rule", "code", "retired");
			else
				result->issues = issue_add(result->issues, ISSUE_WARNING, "code-rule", "code",
										   "retired since %s", DateString(entry->until));
			result->wants_suggestions = true;
			break;
		case CODE_CURRENT:
			result->known = true;
			result->billable = entry->billable;
			if (!entry->billable && coding->cs->has_headers)
			{
				result->status = "review";
				if (entry->was_billable)
					result->issues = issue_add(result->issues, ISSUE_WARNING, "code-rule", "code",
											   "a header since %s: a more specific code is needed",
											   DateString(entry->from));
				else
					result->issues = issue_add(result->issues, ISSUE_WARNING, "code-rule", "code",
											   "a header: a more specific code is needed");
				result->wants_suggestions = true;
			}
			break;
	}
}

/* Is a folded text the title of the code in the current release? */
static bool
IsOwnTitle(const FoldedTerm *folded, const CodeEntry *entry)
{
	if (entry->display && term_equals(folded, entry->display, strlen(entry->display)))
		return true;
	return entry->short_display &&
		term_equals(folded, entry->short_display, strlen(entry->short_display));
}

/* Of the codes that a description names, one that is above the code; NULL if there is none. */
static const char *
NamedAbove(const CodeSystem *cs, List *named, const char *code)
{
	const char *above = NULL;
	ListCell   *lc;

	foreach(lc, named)
		if (codesystem_is_above(cs, (char *) lfirst(lc), code))
		above = (char *) lfirst(lc);
	return above;
}

/*
 * Adds an issue for a description that is not a title of the code, naming the
 * codes that it belongs to.
 */
static void
ReportDescription(const Coding *coding, const CodeEntry *entry, ValidationResult *result)
{
	const char *above = NamedAbove(coding->cs, result->named, result->code);

	if (above && entry->display)
	{
		/* less specific than the code, but not wrong */
		result->issues = issue_add(result->issues, ISSUE_INFORMATION, "invalid-display", "description",
								   "the description is the title of %s, which the code belongs to",
								   above);
		result->named = NIL;
	}
	else if (result->named != NIL && entry->standing != CODE_UNKNOWN)
	{
		if (strcmp(result->status, "valid") == 0)
			result->status = "review";
		result->issues = issue_add(result->issues, ISSUE_WARNING, "invalid-display", "description",
								   "the description is the title of %s",
								   (char *) linitial(result->named));
		result->wants_suggestions = true;
	}
	else if (entry->display)
		result->issues = issue_add(result->issues, ISSUE_INFORMATION, "invalid-display", "description",
								   "the description is not an official term of the code");
}

/* Compares the description with the names of the code. */
static void
CheckDescription(const Coding *coding, const CodeEntry *entry, ValidationResult *result)
{
	FoldedTerm	readings[1 + EXPANSIONS_MAX];
	TitleQuestion question = {0};

	/* in most cases it is the title itself, which needs no folding */
	if (entry->display && strcmp(coding->display, entry->display) == 0)
		return;

	term_fold(coding->display, strlen(coding->display), &readings[0]);
	if (readings[0].len == 0 || IsOwnTitle(&readings[0], entry))
		return;

	question.cs = coding->cs;
	question.code = result->code;
	question.entry = entry;
	question.on_date = coding->on_date;
	question.readings = readings;
	question.nreadings = 1 + expand_abbreviations(&readings[0], &readings[1]);
	/* an abbreviation alone has too many meanings to name another code */
	question.others = strchr(readings[0].text, ' ') ? question.nreadings : 1;
	question.max = NAMED_MAX;
	if (!title_names_code(&question, &result->named))
		ReportDescription(coding, entry, result);
}

/* Reads the age and gender of a record's patient, if that has not been done. */
static void
ReadPatient(Coding *coding)
{
	PatientContext patient;

	if (coding->patient == NULL)
		return;
	patient_context(coding->patient, coding->on_date, &patient);
	coding->age = patient.age;
	coding->gender = patient.gender;
	coding->patient = NULL;
}

/* Checks a current code against the coding edits, if any are loaded. */
static void
CheckEdits(Coding *coding, ValidationResult *result)
{
	EditContext context;
	int			before = list_length(result->issues);

	if (!edits_loaded())
		return;
	if (coding->record != NULL && coding->patient != NULL)
		coding->other_codes = patient_visit_codes(coding->patient, coding->record,
												  coding->cs, coding->on_date);
	coding->record = NULL;
	ReadPatient(coding);

	context.on_date = coding->on_date;
	context.age = coding->age;
	context.gender = coding->gender;
	context.principal = coding->principal;
	context.other_codes = coding->other_codes;
	result->issues = edits_check(coding->cs, result->code, &context, result->issues);
	if (list_length(result->issues) > before)
		result->status = "review";
}

/*
 * Adds an issue that explains the dagger or asterisk after a code of WHO's
 * ICD-10, which is not part of the stored code.
 */
static void
CheckMark(const Coding *coding, char mark, ValidationResult *result)
{
	if (mark == '+')
		result->issues = issue_add(result->issues, ISSUE_INFORMATION, "code-rule", "code",
								   "marked with a dagger: the underlying disease, whose manifestation is coded in addition");
	else if (mark == '*' && coding->principal)
	{
		if (strcmp(result->status, "valid") == 0)
			result->status = "review";
		result->issues = issue_add(result->issues, ISSUE_WARNING, "code-rule", "code",
								   "marked with an asterisk: a manifestation, which cannot be the principal diagnosis");
	}
	else if (mark == '*')
		result->issues = issue_add(result->issues, ISSUE_INFORMATION, "code-rule", "code",
								   "marked with an asterisk: a manifestation, coded in addition to the underlying disease");
}

/* Validates a code. */
void
validate_coding(Coding *coding, ValidationResult *result)
{
	CodeCheck	check;
	CodeEntry	entry;

	memset(result, 0, sizeof(ValidationResult));
	result->status = "valid";

	codesystem_check(coding->cs, coding->code, strlen(coding->code), &check);
	if (check.verdict != CODE_OK)
	{
		result->status = "invalid";
		result->code = trimmed_copy(coding->code);
		result->issues = issue_add(result->issues, ISSUE_ERROR, "invalid-code", "code", "%s", check.fault);
		result->wants_suggestions = true;
		return;
	}

	result->code = pnstrdup(check.code, check.len);
	terminology_lookup(coding->cs, result->code, coding->on_date, &entry);
	result->display = entry.display;
	CheckStanding(coding, &entry, result);
	if (coding->display && entry.standing != CODE_NO_RELEASE)
		CheckDescription(coding, &entry, result);
	CheckMark(coding, check.mark, result);
	if (entry.standing == CODE_CURRENT)
		CheckEdits(coding, result);
}

/* Finds suggestions for a code that has been validated; the named codes come first. */
List *
validate_suggestions(Coding *coding, const ValidationResult *result)
{
	SuggestQuestion question = {0};
	List	   *first = NIL;
	ListCell   *lc;

	foreach(lc, result->named)
	{
		CodeEntry	entry;
		Suggestion *s = palloc0(sizeof(Suggestion));

		terminology_lookup(coding->cs, (char *) lfirst(lc), coding->on_date, &entry);
		s->code = (char *) lfirst(lc);
		s->display = entry.display;
		s->code_system = coding->cs->name;
		/* a title that several codes share does not identify one of them */
		s->score = list_length(result->named) == 1 ? 1.0 : 0.8;
		s->source = "title";
		s->reason = "the description is the title of this code";
		first = lappend(first, s);
	}

	ReadPatient(coding);
	question.cs = coding->cs;
	question.code = coding->code;
	question.display = coding->display;
	question.on_date = coding->on_date;
	question.age = coding->age;
	question.gender = coding->gender;
	question.max = SUGGEST_DEFAULT_MAX;
	return list_truncate(suggestions_merge(first, suggest_codes(&question)),
						 SUGGEST_DEFAULT_MAX);
}

PG_FUNCTION_INFO_V1(medrec_validate_code);

/* medrec.validate_code(code_system, code, display, on_date, context) */
Datum
medrec_validate_code(PG_FUNCTION_ARGS)
{
	Coding		coding = {0};
	CodeContext context;
	ValidationResult result;
	TupleDesc	desc;
	Datum		values[5] = {0};
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "code_system" : "code")));

	coding.cs = codesystem_get(PG_GETARG_TEXT_PP(0));
	coding.code = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		coding.display = text_to_cstring(PG_GETARG_TEXT_PP(2));
	coding.on_date = PG_ARGISNULL(3) ? GetSQLCurrentDate() : PG_GETARG_DATEADT(3);
	context_read(PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4), coding.cs, &context);
	coding.age = context.age;
	coding.gender = context.gender;
	coding.principal = context.principal;
	coding.other_codes = context.codes;
	validate_coding(&coding, &result);

	values[0] = CStringGetTextDatum(result.status);
	values[1] = CStringGetTextDatum(result.code);
	if (result.display)
		values[2] = CStringGetTextDatum(result.display);
	else
		nulls[2] = true;
	values[3] = BoolGetDatum(result.billable);
	nulls[3] = !result.known;
	values[4] = JsonbPGetDatum(issues_to_jsonb(result.issues));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
