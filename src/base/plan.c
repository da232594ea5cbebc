/*
 * base/plan.c
 *		A statement that is prepared at its first use and kept.
 */
#include "base/medrec.h"

#include "base/plan.h"

static SPIPlanPtr PreparePlan(SavedPlan *saved);

/*
 * Prepares a statement, if that has not been done. Until SPI_keepplan() the
 * plan belongs to the SPI connection, which an error releases; nothing can
 * fail between it and the assignment.
 */
static SPIPlanPtr
PreparePlan(SavedPlan *saved)
{
	SPIPlanPtr	plan;

	if (saved->plan != NULL)
		return saved->plan;
	plan = SPI_prepare(saved->query, saved->nargs, saved->types);
	if (plan == NULL || (!saved->once && SPI_keepplan(plan) != 0))
		elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
	if (!saved->once)
		saved->plan = plan;
	return plan;
}

/* Runs a statement. */
uint64
saved_plan_run(SavedPlan *saved, Datum *values, const bool *nulls)
{
	char		spi_nulls[SAVED_PLAN_ARGS];
	int			i;
	int			rc;

	Assert(saved->nargs <= SAVED_PLAN_ARGS);
	for (i = 0; i < saved->nargs; i++)
		spi_nulls[i] = nulls != NULL && nulls[i] ? 'n' : ' ';
	rc = SPI_execute_plan(PreparePlan(saved), values, spi_nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}
