/*
 * records/restore.h
 *		Puts right what migrate() has made.
 */
#ifndef MEDREC_RESTORE_H
#define MEDREC_RESTORE_H

#include "nodes/execnodes.h"

/* within SPI; adds a row for each object that was repaired, false where it did not look */
extern bool restore_layout(ReturnSetInfo *rsinfo);

#endif							/* MEDREC_RESTORE_H */
