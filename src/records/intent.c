/*
 * records/intent.c
 *		What the statement of medrec's own that is running means to do to records.
 */
#include "base/medrec.h"

#include "records/intent.h"

static RecordIntent intent = {INTENT_NONE};

/* Says what the statement that follows means; to be ended by intent_end(). */
RecordIntent
intent_begin(IntentKind kind, const pg_uuid_t *record)
{
	RecordIntent outer = intent;

	Assert((kind == INTENT_ACCEPT) == (record != NULL));
	intent.kind = kind;
	if (record != NULL)
		intent.record = *record;
	return outer;
}

/* Says that the statement has ended: what was meant before it is meant again. */
void
intent_end(const RecordIntent *outer)
{
	intent = *outer;
}

/* What is meant to be done to a record. */
IntentKind
intent_for(const pg_uuid_t *record)
{
	if (intent.kind == INTENT_ACCEPT &&
		(record == NULL || memcmp(&intent.record, record, UUID_LEN) != 0))
		return INTENT_NONE;
	return intent.kind;
}
