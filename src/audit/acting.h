/*
 * audit/acting.h
 *		Who acts, for the events of a statement.
 */
#ifndef MEDREC_AUDIT_ACTING_H
#define MEDREC_AUDIT_ACTING_H

#include "audit/event.h"

/*
 * Fills in the texts that events share and the process, with copies in the
 * current context, and the beginning of the leaf hash over them. connection:
 * the trail has the columns of the connection. action: a literal.
 */
extern void audit_acting(AuditEvent *event, bool connection, const char *action,
						 const char *table_name, Sha256 *hash);

#endif							/* MEDREC_AUDIT_ACTING_H */
