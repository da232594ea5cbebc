/*
 * image.c
 *		Reading the image: its header, its rows, exact look-ups.
 */
#include "search/image.h"

#include "search/fold.h"
#include "search/search.h"
#include "search/spell.h"

/* The checksum of a header, as if its own field were zero. */
static uint64_t
header_checksum(const ImageHeader *h)
{
	ImageHeader copy = *h;

	copy.checksum = 0;
	return search_hash(&copy, sizeof(copy));
}

/* Puts the checksum into a finished header. */
void
image_seal(ImageHeader *h)
{
	h->checksum = header_checksum(h);
}

/* Finds the sections of an image. */
void
image_open(const void *image, Image *im)
{
	im->h = image;
	im->rows = SECTION(image, SEC_ROWS, ImageRow);
	im->terms = SECTION(image, SEC_TERMS, ImageTerm);
	im->text = SECTION(image, SEC_TEXT, char);
	im->tokens = SECTION(image, SEC_TOKENS, uint8_t);
	im->words = SECTION(image, SEC_WORDS, ImageWord);
	im->wordtext = SECTION(image, SEC_WORDTEXT, char);
	im->stems = SECTION(image, SEC_STEMS, ImageStem);
	im->lists = SECTION(image, SEC_LISTS, ImageList);
	im->postings = SECTION(image, SEC_POSTINGS, uint32_t);
	im->roots = SECTION(image, SEC_ROOTS, uint32_t);
	im->spellregions = SECTION(image, SEC_SPELLREGIONS, uint32_t);
	im->spellheads = SECTION(image, SEC_SPELLHEADS, uint32_t);
	im->spellids = SECTION(image, SEC_SPELLIDS, uint32_t);
	im->abbrheads = SECTION(image, SEC_ABBRHEADS, uint32_t);
	im->abbrs = SECTION(image, SEC_ABBRS, ImageAbbr);
	im->abbrstems = SECTION(image, SEC_ABBRSTEMS, uint32_t);
	im->systems = SECTION(image, SEC_SYSTEMS, uint32_t);
	im->shapes = SECTION(image, SEC_SHAPES, ImageShape);
}

/* The least bytes that each section takes by the header's counts. */
static void
sections_need(const ImageHeader *h, uint64_t need[SEC_COUNT])
{
	memset(need, 0, SEC_COUNT * sizeof(uint64_t));
	need[SEC_ROWS] = (uint64_t) h->nrows * sizeof(ImageRow);
	need[SEC_TERMS] = (uint64_t) h->nterms * sizeof(ImageTerm);
	need[SEC_WORDS] = (uint64_t) h->nwords * sizeof(ImageWord);
	need[SEC_STEMS] = (uint64_t) h->nstems * sizeof(ImageStem);
	need[SEC_LISTS] = ((uint64_t) h->nstems + 1) * sizeof(ImageList);
	need[SEC_SPELLREGIONS] = (SPELL_REGIONS + 1) * sizeof(uint32_t);
	need[SEC_SPELLHEADS] = ((uint64_t) h->nspell + 1) * sizeof(uint32_t);
	need[SEC_ABBRHEADS] = ((uint64_t) h->nabbr + 1) * sizeof(uint32_t);
	need[SEC_ABBRS] = (uint64_t) h->nabbrs * sizeof(ImageAbbr);
	need[SEC_SYSTEMS] = (SYSTEMS_MAX + 1) * sizeof(uint32_t);
	need[SEC_SHAPES] = SYSTEMS_MAX * sizeof(ImageShape);
}

/* Do the sections follow each other inside the image, each large enough? */
static bool
sections_fit(const ImageHeader *h)
{
	uint64_t	need[SEC_COUNT];
	uint64_t	end = sizeof(ImageHeader);
	int			i;

	sections_need(h, need);
	for (i = 0; i < SEC_COUNT; i++)
	{
		uint64_t	off = h->sec[i].off;
		uint64_t	bytes = h->sec[i].bytes;

		if (off < end || (off & 7) != 0 || off > h->size || bytes > h->size - off || bytes < need[i])
			return false;
		end = off + bytes;
	}
	return true;
}

/* Checks a header; described in search.h. */
const char *
search_image_check(const void *image, size_t size)
{
	const ImageHeader *h = image;

	if (image == NULL || size < sizeof(ImageHeader))
		return "too short for a header";
	if (((uintptr_t) image & 7) != 0)
		return "not aligned to 8 bytes";
	if (memcmp(h->magic, IMAGE_MAGIC, 8) != 0)
		return "no search image";
	if (h->endian != IMAGE_ENDIAN)
		return "written by a machine of another byte order";
	if (h->version != SEARCH_IMAGE_VERSION)
		return "written by another version";
	if (h->checksum != header_checksum(h))
		return "header is damaged";
	if (h->size > size)
		return "cut off";
	if (!sections_fit(h))
		return "sections overlap";
	if ((h->nabbr & (h->nabbr - 1)) != 0 || h->nspell == 0 || h->nabbr == 0)
		return "tables of odd size";
	return NULL;
}

/* Bytes that the image takes. */
size_t
search_image_size(const void *image)
{
	return (size_t) ((const ImageHeader *) image)->size;
}

/* What the image holds. */
void
search_image_info(const void *image, SearchImageInfo *info)
{
	const ImageHeader *h = image;

	info->rows = h->nrows;
	info->terms = h->nterms;
	info->words = h->nwords;
	info->abbreviations = h->nabbrs;
	info->size = (size_t) h->size;
}

/* The first word that is not before the text. */
uint32_t
image_lower_word(const Image *im, const char *text, int len)
{
	uint32_t	lo = 0;
	uint32_t	hi = im->h->nwords;

	while (lo < hi)
	{
		uint32_t	mid = lo + (hi - lo) / 2;
		const ImageWord *w = &im->words[mid];
		int			n = w->len < len ? w->len : len;
		int			c = memcmp(im->wordtext + w->text_off, text, (size_t) n);

		if (c < 0 || (c == 0 && w->len < len))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The word itself, or UINT32_MAX. */
uint32_t
image_find_word(const Image *im, const char *text, int len)
{
	uint32_t	i = image_lower_word(im, text, len);

	if (i < im->h->nwords && im->words[i].len == len &&
		memcmp(im->wordtext + im->words[i].text_off, text, (size_t) len) == 0)
		return i;
	return UINT32_MAX;
}

/* The first row from lo to hi (one system's) whose key is not before the key. */
uint32_t
image_find_key(const Image *im, uint32_t lo, uint32_t hi, const char *key, int len)
{
	while (lo < hi)
	{
		uint32_t	mid = lo + (hi - lo) / 2;
		const ImageRow *r = &im->rows[mid];
		int			n = r->key_len < len ? r->key_len : len;
		int			c = memcmp(row_key(im, r), key, (size_t) n);

		if (c < 0 || (c == 0 && r->key_len < len))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The rows of a system; of all of them for SEARCH_ANY_SYSTEM. */
void
image_system_range(const Image *im, int system, uint32_t *lo, uint32_t *hi)
{
	*lo = *hi = 0;
	if (system == SEARCH_ANY_SYSTEM)
		*hi = im->h->nrows;
	else if (system >= 0 && system < SYSTEMS_MAX)
	{
		*lo = im->systems[system];
		*hi = im->systems[system + 1];
	}
}

/* The title that stands for a row. */
void
image_title(const Image *im, uint32_t row, const char **title, int *len)
{
	const ImageRow *r = &im->rows[row];
	uint32_t	i;
	uint32_t	t = r->first_term;

	*title = "";
	*len = 0;
	if (r->nterms == 0)
		return;
	for (i = 0; i < r->nterms; i++)
	{
		if (im->terms[r->first_term + i].kind == SEARCH_TERM_LONG)
		{
			t = r->first_term + i;
			break;
		}
	}
	*title = im->text + im->terms[t].text_off;
	*len = im->terms[t].text_len;
}

/* Fills in a row; described in search.h. */
bool
search_row(const void *image, uint32_t row, SearchRow *out)
{
	Image		im;
	const ImageRow *r;

	image_open(image, &im);
	if (row >= im.h->nrows)
		return false;
	r = &im.rows[row];
	out->system = r->system;
	out->code = im.text + r->code_off;
	out->code_len = r->code_len;
	image_title(&im, row, &out->title, &out->title_len);
	out->valid_from = r->valid_from;
	out->valid_to = r->valid_to;
	out->billable = (r->flags & ROW_BILLABLE) != 0;
	out->sex = r->flags & ROW_MALE ? SEARCH_SEX_MALE : r->flags & ROW_FEMALE ? SEARCH_SEX_FEMALE : SEARCH_SEX_ANY;
	out->age_min = r->age_min;
	out->age_max = r->age_max == AGE_OPEN ? SEARCH_AGE_MAX : r->age_max;
	return true;
}

/* The rows of a code; described in search.h. */
int
search_find_code(const void *image, int system, const char *code, size_t len, uint32_t *rows, int max)
{
	Image		im;
	char		key[SEARCH_CODE_MAX + 1];
	uint32_t	lo;
	uint32_t	hi;
	int			found = 0;
	int			s;
	int			n = code_key(code, len, key, (int) sizeof(key));

	image_open(image, &im);
	for (s = system == SEARCH_ANY_SYSTEM ? 0 : system; n > 0 && s < SYSTEMS_MAX; s++)
	{
		image_system_range(&im, s, &lo, &hi);
		for (lo = image_find_key(&im, lo, hi, key, n); lo < hi && found < max; lo++)
		{
			if (im.rows[lo].key_len != n || memcmp(row_key(&im, &im.rows[lo]), key, (size_t) n) != 0)
				break;
			rows[found++] = lo;
		}
		if (system != SEARCH_ANY_SYSTEM)
			break;
	}
	return found;
}
