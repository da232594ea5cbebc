/*
 * systems.h
 *		The fourteen systems' functions, which only the registry calls.
 */
#ifndef MEDREC_CODES_SYSTEMS_H
#define MEDREC_CODES_SYSTEMS_H

#include "codes/codes.h"

#define SYSTEM_CHECK(name) \
	extern void name##_check(const char *in, size_t len, CodeCheck *out)
#define SYSTEM_PARENT(name) \
	extern int name##_parent(const char *code, int len, char out[CODE_MAX_LEN + 1])

SYSTEM_CHECK(icd10cm);
SYSTEM_PARENT(icd10cm);
SYSTEM_CHECK(icd10pcs);
SYSTEM_PARENT(icd10pcs);
SYSTEM_CHECK(icd10);
SYSTEM_PARENT(icd10);
SYSTEM_CHECK(icd9cm);
SYSTEM_PARENT(icd9cm);
SYSTEM_CHECK(icd9pcs);
SYSTEM_PARENT(icd9pcs);
SYSTEM_CHECK(icd11);
SYSTEM_PARENT(icd11);
SYSTEM_CHECK(snomed);
SYSTEM_CHECK(loinc);
SYSTEM_CHECK(rxnorm);
SYSTEM_CHECK(ndc);
SYSTEM_PARENT(ndc);
SYSTEM_CHECK(cpt);
SYSTEM_CHECK(hcpcs);
SYSTEM_CHECK(cvx);
SYSTEM_CHECK(atc);
SYSTEM_PARENT(atc);

#endif							/* MEDREC_CODES_SYSTEMS_H */
