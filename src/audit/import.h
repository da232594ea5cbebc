/*
 * audit/import.h
 *		The audit trail while a dump is loaded.
 */
#ifndef MEDREC_AUDIT_IMPORT_H
#define MEDREC_AUDIT_IMPORT_H

/* refuses to open an era during an import */
extern void audit_check_import(bool first);
extern void audit_refuse_without_era(void) pg_attribute_noreturn();

#endif							/* MEDREC_AUDIT_IMPORT_H */
