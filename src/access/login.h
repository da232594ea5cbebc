/*
 * access/login.h
 *		What logins leave behind, and how long a name may be.
 */
#ifndef MEDREC_LOGIN_H
#define MEDREC_LOGIN_H

/* leaves events of wrong logins that were rolled back */
extern void login_note_lost(void);

/* names longer than an account can have, or a user may send */
#define ACCOUNT_NAME_MAX_BYTES	1016

#endif							/* MEDREC_LOGIN_H */
