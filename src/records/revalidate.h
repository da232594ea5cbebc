/*
 * records/revalidate.h
 *		Judging stored records anew after a release was loaded.
 */
#ifndef MEDREC_REVALIDATE_H
#define MEDREC_REVALIDATE_H

/*
 * True while a batch updates records only to have them judged: the trigger then
 * judges each, drops the update where nothing comes out differently, and no
 * patient's last_visit moves.
 */
extern bool revalidating;

#endif							/* MEDREC_REVALIDATE_H */
