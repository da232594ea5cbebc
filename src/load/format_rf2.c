/*
 * load/format_rf2.c
 *		SNOMED CT: RF2 snapshots of descriptions and, before or after them in
 *		the same content, of concepts, which say whether a concept is active.
 */
#include "base/medrec.h"

#include "load/format.h"
#include "load/input.h"
#include "load/table.h"


enum
{
	RF2_ID,
	RF2_TIME,
	RF2_ACTIVE,
	RF2_CONCEPT,
	RF2_LANGUAGE,
	RF2_TYPE,
	RF2_TERM
};
static const TableColumn concept_columns[] = {
	[RF2_ID] = {"id", true},
	[RF2_TIME] = {"effectivetime", true},
	[RF2_ACTIVE] = {"active", true},
	[RF2_CONCEPT] = {"definitionstatusid", true},
};
static const TableColumn description_columns[] = {
	[RF2_ID] = {"id", true},
	[RF2_TIME] = {"effectivetime", true},
	[RF2_ACTIVE] = {"active", true},
	[RF2_CONCEPT] = {"conceptid", true},
	[RF2_LANGUAGE] = {"languagecode", true},
	[RF2_TYPE] = {"typeid", true},
	[RF2_TERM] = {"term", true},
};

#define TYPE_FSN		"900000000000003001"
#define TYPE_SYNONYM	"900000000000013009"

typedef struct Concept
{
	char		code[CODE_MAX_LEN + 1];
	bool		active;
	DateADT		since;			/* when that last changed */
	int			line;
} Concept;

typedef struct Description
{
	char		code[CODE_MAX_LEN + 1];
	int			rank;			/* the title has the lowest */
	int			line;
	Slice		term;
} Description;

/* ranks: fully specified name, in English before other languages; synonyms */
#define RANK_FSN		0
#define RANK_OTHER_FSN	1
#define RANK_SYNONYM	2

/* Whether the file begins as one of the snapshots. */
static bool
DetectRf2(const Load *load)
{
	return table_detect(load, '\t', false, concept_columns, lengthof(concept_columns)) ||
		table_detect(load, '\t', false, description_columns, lengthof(description_columns));
}

/* Order of concepts: by code. */
static int
CompareConcepts(const void *a, const void *b)
{
	return strcmp(((const Concept *) a)->code, ((const Concept *) b)->code);
}

/* Order of descriptions: by code, rank, line. */
static int
CompareDescriptions(const void *a, const void *b)
{
	const Description *x = a;
	const Description *y = b;
	int			order = strcmp(x->code, y->code);

	if (order == 0)
		order = x->rank - y->rank;
	return order ? order : x->line - y->line;
}

/* A fully specified name without its semantic tag: "Asthma (disorder)" is "Asthma". */
static Slice
WithoutTag(Slice name)
{
	Slice		s = name;

	if (s.len == 0 || s.s[s.len - 1] != ')')
		return name;
	while (s.len > 0 && s.s[s.len - 1] != '(')
		s.len--;
	if (s.len == 0)
		return name;
	s.len--;
	s = slice_trim(s);
	return s.len > 0 ? s : name;
}

/* Whether the value of the column "active" is 1; it must be 0 or 1. */
static bool
IsActive(const Load *load, Slice s)
{
	if (!slice_is(s, "0") && !slice_is(s, "1"))
		load_fail(load, load->line, "column \"active\" is neither 0 nor 1");
	return *s.s == '1';
}

/* Adds the concept of the present record. */
static void
AddConcept(Load *load, const TableReader *table, LoadArray *concepts)
{
	Concept    *c = load_push(load, concepts, sizeof(Concept));

	load_check_code(load, table_value(table, RF2_ID), c->code);
	c->active = IsActive(load, table_value(table, RF2_ACTIVE));
	c->since = load_date(load, table_value(table, RF2_TIME), "effectiveTime", DATEVAL_NOBEGIN);
	c->line = load->line;
}

/* Adds the description of the present record, if it is a name in use. */
static void
AddDescription(Load *load, const TableReader *table, LoadArray *descriptions)
{
	Slice		type = table_value(table, RF2_TYPE);
	bool		fsn = slice_is(type, TYPE_FSN);
	Description *d;

	if (!IsActive(load, table_value(table, RF2_ACTIVE)) || (!fsn && !slice_is(type, TYPE_SYNONYM)))
		return;
	d = load_push(load, descriptions, sizeof(Description));
	load_check_code(load, table_value(table, RF2_CONCEPT), d->code);
	d->rank = !fsn ? RANK_SYNONYM :
		slice_starts(table_value(table, RF2_LANGUAGE), "en") ? RANK_FSN : RANK_OTHER_FSN;
	d->line = load->line;
	d->term = table_value(table, RF2_TERM);
}

/* Order of numbers. */
static int
CompareConceptIds(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* Notes the id of the present record; an id is a number of up to 18 digits. */
static void
NoteId(Load *load, LoadArray *ids, Slice id)
{
	uint64	   *n = load_push(load, ids, sizeof(uint64));

	for (int i = 0; i < id.len; i++)
	{
		if (id.s[i] < '0' || id.s[i] > '9' || i == 18)
			load_fail(load, load->line, "the id is not a number of up to 18 digits");
		*n = *n * 10 + (id.s[i] - '0');
	}
}

/* Refuses a file with a history: in a snapshot each component occurs once. */
static void
CheckSnapshot(const Load *load, LoadArray *ids, const char *what)
{
	const uint64 *id = ids->items;

	if (ids->n > 0)
		qsort(ids->items, ids->n, sizeof(uint64), CompareConceptIds);
	for (size_t i = 1; i < ids->n; i++)
		if (id[i - 1] == id[i])
			load_fail(load, 0, "%s " UINT64_FORMAT " is in the file more than once, as in a full release; load the snapshot, which has each once",
					  what, id[i]);
}

/* Puts concepts and their descriptions together. */
static void
JoinConcepts(Load *load, LoadArray *concepts, LoadArray *descriptions)
{
	Description *d = descriptions->items;
	LoadedCode *c = NULL;

	if (concepts->n > 0)
		qsort(concepts->items, concepts->n, sizeof(Concept), CompareConcepts);
	if (descriptions->n > 0)
		qsort(d, descriptions->n, sizeof(Description), CompareDescriptions);
	for (size_t i = 0; i < descriptions->n; i++)
	{
		load->line = d[i].line;
		if (c == NULL || strcmp(c->code, d[i].code) != 0)
		{
			Slice		code = {d[i].code, (int) strlen(d[i].code)};
			Concept		wanted;
			const Concept *concept;

			c = load_add_code(load, code, d[i].term, WithoutTag(d[i].term));
			if (concepts->n == 0)
				continue;
			strlcpy(wanted.code, d[i].code, sizeof(wanted.code));
			concept = bsearch(&wanted, concepts->items, concepts->n, sizeof(Concept),
							  CompareConcepts);
			if (!concept)
				load_fail(load, d[i].line, "the concept of this description is not in the file");
			if (!concept->active)
				c->active_to = concept->since == DATEVAL_NOBEGIN ? DATEVAL_NOBEGIN : concept->since - 1;
		}
		else if (!slice_equal(d[i].term, c->display) && !slice_equal(d[i].term, c->short_display))
			load_add_term(load, c->code, "synonym", d[i].term);
	}
}

/* Reads the snapshots; each begins with its header. */
static void
ReadRf2(Load *load)
{
	LoadArray	concepts = {NULL, 0, 0};
	LoadArray	descriptions = {NULL, 0, 0};
	LoadArray	concept_ids = {NULL, 0, 0};
	LoadArray	description_ids = {NULL, 0, 0};
	TableReader concept;
	TableReader description;
	TableReader *table = NULL;

	table_begin(&concept, load, '\t', false, concept_columns, lengthof(concept_columns));
	table_begin(&description, load, '\t', false, description_columns, lengthof(description_columns));
	while (table_record(&concept))
	{
		description.fields = concept.fields;
		description.nfields = concept.nfields;
		if (slice_is(concept.fields[0], "id"))
		{
			table = table_is_header(&description) ? &description : &concept;
			table_header(table);
			continue;
		}
		if (!table)
			load_fail(load, load->line, "no header of a concept or description snapshot");
		if (table->nfields != table->width)
			load_fail(load, load->line, "%d fields, expected %d", table->nfields, table->width);
		NoteId(load, table == &concept ? &concept_ids : &description_ids,
			   table_value(table, RF2_ID));
		if (table == &concept)
			AddConcept(load, table, &concepts);
		else
			AddDescription(load, table, &descriptions);
	}
	if (descriptions.n == 0)
		load_fail(load, 0, "it has no descriptions; the names are in the description snapshot, load it together with the concept snapshot");
	CheckSnapshot(load, &concept_ids, "concept");
	CheckSnapshot(load, &description_ids, "description");
	JoinConcepts(load, &concepts, &descriptions);
}

const LoadFormat load_format_rf2 = {
	.name = "snomed-rf2",
	.what = "SNOMED CT snapshot",
	.content = "codes",
	.systems = "|SNOMED CT|",
	.needs_line_end = true,
	.detect = DetectRf2,
	.read = ReadRf2,
};
