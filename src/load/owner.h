/*
 * load/owner.h
 *		Writes to the terminologies with the rights of their owner.
 */
#ifndef MEDREC_LOAD_OWNER_H
#define MEDREC_LOAD_OWNER_H

typedef struct LoadOwner
{
	Oid			user;
	int			sec_context;
	int			level;
} LoadOwner;

extern void load_become_owner(LoadOwner *owner);
extern void load_leave_owner(const LoadOwner *owner);

#endif							/* MEDREC_LOAD_OWNER_H */
