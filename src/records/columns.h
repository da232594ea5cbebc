/*
 * records/columns.h
 *		The record tables, and the numbers of medrec's columns in them.
 */
#ifndef MEDREC_RECORD_COLUMNS_H
#define MEDREC_RECORD_COLUMNS_H

#include "access/attnum.h"
#include "utils/relcache.h"

typedef enum RecordKind
{
	RECORD_ACCOUNT,
	RECORD_PATIENT,
	RECORD_DIAGNOSIS,
	RECORD_TREATMENT
} RecordKind;

#define RECORD_KINDS	4

/* the names of the tables */
extern const char *const record_kind_names[RECORD_KINDS];

/*
 * The numbers of medrec's columns in a record table, indexed by the enum of
 * its kind; the user's own columns are not touched. Valid as long as for
 * columns_of().
 */
extern const AttrNumber *record_columns(Relation rel, RecordKind kind);

/* columns of account */
enum
{
	ACCOUNT_USERNAME,
	ACCOUNT_EMAIL,
	ACCOUNT_ROLE,
	ACCOUNT_PASSWORD
};

/* columns of patient */
enum
{
	PATIENT_ID,
	PATIENT_NAME,
	PATIENT_AGE,
	PATIENT_GENDER,
	PATIENT_PATIENT_ID,
	PATIENT_LAST_VISIT,
	PATIENT_BIRTH_DATE,
	PATIENT_VERSION,
	PATIENT_CREATED_AT,
	PATIENT_UPDATED_AT
};

/* columns of diagnosis and treatment */
enum
{
	CODED_ID,
	CODED_PATIENT_ID,
	CODED_CODE,
	CODED_DESCRIPTION,
	CODED_CODE_SYSTEM,
	CODED_STATUS,
	CODED_VALIDATION_DATE,
	CODED_VALIDATED_BY,
	CODED_SUGGESTIONS,
	CODED_ISSUES,
	CODED_VERSION,
	CODED_CREATED_AT,
	CODED_UPDATED_AT
};

#endif							/* MEDREC_RECORD_COLUMNS_H */
