/*
 * base/medrec.h
 *		What every file of medrec that runs in the server includes.
 */
#ifndef MEDREC_H
#define MEDREC_H

#include "postgres.h"

#include "fmgr.h"

#include "base/compat.h"

/* the schema that medrec's functions and tables live in */
#define MEDREC_SCHEMA	"medrec"

#endif							/* MEDREC_H */
