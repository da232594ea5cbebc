/*
 * suggest/image.h
 *		The search image of the loaded terminologies, shared by all backends.
 */
#ifndef MEDREC_SUGGEST_IMAGE_H
#define MEDREC_SUGGEST_IMAGE_H

/* the image for what the active snapshot sees; valid until the next call */
extern const void *suggest_image(void);

#endif							/* MEDREC_SUGGEST_IMAGE_H */
