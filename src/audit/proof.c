/*
 * audit/proof.c
 *		Checkpoints and proofs, as medrec-verify reads them.
 *
 * A checkpoint has the number of seals and their head, in the form of C2SP's
 * tlog-checkpoint, and the timelines that the trail went through. An inclusion
 * proof leads from an event to its seal and from the seal to a head; a
 * consistency proof from one head to a later one. Both are lines of text with
 * base64.
 */
#include "base/medrec.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "audit/canon.h"
#include "audit/era.h"
#include "audit/event.h"
#include "audit/scan.h"
#include "audit/seal.h"
#include "audit/verify.h"
#include "hash/base64.h"

/* SQLSTATE that PostgREST answers with 404 */
#define ERRCODE_NO_SUCH_THING	MAKE_SQLSTATE('P','T','4','0','4')

/* the event to be proved */
typedef struct Proof
{
	int32		era;
	int64		xid;
	int32		n;
	int64		log_size;
	int64		seals;
	bool		found;			/* the seal */
	AuditSeal	seal;
	uint8	   *leaves;			/* of all seals, for a consistency proof */
	MerkleTree	log;
	MerkleTree	tree;
	int64		before;			/* events of the range before it */
	char	   *text;			/* its canonical text */
	MemoryContext context;
} Proof;

static void PutHash(StringInfo out, const char *key, const uint8 *hash);
static void PutTextField(StringInfo out, const char *key, const char *text);
static void TakeSeal(const AuditSeal *seal, void *arg);
static void TakeProofLeaf(TupleTableSlot *slot, void *arg);
static void TakeCount(TupleTableSlot *slot, void *arg);
static void TakeLeaf(TupleTableSlot *slot, void *arg);
static void TakeLogLeaf(const AuditSeal *seal, void *arg);
static void TakeProofSeal(const AuditSeal *seal, void *arg);
static void PutTrail(StringInfo out, const AuditSeal *seal);
static void PutHeads(StringInfo out, int64 size);
static void PutUnsealed(StringInfo out);
static void TakeOrigin(TupleTableSlot *slot, void *arg);
static int64 LogSize(FunctionCallInfo fcinfo, int argument);

PG_FUNCTION_INFO_V1(medrec_audit_checkpoint);
PG_FUNCTION_INFO_V1(medrec_audit_proof);
PG_FUNCTION_INFO_V1(medrec_consistency_proof);
PG_FUNCTION_INFO_V1(medrec_audit_canonical);

/* Writes a line with a hash. */
static void
PutHash(StringInfo out, const char *key, const uint8 *hash)
{
	char		text[BASE64_LENGTH(SHA256_LENGTH)];

	base64_encode(hash, SHA256_LENGTH, text);
	appendStringInfo(out, "%s%s\n", key, text);
}

/* Writes a line with a text, in base64. */
static void
PutTextField(StringInfo out, const char *key, const char *text)
{
	size_t		len = strlen(text);
	char	   *encoded = palloc_extended(BASE64_LENGTH(len), MCXT_ALLOC_HUGE);

	base64_encode((const uint8 *) text, len, encoded);
	appendStringInfo(out, "%s%s\n", key, encoded);
	pfree(encoded);
}

/* Adds a seal of the log, and keeps the one that the event belongs to. */
static void
TakeSeal(const AuditSeal *seal, void *arg)
{
	Proof	   *proof = arg;
	uint8		leaf[SHA256_LENGTH];

	if (!proof->found && seal->era == proof->era &&
		proof->xid >= seal->first_xid && proof->xid < seal->end_xid)
	{
		proof->found = true;
		proof->seal = *seal;
		proof->seal.sealed_by = MemoryContextStrdup(proof->context, seal->sealed_by);
		merkle_watch(&proof->log, proof->log.size);
	}
	audit_seal_leaf(seal, leaf);
	merkle_add(&proof->log, leaf);
}

/* Takes the event itself. */
static void
TakeProofLeaf(TupleTableSlot *slot, void *arg)
{
	Proof	   *proof = arg;
	AuditEvent	event;
	char	   *text;

	(void) audit_event_of_slot(slot, &event);
	text = audit_canonical_text(&event);
	proof->text = MemoryContextStrdup(proof->context, text);
}

/* Takes the number of events before it. */
static void
TakeCount(TupleTableSlot *slot, void *arg)
{
	((Proof *) arg)->before = DatumGetInt64(slot->tts_values[0]);
}

/* Takes a leaf of the range. */
static void
TakeLeaf(TupleTableSlot *slot, void *arg)
{
	Proof	   *proof = arg;
	uint8		leaf[SHA256_LENGTH];
	bool		fits = true;

	audit_bytes(slot, 0, leaf, SHA256_LENGTH, &fits);
	merkle_add(&proof->tree, leaf);
}

/* Takes a leaf of the log. */
static void
TakeLogLeaf(const AuditSeal *seal, void *arg)
{
	Proof	   *proof = arg;

	if (proof->seals < proof->log_size)
		audit_seal_leaf(seal, proof->leaves + proof->seals * SHA256_LENGTH);
	proof->seals++;
}

/* The number of seals that an argument names, by default all. */
static int64
LogSize(FunctionCallInfo fcinfo, int argument)
{
	AuditSeal	last;
	int64		size;

	(void) audit_read_last_seal(&last);
	size = PG_ARGISNULL(argument) ? last.seal : PG_GETARG_INT64(argument);
	if (size < 1 || size > last.seal)
		ereport(ERROR,
				(errcode(ERRCODE_NO_SUCH_THING),
				 errmsg("no such seal in the audit trail")));
	return size;
}

/* Takes a text of the first row. */
static void
TakeOrigin(TupleTableSlot *slot, void *arg)
{
	Proof	   *proof = arg;

	proof->text = MemoryContextStrdup(proof->context, TextDatumGetCString(slot->tts_values[0]));
}

/* Keeps a seal. */
static void
TakeProofSeal(const AuditSeal *seal, void *arg)
{
	AuditSeal  *kept = arg;

	*kept = *seal;
	kept->sealed_by = NULL;
}

/*
 * Writes the timelines up to a seal, so that a promotion that lost later
 * events can be distinguished from a rewritten trail.
 */
static void
PutTrail(StringInfo out, const AuditSeal *seal)
{
	AuditEra   *eras;
	CheckpointTimeline *timelines;
	int			n;
	int			at = 0;
	int			first;
	int			ntimelines;
	int			last = 0;
	int			i;

	eras = audit_read_eras(&n);
	while (at < n && eras[at].era != seal->era)
		at++;
	if (at == n)
		return;
	timelines = audit_era_timelines(eras, n, at, &first, &ntimelines);
	while (last < ntimelines - 1 && timelines[last].seals >= 0 &&
		   (timelines[last].seals < seal->seal || eras[first + last].era < seal->era))
		last++;
	appendStringInfo(out, CHECKPOINT_TRAIL "cluster=%s era=%d end-xid=" INT64_FORMAT
					 " events=" INT64_FORMAT " timelines=", audit_era_cluster(&eras[at]),
					 seal->era, seal->end_xid, seal->total);
	for (i = Max(0, last + 1 - CHECKPOINT_TIMELINES); i <= last; i++)
		appendStringInfo(out, "%u:%X/%X:" INT64_FORMAT "%c", timelines[i].timeline,
						 LSN_FORMAT_ARGS(timelines[i].until),
						 i < last ? timelines[i].seals : seal->seal, i < last ? ',' : '\n');
}

/*
 * Writes some earlier heads at growing distances, so that the common part of
 * two trails can be compared.
 */
static void
PutHeads(StringInfo out, int64 size)
{
	int64		back;

	for (back = 1; back < size; back *= 2)
	{
		AuditSeal	seal;

		seal.seal = 0;
		audit_read_seals(size - back, size - back, TakeProofSeal, &seal);
		if (seal.seal == size - back)
			PutHash(out, psprintf(CHECKPOINT_HEAD INT64_FORMAT " ", seal.seal), seal.head);
	}
}

/* Writes how many events are not sealed now, whichever seal the checkpoint is of. */
static void
PutUnsealed(StringInfo out)
{
	Proof		proof = {.context = CurrentMemoryContext};
	AuditSeal	last;

	(void) audit_read_last_seal(&last);
	audit_scan(psprintf("SELECT pg_catalog.format('events=%%s age=%%s', pg_catalog.count(*),"
						" GREATEST(0, pg_catalog.floor(EXTRACT(EPOCH FROM"
						"  pg_catalog.clock_timestamp() - pg_catalog.min(logged_at)))))"
						" FROM medrec.audit_event WHERE %s", audit_unsealed(&last)),
			   TakeOrigin, &proof);
	appendStringInfo(out, CHECKPOINT_UNSEALED "%s\n", proof.text);
}

/* medrec.audit_checkpoint(): the head of the trail, to be kept elsewhere. */
Datum
medrec_audit_checkpoint(PG_FUNCTION_ARGS)
{
	Proof		proof = {.context = CurrentMemoryContext};
	StringInfoData out;
	Oid			user;
	int			sec_context;
	int64		size;
	AuditSeal	seal;
	char	   *origin;

	audit_become_owner(&user, &sec_context);
	size = LogSize(fcinfo, 0);
	if (!PG_ARGISNULL(1))
	{
		origin = text_to_cstring(PG_GETARG_TEXT_PP(1));
		if (*origin == '\0' || strpbrk(origin, "\r\n+ ") || strlen(origin) > 255)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid origin"),
					 errhint("An origin is a name without spaces, line ends and plus signs, such as example.org/medrec.")));
	}
	else
	{
		/* a name that never changes: where the trail began */
		audit_scan("SELECT pg_catalog.concat('medrec/', pg_catalog.to_hex(system_identifier), '/', database)"
				   " FROM medrec.audit_era ORDER BY era LIMIT 1", TakeOrigin, &proof);
		origin = proof.text ? proof.text : "medrec";
	}
	memset(&seal, 0, sizeof(seal));
	audit_read_seals(size, size, TakeProofSeal, &seal);
	if (seal.seal != size)
		ereport(ERROR,
				(errcode(ERRCODE_NO_SUCH_THING),
				 errmsg("no such seal in the audit trail")));
	initStringInfo(&out);
	appendStringInfo(&out, "%s\n" INT64_FORMAT "\n", origin, size);
	PutHash(&out, "", seal.head);
	PutTrail(&out, &seal);
	PutHeads(&out, size);
	PutUnsealed(&out);
	SetUserIdAndSecContext(user, sec_context);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* medrec.audit_proof(): the path from an event to a head. */
Datum
medrec_audit_proof(PG_FUNCTION_ARGS)
{
	Proof		proof = {.context = CurrentMemoryContext};
	StringInfoData out;
	Oid			user;
	int			sec_context;
	char	   *trail;
	char	   *range;
	uint8		root[SHA256_LENGTH];
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	proof.era = PG_GETARG_INT32(0);
	proof.xid = PG_GETARG_INT64(1);
	proof.n = PG_GETARG_INT32(2);

	audit_become_owner(&user, &sec_context);
	trail = audit_trail();
	audit_scan(psprintf("SELECT * FROM %s WHERE era = %d"
						" AND xid = '" INT64_FORMAT "'::bigint AND n = %d",
						trail, proof.era, proof.xid, proof.n),
			   TakeProofLeaf, &proof);
	if (proof.text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_SUCH_THING),
				 errmsg("no such event in the audit trail")));
	proof.log_size = LogSize(fcinfo, 3);
	merkle_init(&proof.log);
	audit_read_seals(1, proof.log_size, TakeSeal, &proof);
	if (!proof.found)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the event is not sealed yet"),
				 errhint("Run SELECT * FROM medrec.seal_audit().")));
	range = psprintf("era = %d AND xid >= '" INT64_FORMAT "'::bigint AND xid < '" INT64_FORMAT "'::bigint",
					 proof.era, proof.seal.first_xid, proof.seal.end_xid);
	audit_scan(psprintf("SELECT count(*) FROM %s WHERE %s"
						" AND (xid < '" INT64_FORMAT "'::bigint OR"
						"  xid = '" INT64_FORMAT "'::bigint AND n < %d)",
						trail, range, proof.xid, proof.xid, proof.n), TakeCount, &proof);
	merkle_init(&proof.tree);
	merkle_watch(&proof.tree, proof.before);
	audit_scan(psprintf("SELECT leaf FROM %s WHERE %s ORDER BY xid, n", trail, range),
			   TakeLeaf, &proof);
	merkle_root(&proof.tree, root);
	if (memcmp(root, proof.seal.root, SHA256_LENGTH) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the events of seal " INT64_FORMAT " are not those that were sealed",
						proof.seal.seal),
				 errhint("Run SELECT * FROM medrec.verify_audit(). Events of a month that was archived and dropped can no longer be proved.")));
	SetUserIdAndSecContext(user, sec_context);

	/* which also ends the path */
	merkle_root(&proof.log, root);
	initStringInfo(&out);
	appendStringInfoString(&out, "medrec-inclusion-proof-1\n");
	PutTextField(&out, "event: ", proof.text);
	appendStringInfo(&out, "index: " INT64_FORMAT "\nsize: " UINT64_FORMAT "\n",
					 proof.before, proof.tree.size);
	for (i = 0; i < proof.tree.path_len; i++)
		PutHash(&out, "path: ", proof.tree.path[i]);
	PutTextField(&out, "seal: ", audit_seal_text(&proof.seal));
	appendStringInfo(&out, "log-index: " INT64_FORMAT "\nlog-size: " INT64_FORMAT "\n",
					 proof.seal.seal - 1, proof.log_size);
	for (i = 0; i < proof.log.path_len; i++)
		PutHash(&out, "log-path: ", proof.log.path[i]);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/*
 * medrec.consistency_proof(): proves that the log of a later head begins with
 * that of an earlier one.
 */
Datum
medrec_consistency_proof(PG_FUNCTION_ARGS)
{
	Proof		proof = {.context = CurrentMemoryContext};
	StringInfoData out;
	Oid			user;
	int			sec_context;
	int64		old_size;
	uint8		path[MERKLE_LEVELS + 1][SHA256_LENGTH];
	int			len;
	int			i;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	audit_become_owner(&user, &sec_context);
	old_size = LogSize(fcinfo, 0);
	proof.log_size = LogSize(fcinfo, 1);
	if (old_size > proof.log_size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the first seal must not be later than the second")));
	proof.leaves = palloc_extended(proof.log_size * SHA256_LENGTH, MCXT_ALLOC_HUGE);
	audit_read_seals(1, proof.log_size, TakeLogLeaf, &proof);
	SetUserIdAndSecContext(user, sec_context);
	if (proof.seals != proof.log_size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("seals of the audit trail are missing")));

	len = merkle_consistency(proof.leaves, old_size, proof.log_size, path);
	initStringInfo(&out);
	appendStringInfo(&out, "medrec-consistency-proof-1\nold: " INT64_FORMAT "\nnew: " INT64_FORMAT "\n",
					 old_size, proof.log_size);
	for (i = 0; i < len; i++)
		PutHash(&out, "path: ", path[i]);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* medrec.audit_canonical(): the text that an event's leaf is the hash of. */
Datum
medrec_audit_canonical(PG_FUNCTION_ARGS)
{
	Proof		proof = {.context = CurrentMemoryContext};

	/* with the caller's rights, because it contains the data */
	audit_scan(psprintf("SELECT * FROM %s WHERE era = %d"
						" AND xid = '" INT64_FORMAT "'::bigint AND n = %d",
						audit_trail(), PG_GETARG_INT32(0), PG_GETARG_INT64(1),
						PG_GETARG_INT32(2)),
			   TakeProofLeaf, &proof);
	if (proof.text == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(cstring_to_text(proof.text));
}
