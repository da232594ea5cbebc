/*
 * terminology/expansions.h
 *		Writes out the abbreviations of a description.
 */
#ifndef MEDREC_EXPANSIONS_H
#define MEDREC_EXPANSIONS_H

#include "terminology/fold.h"

/* of so many readings of a description the likely ones come first */
#define EXPANSIONS_MAX	8

/* the readings of a folded text, itself not among them; returns how many */
extern int	expand_abbreviations(const FoldedTerm *term, FoldedTerm readings[EXPANSIONS_MAX]);

#endif							/* MEDREC_EXPANSIONS_H */
