/*
 * base/direct.h
 *		May a table be written to without the executor, and if not, how.
 */
#ifndef MEDREC_DIRECT_H
#define MEDREC_DIRECT_H

#include "access/attnum.h"
#include "nodes/nodes.h"
#include "utils/relcache.h"

#include "base/plan.h"

/*
 * Has the table triggers for INSERT or UPDATE, of rows or statements, that are not
 * medrec's own?  column: of an UPDATE that changes this column alone, 0 for any.
 */
extern bool direct_has_triggers(Relation rel, int16 event, bool rows, bool statements,
								AttrNumber column);
extern bool direct_has_rules(Relation rel, CmdType event);

/* for the triggers that run as a table's owner: until AtEOXact_GUC(true, result) */
extern int	direct_search_path(void);

/*
 * Runs an INSERT or UPDATE of a table as its owner, within SPI, with the
 * search_path "pg_catalog, pg_temp", which also applies to triggers and the
 * like on the table. medrec's own triggers on the table know it by
 * own_statement(): true within a trigger that this very statement fires, not
 * one that a statement of a trigger under it fires.
 */
extern uint64 own_statement_run(Relation rel, CmdType event, SavedPlan *plan,
								Datum *values, const bool *nulls);
extern bool own_statement(Relation rel, CmdType event);

/* the same, true once: for the trigger that lets the statement pass */
extern bool own_statement_begins(Relation rel, CmdType event);

#endif							/* MEDREC_DIRECT_H */
