/*
 * suggest/image.c
 *		The search image of the loaded terminologies, shared by all backends.
 *
 * One backend builds the image when it is first asked for and publishes it in a
 * pinned dynamic shared memory segment; the others attach it (suggest/image_slots.h).
 *
 * That an image may be old is said by an invalidation of terminology_state's
 * relcache entry, which reaches standbys as well; whether it is old is said by
 * the generation in that table, as long as the table's file is the same.  A
 * transaction that has itself changed the terminologies uses an image of its own
 * and publishes nothing: it may yet roll back.  Where there is no room, each
 * backend keeps a private copy.
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
static bool image_own = false;	/* of a transaction that had changed it */
static dsm_segment *image_segment = NULL;	/* or */
static MemoryContext image_context = NULL;	/* where it lies */
static uint64 image_seen = 0;	/* invalidations, when it was last known to be
								 * new */

/* Lets go of the image that this backend uses. */
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

/* Attaches what another backend has published, if it is at least that new. */
static bool
AttachPublished(const TerminologyState *state)
{
	int64		generation = 0;
	dsm_handle	handle = image_slot_published(state, &generation);
	dsm_segment *segment;

	if (handle == DSM_HANDLE_INVALID)
		return false;

	/* it may be that this backend published it itself */
	if (image_segment != NULL && dsm_segment_handle(image_segment) == handle)
	{
		image_state.generation = generation;
		return true;
	}

	/* NULL if it was replaced just now */
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

/* Builds an image and uses it; others get it too, unless it is this transaction's own. */
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
		/* the shared one is used, the private one can go */
		DropImage();
		image_segment = segment;
		image = dsm_segment_address(segment);
	}
}

/* Does the image that this backend has fit what the active snapshot sees? */
static bool
IsFresh(const TerminologyState *state, bool own)
{
	if (image == NULL || image_state.file != state->file)
		return false;
	/* what this transaction counted may count otherwise after a rollback */
	if (own || image_own)
		return image_own && image_state.generation == state->generation &&
			image_state.changed_by == state->changed_by;
	/* newer than an old snapshot will do */
	return image_state.generation >= state->generation;
}

/*
 * Notes that the image is good until the next message - if it is as new as the
 * tables are now.  What an old snapshot takes is not, and is looked at again.
 */
static void
NoteSeen(uint64 seen)
{
	TerminologyState now = terminology_state_now();

	image_seen = image_state.file == now.file && image_state.generation >= now.generation ?
		seen : seen - 1;
}

/* Gives the image for what the active snapshot sees. */
const void *
suggest_image(void)
{
	uint64		seen = invalidate_count();
	TerminologyState state;
	bool		own = terminology_changed_here();

	/* any change of a table makes us look at the generation */
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
