/*
 * access/username.c
 *		The key by which usernames are compared, so that no two look alike.
 *
 * Compatibility forms (NFKC), case, invisible characters, white space, and
 * Cyrillic and Greek letters that look like Latin ones are folded.
 */
#include "base/medrec.h"

#include "catalog/pg_collation.h"
#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "access/username.h"
#include "base/text.h"

/* a letter and the Latin one that it looks like */
typedef struct LookAlike
{
	uint16		letter;
	char		latin;
} LookAlike;

static const LookAlike look_alikes[] = {
	/* Greek, capitals and small letters */
	{0x0391, 'a'}, {0x0392, 'b'}, {0x0395, 'e'}, {0x0396, 'z'}, {0x0397, 'h'}, {0x0399, 'i'},
	{0x039a, 'k'}, {0x039c, 'm'}, {0x039d, 'n'}, {0x039f, 'o'}, {0x03a1, 'p'}, {0x03a4, 't'},
	{0x03a5, 'y'}, {0x03a7, 'x'}, {0x03b1, 'a'}, {0x03b2, 'b'}, {0x03b5, 'e'}, {0x03b9, 'i'},
	{0x03ba, 'k'}, {0x03bc, 'm'}, {0x03bd, 'v'}, {0x03bf, 'o'}, {0x03c1, 'p'}, {0x03c4, 't'},
	{0x03c5, 'u'}, {0x03c7, 'x'}, {0x03f2, 'c'}, {0x03f3, 'j'}, {0x03f9, 'c'},
	/* Cyrillic */
	{0x0405, 's'}, {0x0406, 'i'}, {0x0408, 'j'}, {0x0410, 'a'}, {0x0412, 'b'}, {0x0415, 'e'},
	{0x041a, 'k'}, {0x041c, 'm'}, {0x041d, 'h'}, {0x041e, 'o'}, {0x0420, 'p'}, {0x0421, 'c'},
	{0x0422, 't'}, {0x0423, 'y'}, {0x0425, 'x'}, {0x0430, 'a'}, {0x0432, 'b'}, {0x0435, 'e'},
	{0x043a, 'k'}, {0x043c, 'm'}, {0x043d, 'h'}, {0x043e, 'o'}, {0x0440, 'p'}, {0x0441, 'c'},
	{0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'},
	{0x04ae, 'y'}, {0x04af, 'y'}, {0x04ba, 'h'}, {0x04bb, 'h'}, {0x04c0, 'i'}, {0x04cf, 'i'},
	{0x0501, 'd'}, {0x051b, 'q'}, {0x051d, 'w'},
	/* Latin without its dot */
	{0x0131, 'i'}
};

static bool IsSpace(pg_wchar c);
static pg_wchar Latin(pg_wchar c);
static char *Plain(const char *name);

PG_FUNCTION_INFO_V1(medrec_username_key);

/* Is a character white space? NFKC has turned most kinds into a space. */
static bool
IsSpace(pg_wchar c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x0085 || c == 0x1680 ||
		c == 0x2028 || c == 0x2029 || c == 0x2800;
}

/* The Latin letter that a letter looks like, or the letter itself. */
static pg_wchar
Latin(pg_wchar c)
{
	int			i;

	for (i = 0; i < (int) lengthof(look_alikes); i++)
		if (look_alikes[i].letter == c)
			return look_alikes[i].latin;
	return c;
}

/*
 * A UTF-8 name in its compatibility form, with Latin letters for those that
 * look like them, without invisible characters and surrounding space, and with
 * inner white space collapsed.
 */
static char *
Plain(const char *name)
{
	bool		gap = false;

	pg_wchar   *chars = palloc((strlen(name) + 1) * sizeof(pg_wchar));
	pg_wchar   *normal;
	char	   *plain;
	char	   *out;
	int			n = 0;
	int			i;

	while (*name)
	{
		chars[n++] = utf8_to_unicode((const unsigned char *) name);
		name += pg_utf_mblen((const unsigned char *) name);
	}
	chars[n] = 0;
	normal = unicode_normalize(UNICODE_NFKC, chars);
	for (n = 0; normal[n]; n++)
		;
	out = plain = palloc(n * 5 + 1);
	for (i = 0; i < n; i++)
	{
		if (IsSpace(normal[i]))
			gap = out > plain;
		if (!is_visible_char(normal[i]))
			continue;
		if (gap)
			*out++ = ' ';
		gap = false;
		unicode_to_utf8(Latin(normal[i]), (unsigned char *) out);
		out += pg_utf_mblen((unsigned char *) out);
	}
	*out = '\0';
	return plain;
}

/* The key by which a name is compared. */
char *
username_fold(const char *name)
{
	bool		utf8 = GetDatabaseEncoding() == PG_UTF8;
	char	   *folded;

	if (utf8)
		name = Plain(name);
	folded = str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
	return utf8 ? Plain(folded) : trimmed_copy(folded);
}

/* medrec.username_key(username): the key by which usernames are compared. */
Datum
medrec_username_key(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(username_fold(name)));
}
