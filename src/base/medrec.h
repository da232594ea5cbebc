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

/* SQLSTATEs that PostgREST answers with the HTTP status they name */
#define ERRCODE_HTTP_NOT_FOUND	MAKE_SQLSTATE('P','T','4','0','4')
#define ERRCODE_HTTP_CONFLICT	MAKE_SQLSTATE('P','T','4','0','9')
#define ERRCODE_HTTP_PRECONDITION_FAILED	MAKE_SQLSTATE('P','T','4','1','2')

#endif							/* MEDREC_H */
