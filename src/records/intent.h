/*
 * records/intent.h
 *		What the running statement of medrec intends to do to records.
 *
 * The triggers check records, but see only rows. If a function of medrec runs
 * an UPDATE that must be treated differently from the same UPDATE by a client,
 * it sets its intent around the statement:
 *
 *		RecordIntent outer = intent_begin(INTENT_ACCEPT, record);
 *
 *		PG_TRY();
 *		{
 *			... run the statement
 *		}
 *		PG_FINALLY();
 *		{
 *			intent_end(&outer);
 *		}
 *		PG_END_TRY();
 *
 * so that the intent ends with the statement, even after an error, and the
 * intent of an outer statement, whose triggers have called the function,
 * continues. It is a variable of the backend, which no SQL can forge.
 */
#ifndef MEDREC_INTENT_H
#define MEDREC_INTENT_H

#include "utils/uuid.h"

typedef enum IntentKind
{
	INTENT_NONE,				/* the statement of a client */
	INTENT_ACCEPT,				/* one record accepts one of its suggestions:
								 * its status becomes "corrected", and it
								 * keeps the others */
	INTENT_REVALIDATE			/* records are validated again and not changed
								 * otherwise: an update that finds nothing new
								 * is dropped, and no patient's last_visit
								 * moves */
} IntentKind;

typedef struct RecordIntent
{
	IntentKind	kind;
	pg_uuid_t	record;			/* of INTENT_ACCEPT */
} RecordIntent;

/*
 * Sets the intent, and returns the previous one. record: for INTENT_ACCEPT,
 * otherwise NULL.
 */
extern RecordIntent intent_begin(IntentKind kind, const pg_uuid_t *record);
extern void intent_end(const RecordIntent *outer);

/*
 * For the triggers: the intent for a record, or if NULL for all records of the
 * statement.
 */
extern IntentKind intent_for(const pg_uuid_t *record);

#endif							/* MEDREC_INTENT_H */
