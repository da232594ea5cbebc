/*
 * records/records.c
 *		Functions that write records: create, visit, decisions on codes.
 *
 * They run with the caller's rights, by saved plans; the rules are the
 * triggers', so that these functions know none.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/faults.h"
#include "base/plan.h"
#include "records/patients.h"
#include "records/records.h"
#include "terminology/code_systems.h"
#include "terminology/context.h"

/* SQLSTATE that PostgREST answers with 404 */
#define ERRCODE_RECORD_NOT_FOUND	MAKE_SQLSTATE('P','T','4','0','4')

/* What a key of a visit may hold. */
typedef struct VisitKey
{
	const char *name;
	enum jbvType type;			/* jbvBinary: whatever, others look at it */
} VisitKey;

/* most diagnoses or treatments in one visit */
#define VISIT_ITEMS_MAX	1000

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

/* a visit: its patient, made or found, then what belongs to him */
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

/* decisions: the same statement for either table */
#define FOR_CODED_TABLES(set, nargs, ...) { \
	{"UPDATE ONLY medrec.diagnosis AS t SET " set \
	 " WHERE t.id OPERATOR(pg_catalog.=) $1 RETURNING pg_catalog.to_jsonb(t.*)", \
	 nargs, {__VA_ARGS__}}, \
	{"UPDATE ONLY medrec.treatment AS t SET " set \
	 " WHERE t.id OPERATOR(pg_catalog.=) $1 RETURNING pg_catalog.to_jsonb(t.*)", \
	 nargs, {__VA_ARGS__}} \
}

static SavedPlan set_status[] = FOR_CODED_TABLES("status = $2", 2, UUIDOID, TEXTOID);
static SavedPlan set_suggestions[] = FOR_CODED_TABLES("suggestions = $2", 2, UUIDOID, JSONBOID);
static SavedPlan set_candidate[] =
FOR_CODED_TABLES("code = $2, description = $3, code_system = $4, status = 'corrected'",
				 4, UUIDOID, TEXTOID, TEXTOID, TEXTOID);

/* the record as it is once nobody else can change it */
#define LOCK_CODED(table) { \
	"SELECT t.version, t.status, t.code, t.code_system, t.suggestions" \
	" FROM ONLY medrec." table " AS t" \
	" WHERE t.id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE", \
	1, {UUIDOID} \
}

static SavedPlan lock_coded[] = {LOCK_CODED("diagnosis"), LOCK_CODED("treatment")};

/* A diagnosis or treatment that is locked for a decision. */
typedef struct CodedRow
{
	int			table;			/* which of the two plans is its table's */
	int32		version;
	char	   *status;
	char	   *code;
	char	   *code_system;
	Jsonb	   *suggestions;
} CodedRow;

/* One of a record's suggestions. */
typedef struct Candidate
{
	char	   *code;
	char	   *code_system;
	char	   *display;		/* NULL where it has none */
} Candidate;

const pg_uuid_t *accepting_record = NULL;

static Datum CreateRecord(FunctionCallInfo fcinfo, SavedPlan *saved);
static void LockCoded(Datum record, CodedRow *row);
static void CheckDecision(FunctionCallInfo fcinfo, int version_arg, const CodedRow *row,
						  bool same);
static Datum UpdateCoded(SavedPlan *plan, Datum *values, const bool *nulls);
static Datum Decide(FunctionCallInfo fcinfo, const char *status);
static bool FindCandidate(const CodedRow *row, text *given, Candidate *candidate);
static void RecordNotFound(void) pg_attribute_noreturn();
static void CheckKeys(JsonbContainer *object, const char *field, const VisitKey *known,
					  FaultList *faults);
static bool IsWholeAge(const JsonbValue *value);
static Datum VisitPart(Jsonb *visit, const char *key, const VisitKey *known,
					   FaultList *faults);
static char *FieldOf(Jsonb *object, const char *key);

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

/* Says that no record of that id is there, or none that the caller may change. */
static void
RecordNotFound(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_RECORD_NOT_FOUND),
			 errmsg("record not found"),
			 errdetail("There is no diagnosis or treatment of this id, or it is not yours to change.")));
}

/* Locks a record for a decision, and reads it. */
static void
LockCoded(Datum record, CodedRow *row)
{
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;

	for (row->table = 0; row->table < lengthof(lock_coded); row->table++)
	{
		saved_plan_run(&lock_coded[row->table], &record, NULL);
		if (SPI_processed > 0)
			break;
	}
	if (row->table == lengthof(lock_coded))
		RecordNotFound();
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	row->version = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull));
	row->status = SPI_getvalue(tuple, desc, 2);
	row->code = SPI_getvalue(tuple, desc, 3);
	row->code_system = SPI_getvalue(tuple, desc, 4);
	row->suggestions = DatumGetJsonbP(SPI_getbinval(tuple, desc, 5, &isnull));
}

/*
 * Refuses a decision on a record that is no longer what was decided on: of
 * another version than the one named, or, where none is named, one that bears
 * another decision already.
 */
static void
CheckDecision(FunctionCallInfo fcinfo, int version_arg, const CodedRow *row, bool same)
{
	static const char *const decisions[] = {"confirmed", "corrected", "rejected"};
	int			i;

	if (PG_NARGS() > version_arg && !PG_ARGISNULL(version_arg))
	{
		if (PG_GETARG_INT32(version_arg) != row->version)
			ereport(ERROR,
					(errcode(ERRCODE_STALE_VERSION),
					 errmsg("the record has another version than the one named"),
					 errdetail("Somebody has changed it since it was read."),
					 errhint("Read it again and repeat the decision.")));
		return;
	}
	for (i = 0; i < lengthof(decisions); i++)
		if (!same && strcmp(row->status, decisions[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_STALE_VERSION),
					 errmsg("another decision has been taken on the record"),
					 errdetail("Its status is \"%s\".", decisions[i]),
					 errhint("Read it again. To decide differently, name its version.")));
}

/* Updates a diagnosis or treatment; returns the stored row as JSON. */
static Datum
UpdateCoded(SavedPlan *plan, Datum *values, const bool *nulls)
{
	bool		isnull;

	saved_plan_run(plan, values, nulls);
	if (SPI_processed == 0)
		RecordNotFound();
	return SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
										   1, &isnull), false, -1);
}

/* Gives a record the status that a person has decided on. */
static Datum
Decide(FunctionCallInfo fcinfo, const char *status)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), CStringGetTextDatum(status)};
	CodedRow	row;
	Datum		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	SPI_connect();
	LockCoded(values[0], &row);
	CheckDecision(fcinfo, 1, &row, strcmp(row.status, status) == 0);
	result = UpdateCoded(&set_status[row.table], values, NULL);
	SPI_finish();
	return result;
}

PG_FUNCTION_INFO_V1(medrec_confirm);

/* medrec.confirm(record, version): a person keeps the code as it is. */
Datum
medrec_confirm(PG_FUNCTION_ARGS)
{
	return Decide(fcinfo, "confirmed");
}

PG_FUNCTION_INFO_V1(medrec_reject);

/* medrec.reject(record, version): a person refuses the record. */
Datum
medrec_reject(PG_FUNCTION_ARGS)
{
	return Decide(fcinfo, "rejected");
}

PG_FUNCTION_INFO_V1(medrec_add_suggestions);

/* medrec.add_suggestions(record, suggestions): the trigger merges them in. */
Datum
medrec_add_suggestions(PG_FUNCTION_ARGS)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	CodedRow	row;
	Datum		result;

	SPI_connect();
	LockCoded(values[0], &row);
	result = UpdateCoded(&set_suggestions[row.table], values, NULL);
	SPI_finish();
	return result;
}

/* Gives a string field of a JSON object, NULL where there is none. */
static char *
FieldOf(Jsonb *object, const char *key)
{
	JsonbValue	buf;
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, key, strlen(key), &buf);

	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Finds the suggestion of a record that has the code given, in any writing. */
static bool
FindCandidate(const CodedRow *row, text *given, Candidate *candidate)
{
	JsonbIterator *it = JsonbIteratorInit(&row->suggestions->root);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		Jsonb	   *suggestion;
		const CodeSystem *cs;
		CodeCheck	check;

		if (token != WJB_ELEM || value.type != jbvBinary)
			continue;
		suggestion = JsonbValueToJsonb(&value);
		candidate->code_system = FieldOf(suggestion, "code_system");
		candidate->code = FieldOf(suggestion, "code");
		candidate->display = FieldOf(suggestion, "display");
		if (candidate->code_system == NULL || candidate->code == NULL)
			continue;
		cs = codesystem_lookup(cstring_to_text(candidate->code_system));
		if (cs == NULL)
			continue;
		codesystem_check(cs, VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), &check);
		if (check.verdict != CODE_OK || strcmp(check.code, candidate->code) != 0)
			continue;
		if (candidate->display != NULL && candidate->display[0] == '\0')
			candidate->display = NULL;
		return true;
	}
	return false;
}

PG_FUNCTION_INFO_V1(medrec_accept_suggestion);

/* medrec.accept_suggestion(record, code, version): takes one of the record's suggestions. */
Datum
medrec_accept_suggestion(PG_FUNCTION_ARGS)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	CodedRow	row;
	Candidate	candidate;
	bool		found;
	Datum		result = (Datum) 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	values[0] = PG_GETARG_DATUM(0);
	SPI_connect();
	LockCoded(values[0], &row);
	found = FindCandidate(&row, PG_GETARG_TEXT_PP(1), &candidate);
	CheckDecision(fcinfo, 2, &row,
				  found && strcmp(row.status, "corrected") == 0 &&
				  strcmp(row.code, candidate.code) == 0 &&
				  strcmp(row.code_system, candidate.code_system) == 0);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the code is not among the record's suggestions"),
				 errhint("Set code and description by an UPDATE to take another code.")));

	values[1] = CStringGetTextDatum(candidate.code);
	nulls[2] = candidate.display == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(candidate.display);
	values[3] = CStringGetTextDatum(candidate.code_system);
	accepting_record = DatumGetUUIDP(values[0]);
	PG_TRY();
	{
		result = UpdateCoded(&set_candidate[row.table], values, nulls);
	}
	PG_FINALLY();
	{
		accepting_record = NULL;
	}
	PG_END_TRY();
	SPI_finish();
	return result;
}

/* Is a JSON value an age in whole years that a patient can have? */
static bool
IsWholeAge(const JsonbValue *value)
{
	int			age;

	return context_read_age(value, &age) &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value->val.numeric),
										 DirectFunctionCall1(int4_numeric, Int32GetDatum(age))));
}

/*
 * Finds keys of a JSON object that nobody asked for - a typing error, mostly -
 * and values of the wrong kind, which a cast would repeat in its message.
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
		const VisitKey *k;

		if (token != WJB_KEY)
			continue;
		for (k = known; k->name; k++)
			if (value.val.string.len == (int) strlen(k->name) &&
				memcmp(value.val.string.val, k->name, value.val.string.len) == 0)
				break;
		if (k->name == NULL)
		{
			faults_add(faults, field, "structure", "has a key that is not known");
			continue;
		}
		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvNull || k->type == jbvBinary)
			continue;
		if (k->type == jbvString && value.type != jbvString)
			faults_add(faults, k->name, "value", "must be a string");
		else if (k->type == jbvNumeric && !IsWholeAge(&value))
			faults_add(faults, k->name, "value", "must be a whole number from 0 to %d",
					   PATIENT_AGE_MAX);
	}
}

/* Gives an array of a visit, an empty one where it is left out. */
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

PG_FUNCTION_INFO_V1(medrec_record_visit);

/* medrec.record_visit(visit): a patient with all that belongs to the visit. */
Datum
medrec_record_visit(PG_FUNCTION_ARGS)
{
	static const VisitKey visit_keys[] = {
		{"patient", jbvBinary}, {"diagnoses", jbvBinary}, {"treatments", jbvBinary}, {NULL}
	};
	static const VisitKey patient_keys[] = {
		{"id", jbvString}, {"name", jbvString}, {"age", jbvNumeric}, {"gender", jbvString},
		{"patient_id", jbvString}, {"birth_date", jbvString}, {NULL}
	};
	static const VisitKey coded_keys[] = {
		{"code", jbvString}, {"description", jbvString}, {"code_system", jbvString},
		{"suggestions", jbvBinary}, {NULL}
	};
	Jsonb	   *visit = PG_GETARG_JSONB_P(0);
	FaultList	faults;
	JsonbValue	buf;
	JsonbValue *patient = NULL;
	Jsonb	   *patient_json = NULL;
	Datum		diagnoses = (Datum) 0;
	Datum		treatments = (Datum) 0;
	Datum		values[3];
	Datum		result;
	SavedPlan  *plan;
	bool		isnull;

	faults_init(&faults);
	if (!JB_ROOT_IS_OBJECT(visit))
		faults_add(&faults, "visit", "structure", "must be an object");
	else
	{
		CheckKeys(&visit->root, "visit", visit_keys, &faults);
		patient = getKeyJsonValueFromContainer(&visit->root, "patient", strlen("patient"), &buf);
		if (patient == NULL)
			faults_add(&faults, "patient", "required", "is missing");
		else if (patient->type != jbvBinary || !JsonContainerIsObject(patient->val.binary.data))
			faults_add(&faults, "patient", "structure", "must be an object");
		else
		{
			CheckKeys(patient->val.binary.data, "patient", patient_keys, &faults);
			patient_json = JsonbValueToJsonb(patient);
		}
		diagnoses = VisitPart(visit, "diagnoses", coded_keys, &faults);
		treatments = VisitPart(visit, "treatments", coded_keys, &faults);
	}
	faults_raise(&faults, "visit");

	SPI_connect();

	/* {"id"} or {"patient_id"} alone name a patient, anything else makes one */
	values[0] = JsonbPGetDatum(patient_json);
	if (FieldOf(patient_json, "id") != NULL)
	{
		if (JB_ROOT_COUNT(patient_json) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a patient named by id takes no other fields"),
					 errhint("To change a patient, PATCH or UPDATE him.")));
		plan = &visit_patient_by_id;
	}
	else if (JB_ROOT_COUNT(patient_json) == 1 && FieldOf(patient_json, "patient_id") != NULL)
		plan = &visit_patient_by_patient_id;
	else
		plan = &visit_new_patient;
	saved_plan_run(plan, values, NULL);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_RECORD_NOT_FOUND),
				 errmsg("patient not found")));
	values[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

	values[1] = diagnoses;
	saved_plan_run(&visit_diagnoses, values, NULL);
	diagnoses = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	values[1] = treatments;
	saved_plan_run(&visit_treatments, values, NULL);
	treatments = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

	values[1] = diagnoses;
	values[2] = treatments;
	saved_plan_run(&visit_result, values, NULL);
	if (SPI_processed != 1)		/* deleted meanwhile, or no longer to be seen */
		ereport(ERROR,
				(errcode(ERRCODE_RECORD_NOT_FOUND),
				 errmsg("patient not found")));
	result = SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											 1, &isnull), false, -1);
	SPI_finish();
	return result;
}
