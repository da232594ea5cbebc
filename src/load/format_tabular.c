/*
 * load/format_tabular.c
 *		The tabular list of ICD-10-CM, as NCHS publishes it in XML.
 */
#include "base/medrec.h"

#include "executor/spi.h"
#include "miscadmin.h"

#include "load/format.h"
#include "load/input.h"
#include "load/xml.h"

/* a chapter, section or code on the path to the current node */
typedef struct Level
{
	bool		is_code;
	char		first[CODE_MAX_LEN + 1];	/* the code; of a section its
											 * first category */
	char		last[CODE_MAX_LEN + 1];
	Slice		seventh;		/* "A initial encounter; D ...", where defined
								 * here */
} Level;

/* codes that an excludes1 note of a chapter or section names */
typedef struct RangeRule
{
	LoadedRule	rule;			/* code: first category */
	char		last[CODE_MAX_LEN + 1];
} RangeRule;

typedef struct Tabular
{
	Level		levels[XML_MAX_DEPTH];
	int			depth;			/* of the last diag */
	bool		pending;		/* the last diag may be a leaf */
	LoadArray	categories;		/* of three characters, char[CODE_MAX_LEN + 1] */
	LoadArray	range_rules;	/* of RangeRule */
} Tabular;

/*
 * The last diag has no other below it: if it takes a 7th character, it is not
 * a code without one.
 */
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

/* Skips the dashes of an open code. */
static const char *
SkipDashes(const char *s, const char *end)
{
	while (s < end && *s == '-')
		s++;
	return s;
}

/*
 * Takes a code of a note, or a range of them, which may be open at either end:
 * "I20", "I20.-", "A00-A09", "A00.--A09.-".  Returns where it ends, NULL if none.
 */
static const char *
ScanCodeOrRange(const CodeSystem *system, const char *s, const char *end, LoadedRule *rule)
{
	s = ScanCode(system, s, end, rule->other_from);
	if (s == NULL)
		return NULL;
	memcpy(rule->other_to, rule->other_from, CODE_MAX_LEN + 1);
	if (s == end || *s != '-')
		return s;
	s = SkipDashes(s, end);
	if (s == end || *s < 'A' || *s > 'Z')
		return s;
	s = ScanCode(system, s, end, rule->other_to);
	if (s == NULL || strcmp(rule->other_to, rule->other_from) < 0)
		return NULL;
	return SkipDashes(s, end);
}

/*
 * Takes the codes in one pair of brackets of a note: "A00-A09, B99.-". Returns
 * their number, 0 if there is any other text ("with 5th character 1"): a rule
 * that is wider than the note would be worse than none.
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
		if (n == max || (s = ScanCodeOrRange(system, s, end, &rules[n])) == NULL)
			return 0;
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

/* Takes a code. */
static void
TakeCode(Load *load, Tabular *tab, int depth, Slice code)
{
	Level	   *level = &tab->levels[depth];

	if (tab->pending && depth <= tab->depth)
		CloseLeaf(load, tab);
	memset(level, 0, sizeof(*level));
	level->is_code = true;
	load_check_code(load, code, level->first);
	if (strlen(level->first) == 3)
		memcpy(load_push(load, &tab->categories, CODE_MAX_LEN + 1), level->first,
			   CODE_MAX_LEN + 1);
	tab->depth = depth;
	tab->pending = true;
}

/* Takes what a 7th character means below a level. */
static void
TakeSeventh(Load *load, Level *owner, Slice character, Slice text)
{
	if (owner->seventh.s)
		owner->seventh = load_join(load, "%.*s; %.*s %.*s", owner->seventh.len,
								   owner->seventh.s, character.len, character.s,
								   text.len, text.s);
	else
		owner->seventh = load_join(load, "%.*s %.*s", character.len, character.s,
								   text.len, text.s);
}

/* Adds a note on a level. kind: the element that contains it. */
static void
TakeNote(Load *load, Tabular *tab, const Level *owner, const char *kind, Slice text)
{
	static const char *const kinds[] = {
		"includes", "excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso",
		"notes", "sevenChrNote",
	};

	if (owner->is_code && strcmp(kind, "inclusionTerm") == 0)
		load_add_term(load, owner->first, "inclusion", text);
	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			load_add_note(load, owner->is_code ? owner->first :
						  load_join(load, "%s-%s", owner->first, owner->last).s,
						  kinds[i], text);
	if (strcmp(kind, "excludes1") == 0)
		AddExcludes(load, tab, owner, text);
}

/* Whether an element is a level that notes belong to; those of the introduction have none. */
static bool
IsLevel(const char *name)
{
	return strcmp(name, "diag") == 0 || strcmp(name, "section") == 0 ||
		strcmp(name, "chapter") == 0;
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
	int			depth = xml_depth(load, node, desc);
	char	   *name = SPI_getvalue(node, desc, NODE_NAME);
	Level	   *owner = &tab->levels[depth >= 2 ? depth - 2 : depth];
	Slice		text;

	if (strcmp(name, "diag") == 0)
		TakeCode(load, tab, depth, xml_text(load, node, desc, CODE));
	else if (IsLevel(name))
	{
		CloseLeaf(load, tab);
		memset(&tab->levels[depth], 0, sizeof(Level));
		if (!ScanRange(load->system, xml_text(load, node, desc, RANGE), &tab->levels[depth]))
			load_fail(load, 0, "a %s without the range of its codes", name);
	}
	else if ((text = xml_text(load, node, desc, TEXT)).len > 0 &&
			 IsLevel(SPI_getvalue(node, desc, OWNER)))
	{
		if (strcmp(name, "extension") == 0)
			TakeSeventh(load, owner, xml_text(load, node, desc, CHARACTER), text);
		else
			TakeNote(load, tab, owner, SPI_getvalue(node, desc, PARENT), text);
	}
}

/* Reads the tabular list: inclusion terms, notes, excludes1 pairs, 7th characters. */
static void
ReadTabular(Load *load)
{
	Tabular    *tab = MemoryContextAllocZero(load->context, sizeof(Tabular));

	xml_each_node(load,
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
	return xml_root_is(load, "ICD10CM.tabular");
}

const LoadFormat load_format_nchs_tabular = {
	.name = "nchs-tabular",
	.what = "NCHS tabular list",
	.content = "terms",
	.systems = "|ICD-10-CM|",
	.detect = DetectTabular,
	.read = ReadTabular,
};
