/*
 * classes.h
 *		The words that decide between neighbouring codes, and those that a title
 *		may have without being asked for them.
 */
#ifndef MEDREC_SEARCH_CLASSES_H
#define MEDREC_SEARCH_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

/* What a word says of a code; words of one class with other values contradict
 * each other, up to CLASS_LAST_CONTRAST. */
typedef enum WordClassId
{
	CLASS_NONE,
	CLASS_SIDE,					/* right, left, bilateral */
	CLASS_ENCOUNTER,			/* initial, subsequent, sequela */
	CLASS_NUMBER,				/* 1 .. 29 */
	CLASS_OPEN,					/* open, closed */
	CLASS_PLACE,				/* displaced, nondisplaced */
	CLASS_COURSE,				/* acute, chronic */
	CLASS_HEIGHT,				/* upper, lower */
	CLASS_FRONT,				/* anterior, posterior */
	CLASS_SEX,					/* male, female */
	CLASS_GROWTH,				/* benign, malignant */
	CLASS_MIDDLE,				/* medial, lateral */
	CLASS_TRUNK,				/* proximal, distal */
	CLASS_ABOVE,				/* superior, inferior */
	CLASS_INTENT,				/* accidental, intentional, assault,
								 * undetermined */
	CLASS_CAUSE,				/* primary, secondary */
	CLASS_LAST_CONTRAST = CLASS_CAUSE,
	CLASS_UNSPECIFIED,			/* contradicts nothing, but says that no side
								 * is meant */
	CLASS_OTHER,				/* says that it is not the usual one */
	CLASS_CONTEXT,				/* birth, pregnancy and the like: not meant
								 * unless said */
	CLASS_COUNT
} WordClassId;

/* Values that the query's side of a match looks at; a set of them is a mask. */
#define VALUE(v)			(1u << (v))
#define SIDE_RIGHT			1
#define SIDE_LEFT			2
#define SIDE_BOTH			3
#define ENCOUNTER_INITIAL	1
#define ENCOUNTER_SUBSEQUENT 2
#define ENCOUNTER_SEQUELA	3
#define OPEN_OPEN			1
#define OPEN_CLOSED			2
#define PLACE_DISPLACED		1
#define PLACE_NONDISPLACED	2
#define INTENT_ACCIDENTAL	1

/* What a word does to those behind it. */
#define POLARITY_NONE		0
#define POLARITY_NEGATES	1	/* without, no, not */
#define POLARITY_ENDS		2	/* ends a negation: with, and, due */

#define NEGATION_WORDS		3	/* how many words one negates */

typedef struct WordClass
{
	uint8_t		class;			/* WordClassId */
	uint8_t		value;			/* 1.. within the class */
	uint8_t		polarity;
	float		factor;			/* of its weight where the query lacks it, 1 =
								 * by its rarity alone */
} WordClass;

extern bool word_says_nothing(const char *word, int len);
extern void word_class(const char *word, int len, WordClass *out);

#endif							/* MEDREC_SEARCH_CLASSES_H */
