/*
 * codes_fuzz.c
 *		libFuzzer target for all of src/codes.
 *
 * clang -std=c99 -g -O1 -fsanitize=fuzzer,address,undefined \
 *		-fno-sanitize-recover=undefined -Isrc \
 *		-o build/codes_fuzz test/fuzz/codes_fuzz.c src/codes/[a-z]*.c
 * build/codes_fuzz -max_total_time=20 -max_len=256 test/fuzz/corpus/codes
 *
 * The first byte selects a system, or beyond the last one the registry's
 * lookup; the rest is the text.
 */
#include "codes/codes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MUST(what)	do { if (!(what)) abort(); } while (0)

/* Whether a text is printable ASCII of that length, with its NUL. */
static bool
is_ascii(const char *text, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return text[len] == '\0';
}

/* Checks what holds for every result; true where the code is well formed. */
static bool
result_holds(const CodeCheck *c)
{
	const char *end = memchr(c->fault, '\0', sizeof(c->fault));

	MUST(end != NULL && is_ascii(c->fault, end - c->fault));
	MUST((c->verdict == CODE_OK) == (end == c->fault));
	if (c->verdict != CODE_OK)
	{
		MUST(c->verdict >= CODE_OK && c->verdict <= CODE_TOO_LONG);
		MUST(c->len == 0 && c->code[0] == '\0');
		return false;
	}
	MUST(c->len > 0 && c->len <= CODE_MAX_LEN);
	MUST(is_ascii(c->code, c->len) && strchr(c->code, ' ') == NULL);
	return true;
}

/* A code's normal form is its own, and so is that of every code above it. */
static void
check_one(const CodeSystem *cs, const char *text, size_t len)
{
	CodeCheck	c;
	CodeCheck	again;
	char		up[CODE_MAX_LEN + 1];
	int			n;

	memset(&c, 0x5A, sizeof(c));
	code_check(cs, text, len, &c);
	if (!result_holds(&c))
		return;
	code_check(cs, c.code, c.len, &again);
	MUST(result_holds(&again) && again.len == c.len && strcmp(again.code, c.code) == 0);
	while (cs->parent != NULL && (n = cs->parent(c.code, c.len, up)) > 0)
	{
		MUST(n < c.len && is_ascii(up, n));
		code_check(cs, up, n, &c);
		MUST(result_holds(&c) && c.len == n && strcmp(c.code, up) == 0);
	}
}

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text;
	size_t		len;
	int			which;

	if (size == 0)
		return 0;
	/* a copy of its own, so that a read past the end is seen */
	len = size - 1;
	text = malloc(len > 0 ? len : 1);
	memcpy(text, data + 1, len);
	which = data[0] % (code_system_count() + 1);
	if (which < code_system_count())
		check_one(code_system_at(which), text, len);
	else
	{
		const CodeSystem *cs = code_system_find(text, len);

		if (cs != NULL)
		{
			MUST(code_system_at(code_system_index(cs)) == cs);
			MUST(code_system_find(cs->name, strlen(cs->name)) == cs);
		}
	}
	free(text);
	return 0;
}
