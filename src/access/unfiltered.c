/*
 * access/unfiltered.c
 *		Refuses UPDATE and DELETE of every row, in PostgREST's sessions.
 *
 * PATCH and DELETE without a filter act on all rows that the caller may
 * change, and forgetting "?id=eq." is easy. So a hook after parse analysis
 * checks the statements that the authenticator's sessions send, but not those
 * that functions and triggers run on their behalf.
 */
#include "base/medrec.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "access/unfiltered.h"
#include "base/actor.h"
#include "base/relations.h"

#define API_SCHEMA	"medrec_api"

/* A query and its outer queries, in whose WITH lists names are looked up. */
typedef struct Level
{
	Query	   *query;
	const struct Level *outer;
} Level;

/* Which entries of a query's range table an expression reads. */
typedef struct Readers
{
	Bitmapset  *entries;
	int			depth;			/* depth of the sublink being walked */
} Readers;

static post_parse_analyze_hook_type previous_hook = NULL;

static bool CollectEntries(Node *node, Readers *readers);
static Bitmapset *EntriesOf(Node *expression);
static Query *QueryOf(const RangeTblEntry *entry, const Level *level, Level *found);
static bool ReadsAll(Query *query, Oid relid, const Level *outer);
static bool Restricts(Node *condition, const Level *level);
static bool HasFilter(Node *quals, const Level *level);
static bool IsMedrec(Oid relid);
static void LookAt(Query *query, const Level *outer);
static void LookAtStatement(ParseState *pstate, Query *query, JumbleState *jstate);

/* Walker: adds the range table entries of an expression's columns. */
static bool
CollectEntries(Node *node, Readers *readers)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup == (Index) readers->depth)
			readers->entries = bms_add_member(readers->entries, var->varno);
		return false;
	}
	if (IsA(node, Query))
	{
		bool		result;

		readers->depth++;
		result = query_tree_walker((Query *) node, CollectEntries, readers, 0);
		readers->depth--;
		return result;
	}
	return expression_tree_walker(node, CollectEntries, readers);
}

/* The entries of the query's own range table that an expression reads. */
static Bitmapset *
EntriesOf(Node *expression)
{
	Readers		readers = {NULL, 0};

	(void) CollectEntries(expression, &readers);
	return readers.entries;
}

/* The query of a subquery or CTE entry, with its outer queries; NULL for a table or function. */
static Query *
QueryOf(const RangeTblEntry *entry, const Level *level, Level *found)
{
	ListCell   *cell;
	Index		up;

	if (entry->rtekind == RTE_SUBQUERY)
	{
		*found = *level;
		return entry->subquery;
	}
	if (entry->rtekind != RTE_CTE)
		return NULL;
	for (up = entry->ctelevelsup; up > 0 && level->outer; up--)
		level = level->outer;
	foreach(cell, level->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (strcmp(cte->ctename, entry->ctename) == 0 && !cte->cterecursive &&
			IsA(cte->ctequery, Query))
		{
			*found = *level;
			return (Query *) cte->ctequery;
		}
	}
	return NULL;
}

/*
 * Whether a query is a SELECT from the relation without a condition. A LIMIT
 * is not a condition: it does not say which rows are meant.
 */
static bool
ReadsAll(Query *query, Oid relid, const Level *outer)
{
	Level		level = {query, outer};
	ListCell   *cell;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (query->commandType != CMD_SELECT || query->jointree == NULL ||
		query->setOperations || query->havingQual ||
		HasFilter(query->jointree->quals, &level))
		return false;
	foreach(cell, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
		Level		around;
		Query	   *inner;

		if (entry->rtekind == RTE_RELATION && entry->relid == relid)
			return true;
		inner = QueryOf(entry, &level, &around);
		if (inner && inner != query && ReadsAll(inner, relid, &around))
			return true;
	}
	return false;
}

/*
 * Whether a condition may exclude rows of the target. One that reads none of
 * its columns is true for all rows or for none. PostgREST writes a limit as a
 * join with the keys of the same relation, so the other side of the join must
 * be restricted in turn.
 */
static bool
Restricts(Node *condition, const Level *level)
{
	Query	   *query = level->query;
	Bitmapset  *entries = EntriesOf(condition);
	int			number = -1;

	if (query->resultRelation == 0)
		return !bms_is_empty(entries);
	if (!bms_is_member(query->resultRelation, entries))
		return false;
	while ((number = bms_next_member(entries, number)) >= 0)
	{
		RangeTblEntry *entry = rt_fetch(number, query->rtable);
		Level		around;
		Query	   *inner = QueryOf(entry, level, &around);

		if (inner && ReadsAll(inner, rt_fetch(query->resultRelation, query->rtable)->relid, &around))
			return false;
	}
	return true;
}

/* Whether one of the conditions joined by AND restricts the rows. */
static bool
HasFilter(Node *quals, const Level *level)
{
	check_stack_depth();
	if (quals == NULL)
		return false;
	if (is_andclause(quals))
	{
		ListCell   *cell;

		foreach(cell, ((BoolExpr *) quals)->args)
			if (HasFilter(lfirst(cell), level))
			return true;
		return false;
	}
	return Restricts(quals, level);
}

/* Whether a relation is medrec's: a table or view of its schemas, or a view of one. */
static bool
IsMedrec(Oid relid)
{
	Oid			schema = get_rel_namespace(relid);
	Relation	view;
	ListCell   *cell;
	bool		result = false;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (schema == medrec_schema() ||
		schema == get_namespace_oid(API_SCHEMA, true))
		return true;
	if (get_rel_relkind(relid) != RELKIND_VIEW)
		return false;
	view = table_open(relid, AccessShareLock);
	foreach(cell, get_view_query(view)->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		/* up to version 15 they include a view's own OLD and NEW */
		if (entry->rtekind == RTE_RELATION && entry->relid != relid && IsMedrec(entry->relid))
		{
			result = true;
			break;
		}
	}
	table_close(view, AccessShareLock);
	return result;
}

/* Refuses a query, or one of its WITH list, that would change every row. */
static void
LookAt(Query *query, const Level *outer)
{
	Level		level = {query, outer};
	ListCell   *cell;

	check_stack_depth();
	foreach(cell, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (IsA(cte->ctequery, Query))
			LookAt((Query *) cte->ctequery, &level);
	}
	if ((query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE) &&
		!HasFilter(query->jointree->quals, &level) &&
		IsMedrec(rt_fetch(query->resultRelation, query->rtable)->relid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("PATCH and DELETE need a filter"),
				 errdetail("Without one they would change every row."),
				 errhint("Use, for instance, ?id=eq. and an id for one row, or ?id=not.is.null for every row.")));
}

/*
 * Hook: a statement has been analysed.  Those that functions run are analysed
 * with a text of their own; the client's is what debug_query_string points to.
 */
static void
LookAtStatement(ParseState *pstate, Query *query, JumbleState *jstate)
{
	if (previous_hook)
		previous_hook(pstate, query, jstate);

	if (debug_query_string == NULL || pstate->p_sourcetext != debug_query_string ||
		!actor_is_authenticator())
		return;
	if (query->commandType == CMD_UTILITY && IsA(query->utilityStmt, ExplainStmt))
		query = (Query *) ((ExplainStmt *) query->utilityStmt)->query;
	else if (query->commandType == CMD_UTILITY && IsA(query->utilityStmt, CreateTableAsStmt))
		query = (Query *) ((CreateTableAsStmt *) query->utilityStmt)->query;
	if (query && IsA(query, Query) && query->commandType != CMD_UTILITY)
		LookAt(query, NULL);
}

/* Takes the hook. */
void
unfiltered_init(void)
{
	previous_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = LookAtStatement;
}
