/*
 * base/settings.h
 *		The values of medrec's settings; medrec.c defines them to the server.
 */
#ifndef MEDREC_SETTINGS_H
#define MEDREC_SETTINGS_H

extern char *medrec_reason;
extern bool medrec_care_team_mode;
extern int	medrec_break_glass_time;
extern int	medrec_token_lifetime;
extern int	medrec_password_cost;
extern bool medrec_outside_accounts;
extern bool medrec_redact_log;
extern char *medrec_token_audience;
extern char *medrec_upload_folder;
extern int	medrec_archive_min_age; /* minutes */
extern int	medrec_seal_max_age;	/* seconds */

#endif							/* MEDREC_SETTINGS_H */
