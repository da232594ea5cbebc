/*
 * audit/canon.h
 *		The canonical text of an event, and its leaf hash.
 */
#ifndef MEDREC_AUDIT_CANON_H
#define MEDREC_AUDIT_CANON_H

#include "audit/event.h"

extern void audit_uuid_text(char *out, const pg_uuid_t *uuid);
extern void audit_hash_texts(const AuditEvent *event, Sha256 *hash);
extern void audit_hash_times(const AuditEvent *event, Sha256 *hash);
extern void audit_hash_leaf(const AuditEvent *event, const Sha256 *shared, uint8 *leaf);
extern char *audit_canonical_text(const AuditEvent *event);

#endif							/* MEDREC_AUDIT_CANON_H */
