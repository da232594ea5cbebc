/*
 * suggest/image_slots.h
 *		Shared memory that says which search image a database has.
 */
#ifndef MEDREC_IMAGE_SLOTS_H
#define MEDREC_IMAGE_SLOTS_H

#include "storage/dsm.h"

#include "terminology/state.h"

/* finds this database's slot; without one, nothing is published and nobody waits */
extern void image_slot_find(void);

/* the segment with an image at least that new, and its generation; or DSM_HANDLE_INVALID */
extern dsm_handle image_slot_published(const TerminologyState *state, int64 *generation);

/*
 * Makes this backend the one that builds, or waits for the one that does; false when
 * the other has finished, and what it published is worth a look.
 */
extern bool image_slot_claim(const TerminologyState *state);

/* this backend builds no longer, whether it has built or not */
extern void image_slot_release(void);

/* publishes a copy of an image; its segment, or NULL where there is no room */
extern dsm_segment *image_slot_publish(const TerminologyState *state, const void *built,
									   size_t size);

#endif							/* MEDREC_IMAGE_SLOTS_H */
