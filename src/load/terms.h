/*
 * load/terms.h
 *		Writes the terms, notes and rules of a release.
 */
#ifndef MEDREC_LOAD_TERMS_H
#define MEDREC_LOAD_TERMS_H

#include "load/input.h"

extern void load_forget_terms(const CodeSystem *system, int32 release);
extern void load_store_terms(Load *load, int32 release);
extern void load_store_rules(Load *load, int32 release);

#endif							/* MEDREC_LOAD_TERMS_H */
