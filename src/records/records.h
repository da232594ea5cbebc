/*
 * records/records.h
 *		The record tables: their columns by name, and decisions on their codes.
 */
#ifndef MEDREC_RECORDS_H
#define MEDREC_RECORDS_H

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

typedef enum RecordKind
{
	RECORD_ACCOUNT,
	RECORD_PATIENT,
	RECORD_DIAGNOSIS,
	RECORD_TREATMENT
} RecordKind;

#define RECORD_KINDS	4

/* SQLSTATE that PostgREST answers with 409 */
#define ERRCODE_STALE_VERSION	MAKE_SQLSTATE('P','T','4','0','9')

/* most of medrec's own columns that a record table has */
#define RECORD_COLUMNS_MAX	16

extern const char *const record_kind_names[RECORD_KINDS];

/*
 * Where medrec's columns stand in a record table, by the numbers of the enum
 * that belongs to its kind; user columns are left alone.  Cached until the
 * table changes.
 */
extern const AttrNumber *record_columns(Relation rel, RecordKind kind);

/* columns of account */
enum
{
	ACCOUNT_USERNAME,
	ACCOUNT_EMAIL,
	ACCOUNT_ROLE,
	ACCOUNT_PASSWORD,
	ACCOUNT_COLUMNS
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
	PATIENT_UPDATED_AT,
	PATIENT_COLUMNS
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
	CODED_UPDATED_AT,
	CODED_COLUMNS
};

/*
 * The record whose suggestion is being accepted by medrec.accept_suggestion(),
 * NULL otherwise: only then does the trigger take "corrected" for a status.  A
 * variable of the backend, so that no SQL can forge it.
 */
extern const pg_uuid_t *accepting_record;

#endif							/* MEDREC_RECORDS_H */
