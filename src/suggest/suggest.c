/*
 * suggest/suggest.c
 *		medrec's own suggestions: queries of the search image.
 */
#include "base/medrec.h"

#include <math.h>

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "search/search.h"
#include "suggest/image.h"
#include "suggest/suggest.h"
#include "suggest/suggestions.h"
#include "terminology/code_systems.h"
#include "terminology/context.h"

/*
 * Working memory of a search. It is kept, because freeing a chunk of this size
 * returns it to the system, and getting its pages again costs as much as a
 * search.
 */
static void *scratch = NULL;

static void CheckInterrupts(void *arg);
static char *FromUtf8(const char *str, int len);

/* Lets a search be cancelled. */
static void
CheckInterrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* Copies a string of the image into the server's encoding. */
static char *
FromUtf8(const char *str, int len)
{
	char	   *copy = pnstrdup(str, len);

	return pg_any_to_server(copy, len, PG_UTF8);
}

/* Finds codes that may be meant. */
List *
suggest_codes(const SuggestQuestion *question)
{
	const void *image = suggest_image();
	SearchRequest request = {0};
	SearchHit  *hits;
	SearchInfo	info;
	List	   *suggestions = NIL;
	int			count;
	int			len;
	int			i;

	request.system = code_system_index(question->cs);
	if (question->code != NULL)
	{
		request.code = to_utf8(question->code, strlen(question->code), &len);
		request.code_len = len;
	}
	if (question->display != NULL)
	{
		request.display = to_utf8(question->display, strlen(question->display), &len);
		request.display_len = len;
	}
	request.on_date = question->on_date;
	request.sex = question->gender == NULL ? SEARCH_SEX_ANY :
		strcmp(question->gender, "male") == 0 ? SEARCH_SEX_MALE :
		strcmp(question->gender, "female") == 0 ? SEARCH_SEX_FEMALE : SEARCH_SEX_ANY;
	request.age = question->age >= 0 ? question->age : SEARCH_AGE_UNKNOWN;
	request.max_results = Min(question->max, SEARCH_RESULTS_MAX);
	request.flags = question->typing ? SEARCH_PREFIX : 0;
	request.check = CheckInterrupts;

	hits = palloc(request.max_results * sizeof(SearchHit));
	if (scratch == NULL)
		scratch = MemoryContextAlloc(TopMemoryContext, SEARCH_SCRATCH_SIZE);
	count = search_query(image, &request, scratch, hits, &info);

	for (i = 0; i < count; i++)
	{
		SearchHit  *hit = &hits[i];
		Suggestion *s = palloc0(sizeof(Suggestion));

		s->code = FromUtf8(hit->code, hit->code_len);
		s->display = FromUtf8(hit->title, hit->title_len);
		s->code_system = question->cs->name;
		s->score = hit->score;
		s->source = pstrdup(search_source_name(hit->source));
		s->reason = FromUtf8(hit->reason, strlen(hit->reason));
		if (info.truncated)
			s->reason = psprintf("%s%sonly the beginning of the text was read",
								 s->reason, s->reason[0] ? "; " : "");
		suggestions = lappend(suggestions, s);
	}
	pfree(hits);
	return suggestions;
}

PG_FUNCTION_INFO_V1(medrec_suggest);

/* medrec.suggest(code_system, code, display, max, on_date, context) */
Datum
medrec_suggest(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SuggestQuestion question = {0};
	CodeContext context;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("code_system must not be null")));
	question.cs = codesystem_get(PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(1))
		question.code = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		question.display = text_to_cstring(PG_GETARG_TEXT_PP(2));
	question.max = PG_ARGISNULL(3) ? SUGGEST_DEFAULT_MAX : PG_GETARG_INT32(3);
	if (question.max < 1 || question.max > SEARCH_RESULTS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be between 1 and %d", SEARCH_RESULTS_MAX)));
	question.on_date = PG_ARGISNULL(4) ? GetSQLCurrentDate() : PG_GETARG_DATEADT(4);
	context_read(PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5), question.cs, &context);
	question.age = context.age;
	question.gender = context.gender;
	question.typing = context.typing;

	foreach(lc, suggest_codes(&question))
	{
		Suggestion *s = (Suggestion *) lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(s->code);
		values[1] = CStringGetTextDatum(s->display);
		values[2] = Float8GetDatum(rint(s->score * 1000) / 1000);
		values[3] = CStringGetTextDatum(s->source);
		values[4] = CStringGetTextDatum(s->reason);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(medrec_default_abbreviations);

/* medrec.default_abbreviations(): what medrec.abbreviation starts with. */
Datum
medrec_default_abbreviations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < search_default_abbreviation_count; i++)
	{
		const SearchAbbreviation *a = &search_default_abbreviations[i];
		Datum		values[2];
		bool		nulls[2] = {false, false};

		values[0] = CStringGetTextDatum(a->from);
		values[1] = CStringGetTextDatum(a->to);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
