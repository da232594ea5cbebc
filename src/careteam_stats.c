/*
 * careteam_stats.c
 *		What the planner knows of columns, for who may not see all rows.
 *
 * Statistics are of the whole table.  An estimate by its most common values, or
 * by its histogram, tells how many rows have a value - hidden ones too - to
 * whoever asks EXPLAIN, or PostgREST for a planned count.  Where a query is held
 * to the patients of care teams, the planner is given what no value can be
 * learned from: the number of distinct values, nulls, width and correlation.
 */
#include "medrec.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_statistic.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

static get_relation_stats_hook_type next_relation_hook = NULL;
static get_index_stats_hook_type next_index_hook = NULL;

static bool AsksForPatient(Node *node, void *context);
static bool IsHeld(RangeTblEntry *rte);
static HeapTuple WithoutValues(HeapTuple tuple);
static bool RelationStats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
						  VariableStatData *vardata);
static bool IndexStats(PlannerInfo *root, Oid index, AttrNumber attnum,
					   VariableStatData *vardata);

/* For the walker: does an expression call medrec.sees_patient()? */
static bool
AsksForPatient(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		Oid			funcid = ((FuncExpr *) node)->funcid;
		char	   *name = get_func_name(funcid);

		if (name && strcmp(name, "sees_patient") == 0 &&
			get_func_namespace(funcid) == get_namespace_oid(MEDREC_SCHEMA, true))
			return true;
	}
	return expression_tree_walker(node, AsksForPatient, context);
}

/* Is a table of the query held to the patients of care teams by a policy? */
static bool
IsHeld(RangeTblEntry *rte)
{
	return medrec_care_team_mode && rte->rtekind == RTE_RELATION &&
		rte->securityQuals != NIL && AsksForPatient((Node *) rte->securityQuals, NULL);
}

/* A copy of statistics without what names values. */
static HeapTuple
WithoutValues(HeapTuple tuple)
{
	Form_pg_statistic stats;
	Datum		correlation = (Datum) 0;
	bool		found = false;
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {false};
	bool		replace[Natts_pg_statistic] = {false};
	Relation	rel;
	HeapTuple	copy;
	int			i;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	stats = (Form_pg_statistic) GETSTRUCT(tuple);
	for (i = 0; i < STATISTIC_NUM_SLOTS; i++)
	{
		int16		kind = (&stats->stakind1)[i];
		bool		isnull;

		if (kind == STATISTIC_KIND_CORRELATION)
		{
			correlation = SysCacheGetAttr(STATRELATTINH, tuple,
										  Anum_pg_statistic_stanumbers1 + i, &isnull);
			found = !isnull;
			values[Anum_pg_statistic_staop1 - 1] = ObjectIdGetDatum((&stats->staop1)[i]);
			values[Anum_pg_statistic_stacoll1 - 1] = ObjectIdGetDatum((&stats->stacoll1)[i]);
		}
		replace[Anum_pg_statistic_stakind1 - 1 + i] = true;
		replace[Anum_pg_statistic_staop1 - 1 + i] = true;
		replace[Anum_pg_statistic_stacoll1 - 1 + i] = true;
		replace[Anum_pg_statistic_stanumbers1 - 1 + i] = true;
		replace[Anum_pg_statistic_stavalues1 - 1 + i] = true;
		nulls[Anum_pg_statistic_stanumbers1 - 1 + i] = true;
		nulls[Anum_pg_statistic_stavalues1 - 1 + i] = true;
	}
	if (found)
	{
		values[Anum_pg_statistic_stakind1 - 1] = Int16GetDatum(STATISTIC_KIND_CORRELATION);
		values[Anum_pg_statistic_stanumbers1 - 1] = correlation;
		nulls[Anum_pg_statistic_stanumbers1 - 1] = false;
	}
	rel = table_open(StatisticRelationId, AccessShareLock);
	copy = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replace);
	table_close(rel, AccessShareLock);
	return copy;
}

/* Hook: statistics of a column. */
static bool
RelationStats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
			  VariableStatData *vardata)
{
	HeapTuple	tuple;

	if (!IsHeld(rte))
		return next_relation_hook && next_relation_hook(root, rte, attnum, vardata);
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(attnum),
							BoolGetDatum(false));
	vardata->statsTuple = WithoutValues(tuple);
	vardata->freefunc = heap_freetuple;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return true;
}

/* Hook: statistics of an expression that is indexed. */
static bool
IndexStats(PlannerInfo *root, Oid index, AttrNumber attnum, VariableStatData *vardata)
{
	Oid			relid = IndexGetRelation(index, true);
	int			i;

	for (i = 1; i < root->simple_rel_array_size; i++)
	{
		RangeTblEntry *rte = root->simple_rte_array[i];

		if (rte && rte->rtekind == RTE_RELATION && rte->relid == relid && IsHeld(rte))
		{
			HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(index),
												Int16GetDatum(attnum), BoolGetDatum(false));

			vardata->statsTuple = WithoutValues(tuple);
			vardata->freefunc = heap_freetuple;
			if (HeapTupleIsValid(tuple))
				ReleaseSysCache(tuple);
			return true;
		}
	}
	return next_index_hook && next_index_hook(root, index, attnum, vardata);
}

/* Puts the hooks in place when the library is loaded. */
void
medrec_init_statistics(void)
{
	next_relation_hook = get_relation_stats_hook;
	get_relation_stats_hook = RelationStats;
	next_index_hook = get_index_stats_hook;
	get_index_stats_hook = IndexStats;
}
