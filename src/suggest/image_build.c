/*
 * suggest/image_build.c
 *		Builds the search image from the tables.
 */
#include "base/medrec.h"

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "search/search.h"
#include "suggest/image_build.h"
#include "terminology/code_systems.h"
#include "terminology/contents.h"
#include "terminology/edits.h"

/* State of a build. */
typedef struct BuildState
{
	SearchBuilder *builder;
	HTAB	   *refs;			/* of CodeRefs */
} BuildState;

/* What the build has to know about a code; key: index of the system, and code. */
typedef struct CodeRefs
{
	char		key[CODE_MAX_LEN + 2];
	int32		last;			/* the latest row in the builder, -1 before
								 * the first */
	SearchSex	sex;
	int			age_min;
	int			age_max;
} CodeRefs;

/* The builder's allocator: the current memory context, without the 1 GB limit. */
static void *
BuildAlloc(void *opaque, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) opaque, size);
}

/* The same, for what grows. */
static void *
BuildRealloc(void *opaque, void *ptr, size_t size)
{
	return ptr ? repalloc_huge(ptr, size) : BuildAlloc(opaque, size);
}

/* And gives it back. */
static void
BuildFree(void *opaque, void *ptr)
{
	if (ptr)
		pfree(ptr);
}

/* Lets a build be cancelled. */
static void
BuildInterrupt(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* Finds the entry of a code; if there is none, creates it if asked to, otherwise returns NULL. */
static CodeRefs *
FindRefs(BuildState *build, const CodeSystem *cs, const char *code, bool make)
{
	char		key[CODE_MAX_LEN + 2] = {0};
	CodeRefs   *refs;
	bool		found;

	key[0] = (char) (code_system_index(cs) + 1);
	strlcpy(key + 1, code, CODE_MAX_LEN + 1);
	refs = (CodeRefs *) hash_search(build->refs, key, make ? HASH_ENTER : HASH_FIND, &found);
	if (make && !found)
	{
		refs->last = -1;
		refs->sex = SEARCH_SEX_ANY;
		refs->age_min = 0;
		refs->age_max = SEARCH_AGE_MAX;
	}
	return refs;
}

/* Records which patients a code is not for. */
static void
AddRestriction(const Restriction *restriction, void *arg)
{
	CodeRefs   *refs = FindRefs((BuildState *) arg, restriction->cs, restriction->code, true);

	if (restriction->gender != NULL)
		refs->sex = strcmp(restriction->gender, "female") == 0 ?
			SEARCH_SEX_FEMALE : SEARCH_SEX_MALE;
	if (restriction->age_min >= 0)
	{
		refs->age_min = Max(refs->age_min, restriction->age_min);
		refs->age_max = Min(refs->age_max, restriction->age_max);
	}
}

/* Adds a term in UTF-8 to one row of the builder. */
static void
AddImageTerm(BuildState *build, int32 ref, SearchTermKind kind, const char *term)
{
	int			len;
	char	   *utf8 = to_utf8(term, strlen(term), &len);

	if (!search_add_term(build->builder, ref, kind, utf8, len))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many terms for the search image")));
}

/* Adds a row of medrec.code. */
static void
AddImageCode(const TermRow *row, void *arg)
{
	BuildState *build = (BuildState *) arg;
	SearchCode	code = {0};
	CodeRefs   *refs;
	int32		ref;

	if (row->until <= row->from)
		return;					/* no day is left after the file's own dates */
	code.system = code_system_index(row->cs);
	code.code = row->code;
	code.code_len = strlen(row->code);
	code.valid_from = row->from;
	code.valid_to = DATE_IS_NOEND(row->until) ? SEARCH_DAY_MAX : row->until - 1;
	code.billable = row->billable;
	refs = FindRefs(build, row->cs, row->code, true);
	code.sex = refs->sex;
	code.age_min = refs->age_min;
	code.age_max = refs->age_max;
	ref = search_add_code(build->builder, &code);
	if (ref < 0)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many codes for the search image")));
	AddImageTerm(build, ref, SEARCH_TERM_LONG, row->display);
	if (row->short_display)
		AddImageTerm(build, ref, SEARCH_TERM_SHORT, row->short_display);

	/*
	 * further terms belong to one row of the code, the latest, which searches
	 * look for
	 */
	if (refs->last < 0 || DATE_IS_NOEND(row->until))
		refs->last = ref;
}

/* Adds a row of medrec.code_term, if its code is loaded. */
static void
AddFurtherTerm(const TermRow *row, void *arg)
{
	BuildState *build = (BuildState *) arg;
	CodeRefs   *refs = FindRefs(build, row->cs, row->code, false);

	if (refs != NULL && refs->last >= 0)
		AddImageTerm(build, refs->last,
					 strcmp(row->kind, "inclusion") == 0 ? SEARCH_TERM_INCLUSION :
					 strcmp(row->kind, "index") == 0 ? SEARCH_TERM_INDEX : SEARCH_TERM_SYNONYM,
					 row->term);
}

/* Adds a row of medrec.abbreviation. */
static void
AddAbbreviation(const char *from, const char *to, void *arg)
{
	BuildState *build = (BuildState *) arg;
	int			from_len;
	int			to_len;
	char	   *from_utf8 = to_utf8(from, strlen(from), &from_len);
	char	   *to_utf8_ = to_utf8(to, strlen(to), &to_len);

	(void) search_add_abbreviation(build->builder, from_utf8, from_len, to_utf8_, to_len);
}

/* Builds the image from the tables, in the current memory context. */
void *
image_build(size_t *size)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(result, "medrec image build",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	SearchAllocator allocator = {BuildAlloc, BuildRealloc, BuildFree, work};
	BuildState	build;
	HASHCTL		ctl = {0};
	void	   *built;
	void	   *copy;

	build.builder = search_builder_create(&allocator, BuildInterrupt, NULL);
	for (int i = 0; i < code_system_count(); i++)
		search_set_shape(build.builder, i, code_system_at(i)->shape);
	ctl.keysize = CODE_MAX_LEN + 2;
	ctl.entrysize = sizeof(CodeRefs);
	ctl.hcxt = work;
	build.refs = hash_create("medrec image codes", 100000, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	edits_each_restriction(AddRestriction, &build);
	terminology_each_code(AddImageCode, &build);
	terminology_each_term(AddFurtherTerm, &build);
	terminology_each_abbreviation(AddAbbreviation, &build);
	built = search_builder_finish(build.builder, size);
	if (built == NULL)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("could not build the search image")));

	copy = MemoryContextAllocHuge(result, *size);
	memcpy(copy, built, *size);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return copy;
}
