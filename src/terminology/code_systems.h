/*
 * terminology/code_systems.h
 *		The code-system library, called with strings in the server's encoding.
 */
#ifndef MEDREC_CODESYSTEMS_H
#define MEDREC_CODESYSTEMS_H

#include "codes/codes.h"

/* the system that a text names; NULL when unknown */
extern const CodeSystem *codesystem_lookup(text * name);

/* the same; 22023 when unknown */
extern const CodeSystem *codesystem_get(text * name);

/* code_check() for a string in the server's encoding */
extern void codesystem_check(const CodeSystem *cs, const char *code, int len,
							 CodeCheck *check);

/*
 * Goes up one level, in place, in the hierarchy that is in the codes' text
 * (E11.9 is below E11); false at the top, and if the system's codes have no
 * hierarchy.
 */
extern bool codesystem_ascend(const CodeSystem *cs, char code[CODE_MAX_LEN + 1]);

/* is a code above another one in that hierarchy? */
extern bool codesystem_is_above(const CodeSystem *cs, const char *above, const char *code);

/* a string in UTF-8, as the pure parts want it; may be the argument itself */
extern char *to_utf8(const char *str, int len, int *utf8len);

#endif							/* MEDREC_CODESYSTEMS_H */
