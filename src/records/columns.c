/*
 * records/columns.c
 *		The record tables, and the numbers of medrec's columns in them.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "utils/rel.h"

#include "base/columns.h"
#include "records/columns.h"

const char *const record_kind_names[RECORD_KINDS] = {
	"account", "patient", "diagnosis", "treatment"
};

static const WantedColumn account_columns[] = {
	{"username", TEXTOID}, {"email", TEXTOID}, {"role", TEXTOID}, {"password", TEXTOID}
};
static const WantedColumn patient_columns[] = {
	{"id", UUIDOID}, {"name", TEXTOID}, {"age", INT4OID}, {"gender", TEXTOID},
	{"patient_id", TEXTOID}, {"last_visit", TIMESTAMPTZOID}, {"birth_date", DATEOID},
	{"version", INT4OID}, {"created_at", TIMESTAMPTZOID}, {"updated_at", TIMESTAMPTZOID}
};
static const WantedColumn coded_columns[] = {
	{"id", UUIDOID}, {"patient_id", UUIDOID}, {"code", TEXTOID}, {"description", TEXTOID},
	{"code_system", TEXTOID}, {"status", TEXTOID}, {"validation_date", TIMESTAMPTZOID},
	{"validated_by", TEXTOID}, {"suggestions", JSONBOID}, {"issues", JSONBOID},
	{"version", INT4OID}, {"created_at", TIMESTAMPTZOID}, {"updated_at", TIMESTAMPTZOID}
};

/* Finds the numbers of medrec's columns in a record table. */
const AttrNumber *
record_columns(Relation rel, RecordKind kind)
{
	static WantedColumns columns[RECORD_KINDS] = {
		WANTED_COLUMNS(account_columns), WANTED_COLUMNS(patient_columns),
		WANTED_COLUMNS(coded_columns), WANTED_COLUMNS(coded_columns)
	};

	return columns_of(RelationGetRelid(rel), &columns[kind]);
}
