/*
 * records/validate_coded.h
 *		Checks and validates a row of diagnosis or treatment.
 */
#ifndef MEDREC_VALIDATE_CODED_H
#define MEDREC_VALIDATE_CODED_H

#include "records/intent.h"
#include "records/row.h"

/*
 * Normalises the row and fills medrec's columns; what is wrong with it is added to
 * the row's faults.  intent: what the statement means to do to the record.
 */
extern void validate_coded(RecordRow *row, IntentKind intent);

/* did an UPDATE that only validates the row again get the stored result? */
extern bool coded_is_as_before(const RecordRow *row);

#endif							/* MEDREC_VALIDATE_CODED_H */
