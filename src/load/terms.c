/*
 * load/terms.c
 *		Writes the terms, notes and rules of a release.
 */
#include "base/medrec.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "load/store.h"
#include "load/terms.h"


/* the release that takes over a term, of the remaining ones that have it too */
#define HEIR \
	"(SELECT pg_catalog.min(r.id) FROM medrec.code_release AS r" \
	" WHERE r.id OPERATOR(pg_catalog.=) ANY (t.also_in))"

/* rows after which the memory for their values is freed */
#define RESET_ROWS	1000

/*
 * Deletes what a release has added before, because it is unloaded or loaded
 * again; a term that another release has too is kept for that one.
 */
void
load_forget_terms(const CodeSystem *system, int32 release)
{
	static const struct
	{
		const char *sql;
		int			result;
	}			commands[] =
	{
		{
			"UPDATE medrec.code_term AS t SET also_in = pg_catalog.array_remove(t.also_in, $1)"
			" WHERE t.code_system OPERATOR(pg_catalog.=) $2"
			" AND $1 OPERATOR(pg_catalog.=) ANY (t.also_in)", SPI_OK_UPDATE
		},
		{
			"UPDATE medrec.code_term AS t SET release_id = " HEIR ","
			"  also_in = pg_catalog.array_remove(t.also_in, " HEIR ")"
			" WHERE t.release_id OPERATOR(pg_catalog.=) $1 AND " HEIR " IS NOT NULL", SPI_OK_UPDATE
		},
		{"DELETE FROM medrec.code_term AS t WHERE t.release_id OPERATOR(pg_catalog.=) $1", SPI_OK_DELETE},
		{"DELETE FROM medrec.code_note AS n WHERE n.release_id OPERATOR(pg_catalog.=) $1", SPI_OK_DELETE},
		{"DELETE FROM medrec.code_rule AS r WHERE r.release_id OPERATOR(pg_catalog.=) $1", SPI_OK_DELETE},
	};
	Oid			types[] = {INT4OID, VARCHAROID};
	Datum		args[] = {Int32GetDatum(release), CStringGetTextDatum(system->name)};

	for (int i = 0; i < lengthof(commands); i++)
		if (SPI_execute_with_args(commands[i].sql, 2, types, args, NULL, false, 0) != commands[i].result)
			elog(ERROR, "could not take out a release's terms");
}

/* Adds terms or notes to a store. */
static void
PutTerms(LoadStore *store, const LoadArray *terms)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "medrec terms",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	for (size_t i = 0; i < terms->n; i++)
	{
		const LoadedTerm *t = load_item(*terms, LoadedTerm, i);
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(t->code);
		values[1] = CStringGetTextDatum(t->kind);
		values[2] = load_text_or_null(t->term, &nulls[2]);
		load_store_put(store, values, nulls);
		if (i % RESET_ROWS == 0)
		{
			MemoryContextReset(scratch);
			CHECK_FOR_INTERRUPTS();
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* Describes the rows of terms and notes. */
static TupleDesc
TermDesc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(desc, 1, "code", VARCHAROID, CODE_MAX_LEN + VARHDRSZ, 0);
	TupleDescInitEntryCollation(desc, 1, C_COLLATION_OID);
	TupleDescInitEntry(desc, 2, "kind", VARCHAROID, 20 + VARHDRSZ, 0);
	TupleDescInitEntryCollation(desc, 2, C_COLLATION_OID);
	TupleDescInitEntry(desc, 3, "term", TEXTOID, -1, 0);
	return desc;
}

/* Writes the release's terms and notes; a term that another release brought is not stored twice. */
void
load_store_terms(Load *load, int32 release)
{
	LoadStore	store;

	load_sort_terms(&load->terms);
	load_store_open(&store, "medrec_load_term", TermDesc());
	PutTerms(&store, &load->terms);
	load_store_run(&store,
				   "UPDATE medrec.code_term AS t SET also_in = pg_catalog.array_append(t.also_in, $2)"
				   " FROM medrec_load_term AS n"
				   " WHERE t.code_system OPERATOR(pg_catalog.=) $1"
				   " AND t.code OPERATOR(pg_catalog.=) n.code"
				   " AND t.kind OPERATOR(pg_catalog.=) n.kind"
				   " AND t.term OPERATOR(pg_catalog.=) n.term"
				   " AND t.release_id OPERATOR(pg_catalog.<>) $2",
				   load->system, release, SPI_OK_UPDATE);
	load_store_run(&store,
				   "INSERT INTO medrec.code_term (code_system, code, kind, term, release_id)"
				   " SELECT $1, n.code, n.kind, n.term, $2 FROM medrec_load_term AS n"
				   " WHERE NOT EXISTS (SELECT FROM medrec.code_term AS t"
				   "  WHERE t.code_system OPERATOR(pg_catalog.=) $1"
				   "  AND t.code OPERATOR(pg_catalog.=) n.code"
				   "  AND t.kind OPERATOR(pg_catalog.=) n.kind"
				   "  AND t.term OPERATOR(pg_catalog.=) n.term"
				   "  AND t.release_id IS NOT NULL)",
				   load->system, release, SPI_OK_INSERT);
	load_store_close(&store);

	load_store_open(&store, "medrec_load_note", TermDesc());
	PutTerms(&store, &load->notes);
	load_store_run(&store,
				   "INSERT INTO medrec.code_note (code_system, code, kind, note, release_id)"
				   " SELECT $1, n.code, n.kind, n.term, $2 FROM medrec_load_note AS n",
				   load->system, release, SPI_OK_INSERT);
	load_store_close(&store);
}

/* Writes the release's rules, and the days on which each release's rules hold. */
void
load_store_rules(Load *load, int32 release)
{
	TupleDesc	desc = CreateTemplateTupleDesc(7);
	Oid			types[] = {VARCHAROID};
	Datum		args[] = {CStringGetTextDatum(load->system->name)};
	LoadStore	store;
	MemoryContext scratch;
	MemoryContext old;

	TupleDescInitEntry(desc, 1, "code", VARCHAROID, CODE_MAX_LEN + VARHDRSZ, 0);
	TupleDescInitEntry(desc, 2, "rule", VARCHAROID, 30 + VARHDRSZ, 0);
	TupleDescInitEntry(desc, 3, "age_min", INT2OID, -1, 0);
	TupleDescInitEntry(desc, 4, "age_max", INT2OID, -1, 0);
	TupleDescInitEntry(desc, 5, "other_from", VARCHAROID, CODE_MAX_LEN + VARHDRSZ, 0);
	TupleDescInitEntry(desc, 6, "other_to", VARCHAROID, CODE_MAX_LEN + VARHDRSZ, 0);
	TupleDescInitEntry(desc, 7, "text", TEXTOID, -1, 0);
	load_store_open(&store, "medrec_load_rule", desc);

	scratch = AllocSetContextCreate(CurrentMemoryContext, "medrec rules", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (size_t i = 0; i < load->rules.n; i++)
	{
		const LoadedRule *r = load_item(load->rules, LoadedRule, i);
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = CStringGetTextDatum(r->code);
		values[1] = CStringGetTextDatum(r->rule);
		values[2] = Int16GetDatum(r->age_min);
		values[3] = Int16GetDatum(r->age_max);
		nulls[2] = nulls[3] = r->age_min < 0;
		values[4] = CStringGetTextDatum(r->other_from);
		values[5] = CStringGetTextDatum(r->other_to);
		nulls[4] = nulls[5] = r->other_from[0] == '\0';
		values[6] = load_text_or_null(r->text, &nulls[6]);
		load_store_put(&store, values, nulls);
		if (i % RESET_ROWS == 0)
		{
			MemoryContextReset(scratch);
			CHECK_FOR_INTERRUPTS();
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);

	load_store_run(&store,
				   "INSERT INTO medrec.code_rule (code_system, code, rule, age_min, age_max,"
				   "  other_from, other_to, text, release_id, valid_from, valid_to)"
				   " SELECT $1, n.code, n.rule, n.age_min, n.age_max, n.other_from, n.other_to,"
				   "  n.text, $2, r.effective_from, r.effective_to"
				   " FROM medrec_load_rule AS n, medrec.code_release AS r"
				   " WHERE r.id OPERATOR(pg_catalog.=) $2",
				   load->system, release, SPI_OK_INSERT);
	load_store_close(&store);

	/*
	 * CMS switched the sex edits off for discharges from 1 October 2024, for
	 * every release of the Code Editor.
	 */
	if (SPI_execute_with_args("UPDATE medrec.code_rule AS c"
							  " SET valid_from = p.valid_from, valid_to = p.valid_to"
							  " FROM (SELECT r.id, s.sex, r.effective_from AS valid_from,"
							  "   CASE WHEN s.sex"
							  "    THEN GREATEST(LEAST(r.effective_to, '2024-10-01'::pg_catalog.date), r.effective_from)"
							  "    ELSE r.effective_to END AS valid_to"
							  "  FROM medrec.code_release AS r, (VALUES (true), (false)) AS s (sex)"
							  "  WHERE r.code_system OPERATOR(pg_catalog.=) $1) AS p"
							  " WHERE c.release_id OPERATOR(pg_catalog.=) p.id"
							  " AND (c.rule OPERATOR(pg_catalog.=) ANY ('{female,male}'::pg_catalog.text[]))"
							  "  OPERATOR(pg_catalog.=) p.sex"
							  " AND (c.valid_from OPERATOR(pg_catalog.<>) p.valid_from"
							  "  OR COALESCE(c.valid_to, 'infinity') OPERATOR(pg_catalog.<>) COALESCE(p.valid_to, 'infinity'))",
							  1, types, args, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write medrec.code_rule");
}
