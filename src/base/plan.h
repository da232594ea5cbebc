/*
 * base/plan.h
 *		A statement that is prepared at its first use and kept.
 */
#ifndef MEDREC_PLAN_H
#define MEDREC_PLAN_H

#include "executor/spi.h"

/* most parameters of a statement */
#define SAVED_PLAN_ARGS	16

typedef struct SavedPlan
{
	const char *query;			/* with every name qualified */
	int			nargs;
	Oid			types[SAVED_PLAN_ARGS];
	SPIPlanPtr	plan;			/* NULL before the first use */
	bool		once;			/* not kept: ends with the SPI connection */
} SavedPlan;

/*
 * Runs it within SPI and returns the number of rows; nulls may be NULL. An
 * error at any point leaves the whole plan or none.
 */
extern uint64 saved_plan_run(SavedPlan *saved, Datum *values, const bool *nulls);

#endif							/* MEDREC_PLAN_H */
