/*
 * base/json.h
 *		JSON as text: the members of an object, and strings.
 *
 * Texts are read by the server's lexer, token by token and not by its recursive
 * parser: what is nested may be nested as deep as it likes, and nothing here raises
 * an error because of what a text holds.
 */
#ifndef MEDREC_JSON_H
#define MEDREC_JSON_H

/* An object that is read member by member. */
typedef struct JsonObject
{
	struct JsonLexContext *lex;
	bool		begun;
	bool		sound;			/* once there is no further member: the text
								 * was an object */
	/* the present member, as it stands in the text: the key with its quotes */
	const char *key;
	int			key_len;
	const char *value;
	int			value_len;
} JsonObject;

extern void json_object_begin(JsonObject *object, const char *text, int len);

/* goes to the next member; false where there is none, or the text is at fault */
extern bool json_object_next(JsonObject *object);
extern void json_object_end(JsonObject *object);

/*
 * The text that a JSON string stands for, palloc'd; NULL where it is none, or has a
 * character that the server cannot hold.
 */
extern char *json_string_text(const char *json, int len);

#endif							/* MEDREC_JSON_H */
