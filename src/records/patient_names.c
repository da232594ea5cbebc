/*
 * records/patient_names.c
 *		Names of patients: their words without case and accents, and a GIN
 *		operator class (medrec.name_ops) that finds them by words, beginnings,
 *		parts, and with one typing error.
 *
 * The operators are leakproof: they return true or false, and raise no error
 * that depends on the name. So the index works under row level security, which
 * allows no other operator on a row that is not known to be visible.
 *
 * A key is a letter for its kind, and bytes: "w" and a word; "s" and a word
 * without its first letters; "d" and a word without one of its letters. Two
 * words that differ by one error (a letter too many, missing or wrong, or two
 * exchanged) have one of their "d" keys, or the word itself, in common.
 */
#include "base/medrec.h"

#include "access/gin.h"
#include "access/stratnum.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "base/array.h"
#include "search/search.h"

/* the operators, by their numbers in the operator class */
#define NAME_WORDS		1		/* each word of the query is one of the name */
#define NAME_BEGINNINGS 2		/* ... begins one */
#define NAME_PARTS		3		/* ... is part of one */
#define NAME_SLIPS		4		/* ... begins one, or is one with an error */

/* how much of a name is used; a column of 255 characters rarely has more */
#define NAME_BYTES		1024
#define NAME_MAX_WORDS	24
#define QUERY_MAX_WORDS 8
#define WORD_BYTES		30

/* minimum length for a match with an error, and of indexed parts */
#define SLIP_LETTERS	4
#define PART_LETTERS	3

typedef struct NameWord
{
	int			len;
	int			letters;
	char		text[WORD_BYTES];
	uint8		at[WORD_BYTES + 1]; /* offset of each letter, and of the end */
} NameWord;

/* keys that are being collected */
typedef struct Keys
{
	Datum	   *values;
	bool	   *partial;		/* NULL if they are all exact */
	int32		count;
	int64		size;			/* of values */
	int64		partial_size;
} Keys;

static bool HasDigit(const NameWord *word);
static int	ReadWords(text * name, NameWord *words, int max, bool query);
static void StartKeys(Keys *keys, bool partial);
static void AddNameKey(Keys *keys, char kind, const char *word, int len, bool partial);
static void AddDeletions(Keys *keys, const NameWord *word, char kind);
static bool WordMatches(const NameWord *query, const NameWord *name, int strategy);
static bool OneSlip(const NameWord *a, const NameWord *b);
static bool Matches(text * name, text * query, int strategy);
static bool ReadNameDate(const char *token, DateADT *date);

/* Is there a digit in a word?  Then it is a number or a date. */
static bool
HasDigit(const NameWord *word)
{
	int			i;

	for (i = 0; i < word->len; i++)
		if (word->text[i] >= '0' && word->text[i] <= '9')
			return true;
	return false;
}

/* Reads the words of a name or of a query; those with digits are not names. */
static int
ReadWords(text * name, NameWord *words, int max, bool query)
{
	int			given = VARSIZE_ANY_EXHDR(name);
	int			len = pg_mbcliplen(VARDATA_ANY(name), given, NAME_BYTES);
	const char *utf8 = VARDATA_ANY(name);
	int			utf8len = len;
	size_t		pos = 0;
	int			n = 0;

	/* a character that cannot be converted ends the name, without an error */
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		Oid			proc = FindDefaultConversionProc(GetDatabaseEncoding(), PG_UTF8);

		if (OidIsValid(proc))
		{
			char	   *converted = palloc(len * MAX_CONVERSION_GROWTH + 1);

			(void) pg_do_encoding_conversion_buf(proc, GetDatabaseEncoding(), PG_UTF8,
												 (unsigned char *) unconstify(char *, utf8), len,
												 (unsigned char *) converted,
												 len * MAX_CONVERSION_GROWTH + 1, true);
			utf8 = converted;
			utf8len = strlen(converted);
		}
	}
	while (n < max)
	{
		NameWord   *word = &words[n];
		int			i;

		word->len = search_name_word(utf8, utf8len, &pos, word->text, WORD_BYTES);
		if (word->len == 0)
			break;
		if (query && HasDigit(word))
			continue;
		word->letters = 0;
		for (i = 0; i < word->len; i++)
			if ((word->text[i] & 0xC0) != 0x80)
				word->at[word->letters++] = i;
		word->at[word->letters] = word->len;
		n++;
	}
	return n;
}

/* Room for keys. */
static void
StartKeys(Keys *keys, bool partial)
{
	keys->count = 0;
	keys->size = 64;
	keys->values = palloc(keys->size * sizeof(Datum));
	keys->partial_size = keys->size;
	keys->partial = partial ? palloc(keys->partial_size * sizeof(bool)) : NULL;
}

/* Adds a key. */
static void
AddNameKey(Keys *keys, char kind, const char *word, int len, bool partial)
{
	struct varlena *key = palloc(VARHDRSZ + 1 + len);

	SET_VARSIZE(key, VARHDRSZ + 1 + len);
	VARDATA(key)[0] = kind;
	memcpy(VARDATA(key) + 1, word, len);
	array_room(CurrentMemoryContext, keys->values, keys->count, keys->size);
	if (keys->partial)
	{
		array_room(CurrentMemoryContext, keys->partial, keys->count, keys->partial_size);
		keys->partial[keys->count] = partial;
	}
	keys->values[keys->count++] = PointerGetDatum(key);
}

/* Adds the keys of a word without one of its letters. */
static void
AddDeletions(Keys *keys, const NameWord *word, char kind)
{
	int			i;

	for (i = 0; i < word->letters; i++)
	{
		char		rest[WORD_BYTES];
		int			from = word->at[i];
		int			next = word->at[i + 1];

		/* removing either of a double letter gives the same key */
		if (i > 0 && next - from == from - word->at[i - 1] &&
			memcmp(word->text + from, word->text + word->at[i - 1], next - from) == 0)
			continue;
		memcpy(rest, word->text, from);
		memcpy(rest + from, word->text + next, word->len - next);
		AddNameKey(keys, kind, rest, word->len - (next - from), false);
	}
}

PG_FUNCTION_INFO_V1(medrec_name_compare);

/* GIN: the order of keys, by bytes, so that keys with a common prefix are adjacent. */
Datum
medrec_name_compare(PG_FUNCTION_ARGS)
{
	text	   *a = PG_GETARG_TEXT_PP(0);
	text	   *b = PG_GETARG_TEXT_PP(1);
	int			alen = VARSIZE_ANY_EXHDR(a);
	int			blen = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(alen, blen));

	PG_RETURN_INT32(order != 0 ? order : alen - blen);
}

PG_FUNCTION_INFO_V1(medrec_name_compare_partial);

/* GIN: 0 while a key begins with that of the query, then 1. */
Datum
medrec_name_compare_partial(PG_FUNCTION_ARGS)
{
	text	   *query = PG_GETARG_TEXT_PP(0);
	text	   *key = PG_GETARG_TEXT_PP(1);
	int			len = VARSIZE_ANY_EXHDR(query);

	PG_RETURN_INT32(VARSIZE_ANY_EXHDR(key) >= len &&
					memcmp(VARDATA_ANY(key), VARDATA_ANY(query), len) == 0 ? 0 : 1);
}

PG_FUNCTION_INFO_V1(medrec_name_keys);

/* GIN: the keys of a name. */
Datum
medrec_name_keys(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	NameWord	words[NAME_MAX_WORDS];
	int			nwords = ReadWords(name, words, NAME_MAX_WORDS, false);
	Keys		keys;
	int			i;
	int			j;

	StartKeys(&keys, false);
	for (i = 0; i < nwords; i++)
	{
		AddNameKey(&keys, 'w', words[i].text, words[i].len, false);
		for (j = 1; j + PART_LETTERS <= words[i].letters; j++)
			AddNameKey(&keys, 's', words[i].text + words[i].at[j], words[i].len - words[i].at[j], false);
		if (words[i].letters >= SLIP_LETTERS)
			AddDeletions(&keys, &words[i], 'd');
	}
	*nkeys = keys.count;
	PG_RETURN_POINTER(keys.values);
}

/* What the keys of a query belong to. */
typedef struct QueryKeys
{
	int			nwords;
	int			word[FLEXIBLE_ARRAY_MEMBER];	/* for each key, the query's
												 * word */
} QueryKeys;

PG_FUNCTION_INFO_V1(medrec_name_query_keys);

/* GIN: the keys of a query. */
Datum
medrec_name_query_keys(PG_FUNCTION_ARGS)
{
	text	   *query = PG_GETARG_TEXT_PP(0);
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	StrategyNumber strategy = PG_GETARG_UINT16(2);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	NameWord	words[QUERY_MAX_WORDS];
	int			nwords = ReadWords(query, words, QUERY_MAX_WORDS, true);
	int			longest = 0;
	int			asked = 0;
	Keys		keys;
	int		   *owner = palloc(QUERY_MAX_WORDS * (2 * WORD_BYTES + 4) * sizeof(int));
	int			i;

	StartKeys(&keys, true);
	for (i = 0; i < nwords; i++)
		longest = Max(longest, words[i].letters);
	for (i = 0; i < nwords; i++)
	{
		const NameWord *word = &words[i];
		int			first = keys.count;

		/* an initial in addition to a name is only checked in the row */
		if (word->letters == 1 && longest > 1)
			continue;
		AddNameKey(&keys, 'w', word->text, word->len, strategy != NAME_WORDS);
		if (strategy == NAME_PARTS && word->letters >= PART_LETTERS)
			AddNameKey(&keys, 's', word->text, word->len, true);
		if (strategy == NAME_SLIPS)
		{
			if (word->letters >= SLIP_LETTERS - 1)
				AddNameKey(&keys, 'd', word->text, word->len, false);
			if (word->letters > SLIP_LETTERS)
				AddDeletions(&keys, word, 'w');
			if (word->letters >= SLIP_LETTERS)
				AddDeletions(&keys, word, 'd');
		}
		while (first < keys.count)
			owner[first++] = asked;
		asked++;
	}
	*nkeys = keys.count;
	*partial = keys.partial;
	if (keys.count > 0)
	{
		QueryKeys  *shape = palloc(offsetof(QueryKeys, word) + keys.count * sizeof(int));

		shape->nwords = asked;
		memcpy(shape->word, owner, keys.count * sizeof(int));
		*extra = palloc0(keys.count * sizeof(Pointer));
		(*extra)[0] = (Pointer) shape;
	}
	PG_RETURN_POINTER(keys.values);
}

PG_FUNCTION_INFO_V1(medrec_name_consistent);

/* GIN, with three values: may a name match, because each word has one of its keys? */
Datum
medrec_name_consistent(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	int32		nkeys = PG_GETARG_INT32(3);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	QueryKeys  *shape;
	uint32		there = 0;
	int			i;

	if (nkeys == 0)
		PG_RETURN_GIN_TERNARY_VALUE(GIN_FALSE);
	shape = (QueryKeys *) extra[0];
	for (i = 0; i < nkeys; i++)
		if (check[i] != GIN_FALSE)
			there |= 1U << shape->word[i];
	/* the row decides */
	PG_RETURN_GIN_TERNARY_VALUE(there == (1U << shape->nwords) - 1 ? GIN_MAYBE : GIN_FALSE);
}

/* Are two words the same except for one letter too many, missing or wrong, or two exchanged? */
static bool
OneSlip(const NameWord *a, const NameWord *b)
{
	int			before = 0;
	int			after = 0;
	int			most = Min(a->letters, b->letters);

#define SAME_LETTER(i, j) \
	(a->at[(i) + 1] - a->at[i] == b->at[(j) + 1] - b->at[j] && \
	 memcmp(a->text + a->at[i], b->text + b->at[j], a->at[(i) + 1] - a->at[i]) == 0)

	if (abs(a->letters - b->letters) > 1)
		return false;
	while (before < most && SAME_LETTER(before, before))
		before++;
	while (after < most - before && SAME_LETTER(a->letters - 1 - after, b->letters - 1 - after))
		after++;
	if (before + after >= Max(a->letters, b->letters) - 1)
		return true;
	return a->letters == b->letters && before + after == a->letters - 2 &&
		SAME_LETTER(before, before + 1) && SAME_LETTER(before + 1, before);
}

/* Does a word of a query find a word of a name? */
static bool
WordMatches(const NameWord *query, const NameWord *name, int strategy)
{
	int			i;

	if (query->len <= name->len && memcmp(query->text, name->text, query->len) == 0)
		return strategy != NAME_WORDS || query->len == name->len;
	if (strategy == NAME_PARTS && query->letters >= PART_LETTERS)
		for (i = 1; i + query->letters <= name->letters; i++)
			if (name->len - name->at[i] >= query->len &&
				memcmp(query->text, name->text + name->at[i], query->len) == 0)
				return true;
	return strategy == NAME_SLIPS && name->letters >= SLIP_LETTERS &&
		query->letters >= SLIP_LETTERS - 1 && OneSlip(query, name);
}

/* Does each word of a query find a word of a name? */
static bool
Matches(text * name, text * query, int strategy)
{
	NameWord	words[NAME_MAX_WORDS];
	NameWord	asked[QUERY_MAX_WORDS];
	int			nasked = ReadWords(query, asked, QUERY_MAX_WORDS, true);
	int			nwords = nasked > 0 ? ReadWords(name, words, NAME_MAX_WORDS, false) : 0;
	int			i;
	int			j;

	for (i = 0; i < nasked; i++)
	{
		for (j = 0; j < nwords; j++)
			if (WordMatches(&asked[i], &words[j], strategy))
				break;
		if (j == nwords)
			return false;
	}
	return nasked > 0;
}

PG_FUNCTION_INFO_V1(medrec_name_has_words);

/* medrec.name_has_words(name, query). */
Datum
medrec_name_has_words(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(Matches(PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), NAME_WORDS));
}

PG_FUNCTION_INFO_V1(medrec_name_has_beginnings);

/* medrec.name_has_beginnings(name, query). */
Datum
medrec_name_has_beginnings(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(Matches(PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), NAME_BEGINNINGS));
}

PG_FUNCTION_INFO_V1(medrec_name_has_parts);

/* medrec.name_has_parts(name, query). */
Datum
medrec_name_has_parts(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(Matches(PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), NAME_PARTS));
}

PG_FUNCTION_INFO_V1(medrec_name_resembles);

/* medrec.name_resembles(name, query). */
Datum
medrec_name_resembles(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(Matches(PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), NAME_SLIPS));
}

PG_FUNCTION_INFO_V1(medrec_name_count_words);

/* medrec.name_count_words(query): how many words of a query are names. */
Datum
medrec_name_count_words(PG_FUNCTION_ARGS)
{
	NameWord	words[QUERY_MAX_WORDS];

	PG_RETURN_INT32(ReadWords(PG_GETARG_TEXT_PP(0), words, QUERY_MAX_WORDS, true));
}

/* Reads a date: 1980-02-03, 03.02.1980, or 02/03/1980 with the month first. */
static bool
ReadNameDate(const char *token, DateADT *date)
{
	int			year;
	int			month;
	int			day;
	int			end = 0;

	if (sscanf(token, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || token[end] != '\0')
		if (end = 0, sscanf(token, "%2d.%2d.%4d%n", &day, &month, &year, &end) != 3 || token[end] != '\0')
			if (end = 0, sscanf(token, "%2d/%2d/%4d%n", &month, &day, &year, &end) != 3 || token[end] != '\0')
				return false;
	if (year < 1000 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	*date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

PG_FUNCTION_INFO_V1(medrec_name_query_date);

/* medrec.name_query_date(query): the first word that is a date, or null. */
Datum
medrec_name_query_date(PG_FUNCTION_ARGS)
{
	text	   *query = PG_GETARG_TEXT_PP(0);
	int			len = Min(VARSIZE_ANY_EXHDR(query), NAME_BYTES);
	const char *p = VARDATA_ANY(query);
	const char *end = p + len;

	while (p < end)
	{
		char		token[11];
		int			n = 0;
		DateADT		date;

		while (p < end && (*p == ' ' || *p == ',' || *p == '\t'))
			p++;
		while (p < end && *p != ' ' && *p != ',' && *p != '\t')
		{
			if (n < lengthof(token))
				token[n] = *p;
			n++;
			p++;
		}
		if (n == 0 || n >= lengthof(token))
			continue;
		token[n] = '\0';
		if (ReadNameDate(token, &date))
			PG_RETURN_DATEADT(date);
	}
	PG_RETURN_NULL();
}
