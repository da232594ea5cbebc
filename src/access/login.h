/*
 * access/login.h
 *		Audit events of failed logins, and the longest name.
 */
#ifndef MEDREC_LOGIN_H
#define MEDREC_LOGIN_H

/* records audit events of failed logins that were rolled back */
extern void login_note_lost(void);

/* longer than any name that an account can have */
#define ACCOUNT_NAME_MAX_BYTES	1016

#endif							/* MEDREC_LOGIN_H */
