/*
 * records/create.c
 *		medrec.create_patient(), create_diagnosis(), create_treatment().
 *
 * They run with the caller's rights, with saved plans. The triggers check the
 * rows, so these functions do not.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"

#include "base/plan.h"

#define PATIENT_RETURNING \
	"id, name, age, gender, patient_id, last_visit, birth_date, version, created_at, updated_at"
#define CODED_RETURNING \
	"id, patient_id, code, description, code_system, status, validation_date, validated_by," \
	" suggestions, issues, version, created_at, updated_at"

static SavedPlan insert_patient = {
	"INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)"
	" VALUES ($1, $2, $3, $4, $5) RETURNING " PATIENT_RETURNING,
	5, {TEXTOID, INT4OID, TEXTOID, TEXTOID, DATEOID}
};

#define INSERT_CODED(table) { \
	"INSERT INTO medrec." table " (patient_id, code, description, code_system)" \
	" VALUES ($1, $2, $3, $4) RETURNING " CODED_RETURNING, \
	4, {UUIDOID, TEXTOID, TEXTOID, TEXTOID} \
}

static SavedPlan insert_diagnosis = INSERT_CODED("diagnosis");
static SavedPlan insert_treatment = INSERT_CODED("treatment");

/* Inserts a row from a function's arguments and returns it as stored. */
static Datum
CreateRecord(FunctionCallInfo fcinfo, SavedPlan *saved)
{
	TupleDesc	desc;
	Datum		values[SAVED_PLAN_ARGS];
	bool		nulls[SAVED_PLAN_ARGS] = {false};
	HeapTupleHeader row;
	int			i;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	for (i = 0; i < saved->nargs; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i);
	}

	SPI_connect();
	saved_plan_run(saved, values, nulls);
	if (SPI_processed != 1)
		elog(ERROR, "a record was not stored");
	row = SPI_returntuple(SPI_tuptable->vals[0], desc);
	SPI_finish();
	PG_RETURN_HEAPTUPLEHEADER(row);
}

PG_FUNCTION_INFO_V1(medrec_create_patient);

/* medrec.create_patient(name, age, gender, patient_id, birth_date) */
Datum
medrec_create_patient(PG_FUNCTION_ARGS)
{
	return CreateRecord(fcinfo, &insert_patient);
}

PG_FUNCTION_INFO_V1(medrec_create_diagnosis);

/* medrec.create_diagnosis(patient, code, description, code_system) */
Datum
medrec_create_diagnosis(PG_FUNCTION_ARGS)
{
	return CreateRecord(fcinfo, &insert_diagnosis);
}

PG_FUNCTION_INFO_V1(medrec_create_treatment);

/* medrec.create_treatment(patient, code, description, code_system) */
Datum
medrec_create_treatment(PG_FUNCTION_ARGS)
{
	return CreateRecord(fcinfo, &insert_treatment);
}
