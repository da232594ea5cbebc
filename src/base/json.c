/*
 * base/json.c
 *		JSON as text: the members of an object, and strings.
 */
#include "base/medrec.h"

#include "common/jsonapi.h"
#include "lib/stringinfo.h"

#include "base/json.h"

static bool ReadToken(JsonObject *object, JsonTokenType wanted);
static bool ReadValue(JsonObject *object);

/* Starts to read an object. */
void
json_object_begin(JsonObject *object, const char *text, int len)
{
	memset(object, 0, sizeof(*object));
	object->lex = medrec_json_lexer(text, len, false);
}

/* Reads a token, if it is of the wanted kind. */
static bool
ReadToken(JsonObject *object, JsonTokenType wanted)
{
	return json_lex(object->lex) == JSON_SUCCESS && object->lex->token_type == wanted;
}

/* Reads a value to its end, with all that is nested in it. */
static bool
ReadValue(JsonObject *object)
{
	JsonLexContext *lex = object->lex;
	int			depth = 0;

	do
	{
		if (json_lex(lex) != JSON_SUCCESS || lex->token_type == JSON_TOKEN_END)
			return false;
		if (object->value == NULL)
			object->value = lex->token_start;
		if (lex->token_type == JSON_TOKEN_OBJECT_START || lex->token_type == JSON_TOKEN_ARRAY_START)
			depth++;
		else if (lex->token_type == JSON_TOKEN_OBJECT_END || lex->token_type == JSON_TOKEN_ARRAY_END)
			depth--;
		/* a comma, a colon or an end where a value begins */
		if (depth < 0 || (depth == 0 && (lex->token_type == JSON_TOKEN_COMMA ||
										 lex->token_type == JSON_TOKEN_COLON)))
			return false;
	} while (depth > 0);
	object->value_len = lex->token_terminator - object->value;
	return true;
}

/* Goes to the next member. */
bool
json_object_next(JsonObject *object)
{
	JsonLexContext *lex = object->lex;
	bool		first = !object->begun;

	object->begun = true;
	object->value = NULL;
	if (first && !ReadToken(object, JSON_TOKEN_OBJECT_START))
		return false;
	if (json_lex(lex) != JSON_SUCCESS)
		return false;
	if (lex->token_type == JSON_TOKEN_OBJECT_END)
	{
		object->sound = ReadToken(object, JSON_TOKEN_END);
		return false;
	}
	if (!first && (lex->token_type != JSON_TOKEN_COMMA || json_lex(lex) != JSON_SUCCESS))
		return false;
	if (lex->token_type != JSON_TOKEN_STRING)
		return false;
	object->key = lex->token_start;
	object->key_len = lex->token_terminator - lex->token_start;
	return ReadToken(object, JSON_TOKEN_COLON) && ReadValue(object);
}

/* Ends it. */
void
json_object_end(JsonObject *object)
{
	medrec_json_lexer_free(object->lex);
}

/* The text that a JSON string stands for. */
char *
json_string_text(const char *json, int len)
{
	JsonLexContext *lex;
	char	   *text = NULL;

	if (len < 2 || json[0] != '"')
		return NULL;
	if (memchr(json, '\\', len) == NULL)
		return pnstrdup(json + 1, len - 2);
	lex = medrec_json_lexer(json, len, true);
	if (medrec_json_lex_text(lex) && lex->token_type == JSON_TOKEN_STRING)
		text = pstrdup(lex->strval->data);
	medrec_json_lexer_free(lex);
	return text;
}
