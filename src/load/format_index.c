/*
 * load/format_index.c
 *		The indexes of ICD-10-CM, as NCHS publishes them in XML.
 */
#include "base/medrec.h"

#include <ctype.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "load/format.h"
#include "load/input.h"
#include "load/xml.h"
#include "search/search.h"

/*
 * Indexes: main terms with terms below them; an entry's name is the path to
 * it. The tables of drugs and of neoplasms have a code for each column.
 */
typedef struct IndexTree
{
	Slice		path[XML_MAX_DEPTH];
	Slice		way[XML_MAX_DEPTH]; /* the same as references name it */
	Slice		heads[10];		/* of the columns */
	LoadArray	ways;			/* of Way: the entries with a code */
	LoadArray	references;		/* of Reference */
} IndexTree;

/* the folded path to an entry that has a code */
typedef struct Way
{
	char	   *key;
	char		code[CODE_MAX_LEN + 1];
} Way;

/* an entry that only says where to look: "see Pain, abdominal" */
typedef struct Reference
{
	Slice		term;
	Slice		target;
} Reference;

/* A text folded for comparing references and paths, in the load's memory. */
static char *
FoldedWay(Load *load, Slice text)
{
	/* folding may expand a ligature, nothing more */
	size_t		size = (size_t) text.len * 2 + 8;
	char	   *key = MemoryContextAlloc(load->context, size);

	search_fold(text.s, text.len, key, size);
	return key;
}

/* Adds an entry under its code; an open code ("C79.8-") is its header. */
static void
AddEntry(Load *load, IndexTree *index, Slice code, Slice term, Slice way)
{
	char		checked[CODE_MAX_LEN + 1];
	Way		   *w;

	while (code.len > 0 && (code.s[code.len - 1] == '-' || code.s[code.len - 1] == '.' ||
							code.s[code.len - 1] == ' '))
		code.len--;
	if (code.len == 0)
		return;
	load_check_code(load, code, checked);
	load_add_term(load, checked, "index", term);
	w = load_push(load, &index->ways, sizeof(Way));
	w->key = FoldedWay(load, way);
	memcpy(w->code, checked, sizeof(checked));
}

/* Orders paths by key, then by code. */
static int
CompareWays(const void *x, const void *y)
{
	const Way  *a = x;
	const Way  *b = y;
	int			c = strcmp(a->key, b->key);

	return c != 0 ? c : strcmp(a->code, b->code);
}

/*
 * Adds each reference as an entry of the code that it leads to: the entry at
 * the end of the path that it names, if there is one with one code.
 */
static void
AddReferences(Load *load, IndexTree *index)
{
	const Way  *ways = index->ways.items;
	size_t		n = index->ways.n;

	if (n == 0)
		return;
	qsort(index->ways.items, n, sizeof(Way), CompareWays);
	for (size_t i = 0; i < index->references.n; i++)
	{
		const Reference *r = load_item(index->references, Reference, i);
		const char *key = FoldedWay(load, r->target);
		size_t		lo = 0;
		size_t		hi = n;

		while (lo < hi)
		{
			size_t		mid = lo + (hi - lo) / 2;

			if (strcmp(ways[mid].key, key) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < n && strcmp(ways[lo].key, key) == 0 &&
			(lo + 1 == n || strcmp(ways[lo + 1].key, key) != 0))
			load_add_term(load, ways[lo].code, "index", r->term);
		if (i % XML_FETCH_NODES == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* The heading of a column of a table; if the file has none, that of every year. */
static Slice
ColumnHead(const Load *load, const IndexTree *index, int column)
{
	static const char *const neoplasms[10] = {
		[2] = "Malignant Primary", "Malignant Secondary", "Ca in situ", "Benign",
		"Uncertain Behavior", "Unspecified Behavior"
	};
	static const char *const drugs[10] = {
		[2] = "Poisoning, Accidental (unintentional)", "Poisoning, Intentional self-harm",
		"Poisoning, Assault", "Poisoning, Undetermined", "Adverse effect", "Underdosing"
	};
	Slice		head = index->heads[column];

	if (head.len == 0)
	{
		head.s = load->format == &load_format_nchs_neoplasms ? neoplasms[column] :
			load->format == &load_format_nchs_drugs ? drugs[column] : NULL;
		head.len = head.s ? (int) strlen(head.s) : 0;
	}
	return head;
}

/* Takes a cell of a table: the code of an entry in a column. */
static void
TakeCell(Load *load, IndexTree *index, int depth, int column, Slice code)
{
	Slice		path = depth >= 1 ? index->path[depth - 1] : code;
	Slice		head = ColumnHead(load, index, column);
	Slice		way;

	if (depth < 1 || code.s == NULL || path.s == NULL || head.s == NULL)
		return;
	way = index->way[depth - 1];
	AddEntry(load, index, code,
			 load_join(load, "%.*s, %.*s", path.len, path.s, head.len, head.s),
			 load_join(load, "%.*s %.*s", way.len, way.s, head.len, head.s));
}

/* Takes a term below others, or a main term, of which only the title is given. */
static void
TakeTerm(Load *load, IndexTree *index, int depth, bool below, Slice title, Slice code, Slice see)
{
	Slice		above = below ? index->path[depth - 1] : (Slice) {NULL, 0};
	Slice		way = title;
	const char *comma = title.len > 0 ? memchr(title.s, ',', title.len) : NULL;

	if (above.s)
	{
		way = load_join(load, "%.*s %.*s", index->way[depth - 1].len, index->way[depth - 1].s,
						title.len, title.s);
		title = load_join(load, "%.*s, %.*s", above.len, above.s, title.len, title.s);
	}
	/* of a main term references say the first form: "Pain", "Anomaly" */
	else if (comma)
		way.len = (int) (comma - title.s);
	index->path[depth] = title;
	index->way[depth] = way;
	if (title.len == 0)
		return;
	if (code.s)
		AddEntry(load, index, code, title, way);
	else if (see.len > 0)
	{
		Reference  *r = load_push(load, &index->references, sizeof(Reference));

		r->term = title;
		r->target = see;
	}
}

/* Takes a node of an index. */
static void
IndexNode(Load *load, HeapTuple node, TupleDesc desc, void *state)
{
	enum
	{
		TITLE = NODE_OWN, CODE, SEE, COLUMN, TEXT
	};
	IndexTree  *index = state;
	int			depth = xml_depth(load, node, desc);
	char	   *name = SPI_getvalue(node, desc, NODE_NAME);
	bool		head = strcmp(name, "head") == 0;

	if (head || strcmp(name, "cell") == 0)
	{
		Slice		column = xml_text(load, node, desc, COLUMN);
		Slice		text = xml_text(load, node, desc, TEXT);

		if (column.len != 1 || *column.s < '0' || *column.s > '9')
			load_fail(load, 0, "a %s without the number of its column", name);
		if (head)
			index->heads[*column.s - '0'] = text;
		else
			TakeCell(load, index, depth, *column.s - '0', text);
	}
	else
		TakeTerm(load, index, depth, depth >= 1 && strcmp(name, "term") == 0,
				 xml_text(load, node, desc, TITLE), xml_text(load, node, desc, CODE),
				 xml_text(load, node, desc, SEE));
}

/* Reads an index. */
static void
ReadIndex(Load *load)
{
	IndexTree  *index = MemoryContextAllocZero(load->context, sizeof(IndexTree));

	/* a title's own words, without the modifiers that change nothing (nemod) */
	xml_each_node(load,
				  "SELECT x.node, x.depth, x.title, x.code, x.see, x.col, x.text"
				  " FROM XMLTABLE('//*[self::mainTerm or self::term or self::head or self::cell]'"
				  "  PASSING XMLPARSE(DOCUMENT $1)"
				  "  COLUMNS node pg_catalog.text PATH 'name()', depth pg_catalog.int4 PATH 'count(ancestor::*)',"
				  "  title pg_catalog.text PATH"
				  "   'concat(title/text()[1], \" \", title/text()[2], \" \", title/text()[3])',"
				  "  code pg_catalog.text PATH 'code[1]', see pg_catalog.text PATH 'see[1]', col pg_catalog.text PATH '@col',"
				  "  text pg_catalog.text PATH 'self::head | self::cell') AS x",
				  IndexNode, index);
	AddReferences(load, index);
	if (load->terms.n == 0)
		load_fail(load, 0, "there is no entry in it");
}

/* what an index is about */
typedef enum IndexKind
{
	NO_INDEX,
	INDEX_MAIN,
	INDEX_EXTERNAL,
	INDEX_NEOPLASMS,
	INDEX_DRUGS,
	INDEX_UNKNOWN
} IndexKind;

/* how many codes of a file lie where */
typedef struct IndexCounts
{
	int			codes;			/* of entries */
	int			external;		/* of them, those of external causes */
	int			cells;			/* codes in tables */
	int			neoplasms;		/* of them */
	int			drugs;
} IndexCounts;

/* The first letter of the code of an element that begins here; 0 if none follows. */
static char
FirstLetter(const char *s, const char *end)
{
	s = memchr(s, '>', end - s);
	if (s == NULL)
		return 0;
	do
		s++;
	while (s < end && isspace((unsigned char) *s));
	return s < end && *s >= 'A' && *s <= 'Z' ? *s : 0;
}

/* Counts where the codes of an index lie. */
static void
CountCodes(const Load *load, IndexCounts *counts)
{
	const char *end = load->data + load->len;

	memset(counts, 0, sizeof(*counts));
	for (const char *s = load->next; s < end && (s = memchr(s, '<', end - s)) != NULL; s++)
	{
		bool		cell = xml_starts(s, end, "<cell");
		char		letter = cell || xml_starts(s, end, "<code>") ? FirstLetter(s, end) : 0;

		if (letter == 0)
			continue;
		if (cell)
		{
			counts->cells++;
			counts->neoplasms += letter == 'C' || letter == 'D';
			counts->drugs += letter == 'T';
		}
		else
		{
			counts->codes++;
			counts->external += letter >= 'V' && letter <= 'Y';
		}
		if ((counts->codes + counts->cells) % 1000 == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* Whether a part is at least three quarters. */
static bool
IsMost(int part, int all)
{
	return part >= all / 4 * 3 + all % 4;
}

/*
 * What an index is about, by where its codes lie: titles and headings change from
 * year to year.  The tables have cells, of neoplasms (C, D) or poisonings (T); the
 * index of external causes leads to V to Y, where the main one hardly does.
 */
static IndexKind
FindIndexKind(const Load *load)
{
	IndexCounts counts;

	if (!xml_root_is(load, "ICD10CM.index"))
		return NO_INDEX;
	CountCodes(load, &counts);
	/* half and half: only the caller can tell */
	if (counts.cells > counts.codes)
		return IsMost(counts.neoplasms, counts.cells) ? INDEX_NEOPLASMS :
			IsMost(counts.drugs, counts.cells) ? INDEX_DRUGS : INDEX_UNKNOWN;
	if (counts.cells > 0 || counts.codes == 0)
		return INDEX_UNKNOWN;
	return IsMost(counts.external, counts.codes) ? INDEX_EXTERNAL :
		counts.external <= counts.codes / 4 ? INDEX_MAIN : INDEX_UNKNOWN;
}

/* Whether the file is the table of drugs. */
static bool
DetectDrugs(const Load *load)
{
	return FindIndexKind(load) == INDEX_DRUGS;
}

/* Whether the file is the table of neoplasms. */
static bool
DetectNeoplasms(const Load *load)
{
	return FindIndexKind(load) == INDEX_NEOPLASMS;
}

/* Whether the file is the index of external causes. */
static bool
DetectExternal(const Load *load)
{
	return FindIndexKind(load) == INDEX_EXTERNAL;
}

/* Whether the file is the main index. */
static bool
DetectIndex(const Load *load)
{
	return FindIndexKind(load) == INDEX_MAIN;
}

/* each of the four indexes of a release is a content of its own */
const LoadFormat load_format_nchs_drugs = {
	.name = "nchs-drugs",
	.what = "NCHS table of drugs",
	.content = "index-drugs",
	.systems = "|ICD-10-CM|",
	.detect = DetectDrugs,
	.read = ReadIndex,
};

const LoadFormat load_format_nchs_neoplasms = {
	.name = "nchs-neoplasms",
	.what = "NCHS table of neoplasms",
	.content = "index-neoplasms",
	.systems = "|ICD-10-CM|",
	.detect = DetectNeoplasms,
	.read = ReadIndex,
};

const LoadFormat load_format_nchs_external = {
	.name = "nchs-external",
	.what = "NCHS index of external causes",
	.content = "index-external",
	.systems = "|ICD-10-CM|",
	.detect = DetectExternal,
	.read = ReadIndex,
};

const LoadFormat load_format_nchs_index = {
	.name = "nchs-index",
	.what = "NCHS index",
	.content = "index",
	.systems = "|ICD-10-CM|",
	.detect = DetectIndex,
	.read = ReadIndex,
};
