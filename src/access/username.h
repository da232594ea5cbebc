/*
 * access/username.h
 *		The key by which usernames are compared, so that no two look alike.
 */
#ifndef MEDREC_USERNAME_H
#define MEDREC_USERNAME_H

/* the name as it is compared, palloc'd */
extern char *username_fold(const char *name);

#endif							/* MEDREC_USERNAME_H */
