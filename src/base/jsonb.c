/*
 * base/jsonb.c
 *		Reads and builds values of type jsonb.
 */
#include "base/medrec.h"

#include "base/jsonb.h"

/* Is a key or a string value this text? */
bool
jsonb_is_text(const JsonbValue *value, const char *text)
{
	return value->type == jbvString && value->val.string.len == (int) strlen(text) &&
		memcmp(value->val.string.val, text, value->val.string.len) == 0;
}

/* Copies an object's string. */
char *
jsonb_string_at(Jsonb *object, const char *key)
{
	JsonbValue	buf;
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, key, strlen(key), &buf);

	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Pushes an object's key. */
void
jsonb_push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

/* Pushes a key and its string; a NULL string becomes a JSON null. */
void
jsonb_push_string(JsonbParseState **state, const char *key, const char *string)
{
	JsonbValue	value;

	jsonb_push_key(state, key);
	if (string == NULL)
		value.type = jbvNull;
	else
	{
		value.type = jbvString;
		value.val.string.val = unconstify(char *, string);
		value.val.string.len = strlen(string);
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}
