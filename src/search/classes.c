/*
 * classes.c
 *		The words that decide between neighbours: sides, encounters, denials,
 *		opposites; and the words that a title may have without being asked.
 */
#include "internal.h"

typedef struct ClassEntry
{
	const char *word;			/* folded */
	uint8_t		class;
	uint8_t		value;
	uint8_t		negates;
	uint8_t		affirms;
	float		surplus;
} ClassEntry;

/* Sorted by nothing: a few dozen words, looked up once per stem. */
static const ClassEntry entries[] = {
	{"right", CLASS_SIDE, 1, 0, 0, 1.0f},
	{"left", CLASS_SIDE, 2, 0, 0, 1.0f},
	{"bilateral", CLASS_SIDE, 3, 0, 0, 1.0f},
	{"both", CLASS_SIDE, 3, 0, 0, 1.0f},
	{"initial", CLASS_ENCOUNTER, 1, 0, 0, 0.15f},
	{"subsequent", CLASS_ENCOUNTER, 2, 0, 0, 1.0f},
	{"sequela", CLASS_ENCOUNTER, 3, 0, 0, 1.0f},
	{"open", CLASS_OPEN, 1, 0, 0, 0.8f},
	{"closed", CLASS_OPEN, 2, 0, 0, 0.3f},
	{"displaced", CLASS_PLACE, 1, 0, 0, 0.5f},
	{"nondisplaced", CLASS_PLACE, 2, 0, 0, 0.6f},
	{"acute", 6, 1, 0, 0, 0.9f},
	{"chronic", 6, 2, 0, 0, 0.9f},
	{"upper", 7, 1, 0, 0, 1.0f},
	{"lower", 7, 2, 0, 0, 1.0f},
	{"anterior", 8, 1, 0, 0, 1.0f},
	{"posterior", 8, 2, 0, 0, 1.0f},
	{"male", 9, 1, 0, 0, 0.8f},
	{"female", 9, 2, 0, 0, 0.8f},
	{"benign", 10, 1, 0, 0, 1.0f},
	{"malignant", 10, 2, 0, 0, 1.0f},
	{"medial", 11, 1, 0, 0, 1.0f},
	{"lateral", 11, 2, 0, 0, 1.0f},
	{"proximal", 12, 1, 0, 0, 1.0f},
	{"distal", 12, 2, 0, 0, 1.0f},
	{"superior", 13, 1, 0, 0, 1.0f},
	{"inferior", 13, 2, 0, 0, 1.0f},
	{"accidental", CLASS_INTENT, 1, 0, 0, 0.5f},
	{"intentional", CLASS_INTENT, 2, 0, 0, 1.0f},
	{"assault", CLASS_INTENT, 3, 0, 0, 1.0f},
	{"undetermined", CLASS_INTENT, 4, 0, 0, 1.0f},
	{"unintentional", CLASS_INTENT, 1, 0, 0, 0.3f},
	{"primary", 15, 1, 0, 0, 0.9f},
	{"secondary", 15, 2, 0, 0, 0.9f},
	{"congenital", CLASS_CONTEXT, 1, 0, 0, 1.0f},
	{"newborn", CLASS_CONTEXT, 2, 0, 0, 1.0f},
	{"neonatal", CLASS_CONTEXT, 2, 0, 0, 1.0f},
	{"pregnancy", CLASS_CONTEXT, 3, 0, 0, 1.0f},
	{"puerperium", CLASS_CONTEXT, 3, 0, 0, 1.0f},
	{"puerperal", CLASS_CONTEXT, 3, 0, 0, 1.0f},
	{"childbirth", CLASS_CONTEXT, 3, 0, 0, 1.0f},
	{"postprocedural", CLASS_CONTEXT, 4, 0, 0, 1.0f},
	{"history", CLASS_CONTEXT, 5, 0, 0, 1.0f},
	{"screening", CLASS_CONTEXT, 6, 0, 0, 1.0f},
	{"elsewhere", CLASS_CONTEXT, 7, 0, 0, 0.2f},
	{"without", 0, 0, 1, 0, 0.6f},
	{"no", 0, 0, 1, 0, 0.6f},
	{"not", 0, 0, 1, 0, 0.3f},
	{"denies", 0, 0, 1, 0, 1.0f},
	{"with", 0, 0, 0, 1, 0.3f},
	{"and", 0, 0, 0, 1, 0.3f},
	{"or", 0, 0, 0, 0, 0.3f},
	{"of", 0, 0, 0, 0, 0.1f},
	{"the", 0, 0, 0, 0, 0.1f},
	{"a", 0, 0, 0, 0, 0.1f},
	{"an", 0, 0, 0, 0, 0.1f},
	{"in", 0, 0, 0, 1, 0.3f},
	{"to", 0, 0, 0, 1, 0.3f},
	{"for", 0, 0, 0, 1, 0.2f},
	{"by", 0, 0, 0, 1, 0.3f},
	{"on", 0, 0, 0, 1, 0.3f},
	{"at", 0, 0, 0, 1, 0.3f},
	{"due", 0, 0, 0, 1, 0.4f},
	{"encounter", 0, 0, 0, 1, 0.1f},
	{"unspecified", CLASS_UNSPECIFIED, 1, 0, 0, 0.1f},
	{"unsp", CLASS_UNSPECIFIED, 1, 0, 0, 0.1f},
	{"nos", CLASS_UNSPECIFIED, 1, 0, 0, 0.05f},
	{"nec", CLASS_OTHER, 1, 0, 0, 0.3f},
	{"uncomplicated", CLASS_UNSPECIFIED, 1, 0, 0, 0.1f},
	{"site", 0, 0, 0, 0, 0.2f},
	{"classified", 0, 0, 0, 0, 0.2f},
	{"other", CLASS_OTHER, 1, 0, 0, 0.5f},
	{"specified", 0, 0, 0, 0, 0.5f},
	{"disease", 0, 0, 0, 0, 0.5f},
	{"disorder", 0, 0, 0, 0, 0.5f},
	{"syndrome", 0, 0, 0, 0, 0.5f},
	{"condition", 0, 0, 0, 0, 0.5f},
	{NULL, 0, 0, 0, 0, 1.0f}
};

/* Does the word say nothing once it is denied: not specified? */
bool
word_says_nothing(const char *word, int len)
{
	return (len == 9 && (memcmp(word, "specified", 9) == 0 || memcmp(word, "elsewhere", 9) == 0)) ||
		(len == 10 && memcmp(word, "classified", 10) == 0);
}

/* Fills in what a folded word decides. */
void
word_class(const char *word, int len, WordClass *out)
{
	int			i;
	int			n = 0;

	memset(out, 0, sizeof(*out));
	out->surplus = 1.0f;
	for (i = 0; entries[i].word != NULL; i++)
	{
		if (strlen(entries[i].word) == (size_t) len && memcmp(entries[i].word, word, (size_t) len) == 0)
		{
			out->class = entries[i].class;
			out->value = entries[i].value;
			out->negates = entries[i].negates;
			out->affirms = entries[i].affirms;
			out->surplus = entries[i].surplus;
			return;
		}
	}
	if (len > 2)
		return;
	for (i = 0; i < len; i++)
	{
		if (word[i] < '0' || word[i] > '9')
			return;
		n = n * 10 + word[i] - '0';
	}
	if (n > 0 && n < 30)
	{
		out->class = CLASS_NUMBER;
		out->value = (uint8_t) n;
	}
}
