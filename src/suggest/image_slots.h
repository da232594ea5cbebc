/*
 * suggest/image_slots.h
 *		Shared memory with the current search image of each database.
 */
#ifndef MEDREC_IMAGE_SLOTS_H
#define MEDREC_IMAGE_SLOTS_H

#include "storage/dsm.h"

#include "terminology/state.h"

/* finds this database's slot; without one, nothing is published or waited for */
extern void image_slot_find(void);

/* the segment with an image at least that new, and its generation; or DSM_HANDLE_INVALID */
extern dsm_handle image_slot_published(const TerminologyState *state, int64 *generation);

/*
 * Makes this backend the builder, or waits for the current one. False if
 * another builder has finished, so that its image should be tried.
 */
extern bool image_slot_claim(const TerminologyState *state);

/* ends this backend's role as the builder, whether it has built or not */
extern void image_slot_release(void);

/* publishes a copy of an image; returns its segment, or NULL if there is no room */
extern dsm_segment *image_slot_publish(const TerminologyState *state, const void *built,
									   size_t size);

#endif							/* MEDREC_IMAGE_SLOTS_H */
