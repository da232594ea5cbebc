/*
 * records/intent.c
 *		What the running statement of medrec intends to do to records.
 */
#include "base/medrec.h"

#include "records/intent.h"

static RecordIntent intent = {INTENT_NONE};

/* Sets the intent of the next statement, until intent_end(). */
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

/* Ends the statement's intent, and restores the previous one. */
void
intent_end(const RecordIntent *outer)
{
	intent = *outer;
}

/* The intent for a record. */
IntentKind
intent_for(const pg_uuid_t *record)
{
	if (intent.kind == INTENT_ACCEPT &&
		(record == NULL || memcmp(&intent.record, record, UUID_LEN) != 0))
		return INTENT_NONE;
	return intent.kind;
}
