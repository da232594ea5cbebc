/*
 * records/restore.h
 *		Repairs what migrate() has made.
 */
#ifndef MEDREC_RESTORE_H
#define MEDREC_RESTORE_H

#include "nodes/execnodes.h"

/* within SPI; adds a row for each object that was repaired; false if it did not compare */
extern bool restore_layout(ReturnSetInfo *rsinfo);

#endif							/* MEDREC_RESTORE_H */
