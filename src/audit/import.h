/*
 * audit/import.h
 *		The trail beside a dump that is loaded.
 */
#ifndef MEDREC_AUDIT_IMPORT_H
#define MEDREC_AUDIT_IMPORT_H

/* refuses to open an era where an import is not at its end */
extern void audit_check_import(bool first);
extern void audit_refuse_without_era(void) pg_attribute_noreturn();

#endif							/* MEDREC_AUDIT_IMPORT_H */
