/*
 * base/settings.c
 *		The default values of medrec's settings.
 */
#include "base/medrec.h"

#include "base/settings.h"

char	   *medrec_reason;
bool		medrec_care_team_mode = false;
int			medrec_break_glass_time = 4 * 3600;
int			medrec_token_lifetime = 8 * 3600;
int			medrec_password_cost = 12;
bool		medrec_outside_accounts = false;
int			medrec_archive_min_age = 2192 * 24 * 60;
int			medrec_seal_max_age = 3600;
bool		medrec_redact_log = false;
char	   *medrec_token_audience = NULL;
