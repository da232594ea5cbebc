/*
 * suggest/image.c
 *		The search image of the loaded terminologies, shared by all backends.
 *
 * One backend builds the image when it is first asked for and publishes it in a
 * pinned dynamic shared memory segment; the others attach it (suggest/image_slots.h).
 *
 * A relcache invalidation of terminology_state, which reaches standbys as
 * well, signals that an image may be outdated; the generation in that table
 * tells whether it is, as long as the table's file is the same. A transaction
 * that has itself changed the terminologies uses its own image and publishes
 * nothing, because it may still roll back. If there is no room, each backend
 * keeps a private copy.
 */
#include "base/medrec.h"

#include "utils/memutils.h"

#include "base/invalidate.h"
#include "search/search.h"
#include "suggest/image.h"
#include "suggest/image_build.h"
#include "suggest/image_slots.h"
#include "terminology/state.h"

/* The image that this backend uses. */
static const void *image = NULL;
static TerminologyState image_state;	/* that it was made of */
static bool image_own = false;	/* made by a transaction that had changed the
								 * terminologies */
static dsm_segment *image_segment = NULL;	/* or */
static MemoryContext image_context = NULL;	/* where it lies */
static uint64 image_seen = 0;	/* number of invalidations when it was last
								 * known to be current */

/* Releases the image that this backend uses. */
static void
DropImage(void)
{
	image = NULL;
	if (image_segment != NULL)
		dsm_detach(image_segment);
	image_segment = NULL;
	if (image_context != NULL)
		MemoryContextDelete(image_context);
	image_context = NULL;
}

/* Attaches the image that another backend has published, if it is at least that new. */
static bool
AttachPublished(const TerminologyState *state)
{
	int64		generation = 0;
	dsm_handle	handle = image_slot_published(state, &generation);
	dsm_segment *segment;

	if (handle == DSM_HANDLE_INVALID)
		return false;

	/* this backend may have published it itself */
	if (image_segment != NULL && dsm_segment_handle(image_segment) == handle)
	{
		image_state.generation = generation;
		return true;
	}

	/* NULL if it has just been replaced */
	segment = dsm_attach(handle);
	if (segment == NULL)
		return false;
	if (search_image_check(dsm_segment_address(segment), dsm_segment_map_length(segment)) != NULL)
	{
		dsm_detach(segment);
		return false;
	}
	dsm_pin_mapping(segment);
	DropImage();
	image_segment = segment;
	image = dsm_segment_address(segment);
	image_state = *state;
	image_state.generation = generation;
	image_own = false;
	return true;
}

/* Builds an image and uses it; publishes it, unless it is specific to this transaction. */
static void
BuildImage(const TerminologyState *state, bool own)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "medrec image",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	size_t		size;
	void	   *built = image_build(&size);
	dsm_segment *segment;

	MemoryContextSwitchTo(old);
	DropImage();
	MemoryContextSetParent(context, TopMemoryContext);
	image_context = context;
	image = built;
	image_state = *state;
	image_own = own;
	if (own)
		return;
	segment = image_slot_publish(state, built, size);
	if (segment != NULL)
	{
		/* the shared one is used, so the private one can be freed */
		DropImage();
		image_segment = segment;
		image = dsm_segment_address(segment);
	}
}

/* Does this backend's image match what the active snapshot sees? */
static bool
IsFresh(const TerminologyState *state, bool own)
{
	if (image == NULL || image_state.file != state->file)
		return false;
	/* a generation of this transaction may be used again after a rollback */
	if (own || image_own)
		return image_own && image_state.generation == state->generation &&
			image_state.changed_by == state->changed_by;
	/* an image newer than an old snapshot is good enough */
	return image_state.generation >= state->generation;
}

/*
 * Records that the image is valid until the next invalidation, if it is as new
 * as the tables are now. An image for an old snapshot is checked again.
 */
static void
NoteSeen(uint64 seen)
{
	TerminologyState now = terminology_state_now();

	image_seen = image_state.file == now.file && image_state.generation >= now.generation ?
		seen : seen - 1;
}

/* Returns the image for what the active snapshot sees. */
const void *
suggest_image(void)
{
	uint64		seen = invalidate_count();
	TerminologyState state;
	bool		own = terminology_changed_here();

	/* after any change of a table the generation is checked */
	if (image != NULL && image_seen == seen && !own && !image_own)
		return image;

	state = terminology_state();
	if (IsFresh(&state, own))
	{
		NoteSeen(seen);
		return image;
	}

	image_slot_find();
	PG_TRY();
	{
		if (own || (!AttachPublished(&state) &&
					(image_slot_claim(&state) || !AttachPublished(&state))))
			BuildImage(&state, own);
	}
	PG_CATCH();
	{
		image_slot_release();
		PG_RE_THROW();
	}
	PG_END_TRY();
	image_slot_release();
	NoteSeen(seen);
	return image;
}
