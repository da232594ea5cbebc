/*
 * suggest/suggestions.c
 *		Lists of suggested codes: their shape, order and de-duplication.
 *
 * The origin of suggestions does not matter here: suggest/suggest.c finds
 * medrec's own, and outside programs may add others.
 */
#include "base/medrec.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/jsonb.h"
#include "search/search.h"
#include "suggest/suggestions.h"
#include "terminology/code_systems.h"

/* score and source of a suggestion without them */
#define DEFAULT_SCORE	0.5
#define DEFAULT_SOURCE	"external"

/* longest text of a suggestion's field, in bytes */
#define FIELD_MAX		1000

typedef enum SuggestionKey
{
	KEY_CODE,
	KEY_DISPLAY,
	KEY_CODE_SYSTEM,
	KEY_SCORE,
	KEY_SOURCE,
	KEY_REASON,
	KEY_NONE
} SuggestionKey;

static const char *const key_names[] = {
	"code", "display", "code_system", "score", "source", "reason"
};

/* Pushes a key and as much of its string as a suggestion may contain. */
static void
PushClipped(JsonbParseState **state, const char *key, const char *string)
{
	int			len = string ? strlen(string) : 0;

	if (len > FIELD_MAX)		/* a release may have longer titles */
		string = pnstrdup(string, pg_mbcliplen(string, len, FIELD_MAX));
	jsonb_push_string(state, key, string ? string : "");
}

/* Converts a list to the column's value. */
Jsonb *
suggestions_to_jsonb(List *suggestions)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, suggestions)
	{
		Suggestion *s = (Suggestion *) lfirst(lc);
		JsonbValue	score;

		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		jsonb_push_string(&state, "code", s->code);
		PushClipped(&state, "display", s->display);
		jsonb_push_string(&state, "code_system", s->code_system);
		jsonb_push_key(&state, "score");
		score.type = jbvNumeric;
		score.val.numeric = int64_div_fast_to_numeric((int64) rint(s->score * 1000), 3);
		pushJsonbValue(&state, WJB_VALUE, &score);
		jsonb_push_string(&state, "source", s->source);
		PushClipped(&state, "reason", s->reason);
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/* Finds the key of a suggestion for a JSON key. */
static SuggestionKey
KeyOf(const JsonbValue *key)
{
	int			i;

	for (i = 0; i < lengthof(key_names); i++)
		if (jsonb_is_text(key, key_names[i]))
			return (SuggestionKey) i;
	return KEY_NONE;
}

/* Reads a score; false if it is not a number from 0 to 1. */
static bool
ReadScore(const JsonbValue *value, double *score)
{
	if (value->type != jbvNumeric)
		return false;
	/* compared as numeric, so that 1e400 is refused and not an overflow */
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp,
										  NumericGetDatum(value->val.numeric),
										  DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))) < 0 ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp,
										  NumericGetDatum(value->val.numeric),
										  DirectFunctionCall1(int4_numeric, Int32GetDatum(1)))) > 0)
		return false;
	*score = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
												NumericGetDatum(value->val.numeric)));
	return !isnan(*score);
}

/* Keeps a string that was read. */
static void
KeepString(Suggestion *suggestion, SuggestionKey key, char *string)
{
	switch (key)
	{
		case KEY_CODE:
			suggestion->code = string;
			break;
		case KEY_DISPLAY:
			suggestion->display = string;
			break;
		case KEY_CODE_SYSTEM:
			suggestion->code_system = string;
			break;
		case KEY_SOURCE:
			suggestion->source = string;
			break;
		default:
			suggestion->reason = string;
			break;
	}
}

/*
 * Reads the value of a key; if it is invalid, returns false, and adds a fault
 * if there is a list of faults.
 */
static bool
ReadSuggestionValue(SuggestionKey key, const JsonbValue *value, Suggestion *suggestion,
					FaultList *faults, int number)
{
	int			shortest = key == KEY_CODE || key == KEY_SOURCE ? 1 : 0;

	if (key == KEY_SCORE)
	{
		if (ReadScore(value, &suggestion->score))
			return true;
		if (faults)
			faults_add(faults, "suggestions", "value",
					   "element %d: score must be a number from 0 to 1", number);
		return false;
	}
	if (value->type != jbvString || value->val.string.len < shortest ||
		value->val.string.len > FIELD_MAX)
	{
		if (faults)
			faults_add(faults, "suggestions", "value",
					   "element %d: %s must be a string of %d to %d bytes",
					   number, key_names[key], shortest, FIELD_MAX);
		return false;
	}
	KeepString(suggestion, key, pnstrdup(value->val.string.val, value->val.string.len));
	return true;
}

/*
 * Reads one object; returns whether it is well formed, and adds what is wrong
 * if there is a list of faults. present gets a bit for each key found.
 */
static bool
ReadSuggestion(JsonbContainer *object, Suggestion *suggestion, unsigned *present,
			   FaultList *faults, int number)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	bool		good = true;

	memset(suggestion, 0, sizeof(Suggestion));
	*present = 0;
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		SuggestionKey key;

		if (token != WJB_KEY)
			continue;
		key = KeyOf(&value);
		(void) JsonbIteratorNext(&it, &value, true);
		if (key == KEY_NONE)
		{
			good = false;
			if (faults)
				faults_add(faults, "suggestions", "structure",
						   "element %d has an unknown key", number);
			continue;
		}
		*present |= 1u << key;
		if (!ReadSuggestionValue(key, &value, suggestion, faults, number))
			good = false;
	}
	return good;
}

/*
 * Normalizes a suggestion's code and system, and fills in missing values;
 * false if it has no valid code. cs: the system of the record.
 */
static bool
Normalize(Suggestion *s, unsigned present, const CodeSystem *cs, FaultList *faults, int number)
{
	CodeCheck	check;

	if (s->code == NULL)
	{
		faults_add(faults, "suggestions", "required", "element %d: code is missing", number);
		return false;
	}
	if (s->code_system != NULL)
	{
		cs = codesystem_lookup(cstring_to_text(s->code_system));
		if (cs == NULL)
			faults_add(faults, "suggestions", "not-found",
					   "element %d: code_system is unknown", number);
	}
	if (cs == NULL)				/* the record's own system has been reported
								 * already */
		return false;
	codesystem_check(cs, s->code, strlen(s->code), &check);
	if (check.verdict != CODE_OK)
	{
		faults_add(faults, "suggestions", "invalid-code", "element %d: code: %s",
				   number, check.fault);
		return false;
	}
	s->code = pstrdup(check.code);
	s->code_system = cs->name;
	if (!(present & (1u << KEY_SCORE)))
		s->score = DEFAULT_SCORE;
	if (s->source == NULL)
		s->source = DEFAULT_SOURCE;
	return true;
}

/* Reads suggestions from outside, fills in missing values, and normalizes them. */
List *
suggestions_from_jsonb(Jsonb *jb, const CodeSystem *cs, FaultList *faults)
{
	List	   *suggestions = NIL;
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;
	int			number = 0;

	if (!JB_ROOT_IS_ARRAY(jb) || JB_ROOT_IS_SCALAR(jb))
	{
		faults_add(faults, "suggestions", "structure", "must be an array of objects");
		return NIL;
	}
	if (JB_ROOT_COUNT(jb) > 5 * SUGGESTIONS_MAX)
	{
		faults_add(faults, "suggestions", "too-long", "must not have more than %d elements",
				   5 * SUGGESTIONS_MAX);
		return NIL;
	}

	it = JsonbIteratorInit(&jb->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		Suggestion *s;
		unsigned	present;

		if (token != WJB_ELEM)
			continue;
		number++;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
		{
			faults_add(faults, "suggestions", "structure", "element %d must be an object", number);
			continue;
		}
		s = palloc(sizeof(Suggestion));
		if (ReadSuggestion(value.val.binary.data, s, &present, faults, number) &&
			Normalize(s, present, cs, faults, number))
			suggestions = lappend(suggestions, s);
	}
	return suggestions;
}

/* Is a source one of medrec's own? */
static bool
IsOwnSource(const char *source)
{
	int			own;

	for (own = SEARCH_SOURCE_TITLE; own <= SEARCH_SOURCE_SUCCESSOR; own++)
		if (strcmp(source, search_source_name((SearchSource) own)) == 0)
			return true;
	return false;
}

/* Finds the suggestions of a record that an outside program has added. */
List *
suggestions_of_others(Jsonb *jb, const CodeSystem *cs)
{
	FaultList	ignored;
	List	   *others = NIL;
	ListCell   *lc;

	faults_init(&ignored);
	foreach(lc, suggestions_from_jsonb(jb, cs, &ignored))
	{
		Suggestion *s = (Suggestion *) lfirst(lc);

		if (!IsOwnSource(s->source))
			others = lappend(others, s);
	}
	return others;
}

/* Is a suggestion one of a list: the same code from the same source? */
static bool
IsAmong(const Suggestion *suggestion, List *list)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		Suggestion *s = (Suggestion *) lfirst(lc);

		if (strcmp(s->code, suggestion->code) == 0 &&
			strcmp(s->code_system, suggestion->code_system) == 0 &&
			strcmp(s->source, suggestion->source) == 0)
			return true;
	}
	return false;
}

/* Prepends the client's name to a suggestion's source. */
static char *
ClientSource(char *said, const char *who)
{
	char	   *source;
	size_t		length;

	if (who == NULL)
		return IsOwnSource(said) ? pstrdup(DEFAULT_SOURCE) : said;
	length = strlen(who);
	if (strncmp(said, who, length) == 0 && strncmp(said + length, ": ", 2) == 0)
		return said;
	source = psprintf("%s: %s", who, said);
	source[pg_mbcliplen(source, strlen(source), FIELD_MAX)] = '\0';
	return source;
}

/* Marks a client's suggestions with the client's name. */
List *
suggestions_of_client(List *theirs, Jsonb *stored, const CodeSystem *cs, const char *who)
{
	List	   *known = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	if (theirs == NIL)
		return NIL;
	if (stored)
	{
		FaultList	ignored;

		faults_init(&ignored);
		known = suggestions_from_jsonb(stored, cs, &ignored);
	}
	foreach(lc, theirs)
	{
		Suggestion *s = (Suggestion *) lfirst(lc);

		/*
		 * suggestions that are sent back as they were read are not the
		 * client's
		 */
		if (IsAmong(s, known))
			continue;
		s->source = ClientSource(s->source, who);
		result = lappend(result, s);
	}
	return result;
}

/* Orders by score, best first, and equals as they came. */
static int
CompareScore(const ListCell *a, const ListCell *b)
{
	const Suggestion *left = (const Suggestion *) lfirst(a);
	const Suggestion *right = (const Suggestion *) lfirst(b);

	if (left->score != right->score)
		return left->score < right->score ? 1 : -1;
	return left->position - right->position;
}

/* Merges two lists: best first, each code once, not too many. */
List *
suggestions_merge(List *ours, List *theirs)
{
	List	   *merged = NIL;
	List	   *all = list_concat_copy(ours, theirs);
	ListCell   *lc;

	foreach(lc, all)
	{
		Suggestion *s = (Suggestion *) lfirst(lc);
		ListCell   *other;
		bool		known = false;

		foreach(other, merged)
		{
			Suggestion *m = (Suggestion *) lfirst(other);

			if (strcmp(m->code, s->code) == 0 && strcmp(m->code_system, s->code_system) == 0)
			{
				known = true;
				if (m->display == NULL || m->display[0] == '\0')
					m->display = s->display;
				if (s->score > m->score)
				{
					m->score = s->score;
					m->source = s->source;
					m->reason = s->reason;
				}
				break;
			}
		}
		if (!known)
		{
			s->position = list_length(merged);
			merged = lappend(merged, s);
		}
	}
	list_sort(merged, CompareScore);
	return list_truncate(merged, SUGGESTIONS_MAX);
}

PG_FUNCTION_INFO_V1(medrec_is_suggestions);

/* medrec.is_suggestions(jsonb): for CHECK constraints; the stored shape. */
Datum
medrec_is_suggestions(PG_FUNCTION_ARGS)
{
	Jsonb	   *jb = PG_GETARG_JSONB_P(0);
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_ARRAY(jb) || JB_ROOT_IS_SCALAR(jb) ||
		JB_ROOT_COUNT(jb) > SUGGESTIONS_MAX)
		PG_RETURN_BOOL(false);
	it = JsonbIteratorInit(&jb->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		Suggestion	suggestion;
		unsigned	present;

		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data) ||
			!ReadSuggestion(value.val.binary.data, &suggestion, &present, NULL, 0) ||
			present != (1u << KEY_NONE) - 1)
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}
