/*
 * base/text.h
 *		String functions that several modules use.
 */
#ifndef MEDREC_TEXTS_H
#define MEDREC_TEXTS_H

#include "mb/pg_wchar.h"

/* formats into a palloc'd string; args stays the caller's to end */
extern char *format_text(const char *fmt, va_list args) pg_attribute_printf(1, 0);

/* a palloc'd copy without the ASCII white space around it */
extern char *trimmed_copy(const char *str);

/* whether a Unicode character shows something, as visible_chars() counts it */
extern bool is_visible_char(pg_wchar c);

/*
 * the number of visible characters: no white space, no control, format or
 * filling characters; any encoding of the server
 */
extern int	visible_chars(const char *str);

#endif							/* MEDREC_TEXTS_H */
