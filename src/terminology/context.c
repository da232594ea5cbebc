/*
 * terminology/context.c
 *		Reads the context of a code, which callers give as JSON.
 */
#include "base/medrec.h"

#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/numeric.h"

#include "base/faults.h"
#include "base/jsonb.h"
#include "terminology/code_systems.h"
#include "terminology/context.h"

/* most codes of a visit that are checked */
#define CONTEXT_CODES_MAX	1000

/* Reads the value of one key, which is not null. */
typedef void (*KeyReader) (const JsonbValue *value, const CodeSystem *cs, CodeContext *context,
						   FaultList *faults);

/* The value of a JSON string that contains JSON itself, which is how an object
 * in a URL arrives. Anything else is returned unchanged. */
static Jsonb *
FromString(Jsonb *jb)
{
	JsonbValue	value;
	char	   *text;

	if (!JB_ROOT_IS_SCALAR(jb) || !JsonbExtractScalar(&jb->root, &value) || value.type != jbvString)
		return jb;
	text = pnstrdup(value.val.string.val, value.val.string.len);
	if (!medrec_is_json(text, value.val.string.len))
		return jb;
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* Reads an age; false if it is not a number that a patient can have. */
bool
context_read_age(const JsonbValue *value, int *age)
{
	Datum		number;

	if (value->type != jbvNumeric)
		return false;
	/* compared as numeric: a number may be larger than any integer */
	number = NumericGetDatum(value->val.numeric);
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, number,
										  DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))) < 0 ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, number,
										  DirectFunctionCall1(int4_numeric,
															  Int32GetDatum(PATIENT_AGE_MAX)))) > 0)
		return false;
	*age = DatumGetInt32(DirectFunctionCall1(numeric_int4,
											 DirectFunctionCall1(numeric_floor, number)));
	return true;
}

/* Reads the codes of the visit; malformed ones exclude nothing. */
static void
ReadVisitCodes(const JsonbValue *value, const CodeSystem *cs, CodeContext *context,
			   FaultList *faults)
{
	JsonbIterator *it;
	JsonbValue	element;
	JsonbIteratorToken token;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) > CONTEXT_CODES_MAX)
	{
		faults_add(faults, "codes", "structure", "must be an array of at most %d strings",
				   CONTEXT_CODES_MAX);
		return;
	}
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		CodeCheck	check;

		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvString)
		{
			faults_add(faults, "codes", "structure", "must be an array of strings");
			break;
		}
		codesystem_check(cs, element.val.string.val, element.val.string.len, &check);
		if (check.verdict == CODE_OK)
			context->codes = lappend(context->codes, pstrdup(check.code));
	}
}

/* Reads the patient's age. */
static void
ReadPatientAge(const JsonbValue *value, const CodeSystem *cs, CodeContext *context,
			   FaultList *faults)
{
	if (!context_read_age(value, &context->age))
		faults_add(faults, "age", "value", "must be a number from 0 to %d", PATIENT_AGE_MAX);
}

/* Reads the patient's gender. */
static void
ReadGender(const JsonbValue *value, const CodeSystem *cs, CodeContext *context, FaultList *faults)
{
	if (value->type != jbvString)
		faults_add(faults, "gender", "value", "must be a string");
	else
		context->gender = asc_tolower(value->val.string.val, value->val.string.len);
}

/* Reads the role of the diagnosis. */
static void
ReadRole(const JsonbValue *value, const CodeSystem *cs, CodeContext *context, FaultList *faults)
{
	if (value->type != jbvString)
		faults_add(faults, "role", "value", "must be a string");
	else
		context->principal = jsonb_is_text(value, "principal");
}

/* Reads whether the text is still being typed. */
static void
ReadTyping(const JsonbValue *value, const CodeSystem *cs, CodeContext *context, FaultList *faults)
{
	if (value->type != jbvBool)
		faults_add(faults, "typing", "value", "must be true or false");
	else
		context->typing = value->val.boolean;
}

/* Finds the reader of a key, NULL if the key is unknown. */
static KeyReader
ReaderOf(const JsonbValue *key)
{
	static const struct
	{
		const char *key;
		KeyReader	read;
	}			readers[] = {
		{"codes", ReadVisitCodes}, {"age", ReadPatientAge}, {"gender", ReadGender},
		{"role", ReadRole}, {"typing", ReadTyping}
	};

	for (int i = 0; i < lengthof(readers); i++)
		if (jsonb_is_text(key, readers[i].key))
			return readers[i].read;
	return NULL;
}

/* Reads a context. */
void
context_read(Jsonb *jb, const CodeSystem *cs, CodeContext *context)
{
	FaultList	faults;
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	memset(context, 0, sizeof(CodeContext));
	context->age = -1;
	if (jb == NULL)
		return;

	faults_init(&faults);
	jb = FromString(jb);
	if (!JB_ROOT_IS_OBJECT(jb))
	{
		faults_add(&faults, "context", "structure", "must be an object");
		faults_raise(&faults, "context");
	}
	it = JsonbIteratorInit(&jb->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		KeyReader	read;

		if (token != WJB_KEY)
			continue;
		read = ReaderOf(&value);
		(void) JsonbIteratorNext(&it, &value, true);
		if (read == NULL)
			faults_add(&faults, "context", "structure", "has an unknown key");
		else if (value.type != jbvNull)
			read(&value, cs, context, &faults);
	}
	faults_raise(&faults, "context");
}
