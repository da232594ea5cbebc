/*
 * search_test.c
 *		Tests of the suggestion index, without a server.  Prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "search/search.h"

#define CM		0
#define HCPCS	4
#define TODAY	9131

static int	ntests;
static int	nfailed;
static uint64_t scratch[SEARCH_SCRATCH_SIZE / 8];
static long allocated;
static int	checks;

/* Reports one test. */
static void
ok(int good, const char *name)
{
	ntests++;
	if (!good)
		nfailed++;
	printf("%sok %d - %s\n", good ? "" : "not ", ntests, name);
}

/* malloc that counts. */
static void *
count_alloc(void *opaque, size_t size)
{
	(void) opaque;
	allocated++;
	return malloc(size);
}

/* realloc. */
static void *
count_realloc(void *opaque, void *p, size_t size)
{
	(void) opaque;
	return realloc(p, size);
}

/* free that counts. */
static void
count_free(void *opaque, void *p)
{
	(void) opaque;
	allocated--;
	free(p);
}

/* An interrupt that counts. */
static void
count_check(void *arg)
{
	(void) arg;
	checks++;
}

static const SearchAllocator allocator = {count_alloc, count_realloc, count_free, NULL};

/* Adds a code with a title. */
static int32_t
add(SearchBuilder *b, const char *code, bool billable, const char *title)
{
	SearchCode	c = {CM, code, strlen(code), SEARCH_DAY_MIN, SEARCH_DAY_MAX, billable, SEARCH_SEX_ANY, 0, SEARCH_AGE_MAX};
	int32_t		ref = search_add_code(b, &c);

	search_add_term(b, ref, SEARCH_TERM_LONG, title, strlen(title));
	return ref;
}

/* Adds another term. */
static void
term(SearchBuilder *b, int32_t ref, SearchTermKind kind, const char *text)
{
	search_add_term(b, ref, kind, text, strlen(text));
}

/* A small code set with the neighbours that matter. */
static void *
small_image(size_t *size)
{
	SearchBuilder *b = search_builder_create(&allocator, count_check, NULL);
	SearchCode	c;
	int32_t		ref;
	void	   *image;
	static const char *const sides[] = {"right", "left", "unspecified"};
	static const char *const visits[] = {"initial encounter for closed fracture",
	"subsequent encounter for closed fracture with routine healing", "sequela"};
	int			i;
	int			j;

	search_set_shape(b, CM, data_system_shape(CM));
	search_add_default_abbreviations(b);
	add(b, "E11", false, "Type 2 diabetes mellitus");
	ref = add(b, "E11.21", true, "Type 2 diabetes mellitus with diabetic nephropathy");
	term(b, ref, SEARCH_TERM_INDEX, "Diabetes, diabetic (mellitus) (sugar), with, nephropathy");
	add(b, "E11.65", true, "Type 2 diabetes mellitus with hyperglycemia");
	add(b, "E11.8", true, "Type 2 diabetes mellitus with unspecified complications");
	add(b, "E11.9", true, "Type 2 diabetes mellitus without complications");
	add(b, "E11.319", true, "Type 2 diabetes mellitus with unspecified diabetic retinopathy without macular edema");
	add(b, "E11.311", true, "Type 2 diabetes mellitus with unspecified diabetic retinopathy with macular edema");
	add(b, "E10.9", true, "Type 1 diabetes mellitus without complications");
	add(b, "I21", false, "Acute myocardial infarction");
	add(b, "I21.9", true, "Acute myocardial infarction, unspecified");
	add(b, "I25.2", true, "Old myocardial infarction");
	add(b, "I10", true, "Essential (primary) hypertension");
	add(b, "J44.9", true, "Chronic obstructive pulmonary disease, unspecified");
	add(b, "J81.0", true, "Acute pulmonary edema");
	add(b, "N39.0", true, "Urinary tract infection, site not specified");
	add(b, "D68.2", true, "Hereditary deficiency of other clotting factors");
	term(b, 16, SEARCH_TERM_INCLUSION, "Factor VII deficiency");
	add(b, "K92.2", true, "Gastrointestinal hemorrhage, unspecified");
	add(b, "C18.9", true, "Malignant neoplasm of colon, unspecified");
	add(b, "S72", false, "Fracture of femur");
	for (i = 0; i < 3; i++)
	{
		for (j = 0; j < 3; j++)
		{
			char		code[32];
			char		title[200];

			snprintf(code, sizeof(code), "S72.30%d%c", i == 2 ? 9 : i + 1, "ADS"[j]);
			snprintf(title, sizeof(title), "Unspecified fracture of shaft of %s femur, %s", sides[i], visits[j]);
			add(b, code, true, title);
		}
	}
	/* retired, with its successors */
	memset(&c, 0, sizeof(c));
	c.code = "A04.7";
	c.code_len = 5;
	c.valid_from = SEARCH_DAY_MIN;
	c.valid_to = 6000;
	c.billable = true;
	c.age_max = SEARCH_AGE_MAX;
	ref = search_add_code(b, &c);
	term(b, ref, SEARCH_TERM_LONG, "Enterocolitis due to Clostridium difficile");
	c.valid_from = 6001;
	c.valid_to = SEARCH_DAY_MAX;
	c.billable = false;
	ref = search_add_code(b, &c);
	term(b, ref, SEARCH_TERM_LONG, "Enterocolitis due to Clostridium difficile");
	add(b, "A04.71", true, "Enterocolitis due to Clostridium difficile, recurrent");
	add(b, "A04.72", true, "Enterocolitis due to Clostridium difficile, not specified as recurrent");
	c.code = "F10.99";
	c.code_len = 6;
	c.valid_from = SEARCH_DAY_MIN;
	c.valid_to = 6000;
	c.billable = true;
	ref = search_add_code(b, &c);
	term(b, ref, SEARCH_TERM_LONG, "Alcohol use with withdrawal delirium");
	add(b, "F10.931", true, "Alcohol use, unspecified with withdrawal delirium");
	/* only for some patients */
	c.valid_to = SEARCH_DAY_MAX;
	c.code = "O80";
	c.code_len = 3;
	c.sex = SEARCH_SEX_FEMALE;
	c.age_min = 9;
	c.age_max = 64;
	ref = search_add_code(b, &c);
	term(b, ref, SEARCH_TERM_LONG, "Encounter for full-term uncomplicated delivery");
	c.system = HCPCS;
	c.sex = SEARCH_SEX_ANY;
	c.age_min = 0;
	c.age_max = SEARCH_AGE_MAX;
	c.code = "E0250";
	c.code_len = 5;
	ref = search_add_code(b, &c);
	term(b, ref, SEARCH_TERM_LONG, "Hospital bed, fixed height, with any type side rails, with mattress");
	image = search_builder_finish(b, size);
	search_builder_free(b);
	return image;
}

/* Asks for a text, a code or both. */
static int
ask(const void *image, const char *code, const char *text, SearchHit *hits, int flags)
{
	SearchRequest r;

	memset(&r, 0, sizeof(r));
	r.system = CM;
	r.code = code;
	r.code_len = code ? strlen(code) : 0;
	r.display = text;
	r.display_len = text ? strlen(text) : 0;
	r.on_date = TODAY;
	r.age = SEARCH_AGE_UNKNOWN;
	r.max_results = 10;
	r.flags = flags;
	return search_query(image, &r, scratch, hits, NULL);
}

/* The place at which a code is suggested, from 1; 0 when it is not. */
static int
place_of(const void *image, const char *code, const char *text, const char *wanted)
{
	SearchHit	hits[10];
	int			n = ask(image, code, text, hits, 0);
	int			i;

	for (i = 0; i < n; i++)
	{
		if (strcmp(hits[i].code, wanted) == 0)
			return i + 1;
	}
	return 0;
}

/* Is this code the first suggestion? */
static void
first(const void *image, const char *code, const char *text, const char *wanted)
{
	char		name[400];
	SearchHit	hits[10];
	int			n = ask(image, code, text, hits, 0);

	snprintf(name, sizeof(name), "%s %s -> %s", code ? code : "", text ? text : "", wanted);
	ok(n > 0 && strcmp(hits[0].code, wanted) == 0, name);
	if (n > 0 && strcmp(hits[0].code, wanted) != 0)
		printf("# got %s %.3f, wanted is at %d\n", hits[0].code, hits[0].score, place_of(image, code, text, wanted));
}

/* Does a reason contain a text? */
static void
reason(const void *image, const char *code, const char *text, const char *wanted)
{
	SearchHit	hits[10];
	int			n = ask(image, code, text, hits, 0);
	char		name[400];

	snprintf(name, sizeof(name), "the reason says %s", wanted);
	ok(n > 0 && strstr(hits[0].reason, wanted) != NULL, name);
	if (n > 0 && strstr(hits[0].reason, wanted) == NULL)
		printf("# says: %s\n", hits[0].reason);
}

/* What the issue's own examples ask. */
static void
test_text(const void *image)
{
	first(image, NULL, "MI acute", "I21.9");
	first(image, NULL, "diabetis with nefropathy", "E11.21");
	first(image, NULL, "fx rt femur sh init clos", "S72.301A");
	first(image, NULL, "fracture femur shaft left subsequent", "S72.302D");
	first(image, NULL, "left femoral shaft fx sequela", "S72.302S");
	first(image, NULL, "fracture of femur shaft", "S72.309A");
	first(image, NULL, "HTN", "I10");
	first(image, NULL, "copd", "J44.9");
	first(image, NULL, "UTI", "N39.0");
	first(image, NULL, "gastrointestinal haemorrhage", "K92.2");
	first(image, NULL, "acute pulmonary oedema", "J81.0");
	first(image, NULL, "factor 7 deficiency", "D68.2");
	first(image, NULL, "diabetes type II without complications", "E11.9");
	first(image, NULL, "diabetes type 1", "E10.9");
	first(image, NULL, "type 2 diabetes retinopathy w/o macular edema", "E11.319");
	first(image, NULL, "type 2 diabetes retinopathy with macular edema", "E11.311");
	first(image, NULL, "colon cancer", "C18.9");
	first(image, NULL, "diab\xC3\xA8te mellitus nephropathie", "E11.21");
	first(image, NULL, "hyper tension", "I10");
	first(image, NULL, "infarctionmyocardial acute", "I21.9");
	ok(place_of(image, NULL, "right femur shaft fracture", "S72.302A") == 0, "a query with right never finds left first");
	reason(image, NULL, "diabetis with nefropathy", "spelling of \"");
}

/* Codes that are damaged, headers, retired. */
static void
test_codes(const void *image)
{
	SearchHit	hits[10];
	SearchRow	row;
	uint32_t	rows[4];
	int			n;
	int			i;

	first(image, "E11.99", NULL, "E11.9");
	first(image, "EII.9", NULL, "E11.9");
	first(image, "e119", NULL, "E11.9");
	first(image, "E1I.9", NULL, "E11.9");
	first(image, "J4.49", NULL, "J44.9");
	first(image, "I1O", NULL, "I10");
	first(image, "S72.301", NULL, "S72.301A");
	first(image, "S72.3O1D", NULL, "S72.301D");
	first(image, "S27.301A", NULL, "S72.301A");
	first(image, "E11", "retinopathy no edema", "E11.319");
	first(image, "E11.99", "diabetes with hyperglycemia", "E11.65");
	reason(image, "S72.301", NULL, "7th character A added");
	reason(image, "I1O", NULL, "0 for O as character 3");
	n = ask(image, "E11", NULL, hits, 0);
	ok(n > 0 && hits[0].billable && hits[0].source == SEARCH_SOURCE_CHILD, "a header finds codes below it");
	n = ask(image, "A04.7", NULL, hits, 0);
	ok(n > 1 && strncmp(hits[0].code, "A04.7", 5) == 0 && hits[0].billable && hits[1].billable,
	   "what became a header brings the codes below it");
	first(image, "F10.99", NULL, "F10.931");
	n = ask(image, "F10.99", NULL, hits, 0);
	ok(n > 0 && hits[0].source == SEARCH_SOURCE_SUCCESSOR, "a retired code finds its successor");
	for (i = 0; i < n && strcmp(hits[i].code, "F10.99") != 0;)
		i++;
	ok(i == n, "a retired code is not suggested");
	ok(search_find_code(image, CM, "a047", 4, rows, 4) == 2, "a code has a row for each interval");
	ok(search_row(image, rows[0], &row) && row.valid_to == 6000, "a code's rows are ordered from the oldest");
	ok(search_find_code(image, HCPCS, "E11.9", 5, rows, 4) == 0, "a code is not found in another system");
}

/* Date, sex and age of the patient, code system, billable only. */
static void
test_context(const void *image)
{
	SearchRequest r;
	SearchHit	hits[10];
	SearchHit	again[10];
	SearchInfo	info;
	int			n;
	int			i;

	memset(&r, 0, sizeof(r));
	r.system = CM;
	r.display = "delivery full term uncomplicated";
	r.display_len = strlen(r.display);
	r.on_date = TODAY;
	r.max_results = 10;
	r.sex = SEARCH_SEX_FEMALE;
	r.age = 30;
	r.check = count_check;
	checks = 0;
	n = search_query(image, &r, scratch, hits, &info);
	ok(n > 0 && strcmp(hits[0].code, "O80") == 0, "a code of births is suggested for a woman of thirty");
	ok(checks > 0, "interrupts are checked");
	ok(!info.truncated, "a short text is not cut");
	r.sex = SEARCH_SEX_MALE;
	n = search_query(image, &r, scratch, hits, NULL);
	for (i = 0; i < n && strcmp(hits[i].code, "O80") != 0;)
		i++;
	ok(i == n, "a code of births is not suggested for a man");
	r.sex = SEARCH_SEX_FEMALE;
	r.age = 6;
	n = search_query(image, &r, scratch, hits, NULL);
	for (i = 0; i < n && strcmp(hits[i].code, "O80") != 0;)
		i++;
	ok(i == n, "a code of births is not suggested for a girl of six");
	r.age = SEARCH_AGE_UNKNOWN;
	r.display = "enterocolitis clostridium difficile";
	r.display_len = strlen(r.display);
	r.on_date = 5000;
	n = search_query(image, &r, scratch, hits, NULL);
	ok(n > 0 && strcmp(hits[0].code, "A04.7") == 0 && hits[0].billable, "the codes are those of the given day");
	r.on_date = TODAY;
	n = search_query(image, &r, scratch, hits, NULL);
	ok(n > 0 && hits[0].billable && strncmp(hits[0].code, "A04.7", 5) == 0, "a billable code comes before its header");
	r.flags = SEARCH_NO_HEADERS;
	n = search_query(image, &r, scratch, hits, NULL);
	for (i = 0; i < n && hits[i].billable;)
		i++;
	ok(n > 0 && i == n, "only billable codes are suggested on request");
	r.flags = 0;
	r.system = SEARCH_ANY_SYSTEM;
	r.display = "bed with mattress";
	r.display_len = strlen(r.display);
	n = search_query(image, &r, scratch, hits, NULL);
	ok(n > 0 && hits[0].system == HCPCS, "all systems are searched on request");
	r.system = 99;
	ok(search_query(image, &r, scratch, hits, NULL) == 0, "a system without codes has no suggestions");
	r.system = CM;
	r.display = "diab mell ret";
	r.display_len = strlen(r.display);
	r.flags = SEARCH_PREFIX;
	n = search_query(image, &r, scratch, hits, NULL);
	ok(n > 0 && strncmp(hits[0].code, "E11.31", 6) == 0, "an unfinished word finds codes while typing");
	memset(scratch, 0x5A, sizeof(scratch));
	ok(search_query(image, &r, scratch, again, NULL) == n && again[0].row == hits[0].row &&
	   again[n - 1].row == hits[n - 1].row && again[n - 1].score == hits[n - 1].score, "the same again, whatever is in the scratch");
	for (i = 1; i < n && hits[i].score <= hits[i - 1].score;)
		i++;
	ok(i == n && hits[0].score <= 1.0, "scores are in descending order");
	r.max_results = 1;
	ok(search_query(image, &r, scratch, hits, NULL) == 1, "max 1 returns one result");
	r.max_results = 0;
	ok(search_query(image, &r, scratch, hits, NULL) == 0, "max 0 returns no result");
}

/* Is the text valid enough for JSON? */
static int
clean(const char *s)
{
	for (; *s; s++)
	{
		if ((unsigned char) *s < 32 || *s == 127)
			return 0;
	}
	return 1;
}

/* Any bytes at any length. */
static void
test_hostile(const void *image)
{
	static const size_t lengths[] = {0, 1, 2, 3, 63, 64, 65, 1023, 1024, 1025, 70000, 1048576};
	static char buf[1048577];
	char		out[200];
	SearchHit	hits[SEARCH_RESULTS_MAX];
	SearchInfo	info;
	SearchRequest r;
	size_t		i;
	int			k;
	int			kind;
	int			good = 1;
	int			cut = 1;
	int			same = 1;
	uint64_t	x = 88172645463325252ULL;

	memset(&r, 0, sizeof(r));
	r.system = CM;
	r.on_date = TODAY;
	r.age = SEARCH_AGE_UNKNOWN;
	r.max_results = SEARCH_RESULTS_MAX;
	for (kind = 0; kind < 7; kind++)
	{
		for (i = 0; i < sizeof(buf); i++)
		{
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			buf[i] = (char) (kind == 0 ? (int) (x & 255) : kind == 1 ? 0 : kind == 2 ? 0xFF : kind == 3 ? 'a' + (int) ((x >> 20) % 26) :
							 kind == 4 ? ((x >> 20) % 5 == 0 ? ' ' : 'a' + (int) ((x >> 30) % 6)) :
							 kind == 5 ? "diabetes mellitus fx "[i % 21] : "1E(-\xC3\xA9\xE2\x80\x99 "[i % 10]);
		}
		for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		{
			int			mode;

			for (mode = 0; mode < 3; mode++)
			{
				static uint32_t rows[3][SEARCH_RESULTS_MAX];
				static int	nrows[3];
				int			n;

				r.display = mode == 1 ? NULL : buf;
				r.display_len = mode == 1 ? 0 : lengths[i];
				r.code = mode == 0 ? NULL : buf;
				r.code_len = mode == 0 ? 0 : lengths[i];
				n = search_query(image, &r, scratch, hits, &info);
				if (lengths[i] > SEARCH_DISPLAY_MAX && !info.truncated)
					cut = 0;
				if (lengths[i] > SEARCH_DISPLAY_MAX)
					same &= n == nrows[mode];
				nrows[mode] = n;
				for (k = 0; k < n; k++)
				{
					good &= hits[k].score >= 0 && hits[k].score <= 1 && clean(hits[k].reason);
					if (lengths[i] > SEARCH_DISPLAY_MAX)
						same &= hits[k].row == rows[mode][k];
					rows[mode][k] = hits[k].row;
				}
			}
			search_fold(buf, lengths[i], out, sizeof(out));
		}
	}
	ok(good, "any bytes give valid answers");
	ok(cut, "a cut text is reported");
	ok(same, "what stands behind the part of a text that is read changes no answer");
}

/* Folding. */
static void
test_fold(void)
{
	static const char *const pairs[][2] = {
		{"Crohn's disease", "crohn disease"}, {"Crohn\xE2\x80\x99s  DISEASE.", "crohn disease"},
		{"haemorrhage", "hemorrhage"}, {"oedema", "edema"}, {"tumour", "tumor"}, {"diarrhoea", "diarrhea"},
		{"four hours", "four hours"}, {"Factor VIII", "factor 8"}, {"type2", "type 2"},
		{"M\xC3\xA9ni\xC3\xA8re", "meniere"}, {"Me\xCC\x81nie\xCC\x80re", "meniere"}, {"X-ray", "10 ray"}, {"", ""},
		{"\xFF\xFE \x80", "yth"}, {"B12", "b12"}, {"centre", "center"}, {"paralysed", "paralyzed"}
	};
	char		out[64];
	size_t		i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		char		name[120];

		search_fold(pairs[i][0], strlen(pairs[i][0]), out, sizeof(out));
		snprintf(name, sizeof(name), "folds to %s", pairs[i][1]);
		ok(strcmp(out, pairs[i][1]) == 0, name);
		if (strcmp(out, pairs[i][1]) != 0)
			printf("# got %s\n", out);
	}
	ok(search_fold("one two three", 13, out, 8) == 7 && strcmp(out, "one two") == 0, "a text without room is cut between words");
}

/* The image as a thing: moved, damaged, empty. */
static void
test_image(const void *image, size_t size)
{
	char	   *room = malloc(size + 64);
	char	   *moved = room + 8 - ((uintptr_t) room & 7) + 24;
	SearchHit	a[10];
	SearchHit	b[10];
	SearchBuilder *builder;
	SearchCode	c;
	void	   *empty;
	size_t		empty_size;
	int			n;
	size_t		i;
	int			good = 1;

	ok(search_image_check(image, size) == NULL, "a built image is valid");
	ok(search_image_size(image) == size, "an image has its size");
	memcpy(moved, image, size);
	n = ask(image, NULL, "diabetis with nefropathy", a, 0);
	ok(search_image_check(moved, size) == NULL && ask(moved, NULL, "diabetis with nefropathy", b, 0) == n &&
	   a[0].row == b[0].row && a[n - 1].score == b[n - 1].score && strcmp(a[0].reason, b[0].reason) == 0,
	   "elsewhere it answers the same");
	ok(search_image_check(moved, size - 1) != NULL, "a cut image is refused");
	ok(search_image_check(moved, 10) != NULL, "a very short image is refused");
	ok(search_image_check(NULL, 0) != NULL, "a missing image is refused");
	ok(search_image_check(moved + 1, size - 1) != NULL, "an unaligned image is refused");
	for (i = 0; i < 200; i++)
	{
		moved[i] ^= 0x10;
		good &= search_image_check(moved, size) != NULL;
		moved[i] ^= 0x10;
	}
	ok(good, "a damaged header is refused");
	free(room);

	builder = search_builder_create(&allocator, NULL, NULL);
	empty = search_builder_finish(builder, &empty_size);
	search_builder_free(builder);
	ok(empty != NULL && search_image_check(empty, empty_size) == NULL, "an empty image can be built");
	ok(ask(empty, "E11.9", "diabetes", a, 0) == 0, "an empty image has no suggestions");
	free(empty);
	allocated--;

	builder = search_builder_create(&allocator, NULL, NULL);
	memset(&c, 0, sizeof(c));
	c.code = "...";
	c.code_len = 3;
	ok(search_add_code(builder, &c) == -1, "a code without a character is refused");
	c.code = "0123456789012345678901234567890123456789";
	c.code_len = 40;
	ok(search_add_code(builder, &c) == -1, "a code that is too long is refused");
	ok(!search_add_term(builder, 0, SEARCH_TERM_LONG, "x", 1), "a term without a code is refused");
	c.code_len = 5;
	c.valid_to = SEARCH_DAY_MAX;
	c.age_max = SEARCH_AGE_MAX;
	search_add_code(builder, &c);
	empty = search_builder_finish(builder, &empty_size);
	search_builder_free(builder);
	ok(ask(empty, "01234", NULL, a, 0) == 1, "a code without terms is found");
	ok(ask(empty, "01234", "diabetes", a, 0) == 1 && a[0].title_len == 0, "a code without terms is found with a description too");
	free(empty);
	allocated--;
}

/* Copies a title without the part that begins with a text; with a word
 * replaced, unless it is NULL. */
static void
reword(const char *title, int len, const char *cut, const char *word, const char *with, char *out)
{
	char		text[600];
	char	   *p;

	snprintf(text, sizeof(text), "%.*s", len, title);
	p = strstr(text, cut);
	if (p != NULL)
		*p = '\0';
	p = word == NULL ? NULL : strstr(text, word);
	if (p == NULL)
		strcpy(out, text);
	else
		sprintf(out, "%.*s%s%s", (int) (p - text), text, with, p + strlen(word));
}

/* Does a hit's title have a text? */
static int
says(const SearchHit *hit, const char *text)
{
	char		title[600];

	snprintf(title, sizeof(title), "%.*s", hit->title_len, hit->title);
	return strstr(title, text) != NULL;
}

/* Asks for a text and leaves the first hit; false when there is none. */
static int
first_hit(const void *image, const char *text, int fill, SearchHit *hit)
{
	SearchRequest r;

	memset(scratch, fill, sizeof(scratch));
	memset(&r, 0, sizeof(r));
	r.system = CM;
	r.display = text;
	r.display_len = strlen(text);
	r.on_date = TODAY;
	r.age = SEARCH_AGE_UNKNOWN;
	r.max_results = 1;
	return search_query(image, &r, scratch, hit, NULL);
}

/* What must hold for any title: sides, denials, encounters, and that equal
 * questions have equal answers. */
static void
test_properties(const void *image)
{
	static const char *const sides[][3] = {{" right ", " rt ", " left "}, {" left ", " lt ", " right "}};
	int			asked[4] = {0, 0, 0, 0};
	int			wrong[4] = {0, 0, 0, 0};
	SearchRow	row;
	SearchHit	a;
	SearchHit	b;
	char		text[700];
	uint32_t	i;
	int			k;

	for (i = 0; search_row(image, i, &row); i += 7)
	{
		SearchHit	self;

		memset(&self, 0, sizeof(self));
		self.title = row.title;
		self.title_len = row.title_len;
		for (k = 0; k < 2; k++)
		{
			if (!says(&self, sides[k][0]) || says(&self, sides[k][2]) || i % 5 != 0)
				continue;
			reword(row.title, row.title_len, ", ", sides[k][0], sides[k][1], text);
			if (strstr(text, sides[k][1]) == NULL || !first_hit(image, text, 0, &a))
				continue;
			asked[0]++;
			if (says(&a, sides[k][2]) && !says(&a, sides[k][0]))
			{
				if (wrong[0]++ < 5)
					printf("# %s -> %s %.*s\n", text, a.code, a.title_len, a.title);
			}
		}
		if (says(&self, " without ") && row.billable)
		{
			reword(row.title, row.title_len, "\n", " without ", " w/o ", text);
			asked[1]++;
			if (!first_hit(image, text, 0, &a) || !says(&a, "without"))
			{
				if (wrong[1]++ < 5)
					printf("# %s -> %s %.*s\n", text, a.code, a.title_len, a.title);
			}
		}
		if (row.code_len == 8 && row.code[7] == 'A' && says(&self, ", initial encounter") && i % 3 == 0)
		{
			reword(row.title, row.title_len, ", initial encounter", NULL, NULL, text);
			asked[2]++;
			if (!first_hit(image, text, 0, &a) || (a.code_len == 8 && strchr("DEFGHJKMNPQRS", a.code[7]) != NULL))
			{
				if (wrong[2]++ < 5)
					printf("# %s -> %s %.*s\n", text, a.code, a.title_len, a.title);
			}
		}
		if (i % 49 == 0)
		{
			reword(row.title, row.title_len, "\n", NULL, NULL, text);
			asked[3]++;
			wrong[3] += first_hit(image, text, 0, &a) != first_hit(image, text, 0xA5, &b) ||
				a.row != b.row || a.score != b.score || strcmp(a.reason, b.reason) != 0;
		}
	}
	printf("# sides %d of %d wrong, denials %d of %d, encounters %d of %d, repetitions %d of %d\n", wrong[0], asked[0],
		   wrong[1], asked[1], wrong[2], asked[2], wrong[3], asked[3]);
	ok(asked[0] > 500 && wrong[0] == 0, "a query with one side never finds the other first");
	ok(asked[1] > 100 && wrong[1] * 100 <= asked[1], "w/o finds a code that is not negated first in at most one of a hundred");
	ok(asked[2] > 500 && wrong[2] == 0, "without an encounter in the query the initial encounter comes first");
	ok(asked[3] > 100 && wrong[3] == 0, "equal queries have equal answers whatever is in the scratch");
}

/* Words that stand for each other in the terms of one code do so elsewhere. */
static void
test_learned(void)
{
	SearchBuilder *b = search_builder_create(&allocator, NULL, NULL);
	size_t		size;
	void	   *image;
	int32_t		ref = add(b, "K05.2", true, "Aggressive periodontitis");

	term(b, ref, SEARCH_TERM_INDEX, "Abscess, gum");
	term(b, ref, SEARCH_TERM_INDEX, "Abscess, gingiva");
	ref = add(b, "K09.8", true, "Other cysts of oral region, not elsewhere classified");
	term(b, ref, SEARCH_TERM_INDEX, "Cyst, gingiva");
	add(b, "L72.9", true, "Follicular cyst of the skin and subcutaneous tissue, unspecified");
	image = search_builder_finish(b, &size);
	search_builder_free(b);
	first(image, NULL, "cyst of gum", "K09.8");
	first(image, NULL, "abscess gum", "K05.2");
	free(image);
	allocated--;
}

/* The examples over the real data. */
static void
test_real(void)
{
	static const char *const everyday[][2] = {{"diabetes", "E11.9"}, {"sugar diabetes", "E11.9"},
	{"pe", "I26.99"}, {"seizure", "R56.9"}, {"migraine", "G43.909"}, {"CHF", "I50.9"}, {"copd exac", "J44.1"},
	{"chest pain", "R07.9"}, {"heart attack", "I21.9"}, {"stroke", "I63.9"}, {"high blood pressure", "I10"},
	{"kidney stone", "N20.0"}, {"GERD", "K21.9"}, {"low back pain", "M54.50"}, {"osteoporosis", "M81.0"},
	{"Other osteoporosis w/o current pathological fracture", "M81.8"}, {"mitral regurg", "I34.0"},
	{"kidney cyst", "N28.1"}, {"bph", "N40.0"}, {"rib fx", "S22.39XA"}, {"fall", "W19.XXXA"},
	{"fracture distal radius left closed initial", "S52.502A"}, {"urinary retention", "R33.9"}};
	const char *dir = getenv("MEDREC_DATA");
	Data		d;
	SearchBuilder *b;
	void	   *image;
	size_t		size;
	int			i;

	if (dir == NULL)
	{
		ok(1, "real data # skip MEDREC_DATA is not set");
		return;
	}
	memset(&d, 0, sizeof(d));
	data_load_order(&d, dir, "icd-10-cm/icd10cm_order_2025.txt.gz", SYS_CM);
	data_load_index(&d, dir, "icd-10-cm/icd10cm_index_2017.xml.gz", FROM_INDEX);
	b = search_builder_create(&allocator, NULL, NULL);
	search_set_shape(b, CM, data_system_shape(CM));
	search_add_default_abbreviations(b);
	for (i = 0; i < d.ncodes; i++)
	{
		int32_t		ref = add(b, d.codes[i].code, d.codes[i].billable != 0, d.codes[i].title);

		term(b, ref, SEARCH_TERM_SHORT, d.codes[i].brief);
	}
	/* codes and terms: the order file is sorted by code */
	for (i = 0; i < d.nterms; i++)
	{
		int			lo = 0;
		int			hi = d.ncodes;

		while (lo < hi)
		{
			int			mid = (lo + hi) / 2;

			if (strcmp(d.codes[mid].key, d.terms[i].key) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < d.ncodes && strcmp(d.codes[lo].key, d.terms[i].key) == 0)
			term(b, lo, SEARCH_TERM_INDEX, d.terms[i].text);
		free(d.terms[i].text);
		free(d.terms[i].query);
	}
	free(d.terms);
	image = search_builder_finish(b, &size);
	search_builder_free(b);
	for (i = 0; i < d.ncodes; i++)
	{
		free(d.codes[i].title);
		free(d.codes[i].brief);
	}
	free(d.codes);
	ok(image != NULL && search_image_check(image, size) == NULL, "the 2025 release can be built");
	first(image, NULL, "MI acute", "I21.9");
	first(image, NULL, "fx rt femur sh init clos", "S72.301A");
	ok(place_of(image, NULL, "diabetis with nefropathy", "E11.21") > 0 &&
	   place_of(image, NULL, "diabetis with nefropathy", "E11.21") <= 5, "diabetis with nefropathy among the first five");
	ok(place_of(image, "E11.99", NULL, "E11.9") == 1, "E11.99 -> E11.9");
	ok(place_of(image, NULL, "fracture of left femur shaft", "S72.301A") == 0, "a query with left never finds right first");
	first(image, NULL, "type 2 diabetis w/o complicatons", "E11.9");
	first(image, NULL, "COPD", "J44.9");
	first(image, NULL, "htn", "I10");
	first(image, NULL, "UTI", "N39.0");
	first(image, "S72.301", NULL, "S72.301A");
	first(image, NULL, "fx l wrist", "S62.92XA");
	first(image, NULL, "sprain rt ankle", "S93.401A");
	for (i = 0; i < (int) (sizeof(everyday) / sizeof(everyday[0])); i++)
		first(image, NULL, everyday[i][0], everyday[i][1]);
	test_properties(image);
	test_hostile(image);
	free(image);
	allocated--;
}

/* Clinical shorthand where nothing but the titles is loaded. */
static void
test_titles_only(void)
{
	static const char *const pairs[][2] = {{"HTN", "I10"}, {"htn", "I10"}, {"secondary htn", "I15.9"},
	{"CHF", "I50.9"}, {"COPD", "J44.9"}, {"DM", "E11.9"}, {"DM2", "E11.9"}, {"dm type 1", "E10.9"},
	{"UTI", "N39.0"}, {"gerd", "K21.9"}, {"cad", "I25.10"}, {"cva", "I63.9"}, {"pna", "J18.9"},
	{"bph", "N40.0"}, {"asthma", "J45.909"}, {"chest pain", "R07.9"}, {"lbp", "M54.50"},
	{"MI acute", "I21.9"}, {"afib", "I48.91"}, {"esrd", "N18.6"}, {"sob", "R06.02"}, {"n/v", "R11.2"},
	{"alcohol abuse", "F10.10"}, {"lt hip fx", "S72.002A"}, {"cellulitis left leg", "L03.116"}};
	const char *dir = getenv("MEDREC_DATA");
	Data		d;
	SearchBuilder *b;
	void	   *image;
	size_t		size;
	int			i;

	if (dir == NULL)
		return;
	memset(&d, 0, sizeof(d));
	data_load_order(&d, dir, "icd-10-cm/icd10cm_order_2025.txt.gz", SYS_CM);
	b = search_builder_create(&allocator, NULL, NULL);
	search_set_shape(b, CM, data_system_shape(CM));
	search_add_default_abbreviations(b);
	for (i = 0; i < d.ncodes; i++)
	{
		add(b, d.codes[i].code, d.codes[i].billable != 0, d.codes[i].title);
		free(d.codes[i].title);
		free(d.codes[i].brief);
	}
	free(d.codes);
	image = search_builder_finish(b, &size);
	search_builder_free(b);
	for (i = 0; i < (int) (sizeof(pairs) / sizeof(pairs[0])); i++)
		first(image, NULL, pairs[i][0], pairs[i][1]);
	free(image);
	allocated--;
}

/* Runs everything. */
int
main(void)
{
	size_t		size;
	void	   *image = small_image(&size);

	ok(image != NULL, "a large image is built");
	ok(checks > 0 || size < 1000000, "interrupts are checked");
	test_text(image);
	test_codes(image);
	test_context(image);
	test_fold();
	test_image(image, size);
	test_hostile(image);
	test_learned();
	test_real();
	test_titles_only();
	free(image);
	allocated--;
	ok(allocated == 0, "no memory stays allocated");
	printf("1..%d\n", ntests);
	return nfailed > 0;
}
