/*
 * patients.h
 *		What is known of a patient where his codes are judged, and his last visit.
 */
#ifndef MEDREC_PATIENTS_H
#define MEDREC_PATIENTS_H

#include "utils/date.h"
#include "utils/uuid.h"

#define PATIENT_AGE_MAX		150

/* full years from a birth date to a day; negative when it lies after the day */
extern int	patient_age(DateADT birth_date, DateADT on_date);

typedef struct PatientContext
{
	int			age;			/* in years on the day, -1 where unknown */
	char	   *gender;			/* NULL where unknown */
} PatientContext;

/* looks a patient up; of an unknown one nothing is known */
extern void patient_context(const pg_uuid_t *id, DateADT on_date, PatientContext *context);

#endif							/* MEDREC_PATIENTS_H */
