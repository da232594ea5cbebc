/*
 * classes.c
 *		The words that decide between neighbouring codes: sides, encounters,
 *		negations, opposites; and those that a title may have without being asked
 *		for them.
 */
#include "search/classes.h"

#include <string.h>

#include "search/weights.h"

typedef struct ClassEntry
{
	const char *word;			/* folded */
	uint8_t		class;
	uint8_t		value;
	uint8_t		polarity;
	size_t		factor;			/* where its weight stands, FULL for 1 */
} ClassEntry;

#define FACTOR(name)	offsetof(SearchWeights, name)
#define FULL			SIZE_MAX
#define NEGATES			POLARITY_NEGATES
#define ENDS			POLARITY_ENDS

/* Sorted by nothing: a few dozen words, looked up once per stem. */
static const ClassEntry class_entries[] = {
	{"right", CLASS_SIDE, SIDE_RIGHT, 0, FULL},
	{"left", CLASS_SIDE, SIDE_LEFT, 0, FULL},
	{"bilateral", CLASS_SIDE, SIDE_BOTH, 0, FULL},
	{"both", CLASS_SIDE, SIDE_BOTH, 0, FULL},
	{"initial", CLASS_ENCOUNTER, ENCOUNTER_INITIAL, 0, FACTOR(word_initial)},
	{"subsequent", CLASS_ENCOUNTER, ENCOUNTER_SUBSEQUENT, 0, FULL},
	{"sequela", CLASS_ENCOUNTER, ENCOUNTER_SEQUELA, 0, FULL},
	{"open", CLASS_OPEN, OPEN_OPEN, 0, FACTOR(word_open)},
	{"closed", CLASS_OPEN, OPEN_CLOSED, 0, FACTOR(word_closed)},
	{"displaced", CLASS_PLACE, PLACE_DISPLACED, 0, FACTOR(word_displaced)},
	{"nondisplaced", CLASS_PLACE, PLACE_NONDISPLACED, 0, FACTOR(word_nondisplaced)},
	{"acute", CLASS_COURSE, 1, 0, FACTOR(word_course)},
	{"chronic", CLASS_COURSE, 2, 0, FACTOR(word_course)},
	{"upper", CLASS_HEIGHT, 1, 0, FULL},
	{"lower", CLASS_HEIGHT, 2, 0, FULL},
	{"anterior", CLASS_FRONT, 1, 0, FULL},
	{"posterior", CLASS_FRONT, 2, 0, FULL},
	{"male", CLASS_SEX, 1, 0, FACTOR(word_sex)},
	{"female", CLASS_SEX, 2, 0, FACTOR(word_sex)},
	{"benign", CLASS_GROWTH, 1, 0, FULL},
	{"malignant", CLASS_GROWTH, 2, 0, FULL},
	{"medial", CLASS_MIDDLE, 1, 0, FULL},
	{"lateral", CLASS_MIDDLE, 2, 0, FULL},
	{"proximal", CLASS_TRUNK, 1, 0, FULL},
	{"distal", CLASS_TRUNK, 2, 0, FULL},
	{"superior", CLASS_ABOVE, 1, 0, FULL},
	{"inferior", CLASS_ABOVE, 2, 0, FULL},
	{"accidental", CLASS_INTENT, INTENT_ACCIDENTAL, 0, FACTOR(word_accidental)},
	{"intentional", CLASS_INTENT, 2, 0, FULL},
	{"assault", CLASS_INTENT, 3, 0, FULL},
	{"undetermined", CLASS_INTENT, 4, 0, FULL},
	{"unintentional", CLASS_INTENT, INTENT_ACCIDENTAL, 0, FACTOR(word_unintentional)},
	{"primary", CLASS_CAUSE, 1, 0, FACTOR(word_cause)},
	{"secondary", CLASS_CAUSE, 2, 0, FACTOR(word_cause)},
	{"congenital", CLASS_CONTEXT, 1, 0, FULL},
	{"newborn", CLASS_CONTEXT, 2, 0, FULL},
	{"neonatal", CLASS_CONTEXT, 2, 0, FULL},
	{"pregnancy", CLASS_CONTEXT, 3, 0, FULL},
	{"puerperium", CLASS_CONTEXT, 3, 0, FULL},
	{"puerperal", CLASS_CONTEXT, 3, 0, FULL},
	{"childbirth", CLASS_CONTEXT, 3, 0, FULL},
	{"postprocedural", CLASS_CONTEXT, 4, 0, FULL},
	{"history", CLASS_CONTEXT, 5, 0, FULL},
	{"screening", CLASS_CONTEXT, 6, 0, FULL},
	{"elsewhere", CLASS_CONTEXT, 7, 0, FACTOR(word_elsewhere)},
	{"without", 0, 0, NEGATES, FACTOR(word_without)},
	{"no", 0, 0, NEGATES, FACTOR(word_without)},
	{"not", 0, 0, NEGATES, FACTOR(word_not)},
	{"denies", 0, 0, NEGATES, FULL},
	{"with", 0, 0, ENDS, FACTOR(word_joining)},
	{"and", 0, 0, ENDS, FACTOR(word_joining)},
	{"or", 0, 0, 0, FACTOR(word_joining)},
	{"of", 0, 0, 0, FACTOR(word_article)},
	{"the", 0, 0, 0, FACTOR(word_article)},
	{"a", 0, 0, 0, FACTOR(word_article)},
	{"an", 0, 0, 0, FACTOR(word_article)},
	{"in", 0, 0, ENDS, FACTOR(word_joining)},
	{"to", 0, 0, ENDS, FACTOR(word_joining)},
	{"for", 0, 0, ENDS, FACTOR(word_for)},
	{"by", 0, 0, ENDS, FACTOR(word_joining)},
	{"on", 0, 0, ENDS, FACTOR(word_joining)},
	{"at", 0, 0, ENDS, FACTOR(word_joining)},
	{"due", 0, 0, ENDS, FACTOR(word_due)},
	{"encounter", 0, 0, ENDS, FACTOR(word_encounter)},
	{"unspecified", CLASS_UNSPECIFIED, 1, 0, FACTOR(word_unspecified)},
	{"unsp", CLASS_UNSPECIFIED, 1, 0, FACTOR(word_unspecified)},
	{"nos", CLASS_UNSPECIFIED, 1, 0, FACTOR(word_nos)},
	{"nec", CLASS_OTHER, 1, 0, FACTOR(word_nec)},
	{"uncomplicated", CLASS_UNSPECIFIED, 1, 0, FACTOR(word_unspecified)},
	{"site", 0, 0, 0, FACTOR(word_site)},
	{"classified", 0, 0, 0, FACTOR(word_site)},
	{"other", CLASS_OTHER, 1, 0, FACTOR(word_other)},
	{"specified", 0, 0, 0, FACTOR(word_other)},
	{"disease", 0, 0, 0, FACTOR(word_disease)},
	{"disorder", 0, 0, 0, FACTOR(word_disease)},
	{"syndrome", 0, 0, 0, FACTOR(word_disease)},
	{"condition", 0, 0, 0, FACTOR(word_disease)},
	{NULL, 0, 0, 0, FULL}
};

/* Does the word say nothing once it is negated: not specified? */
bool
word_says_nothing(const char *word, int len)
{
	return (len == 9 && (memcmp(word, "specified", 9) == 0 || memcmp(word, "elsewhere", 9) == 0)) ||
		(len == 10 && memcmp(word, "classified", 10) == 0);
}

/* The number that a word of one or two digits is, 0 for any other word. */
static int
small_number(const char *word, int len)
{
	int			n = 0;
	int			i;

	for (i = 0; i < len; i++)
	{
		if (len > 2 || word[i] < '0' || word[i] > '9')
			return 0;
		n = n * 10 + word[i] - '0';
	}
	return n < 30 ? n : 0;
}

/* Fills in what a folded word decides. */
void
word_class(const char *word, int len, WordClass *out)
{
	const ClassEntry *e;

	memset(out, 0, sizeof(*out));
	out->factor = 1.0f;
	for (e = class_entries; e->word != NULL; e++)
	{
		if (strlen(e->word) != (size_t) len || memcmp(e->word, word, (size_t) len) != 0)
			continue;
		out->class = e->class;
		out->value = e->value;
		out->polarity = e->polarity;
		if (e->factor != FULL)
			memcpy(&out->factor, (const char *) &W + e->factor, sizeof(float));
		return;
	}
	out->value = (uint8_t) small_number(word, len);
	if (out->value > 0)
		out->class = CLASS_NUMBER;
}
