/*
 * records/intent.h
 *		What the statement of medrec's own that is running means to do to records.
 *
 * The rules are the triggers', which see only rows.  Where a function of medrec
 * means more by its UPDATE than the same UPDATE of a client, it says so around the
 * statement:
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
 * so that it ends with the statement, however that ends, and the intent of a
 * statement around it, whose triggers have called the function, goes on.  It is a
 * variable of the backend, which no SQL can forge.
 */
#ifndef MEDREC_INTENT_H
#define MEDREC_INTENT_H

#include "utils/uuid.h"

typedef enum IntentKind
{
	INTENT_NONE,				/* what any client's statement means */
	INTENT_ACCEPT,				/* one record takes one of its suggestions:
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
 * Says what is meant from now on, and returns what was meant before.  record: of
 * INTENT_ACCEPT, else NULL.
 */
extern RecordIntent intent_begin(IntentKind kind, const pg_uuid_t *record);
extern void intent_end(const RecordIntent *outer);

/*
 * For the triggers: what is meant to be done to a record; NULL: to whatever the
 * statement touches.
 */
extern IntentKind intent_for(const pg_uuid_t *record);

#endif							/* MEDREC_INTENT_H */
