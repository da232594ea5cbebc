/*
 * records/answer.h
 *		What the answer to a request says of the one record that it is about: the
 *		headers ETag and Location, and whether a precondition holds.
 */
#ifndef MEDREC_ANSWER_H
#define MEDREC_ANSWER_H

#include "records/row.h"

/* ETag, and of a new row Location, where the gateway says that the request is about one record */
extern void answer_tell_row(const RecordRow *row);

#endif							/* MEDREC_ANSWER_H */
