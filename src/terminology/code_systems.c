/*
 * terminology/code_systems.c
 *		SQL functions on the structure of codes; no table is read here.
 */
#include "base/medrec.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "terminology/code_systems.h"

/* Converts a string to UTF-8; returns the argument itself if it is UTF-8 already. */
char *
to_utf8(const char *str, int len, int *utf8len)
{
	char	   *utf8 = pg_server_to_any(str, len, PG_UTF8);

	*utf8len = (utf8 == str) ? len : (int) strlen(utf8);
	return utf8;
}

/* Finds the code system that a text names, NULL if there is none. */
const CodeSystem *
codesystem_lookup(text * name)
{
	int			len;
	char	   *utf8 = to_utf8(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &len);

	return code_system_find(utf8, len);
}

/* Finds the code system that a text names, or raises an error. */
const CodeSystem *
codesystem_get(text * name)
{
	const CodeSystem *cs = codesystem_lookup(name);

	if (cs == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown code system"),
				 errhint("See medrec.code_systems() for the names, URIs and OIDs that are known.")));
	return cs;
}

/* Checks a code given in the server's encoding. */
void
codesystem_check(const CodeSystem *cs, const char *code, int len, CodeCheck *check)
{
	int			utf8len;
	char	   *utf8 = to_utf8(code, len, &utf8len);

	code_check(cs, utf8, utf8len, check);
	if (utf8 != code)
		pfree(utf8);
}

/* Goes from a code to the one above it. */
bool
codesystem_ascend(const CodeSystem *cs, char code[CODE_MAX_LEN + 1])
{
	char		above[CODE_MAX_LEN + 1];
	int			len = (int) strlen(code);
	int			n = cs->parent ? cs->parent(code, len, above) : 0;

	/* the code above is always shorter, so there is no circle */
	if (n <= 0 || n >= len)
		return false;
	memcpy(code, above, n);
	code[n] = '\0';
	return true;
}

/* Is a code above another one? */
bool
codesystem_is_above(const CodeSystem *cs, const char *above, const char *code)
{
	char		at[CODE_MAX_LEN + 1];

	strlcpy(at, code, sizeof(at));
	while (codesystem_ascend(cs, at))
		if (strcmp(at, above) == 0)
			return true;
	return false;
}

PG_FUNCTION_INFO_V1(medrec_is_code_system);

/* medrec.is_code_system(text): is it a name as stored? For CHECK constraints. */
Datum
medrec_is_code_system(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	const CodeSystem *cs = codesystem_lookup(name);

	PG_RETURN_BOOL(cs != NULL &&
				   strlen(cs->name) == VARSIZE_ANY_EXHDR(name) &&
				   memcmp(cs->name, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0);
}

PG_FUNCTION_INFO_V1(medrec_check_code);

/* medrec.check_code(code_system, code): structure and check digit only. */
Datum
medrec_check_code(PG_FUNCTION_ARGS)
{
	const CodeSystem *cs = codesystem_get(PG_GETARG_TEXT_PP(0));
	text	   *code = PG_GETARG_TEXT_PP(1);
	CodeCheck	check;

	codesystem_check(cs, VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code), &check);
	PG_RETURN_BOOL(check.verdict == CODE_OK);
}

PG_FUNCTION_INFO_V1(medrec_normalize_code);

/* medrec.normalize_code(code_system, code): the stored form, null when malformed. */
Datum
medrec_normalize_code(PG_FUNCTION_ARGS)
{
	const CodeSystem *cs = codesystem_get(PG_GETARG_TEXT_PP(0));
	text	   *code = PG_GETARG_TEXT_PP(1);
	CodeCheck	check;

	codesystem_check(cs, VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code), &check);
	if (check.verdict != CODE_OK)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(check.code, check.len));
}

PG_FUNCTION_INFO_V1(medrec_code_systems);

/* medrec.code_systems(): the registry, a row per system. */
Datum
medrec_code_systems(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < code_system_count(); i++)
	{
		const CodeSystem *cs = code_system_at(i);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(cs->name);
		values[1] = CStringGetTextDatum(cs->title);
		values[2] = CStringGetTextDatum(cs->uri);
		values[3] = CStringGetTextDatum(cs->oid);
		values[4] = BoolGetDatum(cs->has_headers);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
