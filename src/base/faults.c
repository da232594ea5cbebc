/*
 * base/faults.c
 *		Collects all that is wrong with a row and reports it as one error.
 *
 * The DETAIL is a JSON array for programs, the message its summary for people.
 * Neither ever contains a value of the row: error messages reach logs and
 * screens that must not show patient data.
 */
#include "base/medrec.h"

#include "utils/json.h"

#include "base/faults.h"
#include "base/text.h"

/* most faults that are reported: a client's JSON may have any number of them */
#define FAULTS_MAX	100

/* Starts an empty list in the current memory context. */
void
faults_init(FaultList *faults)
{
	faults->count = 0;
}

/* Adds one fault of one field. */
void
faults_add(FaultList *faults, const char *field, const char *code,
		   const char *fmt,...)
{
	va_list		args;
	char	   *text;

	if (faults->count >= FAULTS_MAX)
		return;
	va_start(args, fmt);
	text = format_text(fmt, args);
	va_end(args);

	if (faults->count++ == 0)
	{
		initStringInfo(&faults->text);
		initStringInfo(&faults->json);
		appendStringInfoChar(&faults->json, '[');
	}
	else
	{
		appendStringInfoString(&faults->text, "; ");
		appendStringInfoString(&faults->json, ", ");
	}

	appendStringInfo(&faults->text, "%s %s", field, text);
	appendStringInfoString(&faults->json, "{\"field\": ");
	escape_json(&faults->json, field);
	appendStringInfoString(&faults->json, ", \"code\": ");
	escape_json(&faults->json, code);
	appendStringInfoString(&faults->json, ", \"text\": ");
	escape_json(&faults->json, text);
	appendStringInfoChar(&faults->json, '}');
	pfree(text);
}

/* Reports the faults, all at once; returns if there are none. */
void
faults_raise(FaultList *faults, const char *what)
{
	if (faults->count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s: %s", what, faults->text.data),
			 errdetail_internal("%s]", faults->json.data)));
}
