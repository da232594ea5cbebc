/*
 * load/xml.c
 *		The nodes of an XML file in document order.
 *
 * The server's XMLTABLE lists them, each with its depth; from that a reader
 * follows the tree with a stack.
 */
#include "base/medrec.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "load/input.h"
#include "load/xml.h"

/* Whether a piece of the file begins with a text. */
bool
xml_starts(const char *s, const char *end, const char *text)
{
	size_t		len = strlen(text);

	return (size_t) (end - s) >= len && memcmp(s, text, len) == 0;
}

/* Where a text begins in a piece of the file, "end" if it is not in it. */
static const char *
FindText(const char *s, const char *end, const char *text)
{
	while (s < end && (s = memchr(s, *text, end - s)) != NULL)
	{
		if (xml_starts(s, end, text))
			return s;
		s++;
	}
	return end;
}

/* Whether the file's outermost element, after declaration and comments, has this name. */
bool
xml_root_is(const Load *load, const char *name)
{
	const char *s = load->next;
	const char *end = load->data + load->len;
	size_t		len = strlen(name);

	for (;;)
	{
		while (s < end && isspace((unsigned char) *s))
			s++;
		if (xml_starts(s, end, "<!--"))
			s = FindText(s, end, "-->");
		else if (!xml_starts(s, end, "<?") && !xml_starts(s, end, "<!"))
			break;
		s = FindText(s, end, ">");
		if (s < end)
			s++;
	}
	return (size_t) (end - s) > len + 1 && *s == '<' && pg_strncasecmp(s + 1, name, len) == 0 &&
		(s[len + 1] == '>' || isspace((unsigned char) s[len + 1]));
}

/* A column of a node, trimmed, in the load's memory; s is NULL if there is none. */
Slice
xml_text(Load *load, HeapTuple node, TupleDesc desc, int column)
{
	Slice		s = {NULL, 0};
	char	   *value = SPI_getvalue(node, desc, column);

	if (value)
	{
		Slice		whole = {value, (int) strlen(value)};
		int			len = 0;
		char	   *copy;

		/* line ends and runs of blanks inside an element are only layout */
		for (char *c = value; *c; c++)
			if (*c == '\n' || *c == '\r' || *c == '\t')
				*c = ' ';
		whole = slice_trim(whole);
		copy = MemoryContextAlloc(load->context, whole.len + 1);
		for (int i = 0; i < whole.len; i++)
			if (whole.s[i] != ' ' || whole.s[i - 1] != ' ')
				copy[len++] = whole.s[i];
		s.s = copy;
		s.len = len;
		pfree(value);
	}
	return s;
}

/* Calls a function for each node that a query finds in the file. */
void
xml_each_node(Load *load, const char *sql, XmlNodeFunction function, void *state)
{
	Oid			types[] = {TEXTOID};
	Datum		args[] = {PointerGetDatum(cstring_to_text_with_len(load->next,
																   (int) (load->data + load->len - load->next)))};
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, 1, types, args, NULL, true, 0);
	MemoryContext per_batch = AllocSetContextCreate(CurrentMemoryContext, "medrec nodes",
													ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		SPITupleTable *batch;
		uint64		n;
		MemoryContext old;

		SPI_cursor_fetch(portal, true, XML_FETCH_NODES);
		batch = SPI_tuptable;
		n = SPI_processed;
		old = MemoryContextSwitchTo(per_batch);
		for (uint64 i = 0; i < n; i++)
			function(load, batch->vals[i], batch->tupdesc, state);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_batch);
		SPI_freetuptable(batch);
		if (n == 0)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(per_batch);
	pfree(DatumGetPointer(args[0]));
}

/* The depth of a node, checked. */
int
xml_depth(Load *load, HeapTuple node, TupleDesc desc)
{
	bool		isnull;
	int			depth = DatumGetInt32(SPI_getbinval(node, desc, NODE_DEPTH, &isnull));

	if (isnull || depth < 0 || depth >= XML_MAX_DEPTH)
		load_fail(load, 0, "elements are nested deeper than %d", XML_MAX_DEPTH);
	return depth;
}
