/*
 * search_fuzz.c
 *		Any bytes as terms, abbreviations and queries, for libFuzzer:
 *
 *		clang-14 -fsanitize=fuzzer,address,undefined -Isrc \
 *			test/fuzz/search_fuzz.c src/search/ *.c -lm
 */
#include <stdlib.h>
#include <string.h>

#include "search/search.h"

static uint64_t scratch[SEARCH_SCRATCH_SIZE / 8];

/* As ICD-10-CM has it. */
static const CodeShape shape = {7, "ADS", 'X', '9', 5};

/* For the builder. */
static void *
fuzz_alloc(void *opaque, size_t size)
{
	(void) opaque;
	return malloc(size);
}

/* For the builder. */
static void *
fuzz_realloc(void *opaque, void *p, size_t size)
{
	(void) opaque;
	return realloc(p, size);
}

/* For the builder. */
static void
fuzz_free(void *opaque, void *p)
{
	(void) opaque;
	free(p);
}

/* Takes up to n bytes off the front. */
static const char *
take(const uint8_t **data, size_t *size, size_t n, size_t *got)
{
	const char *at = (const char *) *data;

	*got = n < *size ? n : *size;
	*data += *got;
	*size -= *got;
	return at;
}

/* A fixed image with the words that matter. */
static void *
fixed_image(size_t *size)
{
	static const char *const titles[] = {"Type 2 diabetes mellitus with diabetic nephropathy",
		"Acute myocardial infarction, unspecified", "Unspecified fracture of shaft of right femur, initial encounter",
		"Unspecified fracture of shaft of left femur, sequela", "Follow-up examination (routine) without complaint",
	"Gastro-esophageal reflux disease with esophagitis"};
	static const char *const codes[] = {"E11.21", "I21.9", "S72.301A", "S72.302S", "Z09", "K21.0"};
	SearchAllocator a = {fuzz_alloc, fuzz_realloc, fuzz_free, NULL};
	SearchBuilder *b = search_builder_create(&a, NULL, NULL);
	void	   *image;
	int			i;

	search_set_shape(b, 0, &shape);
	search_add_default_abbreviations(b);
	for (i = 0; i < 6; i++)
	{
		SearchCode	c = {0, codes[i], strlen(codes[i]), SEARCH_DAY_MIN, SEARCH_DAY_MAX, true, SEARCH_SEX_ANY, 0, SEARCH_AGE_MAX};

		search_add_term(b, search_add_code(b, &c), SEARCH_TERM_LONG, titles[i], strlen(titles[i]));
	}
	image = search_builder_finish(b, size);
	search_builder_free(b);
	return image;
}

/* Asks an image whatever is left. */
static void
ask(const void *image, const uint8_t *data, size_t size)
{
	SearchHit	hits[SEARCH_RESULTS_MAX];
	SearchRequest r;
	SearchInfo	info;
	uint32_t	rows[4];
	char		fold[100];
	size_t		n;
	int			got;
	int			i;

	memset(&r, 0, sizeof(r));
	if (size < 4)
		return;
	r.system = data[0] % 4 - 1;
	r.flags = data[1] & 3;
	r.sex = (SearchSex) (data[1] >> 2 & 1);
	r.age = SEARCH_AGE_UNKNOWN;
	r.max_results = data[2] % 60;
	n = data[3] & 64 ? data[3] & 63 : 0;
	data += 4;
	size -= 4;
	r.code = take(&data, &size, n, &r.code_len);
	r.display = (const char *) data;
	r.display_len = size;
	got = search_query(image, &r, scratch, hits, &info);
	for (i = 0; i < got; i++)
	{
		SearchRow	row;

		if (!(hits[i].score >= 0 && hits[i].score <= 1) || !search_row(image, hits[i].row, &row) ||
			strlen(hits[i].reason) >= SEARCH_REASON_LEN)
			abort();
	}
	search_fold(r.display, r.display_len, fold, sizeof(fold));
	search_find_code(image, r.system, r.code, r.code_len, rows, 4);
}

/* One input: a byte says how much of it builds an image, the rest asks. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void *fixed;
	static size_t fixed_size;
	SearchAllocator a = {fuzz_alloc, fuzz_realloc, fuzz_free, NULL};
	SearchBuilder *b;
	void	   *image;
	size_t		n;
	int			terms;

	if (fixed == NULL)
		fixed = fixed_image(&fixed_size);
	if (size < 2)
		return 0;
	terms = data[0] % 12;
	data++;
	size--;
	if (terms == 0)
	{
		ask(fixed, data, size);
		return 0;
	}
	b = search_builder_create(&a, NULL, NULL);
	search_set_shape(b, 0, &shape);
	while (terms-- > 0 && size > 4)
	{
		SearchCode	c;
		const char *text;
		const char *other;
		size_t		other_len;
		int32_t		ref;
		int			kind = data[0] % 6;

		memset(&c, 0, sizeof(c));
		c.system = data[0] >> 6;
		c.billable = data[1] & 1;
		c.valid_from = SEARCH_DAY_MIN;
		c.valid_to = SEARCH_DAY_MAX;
		c.age_max = SEARCH_AGE_MAX;
		n = data[1] >> 3;
		data += 2;
		size -= 2;
		c.code = take(&data, &size, n % 12, &c.code_len);
		text = take(&data, &size, n * 3, &n);
		if (kind == 5)
		{
			other = take(&data, &size, 12, &other_len);
			search_add_abbreviation(b, text, n, other, other_len);
			continue;
		}
		ref = search_add_code(b, &c);
		search_add_term(b, ref, (SearchTermKind) kind, text, n);
	}
	image = search_builder_finish(b, &n);
	search_builder_free(b);
	if (image == NULL || search_image_check(image, n) != NULL)
		abort();
	ask(image, data, size);
	free(image);
	return 0;
}
