/*
 * texts.c
 *		Strings as several parts make them.
 */
#include "medrec.h"

#include "lib/stringinfo.h"

#include "texts.h"

/* Formats into a string that grows as needed. */
char *
format_text(const char *fmt, va_list args)
{
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list		copy;
		int			needed;

		va_copy(copy, args);
		needed = appendStringInfoVA(&text, fmt, copy);
		va_end(copy);
		if (needed == 0)
			return text.data;
		enlargeStringInfo(&text, needed);
	}
}

/* Copies a string without the white space around it. */
char *
trimmed_copy(const char *str)
{
	int			len;

	while (*str == ' ' || (*str >= '\t' && *str <= '\r'))
		str++;
	len = strlen(str);
	while (len > 0 && (str[len - 1] == ' ' || (str[len - 1] >= '\t' && str[len - 1] <= '\r')))
		len--;
	return pnstrdup(str, len);
}
