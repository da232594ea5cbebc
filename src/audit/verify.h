/*
 * audit/verify.h
 *		Queries over the whole trail: all events, and those without a seal.
 */
#ifndef MEDREC_AUDIT_VERIFY_H
#define MEDREC_AUDIT_VERIFY_H

#include "audit/seal.h"

extern char *audit_trail(void);
extern char *audit_unsealed(const AuditSeal *last);

#endif							/* MEDREC_AUDIT_VERIFY_H */
