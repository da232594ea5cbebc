/*
 * base/jsonb.h
 *		Reads and builds values of type jsonb.
 */
#ifndef MEDREC_JSONB_H
#define MEDREC_JSONB_H

#include "utils/jsonb.h"

/* is a key or a string value this text? */
extern bool jsonb_is_text(const JsonbValue *value, const char *text);

/* a copy of an object's string, NULL where the key has none */
extern char *jsonb_string_at(Jsonb *object, const char *key);

/* pushes an object's key, or a key and its string; a NULL string becomes a JSON null */
extern void jsonb_push_key(JsonbParseState **state, const char *key);
extern void jsonb_push_string(JsonbParseState **state, const char *key, const char *string);

#endif							/* MEDREC_JSONB_H */
