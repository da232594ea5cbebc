/*
 * restore.h
 *		Puts right what migrate() has made.
 */
#ifndef MEDREC_RESTORE_H
#define MEDREC_RESTORE_H

#include "nodes/execnodes.h"

/* within SPI; adds a row for each object that was repaired, false where it did not look */
extern bool restore_layout(ReturnSetInfo *rsinfo);

/* refuses to open an era of the audit trail where an import is not at its end */
extern void restore_check_era(bool first);
extern void restore_refuse_without_era(void) pg_attribute_noreturn();

#endif							/* MEDREC_RESTORE_H */
