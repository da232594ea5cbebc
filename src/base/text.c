/*
 * base/text.c
 *		String functions that several modules use.
 */
#include "base/medrec.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "base/text.h"

/*
 * Invisible characters: Unicode's white space, Cc, Cf, Cn of the plane of
 * tags, Default_Ignorable_Code_Point, and a Braille pattern without dots.
 * Combining marks are excluded from the count below only if they are in these
 * ranges.
 */
static const pg_wchar invisible[][2] = {
	{0x0000, 0x0020}, {0x007f, 0x00a0}, {0x00ad, 0x00ad}, {0x034f, 0x034f},
	{0x0600, 0x0605}, {0x061c, 0x061c}, {0x06dd, 0x06dd}, {0x070f, 0x070f},
	{0x0890, 0x0891}, {0x08e2, 0x08e2}, {0x115f, 0x1160}, {0x1680, 0x1680},
	{0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f},
	{0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
	{0xd800, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
	{0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x110bd, 0x110bd},
	{0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0xe0000, 0x10ffff}
};

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

/* Is a character visible? */
bool
is_visible_char(pg_wchar c)
{
	int			i = 0;

	while (i < (int) lengthof(invisible) && c > invisible[i][1])
		i++;
	return i == (int) lengthof(invisible) || c < invisible[i][0];
}

/* Counts the visible characters. */
int
visible_chars(const char *str)
{
	int			encoding = GetDatabaseEncoding();
	int			len = strlen(str);
	int			count = 0;
	bool		utf8;

	/* bytes without an encoding may be UTF-8 */
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII && IsTransactionState())
	{
		str = pg_server_to_any(str, len, PG_UTF8);
		len = strlen(str);
		encoding = PG_UTF8;
	}
	utf8 = encoding == PG_UTF8 ||
		(encoding == PG_SQL_ASCII && pg_encoding_verifymbstr(PG_UTF8, str, len) == len);
	while (*str)
	{
		pg_wchar	c = utf8 ? utf8_to_unicode((const unsigned char *) str) : (unsigned char) *str;

		if (is_visible_char(c))
			count++;
		str += utf8 ? pg_utf_mblen((const unsigned char *) str) : pg_mblen(str);
	}
	return count;
}
