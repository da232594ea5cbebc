/*
 * base/json.h
 *		JSON as text: the members of an object, and strings.
 *
 * Texts are read with the server's lexer, token by token, and not with its
 * recursive parser: nesting may have any depth, and no content of a text
 * raises an error here.
 */
#ifndef MEDREC_JSON_H
#define MEDREC_JSON_H

/* An object that is read member by member. */
typedef struct JsonObject
{
	struct JsonLexContext *lex;
	bool		begun;
	bool		sound;			/* after the last member: whether the text was
								 * a valid object */
	/* the current member, as written in the text: the key with its quotes */
	const char *key;
	int			key_len;
	const char *value;
	int			value_len;
} JsonObject;

extern void json_object_begin(JsonObject *object, const char *text, int len);

/* goes to the next member; false if there is none, or the text is invalid */
extern bool json_object_next(JsonObject *object);
extern void json_object_end(JsonObject *object);

/*
 * The text that a JSON string stands for, palloc'd; NULL if it is not a
 * string, or has a character that the server's encoding does not have.
 */
extern char *json_string_text(const char *json, int len);

#endif							/* MEDREC_JSON_H */
