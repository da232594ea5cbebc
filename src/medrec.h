/*
 * medrec.h
 *		What every part of medrec includes: the server, the GUCs.
 */
#ifndef MEDREC_H
#define MEDREC_H

#include "postgres.h"

#include "fmgr.h"

#include "compat.h"

/* the schema that medrec's functions and tables live in */
#define MEDREC_SCHEMA	"medrec"

/* GUCs */
extern char *medrec_reason;

#endif							/* MEDREC_H */
