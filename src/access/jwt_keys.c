/*
 * access/jwt_keys.c
 *		The keys that tokens are signed with: creation, rotation, and delivery
 *		to PostgREST.
 *
 * Three kinds of keys are accepted at a time: the one that signs, the next
 * one, and those that have been replaced but may have signed tokens still in
 * use. The next key is made one rotation ahead, so that PostgREST knows it
 * long before it signs.
 */
#include "base/medrec.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "access/token.h"
#include "base/plan.h"

/* lock of a key rotation: "mrjk" */
#define KEY_LOCK	INT64CONST(0x6d726a6b)

static SavedPlan drop_all = {
	"DELETE FROM medrec.jwt_key",
	0, {0}
};
static SavedPlan end_tokens = {
	"INSERT INTO medrec.token_generation AS g (account_id, generation)"
	" SELECT a.id, 1 FROM medrec.account AS a"
	" ON CONFLICT (account_id) DO UPDATE SET generation = g.generation OPERATOR(pg_catalog.+) 1",
	0, {0}
};
static SavedPlan drop_retired = {
	"DELETE FROM medrec.jwt_key"
	" WHERE retired_at OPERATOR(pg_catalog.<=) pg_catalog.statement_timestamp()",
	0, {0}
};
static SavedPlan retire_signing = {
	"UPDATE medrec.jwt_key SET retired_at = pg_catalog.statement_timestamp() OPERATOR(pg_catalog.+) $1"
	" WHERE signs_from IS NOT NULL AND retired_at IS NULL",
	1, {INTERVALOID}
};
static SavedPlan promote_next = {
	"UPDATE medrec.jwt_key SET signs_from = pg_catalog.statement_timestamp() WHERE signs_from IS NULL",
	0, {0}
};
static SavedPlan add_key = {
	"INSERT INTO medrec.jwt_key (kid, key, signs_from)"
	" VALUES ($1, $2, CASE WHEN $3 THEN pg_catalog.statement_timestamp() END)",
	3, {TEXTOID, BYTEAOID, BOOLOID}
};
static SavedPlan keys_in_force = {
	"SELECT k.kid, k.key FROM ONLY medrec.jwt_key AS k"
	" WHERE k.retired_at IS NULL"
	"  OR k.retired_at OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp()"
	" ORDER BY k.signs_from DESC NULLS LAST",
	0, {0}
};

static void AddSigningKey(bool signs);

/* Makes a key. */
static void
AddSigningKey(bool signs)
{
	bytea	   *key = palloc(VARHDRSZ + TOKEN_KEY_LENGTH);
	Datum		values[3];

	SET_VARSIZE(key, VARHDRSZ + TOKEN_KEY_LENGTH);
	token_random((uint8 *) VARDATA(key), TOKEN_KEY_LENGTH);
	values[0] = CStringGetTextDatum(token_number());
	values[1] = PointerGetDatum(key);
	values[2] = BoolGetDatum(signs);
	saved_plan_run(&add_key, values, NULL);
	memset(VARDATA(key), 0, TOKEN_KEY_LENGTH);
}

PG_FUNCTION_INFO_V1(medrec_rotate_jwt_key);

/*
 * medrec.rotate_jwt_key(overlap): the next key signs from now on, and the
 * current one is accepted for the overlap. With a zero overlap all keys are
 * dropped.
 */
Datum
medrec_rotate_jwt_key(PG_FUNCTION_ARGS)
{
	Interval   *overlap = PG_GETARG_INTERVAL_P(0);
	Datum		value = IntervalPGetDatum(overlap);
	Interval	none = {0};
	int			sign = DatumGetInt32(DirectFunctionCall2(interval_cmp, value,
														 IntervalPGetDatum(&none)));

	if (sign < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("overlap must not be negative")));

	SPI_connect();
	DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(KEY_LOCK));
	if (sign == 0)
	{
		/* PostgREST caches for a while that a token was valid */
		saved_plan_run(&drop_all, NULL, NULL);
		saved_plan_run(&end_tokens, NULL, NULL);
	}
	else
	{
		saved_plan_run(&drop_retired, NULL, NULL);
		saved_plan_run(&retire_signing, &value, NULL);
	}
	if (saved_plan_run(&promote_next, NULL, NULL) == 0)
		AddSigningKey(true);
	AddSigningKey(false);
	SPI_finish();

	/* PostgREST listens, and calls medrec_gate.pre_config() again */
	Async_Notify("pgrst", "reload config");
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(medrec_jwt_key_set);

/* medrec.jwt_key_set(): the accepted keys, as a JWK set (RFC 7517). */
Datum
medrec_jwt_key_set(PG_FUNCTION_ARGS)
{
	StringInfoData set;
	text	   *result;
	uint64		n;
	uint64		i;

	SPI_connect();
	n = saved_plan_run(&keys_in_force, NULL, NULL);
	initStringInfo(&set);
	appendStringInfoString(&set, "{\"keys\":[");
	for (i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		bytea	   *key = DatumGetByteaPP(SPI_getbinval(row, desc, 2, &isnull));

		appendStringInfo(&set, "%s{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"kid\":\"%s\",\"k\":\"%s\"}",
						 i > 0 ? "," : "", SPI_getvalue(row, desc, 1),
						 token_base64url((const uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
	}
	appendStringInfoString(&set, "]}");
	result = DatumGetTextPP(SPI_datumTransfer(CStringGetTextDatum(set.data), false, -1));
	SPI_finish();
	PG_RETURN_TEXT_P(result);
}
