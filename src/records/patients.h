/*
 * records/patients.h
 *		What is known about a patient when one of their codes is validated.
 */
#ifndef MEDREC_PATIENTS_H
#define MEDREC_PATIENTS_H

#include "nodes/pg_list.h"
#include "utils/date.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "codes/codes.h"

/* the day of a time, in the session's time zone */
extern DateADT day_of(TimestampTz time);

/* full years from a birth date to a day; negative if it is after the day */
extern int	patient_age(DateADT birth_date, DateADT on_date);

typedef struct PatientContext
{
	int			age;			/* in years on the day, -1 where unknown */
	char	   *gender;			/* NULL where unknown */
} PatientContext;

/* looks a patient up; all is unknown if they do not exist */
extern void patient_context(const pg_uuid_t *id, DateADT on_date, PatientContext *context);

/*
 * the other codes of a system that the patient's diagnoses and treatments of the
 * same day have, as strings; those of the running statement included
 */
extern List *patient_visit_codes(const pg_uuid_t *patient, const pg_uuid_t *record,
								 const CodeSystem *cs, DateADT on_date);

#endif							/* MEDREC_PATIENTS_H */
