/*
 * load/format_rrf.c
 *		RxNorm: the names of concepts (RXNCONSO.RRF), and after them, if given,
 *		the retired concepts (RXNCUI.RRF).
 */
#include "base/medrec.h"

#include "load/format.h"
#include "load/input.h"
#include "load/table.h"


enum
{
	CONSO_RXCUI = 0,
	CONSO_LAT = 1,
	CONSO_SAB = 11,
	CONSO_TTY = 12,
	CONSO_STR = 14,
	CONSO_SUPPRESS = 16,
	CONSO_FIELDS = 19			/* with the empty one after the last bar */
};
enum
{
	RXNCUI_OLD = 0,
	RXNCUI_NEW = 4,
	RXNCUI_FIELDS = 6
};

/* a name of a concept */
typedef struct RxName
{
	char		code[CODE_MAX_LEN + 1];
	int			rank;			/* the title has the lowest */
	bool		obsolete;
	int			line;
	Slice		name;
} RxName;

/* ranks: titles by their term type, prescribable names, other synonyms, retired concepts */
#define RANK_TITLE		0
#define RANK_SHORT		1
#define RANK_SYNONYM	2
#define RANK_RETIRED	3

/* Whether the file is RxNorm's: bars as in RXNCONSO, a number first. */
static bool
DetectRxNorm(const Load *load)
{
	Slice		line = load_peek_line(load);
	int			bars = 0;

	for (int i = 0; i < line.len; i++)
		bars += line.s[i] == '|';
	return bars == CONSO_FIELDS - 1 && line.s[0] >= '0' && line.s[0] <= '9';
}

/* The rank of a name by its term type. */
static int
NameRank(Slice tty)
{
	if (slice_is(tty, "PSN"))
		return RANK_SHORT;
	if (slice_is(tty, "SY") || slice_is(tty, "TMSY") || slice_is(tty, "ET"))
		return RANK_SYNONYM;
	return RANK_TITLE;
}

/* Order of names: concept, names in use before obsolete ones, rank, line. */
static int
CompareNames(const void *a, const void *b)
{
	const RxName *x = a;
	const RxName *y = b;
	int			order = strcmp(x->code, y->code);

	if (order == 0)
		order = (int) x->obsolete - (int) y->obsolete;
	if (order == 0)
		order = x->rank - y->rank;
	return order ? order : x->line - y->line;
}

/* Adds a concept's name. */
static void
AddName(Load *load, LoadArray *names, Slice code, int rank, bool obsolete, Slice name)
{
	RxName	   *n = load_push(load, names, sizeof(RxName));

	load_check_code(load, code, n->code);
	n->rank = rank;
	n->obsolete = obsolete;
	n->line = load->line;
	n->name = name;
}

/* Reads RxNorm; of the many sources in the file only RxNorm's own names are codes' names. */
static void
ReadRxNorm(Load *load)
{
	LoadArray	names = {NULL, 0, 0};
	TableReader table;
	RxName	   *n;
	LoadedCode *c = NULL;
	Slice		none = {NULL, 0};

	table_begin(&table, load, '|', false, NULL, 0);
	while (table_record(&table))
	{
		const Slice *f = table.fields;

		if (table.nfields == CONSO_FIELDS)
		{
			if (slice_is(f[CONSO_SAB], "RXNORM") && slice_is(f[CONSO_LAT], "ENG"))
				AddName(load, &names, f[CONSO_RXCUI], NameRank(f[CONSO_TTY]),
						slice_is(f[CONSO_SUPPRESS], "O"), f[CONSO_STR]);
		}
		else if (table.nfields == RXNCUI_FIELDS)
		{
			Slice		text;

			if (slice_equal(f[RXNCUI_OLD], f[RXNCUI_NEW]) || f[RXNCUI_NEW].len == 0)
				text = load_join(load, "retired concept");
			else
				text = load_join(load, "retired concept, now %.*s", f[RXNCUI_NEW].len, f[RXNCUI_NEW].s);
			AddName(load, &names, f[RXNCUI_OLD], RANK_RETIRED, true, text);
		}
		else
			load_fail(load, load->line, "%d fields, expected %d (RXNCONSO) or %d (RXNCUI)",
					  table.nfields, CONSO_FIELDS, RXNCUI_FIELDS);
	}

	n = names.items;
	if (names.n > 0)
		qsort(n, names.n, sizeof(RxName), CompareNames);
	for (size_t i = 0; i < names.n; i++)
	{
		Slice		code = {n[i].code, (int) strlen(n[i].code)};

		load->line = n[i].line;
		if (c == NULL || strcmp(c->code, n[i].code) != 0)
		{
			c = load_add_code(load, code, n[i].name, none);

			/*
			 * without a name in use the concept is not in use; the file does
			 * not say since when
			 */
			if (n[i].obsolete)
				c->active_to = DATEVAL_NOBEGIN;
		}
		else if (n[i].rank == RANK_SHORT && !c->short_display.s && !n[i].obsolete &&
				 !slice_equal(n[i].name, c->display))
			c->short_display = n[i].name;
		else if (n[i].rank != RANK_RETIRED && !slice_equal(n[i].name, c->display))
			load_add_term(load, c->code, "synonym", n[i].name);
	}
}

const LoadFormat load_format_rxnorm = {
	.name = "rxnorm-rrf",
	.what = "RxNorm file",
	.content = "codes",
	.systems = "|RxNorm|",
	.needs_line_end = true,
	.detect = DetectRxNorm,
	.read = ReadRxNorm,
};
