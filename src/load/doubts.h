/*
 * load/doubts.h
 *		What is unusual about a file that can be loaded.
 */
#ifndef MEDREC_LOAD_DOUBTS_H
#define MEDREC_LOAD_DOUBTS_H

#include "load/format.h"

extern void load_find_doubts(Load *load, int32 release, Datum sha256);
extern void load_doubt_format(Load *load, const LoadFormat *looks_like);
extern bool load_can_store_doubts(void);
extern void load_tell_doubts(const Load *load, int32 release);

#endif							/* MEDREC_LOAD_DOUBTS_H */
