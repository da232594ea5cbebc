/*
 * terminology/issues.c
 *		What is wrong with a code, as the column "issues" shows it.
 */
#include "base/medrec.h"

#include "utils/builtins.h"

#include "base/jsonb.h"
#include "base/text.h"
#include "terminology/issues.h"

static const char *const severity_names[] = {"information", "warning", "error"};

/* Adds an issue to a list. */
List *
issue_add(List *issues, IssueSeverity severity, const char *code,
		  const char *field, const char *fmt,...)
{
	Issue	   *issue = palloc(sizeof(Issue));
	va_list		args;
	char	   *text;

	va_start(args, fmt);
	text = format_text(fmt, args);
	va_end(args);

	issue->severity = severity;
	issue->code = code;
	issue->text = text;
	issue->field = field;
	return lappend(issues, issue);
}

/* Converts a list of issues to the column's value. */
Jsonb *
issues_to_jsonb(List *issues)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, issues)
	{
		Issue	   *issue = (Issue *) lfirst(lc);

		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		jsonb_push_string(&state, "severity", severity_names[issue->severity]);
		jsonb_push_string(&state, "code", issue->code);
		jsonb_push_string(&state, "text", issue->text);
		jsonb_push_string(&state, "field", issue->field);
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/* Is a string the name of a severity? */
static bool
IsSeverity(const JsonbValue *value)
{
	for (int i = 0; i < lengthof(severity_names); i++)
		if (jsonb_is_text(value, severity_names[i]))
			return true;
	return false;
}

/* Does an object have the four strings of an issue, and nothing else? */
static bool
IsIssue(JsonbContainer *issue)
{
	static const char *const keys[] = {"severity", "code", "text", "field"};
	int			i;

	if (JsonContainerSize(issue) != lengthof(keys))
		return false;
	for (i = 0; i < lengthof(keys); i++)
	{
		JsonbValue	buf;
		JsonbValue *value = getKeyJsonValueFromContainer(issue, keys[i],
														 strlen(keys[i]), &buf);

		if (value == NULL || value->type != jbvString)
			return false;
		if (i == 0 && !IsSeverity(value))
			return false;
	}
	return true;
}

PG_FUNCTION_INFO_V1(medrec_is_issues);

/* medrec.is_issues(jsonb): for CHECK constraints. */
Datum
medrec_is_issues(PG_FUNCTION_ARGS)
{
	Jsonb	   *jb = PG_GETARG_JSONB_P(0);
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_ARRAY(jb) || JB_ROOT_IS_SCALAR(jb))
		PG_RETURN_BOOL(false);
	it = JsonbIteratorInit(&jb->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM &&
			(value.type != jbvBinary ||
			 !JsonContainerIsObject(value.val.binary.data) ||
			 !IsIssue(value.val.binary.data)))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}
