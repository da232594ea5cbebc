/*
 * records/patients.c
 *		What is known about a patient when one of their codes is validated.
 */
#include "base/medrec.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/relations.h"
#include "records/columns.h"
#include "records/patients.h"
#include "terminology/code_systems.h"

/* most codes of a visit that are checked */
#define VISIT_CODES_MAX	1000

/* Counts full years. */
int
patient_age(DateADT birth_date, DateADT on_date)
{
	int			by,
				bm,
				bd,
				y,
				m,
				d;

	if (DATE_NOT_FINITE(birth_date) || DATE_NOT_FINITE(on_date) || birth_date > on_date)
		return -1;
	j2date(birth_date + POSTGRES_EPOCH_JDATE, &by, &bm, &bd);
	j2date(on_date + POSTGRES_EPOCH_JDATE, &y, &m, &d);
	return y - by - (m < bm || (m == bm && d < bd) ? 1 : 0);
}

/* Looks up what the validation of a code depends on. */
void
patient_context(const pg_uuid_t *id, DateADT on_date, PatientContext *context)
{
	Relation	rel = table_open(medrec_relation("patient"), AccessShareLock);
	const AttrNumber *columns = record_columns(rel, RECORD_PATIENT);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	context->age = -1;
	context->gender = NULL;
	ScanKeyInit(&key, columns[PATIENT_ID], BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan = systable_beginscan(rel, medrec_index(rel, "patient_pkey"), true,
							  GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, columns[PATIENT_BIRTH_DATE], desc, &isnull);

		if (!isnull)
			context->age = patient_age(DatumGetDateADT(value), on_date);
		else
			context->age = DatumGetInt32(heap_getattr(tuple, columns[PATIENT_AGE], desc, &isnull));
		value = heap_getattr(tuple, columns[PATIENT_GENDER], desc, &isnull);
		if (!isnull)
			context->gender = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Finds the day of a time, in the session's time zone. */
DateADT
day_of(TimestampTz time)
{
	return DatumGetDateADT(DirectFunctionCall1(timestamptz_date, TimestampTzGetDatum(time)));
}

/* Adds the codes of a day that one table has of a patient. */
static List *
VisitCodes(List *codes, RecordKind kind, const char *index, const pg_uuid_t *patient,
		   const pg_uuid_t *record, const CodeSystem *cs, DateADT on_date)
{
	Relation	rel = table_open(medrec_relation(record_kind_names[kind]), AccessShareLock);
	const AttrNumber *columns = record_columns(rel, kind);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, columns[CODED_PATIENT_ID], BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(patient));

	/*
	 * rows that the running statement has stored already belong to the visit
	 * too
	 */
	scan = systable_beginscan(rel, medrec_index(rel, index), true, SnapshotSelf, 1, &key);
	while (list_length(codes) < VISIT_CODES_MAX && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (memcmp(DatumGetUUIDP(heap_getattr(tuple, columns[CODED_ID], desc, &isnull)),
				   record, UUID_LEN) == 0 ||
			day_of(DatumGetTimestampTz(heap_getattr(tuple, columns[CODED_CREATED_AT],
													desc, &isnull))) != on_date ||
			codesystem_lookup(DatumGetTextPP(heap_getattr(tuple, columns[CODED_CODE_SYSTEM],
														  desc, &isnull))) != cs)
			continue;
		codes = lappend(codes, TextDatumGetCString(heap_getattr(tuple, columns[CODED_CODE],
																desc, &isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return codes;
}

/* Finds the other codes of a visit. */
List *
patient_visit_codes(const pg_uuid_t *patient, const pg_uuid_t *record,
					const CodeSystem *cs, DateADT on_date)
{
	List	   *codes = NIL;

	codes = VisitCodes(codes, RECORD_DIAGNOSIS, "diagnosis_patient_id_idx",
					   patient, record, cs, on_date);
	return VisitCodes(codes, RECORD_TREATMENT, "treatment_patient_id_idx",
					  patient, record, cs, on_date);
}
