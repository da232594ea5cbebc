/*
 * load/format_xml.c
 *		The XML files of NCHS for ICD-10-CM: the tabular list and the indexes.
 *
 * The server's XMLTABLE lists the nodes in document order, each with its depth;
 * from that the tree is followed with a stack.
 */
#include "base/medrec.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "load/format.h"
#include "load/input.h"
#include "search/search.h"


/* nodes read at a time */
#define FETCH_NODES		2000
/* nesting that is followed; libxml stops at 256 */
#define MAX_DEPTH		256

/* columns that both queries give first */
enum
{
	NODE_NAME = 1,
	NODE_DEPTH,
	NODE_OWN					/* first of the query's own columns */
};

typedef void (*NodeFunction) (Load *load, HeapTuple node, TupleDesc desc, void *state);

/* Whether a piece of the file begins with a text. */
static bool
StartsWith(const char *s, const char *end, const char *text)
{
	size_t		len = strlen(text);

	return (size_t) (end - s) >= len && memcmp(s, text, len) == 0;
}

/* Where a text begins in a piece of the file, "end" where it does not come. */
static const char *
FindText(const char *s, const char *end, const char *text)
{
	while (s < end && (s = memchr(s, *text, end - s)) != NULL)
	{
		if (StartsWith(s, end, text))
			return s;
		s++;
	}
	return end;
}

/* Whether the file's outermost element, behind declaration and comments, has a name. */
static bool
RootIs(const Load *load, const char *name)
{
	const char *s = load->next;
	const char *end = load->data + load->len;
	size_t		len = strlen(name);

	for (;;)
	{
		while (s < end && isspace((unsigned char) *s))
			s++;
		if (StartsWith(s, end, "<!--"))
			s = FindText(s, end, "-->");
		else if (!StartsWith(s, end, "<?") && !StartsWith(s, end, "<!"))
			break;
		s = FindText(s, end, ">");
		if (s < end)
			s++;
	}
	return (size_t) (end - s) > len + 1 && *s == '<' && pg_strncasecmp(s + 1, name, len) == 0 &&
		(s[len + 1] == '>' || isspace((unsigned char) s[len + 1]));
}

/* A column of a node, trimmed, in the load's memory; s is NULL where there is none. */
static Slice
NodeText(Load *load, HeapTuple node, TupleDesc desc, int column)
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

/* Gives each node that a query finds in the file to a function. */
static void
EachNode(Load *load, const char *sql, NodeFunction function, void *state)
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

		SPI_cursor_fetch(portal, true, FETCH_NODES);
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
static int
NodeDepth(Load *load, HeapTuple node, TupleDesc desc)
{
	bool		isnull;
	int			depth = DatumGetInt32(SPI_getbinval(node, desc, NODE_DEPTH, &isnull));

	if (isnull || depth < 0 || depth >= MAX_DEPTH)
		load_fail(load, 0, "elements are nested deeper than %d", MAX_DEPTH);
	return depth;
}

/*
 * Tabular list
 */

/* a chapter, section or code on the way down to the present node */
typedef struct Level
{
	bool		is_code;
	char		first[CODE_MAX_LEN + 1];	/* the code; of a section its first category */
	char		last[CODE_MAX_LEN + 1];
	Slice		seventh;		/* "A initial encounter; D ...", where defined here */
} Level;

/* codes that an excludes1 note of a chapter or section names */
typedef struct RangeRule
{
	LoadedRule	rule;			/* code: first category */
	char		last[CODE_MAX_LEN + 1];
} RangeRule;

typedef struct Tabular
{
	Level		levels[MAX_DEPTH];
	int			depth;			/* of the last diag */
	bool		pending;		/* the last diag may be a leaf */
	LoadArray	categories;		/* of three characters, char[CODE_MAX_LEN + 1] */
	LoadArray	range_rules;	/* of RangeRule */
} Tabular;

/* The last diag has no other below it: if it takes a 7th character, it is none without. */
static void
CloseLeaf(Load *load, Tabular *tab)
{
	const Level *leaf = &tab->levels[tab->depth];

	if (!tab->pending)
		return;
	tab->pending = false;
	/* seven characters and the dot: it has it */
	if (strlen(leaf->first) >= 8)
		return;
	for (int d = tab->depth; d >= 0 && tab->levels[d].is_code; d--)
		if (tab->levels[d].seventh.s)
		{
			load_add_rule(load, leaf->first, "seventh-character", tab->levels[d].seventh);
			return;
		}
}

/* Reads a code at the start of a text, with an open end ("I20.-") taken off; returns where it ends, NULL if none. */
static const char *
ScanCode(const CodeSystem *system, const char *s, const char *end, char out[CODE_MAX_LEN + 1])
{
	const char *start = s;
	CodeCheck	check;

	while (s < end && ((*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '.'))
		s++;
	if (s == start)
		return NULL;
	/* "I20.-": the dot belongs to the open end */
	code_check(system, start, (s[-1] == '.' ? s - 1 : s) - start, &check);
	if (check.verdict != CODE_OK)
		return NULL;
	memset(out, 0, CODE_MAX_LEN + 1);
	memcpy(out, check.code, check.len);
	return s;
}

/* Skips blanks. */
static const char *
SkipBlanks(const char *s, const char *end)
{
	while (s < end && *s == ' ')
		s++;
	return s;
}

/*
 * Takes the codes in one pair of brackets of a note: "A00-A09, B99.-".  Returns
 * their number, 0 where anything else stands there too ("with 5th character 1"):
 * a rule that is wider than the note would be worse than none.
 */
static int
ScanCodes(const CodeSystem *system, const char *s, const char *end, LoadedRule *rules, int max)
{
	int			n = 0;

	for (;;)
	{
		s = SkipBlanks(s, end);
		if (s >= end)
			return n;
		if (n == max || (s = ScanCode(system, s, end, rules[n].other_from)) == NULL)
			return 0;
		memcpy(rules[n].other_to, rules[n].other_from, CODE_MAX_LEN + 1);
		/* "-" ends an open code ("I20.-") or leads to the end of a range, which may be open too */
		if (s < end && *s == '-')
		{
			while (s < end && *s == '-')
				s++;
			if (s < end && *s >= 'A' && *s <= 'Z')
			{
				s = ScanCode(system, s, end, rules[n].other_to);
				if (!s || strcmp(rules[n].other_to, rules[n].other_from) < 0)
					return 0;
				while (s < end && *s == '-')
					s++;
			}
		}
		n++;
		s = SkipBlanks(s, end);
		if (s < end && *s == ',')
			s++;
		else if (end - s > 4 && memcmp(s, "and ", 4) == 0)
			s += 4;
		else if (s < end)
			return 0;
	}
}

/* Adds the rules that an excludes1 note of a code, section or chapter makes. */
static void
AddExcludes(Load *load, Tabular *tab, const Level *owner, Slice note)
{
	const char *end = note.s + note.len;
	const char *s = note.s;

	while (s < end && (s = memchr(s, '(', end - s)) != NULL)
	{
		LoadedRule	found[32];
		const char *close = memchr(s, ')', end - s);
		int			n;

		if (!close)
			return;
		n = ScanCodes(load->system, s + 1, close, found, lengthof(found));
		for (int i = 0; i < n; i++)
		{
			LoadedRule *rule;

			if (owner->is_code)
				rule = load_add_rule(load, owner->first, "excludes1", note);
			else
			{
				RangeRule  *r = load_push(load, &tab->range_rules, sizeof(RangeRule));

				memcpy(r->last, owner->last, sizeof(r->last));
				rule = &r->rule;
				strlcpy(rule->code, owner->first, sizeof(rule->code));
				rule->text = note;
			}
			memcpy(rule->other_from, found[i].other_from, sizeof(rule->other_from));
			memcpy(rule->other_to, found[i].other_to, sizeof(rule->other_to));
		}
		s = close;
	}
}

/* The range of codes of a section (its id) or chapter (at the end of its title). */
static bool
ScanRange(const CodeSystem *system, Slice s, Level *level)
{
	const char *end = s.s + s.len;
	const char *at = s.s;

	for (const char *c = s.s; c < end; c++)
		if (*c == '(')
			at = c + 1;
	at = ScanCode(system, at, end, level->first);
	if (!at || at >= end)
	{
		memcpy(level->last, level->first, sizeof(level->last));
		return at != NULL;
	}
	return *at == '-' && ScanCode(system, at + 1, end, level->last) != NULL;
}

/* Takes a node of the tabular list. */
static void
TabularNode(Load *load, HeapTuple node, TupleDesc desc, void *state)
{
	enum
	{
		PARENT = NODE_OWN, OWNER, CODE, RANGE, CHARACTER, TEXT
	};
	Tabular    *tab = state;
	int			depth = NodeDepth(load, node, desc);
	char	   *name = SPI_getvalue(node, desc, NODE_NAME);
	Level	   *level = &tab->levels[depth];
	Level	   *owner = depth >= 2 ? &tab->levels[depth - 2] : level;
	Slice		text = NodeText(load, node, desc, TEXT);
	char	   *owner_name;

	if (strcmp(name, "diag") == 0)
	{
		if (tab->pending && depth <= tab->depth)
			CloseLeaf(load, tab);
		memset(level, 0, sizeof(*level));
		level->is_code = true;
		load_check_code(load, NodeText(load, node, desc, CODE), level->first);
		if (strlen(level->first) == 3)
			memcpy(load_push(load, &tab->categories, CODE_MAX_LEN + 1), level->first,
				   CODE_MAX_LEN + 1);
		tab->depth = depth;
		tab->pending = true;
		return;
	}
	if (strcmp(name, "chapter") == 0 || strcmp(name, "section") == 0)
	{
		CloseLeaf(load, tab);
		memset(level, 0, sizeof(*level));
		if (!ScanRange(load->system, NodeText(load, node, desc, RANGE), level))
			load_fail(load, 0, "a %s without the range of its codes", name);
		return;
	}
	/* notes of the introduction belong to no code */
	owner_name = SPI_getvalue(node, desc, OWNER);
	if (text.len == 0 || (strcmp(owner_name, "diag") != 0 && strcmp(owner_name, "section") != 0 &&
						  strcmp(owner_name, "chapter") != 0))
		return;
	if (strcmp(name, "extension") == 0)
	{
		Slice		c = NodeText(load, node, desc, CHARACTER);

		if (owner->seventh.s)
			owner->seventh = load_join(load, "%.*s; %.*s %.*s", owner->seventh.len,
									   owner->seventh.s, c.len, c.s, text.len, text.s);
		else
			owner->seventh = load_join(load, "%.*s %.*s", c.len, c.s, text.len, text.s);
	}
	else
	{
		static const char *const kinds[] = {
			"includes", "excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso",
			"notes", "sevenChrNote",
		};
		char	   *parent = SPI_getvalue(node, desc, PARENT);

		if (owner->is_code && strcmp(parent, "inclusionTerm") == 0)
			load_add_term(load, owner->first, "inclusion", text);
		for (int i = 0; i < lengthof(kinds); i++)
			if (strcmp(parent, kinds[i]) == 0)
				load_add_note(load, owner->is_code ? owner->first :
							  load_join(load, "%s-%s", owner->first, owner->last).s,
							  kinds[i], text);
		if (strcmp(parent, "excludes1") == 0)
			AddExcludes(load, tab, owner, text);
	}
}

/* Reads the tabular list: inclusion terms, notes, excludes1 pairs, 7th characters. */
static void
ReadTabular(Load *load)
{
	Tabular    *tab = MemoryContextAllocZero(load->context, sizeof(Tabular));

	EachNode(load,
			 "SELECT x.node, x.depth, x.parent, x.owner, x.code, x.range, x.char, x.text"
			 " FROM XMLTABLE('//*[self::diag or self::chapter or self::section or self::note"
			 "   or self::extension]' PASSING XMLPARSE(DOCUMENT $1)"
			 "  COLUMNS node pg_catalog.text PATH 'name()', depth pg_catalog.int4 PATH 'count(ancestor::*)',"
			 "  parent pg_catalog.text PATH 'name(..)', owner pg_catalog.text PATH 'name(../..)',"
			 "  code pg_catalog.text PATH 'name[../self::diag]',"
			 "  range pg_catalog.text PATH '@id | desc[../self::chapter]',"
			 "  char pg_catalog.text PATH '@char',"
			 "  text pg_catalog.text PATH 'self::note | self::extension') AS x",
			 TabularNode, tab);
	CloseLeaf(load, tab);
	if (tab->categories.n == 0)
		load_fail(load, 0, "there is no code in it");

	/* a rule of a chapter or section is one of each of its categories */
	for (size_t i = 0; i < tab->range_rules.n; i++)
	{
		const RangeRule *r = load_item(tab->range_rules, RangeRule, i);

		for (size_t j = 0; j < tab->categories.n; j++)
		{
			const char *category = (char *) tab->categories.items + j * (CODE_MAX_LEN + 1);

			if (strcmp(category, r->rule.code) >= 0 && strcmp(category, r->last) <= 0)
			{
				LoadedRule *rule = load_add_rule(load, category, "excludes1", r->rule.text);

				memcpy(rule->other_from, r->rule.other_from, sizeof(rule->other_from));
				memcpy(rule->other_to, r->rule.other_to, sizeof(rule->other_to));
			}
		}
		CHECK_FOR_INTERRUPTS();
	}
}

/* Whether the file is the tabular list. */
static bool
DetectTabular(const Load *load)
{
	return RootIs(load, "ICD10CM.tabular");
}

const LoadFormat load_format_nchs_tabular = {
	.name = "nchs-tabular",
	.what = "NCHS tabular list",
	.content = "terms",
	.systems = "|ICD-10-CM|",
	.detect = DetectTabular,
	.read = ReadTabular,
};

/*
 * Indexes: main terms with terms below them; an entry's name is the way to it.
 * The tables of drugs and of neoplasms have a code for each column.
 */
typedef struct IndexTree
{
	Slice		path[MAX_DEPTH];
	Slice		way[MAX_DEPTH]; /* the same as references name it */
	Slice		heads[10];		/* of the columns */
	LoadArray	ways;			/* of Way: the entries that have a code */
	LoadArray	references;		/* of Reference */
} IndexTree;

/* the folded way to an entry that has a code */
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

/* A text folded as references and ways are compared, in the load's memory. */
static char *
FoldedWay(Load *load, Slice text)
{
	/* folding may write a ligature out, no more */
	size_t		size = (size_t) text.len * 2 + 8;
	char	   *key = MemoryContextAlloc(load->context, size);

	search_fold(text.s, text.len, key, size);
	return key;
}

/* Adds an entry under its code; an open code ("C79.8-") stands for its header. */
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

/* Orders ways by key, then by code. */
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
 * the end of the way that it names, where there is one and it has one code.
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
		if (i % FETCH_NODES == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* The heading of a column of a table; where the file gives none, what it is every year. */
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

/* Takes a node of an index. */
static void
IndexNode(Load *load, HeapTuple node, TupleDesc desc, void *state)
{
	enum
	{
		TITLE = NODE_OWN, CODE, SEE, COLUMN, TEXT
	};
	IndexTree  *index = state;
	int			depth = NodeDepth(load, node, desc);
	char	   *name = SPI_getvalue(node, desc, NODE_NAME);

	if (strcmp(name, "head") == 0 || strcmp(name, "cell") == 0)
	{
		Slice		column = NodeText(load, node, desc, COLUMN);
		Slice		text = NodeText(load, node, desc, TEXT);

		if (column.len != 1 || *column.s < '0' || *column.s > '9')
			load_fail(load, 0, "a %s without the number of its column", name);
		if (strcmp(name, "head") == 0)
			index->heads[*column.s - '0'] = text;
		else if (depth >= 1 && text.s)
		{
			Slice		path = index->path[depth - 1];
			Slice		head = ColumnHead(load, index, *column.s - '0');

			if (path.s && head.s)
				AddEntry(load, index, text,
						 load_join(load, "%.*s, %.*s", path.len, path.s, head.len, head.s),
						 load_join(load, "%.*s %.*s", index->way[depth - 1].len, index->way[depth - 1].s,
								   head.len, head.s));
		}
	}
	else
	{
		Slice		title = NodeText(load, node, desc, TITLE);
		Slice		code = NodeText(load, node, desc, CODE);
		Slice		see = NodeText(load, node, desc, SEE);
		Slice		above = {NULL, 0};
		Slice		way = title;

		if (strcmp(name, "term") == 0 && depth >= 1)
			above = index->path[depth - 1];
		if (above.s)
		{
			way = load_join(load, "%.*s %.*s", index->way[depth - 1].len, index->way[depth - 1].s,
							title.len, title.s);
			title = load_join(load, "%.*s, %.*s", above.len, above.s, title.len, title.s);
		}
		/* of a main term references say the first form: "Pain", "Anomaly" */
		else if (title.len > 0 && memchr(title.s, ',', title.len) != NULL)
			way.len = (int) ((const char *) memchr(title.s, ',', title.len) - title.s);
		index->path[depth] = title;
		index->way[depth] = way;
		if (code.s && title.len > 0)
			AddEntry(load, index, code, title, way);
		else if (see.len > 0 && title.len > 0)
		{
			Reference  *r = load_push(load, &index->references, sizeof(Reference));

			r->term = title;
			r->target = see;
		}
	}
}

/* Reads an index. */
static void
ReadIndex(Load *load)
{
	IndexTree  *index = MemoryContextAllocZero(load->context, sizeof(IndexTree));

	/* a title's own words, without the modifiers that change nothing (nemod) */
	EachNode(load,
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

/*
 * What an index is about, by where its codes lie: titles and headings change from
 * year to year.  The tables have cells, of neoplasms (C, D) or poisonings (T); the
 * index of external causes leads to V to Y, where the main one hardly does.
 */
static IndexKind
FindIndexKind(const Load *load)
{
	const char *end = load->data + load->len;
	int			codes = 0;
	int			external = 0;
	int			neoplasms = 0;
	int			drugs = 0;
	int			cells = 0;

	if (!RootIs(load, "ICD10CM.index"))
		return NO_INDEX;
	for (const char *s = load->next; s < end && (s = memchr(s, '<', end - s)) != NULL; s++)
	{
		bool		cell = StartsWith(s, end, "<cell");
		const char *c;

		if (!cell && !StartsWith(s, end, "<code>"))
			continue;
		c = memchr(s, '>', end - s);
		if (!c)
			break;
		do
			c++;
		while (c < end && isspace((unsigned char) *c));
		if (c >= end || *c < 'A' || *c > 'Z')
			continue;
		codes += !cell;
		cells += cell;
		external += !cell && *c >= 'V' && *c <= 'Y';
		neoplasms += cell && (*c == 'C' || *c == 'D');
		drugs += cell && *c == 'T';
		if ((codes + cells) % 1000 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	/* half and half is neither: nobody but the caller can tell */
	if (cells > codes)
		return neoplasms >= cells / 4 * 3 + cells % 4 ? INDEX_NEOPLASMS :
			drugs >= cells / 4 * 3 + cells % 4 ? INDEX_DRUGS : INDEX_UNKNOWN;
	if (cells > 0 || codes == 0)
		return INDEX_UNKNOWN;
	return external >= codes / 4 * 3 + codes % 4 ? INDEX_EXTERNAL :
		external <= codes / 4 ? INDEX_MAIN : INDEX_UNKNOWN;
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

/* the four indexes of a release stand side by side, each a content of its own */
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
