/*
 * medrec.h
 *		What every part of medrec includes: the server, the GUCs.
 */
#ifndef MEDREC_H
#define MEDREC_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "compat.h"

/* the schema that medrec's functions and tables live in */
#define MEDREC_SCHEMA	"medrec"

/* GUCs */
extern char *medrec_reason;
extern bool medrec_care_team_mode;
extern int	medrec_break_glass_time;
extern int	medrec_token_lifetime;
extern int	medrec_password_cost;
extern bool medrec_outside_accounts;
extern bool medrec_redact_log;
extern char *medrec_token_audience;
extern int	medrec_archive_min_age; /* minutes */
extern int	medrec_seal_max_age;	/* seconds */

/* actor.c */
extern bool medrec_check_reason(char **newval, void **extra, GucSource source);

/* careteam.c */
extern void medrec_assign_care_team_mode(bool newval, void *extra);

/* careteam_stats.c */
extern void medrec_init_statistics(void);

#endif							/* MEDREC_H */
