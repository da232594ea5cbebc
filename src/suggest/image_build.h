/*
 * suggest/image_build.h
 *		Builds the search image from the tables.
 */
#ifndef MEDREC_IMAGE_BUILD_H
#define MEDREC_IMAGE_BUILD_H

/* a palloc'd image, which may be of any size */
extern void *image_build(size_t *size);

#endif							/* MEDREC_IMAGE_BUILD_H */
