/*
 * terminology/expansions.h
 *		Expands the abbreviations of a description.
 */
#ifndef MEDREC_EXPANSIONS_H
#define MEDREC_EXPANSIONS_H

#include "terminology/fold.h"

/* most readings of a description; the likely ones come first */
#define EXPANSIONS_MAX	8

/* the readings of a folded text, without itself; returns their number */
extern int	expand_abbreviations(const FoldedTerm *term, FoldedTerm readings[EXPANSIONS_MAX]);

#endif							/* MEDREC_EXPANSIONS_H */
