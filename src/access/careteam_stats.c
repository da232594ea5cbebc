/*
 * access/careteam_stats.c
 *		Limits what EXPLAIN reveals about hidden rows to callers who may not
 *		see all rows.
 *
 * Statistics cover the whole table. An estimate from most common values or a
 * histogram reveals how many rows have a value, hidden rows included, to
 * anyone who runs EXPLAIN or asks PostgREST for a planned count. For a query
 * restricted to the patients of care teams, the planner only gets statistics
 * that reveal no value: the number of distinct values, nulls, width and
 * correlation. EXPLAIN ANALYZE counts rows that an index found and a policy
 * removed, so it is refused for such a query.
 */
#include "base/medrec.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/plancat.h"
#include "tcop/dest.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "access/careteam_stats.h"
#include "base/relations.h"
#include "base/settings.h"

static get_relation_stats_hook_type next_relation_hook = NULL;
static get_index_stats_hook_type next_index_hook = NULL;
static get_relation_info_hook_type next_info_hook = NULL;
static ExecutorRun_hook_type next_run_hook = NULL;

static bool AsksForPatient(Node *node, void *context);
static bool IsHeldTable(RangeTblEntry *rte);
static bool IsHeld(PlannerInfo *root, Index rti);
static HeapTuple WithoutValues(HeapTuple tuple);
static bool RelationStats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
						  VariableStatData *vardata);
static bool IndexStats(PlannerInfo *root, Oid index, AttrNumber attnum,
					   VariableStatData *vardata);
static void RelationInfo(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel);
static bool ReadsHeld(PlanState *planstate, void *context);
static bool IsExplained(QueryDesc *query);
static void ExecutorRuns(MEDREC_RUN_PARAMS);

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
			get_func_namespace(funcid) == medrec_schema())
			return true;
	}
	return expression_tree_walker(node, AsksForPatient, context);
}

/* Does a policy of the table restrict it to the patients of care teams? */
static bool
IsHeldTable(RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION && rte->securityQuals != NIL &&
		AsksForPatient((Node *) rte->securityQuals, NULL);
}

/*
 * The same, or is it read as part of such a table: a partition is restricted
 * by its parent's policy.
 */
static bool
IsHeld(PlannerInfo *root, Index rti)
{
	if (!medrec_care_team_mode)
		return false;
	while (rti > 0 && rti < (Index) root->simple_rel_array_size)
	{
		AppendRelInfo *parent = root->append_rel_array ? root->append_rel_array[rti] : NULL;

		if (root->simple_rte_array[rti] && IsHeldTable(root->simple_rte_array[rti]))
			return true;
		rti = parent ? parent->parent_relid : 0;
	}
	return false;
}

/* A copy of statistics without the values in them. */
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
	Index		rti = root->simple_rel_array_size - 1;

	while (rti > 0 && root->simple_rte_array[rti] != rte)
		rti--;
	if (!IsHeld(root, rti))
		return next_relation_hook && next_relation_hook(root, rte, attnum, vardata);
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(attnum),
							BoolGetDatum(rte->inh));
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
	Index		rti;

	for (rti = 1; rti < (Index) root->simple_rel_array_size; rti++)
	{
		RangeTblEntry *rte = root->simple_rte_array[rti];

		if (rte && rte->rtekind == RTE_RELATION && rte->relid == relid && IsHeld(root, rti))
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

/* Hook: information about a table; extended statistics that contain values are left out. */
static void
RelationInfo(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	ListCell   *cell;

	if (next_info_hook)
		next_info_hook(root, relid, inhparent, rel);
	if (rel->statlist == NIL || !IsHeld(root, rel->relid))
		return;
	foreach(cell, rel->statlist)
	{
		char		kind = ((StatisticExtInfo *) lfirst(cell))->kind;

		if (kind == STATS_EXT_MCV || kind == STATS_EXT_EXPRESSIONS)
			rel->statlist = foreach_delete_current(rel->statlist, cell);
	}
}

/* For the walker: does a plan call medrec.sees_patient(), as the policies do? */
static bool
ReadsHeld(PlanState *planstate, void *context)
{
	return AsksForPatient((Node *) planstate->plan->qual, NULL) ||
		planstate_tree_walker(planstate, ReadsHeld, context);
}

/*
 * Is a query run by EXPLAIN ANALYZE, which discards its rows? auto_explain may
 * count them too, but writes to the server's log only. With
 * auto_explain.log_analyze, CREATE TABLE AS and MOVE are mistaken for EXPLAIN
 * ANALYZE, which is the safe side.
 */
static bool
IsExplained(QueryDesc *query)
{
	CommandDest dest = query->dest->mydest;

	return query->instrument_options != 0 &&
		(dest == DestNone || dest == DestIntoRel || medrec_serializes_for_explain(dest));
}

/* ExecutorRun hook: the destination of the rows is known by now. */
static void
ExecutorRuns(MEDREC_RUN_PARAMS)
{
	if (medrec_care_team_mode && IsExplained(query) && ReadsHeld(query->planstate, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for EXPLAIN ANALYZE"),
				 errdetail("It counts rows of patients who are not in the account's care."),
				 errhint("EXPLAIN without ANALYZE shows the plan.")));
	if (next_run_hook)
		next_run_hook(MEDREC_RUN_ARGS);
	else
		standard_ExecutorRun(MEDREC_RUN_ARGS);
}

/* Puts the hooks in place when the library is loaded. */
void
medrec_init_statistics(void)
{
	next_relation_hook = get_relation_stats_hook;
	get_relation_stats_hook = RelationStats;
	next_index_hook = get_index_stats_hook;
	get_index_stats_hook = IndexStats;
	next_info_hook = get_relation_info_hook;
	get_relation_info_hook = RelationInfo;
	next_run_hook = ExecutorRun_hook;
	ExecutorRun_hook = ExecutorRuns;
}
