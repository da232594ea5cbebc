/*
 * records/validate_code.c
 *		Judges a code: structure, release, use, description.
 *
 * The record trigger and medrec.validate_code() both come here, so that a code
 * is judged the same whether it is asked about or stored.
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

/* how many codes are named that have a description as their title */
#define NAMED_MAX	3

static void CheckStanding(const Coding *coding, const CodeEntry *entry, Judgement *j);
static void CheckDescription(const Coding *coding, const CodeEntry *entry, Judgement *j);
static void ReadPatient(Coding *coding);
static void CheckEdits(Coding *coding, Judgement *j);
static char *DateString(DateADT date);

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

/* Judges by what the releases say of a well-formed code. */
static void
CheckStanding(const Coding *coding, const CodeEntry *entry, Judgement *j)
{
	const char *name = coding->cs->name;

	switch (entry->standing)
	{
		case CODE_NO_RELEASE:
			j->status = "pending";
			j->issues = issue_add(j->issues, ISSUE_INFORMATION, "not-found", "code_system",
								  "no release of %s that is in force on %s is loaded",
								  name, DateString(coding->on_date));
			break;
		case CODE_UNKNOWN:
			j->status = "invalid";
			j->issues = issue_add(j->issues, ISSUE_ERROR, "invalid-code", "code",
								  "not a code of %s", name);
			j->wants_suggestions = true;
			break;
		case CODE_NOT_YET:
			j->status = "review";
			j->issues = issue_add(j->issues, ISSUE_WARNING, "code-rule", "code",
								  "valid only from %s", DateString(entry->from));
			j->wants_suggestions = true;
			break;
		case CODE_RETIRED:
			j->status = "review";
			/* some files call a code retired and give no day */
			if (DATE_IS_NOBEGIN(entry->until))
				j->issues = issue_add(j->issues, ISSUE_WARNING, "code-rule", "code", "retired");
			else
				j->issues = issue_add(j->issues, ISSUE_WARNING, "code-rule", "code",
									  "retired since %s", DateString(entry->until));
			j->wants_suggestions = true;
			break;
		case CODE_CURRENT:
			j->known = true;
			j->billable = entry->billable;
			if (!entry->billable && coding->cs->has_headers)
			{
				j->status = "review";
				if (entry->was_billable)
					j->issues = issue_add(j->issues, ISSUE_WARNING, "code-rule", "code",
										  "a header since %s: a more specific code is needed",
										  DateString(entry->from));
				else
					j->issues = issue_add(j->issues, ISSUE_WARNING, "code-rule", "code",
										  "a header: a more specific code is needed");
				j->wants_suggestions = true;
			}
			break;
	}
}

/* Compares the description with what the code is called. */
static void
CheckDescription(const Coding *coding, const CodeEntry *entry, Judgement *j)
{
	FoldedTerm	readings[1 + EXPANSIONS_MAX];
	int			n = 1;
	const char *above = NULL;
	ListCell   *lc;

	/* mostly the title itself, and then nothing need be folded */
	if (entry->display && strcmp(coding->display, entry->display) == 0)
		return;

	term_fold(coding->display, strlen(coding->display), &readings[0]);
	if (readings[0].len == 0 ||
		(entry->display && term_equals(&readings[0], entry->display, strlen(entry->display))) ||
		(entry->short_display &&
		 term_equals(&readings[0], entry->short_display, strlen(entry->short_display))))
		return;
	n += expand_abbreviations(&readings[0], &readings[1]);

	/* a lone abbreviation stands for too many things to name another code */
	if (terminology_names_code(coding->cs, j->code, entry, readings, n,
							   strchr(readings[0].text, ' ') ? n : 1,
							   coding->on_date, NAMED_MAX, &j->named))
		return;
	foreach(lc, j->named)
		if (terminology_is_above(coding->cs, (char *) lfirst(lc), j->code))
			above = (char *) lfirst(lc);

	if (above && entry->display)
	{
		/* less than the code says, nothing else */
		j->issues = issue_add(j->issues, ISSUE_INFORMATION, "invalid-display", "description",
							  "the description is the title of %s, which the code belongs to",
							  above);
		j->named = NIL;
	}
	else if (j->named != NIL && entry->standing != CODE_UNKNOWN)
	{
		if (strcmp(j->status, "valid") == 0)
			j->status = "review";
		j->issues = issue_add(j->issues, ISSUE_WARNING, "invalid-display", "description",
							  "the description is the title of %s",
							  (char *) linitial(j->named));
		j->wants_suggestions = true;
	}
	else if (entry->display)
		j->issues = issue_add(j->issues, ISSUE_INFORMATION, "invalid-display", "description",
							  "the description is none of the code's official terms");
}

/* Reads the age and gender of a record's patient, if that is still to be done. */
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

/* Holds a code in force against the coding edits, where any are loaded. */
static void
CheckEdits(Coding *coding, Judgement *j)
{
	EditContext context;
	int			before = list_length(j->issues);

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
	j->issues = edits_check(coding->cs, j->code, &context, j->issues);
	if (list_length(j->issues) > before)
		j->status = "review";
}

/* Says what a mark behind a code of WHO's ICD-10 means, which the code itself does not bear. */
static void
CheckMark(const Coding *coding, char mark, Judgement *j)
{
	if (mark == '+')
		j->issues = issue_add(j->issues, ISSUE_INFORMATION, "code-rule", "code",
							  "marked with a dagger: the underlying disease, beside which its manifestation is coded");
	else if (mark == '*' && coding->principal)
	{
		if (strcmp(j->status, "valid") == 0)
			j->status = "review";
		j->issues = issue_add(j->issues, ISSUE_WARNING, "code-rule", "code",
							  "marked with an asterisk: a manifestation, which cannot be the principal diagnosis");
	}
	else if (mark == '*')
		j->issues = issue_add(j->issues, ISSUE_INFORMATION, "code-rule", "code",
							  "marked with an asterisk: a manifestation, coded beside the underlying disease");
}

/* Judges a code. */
void
validate_coding(Coding *coding, Judgement *j)
{
	CodeCheck	check;
	CodeEntry	entry;

	memset(j, 0, sizeof(Judgement));
	j->status = "valid";

	codesystem_check(coding->cs, coding->code, strlen(coding->code), &check);
	if (check.verdict != CODE_OK)
	{
		j->status = "invalid";
		j->code = trimmed_copy(coding->code);
		j->issues = issue_add(j->issues, ISSUE_ERROR, "invalid-code", "code", "%s", check.fault);
		j->wants_suggestions = true;
		return;
	}

	j->code = pnstrdup(check.code, check.len);
	terminology_lookup(coding->cs, j->code, coding->on_date, &entry);
	j->display = entry.display;
	CheckStanding(coding, &entry, j);
	if (coding->display && entry.standing != CODE_NO_RELEASE)
		CheckDescription(coding, &entry, j);
	CheckMark(coding, check.mark, j);
	if (entry.standing == CODE_CURRENT)
		CheckEdits(coding, j);
}

/* Finds suggestions for what was judged; the named codes come first. */
List *
validate_suggestions(Coding *coding, const Judgement *j)
{
	SuggestQuestion question = {0};
	List	   *first = NIL;
	ListCell   *lc;

	foreach(lc, j->named)
	{
		CodeEntry	entry;
		Suggestion *s = palloc0(sizeof(Suggestion));

		terminology_lookup(coding->cs, (char *) lfirst(lc), coding->on_date, &entry);
		s->code = (char *) lfirst(lc);
		s->display = entry.display;
		s->code_system = coding->cs->name;
		/* a title that several codes share names none of them for sure */
		s->score = list_length(j->named) == 1 ? 1.0 : 0.8;
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
	Judgement	j;
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
	validate_coding(&coding, &j);

	values[0] = CStringGetTextDatum(j.status);
	values[1] = CStringGetTextDatum(j.code);
	if (j.display)
		values[2] = CStringGetTextDatum(j.display);
	else
		nulls[2] = true;
	values[3] = BoolGetDatum(j.billable);
	nulls[3] = !j.known;
	values[4] = JsonbPGetDatum(issues_to_jsonb(j.issues));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
