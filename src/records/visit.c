/*
 * records/visit.c
 *		medrec.record_visit(): a patient, found or made, with the diagnoses and
 *		treatments of a visit, all or nothing.
 *
 * It runs with the caller's rights, with saved plans. The triggers check the
 * rows.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/faults.h"
#include "base/jsonb.h"
#include "base/plan.h"
#include "terminology/context.h"

/* The type of a key's value in a visit. */
typedef struct VisitKey
{
	const char *name;
	enum jbvType type;			/* jbvBinary: any, checked elsewhere */
} VisitKey;

/* A visit, taken apart. */
typedef struct Visit
{
	Jsonb	   *patient;
	Datum		diagnoses;
	Datum		treatments;
} Visit;

/* most diagnoses or treatments in one visit */
#define VISIT_ITEMS_MAX	1000

static SavedPlan visit_new_patient = {
	"INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date)"
	" SELECT r.name, r.age, r.gender, r.patient_id, r.birth_date"
	" FROM pg_catalog.jsonb_to_record($1) AS r"
	" (name pg_catalog.text, age pg_catalog.int4, gender pg_catalog.text,"
	"  patient_id pg_catalog.text, birth_date pg_catalog.date)"
	" RETURNING id",
	1, {JSONBOID}
};
static SavedPlan visit_patient_by_id = {
	"SELECT p.id FROM ONLY medrec.patient AS p, pg_catalog.jsonb_to_record($1) AS r (id pg_catalog.uuid)"
	" WHERE p.id OPERATOR(pg_catalog.=) r.id",
	1, {JSONBOID}
};
static SavedPlan visit_patient_by_patient_id = {
	"SELECT p.id FROM ONLY medrec.patient AS p, pg_catalog.jsonb_to_record($1) AS r (patient_id pg_catalog.text)"
	" WHERE p.patient_id OPERATOR(pg_catalog.=) r.patient_id::pg_catalog.varchar",
	1, {JSONBOID}
};

#define VISIT_CODED(table) { \
	"WITH stored AS (" \
	"  INSERT INTO medrec." table " AS t (patient_id, code, description, code_system, suggestions)" \
	"  SELECT $1, r.code, r.description, r.code_system, r.suggestions" \
	"  FROM pg_catalog.jsonb_to_recordset($2) AS r" \
	"   (code pg_catalog.text, description pg_catalog.text, code_system pg_catalog.text," \
	"    suggestions pg_catalog.jsonb)" \
	"  RETURNING pg_catalog.to_jsonb(t.*) AS row)" \
	" SELECT COALESCE(pg_catalog.jsonb_agg(stored.row), '[]') FROM stored", \
	2, {UUIDOID, JSONBOID} \
}

static SavedPlan visit_diagnoses = VISIT_CODED("diagnosis");
static SavedPlan visit_treatments = VISIT_CODED("treatment");
static SavedPlan visit_result = {
	"SELECT pg_catalog.jsonb_build_object('patient', pg_catalog.to_jsonb(p.*),"
	" 'diagnoses', $2, 'treatments', $3)"
	" FROM ONLY medrec.patient AS p WHERE p.id OPERATOR(pg_catalog.=) $1",
	3, {UUIDOID, JSONBOID, JSONBOID}
};

/* Is a JSON value an age in whole years that a patient can have? */
static bool
IsWholeAge(const JsonbValue *value)
{
	int			age;

	return context_read_age(value, &age) &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value->val.numeric),
										 DirectFunctionCall1(int4_numeric, Int32GetDatum(age))));
}

/* Finds a known key, NULL if it is unknown. */
static const VisitKey *
FindVisitKey(const JsonbValue *key, const VisitKey *known)
{
	for (; known->name; known++)
		if (jsonb_is_text(key, known->name))
			return known;
	return NULL;
}

/*
 * Reports unknown keys of a JSON object, which are mostly typing errors, and
 * values of the wrong type, which a cast would repeat in its error message.
 */
static void
CheckKeys(JsonbContainer *object, const char *field, const VisitKey *known,
		  FaultList *faults)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		const VisitKey *key;

		if (token != WJB_KEY)
			continue;
		key = FindVisitKey(&value, known);
		if (key == NULL)
		{
			faults_add(faults, field, "structure", "has an unknown key");
			continue;
		}
		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvNull || key->type == jbvBinary)
			continue;
		if (key->type == jbvString && value.type != jbvString)
			faults_add(faults, key->name, "value", "must be a string");
		else if (key->type == jbvNumeric && !IsWholeAge(&value))
			faults_add(faults, key->name, "value", "must be a whole number from 0 to %d",
					   PATIENT_AGE_MAX);
	}
}

/* Returns an array of a visit, an empty one if it is missing. */
static Datum
VisitPart(Jsonb *visit, const char *key, const VisitKey *known, FaultList *faults)
{
	JsonbValue	buf;
	JsonbValue *part = getKeyJsonValueFromContainer(&visit->root, key, strlen(key), &buf);
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (part == NULL || part->type == jbvNull)
		return DirectFunctionCall1(jsonb_in, CStringGetDatum("[]"));
	if (part->type != jbvBinary || !JsonContainerIsArray(part->val.binary.data))
	{
		faults_add(faults, key, "structure", "must be an array of objects");
		return (Datum) 0;
	}
	if (JsonContainerSize(part->val.binary.data) > VISIT_ITEMS_MAX)
	{
		faults_add(faults, key, "too-long", "must not have more than %d elements", VISIT_ITEMS_MAX);
		return (Datum) 0;
	}
	it = JsonbIteratorInit(part->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			faults_add(faults, key, "structure", "must be an array of objects");
		else
			CheckKeys(value.val.binary.data, key, known, faults);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(part));
}

/* Reads the patient of a visit; NULL, and a fault, if it is not an object. */
static Jsonb *
VisitPatient(Jsonb *visit, FaultList *faults)
{
	static const VisitKey keys[] = {
		{"id", jbvString}, {"name", jbvString}, {"age", jbvNumeric}, {"gender", jbvString},
		{"patient_id", jbvString}, {"birth_date", jbvString}, {NULL}
	};
	JsonbValue	buf;
	JsonbValue *patient = getKeyJsonValueFromContainer(&visit->root, "patient", strlen("patient"), &buf);

	if (patient == NULL)
		faults_add(faults, "patient", "required", "is missing");
	else if (patient->type != jbvBinary || !JsonContainerIsObject(patient->val.binary.data))
		faults_add(faults, "patient", "structure", "must be an object");
	else
	{
		CheckKeys(patient->val.binary.data, "patient", keys, faults);
		return JsonbValueToJsonb(patient);
	}
	return NULL;
}

/* Parses a visit; 22023 if it is malformed. */
static void
ReadVisit(Jsonb *jb, Visit *visit)
{
	static const VisitKey visit_keys[] = {
		{"patient", jbvBinary}, {"diagnoses", jbvBinary}, {"treatments", jbvBinary}, {NULL}
	};
	static const VisitKey coded_keys[] = {
		{"code", jbvString}, {"description", jbvString}, {"code_system", jbvString},
		{"suggestions", jbvBinary}, {NULL}
	};
	FaultList	faults;

	faults_init(&faults);
	if (!JB_ROOT_IS_OBJECT(jb))
		faults_add(&faults, "visit", "structure", "must be an object");
	else
	{
		CheckKeys(&jb->root, "visit", visit_keys, &faults);
		visit->patient = VisitPatient(jb, &faults);
		visit->diagnoses = VisitPart(jb, "diagnoses", coded_keys, &faults);
		visit->treatments = VisitPart(jb, "treatments", coded_keys, &faults);
	}
	faults_raise(&faults, "visit");
}

/* The first value of the row that a statement within SPI has returned. */
static Datum
OnlyValue(void)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

static void PatientNotFound(void) pg_attribute_noreturn();

/* Raises the error for a patient who does not exist, or whom the caller may not see. */
static void
PatientNotFound(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_HTTP_NOT_FOUND),
			 errmsg("patient not found")));
}

/*
 * Finds the patient of a visit, or creates one: {"id"} or {"patient_id"} alone
 * identifies an existing one.
 */
static Datum
FindOrMakePatient(Jsonb *patient)
{
	Datum		value = JsonbPGetDatum(patient);
	SavedPlan  *plan = &visit_new_patient;

	if (jsonb_string_at(patient, "id") != NULL)
	{
		if (JB_ROOT_COUNT(patient) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a patient given by id must have no other fields"),
					 errhint("To change the patient, use PATCH or UPDATE.")));
		plan = &visit_patient_by_id;
	}
	else if (JB_ROOT_COUNT(patient) == 1 && jsonb_string_at(patient, "patient_id") != NULL)
		plan = &visit_patient_by_patient_id;
	if (saved_plan_run(plan, &value, NULL) != 1)
		PatientNotFound();
	return OnlyValue();
}

/* Stores the diagnoses or treatments of a patient; the rows as stored. */
static Datum
StorePart(SavedPlan *plan, Datum patient, Datum part)
{
	Datum		values[2] = {patient, part};

	(void) saved_plan_run(plan, values, NULL);
	return OnlyValue();
}

PG_FUNCTION_INFO_V1(medrec_record_visit);

/* medrec.record_visit(visit): a patient with all that belongs to the visit. */
Datum
medrec_record_visit(PG_FUNCTION_ARGS)
{
	Visit		visit = {0};
	Datum		values[3];
	Datum		result;

	ReadVisit(PG_GETARG_JSONB_P(0), &visit);
	SPI_connect();
	values[0] = FindOrMakePatient(visit.patient);
	values[1] = StorePart(&visit_diagnoses, values[0], visit.diagnoses);
	values[2] = StorePart(&visit_treatments, values[0], visit.treatments);
	if (saved_plan_run(&visit_result, values, NULL) != 1)
		PatientNotFound();		/* deleted meanwhile, or no longer visible */
	result = SPI_datumTransfer(OnlyValue(), false, -1);
	SPI_finish();
	return result;
}
